/**
 * One story under blows: worker and Temporal killed in every stage, the whole of it killed in mid-rollout and started
 * again, events twice and out of order, AWS throttling, failing and losing answers. Then its books.
 */
import { join } from 'node:path';

import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { LedgerEntry } from '../../domain/ledger.js';
import type { ReleaseStage } from '../../domain/model.js';
import type { KeeperStatus, ReleaseStatus } from '../../domain/status.js';
import { byDecision, effective } from './support/aws.js';
import type { Fault, LocalAws, LoggedCall, OutboxMessage } from './support/aws.js';
import { temporaryFolder, until, untilTrue } from './support/processes.js';
import type { Ended, Process } from './support/processes.js';
import { MODEL, StoryRun } from './support/story.js';
import type { Console } from './support/story.js';

const RELEASE = `${MODEL}-1`;
const STAGES = ['retrain', 'evaluate', 'approve', 'deploy', 'probation'] as const;
const LOST_NOTICES = 2;
/** A message came in while the task ran: not a fault of anybody's. */
const { WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND } =
  proto.temporal.api.enums.v1.WorkflowTaskFailedCause;

const FAULTS: readonly Fault[] = [
  { operation: 'SageMaker.StartPipelineExecution', kind: 'lost answer', times: 1 },
  { operation: 'SageMaker.UpdateEndpoint', kind: 'lost answer', times: 1 },
  { operation: 'SNS.Publish', kind: 'lost answer', times: LOST_NOTICES },
  { operation: 'SageMaker.DescribePipelineExecution', kind: 'throttle', times: 6 },
  {
    operation: 'SageMaker.DescribeEndpoint',
    kind: 'error',
    errorName: 'InternalFailure',
    times: 9,
  },
  { operation: 'CloudWatch.DescribeAlarms', kind: 'throttle', times: 6 },
  // Three calls of three attempts each: the stage lasts until they are spent, long enough to be killed in.
  { operation: 'CloudWatch.PutMetricAlarm', kind: 'error', errorName: 'InternalFailure', times: 9 },
  { operation: 'S3.GetObject', kind: 'throttle', times: 9 },
  { operation: 'S3.PutObject', kind: 'error', errorName: 'InternalError', status: 500, times: 9 },
];

/** The parts that are killed, by their command lines. */
const VICTIMS = {
  'control worker': / worker$/,
  'data worker': / worker --queue data$/,
  Temporal: / server start-dev /,
} as const;

interface Blow {
  readonly stage: ReleaseStage;
  readonly atMs: number;
  readonly victims: readonly string[];
}

const folder = temporaryFolder('killed');
const story = new StoryRun(join(folder.path, 'home'), ['--ports', 'auto']);
const blows: Blow[] = [];

let page: Console;
let aws: LocalAws;
let keeper: KeeperStatus;
let release: ReleaseStatus;
let calls: readonly LoggedCall[];
let outbox: readonly OutboxMessage[];
let ledger: readonly LedgerEntry[];
let verified: Ended;
let taskFailures: readonly string[];
let executions: readonly string[];
let releases: readonly string[];
let trainings: number;
let packages: number;
let restartedAtMs: number;
let firstEnded: Ended;
let ended: Ended;
let left: readonly Process[];

function kill(stage: ReleaseStage): void {
  const atMs = Date.now();
  const all = story.processes();
  const victims = Object.entries(VICTIMS).flatMap(([name, command]) => {
    const found = all.filter((one) => command.test(one.command));
    for (const { pid } of found) process.kill(pid, 'SIGKILL');
    return found.length === 0 ? [] : [name];
  });
  blows.push({ stage, atMs, victims });
}

/** What the release says next that holds; a keeper or worker that is being started again says nothing. */
const released = (
  what: string,
  withinMs: number,
  holds: (status: ReleaseStatus) => boolean,
): Promise<ReleaseStatus> =>
  until(what, withinMs, async () => {
    const status = await page.release(1);
    return status !== undefined && holds(status) ? status : undefined;
  });

const reached = (stage: ReleaseStage, withinMs = 180_000): Promise<ReleaseStatus> =>
  released(`stage ${stage}`, withinMs, (status) => {
    if (status.result !== null) throw new Error(`it ended: ${JSON.stringify(status.result)}`);
    return status.stage === stage;
  });

async function readBooks(): Promise<void> {
  calls = await aws.calls();
  outbox = await aws.outbox();
  executions = (await aws.executions('flight-delays-train')).map(
    (one) => one.PipelineExecutionDisplayName ?? '',
  );
  trainings = (await aws.trainingJobs()).length;
  packages = (await aws.packages(MODEL)).length;
  const shown = await story.command('ledger', MODEL, 'show', '--last', '1000', '--json');
  ledger = (JSON.parse(shown.output) as { entries: LedgerEntry[] }).entries;
  verified = await story.command('ledger', MODEL, 'verify');
  const connection = await Connection.connect({
    address: `127.0.0.1:${String((await story.ports()).temporal)}`,
  });
  const client = new Client({ connection });
  const failures: string[] = [];
  const found: string[] = [];
  for await (const { workflowId, runId } of client.workflow.list({ query: '' })) {
    if (workflowId.startsWith('release/')) found.push(workflowId);
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    for (const { workflowTaskFailedEventAttributes: failed } of events ?? []) {
      if (failed != null && failed.cause !== WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND)
        failures.push(`${workflowId}: ${failed.failure?.message ?? 'no reason'}`);
    }
  }
  taskFailures = failures;
  releases = found;
  await connection.close();
}

