import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { zOfInterval } from '../../../analysis/tails.js';
import {
  afterHold,
  bakeRows,
  compareDistribution,
  compareProportion,
  compareSeries,
  comparisonOf,
  confidenceOfLook,
  heldBake,
  judgeBake,
  notCompared,
  starved,
  withMetrics,
  type BakeComparison,
  type BakePeriod,
  type MetricComparison,
  type ProportionMetric,
  type SeriesMetric,
  whyNotKept,
} from '../../../domain/bake.js';
import { policySchema } from '../../../domain/policy.schema.js';
import { policyInput } from '../../activities/support.js';

const vectors = JSON.parse(
  readFileSync(new URL('../../fixtures/drift-vectors.json', import.meta.url), 'utf8'),
) as {
  proportions: {
    x_ref: number;
    n_ref: number;
    x_cur: number;
    n_cur: number;
    expected: { newcombe95_diff: [number, number] };
  }[];
  canary_latency: {
    name: string;
    canary: number[];
    baseline: number[];
    expected: { hodges_lehmann: number; hl_ci: [number, number] };
  }[];
};

const Z95 = zOfInterval(0.95);
const PERIOD_MS = 60_000;
const ERRORS: ProportionMetric = {
  id: 'errors',
  kind: 'proportion',
  numerator: 'Invocation5XXErrors',
  margin: 0.005,
  hard: 0.02,
  required: true,
};
const LATENCY: SeriesMetric = {
  id: 'latency',
  kind: 'series',
  metric: 'ModelLatency',
  stat: 'Average',
  margin: 0.1,
  hard: 0.5,
  required: true,
};
const MINIMUM = { invocations: 1_000, points: 5 };

/** Counts of one period each. */
const counted = (...list: readonly (readonly [errors: number, invocations: number])[]) =>
  list.map(([errors, invocations], index): BakePeriod => ({
    atMs: index * PERIOD_MS,
    invocations,
    values: { errors },
  }));

/** A series in busy periods. */
const series = (values: readonly number[], invocations = 100): readonly BakePeriod[] =>
  values.map((latency, index) => ({ atMs: index * PERIOD_MS, invocations, values: { latency } }));

const proportion = (
  champion: readonly BakePeriod[],
  candidate: readonly BakePeriod[],
  metric: ProportionMetric = ERRORS,
) => compareProportion(metric, { champion, candidate }, MINIMUM, Z95);
const latency = (
  champion: readonly BakePeriod[],
  candidate: readonly BakePeriod[],
  metric: SeriesMetric = LATENCY,
) => compareSeries(metric, { champion, candidate }, MINIMUM, Z95, PERIOD_MS);

const repeated = <T>(n: number, of: (index: number) => T): T[] =>
  Array.from({ length: n }, (_, i) => of(i));

