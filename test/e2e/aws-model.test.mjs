import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { botocoreData, EDITION, extract } from '../../scripts/aws-model.mjs';

const folder = join(import.meta.dirname, '../../sandbox/aws/model');

describe('the facts the sandbox checks by', async () => {
  const extracted = extract(await botocoreData());

  it('cover every service whose protocol has a model', () => {
    expect([...extracted.keys()]).toEqual(
      expect.arrayContaining(['sagemaker.json', 'cloudwatch.json', 'sns.json', 'sqs.json']),
    );
  });

  it.each([...extracted])(`%s are those of botocore ${EDITION}`, (file, text) => {
    expect(readFileSync(join(folder, file), 'utf8') === text).toBe(true);
  });
});
