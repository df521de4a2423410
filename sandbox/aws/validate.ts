import { z } from 'zod';
import { AwsError } from './kernel.js';
import type { CallInfo, JsonOperations } from './kernel.js';

/** One member that is not as it must be, in the words AWS uses. */
export interface Violation {
  /** `targets.1.member.id` */
  readonly path: string;
  readonly missing: boolean;
  /** `Member must not be null` */
  readonly constraint: string;
  readonly value: unknown;
}

/** How a service says that its input is malformed. */
export type Complaint = (violations: readonly Violation[]) => AwsError;

type Handler = JsonOperations[string];

/** Makes an operation of a schema for its input and the work on the parsed input. */
export function operations(complain: Complaint) {
  return <S extends z.ZodType>(
      schema: S,
      work: (input: z.output<S>, call: CallInfo) => unknown,
    ): Handler =>
    (input, call) =>
      work(check(schema, input, complain), call);
}

/** @throws {AwsError} of `complain`, or SerializationException when a member has the wrong JSON type. */
export function check<S extends z.ZodType>(
  schema: S,
  input: unknown,
  complain: Complaint,
): z.output<S> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const violations = parsed.error.issues.map((issue) => violationOf(issue, input));
  const mistyped = parsed.error.issues.find(
    (issue, at) => issue.code === 'invalid_type' && violations[at]?.missing === false,
  );
  if (mistyped !== undefined) {
    throw new AwsError(
      'SerializationException',
      `Value at ${awsPath(mistyped.path)} cannot be converted to ${mistyped.code === 'invalid_type' ? mistyped.expected : 'its type'}`,
    );
  }
  throw complain(violations);
}

/** `2 validation errors detected: Value … at … failed to satisfy constraint: …; …` under the given error name. */
export function detected(
  name: string,
  code?: string,
  words: (violation: Violation) => string = sentence,
): Complaint {
  return (violations) =>
    new AwsError(
      name,
      `${violations.length} validation error${violations.length === 1 ? '' : 's'} detected: ${violations.map(words).join('; ')}`,
      400,
      code,
    );
}

export function sentence({ value, path, constraint }: Violation): string {
  const shown =
    value === undefined ? 'null' : `'${typeof value === 'string' ? value : JSON.stringify(value)}'`;
  return value === undefined
    ? `Value null at '${path}' failed to satisfy constraint: ${constraint}`
    : `Value ${shown} at '${path}' failed to satisfy constraint: ${constraint}`;
}

function violationOf(issue: z.core.$ZodIssue, input: unknown): Violation {
  const value = valueAt(input, issue.path);
  const missing = value === undefined;
  return {
    path: awsPath(issue.path),
    value,
    missing,
    constraint: missing ? 'Member must not be null' : constraintOf(issue),
  };
}

function constraintOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'too_small':
      return `Member must have ${sizeWord(issue.origin)} greater than or equal to ${issue.minimum}`;
    case 'too_big':
      return `Member must have ${sizeWord(issue.origin)} less than or equal to ${issue.maximum}`;
    case 'invalid_format':
      return `Member must satisfy regular expression pattern: ${'pattern' in issue ? issue.pattern.replace(/^\/|\/[a-z]*$/g, '') : issue.format}`;
    case 'invalid_value':
      return `Member must satisfy enum value set: [${issue.values.map(String).join(', ')}]`;
    default:
      return issue.message;
  }
}

function sizeWord(origin: string): string {
  return origin === 'number' || origin === 'int' ? 'value' : 'length';
}

/** `['Targets', 0, 'Id']` → `targets.1.member.id` */
export function awsPath(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `${part + 1}.member` : lowerFirst(String(part))))
    .join('.');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value ?? undefined;
}

const TOKEN_PREFIX = 'from:';

/** One page of `items`. The token names the first item of the next page. */
export function page<T>(
  items: readonly T[],
  size: number,
  token: string | undefined,
  invalid: () => AwsError,
): { readonly items: readonly T[]; readonly next: string | undefined } {
  let from = 0;
  if (token !== undefined) {
    const text = Buffer.from(token, 'base64url').toString('utf8');
    from = text.startsWith(TOKEN_PREFIX) ? Number(text.slice(TOKEN_PREFIX.length)) : NaN;
    if (!Number.isInteger(from) || from < 0) throw invalid();
  }
  const end = from + size;
  const next =
    end < items.length ? Buffer.from(`${TOKEN_PREFIX}${end}`).toString('base64url') : undefined;
  return { items: items.slice(from, end), next };
}
