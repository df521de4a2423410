/** From a person's approval to UpdateEndpoint, and from an alarm's event to StartPipelineExecution, step by step. */
import { userInfo } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { PutMetricAlarmCommand, SetAlarmStateCommand } from '@aws-sdk/client-cloudwatch';
import type { Client } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time.js';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';

import { connectTemporal, createModelkeeperClient } from '../client/index.js';
import type { ModelkeeperClient } from '../client/modelkeeper.js';
import { readPolicyFile } from '../client/policy-file.js';
import type { PolicyInput } from '../domain/policy.schema.js';
import { MIN_HINT_INTERVAL_MS } from '../domain/watch.js';
import { Stack } from '../test/e2e/support/stack.js';
import { temporaryFolder, until, untilTrue } from '../test/e2e/support/processes.js';
import { percentile, printTable } from './table.js';

export const needs = ['dist', 'temporal'] as const;

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/**
 * One activity on a path: when it was scheduled, counted from the path's beginning, and how long it waited and ran. Of a
 * local one the history says only when it began; it has ended before the next step.
 */
interface Step {
  readonly afterMs: number;
  readonly waitMs: number | null;
  readonly ranMs: number | null;
}

/** How long a path took, and the activities on it; the first one of each type. */
interface Path {
  readonly totalMs: number;
  readonly steps: ReadonlyMap<string, Step>;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      idle: { type: 'string', default: '100' },
      rounds: { type: 'string', default: '20' },
    },
  });
  const idle = Number(values.idle);
  const rounds = Number(values.rounds);
  const folder = temporaryFolder('bench-latency');
  const stack = await Stack.boot(folder.path);
  try {
    const temporal = await connectTemporal({
      address: stack.environment['TEMPORAL_ADDRESS'] ?? '',
    });
    console.log(`${String(idle)} idle keepers are being made …`);
    const modelkeeper = createModelkeeperClient(temporal);
    for (let n = 0; n < idle; n += 1) await keep(stack, modelkeeper, `idle-${String(n)}`, quiet);

    const busy = Array.from({ length: rounds }, (_, n) => `busy-${String(n)}`);
    for (const model of busy) {
      await alarmOf(stack, model);
      await keep(stack, modelkeeper, model, triggeredByAlarm(model));
    }
    const approvals: Path[] = [];
    const alarms: Path[] = [];
    for (const model of busy) {
      // Its alarms' first states were hints: whoever has followed one waits for the next, an idle keeper does not.
      await untilTrue(
        'the keeper is idle',
        60 * MIN_HINT_INTERVAL_MS,
        async () => Date.now() - (await quietSinceMs(temporal, model)) > MIN_HINT_INTERVAL_MS,
      );
      alarms.push(await alarmPath(stack, temporal, model));
      approvals.push(await approvalPath(stack, temporal, model));
      console.log(
        `${model}: alarm → StartPipelineExecution ${String(alarms.at(-1)?.totalMs)} ms, approval → UpdateEndpoint ${String(approvals.at(-1)?.totalMs)} ms`,
      );
    }
    print(`Approval accepted → UpdateEndpoint received, ${String(idle)} idle keepers`, approvals);
    print(
      `Alarm event in the queue → StartPipelineExecution received, ${String(idle)} idle keepers`,
      alarms,
    );
    await temporal.connection.close();
  } finally {
    await stack.close();
    folder.remove();
  }
}

/** A company with a policy, and its keeper. */
async function keep(
  stack: Stack,
  modelkeeper: ModelkeeperClient,
  model: string,
  change: (policy: PolicyInput) => void,
): Promise<void> {
  const reading = await readPolicyFile(await stack.company(model, change));
  if (reading.kind !== 'policy') throw new Error(JSON.stringify(reading.issues));
  const reply = await modelkeeper.apply({
    policy: reading.policy,
    door: 'local',
    proof: { kind: 'os-user', user: userInfo().username },
    reason: 'a benchmark',
  });
  if (reply.kind === 'refused') throw new Error(reply.reason);
}

