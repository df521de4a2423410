/**
 * Quiet hours by the clock on the wall. Needs the time zones of the machine, so workflows leave it to an activity:
 * a replay on another machine must not find other hours.
 */

export interface QuietHours {
  /** `22:00` */
  readonly from: string;
  /** `07:00`; before `from` it is the next morning's. */
  readonly to: string;
  readonly timeZone: string;
}

const MINUTE_MS = 60_000;
/** Quiet hours are shorter than a day; a clock that is set back makes a day of 25 hours, or a little more. */
const LONGEST_MINUTES = 27 * 60;

/**
 * When the quiet that holds at `nowMs` ends; `null` when it is not quiet.
 *
 * It ends when the clock on the wall shows `to` or has passed it: where the clock is set forward over `to`, at that
 * moment. Where it is set back behind `to`, the time that comes twice is quiet twice.
 */
export function quietUntilMs(quiet: QuietHours, nowMs: number): number | null {
  const clock = new Intl.DateTimeFormat('en-GB', {
    timeZone: quiet.timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const isQuiet = (atMs: number): boolean => isWithin(clock.format(atMs), quiet);
  if (!isQuiet(nowMs)) return null;
  const minute = Math.floor(nowMs / MINUTE_MS);
  for (let ahead = 1; ahead <= LONGEST_MINUTES; ahead += 1) {
    const atMs = (minute + ahead) * MINUTE_MS;
    if (!isQuiet(atMs)) return atMs;
  }
  return null;
}

/** Times of day of the form `07:00` compare as texts. */
function isWithin(time: string, { from, to }: QuietHours): boolean {
  return from < to ? time >= from && time < to : time >= from || time < to;
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