describe('errors', () => {
  it.each(vectors.proportions)(
    '$x_cur of $n_cur against $x_ref of $n_ref have the interval of other programs',
    ({ x_ref, n_ref, x_cur, n_cur, expected }) => {
      const line = proportion(counted([x_ref, n_ref]), counted([x_cur, n_cur]), {
        ...ERRORS,
        hard: null,
      });
      expect(line.lower).toBeCloseTo(expected.newcombe95_diff[0], 12);
      expect(line.upper).toBeCloseTo(expected.newcombe95_diff[1], 12);
    },
  );
  it('fail when surely more than the margin, pass when surely less, and neither in between', () => {
    const champion = counted([20, 10_000]);
    expect(proportion(champion, counted([200, 10_000])).verdict).toBe('fail');
    expect(proportion(champion, counted([20, 10_000])).verdict).toBe('pass');
    expect(proportion(champion, counted([70, 10_000])).verdict).toBe('inconclusive');
    // The lower bound lies between the margin and twice the margin.
    expect(proportion(champion, counted([110, 10_000])).verdict).toBe('fail');
  });
  it('never pass on fewer invocations than the policy wants, though they may fail', () => {
    const champion = counted([0, 100_000]);
    expect(proportion(champion, counted([0, 999])).reason).toMatch(/fewer than 1000 invocations/);
    expect(proportion(champion, counted([0, 999])).verdict).toBe('inconclusive');
    expect(proportion(champion, counted([0, 1_000])).verdict).toBe('pass');
    expect(proportion(champion, counted([9, 300])).verdict).toBe('fail');
  });
  it('are compared over the same periods only', () => {
    const champion = [
      ...counted([0, 5_000]),
      { atMs: 600_000, invocations: 9_000, values: { errors: 900 } },
    ];
    const line = proportion(champion, counted([0, 5_000]));
    expect(line).toMatchObject({ nChampion: 5_000, champion: 0, verdict: 'pass' });
  });
  it('of a metric that is not there are no zeros', () => {
    const silent: BakePeriod[] = [{ atMs: 0, invocations: 5_000, values: {} }];
    expect(proportion(counted([0, 5_000]), silent)).toMatchObject({
      verdict: 'inconclusive',
      nCandidate: 0,
      candidate: null,
      estimate: null,
    });
    expect(proportion([], []).verdict).toBe('inconclusive');
  });
  it('beyond the hard limit act at once, but not for a few unlucky calls', () => {
    const champion = counted([0, 10_000]);
    expect(proportion(champion, counted([5, 100]))).toMatchObject({ verdict: 'fail', hard: true });
    expect(proportion(champion, counted([4, 100])).hard).toBe(false);
    expect(proportion(champion, counted([5, 99])).hard).toBe(false);
    expect(proportion(champion, counted([20, 1_000])).hard).toBe(false);
    expect(proportion(champion, counted([21, 1_000])).hard).toBe(true);
  });
  it('of a champion that fails itself are no hard breach of the version that would cure them', () => {
    expect(proportion(counted([500, 10_000]), counted([500, 10_000]))).toMatchObject({
      hard: false,
      verdict: 'inconclusive',
    });
  });
});

describe('latency', () => {
  it.each(vectors.canary_latency.filter(({ name }) => name !== 'ties'))(
    '$name has the shift and interval of other programs, as a share of the median',
    ({ canary, baseline, expected }) => {
      const n = Math.min(canary.length, baseline.length);
      const line = latency(series(baseline), series(canary), { ...LATENCY, hard: null });
      const middle = line.champion ?? Number.NaN;
      expect(line).toMatchObject({ nChampion: n, nCandidate: n });
      expect((line.estimate ?? 0) * middle).toBeCloseTo(expected.hodges_lehmann, 9);
      expect((line.lower ?? 0) * middle).toBeCloseTo(expected.hl_ci[0], 9);
      expect((line.upper ?? 0) * middle).toBeCloseTo(expected.hl_ci[1], 9);
    },
  );
  const noisy = (level: number) => series(repeated(30, (i) => level + ((i * 7) % 11)));
  it('fails when surely slower by the margin, passes when surely not, and neither in between', () => {
    expect(latency(noisy(100), noisy(125)).verdict).toBe('fail');
    expect(latency(noisy(100), noisy(100)).verdict).toBe('pass');
    expect(latency(noisy(100), noisy(109)).verdict).toBe('inconclusive');
    expect(latency(noisy(100), noisy(118)).verdict).toBe('fail');
  });
  it('leaves out quiet periods, on either side', () => {
    const quiet = (at: number) => (period: BakePeriod, index: number) =>
      index === at ? { ...period, invocations: 19 } : period;
    const line = latency(noisy(100).map(quiet(3)), noisy(100).map(quiet(8)));
    expect(line).toMatchObject({ nChampion: 28, nCandidate: 28 });
  });
  it('does not pass on fewer periods than wanted, nor says an interval of so few', () => {
    const few = latency(series([100, 101, 99, 100]), series([100, 100, 99, 101]));
    expect(few).toMatchObject({ verdict: 'inconclusive' });
    const two = latency(series([100, 101]), series([100, 100]));
    expect(two).toMatchObject({ verdict: 'inconclusive', lower: null, upper: null });
  });
  it('is widened where periods resemble their neighbours', () => {
    const wave = (level: number) =>
      series(repeated(40, (i) => level + 10 * Math.sin(i / 2) + ((i * 7) % 3)));
    const shuffled = (level: number) => {
      const values = wave(level).map((period) => period.values['latency'] ?? 0);
      return series(repeated(40, (i) => values[(i * 17) % 40] ?? 0));
    };
    const wide = latency(wave(100), wave(105));
    const narrow = latency(shuffled(100), shuffled(105));
    expect(wide.reason).toMatch(/widened/);
    expect(narrow.reason).not.toMatch(/widened/);
    expect((wide.upper ?? 0) - (wide.lower ?? 0)).toBeGreaterThan(
      1.5 * ((narrow.upper ?? 0) - (narrow.lower ?? 0)),
    );
    expect(wide.estimate).toBeCloseTo(narrow.estimate ?? 0, 12);
  });
  it('beyond the hard limit acts at once, from three periods on', () => {
    const [before, after] = [series([100, 100, 100]), series([151, 151, 151])];
    expect(latency(before, after)).toMatchObject({ verdict: 'fail', hard: true });
    expect(latency(before.slice(1), after.slice(1)).hard).toBe(false);
    expect(latency(before, series([150, 150, 150])).hard).toBe(false);
  });
  it('without the champion is nothing to compare with', () => {
    expect(latency([], noisy(900))).toMatchObject({ verdict: 'inconclusive', hard: false });
  });
});

