import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import {
  accuracy,
  brierOf,
  confusion,
  f1,
  logLossOf,
  meanLoss,
  prAuc,
  precision,
  recall,
  rmse,
  rocAuc,
} from '../../domain/stats/binary-metrics.js';
import { coarsen, countInto, edgesFromRanks } from '../../domain/stats/bins.js';
import { chanceOf, fitIsotonic } from '../../domain/stats/calibration.js';
import { estimatePerformance, expectedCells } from '../../domain/stats/estimate.js';
import type { EstimatedMetric } from '../../domain/stats/types.js';
import { chiSquare } from '../../domain/stats/chi-square.js';
import { pairedDeLong } from '../../domain/stats/delong.js';
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
} from '../../domain/stats/distances.js';
import {
  kolmogorovQ,
  ksBounds,
  ksDistance,
  ksPValue,
  wassersteinDistance,
} from '../../domain/stats/kolmogorov.js';
import { benjaminiHochberg, holm } from '../../domain/stats/multiple-testing.js';
import {
  agrestiMin,
  newcombe,
  pairedWald,
  pooledZ,
  wilson,
} from '../../domain/stats/proportions.js';
import { hodgesLehmann, mannWhitney, quantileSorted } from '../../domain/stats/rank-tests.js';
import {
  betaCdf,
  chanceCanaryIsWorse,
  chiSquareQuantile,
  chiSquareTail,
  mcNemar,
  normalQuantile,
  normalTail,
  psiWithoutDrift,
  twoSidedP,
  zOfInterval,
} from '../../analysis/tails.js';
import { asNumber, keysOfHighCardinality, readVectors } from './vectors.js';

const vectors = readVectors(readFileSync);
const Z95 = zOfInterval(0.95);

/** Within the tolerances the vectors file itself states. */
function close(
  actual: number,
  expected: number | string,
  kind: 'value' | 'p' | 'js' | 'hl' = 'value',
): void {
  const wanted = asNumber(expected);
  if (kind === 'p' && wanted < 1e-300) {
    expect(actual).toBeLessThan(1e-299);
    return;
  }
  const absolute = { value: 1e-12, p: 1e-12, js: 2e-8, hl: 1e-9 }[kind];
  const relative = kind === 'p' ? 1e-6 : 1e-9;
  expect(Math.abs(actual - wanted)).toBeLessThanOrEqual(
    Math.max(kind === 'p' && wanted < 1e-12 ? 0 : absolute, relative * Math.abs(wanted)),
  );
}

describe('the vectors file', () => {
  it('has every section this suite reads', () => {
    expect(Object.keys(vectors).sort()).toEqual(
      [
        'schema',
        'generated_with',
        'encoding',
        'tolerance',
        'definitions',
        'numeric',
        'categorical',
        'proportions',
        'multiple_testing',
        'distributions',
        'psi_null',
        'mcnemar',
        'paired_proportion',
        'delong',
        'paired_bootstrap',
        'metrics',
        'cbpe',
        'isotonic',
        'canary_latency',
        'canary_errors',
      ].sort(),
    );
    expect(vectors.numeric).toHaveLength(12);
    expect(vectors.categorical).toHaveLength(7);
  });
});

