import { createHash } from 'node:crypto';
import type { QueueAttributes } from '../wires.js';

export interface Message {
  readonly id: string;
  readonly body: string;
  readonly attributes: QueueAttributes;
  readonly sentAtMs: number;
  readonly senderId: string;
  /** 0 until it is received for the first time. */
  readonly receiveCount: number;
  readonly firstReceivedAtMs?: number;
  /** Not given out before this instant. */
  readonly visibleAtMs: number;
  readonly groupId?: string;
  readonly deduplicationId?: string;
  readonly sequenceNumber?: string;
  /** The queue whose redrive brought it here. */
  readonly deadLetterSourceArn?: string;
}

export interface Redrive {
  readonly deadLetterArn: string;
  readonly maxReceiveCount: number;
}

export type Hand =
  | { readonly kind: 'give'; readonly key: string; readonly message: Message }
  | { readonly kind: 'dead letter'; readonly key: string; readonly message: Message };

/**
 * Which messages a receive takes, in order of arrival: those that are visible; of a FIFO group none
 * behind one that is in flight; those received `maxReceiveCount` times go to the dead-letter queue.
 */
export function choose(
  messages: Iterable<readonly [string, Message]>,
  want: number,
  nowMs: number,
  redrive: Redrive | undefined,
): readonly Hand[] {
  const hands: Hand[] = [];
  const blocked = new Set<string>();
  let given = 0;
  for (const [key, message] of messages) {
    if (given >= want) break;
    if (message.visibleAtMs > nowMs) {
      if (message.groupId !== undefined) blocked.add(message.groupId);
      continue;
    }
    if (message.groupId !== undefined && blocked.has(message.groupId)) continue;
    if (redrive !== undefined && message.receiveCount >= redrive.maxReceiveCount) {
      hands.push({ kind: 'dead letter', key, message });
    } else {
      hands.push({ kind: 'give', key, message });
      given += 1;
    }
  }
  return hands;
}

export function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

/** SQS's digest of message attributes: names in order; lengths big-endian; 1 marks text, 2 marks bytes. */
export function md5OfAttributes(attributes: QueueAttributes): string | undefined {
  const names = Object.keys(attributes).sort();
  if (names.length === 0) return undefined;
  const hash = createHash('md5');
  const add = (bytes: Buffer): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  for (const name of names) {
    const attribute = attributes[name];
    if (attribute === undefined) continue;
    add(Buffer.from(name));
    add(Buffer.from(attribute.DataType));
    hash.update(Buffer.from([attribute.BinaryValue === undefined ? 1 : 2]));
    add(
      attribute.BinaryValue === undefined
        ? Buffer.from(attribute.StringValue ?? '')
        : Buffer.from(attribute.BinaryValue, 'base64'),
    );
  }
  return hash.digest('hex');
}
