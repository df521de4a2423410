import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AwsError } from '../kernel.js';
import type { JsonOperations } from '../kernel.js';
import { operations, page } from '../validate.js';
import type { Core } from '../wires.js';
import { HISTORY_MS, LEAST_POINTS } from './anomaly.js';
import { complain, invalidCombination, invalidToken, invalidValue } from './errors.js';
import { parseExpression } from './math.js';
import type { Metrics } from './metrics.js';
import { dimensionSchema, dimensionsOf, faultInQueries, metricQuerySchema } from './queries.js';
import type { LearnsFrom, MetricQuery } from './queries.js';
import { points, seriesKey } from './series.js';
import { isStatistic } from './statistics.js';

const op = operations(complain);

const singleSchema = z.object({
  AccountId: z.string().optional(),
  Namespace: z.string().min(1).max(255).optional(),
  MetricName: z.string().min(1).max(255).optional(),
  Dimensions: z.array(dimensionSchema).max(30).optional(),
  Stat: z.string().max(50).optional(),
});
const mathSchema = z.object({ MetricDataQueries: z.array(metricQuerySchema).max(500).optional() });
const subjectSchema = z.object({
  AnomalyDetectorId: z.string().optional(),
  ...singleSchema.omit({ AccountId: true }).shape,
  SingleMetricAnomalyDetector: singleSchema.optional(),
  MetricMathAnomalyDetector: mathSchema.optional(),
});

const configurationSchema = z.object({
  ExcludedTimeRanges: z.array(z.object({ StartTime: z.number(), EndTime: z.number() })).optional(),
  MetricTimezone: z.string().optional(),
});
const characteristicsSchema = z.object({ PeriodicSpikes: z.boolean().optional() });

interface Metric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions: readonly { readonly Name: string; readonly Value: string }[];
  readonly Stat: string;
}

type Subject =
  | { readonly kind: 'SINGLE_METRIC'; readonly metric: Metric }
  | { readonly kind: 'METRIC_MATH'; readonly queries: readonly MetricQuery[] };

interface Detector {
  readonly id: string;
  readonly subject: Subject;
  readonly configuration: z.output<typeof configurationSchema>;
  readonly characteristics?: z.output<typeof characteristicsSchema>;
}

const DETECTORS = 'anomaly-detectors';

/** Which metrics have a model of their normal values, and what it must not learn from. */
export class Detectors {
  private readonly all = new Map<string, Detector>();

  constructor(
    private readonly core: Core,
    private readonly metrics: Metrics,
  ) {
    for (const [id, detector] of core.store.entries<Detector>(DETECTORS))
      this.all.set(id, detector);
  }

  list(): readonly Detector[] {
    return [...this.all.values()];
  }

  get(id: string): Detector | undefined {
    return this.all.get(id);
  }

  put(detector: Detector): void {
    this.all.set(detector.id, detector);
    this.core.store.put(DETECTORS, detector.id, detector);
  }

  remove(id: string): void {
    this.all.delete(id);
    this.core.store.delete(DETECTORS, id);
  }

  /** An alarm on a band has its detector made when there is none. */
  ensure(subject: Subject): void {
    const id = idOf(subject);
    if (!this.all.has(id)) this.put({ id, subject, configuration: {} });
  }

  readonly learnsFrom: LearnsFrom = (
    { Metric: { Namespace, MetricName, Dimensions }, Stat },
    atMs,
  ) => {
    const metric = { Namespace, MetricName, Dimensions: Dimensions ?? [], Stat };
    const excluded = this.all.get(idOf({ kind: 'SINGLE_METRIC', metric }))?.configuration
      .ExcludedTimeRanges;
    const second = atMs / 1000;
    return !(excluded ?? []).some(
      ({ StartTime, EndTime }) => second >= StartTime && second < EndTime,
    );
  };

