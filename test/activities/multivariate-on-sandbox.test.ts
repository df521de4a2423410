/** A processing job of our own image, from the real activity against the strict local AWS, which runs the real command. */
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  CreateProcessingJobCommand,
  DescribeProcessingJobCommand,
  ListProcessingJobsCommand,
  ListTagsCommand,
} from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { DataWatch } from '../../activities/contract.js';
import { createDataActivities } from '../../activities/data.js';
import { lookTogether } from '../../activities/watch-multivariate.js';
import { judge } from '../../domain/detect.js';
import type { WindowResult } from '../../domain/model.js';
import type { MultivariateSource, PolicyInput } from '../../domain/policy.schema.js';
import { captureLine } from '../analysis/scratch.js';
import { discard, openBench, ROLE, until } from '../sandbox/sagemaker/support.js';
import type { Bench } from '../sandbox/sagemaker/support.js';
import { attemptOf, awsError, NOON, policyInput, policyWith } from './support.js';

const HOUR = 3_600_000;
const IMAGE = '111122223333.dkr.ecr.us-east-1.amazonaws.com/modelkeeper:1';
const COLUMNS = ['x', 'y', 'city'];

type SourceInput = Extract<
  PolicyInput['spec']['monitor']['sources'][number],
  { kind: 'multivariate' }
>;
const sourceInput = (own: Partial<SourceInput> = {}): SourceInput => ({
  id: 'together',
  kind: 'multivariate',
  window: '1h',
  settle: '0s',
  reference: 's3://artefacts/train/',
  columns: COLUMNS,
  image: IMAGE,
  role: ROLE,
  ...own,
});

let bench: Bench;
beforeAll(async () => {
  bench = await openBench(undefined, 1_000, undefined, {
    modelkeeper: `${process.cwd()}/dist/bin/modelkeeper.js`,
  });
  await bench.s3.send(new CreateBucketCommand({ Bucket: 'artefacts' }));
  await put('train/rows.csv', [COLUMNS.join(','), ...rowsOf(800, 1).map(String)].join('\n'));
}, 60_000);
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

const put = (Key: string, Body: string) =>
  bench.s3.send(new PutObjectCommand({ Bucket: 'artefacts', Key, Body }));

/** x and y rise together, or against each other; each by itself is spread in the same way. */
const rowsOf = (count: number, sign: number, from = 0): readonly (number | string)[][] =>
  Array.from({ length: count }, (_, i) => {
    const x = Math.sin(12.9898 * (i + from)) ** 2 - 0.5;
    const y = sign * x + 0.2 * Math.sin(78.233 * (i + from + 0.5));
    return [x, y, ['Rome', 'Oslo', 'Bern'][i % 3] ?? ''];
  });

/** What an endpoint of that name captured in the hour; files of the sandbox are written now. */
async function capture(endpoint: string, fromMs: number, sign: number): Promise<void> {
  const at = new Date(fromMs + 60_000).toISOString();
  const hour = at.slice(0, 13).replaceAll('-', '/').replace('T', '/');
  const lines = rowsOf(400, sign, 3_000).map((row, i) =>
    captureLine({ id: `${endpoint}-${i}`, at, input: row.join(','), output: '0.5' }),
  );
  // Of the hour before: it lies in the same file and is not of the window.
  const before = new Date(fromMs - 60_000).toISOString();
  const stray = captureLine({ id: 'stray', at: before, input: '9,9,Rome', output: '0.5' });
  await put(`capture/${endpoint}/${hour}/00-01-a.jsonl`, [...lines, stray].join('\n'));
}

const watchOf = (endpoint: string, source: SourceInput): DataWatch => ({
  model: 'flights',
  policy: policyWith({
    monitor: { every: '1h', sources: [...policyInput.spec.monitor.sources, source] },
  }),
  champion: {
    configName: `${endpoint}-1`,
    packageArn: null,
    modelDataUrl: null,
    image: null,
    roleArn: null,
    sinceMs: NOON,
  },
  capturePrefix: `s3://artefacts/capture/${endpoint}`,
  baselineUri: null,
  countedToMs: {},
  recent: {},
  disturbed: [],
  toldNoData: [],
  notBeforeMs: 0,
});

