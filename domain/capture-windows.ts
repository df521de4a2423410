import { instantInWords } from './duration.js';
import { delayInWords } from './label-delay.js';
import type { Window, WindowResult } from './model.js';
import { caveats } from './stats/performance.js';
import { segmentName } from './stats/segments.js';
import type {
  ColumnComparison,
  ComparisonVerdict,
  DetectPolicy,
  PerformanceReading,
  PerformanceVerdict,
  SegmentComparison,
  WindowComparison,
} from './stats/types.js';

/** What decides which windows of a source are judged. */
export interface WindowRule {
  readonly windowMs: number;
  /** How long after its end a window is complete: the settle time of capture, or the delay of labels. */
  readonly latenessMs: number;
  /** End of the last window that was counted; `undefined` when there was none. */
  readonly countedToMs: number | undefined;
  /** Since when the serving version has all of the traffic. */
  readonly sinceMs: number;
  /** Spans in which two versions served; open ones have no end yet. */
  readonly disturbed: readonly { readonly fromMs: number; readonly toMs: number | null }[];
  /** A source seen for the first time looks back at most this many windows. */
  readonly mostBack: number;
}

export interface DueWindows {
  /** Oldest first. */
  readonly windows: readonly Window[];
  /** End of the last window judged or passed over; what the next look starts from. */
  readonly countedToMs: number | undefined;
  /** More are complete than were asked for. */
  readonly more: boolean;
}

/**
 * The windows that are complete and were not counted: `[k·w, (k+1)·w)`, complete at its end plus the lateness.
 *
 * A window that begins before the version served, or touches a span in which two versions did, counts for nobody
 * and is passed over.
 */
export function dueWindows(rule: WindowRule, nowMs: number, most: number): DueWindows {
  const { windowMs } = rule;
  const lastToMs = Math.floor((nowMs - rule.latenessMs) / windowMs) * windowMs;
  const beginMs = rule.countedToMs ?? Math.max(rule.sinceMs, lastToMs - rule.mostBack * windowMs);
  const windows: Window[] = [];
  let countedToMs = rule.countedToMs;
  const afterSinceMs = Math.ceil(rule.sinceMs / windowMs) * windowMs;
  let fromMs = Math.ceil(beginMs / windowMs) * windowMs;
  if (fromMs < afterSinceMs) {
    fromMs = afterSinceMs;
    countedToMs = afterSinceMs <= lastToMs ? afterSinceMs : countedToMs;
  }
  for (; fromMs + windowMs <= lastToMs; fromMs += windowMs) {
    if (windows.length >= most) return { windows, countedToMs, more: true };
    const window = { fromMs, toMs: fromMs + windowMs };
    if (!isDisturbed(window, rule.disturbed)) windows.push(window);
    countedToMs = window.toMs;
  }
  return { windows, countedToMs, more: false };
}

const isDisturbed = (window: Window, spans: WindowRule['disturbed']): boolean =>
  spans.some((span) => window.fromMs < (span.toMs ?? Infinity) && window.toMs > span.fromMs);

const HOUR_MS = 3_600_000;

/** `2026/03/01/14` for every hour that `[fromMs, toMs]` touches: the layout of data capture and of ground truth. */
export function hourPrefixes(fromMs: number, toMs: number): readonly string[] {
  const prefixes: string[] = [];
  for (let hour = Math.floor(fromMs / HOUR_MS) * HOUR_MS; hour <= toMs; hour += HOUR_MS) {
    prefixes.push(new Date(hour).toISOString().slice(0, 13).replaceAll('-', '/').replace('T', '/'));
  }
  return prefixes;
}

/**
 * Whether an object that was written at `writtenMs` may hold records of the window and counts for it: not before
 * the window began, nor after it was complete. So a window has the same files however late it is looked at.
 *
 * S3 tells whole seconds.
 */
