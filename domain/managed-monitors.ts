/** Model Monitor schedules that a policy wants: what has to be done so that they are as it says. */
import { durationMs } from './duration.js';
import { scheduleRhythm, type MonitoringType } from './monitor-findings.js';
import type { ManagedMonitor, ModelMonitorSource, Policy, Source } from './policy.schema.js';

type ManagedSource = ModelMonitorSource & { readonly manage: ManagedMonitor };

/** The sources whose schedules are made by the keeper. */
export const managedMonitors = ({ spec }: Pick<Policy, 'spec'>): readonly ManagedSource[] =>
  spec.monitor.sources.flatMap((source) =>
    source.kind === 'model-monitor' && source.manage !== undefined
      ? [{ ...source, manage: source.manage }]
      : [],
  );

export const MONITORING_TYPE: Readonly<Record<ManagedMonitor['type'], MonitoringType>> = {
  'data-quality': 'DataQuality',
  'model-quality': 'ModelQuality',
  'model-bias': 'ModelBias',
  'model-explainability': 'ModelExplainability',
};

/** The types whose analyser is SageMaker Clarify. */
const usesClarify = (type: ManagedMonitor['type']): boolean =>
  type === 'model-bias' || type === 'model-explainability';

/** The types that join captured answers with labels. */
const usesLabels = (type: ManagedMonitor['type']): boolean =>
  type === 'model-quality' || type === 'model-bias';

/** Longest name that leaves room for what definitions and jobs add to it. */
const NAME_ROOM = 50;
const DIGEST_LENGTH = 11;
const cut = (schedule: string): string => schedule.slice(0, NAME_ROOM).replace(/-+$/, '');

/** A job definition cannot be changed: another configuration is another name. At most 63 characters. */
export const definitionName = (schedule: string, digest: string): string =>
  `${cut(schedule)}-d${digest.slice(0, DIGEST_LENGTH)}`;

/** The processing job that makes a baseline, and the folder it writes to; its retries add `-t2`, … */
export const baselineName = (schedule: string, digest: string): string =>
  `${cut(schedule)
    .slice(0, NAME_ROOM - 4)
    .replace(/-+$/, '')}-b${digest.slice(0, DIGEST_LENGTH)}`;

/** What a baseline depends on; the version that serves only where the baseline is of its own training data. */
export const baselineInputs = (
  { manage }: Pick<ManagedSource, 'manage'>,
  dataset: string,
  championConfigName: string | null,
): unknown => [
  manage.type,
  dataset,
  manage.baseline,
  manage.image,
  manage.problem ?? null,
  manage.attributes ?? null,
  manage.config ?? null,
  manage.environment ?? null,
  manage.baseline.dataset === 'champion' ? championConfigName : null,
];

/** What a job definition depends on: all but when it runs and whether it does. */
export function definitionInputs(
  source: ManagedSource,
  endpoint: string,
  output: string,
  baseline: string | null,
): unknown {
  const rest = { ...source.manage, cron: undefined, state: undefined };
  return [source.id, source.schedule, endpoint, output, rest, baseline];
}

/** How the monitor of a source stands. */
export interface MonitorStanding {
  readonly source: string;
  readonly schedule: string;
  readonly kind: StandingKind;
  readonly sentence: string;
  /** Job definition and rhythm that are wanted; empty for one that is going. */
  readonly definition: string;
  readonly cron: string;
  /** What it was at rest with last: where that is what is wanted, whoever changed it since was not us. */
  readonly reached: string | null;
}

const MOVING = ['baselining', 'settling', 'leaving'] as const;
/** What people should hear of. */
const TROUBLE = [
  /** The account cannot have Model Monitor any more. */
  'closed',
  /** AWS refused it for another reason. */
  'refused',
  /** The name is somebody else's. */
  'taken',
  'no baseline',
  'baseline failed',
  'failed',
  /** Somebody changes it again and again: it is left as it is. */
  'contested',
] as const;
export type StandingKind =
  (typeof MOVING)[number] | ManagedMonitor['state'] | (typeof TROUBLE)[number];

const isOneOf =
  (kinds: readonly StandingKind[]) =>
  ({ kind }: Pick<MonitorStanding, 'kind'>): boolean =>
    kinds.includes(kind);
