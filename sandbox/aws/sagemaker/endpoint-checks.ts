import type { Kernel } from '../kernel.js';
import { shareOf } from './rollout.js';
import type { CapacitySize, DeploymentConfig } from './shapes.js';
import { invalid } from './validate.js';

/**
 * What AWS asks of a deployment configuration beyond its shape, for fleets of the given sizes.
 *
 * @throws {AwsError} ValidationException
 */
export function checkDeploymentConfig(
  kernel: Pick<Kernel, 'alarmState'>,
  config: DeploymentConfig,
  fleetSizes: readonly number[],
): void {
  const { BlueGreenUpdatePolicy: blueGreen, RollingUpdatePolicy: rolling } = config;
  if ((blueGreen === undefined) === (rolling === undefined)) {
    throw invalid(
      'DeploymentConfig must specify exactly one of BlueGreenUpdatePolicy and RollingUpdatePolicy.',
    );
  }
  const routing = blueGreen?.TrafficRoutingConfiguration;
  if (routing?.Type === 'CANARY') checkShare('CanarySize', routing.CanarySize, fleetSizes, [0, 50]);
  else if (routing?.CanarySize)
    throw invalid('CanarySize is only supported for traffic routing of type CANARY.');
  if (routing?.Type === 'LINEAR')
    checkShare('LinearStepSize', routing.LinearStepSize, fleetSizes, [10, 50]);
  else if (routing?.LinearStepSize)
    throw invalid('LinearStepSize is only supported for traffic routing of type LINEAR.');
  if (rolling) {
    checkShare('MaximumBatchSize', rolling.MaximumBatchSize, fleetSizes, [5, 50]);
    // All of it at once is what AWS does anyway when this is left out.
    if (rolling.RollbackMaximumBatchSize !== undefined)
      checkShare(
        'RollbackMaximumBatchSize',
        rolling.RollbackMaximumBatchSize,
        fleetSizes,
        [5, 100],
      );
  }
  for (const { AlarmName } of config.AutoRollbackConfiguration?.Alarms ?? []) {
    if (kernel.alarmState(AlarmName) === undefined) {
      throw invalid(
        `Could not find CloudWatch alarm "${AlarmName}" specified in AutoRollbackConfiguration.`,
      );
    }
  }
}

function checkShare(
  member: string,
  size: CapacitySize | undefined,
  fleetSizes: readonly number[],
  [min, max]: readonly [number, number],
): void {
  if (size === undefined) throw invalid(`${member} must be specified for this type of deployment.`);
  const outside =
    size.Type === 'CAPACITY_PERCENT'
      ? size.Value < min || size.Value > max
      : fleetSizes.some((count) => (100 * size.Value) / count > max);
  const noPart = max < 100 && fleetSizes.some((count) => shareOf(size, count) === 1);
  if (outside || noPart) {
    throw invalid(
      `${member} must be between ${min === 0 ? 1 : min} and ${max} percent of the variant's capacity of ${fleetSizes.join(', ')} instance(s).`,
    );
  }
}
