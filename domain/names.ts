/** Every name we give to something, from the model and the never-repeating release number. */

/** Most characters of the name of an endpoint, config, variant or model. */
export const MAX_AWS_NAME = 63;

/** Highest numbers of a release and of a try that names are made for. */
export const MAX_RELEASE = 999_999;
export const MAX_TRIES = 999;

export const keeperId = (model: string): string => `keeper/${model}`;

/**
 * One keeper among all that ever had the name: what it has written is told apart by it from what an earlier one wrote.
 *
 * @param firstRunId the id of its first run. Only the end of it is chance: servers make UUIDs of version 7, which begin
 *   with the time, and two of one minute begin alike.
 */
export const keeperLife = (workflowId: string, firstRunId: string): string =>
  `${workflowId}/${firstRunId.slice(-12)}`;

export const releaseId = (model: string, release: number): string => `release/${model}/${release}`;

/** Name of the endpoint config, the SageMaker model and the pipeline execution of one release. */
export const releaseName = (model: string, release: number): string => `${model}-${release}`;

/** Prefix of every alarm that any keeper makes. */
export const ALARMS_PREFIX = 'modelkeeper-';

/** Prefix of every alarm the keeper of a model makes. */
export const alarmPrefix = (model: string): string => `${ALARMS_PREFIX}${model}-`;

/** Alarms that roll back one rollout; `abort` never has data and is set by hand when a person aborts. */
export const rollbackAlarmNames = (
  model: string,
  release: number,
): { readonly errors: string; readonly latency: string; readonly abort: string } => ({
  errors: `${alarmPrefix(model)}release-${release}-errors`,
  latency: `${alarmPrefix(model)}release-${release}-latency`,
  abort: `${alarmPrefix(model)}release-${release}-abort`,
});

/** Alarms on the candidate's variant while two versions serve. */
export const candidateAlarmNames = (
  model: string,
  release: number,
): { readonly errors: string; readonly latency: string } => ({
  errors: `${alarmPrefix(model)}release-${release}-candidate-errors`,
  latency: `${alarmPrefix(model)}release-${release}-candidate-latency`,
});

/** How every alarm begins that calls a step policy of the candidate of one release. */
export const candidateScalingPrefix = (model: string, release: number): string =>
  `${alarmPrefix(model)}release-${release}-candidate-scaling-`;

/** Tag on the endpoint that says which keeper writes to it. */
export const KEEPER_TAG = 'modelkeeper:keeper';

/** Name of one try of a round: a job or an execution on another instance type is a new one. */
export const tryName = (name: string, number: number): string =>
  number === 1 ? name : `${name}-t${number}`;

/** Every name that the tries of a round may have given, the first of them first. */
export const triesOf = (name: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => tryName(name, index + 1));

/** Name of the job that scores what the training job of that name has made. */
export const evaluationName = (name: string): string => `${name}-score`;

/** The model of one of our names: `flight-delays-12` → flight-delays, 12; `undefined` for anybody else's. */
export function releaseOfName(
  name: string,
): { readonly model: string; readonly release: number } | undefined {
  const match = /^([a-z0-9](?:-?[a-z0-9]){0,39})-([1-9]\d{0,5})(?:-t\d{1,3})?(?:-score)?$/.exec(
    name,
  );
  return match === null ? undefined : { model: match[1] ?? '', release: Number(match[2]) };
}

/** The model of one of our workflow ids. */
export function modelOfWorkflow(workflowId: string): string | undefined {
  return /^(?:keeper|release)\/([^/]+)(?:\/\d+)?$/.exec(workflowId)?.[1];
}

/** A candidate whose champion changed under it is trained and judged again, this many times in all. */
export const MAX_ROUNDS = 3;

/** Name of one round of a release: `flight-delays-12`, then `flight-delays-12-2` and `-3`. */
export const roundName = (name: string, round: number): string =>
  round === 1 ? name : `${name}-${round}`;

/** Every name a release may have given to a config and a model. */
export const roundsOf = (name: string): readonly string[] =>
  Array.from({ length: MAX_ROUNDS }, (_, index) => roundName(name, index + 1));

const SPLIT = '-split';

/** The config that serves champion and candidate at once while a rollout goes by steps. */
export const splitName = (configName: string): string => `${configName}${SPLIT}`;

/** Whether a config of ours is one that serves two versions for a while. */
export const isSplit = (model: string, configName: string): boolean =>
  configName.startsWith(`${model}-`) && configName.endsWith(SPLIT);

const CANDIDATE = '-candidate';

/**
 * The variant that carries the candidate while two serve; its name ends with the rollout. At most 63 characters, and never
 * the champion's.
 */
export function candidateVariant(variant: string): string {
  const named = (room: number): string =>
    `${variant.slice(0, room).replace(/-+$/, '')}${CANDIDATE}`;
  const room = MAX_AWS_NAME - CANDIDATE.length;
  return named(room) === variant ? named(room - 1) : named(room);
}
