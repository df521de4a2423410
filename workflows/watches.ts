import { CancellationScope, isCancellation } from '@temporalio/workflow';

import type { DataTold, MonitorsTold, SignalsTold } from '../activities/contract.js';
import { keyOf, nextReconcileMs } from '../domain/disagreements.js';
import { durationMs } from '../domain/duration.js';
import { isMoving } from '../domain/managed-monitors.js';
import { refusedAtMs } from '../domain/scaling.js';
import { isWindowSource } from '../domain/sources.js';
import { dataWatch, monitorsWatch, reconcileWatch, signalsWatch } from './activities.js';
import { isQuietDay, sentenceOf } from './failures.js';
import type { KeeperDesk } from './keeper-desk.js';
import { keepsMonitors } from './monitors.js';
import { expected, reconciles, reconcileState } from './reconcile.js';
import type { Compared } from './reconcile.js';

export type WatchEnd<T> =
  | { readonly kind: 'told'; readonly told: T }
  | { readonly kind: 'quiet day' }
  | { readonly kind: 'failed'; readonly sentence: string };

/** One activity that looks again and again until there is something to tell. */
interface Watch<T> {
  /** Set once the activity has ended by itself. */
  end: WatchEnd<T> | undefined;
  cancel(): Promise<void>;
}

function startWatch<T>(look: () => Promise<T>): Watch<T> {
  const scope = new CancellationScope();
  const watch: Watch<T> = {
    end: undefined,
    cancel: async () => {
      scope.cancel();
      await over;
    },
  };
  const over = scope.run(look).then(
    (told) => {
      watch.end = { kind: 'told', told };
    },
    (error: unknown) => {
      if (isCancellation(error)) return;
      watch.end = isQuietDay(error)
        ? { kind: 'quiet day' }
        : { kind: 'failed', sentence: sentenceOf(error) };
    },
  );
  return watch;
}

/** The next instant on the clock that is a multiple of `everyMs`. */
export const nextAlignedMs = (nowMs: number, everyMs: number): number =>
  (Math.floor(nowMs / everyMs) + 1) * everyMs;

/**
 * The keeper's watches of signals and data, its comparison of what is with what should be, and its care for monitoring
 * schedules where the policy wants any. A quiet look writes no history; each returns only with news, at the end of its
 * day, or when its failures have outlasted their bound.
 */