  /** By the data of the three hours that a band is learnt from, a minute a point. */
  stateOf({ subject }: Detector): 'PENDING_TRAINING' | 'TRAINED_INSUFFICIENT_DATA' | 'TRAINED' {
    const watched =
      subject.kind === 'SINGLE_METRIC'
        ? [subject.metric]
        : subject.queries.flatMap(({ MetricStat }) =>
            MetricStat === undefined
              ? []
              : [
                  {
                    ...MetricStat.Metric,
                    Dimensions: MetricStat.Metric.Dimensions ?? [],
                    Stat: MetricStat.Stat,
                  },
                ],
          );
    const nowMs = this.core.now();
    const counts = watched.map(({ Namespace, MetricName, Dimensions, Stat }) => {
      const series = this.metrics.find({
        namespace: Namespace,
        name: MetricName,
        dimensions: dimensionsOf(Dimensions),
      });
      return points(series, Stat, 60_000, nowMs - HISTORY_MS, nowMs).length;
    });
    const least = Math.min(...counts);
    if (least === 0) return 'PENDING_TRAINING';
    return least < LEAST_POINTS ? 'TRAINED_INSUFFICIENT_DATA' : 'TRAINED';
  }
}

/** What the band of an alarm's queries is about. */
export function subjectOfBand(queries: readonly MetricQuery[], bandId: string): Subject {
  const expression = queries.find(({ Id }) => Id === bandId)?.Expression ?? '';
  const about = queries.find(({ Id }) => Id === parseExpression(expression).band?.of);
  const stat = about?.MetricStat;
  if (stat === undefined)
    return { kind: 'METRIC_MATH', queries: queries.filter(({ Id }) => Id !== bandId) };
  const { Namespace, MetricName, Dimensions = [] } = stat.Metric;
  return { kind: 'SINGLE_METRIC', metric: { Namespace, MetricName, Dimensions, Stat: stat.Stat } };
}

export function detectorOperations(detectors: Detectors): JsonOperations {
  return {
    PutAnomalyDetector: op(
      z.object({
        ...subjectSchema.omit({ AnomalyDetectorId: true }).shape,
        Configuration: configurationSchema.optional(),
        MetricCharacteristics: characteristicsSchema.optional(),
      }),
      (input) => {
        const subject = subjectOf(input);
        for (const { StartTime, EndTime } of input.Configuration?.ExcludedTimeRanges ?? []) {
          if (StartTime >= EndTime)
            throw invalidValue('The start of an excluded time range must be before its end.');
        }
        const id = idOf(subject);
        detectors.put({
          id,
          subject,
          configuration: input.Configuration ?? {},
          ...(input.MetricCharacteristics === undefined
            ? {}
            : { characteristics: input.MetricCharacteristics }),
        });
        return { AnomalyDetectorId: id };
      },
    ),
    DescribeAnomalyDetectors: op(
      z.object({
        AnomalyDetectorIds: z.array(z.string()).max(50).optional(),
        NextToken: z.string().optional(),
        MaxResults: z.int().min(1).optional(),
        Namespace: z.string().min(1).max(255).optional(),
        MetricName: z.string().min(1).max(255).optional(),
        Dimensions: z.array(dimensionSchema).max(30).optional(),
        AnomalyDetectorTypes: z
          .array(z.enum(['SINGLE_METRIC', 'METRIC_MATH']))
          .max(2)
          .optional(),
      }),
      (input) => {
        const types = input.AnomalyDetectorTypes ?? ['SINGLE_METRIC'];
        const found = detectors
          .list()
          .filter(({ id, subject }) =>
            input.AnomalyDetectorIds === undefined
              ? types.includes(subject.kind) && watches(subject, input)
              : input.AnomalyDetectorIds.includes(id),
          );
        const { items, next } = page(found, input.MaxResults ?? 100, input.NextToken, invalidToken);
        return {
          AnomalyDetectors: items.map((detector) =>
            describe(detector, detectors.stateOf(detector)),
          ),
          NextToken: next,
        };
      },
    ),
    DeleteAnomalyDetector: op(subjectSchema, (input) => {
      const { AnomalyDetectorId, ...rest } = input;
      const id = AnomalyDetectorId ?? idOf(subjectOf(rest));
      if (detectors.get(id) === undefined)
        throw new AwsError(
          'ResourceNotFoundException',
          'The anomaly detector does not exist.',
          404,
          'ResourceNotFoundException',
        );
      detectors.remove(id);
      return {};
    }),
  };
}

