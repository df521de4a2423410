/** What training and the jobs that watch cost: forecast before it starts, billed afterwards, counted against the budget in dollars. */
import { durationMs, inWords } from './duration.js';
import type { PlannedJob } from './pipeline-definition.js';
import type { PolicySpec } from './policy.schema.js';

/** One job of a run as AWS bills it: machines × seconds. */
export interface BilledJob {
  /** Name of the job at AWS: one job is billed once, in however many looks it is seen. */
  readonly job: string;
  /** What people call it: the step of a pipeline, or the job's part. */
  readonly name: string;
  readonly instanceType: string;
  readonly instances: number;
  /** Of each machine. For spot less than {@link runSeconds}. */
  readonly billableSeconds: number;
  readonly runSeconds: number;
  readonly spot: boolean;
}

export interface Bill {
  readonly jobs: readonly BilledJob[];
  /** Why something of it could not be read; `null` when it is whole. */
  readonly unread: string | null;
}

/** Instance type → US dollars an hour. */
export type Prices = Readonly<Record<string, number>>;

/** What a run costs, or why nobody can say. */
export type Cost =
  | { readonly kind: 'known'; readonly usd: number; readonly basis: string }
  | { readonly kind: 'unknown'; readonly reason: string };

/** One run as the budget remembers it. */
export interface Run {
  readonly release: number;
  readonly startedAtMs: number;
  /** What it was expected to cost; `null` when nobody could say. */
  readonly forecastUsd: number | null;
  /** What it did cost, once it is known. */
  readonly actualUsd: number | null;
  /** Machine seconds by instance type, once it has ended; what later forecasts are made of. */
  readonly machineSeconds: Readonly<Record<string, number>> | null;
}

/** What jobs that watch the model were billed on a day: machine seconds by instance type. */
export interface WatchDay {
  readonly dayMs: number;
  readonly machineSeconds: Readonly<Record<string, number>>;
}

/** Runs a forecast is the median of. */
const RUNS_OF_A_FORECAST = 5;

/** Prices of the policy; `undefined` for none, or for an address that nobody has read. */
export function pricesOf(budget: PolicySpec['retrain']['budget']): Prices | undefined {
  return typeof budget.prices === 'object' ? budget.prices : undefined;
}

/** Whether anybody wants to know what training costs. */
export const countsMoney = (budget: PolicySpec['retrain']['budget']): boolean =>
  budget.usd !== undefined || budget.prices !== undefined;

/** `12.30 USD`. */
export const dollars = (usd: number): string => `${usd.toFixed(2)} USD`;

export function machineSecondsOf(bill: Bill): Readonly<Record<string, number>> {
  const seconds: Record<string, number> = {};
  for (const job of bill.jobs)
    seconds[job.instanceType] =
      (seconds[job.instanceType] ?? 0) + job.billableSeconds * job.instances;
  return seconds;
}

/** Several bills as one. A retried execution shows the jobs of its first run again: each counts once. */
export function added(bills: readonly Bill[]): Bill {
  const jobs = new Map<string, BilledJob>();
  for (const bill of bills)
    for (const job of bill.jobs) jobs.set(`${job.job}/${job.instanceType}`, job);
  return {
    jobs: [...jobs.values()],
    unread: bills.find(({ unread }) => unread !== null)?.unread ?? null,
  };
}

/** Dollars for machine seconds; a type without a price makes it unknown, however little it ran. */
export function priced(
  machineSeconds: Readonly<Record<string, number>>,
  prices: Prices | undefined,
  basis: string,
): Cost {
  if (prices === undefined)
    return { kind: 'unknown', reason: 'retrain.budget.prices names no prices' };
  const missing = Object.keys(machineSeconds).filter((type) => !Object.hasOwn(prices, type));
  if (missing.length > 0)
    return {
      kind: 'unknown',
      reason: `retrain.budget.prices has no price for ${missing.join(', ')}`,
    };
  const usd = Object.entries(machineSeconds).reduce(
    (sum, [type, seconds]) => sum + (seconds / 3_600) * (prices[type] ?? 0),
    0,
  );
  return { kind: 'known', usd, basis };
}

