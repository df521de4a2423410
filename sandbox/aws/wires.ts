import type { Sender } from './iam/resource-policy.js';
import type { BusEvent, Kernel, MetricDatum, ScalableFleet, ScalableTargets } from './kernel.js';
import type { Message } from './sqs/messages.js';
import type { Identities } from './sts/identities.js';

/** The kernel as the core services see it: with one-shot timers, and what the services do for each other. */
export interface Core extends Kernel {
  /** Runs `work` once after `ms`, unless the sandbox closes first. */
  after(ms: number, name: string, work: () => void): void;
  /** Who owns the capacity that auto scaling changes. */
  readonly fleet: () => ScalableFleet | undefined;
  readonly wires: Wires;
  readonly identities: Identities;
}

/**
 * What the services do for each other through the kernel. They are built one after the other, so each
 * wire is set by the service that answers it, before the server listens.
 */
export interface Wires {
  emit: (event: BusEvent) => void;
  observe: (data: readonly MetricDatum[]) => void;
  alarmState: Kernel['alarmState'];
  /**
   * Puts a message into a queue named by ARN; false when there is no such queue.
   *
   * @param fifo what a FIFO queue keeps its order and drops repetitions by; by itself it has one group
   */
  sendToQueue: (
    queueArn: string,
    body: string,
    attributes?: QueueAttributes,
    fifo?: { readonly groupId: string; readonly deduplicationId: string },
  ) => boolean;
  /** Moves a message that was received too often into a dead-letter queue; false when there is no such queue. */
  redrive: (deadLetterArn: string, message: Message, sourceArn: string) => boolean;
  /** Puts a message into a queue for another service, which the queue's policy must let in. */
  deliverToQueue: (sender: Sender, ...message: Parameters<Wires['sendToQueue']>) => Handed;
  /** Publishes to a topic for another service, which the topic's policy must let in. */
  publishFor: (sender: Sender, topicArn: string, message: string) => Handed;
  /** Publishes to a topic named by ARN, as an alarm does; false when there is no such topic. */
  publish: (topicArn: string, subject: string, message: string) => boolean;
  /** Carries out a scaling policy named by ARN, as an alarm does. */
  scale: (policyArn: string, alarm: ScalingSignal) => void;
  scaledVariants: ScalableTargets['variantsOf'];
  deregisterScaling: ScalableTargets['deregister'];
}

export type Handed = 'delivered' | 'absent' | 'not allowed';

export type QueueAttributes = Readonly<
  Record<
    string,
    { readonly DataType: string; readonly StringValue?: string; readonly BinaryValue?: string }
  >
>;

/** What an alarm tells a scaling policy: the value that crossed the threshold. */
export interface ScalingSignal {
  readonly alarmName: string;
  readonly alarmArn: string;
  readonly threshold: number;
  /** `undefined` when the alarm has no data. */
  readonly value: number | undefined;
  readonly state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
}

export function unconnected(): Wires {
  const nothing = (): never => {
    throw new Error('the sandbox is not built yet');
  };
  return {
    emit: nothing,
    observe: nothing,
    alarmState: nothing,
    sendToQueue: nothing,
    redrive: nothing,
    deliverToQueue: nothing,
    publishFor: nothing,
    publish: nothing,
    scale: nothing,
    scaledVariants: nothing,
    deregisterScaling: nothing,
  };
}
