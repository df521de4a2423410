import type { QueueAttributes } from '../wires.js';

export interface Topic {
  readonly arn: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Absent in records of an earlier edition. */
  readonly tags?: Readonly<Record<string, string>>;
}

export interface Subscription {
  readonly arn: string;
  readonly topicArn: string;
  readonly protocol: string;
  readonly endpoint: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Of a web server's: the latest token it was sent. */
  readonly token?: string;
  /**
   * While nobody has confirmed it: until then it gets nothing but the question. `cancelled`: it was ended by its link,
   * and is shown no more.
   */
  readonly pending?: { readonly sinceMs: number; readonly cancelled?: true } | undefined;
}

export interface Publication {
  readonly topicArn: string;
  readonly subject?: string | undefined;
  readonly message: string;
  /** Per protocol, with MessageStructure json. */
  readonly byProtocol?: Readonly<Record<string, string>> | undefined;
  readonly attributes: QueueAttributes;
  /** Of a FIFO topic, which carries them to FIFO queues. */
  readonly fifo?: { readonly groupId: string; readonly deduplicationId: string } | undefined;
}

/** A publication that SNS has taken. */
export interface Notification extends Publication {
  readonly id: string;
  readonly sequenceNumber?: string | undefined;
}

export function isFifo({ attributes }: Topic): boolean {
  return attributes.FifoTopic === 'true';
}

/** What a protocol gets with MessageStructure json, or everybody's message. */
export function textFor(protocol: string, { byProtocol, message }: Publication): string {
  return byProtocol?.[protocol] ?? message;
}