describe.each(vectors.numeric.map((vector) => [vector.name, vector] as const))(
  'numeric %s',
  (_name, { ref, cur, expected }) => {
    const clean = (values: readonly (number | string | null)[]) =>
      values
        .map((value) => (value === null ? Number.NaN : asNumber(value)))
        .filter(Number.isFinite)
        .sort((a, b) => a - b);
    const [baseline, window] = [clean(ref), clean(cur)];
    const edges = edgesFromRanks(baseline.length, (rank) => baseline[rank - 1] ?? Number.NaN);
    const fine = {
      baseline: countInto(edges.fine, baseline),
      window: countInto(edges.fine, window),
    };
    const coarse = {
      baseline: coarsen(edges, fine.baseline),
      window: coarsen(edges, fine.window),
    };
    const pair = dropEmpty(coarse);

    it('counts what can be compared', () => {
      expect([baseline.length, window.length]).toEqual([expected.n_ref, expected.n_cur]);
    });

    if (expected.status !== 'ok') {
      it('answers no number when one side is empty', () => {
        expect(psi(pair)).toBeNaN();
        expect(jsDistance(pair)).toBeNaN();
      });
      return;
    }

    it('has the edges and the counts to the last bit', () => {
      expect(edges.coarse).toEqual(expected.edges?.map(asNumber));
      expect(coarse.baseline).toEqual(expected.counts_ref);
      expect(coarse.window).toEqual(expected.counts_cur);
    });
    it('has the distances', () => {
      close(psi(pair), expected.psi ?? '');
      close(psiFloor1e4(pair), expected.psi_floor_1e4 ?? '');
      close(jsDistance(pair), expected.js_distance_base2 ?? '', 'js');
      close(jsDistanceNat(pair), expected.js_distance_nat ?? '', 'js');
      close(hellinger(pair), expected.hellinger ?? '');
      close(linf(pair), expected.linf_binned ?? '');
      close(tvd(pair), expected.tvd_binned ?? '');
    });
    it('has chi-square with the same columns pooled', () => {
      const found = chiSquare(pair);
      close(found.statistic, expected.chi2 ?? '');
      expect([found.df, found.columns]).toEqual([
        expected.chi2_df,
        expected.chi2_columns_after_merge,
      ]);
      close(chiSquareTail(found.statistic, found.df), expected.chi2_p ?? '', 'p');
      close(found.cramersV, expected.cramers_v ?? '');
    });
    it('has Kolmogorov–Smirnov, and bounds around it from the fine bins', () => {
      const d = ksDistance(baseline, window);
      close(d, expected.ks ?? '');
      close(ksPValue(d, baseline.length, window.length), expected.ks_p_kolmogorov ?? '', 'p');
      close(robustLinf(d, baseline.length, window.length), expected.deequ_linf_robust ?? '');
      const bounds = ksBounds(fine, edges.fine);
      expect(bounds.lower).toBeLessThanOrEqual(d + 1e-12);
      expect(bounds.upper).toBeGreaterThanOrEqual(d - 1e-12);
    });
    it('has the Wasserstein distance', () => {
      close(wassersteinDistance(baseline, window), expected.wasserstein ?? '');
    });
  },
);

describe.each(vectors.categorical.map((vector) => [vector.name, vector] as const))(
  'categorical %s',
  (_name, vector) => {
    const { expected } = vector;
    const { ref, cur } = keysOfHighCardinality(vector);
    const keys = [...new Set([...Object.keys(ref), ...Object.keys(cur)])].sort();
    const pair = dropEmpty({
      baseline: keys.map((key) => ref[key] ?? 0),
      window: keys.map((key) => cur[key] ?? 0),
    });
    it('has every number', () => {
      if (expected.status !== 'ok') {
        expect(jsDistance(pair)).toBeNaN();
        return;
      }
      close(psi(pair), expected.psi ?? '');
      close(psiFloor1e4(pair), expected.psi_floor_1e4 ?? '');
      close(jsDistance(pair), expected.js_distance_base2 ?? '', 'js');
      close(jsDistanceNat(pair), expected.js_distance_nat ?? '', 'js');
      close(hellinger(pair), expected.hellinger ?? '');
      close(linf(pair), expected.linf ?? '');
      close(tvd(pair), expected.tvd ?? '');
      close(
        robustLinf(linf(pair), expected.n_ref, expected.n_cur),
        expected.deequ_linf_robust ?? '',
      );
      const found = chiSquare(pair);
      close(found.statistic, expected.chi2 ?? '');
      expect([found.df, found.columns]).toEqual([
        expected.chi2_df,
        expected.chi2_columns_after_merge,
      ]);
      close(chiSquareTail(found.statistic, found.df), expected.chi2_p ?? '', 'p');
      close(found.cramersV, expected.cramers_v ?? '');
    });
  },
);

