import type { DatasetFloor } from '../domain/datasets.js';
import type { BiasGate, MetricGate } from '../domain/gate.schema.js';
import {
  judgeAbsolute,
  judgeBias,
  judgeNonInferior,
  judgeSuperior,
  limitOf,
  lowerPasses,
  rowsToSettle,
} from '../domain/stats/gates.js';
import type { Bounded, Judgement } from '../domain/stats/gates.js';
import { latencyQuantile, metricFacts } from '../domain/stats/metrics.js';
import { holmLevels } from '../domain/stats/multiple-testing.js';
import { FEWEST_OF_A_CLASS } from '../domain/stats/performance.js';
import type { Gate, GateMetric, GateReasonCode, GateResult } from '../domain/stats/types.js';
import { sampleBias } from './bias.js';
import type { BiasSampling } from './bias.js';
import { sampleCustom } from './custom-metric.js';
import type { Duck } from './duck.js';
import { MOST_SLICES } from './prediction-rows.js';
import type { PredictionRows, SliceOf } from './prediction-rows.js';
import { boundsOf, pBeyond, sampleMetric } from './sampling.js';
import type { MetricSampling, Sampling, ScoredRows } from './sampling.js';

/** Entities below which nothing is said of how they differ. */
const FEWEST_ENTITIES = 30;

export interface JudgeOptions {
  readonly gates: readonly Gate[];
  /** One-sided, of every bound. */
  readonly confidence: number;
  readonly seed: number;
  /** Fewest rows for a verdict, where a gate does not say its own. */
  readonly minRows: number;
  readonly candidateSizeBytes?: number;
  /** The set of predictions; absent for the held-out rows. */
  readonly dataset?: string;
  readonly floor?: DatasetFloor;
  /** There is a champion: rows without its scores are a fault, and not those of a first model. */
  readonly championKnown?: boolean;
  readonly signal?: AbortSignal;
}

/** Everything a gate is judged with. */
export interface Bench {
  readonly duck: Duck;
  readonly predictions: PredictionRows;
  readonly rows: ScoredRows;
  readonly judge: Judge;
  readonly options: JudgeOptions;
}

export function positivesOf(rows: ScoredRows): number {
  return rows.labels.reduce((sum, label) => sum + (label === 1 ? 1 : 0), 0);
}

/** Samples each metric once per set of rows. */
export class Judge {
  private readonly known = new Map<ScoredRows, Map<GateMetric, Promise<MetricSampling | null>>>();

  constructor(private readonly options: Pick<JudgeOptions, 'seed' | 'signal'>) {}

  sample(metric: GateMetric, rows: ScoredRows): Promise<MetricSampling | null> {
    const ofRows = this.known.get(rows) ?? new Map<GateMetric, Promise<MetricSampling | null>>();
    this.known.set(rows, ofRows);
    const { seed, signal } = this.options;
    const found =
      ofRows.get(metric) ?? sampleMetric(metric, rows, { seed, ...(signal && { signal }) });
    ofRows.set(metric, found);
    return found;
  }
}

interface Part {
  readonly slice: SliceOf | null;
  readonly rows: ScoredRows;
}

/** Every gate on one set of rows. Those that need a champion are left out for a first model, which has none. */
export async function judgeAll(bench: Bench): Promise<readonly GateResult[]> {
  const results: GateResult[] = [];
  for (const gate of bench.options.gates) {
    if (gate.kind === 'bias') {
      results.push(...(await judgeBiasGate(gate, bench)));
      continue;
    }
    const { rows } = bench;
    const needsChampion = gate.kind !== 'absolute';
    if (needsChampion && rows.champion === null) {
      if (bench.options.championKnown === true)
        results.push(
          refused(gate, bench.options, {
            reasonCode: 'missing metric',
            reason: 'these predictions hold no champion scores, although there is a champion',
          }),
        );
      continue;
    }
    if (gate.metric === 'model_size_mb') {
      results.push(judgeSize(gate, bench));
      continue;
    }
    const by = gate.by ?? [];
    if (by.length === 0) {
      results.push(...(await judgeParts(gate, [{ slice: null, rows }], bench)));
      continue;
    }
    const parts: Part[] = [];
    for (const column of by) {
      const found = await slicesOf(bench, column, gate.values?.[column] ?? []);
      parts.push(...found.parts);
      for (const fault of found.faults) results.push(without(gate, bench, fault));
    }
    results.push(...(await judgeParts(gate, parts, bench)));
  }
  return results;
}

