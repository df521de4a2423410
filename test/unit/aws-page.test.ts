import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

interface Page {
  awsPage(): string;
  eventsRead(): readonly string[];
  operationsUsed(): readonly {
    readonly operation: string;
    readonly permission: string;
    readonly processes: ReadonlySet<string>;
  }[];
  permissionsNamed(): readonly string[];
}
const page = (await import(join(ROOT, 'scripts/aws-table.mjs'))) as Page;

describe('docs/aws.md', () => {
  it('is what `node scripts/aws-table.mjs` makes of the code', async () => {
    const options = await resolveConfig(join(ROOT, 'docs/aws.md'));
    expect(read('docs/aws.md')).toBe(
      await format(page.awsPage(), { ...options, parser: 'markdown' }),
    );
  });

  it('names every permission that a failure of ours names', () => {
    const listed = new Set(page.operationsUsed().map(({ permission }) => permission));
    expect(page.permissionsNamed().filter((action) => !listed.has(action))).toEqual([]);
    expect(page.permissionsNamed().length).toBeGreaterThan(20);
  });

  it('names the events that the rules of infra/ send', () => {
    const rules = read('infra/events.yaml');
    const needed = page.eventsRead().filter((name) => rules.includes(name));
    expect(needed).toContain('SageMaker Endpoint State Change');
    expect(needed).toContain('CloudWatch Alarm State Change');
  });
});
