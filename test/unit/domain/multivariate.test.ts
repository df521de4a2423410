import { describe, expect, it } from 'vitest';

import {
  isMultivariateJob,
  judgeMultivariate,
  multivariateLimitsFault,
  multivariateJob,
  multivariateLimits,
  multivariateReport,
  multivariateResult,
  type MultivariateReading,
} from '../../../domain/multivariate.js';
import { multivariateReportSchema } from '../../../domain/multivariate.schema.js';

const LIMITS = multivariateLimits('domain-classifier');

const statistic = (own: Partial<NonNullable<MultivariateReading['statistic']>> = {}) => ({
  name: 'auc' as const,
  value: 0.8,
  lower: 0.78,
  upper: 0.82,
  confidence: 0.98,
  z: 20,
  pValue: 0,
  nullMean: 0.5,
  nullSd: 0.01,
  ...own,
});

const reading = (own: Partial<MultivariateReading> = {}): MultivariateReading => ({
  schema: 'modelkeeper/multivariate-v1',
  method: 'domain-classifier',
  seed: 1,
  reference: { rows: 1_000, sampled: 1_000 },
  window: { rows: 500, sampled: 500 },
  statistic: statistic(),
  columns: [
    { name: 'age', importance: 0.3, alone: 0.5 },
    { name: 'income', importance: 0.3, alone: 0.5 },
  ],
  pairs: [
    {
      columns: ['age', 'income'],
      of: ['age', 'income'],
      importance: 0.3,
      reference: 0.8,
      window: -0.79,
    },
  ],
  used: 2,
  leftOut: [],
  ...own,
});

const kindOf = (own: Partial<MultivariateReading>): string =>
  judgeMultivariate(reading(own), LIMITS).kind;

describe('the verdict on columns together', () => {
  it.each([
    [0.65, 'warn'],
    [0.6501, 'drift'],
    [0.55, 'ok'],
    [0.5501, 'warn'],
  ])('counts the lower bound of the AUC: %d is %s', (lower, kind) => {
    expect(kindOf({ statistic: statistic({ lower, value: 0.8 }) })).toBe(kind);
  });

  it('wants more than an effect: what chance may do is no drift', () => {
    expect(kindOf({ statistic: statistic({ pValue: 0.01 }) })).toBe('ok');
    expect(kindOf({ statistic: statistic({ pValue: 0.0099 }) })).toBe('drift');
  });

  it.each(['reference', 'window'] as const)('cannot tell with too few rows of the %s', (side) => {
    expect(kindOf({ [side]: { rows: 10_000, sampled: 199 } })).toBe('insufficient data');
    expect(kindOf({ [side]: { rows: 10_000, sampled: 200 } })).toBe('drift');
  });

  it('never takes a statistic that is not there, or is no number, for a pass', () => {
    expect(kindOf({ statistic: null })).toBe('insufficient data');
    expect(kindOf({ statistic: statistic({ lower: Number.NaN }) })).toBe('insufficient data');
    expect(kindOf({ statistic: statistic({ pValue: Number.NaN }) })).toBe('insufficient data');
  });

  it.each([
    [0.51, 0.9, 'drift'],
    [0.5, 0.9, 'warn'],
    [-0.9, -0.51, 'drift'],
    [-0.9, 0.9, 'ok'],
    [0.2, 0.9, 'ok'],
  ])('counts the nearer bound of a shift, up or down: [%d, %d] is %s', (lower, upper, kind) => {
    const found = reading({
      method: 'pca',
      statistic: statistic({ name: 'shift', lower, upper, value: (lower + upper) / 2 }),
    });
    expect(judgeMultivariate(found, multivariateLimits('pca')).kind).toBe(kind);
  });

  it('says which columns moved together differently', () => {
    expect(judgeMultivariate(reading(), LIMITS).reasons[0]).toBe(
      'columns age and income moved together differently: rank correlation 0.80 in the reference, −0.79 in the window',
    );
  });

  it('names columns by themselves where no pair carries what they carry', () => {
    const columns = [
      { name: 'age', importance: 0.3, alone: 0.7 },
      { name: 'income', importance: 0.01, alone: 0.5 },
    ];
    const pairs = reading().pairs.map((pair) => ({ ...pair, importance: 0.1 }));
    expect(judgeMultivariate(reading({ columns, pairs }), LIMITS).reasons[0]).toBe(
      'column age moved',
    );
  });

  it('names no pair that is chance beside a column that moved', () => {
    const columns = [{ name: 'city', importance: 0.3, alone: 0.8 }];
    const pairs = reading().pairs.map((pair) => ({ ...pair, importance: 0.001 }));
    expect(judgeMultivariate(reading({ columns, pairs }), LIMITS).reasons[0]).toBe(
      'column city moved',
    );
  });

  it('points at a column that tells all, as the number of a row does', () => {
    const columns = [{ name: 'row', importance: 0.5, alone: 1 }];
    expect(judgeMultivariate(reading({ columns }), LIMITS).reasons[0]).toMatch(
      /^column row tells the two apart by itself: leave it out/,
    );
  });

  it('lets no name of a column break a sentence', () => {
    const [pair] = reading().pairs;
    const hostile = `a\u001b[31m\n${'x'.repeat(500)}`;
    if (pair === undefined) throw new Error('there is a pair');
    const [reason = ''] = judgeMultivariate(
      reading({ pairs: [{ ...pair, columns: [hostile, 'income'], of: [hostile, 'income'] }] }),
      LIMITS,
    ).reasons;
    expect(reason).not.toMatch(/\p{Cc}/u);
    expect(reason.length).toBeLessThan(250);
  });

  it.each([
    [{ warn: 0.7 }, /warn \(0.7\) is above drift/],
    [{ warn: 0.4 }, /at least 0.5, which is chance/],
    [{ drift: 1 }, /below 1/],
  ])('refuses limits that could never be met or always are: %j', (own, fault) => {
    expect(
      multivariateLimitsFault('domain-classifier', multivariateLimits('domain-classifier', own)),
    ).toMatch(fault);
    expect(multivariateLimitsFault('domain-classifier', LIMITS)).toBeUndefined();
  });
});

