import { chiSquare } from '../domain/stats/chi-square.js';
import { coarsen } from '../domain/stats/bins.js';
import {
  dropEmpty,
  hellinger,
  jsDistance,
  jsDistanceNat,
  linf,
  psi,
  psiFloor1e4,
  robustLinf,
  tvd,
} from '../domain/stats/distances.js';
import type { CountPair } from '../domain/stats/distances.js';
import { densityOf } from '../domain/stats/density.js';
import { ksBounds, ksPValue } from '../domain/stats/kolmogorov.js';
import { benjaminiHochberg } from '../domain/stats/multiple-testing.js';
import { newcombe, pooledZ } from '../domain/stats/proportions.js';
import type { Proportion } from '../domain/stats/proportions.js';
import type {
  CategoricalColumnProfile,
  ColumnComparison,
  DatasetVerdict,
  DetectPolicy,
  LeftOut,
  NumericColumnProfile,
  Profile,
  ShareComparison,
  WindowComparison,
} from '../domain/stats/types.js';
import { truthsAsKnown } from '../domain/stats/spelling.js';
import { judgeColumn, judgeDataset, rounded } from '../domain/stats/verdict.js';
import { CAPTURE_COLUMNS } from './capture.js';
import { countColumns } from './count.js';
import type { CategoricalCounts, NumericQuestion } from './count.js';
import type { Duck } from './duck.js';
import { UnusableData } from './failures.js';
import { openFiles, openTable } from './relation.js';
import { compareSegments } from './segments.js';
import type { DataFiles, Relation, RelationColumn } from './relation.js';
import type { NumericCounts } from './tally.js';
import { wassersteinOf } from './wasserstein.js';
import { chiSquareTail, twoSidedP, zOfInterval } from './tails.js';

export interface CompareOptions {
  readonly profile: Profile;
  /** A table of {@link readCapture}, or files with the baseline's columns. */
  readonly window: { readonly table: string } | DataFiles;
  readonly detect: DetectPolicy;
  /** Which column of a window of files holds the score; a captured table knows its own. */
  readonly predictionColumn?: string;
  /** The rows of the baseline, for the Wasserstein distance; without them it is not computed. */
  readonly wasserstein?: DataFiles;
  /** Told what begins, for people who wait. */
  readonly onStage?: (stage: string) => void;
}

const SHARE_KEYS = ['missing', 'invalid', 'nonFinite', 'newCategories'] as const;
/** Categories a plot shows one by one; the rest is one. */
const PLOTTED_CATEGORIES = 20;
const NEW_VALUES_TOLD = 10;

type UnadjustedShare = Omit<ShareComparison, 'pAdjusted'>;
type Shares = Readonly<Record<(typeof SHARE_KEYS)[number], UnadjustedShare | null>>;
type Measured = Omit<
  ColumnComparison,
  'pAdjusted' | 'verdict' | 'reason' | (typeof SHARE_KEYS)[number]
> & { readonly shares: Shares };

/**
 * Compares a window with the baseline of the serving version: DuckDB counts, the formulas are in domain/stats, and the
 * rules in its verdict.ts decide. The same rows in any order give the same answer.
 *
 * @throws {UnusableData} when the window lacks columns of the baseline, or cannot be read
 */
export async function compareWindow(
  duck: Duck,
  { window, ...options }: CompareOptions,
): Promise<WindowComparison> {
  options.onStage?.('reading the window');
  const relation = await openWindow(duck, window, options.profile);
  const whole = await compareRelation(duck, relation, options);
  if ((options.detect.segments ?? []).length === 0) return whole;
  const { predictionColumn } = options;
  // Without the rows of the baseline: those are of all segments, and would be compared with one.
  return compareSegments(duck, relation, whole, options, (part, profile, detect) =>
    compareRelation(duck, part, {
      profile,
      detect,
      ...(predictionColumn === undefined ? {} : { predictionColumn }),
    }),
  );
}

