/** Policies of resources (bucket, model package group, topic): whom they let in, and whom they keep out. */
import { z } from 'zod';

export interface Asking {
  /** Of the caller; `null` for a service that works for the account. */
  readonly arn: string | null;
  readonly accountId: string;
  readonly action: string;
  readonly resource: string;
}

const texts = z.union([z.string(), z.array(z.string())]);
const statementSchema = z.looseObject({
  Effect: z.enum(['Allow', 'Deny']),
  Principal: z.union([z.literal('*'), z.record(z.string(), texts)]).optional(),
  Action: texts.optional(),
  Resource: texts.optional(),
  Condition: z.unknown().optional(),
});
const policySchema = z.looseObject({
  Statement: z.union([statementSchema, z.array(statementSchema)]),
});
type Statement = z.output<typeof statementSchema>;

/** What is wrong with a policy's text; `undefined` when it can be followed. */
export function faultOfPolicy(text: string): string | undefined {
  if (!text.trimStart().startsWith('{'))
    return "Policies must be valid JSON and the first byte must be '{'";
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return 'This policy contains invalid Json';
  }
  return policySchema.safeParse(document).success ? undefined : 'Missing required field Statement';
}

/**
 * What a policy says to a caller. Statements with a condition, or with `Not…`, say nothing here: the sandbox does not
 * evaluate them.
 */
export function decisionOf(text: string | undefined, asking: Asking): 'allow' | 'deny' | 'silent' {
  if (text === undefined) return 'silent';
  const { Statement: given } = policySchema.parse(JSON.parse(text));
  const about = (Array.isArray(given) ? given : [given]).filter((one) => concerns(one, asking));
  if (about.some(({ Effect }) => Effect === 'Deny')) return 'deny';
  return about.length > 0 ? 'allow' : 'silent';
}

function concerns(statement: Statement, asking: Asking): boolean {
  const { Principal, Action = [], Resource = [], Condition } = statement;
  if (Condition !== undefined || Principal === undefined) return false;
  return (
    names(Principal, statement.Effect, asking) &&
    listOf(Action).some((pattern) => matches(pattern, asking.action, 'i')) &&
    listOf(Resource).some((pattern) => matches(pattern, asking.resource, ''))
  );
}

function names(
  principal: NonNullable<Statement['Principal']>,
  effect: Statement['Effect'],
  { arn, accountId }: Asking,
): boolean {
  if (principal === '*') return true;
  const named = Object.hasOwn(principal, 'AWS') ? listOf(principal.AWS ?? []) : [];
  return named.some((one) => {
    if (one === '*' || one === accountId || one.endsWith(`::${accountId}:root`)) return true;
    // A service works under some role of its account: one that is let in is enough.
    if (arn === null) return effect === 'Allow' && one.split(':')[4] === accountId;
    return one === arn || one === roleOf(arn);
  });
}

/** `…:assumed-role/worker/i-1` is the role `worker` to a policy; its path is not known to the session. */
export function roleOf(arn: string): string {
  const match = /^arn:(aws[a-z-]*):sts::(\d{12}):assumed-role\/([^/]+)\//.exec(arn);
  if (match === null) return arn;
  const [, partition = '', account = '', role = ''] = match;
  return `arn:${partition}:iam::${account}:role/${role}`;
}

const listOf = (given: z.output<typeof texts>): readonly string[] =>
  typeof given === 'string' ? [given] : given;

const matches = (pattern: string, text: string, flags: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    flags,
  ).test(text);