/** A slice that cannot be judged, and what that says. */
interface SliceFault {
  readonly slice: SliceOf;
  readonly verdict: 'fail' | 'inconclusive';
  readonly reasonCode: GateReasonCode;
  readonly reason: string;
}

const ALL = '*';

function without(gate: Gate, { rows, options }: Bench, fault: SliceFault): GateResult {
  const { slice, ...judgement } = fault;
  return { ...unjudged(gate, rows, options, slice), n: 0, positives: 0, ...judgement };
}

/** The rows of each value of a column. A column or value that is not there fails the gate that asks for it. */
async function slicesOf(
  { predictions }: Bench,
  column: string,
  wanted: readonly string[],
): Promise<{ readonly parts: readonly Part[]; readonly faults: readonly SliceFault[] }> {
  const fault = (
    value: string,
    verdict: SliceFault['verdict'],
    reasonCode: GateReasonCode,
    reason: string,
  ): SliceFault => ({ slice: { column, value }, verdict, reasonCode, reason });
  if (!predictions.has(column)) {
    const reason = `the predictions have no column ${column}`;
    return { parts: [], faults: [fault(ALL, 'fail', 'missing column', reason)] };
  }
  const values = await predictions.valuesOf(column);
  if (values.length > MOST_SLICES) {
    const reason = `${column} has more than ${MOST_SLICES} values, at most ${MOST_SLICES} slices are judged`;
    return { parts: [], faults: [fault(ALL, 'inconclusive', 'too many slices', reason)] };
  }
  const faults = wanted
    .filter((value) => !values.includes(value))
    .map((value) => fault(value, 'fail', 'missing slice', `no row has the ${column} ${value}`));
  const parts: Part[] = [];
  for (const value of values) {
    const slice = { column, value };
    parts.push({ slice, rows: await predictions.load(slice) });
  }
  return { parts, faults };
}

/** What a gate asks of a metric: a number that must surely be on one side of a limit. */
interface Question {
  readonly sampling: Sampling;
  readonly limit: number;
  readonly passing: 'above' | 'below';
  /** What is added to the number, its bounds and its limit to be shown: see {@link questionOf}. */
  readonly shown: number;
  /** What may be lost, or the limit itself. */
  readonly margin: number;
}

/**
 * A relative margin is judged by candidate − (1 ∓ margin) · champion against 0, so that the champion's own error counts, and
 * shown as the difference against the margin that this is on these rows.
 */
function questionOf(gate: MetricGate, metric: MetricSampling): Question | null {
  const sign = lowerPasses(gate) ? -1 : 1;
  switch (gate.kind) {
    case 'absolute': {
      const limit = limitOf(gate);
      const passing = sign === 1 ? 'above' : 'below';
      return { sampling: metric.candidate, limit, passing, shown: 0, margin: limit };
    }
    case 'non_inferior': {
      const { absolute, relative = 0 } = gate.margin;
      const sampling = metric.combined(-sign + (absolute === undefined ? relative : 0), sign);
      const champion = metric.champion?.estimate ?? Number.NaN;
      if (sampling === null) return null;
      if (absolute !== undefined)
        return { sampling, limit: -absolute, passing: 'above', shown: 0, margin: absolute };
      const margin = relative * champion;
      return { sampling, limit: 0, passing: 'above', shown: -margin, margin };
    }
    case 'superior': {
      const sampling = metric.combined(-sign, sign);
      const { minGain } = gate;
      return sampling === null
        ? null
        : { sampling, limit: minGain, passing: 'above', shown: 0, margin: minGain };
    }
  }
}

function judgementOf(gate: MetricGate, bounded: Bounded, margin: number): Judgement {
  const name = gate.metric === 'custom' ? `${gate.id} (SQL)` : gate.metric;
  switch (gate.kind) {
    case 'absolute':
      return judgeAbsolute(gate, bounded);
    case 'non_inferior':
      return judgeNonInferior(name, margin, bounded);
    case 'superior':
      return judgeSuperior(name, gate.minGain, bounded);
  }
}

interface Sampled extends Part, Question {
  readonly metric: MetricSampling;
}

/**
 * Judges a gate on one or several parts of the rows. Several are judged in Holm's order: each bound at the level of its
 * step, for passing and for failing apart. Parts with too few rows have no part in the correction.
 */
