/**
 * When people are told: at once, later together with others, or not at all.
 *
 * One box per model, kept by its keeper. Releases hand it what may wait, so that many failed releases are one
 * message too.
 */
import { durationMs } from './duration.js';
import type { Notice, NotifyPolicy, Severity } from './policy.schema.js';

/** One thing that people are to be told. */
export interface Post {
  readonly notice: Notice;
  readonly severity: Severity;
  readonly subject: string;
  readonly text: string;
  /** One per decision: subscribers drop repeats by it. */
  readonly key: string;
  readonly atMs: number;
  /** Path on the console, such as `/models/m/releases/3/approve`; `null` for none. */
  readonly consolePath: string | null;
  readonly evidence?: readonly PostEvidence[];
}

export interface PostEvidence {
  readonly uri: string;
  readonly digest?: string;
}

/** What waits, and what was sent lately. Plain JSON: it goes through continue-as-new. */
export interface PostBox {
  /** Kind of notice → when its window began and how many went out singly in it. */
  readonly windows: Readonly<Partial<Record<Notice, SentWindow>>>;
  readonly held: readonly Post[];
  /** End of the quiet hours that hold at present, as far as is known; `null` when none do. */
  readonly quietUntilMs: number | null;
}

interface SentWindow {
  readonly fromMs: number;
  readonly sent: number;
}

/** Several notices that go out as one. */
export interface Parcel {
  readonly posts: readonly Post[];
  /** Goes out in quiet hours too: no more can be held. */
  readonly full: boolean;
}

export const EMPTY_BOX: PostBox = { windows: {}, held: [], quietUntilMs: null };

/** As many are kept; then all of them go out, whatever the hour. Nothing is thrown away. */
export const MOST_HELD = 100;
/** Characters kept of the text of a notice that waits. */
const HELD_TEXT = 2_000;

const RANK: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };

/** The severest of them; `info` of none. */
export function severest(severities: readonly Severity[]): Severity {
  return severities.reduce<Severity>((most, one) => (RANK[one] > RANK[most] ? one : most), 'info');
}

/**
 * Whether the policy wants it told at all. A request for approval is a question, not a message: `notify.on` alone
 * says whether it is sent, never its severity.
 */
export function isWanted(
  notify: NotifyPolicy | undefined,
  { notice, severity }: Pick<Post, 'notice' | 'severity'>,
): boolean {
  if (notify === undefined || !notify.on.includes(notice)) return false;
  return notice === 'approval' || RANK[severity] >= RANK[notify.minSeverity ?? 'info'];
}

/** Whether quiet hours hold it back: all but what `quietHours.except` names, by default critical notices and approvals. */
export function quietHolds(
  { quietHours }: Pick<NotifyPolicy, 'quietHours'>,
  { notice, severity }: Pick<Post, 'notice' | 'severity'>,
): boolean {
  if (quietHours === undefined) return false;
  const except = quietHours.except ?? ['critical', 'approval'];
  return !(
    (severity === 'critical' && except.includes('critical')) ||
    (notice === 'approval' && except.includes('approval'))
  );
}

/** Whether a digest may hold it back: never a request for approval, nor what is critical. */
export function digestHolds(
  { digest }: Pick<NotifyPolicy, 'digest'>,
  { notice, severity }: Pick<Post, 'notice' | 'severity'>,
): boolean {
  return digest !== undefined && notice !== 'approval' && severity !== 'critical';
}

/** Whether it may have to wait for others or for the morning, and so goes through the keeper's box. */
export const mayWait = (notify: NotifyPolicy, post: Pick<Post, 'notice' | 'severity'>): boolean =>
  quietHolds(notify, post) || digestHolds(notify, post);

/**
 * Whether a notice goes out now or is held.
 *
 * The first `digest.after` of a kind go out at once; those that follow within `digest.per` of the first are held to
 * the end of that time.
 */
export function placePost(
  notify: NotifyPolicy,
  box: PostBox,
  post: Post,
  nowMs: number,
): { readonly kind: 'send' | 'hold'; readonly box: PostBox } {
  const hold = (): { kind: 'hold'; box: PostBox } => ({
    kind: 'hold',
    box: { ...box, held: [...box.held, kept(post)] },
  });
  if (quietHolds(notify, post) && box.quietUntilMs !== null && nowMs < box.quietUntilMs)
    return hold();
  const { digest } = notify;
  if (digest === undefined || !digestHolds(notify, post)) return { kind: 'send', box };
  const window = box.windows[post.notice];
  if (window === undefined || nowMs >= window.fromMs + durationMs(digest.per))
    return { kind: 'send', box: opened(box, post.notice, { fromMs: nowMs, sent: 1 }) };
  if (window.sent < digest.after)
    return {
      kind: 'send',
      box: opened(box, post.notice, { ...window, sent: window.sent + 1 }),
    };
  return hold();
}

