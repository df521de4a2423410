import type { AdminPages } from './admin.js';
import { AwsError } from './kernel.js';
import type { QueryService, Service, Store } from './kernel.js';
import type { Core } from './wires.js';

/** An account and Region. */
export interface Where {
  readonly accountId: string;
  readonly region: string;
}

/** What an account has in a Region: services that know nothing of any other. */
export interface Place {
  readonly kernel: Core;
  readonly services: readonly Service[];
  readonly pages: AdminPages;
}

/** A place and its services, by what requests name them by. */
export interface OpenPlace extends Place {
  readonly byTarget: ReadonlyMap<string, Service>;
  readonly byVersion: ReadonlyMap<
    string,
    { readonly service: Service; readonly query: QueryService }
  >;
}

const PLACES = 'places';
/** Each place has timers of its own: what a caller that invents accounts can cost is bounded. */
const MOST_PLACES = 50;
/** What holds for all accounts and Regions: settings of the sandbox itself, and sessions of roles. */
const SHARED: ReadonlySet<string> = new Set(['sandbox', 'sts-sessions']);

const keyOf = ({ accountId, region }: Where): string => `${accountId}/${region}`;

/** The accounts and Regions in which something was ever done. A sandbox has one until somebody calls from another. */
export class Places {
  private readonly open = new Map<string, OpenPlace>();

  constructor(
    private readonly store: Store,
    readonly home: Where,
    private readonly build: (where: Where, places: Places) => Place,
  ) {}

  /** Opens those of an earlier run too: what they have goes on. */
  start(): void {
    for (const where of [this.home, ...this.store.entries<Where>(PLACES).map(([, one]) => one)])
      this.at(where);
  }

  at(where: Where): OpenPlace {
    const key = keyOf(where);
    const known = this.open.get(key);
    if (known !== undefined) return known;
    if (this.open.size >= MOST_PLACES)
      throw new AwsError(
        'OptInRequired',
        `The sandbox keeps at most ${MOST_PLACES} accounts and Regions; start it with --fresh to forget them.`,
        403,
      );
    const place = this.build(where, this);
    if (key !== keyOf(this.home)) this.store.put(PLACES, key, where);
    const opened: OpenPlace = { ...place, ...indexed(place.services) };
    this.open.set(key, opened);
    for (const service of opened.services) service.start?.();
    return opened;
  }

  /** `undefined` for a place where nothing was ever done. */
  known(where: Where): OpenPlace | undefined {
    return this.open.get(keyOf(where));
  }

  get services(): readonly Service[] {
    return [...this.open.values()].flatMap(({ services }) => services);
  }
}

function indexed(services: readonly Service[]): Pick<OpenPlace, 'byTarget' | 'byVersion'> {
  return {
    byTarget: new Map(
      services.flatMap((service) =>
        service.target === undefined ? [] : [[service.target, service] as const],
      ),
    ),
    byVersion: new Map(
      services.flatMap((service) =>
        service.query === undefined
          ? []
          : [[service.query.version, { service, query: service.query }] as const],
      ),
    ),
  };
}

/** The documents of one place among those of all; those of the first place have the names they always had. */
export function storeOf(store: Store, where: Where, home: Where): Store {
  if (keyOf(where) === keyOf(home)) return store;
  const named = (collection: string): string =>
    SHARED.has(collection) ? collection : `${keyOf(where)}/${collection}`;
  return {
    get: (collection, key, otherwise) => store.get(named(collection), key, otherwise),
    put: (collection, key, value) => {
      store.put(named(collection), key, value);
    },
    delete: (collection, key) => {
      store.delete(named(collection), key);
    },
    write: (changes) => {
      store.write(changes.map((one) => ({ ...one, collection: named(one.collection) })));
    },
    entries: (collection, where) => store.entries(named(collection), where),
    keys: (collection) => store.keys(named(collection)),
    close: () => undefined,
  };
}
