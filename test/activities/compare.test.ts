import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readAnswers } from '../../analysis/capture.js';
import { afterWarmup } from '../../activities/compare.js';
import type { BakeRequest, BakeWatch } from '../../activities/contract.js';
import { createControlActivities, createDataActivities } from '../../activities/index.js';
import { lookAtMs } from '../../domain/bake.js';
import {
  attemptOf,
  awsError,
  bucketOf,
  depsOver,
  fakeAws,
  noAnalysis,
  NOON,
  on,
  policyWith,
  ref,
  run,
} from './support.js';

const MINUTE_MS = 60_000;
const FROM_MS = NOON - 60 * MINUTE_MS;

const bake: BakeRequest = {
  ...ref,
  champion: { variant: 'AllTraffic', configName: 'flights-1', capturePrefix: null },
  candidate: { variant: 'AllTraffic', configName: 'flights-2', capturePrefix: null },
  windows: [{ fromMs: FROM_MS, toMs: NOON }],
  look: { k: 1, of: 1 },
  expectedShare: null,
};

interface Point {
  readonly invocations: number;
  readonly errors?: number;
  readonly latency?: number;
}

/** CloudWatch with a point a minute for every config, as `of` says; pages of one result each. */
function cloudwatch(
  of: (config: string, minute: number) => Point,
  status: { readonly StatusCode?: 'InternalError'; readonly Messages?: { Value: string }[] } = {},
) {
  return fakeAws(
    on(GetMetricDataCommand, (input) => {
      const queries = input.MetricDataQueries ?? [];
      const page = Number(input.NextToken ?? '0');
      const query = queries[page];
      const metric = query?.MetricStat?.Metric;
      const config =
        metric?.Dimensions?.find(({ Name }) => Name === 'EndpointConfigName')?.Value ?? '';
      const minutes = Array.from({ length: 62 }, (_, minute) => minute - 1);
      const values = minutes.flatMap((minute) => {
        const point = of(config, minute);
        const value =
          metric?.MetricName === 'Invocations'
            ? point.invocations
            : metric?.MetricName === 'ModelLatency'
              ? point.latency
              : point.errors;
        return value === undefined ? [] : [{ at: new Date(FROM_MS + minute * MINUTE_MS), value }];
      });
      return {
        MetricDataResults: [
          {
            Id: query?.Id ?? '',
            Timestamps: values.map(({ at }) => at),
            Values: values.map(({ value }) => value),
            StatusCode: status.StatusCode ?? ('Complete' as const),
            ...(status.Messages === undefined ? {} : { Messages: status.Messages }),
          },
        ],
        ...(page + 1 < queries.length ? { NextToken: String(page + 1) } : {}),
      };
    }),
  );
}

const healthy = (_config: string, minute: number): Point => ({
  invocations: 200,
  errors: 0,
  latency: 40_000 + (minute % 7) * 100,
});

