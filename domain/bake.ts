/**
 * Champion and candidate side by side while a rollout bakes: what is compared, and what it leads to.
 *
 * Errors are counts, latency is a series of periods, predictions are two distributions. Every number comes with an
 * interval at a significance that is divided by the looks taken, so that looking often takes back no healthy version.
 * No evidence is never a reason to promote.
 */
import { durationMs } from './duration.js';
import type { Window } from './model.js';
import type { PolicySpec } from './policy.schema.js';
import { dropEmpty, jsDistance, jsInterval } from './stats/distances.js';
import { countInto, edgesFromRanks } from './stats/bins.js';
import { ksDistance, ksPValue } from './stats/kolmogorov.js';
import { newcombe } from './stats/proportions.js';
import { hodgesLehmann, mannWhitney, quantileSorted } from './stats/rank-tests.js';

export type CompareMetric = ProportionMetric | SeriesMetric | DistributionMetric;

interface AnyMetric {
  readonly id: string;
  /** What is not required is shown, and decides nothing. */
  readonly required: boolean;
}

export interface ProportionMetric extends AnyMetric {
  readonly kind: 'proportion';
  /** A CloudWatch metric that counts invocations of a kind; the denominator is `Invocations`. */
  readonly numerator: 'Invocation5XXErrors' | 'Invocation4XXErrors' | 'InvocationModelErrors';
  /** How much larger the candidate's share may be, as a share. */
  readonly margin: number;
  /** From here no test is waited for. `null`: never. */
  readonly hard: number | null;
}

export interface SeriesMetric extends AnyMetric {
  readonly kind: 'series';
  readonly metric: 'ModelLatency' | 'OverheadLatency';
  readonly stat: string;
  /** How much larger the candidate's typical value may be, as a share of the champion's median. */
  readonly margin: number;
  readonly hard: number | null;
}

export interface DistributionMetric extends AnyMetric {
  readonly kind: 'distribution';
  /** Jensen–Shannon distance from which the answers are different ones. */
  readonly effect: number;
  /** Shift of the mean answer, in its own unit, from which they are too. `null`: told, and decides nothing. */
  readonly meanShift: number | null;
  readonly minRows: number;
}

/** `deploy.compare` with every default filled in. */
export interface CompareSettings {
  /** Time after the candidate's first traffic that counts for nothing: caches and containers are cold. */
  readonly warmupMs: number;
  readonly periodSeconds: number;
  /** Looks planned in advance; the significance is divided by them. */
  readonly looks: number;
  readonly alpha: number;
  readonly minimum: { readonly invocations: number; readonly points: number };
  readonly metrics: readonly CompareMetric[];
  readonly onInconclusive: 'manual' | 'rollback' | 'promote_if_no_hard_breach';
  /** How long holds may stretch one bake. */
  readonly maxBakeMs: number;
}

const DEFAULT_METRICS: readonly CompareMetric[] = [
  {
    id: 'errors5xx',
    kind: 'proportion',
    numerator: 'Invocation5XXErrors',
    margin: 0.005,
    hard: 0.02,
    required: true,
  },
  {
    id: 'latency',
    kind: 'series',
    metric: 'ModelLatency',
    stat: 'Average',
    margin: 0.1,
    hard: 0.5,
    required: true,
  },
];
const DEFAULT_EFFECT = 0.2;
const DEFAULT_MIN_ROWS = 200;

/**
 * How the policy wants champion and candidate compared; this is where the defaults of `deploy.compare` live. A policy
 * without the section has them all.
 */
export function comparisonOf(deploy: PolicySpec['deploy']): CompareSettings {
  const asked = deploy.compare ?? {};
  return {
    warmupMs: durationMs(asked.warmup ?? '3m'),
    periodSeconds: Math.ceil(durationMs(deploy.limits.period) / 1_000),
    looks: asked.windows?.count ?? 3,
    alpha: asked.windows?.alpha ?? 0.05,
    minimum: {
      invocations: asked.minimum?.invocations ?? 1_000,
      points: asked.minimum?.points ?? 30,
    },
    metrics: asked.metrics === undefined ? DEFAULT_METRICS : asked.metrics.map(metricOf),
    onInconclusive: asked.onInconclusive ?? 'manual',
    maxBakeMs: durationMs(asked.maxBake ?? '60m'),
  };
}

