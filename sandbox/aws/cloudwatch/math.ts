/**
 * CloudWatch metric math: numbers, ids, `+ - * / ^`, comparisons, AND, OR, IF, FILL, the common functions and those of
 * the clock, and ANOMALY_DETECTION_BAND. A series has a value per period or none; arithmetic has a value only where both
 * sides have one.
 */
import { bandOf, DEFAULT_WIDTH, HISTORY_MS } from './anomaly.js';

export interface MathSeries {
  readonly kind: 'series';
  readonly periodMs: number;
  /** By start of period, epoch milliseconds. */
  readonly points: ReadonlyMap<number, number>;
}
export interface MathNumber {
  readonly kind: 'number';
  readonly value: number;
}
/** Several series: what an expression in brackets gives, and a band, the upper limit first. */
export interface MathArray {
  readonly kind: 'array';
  readonly items: readonly MathSeries[];
}
export type MathValue = MathSeries | MathNumber;
export type MathResult = MathValue | MathArray;

export interface MathScope {
  /** What an id stands for; `undefined` when there is no such id. */
  lookup(id: string): MathResult | undefined;
  readonly fromMs: number;
  readonly toMs: number;
  /** The same up to the same end, from another instant on. */
  since(fromMs: number): MathScope;
  /** Whether a band over the metric with this id learns from that instant. */
  learnsFrom(id: string, atMs: number): boolean;
}

/** What is wrong with an expression, in words for its author. */
export class MathError extends Error {}

type Node =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'array'; readonly items: readonly Node[] }
  | { readonly kind: 'negative'; readonly of: Node }
  | {
      readonly kind: 'binary';
      readonly operator: string;
      readonly left: Node;
      readonly right: Node;
    }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Node[] };

export interface Expression {
  /** Ids it refers to. */
  readonly ids: readonly string[];
  /** What the band is about when the whole expression is one: an id, or `undefined` for an expression of its own. */
  readonly band?: { readonly of: string | undefined };
  evaluate(scope: MathScope): MathResult;
}

/** @throws {MathError} */
export function parseExpression(text: string): Expression {
  const tree = new Parser(tokenize(text)).whole();
  const about = tree.kind === 'call' && tree.name === BAND ? tree.arguments[0] : undefined;
  return {
    ids: [...new Set(idsOf(tree))],
    ...(about === undefined ? {} : { band: { of: about.kind === 'id' ? about.id : undefined } }),
    evaluate: (scope) => evaluate(tree, scope),
  };
}

function tokenize(text: string): readonly string[] {
  const tokens: string[] = [];
  const pattern =
    /\s*(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[A-Za-z_]\w*|&&|\|\||[<>=!]=|[-+*/^(),<>[\]])/y;
  while (pattern.lastIndex < text.trimEnd().length) {
    const at = pattern.lastIndex;
    const token = pattern.exec(text)?.[1];
    if (token === undefined)
      throw new MathError(`Invalid metrics expression: unexpected '${text.slice(at, at + 10)}'.`);
    tokens.push(token);
  }
  return tokens;
}

const PRECEDENCE: Readonly<Record<string, number>> = {
  OR: 1,
  '||': 1,
  AND: 2,
  '&&': 2,
  '==': 3,
  '!=': 3,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '^': 7,
};

class Parser {
  private at = 0;

  constructor(private readonly tokens: readonly string[]) {}

  whole(): Node {
    const node = this.binary(1);
    if (this.at < this.tokens.length)
      throw new MathError(
        `Invalid metrics expression: unexpected '${this.tokens[this.at] ?? ''}'.`,
      );
    return node;
  }

  private binary(least: number): Node {
    let left = this.unary();
    for (;;) {
      const operator = this.tokens[this.at]?.toUpperCase() ?? '';
      const precedence = PRECEDENCE[operator];
      if (precedence === undefined || precedence < least) return left;
      this.at += 1;
      left = {
        kind: 'binary',
        operator,
        left,
        right: this.binary(operator === '^' ? precedence : precedence + 1),
      };
    }
  }

  private unary(): Node {
    if (this.tokens[this.at] === '-') {
      this.at += 1;
      return { kind: 'negative', of: this.unary() };
    }
    return this.primary();
  }

  private primary(): Node {
    const token = this.tokens[this.at];
    this.at += 1;
    if (token === undefined) throw new MathError('Invalid metrics expression: it ends too early.');
    if (/^\d/.test(token)) return { kind: 'number', value: Number(token) };
    if (token === '(') {
      const inner = this.binary(1);
      this.expect(')');
      return inner;
    }
    if (token === '[') return { kind: 'array', items: this.list(']') };
    if (!/^[A-Za-z_]/.test(token))
      throw new MathError(`Invalid metrics expression: unexpected '${token}'.`);
    if (this.tokens[this.at] !== '(') return { kind: 'id', id: token };
    this.at += 1;
    const name = token.toUpperCase();
    if (!FUNCTIONS.has(name))
      throw new MathError(`Invalid metrics expression: the function ${token} is not known here.`);
    return { kind: 'call', name, arguments: this.list(')') };
  }

