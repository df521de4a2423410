import { DescribeEventBusCommand, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';

import { FailureType } from '../domain/failures.js';
import { detailOf, DETAIL_TYPES, OWN_SOURCE } from '../domain/own-events.js';
import type { OwnEvent } from '../domain/own-events.js';
import type { Policy } from '../domain/policy.schema.js';
import { attempt, aws, isNotFound, may } from './aws-failure.js';
import type { ControlActivities } from './contract.js';
import type { ControlDeps } from './deps.js';
import { hopeless, keep, notYet, recall } from './heartbeat.js';

/** PutEvents takes ten entries, and 1 MB of them; older endpoints a quarter of that. */
const MOST_ENTRIES = 10;
const MOST_BYTES = 256_000;
/** About a minute for a permission to be repaired: the next batch tries again anyway. */
const PERMISSION_ATTEMPTS = 4;
/** After so many, what the bus still does not take goes back to the sender, which tries it again with its next ones. */
const ATTEMPTS = 4;
/** A bus that was there is believed to be there for so long. */
const BUS_KNOWN_MS = 10 * 60_000;

/** Codes of single entries that a later attempt can get past. */
const RETRYABLE: ReadonlySet<string> = new Set([
  'InternalFailure',
  'InternalException',
  'ThrottlingException',
]);

type OwnEventActivities = Pick<ControlActivities, 'publishEvents'>;

export function createOwnEventActivities(deps: ControlDeps): OwnEventActivities {
  /** Bus → when it was seen. */
  const seenAtMs = new Map<string, number>();

  /**
   * PutEvents to a bus that does not exist succeeds, and the events are gone. So it is asked for first.
   *
   * @throws {ApplicationFailure} non-retryable when there is no such bus
   */
  const mustExist = async (bus: string, region: string): Promise<void> => {
    if (bus === 'default' || bus.endsWith(':event-bus/default')) return;
    const key = `${region}/${bus}`;
    if (deps.now() - (seenAtMs.get(key) ?? Number.NEGATIVE_INFINITY) < BUS_KNOWN_MS) return;
    const found = await aws(
      may('events:DescribeEventBus', bus),
      async (options) => {
        await deps.aws(region).events.send(new DescribeEventBusCommand({ Name: bus }), options);
        return 'there' as const;
      },
      // Who may send need not be allowed to look: a bus of another account.
      (error) =>
        isNotFound(error) ? 'absent' : /AccessDenied/.test(error.name) ? 'there' : undefined,
    );
    if (found === 'absent') {
      throw hopeless(
        FailureType.AwsRequestRefused,
        `there is no event bus ${bus} in ${region}: create it, or change spec.events.bus`,
      );
    }
    seenAtMs.set(key, deps.now());
  };

  return {
    /**
     * Puts our own events on the bus.
     *
     * Entries that the bus has taken are kept in the heartbeat, so that a further attempt sends the others only. An
     * answer that is lost, or a worker that dies between answer and heartbeat, sends some again: PutEvents has no
     * idempotency. A repeat has the same `eventId`.
     */
    async publishEvents({ policy, events, endpointArn }) {
      const { events: wanted } = policy.spec;
      if (wanted === undefined)
        return { taken: events.map(({ id }) => id), refused: [], why: null };
      const { bus } = wanted;
      const region = regionOf(bus) ?? policy.spec.endpoint.region;
      await mustExist(bus, region);
      const taken = new Set(idsIn(recall()));
      const faults: EntryFault[] = [];
      const left = events.filter(({ id }) => !taken.has(id));
      for (const batch of batches(left.map((event) => entryOf(policy, event, bus, endpointArn)))) {
        const results = await put(deps, region, bus, batch);
        for (const [index, { id }] of batch.entries()) {
          const fault = results[index];
          if (fault === undefined) taken.add(id);
          else faults.push({ ...fault, id });
        }
        keep([...taken]);
      }
      const refused = faults.filter(({ code }) => !RETRYABLE.has(code));
      const [first = null] = refused.length > 0 ? refused : faults;
      const why =
        first === null
          ? null
          : `${String(faults.length)} of ${String(events.length)} events were not taken by the bus ${bus}: ${first.code}: ${first.message}`;
      if (why !== null && faults.length > refused.length && attempt() < ATTEMPTS)
        throw notYet(FailureType.Throttled, why, 2_000 * attempt());
      return { taken: [...taken], refused: refused.map(({ id }) => id), why };
    },
  };
}

interface Entry {
  readonly id: string;
  readonly entry: PutEventsRequestEntry;
}

interface EntryFault {
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

/** For each entry what the bus has against it; `undefined` for one that it took. */
async function put(
  deps: ControlDeps,
  region: string,
  bus: string,
  batch: readonly Entry[],
): Promise<readonly (Omit<EntryFault, 'id'> | undefined)[]> {
  const answer = await aws(
    may('events:PutEvents', `the bus ${bus}`),
    (options) =>
      deps
        .aws(region)
        .events.send(new PutEventsCommand({ Entries: batch.map(({ entry }) => entry) }), options),
    (error) =>
      /AccessDenied/.test(error.name) && attempt() >= PERMISSION_ATTEMPTS
        ? error.message
        : undefined,
  );
  if (typeof answer === 'string') {
    throw hopeless(
      FailureType.PermissionMissing,
      `events:PutEvents on the bus ${bus} is missing: ${answer}`,
    );
  }
  return batch.map((_, index) => {
    const { EventId, ErrorCode, ErrorMessage } = answer.Entries?.[index] ?? {};
    return EventId !== undefined && ErrorCode === undefined
      ? undefined
      : { code: ErrorCode ?? 'no answer for the entry', message: ErrorMessage ?? '' };
  });
}

function entryOf(policy: Policy, event: OwnEvent, bus: string, endpointArn: string | null): Entry {
  return {
    id: event.id,
    entry: {
      Source: OWN_SOURCE,
      DetailType: DETAIL_TYPES[event.kind],
      Detail: JSON.stringify(detailOf(policy, event)),
      EventBusName: bus,
      Time: new Date(event.atMs),
      Resources: endpointArn === null ? [] : [endpointArn],
    },
  };
}

/** Batches that PutEvents takes. */
function batches(entries: readonly Entry[]): readonly (readonly Entry[])[] {
  const all: Entry[][] = [];
  let bytes = 0;
  for (const one of entries) {
    const size = sizeOf(one.entry);
    const last = all.at(-1);
    if (last === undefined || last.length === MOST_ENTRIES || bytes + size > MOST_BYTES) {
      all.push([one]);
      bytes = size;
    } else {
      last.push(one);
      bytes += size;
    }
  }
  return all;
}

/** As AWS counts it: 14 bytes for the time, and the texts in UTF-8. */
function sizeOf({ Source, DetailType, Detail, Resources = [] }: PutEventsRequestEntry): number {
  return [Source, DetailType, Detail, ...Resources].reduce(
    (sum, text) => sum + Buffer.byteLength(text ?? ''),
    14,
  );
}

const regionOf = (bus: string): string | undefined =>
  bus.startsWith('arn:') ? bus.split(':')[3] : undefined;

const idsIn = (kept: unknown): readonly string[] =>
  Array.isArray(kept) ? kept.filter((id): id is string => typeof id === 'string') : [];
