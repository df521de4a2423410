import { Cron } from 'croner';

const UNITS_MS: Readonly<Record<string, number>> = {
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
};

/**
 * The first instant after `afterMs` at which `at(…)`, `rate(…)` or `cron(…)` is due; `undefined` when it
 * never is again.
 *
 * @param originMs start of a rate.
 * @throws {Error} when the expression is none of the three.
 */
export function nextRunMs(
  expression: string,
  timezone: string,
  originMs: number,
  afterMs: number,
): number | undefined {
  const [, kind, inner = ''] = /^(at|rate|cron)\(([^)]*)\)$/.exec(expression.trim()) ?? [];
  switch (kind) {
    case 'at':
      return nextOf(inner, timezone, afterMs);
    case 'cron':
      return nextOf(toCroner(inner), timezone, afterMs);
    case 'rate': {
      const [, count, unit = ''] = /^([1-9]\d*) (minute|hour|day)s?$/.exec(inner) ?? [];
      const everyMs = Number(count) * (UNITS_MS[unit] ?? NaN);
      if (!Number.isFinite(everyMs)) throw new Error(`not a rate: ${inner}`);
      return originMs + (Math.floor(Math.max(0, afterMs - originMs) / everyMs) + 1) * everyMs;
    }
    default:
      throw new Error(`not a schedule: ${expression}`);
  }
}

function nextOf(pattern: string, timezone: string, afterMs: number): number | undefined {
  return new Cron(pattern, { timezone }).nextRun(new Date(afterMs))?.getTime();
}

/** AWS: minutes hours day month weekday year, Sunday is 1. Croner: seconds first, Sunday is 0. */
function toCroner(fields: string): string {
  const parts = fields.trim().split(/\s+/);
  if (parts.length !== 6) throw new Error(`not a cron expression of six fields: ${fields}`);
  const [minutes = '', hours = '', day = '', month = '', weekday = '', year = ''] = parts;
  const shifted = weekday.replace(/(?<![#/\d])\d+/g, (digits) => String(Number(digits) - 1));
  return ['0', minutes, hours, day, month, shifted, year].join(' ');
}
