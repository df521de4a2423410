import { randomUUID } from 'node:crypto';
import type { Core, QueueAttributes } from '../wires.js';
import { choose } from './messages.js';
import type { Message, Redrive } from './messages.js';

export interface QueueRecord {
  readonly name: string;
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  /** Settable attributes, as strings, with their defaults filled in. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Outgoing {
  readonly body: string;
  readonly attributes?: QueueAttributes;
  readonly delaySeconds?: number | undefined;
  readonly senderId: string;
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
}

export interface Received {
  readonly message: Message;
  readonly receiptHandle: string;
}

const DEDUPLICATION_MS = 5 * 60_000;

/** One queue: its messages in memory, each change in the store before it is answered. */
export class Queue {
  private readonly messages = new Map<string, Message>();
  private readonly recent = new Map<string, { message: Message; atMs: number }>();
  private readonly waiting = new Set<() => void>();
  private nextNumber = 1;
  purgedAtMs = 0;

  constructor(
    private readonly core: Core,
    private state: QueueRecord,
  ) {
    for (const [key, message] of core.store.entries<Message>(this.collection)) {
      this.messages.set(key, message);
      this.nextNumber = Number(key) + 1;
      if (message.deduplicationId !== undefined && message.deadLetterSourceArn === undefined)
        this.recent.set(message.deduplicationId, { message, atMs: message.sentAtMs });
    }
    for (const [id, message] of core.store.entries<Message>(this.sentCollection)) {
      this.recent.set(id, { message, atMs: message.sentAtMs });
      this.nextNumber = Math.max(this.nextNumber, Number(message.sequenceNumber ?? 0) + 1);
    }
  }

  get record(): QueueRecord {
    return this.state;
  }

  get isFifo(): boolean {
    return this.state.name.endsWith('.fifo');
  }

  get url(): string {
    return `${this.core.url}/${this.core.accountId}/${this.state.name}`;
  }

  get arn(): string {
    return this.core.arn('sqs', this.state.name);
  }

  get redrive(): Redrive | undefined {
    const text = this.state.attributes.RedrivePolicy;
    if (text === undefined || text === '') return undefined;
    const policy = JSON.parse(text) as {
      deadLetterTargetArn: string;
      maxReceiveCount: number | string;
    };
    return {
      deadLetterArn: policy.deadLetterTargetArn,
      maxReceiveCount: Number(policy.maxReceiveCount),
    };
  }

  save(attributes: Readonly<Record<string, string>>): void {
    this.state = {
      ...this.state,
      modifiedAtMs: this.core.now(),
      attributes: { ...this.state.attributes, ...attributes },
    };
    this.core.store.put('queues', this.state.name, this.state);
  }

  /** A FIFO message repeated within five minutes is answered with the first one and not stored. */
  send(outgoing: Outgoing): Message {
    const now = this.core.now();
    const repeated = this.repeated(outgoing.deduplicationId, now);
    if (repeated !== undefined) return repeated;
    const delaySeconds = outgoing.delaySeconds ?? this.seconds('DelaySeconds');
    const message: Message = {
      id: randomUUID(),
      body: outgoing.body,
      attributes: outgoing.attributes ?? {},
      sentAtMs: now,
      senderId: outgoing.senderId,
      receiveCount: 0,
      visibleAtMs: now + delaySeconds * 1000,
      ...(outgoing.groupId === undefined ? {} : { groupId: outgoing.groupId }),
      ...(outgoing.deduplicationId === undefined
        ? {}
        : { deduplicationId: outgoing.deduplicationId }),
    };
    const stored = this.append(message);
    if (stored.deduplicationId !== undefined) this.remember(stored.deduplicationId, stored);
    return stored;
  }

  /**
   * Takes in what another queue gives up: the same message, with its group and, but in a FIFO queue, the age
   * it had. It is never taken for a repetition.
   */
  takeIn(
    { id, body, attributes, sentAtMs, senderId, ...message }: Message,
    sourceArn: string,
  ): void {
    const now = this.core.now();
    const { groupId, deduplicationId } = message;
    this.append({
      id,
      body,
      attributes,
      senderId,
      sentAtMs: this.isFifo ? now : sentAtMs,
      receiveCount: 0,
      visibleAtMs: now,
      ...(groupId === undefined ? {} : { groupId }),
      ...(deduplicationId === undefined ? {} : { deduplicationId }),
      deadLetterSourceArn: sourceArn,
    });
  }

  /** Answers as soon as there is a message, at the latest after `waitMs`; never takes one for a caller who hung up. */
  async receive(
    want: number,
    waitMs: number,
    visibilitySeconds: number | undefined,
    signal: AbortSignal,
  ): Promise<readonly Received[]> {
    const deadlineMs = this.core.now() + waitMs;
    for (;;) {
      if (signal.aborted) return [];
      const taken = this.take(want, visibilitySeconds ?? this.seconds('VisibilityTimeout'));
      const leftMs = deadlineMs - this.core.now();
      if (taken.length > 0 || leftMs <= 0) return taken;
      await this.change(Math.min(leftMs, this.nextVisibleInMs()), signal);
    }
  }

  /** Deleting twice, or with an old receipt, answers well; an old receipt removes nothing. */
  remove(receiptHandle: string): void {
    const key = this.keyOf(receiptHandle);
    if (key === undefined) return;
    this.messages.delete(key);
    this.core.store.delete(this.collection, key);
    this.wake();
  }