async function openWindow(
  duck: Duck,
  window: CompareOptions['window'],
  profile: Profile,
): Promise<Relation> {
  if ('table' in window) return openTable(duck, window.table);
  const captureColumns = window.captureColumns ?? profile.columns.map((column) => column.name);
  return openFiles(duck, { ...window, captureColumns });
}

/** Compares rows that are open already, such as a part of a window: see {@link compareWindow}. */
export async function compareRelation(
  duck: Duck,
  relation: Relation,
  { profile, detect, predictionColumn, wasserstein, onStage }: Omit<CompareOptions, 'window'>,
): Promise<WindowComparison> {
  const isCaptured = relation.columns.some(({ name }) => name === CAPTURE_COLUMNS.prediction);
  const scoreName = isCaptured ? CAPTURE_COLUMNS.prediction : predictionColumn;
  const compared = profile.columns.filter((column) => !detect.ignore.includes(column.name));
  requireSameColumns(relation, compared, profile);

  onStage?.(`comparing ${compared.length} columns`);
  const measured = await measure(duck, relation, profile, detect, scoreName);
  const { totals, score } = measured;
  const everything = score === null ? measured.columns : [...measured.columns, score];
  const judged = judge(everything, totals, detect);
  const columns =
    wasserstein === undefined
      ? judged.slice(0, measured.columns.length)
      : await withWasserstein(
          duck,
          { baseline: await openFiles(duck, wasserstein), window: relation },
          judged.slice(0, measured.columns.length),
        );
  const prediction = judged[measured.columns.length] ?? null;
  const own = new Set<string | undefined>([...Object.values(CAPTURE_COLUMNS), scoreName]);
  const known = new Set(profile.columns.map((column) => column.name));
  return {
    schema: 'modelkeeper/window-comparison-v1',
    rows: totals.window,
    baselineRows: profile.rowCount,
    columns,
    prediction,
    notCompared: relation.columns
      .map((column) => column.name)
      .filter((name) => !own.has(name) && !known.has(name) && !detect.ignore.includes(name)),
    ...(relation.capture === undefined ? {} : { capture: relation.capture }),
    verdict: judgeDataset(totals.window, columns, prediction, detect),
  };
}

/** How far each column of numbers moved, in its own unit and in standard deviations of the baseline. */
async function withWasserstein(
  duck: Duck,
  sides: { readonly baseline: Relation; readonly window: Relation },
  columns: readonly ColumnComparison[],
): Promise<readonly ColumnComparison[]> {
  const names = columns.filter(({ kind }) => kind === 'numeric').map(({ name }) => name);
  const moved = await wassersteinOf(duck, sides, names);
  return columns.map((column) => {
    const { distance, rows } = moved.get(column.name) ?? { distance: null, rows: null };
    const std = column.baselineStd ?? 0;
    return {
      ...column,
      wasserstein: distance,
      wassersteinNorm: distance === null || std === 0 ? null : finite(distance / std),
      wassersteinRows: rows,
    };
  });
}

function requireSameColumns(
  relation: Relation,
  compared: Profile['columns'],
  profile: Profile,
): void {
  const own = new Set<string>(Object.values(CAPTURE_COLUMNS));
  const there = relation.columns.map((column) => column.name).filter((name) => !own.has(name));
  const lacking = compared.map((column) => column.name).filter((name) => !there.includes(name));
  if (lacking.length === 0) return;
  const known = profile.columns.map((column) => column.name);
  const unknown = there.filter((name) => !known.includes(name));
  throw new UnusableData(
    `the window lacks the baseline's columns ${lacking.join(', ')}` +
      (unknown.length > 0 ? `; it has ${unknown.join(', ')}, which the baseline lacks` : ''),
  );
}

/** Rows of each side, missing values included. */
export interface Totals {
  readonly window: number;
  readonly baseline: number;
}

