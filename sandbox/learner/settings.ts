import { UnusableInput } from './job.js';

type Settings = Readonly<Record<string, string>>;

export function required(settings: Settings, name: string): string {
  const value = settings[name];
  if (value === undefined || value === '') throw new UnusableInput(`Setting ${name} is missing`);
  return value;
}

/** A whole number within `[min, max]`, or `fallback` when it is not set. */
export function wholeNumber(
  settings: Settings,
  name: string,
  fallback: number,
  [min, max]: readonly [number, number],
): number {
  const text = settings[name];
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new UnusableInput(
      `Setting ${name} must be a whole number from ${min} to ${max}, not '${text}'`,
    );
  }
  return value;
}

/** A JSON list of names, or `fallback` when it is not set. */
export function nameList(
  settings: Settings,
  name: string,
  fallback: readonly string[],
): readonly string[] {
  const text = settings[name];
  if (text === undefined) return fallback;
  const list = parsed(text);
  if (
    !Array.isArray(list) ||
    list.length === 0 ||
    !list.every((item) => typeof item === 'string')
  ) {
    throw new UnusableInput(`Setting ${name} must be a JSON list of column names, not '${text}'`);
  }
  return list;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}
