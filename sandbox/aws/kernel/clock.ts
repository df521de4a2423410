/** What time it is in the sandbox, and how long its waits really take. */
export interface Clock {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Milliseconds of this machine in which `ms` of this clock pass. */
  readonly realMs: (ms: number) => number;
}

export const wallClock: Clock = { now: Date.now, realMs: (ms) => ms };

/** Faster than this the sandbox's own ticks would be further apart than the periods they serve. */
const FASTEST = 10_000;

/**
 * A clock that runs `rate` times as fast as the wall clock, from `startMs` on. For tests of the sandbox alone: a
 * caller that does not go by this same clock sees nonsense, so no command line gives it.
 *
 * @throws {RangeError} for a rate outside 1 to 10,000
 */
export function virtualClock(rate: number, startMs: number): Clock {
  if (!(rate >= 1 && rate <= FASTEST))
    throw new RangeError(`a virtual clock runs 1 to ${FASTEST} times as fast, not ${rate}`);
  const startedMs = performance.now();
  return {
    now: () => Math.floor(startMs + (performance.now() - startedMs) * rate),
    realMs: (ms) => ms / rate,
  };
}
