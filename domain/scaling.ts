/** What Application Auto Scaling should hold for a policy, in AWS's terms. */
import { durationMs } from './duration.js';
import type { Hardware } from './instances.js';
import type { AlarmSpec } from './managed-alarms.js';
import { failureClass } from './failures.js';
import { alarmPrefix, candidateScalingPrefix } from './names.js';
import type { Policy, PolicySpec } from './policy.schema.js';

type Scaling = NonNullable<PolicySpec['scaling']>;

/** Metrics that are percentages of one core: the whole instance has as many as it has vCPUs. */
const PER_CORE: ReadonlySet<string> = new Set(['CPUUtilization']);
const LOAD: ReadonlySet<string> = new Set(['CPUUtilization', 'MemoryUtilization']);

export interface TrackingSpec {
  readonly name: string;
  readonly value: number;
  readonly scaleOutSeconds: number;
  readonly scaleInSeconds: number;
  /** What is tracked: AWS's own metric of variants, or one by its name. */
  readonly metric:
    | { readonly kind: 'predefined'; readonly type: 'SageMakerVariantInvocationsPerInstance' }
    | {
        readonly kind: 'custom';
        readonly namespace: string;
        readonly name: string;
        readonly statistic: string;
        readonly dimensions: Readonly<Record<string, string>>;
      };
}

/** One step of a step policy, from `lower` to `upper` away from the alarm's threshold. */
export interface StepSpec {
  readonly lower: number | null;
  readonly upper: number | null;
  readonly change: number;
}

export interface SteppingSpec {
  readonly name: string;
  readonly cooldownSeconds: number;
  readonly steps: readonly StepSpec[];
  /** Goes off where the first step begins, and calls the policy. */
  readonly alarm: AlarmSpec;
}

export interface ScheduleSpec {
  readonly name: string;
  readonly schedule: string;
  readonly timeZone: string;
  readonly min: number;
  readonly max: number;
}

export interface ScalingPlan {
  readonly min: number;
  readonly max: number;
  readonly tracking: TrackingSpec | null;
  readonly stepping: readonly SteppingSpec[];
  readonly schedules: readonly ScheduleSpec[];
}

/** Something that Application Auto Scaling did or could not do. */
export interface ScalingActivity {
  readonly atMs: number;
  /** AWS's status; `Unfulfilled` for what was not scaled. */
  readonly status: string;
  readonly sentence: string;
}

/** Whether the fleet did not get what scaling asked for. */
export const isScalingRefusal = ({ status }: ScalingActivity): boolean =>
  status === 'Failed' || status === 'Unfulfilled';

/**
 * What helps where AWS did not give the fleet that scaling asked for, by AWS's words; `null` where they name nothing that
 * a person could do.
 */
export function refusalRemedy(message: string): string | null {
  switch (failureClass(message)) {
    case 'quota':
      return 'ask for a higher quota of the instance type for endpoint usage in Service Quotas, or lower scaling.instances.max';
    case 'capacity':
      return 'AWS has no machines of that type now; scaling asks again, and another instance type may have some';
    default:
      return null;
  }
}

/** When scaling was last refused; 0 for never. */
export const refusedAtMs = (known: readonly ScalingActivity[] = []): number =>
  Math.max(0, ...known.filter(isScalingRefusal).map(({ atMs }) => atMs));

/** Refusals after those that are known, oldest first. */
export const newRefusals = (
  seen: readonly ScalingActivity[],
  known: readonly ScalingActivity[] = [],
): readonly ScalingActivity[] =>
  seen.filter((one) => isScalingRefusal(one) && one.atMs > refusedAtMs(known)).reverse();

const seconds = (literal: string): number => Math.ceil(durationMs(literal) / 1_000);

/** Whose a scalable target is: what people made is never written to before they hand it over. */
export type TargetOwner = 'ours' | 'nobody' | 'somebody else';

/** What tells whose a scalable target is. */
export interface TargetMarks {
  readonly exists: boolean;
  /** Value of the keeper's tag on it; `null` without one. */
  readonly keeper: string | null;
  /** Whether a scaling policy or schedule on it carries a name of ours, and whether one does not. */
  readonly hasOurs: boolean;
  readonly hasOthers: boolean;
  /** Whether its limits are those of the policy already. */
  readonly asWanted: boolean;
}

/**
 * Whose a scalable target is. The tag decides. Without one it is ours where something of ours is on it (it was made
 * before there were tags), or where taking it over changes nothing for anybody.
 *
 * @param wanted the keeper's id, as the tag spells it
 */
export function ownerOfTarget(marks: TargetMarks, wanted: string): TargetOwner {
  if (!marks.exists) return 'nobody';
  if (marks.keeper !== null)
    return marks.keeper.toLowerCase() === wanted.toLowerCase() ? 'ours' : 'somebody else';
  return marks.hasOurs || (marks.asWanted && !marks.hasOthers) ? 'ours' : 'somebody else';
}

