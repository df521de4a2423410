import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { GetMetricDataCommand, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Analysis } from '../../activities/analysis-port.js';
import type { DataWatch } from '../../activities/contract.js';
import { createDataActivities } from '../../activities/data.js';
import { windowIn } from '../../client/console/history.js';
import type { WindowResult } from '../../domain/model.js';
import type { PerformanceReading, WindowComparison } from '../../domain/stats/types.js';
import {
  attemptOf,
  awsError,
  fakeAws,
  NOON,
  on,
  policyWith,
  profile,
  ref,
  run,
  textOf,
  noAnalysis,
} from './support.js';

const HOUR = 3_600_000;
const MINUTE = 60_000;

let scratch = '';
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'watch-data-'));
});
afterEach(() => {
  rmSync(scratch, { recursive: true, force: true });
});

const policy = policyWith({
  monitor: {
    every: '1h',
    sources: [{ id: 'inputs', kind: 'captured-inputs', window: '1h', settle: '10m' }],
    noData: { after: '6h' },
  },
  retrain: { pipeline: 'p', on: ['drift'] },
  deploy: { probation: { rollBackOn: ['alarms'] } },
});

const watch: DataWatch = {
  ...ref,
  policy,
  champion: {
    configName: 'flights-1',
    packageArn: null,
    modelDataUrl: null,
    image: null,
    roleArn: null,
    sinceMs: NOON - 10 * HOUR,
  },
  capturePrefix: 's3://artefacts/capture/flights-live/AllTraffic/',
  baselineUri: 's3://artefacts/keeper/profiles/flights/p.json',
  countedToMs: { inputs: NOON - 2 * HOUR },
  recent: {
    inputs: [
      {
        fromMs: NOON - 3 * HOUR,
        toMs: NOON - 2 * HOUR,
        source: 'inputs',
        sourceKind: 'captured-inputs',
        result: 'ok',
        rows: 500,
        sentence: 'fine',
        columns: [],
      },
    ],
  },
  disturbed: [],
  toldNoData: [],
  notBeforeMs: 0,
};

type Kind = WindowComparison['verdict']['kind'];

/** Objects of a bucket; below `files` every key is there, with an empty object in it. */
function bucket(files: RegExp) {
  const objects = new Map<string, string>([
    ['keeper/profiles/flights/p.json', JSON.stringify(profile)],
  ]);
  const handlers = [
    on(GetObjectCommand, ({ Key = '' }) => {
      const body = files.test(Key) ? '{}\n' : objects.get(Key);
      if (body === undefined) throw awsError('NoSuchKey', 'The specified key does not exist.', 404);
      return {
        Body: { transformToByteArray: async () => new TextEncoder().encode(body) },
      } as never;
    }),
    on(PutObjectCommand, ({ Key = '', Body }) => {
      objects.set(Key, textOf(Body));
      return {};
    }),
  ];
  return { objects, handlers };
}

/** Half past the hour that a prefix names. */
function hourOf(prefix: string): number | undefined {
  const hour = /(\d{4})\/(\d\d)\/(\d\d)\/(\d\d)\/$/.exec(prefix);
  return hour === null
    ? undefined
    : Date.parse(`${hour[1]}-${hour[2]}-${hour[3]}T${hour[4]}:30:00Z`);
}

