/** The JSON of a pipeline definition (schema version 2020-12-01): reading, checking, evaluating. */
import { z } from 'zod';
import { without } from './context.js';
import { invalid } from './validate.js';

export const STEP_TYPES = [
  'Training',
  'Processing',
  'Model',
  'RegisterModel',
  'Condition',
  'Callback',
  'Fail',
] as const;
export type StepType = (typeof STEP_TYPES)[number];

export interface Step {
  readonly Name: string;
  readonly Type: StepType;
  readonly Arguments: Readonly<Record<string, unknown>>;
  readonly DependsOn: readonly string[];
  readonly PropertyFiles: readonly PropertyFile[];
  readonly CacheConfig?: CacheConfig | undefined;
  readonly RetryPolicies: readonly RetryPolicy[];
  /** Of a Callback step. */
  readonly SqsQueueUrl?: unknown;
}

export interface CacheConfig {
  readonly Enabled: boolean;
  /** Longest age of what is taken, in milliseconds; absent for any age. */
  readonly expiresMs?: number;
}

export interface RetryPolicy {
  readonly ExceptionType: readonly string[];
  readonly IntervalSeconds: number;
  readonly BackoffRate: number;
  readonly MaxAttempts?: number | undefined;
  readonly ExpireAfterMin?: number | undefined;
}

export interface PropertyFile {
  readonly PropertyFileName: string;
  readonly OutputName: string;
  readonly FilePath: string;
}

export interface Parameter {
  readonly Name: string;
  readonly Type: string;
  readonly DefaultValue?: string | number | boolean | undefined;
  readonly EnumValues?: readonly unknown[] | undefined;
}

export interface Definition {
  readonly Parameters: readonly Parameter[];
  /** Of all levels: a condition's branches are beside it, with `branchOf`. */
  readonly steps: readonly (Step & { readonly branchOf?: Branch })[];
}

export interface Branch {
  readonly condition: string;
  readonly outcome: boolean;
}

const stepSchema = z.looseObject({
  Name: z.string().regex(/^[A-Za-z0-9\-_]{1,64}$/),
  Type: z.string(),
  Arguments: z.record(z.string(), z.unknown()).default({}),
  DependsOn: z.array(z.string()).default([]),
  PropertyFiles: z
    .array(
      z.looseObject({ PropertyFileName: z.string(), OutputName: z.string(), FilePath: z.string() }),
    )
    .default([]),
});

const RETRIED = [
  'Step.SERVICE_FAULT',
  'Step.THROTTLING',
  'SageMaker.JOB_INTERNAL_ERROR',
  'SageMaker.CAPACITY_ERROR',
  'SageMaker.RESOURCE_LIMIT',
] as const;

/** `P30D`, `PT1H`: the durations that caches are given. */
const isoDuration = z
  .string()
  .regex(/^P(?!$)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?$/);

const retryPolicySchema = z
  .looseObject({
    ExceptionType: z.array(z.enum(RETRIED)).min(1),
    IntervalSeconds: z.number().min(0).default(1),
    BackoffRate: z.number().min(1).default(2),
    MaxAttempts: z.int().min(1).max(20).optional(),
    ExpireAfterMin: z.int().min(1).max(14_400).optional(),
  })
  .refine(
    (policy) => (policy.MaxAttempts === undefined) !== (policy.ExpireAfterMin === undefined),
    { message: 'Exactly one of MaxAttempts and ExpireAfterMin must be specified' },
  );

const stepExtrasSchema = z.looseObject({
  CacheConfig: z
    .looseObject({ Enabled: z.boolean(), ExpireAfter: isoDuration.optional() })
    .optional(),
  RetryPolicies: z.array(retryPolicySchema).default([]),
  SqsQueueUrl: z.unknown().optional(),
});

const SPANS_MS = { Y: 31_536_000_000, M: 2_592_000_000, W: 604_800_000, D: 86_400_000 } as const;
const TIMES_MS = { H: 3_600_000, M: 60_000, S: 1_000 } as const;

function isoMs(text: string): number {
  const [date = '', time = ''] = text.slice(1).split('T');
  const sum = (part: string, units: Readonly<Record<string, number>>): number =>
    [...part.matchAll(/(\d+)([A-Z])/g)].reduce(
      (total, [, count, unit]) => total + Number(count) * (units[unit ?? ''] ?? 0),
      0,
    );
  return sum(date, SPANS_MS) + sum(time, TIMES_MS);
}