describe('answers', () => {
  const metric = {
    id: 'answers',
    kind: 'distribution',
    effect: 0.2,
    meanShift: null,
    minRows: 200,
    required: false,
  } as const;
  const spread = (n: number, from: number) => repeated(n, (i) => from + (i % 97) / 97);
  it('differ when the effect is large and more than chance', () => {
    const line = compareDistribution(
      metric,
      { champion: spread(1_000, 0), candidate: spread(1_000, 0.6) },
      0.05,
      Z95,
    );
    expect(line).toMatchObject({ verdict: 'fail', required: false, hard: false });
  });
  it('do not differ for chance or for a small effect, however sure', () => {
    const same = { champion: spread(1_000, 0), candidate: spread(970, 0) };
    expect(compareDistribution(metric, same, 0.05, Z95).verdict).toBe('pass');
    const small = { champion: spread(20_000, 0), candidate: spread(20_000, 0.04) };
    const line = compareDistribution(metric, small, 0.05, Z95);
    expect(line.verdict).toBe('pass');
    expect(line.reason).toMatch(/p < 0.0001/);
  });
  it('are neither the same nor others where chance would do, or the distance may be as large', () => {
    // Ten values in turn, moved by an eighth of them: far in the deciles, little in the ranks.
    const champion = repeated(200, (i) => i % 10);
    const candidate = repeated(200, (i) =>
      i % 10 < 5 ? i % 10 : (i % 10) + (i % 3 === 0 ? 1 : 0),
    );
    const open = compareDistribution(
      { ...metric, effect: 0.12 },
      { champion, candidate },
      1e-9,
      Z95,
    );
    expect(open.verdict).toBe('inconclusive');
    expect(open.upper).toBeGreaterThanOrEqual(0.12);
    expect(open.reason).toMatch(/cannot tell/);
  });
  it('tell how far their mean moved, and by it where the policy says how far it may', () => {
    const scores = { champion: spread(4_000, 0), candidate: spread(4_000, 0.05) };
    const of = (meanShift: number | null) =>
      compareDistribution({ ...metric, meanShift }, scores, 0.05, Z95);
    expect(of(null).meanShift?.estimate).toBeCloseTo(0.05, 9);
    expect(of(null).meanShift?.lower).toBeLessThan(0.05);
    expect([null, 0.2, 0.05, 0.02].map((most) => of(most).verdict)).toEqual([
      'pass',
      'pass',
      'inconclusive',
      'fail',
    ]);
  });
  it('of too few rows tell nothing', () => {
    const few = { champion: spread(1_000, 0), candidate: spread(199, 5) };
    expect(compareDistribution(metric, few, 0.05, Z95).verdict).toBe('inconclusive');
    const broken = { champion: spread(1_000, 0), candidate: repeated(500, () => Number.NaN) };
    expect(compareDistribution(metric, broken, 0.05, Z95)).toMatchObject({
      nCandidate: 0,
      candidate: null,
      verdict: 'inconclusive',
    });
  });
});

