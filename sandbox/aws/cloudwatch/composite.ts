import type { AlarmState } from './evaluate.js';

/** A composite alarm's rule: `ALARM("a") AND NOT (OK(b) OR INSUFFICIENT_DATA('c'))`. */
export type CompositeRule =
  | {
      readonly kind: 'rule';
      readonly names: readonly string[];
      holds(stateOf: (name: string) => AlarmState | undefined): boolean;
    }
  | { readonly kind: 'invalid'; readonly reason: string };

type Test = (stateOf: (name: string) => AlarmState | undefined) => boolean;

const STATES: readonly string[] = ['ALARM', 'OK', 'INSUFFICIENT_DATA'];

export function parseCompositeRule(text: string): CompositeRule {
  const tokens = [...text.matchAll(/\s*("[^"]*"|'[^']*'|[()]|[^\s()"']+)/g)].map(
    (match) => match[1] ?? '',
  );
  const names = new Set<string>();
  let at = 0;

  const any = (): Test => {
    let left = all();
    while (tokens[at] === 'OR') {
      at += 1;
      const [before, right] = [left, all()];
      left = (stateOf) => before(stateOf) || right(stateOf);
    }
    return left;
  };
  const all = (): Test => {
    let left = one();
    while (tokens[at] === 'AND') {
      at += 1;
      const [before, right] = [left, one()];
      left = (stateOf) => before(stateOf) && right(stateOf);
    }
    return left;
  };
  const one = (): Test => {
    const token = tokens[at] ?? '';
    at += 1;
    if (token === 'NOT') {
      const inner = one();
      return (stateOf) => !inner(stateOf);
    }
    if (token === '(') {
      const inner = any();
      expect(')');
      return inner;
    }
    if (token === 'TRUE' || token === 'FALSE') return () => token === 'TRUE';
    if (!STATES.includes(token)) throw new SyntaxError(`unexpected '${token}'`);
    expect('(');
    const name = nameOf(tokens[at] ?? '');
    at += 1;
    expect(')');
    names.add(name);
    return (stateOf) => stateOf(name) === token;
  };
  const expect = (token: string): void => {
    if (tokens[at] !== token) throw new SyntaxError(`'${token}' expected`);
    at += 1;
  };

  try {
    const holds = any();
    if (at < tokens.length) throw new SyntaxError(`unexpected '${tokens[at] ?? ''}'`);
    return { kind: 'rule', names: [...names], holds };
  } catch (error) {
    if (error instanceof SyntaxError) return { kind: 'invalid', reason: error.message };
    throw error;
  }
}

/** A name may be quoted, and may be an ARN. */
function nameOf(token: string): string {
  const bare = /^(["']).*\1$/.test(token) ? token.slice(1, -1) : token;
  if (bare === '' || bare === '(' || bare === ')')
    throw new SyntaxError('the name of an alarm expected');
  return /^arn:aws[^:]*:cloudwatch:[^:]*:\d*:alarm:(.+)$/.exec(bare)?.[1] ?? bare;
}
