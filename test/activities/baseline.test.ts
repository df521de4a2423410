import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PutObjectCommand } from '@aws-sdk/client-s3';
import {
  DescribeModelPackageCommand,
  type DescribeModelPackageOutput,
} from '@aws-sdk/client-sagemaker';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Analysis } from '../../activities/analysis-port.js';
import { createDataActivities } from '../../activities/data.js';
import {
  attemptOf,
  awsError,
  bucketOf,
  fakeAws,
  noAnalysis,
  NOON,
  on,
  policyWith,
  profile,
  ref,
  run,
} from './support.js';

const PACKAGE = 'arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/3';
const request = {
  ...ref,
  champion: {
    configName: 'flights-1',
    packageArn: PACKAGE,
    modelDataUrl: 's3://artefacts/model.tar.gz',
    image: 'image:1',
    roleArn: null,
    sinceMs: NOON,
  },
  capturePrefix: null,
};

let scratch = '';
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'baseline-'));
});
afterEach(() => {
  rmSync(scratch, { recursive: true, force: true });
});

interface Account {
  readonly files?: Readonly<Record<string, string>>;
  readonly found?: Partial<DescribeModelPackageOutput> | null;
  readonly answer?: Awaited<ReturnType<Analysis['profile']>>;
}

/** An account whose package names the baseline `s3://artefacts/base/`, which holds `files`. */
function account({ files = { 'base/a.csv': 'x\n1\n' }, found, answer = profile }: Account = {}) {
  const objects = new Map(Object.entries(files));
  const asked: Parameters<Analysis['profile']>[0][] = [];
  const aws = fakeAws(
    ...bucketOf(objects),
    on(DescribeModelPackageCommand, () => {
      if (found === null) throw awsError('ValidationException', 'Could not find model package');
      return (
        found ?? {
          DriftCheckBaselines: {
            ModelDataQuality: {
              Statistics: { ContentType: 'text/csv', S3Uri: 's3://artefacts/base/' },
            },
          },
        }
      );
    }),
  );
  const analysis: Analysis = {
    ...noAnalysis,
    profile: async (one) => {
      asked.push(one);
      return answer;
    },
  };
  const { prepareBaseline } = createDataActivities({
    aws: () => aws.clients,
    analysis,
    now: () => NOON,
    scratch,
  });
  return { aws, objects, asked, prepareBaseline };
}

