/** What the local Clarify computes, against values worked out by hand and examples that AWS publishes. */
import { describe, expect, it } from 'vitest';
import { biasAnalysis, biasViolations } from '../../../sandbox/aws/sagemaker/clarify-bias.js';
import type { BiasRow } from '../../../sandbox/aws/sagemaker/clarify-bias.js';
import { ndcg, shapAnalysis, shapViolations } from '../../../sandbox/aws/sagemaker/clarify-shap.js';

interface Counts {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
}

const rowsOf = (group: string, counts: Counts, branch = 'x'): readonly BiasRow[] =>
  (
    [
      ['1', '1', counts.tp],
      ['0', '1', counts.fp],
      ['1', '0', counts.fn],
      ['0', '0', counts.tn],
    ] as const
  ).flatMap(([label, predicted, times]) =>
    Array.from({ length: times }, () => ({ cells: { group, branch }, label, predicted })),
  );

const CONFIG = {
  label: 'paid',
  label_values_or_threshold: ['1'],
  facets: [{ name: 'group', values: ['d'] }],
} as const;
const advantaged: Counts = { tp: 4, fp: 1, fn: 2, tn: 3 };
const disadvantaged: Counts = { tp: 1, fp: 2, fn: 2, tn: 5 };
const analysed = (a: Counts, d: Counts, config = {}) =>
  biasAnalysis([...rowsOf('a', a), ...rowsOf('d', d)], { ...CONFIG, ...config });

const valuesOf = (
  analysis: ReturnType<typeof analysed>,
  stage: 'pre_training_bias_metrics' | 'post_training_bias_metrics',
  facet = 'group',
) =>
  Object.fromEntries(
    analysis[stage]?.facets[facet]?.[0]?.metrics.map(({ name, value }) => [name, value]) ?? [],
  );

describe('bias', () => {
  const analysis = analysed(advantaged, disadvantaged);

  it.each([
    ['CI', 0],
    ['DPL', 0.3],
    ['KL', 0.6 * Math.log(2) + 0.4 * Math.log(0.4 / 0.7)],
    ['JS', 0.0462],
    ['LP', Math.SQRT2 * 0.3],
    ['TVD', 0.3],
    ['KS', 0.3],
  ])('before training: %s', (metric, expected) => {
    expect(valuesOf(analysis, 'pre_training_bias_metrics')[metric]).toBeCloseTo(expected, 4);
  });

  it.each([
    ['DPPL', 0.2],
    ['DI', 0.6],
    ['DCA', 0.2],
    ['DCR', 0.2],
    ['AD', 0.1],
    ['RD', 1 / 3],
    ['SD', 5 / 7 - 3 / 4],
    ['DAR', 4 / 5 - 1 / 3],
    ['DRR', 5 / 7 - 3 / 5],
    ['TE', -1],
    ['GE', (25 / 0.95 ** 2 - 20) / 40],
  ])('of the model: %s', (metric, expected) => {
    expect(valuesOf(analysis, 'post_training_bias_metrics')[metric]).toBeCloseTo(expected, 10);
  });

  it('has the layout of analysis.json, and conditional disparity only with a group variable', () => {
    expect(analysis).toMatchObject({
      version: '1.0',
      post_training_bias_metrics: {
        label: 'paid',
        label_value_or_threshold: '1',
        facets: { group: [{ value_or_threshold: 'd' }] },
      },
    });
    expect(valuesOf(analysis, 'post_training_bias_metrics')).not.toHaveProperty('CDDPL');
    // In each branch the group has all of the rejected and none of the accepted, or the other way round.
    const branches = [
      ...rowsOf('a', { tp: 2, fp: 0, fn: 0, tn: 0 }, 'x'),
      ...rowsOf('d', { tp: 0, fp: 0, fn: 0, tn: 2 }, 'x'),
      ...rowsOf('a', { tp: 0, fp: 0, fn: 0, tn: 1 }, 'y'),
      ...rowsOf('d', { tp: 1, fp: 0, fn: 0, tn: 0 }, 'y'),
    ];
    const byBranch = biasAnalysis(branches, { ...CONFIG, group_variable: 'branch' });
    expect(valuesOf(byBranch, 'post_training_bias_metrics')['CDDPL']).toBeCloseTo(
      (4 * 1 + 2 * -1) / 6,
      10,
    );
  });

  it('is measured for each value of a facet that names none, and above the threshold of a scale', () => {
    const each = biasAnalysis([...rowsOf('a', advantaged), ...rowsOf('d', disadvantaged)], {
      ...CONFIG,
      facets: [{ name: 'group' }],
    });
    expect(
      each.pre_training_bias_metrics?.facets['group']?.map((one) => one.value_or_threshold),
    ).toEqual(['a', 'd']);
    const ages = Array.from({ length: 10 }, (_, n) => ({
      cells: { age: String(30 + n * 2.5) },
      label: '1',
      predicted: '1',
    }));
    const old = biasAnalysis(ages, { ...CONFIG, facets: [{ name: 'age', values: [40] }] });
    // 42.5 to 52.5 are above 40: five of ten.
    expect(valuesOf(old, 'pre_training_bias_metrics', 'age')['CI']).toBe(0);
  });

  it('of a facet that nobody, or everybody, belongs to is an error and no violation', () => {
    const nobody = analysed(advantaged, disadvantaged, {
      facets: [{ name: 'group', values: ['z'] }],
    });
    expect(nobody.post_training_bias_metrics?.facets['group']?.[0]?.metrics[0]).toMatchObject({
      value: null,
      error: 'Facet set is empty',
    });
    expect(biasViolations(nobody, analysis)).toEqual([]);
  });

  it('is violated by what is farther from zero than the baseline, on either side; DI by what is farther from one', () => {
    const of = (now: object): readonly { metric_name?: string }[] => {
      const section = (metrics: object) => ({
        label: 'paid',
        label_value_or_threshold: '1',
        facets: {
          group: [
            {
              value_or_threshold: 'd',
              metrics: Object.entries(metrics).map(([name, value]) => ({
                name,
                description: '',
                value: value as number,
              })),
            },
          ],
        },
      });
      return biasViolations(
        { version: '1.0', post_training_bias_metrics: section(now) },
        { version: '1.0', post_training_bias_metrics: section({ DPPL: 0.2, DI: 0.8 }) },
      );
    };
    expect(of({ DPPL: 0.1, DI: 1.2 })).toEqual([]);
    expect(of({ DPPL: 0.2, DI: 0.8 })).toEqual([]);
    expect(of({ DPPL: -0.3, DI: 1.3 })).toEqual([
      {
        facet: 'group',
        facet_value: 'd',
        metric_name: 'DPPL',
        constraint_check_type: 'bias_drift_check',
        description: 'Value -0.3 does not meet the constraint requirement',
      },
      expect.objectContaining({ metric_name: 'DI' }),
    ]);
  });
});