export function openWatches(desk: KeeperDesk) {
  const { state } = desk;
  let signals: Watch<SignalsTold> | undefined;
  let data: Watch<DataTold> | undefined;
  let comparison: Watch<Compared> | undefined;
  let monitors: Watch<MonitorsTold> | undefined;
  let lookedAtMs = 0;
  let hintedAtMs = 0;

  const everyMs = (): number => durationMs(state.policy.spec.monitor.every);

  const lookAtSignals = (notBeforeMs: number): Watch<SignalsTold> => {
    lookedAtMs = Date.now();
    return startWatch(() =>
      signalsWatch(
        `watch endpoint, alarms and metrics every ${state.policy.spec.monitor.every}`,
        state.policy.spec.monitor.every,
      ).watchSignals({
        ...desk.ref(),
        known: {
          endpointStatus: state.endpoint?.status ?? 'not read yet',
          configName: state.endpoint?.configName ?? null,
          pendingConfigName: state.endpoint?.pendingConfigName ?? null,
          alarms: Object.fromEntries(state.alarms.map((alarm) => [alarm.name, alarm.state])),
          breachedMetrics: state.metrics
            .filter((metric) => metric.breached)
            .map((metric) => metric.source),
          blindMetrics: state.metrics
            .filter((metric) => metric.value === null)
            .map((metric) => metric.source),
          scalingRefusedAtMs: refusedAtMs(state.scalingActivities),
        },
        releases: state.releases.map((known) => `release/${desk.model}/${String(known.release)}`),
        notBeforeMs,
        wakeAtMs: null,
        scheduleAfterMs: state.lastScheduleMs,
      }),
    );
  };

  /** A rollout moves what would be compared. */
  const isRollingOut = (): boolean => state.releases.some(({ stage }) => stage === 'deploy');

  /** Whether a hint asks for a comparison that can be made; one during a rollout is kept for its end. */
  const mustCompareNow = (): boolean => !isRollingOut() && desk.takeCompareHint();

  const compare = (notBeforeMs: number): Watch<Compared> | undefined => {
    if (!reconciles() || isRollingOut()) return undefined;
    const asked = expected(desk);
    return startWatch(async () => ({
      asked,
      found: await reconcileWatch(state.policy).reconcile({
        ...desk.ref(),
        expected: asked,
        known: reconcileState(desk).open.map(keyOf),
        accepted: reconcileState(desk).accepted,
        ledgerHead: state.head.number,
        notBeforeMs,
      }),
    }));
  };

  const lookAtData = (notBeforeMs: number): Watch<DataTold> | undefined => {
    const { champion } = state;
    if (champion === null || !state.policy.spec.monitor.sources.some(isWindowSource))
      return undefined;
    return startWatch(() =>
      dataWatch('watch captured inputs and labels', state.policy.spec.monitor.every).watchData({
        ...desk.ref(),
        champion,
        capturePrefix: state.endpoint?.capturePrefix ?? null,
        baselineUri: state.baseline?.uri ?? null,
        countedToMs: state.countedToMs,
        recent: state.windows,
        disturbed: state.disturbed,
        toldNoData: Object.keys(state.noData),
        ...(state.toldAdvice === undefined ? {} : { toldAdvice: state.toldAdvice }),
        notBeforeMs,
      }),
    );
  };

  const keepMonitors = (notBeforeMs: number): Watch<MonitorsTold> | undefined => {
    if (!keepsMonitors(desk)) return undefined;
    return startWatch(() =>
      monitorsWatch(state.policy).keepMonitors({
        ...desk.ref(),
        champion: state.champion,
        known: state.monitors ?? [],
        repaired: state.monitorRepairs ?? [],
        notBeforeMs,
      }),
    );
  };

  return {
    /** Starts what is not running. */
    start(): void {
      signals ??= lookAtSignals(0);
      data ??= lookAtData(0);
      // A run that goes on from another one compares when that one would have, or was hinted to.
      const { atMs } = reconcileState(desk);
      const atOnce = mustCompareNow() || atMs === null;
      comparison ??= compare(atOnce ? 0 : nextReconcileMs(state.policy, atMs));
      monitors ??= keepMonitors(0);
    },
    hasNews: (): boolean =>
      signals?.end !== undefined ||
      data?.end !== undefined ||
      comparison?.end !== undefined ||
      monitors?.end !== undefined,
    takeMonitors(): WatchEnd<MonitorsTold> | undefined {
      const end = monitors?.end;
      if (end !== undefined) monitors = undefined;
      return end;
    },
    takeComparison(): WatchEnd<Compared> | undefined {
      const end = comparison?.end;
      if (end !== undefined) comparison = undefined;
      return end;
    },
    /** When a hint was last followed; in earlier histories, when any look was begun. */
    lookedAtMs: (): number => (reconciles() ? hintedAtMs : lookedAtMs),
    /** What the signals watch has to tell; it goes on looking from the next aligned instant. */
    takeSignals(): WatchEnd<SignalsTold> | undefined {
      const end = signals?.end;
      if (end !== undefined) signals = undefined;
      return end;
    },
    takeData(): WatchEnd<DataTold> | undefined {
      const end = data?.end;
      if (end !== undefined) data = undefined;
      return end;
    },
    /** Goes on after news or a quiet day, not before the next aligned look. */
    goOn(): void {
      const nextMs = nextAlignedMs(Date.now(), everyMs());
      signals ??= lookAtSignals(nextMs);
      data ??= lookAtData(nextMs);
      const compareMs = nextReconcileMs(state.policy, Date.now());
      comparison ??= compare(compareMs);
      monitors ??= keepMonitors((state.monitors ?? []).some(isMoving) ? 0 : compareMs);
    },
    /** A hint: look at once instead of at the next aligned instant, and compare what may have changed. */
    async lookNow(): Promise<void> {
      const compares = mustCompareNow();
      await Promise.all([signals?.cancel(), ...(compares ? [comparison?.cancel()] : [])]);
      hintedAtMs = Date.now();
      signals = lookAtSignals(0);
      if (compares) comparison = compare(0);
    },
    /** What the data watch compares with has changed. */
    async restartData(): Promise<void> {
      await data?.cancel();
      data = lookAtData(0);
    },
    /** Baselines may belong to the version that serves. */
    async restartMonitors(): Promise<void> {
      await monitors?.cancel();
      monitors = keepMonitors(0);
    },
    async close(): Promise<void> {
      await Promise.all([
        signals?.cancel(),
        data?.cancel(),
        comparison?.cancel(),
        monitors?.cancel(),
      ]);
      signals = undefined;
      data = undefined;
      comparison = undefined;
      monitors = undefined;
    },
  };
}

export type Watches = ReturnType<typeof openWatches>;