async function judgeParts(
  gate: MetricGate,
  parts: readonly Part[],
  bench: Bench,
): Promise<readonly GateResult[]> {
  const { options } = bench;
  const minRows = gate.minRows ?? options.minRows;
  const sampled: Sampled[] = [];
  const results: GateResult[] = [];
  for (const part of parts) {
    const found = await sampledPart(gate, part, minRows, bench);
    if (found.kind === 'sampled') sampled.push(found.sampled);
    else results.push(found.result);
  }
  const alpha = 1 - options.confidence;
  const opposite = (side: Question['passing']) => (side === 'above' ? 'below' : 'above');
  const levels = (side: (one: Question) => Question['passing']) =>
    holmLevels(
      sampled.map((one) => pBeyond(one.sampling, one.limit, side(one))),
      alpha,
    );
  const passing = levels((one) => one.passing);
  const failing = levels((one) => opposite(one.passing));
  sampled.forEach((one, i) => {
    const { slice, rows, metric, sampling, limit, shown, margin } = one;
    // Behind a step that was not significant nothing is judged any more: the bound of the strictest step is shown.
    const strictest = alpha / sampled.length;
    const confidenceOf = (found: readonly number[]) => 1 - Math.max(found[i] ?? 0, strictest);
    const [confidence, upperConfidence] =
      one.passing === 'above'
        ? [confidenceOf(passing), confidenceOf(failing)]
        : [confidenceOf(failing), confidenceOf(passing)];
    const range = gate.kind === 'absolute' ? metricFacts(gate.metric).range : undefined;
    const asked = boundsOf(sampling, confidence, upperConfidence, range);
    const bounded = {
      estimate: asked.estimate + shown,
      lower: asked.lower + shown,
      upper: asked.upper + shown,
    };
    const judgement = judgementOf(gate, bounded, margin);
    results.push({
      ...unjudged(gate, rows, options, slice),
      estimateChampion: metric.champion?.estimate ?? null,
      estimateCandidate: metric.candidate.estimate,
      delta: gate.kind === 'absolute' ? null : bounded.estimate,
      lower: bounded.lower,
      upper: bounded.upper,
      confidence,
      upperConfidence,
      method: metric.method,
      margin,
      ...judgement,
      rowsWanted:
        judgement.verdict === 'inconclusive'
          ? rowsToSettle(rows.labels.length, asked, limit)
          : null,
    });
  });
  return results;
}

type PartFound =
  | { readonly kind: 'sampled'; readonly sampled: Sampled }
  | { readonly kind: 'unjudged'; readonly result: GateResult };

async function sampledPart(
  gate: MetricGate,
  part: Part,
  minRows: number,
  bench: Bench,
): Promise<PartFound> {
  const { options, judge } = bench;
  const { rows, slice } = part;
  const answer = (
    verdict: GateResult['verdict'],
    reasonCode: GateReasonCode,
    reason: string,
  ): PartFound => ({
    kind: 'unjudged',
    result: { ...unjudged(gate, rows, options, slice), verdict, reasonCode, reason },
  });
  const little =
    tooSmall(bench) ?? tooLittle(rows, minRows, metricFacts(gate.metric).task === 'classification');
  if (little !== null)
    return {
      kind: 'unjudged',
      result: insufficient(gate, unjudged(gate, rows, options, slice), little),
    };
  const missing = missingLatencies(gate, rows);
  if (missing !== null) return answer('fail', missing.reasonCode, missing.reason);
  let metric: MetricSampling | null;
  if (gate.metric === 'custom') {
    const { duck, predictions } = bench;
    const { seed, signal } = options;
    const how = { seed, ...(signal && { signal }) };
    const custom = await sampleCustom(duck, predictions, gate.sql ?? '', slice, how);
    if (custom.kind !== 'sampled') return answer('fail', custom.kind, custom.reason);
    metric = custom.sampling;
  } else metric = await judge.sample(gate.metric, rows);
  if (metric === null) {
    if (gate.metric === 'prediction_flip_share' && rows.champion === null)
      return answer('fail', 'missing metric', 'there is no champion whose decisions could flip');
    // Rows enough of each class are there: the number itself does not exist, such as a percentage of a label of 0.
    return answer('fail', 'not a number', `${gate.metric} cannot be computed from these rows`);
  }
  if (gate.kind === 'non_inferior' && gate.margin.relative !== undefined) {
    const champion = metric.champion?.estimate ?? 0;
    if (!(champion > 0))
      return answer(
        'inconclusive',
        'champion is zero',
        `${gate.metric} of the champion is ${champion}: a share of that says nothing`,
      );
  }
  const question = questionOf(gate, metric);
  if (question === null)
    return answer('fail', 'missing metric', `${gate.metric} of the champion is not known`);
  return { kind: 'sampled', sampled: { ...part, ...question, metric } };
}

