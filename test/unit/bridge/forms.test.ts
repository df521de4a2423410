import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { COUNTED_TYPES, instantOf, parseBody } from '../../../client/bridge/events.schema.js';
import { createBridgeMetrics } from '../../../client/bridge/metrics.js';
import { routeEvent } from '../../../client/bridge/route.js';
import { eventOf, place, sample } from './fixtures.js';
import type { Sample } from './fixtures.js';

const PLACES = [place('flight'), place('flight-delays'), place('churn')];

const keyOf = (event: unknown): string => {
  const read = eventOf(event);
  return read.about === 'other' ? 'other' : read.key;
};
const withDetail = (name: string, detail: Record<string, unknown>): Sample => {
  const event = sample(name);
  return { ...event, detail: { ...event.detail, ...detail } };
};
const routed = (event: unknown, region = 'us-east-1'): readonly string[] => {
  const route = routeEvent(eventOf({ ...(event as object), region }), PLACES);
  return route.kind === 'hint' ? route.targets.map(({ workflowId }) => workflowId) : [route.kind];
};

describe('an instant', () => {
  it.each([
    1583831889050,
    1583831889050.0,
    '1583831889050',
    '1583831889050.0',
    '2020-03-10T09:18:09.050Z',
    '2020-03-10T09:18:09.050+0000',
    '2020-03-10T10:18:09.050+01:00',
    1583831889.05,
    '1583831889.05',
  ])('is the same however AWS writes it (%s)', (moment) => {
    expect(instantOf(moment)).toBe(1583831889050);
  });
  it('that is none is compared as it is', () => {
    expect(instantOf('soon')).toBe('soon');
    expect(instantOf('')).toBe('');
    expect(instantOf(undefined)).toBeNull();
  });
});

describe('a change whose instant the event does not tell', () => {
  it.each(['endpoint', 'training-job', 'processing-job', 'model-package'])(
    'is told from the next one by when it was sent: %s',
    (name) => {
      const at = (time: string) => keyOf({ ...withDetail(name, { LastModifiedTime: null }), time });
      expect(at('2026-11-29T10:00:00Z')).toBe(at('2026-11-29T10:00:00.000Z'));
      expect(at('2026-11-29T10:00:00Z')).not.toBe(at('2026-11-29T10:05:00Z'));
    },
  );
  it('goes by the change alone where the event tells it', () => {
    const sent = (time: string) => keyOf({ ...sample('endpoint'), time });
    expect(sent('2026-11-29T10:00:00Z')).toBe(sent('2026-11-29T10:05:00Z'));
  });
});

describe('one change of state', () => {
  it.each<[string, string, Record<string, unknown>, Record<string, unknown>]>([
    [
      'of an endpoint, with another case, another spelling of the status and a float',
      'endpoint',
      { EndpointStatus: 'IN_SERVICE', LastModifiedTime: 1592411994287 },
      {
        EndpointStatus: 'InService',
        EndpointArn: 'ARN:…:endpoint/Segments',
        LastModifiedTime: '1592411994287.0',
      },
    ],
    [
      'of a training job, with ISO time',
      'training-job',
      { LastModifiedTime: '1583831889050' },
      { LastModifiedTime: '2020-03-10T09:18:09.050Z' },
    ],
    [
      'of a model package, with a numeric time',
      'model-package',
      { LastModifiedTime: '2021-02-24T17:00:14Z' },
      { LastModifiedTime: Date.UTC(2021, 1, 24, 17, 0, 14) },
    ],
  ])('%s has one key', (_what, name, one, other) => {
    const lower = { EndpointArn: 'arn:…:endpoint/segments' };
    const same = name === 'endpoint' ? lower : {};
    expect(
      keyOf(
        withDetail(name, {
          ...other,
          ...(name === 'endpoint' ? { EndpointArn: 'arn:…:endpoint/Segments' } : {}),
        }),
      ),
    ).toBe(keyOf(withDetail(name, { ...one, ...same })));
  });
  it.each<[string, string, Record<string, unknown>]>([
    ['endpoint', 'another config', { EndpointConfigName: 'other' }],
    ['endpoint', 'a later time', { LastModifiedTime: 1592411994288 }],
    ['training-job', 'another status', { TrainingJobStatus: 'Failed' }],
    ['model-package', 'another approval', { ModelApprovalStatus: 'Approved' }],
    ['pipeline-execution', 'another end', { executionEndTime: '2021-03-15T16:10:11Z' }],
    [
      'alarm',
      'another state',
      { state: { value: 'OK', timestamp: '2019-10-02T17:04:40.989+0000' } },
    ],
  ])('of %s is another one with %s', (name, _what, change) => {
    expect(keyOf(withDetail(name, change))).not.toBe(keyOf(sample(name)));
  });
});

