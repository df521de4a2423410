import type {
  ColumnComparison,
  ComparisonVerdict,
  DatasetVerdict,
  DetectPolicy,
  ShareComparison,
} from './types.js';

/** Smallest change of a share of rows that counts: the effect key beside the significance key. */
export const SMALLEST_SHARE_CHANGE = 0.02;

/**
 * Adjusted p below which a share has changed. Broken data count from their first window, where drift has to persist: so
 * that no more healthy windows are called broken, the chance must be as small as that of two windows in a row.
 */
export function shareSignificance(significance: number): number {
  return significance ** 2;
}

/** What is known about one column before it is judged. */
export type ColumnFacts = Pick<
  ColumnComparison,
  | 'name'
  | 'rows'
  | 'baselineRows'
  | 'missing'
  | 'invalid'
  | 'nonFinite'
  | 'newCategories'
  | 'jsDistance'
  | 'pAdjusted'
> & {
  /** Rows of the whole window and of the whole baseline, missing values included. */
  readonly windowTotal: number;
  readonly baselineTotal: number;
};

export interface ColumnVerdict {
  readonly verdict: ComparisonVerdict;
  readonly reason: string;
}

/**
 * One column: too few rows in the window outranks everything, as nothing can be said; then data quality, which looks at
 * all rows, so that a column that went missing altogether is told as that; then too few values left to compare; then
 * drift and warning, each needing both keys: a distance, and an adjusted p below the significance.
 */
export function judgeColumn(facts: ColumnFacts, policy: DetectPolicy): ColumnVerdict {
  const short = tooFew(facts.windowTotal, facts.baselineTotal, policy.minRows, 'rows');
  if (short !== null) return { verdict: 'insufficient data', reason: short };

  const faults = dataFaults(facts, policy);
  if (faults.length > 0) return { verdict: 'data quality', reason: faults.join('; ') };

  const sparse = tooFew(facts.rows, facts.baselineRows, policy.minRows, 'values');
  if (sparse !== null) return { verdict: 'insufficient data', reason: sparse };

  return judgeDistance(facts, policy);
}

function tooFew(window: number, baseline: number, minRows: number, what: string): string | null {
  if (window < minRows) return `${window} ${what} in the window, ${minRows} are needed`;
  if (baseline < minRows) return `${baseline} ${what} in the baseline, ${minRows} are needed`;
  return null;
}

function dataFaults(facts: ColumnFacts, policy: DetectPolicy): readonly string[] {
  const significance = shareSignificance(policy.significance);
  const faults: string[] = [];
  if (changed(facts.missing, significance)) faults.push(shareSentence('missing', facts.missing));
  if (rose(facts.invalid, significance)) faults.push(shareSentence('unreadable', facts.invalid));
  if (rose(facts.nonFinite, significance)) faults.push(shareSentence('infinite', facts.nonFinite));
  if (
    !policy.newCategoriesAreDrift.includes(facts.name) &&
    rose(facts.newCategories, significance)
  ) {
    faults.push(shareSentence('values the baseline never had', facts.newCategories));
  }
  return faults;
}

/** Both keys for a share, in either direction: a gap that closed is a difference between training and serving too. */
function changed(share: ShareComparison | null, significance: number): share is ShareComparison {
  return (
    share !== null &&
    share.pAdjusted < significance &&
    Math.abs(share.window - share.baseline) >= SMALLEST_SHARE_CHANGE
  );
}

function rose(share: ShareComparison | null, significance: number): share is ShareComparison {
  return changed(share, significance) && share.window > share.baseline;
}

function shareSentence(what: string, share: ShareComparison): string {
  return `${percent(share.window)} ${what}, ${percent(share.baseline)} in the baseline`;
}

function judgeDistance(facts: ColumnFacts, policy: DetectPolicy): ColumnVerdict {
  const { jsDistance, pAdjusted } = facts;
  if (jsDistance === null || pAdjusted === null) {
    return { verdict: 'insufficient data', reason: 'the distance could not be computed' };
  }
  const moved = `moved by ${rounded(jsDistance)}`;
  if (jsDistance < policy.warn) {
    return { verdict: 'ok', reason: `${moved}, less than ${policy.warn}` };
  }
  if (!(pAdjusted < policy.significance)) {
    return { verdict: 'ok', reason: `${moved}, which may be chance (p ${rounded(pAdjusted)})` };
  }
  return jsDistance >= policy.drift
    ? { verdict: 'drift', reason: `${moved} (drift from ${policy.drift})` }
    : { verdict: 'warn', reason: `${moved} (warning from ${policy.warn})` };
}