function missingLatencies(
  gate: MetricGate,
  { latencies }: ScoredRows,
): { readonly reasonCode: GateReasonCode; readonly reason: string } | null {
  if (latencyQuantile(gate.metric) === null) return null;
  const sides =
    gate.kind === 'absolute' ? ['candidate' as const] : (['candidate', 'champion'] as const);
  for (const side of sides) {
    const values = latencies?.[side] ?? null;
    if (values === null) {
      const column = side === 'candidate' ? 'latencyCandidateMs' : 'latencyChampionMs';
      return {
        reasonCode: 'missing metric',
        reason: `the predictions have no latencies of the ${side}: write a column ${column}, or name it in evaluate.inputs.latency.${side}`,
      };
    }
    const unknown = values.reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0);
    if (unknown > 0)
      return {
        reasonCode: 'not a number',
        reason: `${unknown} latencies of the ${side} are not milliseconds of 0 or more`,
      };
  }
  return null;
}

/** A size is what it is: it has no interval. */
function judgeSize(gate: MetricGate, { rows, options }: Bench): GateResult {
  const base = unjudged(gate, rows, options, null);
  const bytes = options.candidateSizeBytes;
  if (gate.kind !== 'absolute' || bytes === undefined || !(bytes > 0))
    return {
      ...base,
      verdict: 'fail',
      reasonCode: 'missing metric',
      reason: 'the size of the candidate is not known',
    };
  const size = bytes / 1_000_000;
  const judgement = judgeAbsolute(gate, { estimate: size, lower: size, upper: size });
  return {
    ...base,
    estimateCandidate: size,
    lower: size,
    upper: size,
    method: 'point',
    ...judgement,
  };
}

async function judgeBiasGate(gate: BiasGate, bench: Bench): Promise<readonly GateResult[]> {
  const { predictions, options } = bench;
  const { facet: column } = gate;
  const fault = (
    value: string,
    verdict: SliceFault['verdict'],
    reasonCode: GateReasonCode,
    reason: string,
  ) => without(gate, bench, { slice: { column, value }, verdict, reasonCode, reason });
  if (!predictions.has(column))
    return [fault(ALL, 'fail', 'missing column', `the predictions have no column ${column}`)];
  const values = await predictions.valuesOf(column);
  if (values.length > MOST_SLICES)
    return [
      fault(
        ALL,
        'inconclusive',
        'too many slices',
        `${column} has more than ${MOST_SLICES} values: name those to look at in disadvantaged`,
      ),
    ];
  if (values.length < 2)
    return [
      fault(
        ALL,
        'fail',
        'missing slice',
        `${column} has one value only: there is nobody to compare with`,
      ),
    ];
  // Of two values each is the other's mirror image.
  const asked = gate.disadvantaged ?? (values.length === 2 ? values.slice(1) : values);
  const minRows = gate.minRows ?? options.minRows;
  const results: GateResult[] = [];
  const sampled: SampledFacet[] = [];
  for (const value of asked) {
    if (!values.includes(value)) {
      results.push(
        fault(value ?? '', 'fail', 'missing slice', `no row has the ${column} ${value ?? ''}`),
      );
      continue;
    }
    const found = await sampleFacet(gate, { column, value }, minRows, bench);
    if ('verdict' in found) results.push(found);
    else sampled.push(found);
  }
  return [...results, ...judgeFacets(gate, sampled, options.confidence)];
}

interface SampledFacet {
  readonly base: GateResult;
  readonly sampling: BiasSampling;
}

