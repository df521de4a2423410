import { describe, expect, it } from 'vitest';

import type { ColumnFacts } from '../../../domain/stats/verdict.js';
import { driftedShare, judgeColumn, judgeDataset, rounded } from '../../../domain/stats/verdict.js';
import type {
  ComparisonVerdict,
  DetectPolicy,
  ShareComparison,
} from '../../../domain/stats/types.js';

const policy: DetectPolicy = {
  warn: 0.1,
  drift: 0.2,
  significance: 0.01,
  minRows: 200,
  critical: [],
  ignore: [],
  share: 0.3,
  newCategoriesAreDrift: [],
};

const quiet: ColumnFacts = {
  name: 'x',
  rows: 200,
  baselineRows: 200,
  windowTotal: 200,
  baselineTotal: 200,
  missing: null,
  invalid: null,
  nonFinite: null,
  newCategories: null,
  jsDistance: 0,
  pAdjusted: 1,
};

function share(baseline: number, window: number, pAdjusted = 0.000_09): ShareComparison {
  return { baseline, window, pValue: pAdjusted, pAdjusted, lower: 0, upper: 0 };
}

describe('judgeColumn', () => {
  it.each([
    ['ok', 'nothing moved, with just enough rows', {}],
    ['ok', 'the distance is just below the warning', { jsDistance: 0.0999, pAdjusted: 0 }],
    ['warn', 'the distance is on the warning', { jsDistance: 0.1, pAdjusted: 0 }],
    ['warn', 'the distance is just below drift', { jsDistance: 0.1999, pAdjusted: 0 }],
    ['drift', 'the distance is on drift', { jsDistance: 0.2, pAdjusted: 0.0099 }],
    ['ok', 'the difference may be chance', { jsDistance: 0.9, pAdjusted: 0.01 }],
    ['insufficient data', 'the window is one row short', { windowTotal: 199, rows: 199 }],
    ['insufficient data', 'the baseline is one row short', { baselineTotal: 199 }],
    ['insufficient data', 'too few values are left', { rows: 199 }],
    ['insufficient data', 'the distance is not known', { jsDistance: null }],
    ['insufficient data', 'p is not known', { jsDistance: 0.5, pAdjusted: null }],
    ['data quality', 'two points more are missing', { missing: share(0, 0.02) }],
    ['data quality', 'two points fewer are missing', { missing: share(0.5, 0.48) }],
    ['ok', 'fewer than two points more are missing', { missing: share(0, 0.0199) }],
    [
      'ok',
      'more are missing, as chance would have it once in ten thousand windows',
      { missing: share(0, 0.5, 0.000_1) },
    ],
    ['data quality', 'more are unreadable', { invalid: share(0, 0.02) }],
    ['ok', 'fewer are unreadable', { invalid: share(0.5, 0) }],
    ['data quality', 'more are infinite', { nonFinite: share(0, 0.02) }],
    ['data quality', 'values are new', { newCategories: share(0, 0.02) }],
    ['ok', 'a few values are new', { newCategories: share(0, 0.0199) }],
  ] as const)('is %s when %s', (verdict, _when, facts) => {
    expect(judgeColumn({ ...quiet, ...facts }, policy).verdict).toBe(verdict);
  });

  it('calls broken data broken, however far it moved', () => {
    const facts = { ...quiet, missing: share(0, 0.1), jsDistance: 0.9, pAdjusted: 0 };
    expect(judgeColumn(facts, policy).verdict).toBe('data quality');
  });
  it('calls a column broken that went missing altogether, though no values are left', () => {
    const facts = { ...quiet, rows: 0, missing: share(0, 1), jsDistance: null, pAdjusted: null };
    expect(judgeColumn(facts, policy).verdict).toBe('data quality');
  });
  it('does not judge data quality on too few rows either', () => {
    const facts = { ...quiet, windowTotal: 199, missing: share(0, 1) };
    expect(judgeColumn(facts, policy).verdict).toBe('insufficient data');
  });
  it('lets new values count by their distance where the policy says so', () => {
    const facts = { ...quiet, newCategories: share(0, 0.9), jsDistance: 0.5, pAdjusted: 0 };
    const open = { ...policy, newCategoriesAreDrift: ['x'] };
    expect(judgeColumn(facts, open).verdict).toBe('drift');
  });
});

function columns(...verdicts: readonly ComparisonVerdict[]) {
  return verdicts.map((verdict, i) => ({ name: `c${i}`, verdict, reason: 'because' }));
}

function dataset(
  verdicts: readonly ComparisonVerdict[],
  changes: Partial<DetectPolicy> = {},
  prediction: ComparisonVerdict | null = null,
  rows = 200,
) {
  const score =
    prediction === null ? null : { name: 'prediction', verdict: prediction, reason: 'because' };
  return judgeDataset(rows, columns(...verdicts), score, { ...policy, ...changes });
}

