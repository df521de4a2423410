import type {
  DriftColumn,
  DriftReport,
  DriftSegment,
  DriftWindow,
  VerdictToken,
} from './drift-report.schema.js';
import { judgeWindows, type Persistence } from './stats/persistence.js';
import type {
  CaptureCounts,
  ColumnComparison,
  ColumnProfile,
  ComparisonVerdict,
  DatasetVerdict,
  DetectPolicy,
  Profile,
  SegmentComparison,
  ShareComparison,
  WindowComparison,
} from './stats/types.js';
import { rounded } from './stats/verdict.js';

export type { DriftColumn, DriftReport, DriftSegment, DriftWindow, VerdictToken };

/** Categories that a comparison counts one by one; what is beyond stands in one more bin. */
const COUNTED_CATEGORIES = 20;

export interface ComparedWindow {
  /** What people called it. */
  readonly name: string;
  readonly comparison: WindowComparison;
}

export interface DriftEvidence {
  readonly baseline: string;
  readonly profile: Profile;
  /** In order of time; at least one. */
  readonly windows: readonly ComparedWindow[];
  readonly detect: DetectPolicy;
  readonly persistence: Persistence;
}

/** The internal comparison in the words that other people's programs read. */
export function driftReport(evidence: DriftEvidence): DriftReport {
  const { profile, detect, persistence } = evidence;
  const windows = evidence.windows.map((window) => windowOf(window, profile, detect));
  const last = windows.at(-1);
  if (last === undefined) throw new Error('a drift report is about one window at least');
  const together = judgeWindows(
    evidence.windows.map((window) => window.comparison.verdict),
    persistence,
  );
  return {
    schema: 'modelkeeper/drift-report-v1',
    verdict: verdictToken(together.kind),
    reasons: [...together.reasons],
    rowsRef: profile.rowCount,
    baseline: evidence.baseline,
    ...last,
    ...(windows.length > 1 ? { windows } : {}),
    rules: {
      warn: detect.warn,
      drift: detect.drift,
      significance: detect.significance,
      minRows: detect.minRows,
      share: detect.share,
      critical: [...detect.critical],
      ignore: [...detect.ignore],
      newCategoriesAreDrift: [...detect.newCategoriesAreDrift],
      ...(detect.weights === undefined ? {} : { weights: { ...detect.weights } }),
      persistence: { ...persistence },
      ...(detect.segments === undefined
        ? {}
        : {
            segments: detect.segments.map((rule) => ({
              ...rule,
              valuesRef: profile.segments?.find(({ by }) => by === rule.by)?.values ?? null,
            })),
          }),
    },
  };
}

export function verdictToken(verdict: ComparisonVerdict): VerdictToken {
  switch (verdict) {
    case 'data quality':
      return 'data_quality';
    case 'insufficient data':
      return 'insufficient_data';
    default:
      return verdict;
  }
}

function windowOf(
  { name, comparison }: ComparedWindow,
  profile: Profile,
  detect: DetectPolicy,
): DriftWindow {
  const profiles = new Map(profile.columns.map((column) => [column.name, column]));
  const { prediction, capture, segments } = comparison;
  return {
    name,
    rowsCur: comparison.rows,
    dataset: judged(comparison.verdict),
    columns: comparison.columns.map((column) =>
      columnOf(column, profiles.get(column.name), comparison),
    ),
    prediction:
      prediction === null
        ? null
        : columnOf(prediction, profile.prediction ?? undefined, comparison),
    notCompared: [...comparison.notCompared],
    ...(capture === undefined ? {} : { capture: countsOf(capture) }),
    ...(segments === undefined
      ? {}
      : { segments: segments.map((segment) => segmentOf(segment, profile, detect)) }),
  };
}

