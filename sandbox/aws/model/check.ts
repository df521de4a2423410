/** Requests and answers compared with AWS's own models of the services, so that the sandbox refuses what AWS refuses. */
import { AwsError } from '../kernel.js';
import { awsPath, detected, sentence } from '../validate.js';
import type { Complaint, Violation } from '../validate.js';
import applicationAutoScaling from './application-autoscaling.json' with { type: 'json' };
import cloudwatch from './cloudwatch.json' with { type: 'json' };
import events from './events.json' with { type: 'json' };
import iam from './iam.json' with { type: 'json' };
import sagemakerRuntime from './sagemaker-runtime.json' with { type: 'json' };
import sagemaker from './sagemaker.json' with { type: 'json' };
import serviceQuotas from './service-quotas.json' with { type: 'json' };
import sns from './sns.json' with { type: 'json' };
import sqs from './sqs.json' with { type: 'json' };
import sts from './sts.json' with { type: 'json' };

interface Limits {
  readonly min?: number;
  readonly max?: number;
}

export type Shape =
  | {
      readonly type: 'structure';
      readonly required?: readonly string[];
      readonly members: Readonly<Record<string, string>>;
      /** Members that travel in a header of HTTP, with its name. */
      readonly headers?: Readonly<Record<string, string>>;
    }
  | (Limits & { readonly type: 'list'; readonly member: string; readonly flattened?: true })
  | (Limits & {
      readonly type: 'map';
      readonly key: string;
      readonly value: string;
      readonly flattened?: true;
      /** How the Query protocol names key and value; `key` and `value` when absent. */
      readonly names?: readonly (string | null)[];
    })
  | (Limits & {
      readonly type: 'string';
      readonly pattern?: string;
      readonly enum?: readonly string[];
    })
  | (Limits & { readonly type: 'integer' | 'long' | 'float' | 'double' })
  | { readonly type: 'boolean' | 'timestamp' | 'blob' };

export interface ServiceModel {
  /** Edition of the model and its licence. */
  readonly from: string;
  /** Shapes of input and output, per operation; `null` where there is none. */
  readonly operations: Readonly<
    Record<string, { readonly input: string | null; readonly output: string | null }>
  >;
  readonly shapes: Readonly<Record<string, Shape>>;
}

/** By the prefix of X-Amz-Target, or by the service's name where it speaks the Query protocol. */
export const MODELS: Readonly<Record<string, ServiceModel>> = {
  SageMakerRuntime: sagemakerRuntime as unknown as ServiceModel,
  SageMaker: sagemaker as unknown as ServiceModel,
  AWSEvents: events as unknown as ServiceModel,
  AnyScaleFrontendService: applicationAutoScaling as unknown as ServiceModel,
  GraniteServiceVersion20100801: cloudwatch as unknown as ServiceModel,
  AmazonSQS: sqs as unknown as ServiceModel,
  SNS: sns as unknown as ServiceModel,
  STS: sts as unknown as ServiceModel,
  IAM: iam as unknown as ServiceModel,
  ServiceQuotasV20190624: serviceQuotas as unknown as ServiceModel,
};

export const modelOf = (target: string): ServiceModel | undefined =>
  Object.hasOwn(MODELS, target) ? MODELS[target] : undefined;

/**
 * @returns members that AWS's model does not have, such as `productionVariants.1.member.novelty`: AWS ignores
 *   them, so it is for the caller to say what comes of them.
 * @throws {AwsError} of `complain` (default: ValidationException) naming every member at fault, or
 *   SerializationException when one has the wrong JSON type.
 */
export function checkInput(
  target: string,
  operation: string,
  input: unknown,
  complain: Complaint = target === 'SageMaker'
    ? sageMakerComplains
    : detected('ValidationException'),
): readonly string[] {
  const model = modelOf(target);
  const shape = model?.operations[operation]?.input;
  if (model === undefined || shape == null) return [];
  const found = new Check(model, false);
  found.visit(shape, input, []);
  if (found.mistyped !== undefined) {
    throw new AwsError('SerializationException', found.mistyped);
  }
  if (found.violations.length > 0) throw complain(found.violations);
  return found.unknown;
}

