import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import {
  evaluationMetrics,
  METRICS_NAMESPACE,
  verdictMetrics,
  waitMetrics,
  windowMetrics,
  type CustomMetric,
} from '../../../domain/custom-metrics.js';
import { ENDPOINT_METRICS } from '../../../domain/endpoint-metrics.js';
import { managedAlarms } from '../../../domain/managed-alarms.js';
import { policyWith } from '../../activities/support.js';
import { stackOf, type Resource } from './template.js';

/** What PutDashboard takes of the widgets that ours has. */
const place = {
  x: z.int().min(0).max(23),
  y: z.int().min(0),
  width: z.int().min(1).max(24),
  height: z.int().min(1).max(1_000),
};
const optionsSchema = z.strictObject({
  expression: z.string().optional(),
  id: z
    .string()
    .regex(/^[a-z]\w*$/)
    .optional(),
  label: z.string().optional(),
  stat: z
    .string()
    .regex(/^(Average|Sum|Minimum|Maximum|SampleCount|p\d+)$/)
    .optional(),
});
const axisSchema = z.strictObject({ min: z.number().optional(), max: z.number().optional() });
const bodySchema = z.strictObject({
  start: z.string().regex(/^-P\d+D$/),
  periodOverride: z.enum(['auto', 'inherit']),
  widgets: z
    .array(
      z.discriminatedUnion('type', [
        z.strictObject({
          type: z.literal('text'),
          ...place,
          properties: z.strictObject({ markdown: z.string().min(1) }),
        }),
        z.strictObject({
          type: z.literal('alarm'),
          ...place,
          properties: z.strictObject({
            title: z.string(),
            alarms: z.array(z.string().startsWith('arn:aws:cloudwatch:')).min(1).max(100),
          }),
        }),
        z.strictObject({
          type: z.literal('metric'),
          ...place,
          properties: z.strictObject({
            title: z.string().min(1),
            view: z.literal('timeSeries'),
            stacked: z.boolean(),
            region: z.literal('us-east-1'),
            stat: z.string(),
            period: z.int().multipleOf(60),
            yAxis: z.strictObject({ left: axisSchema }).optional(),
            metrics: z.array(z.array(z.union([z.string(), optionsSchema])).min(1)).min(1),
          }),
        }),
      ]),
    )
    .max(500),
});

const GIVEN = { Model: 'flights', EndpointName: 'Flights-Live', AlarmsSource: 'health' };
const bodyOf = (given: Readonly<Record<string, string>> = GIVEN) => {
  const { Dashboard } = stackOf('dashboard.yaml', given).resources as { Dashboard: Resource };
  return bodySchema.parse(JSON.parse(String(Dashboard.Properties['DashboardBody'])));
};

/** Metrics by namespace, name and names of dimensions, those in the order of the alphabet. */
const shapeOf = (namespace: string, name: string, dimensions: readonly string[]): string =>
  [namespace, name, ...[...dimensions].sort()].join(' ');

/** The metrics that the dashboard reads, those of searches among them. */
function shapesRead(): readonly string[] {
  return bodyOf().widgets.flatMap((widget) =>
    widget.type !== 'metric'
      ? []
      : widget.properties.metrics.map((metric) => {
          const options = metric.at(-1);
          if (typeof options === 'object' && options.expression !== undefined) {
            const [, namespace = '', dimensions = '', name = ''] =
              /SEARCH\('\{([^,}]+),([^}]+)\} MetricName="(\w+)" Model="flights"/.exec(
                options.expression,
              ) ?? [];
            return shapeOf(namespace, name, dimensions.split(','));
          }
          const [namespace = '', name = '', ...rest] = metric.filter(
            (part) => typeof part === 'string',
          );
          return shapeOf(
            namespace,
            name,
            rest.filter((_, index) => index % 2 === 0),
          );
        }),
  );
}