const definitionSchema = z.looseObject({
  Version: z.literal('2020-12-01'),
  Parameters: z
    .array(
      z.looseObject({
        Name: z.string(),
        Type: z.enum(['String', 'Integer', 'Float', 'Boolean']),
        DefaultValue: z.union([z.string(), z.number(), z.boolean()]).optional(),
        EnumValues: z.array(z.unknown()).optional(),
      }),
    )
    .max(200)
    .default([]),
  Steps: z.array(z.unknown()).min(1),
});

/** @throws {AwsError} ValidationException saying what AWS's parser would refuse. */
export function parseDefinition(json: string): Definition {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch {
    throw invalid('Unable to parse pipeline definition. Pipeline definition is not valid JSON.');
  }
  const parsed = definitionSchema.safeParse(document);
  if (!parsed.success) throw unreadable(parsed.error);
  const steps = readSteps(parsed.data.Steps, undefined);
  checkSteps(steps, parsed.data.Parameters);
  return { Parameters: parsed.data.Parameters, steps };
}

function readSteps(raw: readonly unknown[], branchOf: Branch | undefined): Definition['steps'] {
  return raw.flatMap((item) => {
    const parsed = stepSchema.safeParse(item);
    if (!parsed.success) throw unreadable(parsed.error);
    const { Name, Type, Arguments, DependsOn, PropertyFiles } = parsed.data;
    if (!isStepType(Type)) {
      throw invalid(
        `Step ${Name} has type ${Type}; this sandbox runs steps of type ${STEP_TYPES.join(', ')}.`,
      );
    }
    const extras = stepExtrasSchema.safeParse(item);
    if (!extras.success) throw unreadable(extras.error);
    const { CacheConfig: cache, RetryPolicies, SqsQueueUrl } = extras.data;
    if (Type === 'Callback' && SqsQueueUrl === undefined)
      throw invalid(`Callback step ${Name} must have SqsQueueUrl.`);
    const step = {
      Name,
      Type,
      Arguments,
      DependsOn,
      PropertyFiles,
      RetryPolicies,
      ...(cache && {
        CacheConfig: {
          Enabled: cache.Enabled,
          ...(cache.ExpireAfter !== undefined && { expiresMs: isoMs(cache.ExpireAfter) }),
        },
      }),
      ...(SqsQueueUrl !== undefined && { SqsQueueUrl }),
      ...(branchOf && { branchOf }),
    };
    if (Type !== 'Condition') return [step];
    const branch = (member: string, outcome: boolean) =>
      readSteps((Arguments[member] ?? []) as readonly unknown[], { condition: Name, outcome });
    return [step, ...branch('IfSteps', true), ...branch('ElseSteps', false)];
  });
}

function isStepType(type: string): type is StepType {
  return (STEP_TYPES as readonly string[]).includes(type);
}

function checkSteps(steps: Definition['steps'], parameters: readonly Parameter[]): void {
  const names = steps.map(({ Name }) => Name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw invalid(`Step names must be unique. Found duplicate step name ${twice}.`);
  for (const step of steps) {
    for (const name of dependencies(step)) {
      if (!names.includes(name))
        throw invalid(`Step ${step.Name} depends on step ${name}, which does not exist.`);
    }
    for (const path of gets(step.Arguments)) {
      const parameter = /^Parameters\.(.+)$/.exec(path)?.[1];
      if (parameter !== undefined && !parameters.some(({ Name }) => Name === parameter)) {
        throw invalid(`Step ${step.Name} refers to parameter ${parameter}, which is not defined.`);
      }
    }
  }
  checkNoCycle(steps);
}

function checkNoCycle(steps: Definition['steps']): void {
  let left = steps;
  while (left.length > 0) {
    const waiting = left.filter((step) => left.some(({ Name }) => dependencies(step).has(Name)));
    if (waiting.length === left.length) {
      throw invalid(
        `The pipeline definition has a cycle: ${left.map(({ Name }) => Name).join(', ')}.`,
      );
    }
    left = waiting;
  }
}

/** Steps that must have succeeded before this one, said outright or by using their properties. */
export function dependencies(step: Step & { readonly branchOf?: Branch }): ReadonlySet<string> {
  const own = without(step.Arguments, 'IfSteps', 'ElseSteps');
  const used = gets(own).flatMap((path) => /^Steps\.([^.[]+)/.exec(path)?.[1] ?? []);
  return new Set([...step.DependsOn, ...used, ...(step.branchOf ? [step.branchOf.condition] : [])]);
}

/** Every `{"Get": path}` in a value. */
function gets(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(gets);
  if (typeof value !== 'object' || value === null) return [];
  if ('Get' in value && typeof value.Get === 'string') return [value.Get];
  return Object.values(value).flatMap(gets);
}

export interface Scope {
  readonly parameters: Readonly<Record<string, string>>;
  /** `Execution.PipelineExecutionId` and its like, without the prefix. */
  readonly execution: Readonly<Record<string, string>>;
  /** The Describe answer of a step's resource, for `Steps.<name>.<path>`. */
  readonly step: (name: string) => unknown;
  /** Content of a property file, for `Std:JsonGet`. */
  readonly propertyFile: (path: string) => unknown;
}

/** A step's wish that cannot be met when it starts: the step fails with this reason. */
export class Unresolvable extends Error {}

/** Replaces every expression in a value by what it stands for. */
export function resolve(value: unknown, scope: Scope): unknown {
  if (Array.isArray(value)) return value.map((item) => resolve(item, scope));
  if (typeof value !== 'object' || value === null) return value;
  if ('Get' in value && typeof value.Get === 'string') return lookUp(value.Get, scope);
  if ('Std:Join' in value) return joined(value['Std:Join'], scope);
  if ('Std:JsonGet' in value) return jsonGet(value['Std:JsonGet'], scope);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, resolve(item, scope)]),
  );
}