function quiet(policy: PolicyInput): void {
  policy.spec.monitor.every = '1h';
}

/** Retrains on an alarm of the company's own, which has counted its data points itself: persistence 1 of 1. */
const triggeredByAlarm =
  (model: string) =>
  (policy: PolicyInput): void => {
    policy.spec.monitor = {
      every: '1h',
      sources: [
        { id: 'health', kind: 'alarms', alarms: 'managed' },
        { id: 'drift', kind: 'alarms', alarms: [`drift-${model}`], means: 'drift' },
      ],
    };
    policy.spec.retrain.on = ['drift'];
  };

/** When a keeper's history grew last. */
async function quietSinceMs(client: Client, model: string): Promise<number> {
  return instant((await historyOf(client, `keeper/${model}`)).at(-1));
}

/** An alarm of the company's own. */
async function alarmOf({ aws }: Stack, model: string): Promise<void> {
  await aws.cloudwatch.send(
    new PutMetricAlarmCommand({
      AlarmName: `drift-${model}`,
      Namespace: 'company',
      MetricName: 'drift',
      Dimensions: [{ Name: 'Model', Value: model }],
      Statistic: 'Maximum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 0.2,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'ignore',
    }),
  );
}

async function alarmPath({ aws }: Stack, client: Client, model: string): Promise<Path> {
  const modelkeeper = createModelkeeperClient(client);
  const AlarmName = `drift-${model}`;
  await until('the keeper knows the alarm', 60_000, async () => {
    const { keeper } = await modelkeeper.status(model);
    return keeper?.alarms.some(({ name }) => name === AlarmName) === true ? true : undefined;
  });
  const sentMs = Date.now();
  // The local AWS divides its late delivery by its speed: the event is in the queue within milliseconds.
  await aws.cloudwatch.send(
    new SetAlarmStateCommand({ AlarmName, StateValue: 'ALARM', StateReason: 'a benchmark' }),
  );
  const { atMs: receivedMs } = await arrived(
    aws,
    'SageMaker.StartPipelineExecution',
    `${model}-train`,
  );
  const keeper = await historyOf(client, `keeper/${model}`);
  const release = await historyOf(client, `release/${model}/1`);
  return path(sentMs, receivedMs, [...keeper, ...release]);
}

async function approvalPath(stack: Stack, client: Client, model: string): Promise<Path> {
  const { request } = await stack.reached(
    model,
    1,
    'people are asked',
    (status) => status.request !== null,
  );
  const modelkeeper = createModelkeeperClient(client);
  const reply = await modelkeeper.approve(model, 1, {
    door: 'local',
    proof: { kind: 'os-user', user: userInfo().username },
    digest: request?.digest ?? '',
    reason: 'a benchmark',
  });
  if (reply.kind === 'refused') throw new Error(reply.reason);
  const { atMs: receivedMs } = await arrived(stack.aws, 'SageMaker.UpdateEndpoint', `"${model}"`);
  const history = [
    ...(await historyOf(client, `release/${model}/1`)),
    ...(await historyOf(client, `keeper/${model}`)),
  ];
  const accepted = history.find((event) => event.workflowExecutionUpdateAcceptedEventAttributes);
  return path(instant(accepted), receivedMs, history);
}

/**
 * The call the local AWS has received. Looked for once a second: its time stands in the log, and who reads the log of
 * a few thousand calls takes time from what is measured.
 */
async function arrived(
  aws: Stack['aws'],
  operation: string,
  input: string,
): Promise<{ readonly atMs: number }> {
  for (let looks = 0; looks < 60; looks += 1) {
    await setTimeout(1_000);
    const found = (await aws.calls()).find(
      (call) => call.operation === operation && call.input.includes(input),
    );
    if (found !== undefined) return found;
  }
  throw new Error(`not within a minute: ${operation} with ${input}`);
}