describe('an event', () => {
  it.each<[string, string, readonly string[]]>([
    [
      'of a transform job goes to the release it is named after',
      'transform-job',
      ['release/flight-delays/7'],
    ],
    [
      'of a rule with a schedule goes to the model it is named after',
      'scheduled-rule',
      ['keeper/flight-delays'],
    ],
    [
      'of EventBridge Scheduler, whose detail is a text, likewise',
      'scheduled-scheduler',
      ['keeper/flight-delays'],
    ],
    ['of a monitoring schedule is only counted', 'monitoring-schedule', ['unmanaged']],
    [
      'of a composite alarm goes to the models whose alarms it is made of',
      'alarm-composite',
      ['keeper/churn'],
    ],
    [
      'of an anomaly alarm goes to the model of the endpoint in its metrics',
      'alarm-anomaly',
      ['keeper/churn'],
    ],
  ])('%s', (_what, name, targets) => {
    expect(routed(sample(name))).toEqual(targets);
  });
  it('of a muted alarm is a hint like any other: muting is for people', () => {
    const muted = withDetail('alarm-muted', { alarmName: 'modelkeeper-churn-cpu' });
    expect(routed(muted)).toEqual(['keeper/churn']);
  });
  it('of a schedule in another Region, or by another name, goes nowhere', () => {
    expect(routed(sample('scheduled-rule'), 'eu-west-1')).toEqual(['unmanaged']);
    const nightly = {
      ...sample('scheduled-rule'),
      resources: ['arn:aws:events:us-east-1:1:rule/nightly'],
    };
    expect(routed(nightly)).toEqual(['unmanaged']);
  });
  it('whose ARNs spell names in lower case finds its model', () => {
    const places = [place('churn', { pipeline: 'ChurnTrain', group: 'ChurnGroup' })];
    const step = withDetail('pipeline-step', {
      pipelineArn: 'arn:aws:sagemaker:us-east-1:111122223333:pipeline/churntrain',
    });
    expect(routeEvent(eventOf(step), places).kind).toBe('look up execution');
    const nameless = {
      ...sample('model-package'),
      region: 'us-east-1',
      detail: {
        ...sample('model-package').detail,
        ModelPackageGroupName: null,
        ModelPackageArn: 'arn:aws:sagemaker:us-east-1:111122223333:model-package/churngroup/2',
      },
    };
    expect(routeEvent(eventOf(nameless), places)).toMatchObject({
      targets: [{ workflowId: 'keeper/churn' }],
    });
  });
  it('through SNS is the same, wrapped or raw, and has the same key', () => {
    const event = sample('endpoint');
    const wrapped = {
      Type: 'Notification',
      TopicArn: 'arn:aws:sns:us-east-1:111122223333:events',
      Message: JSON.stringify(event),
    };
    expect(eventOf(wrapped)).toEqual(eventOf(event));
  });
  it('of any shape is read, counted or refused, and never throws', () => {
    const names = [
      'alarm',
      'alarm-composite',
      'endpoint',
      'endpoint-deployment',
      'model-package',
      'pipeline-execution',
      'pipeline-step',
      'processing-job',
      'scheduled-rule',
      'training-job',
      'transform-job',
    ];
    const change = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 5 });
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        change,
        change,
        fc.jsonValue(),
        (name, top, detail, one) => {
          const event = sample(name);
          const members = Object.keys(event.detail);
          for (const body of [
            { ...event, ...top },
            { ...event, detail: { ...event.detail, ...detail } },
            ...members.map((member) => ({ ...event, detail: { ...event.detail, [member]: one } })),
            { ...event, detail: one },
          ]) {
            const parsed = parseBody(JSON.stringify(body));
            if (parsed.kind === 'event') routeEvent(parsed.event, PLACES);
            else expect(parsed.reason).not.toBe('');
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('types', () => {
  it.each([
    ['endpoint', 'SageMaker Endpoint State Change'],
    ['monitoring-schedule', 'SageMaker Monitoring Schedule State Change'],
    ['alarm-sns-message', 'CloudWatch Alarm State Change'],
    ['scheduled-rule', 'Scheduled Event'],
  ])('are counted by name (%s)', (name, type) => {
    expect(parseBody(JSON.stringify(sample(name)))).toMatchObject({ type });
  });
  it('that nobody knows are counted as other, so that nobody can make counters', () => {
    const strange = { ...sample('endpoint'), 'detail-type': 'Evil"} 1\nx' };
    expect(parseBody(JSON.stringify(strange))).toMatchObject({ type: 'other' });
    expect(COUNTED_TYPES.every((type) => /^[\w ]+$/.test(type))).toBe(true);
  });
  it('stand in the metrics', () => {
    const metrics = createBridgeMetrics();
    metrics.countType('Scheduled Event');
    metrics.countType('Scheduled Event');
    expect(metrics.text(0)).toContain(
      'modelkeeper_bridge_events_total{detail_type="Scheduled Event"} 2',
    );
  });
});