  /** False when the message is not in flight. */
  hide(receiptHandle: string, seconds: number): boolean {
    const key = this.keyOf(receiptHandle);
    const message = key === undefined ? undefined : this.messages.get(key);
    const now = this.core.now();
    if (key === undefined || message === undefined || message.visibleAtMs <= now) return false;
    this.write(key, { ...message, visibleAtMs: now + seconds * 1000 });
    this.wake();
    return true;
  }

  purge(): void {
    for (const key of this.messages.keys()) this.core.store.delete(this.collection, key);
    this.messages.clear();
    this.purgedAtMs = this.core.now();
  }

  counts(): { readonly visible: number; readonly inFlight: number; readonly delayed: number } {
    const now = this.core.now();
    const all = [...this.messages.values()];
    return {
      visible: all.filter((message) => message.visibleAtMs <= now).length,
      inFlight: all.filter((message) => message.visibleAtMs > now && message.receiveCount > 0)
        .length,
      delayed: all.filter((message) => message.visibleAtMs > now && message.receiveCount === 0)
        .length,
    };
  }

  /** Drops what is older than the retention period. */
  expire(): void {
    const before = this.core.now() - this.seconds('MessageRetentionPeriod') * 1000;
    for (const [key, message] of this.messages) {
      if (message.sentAtMs >= before) continue;
      this.messages.delete(key);
      this.core.store.delete(this.collection, key);
    }
    for (const [id, { atMs }] of this.recent) {
      if (atMs >= this.core.now() - DEDUPLICATION_MS) continue;
      this.recent.delete(id);
      this.core.store.delete(this.sentCollection, id);
    }
  }

  seconds(attribute: string): number {
    return Number(this.state.attributes[attribute] ?? 0);
  }

  /** For the five minutes in which the id is not taken again, whatever becomes of the message or of this process. */
  private remember(deduplicationId: string, message: Message): void {
    this.recent.set(deduplicationId, { message, atMs: message.sentAtMs });
    this.core.store.put(this.sentCollection, deduplicationId, message);
  }

  /** Forgets everything, for good. */
  forget(): void {
    this.purge();
    for (const id of this.recent.keys()) this.core.store.delete(this.sentCollection, id);
    this.recent.clear();
  }

  private get sentCollection(): string {
    return `queue-sent/${this.state.name}`;
  }

  private get collection(): string {
    return `queue/${this.state.name}`;
  }

  private take(want: number, visibilitySeconds: number): readonly Received[] {
    const now = this.core.now();
    const received: Received[] = [];
    const redrive = this.redrive;
    for (const { kind, key, message } of choose(this.messages, want, now, redrive)) {
      if (kind === 'dead letter' && redrive !== undefined) {
        if (!this.core.wires.redrive(redrive.deadLetterArn, message, this.arn)) continue;
        this.messages.delete(key);
        this.core.store.delete(this.collection, key);
        continue;
      }
      const given: Message = {
        ...message,
        receiveCount: message.receiveCount + 1,
        firstReceivedAtMs: message.firstReceivedAtMs ?? now,
        visibleAtMs: now + visibilitySeconds * 1000,
      };
      this.write(key, given);
      received.push({ message: given, receiptHandle: handleOf(key, given) });
    }
    return received;
  }

  /** Puts a message at the end of the queue; in a FIFO queue it gets its number. */
  private append(message: Message): Message {
    const number = this.nextNumber;
    this.nextNumber += 1;
    const stored: Message = {
      ...message,
      ...(this.isFifo ? { sequenceNumber: String(number).padStart(20, '0') } : {}),
    };
    this.write(String(number).padStart(16, '0'), stored);
    this.wake();
    return stored;
  }

  private write(key: string, message: Message): void {
    this.core.store.put(this.collection, key, message);
    this.messages.set(key, message);
  }

  private repeated(deduplicationId: string | undefined, nowMs: number): Message | undefined {
    const recent = deduplicationId === undefined ? undefined : this.recent.get(deduplicationId);
    return recent !== undefined && nowMs - recent.atMs < DEDUPLICATION_MS
      ? recent.message
      : undefined;
  }

  private keyOf(receiptHandle: string): string | undefined {
    const [key = '', id, count] = Buffer.from(receiptHandle, 'base64url')
      .toString('utf8')
      .split('/');
    const message = this.messages.get(key);
    return message !== undefined && message.id === id && String(message.receiveCount) === count
      ? key
      : undefined;
  }

  private nextVisibleInMs(): number {
    const now = this.core.now();
    let next = Infinity;
    for (const { visibleAtMs } of this.messages.values())
      next = Math.min(next, Math.max(visibleAtMs - now, 1));
    return next;
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }

  /** Resolves at the next change of the queue, after `ms`, or when the caller hangs up. */
  private change(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(this.core.realMs(ms), 2 ** 31 - 1));
      signal.addEventListener('abort', done);
      this.waiting.add(done);
    });
  }
}

export function isReceiptHandle(text: string): boolean {
  return /^\d+\/[0-9a-f-]{36}\/\d+$/.test(Buffer.from(text, 'base64url').toString('utf8'));
}

function handleOf(key: string, message: Message): string {
  return Buffer.from(`${key}/${message.id}/${message.receiveCount}`).toString('base64url');
}