/** SageMaker does not write the null that the other services write. */
const sageMakerComplains = detected('ValidationException', undefined, (violation) =>
  sentence(violation).replace(/^Value null at/, 'Value at'),
);

/** Members that the model calls required and AWS leaves out all the same: of a versioned package, of a job without artefact. */
const NOT_ALWAYS_THERE: Readonly<Record<string, readonly string[]>> = {
  DescribeModelPackage: ['modelPackageName'],
  DescribeTrainingJob: ['modelArtifacts'],
};

/**
 * What of an answer is not as AWS's model says, in words; empty when it is.
 *
 * @param query answers of the Query protocol are XML: lists are wrapped, and numbers may be texts
 */
export function faultsOfAnswer(
  target: string,
  operation: string,
  answer: unknown,
  query = false,
): readonly string[] {
  const model = modelOf(target);
  const described = model?.operations[operation];
  if (model === undefined || described === undefined) return [];
  if (described.output === null) {
    const empty =
      answer === undefined ||
      answer === null ||
      answer === '' ||
      (isRecord(answer) && Object.values(answer).every((value) => value === undefined));
    return empty ? [] : ['this operation answers nothing'];
  }
  const found = new Check(model, query);
  found.visit(described.output, answer ?? {}, []);
  const absent = Object.hasOwn(NOT_ALWAYS_THERE, operation) ? NOT_ALWAYS_THERE[operation] : [];
  return [
    ...(found.mistyped === undefined ? [] : [found.mistyped]),
    ...found.violations
      .filter(({ missing, path }) => !(missing && absent?.includes(path) === true))
      .map(sentence),
    ...found.unknown.map((member) => `AWS knows no member '${member}'`),
  ];
}

type Path = readonly (string | number)[];

class Check {
  readonly violations: Violation[] = [];
  /** Says which member has the wrong JSON type, once one has. */
  mistyped: string | undefined;

  /** Members the model does not have. */
  readonly unknown: string[] = [];

  constructor(
    private readonly model: ServiceModel,
    private readonly query: boolean,
  ) {}

  visit(name: string, given: unknown, path: Path): void {
    const shape = this.model.shapes[name];
    if (shape === undefined || given === undefined || given === null) return;
    const value = this.query ? ofXml(shape, given) : given;
    switch (shape.type) {
      case 'structure':
        this.structure(shape, value, path);
        return;
      case 'list':
        if (!Array.isArray(value)) {
          this.wrong(path, 'a list');
          return;
        }
        this.limits(shape, value.length, 'length', value, path);
        for (const [at, item] of (value as readonly unknown[]).entries())
          this.visit(shape.member, item, [...path, at]);
        return;
      case 'map':
        if (!isRecord(value)) {
          this.wrong(path, 'a map');
          return;
        }
        this.limits(shape, Object.keys(value).length, 'length', value, path);
        for (const [key, item] of Object.entries(value)) {
          this.visit(shape.key, key, [...path, key]);
          this.visit(shape.value, item, [...path, key]);
        }
        return;
      case 'string':
        if (typeof value !== 'string') {
          this.wrong(path, 'a string');
          return;
        }
        this.text(shape, value, path);
        return;
      case 'integer':
      case 'long':
        if (!Number.isInteger(value)) {
          this.wrong(path, 'a whole number');
          return;
        }
        this.limits(shape, value as number, 'value', value, path);
        return;
      case 'float':
      case 'double':
        if (typeof value !== 'number') {
          this.wrong(path, 'a number');
          return;
        }
        this.limits(shape, value, 'value', value, path);
        return;
      case 'boolean':
        if (typeof value !== 'boolean') this.wrong(path, 'true or false');
        return;
      case 'timestamp':
        if (typeof value !== 'number' && typeof value !== 'string') this.wrong(path, 'an instant');
        return;
      case 'blob':
        if (typeof value !== 'string') this.wrong(path, 'bytes in base64');
        return;
    }
  }