/** Answers as a shadow test compares them where the policy does not say how: shown, and decides nothing. */
export const DEFAULT_ANSWERS: DistributionMetric = {
  id: 'answers',
  kind: 'distribution',
  effect: DEFAULT_EFFECT,
  meanShift: null,
  minRows: DEFAULT_MIN_ROWS,
  required: false,
};

type AskedMetric = NonNullable<NonNullable<PolicySpec['deploy']['compare']>['metrics']>[number];

function metricOf(asked: AskedMetric): CompareMetric {
  const { id } = asked;
  switch (asked.kind) {
    case 'proportion':
      return {
        id,
        kind: 'proportion',
        numerator: asked.numerator,
        margin: asked.margin,
        hard: asked.hard ?? null,
        required: asked.required ?? true,
      };
    case 'series':
      return {
        id,
        kind: 'series',
        metric: asked.metric,
        stat: asked.stat ?? 'Average',
        margin: asked.margin.relative,
        hard: asked.hard?.relative ?? null,
        required: asked.required ?? true,
      };
    case 'distribution':
      return {
        id,
        kind: 'distribution',
        effect: asked.effect?.js ?? DEFAULT_EFFECT,
        meanShift: asked.effect?.mean ?? null,
        minRows: asked.minRows ?? DEFAULT_MIN_ROWS,
        required: asked.required ?? false,
      };
  }
}

/** One period of one fleet as CloudWatch has it. */
export interface BakePeriod {
  readonly atMs: number;
  readonly invocations: number;
  /** Metric id → sum of the numerator or value of the series; absent when CloudWatch has nothing. */
  readonly values: Readonly<Record<string, number>>;
}

/** How far the mean answer has moved, candidate − champion, with its interval. */
export interface MeanShift {
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
}

/** One line of the table people read. */
export interface MetricComparison {
  readonly id: string;
  readonly kind: CompareMetric['kind'];
  readonly required: boolean;
  /** Share, median or mean of the side; `null` without data. */
  readonly champion: number | null;
  readonly candidate: number | null;
  /** Invocations, periods or rows. */
  readonly nChampion: number;
  readonly nCandidate: number;
  /** The difference in the unit of the margin: points, share of the champion's median, distance. */
  readonly estimate: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
  readonly margin: number;
  /** Of answers only; absent in comparisons of earlier versions. */
  readonly meanShift?: MeanShift;
  readonly verdict: 'pass' | 'fail' | 'inconclusive';
  /** The hard limit is passed: no further look is waited for. */
  readonly hard: boolean;
  readonly reason: string;
}

export interface BakeComparison {
  readonly atMs: number;
  readonly windows: readonly Window[];
  readonly look: BakeLook;
  readonly verdict: 'promote' | 'roll back' | 'hold';
  /** A hard limit is passed. */
  readonly hard: boolean;
  readonly metrics: readonly MetricComparison[];
  /** Why a pass would not be believed: a starved fleet, metrics that could not be read. */
  readonly doubts: readonly string[];
  readonly reasons: readonly string[];
}

/** Look `k`, where `of` were planned; holds may add further ones, whose `k` is above it. */
export interface BakeLook {
  readonly k: number;
  readonly of: number;
}

/** Invocations in a period below which its average latency says nothing. */
export const QUIET_PERIOD = 20;
/** Fewest invocations and errors for a hard limit on a share: one unlucky call is no breach. */
export const HARD_EVIDENCE = { invocations: 100, errors: 5, periods: 3 } as const;
/** Lag-1 autocorrelation from which a series holds less than its number of periods says. */
export const CORRELATED = 0.3;
/** Share of the invocations it was to get below which the candidate's fleet is not really in use. */
export const FEWEST_OF_EXPECTED = 0.5;

/**
 * When look `k` of a guardrail rollout is due, with the candidate's first traffic at `fromMs`.
 *
 * Evenly over the bakes, and the last one two periods before their end: after it nothing can be taken back.
 */
export function lookAtMs(fromMs: number, bakeMs: number, periodMs: number, look: BakeLook): number {
  return fromMs + (Math.max(periodMs, bakeMs - 2 * periodMs) * look.k) / look.of;
}

/** Share of alpha that is kept for looks beyond the planned ones, which holds add. */
const KEPT_FOR_FURTHER = 0.2;