describe('compareBake', () => {
  it('asks for both fleets over the same minutes, told apart by their config, and reads every page', async () => {
    const aws = cloudwatch(healthy);
    const { compareBake } = createControlActivities(depsOver(aws));
    const compared = await run(compareBake, [bake]);
    const [asked] = aws.inputs(GetMetricDataCommand);
    expect(asked?.StartTime).toEqual(new Date(FROM_MS + 3 * MINUTE_MS));
    expect(asked?.EndTime).toEqual(new Date(NOON));
    expect(
      asked?.MetricDataQueries?.map(({ Id, MetricStat }) => [
        Id,
        MetricStat?.Metric?.MetricName,
        MetricStat?.Stat,
        MetricStat?.Period,
        MetricStat?.Metric?.Dimensions?.at(-1)?.Value,
      ]),
    ).toEqual([
      ['champion_invocations', 'Invocations', 'Sum', 60, 'flights-1'],
      ['champion_0', 'Invocation5XXErrors', 'Sum', 60, 'flights-1'],
      ['champion_1', 'ModelLatency', 'Average', 60, 'flights-1'],
      ['candidate_invocations', 'Invocations', 'Sum', 60, 'flights-2'],
      ['candidate_0', 'Invocation5XXErrors', 'Sum', 60, 'flights-2'],
      ['candidate_1', 'ModelLatency', 'Average', 60, 'flights-2'],
    ]);
    expect(aws.inputs(GetMetricDataCommand)).toHaveLength(6);
    expect(compared).toMatchObject({ verdict: 'promote', hard: false, atMs: NOON });
    expect(
      compared.metrics.map(({ id, nCandidate, verdict }) => [id, nCandidate, verdict]),
    ).toEqual([
      ['errors5xx', 57 * 200, 'pass'],
      ['latency', 57, 'pass'],
    ]);
  });
  it('leaves the config out of the dimensions where the variants differ', async () => {
    const aws = cloudwatch(healthy);
    const { compareBake } = createControlActivities(depsOver(aws));
    const candidate = { variant: 'AllTraffic-candidate', configName: null, capturePrefix: null };
    await run(compareBake, [{ ...bake, candidate }]);
    const query = aws.inputs(GetMetricDataCommand)[0]?.MetricDataQueries?.[3];
    expect(query?.MetricStat?.Metric?.Dimensions).toEqual([
      { Name: 'EndpointName', Value: 'flights-live' },
      { Name: 'VariantName', Value: 'AllTraffic-candidate' },
    ]);
  });
  it('takes back a version that answers 5XX, and one that has become slow', async () => {
    const compare = (point: Partial<Point>) =>
      run(
        createControlActivities(
          depsOver(
            cloudwatch((config, minute) => ({
              ...healthy(config, minute),
              ...(config === 'flights-2' ? point : {}),
            })),
          ),
        ).compareBake,
        [bake],
      );
    expect(await compare({ errors: 10 })).toMatchObject({ verdict: 'roll back', hard: true });
    expect(await compare({ errors: 3 })).toMatchObject({ verdict: 'roll back', hard: false });
    expect(await compare({ latency: 48_000 })).toMatchObject({ verdict: 'roll back', hard: false });
    expect(await compare({ latency: 80_000 })).toMatchObject({ verdict: 'roll back', hard: true });
  });
  it('does not count what the candidate did while it warmed up', async () => {
    const cold = (config: string, minute: number): Point =>
      config === 'flights-2' && minute < 3
        ? { invocations: 200, errors: 150, latency: 900_000 }
        : healthy(config, minute);
    const { compareBake } = createControlActivities(depsOver(cloudwatch(cold)));
    expect(await run(compareBake, [bake])).toMatchObject({ verdict: 'promote' });
    const none = { ...bake, policy: policyWith({ deploy: { compare: { warmup: '0s' } } }) };
    expect(await run(compareBake, [none])).toMatchObject({ verdict: 'roll back' });
  });
  it('holds without data, without traffic, and when CloudWatch tells a part only', async () => {
    const nothing = fakeAws(on(GetMetricDataCommand, () => ({ MetricDataResults: [] })));
    const hold = async (aws: typeof nothing) =>
      run(createControlActivities(depsOver(aws)).compareBake, [bake]);
    expect(await hold(nothing)).toMatchObject({ verdict: 'hold' });
    const idle = cloudwatch((config, minute) =>
      config === 'flights-2' ? { invocations: 0 } : healthy(config, minute),
    );
    expect(await hold(idle)).toMatchObject({ verdict: 'hold' });
    const broken = await hold(
      cloudwatch(healthy, { StatusCode: 'InternalError', Messages: [{ Value: 'try later' }] }),
    );
    expect(broken).toMatchObject({ verdict: 'hold' });
    expect(broken.reasons[0]).toMatch(
      /CloudWatch does not tell errors5xx: InternalError: try later/,
    );
  });
  it('holds a window that is all warm-up, and asks nothing', async () => {
    const aws = cloudwatch(healthy);
    const { compareBake } = createControlActivities(depsOver(aws));
    const short = { ...bake, windows: [{ fromMs: FROM_MS, toMs: FROM_MS + 3 * MINUTE_MS }] };
    expect(await run(compareBake, [short])).toMatchObject({ verdict: 'hold' });
    expect(aws.names()).toEqual([]);
  });
  it('doubts a pass of a fleet that is hardly in use', async () => {
    const aws = cloudwatch((config, minute) => ({
      ...healthy(config, minute),
      invocations: config === 'flights-2' ? 30 : 1_000,
    }));
    const { compareBake } = createControlActivities(depsOver(aws));
    const half = await run(compareBake, [{ ...bake, expectedShare: 0.5 }]);
    expect(half.verdict).toBe('hold');
    expect(half.reasons[0]).toMatch(/hardly in use/);
    const few = await run(compareBake, [{ ...bake, expectedShare: 0.05 }]);
    expect(few.verdict).toBe('promote');
  });
  it('names the permission that is missing, and is tried again', async () => {
    const aws = cloudwatch(healthy);
    aws.failNext(GetMetricDataCommand, awsError('AccessDenied', 'no', 403));
    const { error } = await attemptOf(createControlActivities(depsOver(aws)).compareBake, [bake]);
    expect(error).toMatchObject({
      nonRetryable: false,
      message: expect.stringMatching(/^cloudwatch:GetMetricData on \* is missing/) as string,
    });
  });
});