/**
 * Takes out what has waited long enough. At the end of quiet hours that is all of it, as one; otherwise each kind
 * whose time is over. A kind that went out as a digest stays held for the time after, so that a storm is one message
 * each time.
 */
export function takeDue(
  notify: NotifyPolicy,
  box: PostBox,
  nowMs: number,
): { readonly parcels: readonly Parcel[]; readonly box: PostBox } {
  const { quietHours, digest } = notify;
  if (box.held.length >= MOST_HELD)
    return { parcels: [{ posts: box.held, full: true }], box: { ...box, held: [] } };
  if (box.quietUntilMs !== null) {
    if (quietHours !== undefined && nowMs < box.quietUntilMs) return { parcels: [], box };
    const parcels = box.held.length === 0 ? [] : [{ posts: box.held, full: false }];
    return { parcels, box: { ...box, held: [], quietUntilMs: null } };
  }
  const due = [...new Set(box.held.map(({ notice }) => notice))].filter(
    (notice) => (windowEndMs(notify, box, notice) ?? nowMs) <= nowMs,
  );
  const parcels = due.map((notice) => ({
    posts: box.held.filter((post) => post.notice === notice),
    full: false,
  }));
  const begun = due.reduce(
    (next, notice) =>
      digest === undefined ? next : opened(next, notice, { fromMs: nowMs, sent: digest.after }),
    box,
  );
  return {
    parcels,
    box: { ...begun, held: box.held.filter(({ notice }) => !due.includes(notice)) },
  };
}

/** Puts back what was to go out and met quiet hours. */
export function putBack(box: PostBox, posts: readonly Post[], quietUntilMs: number): PostBox {
  return { ...box, held: [...posts.map(kept), ...box.held], quietUntilMs };
}

/** When something that waits goes out; `null` when nothing waits. */
export function nextDueMs(notify: NotifyPolicy | undefined, box: PostBox): number | null {
  if (notify === undefined || box.held.length === 0) return null;
  if (box.quietUntilMs !== null) return box.quietUntilMs;
  return Math.min(...box.held.map(({ notice }) => windowEndMs(notify, box, notice) ?? 0));
}

function windowEndMs({ digest }: NotifyPolicy, box: PostBox, notice: Notice): number | undefined {
  const window = box.windows[notice];
  return digest === undefined || window === undefined
    ? undefined
    : window.fromMs + durationMs(digest.per);
}

const opened = (box: PostBox, notice: Notice, window: SentWindow): PostBox => ({
  ...box,
  windows: { ...box.windows, [notice]: window },
});

const kept = (post: Post): Post => ({ ...post, text: post.text.slice(0, HELD_TEXT) });

/**
 * What a signal from a release brings; `undefined` for anything else. Whoever reaches Temporal can send any shape, and
 * what cannot be read must not stop the keeper.
 */
export function readPost(signalled: unknown): Post | undefined {
  if (typeof signalled !== 'object' || signalled === null) return undefined;
  const { notice, severity, subject, text, key, atMs, consolePath, evidence } =
    signalled as Partial<Record<keyof Post, unknown>>;
  const isRead =
    typeof notice === 'string' &&
    typeof severity === 'string' &&
    Object.hasOwn(RANK, severity) &&
    typeof subject === 'string' &&
    typeof text === 'string' &&
    typeof key === 'string' &&
    typeof atMs === 'number' &&
    (consolePath === null || typeof consolePath === 'string') &&
    (evidence === undefined || Array.isArray(evidence));
  return isRead ? (signalled as Post) : undefined;
}

/** Several notices as one: the severest severity, and a key of its own. Their texts go along. */
export function asOne(
  model: string,
  posts: readonly Post[],
): Pick<Post, 'notice' | 'severity' | 'subject' | 'text' | 'key' | 'consolePath'> {
  const kinds = [...new Set(posts.map(({ notice }) => notice))];
  const [first] = posts;
  const count = `${String(posts.length)} ${posts.length === 1 ? 'notice' : 'notices'}`;
  return {
    notice: first?.notice ?? 'failed',
    severity: severest(posts.map(({ severity }) => severity)),
    subject: `${model}: ${count} (${kinds.join(', ')})`,
    text: `${count}, gathered to be told as one. The earliest first.`,
    key: `digest/${first?.key ?? ''}/${String(posts.length)}`,
    consolePath: `/models/${model}`,
  };
}