/**
 * Two-sided confidence of one look. The planned looks share four fifths of alpha evenly. What is left is spent on further ones
 * as 1/2, 1/6, 1/12 …, which however many never add up to more than all of it: holding for long takes back no healthy version more
 * often than alpha says.
 */
export function confidenceOfLook(
  { alpha }: Pick<CompareSettings, 'alpha'>,
  { k, of }: BakeLook,
): number {
  const planned = Math.max(1, of);
  const beyond = k - planned;
  return beyond <= 0
    ? 1 - (alpha * (1 - KEPT_FOR_FURTHER)) / planned
    : 1 - (alpha * KEPT_FOR_FURTHER) / (beyond * (beyond + 1));
}

/** `look 2 of 3`; of one that a hold has added `look 5 beyond the 3 planned`. */
export const lookInWords = ({ k, of }: BakeLook): string =>
  k > of ? `look ${k} beyond the ${of} planned` : `look ${k} of ${of}`;

/** Both fleets over the same periods: those in which either took nothing are left out. */
function samePeriods(
  champion: readonly BakePeriod[],
  candidate: readonly BakePeriod[],
  counts: (period: BakePeriod) => boolean,
): { readonly champion: readonly BakePeriod[]; readonly candidate: readonly BakePeriod[] } {
  const usable = (periods: readonly BakePeriod[]): ReadonlyMap<number, BakePeriod> =>
    new Map(periods.filter(counts).map((period) => [period.atMs, period]));
  const [ofChampion, ofCandidate] = [usable(champion), usable(candidate)];
  return {
    champion: [...ofChampion.values()].filter(({ atMs }) => ofCandidate.has(atMs)),
    candidate: [...ofCandidate.values()].filter(({ atMs }) => ofChampion.has(atMs)),
  };
}

export interface Fleets {
  readonly champion: readonly BakePeriod[];
  readonly candidate: readonly BakePeriod[];
}

/**
 * Errors as counts: Newcombe's interval of the difference of the two shares. Fails when it lies wholly above the
 * margin, passes when it lies wholly below and the candidate took enough invocations.
 *
 * @param z normal quantile of the look's two-sided confidence
 */
export function compareProportion(
  metric: ProportionMetric,
  fleets: Fleets,
  minimum: CompareSettings['minimum'],
  z: number,
): MetricComparison {
  const countable = (period: BakePeriod): boolean =>
    period.invocations > 0 && period.values[metric.id] !== undefined;
  const same = samePeriods(fleets.champion, fleets.candidate, countable);
  const share = (periods: readonly BakePeriod[]): { x: number; n: number } => ({
    x: sum(periods.map((period) => period.values[metric.id] ?? 0)),
    n: sum(periods.map((period) => period.invocations)),
  });
  const [champion, candidate] = [share(same.champion), share(same.candidate)];
  const line = {
    id: metric.id,
    kind: metric.kind,
    required: metric.required,
    champion: champion.n === 0 ? null : champion.x / champion.n,
    candidate: candidate.n === 0 ? null : candidate.x / candidate.n,
    nChampion: champion.n,
    nCandidate: candidate.n,
    margin: metric.margin,
  };
  const alone = {
    champion: share(fleets.champion.filter(countable)),
    candidate: share(fleets.candidate.filter(countable)),
  };
  const excess =
    alone.candidate.x / alone.candidate.n -
    (alone.champion.n === 0 ? 0 : alone.champion.x / alone.champion.n);
  const hard =
    metric.hard !== null &&
    alone.candidate.n >= HARD_EVIDENCE.invocations &&
    alone.candidate.x >= HARD_EVIDENCE.errors &&
    excess > metric.hard;
  const known = line.champion !== null && line.candidate !== null;
  const bounds = known ? newcombe(champion, candidate, z) : { lower: null, upper: null };
  const estimate = known ? (line.candidate ?? 0) - (line.champion ?? 0) : null;
  const answer = (
    verdict: MetricComparison['verdict'],
    reason: string,
    isHard = false,
  ): MetricComparison => ({ ...line, ...bounds, estimate, verdict, hard: isHard, reason });

  if (hard) {
    return answer(
      'fail',
      `${alone.candidate.x} of ${alone.candidate.n} invocations of the candidate count as ${metric.numerator}, ${points(excess)} more than the champion's: beyond the hard limit of ${points(metric.hard)}`,
      true,
    );
  }
  const { lower, upper } = bounds;
  if (lower === null) {
    return answer(
      'inconclusive',
      `CloudWatch has ${alone.champion.n} invocations of the champion and ${alone.candidate.n} of the candidate, none of them in the same periods: nothing to compare`,
    );
  }
  const numbers = `${metric.numerator} ${percent(champion.x / champion.n)} of ${champion.n} and ${percent(candidate.x / candidate.n)} of ${candidate.n} invocations: the difference is ${points(lower)} to ${points(upper)}`;
  if (lower > metric.margin)
    return answer('fail', `${numbers}, surely more than ${points(metric.margin)}`);
  if (candidate.n < minimum.invocations) {
    return answer('inconclusive', `${numbers}; fewer than ${minimum.invocations} invocations`);
  }
  if (upper < metric.margin)
    return answer('pass', `${numbers}, surely less than ${points(metric.margin)}`);
  return answer(
    'inconclusive',
    `${numbers}: cannot tell whether it is less than ${points(metric.margin)}`,
  );
}

