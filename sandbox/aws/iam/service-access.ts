/** Whether a resource's policy lets another service of AWS in, which on AWS it does not unless it says so. */
import { z } from 'zod';

/** A service that delivers for a resource of its own: `events.amazonaws.com` for a rule, `sns.amazonaws.com` for a topic. */
export interface Sender {
  readonly service: string;
  readonly sourceArn: string;
}

const texts = z
  .union([z.string(), z.array(z.string())])
  .transform((given) => (typeof given === 'string' ? [given] : given));
const conditionSchema = z.record(z.string(), z.record(z.string(), texts));
const statementSchema = z.looseObject({
  Effect: z.enum(['Allow', 'Deny']),
  Principal: z
    .union([z.literal('*'), z.record(z.string(), texts)])
    .transform((given) => (given === '*' ? { AWS: ['*'] } : given)),
  Action: texts,
  Resource: texts.default(['*']),
  Condition: conditionSchema.default({}),
});
const policySchema = z.looseObject({
  Statement: z
    .union([statementSchema, z.array(statementSchema)])
    .transform((given) => (Array.isArray(given) ? given : [given])),
});
type Statement = z.output<typeof statementSchema>;

export const isPolicy = (text: string): boolean => policyOf(text) !== undefined;

/**
 * A statement whose condition cannot be judged here (other keys than the source, other operators than equal, like and
 * Bool) does not allow, and does not deny.
 */
export function letsIn(
  policy: string | undefined,
  { service, sourceArn }: Sender,
  action: string,
  resource: string,
): boolean {
  const context: Readonly<Record<string, string>> = {
    'aws:sourcearn': sourceArn,
    'aws:sourceaccount': sourceArn.split(':')[4] ?? '',
    'aws:securetransport': 'true',
  };
  const statements = (policy === undefined ? undefined : policyOf(policy)) ?? [];
  const about = statements.filter(
    ({ Principal, Action, Resource, Condition }) =>
      concerns(Principal, service) &&
      Action.some((one) => like(one.toLowerCase(), action.toLowerCase())) &&
      Resource.some((one) => like(one, resource)) &&
      Object.entries(Condition).every(([operator, keys]) => holds(operator, keys, context)),
  );
  return about.some(({ Effect }) => Effect === 'Allow') && !about.some(isDeny);
}

const isDeny = ({ Effect }: Statement): boolean => Effect === 'Deny';

const concerns = (principal: Statement['Principal'], service: string): boolean =>
  principal['Service']?.includes(service) === true || principal['AWS']?.includes('*') === true;

function holds(
  operator: string,
  keys: Readonly<Record<string, readonly string[]>>,
  context: Readonly<Record<string, string>>,
): boolean {
  const [, negative, kind] = /^(?:String|Arn|Bool)(Not)?(Equals|Like|)$/.exec(operator) ?? [];
  if (kind === undefined) return false;
  return Object.entries(keys).every(([key, wanted]) => {
    const value = context[key.toLowerCase()];
    if (value === undefined) return false;
    // ArnEquals takes wildcards, as ArnLike does.
    const isLike = kind === 'Like' || operator.startsWith('Arn');
    const matches = wanted.some((one) => (isLike ? like(one, value) : one === value));
    return matches === (negative === undefined);
  });
}

function policyOf(text: string): readonly Statement[] | undefined {
  try {
    return policySchema.parse(JSON.parse(text)).Statement;
  } catch {
    return undefined;
  }
}

function like(pattern: string, value: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`, 's').test(value);
}
