import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';
import { parse, type ScalarTag } from 'yaml';

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

/** CloudFormation's short functions, as far as their text matters here. */
const FUNCTIONS: readonly ScalarTag[] = [
  'Ref',
  'Sub',
  'GetAtt',
  'Equals',
  'Not',
  'If',
  'Select',
].map((name) => ({ tag: `!${name}`, resolve: (text: string) => text }));

/** Actions that a managed policy of infra/access.yaml allows. */
function allowedBy(resource: string): ReadonlySet<string> {
  const template = parse(read('infra/access.yaml'), {
    customTags: [
      ...FUNCTIONS,
      ...['If', 'Equals', 'Not', 'Sub', 'Select'].map((name) => ({
        tag: `!${name}`,
        collection: 'seq' as const,
      })),
    ],
    logLevel: 'error',
  }) as { readonly Resources: Readonly<Record<string, unknown>> };
  const actions = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (typeof value === 'object' && value !== null) {
      if ('Effect' in value && value.Effect === 'Allow' && 'Action' in value)
        for (const action of [value.Action].flat()) actions.add(String(action));
      else Object.values(value).forEach(visit);
    }
  };
  visit(template.Resources[resource]);
  return actions;
}

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

describe('infra/access.yaml', () => {
  it.each([
    ['WorkerAccess', 'worker'],
    ['BridgeAccess', 'bridge'],
  ])('%s allows everything that the %s sends', (resource, process) => {
    const allowed = allowedBy(resource);
    const needed = page
      .operationsUsed()
      .filter(({ permission, processes }) => permission !== '' && processes.has(process))
      .map(({ permission }) => permission);
    expect(needed.length).toBeGreaterThan(1);
    expect(needed.filter((permission) => !allowed.has(permission))).toEqual([]);
  });
});