export const isMoving = isOneOf(MOVING);
export const isTrouble = isOneOf(TROUBLE);

/** A schedule of a source as the policy wants it. */
export interface WantedMonitor {
  readonly source: string;
  readonly schedule: string;
  readonly type: MonitoringType;
  readonly cron: string;
  readonly state: 'running' | 'stopped';
  /** Name of the job definition. */
  readonly definition: string;
  /** Why nothing can be compared with; `null` when it can. */
  readonly noBaseline: string | null;
}

export type FoundBaseline =
  /** Its files are there, or the policy names some. */
  | { readonly kind: 'ready' }
  /** This job makes it when it is started. */
  | { readonly kind: 'to be made'; readonly job: string }
  | { readonly kind: 'being made'; readonly job: string; readonly status: string }
  | { readonly kind: 'failed'; readonly job: string; readonly reason: string };

export interface FoundMonitor {
  readonly schedule: {
    readonly status: string;
    readonly type: MonitoringType;
    readonly definition: string | null;
    readonly cron: string | null;
    /** It carries our tag. */
    readonly ours: boolean;
    /** An execution is under way: nothing can be changed. */
    readonly executing: boolean;
    readonly failure: string | null;
  } | null;
  readonly definition: 'ours' | 'absent' | 'not ours';
  /** Our other definitions for this schedule. */
  readonly former: readonly { readonly name: string; readonly type: MonitoringType }[];
  readonly baseline: FoundBaseline;
}

export type MonitorStep = {
  /** What it does, for people. */
  readonly sentence: string;
  /** It puts right what somebody else changed. */
  readonly repair?: true;
} & (
  | {
      readonly kind:
        | 'create definition'
        | 'create schedule'
        | 'update schedule'
        | 'start schedule'
        | 'stop schedule'
        | 'delete schedule';
    }
  | { readonly kind: 'start baseline'; readonly job: string }
  | { readonly kind: 'delete definition'; readonly name: string; readonly type: MonitoringType }
);

export interface MonitorPlan {
  readonly steps: readonly MonitorStep[];
  readonly standing: MonitorStanding;
}

/** Repairs of one schedule in a day, after which somebody seems to want it otherwise. */
export const MOST_REPAIRS_IN_A_DAY = 3;

/**
 * What is to be done about one schedule now, and how it stands then.
 *
 * The definition comes before the baseline: an account that may not have Model Monitor any more refuses it, and no
 * job is paid for in vain. The schedule goes on with what it has until a new baseline is there. What a person changed is
 * put right a few times a day, then left to people.
 */
