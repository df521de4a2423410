import { Alarms } from '../../../sandbox/aws/cloudwatch/alarms.js';
import { Detectors } from '../../../sandbox/aws/cloudwatch/detectors.js';
import { Metrics } from '../../../sandbox/aws/cloudwatch/metrics.js';
import { openStore } from '../../../sandbox/aws/store.js';
import type { Core } from '../../../sandbox/aws/wires.js';
import { temporaryHome } from './support.js';

/** CloudWatch on a clock of the test's own: nothing waits. */
export function onOwnClock(startMs: number, home = temporaryHome()) {
  let nowMs = startMs;
  const store = openStore(home);
  const events: unknown[] = [];
  const scaled: unknown[] = [];
  const core = {
    store,
    home,
    now: () => nowMs,
    random: () => 0.5,
    arn: (service: string, resource: string) =>
      `arn:aws:${service}:us-east-1:111122223333:${resource}`,
    accountId: '111122223333',
    emit: (event: unknown) => events.push(event),
    log: () => undefined,
    wires: { publish: () => true, scale: (...args: unknown[]) => scaled.push(args) },
  } as unknown as Core;
  const metrics = new Metrics(core, 3 * 3_600_000);
  const detectors = new Detectors(core, metrics);
  const alarms = new Alarms(core, metrics, detectors.learnsFrom);
  return {
    metrics,
    alarms,
    detectors,
    events,
    scaled,
    now: () => nowMs,
    advance: (ms: number) => {
      nowMs += ms;
      alarms.tick();
    },
    observe: (value: number) => {
      metrics.observe([{ namespace: 'Own', name: 'm', dimensions: {}, value, atMs: nowMs }]);
    },
  };
}
