import type { core } from 'zod';

import { DURATION_PATTERN } from '../domain/duration.js';
import { keysAt, placesOfKey, wantedAt, type JsonSchemaNode } from './policy-schema.js';

/** What is wrong with a value or key of a policy, before its place in the file is looked up. */
export interface Complaint {
  readonly path: readonly PropertyKey[];
  /** Point at the key (unknown, or missing below it) or at the value. */
  readonly about: 'key' | 'value';
  readonly message: string;
  readonly remedy: string | null;
}

/** Says in plain words what zod found. `value` is the whole policy as it was written. */
export function issuesInWords(
  issues: readonly core.$ZodIssue[],
  value: unknown,
): readonly Complaint[] {
  return issues.flatMap((issue) => inWords(issue, value));
}

function inWords(issue: core.$ZodIssue, whole: unknown): readonly Complaint[] {
  const { path } = issue;
  const found = valueAt(whole, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey([...path, key], key, whole));
    case 'invalid_key':
      return [
        {
          path,
          about: 'key',
          message: `the key '${String(path.at(-1))}' does not fit: ${issue.issues.map((inner) => wording(inner.message, path)).join('; ')}`,
          remedy: null,
        },
      ];
    case 'invalid_type':
      return [found === undefined ? missing(path, whole) : wrongType(path, found, whole)];
    case 'invalid_value':
      return [oneOf(path, found, issue.values.map(String))];
    case 'invalid_union': {
      const meant = meantOption(issue);
      return meant === undefined
        ? [wrongUnion(issue, found, whole)]
        : meant.flatMap((inner) => inWords({ ...inner, path: [...path, ...inner.path] }, whole));
    }
    case 'invalid_format':
      return [
        {
          path,
          about: 'value',
          message: `${shown(found)} does not fit: ${wording(issue.message, path)}`,
          remedy: durationRemedy(found, wantedAt(path, whole)),
        },
      ];
    case 'too_big':
    case 'too_small':
      return [outOfRange(issue, found)];
    default:
      return [{ path, about: 'value', message: issue.message, remedy: null }];
  }
}

function unknownKey(path: readonly PropertyKey[], key: string, whole: unknown): Complaint {
  const known = keysAt(path.slice(0, -1), whole);
  const near = nearest(key, known);
  const elsewhere = placesOfKey(key);
  const remedy =
    near !== undefined
      ? `did you mean '${near}'?`
      : elsewhere.length > 0
        ? `'${key}' belongs under ${elsewhere.slice(0, 3).join(' or ')}`
        : known.length > 0
          ? `known here: ${known.join(', ')}`
          : null;
  return { path, about: 'key', message: `'${key}' is not known here`, remedy };
}

function missing(path: readonly PropertyKey[], whole: unknown): Complaint {
  const wanted = wantedAt(path, whole);
  return {
    path,
    about: 'key',
    message: `'${String(path.at(-1))}' is missing`,
    remedy: wanted === undefined ? null : `write ${kindInWords(wanted)}`,
  };
}

function wrongType(path: readonly PropertyKey[], found: unknown, whole: unknown): Complaint {
  const wanted = wantedAt(path, whole);
  return {
    path,
    about: 'value',
    message: `${shown(found)} is ${typeInWords(found)}, but this takes ${wanted === undefined ? 'something else' : kindInWords(wanted)}`,
    remedy:
      durationRemedy(found, wanted) ?? numberRemedy(found, wanted) ?? booleanRemedy(found, wanted),
  };
}

function oneOf(path: readonly PropertyKey[], found: unknown, values: readonly string[]): Complaint {
  if (found === undefined)
    return {
      path,
      about: 'key',
      message: `'${String(path.at(-1))}' is missing`,
      remedy: `write ${values.join(' or ')}`,
    };
  const near = nearest(typeof found === 'string' ? found : '', values);
  return {
    path,
    about: 'value',
    message:
      values.length === 1
        ? `${shown(found)} must be ${values.join('')}`
        : `${shown(found)} is none of ${values.join(', ')}`,
    remedy: near === undefined ? null : `did you mean '${near}'?`,
  };
}

/**
 * What is wrong with the one option that the value is of the kind of: a list that is too long was meant as a list.
 * `undefined` when it is of no option's kind, or of several.
 */
function meantOption(issue: core.$ZodIssueInvalidUnion): readonly core.$ZodIssue[] | undefined {
  const ofKind = issue.errors.filter(
    (option) =>
      option.length > 0 &&
      option.every(
        ({ code, path }) => path.length > 0 || code === 'too_big' || code === 'too_small',
      ),
  );
  return ofKind.length === 1 ? ofKind[0] : undefined;
}

function wrongUnion(issue: core.$ZodIssueInvalidUnion, found: unknown, whole: unknown): Complaint {
  const { path } = issue;
  const options = wantedAt(path.slice(0, -1), whole)?.oneOf?.flatMap(
    (option) => option.properties?.[String(path.at(-1))]?.const ?? [],
  );
  if (issue.discriminator !== undefined && options !== undefined && options.length > 0)
    return oneOf(path, found, options.map(String));
  if (found === undefined) return missing(path, whole);
  const wanted = wantedAt(path, whole);
  return {
    path,
    about: 'value',
    message: `${shown(found)} does not fit: write ${wanted === undefined ? 'something else' : kindInWords(wanted)}`,
    remedy: null,
  };
}

