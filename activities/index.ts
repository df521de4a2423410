/** The activities of modelkeeper, built from injected clients. */
import { createAlarmActivities } from './alarms.js';
import { createCandidateScaling } from './candidate-scaling.js';
import { createCompareActivities } from './compare.js';
import type { ControlActivities } from './contract.js';
import { createMetricActivities } from './custom-metrics.js';
import type { ControlDeps } from './deps.js';
import { createDeploymentActivities } from './deployment.js';
import { createEndpointActivities } from './endpoint.js';
import { heartbeating } from './heartbeat.js';
import { createLedgerActivities } from './ledger.js';
import { createMonitorActivities } from './managed-monitors.js';
import { createMultivariateJobs } from './multivariate-jobs.js';
import { createNotifyActivities } from './notify.js';
import { createOwnEventActivities } from './own-events.js';
import { createPipelineActivities } from './pipeline.js';
import { createPolicyActivities } from './policy.js';
import { createReconcileActivities } from './reconcile.js';
import { createRegistryActivities } from './registry.js';
import { createReleaseActivities } from './releases.js';
import { createScalingActivities } from './scaling.js';
import { createStagingActivities } from './staging.js';
import { createTrafficActivities } from './traffic.js';
import { createTrainingActivities } from './training.js';
import { createSignalsWatch } from './watch-signals.js';
import { createWaysBackActivities } from './ways-back.js';

export { createDataActivities } from './data.js';
export type { Analysis } from './analysis-port.js';
export type * from './contract.js';
export type { AwsByRegion, AwsClients, ControlDeps, DataDeps } from './deps.js';

/** Everything that is a few calls to AWS or Temporal. */
export function createControlActivities(deps: ControlDeps): ControlActivities {
  const { readCandidate, ...registry } = createRegistryActivities(deps);
  const deployment = createDeploymentActivities(deps);
  const scaling = createScalingActivities(deps);
  return heartbeating<ControlActivities>({
    ...createSignalsWatch(deps),
    ...createPolicyActivities(),
    ...createEndpointActivities(deps),
    ...createReconcileActivities(deps, scaling),
    ...createAlarmActivities(deps),
    ...createMetricActivities(deps),
    ...scaling,
    ...createMonitorActivities(deps),
    ...createMultivariateJobs(deps),
    ...createReleaseActivities(deps),
    ...createPipelineActivities(deps, readCandidate),
    ...createTrainingActivities(deps, readCandidate),
    ...registry,
    ...createCompareActivities(deps),
    ...deployment,
    /** Makes what a rollout needs, then sets the package to pending: both are safe to repeat, so it is too. */
    async prepareDeployment(request) {
      const prepared = await deployment.prepareDeployment(request);
      const { model, policy, pending } = request;
      if (pending === undefined) return prepared;
      return { ...prepared, registry: await registry.writePackage({ model, policy, ...pending }) };
    },
    ...createStagingActivities(deps),
    ...createTrafficActivities(deps),
    ...createCandidateScaling(deps),
    ...createWaysBackActivities(deps),
    ...createLedgerActivities(deps),
    ...createNotifyActivities(deps),
    ...createOwnEventActivities(deps),
  });
}