  private list(end: string): readonly Node[] {
    const items: Node[] = [];
    if (this.tokens[this.at] === end) {
      this.at += 1;
      return items;
    }
    for (;;) {
      items.push(this.binary(1));
      if (this.tokens[this.at] !== ',') break;
      this.at += 1;
    }
    this.expect(end);
    return items;
  }

  private expect(token: string): void {
    if (this.tokens[this.at] !== token)
      throw new MathError(`Invalid metrics expression: '${token}' expected.`);
    this.at += 1;
  }
}

const BAND = 'ANOMALY_DETECTION_BAND';
const FUNCTIONS = new Set([
  'ABS',
  BAND,
  'AVG',
  'CEIL',
  'DATAPOINT_COUNT',
  'DATE',
  'DAY',
  'DIFF',
  'DIFF_TIME',
  'EPOCH',
  'FILL',
  'FIRST',
  'FLOOR',
  'HOUR',
  'IF',
  'LAST',
  'LOG',
  'LOG10',
  'MAX',
  'METRIC_COUNT',
  'MIN',
  'MINUTE',
  'MONTH',
  'PERIOD',
  'RATE',
  'RUNNING_SUM',
  'STDDEV',
  'SUM',
  'TIME_SERIES',
  'YEAR',
]);
const FILL_WORDS = new Set(['REPEAT', 'LINEAR']);

function idsOf(node: Node): readonly string[] {
  switch (node.kind) {
    case 'number':
      return [];
    case 'id':
      return FILL_WORDS.has(node.id) ? [] : [node.id];
    case 'array':
      return node.items.flatMap(idsOf);
    case 'negative':
      return idsOf(node.of);
    case 'binary':
      return [...idsOf(node.left), ...idsOf(node.right)];
    case 'call':
      return node.arguments.flatMap(idsOf);
  }
}

function evaluate(node: Node, scope: MathScope): MathResult {
  switch (node.kind) {
    case 'number':
      return node;
    case 'id': {
      const value = scope.lookup(node.id);
      if (value === undefined)
        throw new MathError(
          `Invalid metrics expression: there is no metric with the id ${node.id}.`,
        );
      return value;
    }
    case 'array':
      return {
        kind: 'array',
        items: node.items.flatMap((item) => {
          const value = evaluate(item, scope);
          return value.kind === 'array' ? value.items : [seriesOf(value)];
        }),
      };
    case 'negative':
      return map(single(evaluate(node.of, scope)), (value) => -value);
    case 'binary':
      return binary(
        node.operator,
        single(evaluate(node.left, scope)),
        single(evaluate(node.right, scope)),
      );
    case 'call':
      return call(node, scope);
  }
}

function call(node: Extract<Node, { kind: 'call' }>, scope: MathScope): MathResult {
  const [first, second, third] = node.arguments;
  if (first === undefined)
    throw new MathError(`Invalid metrics expression: ${node.name} needs an argument.`);
  const of = (argument: Node | undefined): MathResult => {
    if (argument === undefined)
      throw new MathError(`Invalid metrics expression: ${node.name} needs more arguments.`);
    return evaluate(argument, scope);
  };
  switch (node.name) {
    case BAND:
      return band(first, second, scope);
    case 'IF':
      return choose(
        single(of(first)),
        single(of(second)),
        third === undefined ? undefined : single(of(third)),
      );
    case 'FILL':
      return fill(seriesOf(of(first)), second, scope);
    case 'TIME_SERIES':
      return constant(single(of(first)), scope);
    case 'PERIOD':
      return { kind: 'number', value: seriesOf(of(first)).periodMs / 1000 };
    case 'DIFF':
    case 'RATE':
    case 'DIFF_TIME':
      return changes(seriesOf(of(first)), node.name);
    case 'RUNNING_SUM':
      return runningSum(seriesOf(of(first)));
    case 'FIRST':
    case 'LAST': {
      const { items } = arrayOf(of(first));
      return (node.name === 'FIRST' ? items[0] : items.at(-1)) ?? { kind: 'number', value: NaN };
    }
    case 'METRIC_COUNT':
      return { kind: 'number', value: arrayOf(of(first)).items.length };
    default:
      if (CLOCK[node.name] !== undefined) return clock(seriesOf(of(first)), node.name);
      if (AGGREGATES[node.name] !== undefined) return aggregate(node.name, of(first));
      return map(single(of(first)), ELEMENTWISE[node.name] ?? Number);
  }
}