/** What a run did cost. A bill that could not be read whole is no price. */
export function costOf(bill: Bill, prices: Prices | undefined): Cost {
  if (bill.unread !== null) return { kind: 'unknown', reason: bill.unread };
  return priced(machineSecondsOf(bill), prices, 'as billed');
}

/** Bill as a sentence: `Train 2 × ml.m5.xlarge 12 min (spot: 8 min billed), Evaluate 1 × ml.m5.large 3 min`. */
export function billInWords(bill: Bill): string {
  const jobs = bill.jobs.map(
    ({ name, instances, instanceType, runSeconds, billableSeconds, spot }) => {
      const saved = spot
        ? ` (spot: ${inWords(billableSeconds * 1_000)} billed, ${String(Math.round((1 - billableSeconds / Math.max(1, runSeconds)) * 100))} % saved)`
        : '';
      return `${name} ${instances} × ${instanceType} ${inWords(runSeconds * 1_000)}${saved}`;
    },
  );
  const rest = bill.unread === null ? [] : [`not all could be read: ${bill.unread}`];
  return [...(jobs.length === 0 ? ['no job ran'] : jobs), ...rest].join(', ');
}

/** The jobs of `trainingJob` and `evaluationJob` at their longest. */
export function plannedOf(retrain: PolicySpec['retrain']): readonly PlannedJob[] {
  const { trainingJob, evaluationJob } = retrain;
  return [
    { step: 'training job', job: trainingJob },
    { step: 'evaluation job', job: evaluationJob },
  ].flatMap(({ step, job }) =>
    job === undefined
      ? []
      : [
          {
            step,
            instanceType: job.instanceType,
            instances: job.instanceCount,
            maxRuntimeSeconds: Math.ceil(durationMs(job.maxRuntime) / 1_000),
          },
        ],
  );
}

/**
 * What the next run will cost: the median of the latest runs at today's prices; without any, every job at its longest
 * runtime.
 *
 * @param planned the jobs at their longest; `null` when nobody could read them
 */