/** How a scalable target of somebody else's is told. */
export function foreignTargetInWords(
  { keeper, hasOthers }: Pick<TargetMarks, 'keeper' | 'hasOthers'>,
  limits: { readonly min: number; readonly max: number },
  others: readonly string[],
): string {
  const whose = keeper === null ? 'somebody else’s' : `claimed by ${keeper}`;
  return `${whose} (${limits.min} to ${limits.max} instances${hasOthers ? `, with ${others.join(', ')}` : ''})`;
}

export const trackingName = (model: string): string => `modelkeeper-${model}-invocations`;
const steppingName = (model: string, way: 'out' | 'in'): string =>
  `modelkeeper-${model}-steps-${way}`;
const scheduleName = (model: string, id: string): string => `modelkeeper-${model}-at-${id}`;

/** Whether a scaling policy or scheduled action on the endpoint is one that we make. */
export const isScalingOfOurs = (model: string, name: string): boolean =>
  name.startsWith(`modelkeeper-${model}-`);

/** Alarms that call our step policies; made and removed with them. */
export const steppingAlarmNames = (model: string): readonly string[] =>
  (['out', 'in'] as const).map((way) => `${alarmPrefix(model)}scaling-${way}`);

type Dimensions = readonly {
  readonly Name?: string | undefined;
  readonly Value?: string | undefined;
}[];

/**
 * Whether a metric is of one variant of the endpoint, so that the same metric of the other variant tells of that one. A
 * metric of a namespace of one's own may leave the endpoint out.
 */
export function isOfVariant(
  dimensions: Dimensions | undefined,
  at: { readonly endpoint: string; readonly variant: string },
): boolean {
  const of = (name: string): string | undefined =>
    dimensions?.find(({ Name }) => Name === name)?.Value;
  const endpoint = of('EndpointName')?.toLowerCase();
  return (
    of('VariantName') === at.variant &&
    (endpoint === undefined || endpoint === at.endpoint.toLowerCase())
  );
}

/**
 * The alarm on the candidate's variant that stands for one on the champion's: named after ours, or numbered where people
 * named it.
 *
 * @param at place among the alarms that are taken over, from 0
 */
export function candidateScalingAlarm(
  model: string,
  release: number,
  alarm: string,
  at: number,
): string {
  const way = steppingAlarmNames(model).includes(alarm)
    ? alarm.slice(`${alarmPrefix(model)}scaling-`.length)
    : String(at + 1);
  return `${candidateScalingPrefix(model, release)}${way}`;
}

/**
 * @param hardware of the instances that serve; needed where a percentage is of the whole instance
 * @throws {ScalingUnknown} when the policy needs hardware that nobody knows
 */
export function scalingPlan(policy: Policy, hardware: Hardware | undefined): ScalingPlan | null {
  const { scaling, endpoint } = policy.spec;
  if (scaling === undefined) return null;
  const model = policy.metadata.name;
  const variant = { EndpointName: endpoint.name, VariantName: endpoint.variant };
  const { target, steps } = scaling;
  return {
    ...scaling.instances,
    tracking:
      target === undefined
        ? null
        : {
            name: trackingName(model),
            value: inMetricsUnit(target.metric, target.value, hardware),
            scaleOutSeconds: seconds(target.scaleOutCooldown),
            scaleInSeconds: seconds(target.scaleInCooldown),
            metric: trackedMetric(target, variant),
          },
    stepping: steps === undefined ? [] : stepping(model, steps, variant, hardware),
    schedules: (scaling.schedule ?? []).map((entry) => ({
      name: scheduleName(model, entry.id),
      schedule: awsCron(entry.cron),
      timeZone: entry.timeZone,
      min: entry.min,
      max: entry.max,
    })),
  };
}

/** Nobody knows how many cores the instances have. */
export class ScalingUnknown extends Error {
  override readonly name = 'ScalingUnknown';
}

function inMetricsUnit(metric: string, value: number, hardware: Hardware | undefined): number {
  if (!PER_CORE.has(metric)) return value;
  if (hardware === undefined)
    throw new ScalingUnknown(
      `nobody knows how many vCPUs the serving instances have, and ${metric} is counted per core: name them under spec.monitor.instanceTypes`,
    );
  return value * hardware.vcpus;
}

function trackedMetric(
  target: NonNullable<Scaling['target']>,
  variant: Readonly<Record<string, string>>,
): TrackingSpec['metric'] {
  if (target.metric === 'InvocationsPerInstance')
    return { kind: 'predefined', type: 'SageMakerVariantInvocationsPerInstance' };
  if (target.metric === 'custom' && target.custom !== undefined)
    return {
      kind: 'custom',
      namespace: target.custom.namespace,
      name: target.custom.name,
      statistic: target.custom.statistic,
      dimensions: target.custom.dimensions,
    };
  return {
    kind: 'custom',
    namespace: '/aws/sagemaker/Endpoints',
    name: target.metric,
    statistic: 'Average',
    dimensions: variant,
  };
}

const DAY_SECONDS = 86_400;
const HOUR_SECONDS = 3_600;

