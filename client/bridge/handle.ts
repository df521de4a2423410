import { parseBody } from './events.schema.js';
import type { Accepted, Coalescer } from './coalescer.js';
import type { Directory } from './directory.js';
import type { BridgeMetrics } from './metrics.js';
import { hintKey, routeEvent, routeReleaseName, type HintTarget, type Route } from './route.js';

/** What becomes of a queue message. */
export type Fate =
  | { readonly kind: 'delete'; readonly why: 'hinted' | 'unmanaged' | 'duplicate' }
  /** Nobody can read it: its queue's redrive policy moves it to the dead-letter queue. */
  | { readonly kind: 'leave'; readonly why: 'unreadable' | 'failed'; readonly reason: string };

export interface Execution {
  readonly displayName: string | null;
}

export interface HandlerOptions {
  readonly directory: Directory;
  readonly coalescer: Coalescer;
  readonly metrics: BridgeMetrics;
  /** `null` when there is no such execution. */
  lookUpExecution(arn: string): Promise<Execution | null>;
}

export interface Message {
  readonly id: string;
  readonly body: string;
}

const MAX_SEEN = 10_000;
const MAX_EXECUTIONS = 1_000;

type Handler = (messages: readonly Message[]) => readonly Promise<Fate>[];

/**
 * Handles the messages of one receive together: at most one hint per workflow goes out for them.
 *
 * Each message's fate is decided on its own; one that cannot be read or routed delays no other.
 */
export function createHandler(options: HandlerOptions): Handler {
  const { coalescer, metrics } = options;
  const seen = new BoundedSet(MAX_SEEN);
  const findRoute = createRouter(options);

  return (messages) => {
    const offers = new Map<string, Promise<Accepted>>();
    /** Hints of a batch are gathered before the first goes out. */
    const offer = (target: HintTarget): Promise<Accepted> => {
      const offered = offers.get(hintKey(target)) ?? coalescer.offer(target);
      offers.set(hintKey(target), offered);
      return offered;
    };

    return messages.map(async ({ body }): Promise<Fate> => {
      metrics.count('received');
      const parsed = parseBody(body);
      if (parsed.kind === 'unreadable') {
        metrics.count('unreadable');
        return { kind: 'leave', why: 'unreadable', reason: parsed.reason };
      }
      const { event } = parsed;
      metrics.countType(parsed.type);
      const key = event.about === 'other' ? undefined : event.key;
      if (key !== undefined && seen.has(key)) {
        metrics.count('duplicate');
        return { kind: 'delete', why: 'duplicate' };
      }
      try {
        const route = await findRoute(event);
        const answers = route.kind === 'hint' ? await Promise.all(route.targets.map(offer)) : [];
        if (!answers.includes('accepted')) {
          metrics.count('unmanaged');
          return { kind: 'delete', why: 'unmanaged' };
        }
        if (key !== undefined) seen.add(key);
        metrics.count('hinted');
        return { kind: 'delete', why: 'hinted' };
      } catch (error) {
        metrics.count('failed');
        const reason = error instanceof Error ? error.message : String(error);
        return { kind: 'leave', why: 'failed', reason };
      }
    });
  };
}

type Event = Parameters<typeof routeEvent>[0];

/** Routes by what is known, then by what can be learnt: a fresh list of models, an execution's display name. */
function createRouter(
  options: HandlerOptions,
): (event: Event) => Promise<Exclude<Route, { kind: 'look up execution' }>> {
  const { directory, metrics } = options;
  const executions = new Map<string, Promise<Execution | null>>();

  const execution = (arn: string): Promise<Execution | null> => {
    const known = executions.get(arn);
    if (known !== undefined) return known;
    metrics.count('looked_up');
    const asked = options.lookUpExecution(arn);
    executions.set(arn, asked);
    asked.catch(() => executions.delete(arn));
    const [oldest] = executions.keys();
    if (executions.size > MAX_EXECUTIONS && oldest !== undefined) executions.delete(oldest);
    return asked;
  };

  return async (event) => {
    let places = await directory.places();
    let route = routeEvent(event, places);
    if (route.kind === 'unmanaged' && event.about !== 'other') {
      places = await directory.freshPlaces();
      route = routeEvent(event, places);
    }
    if (route.kind !== 'look up execution') return route;
    const found = await execution(route.executionArn);
    const named = routeReleaseName(found?.displayName ?? null, route.about, places);
    return named.kind === 'look up execution' ? { kind: 'unmanaged', reason: '' } : named;
  };
}

class BoundedSet {
  readonly #keys = new Set<string>();

  constructor(private readonly limit: number) {}

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  add(key: string): void {
    this.#keys.add(key);
    const [oldest] = this.#keys;
    if (this.#keys.size > this.limit && oldest !== undefined) this.#keys.delete(oldest);
  }
}
