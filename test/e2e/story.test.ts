/** One unattended story, and then its books: what it printed against what AWS and Temporal have on file. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { DescribeModelPackageCommand } from '@aws-sdk/client-sagemaker';
import { Client, Connection } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Evaluation, ReleaseResult } from '../../domain/model.js';
import type { KeeperStatus, ReleaseStatus } from '../../domain/status.js';
import { findFreePort, startTemporal } from '../../sandbox/temporal/server.js';
import type { TemporalServer } from '../../sandbox/temporal/server.js';
import { awsAt, byDecision, effective } from './support/aws.js';
import type { LocalAws } from './support/aws.js';
import { start, temporalCli, temporaryFolder, untilTrue } from './support/processes.js';
import type { Ended, Process, Running } from './support/processes.js';
import { MODEL, StoryRun } from './support/story.js';

const RELEASE = `${MODEL}-1`;
const CONSOLE_WITHIN_MS = 20_000;

interface Story {
  readonly promoted: boolean;
  readonly faults: readonly string[];
  readonly findings: readonly {
    readonly fromMs: number;
    readonly toMs: number;
    readonly rows: number;
    readonly sentence: string;
  }[];
  readonly verdict: { readonly kind: string; readonly reasons: readonly string[] };
  readonly evaluation: Evaluation;
  readonly approval: readonly { readonly person: string; readonly door: string }[];
  readonly rollout: readonly { readonly what: string }[];
  readonly result: ReleaseResult;
  readonly endpoint: {
    readonly status: string;
    readonly configName: string;
    readonly packageArn: string;
    readonly invocations: number;
    readonly errors: number;
    readonly lastModified: string;
  };
  readonly registry: {
    readonly packageArn: string;
    readonly approvalStatus: string;
    readonly approvalDescription: string;
  };
  readonly traffic: { readonly sent: number; readonly labelled: number };
}

const folder = temporaryFolder('story');
const home = join(folder.path, 'home');
/** Of somebody who has an account, a cluster and a proxy of their own: nothing of it is the story's. */
const FOREIGN = {
  AWS_PROFILE: 'work',
  AWS_SESSION_TOKEN: 'of-another-account',
  AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9',
  TEMPORAL_NAMESPACE: 'production',
  TEMPORAL_TLS: 'true',
  http_proxy: 'http://127.0.0.1:9',
  https_proxy: 'http://127.0.0.1:9',
};
/** Three minutes ahead: AWS refuses nothing, and windows would be judged before anybody has asked the endpoint. */
const SKEWED_WORKER = new URL('support/skewed-worker.mjs', import.meta.url).href;
const story = new StoryRun(home, ['--unattended'], {
  ...FOREIGN,
  NODE_OPTIONS: `--import=${SKEWED_WORKER}`,
});
let consoleAfterMs = Number.POSITIVE_INFINITY;
let ended: Ended;
let left: readonly Process[];
let told: Story;
/** The last that console and release said while the story ran. */
let keeper: KeeperStatus | undefined;
let release: ReleaseStatus | undefined;

let sandbox: Running | undefined;
let temporal: TemporalServer | undefined;
let connection: Connection | undefined;
let aws: LocalAws;
let client: Client;

beforeAll(async () => {
  const startedAtMs = Date.now();
  story.start();
  const page = await story.console();
  await untilTrue('the console answers', 60_000, () => page.answers());
  consoleAfterMs = Date.now() - startedAtMs;
  let over = false;
  void story.ended.then(() => {
    over = true;
  });
  await untilTrue('the story ends', 590_000, async () => {
    keeper = (await page.keeper()) ?? keeper;
    release = (await page.release(1)) ?? release;
    return over;
  });
  ended = await story.ended;
  left = story.processes();
  const written = join(home, 'story.json');
  if (!existsSync(written)) throw new Error(`it wrote no story.json:\n${ended.output}`);
  told = JSON.parse(readFileSync(written, 'utf8')) as Story;

  // Its servers are gone; what they kept is read by servers of our own.
  const port = await findFreePort();
  sandbox = start(['sandbox', '--home', join(home, 'aws'), '--port', String(port)]);
  aws = awsAt(`http://127.0.0.1:${String(port)}`);
  temporal = await startTemporal({
    cli: temporalCli(),
    dbFile: join(home, 'temporal.db'),
    port: await findFreePort(),
    logFile: join(folder.path, 'temporal.log'),
  });
  connection = await Connection.connect({ address: temporal.address });
  client = new Client({ connection });
  await untilTrue(
    'the local AWS answers again',
    30_000,
    async () => (await aws.calls()).length > 0,
  );
}, 700_000);

afterAll(async () => {
  await story.end();
  sandbox?.signal('SIGTERM');
  await sandbox?.ended;
  await connection?.close();
  await temporal?.stop();
  folder.remove();
}, 60_000);

/** What an activity of the release answered, as the history has it. */
async function answerOf(activity: string): Promise<unknown> {
  const { events } = await client.workflow.getHandle(`release/${MODEL}/1`).fetchHistory();
  const scheduled = events?.find(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === activity,
  );
  const completed = events?.find(
    (event) =>
      event.activityTaskCompletedEventAttributes?.scheduledEventId?.toString() ===
      scheduled?.eventId?.toString(),
  );
  const payload = completed?.activityTaskCompletedEventAttributes?.result?.payloads?.[0];
  return payload == null ? undefined : defaultPayloadConverter.fromPayload(payload);
}

