/** The real keeper and the real watch, over the local AWS, which runs the real command; days pass in seconds. */
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { ListProcessingJobsCommand } from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createDataActivities } from '../../activities/data.js';
import { captureLine } from '../analysis/scratch.js';
import {
  discard,
  openBench,
  ROLE,
  until as soon,
  type Bench,
} from '../sandbox/sagemaker/support.js';
import { play, until } from './harness.js';
import { HOUR_MS, type PolicyDraft } from './world.js';

const COLUMNS = ['x', 'y'];
const policy = (draft: PolicyDraft): void => {
  draft.spec.retrain = { ...draft.spec.retrain, on: ['drift'] };
  draft.spec.deploy = { probation: { for: '7d', rollBackOn: ['alarms'] } };
  draft.spec.monitor.sources = [
    { id: 'health', kind: 'alarms' },
    {
      id: 'together',
      kind: 'multivariate',
      window: '1h',
      settle: '0s',
      reference: 's3://ml-artefacts/train/',
      columns: COLUMNS,
      image: '111122223333.dkr.ecr.us-east-1.amazonaws.com/modelkeeper:1',
      role: ROLE,
    },
  ];
};

/** x and y rise together, or against each other; each by itself is spread in the same way. */
const rowsOf = (count: number, sign: number, from: number): readonly number[][] =>
  Array.from({ length: count }, (_, i) => {
    const x = Math.sin(12.9898 * (i + from)) ** 2 - 0.5;
    return [x, sign * x + 0.2 * Math.sin(78.233 * (i + from + 0.5))];
  });

let bench: Bench;
/** The local AWS is at the workflows' time, or where it is set, and goes on from there. */
let aheadMs = 0;
const now = (): number => Date.now() + aheadMs;
const setClock = (toMs: number): void => {
  aheadMs = toMs - Date.now();
};
beforeAll(async () => {
  bench = await openBench(
    undefined,
    1_000,
    { now, realMs: (ms) => ms },
    { modelkeeper: `${process.cwd()}/dist/bin/modelkeeper.js` },
  );
  await bench.s3.send(new CreateBucketCommand({ Bucket: 'ml-artefacts' }));
  const rows = [COLUMNS, ...rowsOf(800, 1, 0)].map(String).join('\n');
  await put('train/rows.csv', rows);
});
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

const put = (Key: string, Body: string) =>
  bench.s3.send(new PutObjectCommand({ Bucket: 'ml-artefacts', Key, Body }));

/** What the endpoint captured in an hour, written in it. */
async function capture(model: string, fromMs: number, sign: number): Promise<void> {
  setClock(fromMs + HOUR_MS / 2);
  const at = new Date(now()).toISOString();
  const hour = at.slice(0, 13).replaceAll('-', '/').replace('T', '/');
  const lines = rowsOf(400, sign, fromMs / HOUR_MS).map((row, i) =>
    captureLine({ id: `${String(fromMs)}-${String(i)}`, at, input: row.join(','), output: '0.5' }),
  );
  await put(`capture/${model}/AllTraffic/${hour}/30-00-a.jsonl`, lines.join('\n'));
}

const jobs = async (NameContains: string, running = false) =>
  (
    await bench.sagemaker.send(
      new ListProcessingJobsCommand({
        NameContains,
        ...(running ? { StatusEquals: 'InProgress' } : {}),
      }),
    )
  ).ProcessingJobSummaries ?? [];

describe('a keeper of a model whose columns are compared together', () => {
  it('sees a correlation turn round that no column shows by itself, calls it drift and retrains', async () => {
    let capturedToMs = 0;
    let turnsAtMs = Number.POSITIVE_INFINITY;
    await play(
      async (p) => {
        const atRest = await until(
          async () => {
            await p.env.sleep('1h');
            return p.keeperStatus();
          },
          (status) => status.windows['together'] !== undefined,
          'the first window is told',
        );
        expect(atRest.windows['together']?.map(({ result }) => result)).toEqual(['ok']);
        expect(atRest.verdict).not.toBe('drift');
        expect(atRest.nextReleaseNumber).toBe(1);

        turnsAtMs = capturedToMs;
        const drifted = await until(
          async () => {
            await p.env.sleep('1h');
            return p.keeperStatus();
          },
          (status) => status.nextReleaseNumber === 2,
          'a release is started',
        );
        expect(drifted.verdict).toBe('drift');
        expect(drifted.verdictReasons[0]).toContain('columns x and y moved together differently');
        expect(p.world.started).toEqual([`${p.world.model}-1`]);
        const told = p.world.notices.filter(({ notice }) => notice === 'drift');
        expect(JSON.stringify(told)).toContain('columns x and y moved together differently');

        const all = await jobs(`${p.world.model}-mv-`);
        // A job for each window.
        const hours = all.map(({ CreationTime }) =>
          Math.floor((CreationTime?.getTime() ?? 0) / HOUR_MS),
        );
        expect(new Set(hours).size).toBe(all.length);
      },
      {
        policy,
        world: (world) => {
          const { watchData } = createDataActivities({
            aws: () => bench,
            analysis: {} as never,
            now,
            scratch: bench.home,
          });
          world.override({
            watchData: async (watch) => {
              const nowMs = await world.now();
              const hourMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS;
              if (capturedToMs === 0) capturedToMs = hourMs - 3 * HOUR_MS;
              for (; capturedToMs < hourMs; capturedToMs += HOUR_MS)
                await capture(world.model, capturedToMs, capturedToMs < turnsAtMs ? 1 : -1);
              setClock(nowMs);
              try {
                return await watchData(watch);
              } finally {
                // Workflow time stands meanwhile: the next look finds the job ended.
                await soon(
                  () => jobs(`${world.model}-mv-`, true),
                  (running) => running.length === 0,
                );
              }
            },
          });
        },
      },
    );
  }, 120_000);
});
