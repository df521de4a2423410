import { durationMs, instantInWords } from './duration.js';
import type { AlarmReading, EndpointReading, MetricReading, WindowResult } from './model.js';
import { isScalingRefusal, type ScalingActivity } from './scaling.js';

/**
 * The next look after `nowMs`: looks are aligned to the epoch, so that those of many models fall into the same
 * second and share their calls.
 */
export function nextLookMs(every: string, nowMs: number): number {
  const everyMs = durationMs(every);
  return (Math.floor(nowMs / everyMs) + 1) * everyMs;
}

/**
 * How often something in motion (a pipeline, a rollout) is looked at: 30 s, and sooner where the policy itself
 * looks often: a tenth of `monitor.every`, at least 1 s.
 */
export function pollEveryMs(every: string): number {
  return Math.min(30_000, Math.max(1_000, Math.round(durationMs(every) / 10)));
}

/** A hint restarts a waiting at most once in this time; hints that come meanwhile are one. */
export const MIN_HINT_INTERVAL_MS = 10_000;

/** Whether a hint can bring a look forward at all; where the poll is as quick, it would only write history. */
export function hintsHelp(every: string): boolean {
  return pollEveryMs(every) > MIN_HINT_INTERVAL_MS;
}

export interface KnownSignals {
  readonly endpointStatus: string;
  readonly configName: string | null;
  readonly pendingConfigName: string | null;
  /** Alarm name → state. */
  readonly alarms: Readonly<Record<string, string>>;
  /** Sources whose metric is breached. */
  readonly breachedMetrics: readonly string[];
  /** Sources whose metric had no value. */
  readonly blindMetrics: readonly string[];
  /** When scaling was last refused, as far as is known. */
  readonly scalingRefusedAtMs?: number;
}

export interface SeenSignals {
  readonly endpoint: EndpointReading;
  readonly alarms: readonly AlarmReading[];
  readonly metrics: readonly MetricReading[];
  readonly scaling?: readonly ScalingActivity[];
}

/**
 * What a look shows that the keeper does not know yet, in words; empty when nothing is worth telling.
 *
 * A state that stays bad is told once, not at every look; an alarm that nobody watches any more is no news.
 */
export function signalNews(known: KnownSignals, seen: SeenSignals): readonly string[] {
  const news: string[] = [];
  const { endpoint } = seen;
  if (endpoint.status !== known.endpointStatus) news.push(`the endpoint is ${endpoint.status}`);
  if (endpoint.configName !== known.configName)
    news.push(`the endpoint serves ${endpoint.configName ?? 'nothing'}`);
  if (endpoint.pendingConfigName !== known.pendingConfigName) {
    news.push(
      endpoint.pendingConfigName === null
        ? 'no deployment is pending any more'
        : `${endpoint.pendingConfigName} is being deployed`,
    );
  }
  for (const alarm of seen.alarms) {
    if (known.alarms[alarm.name] !== alarm.state)
      news.push(`alarm ${alarm.name} is ${alarm.state}`);
  }
  const breached = seen.metrics.filter((metric) => metric.breached);
  for (const metric of breached) {
    if (!known.breachedMetrics.includes(metric.source)) news.push(metric.sentence);
  }
  for (const source of known.breachedMetrics) {
    const now = seen.metrics.find((metric) => metric.source === source);
    // A metric without a value is no evidence that it recovered.
    if (now?.breached === false && now.value !== null) news.push(now.sentence);
  }
  for (const metric of seen.metrics) {
    const wasBlind = known.blindMetrics.includes(metric.source);
    const breachStands = metric.value === null && known.breachedMetrics.includes(metric.source);
    if (wasBlind !== (metric.value === null) && !breachStands) news.push(metric.sentence);
  }
  for (const activity of seen.scaling ?? []) {
    if (isScalingRefusal(activity) && activity.atMs > (known.scalingRefusedAtMs ?? 0))
      news.push(activity.sentence);
  }
  return news;
}

/** `All quiet at 14:00 UTC: endpoint InService, 5 of 5 alarms OK; next look 15:00 UTC`, for the Web UI. */
export function quietSentence(seen: SeenSignals, atMs: number, nextMs: number): string {
  const ok = seen.alarms.filter((alarm) => alarm.state === 'OK').length;
  const parts = [
    `endpoint ${seen.endpoint.status}`,
    ...(seen.alarms.length === 0 ? [] : [`${ok} of ${seen.alarms.length} alarms OK`]),
    ...seen.metrics.map((metric) => metric.sentence),
  ];
  const unchanged = seen.alarms.some((alarm) => alarm.state === 'ALARM')
    ? 'Nothing new'
    : 'All quiet';
  return `${unchanged} at ${clock(atMs)}: ${parts.join(', ')}; next look ${clock(nextMs)}`;
}

/** `2026-03-01 14:05 UTC`, with the seconds where they matter. */
export function clock(atMs: number): string {
  const text = instantInWords(atMs);
  return text.replace(/:00 UTC$/, ' UTC');
}

/** Results that count toward persistence or show that something is broken. */
const TELLING: ReadonlySet<WindowResult['result']> = new Set(['breach', 'data quality']);

/**
 * Whether a completed window must be told to the keeper now.
 *
 * A breach or broken data always. A window in order (`ok`, `warn`) when a breach or broken data is among the
 * remembered ones: it breaks persistence or ends an incident; and after a window that could not tell, because
 * there is evidence again. `cannot tell` when the window before it could, or when it is the first. Everything
 * else is quiet and told along with the next telling one.
 */
export function worthTelling(window: WindowResult, remembered: readonly WindowResult[]): boolean {
  if (TELLING.has(window.result)) return true;
  const before = remembered.at(-1);
  if (before === undefined) return true;
  if (window.result === 'cannot tell') return before.result !== 'cannot tell';
  if (before.result === 'cannot tell') return true;
  return remembered.some((one) => TELLING.has(one.result));
}

/**
 * Whether a second judgement of a window must be told now: when it changes what is remembered of it. Of a window that
 * nobody remembers any more, it is told along with the next telling one.
 */
export function worthTellingAgain(
  window: WindowResult,
  remembered: readonly WindowResult[],
): boolean {
  const before = remembered.find((one) => one.fromMs === window.fromMs);
  return before !== undefined && before.result !== window.result;
}

/** A source that may have fallen silent. */
export interface SilenceInput {
  /** End of the latest time for which the source has shown data, or cannot be blamed for none. */
  readonly lastDataToMs: number;
  /** How late its data may be anyway: the settle time, or the delay of labels. */
  readonly latenessMs: number;
  readonly afterMs: number;
  readonly told: boolean;
}

/** The dead man's switch: since when a source has been silent for longer than allowed; `null` when it is not, or was told. */
export function silentSinceMs(input: SilenceInput, nowMs: number): number | null {
  if (input.told) return null;
  return nowMs - input.latenessMs - input.lastDataToMs >= input.afterMs ? input.lastDataToMs : null;
}