describe('the window of a job', () => {
  const window = {
    fromMs: Date.parse('2026-03-01T00:00:00Z'),
    toMs: Date.parse('2026-03-02T00:00:00Z'),
  };
  const resultOf = (own: Partial<MultivariateReading>) =>
    multivariateResult('together', window, reading(own), LIMITS);

  it('is a breach that names columns and rows', () => {
    const result = resultOf({});
    expect(result).toMatchObject({ result: 'breach', rows: 500, sourceKind: 'multivariate' });
    expect(result.sentence).toMatch(
      /^together, 2026-03-01 .* columns age and income moved together differently/,
    );
    expect(result.columns.map(({ name }) => name)).toEqual(['age', 'income']);
  });

  it('names no column where nothing moved, and is no pass without evidence', () => {
    expect(resultOf({ statistic: statistic({ pValue: 0.5 }) })).toMatchObject({
      result: 'ok',
      columns: [],
    });
    expect(resultOf({ statistic: null }).result).toBe('cannot tell');
  });

  it('has a job whose name SageMaker takes, whatever the model is called', () => {
    const name = multivariateJob('a'.repeat(40), 'f'.repeat(64));
    expect(`${name}-t3`.length).toBeLessThanOrEqual(63);
  });

  it.each([
    [multivariateJob('flights', 'f'.repeat(64)), true],
    [`${multivariateJob('flights', 'f'.repeat(64))}-t2`, true],
    [multivariateJob('old-flights', 'f'.repeat(64)), false],
    [multivariateJob('flights-mv', 'f'.repeat(64)), false],
    ['flights-mv-3', false],
    ['flights-mv-ffffffffffff-score', false],
  ])('knows its own jobs by their names: %s is %s', (name, isOurs) => {
    expect(isMultivariateJob('flights', name)).toBe(isOurs);
  });
});

describe('the file of a job', () => {
  const whole = multivariateReport(reading(), LIMITS);

  it('is what its schema says', () => {
    expect(multivariateReportSchema.parse(JSON.parse(JSON.stringify(whole)))).toEqual(whole);
  });

  it.each([
    ['another version', { schema: 'modelkeeper/multivariate-v2' }],
    ['a number that became null', { statistic: { ...statistic(), lower: null } }],
    ['a value outside of its interval', { statistic: statistic({ value: 0.9 }) }],
    ['the statistic of another method', { statistic: statistic({ name: 'shift' }) }],
    ['more rows than there are', { window: { rows: 1, sampled: 500 } }],
    ['a member nobody knows', { trust: 'me' }],
    ['no statistic at all', { statistic: undefined }],
  ])('is refused with %s', (_what, own) => {
    expect(multivariateReportSchema.safeParse({ ...whole, ...own }).success).toBe(false);
  });
});
