import { describe, expect, it } from 'vitest';

import { parseBody } from '../../../client/bridge/events.schema.js';
import { routeEvent, routeReleaseName, type Route } from '../../../client/bridge/route.js';
import { eventOf, place, sample, type Sample } from './fixtures.js';

const PLACES = [
  place('flight'),
  place('flight-delays'),
  place('churn', { alarms: ['team-alarm'] }),
];

function changed(name: string, detail: Record<string, unknown>, region = 'us-east-1'): Sample {
  const event = sample(name);
  return { ...event, region, detail: { ...event.detail, ...detail } };
}

const state = (value: string) => ({ state: { value, timestamp: '2026-03-01T12:00:00.000+0000' } });

function targetsOf(route: Route): readonly string[] {
  return route.kind === 'hint' ? route.targets.map((target) => target.workflowId) : [route.kind];
}

describe('an event', () => {
  it.each([
    'pipeline-execution',
    'pipeline-step',
    'training-job',
    'processing-job',
    'endpoint',
    'endpoint-deployment',
    'model-package',
    'alarm',
  ])('as AWS publishes it (%s) is read, and is nobody’s here', (name) => {
    expect(routeEvent(eventOf(sample(name)), PLACES)).toMatchObject({ kind: 'unmanaged' });
  });

  it.each<[string, Sample, readonly string[]]>([
    [
      'of an endpoint goes to its keeper, whatever the case of its name',
      changed('endpoint', { EndpointName: 'Flight-Delays' }),
      ['keeper/flight-delays'],
    ],
    [
      'of an endpoint in another Region goes nowhere',
      changed('endpoint', { EndpointName: 'flight-delays' }, 'eu-west-1'),
      ['unmanaged'],
    ],
    [
      'of a rollout goes to keeper and release',
      changed('endpoint-deployment', {
        EndpointName: 'flight-delays',
        PendingDeploymentSummary: { EndpointConfigName: 'flight-delays-7' },
      }),
      ['keeper/flight-delays', 'release/flight-delays/7'],
    ],
    [
      'of one endpoint with the config of another model hints only the endpoint’s keeper',
      changed('endpoint', { EndpointName: 'churn', EndpointConfigName: 'flight-delays-7' }),
      ['keeper/churn'],
    ],
    [
      'of a managed alarm goes to the model with the longest name that fits',
      changed('alarm', { alarmName: 'modelkeeper-flight-delays-cpu' }),
      ['keeper/flight-delays'],
    ],
    [
      'of a rollback alarm that goes off goes to the release as well',
      changed('alarm', { alarmName: 'modelkeeper-flight-release-12-errors', ...state('ALARM') }),
      ['keeper/flight', 'release/flight/12'],
    ],
    [
      'of a rollback alarm that is quiet again goes to the keeper alone',
      changed('alarm', { alarmName: 'modelkeeper-flight-release-12-errors', ...state('OK') }),
      ['keeper/flight'],
    ],
    [
      'of an alarm the policy names goes to that keeper',
      changed('alarm', { alarmName: 'team-alarm' }),
      ['keeper/churn'],
    ],
    [
      'of somebody’s alarm on a kept endpoint goes to its keeper',
      changed('alarm', {
        configuration: {
          metrics: [{ metricStat: { metric: { dimensions: { EndpointName: 'churn' } } } }],
        },
      }),
      ['keeper/churn'],
    ],
    [
      'of a composite alarm, which has no metrics, is nobody’s',
      changed('alarm', { configuration: { alarmRule: 'ALARM(a) OR ALARM(b)' } }),
      ['unmanaged'],
    ],
    [
      'of a model package goes to the keeper of its group',
      changed('model-package', { ModelPackageGroupName: 'churn' }),
      ['keeper/churn'],
    ],
    [
      'of our pipeline execution goes to its release',
      changed('pipeline-execution', { pipelineExecutionDisplayName: 'flight-delays-7' }),
      ['release/flight-delays/7'],
    ],
    [
      'of a later round and try of our execution goes to its release',
      changed('pipeline-execution', { pipelineExecutionDisplayName: 'flight-delays-7-2-t3' }),
      ['release/flight-delays/7'],
    ],
    [
      'of a pipeline execution by another name is nobody’s',
      changed('pipeline-execution', { pipelineExecutionDisplayName: 'nightly-7' }),
      ['unmanaged'],
    ],
    [
      'of a step in a pipeline we retrain by is looked up',
      changed('pipeline-step', {
        pipelineArn: 'arn:aws:sagemaker:us-east-1:111122223333:pipeline/churn-train',
      }),
      ['look up execution'],
    ],
    [
      'of a job with one of our names goes to its release',
      changed('training-job', { TrainingJobName: 'churn-3' }),
      ['release/churn/3'],
    ],
  ])('%s', (_claim, event, expected) => {
    expect(targetsOf(routeEvent(eventOf(event), PLACES))).toEqual(expected);
  });

  it('of a kind nobody needs is unmanaged, not unreadable', () => {
    const event = { ...sample('endpoint'), 'detail-type': 'SageMaker Model Card State Change' };
    expect(routeEvent(eventOf(event), PLACES)).toMatchObject({ kind: 'unmanaged' });
  });

  it('with a detail-type that is a member of every object is unmanaged', () => {
    const event = { ...sample('endpoint'), 'detail-type': 'constructor' };
    expect(routeEvent(eventOf(event), PLACES)).toMatchObject({ kind: 'unmanaged' });
  });

  it('through SNS is read wrapped and raw, as EventBridge’s and as CloudWatch’s', () => {
    const notification = (message: unknown): unknown => ({
      Type: 'Notification',
      MessageId: 'b6f2a2a4-0b9a-4f7c-8d4e-2f3f7c7a1b11',
      TopicArn: 'arn:aws:sns:us-east-1:111122223333:alarms',
      Message: JSON.stringify(message),
      Timestamp: '2026-03-01T12:00:00.000Z',
    });
    const message = sample('alarm-sns-message');
    const event = changed('alarm', { alarmName: 'modelkeeper-flight-delays-latency' });
    for (const body of [message, notification(message), event, notification(event)])
      expect(targetsOf(routeEvent(eventOf(body), PLACES))).toEqual(['keeper/flight-delays']);
  });

  it('about an expression, through SNS, leads to the endpoint of its metrics', () => {
    const message = {
      AlarmName: 'ratio-of-errors',
      NewStateValue: 'ALARM',
      StateChangeTime: '2026-03-01T12:00:00.000+0000',
      AlarmArn: 'arn:aws:cloudwatch:us-east-1:111122223333:alarm:ratio-of-errors',
      Trigger: {
        Period: 60,
        Metrics: [
          { Id: 'ratio', Expression: 'errors / all', ReturnData: true },
          {
            Id: 'errors',
            MetricStat: {
              Metric: {
                MetricName: 'Invocation5XXErrors',
                Namespace: 'AWS/SageMaker',
                Dimensions: [
                  { name: 'VariantName', value: 'AllTraffic' },
                  { name: 'EndpointName', value: 'churn' },
                ],
              },
              Period: 60,
              Stat: 'Sum',
            },
            ReturnData: false,
          },
        ],
      },
    };
    expect(targetsOf(routeEvent(eventOf(message), PLACES))).toEqual(['keeper/churn']);
  });

  it.each<[string, Sample, readonly string[]]>([
    [
      'endpoint',
      changed('endpoint', {
        EndpointName: 'churn',
        EndpointArn: null,
        EndpointConfigName: null,
        LastModifiedTime: null,
        PendingDeploymentSummary: null,
      }),
      ['keeper/churn'],
    ],
    [
      'endpoint with a summary of another shape',
      changed('endpoint', { EndpointName: 'churn', PendingDeploymentSummary: 'none' }),
      ['keeper/churn'],
    ],
    [
      'alarm',
      changed('alarm', {
        alarmName: 'modelkeeper-churn-cpu',
        state: { value: 'ALARM', timestamp: null },
        configuration: null,
      }),
      ['keeper/churn'],
    ],
    [
      'pipeline execution',
      changed('pipeline-execution', {
        pipelineExecutionDisplayName: 'churn-3',
        pipelineArn: null,
        executionEndTime: null,
      }),
      ['release/churn/3'],
    ],
    [
      'pipeline step',
      changed('pipeline-step', {
        pipelineArn: 'arn:aws:sagemaker:us-east-1:111122223333:pipeline/churn-train',
        stepEndTime: null,
        cacheHitResult: null,
      }),
      ['look up execution'],
    ],
    [
      'model package',
      changed('model-package', {
        ModelPackageGroupName: 'churn',
        ModelApprovalStatus: null,
        LastModifiedTime: null,
      }),
      ['keeper/churn'],
    ],
    [
      'model package outside of a group',
      changed('model-package', { ModelPackageGroupName: null }),
      ['unmanaged'],
    ],
  ])('that says nothing by null is read: %s', (_what, event, expected) => {
    expect(targetsOf(routeEvent(eventOf(event), PLACES))).toEqual(expected);
  });

  it('keeps its key over repeats, and changes it with the state', () => {
    const keyOf = (value: Sample): string => {
      const event = eventOf(value);
      return event.about === 'other' ? '' : event.key;
    };
    const first = sample('endpoint');
    expect(keyOf({ ...first, id: 'another', time: 'later' })).toBe(keyOf(first));
    expect(keyOf(changed('endpoint', { EndpointStatus: 'InService' }))).toBe(keyOf(first));
    expect(keyOf(changed('endpoint', { EndpointStatus: 'UPDATING' }))).not.toBe(keyOf(first));
    expect(keyOf(changed('endpoint', { LastModifiedTime: 1 }))).not.toBe(keyOf(first));
  });

  it.each<[string, string]>([
    ['nothing', ''],
    ['not JSON', '{"detail-type":'],
    ['a number', '42'],
    ['null', 'null'],
    ['a list', '[]'],
    [
      'no detail',
      JSON.stringify({ source: 'aws.sagemaker', 'detail-type': 'SageMaker Endpoint State Change' }),
    ],
    [
      'a detail that lost its endpoint',
      JSON.stringify(changed('endpoint', { EndpointName: undefined })),
    ],
    ['a name that is a number', JSON.stringify(changed('alarm', { alarmName: 7 }))],
    [
      'an SNS message that is no JSON',
      JSON.stringify({
        Type: 'Notification',
        TopicArn: 'arn:aws:sns:us-east-1:111122223333:a',
        Message: 'hello',
      }),
    ],
  ])('with %s is unreadable', (_what, body) => {
    expect(parseBody(body).kind).toBe('unreadable');
  });

  it('with new fields and values AWS has not published yet is still read', () => {
    const event = changed('endpoint', {
      EndpointName: 'churn',
      EndpointStatus: 'SOME_NEW_STATE',
      NewField: { nested: true },
    });
    expect(targetsOf(routeEvent(eventOf(event), PLACES))).toEqual(['keeper/churn']);
  });
});

describe('a display name', () => {
  it.each([
    ['flight-delays-7', 'hint'],
    ['unknown-model-7', 'unmanaged'],
    ['flight-delays', 'unmanaged'],
    [null, 'unmanaged'],
  ])('%s is %s', (name, kind) => {
    expect(routeReleaseName(name, 'about', PLACES).kind).toBe(kind);
  });
});
