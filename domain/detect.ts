import { isMetricSource, sourceOfReading } from './endpoint-metrics.js';
import { isAboutSilence } from './managed-alarms.js';
import type {
  AlarmReading,
  EndpointReading,
  MetricReading,
  Verdict,
  WindowResult,
  WindowSubject,
} from './model.js';
import type { PolicySpec } from './policy.schema.js';
import {
  alarmSubjects,
  isWindowSource,
  modelSubjectOf,
  persistenceOf,
  saysOf,
  type WindowSource,
} from './sources.js';

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
 *
 * @param subject what is to be confirmed, for sources whose windows may be about several; a window that is not about
 *   it takes up no place
 */
export function confirmed(
  windows: readonly WindowResult[],
  persistence: { readonly breaches: number; readonly of: number },
  subject?: WindowSubject,
): readonly WindowResult[] {
  const says = (window: WindowResult) =>
    subject === undefined ? window.result : saysOf(window, subject);
  const conclusive = windows.filter((window) => tells(window) && says(window) !== undefined);
  const breaches = conclusive.slice(-persistence.of).filter((window) => says(window) === 'breach');
  return breaches.length >= persistence.breaches ? breaches : [];
}

/**
 * Keeps what persistence needs to remember of one source, each window once and in order of time.
 *
 * `keep` conclusive windows (of each subject, where windows have several) and, of the inconclusive ones among and
 * after them, the latest twice as many: however long nothing can be told, what was told is not forgotten. What a
 * window showed first stays, unless it could not tell (an execution that is late may still end), or was judged again
 * with more of its labels: then the later judgement takes its place, and counts once.
 */
export function remember(
  known: readonly WindowResult[],
  news: readonly WindowResult[],
  keep: number,
): readonly WindowResult[] {
  const byKey = new Map(known.map((window) => [keyOf(window), window]));
  for (const window of news) {
    const first = byKey.get(keyOf(window));
    if (first === undefined || replaces(window, first)) byKey.set(keyOf(window), window);
  }
  const inOrder = [...byKey.values()].sort(
    (a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs || ((a.id ?? '') < (b.id ?? '') ? -1 : 1),
  );
  const conclusive = conclusiveOnes(inOrder, keep);
  const sinceMs = conclusive.length < keep ? -Infinity : (conclusive[0]?.fromMs ?? -Infinity);
  const blind = inOrder.filter((window) => !tells(window) && window.fromMs > sinceMs);
  const kept = new Set([...conclusive, ...blind.slice(-2 * keep)]);
  return inOrder.filter((window) => kept.has(window));
}

const replaces = (window: WindowResult, first: WindowResult): boolean =>
  (window.revision ?? 0) === (first.revision ?? 0)
    ? !tells(first) && tells(window)
    : (window.revision ?? 0) > (first.revision ?? 0);

const keyOf = (window: WindowResult): string => `${window.fromMs}/${window.id ?? ''}`;

function conclusiveOnes(inOrder: readonly WindowResult[], keep: number): readonly WindowResult[] {
  const all = inOrder.filter(tells);
  if (all.every((window) => window.subjects === undefined)) return all.slice(-keep);
  const of = (subject: WindowSubject) =>
    all.filter((window) => saysOf(window, subject) !== undefined).slice(-keep);
  // The latest of all as well: it may be about neither, and is what people see.
  const kept = new Set([...of('drift'), ...of('performance'), ...all.slice(-1)]);
  return all.filter((window) => kept.has(window));
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
  const subjects = alarmSubjects(spec.monitor);
  const sick = unhealthy(seen, subjects);
  if (sick.length > 0) return { verdict: 'unhealthy endpoint', reasons: sick, windows: [] };

  const bySource = spec.monitor.sources
    .filter(isWindowSource)
    .map((source) => ({ source, windows: seen.windows[source.id] ?? [] }));
  const confirmedOf = (subject: WindowSubject) => [
    ...bySource.flatMap(({ source, windows }) =>
      confirmed(windows, persistenceOf(source, spec.detect), subject),
    ),
    ...seen.alarms
      .filter((alarm) => subjects.get(alarm.source) === subject && speaksOfChampion(alarm, seen))
      .map(windowOf),
  ];
  const lost = confirmedOf('performance');
  if (lost.length > 0) return { verdict: 'performance', reasons: sentences(lost), windows: lost };

  const broken = bySource.flatMap(({ windows }) => {
    const last = windows.findLast(tells);
    return last?.result === 'data quality' ? [last] : [];
  });
  if (broken.length > 0)
    return { verdict: 'data quality', reasons: sentences(broken), windows: broken };

  const drifted = confirmedOf('drift');
  if (drifted.length > 0)
    return { verdict: 'drift', reasons: sentences(drifted), windows: drifted };

  const blind = blindness(spec, seen, bySource);
  if (blind.length > 0) return { verdict: 'cannot tell', reasons: blind, windows: [] };
  return { verdict: 'healthy', reasons: healthyReasons(seen, bySource), windows: [] };
}

/** Whether an alarm went off while the serving version served: what was so before it says nothing about it. */
function speaksOfChampion(alarm: AlarmReading, seen: Sightings): boolean {
  return alarm.state === 'ALARM' && alarm.sinceMs >= (seen.endpoint?.champion?.sinceMs ?? 0);
}

/** An alarm that went off, as the evidence it is: the same one until it has been OK and goes off again. */
const windowOf = (alarm: AlarmReading): WindowResult => ({
  source: alarm.source,
  sourceKind: 'alarms',
  fromMs: alarm.sinceMs,
  toMs: alarm.sinceMs,
  result: 'breach',
  rows: 0,
  sentence: `alarm ${alarm.name}: ${alarm.reason}`,
  columns: [],
});

function unhealthy(seen: Sightings, subjects: ReadonlyMap<string, WindowSubject>): string[] {
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
    if (alarm.state === 'ALARM' && !isAboutSilence(alarm.name) && !subjects.has(alarm.source))
      reasons.push(`alarm ${alarm.name}: ${alarm.reason}`);
  }
  for (const metric of seen.metrics) if (metric.breached) reasons.push(metric.sentence);
  return reasons;
}

interface SourceWindows {
  readonly source: WindowSource;
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
      else if (alarm.state === 'ALARM' && modelSubjectOf(source) !== undefined)
        reasons.push(
          `alarm ${alarm.name} went off before this version served: it counts once it has been OK`,
        );
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