export function monitorPlan(
  wanted: WantedMonitor,
  found: FoundMonitor,
  known: MonitorStanding | undefined,
  repairsToday: number,
): MonitorPlan {
  const { schedule, definition, cron } = wanted;
  const steps: MonitorStep[] = [];
  const key = [definition, cron, wanted.state].join(' ');
  const end = (kind: StandingKind, sentence: string): MonitorPlan => ({
    steps,
    standing: {
      source: wanted.source,
      schedule,
      definition,
      cron,
      kind,
      sentence,
      reached: kind === wanted.state ? key : (known?.reached ?? null),
    },
  });
  const named = `the monitoring schedule ${schedule}`;
  const there = found.schedule;
  const settled = known?.reached === key;
  const byHand = settled ? ({ repair: true } as const) : {};
  if (there?.ours === false)
    return end(
      'taken',
      `${named} was not made by modelkeeper: give the source the name of one that is not there yet, or take manage out to read that one only`,
    );
  if (found.definition === 'not ours')
    return end(
      'taken',
      `the job definition ${definition} was not made by modelkeeper: delete it, or rename the schedule`,
    );
  if (wanted.noBaseline !== null) return end('no baseline', wanted.noBaseline);
  if (found.definition === 'absent')
    steps.push({
      kind: 'create definition',
      sentence: `job definition ${definition} created`,
      ...byHand,
    });
  const { baseline } = found;
  if (baseline.kind === 'to be made') {
    const { job } = baseline;
    steps.push({ kind: 'start baseline', job, sentence: `baselining job ${job} started` });
    return end('baselining', `the job ${job} makes the baseline`);
  }
  if (baseline.kind === 'being made')
    return end('baselining', `the job ${baseline.job} makes the baseline`);
  if (baseline.kind === 'failed')
    return end(
      'baseline failed',
      `the baselining job ${baseline.job} has failed: ${baseline.reason}; put it right and raise baseline.run`,
    );
  const move = (step: MonitorStep): MonitorPlan => {
    if (settled && repairsToday >= MOST_REPAIRS_IN_A_DAY) {
      steps.length = 0;
      return end(
        'contested',
        `${named} was put right ${repairsToday} times in a day and changed again: it is left as it is; settle it with whoever changes it, or change the policy`,
      );
    }
    steps.push(step);
    return end('settling', `${named} is being changed`);
  };
  if (there === null)
    return move({ kind: 'create schedule', sentence: `${named} created`, ...byHand });
  if (there.status === 'Pending') return end('settling', `${named} is Pending`);
  const other =
    there.type !== wanted.type || there.definition !== definition || there.cron !== cron;
  if (other && there.executing)
    return end('settling', `${named} is changed after the execution that is under way`);
  if (there.type !== wanted.type)
    return move({
      kind: 'delete schedule',
      sentence: `${named} deleted: its type is ${there.type}, and ${wanted.type} is wanted`,
      ...byHand,
    });
  if (other) {
    const what =
      there.definition === definition
        ? `its rhythm is ${cron} again`
        : `it takes the job definition ${definition}`;
    return move({ kind: 'update schedule', sentence: `${named} updated: ${what}`, ...byHand });
  }
  if (there.status === 'Failed')
    return end(
      'failed',
      `${named} is Failed: ${there.failure ?? 'SageMaker gave no reason'}; delete it, and it is made again`,
    );
  const stopped = there.status === 'Stopped';
  if (stopped && wanted.state === 'running')
    return move({ kind: 'start schedule', sentence: `${named} started`, ...byHand });
  if (!stopped && wanted.state === 'stopped')
    return move({ kind: 'stop schedule', sentence: `${named} stopped`, ...byHand });
  for (const { name, type } of found.former)
    steps.push({
      kind: 'delete definition',
      name,
      type,
      sentence: `job definition ${name} deleted: nothing uses it any more`,
    });
  return end(
    wanted.state,
    wanted.state === 'running' ? `${named} runs at ${cron}` : `${named} is stopped by the policy`,
  );
}

/** Whether AWS refused because it takes no new customers of Model Monitor. Its words may change; these it keeps. */
export const isClosedToUs = (message: string): boolean => /\bnew customers?\b/i.test(message);

const INSTEAD: Readonly<Record<ManagedMonitor['type'], string>> = {
  'data-quality': 'a source of kind captured-inputs',
  'model-quality': 'a source of kind ground-truth',
  'model-bias': 'a source of kind ground-truth, or reports of your own (evidently, mlflow)',
  'model-explainability':
    'a source of kind captured-inputs, or reports of your own (evidently, mlflow)',
};

/** What an account that is a new customer is told. */
export const closedSentence = (type: ManagedMonitor['type'], refusal: string): string =>
  `SageMaker Model Monitor is closed to this account: put ${INSTEAD[type]} in its place, which modelkeeper computes or reads itself (AWS: ${refusal})`;

const HOUR_MS = 3_600_000;
/** For these SageMaker keeps half of an hour for the join with labels. */
const HALF_HOUR_MS = HOUR_MS / 2;
const DAY_MS = 24 * HOUR_MS;
/** SageMaker takes 50; some are the keeper's own. */
const MOST_ENVIRONMENT = 40;