/**
 * Latency as a series of periods: the Hodges–Lehmann shift relative to the champion's median, with its interval
 * widened where neighbouring periods resemble each other. The effect decides on the interval; Mann–Whitney is the
 * test that belongs to it and stands in the reason.
 *
 * @param z normal quantile of the look's two-sided confidence
 */
export function compareSeries(
  metric: SeriesMetric,
  fleets: Fleets,
  minimum: CompareSettings['minimum'],
  z: number,
  periodMs: number,
): MetricComparison {
  const countable = (period: BakePeriod): boolean =>
    period.invocations >= QUIET_PERIOD && period.values[metric.id] !== undefined;
  const valuesOf = (periods: readonly BakePeriod[]): readonly number[] =>
    periods.map((period) => period.values[metric.id] ?? Number.NaN);
  const same = samePeriods(fleets.champion, fleets.candidate, countable);
  const [champion, candidate] = [valuesOf(same.champion), valuesOf(same.candidate)];
  const middle = median(champion);
  const line = {
    id: metric.id,
    kind: metric.kind,
    required: metric.required,
    champion: finite(middle),
    candidate: finite(median(candidate)),
    nChampion: champion.length,
    nCandidate: candidate.length,
    margin: metric.margin,
  };
  const nothing = { estimate: null, lower: null, upper: null } as const;
  const judge = (
    numbers: Pick<MetricComparison, 'estimate' | 'lower' | 'upper'>,
    verdict: MetricComparison['verdict'],
    reason: string,
    hard = false,
  ): MetricComparison => ({ ...line, ...numbers, verdict, hard, reason });

  const alone = {
    champion: valuesOf(fleets.champion.filter(countable)),
    candidate: valuesOf(fleets.candidate.filter(countable)),
  };
  const excess = median(alone.candidate) / median(alone.champion) - 1;
  if (
    metric.hard !== null &&
    Math.min(alone.champion.length, alone.candidate.length) >= HARD_EVIDENCE.periods &&
    excess > metric.hard
  ) {
    return judge(
      { estimate: finite(excess), lower: null, upper: null },
      'fail',
      `${metric.metric} of the candidate is ${percent(excess)} above the champion's over ${alone.candidate.length} periods: beyond the hard limit of ${percent(metric.hard)}`,
      true,
    );
  }
  if (champion.length < 2 || !(middle > 0)) {
    return judge(
      nothing,
      'inconclusive',
      `${metric.metric}: ${champion.length} periods in which both fleets took at least ${QUIET_PERIOD} invocations: nothing to compare`,
    );
  }
  const correlation = Math.max(
    lagOne(same.champion, metric.id, periodMs),
    lagOne(same.candidate, metric.id, periodMs),
  );
  const widening =
    correlation > CORRELATED ? Math.sqrt((1 + correlation) / (1 - Math.min(correlation, 0.95))) : 1;
  const { length: n } = champion;
  const shift = hodgesLehmann(candidate, champion, z * widening);
  const test = mannWhitney(candidate, champion);
  const numbers = {
    estimate: shift.shift / middle,
    lower: shift.lower / middle,
    upper: shift.upper / middle,
  };
  const said = `${metric.metric} changed by ${percent(numbers.lower)} to ${percent(numbers.upper)} of the champion's median over ${n} periods (Mann–Whitney |z| ${test.z.toFixed(2)}${widening > 1 ? `, widened ${widening.toFixed(2)} times: neighbouring periods resemble each other` : ''})`;
  // With this few periods no rank is extreme enough: the interval would claim more than the data know.
  if ((n * n) / 2 - z * widening * Math.sqrt((n * n * (2 * n + 1)) / 12) < -0.5) {
    return judge(
      { ...numbers, lower: null, upper: null },
      'inconclusive',
      `${metric.metric}: ${n} periods are too few for an interval at this confidence`,
    );
  }
  if (numbers.lower > metric.margin)
    return judge(numbers, 'fail', `${said}, surely more than ${percent(metric.margin)}`);
  if (n < minimum.points) {
    return judge(numbers, 'inconclusive', `${said}; fewer than ${minimum.points} periods`);
  }
  if (numbers.upper < metric.margin)
    return judge(numbers, 'pass', `${said}, surely less than ${percent(metric.margin)}`);
  return judge(
    numbers,
    'inconclusive',
    `${said}: cannot tell whether it is less than ${percent(metric.margin)}`,
  );
}

