import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { DOCUMENT_NAMES } from '../../../client/document-names.js';
import { documentSchemaText } from '../../../client/document-schemas.js';

describe('the schemas of what is sent', () => {
  it.each(DOCUMENT_NAMES)('are in docs/schemas as the command line prints them (%s)', (name) => {
    const file = `docs/schemas/${name}.schema.json`;
    const committed: unknown = JSON.parse(readFileSync(file, 'utf8'));
    expect(committed, `run \`modelkeeper schema --of ${name} > ${file}\``).toEqual(
      JSON.parse(documentSchemaText(name)),
    );
  });
  it('are all that is there', () => {
    expect(readdirSync('docs/schemas').sort()).toEqual(
      DOCUMENT_NAMES.map((name) => `${name}.schema.json`).sort(),
    );
  });
  it.each(DOCUMENT_NAMES)('forbid no member that a later version adds (%s)', (name) => {
    expect(documentSchemaText(name)).not.toContain('"additionalProperties": false');
  });
  it.each(DOCUMENT_NAMES)('have a title, and want what it is about (%s)', (name) => {
    const schema = JSON.parse(documentSchemaText(name)) as { title: string; required: string[] };
    expect(schema.title).not.toBe('');
    const about: Readonly<Record<string, string>> = {
      'drift-report-v1': 'columns',
      'evaluation-v1': 'gates',
      'multivariate-v1': 'statistic',
    };
    expect(schema.required).toContain(about[name] ?? 'model');
  });
});
