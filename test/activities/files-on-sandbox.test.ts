/** Commands over files that lie in S3, against the local AWS through the account people's commands use. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  CreateBucketCommand,
  DeleteBucketPolicyCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { createAccount, type Account } from '../../client/account.js';
import { driftReportSchema } from '../../domain/drift-report.schema.js';
import { ACCOUNT, discard, openBench, REGION, type Bench } from '../sandbox/sagemaker/support.js';
import { modelkeeper } from '../unit/client/fake.js';

const ROWS = 400;
const FILES = 25;

let bench: Bench;
let dir: string;
let account: Account;

beforeAll(async () => {
  bench = await openBench();
  dir = mkdtempSync(join(tmpdir(), 'files-on-sandbox-'));
  vi.stubEnv('AWS_ENDPOINT_URL', bench.sandbox.url);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'ada');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('TMPDIR', dir);
  account = createAccount(REGION);
  const { s3 } = bench;
  await s3.send(new CreateBucketCommand({ Bucket: 'data' }));
  const put = (Key: string, Body: string) =>
    s3.send(new PutObjectCommand({ Bucket: 'data', Key, Body }));
  await put('training/a.csv', csv(ROWS, 20));
  for (let i = 0; i < FILES; i += 1) await put(`week-1/part-${i}.csv`, csv(ROWS, 45));
  await put('week-1/_SUCCESS', '');
  await put('week-1/notes.txt', 'not data');
  await put('week-10/other.csv', csv(ROWS, 20));
  await put('large/a.csv', csv(200_000, 20));
  await put('large/b.csv', csv(ROWS, 20));
  await put('scored/a.jsonl', predictions());
});

afterAll(async () => {
  vi.unstubAllEnvs();
  account.close();
  await bench.close();
  rmSync(dir, { recursive: true, force: true });
  discard(bench.home);
});

const csv = (rows: number, from: number): string =>
  `age,plan\n${Array.from({ length: rows }, (_, i) => `${from + ((i * 7) % 50)},${i % 2 === 0 ? 'a' : 'b'}`).join('\n')}\n`;

const predictions = (): string =>
  Array.from({ length: 800 }, (_, i) => {
    const label = (i * 7) % 10 < 5 ? 1 : 0;
    const noise = ((i * 37) % 100) / 100;
    return JSON.stringify({
      rowId: String(i),
      label,
      champion: label * 0.3 + noise * 0.7,
      candidate: label * 0.5 + noise * 0.5,
    });
  }).join('\n');

/** What is left of a command's own temporary files afterwards. */
const leftBehind = () => readdirSync(dir).filter((name) => name.startsWith('modelkeeper-'));

const drift = (...args: readonly string[]) =>
  modelkeeper({ account }, 'drift', '--threads', '1', '--memory', '256', ...args);

describe('modelkeeper drift over s3://', () => {
  it('compares all files of a folder with those of another, and leaves nothing on the disk', async () => {
    const outcome = await drift(
      ...['--baseline', 's3://data/training', '--window', 's3://data/week-1/', '--json'],
    );
    const report = driftReportSchema.parse(outcome.json);
    // Not those of week-10, whose name begins alike, nor what is no data.
    expect([report.rowsRef, report.rowsCur]).toEqual([ROWS, ROWS * FILES]);
    expect([report.verdict, report.name, outcome.code]).toEqual(['drift', 's3://data/week-1/', 10]);
    expect(leftBehind()).toEqual([]);
  });
  it('takes one object by its address', async () => {
    const outcome = await drift(
      ...['--baseline', 's3://data/training/a.csv', '--window', 's3://data/week-10/other.csv'],
      '--json',
    );
    expect(driftReportSchema.parse(outcome.json).rowsCur).toBe(ROWS);
    expect(outcome.code).toBe(0);
  });
  it.each([
    ['a bucket that is not there', 3, 's3://nobody/x', /bucket.*does not exist/i],
    ['a prefix with nothing below', 2, 's3://data/week-2/', /there is nothing at or below/],
    ['no bucket', 2, 's3:///x', /is not an S3 address such as s3:\/\/bucket\/key/],
  ])('says in a sentence what is wrong with %s', async (_what, code, address, words) => {
    const outcome = await drift('--baseline', 's3://data/training', '--window', address);
    expect(outcome.err).toMatch(words);
    expect([outcome.code, outcome.out]).toEqual([code, '']);
    expect(outcome.err).not.toMatch(/\n\s+at /);
    expect(leftBehind()).toEqual([]);
  });
  it('downloads nothing that is more than was allowed', async () => {
    const outcome = await drift(
      ...['--baseline', 's3://data/training', '--window', 's3://data/large'],
      ...['--max-download', '1'],
    );
    expect(outcome.err).toMatch(
      /s3:\/\/data\/large holds 2 files of 2 MB together, .*--max-download 2$/m,
    );
    expect([outcome.code, outcome.out]).toEqual([2, '']);
    expect(leftBehind()).toEqual([]);
  });
});