function subjectOf(input: Omit<z.output<typeof subjectSchema>, 'AnomalyDetectorId'>): Subject {
  const { SingleMetricAnomalyDetector: single, MetricMathAnomalyDetector: math, ...flat } = input;
  const flatGiven =
    flat.Namespace !== undefined ||
    flat.MetricName !== undefined ||
    flat.Stat !== undefined ||
    flat.Dimensions !== undefined;
  if ([single !== undefined, math !== undefined, flatGiven].filter(Boolean).length > 1)
    throw invalidCombination(
      'Only one of SingleMetricAnomalyDetector, MetricMathAnomalyDetector and the single metric parameters can be specified.',
    );
  if (math !== undefined) return mathSubject(math.MetricDataQueries ?? []);
  const { Namespace, MetricName, Dimensions = [], Stat } = single ?? flat;
  if (Namespace === undefined) throw missing('Namespace');
  if (MetricName === undefined) throw missing('MetricName');
  if (Stat === undefined) throw missing('Stat');
  if (!isStatistic(Stat))
    throw invalidValue(`The value ${Stat} for parameter Stat is not supported.`);
  return { kind: 'SINGLE_METRIC', metric: { Namespace, MetricName, Dimensions, Stat } };
}

function mathSubject(queries: readonly MetricQuery[]): Subject {
  if (queries.length === 0) throw missing('MetricDataQueries');
  const fault = faultInQueries(queries);
  if (fault !== undefined) throw invalidValue(fault);
  if (queries.filter(({ ReturnData }) => ReturnData !== false).length !== 1)
    throw invalidValue('Exactly one element of the metrics list should return data.');
  return { kind: 'METRIC_MATH', queries };
}

function missing(name: string): AwsError {
  return new AwsError(
    'MissingRequiredParameterException',
    `The parameter ${name} is required.`,
    400,
    'MissingParameter',
  );
}

/** The same for the same metric and statistic, whatever the order of its dimensions. */
function idOf(subject: Subject): string {
  const text =
    subject.kind === 'METRIC_MATH'
      ? JSON.stringify(subject.queries)
      : `${seriesKey({
          namespace: subject.metric.Namespace,
          name: subject.metric.MetricName,
          dimensions: dimensionsOf(subject.metric.Dimensions),
        })} ${subject.metric.Stat}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function watches(
  subject: Subject,
  wanted: {
    readonly Namespace?: string | undefined;
    readonly MetricName?: string | undefined;
    readonly Dimensions?: readonly { readonly Name: string; readonly Value: string }[] | undefined;
  },
): boolean {
  const metrics =
    subject.kind === 'SINGLE_METRIC'
      ? [subject.metric]
      : subject.queries.flatMap(({ MetricStat }) => MetricStat?.Metric ?? []);
  return metrics.some(
    ({ Namespace, MetricName, Dimensions = [] }) =>
      (wanted.Namespace === undefined || wanted.Namespace === Namespace) &&
      (wanted.MetricName === undefined || wanted.MetricName === MetricName) &&
      (wanted.Dimensions ?? []).every(({ Name, Value }) =>
        Dimensions.some((other) => other.Name === Name && other.Value === Value),
      ),
  );
}

function describe(
  { id, subject, configuration, characteristics }: Detector,
  state: string,
): Record<string, unknown> {
  return {
    AnomalyDetectorId: id,
    ...(subject.kind === 'SINGLE_METRIC'
      ? { ...subject.metric, SingleMetricAnomalyDetector: subject.metric }
      : { MetricMathAnomalyDetector: { MetricDataQueries: subject.queries } }),
    Configuration: { ExcludedTimeRanges: [], ...configuration },
    ...(characteristics === undefined ? {} : { MetricCharacteristics: characteristics }),
    StateValue: state,
  };
}