const line = (over: Partial<MetricComparison> = {}): MetricComparison => ({
  ...notCompared(ERRORS, 'said'),
  verdict: 'pass',
  ...over,
});

describe('the verdict', () => {
  it('promotes only when every required metric passes', () => {
    expect(judgeBake([line(), line({ id: 'b' })]).verdict).toBe('promote');
    expect(judgeBake([line(), line({ id: 'b', verdict: 'inconclusive' })]).verdict).toBe('hold');
  });
  it('takes back when one required metric fails, whatever the others say', () => {
    const failing = line({ id: 'b', verdict: 'fail', reason: 'slow' });
    expect(judgeBake([line({ verdict: 'inconclusive' }), failing], ['a doubt'])).toEqual({
      verdict: 'roll back',
      hard: false,
      reasons: ['b: slow'],
    });
    expect(judgeBake([{ ...failing, hard: true }]).hard).toBe(true);
  });
  it('is not moved by what is only shown', () => {
    const shown = line({ id: 'b', required: false, verdict: 'fail', hard: true });
    expect(judgeBake([line(), shown])).toMatchObject({ verdict: 'promote', hard: false });
  });
  it('without evidence or with a doubt holds', () => {
    expect(judgeBake([]).verdict).toBe('hold');
    expect(judgeBake([line({ required: false })]).verdict).toBe('hold');
    expect(judgeBake([line()], ['hardly in use']).verdict).toBe('hold');
    expect(heldBake(1, [], { k: 1, of: 2 }, 'no answer')).toMatchObject({
      verdict: 'hold',
      metrics: [],
      reasons: ['no answer'],
    });
  });
  it('is made again with further lines, and keeps its doubts', () => {
    const sure: BakeComparison = {
      ...heldBake(1, [], { k: 1, of: 1 }, ''),
      ...judgeBake([line()]),
      doubts: [],
      metrics: [line()],
    };
    expect(withMetrics(sure, []).verdict).toBe('promote');
    expect(withMetrics(sure, [line({ id: 'b', verdict: 'fail' })]).verdict).toBe('roll back');
    expect(withMetrics(sure, [line({ id: 'b', verdict: 'inconclusive' })]).verdict).toBe('hold');
    const doubted = { ...sure, ...judgeBake([line()], ['starved']), doubts: ['starved'] };
    expect(withMetrics(doubted, [line({ id: 'b' })])).toMatchObject({
      verdict: 'hold',
      reasons: ['starved'],
    });
  });
  it('doubts a fleet that took less than half of what it was to take', () => {
    expect(starved(0.1, { champion: 950, candidate: 50 })).toBeUndefined();
    expect(starved(0.1, { champion: 951, candidate: 49 })).toMatch(/took 49 of 1000/);
    expect(starved(null, { champion: 1_000, candidate: 0 })).toBeUndefined();
    expect(starved(0.5, { champion: 0, candidate: 0 })).toBeUndefined();
  });
});

describe('the table', () => {
  it('has units, intervals and dashes for what is not known', () => {
    const [errors] = bakeRows({
      metrics: [proportion(counted([10, 10_000]), counted([400, 10_000]))],
    });
    expect(errors).toMatchObject({
      champion: '0.1 % (n 10000)',
      candidate: '4 % (n 10000)',
      verdict: 'fail, hard limit',
      change: expect.stringMatching(/^3\.9 points \(3\.\d+ points to 4\.\d+ points\)$/) as string,
    });
    const slow = latency(series([40_000, 40_000, 40_000]), series([70_000, 70_000, 70_000]));
    expect(bakeRows({ metrics: [slow] })[0]).toMatchObject({
      champion: '40 ms (n 3)',
      change: '75 %',
    });
    expect(bakeRows({ metrics: [{ ...notCompared(ERRORS, 'x'), required: false }] })[0]).toEqual({
      id: 'errors',
      champion: '–',
      candidate: '–',
      change: '–',
      verdict: 'inconclusive, advisory',
      reason: 'x',
    });
  });
});

