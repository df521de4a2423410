/** AWS clients for what one stage does with one model: under the stage's role, where the policy names one. */
import { sessionName, stageRole, type Stage, type StageRole } from '../domain/roles.js';
import { runningActivity } from './aws-failure.js';
import type { ModelRef } from './contract.js';
import type { AwsByRegion, AwsClients, Session } from './deps.js';

/** The session of calls that are made for several models at once: they belong to no one workflow. */
const SHARED_SESSION = 'modelkeeper-watch';
/** The session of a door that reads: command line and console. */
const DOOR_SESSION = 'modelkeeper';

interface Deps<Needed extends keyof AwsClients> {
  readonly aws: AwsByRegion<Needed>;
}

type Spec = ModelRef['policy']['spec'];

/** Calls under the role of a stage; its session carries the id of the workflow that asks. */
export const clientsFor =
  <Needed extends keyof AwsClients>(deps: Deps<Needed>, stage: Stage) =>
  ({ policy }: Pick<ModelRef, 'policy'>): Pick<AwsClients, Needed> =>
    deps.aws(policy.spec.endpoint.region, sessionOf(policy.spec, stage));

/** Calls under the process's own identity: to modelkeeper's own storage and its topic. */
export const ownClients = <Needed extends keyof AwsClients>(
  deps: Deps<Needed>,
  { policy }: Pick<ModelRef, 'policy'>,
): Pick<AwsClients, Needed> => deps.aws(policy.spec.endpoint.region);

function sessionOf(spec: Spec, stage: Stage): Session | undefined {
  const role = stageRole(spec, stage);
  if (role === undefined) return undefined;
  const workflowId = runningActivity()?.info.workflowExecution?.workflowId ?? DOOR_SESSION;
  return { ...role, stage, name: sessionName(workflowId) };
}

/** Models whose reads may share a call: the same Region, seen by the same role. Holds no blank. */
export function readPlace(spec: Spec): string {
  const role = stageRole(spec, 'read');
  const { region } = spec.endpoint;
  return role === undefined ? region : [region, role.arn, role.externalId ?? ''].join('|');
}

/** The clients for the models of one {@link readPlace}. */
export function clientsAt<Needed extends keyof AwsClients>(
  deps: Deps<Needed>,
  place: string,
): Pick<AwsClients, Needed> {
  const [region = '', arn, externalId = ''] = place.split('|');
  if (arn === undefined) return deps.aws(region);
  const role: StageRole = externalId === '' ? { arn } : { arn, externalId };
  return deps.aws(region, { ...role, stage: 'read', name: SHARED_SESSION });
}