/** One group against all the others, or why nothing can be said of it. */
async function sampleFacet(
  gate: BiasGate,
  slice: SliceOf,
  minRows: number,
  bench: Bench,
): Promise<SampledFacet | GateResult> {
  const { predictions, options } = bench;
  const { rows, marks } = await predictions.loadMarked(null, slice);
  const n = marks.reduce((sum, mark) => sum + mark, 0);
  const base = { ...unjudged(gate, rows, options, slice), n };
  const rarer = Math.min(n, rows.labels.length - n);
  const small = tooSmall(bench);
  if (small !== null) return insufficient(gate, base, small);
  if (rarer < minRows) {
    const reason = `${n} rows with ${slice.column} ${slice.value ?? MISSING} and ${rows.labels.length - n} others, ${minRows} of each are needed`;
    return insufficient(gate, base, {
      reasonCode: 'too few rows',
      reason,
      wanted: rowsForClass(rows.labels.length, rarer, minRows),
    });
  }
  const { seed, signal } = options;
  const sampling = await sampleBias(gate.metric, rows, marks, { seed, ...(signal && { signal }) });
  return sampling === null
    ? {
        ...base,
        verdict: 'fail',
        reasonCode: 'not a number',
        reason: `${gate.metric} cannot be computed: one of the groups has no such rows`,
      }
    : { base, sampling };
}

/** Within the range, or no further from equal treatment than the champion. */
const WAYS_TO_PASS = 2;

/**
 * Groups in Holm's order, for passing and for failing apart, as slices are judged. A group passes when its bias is surely above
 * the least and surely below the most, or surely no worse than the champion's; it fails when it is surely out on one side.
 *
 * With two ways to pass, each is judged at half of the group's level (Bonferroni), or a group that is neither would pass twice as
 * often as the confidence says. Failing asks for both and needs no correction.
 */
function judgeFacets(
  gate: BiasGate,
  sampled: readonly SampledFacet[],
  confidence: number,
): readonly GateResult[] {
  const [least, most] = gate.range;
  const alpha = 1 - confidence;
  const closerOf = ({ closerDraws }: BiasSampling) =>
    gate.orNotWorseThanChampion ? closerDraws : null;
  const passing = holmLevels(
    sampled.map(({ sampling }) => {
      const { draws } = sampling;
      const within = Math.max(pBeyond(draws, least, 'above'), pBeyond(draws, most, 'below'));
      const closer = closerOf(sampling);
      return closer === null
        ? within
        : Math.min(1, WAYS_TO_PASS * Math.min(within, pBeyond(closer, 0, 'above')));
    }),
    alpha,
  );
  const failing = holmLevels(
    sampled.map(({ sampling }) => {
      const { draws } = sampling;
      const out = Math.min(pBeyond(draws, least, 'below'), pBeyond(draws, most, 'above'));
      const closer = closerOf(sampling);
      return closer === null ? out : Math.max(out, pBeyond(closer, 0, 'below'));
    }),
    alpha,
  );
  return sampled.map(({ base, sampling }, i) => {
    const strictest = alpha / sampled.length;
    const judgedAt = (level: number | undefined, ways: number) => {
      const at = 1 - Math.max(level ?? 0, strictest) / ways;
      const bounded = sampling.bounds(at);
      const closer = gate.orNotWorseThanChampion ? sampling.closer(at) : null;
      return { at, bounded, judgement: judgeBias(gate, bounded, closer) };
    };
    const ways = closerOf(sampling) === null ? 1 : WAYS_TO_PASS;
    const [toPass, toFail] = [judgedAt(passing[i], ways), judgedAt(failing[i], 1)];
    // Each counts at its own level only; a group cannot surely be within and surely be out.
    const { at, bounded, judgement } =
      toFail.judgement.verdict === 'fail' || toPass.judgement.verdict === 'fail' ? toFail : toPass;
    return {
      ...base,
      estimateChampion: sampling.champion,
      estimateCandidate: sampling.candidate,
      lower: bounded.lower,
      upper: bounded.upper,
      confidence: at,
      upperConfidence: at,
      method: sampling.method,
      ...judgement,
      rowsWanted: judgement.verdict === 'inconclusive' ? biasRows(gate, base.n, bounded) : null,
    };
  });
}

/** About how many rows would bring the interval to one side of the nearer limit. */
function biasRows({ range: [least, most] }: BiasGate, n: number, bounded: Bounded): number | null {
  const { estimate } = bounded;
  return rowsToSettle(
    n,
    bounded,
    Math.abs(estimate - least) < Math.abs(estimate - most) ? least : most,
  );
}

interface TooLittle {
  readonly reasonCode: GateReasonCode;
  readonly reason: string;
  /** About how many rows would do. */
  readonly wanted?: number | null;
}

