import { isMetricSource, sourceOfReading } from './endpoint-metrics.js';
import { isAboutSilence } from './managed-alarms.js';
import type {
  AlarmReading,
  EndpointReading,
  MetricReading,
  Verdict,
  WindowResult,
} from './model.js';
import type { PolicySpec } from './policy.schema.js';

export interface Judgement {
  readonly verdict: Verdict;
  readonly reasons: readonly string[];
  /** The breaching windows that confirmed drift or a loss of performance. */
  readonly windows: readonly WindowResult[];
}

/** Everything the latest looks have shown. */
export interface Sightings {
  readonly endpoint: EndpointReading | null;
  readonly alarms: readonly AlarmReading[];
  readonly metrics: readonly MetricReading[];
  /** Source id → its latest windows, oldest first. */
  readonly windows: Readonly<Record<string, readonly WindowResult[]>>;
  /** Source id → a sentence on why it has no data. */
  readonly noData: Readonly<Record<string, string>>;
  /** Why there is no baseline to compare with; `null` when there is one. */
  readonly baselineMissing: string | null;
}

/** Endpoint states in which nobody is served as they should be. */
const SICK = new Set(['absent', 'Failed', 'OutOfService', 'UpdateRollbackFailed', 'Deleting']);

/**
 * Whether a source's breaches are confirmed: at least `breaches` among its last `of` conclusive windows.
 *
 * Windows that cannot tell are neither for nor against and take up no place. Each window is there once, however
 * often it was looked at.
 */
export function confirmed(
  windows: readonly WindowResult[],
  persistence: { readonly breaches: number; readonly of: number },
): readonly WindowResult[] {
  const conclusive = windows.filter(tells);
  const breaches = conclusive.slice(-persistence.of).filter((window) => window.result === 'breach');
  return breaches.length >= persistence.breaches ? breaches : [];
}

/**
 * Keeps what persistence needs to remember of one source, each window once and in order of time.
 *
 * `keep` conclusive windows and, of the inconclusive ones among and after them, the latest twice as many: however
 * long nothing can be told, what was told is not forgotten.
 */
export function remember(
  known: readonly WindowResult[],
  news: readonly WindowResult[],
  keep: number,
): readonly WindowResult[] {
  const byStart = new Map(known.map((window) => [window.fromMs, window]));
  for (const window of news) if (!byStart.has(window.fromMs)) byStart.set(window.fromMs, window);
  const inOrder = [...byStart.values()].sort((a, b) => a.fromMs - b.fromMs);
  const conclusive = inOrder.filter(tells).slice(-keep);
  const sinceMs = conclusive.length < keep ? -Infinity : (conclusive[0]?.fromMs ?? -Infinity);
  const blind = inOrder.filter((window) => !tells(window) && window.fromMs > sinceMs);
  const kept = new Set([...conclusive, ...blind.slice(-2 * keep)]);
  return inOrder.filter((window) => kept.has(window));
}

const tells = (window: WindowResult): boolean => window.result !== 'cannot tell';

/**
 * Turns everything seen into one verdict.
 *
 * An endpoint that does not serve outranks all; then a confirmed loss of performance, broken data, confirmed
 * drift. Without evidence the verdict is `cannot tell`, never `healthy`. Data quality counts from the first
 * window: a broken feed is not noise.
 */
export function judge(spec: Pick<PolicySpec, 'monitor' | 'detect'>, seen: Sightings): Judgement {
  const sick = unhealthy(seen);
  if (sick.length > 0) return { verdict: 'unhealthy endpoint', reasons: sick, windows: [] };

  const bySource = spec.monitor.sources.flatMap((source) =>
    source.kind === 'captured-inputs' || source.kind === 'ground-truth'
      ? [{ source, windows: seen.windows[source.id] ?? [] }]
      : [],
  );
  const lost = bySource.flatMap(({ source, windows }) =>
    source.kind === 'ground-truth' ? confirmed(windows, spec.detect.persistence) : [],
  );
  if (lost.length > 0) return { verdict: 'performance', reasons: sentences(lost), windows: lost };

  const broken = bySource.flatMap(({ windows }) => {
    const last = windows.findLast(tells);
    return last?.result === 'data quality' ? [last] : [];
  });
  if (broken.length > 0)
    return { verdict: 'data quality', reasons: sentences(broken), windows: broken };

  const drifted = bySource.flatMap(({ source, windows }) =>
    source.kind === 'captured-inputs' ? confirmed(windows, spec.detect.persistence) : [],
  );
  if (drifted.length > 0)
    return { verdict: 'drift', reasons: sentences(drifted), windows: drifted };

  const blind = blindness(spec, seen, bySource);
  if (blind.length > 0) return { verdict: 'cannot tell', reasons: blind, windows: [] };
  return { verdict: 'healthy', reasons: healthyReasons(seen, bySource), windows: [] };
}