const window = {
  source: 'inputs',
  fromMs: 0,
  toMs: 1,
  rows: 5,
  columns: [{ name: 'age', jsDistance: 0.1 }],
  metric: { name: 'auc', estimate: 0.8 },
} as unknown as Parameters<typeof windowMetrics>[1];
const evaluation = {
  candidate: [{ metric: 'auc', estimate: 0.8 }],
  champion: [],
} as unknown as Parameters<typeof evaluationMetrics>[1];
const published: readonly CustomMetric[] = [
  ...windowMetrics('flights', window),
  ...windowMetrics('flights', { ...window, revision: 1 }),
  ...verdictMetrics('flights', 'healthy', 0),
  ...waitMetrics('flights', { requestedAtMs: 0 }, 0),
  ...evaluationMetrics('flights', evaluation, 0),
];
const shapesPublished = new Set(
  published.map(({ name, dimensions }) =>
    shapeOf(METRICS_NAMESPACE, name, Object.keys(dimensions)),
  ),
);

/** Of AWS's own: what Hosting, SQS and EventBridge publish. */
const VARIANT = ['EndpointName', 'VariantName'];
const shapesOfAws = new Set([
  ...ENDPOINT_METRICS.flatMap((name) => [
    shapeOf(
      name.endsWith('Utilization') ? '/aws/sagemaker/Endpoints' : 'AWS/SageMaker',
      name,
      VARIANT,
    ),
  ]),
  ...[
    'ApproximateNumberOfMessagesVisible',
    'ApproximateNumberOfMessagesNotVisible',
    'ApproximateAgeOfOldestMessage',
  ].map((name) => shapeOf('AWS/SQS', name, ['QueueName'])),
  ...['Invocations', 'FailedInvocations'].map((name) => shapeOf('AWS/Events', name, ['RuleName'])),
]);

describe('the dashboard', () => {
  it('is what CloudWatch takes, with a source of alarms and without', () => {
    expect(bodyOf().widgets.length).toBeGreaterThan(10);
    const alarms = bodyOf({ Model: 'flights', EndpointName: 'flights' }).widgets.find(
      ({ type }) => type === 'alarm',
    );
    expect(alarms?.properties).toMatchObject({
      alarms: ['arn:aws:cloudwatch:us-east-1:111122223333:alarm:modelkeeper-events-dead-letters'],
    });
  });

  it('reads no metric that neither modelkeeper nor AWS publishes', () => {
    const unknown = shapesRead().filter(
      (shape) => !shapesPublished.has(shape) && !shapesOfAws.has(shape),
    );
    expect(unknown).toEqual([]);
  });

  it('shows every metric that modelkeeper publishes', () => {
    const read = new Set(shapesRead());
    expect([...shapesPublished].filter((shape) => !read.has(shape))).toEqual([]);
  });

  it('puts no widget over another, and none beyond the edge', () => {
    const { widgets } = bodyOf();
    const cells = widgets.flatMap(({ x, y, width, height }) =>
      Array.from({ length: width * height }, (_, at) =>
        [x + (at % width), y + Math.floor(at / width)].join(','),
      ),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...widgets.map(({ x, width }) => x + width))).toBe(24);
  });

  it('names alarms that the keeper makes, and the one on dead letters', () => {
    const made = managedAlarms(policyWith(), 'health', undefined).map(
      ({ name }) => `arn:aws:cloudwatch:us-east-1:111122223333:alarm:${name}`,
    );
    const { AlarmName } = stackOf('events.yaml').resources['DeadLetterAlarm']?.Properties ?? {};
    const shown = bodyOf().widgets.flatMap((widget) =>
      widget.type === 'alarm' ? widget.properties.alarms : [],
    );
    expect(shown.length).toBeGreaterThan(3);
    expect(
      shown.filter((arn) => !made.includes(arn) && !arn.endsWith(`:alarm:${String(AlarmName)}`)),
    ).toEqual([]);
  });

  it('looks at the queues and rules that the stack of events makes', () => {
    const { resources } = stackOf('events.yaml');
    const made = Object.values(resources).flatMap(({ Properties }) => [
      Properties['QueueName'],
      Properties['Name'],
    ]);
    const named = bodyOf().widgets.flatMap((widget) =>
      widget.type !== 'metric'
        ? []
        : widget.properties.metrics.flatMap((metric) => {
            const at = metric.findIndex((part) => part === 'QueueName' || part === 'RuleName');
            return at < 0 ? [] : [metric[at + 1]];
          }),
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !made.includes(name))).toEqual([]);
  });
});