describe('feature attributions', () => {
  const config = {
    features: ['a', 'b'],
    background: [['0', '0']],
    aggregation: 'mean_abs',
    useLogit: false,
  } as const;
  const globals = async (
    f: (a: number, b: number) => number,
    rows: readonly (readonly string[])[],
    over = {},
  ) => {
    const analysis = await shapAnalysis(rows, { ...config, ...over }, undefined, (cells) =>
      Promise.resolve(cells.map(([a, b]) => f(Number(a), Number(b)))),
    );
    return analysis.explanations?.kernel_shap?.['label0'];
  };

  it('of a sum are its parts, and of a product its halves', async () => {
    expect(
      await globals(
        (a, b) => 0.1 * a - 0.3 * b,
        [
          ['1', '1'],
          ['3', '0'],
        ],
      ),
    ).toEqual({
      global_shap_values: {
        a: expect.closeTo(0.2, 10) as number,
        b: expect.closeTo(0.15, 10) as number,
      },
      expected_value: 0,
    });
    expect((await globals((a, b) => a * b, [['2', '3']]))?.global_shap_values).toEqual({
      a: 3,
      b: 3,
    });
  });

  it('are joined as the configuration says, in log-odds where it says so', async () => {
    const rows = [
      ['1', '0'],
      ['-3', '0'],
      ['-4', '0'],
    ];
    const a = async (over: object, f = (x: number): number => x) =>
      (await globals(f, rows, over))?.global_shap_values['a'];
    expect(await a({ aggregation: 'median' })).toBe(-3);
    expect(await a({ aggregation: 'mean_sq' })).toBeCloseTo(26 / 3, 10);
    expect(await a({ useLogit: true }, (x) => 1 / (1 + Math.exp(-x)))).toBeCloseTo(8 / 3, 6);
  });

  it("are compared by nDCG, as in AWS's example of an admission", () => {
    const training = { sat: 0.7, gpa: 0.5, rank: 0.05 };
    const live = { sat: 0.1, gpa: 0.2, rank: 0.7 };
    const ideal = 0.7 + 0.5 / Math.log2(3) + 0.05 / 2;
    expect(ndcg(training, live)).toBeCloseTo((0.05 + 0.5 / Math.log2(3) + 0.7 / 2) / ideal, 12);
    expect(ndcg(training, training)).toBe(1);
    // All the same now: each stands at the mean of all places.
    const even = (1.25 / 3) * (1 + 1 / Math.log2(3) + 1 / 2);
    expect(ndcg(training, { sat: 1, gpa: 1, rank: 1 })).toBeCloseTo(even / ideal, 12);
  });

  it('are violated below 0.9, one violation for each label', () => {
    const analysis = (values: Readonly<Record<string, number>>) => ({
      version: '1.0',
      explanations: { kernel_shap: { label0: { global_shap_values: values, expected_value: 0 } } },
    });
    const before = analysis({ sat: 0.7, gpa: 0.5, rank: 0.05 });
    expect(shapViolations(before, before)).toEqual([]);
    const [violation, ...more] = shapViolations(
      analysis({ sat: 0.1, gpa: 0.2, rank: 0.7 }),
      before,
    );
    expect(more).toEqual([]);
    expect(violation).toMatchObject({
      label: 'label0',
      metric_name: 'shap',
      constraint_check_type: 'feature_attribution_drift_check',
      description: expect.stringMatching(
        /^Feature attribution drift 0\.68\d+ exceeds threshold 0\.9$/,
      ) as string,
    });
  });
});
