import { isCancellation } from '@temporalio/workflow';

import type { ModelRef, NoticeMessage, NoticeOutcome } from '../activities/contract.js';
import { instantInWords } from '../domain/duration.js';
import {
  asOne,
  EMPTY_BOX,
  isWanted,
  MOST_HELD,
  nextDueMs,
  placePost,
  putBack,
  quietHolds,
  takeDue,
} from '../domain/notices.js';
import type { Parcel, Post, PostBox } from '../domain/notices.js';
import { control, NOTICE_MS } from './activities.js';
import { sentenceOf } from './failures.js';
import type { KeeperState } from './keeper-state.js';

export type PostRoom = ReturnType<typeof openPostRoom>;

/** Where a model's notices are sent from, or wait. Used by the keeper's main loop alone, so that one comes after the other. */
export function openPostRoom(
  state: Pick<KeeperState, 'policy' | 'box' | 'posts'>,
  ref: () => ModelRef,
  tell: (what: string) => void,
) {
  const box = (): PostBox => state.box ?? EMPTY_BOX;
  const rules = () => state.policy.spec.notify;

  const keep = (next: PostBox): void => {
    if (next !== box()) state.box = next;
  };

  const heldUntil = (what: string): void => {
    const untilMs = nextDueMs(rules(), box());
    tell(
      `${what} ${untilMs === null ? 'held' : `held until ${instantInWords(untilMs)}`} (${String(box().held.length)} held)`,
    );
  };

  const publish = async (
    posts: readonly Post[],
    message: Omit<NoticeMessage, keyof ModelRef>,
  ): Promise<void> => {
    let outcome: NoticeOutcome;
    try {
      outcome = await control(`notice: ${message.notice}`, NOTICE_MS).notify({
        ...ref(),
        ...message,
      });
    } catch (error) {
      if (isCancellation(error)) throw error;
      const what =
        posts.length === 1
          ? `the notice '${message.notice}'`
          : `${String(posts.length)} notices (${posts.map(({ subject }) => subject).join('; ')})`;
      tell(`${what} could not be sent: ${sentenceOf(error)}`);
      return;
    }
    if (outcome.kind !== 'quiet') return;
    keep(putBack(box(), posts, outcome.untilMs));
    heldUntil(`it is quiet: '${message.subject}' is`);
  };

  const send = (post: Post): Promise<void> => {
    const { key, ...rest } = post;
    const notify = rules();
    const waits = notify !== undefined && quietHolds(notify, post);
    return publish([post], { ...rest, dedupeKey: key, ...(waits ? { mayWait: true } : {}) });
  };

  const sendParcel = (parcel: Parcel): Promise<void> => {
    const [only] = parcel.posts;
    if (only !== undefined && parcel.posts.length === 1 && !parcel.full) return send(only);
    const { key, ...rest } = asOne(state.policy.metadata.name, parcel.posts);
    return publish(parcel.posts, {
      ...rest,
      dedupeKey: key,
      posts: parcel.posts,
      ...(parcel.full ? {} : { mayWait: true }),
    });
  };

  const sendDue = async (): Promise<void> => {
    const notify = rules();
    if (notify === undefined) {
      const { length } = box().held;
      if (length > 0) tell(`${String(length)} held notices go nowhere: the policy has no notify`);
      keep(EMPTY_BOX);
      return;
    }
    const { parcels, box: rest } = takeDue(notify, box(), Date.now());
    keep(rest);
    for (const parcel of parcels) await sendParcel(parcel);
  };

  const take = async (post: Post): Promise<void> => {
    const notify = rules();
    if (notify === undefined || !isWanted(notify, post)) return;
    const placed = placePost(notify, box(), post, Date.now());
    keep(placed.box);
    if (placed.kind === 'send') return send(post);
    if (box().held.filter(({ notice: kind }) => kind === post.notice).length === 1)
      heldUntil(`the notice '${post.subject}' and what follows of its kind is`);
    if (box().held.length >= MOST_HELD) await sendDue();
  };

  const attend = async (): Promise<void> => {
    if (box().held.length > 0 || box().quietUntilMs !== null) await sendDue();
    for (let [post] = state.posts ?? []; post !== undefined; [post] = state.posts ?? []) {
      state.posts = (state.posts ?? []).slice(1);
      await take(post);
    }
  };

  return {
    /** Tells people now, or holds it. Nothing fails by it. */
    take,
    /** Places what releases handed over, and sends what has waited long enough. */
    attend,
    /** Before the keeper ends: whatever waits goes out, whatever the hour. */
    async empty(): Promise<void> {
      await attend();
      const { held } = box();
      keep(EMPTY_BOX);
      if (held.length > 0) await sendParcel({ posts: held, full: true });
    },
  };
}