/**
 * Predictions as two distributions. Different ones when the effect is large and more than chance, both; the same when the
 * distance is surely below the effect. In between nobody can tell. Where the policy says how far the mean may move, the interval of
 * its shift must say so too.
 *
 * Only where the two versions write apart: two variants, or a shadow. Their answers are to different requests, so that
 * there are no pairs of which to tell the share that flipped.
 *
 * @param z normal quantile of the look's two-sided confidence
 */
export function compareDistribution(
  metric: DistributionMetric,
  scores: { readonly champion: readonly number[]; readonly candidate: readonly number[] },
  alpha: number,
  z: number,
): MetricComparison {
  const usable = (list: readonly number[]): readonly number[] =>
    list.filter(Number.isFinite).sort((a, b) => a - b);
  const [champion, candidate] = [usable(scores.champion), usable(scores.candidate)];
  const line = {
    id: metric.id,
    kind: metric.kind,
    required: metric.required,
    champion: finite(mean(champion)),
    candidate: finite(mean(candidate)),
    nChampion: champion.length,
    nCandidate: candidate.length,
    lower: null,
    upper: null,
    margin: metric.effect,
    hard: false,
  };
  const fewest = Math.min(champion.length, candidate.length);
  if (fewest < metric.minRows) {
    return {
      ...line,
      estimate: null,
      verdict: 'inconclusive',
      reason: `${champion.length} captured answers of the champion and ${candidate.length} of the candidate: ${metric.minRows} of each are wanted`,
    };
  }
  const edges = edgesFromRanks(champion.length, (rank) => champion[rank - 1] ?? Number.NaN).coarse;
  const counts = dropEmpty({
    baseline: countInto(edges, champion),
    window: countInto(edges, candidate),
  });
  const distance = jsDistance(counts);
  const [lower, upper] = jsInterval(counts, z);
  const p = ksPValue(ksDistance(champion, candidate), champion.length, candidate.length);
  const shift = meanShift(champion, candidate, z);
  const said = `answers differ by a Jensen–Shannon distance of ${distance.toFixed(3)} (${lower.toFixed(3)} to ${upper.toFixed(3)}, p ${p < 1e-4 ? '< 0.0001' : p.toFixed(4)}), their mean by ${number(shift.estimate)} (${number(shift.lower)} to ${number(shift.upper)})`;
  const judged = { ...line, estimate: distance, lower, upper, meanShift: shift };
  const most = metric.meanShift;
  if (distance >= metric.effect && p < alpha)
    return {
      ...judged,
      verdict: 'fail',
      reason: `${said}: from a distance of ${metric.effect} on they are different ones`,
    };
  if (most !== null && (shift.lower > most || shift.upper < -most))
    return { ...judged, verdict: 'fail', reason: `${said}: surely more than ${most}` };
  if (upper >= metric.effect)
    return {
      ...judged,
      verdict: 'inconclusive',
      reason: `${said}: cannot tell whether the distance is less than ${metric.effect}`,
    };
  if (most !== null && !(shift.lower > -most && shift.upper < most))
    return {
      ...judged,
      verdict: 'inconclusive',
      reason: `${said}: cannot tell whether that is less than ${most}`,
    };
  return {
    ...judged,
    verdict: 'pass',
    reason: `${said}: surely less than ${metric.effect}${most === null ? '' : ` and ${most}`}`,
  };
}