/** An account whose capture has one file per hour; windows are judged as `verdictOf` says. */
function account(verdictOf: (fromMs: number) => Kind = () => 'ok', captured = true) {
  const { objects, handlers } = bucket(/^capture\//);
  const compared: { fromMs: number; files: number }[] = [];
  const aws = fakeAws(
    ...handlers,
    on(ListObjectsV2Command, ({ Prefix = '' }) => {
      const atMs = hourOf(Prefix);
      if (atMs === undefined || !captured) return {};
      return { Contents: [{ Key: `${Prefix}f.jsonl`, Size: 3, LastModified: new Date(atMs) }] };
    }),
    on(GetMetricDataCommand, () => ({
      MetricDataResults: [{ Id: 'invocations', Values: [2_000, 1_000] }],
    })),
  );
  const analysis: Analysis = {
    ...noAnalysis,
    profile: async () => profile,
    compareInputs: async ({ window, files }) => {
      compared.push({ fromMs: window.fromMs, files: files.length });
      const kind = verdictOf(window.fromMs);
      return {
        counts: {} as never,
        comparison: {
          schema: 'modelkeeper/window-comparison-v1',
          rows: 1_204,
          baselineRows: 1_000,
          prediction: null,
          notCompared: [],
          columns: [
            { name: 'origin', jsDistance: 0.41, pAdjusted: 0, verdict: kind } as never,
            { name: 'distance', jsDistance: 0.25, pAdjusted: 0, verdict: kind } as never,
          ],
          verdict: { kind, reasons: ['origin is broken'] },
        },
      };
    },
    measurePerformance: async () => ({ unusable: 'not asked' }),
    readRows: async () => ({ unusable: 'not asked' }),
    evaluate: async () => ({ unusable: 'not asked' }),
  };
  const at = (nowMs: number) =>
    createDataActivities({ aws: () => aws.clients, analysis, now: () => nowMs, scratch }).watchData;
  return { aws, objects, compared, at };
}

describe('watchData', () => {
  it('is quiet about windows in order, and keeps how far it has counted', async () => {
    const { at, compared } = account();
    const { error, details } = await attemptOf(at(NOON + 20 * MINUTE), [watch]);
    expect(error).toMatchObject({ type: 'Quiet', category: 'BENIGN', nextRetryDelay: 40 * MINUTE });
    expect(compared.map((one) => one.fromMs)).toEqual([NOON - 2 * HOUR, NOON - HOUR]);
    expect(details).toMatchObject({ countedToMs: { inputs: NOON } });
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('does not judge a window before it has settled', async () => {
    const { at, compared } = account();
    await attemptOf(at(NOON + 10 * MINUTE - 1), [watch]);
    expect(compared.map((one) => one.fromMs)).toEqual([NOON - 2 * HOUR]);
    await attemptOf(at(NOON + 10 * MINUTE), [watch]);
    expect(compared.at(-1)?.fromMs).toBe(NOON - HOUR);
  });

  it('tells a breach with the numbers, and the quiet windows before it', async () => {
    const { at } = account((fromMs) => (fromMs === NOON - HOUR ? 'drift' : 'ok'));
    const told = await run(at(NOON + 20 * MINUTE), [watch]);
    expect(told.windows.map((window) => window.result)).toEqual(['ok', 'breach']);
    expect(told.windows[1]?.sentence).toBe(
      'inputs, 2026-03-01 11:00:00 to 12:00:00 UTC: origin moved by 0.41 (drift from 0.2), distance by 0.25; 1,204 rows',
    );
    expect(told.countedToMs).toEqual({ inputs: NOON });
  });

  it('writes reports that the console draws, with every column and what it was judged by', async () => {
    const { at, objects } = account();
    await attemptOf(at(NOON + 20 * MINUTE), [watch]);
    const stored = [...objects].filter(([key]) => key.includes('/windows/inputs/'));
    expect(stored).toHaveLength(2);
    expect(windowIn(JSON.parse(stored[1]?.[1] ?? ''))).toMatchObject({
      window: {
        toMs: NOON,
        result: 'ok',
        columns: [
          { name: 'origin', jsDistance: 0.41 },
          { name: 'distance', jsDistance: 0.25 },
        ],
      },
      rules: { warn: 0.1, drift: 0.2, persistence: { breaches: 2, of: 3 } },
    });
  });

  it('reads its own report instead of judging the same window twice', async () => {
    const { at, compared, objects } = account(() => 'drift');
    const first = await run(at(NOON + 20 * MINUTE), [watch]);
    const again = await run(at(NOON + 20 * MINUTE), [watch], { attempt: 2 });
    expect(again).toEqual(first);
    expect(compared).toHaveLength(2);
    expect([...objects.keys()]).toContain(
      'keeper/reports/flights/windows/inputs/20260301T110000Z-20260301T120000Z.json',
    );
  });

  it('does not count again what an earlier attempt has counted', async () => {
    const { at, compared } = account();
    const first = await attemptOf(at(NOON + 20 * MINUTE), [watch]);
    await attemptOf(at(NOON + 80 * MINUTE), [watch], {
      attempt: 2,
      heartbeatDetails: first.details,
    });
    expect(compared.map((one) => one.fromMs)).toEqual([NOON - 2 * HOUR, NOON - HOUR, NOON]);
  });

  it('passes over windows in which two versions served', async () => {
    const { at, compared } = account();
    const disturbed = [{ fromMs: NOON - 90 * MINUTE, toMs: NOON - 59 * MINUTE }];
    const { details } = await attemptOf(at(NOON + 20 * MINUTE), [{ ...watch, disturbed }]);
    expect(compared).toEqual([]);
    expect(details).toMatchObject({ countedToMs: { inputs: NOON } });
  });

  it('calls it broken capture when there were invocations and no capture', async () => {
    const { at } = account(() => 'ok', false);
    const silent = { ...watch, recent: {}, countedToMs: { inputs: NOON - HOUR } };
    const told = await run(at(NOON + 20 * MINUTE), [silent]);
    expect(told.noData).toEqual([
      {
        source: 'inputs',
        sinceMs: NOON - 10 * HOUR,
        sentence:
          'inputs: no captured inputs since 2026-03-01 02:00:00 UTC although there were 3,000 invocations: data capture is broken (role, disk, sampling)',
      },
    ]);
  });

  it('tells once that there is no data, and when there is again', async () => {
    const recent = {
      inputs: (watch.recent['inputs'] ?? []).map((one) => ({
        ...one,
        result: 'cannot tell' as const,
        rows: 0,
      })),
    };
    const told = { ...watch, recent, toldNoData: ['inputs'] };
    expect(
      (await attemptOf(account(() => 'ok', false).at(NOON + 20 * MINUTE), [told])).error,
    ).toMatchObject({ type: 'Quiet' });
    expect((await run(account().at(NOON + 20 * MINUTE), [told])).dataAgain).toEqual(['inputs']);
  });

  it('cannot tell from data that cannot be used, and says why', async () => {
    const { at } = account(() => 'insufficient data');
    const told = await run(at(NOON + 20 * MINUTE), [watch]);
    expect(told.windows[0]).toMatchObject({ result: 'cannot tell' });
  });

  it('does not look before its time', async () => {
    const { aws, at } = account();
    const { error } = await attemptOf(at(NOON), [{ ...watch, notBeforeMs: NOON + 5_000 }]);
    expect(error).toMatchObject({ type: 'Quiet', nextRetryDelay: 5_000 });
    expect(aws.names()).toEqual([]);
  });
});

describe('watchData with labels', () => {
  const labelled = policyWith({
    monitor: {
      every: '1h',
      sources: [
        {
          id: 'quality',
          kind: 'ground-truth',
          labels: 's3://artefacts/labels/',
          window: '1h',
          delay: '2h',
          late: '3h',
          floor: 0.6,
        },
      ],
      noData: { after: '24h' },
    },
    retrain: { pipeline: 'p', on: ['performance'] },
    deploy: { probation: { rollBackOn: ['alarms'] } },
  });
  const ofLabels: DataWatch = {
    ...watch,
    policy: labelled,
    countedToMs: { quality: NOON - 5 * HOUR },
    recent: {},
  };

  /** Labels of each hour come at once and, where `lateFiles`, four hours later again; else none comes after two hours. */
  function labels(
    lateFiles: boolean,
    readingOf: (
      fromMs: number,
      isSecond: boolean,
    ) => Partial<PerformanceReading> & {
      kind?: 'ok' | 'breach' | 'cannot tell';
    } = () => ({}),
    change: (analysis: Analysis) => Analysis = (analysis) => analysis,
  ) {
    const { objects, handlers } = bucket(/^(capture|labels)\//);
    const measured: { fromMs: number; labels: number; isSecond: boolean }[] = [];
    const aws = fakeAws(
      ...handlers,
      on(ListObjectsV2Command, ({ Prefix = '' }) => {
        const atMs = hourOf(Prefix);
        if (atMs === undefined) return {};
        const file = (name: string, writtenAtMs: number) => ({
          Key: `${Prefix}${name}.jsonl`,
          Size: 3,
          LastModified: new Date(writtenAtMs),
        });
        const isLabels = Prefix.startsWith('labels/');
        // Without late files, labels come for the first window only, and in time.
        if (isLabels && !lateFiles && atMs > NOON - 2 * HOUR) return {};
        return {
          Contents: [
            file('f', atMs),
            ...(isLabels && lateFiles ? [file('late', atMs + 4 * HOUR)] : []),
          ],
        };
      }),
      on(GetMetricDataCommand, () => ({ MetricDataResults: [{ Id: 'invocations', Values: [1] }] })),
      on(PutMetricDataCommand, () => ({})),
    );
    const analysis: Analysis = {
      ...noAnalysis,
      profile: async () => profile,
      measurePerformance: async ({ window, labelFiles, lateAfterMs }) => {
        const isSecond = labelFiles.some((file) => file.writtenAtMs > lateAfterMs);
        measured.push({ fromMs: window.fromMs, labels: labelFiles.length, isSecond });
        const { kind = 'ok', ...rest } = readingOf(window.fromMs, isSecond);
        return {
          reading: {
            schema: 'modelkeeper/performance-v1',
            metric: 'roc_auc',
            estimate: 0.7,
            lower: 0.65,
            upper: 0.75,
            confidence: 0.95,
            method: 'delong',
            rows: 1_000,
            labelled: isSecond ? 900 : 800,
            coverage: isSecond ? 0.9 : 0.8,
            positives: 300,
            badLabels: 0,
            labelsWithoutPrediction: 0,
            labelDelay: {
              labelled: 800,
              medianMs: HOUR,
              p90Ms: 2 * HOUR,
              p99Ms: 4 * HOUR,
              longestMs: 4 * HOUR,
            },
            labelledLate: isSecond ? 100 : 0,
            ...rest,
          },
          verdict: { kind, reason: kind },
        };
      },
    };
    const at = (nowMs: number) =>
      createDataActivities({
        aws: () => aws.clients,
        analysis: change(analysis),
        now: () => nowMs,
        scratch,
      }).watchData;
    return { aws, at, objects, measured };
  }
  /** The hour from NOON - 5 h is judged at NOON - 2 h, and again from NOON + 1 h on. */
  const SECOND = NOON + HOUR;

  it('looks once more at a window whose labels came late, and tells what that changes', async () => {
    const { at, measured, objects } = labels(true, (fromMs, isSecond) =>
      fromMs === NOON - 5 * HOUR && !isSecond ? { kind: 'breach' } : {},
    );
    const first = await run(at(NOON - 2 * HOUR), [ofLabels]);
    expect(first.windows.map(({ result }) => result)).toEqual(['breach']);
    const next = {
      ...ofLabels,
      countedToMs: first.countedToMs,
      recent: { quality: first.windows },
    };
    const told = await run(at(SECOND), [next]);
    const again = told.windows.find((window) => window.fromMs === NOON - 5 * HOUR);
    expect(again).toMatchObject({ result: 'ok', revision: 1, rows: 900 });
    expect(again?.sentence).toContain('judged again with the labels that came late');
    expect(measured.filter((one) => one.isSecond)).toHaveLength(1);
    expect(told.countedToMs).toEqual({ quality: NOON - HOUR, 'quality+late': NOON - 4 * HOUR });
    expect([...objects.keys()].filter((key) => key.endsWith('-late.json'))).toHaveLength(1);
  });

  it('takes each second look once, also when it is repeated', async () => {
    const { at, measured } = labels(true);
    const first = await run(at(NOON - 2 * HOUR), [ofLabels]);
    const next = {
      ...ofLabels,
      countedToMs: first.countedToMs,
      recent: { quality: first.windows },
    };
    const told = await run(at(SECOND), [next]);
    const repeated = await run(at(SECOND), [next], { attempt: 2 });
    expect(repeated).toEqual(told);
    expect(measured.filter((one) => one.isSecond)).toHaveLength(1);
    await attemptOf(at(SECOND + 30 * MINUTE), [
      { ...next, countedToMs: told.countedToMs, toldAdvice: { quality: 'too short 2h' } },
    ]);
    expect(measured.filter((one) => one.isSecond)).toHaveLength(1);
  });

  it('publishes what a second look measured, at the time of its window and once', async () => {
    const { aws, at } = labels(true, (_, isSecond) => ({ estimate: isSecond ? 0.6 : 0.7 }));
    const first = await run(at(NOON - 2 * HOUR), [ofLabels]);
    const next = {
      ...ofLabels,
      countedToMs: first.countedToMs,
      recent: { quality: first.windows },
    };
    await run(at(SECOND), [next]);
    await run(at(SECOND), [next], { attempt: 2 });
    const published = aws
      .inputs(PutMetricDataCommand)
      .flatMap(({ MetricData = [] }) => MetricData)
      .filter(({ MetricName }) => MetricName?.startsWith('Performance'))
      .map(({ MetricName, Value, Timestamp }) => [MetricName, Value, Timestamp?.getTime()]);
    expect(published.filter(([name]) => name === 'PerformanceRevised')).toEqual([
      ['PerformanceRevised', 0.6, NOON - 5 * HOUR],
    ]);
    expect(published).toContainEqual(['Performance', 0.7, NOON - 5 * HOUR]);
    const quiet = {
      ...next,
      policy: { ...labelled, spec: { ...labelled.spec, metrics: { publish: false } } },
    };
    const silent = labels(true);
    await run(silent.at(NOON - 2 * HOUR), [{ ...ofLabels, policy: quiet.policy }]);
    await run(silent.at(SECOND), [quiet]);
    expect(silent.aws.inputs(PutMetricDataCommand)).toEqual([]);
  });

  it.each([
    ['a label was corrected', { positives: 301, estimate: 0.66 }, 1],
    ['nothing has changed', {}, 0],
  ])(
    'tells what a second look found, where %s and none came late',
    async (_what, change, count) => {
      const { at } = labels(true, (fromMs, isSecond) => ({
        labelled: 800,
        labelledLate: 0,
        ...(fromMs === NOON - 5 * HOUR && !isSecond ? { kind: 'breach' as const } : {}),
        ...(isSecond ? change : {}),
      }));
      const first = await run(at(NOON - 2 * HOUR), [ofLabels]);
      const { details } = await attemptOf(at(SECOND), [
        { ...ofLabels, countedToMs: first.countedToMs, recent: { quality: first.windows } },
      ]);
      const { windows } = details as { windows: WindowResult[] };
      expect(windows.filter(({ revision }) => revision === 1)).toHaveLength(count);
    },
  );

  it('says once that the delay is too short', async () => {
    const { at } = labels(true);
    const first = await run(at(NOON - 2 * HOUR), [ofLabels]);
    const next = {
      ...ofLabels,
      countedToMs: first.countedToMs,
      recent: { quality: first.windows },
    };
    const told = await run(at(SECOND), [next]);
    expect(told.advice).toEqual([
      {
        source: 'quality',
        key: 'too short 2h',
        kind: 'too short',
        sentence:
          'quality: 11 % of the labels came when their window had been judged, 2h after its end (labels after 1 h (median), 2 h (90 %), 4 h (99 %)): raise delay to 4h, or verdicts are made of the labels that are quick',
      },
    ]);
    const { error } = await attemptOf(at(SECOND), [
      { ...next, toldAdvice: { quality: 'too short 2h' } },
    ]);
    expect(error).toMatchObject({ type: 'Quiet' });
  });

  it('does not measure again where no label came, nor where all had come', async () => {
    const none = labels(false);
    const first = await run(none.at(NOON - 2 * HOUR), [ofLabels]);
    const next = {
      ...ofLabels,
      countedToMs: first.countedToMs,
      recent: { quality: first.windows },
    };
    await attemptOf(none.at(SECOND), [next]);
    expect(none.measured.map((one) => one.fromMs)).toEqual(
      [5, 4, 3].map((hours) => NOON - hours * HOUR),
    );
    const full = labels(true, () => ({ coverage: 1 }));
    await run(full.at(NOON - 2 * HOUR), [ofLabels]);
    await attemptOf(full.at(SECOND), [next]);
    expect(full.measured.filter((one) => one.isSecond)).toEqual([]);
  });

  it('tells a breach that an earlier attempt saw and did not live to tell', async () => {
    const { at } = labels(false, () => ({ kind: 'breach' }));
    const first = await run(at(NOON - 2 * HOUR), [ofLabels]);
    const told = await run(at(NOON - 2 * HOUR), [ofLabels], {
      attempt: 2,
      heartbeatDetails: { countedToMs: first.countedToMs, windows: first.windows },
    });
    expect(told.windows).toEqual(first.windows);
  });

  it('estimates with the calibration of the latest labelled window, and says with which', async () => {
    const calibration = {
      x: [0, 1],
      y: [0.2, 0.6],
      rows: 800,
      positives: 300,
      eceOfScores: 0.2,
      eceOfMap: 0.01,
      used: true,
    };
    const asked: unknown[] = [];
    const estimating = policyWith({
      monitor: {
        every: '1h',
        sources: [
          ...labelled.spec.monitor.sources.filter((source) => source.id === 'quality'),
          {
            id: 'inputs',
            kind: 'captured-inputs',
            window: '1h',
            settle: '10m',
            scores: 'evaluation',
            estimate: { metric: 'accuracy', floor: 0.5 },
          },
        ] as never,
        noData: { after: '24h' },
      },
      retrain: { pipeline: 'p', on: ['performance'] },
      deploy: { probation: { rollBackOn: ['alarms'] } },
    });
    const { at, objects } = labels(
      true,
      () => ({}),
      (watched) => ({
        ...watched,
        measurePerformance: async (request) => ({
          ...(await watched.measurePerformance(request)),
          calibration,
        }),
        compareInputs: async ({ profile: { calibration: used } }) => {
          asked.push(used);
          return {
            counts: {} as never,
            comparison: {
              schema: 'modelkeeper/window-comparison-v1',
              rows: 1_204,
              baselineRows: 1_000,
              prediction: null,
              notCompared: [],
              columns: [],
              verdict: { kind: 'ok', reasons: [] },
            },
            estimate: {
              metric: 'accuracy',
              estimate: 0.7,
              lower: 0.68,
              upper: 0.72,
              rows: 1_204,
              calibrated: true,
            },
          };
        },
      }),
    );
    const watching = {
      ...ofLabels,
      policy: estimating,
      countedToMs: { quality: NOON - 5 * HOUR, inputs: NOON - 3 * HOUR },
    };
    const told = await run(at(NOON - 2 * HOUR + 20 * MINUTE), [watching]);
    const inputs = told.windows.find(({ source }) => source === 'inputs');
    expect(asked).toEqual([calibration]);
    expect(inputs?.estimate?.calibratedOn).toEqual({
      source: 'quality',
      fromMs: NOON - 5 * HOUR,
      toMs: NOON - 4 * HOUR,
    });
    // A second look at an earlier window does not take the place of a later one.
    const next = { ...watching, countedToMs: told.countedToMs, recent: { quality: told.windows } };
    expect((await run(at(SECOND), [next])).countedToMs).toMatchObject({
      quality: NOON - HOUR,
      'quality+late': NOON - 4 * HOUR,
    });
    const kept = objects.get('keeper/reports/flights/calibration/flights-1.json');
    expect(JSON.parse(kept ?? '')).toMatchObject({ source: 'quality', toMs: NOON - HOUR });
  });
});