describe('a hold', () => {
  const settings = { maxBakeMs: 3_600_000, onInconclusive: 'manual' } as const;
  it('bakes on until the longest bake, then does what the policy says', () => {
    expect(afterHold(settings, 3_599_999, true)).toBe('extend');
    expect(afterHold(settings, 3_600_000, false)).toBe('ask');
    expect(afterHold({ ...settings, onInconclusive: 'rollback' }, 3_600_000, false)).toBe(
      'roll back',
    );
  });
  it('never promotes what once passed a hard limit', () => {
    const bold = { ...settings, onInconclusive: 'promote_if_no_hard_breach' } as const;
    expect(afterHold(bold, 3_600_000, false)).toBe('promote');
    expect(afterHold(bold, 3_600_000, true)).toBe('roll back');
  });
});

describe('a version that a guardrail let in', () => {
  const seen = (verdict: BakeComparison['verdict']) => ({
    ...heldBake(0, [], { k: 1, of: 1 }, 'said'),
    verdict,
  });
  const goes = (
    onInconclusive: 'manual' | 'rollback' | 'promote_if_no_hard_breach',
    last?: BakeComparison,
  ) => whyNotKept({ onInconclusive }, last) !== undefined;

  it('goes back when it was found worse, or when nothing was told and the policy takes that for a no', () => {
    expect(goes('manual', seen('roll back'))).toBe(true);
    expect(goes('rollback')).toBe(true);
    expect(goes('rollback', seen('hold'))).toBe(true);
    expect(goes('rollback', seen('promote'))).toBe(false);
    expect(goes('manual', seen('hold'))).toBe(false);
    expect(goes('promote_if_no_hard_breach')).toBe(false);
  });
});

describe('looks', () => {
  const spent = (looks: number, of: number): number =>
    repeated(looks, (index) => 1 - confidenceOfLook({ alpha: 0.05 }, { k: index + 1, of })).reduce(
      (all, one) => all + one,
      0,
    );
  it('planned ones share the significance, and further ones never spend more than is left', () => {
    expect(confidenceOfLook({ alpha: 0.05 }, { k: 2, of: 5 })).toBeCloseTo(0.992, 12);
    for (const of of [1, 3, 5]) {
      expect(spent(of, of)).toBeCloseTo(0.04, 9);
      expect(spent(of + 1_000, of)).toBeLessThan(0.05);
    }
  });
  it('keep false alarms below alpha with errors and latency on the margin, however long a hold lasts (seed 7)', () => {
    let state = 7;
    const random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    const normal = () =>
      Math.sqrt(-2 * Math.log(random() || 1e-9)) * Math.cos(2 * Math.PI * random());
    const [perLook, looks, planned, trials] = [4, 8, 3, 150];
    const fails = { within: 0, beyond: 0 };
    for (let trial = 0; trial < trials; trial += 1) {
      const [champion, candidate]: [BakePeriod[], BakePeriod[]] = [[], []];
      for (let k = 1; k <= looks; k += 1) {
        for (let i = 0; i < perLook; i += 1) {
          const atMs = ((k - 1) * perLook + i) * PERIOD_MS;
          // Normal counts around n·p; the candidate lies exactly on both margins.
          const errors = (p: number) =>
            Math.max(0, Math.round(400 * p + Math.sqrt(400 * p) * normal()));
          const of = (p: number, ms: number): BakePeriod => ({
            atMs,
            invocations: 400,
            values: { errors: errors(p), latency: ms * (1 + 0.05 * normal()) },
          });
          champion.push(of(0.02, 100));
          candidate.push(of(0.025, 110));
        }
        const z = zOfInterval(confidenceOfLook({ alpha: 0.05 }, { k, of: planned }));
        const fleets = { champion, candidate };
        const lines = [
          compareProportion({ ...ERRORS, hard: null }, fleets, MINIMUM, z),
          compareSeries({ ...LATENCY, hard: null }, fleets, MINIMUM, z, PERIOD_MS),
        ];
        if (lines.some(({ verdict }) => verdict === 'fail')) {
          fails[k <= planned ? 'within' : 'beyond'] += 1;
          break;
        }
      }
    }
    // Both metrics at once on the edge of what is accepted is the worst there can be.
    expect((fails.within + fails.beyond) / trials).toBeLessThan(0.05);
    expect(fails.beyond / trials).toBeLessThan(0.02);
  });
  it('keep false alarms near alpha over all of them (seed 20261129)', () => {
    let state = 20261129;
    const random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    const share = 0.02;
    const draw = (n: number) => repeated(n, random).filter((x) => x < share).length;
    const looks = 3;
    const z = zOfInterval(confidenceOfLook({ alpha: 0.05 }, { k: 1, of: looks }));
    const metric = { ...ERRORS, margin: 0.0001, hard: null };
    let alarms = 0;
    const trials = 200;
    for (let trial = 0; trial < trials; trial += 1) {
      const champion: BakePeriod[] = [];
      const candidate: BakePeriod[] = [];
      for (let k = 0; k < looks; k += 1) {
        champion.push({ atMs: k, invocations: 1_000, values: { errors: draw(1_000) } });
        candidate.push({ atMs: k, invocations: 1_000, values: { errors: draw(1_000) } });
        const compared = compareProportion(metric, { champion, candidate }, MINIMUM, z);
        if (compared.verdict === 'fail') {
          alarms += 1;
          break;
        }
      }
    }
    expect(alarms / trials).toBeLessThan(0.05);
  });
});

