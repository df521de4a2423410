/**
 * How patient the service is, on one screen.
 *
 * `startToClose` bounds one attempt, `heartbeat` tells a dead worker from a slow one, `scheduleToClose` bounds all
 * attempts. A missing permission or an endpoint in motion is retried within the last of these, slowly, while the
 * Web UI names it.
 */
import {
  ActivityCancellationType,
  isCancellation,
  patched,
  proxyActivities,
  proxyLocalActivities,
} from '@temporalio/workflow';

import type { ControlActivities, DataActivities } from '../activities/contract.js';
import { reconcileEveryMs } from '../domain/disagreements.js';
import { durationMs } from '../domain/duration.js';
import type { Policy } from '../domain/policy.schema.js';
import { CONTROL_QUEUE, DATA_QUEUE } from '../domain/queues.js';
import { isHopeless } from './failures.js';
import { SINCE_0_2 } from './patches.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const REGISTRY_DAY_MS = 30 * DAY_MS;

const RETRY = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '60s' } as const;

/** A notice holds nobody up for longer. */
export const NOTICE_MS = 10 * 60_000;

/**
 * What a release leaves behind costs little: where it may not be removed, the release ends all the same, gives back the
 * right to write, and says what stays.
 */
export const CLEAN_UP_MS = 15 * 60_000;

/** Events on a bus are less than notices: what is not taken in this time goes along with the next ones. */
export const EVENTS_MS = 2 * 60_000;

/** What nothing waits for is given up after this. */
const ASIDE_MS = 2 * 60_000;

/** Everything that is one call to AWS, or a few. */
export const control = (summary: string, withinMs: number = DAY_MS): ControlActivities =>
  proxyActivities<ControlActivities>({
    taskQueue: CONTROL_QUEUE,
    summary,
    startToCloseTimeout: '45s',
    heartbeatTimeout: '10s',
    scheduleToCloseTimeout: withinMs,
    retry: RETRY,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  });

/** Calls whose effect must be known before anything is undone: a cancelled one is waited for. */
export const careful = (summary: string, withinMs: number = DAY_MS): ControlActivities =>
  proxyActivities<ControlActivities>({
    taskQueue: CONTROL_QUEUE,
    summary,
    startToCloseTimeout: '45s',
    heartbeatTimeout: '10s',
    scheduleToCloseTimeout: withinMs,
    retry: RETRY,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });

/** Many small requests in one activity, each soon answered. */
export const trial = (summary: string, withinMs: number): Pick<ControlActivities, 'checkStaging'> =>
  proxyActivities<ControlActivities>({
    taskQueue: CONTROL_QUEUE,
    summary,
    startToCloseTimeout: '15m',
    heartbeatTimeout: '10s',
    scheduleToCloseTimeout: withinMs,
    retry: RETRY,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  });

/** Waiting for something slow: one look per attempt, the activity says when the next one is. */
export const poll = (summary: string, withinMs: number): ControlActivities =>
  control(summary, withinMs);

/**
 * Short work beside the way of a release that nothing waits for: in the worker that runs the workflow, where it
 * writes one event instead of three.
 */
export const aside = (
  summary: string,
): Pick<ControlActivities, 'publishMetrics' | 'pruneConfigs'> =>
  proxyLocalActivities<ControlActivities>({
    summary,
    startToCloseTimeout: '45s',
    scheduleToCloseTimeout: ASIDE_MS,
    retry: RETRY,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  });

/** One short attempt; who waits longer is better served by an activity that the Web UI names. */
const SWIFT_MS = 5_000;

/**
 * Short work between a person's decision, or an alarm, and what follows from it. Tried once in the worker that runs the
 * workflow, which saves the server's way there and back; what fails there is an activity like any other, with all of
 * its patience and its name in the Web UI. It may therefore run twice, as every activity may.
 */
export const swift = (summary: string, withinMs: number = DAY_MS): SwiftActivities => {
  const patient = control(summary, withinMs);
  if (!patched(SINCE_0_2)) return patient;
  const once = onceHere<SwiftActivities>(summary, ActivityCancellationType.TRY_CANCEL);
  return {
    record: first(
      (asked) => once.record(asked),
      (asked) => patient.record(asked),
    ),
    preflight: first(
      (asked) => once.preflight(asked),
      (asked) => patient.preflight(asked),
    ),
    reconcile: first(
      (asked) => once.reconcile(asked),
      (asked) => patient.reconcile(asked),
    ),
    readScaling: first(
      (asked) => once.readScaling(asked),
      (asked) => patient.readScaling(asked),
    ),
    startRelease: first(
      (asked) => once.startRelease(asked),
      (asked) => patient.startRelease(asked),
    ),
  };
};

