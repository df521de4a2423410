/**
 * EventBridge event patterns: every field named must match; a field matches when one of its
 * alternatives does. Written from "Amazon EventBridge event patterns" in AWS's user guide.
 */

import { BlockList, isIP } from 'node:net';

type Json = unknown;
type JsonObject = Readonly<Record<string, Json>>;

export type ParsedPattern =
  | { readonly kind: 'pattern'; readonly matches: (event: Json) => boolean }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Checks a pattern once, so that matching cannot fail. `reason` is in AWS's words where they are known. */
export function parsePattern(text: string): ParsedPattern {
  let document: Json;
  try {
    document = JSON.parse(text);
  } catch {
    return { kind: 'invalid', reason: 'Filter is not valid JSON' };
  }
  if (!isObject(document)) return { kind: 'invalid', reason: 'Filter is not an object' };
  if (Object.keys(document).length === 0)
    return { kind: 'invalid', reason: 'Event pattern is empty' };
  const reason = faultIn(document);
  if (reason !== undefined) return { kind: 'invalid', reason };
  const pattern = document;
  return { kind: 'pattern', matches: (event) => matchesObject(pattern, event) };
}

function faultIn(pattern: JsonObject): string | undefined {
  for (const [field, want] of Object.entries(pattern)) {
    const reason = field === '$or' ? faultInOr(want) : faultInField(field, want);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function faultInOr(want: Json): string | undefined {
  if (!Array.isArray(want) || want.length < 2 || !want.every(isObject))
    return '"$or" must be an array of at least two objects';
  return want.map(faultIn).find((reason) => reason !== undefined);
}

function faultInField(field: string, want: Json): string | undefined {
  if (isObject(want))
    return Object.keys(want).length === 0
      ? `"${field}" must not be an empty object`
      : faultIn(want);
  if (!Array.isArray(want)) return `"${field}" must be an object or an array`;
  if (want.length === 0) return 'Empty arrays are not allowed';
  return want
    .map((alternative: Json) => faultInAlternative(alternative))
    .find((reason) => reason !== undefined);
}

function faultInAlternative(want: Json): string | undefined {
  if (isLiteral(want)) return undefined;
  if (!isObject(want)) return 'Match value must be String, number, true, false, or null';
  const [[operator, operand] = ['', undefined], ...more] = Object.entries(want);
  if (more.length > 0) return 'Only one key allowed in match expression';
  switch (operator) {
    case 'exists':
      return typeof operand === 'boolean'
        ? undefined
        : 'exists match pattern must be either true or false.';
    case 'prefix':
    case 'suffix':
      return typeof operand === 'string' || isIgnoringCase(operand)
        ? undefined
        : `${operator} match pattern must be a string`;
    case 'equals-ignore-case':
      return typeof operand === 'string' ? undefined : `${operator} match pattern must be a string`;
    case 'wildcard':
      return typeof operand === 'string'
        ? faultInWildcard(operand)
        : 'wildcard match pattern must be a string';
    case 'cidr':
      if (typeof operand !== 'string') return 'cidr match pattern must be a string';
      return blockOf(operand) === undefined
        ? 'Malformed CIDR: an address and the number of its bits are needed'
        : undefined;
    case 'numeric':
      return faultInNumeric(operand);
    case 'anything-but':
      return faultInAnythingBut(operand);
    default:
      return `Unrecognized match type ${operator}`;
  }
}

function faultInAnythingBut(operand: Json): string | undefined {
  if (typeof operand === 'string' || typeof operand === 'number') return undefined;
  if (Array.isArray(operand)) {
    const types = new Set(operand.map((each: Json) => typeof each));
    if (operand.length === 0 || [...types].some((type) => type !== 'string' && type !== 'number'))
      return 'Inside anything but list, values must be strings or numbers.';
    return types.size === 1
      ? undefined
      : 'Inside anything but list, either all values are number or string, mixed type is not supported';
  }
  if (!isObject(operand))
    return 'Value of anything-but must be an array or single string/number value.';
  const [[operator, value] = ['', undefined]] = Object.entries(operand);
  const known = ['prefix', 'suffix', 'equals-ignore-case', 'wildcard'].includes(operator);
  const sound =
    typeof value === 'string' ||
    (Array.isArray(value) && value.every((each) => typeof each === 'string'));
  if (!known || !sound) return `Unsupported anything-but pattern: ${operator}`;
  if (operator !== 'wildcard') return undefined;
  const texts: readonly Json[] = Array.isArray(value) ? value : [value];
  return texts.map((text) => faultInWildcard(String(text))).find((fault) => fault !== undefined);
}

/** Of `*` two in a row say nothing more than one, and only `*` and the backslash are escaped. */
function faultInWildcard(text: string): string | undefined {
  for (let at = 0; at < text.length; at += 1) {
    const next = text[at + 1];
    if (text[at] === '*' && next === '*') return `Consecutive wildcard characters at pos ${at + 1}`;
    if (text[at] !== '\\') continue;
    if (next !== '*' && next !== '\\') return `Invalid escape character at pos ${at + 1}`;
    at += 1;
  }
  return undefined;
}

/** `10.0.0.0/24`, `2001:db8::/32` */
function blockOf(text: string): BlockList | undefined {
  const [address = '', bits = '', ...more] = text.split('/');
  const family = isIP(address);
  const most = family === 4 ? 32 : 128;
  if (family === 0 || more.length > 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > most)
    return undefined;
  const block = new BlockList();
  block.addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
  return block;
}

const COMPARISONS: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  '=': (value, bound) => value === bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
};

function faultInNumeric(operand: Json): string | undefined {
  const sound =
    Array.isArray(operand) &&
    (operand.length === 2 || operand.length === 4) &&
    operand.every((part: Json, at) =>
      at % 2 === 0 ? Object.hasOwn(COMPARISONS, String(part)) : typeof part === 'number',
    );
  if (!sound) return 'Invalid value for numeric: expected one or two comparisons with numbers';
  const [first, bottom, second, top] = operand as readonly (string | number)[];
  if (second === undefined) return undefined;
  if (first !== '>' && first !== '>=') return 'Too many elements in numeric expression';
  if (second !== '<' && second !== '<=') return `Bad numeric range operator: ${second}`;
  return Number(bottom) < Number(top) ? undefined : 'Bottom must be less than top';
}

/** A field the event lacks is `undefined` all the way down: only `exists: false` matches it. */
function matchesObject(pattern: JsonObject, event: Json): boolean {
  return Object.entries(pattern).every(([field, want]) => {
    if (field === '$or')
      return (want as readonly JsonObject[]).some((choice) => matchesObject(choice, event));
    const value = isObject(event) && Object.hasOwn(event, field) ? event[field] : undefined;
    return matchesField(want, value);
  });
}

function matchesField(want: Json, value: Json): boolean {
  if (Array.isArray(value)) {
    if (value.length === 0) return matchesField(want, undefined);
    return value.some((element: Json) => matchesField(want, element));
  }
  if (Array.isArray(want))
    return want.some((alternative: Json) => matchesAlternative(alternative, value));
  return matchesObject(want as JsonObject, value);
}

function matchesAlternative(want: Json, value: Json): boolean {
  if (!isObject(want)) return value === want;
  const [[operator, operand] = ['', undefined]] = Object.entries(want);
  if (operator === 'exists') return (value !== undefined && !isObject(value)) === operand;
  if (value === undefined) return false;
  if (operator === 'numeric') return matchesNumeric(operand as readonly (string | number)[], value);
  if (operator === 'anything-but') return isLiteral(value) && !matchesAny(operand, value);
  return typeof value === 'string' && matchesText(operator, operand, value);
}

function matchesAny(operand: Json, value: Json): boolean {
  if (Array.isArray(operand)) return operand.includes(value);
  if (!isObject(operand)) return operand === value;
  const [[operator, texts] = ['', undefined]] = Object.entries(operand);
  const all: readonly Json[] = Array.isArray(texts) ? texts : [texts];
  return typeof value === 'string' && all.some((text) => matchesText(operator, text, value));
}

function matchesText(operator: string, operand: Json, value: string): boolean {
  if (isIgnoringCase(operand)) {
    return matchesText(operator, operand['equals-ignore-case'].toLowerCase(), value.toLowerCase());
  }
  const text = String(operand);
  switch (operator) {
    case 'prefix':
      return value.startsWith(text);
    case 'suffix':
      return value.endsWith(text);
    case 'equals-ignore-case':
      return value.toLowerCase() === text.toLowerCase();
    case 'cidr': {
      const family = isIP(value);
      return family !== 0 && blockOf(text)?.check(value, family === 4 ? 'ipv4' : 'ipv6') === true;
    }
    default:
      return matchesWildcard(text, value);
  }
}

/** The texts between the wildcards; `\\*` and `\\\\` stand for the letters themselves. */
function textsBetween(pattern: string): readonly string[] {
  const texts = [''];
  for (const [token] of pattern.matchAll(/\\.|[^]/gu)) {
    if (token === '*') texts.push('');
    else texts.push((texts.pop() ?? '') + (token.length > 1 ? token.replace('\\', '') : token));
  }
  return texts;
}

/** `*` stands for any text. Linear in the lengths: no regular expression is built from a pattern. */
function matchesWildcard(pattern: string, value: string): boolean {
  const parts = textsBetween(pattern);
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return value === first;
  if (
    !value.startsWith(first) ||
    !value.endsWith(last) ||
    value.length < first.length + last.length
  )
    return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = value.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= value.length - last.length;
}

function matchesNumeric(comparisons: readonly (string | number)[], value: Json): boolean {
  if (typeof value !== 'number') return false;
  for (let at = 0; at < comparisons.length; at += 2) {
    const compare = COMPARISONS[String(comparisons[at])];
    if (compare?.(value, Number(comparisons[at + 1])) !== true) return false;
  }
  return true;
}

function isIgnoringCase(value: Json): value is { readonly 'equals-ignore-case': string } {
  return isObject(value) && typeof value['equals-ignore-case'] === 'string';
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isLiteral(value: Json): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