/** The columns, and the scores last when both the baseline and the window have some. */
async function measure(
  duck: Duck,
  relation: Relation,
  profile: Profile,
  detect: DetectPolicy,
  scoreName: string | undefined,
): Promise<{
  readonly totals: Totals;
  readonly columns: readonly Measured[];
  readonly score: Measured | null;
}> {
  const compared = profile.columns.filter((column) => !detect.ignore.includes(column.name));
  const numeric = compared.filter((column) => column.kind === 'numeric');
  const categorical = compared.filter((column) => column.kind === 'categorical');
  const scoreColumn = relation.columns.find(({ name }) => name === scoreName);
  const score =
    profile.prediction === null || scoreColumn === undefined
      ? []
      : [numericQuestion(scoreColumn, profile.prediction)];
  const answers = await countColumns(duck, relation, {
    numeric: [
      ...numeric.map((column) => numericQuestion(columnOf(relation, column.name), column)),
      ...score,
    ],
    categorical: categorical.map((column) => ({
      column: columnOf(relation, column.name),
      domain: column.domain.map((known) => known.value),
    })),
  });
  const totals = { window: answers.rows, baseline: profile.rowCount };
  const measured = new Map<string, Measured>();
  numeric.forEach((column, i) => {
    const counts = answers.numeric[i];
    if (counts !== undefined) measured.set(column.name, measureNumeric(column, counts, totals));
  });
  categorical.forEach((column, i) => {
    const counts = answers.categorical[i];
    if (counts !== undefined) measured.set(column.name, measureCategorical(column, counts, totals));
  });
  return {
    totals,
    columns: compared.flatMap(({ name }) => measured.get(name) ?? []),
    score: measureScore(profile.prediction, answers.numeric[numeric.length], totals),
  };
}

/** `null` when there is no score at all. */
function measureScore(
  profile: NumericColumnProfile | null,
  counts: NumericCounts | undefined,
  totals: Totals,
): Measured | null {
  if (profile === null || counts === undefined || counts.missing === totals.window) return null;
  return { ...measureNumeric(profile, counts, totals), name: 'prediction' };
}

function numericQuestion(column: RelationColumn, profile: NumericColumnProfile): NumericQuestion {
  const range = { min: profile.min ?? -Infinity, max: profile.max ?? Infinity };
  return { column, edges: profile.fineEdges, range, isMixed: profile.invalid > 0 };
}

function columnOf(relation: Relation, name: string): RelationColumn {
  const column = relation.columns.find((candidate) => candidate.name === name);
  if (column === undefined) throw new UnusableData(`the window has no column ${name}`);
  return column;
}

function measureNumeric(
  profile: NumericColumnProfile,
  counts: NumericCounts,
  totals: Totals,
): Measured {
  const edges = { fine: profile.fineEdges, coarse: profile.edges };
  const window = coarsen(edges, counts.fineCounts);
  const enough = profile.count > 0 && counts.count > 0;
  const ks = enough
    ? ksBounds({ baseline: profile.fineCounts, window: counts.fineCounts }, profile.fineEdges)
    : null;
  return {
    name: profile.name,
    kind: 'numeric',
    rows: counts.count,
    baselineRows: profile.count,
    shares: {
      missing: share(profile.missing, counts.missing, totals),
      invalid: share(profile.invalid, counts.invalid, totals),
      nonFinite: share(profile.nonFinite, counts.nonFinite, totals),
      newCategories: null,
    },
    newValues: [],
    vanishedShare: null,
    outOfRangeShare: counts.count === 0 ? null : (counts.belowMin + counts.aboveMax) / counts.count,
    belowMin: counts.belowMin,
    aboveMax: counts.aboveMax,
    leftOut: { baseline: leftOut(profile), window: leftOut(counts) },
    mean: counts.mean ?? null,
    baselineMean: profile.mean,
    baselineStd: profile.std,
    ...distances({ baseline: profile.counts, window }),
    linf: ks?.lower ?? null,
    linfRobust: ks === null ? null : robustLinf(ks.lower, profile.count, counts.count),
    ks,
    pValue: ks === null ? null : ksPValue(ks.lower, profile.count, counts.count),
    density: densityOf({
      fineEdges: profile.fineEdges,
      baseline: profile.fineCounts,
      window: counts.fineCounts,
      min: profile.min ?? Number.NaN,
      max: profile.max ?? Number.NaN,
      belowMin: counts.belowMin,
      aboveMax: counts.aboveMax,
    }),
    bins: window.map((count, bin) => ({
      label: binLabel(profile.edges, bin),
      baseline: profile.counts[bin] ?? 0,
      window: count,
    })),
  };
}