type JudgedColumn = Pick<ColumnComparison, 'name' | 'verdict' | 'reason'>;

/**
 * The whole window: too few rows > data quality > drift > no evidence on what matters > warning > ok. Data quality
 * outranks drift because a model retrained on broken data is broken. A column without evidence has no vote on the share
 * of drifted columns; when a critical one or all of them have none, the window is not called ok.
 */
export function judgeDataset(
  rows: number,
  columns: readonly JudgedColumn[],
  prediction: JudgedColumn | null,
  policy: DetectPolicy,
): DatasetVerdict {
  if (rows < policy.minRows) {
    return {
      kind: 'insufficient data',
      reasons: [`${rows} rows in the window, ${policy.minRows} are needed`],
    };
  }
  const everything = prediction === null ? columns : [...columns, prediction];
  const drift = driftReasons(columns, prediction, policy);
  const broken = everything.filter((column) => column.verdict === 'data quality');
  if (broken.length > 0) {
    return { kind: 'data quality', reasons: [...broken.map(sentence), ...drift] };
  }
  if (drift.length > 0) return { kind: 'drift', reasons: drift };

  const blind = columns.filter((column) => column.verdict === 'insufficient data');
  const blindCritical = blind.filter((column) => policy.critical.includes(column.name));
  if (blindCritical.length > 0) {
    return { kind: 'insufficient data', reasons: blindCritical.map(sentence) };
  }
  if (blind.length === columns.length) {
    return { kind: 'insufficient data', reasons: ['no column could be compared'] };
  }
  const moving = everything.filter(({ verdict }) => verdict === 'warn' || verdict === 'drift');
  return moving.length > 0
    ? { kind: 'warn', reasons: moving.map(sentence) }
    : { kind: 'ok', reasons: [`${columns.length - blind.length} columns compared, none moved`] };
}

function driftReasons(
  columns: readonly JudgedColumn[],
  prediction: JudgedColumn | null,
  policy: DetectPolicy,
): readonly string[] {
  const drifted = columns.filter((column) => column.verdict === 'drift');
  const critical = drifted.filter((column) => policy.critical.includes(column.name));
  const share = driftedShare(columns, policy.weights);
  const reasons = critical.map((column) => `the critical column ${sentence(column)}`);
  if (prediction?.verdict === 'drift') reasons.push(`the score ${prediction.reason}`);
  if (drifted.length > 0 && share >= policy.share) {
    const names = drifted.map((column) => column.name).join(', ');
    reasons.push(
      `${percent(share)} of the columns drifted (${percent(policy.share)} is enough): ${names}`,
    );
  }
  return reasons;
}

/** Weighted share of drifted columns among those with evidence; equal weights when none of these has one. */
export function driftedShare(
  columns: readonly Pick<ColumnComparison, 'name' | 'verdict'>[],
  weights: DetectPolicy['weights'],
): number {
  const judged = columns.filter((column) => column.verdict !== 'insufficient data');
  const given = (name: string) =>
    weights !== undefined && Object.hasOwn(weights, name) ? Math.max(0, weights[name] ?? 0) : 0;
  const anyGiven = judged.some((column) => given(column.name) > 0);
  const sum = (of: readonly { readonly name: string }[]) =>
    of.reduce((all, column) => all + (anyGiven ? given(column.name) : 1), 0);
  const drifted = judged.filter((column) => column.verdict === 'drift');
  return judged.length === 0 ? 0 : sum(drifted) / sum(judged);
}

function sentence(column: JudgedColumn): string {
  return `${column.name}: ${column.reason}`;
}

function percent(share: number): string {
  return `${rounded(share * 100)} %`;
}

/** Three significant digits, as people read them. */
export function rounded(value: number): string {
  return String(Number(value.toPrecision(3)));
}