/** What the policy wants of the whole set. */
function tooSmall({ rows, options }: Bench): TooLittle | null {
  const { minRows, minPositives } = options.floor ?? {};
  const n = rows.labels.length;
  if (minRows !== undefined && n < minRows)
    return {
      reasonCode: 'too few rows',
      reason: `the set has ${n} rows, ${minRows} are needed`,
      wanted: minRows,
    };
  const positives = positivesOf(rows);
  const rarer = Math.min(positives, n - positives);
  return minPositives !== undefined && rarer < minPositives
    ? {
        reasonCode: 'too few of a class',
        reason: `only ${rarer} of the ${n} rows of the set are of the rarer class, ${minPositives} are needed`,
        wanted: rowsForClass(n, rarer, minPositives),
      }
    : null;
}

/** Rows in which about `wanted` would be of a class that `n` rows have `rarer` of; `null` where there is none. */
const rowsForClass = (n: number, rarer: number, wanted: number): number | null =>
  rarer === 0 ? null : Math.ceil((n * wanted) / rarer);

function tooLittle(rows: ScoredRows, minRows: number, hasClasses: boolean): TooLittle | null {
  const n = rows.labels.length;
  if (n < minRows)
    return {
      reasonCode: 'too few rows',
      reason: `${n} rows, ${minRows} are needed`,
      wanted: minRows,
    };
  if (hasClasses) {
    const positives = positivesOf(rows);
    const rarer = Math.min(positives, n - positives);
    if (rarer < FEWEST_OF_A_CLASS)
      return {
        reasonCode: 'too few of a class',
        reason: `only ${rarer} of ${n} rows are of the rarer class, ${FEWEST_OF_A_CLASS} are needed`,
        wanted: rowsForClass(n, rarer, FEWEST_OF_A_CLASS),
      };
  }
  const entities = rows.groups?.count;
  return entities !== undefined && entities < FEWEST_ENTITIES
    ? {
        reasonCode: 'too few entities',
        reason: `the ${n} rows are of ${entities} entities, ${FEWEST_ENTITIES} are needed`,
        wanted: Math.ceil((n * FEWEST_ENTITIES) / Math.max(1, entities)),
      }
    : null;
}

/** Too little to judge: open, unless the policy says that it only warns, or that it fails. */
function insufficient(
  gate: Gate,
  base: GateResult,
  { wanted = null, ...why }: TooLittle,
): GateResult {
  return {
    ...base,
    ...why,
    verdict: gate.onInsufficient === 'fail' ? 'fail' : 'inconclusive',
    ...(gate.onInsufficient === 'warn' && { waived: true as const }),
    rowsWanted: wanted,
  };
}

/** A gate that nobody can judge fails, and says why. */
export function refused(
  gate: Gate,
  options: Omit<JudgeOptions, 'gates'>,
  why: { readonly reasonCode: GateReasonCode; readonly reason: string },
): GateResult {
  return { ...unjudged(gate, NO_ROWS, options, null), verdict: 'fail', ...why };
}

const NO_ROWS: ScoredRows = {
  labels: new Float64Array(),
  champion: null,
  candidate: new Float64Array(),
};

const MISSING = '(missing)';

function unjudged(
  gate: Gate,
  rows: ScoredRows,
  { confidence, seed, dataset }: Omit<JudgeOptions, 'gates'>,
  slice: SliceOf | null,
): GateResult {
  const value = slice?.value ?? MISSING;
  return {
    id: slice === null ? gate.id : `${gate.id}[${slice.column}=${value}]`,
    kind: gate.kind,
    metric: gate.metric,
    severity: gate.severity,
    slice: slice === null ? null : { column: slice.column, value },
    estimateChampion: null,
    estimateCandidate: null,
    delta: null,
    lower: null,
    upper: null,
    confidence,
    upperConfidence: confidence,
    n: rows.labels.length,
    positives: positivesOf(rows),
    method: 'none',
    seed,
    margin: marginOf(gate),
    verdict: 'inconclusive',
    reason: '',
    rowsWanted: null,
    ...(dataset !== undefined && { dataset }),
    ...(gate.kind === 'bias' && { range: gate.range }),
  };
}

/** What may be lost, gained or kept, where no champion has been looked at. */
function marginOf(gate: Gate): number {
  switch (gate.kind) {
    case 'absolute':
      return limitOf(gate);
    case 'non_inferior':
      return gate.margin.absolute ?? gate.margin.relative ?? Number.NaN;
    case 'superior':
      return gate.minGain;
    case 'bias':
      return gate.range[1];
  }
}