/** A segment with the numbers of what is not in order in it. */
function segmentOf(
  segment: SegmentComparison,
  { segments }: Profile,
  detect: DetectPolicy,
): DriftSegment {
  const { by, value, rows, baselineRows, critical, prediction } = segment;
  const own = segments
    ?.find((one) => one.by === by)
    ?.segments.find((one) => one.value === value)?.profile;
  const profiles = new Map(own?.columns.map((column) => [column.name, column]));
  const columns = segment.columns.map((column) =>
    columnOf(column, profiles.get(column.name), segment),
  );
  const score =
    prediction === null ? null : columnOf(prediction, own?.prediction ?? undefined, segment);
  const furthest = byDistance(score === null ? columns : [...columns, score])[0];
  return {
    by,
    value,
    rowsRef: baselineRows,
    rowsCur: rows,
    minRows: detect.segments?.find((rule) => rule.by === by)?.minRows ?? detect.minRows,
    critical,
    ...judged(segment.verdict),
    columnsCompared: columns.length,
    furthest:
      furthest === undefined
        ? null
        : {
            name: furthest.name,
            jsDistance: furthest.jsDistance,
            pAdjusted: furthest.pAdjusted,
          },
    columns: [...byUrgency(columns.filter(isMoved))],
    prediction: score,
  };
}

const isMoved = ({ verdict }: DriftColumn): boolean =>
  verdict !== 'ok' && verdict !== 'insufficient_data';

const byDistance = (columns: readonly DriftColumn[]): readonly DriftColumn[] =>
  [...columns].sort((a, b) => (b.jsDistance ?? -1) - (a.jsDistance ?? -1));

const judged = ({ kind, reasons }: DatasetVerdict): DriftWindow['dataset'] => ({
  verdict: verdictToken(kind),
  reasons: [...reasons],
});

function countsOf(capture: CaptureCounts): NonNullable<DriftWindow['capture']> {
  const { lines, unreadableLines, linesWithoutInput, linesWithoutOutput, rows, invalid } = capture;
  return { lines, unreadableLines, linesWithoutInput, linesWithoutOutput, rows, invalid };
}

function columnOf(
  column: ColumnComparison,
  profile: ColumnProfile | undefined,
  { rows }: Pick<WindowComparison, 'rows'>,
): DriftColumn {
  const isNumeric = column.kind === 'numeric';
  const numeric = profile?.kind === 'numeric' ? profile : undefined;
  const named = isNumeric ? column.bins : column.bins.slice(0, COUNTED_CATEGORIES);
  const rest = isNumeric ? [] : column.bins.slice(COUNTED_CATEGORIES);
  const counted = (share: ShareComparison | null) =>
    share === null ? 0 : Math.round(share.window * rows);
  const { baseline: leftOutRef, window: leftOutCur } = column.leftOut ?? {};
  return {
    name: column.name,
    kind: column.kind,
    nRef: column.baselineRows,
    nCur: column.rows,
    missingRef: leftOutRef?.missingRows ?? profile?.missing ?? 0,
    missingCur: leftOutCur?.missingRows ?? counted(column.missing),
    invalidRef: leftOutRef?.invalidRows ?? profile?.invalid ?? 0,
    invalidCur: leftOutCur?.invalidRows ?? counted(column.invalid),
    nonfiniteRef: leftOutRef?.nonFiniteRows ?? profile?.nonFinite ?? 0,
    nonfiniteCur: leftOutCur?.nonFiniteRows ?? counted(column.nonFinite),
    edges: isNumeric ? [...(numeric?.edges ?? [])] : null,
    keys: isNumeric ? null : named.map((bin) => bin.label),
    countsRef: named.map((bin) => bin.baseline),
    countsCur: named.map((bin) => bin.window),
    otherRef: sum(rest.map((bin) => bin.baseline)),
    otherCur: sum(rest.map((bin) => bin.window)),
    density: densityColumn(column.density),
    psi: column.psi,
    psiFloor1e4: column.psiFloor1e4 ?? null,
    jsDistance: column.jsDistance,
    jsDistanceNat: column.jsDistanceNat ?? null,
    hellinger: column.hellinger,
    tvd: column.tvd,
    linf: column.linf,
    linfRobust: column.linfRobust,
    ks: column.ks === null ? null : { ...column.ks },
    chi2: column.chi2?.statistic ?? null,
    chi2Df: column.chi2?.df ?? null,
    chi2P: column.chi2?.pValue ?? null,
    cramersV: column.cramersV ?? null,
    wasserstein: column.wasserstein ?? null,
    wassersteinNorm: column.wassersteinNorm ?? null,
    pValue: column.pValue,
    pAdjusted: column.pAdjusted,
    belowRefMin: column.belowMin ?? null,
    aboveRefMax: column.aboveMax ?? null,
    outOfRangeShare: column.outOfRangeShare,
    newCategoryShare: column.newCategories?.window ?? null,
    vanishedCategoryShareOfRef: column.vanishedShare,
    newValues: [...column.newValues],
    minRef: numeric?.min ?? null,
    maxRef: numeric?.max ?? null,
    meanRef: numeric?.mean ?? null,
    meanCur: column.mean ?? null,
    stdRef: numeric?.std ?? null,
    missingShare: shareOf(column.missing),
    invalidShare: shareOf(column.invalid),
    nonfiniteShare: shareOf(column.nonFinite),
    newCategories: shareOf(column.newCategories),
    verdict: verdictToken(column.verdict),
    reason: column.reason,
  };
}