/** The same for a write whose effect must be known before anything is undone. */
export const swiftWrite = (summary: string): Pick<ControlActivities, 'writePackage'> => {
  const patient = careful(summary);
  if (!patched(SINCE_0_2)) return patient;
  const once = onceHere<ControlActivities>(
    summary,
    ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  );
  return {
    writePackage: first(
      (asked) => once.writePackage(asked),
      (asked) => patient.writePackage(asked),
    ),
  };
};

const onceHere = <Activities extends object>(
  summary: string,
  cancellationType: ActivityCancellationType,
) =>
  proxyLocalActivities<Activities>({
    summary,
    startToCloseTimeout: SWIFT_MS,
    scheduleToCloseTimeout: SWIFT_MS,
    retry: { maximumAttempts: 1 },
    cancellationType,
  });

const first =
  <Asked, Told>(quick: (asked: Asked) => Promise<Told>, slow: (asked: Asked) => Promise<Told>) =>
  async (asked: Asked): Promise<Told> => {
    try {
      return await quick(asked);
    } catch (error) {
      if (isCancellation(error) || isHopeless(error)) throw error;
      return slow(asked);
    }
  };

type SwiftActivities = Pick<
  ControlActivities,
  'record' | 'preflight' | 'reconcile' | 'readScaling' | 'startRelease'
>;

/** DuckDB over files, in its own process. */
export const data = (summary: string): DataActivities =>
  proxyActivities<DataActivities>({
    taskQueue: DATA_QUEUE,
    summary,
    startToCloseTimeout: '2h',
    heartbeatTimeout: '20s',
    scheduleToCloseTimeout: DAY_MS,
    retry: RETRY,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  });

/** Answers of two versions, read by the data worker while a rollout waits. */
export const answers = (
  summary: string,
  withinMs: number,
): Pick<DataActivities, 'compareAnswers'> =>
  proxyActivities<DataActivities>({
    taskQueue: DATA_QUEUE,
    summary,
    startToCloseTimeout: '5m',
    heartbeatTimeout: '20s',
    scheduleToCloseTimeout: withinMs,
    retry: RETRY,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  });

/** A watch is one activity that is retried for days, so that a quiet day is a handful of events. */
export function watchDayMs(every: string): number {
  return Math.max(3 * DAY_MS, 3 * durationMs(every)) + HOUR_MS;
}

export const signalsWatch = (
  summary: string,
  every: string,
): Pick<ControlActivities, 'watchSignals'> => control(summary, watchDayMs(every));

/**
 * The status of a package in the registry while people are asked. Nobody cancels it: that would be events of a full
 * release's history, and once the matter is settled it looks four times a day until the release ends.
 */
export const registryWatch = (summary: string): Pick<ControlActivities, 'watchPackage'> =>
  proxyActivities<ControlActivities>({
    taskQueue: CONTROL_QUEUE,
    summary,
    startToCloseTimeout: '45s',
    heartbeatTimeout: '10s',
    scheduleToCloseTimeout: REGISTRY_DAY_MS,
    retry: RETRY,
    cancellationType: ActivityCancellationType.ABANDON,
  });

/** Comparing everything: a few times a day, so one activity lasts for many days. */
export const reconcileWatch = (policy: Policy): Pick<ControlActivities, 'reconcile'> =>
  control(
    'compare what is with what should be',
    Math.max(30 * DAY_MS, 6 * reconcileEveryMs(policy)),
  );

/** Monitoring schedules: in motion for a while, then compared a few times a day. */
export const monitorsWatch = (policy: Policy): Pick<ControlActivities, 'keepMonitors'> =>
  control('keep the monitoring schedules', Math.max(30 * DAY_MS, 6 * reconcileEveryMs(policy)));

export const dataWatch = (summary: string, every: string): Pick<DataActivities, 'watchData'> =>
  proxyActivities<DataActivities>({
    taskQueue: DATA_QUEUE,
    summary,
    startToCloseTimeout: '30m',
    heartbeatTimeout: '20s',
    scheduleToCloseTimeout: watchDayMs(every),
    retry: RETRY,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  });
