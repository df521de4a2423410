import type { ModelPlace } from '../replies.js';

export interface Directory {
  /** The models that are kept, as of a short while ago. */
  places(): Promise<readonly ModelPlace[]>;
  /** The same, read again unless that was done moments ago: for an event that fits nobody we know. */
  freshPlaces(): Promise<readonly ModelPlace[]>;
}

export interface DirectoryOptions {
  readonly read: () => Promise<readonly ModelPlace[]>;
  readonly now: () => number;
  readonly maxAgeMs?: number;
  readonly minAgeMs?: number;
}

/** Remembers who is kept, so that events cost no look-up each. A failed refresh leaves the last answer in force. */
export function createDirectory({
  read,
  now,
  maxAgeMs = 30_000,
  minAgeMs = 5_000,
}: DirectoryOptions): Directory {
  let known: { readonly places: readonly ModelPlace[]; readonly atMs: number } | undefined;
  let reading: Promise<readonly ModelPlace[]> | undefined;

  const refresh = (): Promise<readonly ModelPlace[]> => {
    reading ??= read()
      .then((places) => {
        known = { places, atMs: now() };
        return places;
      })
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
  const youngerThan = (ageMs: number): readonly ModelPlace[] | undefined =>
    known !== undefined && now() - known.atMs < ageMs ? known.places : undefined;

  return {
    async places() {
      const young = youngerThan(maxAgeMs);
      if (young !== undefined) return young;
      const old = known?.places;
      return old === undefined ? refresh() : refresh().catch(() => old);
    },
    async freshPlaces() {
      return youngerThan(minAgeMs) ?? refresh();
    },
  };
}