function densityColumn(density: ColumnComparison['density']): DriftColumn['density'] {
  if (density === null || density === undefined) return null;
  const { scale, from, to, baseline, window, below, above } = density;
  return {
    scale,
    from,
    to,
    sharesRef: [...baseline],
    sharesCur: [...window],
    belowRef: below.baseline,
    belowCur: below.window,
    aboveRef: above.baseline,
    aboveCur: above.window,
  };
}

function shareOf(share: ShareComparison | null): DriftColumn['missingShare'] {
  if (share === null) return null;
  const { baseline, window, pValue, pAdjusted, lower, upper } = share;
  return { ref: baseline, cur: window, pValue, pAdjusted, lower, upper };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

/** One bin or category of both sides, with the words to write at it. */
export interface Bar {
  readonly label: string;
  readonly baseline: number;
  readonly window: number;
}

export function barsOf(column: DriftColumn): readonly Bar[] {
  const labels = column.keys ?? column.countsRef.map((_, bin) => binLabel(column.edges ?? [], bin));
  const bars = labels.map((label, i) => ({
    label,
    baseline: column.countsRef[i] ?? 0,
    window: column.countsCur[i] ?? 0,
  }));
  return column.otherRef + column.otherCur === 0
    ? bars
    : [...bars, { label: 'all others', baseline: column.otherRef, window: column.otherCur }];
}

function binLabel(edges: readonly number[], bin: number): string {
  const [from, to] = [edges[bin - 1], edges[bin]];
  if (to === undefined) return from === undefined ? 'all' : `> ${rounded(from)}`;
  return from === undefined ? `≤ ${rounded(to)}` : `${rounded(from)} – ${rounded(to)}`;
}

const URGENCY: readonly VerdictToken[] = [
  'drift',
  'data_quality',
  'warn',
  'insufficient_data',
  'ok',
];

/** What matters most first: by verdict, then by how far a column moved, then by name. */
export function byUrgency(columns: readonly DriftColumn[]): readonly DriftColumn[] {
  return [...columns].sort(
    (a, b) =>
      URGENCY.indexOf(a.verdict) - URGENCY.indexOf(b.verdict) ||
      (b.jsDistance ?? -1) - (a.jsDistance ?? -1) ||
      (a.name < b.name ? -1 : 1),
  );
}

/** The segments of a window, what matters most first. */
export function segmentsByUrgency(window: DriftWindow): readonly DriftSegment[] {
  return [...(window.segments ?? [])].sort(
    (a, b) =>
      URGENCY.indexOf(a.verdict) - URGENCY.indexOf(b.verdict) ||
      Number(b.critical) - Number(a.critical) ||
      (b.furthest?.jsDistance ?? -1) - (a.furthest?.jsDistance ?? -1) ||
      b.rowsCur - a.rowsCur,
  );
}

/** Columns and, where it was compared, the score, under the name people know it by. */
export function withScore(
  window: Pick<DriftWindow, 'columns' | 'prediction'>,
): readonly DriftColumn[] {
  return window.prediction === null
    ? window.columns
    : [{ ...window.prediction, name: 'the score' }, ...window.columns];
}
