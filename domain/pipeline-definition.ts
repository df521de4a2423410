/** What of a pipeline's definition concerns us: the JSON that DescribePipeline answers, read with tolerance. */

export interface DeclaredParameter {
  readonly name: string;
  /** `String`, `Integer`, `Float` or `Boolean`; anything else is not checked. */
  readonly type: string;
  /** `null` for a parameter that must be given. */
  readonly defaultValue: string | null;
  /** `null` when any value will do. */
  readonly enumValues: readonly string[] | null;
  readonly minLength: number | null;
  readonly maxLength: number | null;
}

/** A job that a step of the definition runs, as far as the definition and the parameters say. */
export interface PlannedJob {
  readonly step: string;
  /** `null` when only the execution knows. */
  readonly instanceType: string | null;
  readonly instances: number;
  readonly maxRuntimeSeconds: number;
  /** How Service Quotas calls what it runs on. */
  readonly usage?: 'training job' | 'spot training job' | 'processing job';
}

/** What SageMaker gives a job that names no longest runtime. */
const DEFAULT_MAX_RUNTIME_SECONDS = 86_400;

/** Parameters that a definition declares; `null` for a text that is none. */
export function declaredParameters(
  definition: string | undefined,
): readonly DeclaredParameter[] | null {
  const document = parsed(definition);
  if (document === null) return null;
  return listOf(document, 'Parameters').flatMap((one) => {
    const name = member(one, 'Name');
    if (typeof name !== 'string') return [];
    const enumValues = member(one, 'EnumValues');
    return [
      {
        name,
        type: textOr(member(one, 'Type')) ?? 'String',
        defaultValue: textOr(member(one, 'DefaultValue')),
        enumValues: Array.isArray(enumValues)
          ? enumValues.map((value) => textOr(value) ?? '')
          : null,
        minLength: numberOr(member(one, 'MinLength')),
        maxLength: numberOr(member(one, 'MaxLength')),
      },
    ];
  });
}

/** What is wrong with values for declared parameters, each as a sentence that names the parameter; empty when nothing is. */
export function parameterFaults(
  pipeline: string,
  declared: readonly DeclaredParameter[],
  given: Readonly<Record<string, string>>,
): readonly { readonly parameter: string; readonly message: string }[] {
  const names = declared.map(({ name }) => name);
  const unknown = Object.keys(given)
    .filter((name) => !names.includes(name))
    .map((parameter) => ({
      parameter,
      message: `the pipeline '${pipeline}' has no parameter '${parameter}'${names.length === 0 ? '' : `; it has ${names.join(', ')}`}`,
    }));
  const wrong = declared.flatMap((parameter) => {
    const { name, defaultValue } = parameter;
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value === undefined)
      return defaultValue === null
        ? [
            {
              parameter: name,
              message: `the pipeline '${pipeline}' needs the parameter '${name}', which has no default`,
            },
          ]
        : [];
    const fault = valueFault(parameter, value);
    return fault === undefined
      ? []
      : [
          {
            parameter: name,
            message: `'${shortened(value)}' is no value of the parameter '${name}' of the pipeline '${pipeline}': ${fault}`,
          },
        ];
  });
  return [...unknown, ...wrong];
}

const shortened = (value: string): string =>
  value.length <= 60 ? value : `${value.slice(0, 57)}…`;

function valueFault(parameter: DeclaredParameter, value: string): string | undefined {
  const type = typeFault(parameter.type, value);
  if (type !== undefined) return type;
  const { enumValues, minLength, maxLength } = parameter;
  if (enumValues !== null && !enumValues.includes(value))
    return `it takes ${enumValues.join(' or ')}`;
  if (minLength !== null && value.length < minLength)
    return `it takes ${minLength} characters or more`;
  if (maxLength !== null && value.length > maxLength)
    return `it takes at most ${maxLength} characters`;
  return undefined;
}

/** Why a text is none of a type; `undefined` when it is, or nobody can say. */
export function typeFault(type: string, value: string): string | undefined {
  switch (type) {
    case 'Integer':
      return /^[+-]?\d+$/.test(value) ? undefined : 'it takes a whole number';
    case 'Float':
      return value.trim() !== '' && Number.isFinite(Number(value))
        ? undefined
        : 'it takes a number';
    case 'Boolean':
      return /^(true|false)$/i.test(value) ? undefined : 'it takes true or false';
    default:
      return undefined;
  }
}

/** Names of the steps of the first level; `null` for a text that is no definition. */
export function stepNames(definition: string | undefined): readonly string[] | null {
  const document = parsed(definition);
  return document === null
    ? null
    : listOf(document, 'Steps').flatMap((step) => textOr(member(step, 'Name')) ?? []);
}