/** Difference of two means with Welch's interval. */
function meanShift(
  champion: readonly number[],
  candidate: readonly number[],
  z: number,
): MeanShift {
  const estimate = mean(candidate) - mean(champion);
  const error = Math.sqrt(squaredError(champion) + squaredError(candidate));
  return { estimate, lower: estimate - z * error, upper: estimate + z * error };
}

/** Of the mean. */
function squaredError(values: readonly number[]): number {
  const middle = mean(values);
  const { length: n } = values;
  return sum(values.map((value) => (value - middle) ** 2)) / Math.max(1, n - 1) / n;
}

/** A line for a metric of which nothing could be read. */
export function notCompared(metric: CompareMetric, reason: string): MetricComparison {
  return {
    id: metric.id,
    kind: metric.kind,
    required: metric.required,
    champion: null,
    candidate: null,
    nChampion: 0,
    nCandidate: 0,
    estimate: null,
    lower: null,
    upper: null,
    margin: metric.kind === 'distribution' ? metric.effect : metric.margin,
    verdict: 'inconclusive',
    hard: false,
    reason,
  };
}

/**
 * Whether the candidate's fleet took about what it was to take. A fleet that is left out of the routing has no
 * errors and no latency either.
 *
 * @returns why not, in words; `undefined` when it did or nobody knows what to expect
 */
export function starved(
  expectedShare: number | null,
  invocations: { readonly champion: number; readonly candidate: number },
): string | undefined {
  if (expectedShare === null) return undefined;
  const all = invocations.champion + invocations.candidate;
  const expected = all * expectedShare;
  if (all === 0 || invocations.candidate >= expected * FEWEST_OF_EXPECTED) return undefined;
  return `the candidate took ${invocations.candidate} of ${all} invocations, some ${Math.round(expected)} were expected: it is hardly in use`;
}

/**
 * What the table leads to. A hard breach or a required metric that fails takes the candidate back; it is promoted
 * only when every required metric passes; anything else holds.
 *
 * @param doubts reasons not to believe a pass: starved fleets, unreadable metrics
 */
export function judgeBake(
  metrics: readonly MetricComparison[],
  doubts: readonly string[] = [],
): Pick<BakeComparison, 'verdict' | 'hard' | 'reasons'> {
  const required = metrics.filter((metric) => metric.required);
  const failed = required.filter((metric) => metric.verdict === 'fail');
  const hard = failed.some((metric) => metric.hard);
  const told = (list: readonly MetricComparison[]): readonly string[] =>
    list.map((metric) => `${metric.id}: ${metric.reason}`);
  if (failed.length > 0) return { verdict: 'roll back', hard, reasons: told(failed) };
  const open = required.filter((metric) => metric.verdict === 'inconclusive');
  if (open.length > 0 || doubts.length > 0 || required.length === 0) {
    const nothing = required.length === 0 ? ['no required metric was compared'] : [];
    return { verdict: 'hold', hard, reasons: [...doubts, ...told(open), ...nothing] };
  }
  return { verdict: 'promote', hard, reasons: told(required) };
}

/** The same comparison with further lines, judged again. */
export function withMetrics(
  comparison: BakeComparison,
  further: readonly MetricComparison[],
): BakeComparison {
  if (further.length === 0) return comparison;
  const metrics = [...comparison.metrics, ...further];
  return { ...comparison, ...judgeBake(metrics, comparison.doubts), metrics };
}

/** A comparison that could not be made: people see why, and nothing is promoted by it. */
export function heldBake(
  atMs: number,
  windows: readonly Window[],
  look: BakeLook,
  reason: string,
): BakeComparison {
  const doubts = [reason];
  return {
    atMs,
    windows,
    look,
    verdict: 'hold',
    hard: false,
    metrics: [],
    doubts,
    reasons: doubts,
  };
}

export type AfterHold = 'extend' | 'ask' | 'roll back' | 'promote';