/** Activities that were scheduled in the span; several of them may run at once. */
function path(fromMs: number, toMs: number, history: readonly HistoryEvent[]): Path {
  const steps = new Map<string, Step>();
  for (const scheduled of history) {
    const attributes = scheduled.activityTaskScheduledEventAttributes;
    const atMs = instant(scheduled);
    if (attributes == null || atMs < fromMs || atMs > toMs) continue;
    const after = history.slice(history.indexOf(scheduled));
    const isOf = (id: unknown): boolean => String(id) === String(scheduled.eventId);
    const started = after.find((event) =>
      isOf(event.activityTaskStartedEventAttributes?.scheduledEventId),
    );
    const completed = after.find((event) =>
      isOf(event.activityTaskCompletedEventAttributes?.scheduledEventId),
    );
    const startedMs = started === undefined ? toMs : Math.min(toMs, instant(started));
    const endMs = completed === undefined ? toMs : Math.min(toMs, instant(completed));
    const name = attributes.activityType?.name ?? 'unknown';
    if (!steps.has(name))
      steps.set(name, {
        afterMs: atMs - fromMs,
        waitMs: startedMs - atMs,
        ranMs: endMs - startedMs,
      });
  }
  for (const { name, scheduledMs } of history.flatMap(localActivity)) {
    if (scheduledMs < fromMs || scheduledMs > toMs || steps.has(name)) continue;
    steps.set(name, { afterMs: Math.round(scheduledMs - fromMs), waitMs: null, ranMs: null });
  }
  return { totalMs: toMs - fromMs, steps };
}

interface LocalActivity {
  readonly name: string;
  readonly scheduledMs: number;
}

/** What the marker of a local activity says of it; nothing for every other event. */
function localActivity(event: HistoryEvent): readonly LocalActivity[] {
  const data = event.markerRecordedEventAttributes?.details?.['data']?.payloads?.[0]?.data;
  if (event.markerRecordedEventAttributes?.markerName !== 'core_local_activity' || data == null)
    return [];
  const read = markerSchema.safeParse(JSON.parse(Buffer.from(data).toString('utf8')));
  if (!read.success) throw new Error(`a marker of another shape: ${read.error.message}`);
  return [
    {
      name: `${read.data.activity_type} (local)`,
      scheduledMs: atMs(read.data.original_schedule_time),
    },
  ];
}

const timeSchema = z.object({ seconds: z.number(), nanos: z.number() });
const markerSchema = z.object({
  activity_type: z.string(),
  original_schedule_time: timeSchema,
});
const atMs = ({ seconds, nanos }: z.infer<typeof timeSchema>): number =>
  seconds * 1_000 + nanos / 1_000_000;

const instant = (event: HistoryEvent | undefined): number =>
  event?.eventTime == null ? Number.NaN : tsToMs(event.eventTime);

async function historyOf(client: Client, workflowId: string): Promise<readonly HistoryEvent[]> {
  return (await client.workflow.getHandle(workflowId).fetchHistory()).events ?? [];
}

function print(title: string, paths: readonly Path[]): void {
  const totals = paths.map(({ totalMs }) => totalMs);
  printTable(title, [
    {
      rounds: totals.length,
      'p50 ms': percentile(totals, 0.5),
      'p95 ms': percentile(totals, 0.95),
      'most ms': Math.max(...totals),
    },
  ]);
  const names = [...new Set(paths.flatMap(({ steps }) => [...steps.keys()]))];
  const rows = names.map((activity) => {
    const taken = paths.flatMap(({ steps }) => steps.get(activity) ?? []);
    const middle = (all: readonly (number | null)[]): number | string => {
      const known = all.filter((one) => one !== null);
      return known.length === 0 ? '' : percentile(known, 0.5);
    };
    return {
      activity,
      'scheduled after ms': percentile(
        taken.map(({ afterMs }) => afterMs),
        0.5,
      ),
      'waited ms': middle(taken.map(({ waitMs }) => waitMs)),
      'ran ms': middle(taken.map(({ ranMs }) => ranMs)),
    };
  });
  printTable(
    'of which, by activity, the middle of the rounds; some run at once',
    rows.toSorted((a, b) => a['scheduled after ms'] - b['scheduled after ms']),
  );
}