/** Two series, the upper limit first, learnt from what came before each period. */
function band(of: Node, width: Node | undefined, scope: MathScope): MathArray {
  const given = width === undefined ? undefined : evaluate(width, scope);
  const deviations =
    given === undefined ? DEFAULT_WIDTH : given.kind === 'number' ? given.value : NaN;
  if (!(deviations > 0))
    throw new MathError(
      `Invalid metrics expression: the second argument of ${BAND} must be a positive number.`,
    );
  const history = seriesOf(evaluate(of, scope.since(scope.fromMs - HISTORY_MS)));
  const learnt = new Map(
    [...history.points].filter(([atMs]) => of.kind !== 'id' || scope.learnsFrom(of.id, atMs)),
  );
  const { upper, lower } = bandOf(
    { ...history, points: learnt },
    scope.fromMs,
    scope.toMs,
    deviations,
  );
  return { kind: 'array', items: [upper, lower] };
}

/** What the clock says at the start of each period, in UTC. */
const CLOCK: Readonly<Record<string, (at: Date) => number>> = {
  EPOCH: (at) => at.getTime() / 1000,
  MINUTE: (at) => at.getUTCMinutes(),
  HOUR: (at) => at.getUTCHours(),
  /** Monday is 1, Sunday 7. */
  DAY: (at) => at.getUTCDay() || 7,
  DATE: (at) => at.getUTCDate(),
  MONTH: (at) => at.getUTCMonth() + 1,
  YEAR: (at) => at.getUTCFullYear(),
};

function clock(series: MathSeries, name: string): MathSeries {
  const reading = CLOCK[name] ?? Number;
  const points = [...series.points.keys()].map((atMs) => [atMs, reading(new Date(atMs))] as const);
  return { ...series, points: new Map(points) };
}

function runningSum(series: MathSeries): MathSeries {
  let sum = 0;
  const points = new Map<number, number>();
  for (const [atMs, value] of [...series.points].sort(([a], [b]) => a - b)) {
    sum += value;
    points.set(atMs, sum);
  }
  return { ...series, points };
}

/** One value at every minute of the range. */
function constant(value: MathValue, scope: MathScope): MathSeries {
  if (value.kind === 'series') return value;
  const periodMs = 60_000;
  const points = new Map<number, number>();
  for (
    let atMs = Math.floor(scope.fromMs / periodMs) * periodMs;
    atMs < scope.toMs;
    atMs += periodMs
  )
    points.set(atMs, value.value);
  return { kind: 'series', periodMs, points };
}

const ELEMENTWISE: Readonly<Record<string, (value: number) => number>> = {
  ABS: Math.abs,
  CEIL: Math.ceil,
  FLOOR: Math.floor,
  LOG: Math.log,
  LOG10: Math.log10,
};

const AGGREGATES: Readonly<Record<string, (values: readonly number[]) => number>> = {
  MIN: (values) => Math.min(...values),
  MAX: (values) => Math.max(...values),
  AVG: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  SUM: (values) => values.reduce((sum, value) => sum + value, 0),
  DATAPOINT_COUNT: (values) => values.length,
  STDDEV: (values) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return Math.sqrt(squares / values.length);
  },
};

/** One series becomes a number; an array of series becomes the series of each instant's aggregate. */
function aggregate(name: string, of: MathResult): MathValue {
  const work = AGGREGATES[name] ?? AGGREGATES.SUM;
  if (work === undefined || of.kind === 'number')
    return of.kind === 'array' ? { kind: 'number', value: NaN } : of;
  if (of.kind === 'series')
    return {
      kind: 'number',
      value:
        of.points.size === 0 && name !== 'DATAPOINT_COUNT' ? NaN : work([...of.points.values()]),
    };
  const instants = new Set(of.items.flatMap(({ points }) => [...points.keys()]));
  return {
    kind: 'series',
    periodMs: Math.max(...of.items.map(({ periodMs }) => periodMs)),
    points: new Map(
      [...instants].map((atMs) => [
        atMs,
        work(of.items.flatMap(({ points }) => points.get(atMs) ?? [])),
      ]),
    ),
  };
}