  private structure(
    shape: Extract<Shape, { type: 'structure' }>,
    value: unknown,
    path: Path,
  ): void {
    if (!isRecord(value)) {
      this.wrong(path, 'a structure');
      return;
    }
    for (const member of shape.required ?? []) {
      if (value[member] === undefined || value[member] === null)
        this.add([...path, member], undefined, 'Member must not be null');
    }
    for (const [member, item] of Object.entries(value)) {
      const target = Object.hasOwn(shape.members, member) ? shape.members[member] : undefined;
      if (target !== undefined) this.visit(target, item, [...path, member]);
      else if (item !== undefined && item !== null) this.unknown.push(awsPath([...path, member]));
    }
  }

  private text(shape: Extract<Shape, { type: 'string' }>, value: string, path: Path): void {
    if (shape.enum !== undefined && !shape.enum.includes(value)) {
      this.add(path, value, `Member must satisfy enum value set: [${shape.enum.join(', ')}]`);
      return;
    }
    const before = this.violations.length;
    this.limits(shape, value.length, 'length', value, path);
    if (this.violations.length > before || shape.pattern === undefined) return;
    if (!patternOf(shape.pattern).test(value))
      this.add(path, value, `Member must satisfy regular expression pattern: ${shape.pattern}`);
  }

  private limits(
    { min, max }: Limits,
    size: number,
    word: 'length' | 'value',
    value: unknown,
    path: Path,
  ): void {
    if (min !== undefined && size < min)
      this.add(path, value, `Member must have ${word} greater than or equal to ${min}`);
    if (max !== undefined && size > max)
      this.add(path, value, `Member must have ${word} less than or equal to ${max}`);
  }

  private add(path: Path, value: unknown, constraint: string): void {
    this.violations.push({ path: awsPath(path), missing: value === undefined, constraint, value });
  }

  private wrong(path: Path, expected: string): void {
    this.mistyped ??= `Value at ${awsPath(path)} cannot be converted to ${expected}`;
  }
}

const patterns = new Map<string, RegExp>();

/** AWS's patterns are Java's and hold for the whole text. */
function patternOf(pattern: string): RegExp {
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    compiled = compilePattern(pattern);
    patterns.set(pattern, compiled);
  }
  return compiled;
}

/** @throws {SyntaxError} for a pattern that cannot be read as AWS means it; none of the models has one. */
export function compilePattern(pattern: string): RegExp {
  const portable = pattern
    .replaceAll('\\p{Alnum}', 'A-Za-z0-9')
    .replaceAll('[\\p{Print}]', '[\\x20-\\x7e]')
    .replaceAll('\\p{Print}', '[\\x20-\\x7e]')
    // Beginning and end of the text: every pattern is held against all of it.
    .replaceAll(/\\[Az]/g, '')
    // An end of the text that is repeated is the end of the text.
    .replace(/\$\{\d+,\d+\}/g, '$');
  const source = `^(?:${portable})$`;
  try {
    return new RegExp(source, 'u');
  } catch (error) {
    if (source.includes('\\p')) throw error;
    return new RegExp(source); // It escapes letters that need none, which Unicode mode does not forgive.
  }
}

/** A value as the Query protocol writes it, as the other protocols would write it. */
function ofXml(shape: Shape, value: unknown): unknown {
  switch (shape.type) {
    case 'list': {
      const items = isRecord(value) ? value['member'] : value;
      return items === undefined || items === '' ? [] : Array.isArray(items) ? items : [items];
    }
    case 'map': {
      const entries = isRecord(value) ? value['entry'] : value;
      if (entries === undefined || entries === '') return {};
      if (!Array.isArray(entries)) return entries;
      const [key = 'key', item = 'value'] = shape.names ?? [];
      return Object.fromEntries(
        entries.map((entry: unknown) =>
          isRecord(entry) ? [String(entry[key ?? 'key']), entry[item ?? 'value']] : ['', entry],
        ),
      );
    }
    case 'structure':
      return value === '' ? {} : value;
    case 'integer':
    case 'long':
    case 'float':
    case 'double':
      return typeof value === 'string' && value !== '' ? Number(value) : value;
    case 'boolean':
      return value === 'true' ? true : value === 'false' ? false : value;
    case 'string':
      return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
    default:
      return value;
  }
}