/** What of one `manage` section does not go together. */
export function managedMonitorFaults(
  model: string,
  sources: readonly Source[],
  index: number,
): readonly { readonly path: string[]; readonly message: string }[] {
  const source = sources[index];
  if (source?.kind !== 'model-monitor' || source.manage === undefined) return [];
  const { manage, schedule } = source;
  const { type, baseline, attributes = {} } = manage;
  const faults: { path: string[]; message: string }[] = [];
  const fault = (path: string[], message: string): void => void faults.push({ path, message });
  const within = (path: string[], message: string): void => {
    fault(['manage', ...path], message);
  };

  if (!schedule.startsWith(`${model}-`))
    fault(
      ['schedule'],
      `a schedule that modelkeeper makes has a name that begins with ${model}-, as everything it makes: permissions are given by it`,
    );
  const twice = sources.some(
    (other, at) => at < index && other.kind === 'model-monitor' && other.schedule === schedule,
  );
  if (twice) fault(['schedule'], `the schedule '${schedule}' is named by two sources`);

  const everyMs = scheduleRhythm(manage.cron)?.everyMs ?? HOUR_MS;
  const longestMs = Math.min(
    DAY_MS,
    everyMs === HOUR_MS && usesLabels(type) ? HALF_HOUR_MS : everyMs,
  );
  if (durationMs(manage.maxRuntime) > longestMs)
    within(
      ['maxRuntime'],
      `SageMaker lets an execution of ${type} at ${manage.cron} run for ${longestMs / 60_000} minutes at most`,
    );

  if ((baseline.dataset === undefined) === (baseline.constraints === undefined))
    within(
      ['baseline'],
      baseline.dataset === undefined
        ? 'name a dataset to make the baseline of, or constraints that are there'
        : 'a baseline is made of a dataset or is there as constraints: take one of them off',
    );
  if (baseline.dataset !== undefined && !usesClarify(type) && baseline.format === undefined)
    within(['baseline', 'format'], 'say the format of the dataset, such as csv (with a header)');
  if (baseline.statistics !== undefined && type !== 'data-quality')
    within(['baseline', 'statistics'], 'only data quality compares with statistics: take them off');
  if (baseline.statistics !== undefined && baseline.dataset !== undefined)
    within(['baseline', 'statistics'], 'are made of the dataset: take one of them off');
  if (type === 'data-quality' && baseline.constraints !== undefined && !baseline.statistics)
    within(['baseline', 'statistics'], 'data quality needs them beside the constraints');
  if (baseline.config !== undefined && !usesClarify(type))
    within(['baseline', 'config'], 'is for model-bias and model-explainability: take it off');

  if (type === 'model-quality') {
    if (manage.problem === undefined)
      within(['problem'], 'model quality needs it: binary, multiclass or regression');
    if (attributes.inference === undefined && attributes.probability === undefined)
      within(
        ['attributes'],
        'model quality needs where the answer stands: inference, or probability with probabilityThreshold',
      );
    if (manage.problem === 'regression' && attributes.probability !== undefined)
      within(['attributes', 'probability'], 'a regression has none: name inference');
    if (baseline.dataset !== undefined && attributes.groundTruth === undefined)
      within(['attributes', 'groundTruth'], 'name the column of the labels in the dataset');
  } else if (manage.problem !== undefined) {
    within(['problem'], 'is of model-quality: take it off');
  }
  if (usesLabels(type) && manage.groundTruth === undefined)
    within(['groundTruth'], `${type} joins answers with labels: say where they are`);
  if (!usesLabels(type) && manage.groundTruth !== undefined)
    within(['groundTruth'], `${type} looks at no labels: take it off`);
  if (usesClarify(type) && manage.config === undefined)
    within(['config'], `${type} needs an analysis config of SageMaker Clarify in S3`);
  if (!usesClarify(type) && manage.config !== undefined)
    within(['config'], `is of model-bias and model-explainability, not of ${type}: take it off`);
  if (manage.offsets !== undefined) {
    const { start, end } = manage.offsets;
    if (!usesLabels(type)) within(['offsets'], `are for labels, which ${type} does not join`);
    for (const [key, literal] of Object.entries({ start, end }))
      if (durationMs(literal) % HOUR_MS !== 0)
        within(['offsets', key], 'SageMaker reads captured data by the hour: write whole hours');
    if (durationMs(start) <= durationMs(end))
      within(['offsets', 'start'], 'must be longer ago than end, or nothing is joined');
  }
  if ((manage.subnets === undefined) !== (manage.securityGroups === undefined))
    within(['subnets'], 'subnets and securityGroups go together');
  if (Object.keys(manage.environment ?? {}).length > MOST_ENVIRONMENT)
    within(
      ['environment'],
      `at most ${MOST_ENVIRONMENT}: SageMaker takes 50, some of them are ours`,
    );
  return faults;
}
