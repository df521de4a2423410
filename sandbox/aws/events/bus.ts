import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { BusEvent } from '../kernel.js';
import type { Core } from '../wires.js';
import { parsePattern } from './pattern.js';

export interface Target {
  readonly Id: string;
  readonly Arn: string;
  /** Sent in place of the event. */
  readonly Input?: string | undefined;
  /** `$.detail`: only that part of the event is sent. */
  readonly InputPath?: string | undefined;
  readonly RetryPolicy?:
    | {
        readonly MaximumRetryAttempts?: number | undefined;
        readonly MaximumEventAgeInSeconds?: number | undefined;
      }
    | undefined;
  readonly DeadLetterConfig?: { readonly Arn?: string | undefined } | undefined;
  readonly SqsParameters?: { readonly MessageGroupId?: string | undefined } | undefined;
}

export interface EventBus {
  readonly name: string;
  readonly description?: string | undefined;
  readonly createdAtMs: number;
}

export const DEFAULT_BUS = 'default';

export interface Rule {
  readonly name: string;
  /** Absent on the default bus. */
  readonly bus?: string | undefined;
  readonly pattern: string;
  readonly state: 'ENABLED' | 'DISABLED';
  readonly description?: string | undefined;
  readonly roleArn?: string | undefined;
  readonly targets: readonly Target[];
}

/** An event as a target receives it. */
export interface Envelope {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': string;
  readonly source: string;
  readonly account: string;
  readonly time: string | number;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: unknown;
}

export const deliveryRatesSchema = z.strictObject({
  /** Share of events delivered twice: half of them under the same id, half as a second event with its own. */
  duplicate: z.number().min(0).max(1).default(0.2),
  /** Share of deliveries held back long enough to be overtaken. */
  reorder: z.number().min(0).max(1).default(0.2),
  /** Share of SageMaker events that never arrive. Alarm events and those of PutEvents are never lost. */
  lose: z.number().min(0).max(1).default(0),
});
export type DeliveryRates = z.output<typeof deliveryRatesSchema>;

interface Delivery {
  readonly ruleArn: string;
  readonly target: Target;
  readonly event: Envelope;
  readonly atMs: number;
}

const RULES = 'rules';
const BUSES = 'event-buses';
const DELIVERIES = 'deliveries';
const DELAY_MS = 1_000;
const HELD_BACK_MS = 6_000;

/** The buses of the account: match events with rules, and delivers them late, twice, out of order or not at all. */
export class Bus {
  constructor(private readonly core: Core) {}

  /** Takes up the deliveries that were under way when the sandbox stopped. */
  start(): void {
    for (const [key, delivery] of this.core.store.entries<Delivery>(DELIVERIES))
      this.schedule(key, delivery);
  }

  get rates(): DeliveryRates {
    return this.core.store.get<DeliveryRates>('sandbox', 'events') ?? deliveryRatesSchema.parse({});
  }

  set rates(rates: DeliveryRates) {
    this.core.store.put('sandbox', 'events', rates);
  }

  /** The default bus is always there. */
  eventBus(name: string): EventBus | undefined {
    return name === DEFAULT_BUS
      ? { name, createdAtMs: 0 }
      : this.core.store.get<EventBus>(BUSES, name);
  }

  eventBuses(): readonly EventBus[] {
    const custom = this.core.store.entries<EventBus>(BUSES).map(([, bus]) => bus);
    return [{ name: DEFAULT_BUS, createdAtMs: 0 }, ...custom];
  }

  saveBus(bus: EventBus): void {
    this.core.store.put(BUSES, bus.name, bus);
  }

  removeBus(name: string): void {
    this.core.store.delete(BUSES, name);
  }

  rule(name: string, bus: string): Rule | undefined {
    return this.core.store.get<Rule>(RULES, ruleKey(name, bus));
  }

  rules(bus: string): readonly Rule[] {
    return this.core.store
      .entries<Rule>(RULES)
      .map(([, rule]) => rule)
      .filter((rule) => (rule.bus ?? DEFAULT_BUS) === bus);
  }

  save(rule: Rule): void {
    this.core.store.put(RULES, ruleKey(rule.name, rule.bus), rule);
  }

  remove(name: string, bus: string): void {
    this.core.store.delete(RULES, ruleKey(name, bus));
  }

  ruleArn({ name, bus }: Pick<Rule, 'name' | 'bus'>): string {
    return this.core.arn('events', `rule/${ruleKey(name, bus)}`);
  }