/**
 * The form of the Query protocol as the structure it stands for: `A.member.1.B=x` → `{ A: [{ B: 'x' }] }`,
 * `M.entry.1.Name=k` and `M.entry.1.Value.C=x` → `{ M: { k: { C: 'x' } } }`. Numbers and booleans are read
 * as such; a text that is none stays a text, and is refused by the check.
 */
export function inputOfForm(
  target: string,
  operation: string,
  form: ReadonlyMap<string, string>,
): unknown {
  const model = modelOf(target);
  const shape = model?.operations[operation]?.input;
  if (model === undefined || shape == null) return undefined;
  const tree = new Map<string, string>(
    [...form].filter(([name]) => name !== 'Action' && name !== 'Version'),
  );
  return readForm(model, shape, tree) ?? {};
}

/** The headers of a request or an answer as the structure they stand for; the rest of it is in `more`. */
export function structureOfHeaders(
  target: string,
  operation: string,
  direction: 'input' | 'output',
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  more: Readonly<Record<string, unknown>>,
): unknown {
  const model = modelOf(target);
  const name = model?.operations[operation]?.[direction];
  const shape = name == null ? undefined : model?.shapes[name];
  if (model === undefined || shape?.type !== 'structure') return undefined;
  const read = Object.entries(shape.headers ?? {}).flatMap(([member, header]) => {
    const given = headers[header.toLowerCase()];
    const text = typeof given === 'string' ? given : given?.[0];
    if (text === undefined) return [];
    const of = model.shapes[shape.members[member] ?? ''];
    return [[member, of === undefined ? text : ofXml(of, text)] as const];
  });
  return { ...more, ...Object.fromEntries(read) };
}

/** @param form names relative to this shape; the value itself has the empty name */
function readForm(model: ServiceModel, name: string, form: ReadonlyMap<string, string>): unknown {
  const shape = model.shapes[name];
  if (shape === undefined || form.size === 0) return undefined;
  switch (shape.type) {
    case 'structure':
      return Object.fromEntries(
        [...new Set([...form.keys()].map(firstOf))]
          .filter((member) => member !== '')
          .map((member) => {
            const of = Object.hasOwn(shape.members, member) ? shape.members[member] : undefined;
            const value = of === undefined ? '' : readForm(model, of, under(form, member));
            return [member, value];
          }),
      );
    case 'list':
      return numbered(shape.flattened === true ? form : under(form, 'member')).map((item) =>
        readForm(model, shape.member, item),
      );
    case 'map': {
      const [key, value] = shape.names ?? [];
      return Object.fromEntries(
        numbered(shape.flattened === true ? form : under(form, 'entry')).map((item) => [
          item.get(key ?? 'key') ?? '',
          readForm(model, shape.value, under(item, value ?? 'value')),
        ]),
      );
    }
    default:
      return ofXml(shape, form.get('') ?? [...form.values()][0]);
  }
}

const firstOf = (name: string): string => name.split('.', 1)[0] ?? '';

function under(form: ReadonlyMap<string, string>, part: string): ReadonlyMap<string, string> {
  return new Map(
    [...form].flatMap(([name, value]) =>
      name === part
        ? [['', value] as const]
        : name.startsWith(`${part}.`)
          ? [[name.slice(part.length + 1), value] as const]
          : [],
    ),
  );
}

/** The parts of a form that begin with a number, in the order of the numbers. */
function numbered(form: ReadonlyMap<string, string>): readonly ReadonlyMap<string, string>[] {
  return [...new Set([...form.keys()].map(firstOf))]
    .filter((part) => /^\d+$/.test(part))
    .sort((one, other) => Number(one) - Number(other))
    .map((part) => under(form, part));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