/**
 * What to do when a bake ends with `hold`: bake on while the policy allows it, then as `onInconclusive` says.
 *
 * @param bakedMs how long this bake has lasted
 * @param everHard a hard limit was passed at any look
 */
export function afterHold(
  settings: Pick<CompareSettings, 'maxBakeMs' | 'onInconclusive'>,
  bakedMs: number,
  everHard: boolean,
): AfterHold {
  if (bakedMs < settings.maxBakeMs) return 'extend';
  switch (settings.onInconclusive) {
    case 'manual':
      return 'ask';
    case 'rollback':
      return 'roll back';
    case 'promote_if_no_hard_breach':
      return everHard ? 'roll back' : 'promote';
  }
}

/**
 * Why a version that a guardrail let in does not stay: it was found worse too late for the guardrail, or nothing was told
 * of it and the policy takes that for a no. `undefined` when it stays.
 *
 * @param last the last comparison of this rollout, if there was any
 */
export function whyNotKept(
  { onInconclusive }: Pick<CompareSettings, 'onInconclusive'>,
  last: BakeComparison | undefined,
): string | undefined {
  if (last?.verdict === 'promote') return undefined;
  if (last?.verdict !== 'roll back' && onInconclusive !== 'rollback') return undefined;
  return last === undefined ? NOT_COMPARED : bakeInWords(last);
}

/** What is said of a rollout that was over before there was anything to compare. */
export const NOT_COMPARED =
  'the rollout was over before champion and candidate could be compared: too little traffic, or too short a bake';

/** `look 2 of 3: hold: latency: …`, for timelines and the ledger. */
export function bakeInWords(comparison: BakeComparison): string {
  const { look, verdict, reasons } = comparison;
  return `${lookInWords(look)}: ${verdict}${reasons.length === 0 ? '' : `: ${reasons.join('; ')}`}`;
}

/** One line of a comparison as people read it: numbers with their units. */
export interface BakeRow {
  readonly id: string;
  readonly champion: string;
  readonly candidate: string;
  readonly change: string;
  readonly verdict: string;
  readonly reason: string;
}

export function bakeRows(comparison: Pick<BakeComparison, 'metrics'>): readonly BakeRow[] {
  return comparison.metrics.map((metric) => {
    const [side, change] = WORDS[metric.kind];
    const of = (value: number | null, n: number): string =>
      value === null ? '–' : `${side(value)} (n ${n})`;
    const { estimate, lower, upper } = metric;
    const range = lower === null || upper === null ? '' : ` (${change(lower)} to ${change(upper)})`;
    return {
      id: metric.id,
      champion: of(metric.champion, metric.nChampion),
      candidate: of(metric.candidate, metric.nCandidate),
      change: estimate === null ? '–' : `${change(estimate)}${range}`,
      verdict: `${metric.verdict}${metric.hard ? ', hard limit' : ''}${metric.required ? '' : ', advisory'}`,
      reason: metric.reason,
    };
  });
}

/** Lag-1 autocorrelation over periods that follow each other; 0 for short or constant series. */
function lagOne(periods: readonly BakePeriod[], id: string, periodMs: number): number {
  const values = periods.map((period) => period.values[id] ?? Number.NaN);
  const middle = mean(values);
  const spread = sum(values.map((value) => (value - middle) ** 2));
  if (values.length < 4 || spread === 0) return 0;
  let together = 0;
  for (let i = 1; i < periods.length; i += 1) {
    if ((periods[i]?.atMs ?? 0) - (periods[i - 1]?.atMs ?? 0) !== periodMs) continue;
    together += ((values[i] ?? 0) - middle) * ((values[i - 1] ?? 0) - middle);
  }
  return together / spread;
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const median = (values: readonly number[]): number =>
  quantileSorted(
    [...values].sort((a, b) => a - b),
    0.5,
  );
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
const number = (value: number): string => `${Number(value.toPrecision(3))}`;
const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;
/** How a side and a change of each kind are written. Latencies come in microseconds. */
const WORDS: Readonly<
  Record<CompareMetric['kind'], readonly [(value: number) => string, (value: number) => string]>
> = {
  proportion: [percent, (value) => points(value)],
  series: [(value) => `${number(value / 1_000)} ms`, percent],
  distribution: [number, number],
};
const points = (share: number | null): string =>
  `${Number(((share ?? 0) * 100).toPrecision(3))} points`;