/** Looks again and again, as the retries of the watch do, until the window is told. */
async function windowOf(
  endpoint: string,
  own: Partial<SourceInput> = {},
): Promise<{ readonly window: WindowResult; readonly watch: DataWatch; readonly notes: string[] }> {
  const fromMs = hourNow();
  const watch = watchOf(endpoint, sourceInput(own));
  const source = watch.policy.spec.monitor.sources.find(
    (one): one is MultivariateSource => one.kind === 'multivariate',
  );
  if (source === undefined) throw new Error('the policy has the source');
  const deps = {
    aws: () => bench,
    analysis: {} as never,
    now: () => fromMs + HOUR,
    scratch: bench.home,
  };
  const notes: string[] = [];
  const look = () =>
    lookTogether(deps, watch, source, fromMs, async () => undefined, fromMs + HOUR);
  const told = await until(
    async () => {
      const found = await look();
      if (found.note !== undefined) notes.push(found.note);
      return found;
    },
    ({ windows }) => windows.length > 0,
  );
  const [window] = told.windows;
  if (window === undefined) throw new Error('there is a window');
  expect(told.countedToMs).toBe(fromMs + HOUR);
  return { window, watch, notes };
}

const hourNow = (): number => Math.floor(bench.kernel.now() / HOUR) * HOUR;
const jobs = async (): Promise<readonly string[]> =>
  (
    await bench.sagemaker.send(new ListProcessingJobsCommand({ NameContains: 'flights-mv-' }))
  ).ProcessingJobSummaries?.map((one) => one.ProcessingJobName ?? '') ?? [];