function unhealthy(seen: Sightings): string[] {
  const reasons: string[] = [];
  if (seen.endpoint !== null && SICK.has(seen.endpoint.status)) {
    const why = seen.endpoint.failureReason === null ? '' : `: ${seen.endpoint.failureReason}`;
    reasons.push(
      seen.endpoint.status === 'absent'
        ? `the endpoint ${seen.endpoint.name} does not exist`
        : `the endpoint is ${seen.endpoint.status}${why}`,
    );
  }
  for (const alarm of seen.alarms) {
    if (alarm.state === 'ALARM' && !isAboutSilence(alarm.name))
      reasons.push(`alarm ${alarm.name}: ${alarm.reason}`);
  }
  for (const metric of seen.metrics) if (metric.breached) reasons.push(metric.sentence);
  return reasons;
}

interface SourceWindows {
  readonly source: { readonly id: string; readonly kind: string };
  readonly windows: readonly WindowResult[];
}

function blindness(
  spec: Pick<PolicySpec, 'monitor'>,
  seen: Sightings,
  bySource: readonly SourceWindows[],
): string[] {
  const reasons: string[] = [];
  if (seen.endpoint === null) reasons.push('the endpoint has not been read yet');
  for (const source of spec.monitor.sources) {
    if (source.kind !== 'alarms') continue;
    const alarms = seen.alarms.filter((alarm) => alarm.source === source.id);
    if (alarms.length === 0) reasons.push(`${source.id}: no alarm has been read yet`);
    else if (alarms.every((alarm) => alarm.state === 'INSUFFICIENT_DATA'))
      reasons.push(`${source.id}: none of its ${alarms.length} alarms has data`);
    for (const alarm of alarms) {
      if (alarm.state === 'ALARM' && isAboutSilence(alarm.name))
        reasons.push(`alarm ${alarm.name}: ${alarm.reason}`);
    }
  }
  for (const source of spec.monitor.sources) {
    if (!isMetricSource(source)) continue;
    const readings = seen.metrics.filter((metric) => sourceOfReading(metric.source) === source.id);
    if (readings.length === 0) reasons.push(`${source.id}: the metric has not been read yet`);
    for (const reading of readings) if (reading.value === null) reasons.push(reading.sentence);
  }
  for (const { source, windows } of bySource) {
    const silent = seen.noData[source.id];
    const last = windows.at(-1);
    if (silent !== undefined) reasons.push(silent);
    else if (source.kind === 'captured-inputs' && seen.baselineMissing !== null)
      reasons.push(seen.baselineMissing);
    else if (last === undefined) reasons.push(`${source.id}: no window is complete yet`);
    else if (last.result === 'cannot tell') reasons.push(last.sentence);
  }
  const absent = seen.alarms.filter((alarm) => alarm.absent === true);
  for (const alarm of absent) reasons.push(`alarm ${alarm.name} does not exist`);
  return reasons;
}

function healthyReasons(seen: Sightings, bySource: readonly SourceWindows[]): string[] {
  const latest = bySource.flatMap(({ windows }) => {
    const last = windows.at(-1);
    return last === undefined ? [] : [last.sentence];
  });
  const quiet = seen.alarms.filter((alarm) => alarm.state === 'OK').length;
  return [
    ...latest,
    ...(seen.alarms.length > 0 ? [`${quiet} of ${seen.alarms.length} alarms OK`] : []),
  ];
}

const sentences = (windows: readonly WindowResult[]): string[] =>
  windows.map((window) => window.sentence);