describe('proportions', () => {
  it.each(vectors.proportions)('$x_ref of $n_ref against $x_cur of $n_cur', (vector) => {
    const baseline = { x: vector.x_ref, n: vector.n_ref };
    const window = { x: vector.x_cur, n: vector.n_cur };
    const { expected } = vector;
    close(window.x / window.n - baseline.x / baseline.n, expected.diff);
    const z = pooledZ(baseline, window);
    close(z, expected.z_pooled);
    close(twoSidedP(z), expected.p_two_sided, 'p');
    const pairs = [
      [wilson(baseline, Z95), expected.wilson95_ref],
      [wilson(window, Z95), expected.wilson95_cur],
      [newcombe(baseline, window, Z95), expected.newcombe95_diff],
    ] as const;
    for (const [interval, [lower, upper]] of pairs) {
      close(interval.lower, lower);
      close(interval.upper, upper);
    }
  });
  it.each(vectors.paired_proportion)(
    '$champion_only_right against $challenger_only_right of $n',
    (vector) => {
      const rows = {
        championOnlyRight: vector.champion_only_right,
        challengerOnlyRight: vector.challenger_only_right,
        n: vector.n,
      };
      const pairs = [
        [pairedWald(rows, Z95), vector.expected.wald95],
        [agrestiMin(rows, Z95), vector.expected.agresti_min95],
      ] as const;
      for (const [interval, [lower, upper]] of pairs) {
        close(interval.lower, lower);
        close(interval.upper, upper);
      }
    },
  );
  it.each(vectors.mcnemar)('McNemar $b against $c', ({ b, c, expected }) => {
    const found = mcNemar(b, c);
    close(found.exactP, expected.exact_p, 'p');
    close(found.midP, expected.mid_p, 'p');
  });
});

describe('many tests at once', () => {
  it.each(vectors.multiple_testing)('$p', ({ p, q, expected }) => {
    const adjusted = benjaminiHochberg(p);
    adjusted.forEach((value, i) => {
      close(value, expected.bh_adjusted[i] ?? '');
    });
    expect(adjusted.filter((value) => value <= q)).toHaveLength(expected.bh_rejected);
    holm(p).forEach((value, i) => {
      close(value, expected.holm_adjusted[i] ?? '');
    });
  });
});

describe('distributions', () => {
  const of = vectors.distributions;
  it.each(of.chi2_sf)('chi-square tail $x, $df', ({ x, df, expected }) => {
    close(chiSquareTail(x, df), expected, 'p');
  });
  it.each(of.chi2_ppf)('chi-square quantile $p, $df', ({ p, df, expected }) => {
    close(chiSquareQuantile(p, df), expected);
  });
  it.each(of.kolmogorov_sf)('Kolmogorov $x', ({ x, expected }) => {
    close(kolmogorovQ(x), expected, 'p');
  });
  it.each(of.normal_sf)('normal tail $x', ({ x, expected }) => {
    close(normalTail(x), expected, 'p');
  });
  it.each(of.normal_ppf)('normal quantile $p', ({ p, expected }) => {
    close(normalQuantile(p), expected);
  });
  it.each(of.betainc_regularized)('incomplete beta $a, $b, $x', ({ a, b, x, expected }) => {
    close(betaCdf(x, a, b), expected);
  });
  it.each(vectors.psi_null)('PSI without drift $n_ref, $n_cur', (vector) => {
    const found = psiWithoutDrift(vector.n_ref, vector.n_cur, vector.bins, vector.alpha);
    close(found.mean, vector.expected.null_mean);
    close(found.critical, vector.expected.critical);
  });
});

describe('two models on the same rows', () => {
  it.each(vectors.delong)('DeLong $name', ({ y, score_champion, score_challenger, expected }) => {
    const found = pairedDeLong(y, score_champion, score_challenger);
    if (found === null) throw new Error('both classes have rows enough');
    close(found.champion.auc, expected.auc_1);
    close(found.candidate.auc, expected.auc_2);
    close(found.difference, expected.diff);
    close(found.champion.variance, expected.var_1);
    close(found.candidate.variance, expected.var_2);
    close(found.covariance, expected.cov);
    close(found.differenceVariance, expected.var_diff);
    const error = Math.sqrt(found.differenceVariance);
    close(twoSidedP(found.difference / error), expected.p_two_sided, 'p');
    close(found.difference - Z95 * error, expected.ci95_diff[0]);
    close(found.difference + Z95 * error, expected.ci95_diff[1]);
  });
  it.each(vectors.paired_bootstrap)('bootstrap $name', (vector) => {
    const { y, pred_champion, pred_challenger, indices, expected } = vector;
    const difference = (rows: readonly number[]) => {
      const pick = (values: readonly number[]) => rows.map((row) => values[row] ?? Number.NaN);
      return rmse(pick(y), pick(pred_challenger)) - rmse(pick(y), pick(pred_champion));
    };
    close(difference(y.map((_, i) => i)), expected.point);
    const replicates = indices.map(difference);
    expected.replicates_first3.forEach((value, i) => {
      close(replicates[i] ?? Number.NaN, value);
    });
    const sorted = [...replicates].sort((a, b) => a - b);
    close(sorted.reduce((sum, x) => sum + x, 0) / sorted.length, expected.replicates_mean);
    close(quantileSorted(sorted, 0.025), expected.percentile95_linear[0]);
    close(quantileSorted(sorted, 0.975), expected.percentile95_linear[1]);
  });
});

