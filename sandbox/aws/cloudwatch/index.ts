import type { Service } from '../kernel.js';
import type { Core } from '../wires.js';
import { alarmOperations } from './alarm-operations.js';
import { Alarms } from './alarms.js';
import { detectorOperations, Detectors } from './detectors.js';
import { complain } from './errors.js';
import { metricOperations } from './metric-operations.js';
import { Metrics } from './metrics.js';

/** Amazon CloudWatch: metrics and alarms. Sets `core.wires.observe` and `core.wires.alarmState`. */
export function createCloudWatch(
  core: Core,
  keepMetricsMs: number,
): { readonly service: Service; readonly alarms: Alarms } {
  const metrics = new Metrics(core, keepMetricsMs);
  const detectors = new Detectors(core, metrics);
  const alarms = new Alarms(core, metrics, detectors.learnsFrom);
  core.wires.observe = (data) => {
    metrics.observe(data);
  };
  core.wires.alarmState = (name) => alarms.get(name)?.state.value;
  const service: Service = {
    name: 'CloudWatch',
    target: 'GraniteServiceVersion20100801',
    complain,
    operations: {
      ...metricOperations(core, metrics, detectors.learnsFrom),
      ...alarmOperations(core, alarms, detectors),
      ...detectorOperations(detectors),
    },
    start: () => {
      metrics.start();
      core.every(1_000, 'alarm evaluation', () => {
        alarms.tick();
      });
    },
    close: () => {
      metrics.flush();
    },
  };
  return { service, alarms };
}