/** Steps that an execution can reach: all of the first level, and the longer branch of each condition. */
export function stepCount(definition: string | undefined): number | null {
  const document = parsed(definition);
  return document === null ? null : countSteps(listOf(document, 'Steps'));
}

function countSteps(steps: readonly unknown[]): number {
  return steps.reduce<number>((sum, step) => {
    const branches = ['IfSteps', 'ElseSteps'].map((branch) =>
      countSteps(listOf(member(step, 'Arguments'), branch)),
    );
    return sum + 1 + Math.max(...branches);
  }, 0);
}

/**
 * Training and processing jobs of a definition, those of all branches: the most that one execution can start.
 *
 * @param given values of parameters; what is not given has its default
 */
export function plannedJobs(
  definition: string | undefined,
  given: Readonly<Record<string, string>>,
): readonly PlannedJob[] {
  const document = parsed(definition);
  if (document === null) return [];
  const defaults = (declaredParameters(definition) ?? []).flatMap(({ name, defaultValue }) =>
    defaultValue === null ? [] : [[name, defaultValue] as const],
  );
  return jobsOf(listOf(document, 'Steps'), { ...Object.fromEntries(defaults), ...given });
}

function jobsOf(
  steps: readonly unknown[],
  values: Readonly<Record<string, string>>,
): readonly PlannedJob[] {
  return steps.flatMap((step) => {
    const args = member(step, 'Arguments');
    const inner = ['IfSteps', 'ElseSteps'].flatMap((branch) =>
      jobsOf(listOf(args, branch), values),
    );
    const type = member(step, 'Type');
    const name = textOr(member(step, 'Name')) ?? '?';
    if (typeof type === 'string' && UNPLANNED.has(type))
      return [
        {
          step: name,
          instanceType: null,
          instances: 1,
          maxRuntimeSeconds: DEFAULT_MAX_RUNTIME_SECONDS,
        },
        ...inner,
      ];
    const machines = machinesOf(type, args);
    if (machines === undefined) return inner;
    const resolved = (value: unknown): string | null => {
      const path = member(value, 'Get');
      const name = typeof path === 'string' ? /^Parameters\.(.+)$/.exec(path)?.[1] : undefined;
      return name === undefined ? textOr(value) : (values[name] ?? null);
    };
    const runtime = resolved(member(member(args, 'StoppingCondition'), 'MaxRuntimeInSeconds'));
    return [
      {
        step: name,
        instanceType: resolved(member(machines, 'InstanceType')),
        instances: Math.max(1, Number(resolved(member(machines, 'InstanceCount')) ?? 1) || 1),
        maxRuntimeSeconds: Number(runtime) || DEFAULT_MAX_RUNTIME_SECONDS,
        ...usageOf(type, args),
      },
      ...inner,
    ];
  });
}

/** Steps that start jobs of their own, as many as they like: on what, only the execution knows. */
const UNPLANNED: ReadonlySet<string> = new Set(['Tuning', 'AutoML', 'EMR', 'EMRServerless']);

function machinesOf(type: unknown, args: unknown): unknown {
  switch (type) {
    case 'Training':
      return member(args, 'ResourceConfig');
    case 'Processing':
    case 'QualityCheck':
    case 'ClarifyCheck':
      return member(member(args, 'ProcessingResources'), 'ClusterConfig');
    case 'Transform':
      return member(args, 'TransformResources');
    default:
      return undefined;
  }
}

function usageOf(type: unknown, args: unknown): Pick<PlannedJob, 'usage'> {
  if (type === 'Transform') return {};
  if (type !== 'Training') return { usage: 'processing job' };
  const spot = member(args, 'EnableManagedSpotTraining') === true;
  return { usage: spot ? 'spot training job' : 'training job' };
}

function parsed(definition: string | undefined): unknown {
  try {
    const document: unknown = JSON.parse(definition ?? '');
    return typeof document === 'object' ? document : null;
  } catch {
    return null;
  }
}

function member(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null && Object.hasOwn(of, name)
    ? (of as Record<string, unknown>)[name]
    : undefined;
}

function listOf(of: unknown, name: string): readonly unknown[] {
  const list = member(of, name);
  return Array.isArray(list) ? (list as readonly unknown[]) : [];
}

const numberOr = (value: unknown): number | null => (typeof value === 'number' ? value : null);
const textOr = (value: unknown): string | null =>
  typeof value === 'string'
    ? value
    : typeof value === 'number' || typeof value === 'boolean'
      ? String(value)
      : null;