describe('one model', () => {
  it.each(vectors.metrics)('metrics $name', ({ y, score, expected }) => {
    const cells = confusion(y, score);
    expect(cells).toEqual(expected.confusion);
    close(rocAuc(y, score), expected.auc);
    close(prAuc(y, score), expected.average_precision);
    close(meanLoss(y, score, logLossOf), expected.log_loss);
    close(meanLoss(y, score, brierOf), expected.brier);
    close(accuracy(cells), expected.accuracy);
    close(precision(cells), expected.precision);
    close(recall(cells), expected.recall);
    close(f1(cells), expected.f1);
  });
  it.each(vectors.cbpe)('estimated without labels $name', ({ calibrated_prob, expected }) => {
    const cells = expectedCells(Float64Array.from(calibrated_prob), calibrated_prob);
    close(cells.tp, expected.tp);
    close(cells.fp, expected.fp);
    close(cells.fn, expected.fn);
    close(cells.tn, expected.tn);
    const unmapped = { x: [], y: [], rows: 0, positives: 0, eceOfScores: 0, eceOfMap: 1 };
    const estimateOf = (metric: EstimatedMetric) =>
      estimatePerformance(metric, calibrated_prob, { ...unmapped, used: false }, 1);
    close(estimateOf('accuracy')?.estimate ?? Number.NaN, expected.accuracy);
    close(estimateOf('precision')?.estimate ?? Number.NaN, expected.precision);
    close(estimateOf('recall')?.estimate ?? Number.NaN, expected.recall);
    close(estimateOf('f1')?.estimate ?? Number.NaN, expected.f1);
    close(estimateOf('roc_auc')?.estimate ?? Number.NaN, expected.roc_auc_expected_pairs);
    const { estimate = Number.NaN, lower = Number.NaN } = estimateOf('accuracy') ?? {};
    close(estimate - lower, expected.se_accuracy);
  });
  it.each(vectors.isotonic)('isotonic regression', (vector) => {
    const map = fitIsotonic(vector.x, vector.y);
    vector.x.forEach((x, i) => {
      close(chanceOf(map, x), vector.expected[i] ?? '');
    });
    vector.predict_at.forEach((x, i) => {
      close(chanceOf(map, x), vector.expected_at[i] ?? '');
    });
  });
});

describe('a canary against its baseline', () => {
  it.each(vectors.canary_latency)('$name', ({ canary, baseline, confidence, expected }) => {
    const test = mannWhitney(canary, baseline);
    close(test.u, expected.u_canary);
    close(twoSidedP(test.z), expected.p_two_sided, 'p');
    close(test.superiority, expected.cles);
    const shift = hodgesLehmann(canary, baseline, zOfInterval(confidence));
    expect(shift.k).toBe(expected.hl_ci_k);
    close(shift.shift, expected.hodges_lehmann, 'hl');
    close(shift.lower, expected.hl_ci[0], 'hl');
    close(shift.upper, expected.hl_ci[1], 'hl');
  });
  it.each(vectors.canary_errors)('$errors_canary errors against $errors_baseline', (vector) => {
    const chance = chanceCanaryIsWorse(
      { errors: vector.errors_baseline, requests: vector.requests_baseline },
      { errors: vector.errors_canary, requests: vector.requests_canary },
      vector.margin,
    );
    expect(
      Math.abs(chance - vector.expected.p_canary_worse_than_baseline_plus_margin),
    ).toBeLessThanOrEqual(1e-6);
  });
});
