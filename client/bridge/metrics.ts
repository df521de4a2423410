const COUNTERS = {
  received: 'Messages received from the queue.',
  hinted: 'Events whose hint a workflow accepted.',
  signals: 'Hints sent to workflows.',
  unmanaged: 'Events of resources nobody manages; deleted.',
  duplicate: 'Events about a change that was passed on already; deleted.',
  unreadable: 'Bodies that are no event; left for the dead-letter queue.',
  failed: 'Events that could not be passed on now; received again later.',
  looked_up: 'Pipeline executions looked up by their ARN.',
  receive_errors: 'Calls to the queue that failed.',
} as const;

export type Counter = keyof typeof COUNTERS;

export interface BridgeMetrics {
  count(counter: Counter): void;
  /** An event of that type came; of the types there are few. */
  countType(type: string): void;
  value(counter: Counter): number;
  /** The queue answered. */
  received(atMs: number): void;
  lastReceiveAtMs(): number | null;
  /** Prometheus text format. */
  text(inFlight: number): string;
}

export function createBridgeMetrics(): BridgeMetrics {
  const counts = new Map<Counter, number>();
  const types = new Map<string, number>();
  let lastMs: number | null = null;
  return {
    count: (counter) => void counts.set(counter, (counts.get(counter) ?? 0) + 1),
    countType: (type) => void types.set(type, (types.get(type) ?? 0) + 1),
    value: (counter) => counts.get(counter) ?? 0,
    received: (atMs) => {
      lastMs = atMs;
    },
    lastReceiveAtMs: () => lastMs,
    text: (inFlight) =>
      [
        ...Object.entries(COUNTERS).flatMap(([name, help]) => [
          `# HELP modelkeeper_bridge_${name}_total ${help}`,
          `# TYPE modelkeeper_bridge_${name}_total counter`,
          `modelkeeper_bridge_${name}_total ${counts.get(name as Counter) ?? 0}`,
        ]),
        '# HELP modelkeeper_bridge_events_total Readable events by their type.',
        '# TYPE modelkeeper_bridge_events_total counter',
        ...[...types].map(
          ([type, count]) => `modelkeeper_bridge_events_total{detail_type="${type}"} ${count}`,
        ),
        '# HELP modelkeeper_bridge_in_flight Messages received and not yet settled.',
        '# TYPE modelkeeper_bridge_in_flight gauge',
        `modelkeeper_bridge_in_flight ${inFlight}`,
        '# HELP modelkeeper_bridge_last_receive_timestamp_seconds When the queue last answered.',
        '# TYPE modelkeeper_bridge_last_receive_timestamp_seconds gauge',
        `modelkeeper_bridge_last_receive_timestamp_seconds ${(lastMs ?? 0) / 1_000}`,
        '',
      ].join('\n'),
  };
}