describe('modelkeeper multivariate over s3://', () => {
  it('can be allowed to download more, as its refusal says', async () => {
    const files = ['--reference', 's3://data/training', '--window', 's3://data/large'];
    const together = (most: string) =>
      modelkeeper({ account }, 'multivariate', ...files, '--max-download', most, '--memory', '256');
    const refused = await together('1');
    expect([refused.code, refused.out]).toEqual([2, '']);
    expect(refused.err).toMatch(/--max-download 2$/m);
    expect((await together('2')).out).toContain('columns together, by domain-classifier');
    expect(leftBehind()).toEqual([]);
  });
});

describe('without a permission', () => {
  const READER = `arn:aws:iam::${ACCOUNT}:role/reader`;
  const REMEDY =
    /Allow it to who is signed in \(aws sts get-caller-identity says who\), or sign in as somebody who may \(AWS_PROFILE\)/;
  const admin = (page: string, body: unknown) =>
    fetch(`${bench.sandbox.url}/_sandbox/${page}`, { method: 'PUT', body: JSON.stringify(body) });
  afterEach(async () => {
    await admin('identities', {});
    await admin('roles', {});
    await bench.s3.send(new DeleteBucketPolicyCommand({ Bucket: 'data' }));
  });

  it.each([
    ['s3:GetObject', 'arn:aws:s3:::data/training/a.csv'],
    ['s3:ListBucket', 'arn:aws:s3:::data'],
  ])('names %s, the object and the remedy', async (action, on) => {
    await admin('identities', { ada: `arn:aws:sts::${ACCOUNT}:assumed-role/reader/ada` });
    await admin('roles', { [READER]: { trusts: ['*'], denies: [action] } });
    const outcome = await drift(
      ...['--baseline', 's3://data/training', '--window', 's3://data/week-1'],
    );
    expect([outcome.code, outcome.out]).toEqual([4, '']);
    expect(outcome.err).toContain(`${action} on ${on} is missing`);
    expect(outcome.err).toMatch(REMEDY);
    expect(leftBehind()).toEqual([]);
  });

  it('says the same where the policy of the bucket keeps one object back', async () => {
    await bench.s3.send(
      new PutBucketPolicyCommand({
        Bucket: 'data',
        Policy: JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Deny',
              Principal: '*',
              Action: 's3:GetObject',
              Resource: 'arn:aws:s3:::data/week-1/part-7.csv',
            },
          ],
        }),
      }),
    );
    const outcome = await drift(
      ...['--baseline', 's3://data/training', '--window', 's3://data/week-1'],
    );
    expect([outcome.code, outcome.out]).toEqual([4, '']);
    expect(outcome.err).toContain('s3:GetObject on arn:aws:s3:::data/week-1/part-7.csv is missing');
    expect(outcome.err).toMatch(REMEDY);
    expect(leftBehind()).toEqual([]);
  });
});

describe('modelkeeper evaluate over s3://', () => {
  it('judges predictions that lie there', async () => {
    const policy = join(dir, 'gates.yaml');
    writeFileSync(
      policy,
      'evaluate: { minRows: 200, gates: [{ id: floor, kind: absolute, metric: roc_auc, min: 0.6 }] }',
    );
    const out = join(dir, 'report.json');
    const outcome = await modelkeeper(
      { account },
      ...['evaluate', '--predictions', 's3://data/scored/', '--policy', policy, '--out', out],
    );
    expect(outcome.err).toBe(`pass: the report is in ${out}`);
    expect([outcome.code, existsSync(out)]).toEqual([0, true]);
    expect(leftBehind()).toEqual([]);
  });
});