/** Whether the alarms of steps would look back further than CloudWatch lets them. */
export function looksBackTooFar({
  period,
  periods,
}: Pick<NonNullable<Scaling['steps']>, 'period' | 'periods'>): boolean {
  const periodSeconds = seconds(period);
  const most = periodSeconds >= HOUR_SECONDS ? 7 * DAY_SECONDS : DAY_SECONDS;
  return periodSeconds * periods > most;
}

/** The metric of the alarms of a step policy. */
const steppedNamespace = (metric: string): AlarmSpec['namespace'] =>
  LOAD.has(metric) ? '/aws/sagemaker/Endpoints' : 'AWS/SageMaker';

function stepping(
  model: string,
  steps: NonNullable<Scaling['steps']>,
  variant: Readonly<Record<string, string>>,
  hardware: Hardware | undefined,
): readonly SteppingSpec[] {
  const unit = (value: number): number => inMetricsUnit(steps.metric, value, hardware);
  const make = (way: 'out' | 'in', threshold: number, rows: readonly StepSpec[]): SteppingSpec => ({
    name: steppingName(model, way),
    cooldownSeconds: seconds(steps.cooldown),
    steps: rows,
    alarm: {
      name: `${alarmPrefix(model)}scaling-${way}`,
      description: `modelkeeper: scales ${variant['EndpointName'] ?? ''} ${way} by steps`,
      namespace: steppedNamespace(steps.metric),
      metric: steps.metric,
      dimensions: variant,
      stat: LOAD.has(steps.metric) ? 'Average' : 'Sum',
      periodSeconds: seconds(steps.period),
      evaluationPeriods: steps.periods,
      datapointsToAlarm: steps.periods,
      comparison: way === 'out' ? 'GreaterThanThreshold' : 'LessThanThreshold',
      threshold,
      missing: 'missing',
    },
  });
  const out = [...steps.out].sort((a, b) => a.above - b.above);
  const into = [...steps.in].sort((a, b) => b.below - a.below);
  const [firstOut] = out;
  const [firstIn] = into;
  return [
    ...(firstOut === undefined
      ? []
      : [
          make(
            'out',
            unit(firstOut.above),
            out.map((step, index) => {
              const next = out[index + 1];
              return {
                lower: unit(step.above) - unit(firstOut.above),
                upper: next === undefined ? null : unit(next.above) - unit(firstOut.above),
                change: step.add,
              };
            }),
          ),
        ]),
    ...(firstIn === undefined
      ? []
      : [
          make(
            'in',
            unit(firstIn.below),
            into.map((step, index) => {
              const next = into[index + 1];
              return {
                lower: next === undefined ? null : unit(next.below) - unit(firstIn.below),
                upper: unit(step.below) - unit(firstIn.below),
                change: -step.remove,
              };
            }),
          ),
        ]),
  ];
}

const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/**
 * A five-field cron expression as Application Auto Scaling spells it: six fields with a year, Sunday is 1, and of day
 * and weekday one is `?`.
 *
 * @throws {RangeError} saying what cannot be written so
 */
export function awsCron(expression: string): string {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== 5)
    throw new RangeError(`write five fields (minute hour day month weekday), not ${fields.length}`);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  if (day !== '*' && weekday !== '*')
    throw new RangeError('name days of the month or days of the week, not both');
  const names = weekday === '*' ? '?' : weekdays(weekday);
  const days = weekday === '*' ? stepped(day, 1, 31) : '?';
  return `cron(${stepped(minute, 0, 59)} ${stepped(hour, 0, 23)} ${days} ${stepped(month, 1, 12)} ${names} *)`;
}

/** Every so many as a list, of all or of a range: the one spelling that everybody reads in the same way. */
function stepped(field: string, first: number, last: number): string {
  return field
    .split(',')
    .flatMap((part): readonly (string | number)[] => {
      const match = /^(?:\*|(\d{1,2})-(\d{1,2}))\/([1-9]\d?)$/.exec(part);
      if (match === null) return [part];
      const values: number[] = [];
      for (
        let at = Number(match[1] ?? first);
        at <= Number(match[2] ?? last);
        at += Number(match[3])
      )
        values.push(at);
      return values;
    })
    .join(',');
}

function weekdays(field: string): string {
  const days = new Set<number>();
  for (const part of field.split(',')) {
    const match = /^(\*|[0-7]|[a-z]{3})(?:-([0-7]|[a-z]{3}))?(?:\/([1-7]))?$/i.exec(part);
    const from = match?.[1] === '*' ? 0 : dayOf(match?.[1]);
    const to = match?.[1] === '*' ? 6 : match?.[2] === undefined ? from : dayOf(match[2]);
    if (match === null || from === undefined || to === undefined)
      throw new RangeError(`'${part}' is no day of the week: write 0 to 7 or SUN to SAT`);
    if (to < from) throw new RangeError(`'${part}' ends before it begins: write it as two ranges`);
    for (let at = from; at <= to; at += Number(match[3] ?? 1)) days.add(at % 7);
  }
  return [...days]
    .sort((a, b) => a - b)
    .map((at) => DAYS[at])
    .join(',');
}

function dayOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d$/.test(text)) return Number(text);
  const at = DAYS.indexOf(text.toUpperCase());
  return at < 0 ? undefined : at;
}
