import type { AdminPages } from './admin.js';
import type { Service } from './kernel.js';
import type { Core } from './wires.js';

export interface CoreOptions {
  readonly keepMetricsMs: number;
}

/** Builds the services every sandbox has, and connects them. */
export function coreServices(
  core: Core,
  _options: CoreOptions,
): { readonly services: readonly Service[]; readonly pages: AdminPages } {
  core.wires.emit = (event) => {
    core.log(`event: ${event.detailType}`);
  };
  core.wires.observe = () => undefined;
  core.wires.alarmState = () => undefined;
  return { services: [], pages: {} };
}
