import { alarmPrefix, keeperId, releaseId, releaseOfName } from '../../domain/names.js';
import type { ModelPlace } from '../replies.js';
import type { BridgeEvent } from './events.schema.js';

/** One workflow that should look. A hint carries no facts; `about` only says why in the history. */
export interface HintTarget {
  readonly workflowId: string;
  readonly model: string;
  /** `null` for the keeper. */
  readonly release: number | null;
  readonly signal: 'lookNow' | 'hint';
  readonly about: string;
  /** Where to look besides the endpoint. Hints of another topic are other hints. */
  readonly topic?: 'registry';
}

export type Route =
  | { readonly kind: 'hint'; readonly targets: readonly HintTarget[] }
  /** Only the execution's display name tells whose it is. */
  | { readonly kind: 'look up execution'; readonly executionArn: string; readonly about: string }
  /** Nobody manages what it is about: counted and deleted. */
  | { readonly kind: 'unmanaged'; readonly reason: string };

/** Which workflows an event concerns. Pure; `places` are the models that are kept now. */
export function routeEvent(event: BridgeEvent, places: readonly ModelPlace[]): Route {
  switch (event.about) {
    case 'endpoint':
      return routeEndpoint(event, places);
    case 'alarm':
      return routeAlarm(event, places);
    case 'model package': {
      const keepers = places.filter(
        (place) => same(place.group, event.group) && inRegion(place, event.region),
      );
      return hints(
        keepers.map((place) => ({
          ...toKeeper(place.model, `a package of ${event.group} changed`),
          topic: 'registry' as const,
        })),
        `nobody keeps the group ${event.group}`,
      );
    }
    case 'pipeline': {
      const about = `pipeline ${event.what}`;
      if (event.displayName !== null) return routeReleaseName(event.displayName, about, places);
      return event.pipeline === null ||
        places.some((place) => same(place.pipeline, event.pipeline ?? ''))
        ? { kind: 'look up execution', executionArn: event.executionArn, about }
        : { kind: 'unmanaged', reason: `nobody retrains by the pipeline ${event.pipeline}` };
    }
    case 'job':
      return routeReleaseName(event.name, `job ${event.name} ${event.status}`, places);
    case 'schedule': {
      const owner = ownerOf(`${event.name}-`, event.region, places);
      return hints(
        owner === undefined ? [] : [toKeeper(owner.model, `the schedule ${event.name}`)],
        `the schedule ${event.name} is not named after a model: call it modelkeeper-<model>`,
      );
    }
    case 'other':
      return { kind: 'unmanaged', reason: `events of type '${event.detailType}' are not needed` };
  }
}

/** Something that carries one of our names, such as a pipeline execution's display name. */
export function routeReleaseName(
  name: string | null,
  about: string,
  places: readonly ModelPlace[],
): Route {
  const release = name === null ? undefined : keptRelease(name, places);
  return hints(
    release === undefined ? [] : [toRelease(release.model, release.release, about)],
    `'${name ?? ''}' is not a name of ours`,
  );
}

function routeEndpoint(
  event: Extract<BridgeEvent, { about: 'endpoint' }>,
  places: readonly ModelPlace[],
): Route {
  const about = `endpoint ${event.endpoint} is ${event.status}`;
  const keepers = keepersOf([event.endpoint], event.region, places);
  const releases = event.configs
    .flatMap((config) => keptRelease(config, places) ?? [])
    .filter(({ model }) => keepers.includes(model));
  return hints(
    [
      ...keepers.map((model) => toKeeper(model, about)),
      ...releases.map(({ model, release }) => toRelease(model, release, about)),
    ],
    `nobody keeps the endpoint ${event.endpoint}`,
  );
}

function routeAlarm(
  event: Extract<BridgeEvent, { about: 'alarm' }>,
  places: readonly ModelPlace[],
): Route {
  const { alarm, region, state } = event;
  const about = `alarm ${alarm} is ${state}`;
  const here = places.filter((place) => inRegion(place, region));
  const owner = ownerOf(alarm, region, places);
  if (owner !== undefined) {
    const rest = alarm.slice(alarmPrefix(owner.model).length);
    // A rollout waits for trouble; that its alarms have become quiet ends nothing.
    const release = state === 'ALARM' ? /^release-(\d{1,6})-/.exec(rest)?.[1] : undefined;
    return hints(
      [
        toKeeper(owner.model, about),
        ...(release === undefined ? [] : [toRelease(owner.model, Number(release), about)]),
      ],
      '',
    );
  }
  const all = [alarm, ...event.children];
  const named = here
    .filter((place) => all.some((name) => place.alarms.includes(name)))
    .map((place) => place.model);
  const made = event.children.flatMap((name) => ownerOf(name, region, places)?.model ?? []);
  const models = [...new Set([...named, ...made, ...keepersOf(event.endpoints, region, places)])];
  return hints(
    models.map((model) => toKeeper(model, about)),
    `nobody watches the alarm ${alarm}`,
  );
}

/** Whose name it carries. One model's name may begin with another's: the longest prefix is the owner. */
function ownerOf(
  name: string,
  region: string | null,
  places: readonly ModelPlace[],
): ModelPlace | undefined {
  return places
    .filter((place) => inRegion(place, region) && name.startsWith(alarmPrefix(place.model)))
    .sort((a, b) => b.model.length - a.model.length)[0];
}

/** ARNs spell names in lower case. */
const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

function keepersOf(
  endpoints: readonly string[],
  region: string | null,
  places: readonly ModelPlace[],
): readonly string[] {
  const wanted = endpoints.map((name) => name.toLowerCase());
  return places
    .filter((place) => wanted.includes(place.endpoint.toLowerCase()) && inRegion(place, region))
    .map((place) => place.model);
}

/** A release of a model that is kept, by one of our names. */
function keptRelease(
  name: string,
  places: readonly ModelPlace[],
): ReturnType<typeof releaseOfName> {
  // `m-12-2` is the second round of release 12 of m, or release 2 of a model m-12: whichever is kept.
  return [name, name.replace(/-[23](?=(?:-t\d+)?(?:-score)?$)/, '')]
    .map(releaseOfName)
    .find(
      (release) => release !== undefined && places.some((place) => place.model === release.model),
    );
}

function inRegion(place: ModelPlace, region: string | null): boolean {
  return region === null || place.region === region;
}

function toKeeper(model: string, about: string): HintTarget {
  return { workflowId: keeperId(model), model, release: null, signal: 'lookNow', about };
}

function toRelease(model: string, release: number, about: string): HintTarget {
  return { workflowId: releaseId(model, release), model, release, signal: 'hint', about };
}

/** Hints of one key within a moment are one hint. */
export const hintKey = ({ workflowId, topic }: HintTarget): string =>
  topic === undefined ? workflowId : `${workflowId} ${topic}`;

function hints(targets: readonly HintTarget[], reason: string): Route {
  const once = new Map(targets.map((target) => [hintKey(target), target]));
  return once.size === 0
    ? { kind: 'unmanaged', reason }
    : { kind: 'hint', targets: [...once.values()] };
}