export function forecast(
  prices: Prices | undefined,
  runs: readonly Run[],
  planned: readonly PlannedJob[] | null,
): Cost {
  const ended = runs
    .flatMap(({ machineSeconds }) =>
      // A run that was stopped before its first job says nothing of what one costs.
      machineSeconds === null || Object.keys(machineSeconds).length === 0 ? [] : [machineSeconds],
    )
    .slice(-RUNS_OF_A_FORECAST);
  if (ended.length > 0) {
    const costs = ended.map((machineSeconds) => priced(machineSeconds, prices, ''));
    const unknown = costs.find((cost) => cost.kind === 'unknown');
    if (unknown !== undefined) return unknown;
    const dollarsOf = costs.flatMap((cost) => (cost.kind === 'known' ? [cost.usd] : []));
    return {
      kind: 'known',
      usd: median(dollarsOf),
      basis:
        ended.length === 1
          ? 'as much as the last run'
          : `median of the last ${String(ended.length)} runs`,
    };
  }
  if (planned === null || planned.length === 0)
    return {
      kind: 'unknown',
      reason: 'no run has ended yet, and the longest runtime of its jobs is not known',
    };
  const nameless = planned.find(({ instanceType }) => instanceType === null);
  if (nameless !== undefined)
    return {
      kind: 'unknown',
      reason: `no run has ended yet, and nobody can say on which instance type ${nameless.step} runs`,
    };
  const machineSeconds: Record<string, number> = {};
  for (const { instanceType, instances, maxRuntimeSeconds } of planned)
    machineSeconds[instanceType ?? ''] =
      (machineSeconds[instanceType ?? ''] ?? 0) + instances * maxRuntimeSeconds;
  return priced(
    machineSeconds,
    prices,
    'every job at its longest runtime, as no run has ended yet',
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

const DAY_MS = 86_400_000;

/** Days as they are with another job; days that have left the budget's time are forgotten. */
export function watchedOn(
  budget: PolicySpec['retrain']['budget'],
  days: readonly WatchDay[],
  machineSeconds: Readonly<Record<string, number>>,
  nowMs: number,
): readonly WatchDay[] {
  const dayMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const today = { ...days.find((day) => day.dayMs === dayMs)?.machineSeconds };
  for (const [type, seconds] of Object.entries(machineSeconds))
    today[type] = (today[type] ?? 0) + seconds;
  return [
    ...watchedWithin(budget, days, nowMs).filter((day) => day.dayMs !== dayMs),
    { dayMs, machineSeconds: today },
  ];
}

/** A day counts as long as any instant of it would. */
const watchedWithin = (
  budget: PolicySpec['retrain']['budget'],
  days: readonly WatchDay[],
  nowMs: number,
): readonly WatchDay[] =>
  days.filter(({ dayMs }) => dayMs + DAY_MS > nowMs - durationMs(budget.per));

/** What the jobs that watch did cost in the budget's time, at today's prices. */
export function watchedCost(
  budget: PolicySpec['retrain']['budget'],
  days: readonly WatchDay[],
  nowMs: number,
): Cost {
  const seconds: Record<string, number> = {};
  for (const { machineSeconds } of watchedWithin(budget, days, nowMs))
    for (const [type, own] of Object.entries(machineSeconds))
      seconds[type] = (seconds[type] ?? 0) + own;
  return Object.keys(seconds).length === 0
    ? NOTHING
    : priced(seconds, pricesOf(budget), 'as billed');
}

/**
 * What the jobs of the sources that watch can cost in the budget's time: one for each window, each at its longest runtime.
 * `undefined` without such a source.
 */
export function watchingAtMost({
  monitor,
  retrain,
}: Pick<PolicySpec, 'monitor' | 'retrain'>): Cost | undefined {
  const sources = monitor.sources.filter((source) => source.kind === 'multivariate');
  if (sources.length === 0) return undefined;
  const perMs = durationMs(retrain.budget.per);
  const seconds: Record<string, number> = {};
  let jobs = 0;
  for (const { window, instanceType, maxRuntime } of sources) {
    const windows = Math.ceil(perMs / durationMs(window));
    jobs += windows;
    seconds[instanceType] =
      (seconds[instanceType] ?? 0) + (windows * durationMs(maxRuntime)) / 1_000;
  }
  return priced(
    seconds,
    pricesOf(retrain.budget),
    `${String(jobs)} ${jobs === 1 ? 'job' : 'jobs'} in ${retrain.budget.per}, each at its longest runtime`,
  );
}

/** What the budget in dollars knows when a run is asked for. */
export interface Spending {
  readonly usd: number;
  /** By runs. */
  readonly spentUsd: number;
  /** By jobs that watch; absent where none does. */
  readonly watched?: Cost;
  /** Runs in the budget's time whose cost nobody knows. */
  readonly unknownRuns: readonly number[];
  readonly next: Cost;
}

/**
 * Spent in the budget's sliding time: what each run did cost, or, until that is known, what it was expected to; and what
 * jobs that watch did. `undefined` for a policy without a budget in dollars.
 */
export function spendingOf(
  budget: PolicySpec['retrain']['budget'],
  runs: readonly Run[],
  planned: readonly PlannedJob[] | null,
  nowMs: number,
  watchDays: readonly WatchDay[] = [],
): Spending | undefined {
  if (budget.usd === undefined) return undefined;
  return {
    usd: budget.usd,
    spentUsd: spentUsd(budget, runs, nowMs),
    ...(watchDays.length === 0 ? {} : { watched: watchedCost(budget, watchDays, nowMs) }),
    unknownRuns: within(budget, runs, nowMs)
      .filter((run) => run.actualUsd === null && run.forecastUsd === null)
      .map(({ release }) => release),
    next: forecast(pricesOf(budget), runs, planned),
  };
}

const within = (
  budget: PolicySpec['retrain']['budget'],
  runs: readonly Run[],
  nowMs: number,
): readonly Run[] => runs.filter(({ startedAtMs }) => startedAtMs > nowMs - durationMs(budget.per));

/** Dollars of runs in the budget's sliding time: billed, or expected until they are. */
export const spentUsd = (
  budget: PolicySpec['retrain']['budget'],
  runs: readonly Run[],
  nowMs: number,
): number =>
  within(budget, runs, nowMs).reduce(
    (sum, run) => sum + (run.actualUsd ?? run.forecastUsd ?? 0),
    0,
  );

/** Sums of fractions are off in their last places: what is within a millionth is the same. */
const millionths = (usd: number): number => Math.round(usd * 1_000_000);

const NOTHING: Cost = { kind: 'known', usd: 0, basis: 'no job has watched' };

/** Why a run must not start by itself for the sake of money; `undefined` when it may. */
export function tooDear(spending: Spending, per: string): string | undefined {
  const { usd, next, unknownRuns, watched = NOTHING } = spending;
  if (next.kind === 'unknown')
    return `the budget is ${dollars(usd)} and nobody can say what a run costs: ${next.reason}`;
  if (unknownRuns.length > 0)
    return `the budget is ${dollars(usd)} and nobody can say what release ${unknownRuns.join(', ')} did cost`;
  if (watched.kind === 'unknown')
    return `the budget is ${dollars(usd)} and nobody can say what the jobs that watch did cost: ${watched.reason}`;
  const spentUsd = spending.spentUsd + watched.usd;
  if (millionths(spentUsd + next.usd) <= millionths(usd)) return undefined;
  const byWatching = watched.usd === 0 ? '' : ` (${dollars(watched.usd)} by jobs that watch)`;
  return `${dollars(spentUsd)} of ${dollars(usd)} of the last ${inWords(durationMs(per))} are spent${byWatching}, and a run costs about ${dollars(next.usd)} (${next.basis})`;
}

/** What training costs, and the jobs that watch, as people see it. */
export interface Money {
  /** The budget; `null` when the policy names prices only. */
  readonly usd: number | null;
  /** By runs. */
  readonly spentUsd: number;
  /** By jobs that watch; absent where none does. */
  readonly watched?: Cost;
  /** What the next run will cost. */
  readonly next: Cost;
}

/** `12.30 USD of 500.00 USD spent, the next run about 3.10 USD (median of the last 3 runs)`. */
export function moneyInWords({ usd, spentUsd: spent, watched, next }: Money): string {
  const of = usd === null ? '' : ` of ${dollars(usd)}`;
  const watching =
    watched === undefined
      ? ''
      : watched.kind === 'known'
        ? ` (${dollars(watched.usd)} by jobs that watch)`
        : ` (and nobody knows how much by jobs that watch: ${watched.reason})`;
  const all = spent + (watched?.kind === 'known' ? watched.usd : 0);
  return `${dollars(all)}${of} spent${watching}, the next run ${next.kind === 'known' ? `about ${dollars(next.usd)} (${next.basis})` : `costs nobody knows how much: ${next.reason}`}`;
}

/** What a release was expected to cost and did; `null` while there is nothing to say. */
export function costInWords(release: {
  readonly bill?: Bill | null;
  readonly costUsd?: number | null;
  readonly forecastUsd?: number | null;
}): string | null {
  const expected = release.forecastUsd == null ? '' : `, expected ${dollars(release.forecastUsd)}`;
  if (release.bill == null) return expected === '' ? null : `nothing billed yet${expected}`;
  const cost = release.costUsd == null ? '' : `${dollars(release.costUsd)}${expected}: `;
  return `${cost}${billInWords(release.bill)}`;
}
