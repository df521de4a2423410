/** A length of time as people write it: `500ms`, `30s`, `10m`, `6h`, `7d`. The literal carries the unit. */
export type Duration = string;

/**
 * What a {@link Duration} must look like. At most nine digits, of hours and days six: some 2,700 years, so that an
 * instant plus or minus a few of them is still one that `Date` can show.
 */
export const DURATION_PATTERN =
  /^(\d{1,6}(?:\.\d{1,3})?|\d{7,9}(?:\.\d{1,3})?(?=ms|s|m))(ms|s|m|h|d)$/;

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Milliseconds of a duration literal, rounded to a whole number.
 *
 * @throws {RangeError} for anything that is not a {@link Duration}; the policy schema refuses those at the door.
 */
export function durationMs(duration: Duration): number {
  const match = DURATION_PATTERN.exec(duration);
  if (match === null)
    throw new RangeError(`'${duration}' is not a duration such as 30s, 10m, 6h or 7d`);
  return Math.round(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]);
}

/** A span in words for people: `3 d 4 h`, `12 min`, `45 s`. Two units at most, never negative. */
export function inWords(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1_000));
  const days = Math.floor(total / 86_400);
  const hours = Math.floor((total % 86_400) / 3_600);
  const minutes = Math.floor((total % 3_600) / 60);
  const seconds = total % 60;
  if (days > 0) return hours > 0 ? `${days} d ${hours} h` : `${days} d`;
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  if (minutes > 0)
    return seconds > 0 && minutes < 10 ? `${minutes} min ${seconds} s` : `${minutes} min`;
  return `${seconds} s`;
}

/** `2026-03-01 14:05:09 UTC`: one spelling of an instant for every text a person reads. */
export function instantInWords(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