describe('deploy.compare', () => {
  const parse = (deploy: object) =>
    policySchema.safeParse({ ...policyInput, spec: { ...policyInput.spec, deploy } });
  const messages = (deploy: object) =>
    parse(deploy).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
  it('has every default without the section', () => {
    const { deploy } = policySchema.parse(policyInput).spec;
    expect(comparisonOf(deploy)).toMatchObject({
      warmupMs: 180_000,
      periodSeconds: 60,
      looks: 3,
      alpha: 0.05,
      minimum: { invocations: 1_000, points: 30 },
      onInconclusive: 'manual',
      maxBakeMs: 3_600_000,
    });
    expect(comparisonOf(deploy).metrics.map(({ id, required }) => [id, required])).toEqual([
      ['errors5xx', true],
      ['latency', true],
    ]);
  });
  it('takes what is said and fills in the rest', () => {
    const compare = {
      warmup: '10s',
      windows: { count: 5 },
      metrics: [
        { id: 'e', kind: 'proportion', numerator: 'InvocationModelErrors', margin: 0.01 },
        { id: 'l', kind: 'series', metric: 'ModelLatency', stat: 'p90', margin: { relative: 0.2 } },
        { id: 'a', kind: 'distribution', effect: { js: 0.3 } },
      ],
    };
    const parsed = parse({ compare });
    expect(parsed.error?.issues ?? []).toEqual([]);
    if (!parsed.success) return;
    expect(comparisonOf(parsed.data.spec.deploy)).toMatchObject({
      warmupMs: 10_000,
      looks: 5,
      alpha: 0.05,
      metrics: [
        { id: 'e', margin: 0.01, hard: null, required: true },
        { id: 'l', stat: 'p90', margin: 0.2, required: true },
        { id: 'a', effect: 0.3, minRows: 200, required: false },
      ],
    });
  });
  const errors = { id: 'e', kind: 'proportion', numerator: 'Invocation5XXErrors', margin: 0.01 };
  it('refuses what could never promote, with what to change', () => {
    expect(messages({ compare: { metrics: [{ ...errors, required: false }] } })).toEqual([
      'spec.deploy.compare.metrics: at least one metric must be required, or nothing could ever be promoted by it',
    ]);
    expect(messages({ compare: { metrics: [errors, errors] } })).toEqual([
      "spec.deploy.compare.metrics.1.id: the id 'e' is used twice",
    ]);
    expect(messages({ compare: { metrics: [{ ...errors, hard: 0.01 }] } })).toEqual([
      'spec.deploy.compare.metrics.0.hard: must be above the margin, or every look would be the last',
    ]);
    expect(messages({ compare: { metrics: [{ ...errors, margin: 0 }] } })).toHaveLength(1);
    expect(messages({ compare: { sometimes: true } })).toHaveLength(1);
  });
  it('requires no answers of a rollout whose versions are captured together', () => {
    const answers = { id: 'a', kind: 'distribution', required: true };
    const [said] = messages({ strategy: 'canary', compare: { metrics: [errors, answers] } });
    expect(said).toMatch(/^spec\.deploy\.compare\.metrics\.1\.required: .*cannot be told apart/);
  });
});