beforeAll(async () => {
  story.start();
  page = await story.console();
  aws = await story.aws();
  await untilTrue('the local AWS answers', 60_000, async () => Array.isArray(await aws.calls()));
  await aws.events({ duplicate: 0.7, reorder: 0.7, lose: 0.1 });
  await untilTrue('the model is kept', 180_000, async () => {
    const status = await page.keeper();
    return status?.timeline.some(({ what }) => what.startsWith('keeping ')) === true;
  });
  await aws.faults(FAULTS);

  await until('a release starts', 300_000, async () => {
    const status = await page.keeper();
    return status?.releases[0]?.release;
  });
  await reached('retrain');
  kill('retrain');
  await reached('evaluate');
  kill('evaluate');
  await released(
    'people are asked',
    180_000,
    ({ stage, request }) => stage === 'approve' && request !== null,
  );
  kill('approve');
  await untilTrue('the approval is taken', 120_000, async () => {
    const reason = 'every airport is better';
    const { code } = await story.command('approve', MODEL, '--yes', '--local', '--reason', reason);
    return code === 0;
  });
  await untilTrue('the rollout runs', 120_000, async () => {
    return (await aws.endpoint(MODEL)).EndpointStatus === 'Updating';
  });
  await reached('deploy');
  kill('deploy');
  await reached('deploy');
  story.signal('SIGKILL');
  firstEnded = await story.ended;
  restartedAtMs = Date.now();
  story.start();
  await reached('probation', 240_000);
  kill('probation');
  release = await released('the end', 240_000, ({ stage }) => stage === 'ended');
  keeper = await until('the keeper knows the end', 60_000, async () => {
    const status = await page.keeper();
    return status?.lastRelease?.release === 1 ? status : undefined;
  });
  await readBooks();
  story.signal('SIGTERM');
  ended = await story.ended;
  left = story.processes();
}, 900_000);

afterAll(async () => {
  await story.end();
  folder.remove();
}, 60_000);

describe('a story that is killed in every stage', () => {
  it('was killed in every stage: control worker, data worker and Temporal', () => {
    expect(blows.map(({ stage }) => stage)).toEqual(STAGES);
    for (const { stage, atMs, victims } of blows) {
      expect(victims).toEqual(Object.keys(VICTIMS));
      const entered = release.timeline.findIndex(({ what }) => what === `stage ${stage}`);
      const next = release.timeline
        .slice(entered + 1)
        .find(({ what }) => /^(stage|ended)/.test(what));
      expect(release.timeline[entered]?.atMs, stage).toBeLessThanOrEqual(atMs);
      expect(next?.atMs, stage).toBeGreaterThan(atMs);
    }
  });

  it('was killed as a whole during the rollout, and started again at once', () => {
    expect(firstEnded.signal).toBe('SIGKILL');
    const deployed = release.timeline.find(({ what }) => what === 'stage probation');
    expect(deployed?.atMs).toBeGreaterThan(restartedAtMs);
  });

  it('ends promoted all the same', async () => {
    expect(release.result).toMatchObject({ kind: 'promoted', configName: RELEASE });
    expect(keeper.lastRelease?.result).toEqual(release.result);
    expect(keeper.champion?.configName).toBe(RELEASE);
  });

  it('has one release, one pipeline execution, one training, one package', () => {
    expect(releases).toEqual([`release/${MODEL}/1`]);
    expect(executions).toEqual(['first-model', RELEASE]);
    expect(trainings).toBe(2);
    expect(packages).toBe(2);
  });

  it('has updated the endpoint once', () => {
    const updates = calls.filter(({ operation }) => operation === 'SageMaker.UpdateEndpoint');
    expect(effective(updates, 'SageMaker.UpdateEndpoint')).toHaveLength(1);
    // The lost answer made somebody ask again, and AWS said that it was under way.
    expect(updates.length).toBeGreaterThan(1);
  });

  it('tells people each decision under one key, in the same words when it is told twice', () => {
    const decisions = byDecision(outbox);
    expect(decisions.has('none')).toBe(false);
    for (const messages of decisions.values())
      expect(new Set(messages.map(({ message }) => message)).size).toBe(1);
    const notices = [...decisions.values()].map(([first]) => first?.attributes['event']?.Value);
    for (const once of ['approval', 'promoted'])
      expect(notices.filter((notice) => notice === once)).toHaveLength(1);
    // A worker killed between the call and its record has lost the answer too.
    expect(outbox.length).toBeLessThanOrEqual(decisions.size + LOST_NOTICES + blows.length + 1);
  });

  it('has every decision in the ledger once, and the chain is whole', () => {
    expect(verified.output).toContain('is whole');
    expect(verified.code).toBe(0);
    expect(new Set(ledger.map(({ id }) => id)).size).toBe(ledger.length);
    const ofRelease = ledger.filter(({ facts }) => facts['release'] === 1);
    expect(ofRelease.map(({ decision }) => decision)).toEqual([
      'trigger',
      'gates',
      'request',
      'approved',
      'rollout',
      'serving',
      'ended',
    ]);
  });

  it('has replayed every history without a difference', () => {
    expect(taskFailures).toEqual([]);
  });

  it('stops cleanly on SIGTERM and leaves no process', () => {
    expect(ended, ended.output).toMatchObject({ code: 0 });
    expect(left).toEqual([]);
  });
});
