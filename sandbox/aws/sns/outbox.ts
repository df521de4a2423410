import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Core } from '../wires.js';

/** A message as somebody would read it: every publication, and each mail of an e-mail subscription. */
export interface OutboxMessage {
  readonly number: number;
  readonly atMs: number;
  readonly topicArn: string;
  readonly subject?: string;
  readonly message: string;
  readonly attributes: Readonly<Record<string, { readonly Type: string; readonly Value: string }>>;
  /** Addresses of the topic's e-mail subscriptions. */
  readonly emails: readonly string[];
  /** What each subscription got; absent in messages of an earlier edition. */
  readonly deliveries?: readonly Delivery[];
}

export interface Delivery {
  readonly protocol: string;
  readonly endpoint: string;
  readonly text: string;
  /** `on its way`, `delivered`, `not delivered: …`; absent where the text is kept here and goes nowhere, and for queues. */
  readonly outcome?: string;
}

const COLLECTION = 'outbox';
/** Messages that are kept, as documents and as files; the oldest go first. */
export const MOST_KEPT = 1_000;

/** What SNS sent, kept as documents and as files under `<home>/outbox`: one .txt and one .json each. */
export class Outbox {
  private readonly directory: string;
  private next: number;

  constructor(private readonly core: Core) {
    this.directory = join(core.home, 'outbox');
    mkdirSync(this.directory, { recursive: true });
    this.next = Number(core.store.keys(COLLECTION).at(-1) ?? 0) + 1;
    this.sweepFiles();
  }

  /** Returns its number. */
  add(message: Omit<OutboxMessage, 'number' | 'atMs'>): number {
    const entry: OutboxMessage = { ...message, number: this.next, atMs: this.core.now() };
    this.next += 1;
    this.write(entry);
    const keys = this.core.store.keys(COLLECTION);
    for (const key of keys.slice(0, Math.max(0, keys.length - MOST_KEPT))) this.forget(key);
    return entry.number;
  }

  /** Notes what became of one delivery of a message. */
  settle({ number, at }: { readonly number: number; readonly at: number }, outcome: string): void {
    const entry = this.core.store.get<OutboxMessage>(COLLECTION, keyOf(number));
    if (entry?.deliveries === undefined) return;
    const deliveries = entry.deliveries.map((each, index) =>
      index === at ? { ...each, outcome } : each,
    );
    this.write({ ...entry, deliveries });
  }

  private forget(key: string): void {
    const entry = this.core.store.get<OutboxMessage>(COLLECTION, key);
    this.core.store.delete(COLLECTION, key);
    if (entry === undefined) return;
    for (const suffix of ['txt', 'json'])
      rmSync(`${this.stemOf(entry)}.${suffix}`, { force: true });
  }

  /** Files without a message: of a run that kept more, or that was killed between the two. */
  private sweepFiles(): void {
    const kept = new Set(this.core.store.keys(COLLECTION));
    for (const name of readdirSync(this.directory)) {
      const [, key] = /^(\d{6,})-.*\.(?:txt|json)$/.exec(name) ?? [];
      if (key !== undefined && !kept.has(key)) rmSync(join(this.directory, name), { force: true });
    }
  }

  private stemOf({ number, subject, topicArn }: OutboxMessage): string {
    return join(
      this.directory,
      `${keyOf(number)}-${slug(subject ?? topicArn.split(':').at(-1) ?? '')}`,
    );
  }

  private write(entry: OutboxMessage): void {
    this.core.store.put(COLLECTION, keyOf(entry.number), entry);
    const stem = this.stemOf(entry);
    writeFileSync(`${stem}.txt`, asText(entry));
    writeFileSync(`${stem}.json`, JSON.stringify(entry, undefined, 2));
  }

  /** Newest first. */
  list(): readonly OutboxMessage[] {
    return this.core.store
      .entries<OutboxMessage>(COLLECTION)
      .map(([, entry]) => entry)
      .reverse();
  }
}

const keyOf = (number: number): string => String(number).padStart(6, '0');

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 60);
}

/** What others got than readers of e-mail, and what came of what was sent. */
function otherTexts({ message, deliveries = [] }: OutboxMessage): readonly Delivery[] {
  return deliveries.filter(({ text, outcome }) => text !== message || outcome !== undefined);
}

function aboutDelivery({ protocol, endpoint, outcome }: Delivery): string {
  return `${protocol} ${endpoint}${outcome === undefined ? '' : ` (${outcome})`}`;
}

function asText(entry: OutboxMessage): string {
  const head = [
    `Date: ${new Date(entry.atMs).toISOString()}`,
    `Topic: ${entry.topicArn}`,
    ...(entry.emails.length === 0 ? [] : [`To: ${entry.emails.join(', ')}`]),
    `Subject: ${entry.subject ?? ''}`,
  ];
  const others = otherTexts(entry).map((each) => `\n--- ${aboutDelivery(each)}\n${each.text}\n`);
  return `${head.join('\n')}\n\n${entry.message}\n${others.join('')}`;
}

/** The outbox as a page that can be read on a phone. Everything in it is escaped. */
export function outboxPage(messages: readonly OutboxMessage[]): string {
  const articles = messages.map(
    (entry) => `<article>
<h2>${escaped(entry.subject ?? '(no subject)')}</h2>
<p class="about">${escaped(new Date(entry.atMs).toISOString())} &middot; ${escaped(entry.topicArn.split(':').at(-1) ?? '')}${
      entry.emails.length === 0 ? '' : ` &middot; to ${escaped(entry.emails.join(', '))}`
    }</p>
<pre>${linked(entry.message)}</pre>
${otherTexts(entry)
  .map(
    (each) => `<p class="about">${escaped(aboutDelivery(each))}</p><pre>${linked(each.text)}</pre>`,
  )
  .join('\n')}
</article>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Outbox (${messages.length})</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; }
article { border-top: 1px solid #8886; padding: .75rem 0; }
h2 { font-size: 1.05rem; margin: 0; overflow-wrap: anywhere; }
.about { margin: .2rem 0 .5rem; opacity: .7; font-size: .85rem; overflow-wrap: anywhere; }
pre { font: .9rem/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
</style></head><body>
<h1>Outbox</h1>
<p>Messages that SNS would have sent, newest first. Nothing leaves this machine.</p>
${articles.length === 0 ? '<p>Nothing yet.</p>' : articles.join('\n')}
</body></html>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

/** Escapes, and makes links of web addresses. */
function linked(text: string): string {
  return text
    .split(/(https?:\/\/[^\s<>"']+)/)
    .map((part, at) =>
      at % 2 === 1
        ? `<a href="${escaped(part)}" rel="noreferrer">${escaped(part)}</a>`
        : escaped(part),
    )
    .join('');
}
