/** What a policy document of AWS says about one request, as far as we can read it. */

/** One request: who does what to what. Values of condition keys that are not given are absent. */
export interface AccessRequest {
  /** `events.amazonaws.com`, or the ARN of a role or user. */
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  readonly context: Readonly<Record<string, string>>;
}

/**
 * `not allowed`: no statement allows it. `not known`: it hangs on a condition that we cannot read, or on the value of a
 * key that the request does not give.
 */
export type Access = 'allowed' | 'denied' | 'not allowed' | 'not known';

type Match = 'yes' | 'no' | 'unknown';

/** What a document (a queue's, a topic's, a role's trust, an identity's) says; `not known` for what is none. */
export function accessBy(document: string | null, request: AccessRequest): Access {
  if (document === null) return 'not allowed';
  const statements = statementsOf(document);
  if (statements === undefined) return 'not known';
  const by = (effect: string): readonly Match[] =>
    statements
      .filter((statement) => statement['Effect'] === effect)
      .map((statement) => matchOf(statement, request));
  const denies = by('Deny');
  const allows = by('Allow');
  if (denies.includes('yes')) return 'denied';
  if (denies.includes('unknown')) return 'not known';
  if (allows.includes('yes')) return 'allowed';
  return allows.includes('unknown') ? 'not known' : 'not allowed';
}

type Statement = Readonly<Record<string, unknown>>;

function statementsOf(document: string): readonly Statement[] | undefined {
  try {
    const parsed: unknown = JSON.parse(document);
    if (!isRecord(parsed)) return undefined;
    return listOf(parsed['Statement']).filter(isRecord);
  } catch {
    return undefined;
  }
}

function matchOf(statement: Statement, request: AccessRequest): Match {
  if (
    !named(statement['Action'], statement['NotAction'], request.action, true) ||
    !named(statement['Resource'], statement['NotResource'], request.resource, false) ||
    !principalMatches(statement, request.principal)
  )
    return 'no';
  return conditionsMatch(statement['Condition'], request.context);
}

/** Policies of identities name no principal, trust policies no resource: what is not named holds for all. */
function named(given: unknown, not: unknown, value: string, ignoreCase: boolean): boolean {
  if (given !== undefined) return textsOf(given).some((one) => like(one, value, ignoreCase));
  return !textsOf(not).some((one) => like(one, value, ignoreCase));
}

function principalMatches(statement: Statement, principal: string): boolean {
  const given = statement['Principal'] ?? statement['NotPrincipal'];
  if (given === undefined) return true;
  const all = isRecord(given) ? Object.values(given).flatMap(textsOf) : textsOf(given);
  const account = /^arn:[^:]+:(?:iam|sts)::(\d{12}):/.exec(principal)?.[1];
  const matches = all.some(
    (one) =>
      one === '*' ||
      one === principal ||
      (account !== undefined && (one === account || one.endsWith(`:iam::${account}:root`))),
  );
  return statement['Principal'] === undefined ? !matches : matches;
}

function conditionsMatch(conditions: unknown, context: Readonly<Record<string, string>>): Match {
  if (!isRecord(conditions)) return 'yes';
  const matches = Object.entries(conditions).flatMap(([operator, keys]) =>
    isRecord(keys)
      ? Object.entries(keys).map(([key, wanted]) =>
          conditionMatches(operator, textsOf(wanted), valueOf(context, key)),
        )
      : [],
  );
  if (matches.includes('no')) return 'no';
  return matches.includes('unknown') ? 'unknown' : 'yes';
}

/** Names of condition keys have no case. */
function valueOf(context: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.entries(context).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
}

const COMPARISONS: Readonly<Record<string, (wanted: string, value: string) => boolean>> = {
  StringEquals: (wanted, value) => wanted === value,
  StringEqualsIgnoreCase: (wanted, value) => wanted.toLowerCase() === value.toLowerCase(),
  StringLike: (wanted, value) => like(wanted, value, false),
  ArnEquals: (wanted, value) => like(wanted, value, false),
  ArnLike: (wanted, value) => like(wanted, value, false),
  Bool: (wanted, value) => wanted.toLowerCase() === value.toLowerCase(),
};

function conditionMatches(
  operator: string,
  wanted: readonly string[],
  value: string | undefined,
): Match {
  const ifExists = operator.endsWith('IfExists');
  const plain = operator.replace(/IfExists$/, '');
  const negated = /^(String|Arn)Not/.test(plain);
  const name = plain.replace(/^(String|Arn)Not/, '$1');
  const compare = Object.hasOwn(COMPARISONS, name) ? COMPARISONS[name] : undefined;
  if (compare === undefined) return 'unknown';
  if (value === undefined) return ifExists || negated ? 'yes' : 'unknown';
  const equal = wanted.some((one) => compare(one, value));
  return equal === negated ? 'no' : 'yes';
}

/** `*` stands for any characters, `?` for one. */
function like(pattern: string, value: string, ignoreCase: boolean): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, ignoreCase ? 'is' : 's').test(value);
}

const isRecord = (value: unknown): value is Statement =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];

const textsOf = (value: unknown): readonly string[] =>
  listOf(value).map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
