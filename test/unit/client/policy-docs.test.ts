import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { DESCRIPTIONS } from '../../../client/policy-descriptions.js';
import { policyReference } from '../../../client/policy-reference.js';
import { allKeys, policyJsonSchemaText } from '../../../client/policy-schema.js';

const REPAIR =
  'run `modelkeeper schema > docs/policy.schema.json` and paste `modelkeeper schema --markdown`';

describe('the documentation of the policy', () => {
  it('has the JSON Schema of this version', () => {
    const committed: unknown = JSON.parse(readFileSync('docs/policy.schema.json', 'utf8'));
    expect(committed, REPAIR).toEqual(JSON.parse(policyJsonSchemaText()));
  });

  it('has the table of all keys', () => {
    // prettier aligns the columns of a committed table
    const squeezed = (text: string): string =>
      text.replaceAll(/ {2,}/g, ' ').replaceAll(/-{3,}/g, '---');
    expect(squeezed(readFileSync('docs/policy.md', 'utf8')), REPAIR).toContain(
      squeezed(policyReference()),
    );
  });

  it('describes every key, and none that is gone', () => {
    const paths = new Set(allKeys().map(({ path }) => path));
    expect([...paths].filter((path) => DESCRIPTIONS[path] === undefined)).toEqual([]);
    expect(Object.keys(DESCRIPTIONS).filter((path) => !paths.has(path))).toEqual([]);
  });
});