function leftOut(side: {
  readonly missing: number;
  readonly invalid: number;
  readonly nonFinite: number;
}): LeftOut {
  return { missingRows: side.missing, invalidRows: side.invalid, nonFiniteRows: side.nonFinite };
}

function binLabel(edges: readonly number[], bin: number): string {
  const [from, to] = [edges[bin - 1], edges[bin]];
  if (to === undefined) return from === undefined ? 'all' : `> ${rounded(from)}`;
  return from === undefined ? `≤ ${rounded(to)}` : `${rounded(from)} – ${rounded(to)}`;
}

function measureCategorical(
  profile: CategoricalColumnProfile,
  written: CategoricalCounts,
  totals: Totals,
): Measured {
  const domain = profile.domain.map((known) => known.value);
  const counts = profile.other > 0 ? written : truthsAsKnown(domain, written);
  // With an `other` in the baseline nobody can tell a new value from a rare old one: they are one category then.
  const fresh = profile.other > 0 ? [] : counts.fresh;
  const rest = counts.outside - fresh.reduce((sum, value) => sum + value.count, 0);
  const labels = [...domain, ...fresh.map(({ value }) => value), 'other values'];
  const pair = {
    baseline: [...profile.domain.map((known) => known.count), ...fresh.map(() => 0), profile.other],
    window: [...counts.known, ...fresh.map((value) => value.count), rest],
  };
  const enough = profile.count > 0 && counts.count > 0;
  const vanished = profile.domain.filter((_, i) => counts.known[i] === 0);
  const measured = distances(pair);
  return {
    name: profile.name,
    kind: 'categorical',
    rows: counts.count,
    baselineRows: profile.count,
    shares: {
      missing: share(profile.missing, counts.missing, totals),
      invalid: null,
      nonFinite: null,
      newCategories: enough
        ? share(profile.other, counts.outside, { baseline: profile.count, window: counts.count })
        : null,
    },
    newValues: fresh.slice(0, NEW_VALUES_TOLD).map(({ value }) => value),
    vanishedShare: enough
      ? vanished.reduce((sum, known) => sum + known.count, 0) / profile.count
      : null,
    outOfRangeShare: null,
    belowMin: null,
    aboveMax: null,
    leftOut: {
      baseline: leftOut(profile),
      window: leftOut({ missing: counts.missing, invalid: 0, nonFinite: 0 }),
    },
    ...measured,
    linfRobust:
      measured.linf === null ? null : robustLinf(measured.linf, profile.count, counts.count),
    ks: null,
    pValue: measured.chi2?.pValue ?? null,
    bins: plotted(labels, pair),
  };
}

function plotted(labels: readonly string[], pair: CountPair): ColumnComparison['bins'] {
  const all = labels
    .map((label, i) => ({
      label,
      baseline: pair.baseline[i] ?? 0,
      window: pair.window[i] ?? 0,
    }))
    .filter((bin) => bin.baseline > 0 || bin.window > 0)
    .sort((a, b) => b.baseline + b.window - a.baseline - a.window);
  const rest = all.slice(PLOTTED_CATEGORIES);
  if (rest.length === 0) return all;
  const sum = (side: 'baseline' | 'window') => rest.reduce((n, bin) => n + bin[side], 0);
  return [
    ...all.slice(0, PLOTTED_CATEGORIES),
    { label: `${rest.length} more`, baseline: sum('baseline'), window: sum('window') },
  ];
}