describe('columns together, by a job', () => {
  it('sees a relation that turned round, once, and the keeper calls two of them drift', async () => {
    await capture('turned', hourNow(), -1);
    const { window, watch, notes } = await windowOf('turned');
    expect(window).toMatchObject({ result: 'breach', sourceKind: 'multivariate', rows: 400 });
    expect(window.sentence).toContain('columns x and y moved together differently');
    expect(window.columns.map(({ name }) => name)).toEqual(expect.arrayContaining(['x', 'y']));
    // Many looks, one job.
    expect(notes.length).toBeGreaterThan(1);
    const [job = '', ...more] = await jobs();
    expect(more).toEqual([]);
    const described = await bench.sagemaker.send(
      new DescribeProcessingJobCommand({ ProcessingJobName: job }),
    );
    expect(described.ExitMessage).toMatch(/^drift: columns x and y moved together/);
    const { Tags } = await bench.sagemaker.send(
      new ListTagsCommand({ ResourceArn: described.ProcessingJobArn }),
    );
    expect(Tags).toContainEqual({ Key: 'modelkeeper:model', Value: 'flights' });
    expect(Tags).toContainEqual({ Key: 'modelkeeper:source', Value: 'together' });

    const earlier = { ...window, fromMs: window.fromMs - HOUR, toMs: window.toMs - HOUR };
    const seen = {
      endpoint: null,
      alarms: [],
      metrics: [],
      noData: {},
      baselineMissing: null,
      windows: { together: [earlier, window] },
    };
    expect(judge(watch.policy.spec, seen)).toMatchObject({ verdict: 'drift' });
  }, 120_000);

  it('is one job when the answer of its creation is lost, and when a look does not see it yet', async () => {
    const fromMs = hourNow();
    await capture('lost', fromMs, 1);
    const watch = watchOf('lost', sourceInput());
    const source = watch.policy.spec.monitor.sources.at(-1) as MultivariateSource;
    const lookWith = (send: (command: unknown) => Promise<unknown>) =>
      lookTogether(
        {
          aws: () => ({
            ...bench,
            sagemaker: Object.assign(Object.create(bench.sagemaker) as typeof bench.sagemaker, {
              send,
            }),
          }),
          analysis: {} as never,
          now: () => fromMs + HOUR,
          scratch: bench.home,
        },
        watch,
        source,
        fromMs,
        async () => undefined,
        fromMs + HOUR,
      );
    const before = await jobs();
    const losing = async (command: unknown) => {
      const answer = await bench.sagemaker.send(command as DescribeProcessingJobCommand);
      if (command instanceof CreateProcessingJobCommand) throw new Error('socket hang up');
      return answer;
    };
    await expect(lookWith(losing)).rejects.toThrow('socket hang up');
    const blindfolded = async (command: unknown) => {
      if (command instanceof DescribeProcessingJobCommand)
        throw awsError('ValidationException', 'Could not find requested job with name');
      return bench.sagemaker.send(command as CreateProcessingJobCommand);
    };
    expect((await lookWith(blindfolded)).note).toContain('is started');
    expect((await jobs()).length).toBe(before.length + 1);
  }, 60_000);

  /** The watch of a model that has no other source, and what it tells once the job has ended. */
  async function watchAlone(endpoint: string, sign: number, own: Partial<DataWatch> = {}) {
    const fromMs = hourNow();
    await capture(endpoint, fromMs, sign);
    const alone = { ...watchOf(endpoint, sourceInput()), ...own };
    const { policy } = alone;
    const sources = policy.spec.monitor.sources.filter(({ kind }) => kind === 'multivariate');
    const monitor = { ...policy.spec.monitor, sources };
    const watch: DataWatch = {
      ...alone,
      policy: { ...policy, spec: { ...policy.spec, monitor } },
      champion: { ...alone.champion, sinceMs: fromMs },
      countedToMs: { together: fromMs },
    };
    const { watchData } = createDataActivities({
      aws: () => bench,
      analysis: {} as never,
      now: () => fromMs + HOUR,
      scratch: bench.home,
    });
    const first = await attemptOf(watchData, [watch]);
    expect(first.error).toMatchObject({ type: 'Quiet', category: 'BENIGN' });
    const isOver = () =>
      bench.sagemaker
        .send(new ListProcessingJobsCommand({ StatusEquals: 'InProgress' }))
        .then(({ ProcessingJobSummaries = [] }) => ProcessingJobSummaries.length === 0);
    await until(isOver, (over) => over);
    const told = await attemptOf(watchData, [watch], {
      attempt: 2,
      heartbeatDetails: first.details,
    });
    return { fromMs, told };
  }

  it('is waited for by the watch of a model, which tells the window when the job has ended', async () => {
    const { fromMs, told } = await watchAlone('watched', -1);
    expect(told.result()).toMatchObject({
      windows: [
        {
          source: 'together',
          result: 'breach',
          rows: 400,
          machineSeconds: { 'ml.m5.large': expect.any(Number) as number },
        },
      ],
      countedToMs: { together: fromMs + HOUR },
    });
  }, 60_000);

  it('tells a quiet window only where money is counted: what its job did cost', async () => {
    const before = {
      source: 'together',
      sourceKind: 'multivariate',
      fromMs: 0,
      toMs: 1,
      result: 'ok',
      rows: 400,
      sentence: 'fine',
      columns: [],
    } as const;
    const recent = { together: [before] };
    const silent = await watchAlone('uncounted', 1, { recent });
    expect(silent.told.error).toMatchObject({ type: 'Quiet' });
    const { policy } = watchOf('counted', sourceInput());
    const { retrain } = policy.spec;
    const counting = {
      ...policy,
      spec: { ...policy.spec, retrain: { ...retrain, budget: { ...retrain.budget, usd: 10 } } },
    };
    const { told } = await watchAlone('counted', 1, { recent, policy: counting });
    const [window] = told.result().windows;
    expect(window).toMatchObject({ result: 'ok' });
    expect(window?.machineSeconds?.['ml.m5.large']).toBeGreaterThan(0);
  }, 120_000);

  it('goes on with its first window, also when another is the latest by the next look', async () => {
    const fromMs = hourNow();
    await capture('new', fromMs, 1);
    const watch = watchOf('new', sourceInput());
    const source = watch.policy.spec.monitor.sources.at(-1) as MultivariateSource;
    const lookAt = (nowMs: number, countedToMs: number | undefined) =>
      lookTogether(
        { aws: () => bench, analysis: {} as never, now: () => nowMs, scratch: bench.home },
        { ...watch, champion: { ...watch.champion, sinceMs: 0 } },
        source,
        countedToMs,
        async () => undefined,
        nowMs,
      );
    const first = await lookAt(fromMs + HOUR, undefined);
    expect(first.note).toContain('is started');
    const next = await until(
      () => lookAt(fromMs + 2 * HOUR, first.countedToMs),
      ({ windows }) => windows.length > 0,
    );
    expect(next.windows).toMatchObject([{ fromMs, result: 'ok' }]);
  }, 60_000);

  it('ends what it has begun however far behind it is, and passes over what nobody got round to', async () => {
    const fromMs = hourNow();
    await capture('behind', fromMs, 1);
    const watch = watchOf('behind', sourceInput());
    const source = watch.policy.spec.monitor.sources.at(-1) as MultivariateSource;
    const { of } = watch.policy.spec.detect.persistence;
    const lookAt = (nowMs: number, countedToMs: number | undefined) =>
      lookTogether(
        { aws: () => bench, analysis: {} as never, now: () => nowMs, scratch: bench.home },
        { ...watch, champion: { ...watch.champion, sinceMs: 0 } },
        source,
        countedToMs,
        async () => undefined,
        nowMs,
      );
    const { countedToMs } = await lookAt(fromMs + HOUR, fromMs);
    const laterMs = fromMs + 10 * HOUR;
    const told = await until(
      () => lookAt(laterMs, countedToMs),
      ({ windows }) => windows.length > 0,
    );
    expect(told.windows).toMatchObject([{ fromMs, result: 'ok' }]);
    const next = await lookAt(laterMs, told.countedToMs);
    expect(next.windows).toMatchObject([{ fromMs: laterMs - of * HOUR }]);
  }, 60_000);

  it('finds nothing in a quiet window', async () => {
    await capture('quiet', hourNow(), 1);
    for (const method of ['domain-classifier', 'pca'] as const) {
      const { window } = await windowOf('quiet', { method });
      expect([method, window.result, window.columns]).toEqual([method, 'ok', []]);
    }
  }, 120_000);

  it('cannot tell, and says why, when the job fails', async () => {
    await capture('broken', hourNow(), -1);
    await put('nothing/readme.txt', 'no rows');
    const { window } = await windowOf('broken', { reference: 's3://artefacts/nothing/' });
    expect(window.result).toBe('cannot tell');
    expect(window.sentence).toMatch(/the processing job flights-mv-\w+ failed: .*no data files/);
  }, 120_000);

  it('cannot tell by an image that leaves nothing of ours', async () => {
    await capture('foreign', hourNow(), -1);
    const { window } = await windowOf('foreign', { image: 'registry.example.com/other:1' });
    expect(window.result).toBe('cannot tell');
    expect(window.sentence).toContain('is registry.example.com/other:1 an image of modelkeeper?');
  }, 120_000);

  it('asks nothing while no window is complete, and starts no job where nothing was captured', async () => {
    const before = await jobs();
    const { window } = await windowOf('idle');
    expect([window.result, window.rows]).toEqual(['cannot tell', 0]);
    expect(await jobs()).toEqual(before);
    const watch = watchOf('idle', sourceInput());
    const refusing = () => {
      throw new Error('no call is made');
    };
    const fromMs = hourNow();
    const source = watch.policy.spec.monitor.sources.at(-1) as MultivariateSource;
    const look = await lookTogether(
      { aws: refusing, analysis: {} as never, now: () => 0, scratch: '' },
      watch,
      source,
      fromMs,
      async () => undefined,
      fromMs + HOUR - 1,
    );
    expect(look).toEqual({ windows: [], countedToMs: fromMs, more: false });
  }, 60_000);
});
