import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CFN_LINT_VERSION, ensureCfnLint } from '../../scripts/setup/cfn-lint.mjs';
import { thisMachine } from '../../scripts/setup/machine.mjs';

const root = join(import.meta.dirname, '../..');
const infra = join(root, 'infra');
const scratch = mkdtempSync(join(tmpdir(), 'modelkeeper-infra-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe(`cfn-lint ${CFN_LINT_VERSION}`, async () => {
  const templates = readdirSync(infra)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(infra, name));
  const broken = join(scratch, 'broken.yaml');
  const text = readFileSync(join(infra, 'events.yaml'), 'utf8');
  writeFileSync(broken, text.replace('VisibilityTimeout: 60', 'VisibilityTimeOut: 60'));

  const lint = await ensureCfnLint(thisMachine(root));
  const findings = await lint([broken, ...templates]);

  it.each(templates)('finds nothing in %s', (template) => {
    expect(findings.filter(({ Filename }) => Filename === template)).toEqual([]);
  });

  it('would find what is wrong in one of them', () => {
    const found = findings.filter(({ Filename }) => Filename === broken);
    expect(found.map(({ Message }) => Message)).toEqual([
      expect.stringContaining("'VisibilityTimeOut' was unexpected"),
    ]);
  });
});