describe('an unattended story', () => {
  it('exits 0, promoted', () => {
    expect(told.faults).toEqual([]);
    expect(told.promoted).toBe(true);
    expect({ code: ended.code, signal: ended.signal }, ended.output).toEqual({
      code: 0,
      signal: null,
    });
  });

  it('has its console answer within 20 seconds', () => {
    expect(consoleAfterMs).toBeLessThan(CONSOLE_WITHIN_MS);
  });

  it('leaves no process behind', () => {
    expect(left).toEqual([]);
  });

  it('tells the result that Temporal has of the release', async () => {
    const handle = client.workflow.getHandle(`release/${MODEL}/1`);
    expect((await handle.describe()).status.name).toBe('COMPLETED');
    expect(await handle.result()).toEqual(told.result);
    expect(told.result).toMatchObject({ kind: 'promoted', configName: RELEASE });
  });

  it('tells the evaluation that the history has, with its intervals', async () => {
    expect(await answerOf('evaluateCandidate')).toEqual(told.evaluation);
    expect(told.evaluation.rows).toBeGreaterThanOrEqual(5_000);
    for (const interval of [...told.evaluation.candidate, ...told.evaluation.champion]) {
      expect(interval.lower).toBeLessThanOrEqual(interval.estimate ?? Number.NaN);
      expect(interval.upper).toBeGreaterThanOrEqual(interval.estimate ?? Number.NaN);
    }
  });

  it('tells the endpoint that AWS has', async () => {
    const endpoint = await aws.endpoint(MODEL);
    expect(told.endpoint).toMatchObject({
      status: endpoint.EndpointStatus,
      configName: endpoint.EndpointConfigName,
      lastModified: endpoint.LastModifiedTime?.toISOString(),
    });
    expect(endpoint).toMatchObject({ EndpointStatus: 'InService', EndpointConfigName: RELEASE });
    expect(endpoint.PendingDeploymentSummary).toBeUndefined();
    expect(told.endpoint.packageArn).toBe(told.registry.packageArn);
  });

  it('tells the invocations that CloudWatch has counted, which are those that were sent', () => {
    const { invocations, errors } = told.endpoint;
    expect(errors).toBe(0);
    // The last ten seconds, of 130 a second, are not published yet.
    expect(invocations).toBeGreaterThan(told.traffic.sent - 3_000);
    expect(invocations).toBeLessThanOrEqual(told.traffic.sent + 200);
    expect(ended.output).toContain(`CloudWatch has counted ${String(invocations)} invocations`);
  });

  it('tells the approval that the registry has', async () => {
    const registered = await aws.sagemaker.send(
      new DescribeModelPackageCommand({ ModelPackageName: told.registry.packageArn }),
    );
    expect(registered.ModelApprovalStatus).toBe('Approved');
    expect(told.registry).toMatchObject({
      approvalStatus: registered.ModelApprovalStatus,
      approvalDescription: registered.ApprovalDescription,
    });
    expect(registered.ApprovalDescription).toContain('ada@example.com (local, os-user)');
  });

  it('tells findings, verdict, approval and rollout as the console showed them meanwhile', () => {
    expect(told.findings).toEqual(release?.trigger.windows);
    expect(told.verdict).toEqual({
      kind: release?.trigger.kind,
      reasons: release?.trigger.reasons,
    });
    expect(told.approval).toEqual(release?.decisions);
    expect(told.rollout).toEqual(release?.rollout);
    expect(told.rollout.map(({ what }) => what)).toContain(`InService with ${RELEASE}`);
    expect(keeper?.champion?.configName).toBe(RELEASE);
  });

  it('has started one pipeline execution, one training and one update of the endpoint', async () => {
    const calls = await aws.calls();
    const executions = await aws.executions('flight-delays-train');
    expect(executions.map((one) => one.PipelineExecutionDisplayName)).toEqual([
      'first-model',
      RELEASE,
    ]);
    expect(await aws.trainingJobs()).toHaveLength(2);
    expect(
      effective(calls, 'SageMaker.StartPipelineExecution').filter(({ input }) =>
        input.includes(`"PipelineExecutionDisplayName":"${RELEASE}"`),
      ),
    ).toHaveLength(1);
    expect(effective(calls, 'SageMaker.UpdateEndpoint')).toHaveLength(1);
  });

  it("has judged by AWS's time, though the worker's clock was ahead, and says so in its log", () => {
    const log = readFileSync(join(home, 'logs/worker.log'), 'utf8');
    expect(log).toMatch(/the clock of this machine is 1(79|80|81) s ahead of that of AWS/);
    expect(told.findings.length).toBeGreaterThan(0);
    for (const { toMs, rows } of told.findings) {
      expect(toMs).toBeLessThan(Date.parse(told.endpoint.lastModified));
      expect(rows).toBeGreaterThan(1_000);
    }
  });

  it('has told people of each decision once', async () => {
    const messages = await aws.outbox();
    const decisions = byDecision(messages);
    expect(decisions.has('none')).toBe(false);
    expect(messages).toHaveLength(decisions.size);
    const kinds = messages.map(({ attributes }) => attributes['event']?.Value);
    expect(kinds).toEqual(expect.arrayContaining(['approval', 'promoted']));
  });
});