function lookUp(path: string, scope: Scope): unknown {
  const [root = '', ...rest] = path.split('.');
  const found =
    root === 'Parameters'
      ? scope.parameters[rest.join('.')]
      : root === 'Execution'
        ? scope.execution[rest.join('.')]
        : root === 'Steps'
          ? at(scope.step(rest[0] ?? ''), rest.slice(1).join('.'))
          : undefined;
  if (found === undefined) throw new Unresolvable(`Unable to resolve ${path}`);
  return found;
}

const joinSchema = z.looseObject({ On: z.string().default(''), Values: z.array(z.unknown()) });

function joined(value: unknown, scope: Scope): string {
  const { On, Values } = joinSchema.parse(value);
  return Values.map((item) => String(resolve(item, scope))).join(On);
}

const jsonGetSchema = z.looseObject({
  PropertyFile: z.looseObject({ Get: z.string() }),
  Path: z.string(),
});

function jsonGet(value: unknown, scope: Scope): unknown {
  const { PropertyFile, Path } = jsonGetSchema.parse(value);
  const found = at(scope.propertyFile(PropertyFile.Get), Path);
  if (found === undefined)
    throw new Unresolvable(`Unable to resolve ${Path} of ${PropertyFile.Get}`);
  return found;
}

/** `a.b[0]['c']` in a document. */
function at(document: unknown, path: string): unknown {
  const parts = [...path.matchAll(/[^.[\]'"]+/g)].map(([part]) => part);
  return parts.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null
        ? (value as Record<string, unknown>)[part]
        : undefined,
    document,
  );
}

/** All conditions of a Condition step hold. `conditions` is resolved. */
export function allHold(conditions: unknown): boolean {
  return Array.isArray(conditions) && conditions.every(holds);
}

const conditionSchema = z.looseObject({
  Type: z.enum([
    'Equals',
    'GreaterThan',
    'GreaterThanOrEqualTo',
    'LessThan',
    'LessThanOrEqualTo',
    'In',
    'Not',
    'Or',
  ]),
});

function holds(raw: unknown): boolean {
  const condition = conditionSchema.parse(raw);
  const [left, right] = [condition['LeftValue'], condition['RightValue']];
  switch (condition.Type) {
    case 'Equals':
      return left === right || String(left) === String(right);
    case 'GreaterThan':
      return Number(left) > Number(right);
    case 'GreaterThanOrEqualTo':
      return Number(left) >= Number(right);
    case 'LessThan':
      return Number(left) < Number(right);
    case 'LessThanOrEqualTo':
      return Number(left) <= Number(right);
    case 'In':
      return (
        Array.isArray(condition['Values']) && condition['Values'].includes(condition['QueryValue'])
      );
    case 'Not':
      return !holds(condition['Expression']);
    case 'Or':
      return Array.isArray(condition['Conditions']) && condition['Conditions'].some(holds);
  }
}

function unreadable(error: z.ZodError) {
  const [issue] = error.issues;
  return invalid(
    `Unable to parse pipeline definition. ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
  );
}