/** Gives every period of the range a value: a number, the one before (REPEAT), or a straight line (LINEAR). */
function fill(series: MathSeries, filler: Node | undefined, scope: MathScope): MathSeries {
  const points = new Map<number, number>();
  const known = [...series.points].sort(([a], [b]) => a - b);
  const word = filler?.kind === 'id' ? filler.id : undefined;
  const constant =
    word === undefined || !FILL_WORDS.has(word)
      ? single(filler === undefined ? missingFiller() : evaluate(filler, scope))
      : undefined;
  const start = Math.floor(scope.fromMs / series.periodMs) * series.periodMs;
  for (let atMs = start; atMs < scope.toMs; atMs += series.periodMs) {
    const value =
      series.points.get(atMs) ??
      (constant === undefined ? between(known, atMs, word === 'LINEAR') : at(constant, atMs));
    if (value !== undefined) points.set(atMs, value);
  }
  return { ...series, points };
}

function missingFiller(): never {
  throw new MathError('Invalid metrics expression: FILL needs a value, REPEAT or LINEAR.');
}

function between(
  known: readonly (readonly [number, number])[],
  atMs: number,
  linear: boolean,
): number | undefined {
  const before = known.findLast(([instant]) => instant < atMs);
  const after = known.find(([instant]) => instant > atMs);
  if (!linear) return before?.[1];
  if (before === undefined || after === undefined) return undefined;
  return before[1] + ((after[1] - before[1]) * (atMs - before[0])) / (after[0] - before[0]);
}

function changes(series: MathSeries, name: 'DIFF' | 'RATE' | 'DIFF_TIME'): MathSeries {
  const sorted = [...series.points].sort(([a], [b]) => a - b);
  return {
    ...series,
    points: new Map(
      sorted.slice(1).map(([atMs, value], index) => {
        const [beforeMs, before] = sorted[index] ?? [atMs, value];
        const seconds = (atMs - beforeMs) / 1000;
        if (name === 'DIFF_TIME') return [atMs, seconds];
        return [atMs, (value - before) / (name === 'RATE' ? seconds : 1)];
      }),
    ),
  };
}

function choose(condition: MathValue, yes: MathValue, no: MathValue | undefined): MathValue {
  const pick = (truth: number, atMs: number): number | undefined => {
    const taken = truth !== 0 ? yes : no;
    return taken === undefined ? undefined : at(taken, atMs);
  };
  if (condition.kind === 'number') {
    const taken = condition.value !== 0 ? yes : no;
    return taken ?? { kind: 'number', value: NaN };
  }
  const points = new Map<number, number>();
  for (const [atMs, truth] of condition.points) {
    const value = pick(truth, atMs);
    if (value !== undefined) points.set(atMs, value);
  }
  return { ...condition, points };
}

const OPERATORS: Readonly<Record<string, (left: number, right: number) => number>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  '^': (left, right) => left ** right,
  '<': (left, right) => Number(left < right),
  '<=': (left, right) => Number(left <= right),
  '>': (left, right) => Number(left > right),
  '>=': (left, right) => Number(left >= right),
  '==': (left, right) => Number(left === right),
  '!=': (left, right) => Number(left !== right),
  AND: (left, right) => Number(left !== 0 && right !== 0),
  '&&': (left, right) => Number(left !== 0 && right !== 0),
  OR: (left, right) => Number(left !== 0 || right !== 0),
  '||': (left, right) => Number(left !== 0 || right !== 0),
};

function binary(operator: string, left: MathValue, right: MathValue): MathValue {
  const work = OPERATORS[operator];
  if (work === undefined)
    throw new MathError(`Invalid metrics expression: unknown operator ${operator}.`);
  if (left.kind === 'number' && right.kind === 'number')
    return { kind: 'number', value: work(left.value, right.value) };
  const grid = left.kind === 'series' ? left : right;
  if (grid.kind === 'number') return grid;
  const points = new Map<number, number>();
  for (const atMs of grid.points.keys()) {
    const a = at(left, atMs);
    const b = at(right, atMs);
    const value = a === undefined || b === undefined ? NaN : work(a, b);
    // Division by zero gives no data point, as in CloudWatch.
    if (Number.isFinite(value)) points.set(atMs, value);
  }
  return { ...grid, points };
}

function map(value: MathValue, work: (value: number) => number): MathValue {
  if (value.kind === 'number') return { kind: 'number', value: work(value.value) };
  return { ...value, points: new Map([...value.points].map(([atMs, each]) => [atMs, work(each)])) };
}

function at(value: MathValue, atMs: number): number | undefined {
  return value.kind === 'number' ? value.value : value.points.get(atMs);
}

function single(value: MathResult): MathValue {
  if (value.kind === 'array')
    throw new MathError(
      'Invalid metrics expression: an array of time series stands where one is expected.',
    );
  return value;
}

function arrayOf(value: MathResult): MathArray {
  return value.kind === 'array' ? value : { kind: 'array', items: [seriesOf(value)] };
}

function seriesOf(value: MathResult): MathSeries {
  if (value.kind !== 'series')
    throw new MathError('Invalid metrics expression: a time series is expected.');
  return value;
}
