/** Inputs compared with AWS's own model of a service, so that the sandbox refuses what AWS refuses. */
import { AwsError } from '../kernel.js';
import { awsPath, sentence } from '../validate.js';
import type { Violation } from '../validate.js';
import applicationAutoScaling from './application-autoscaling.json' with { type: 'json' };
import events from './events.json' with { type: 'json' };
import sagemaker from './sagemaker.json' with { type: 'json' };

interface Limits {
  readonly min?: number;
  readonly max?: number;
}

type Shape =
  | {
      readonly type: 'structure';
      readonly required?: readonly string[];
      readonly members: Readonly<Record<string, string>>;
    }
  | (Limits & { readonly type: 'list'; readonly member: string })
  | (Limits & { readonly type: 'map'; readonly key: string; readonly value: string })
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
  /** Shape of the input, per operation. */
  readonly operations: Readonly<Record<string, string>>;
  readonly shapes: Readonly<Record<string, Shape>>;
}

/** By the prefix of X-Amz-Target. */
export const MODELS: Readonly<Record<string, ServiceModel>> = {
  SageMaker: sagemaker as unknown as ServiceModel,
  AWSEvents: events as unknown as ServiceModel,
  AnyScaleFrontendService: applicationAutoScaling as unknown as ServiceModel,
};

/**
 * @throws {AwsError} ValidationException naming every member at fault, or SerializationException when one
 *   has the wrong JSON type. Members the model does not know are ignored, as AWS ignores them.
 */
export function checkInput(target: string, operation: string, input: unknown): void {
  const model = Object.hasOwn(MODELS, target) ? MODELS[target] : undefined;
  const shape = model?.operations[operation];
  if (model === undefined || shape === undefined) return;
  const found = new Check(model);
  found.visit(shape, input, []);
  if (found.mistyped !== undefined) {
    throw new AwsError('SerializationException', found.mistyped);
  }
  const { violations } = found;
  if (violations.length === 0) return;
  throw new AwsError(
    'ValidationException',
    `${violations.length} validation error${violations.length === 1 ? '' : 's'} detected: ${violations.map((each) => inWordsOf(target, each)).join('; ')}`,
  );
}

/** SageMaker does not write the null that the other services write. */
function inWordsOf(target: string, violation: Violation): string {
  const words = sentence(violation);
  return target === 'SageMaker' ? words.replace(/^Value null at/, 'Value at') : words;
}

type Path = readonly (string | number)[];

class Check {
  readonly violations: Violation[] = [];
  /** Says which member has the wrong JSON type, once one has. */
  mistyped: string | undefined;

  constructor(private readonly model: ServiceModel) {}

  visit(name: string, value: unknown, path: Path): void {
    const shape = this.model.shapes[name];
    if (shape === undefined || value === undefined || value === null) return;
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
    for (const [member, target] of Object.entries(shape.members))
      this.visit(target, value[member], [...path, member]);
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
    .replaceAll('\\p{Print}', '[\\x20-\\x7e]')
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

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