export function belongsToWindow(window: Window, latenessMs: number, writtenMs: number): boolean {
  const fromMs = Math.floor(window.fromMs / 1_000) * 1_000;
  return writtenMs >= fromMs && writtenMs <= window.toMs + latenessMs;
}

const RESULTS: Readonly<Record<ComparisonVerdict, WindowResult['result']>> = {
  ok: 'ok',
  warn: 'warn',
  drift: 'breach',
  'data quality': 'data quality',
  'insufficient data': 'cannot tell',
};

const MOST_COLUMNS = 10;
const NAMED_COLUMNS = 3;

/** What one window of inputs showed, with the numbers in one sentence. */
export function inputsResult(
  source: string,
  window: Window,
  comparison: WindowComparison,
  detect: Pick<DetectPolicy, 'drift' | 'minRows'>,
): WindowResult {
  const columns = worstFirst(comparison.columns);
  const enough = comparison.rows >= detect.minRows;
  const result = enough ? RESULTS[comparison.verdict.kind] : 'cannot tell';
  const rows = `${counted(comparison.rows)} rows`;
  return {
    ...window,
    source,
    sourceKind: 'captured-inputs',
    result,
    rows: comparison.rows,
    sentence: `${source}, ${spanInWords(window)}: ${
      enough
        ? `${inputsInWords(result, comparison, detect)}; ${rows}${segmentsInWords(comparison.segments)}`
        : `${rows}, ${counted(detect.minRows)} are needed to tell`
    }`,
    columns: columns.slice(0, MOST_COLUMNS).map((column) => ({
      name: column.name,
      jsDistance: column.jsDistance,
      pAdjusted: column.pAdjusted,
      verdict: column.verdict,
    })),
    ...(comparison.segments === undefined
      ? {}
      : {
          segments: worstSegments(comparison.segments).map(
            ({ by, value, rows: count, verdict }) => ({
              by,
              value,
              rows: count,
              verdict: verdict.kind,
            }),
          ),
        }),
  };
}

const MOST_SEGMENTS = 10;

/** Those that moved before those of which nothing can be told, then those in order. */
const worstSegments = (segments: readonly SegmentComparison[]): readonly SegmentComparison[] => {
  const order = (segment: SegmentComparison) =>
    segment.verdict.kind === 'insufficient data' ? 0.5 : RANKS[segment.verdict.kind];
  return [...segments].sort((a, b) => order(b) - order(a)).slice(0, MOST_SEGMENTS);
};

/** Which segments moved, and of how many nothing can be told; empty where no segment was asked for. */
function segmentsInWords(segments: readonly SegmentComparison[] = []): string {
  const of = (kind: ComparisonVerdict) => segments.filter(({ verdict }) => verdict.kind === kind);
  const moved = [...of('data quality'), ...of('drift'), ...of('warn')];
  const blind = of('insufficient data').length;
  const named = moved
    .slice(0, NAMED_COLUMNS)
    .map((segment) => `${segmentName(segment)} (${segment.verdict.kind})`);
  const more = moved.length > NAMED_COLUMNS ? ` and ${moved.length - NAMED_COLUMNS} more` : '';
  return [
    ...(moved.length === 0 ? [] : [`; segments that moved: ${named.join(', ')}${more}`]),
    ...(blind === 0 ? [] : [`; ${blind} of ${segments.length} segments have too few rows to tell`]),
  ].join('');
}

const RANKS: Readonly<Record<ComparisonVerdict, number>> = {
  'data quality': 3,
  drift: 2,
  warn: 1,
  ok: 0,
  'insufficient data': 0,
};
const rank = (column: ColumnComparison): number => RANKS[column.verdict];

const worstFirst = (columns: readonly ColumnComparison[]): readonly ColumnComparison[] =>
  [...columns].sort((a, b) => rank(b) - rank(a) || (b.jsDistance ?? -1) - (a.jsDistance ?? -1));