  /** Returns the event's id, also for a bus that does not exist: AWS accepts such an event and drops it. */
  emit(event: BusEvent, bus: string = DEFAULT_BUS): string {
    const envelope = this.envelope(event);
    const rates = this.rates;
    const isLossy = event.source.startsWith('aws.') && event.source !== 'aws.cloudwatch';
    if (isLossy && this.core.random('event loss') < rates.lose) return envelope.id;
    this.deliver(envelope, bus);
    if (this.core.random('event duplicate') < rates.duplicate) {
      const ownId = event.source.startsWith('aws.') && this.core.random('event duplicate id') < 0.5;
      this.deliver(ownId ? { ...envelope, id: randomUUID() } : envelope, bus);
    }
    return envelope.id;
  }

  private envelope(event: BusEvent): Envelope {
    return {
      version: '0',
      id: randomUUID(),
      'detail-type': event.detailType,
      source: event.source,
      account: this.core.accountId,
      time: event.time ?? new Date(this.core.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
      region: this.core.region,
      resources: event.resources,
      detail: event.detail,
    };
  }

  private deliver(event: Envelope, bus: string): void {
    for (const rule of this.rules(bus)) {
      if (rule.state !== 'ENABLED') continue;
      const parsed = parsePattern(rule.pattern);
      if (parsed.kind === 'invalid' || !parsed.matches(event)) continue;
      for (const target of rule.targets) {
        const delivery: Delivery = {
          ruleArn: this.ruleArn(rule),
          target,
          event,
          atMs: this.core.now() + this.delayMs(),
        };
        const key = randomUUID();
        this.core.store.put(DELIVERIES, key, delivery);
        this.schedule(key, delivery);
      }
    }
  }

  private delayMs(): number {
    const heldBack = this.core.random('event order') < this.rates.reorder ? HELD_BACK_MS : 0;
    return ((DELAY_MS + heldBack) * (0.2 + this.core.random('event delay'))) / this.core.speed;
  }

  private schedule(key: string, delivery: Delivery): void {
    this.core.after(Math.max(0, delivery.atMs - this.core.now()), 'event delivery', () => {
      this.hand(delivery);
      this.core.store.delete(DELIVERIES, key);
    });
  }

  private hand({ ruleArn, target, event }: Delivery): void {
    const body = bodyFor(target, event);
    const sender = { service: 'events.amazonaws.com', sourceArn: ruleArn };
    const { deliverToQueue, publishFor } = this.core.wires;
    const hand = target.Arn.includes(':sns:') ? publishFor : deliverToQueue;
    const handed = hand(sender, target.Arn, body);
    if (handed === 'delivered') return;
    const deadLetter = target.DeadLetterConfig?.Arn;
    const attributes = Object.fromEntries(
      Object.entries({
        RULE_ARN: ruleArn,
        TARGET_ARN: target.Arn,
        ...(handed === 'not allowed'
          ? {
              ERROR_CODE: 'NO_PERMISSIONS',
              ERROR_MESSAGE: `The policy of the target does not let events.amazonaws.com send for ${ruleArn}.`,
            }
          : { ERROR_CODE: 'NO_RESOURCE', ERROR_MESSAGE: 'The target does not exist.' }),
        RETRY_ATTEMPTS: '0',
        EXHAUSTED_RETRY_CONDITION: 'NotRetryable',
      }).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
    );
    const kept =
      deadLetter !== undefined &&
      deliverToQueue(sender, deadLetter, body, attributes) === 'delivered';
    const why =
      handed === 'not allowed' ? ', whose policy does not let events.amazonaws.com send' : '';
    this.core.log(
      `event ${event.id} (${event['detail-type']}) cannot reach ${target.Arn}${why}${kept ? '; it is in the dead-letter queue' : ' and is dropped'}`,
    );
  }
}

/** As the rule's ARN spells it. */
const ruleKey = (name: string, bus: string = DEFAULT_BUS): string =>
  bus === DEFAULT_BUS ? name : `${bus}/${name}`;

function bodyFor(target: Target, event: Envelope): string {
  if (target.Input !== undefined) return target.Input;
  if (target.InputPath === undefined || target.InputPath === '$') return JSON.stringify(event);
  let part: unknown = event;
  for (const name of target.InputPath.split('.').slice(1)) {
    part =
      typeof part === 'object' && part !== null
        ? (part as Record<string, unknown>)[name]
        : undefined;
  }
  return JSON.stringify(part ?? null);
}