describe('watchBake', () => {
  const watch: BakeWatch = {
    ...ref,
    champion: bake.champion,
    candidate: bake.candidate,
    sinceMs: FROM_MS - 30 * MINUTE_MS,
    bakeMs: 62 * MINUTE_MS,
    look: { k: 1, of: 2 },
  };
  /** The candidate's traffic begins ten minutes after FROM_MS. */
  const beginning = (point: Partial<Point> = {}) =>
    cloudwatch((config, minute) => {
      if (config === 'flights-1') return healthy(config, minute);
      return minute < 10
        ? { invocations: 0 }
        : { ...healthy(config, minute), ...(minute < 13 ? {} : point) };
    });
  const at = async (minute: number, aws = beginning()) =>
    attemptOf(
      createControlActivities(depsOver(aws, { now: () => FROM_MS + minute * MINUTE_MS })).watchBake,
      [watch],
    );
  it('waits for the first traffic, and from there for the look', async () => {
    const idle = cloudwatch(() => ({ invocations: 0 }));
    expect((await at(20, idle)).error).toMatchObject({
      type: 'StillMoving',
      message: 'flights-2 has no traffic yet',
    });
    expect((await at(30)).error).toMatchObject({
      type: 'StillMoving',
      category: 'BENIGN',
      message: expect.stringMatching(
        /^Champion and candidate are compared at .*so far hold/,
      ) as string,
    });
    expect((await at(40)).result()).toMatchObject({
      look: { k: 1, of: 2 },
      windows: [{ fromMs: FROM_MS + 10 * MINUTE_MS, toMs: FROM_MS + 40 * MINUTE_MS }],
    });
  });
  it('does not wait for the look beyond a hard limit', async () => {
    expect((await at(25, beginning({ errors: 50 }))).result()).toMatchObject({
      verdict: 'roll back',
      hard: true,
    });
  });
});

describe('looks at a guardrail rollout', () => {
  it('lie evenly over its bakes, the last one while it can still be taken back', () => {
    const at = (k: number) => lookAtMs(1_000, 900_000, 60_000, { k, of: 3 });
    expect([at(1), at(2), at(3)]).toEqual([261_000, 521_000, 781_000]);
    expect(lookAtMs(0, 30_000, 60_000, { k: 1, of: 1 })).toBe(60_000);
  });
});