function inputsInWords(
  result: WindowResult['result'],
  comparison: WindowComparison,
  detect: Pick<DetectPolicy, 'drift'>,
): string {
  const { prediction } = comparison;
  const columns = worstFirst([
    ...comparison.columns,
    ...(prediction === null ? [] : [{ ...prediction, name: 'the score' }]),
  ]);
  const moved = columns.filter((column) => column.verdict === 'drift' || column.verdict === 'warn');
  switch (result) {
    case 'breach':
    case 'warn': {
      const named = moved.slice(0, NAMED_COLUMNS);
      if (named.length === 0) return comparison.verdict.reasons.join('; ');
      return named
        .map((column, index) =>
          index === 0
            ? `${column.name} moved by ${distance(column)} (drift from ${detect.drift})`
            : `${column.name} by ${distance(column)}`,
        )
        .join(', ');
    }
    case 'ok': {
      const most = columns[0];
      return most === undefined
        ? 'in order'
        : `in order, ${most.name} moved most, by ${distance(most)}`;
    }
    default:
      return comparison.verdict.reasons.join('; ');
  }
}

const distance = (column: ColumnComparison): string => (column.jsDistance ?? 0).toFixed(2);

/** What one window of labelled predictions showed. @param revision how often it was judged before */
export function truthResult(
  source: string,
  window: Window,
  reading: PerformanceReading,
  verdict: PerformanceVerdict,
  revision = 0,
): WindowResult {
  const delay = reading.labelDelay ?? undefined;
  const words = [
    verdict.reason,
    ...caveats(reading),
    ...(delay === undefined ? [] : [delayInWords(delay)]),
    ...(revision > 0 ? ['judged again with the labels that came late'] : []),
  ];
  return {
    ...window,
    source,
    sourceKind: 'ground-truth',
    result: verdict.kind,
    rows: reading.labelled,
    sentence: `${source}, ${spanInWords(window)}: ${words.join('; ')}`,
    columns: [],
    ...(delay === undefined ? {} : { labelDelay: delay }),
    ...(revision > 0 ? { revision } : {}),
    metric: {
      name: reading.metric,
      estimate: reading.estimate,
      lower: reading.lower,
      upper: reading.upper,
      coverage: reading.coverage,
    },
  };
}

/** A window about which nothing can be said, and why. */
export function blindResult(
  source: string,
  sourceKind: WindowResult['sourceKind'],
  window: Window,
  reason: string,
): WindowResult {
  return {
    ...window,
    source,
    sourceKind,
    result: 'cannot tell',
    rows: 0,
    sentence: `${source}, ${spanInWords(window)}: ${reason}`,
    columns: [],
  };
}

/** `2026-03-01 06:00:00 to 12:00:00 UTC`. */
export function spanInWords(window: Window): string {
  const from = instantInWords(window.fromMs).replace(' UTC', '');
  const to = instantInWords(window.toMs);
  return from.slice(0, 10) === to.slice(0, 10) ? `${from} to ${to.slice(11)}` : `${from} to ${to}`;
}

/** `1,204`. */
export const counted = (count: number): string =>
  String(Math.round(count)).replace(/\B(?=(\d{3})+(?!\d))/g, ',');

/** Why a source has no data, from how often the endpoint was invoked meanwhile. */
export function silenceInWords(
  source: string,
  kind: WindowResult['sourceKind'],
  sinceMs: number,
  invocations: number,
): string {
  const since = `${source}: no ${kind === 'captured-inputs' ? 'captured inputs' : 'labelled predictions'} since ${instantInWords(sinceMs)}`;
  if (invocations === 0) return `${since}, and no invocation either: there is no traffic`;
  return kind === 'captured-inputs'
    ? `${since} although there were ${counted(invocations)} invocations: data capture is broken (role, disk, sampling)`
    : `${since} although there were ${counted(invocations)} invocations: labels do not arrive, or do not carry the predictions' ids`;
}