function outOfRange(
  issue: core.$ZodIssueTooBig | core.$ZodIssueTooSmall,
  found: unknown,
): Complaint {
  const bound = issue.code === 'too_big' ? Number(issue.maximum) : Number(issue.minimum);
  const inclusive = issue.inclusive !== false;
  const limit =
    issue.code === 'too_big'
      ? `${inclusive ? 'at most' : 'less than'} ${bound}`
      : `${inclusive ? 'at least' : 'more than'} ${bound}`;
  const measure =
    issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' entries' : '';
  const percent = typeof found === 'number' && bound === 1 && found > 1 && found <= 100;
  return {
    path: issue.path,
    about: 'value',
    message: `${shown(found)} is out of range: this takes ${limit}${measure}`,
    remedy: percent ? `this is a share, not a percentage: write ${found / 100}` : null,
  };
}

/** zod's own words for a missed pattern are a regular expression; ours are sentences. */
function wording(message: string, path: readonly PropertyKey[]): string {
  return message.startsWith('Invalid string: must match pattern')
    ? `'${String(path.at(-1))}' has characters or a form that is not allowed`
    : message;
}

function kindInWords(wanted: JsonSchemaNode): string {
  const variants = wanted.anyOf ?? wanted.oneOf;
  if (wanted.const !== undefined) return String(wanted.const);
  if (wanted.enum !== undefined) return `one of ${wanted.enum.map(String).join(', ')}`;
  if (isDuration(wanted)) return 'a duration with its unit, such as 30s, 10m, 6h or 7d';
  if (wanted.format === 'email') return 'an e-mail address';
  if (wanted.pattern?.startsWith('^group:')) return 'a group as group:name';
  if (wanted.pattern?.startsWith('^s3:')) return 'an S3 address, such as s3://bucket/prefix/';
  if (wanted.pattern?.startsWith('^arn:')) return 'an ARN';
  if (variants !== undefined) return [...new Set(variants.map(kindInWords))].join(' or ');
  switch (wanted.type) {
    case 'object':
      return wanted.required === undefined || wanted.required.length === 0
        ? 'a block of keys'
        : `a block with ${wanted.required.join(', ')}`;
    case 'array':
      return wanted.items === undefined ? 'a list' : `a list, each ${kindInWords(wanted.items)}`;
    case 'integer':
      return 'a whole number';
    case 'number':
      return 'a number';
    case 'boolean':
      return 'true or false';
    default:
      return 'a text';
  }
}

function isDuration(wanted: JsonSchemaNode | undefined): boolean {
  return wanted?.pattern === DURATION_PATTERN.source;
}

const UNIT_WORDS: readonly (readonly [RegExp, string])[] = [
  [/^(ms|msec|milli(second)?s?)$/, 'ms'],
  [/^(s|sec|secs|seconds?)$/, 's'],
  [/^(m|min|mins|minutes?)$/, 'm'],
  [/^(h|hr|hrs|hours?)$/, 'h'],
  [/^(d|days?)$/, 'd'],
];

/** `60` → say which unit; `24 hours` → 24h; `PT1H`, `1w` and the like → an example. */
function durationRemedy(found: unknown, wanted: JsonSchemaNode | undefined): string | null {
  if (!isDuration(wanted)) return null;
  if (typeof found === 'number')
    return `say the unit: ${found}s, ${found}m, ${found}h or ${found}d`;
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(typeof found === 'string' ? found : '');
  const [, amount, word] = match ?? [];
  if (amount === undefined || word === undefined) return 'such as 30s, 10m, 6h or 7d';
  if (/^(w|weeks?)$/i.test(word)) return `write ${Number(amount) * 7}d`;
  const unit = UNIT_WORDS.find(([pattern]) => pattern.test(word.toLowerCase()))?.[1];
  if (unit === undefined) return 'such as 30s, 10m, 6h or 7d';
  const literal = `${amount}${unit}`;
  return DURATION_PATTERN.test(literal) ? `write ${literal}` : 'write at most 999999 of them';
}

function numberRemedy(found: unknown, wanted: JsonSchemaNode | undefined): string | null {
  if (wanted?.type !== 'number' && wanted?.type !== 'integer') return null;
  if (typeof found !== 'string') return null;
  const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(found.trim())?.[1];
  if (percent !== undefined)
    return wanted.maximum === 1 ? `write ${Number(percent) / 100}` : `write ${percent}`;
  return found.trim() !== '' && Number.isFinite(Number(found))
    ? `write ${found.trim()} without quotes`
    : null;
}

/** YAML 1.2 knows `true` and `false` only; older YAML also `yes`, `no`, `on` and `off`. */
function booleanRemedy(found: unknown, wanted: JsonSchemaNode | undefined): string | null {
  if (wanted?.type !== 'boolean' || typeof found !== 'string') return null;
  if (/^(y|yes|on|true)$/i.test(found)) return 'write true';
  return /^(n|no|off|false)$/i.test(found) ? 'write false' : null;
}

function typeInWords(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  switch (typeof value) {
    case 'object':
      return 'a block of keys';
    case 'number':
      return Number.isFinite(value) ? 'a number' : 'no number to reckon with';
    case 'bigint':
      return 'a number';
    case 'boolean':
      return 'true or false';
    default:
      return 'a text';
  }
}

function shown(value: unknown): string {
  if (value === undefined) return 'what is here';
  if (typeof value === 'number') return String(value);
  const text = typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (current, part) =>
      current !== null && typeof current === 'object' && Object.hasOwn(current, part)
        ? (current as Record<PropertyKey, unknown>)[part]
        : undefined,
    value,
  );
}

/** The closest of the known words, when it is close enough to be a slip. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  return known
    .map((candidate) => ({
      candidate,
      distance: editDistance(word.toLowerCase(), candidate.toLowerCase()),
    }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)[0]?.candidate;
}

/** Levenshtein distance, with one row of the table kept. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
