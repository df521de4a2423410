/** Policies of resources (bucket, model package group, topic, queue): whom they let in, and whom they keep out. */
import { z } from 'zod';

interface Request {
  readonly action: string;
  readonly resource: string;
}

export interface Asking extends Request {
  /** Of the caller; `null` for a service that works for the account. */
  readonly arn: string | null;
  readonly accountId: string;
}

/** A service that delivers for a resource of its own: `events.amazonaws.com` for a rule, `sns.amazonaws.com` for a topic. */
export interface Sender {
  readonly service: string;
  readonly sourceArn: string;
}

const texts = z
  .union([z.string(), z.array(z.string())])
  .transform((given) => (typeof given === 'string' ? [given] : given));
const statementSchema = z.looseObject({
  Effect: z.enum(['Allow', 'Deny']),
  Principal: z
    .union([
      z.literal('*').transform((all): Principals => ({ AWS: [all] })),
      z.record(z.string(), texts),
    ])
    .optional(),
  Action: texts.optional(),
  Resource: texts.optional(),
  Condition: z.record(z.string(), z.record(z.string(), texts)).optional(),
});
const policySchema = z.looseObject({
  Statement: z.union([statementSchema.transform((one) => [one]), z.array(statementSchema)]),
});
type Statement = z.output<typeof statementSchema>;
type Principals = Readonly<Record<string, readonly string[]>>;
/** Values of condition keys, by their names in lower case. */
type Context = Readonly<Record<string, string>>;

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

/** What a policy says to a caller. */
export function decisionOf(text: string | undefined, asking: Asking): 'allow' | 'deny' | 'silent' {
  const { arn, accountId } = asking;
  const context = {
    'aws:securetransport': 'true',
    'aws:principalaccount': accountId,
    ...(arn === null ? {} : { 'aws:principalarn': roleOf(arn) }),
  };
  const about = statementsOf(text).filter(
    (one) => concerns(one, asking, context) && namesCaller(one.Principal ?? {}, one.Effect, asking),
  );
  if (about.some(({ Effect }) => Effect === 'Deny')) return 'deny';
  return about.length > 0 ? 'allow' : 'silent';
}

/** Whether a policy lets another service of AWS in, which on AWS it does not unless it says so. */
export function letsIn(
  text: string | undefined,
  { service, sourceArn }: Sender,
  request: Request,
): boolean {
  const context = {
    'aws:securetransport': 'true',
    'aws:sourcearn': sourceArn,
    'aws:sourceaccount': sourceArn.split(':')[4] ?? '',
  };
  const about = statementsOf(text).filter(
    (one) =>
      concerns(one, request, context) &&
      (one.Principal?.['Service']?.includes(service) === true ||
        one.Principal?.['AWS']?.includes('*') === true),
  );
  return about.length > 0 && about.every(({ Effect }) => Effect === 'Allow');
}

const statementsOf = (text: string | undefined): readonly Statement[] =>
  text === undefined || text === '' ? [] : policySchema.parse(JSON.parse(text)).Statement;

/** A statement with a condition that cannot be judged here, or with `Not…`, concerns nobody. */
function concerns(
  { Principal, Action = [], Resource = [], Condition = {} }: Statement,
  { action, resource }: Request,
  context: Context,
): boolean {
  return (
    Principal !== undefined &&
    Action.some((pattern) => like(pattern, action, 'i')) &&
    Resource.some((pattern) => like(pattern, resource)) &&
    Object.entries(Condition).every(([operator, keys]) => holds(operator, keys, context))
  );
}

function namesCaller(
  principals: Principals,
  effect: Statement['Effect'],
  { arn, accountId }: Asking,
): boolean {
  const named = Object.hasOwn(principals, 'AWS') ? (principals['AWS'] ?? []) : [];
  return named.some((one) => {
    if (one === '*' || one === accountId || one.endsWith(`::${accountId}:root`)) return true;
    // A service works under some role of its account: one that is let in is enough.
    if (arn === null) return effect === 'Allow' && one.split(':')[4] === accountId;
    return one === arn || one === roleOf(arn);
  });
}

/** Operators other than equal, like and Bool cannot be judged, nor can keys whose value is not known. */
function holds(operator: string, keys: Principals, context: Context): boolean {
  const [, kind = '', negative, how] =
    /^(String|Arn|Bool)(Not)?(Equals|Like|)$/.exec(operator) ?? [];
  if (how === undefined) return false;
  // ArnEquals takes wildcards, as ArnLike does.
  const isLike = how === 'Like' || kind === 'Arn';
  return Object.entries(keys).every(([key, wanted]) => {
    const value = context[key.toLowerCase()];
    if (value === undefined) return false;
    const matches = wanted.some((one) => (isLike ? like(one, value) : one === value));
    return matches === (negative === undefined);
  });
}

/** `…:assumed-role/worker/i-1` is the role `worker` to a policy; its path is not known to the session. */
export function roleOf(arn: string): string {
  const match = /^arn:(aws[a-z-]*):sts::(\d{12}):assumed-role\/([^/]+)\//.exec(arn);
  if (match === null) return arn;
  const [, partition = '', account = '', role = ''] = match;
  return `arn:${partition}:iam::${account}:role/${role}`;
}

const like = (pattern: string, text: string, flags = ''): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    flags,
  ).test(text);