describe('judgeDataset', () => {
  it.each([
    ['ok', ['ok', 'ok']],
    ['ok', ['ok', 'insufficient data']],
    ['warn', ['ok', 'warn']],
    ['warn', ['drift', 'ok', 'ok', 'ok']],
    ['drift', ['drift', 'ok', 'ok']],
    ['drift', ['drift', 'ok', 'ok', 'insufficient data']],
    ['data quality', ['data quality', 'drift', 'drift']],
    ['insufficient data', ['insufficient data', 'insufficient data']],
    ['insufficient data', []],
  ] as const)('is %s for %j', (kind, verdicts) => {
    expect(dataset(verdicts).kind).toBe(kind);
  });
  it('drifts on the very share that is enough', () => {
    const verdicts = ['drift', 'drift', 'drift', ...Array<'ok'>(7).fill('ok')] as const;
    expect(dataset(verdicts).kind).toBe('drift');
    expect(dataset(verdicts, { share: 0.31 }).kind).toBe('warn');
  });
  it('drifts by one critical column', () => {
    expect(dataset(['drift', 'ok', 'ok', 'ok'], { critical: ['c0'] }).kind).toBe('drift');
  });
  it('drifts by its scores alone', () => {
    expect(dataset(['ok', 'ok'], {}, 'drift').kind).toBe('drift');
  });
  it('is broken by its scores alone', () => {
    expect(dataset(['ok', 'ok'], {}, 'data quality').kind).toBe('data quality');
  });
  it('is not called ok when a critical column has no evidence', () => {
    const verdicts = ['insufficient data', 'ok', 'warn'] as const;
    expect(dataset(verdicts, { critical: ['c0'] }).kind).toBe('insufficient data');
  });
  it('drifts by another column though a critical one has no evidence', () => {
    expect(dataset(['insufficient data', 'drift'], { critical: ['c0'] }).kind).toBe('drift');
  });
  it('says nothing one row short, whatever its columns say', () => {
    expect(dataset(['drift', 'drift'], {}, 'drift', 199).kind).toBe('insufficient data');
  });
  it('never drifts by a share of nothing', () => {
    expect(dataset(['ok', 'ok'], { share: 0 }).kind).toBe('ok');
  });
  it('tells which column and why', () => {
    expect(dataset(['data quality', 'ok']).reasons).toEqual(['c0: because']);
  });
});

describe('driftedShare', () => {
  const of = (weights?: Readonly<Record<string, number>>) =>
    driftedShare(columns('drift', 'ok', 'insufficient data'), weights);
  it('weighs all columns with evidence alike', () => {
    expect(of()).toBe(0.5);
  });
  it('weighs by what was given, unnamed columns not at all', () => {
    expect(of({ c0: 3, c1: 1 })).toBe(0.75);
    expect(of({ c1: 1 })).toBe(0);
  });
  it('falls back to equal weights when none with evidence has one', () => {
    expect(of({ c2: 5, toString: 9 })).toBe(0.5);
  });
});

describe('what people read', () => {
  const named = (name: string, verdict: ComparisonVerdict) => ({
    name,
    verdict,
    reason: `${name} is ${verdict}`,
  });
  const reasons = (...args: Parameters<typeof judgeDataset>) => judgeDataset(...args).reasons;
  it('of too few rows is how many there are', () => {
    expect(reasons(199, [], null, policy)).toEqual(['199 rows in the window, 200 are needed']);
  });
  it('of columns without evidence is that there is none', () => {
    const blind = [named('a', 'insufficient data')];
    expect(reasons(200, blind, null, policy)).toEqual(['no column could be compared']);
  });
  it('of a calm window is how many columns were compared', () => {
    const columns = [named('a', 'ok'), named('b', 'ok'), named('c', 'insufficient data')];
    expect(reasons(200, columns, null, policy)).toEqual(['2 columns compared, none moved']);
  });
  it('of drift is what drifted: critical columns, the score, the share', () => {
    const columns = [named('a', 'drift'), named('b', 'drift'), named('c', 'ok')];
    const critical = { ...policy, critical: ['a'] };
    expect(reasons(200, columns, named('p', 'drift'), critical)).toEqual([
      'the critical column a: a is drift',
      'the score p is drift',
      '66.7 % of the columns drifted (30 % is enough): a, b',
    ]);
  });
  it('of a share is both sides in percent', () => {
    const missing = { ...quiet, missing: share(0.01, 0.25) };
    expect(judgeColumn(missing, policy).reason).toContain('25 %');
    expect(judgeColumn(missing, policy).reason).toContain('1 % in the baseline');
  });
  it('has three digits', () => {
    expect([0.123456, 1234.5, 0.1].map(rounded)).toEqual(['0.123', '1230', '0.1']);
  });
});

describe('driftedShare without evidence', () => {
  it('is nothing', () => {
    expect(driftedShare([{ name: 'a', verdict: 'insufficient data' }], undefined)).toBe(0);
    expect(driftedShare([], undefined)).toBe(0);
  });
});
