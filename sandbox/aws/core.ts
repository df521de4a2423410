import type { AdminPages } from './admin.js';
import { createCloudWatch } from './cloudwatch/index.js';
import { createEventBridge } from './events/index.js';
import { createIam } from './iam/index.js';
import type { Service } from './kernel.js';
import { createServiceQuotas } from './quotas/index.js';
import { createAutoScaling } from './scaling/index.js';
import { createSns } from './sns/index.js';
import { createSqs } from './sqs/index.js';
import { createSts } from './sts/index.js';
import type { Core } from './wires.js';

export interface CoreOptions {
  readonly keepMetricsMs: number;
}

/** Builds the services every sandbox has. Each connects its own wires. */
export function coreServices(
  core: Core,
  { keepMetricsMs }: CoreOptions,
): { readonly services: readonly Service[]; readonly pages: AdminPages } {
  const sqs = createSqs(core);
  const sns = createSns(core);
  const sts = createSts(core);
  const quotas = createServiceQuotas(core);
  const events = createEventBridge(core);
  const cloudWatch = createCloudWatch(core, keepMetricsMs);
  const scaling = createAutoScaling(core, cloudWatch.alarms);
  return {
    services: [
      sqs,
      sns.service,
      sts.service,
      createIam(core),
      quotas.service,
      events.service,
      cloudWatch.service,
      scaling,
    ],
    pages: { ...sns.pages, ...sts.pages, ...quotas.pages, ...events.pages },
  };
}