describe('prepareBaseline', () => {
  it('profiles the file the package names and keeps the profile under the version', async () => {
    const { objects, asked, prepareBaseline } = account();
    const answer = await run(prepareBaseline, [request]);
    expect(answer).toMatchObject({
      kind: 'ready',
      rows: 1_000,
      uri: expect.stringMatching(
        /^s3:\/\/artefacts\/keeper\/profiles\/flights\/flights-1-[0-9a-f]{12}\.json$/,
      ) as string,
    });
    const uri = answer.kind === 'ready' ? answer.uri : '';
    expect(JSON.parse(objects.get(uri.replace('s3://artefacts/', '')) ?? '')).toEqual(profile);
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ format: 'csv', files: [expect.stringMatching(/\.csv$/)] });
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('profiles once per version: the second run finds it, another version does not', async () => {
    const { asked, prepareBaseline } = account();
    const first = await run(prepareBaseline, [request]);
    expect(await run(prepareBaseline, [request], { attempt: 2 })).toEqual(first);
    expect(asked).toHaveLength(1);
    const next = { ...request, champion: { ...request.champion, packageArn: `${PACKAGE}1` } };
    expect(await run(prepareBaseline, [next])).not.toEqual(first);
    expect(asked).toHaveLength(2);
  });

  it('writes the same profile again when the answer to the first was lost', async () => {
    const { aws, objects, prepareBaseline } = account();
    aws.loseAnswer(PutObjectCommand);
    expect((await attemptOf(prepareBaseline, [request])).error).toMatchObject({
      type: 'AwsUnavailable',
    });
    const size = objects.size;
    expect(await run(prepareBaseline, [request], { attempt: 2 })).toMatchObject({ kind: 'ready' });
    expect(objects.size).toBe(size);
    expect(readdirSync(scratch)).toEqual([]);
  });

  describe('with the scores that the version was judged by', () => {
    const scored = {
      ...request,
      policy: policyWith({
        monitor: {
          every: '1h',
          sources: [{ id: 'inputs', kind: 'captured-inputs', scores: 'evaluation' }],
        },
        detect: { segments: [{ by: 'region' }] },
        retrain: { pipeline: 'p', on: ['drift'] },
        deploy: { probation: { rollBackOn: ['alarms'] } },
      }),
    };
    const found = {
      CustomerMetadataProperties: {
        'modelkeeper:baseline': 's3://artefacts/base/',
        'modelkeeper:predictions': 's3://artefacts/p/predictions.parquet',
      },
    };
    const files = { 'base/a.csv': 'x\n1\n', 'p/predictions.parquet': 'PAR1' };

    it('hands the analysis the predictions file and the segments', async () => {
      const { asked, prepareBaseline } = account({ found, files });
      expect(await run(prepareBaseline, [scored])).toMatchObject({ kind: 'ready' });
      expect(asked[0]).toMatchObject({
        scores: {
          file: expect.stringMatching(/\.parquet$/) as string,
          score: 'candidate',
          label: 'label',
        },
        segments: [{ by: 'region', max: 10, minRows: 200, critical: false }],
      });
    });
    it('makes another profile than without them', async () => {
      const { prepareBaseline } = account({ found, files });
      expect(await run(prepareBaseline, [scored])).not.toEqual(
        await run(prepareBaseline, [request]),
      );
    });
    it('says what is missing when the package does not name the file, or it is gone', async () => {
      const unnamed = {
        CustomerMetadataProperties: { 'modelkeeper:baseline': 's3://artefacts/base/' },
      };
      const none = await run(account({ found: unnamed, files }).prepareBaseline, [scored]);
      expect(none).toMatchObject({
        kind: 'none',
        reason: expect.stringContaining('does not say where its predictions are') as string,
      });
      const gone = await run(account({ found }).prepareBaseline, [scored]);
      expect(gone).toMatchObject({
        kind: 'none',
        reason: expect.stringContaining(
          'predictions file s3://artefacts/p/predictions.parquet does not exist',
        ) as string,
      });
    });
  });

  it('reads the files of one format only, none that is empty', async () => {
    const files = {
      'base/a.jsonl': '{"x":1}\n',
      'base/b.ndjson': '{"x":2}\n',
      'base/c.jsonl': '',
      'base/d.csv': 'x\n1\n',
      'base/_SUCCESS': 'x',
    };
    const { asked, prepareBaseline } = account({ files });
    await run(prepareBaseline, [request]);
    expect(asked[0]).toMatchObject({ format: 'jsonl' });
    expect(asked[0]?.files).toHaveLength(2);
  });

  it('tells the analysis which columns are categories and which to leave out', async () => {
    const { asked, prepareBaseline } = account();
    const columns = { ignore: ['id'], categorical: ['origin'] };
    await run(prepareBaseline, [{ ...request, policy: policyWith({ detect: { columns } }) }]);
    expect(asked[0]).toMatchObject({
      columns: [{ name: 'origin', kind: 'categorical' }],
      ignore: ['id'],
    });
  });

  it.each<[string, Account]>([
    ['names no baseline', { found: {} }],
    ['names no baseline', { found: null }],
    ['there is no Parquet, CSV or JSON lines file', { files: { 'base/statistics.json': '{}' } }],
    ['there is no Parquet, CSV or JSON lines file', { files: {} }],
    ['cannot be used: no rows', { answer: { unusable: 'no rows' } }],
  ])('has none, and says what to do: %s', async (sentence, over) => {
    const { objects, prepareBaseline } = account(over);
    const before = objects.size;
    expect(await run(prepareBaseline, [request])).toMatchObject({
      kind: 'none',
      reason: expect.stringContaining(sentence) as string,
    });
    expect(objects.size).toBe(before);
  });

  it('has none for a version that is not from the registry', async () => {
    const { aws, prepareBaseline } = account();
    const champion = { ...request.champion, packageArn: null };
    expect(await run(prepareBaseline, [{ ...request, champion }])).toMatchObject({
      kind: 'none',
      reason: expect.stringContaining('not from the model registry') as string,
    });
    expect(aws.names()).toEqual(['GetObject']);
  });

  it("does not take somebody else's file for a profile", async () => {
    const { objects, prepareBaseline } = account();
    await run(prepareBaseline, [request]);
    for (const key of objects.keys()) if (key.startsWith('keeper/')) objects.set(key, '{}');
    expect((await attemptOf(prepareBaseline, [request])).error).toMatchObject({
      type: 'BadData',
      nonRetryable: true,
    });
  });
});