function distances(pair: CountPair) {
  const present = dropEmpty(pair);
  const chi = chiSquare(present);
  const js = finite(jsDistance(present));
  return {
    psi: finite(psi(present)),
    psiFloor1e4: finite(psiFloor1e4(present)),
    jsDistance: js,
    jsDistanceNat: finite(jsDistanceNat(present)),
    hellinger: finite(hellinger(present)),
    tvd: finite(tvd(present)),
    linf: js === null ? null : finite(linf(present)),
    chi2:
      js === null
        ? null
        : {
            statistic: chi.statistic,
            df: chi.df,
            pValue: chiSquareTail(chi.statistic, chi.df),
          },
    cramersV: js === null ? null : chi.cramersV,
  };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** `null` when one side has no rows at all. */
function share(baseline: number, window: number, totals: Totals): UnadjustedShare | null {
  if (totals.baseline === 0 || totals.window === 0) return null;
  const before: Proportion = { x: baseline, n: totals.baseline };
  const now: Proportion = { x: window, n: totals.window };
  return {
    baseline: before.x / before.n,
    window: now.x / now.n,
    pValue: twoSidedP(pooledZ(before, now)),
    ...newcombe(before, now, zOfInterval(0.95)),
  };
}

/** What was counted in one column of a window. */
export type CountedColumn =
  | { readonly profile: NumericColumnProfile; readonly counts: NumericCounts }
  | { readonly profile: CategoricalColumnProfile; readonly counts: CategoricalCounts };

/** Judges counts, however they were counted: the part of {@link compareWindow} that needs no database. */
export function compareCounts(
  counted: readonly CountedColumn[],
  totals: Totals,
  detect: DetectPolicy,
): { readonly columns: readonly ColumnComparison[]; readonly verdict: DatasetVerdict } {
  const measured = counted.map((column) =>
    isNumeric(column)
      ? measureNumeric(column.profile, column.counts, totals)
      : measureCategorical(column.profile, column.counts, totals),
  );
  const columns = judge(measured, totals, detect);
  return { columns, verdict: judgeDataset(totals.window, columns, null, detect) };
}

const isNumeric = (
  column: CountedColumn,
): column is Extract<CountedColumn, { profile: NumericColumnProfile }> =>
  column.profile.kind === 'numeric';

/** Adjusts p over all columns and, apart from them, over all shares; then judges every column. */
function judge(
  measured: readonly Measured[],
  totals: Totals,
  detect: DetectPolicy,
): readonly ColumnComparison[] {
  const adjusted = adjustSome(measured.map((column) => column.pValue));
  const shares = measured.flatMap((column) => SHARE_KEYS.map((key) => column.shares[key]));
  const adjustedShares = adjustSome(shares.map((found) => found?.pValue ?? null));
  return measured.map(({ shares: own, ...column }, i) => {
    const withAdjusted = (key: (typeof SHARE_KEYS)[number]): ShareComparison | null => {
      const found = own[key];
      const pAdjusted = adjustedShares[i * SHARE_KEYS.length + SHARE_KEYS.indexOf(key)] ?? null;
      return found === null || pAdjusted === null ? null : { ...found, pAdjusted };
    };
    const complete = {
      ...column,
      missing: withAdjusted('missing'),
      invalid: withAdjusted('invalid'),
      nonFinite: withAdjusted('nonFinite'),
      newCategories: withAdjusted('newCategories'),
      pAdjusted: adjusted[i] ?? null,
    };
    const facts = { ...complete, windowTotal: totals.window, baselineTotal: totals.baseline };
    return { ...complete, ...judgeColumn(facts, detect) };
  });
}

function adjustSome(pValues: readonly (number | null)[]): readonly (number | null)[] {
  const known = pValues.filter((p) => p !== null);
  const adjusted = benjaminiHochberg(known)[Symbol.iterator]();
  return pValues.map((p) => (p === null ? null : (adjusted.next().value ?? null)));
}