describe('warm-up', () => {
  it('belongs to the first traffic, not to every window', () => {
    const windows = [
      { fromMs: 0, toMs: 100 },
      { fromMs: 100, toMs: 200 },
      { fromMs: 300, toMs: 400 },
    ];
    expect(afterWarmup(windows, 30)[0]).toEqual({ fromMs: 30, toMs: 100 });
    expect(afterWarmup(windows, 130)).toEqual([{ fromMs: 130, toMs: 200 }, windows[2]]);
    expect(afterWarmup([], 30)).toEqual([]);
  });
});

describe('compareAnswers', () => {
  let scratch = '';
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'answers-'));
  });
  afterAll(() => {
    rmSync(scratch, { recursive: true, force: true });
  });
  const policy = policyWith({
    deploy: {
      compare: {
        warmup: '0s',
        metrics: [
          { id: 'e', kind: 'proportion', numerator: 'Invocation5XXErrors', margin: 0.01 },
          { id: 'answers', kind: 'distribution' },
        ],
      },
    },
  });
  const arm = (capturePrefix: string | null) => ({ variant: 'v', configName: null, capturePrefix });
  const asked: BakeRequest = {
    ...bake,
    policy,
    champion: arm('s3://artefacts/a/'),
    candidate: arm('s3://artefacts/b/'),
  };
  const captured = (score: number, minute: number) =>
    JSON.stringify({
      captureData: {
        endpointInput: {
          observedContentType: 'text/csv',
          mode: 'INPUT',
          data: '1',
          encoding: 'CSV',
        },
        endpointOutput: {
          observedContentType: 'text/csv',
          mode: 'OUTPUT',
          data: String(score),
          encoding: 'CSV',
        },
      },
      eventMetadata: {
        eventId: `${minute}`,
        inferenceTime: new Date(FROM_MS + minute * MINUTE_MS).toISOString(),
      },
    });
  const hours = new Date(FROM_MS).toISOString().slice(0, 13).replaceAll('-', '/').replace('T', '/');
  const compare = async (request: BakeRequest, ofCandidate: (index: number) => number) => {
    const lines = (of: (index: number) => number) =>
      Array.from({ length: 400 }, (_, index) => captured(of(index), index % 60)).join('\n');
    const objects = new Map([
      [`a/${hours}/1.jsonl`, lines((index) => (index % 83) / 83)],
      [`b/${hours}/1.jsonl`, lines(ofCandidate)],
    ]);
    const aws = fakeAws(...bucketOf(objects));
    const { compareAnswers } = createDataActivities({
      aws: () => aws.clients,
      analysis: {
        ...noAnalysis,
        readAnswers: async ({ files, window }) => {
          expect(files.every((file) => readFileSync(file, 'utf8') !== '')).toBe(true);
          return { answers: await readAnswers(files, window) };
        },
      },
      now: () => NOON,
      scratch,
    });
    return run(compareAnswers, [request]);
  };
  it('reads what both versions answered and tells whether it differs', async () => {
    expect(await compare(asked, (index) => (index % 83) / 83)).toMatchObject([
      { id: 'answers', verdict: 'pass', nChampion: 400, nCandidate: 400 },
    ]);
    expect(await compare(asked, (index) => 0.5 + (index % 83) / 83)).toMatchObject([
      { id: 'answers', verdict: 'fail', required: false },
    ]);
  });
  it('tells nothing where answers are not captured, or captured together', async () => {
    const none = await compare({ ...asked, candidate: arm(null) }, () => 1);
    expect(none).toMatchObject([{ verdict: 'inconclusive' }]);
    const same = await compare({ ...asked, candidate: arm('s3://artefacts/a/') }, () => 1);
    expect(same[0]?.reason).toMatch(/cannot be told apart/);
  });
  it('reads nothing for a policy that compares no answers', async () => {
    expect(await compare({ ...asked, policy: ref.policy }, () => 1)).toEqual([]);
  });
  it('counts only answers of the windows', async () => {
    const windows = [{ fromMs: FROM_MS + 30 * MINUTE_MS, toMs: NOON }];
    expect(await compare({ ...asked, windows }, (index) => index)).toMatchObject([
      { nChampion: 190, nCandidate: 190 },
    ]);
  });
});
