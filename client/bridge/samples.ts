/** One event of each type that the bridge understands, as AWS sends it, about what a policy names. */

export interface SampleNames {
  readonly account: string;
  readonly region: string;
  readonly partition: string;
  readonly model: string;
  readonly endpoint: string;
  readonly group: string;
  readonly pipeline: string;
}

export interface SampleEvent {
  readonly type: string;
  /** What it makes sooner; `null` for events without which nothing is slower, since another one tells the same. */
  readonly tells: string | null;
  readonly event: Readonly<Record<string, unknown>>;
}

const AT = '2026-03-01T12:00:00Z';
const AT_MS = Date.parse(AT);

export function sampleEvents(names: SampleNames): readonly SampleEvent[] {
  const { account, region, partition, model, endpoint, group, pipeline } = names;
  const arn = (service: string, resource: string): string =>
    `arn:${partition}:${service}:${region}:${account}:${resource}`;
  const sample = (
    type: string,
    tells: string | null,
    resource: string,
    detail: Readonly<Record<string, unknown>>,
    service = 'sagemaker',
  ): SampleEvent => ({
    type,
    tells,
    event: {
      version: '0',
      id: '0f8a4c1e-5d1b-4f0e-9b0a-7c3c5e2d9a11',
      'detail-type': type,
      source: `aws.${service}`,
      account,
      time: AT,
      region,
      resources: [arn(service, resource)],
      detail,
    },
  });

  const endpointArn = arn('sagemaker', `endpoint/${endpoint.toLowerCase()}`);
  const serving = {
    EndpointName: endpoint,
    EndpointArn: endpointArn,
    EndpointConfigName: `${model}-1`,
    EndpointStatus: 'IN_SERVICE',
    LastModifiedTime: AT_MS,
    Tags: {},
  };
  const pipelineArn = arn('sagemaker', `pipeline/${pipeline.toLowerCase()}`);
  const executionArn = `${pipelineArn}/execution/abcdefghijkl`;
  const job = (kind: string): Readonly<Record<string, unknown>> => ({
    [`${kind}JobName`]: `${model}-1`,
    [`${kind}JobStatus`]: 'Completed',
    LastModifiedTime: AT_MS,
  });

  return [
    sample(
      'SageMaker Endpoint State Change',
      'that an endpoint serves, or does not',
      `endpoint/${endpoint.toLowerCase()}`,
      serving,
    ),
    sample(
      'SageMaker Endpoint Deployment State Change',
      'each step of a rollout',
      `endpoint/${endpoint.toLowerCase()}`,
      {
        ...serving,
        EndpointStatus: 'UPDATING',
        PendingDeploymentSummary: {
          EndpointConfigName: `${model}-2`,
          ProductionVariants: [
            { VariantName: 'AllTraffic', VariantStatus: [{ Status: 'Baking' }] },
          ],
        },
      },
    ),
    sample(
      'SageMaker Model Building Pipeline Execution Status Change',
      'that a training has ended',
      `pipeline/${pipeline.toLowerCase()}`,
      {
        pipelineArn,
        pipelineExecutionArn: executionArn,
        pipelineExecutionDisplayName: `${model}-1`,
        previousPipelineExecutionStatus: 'Executing',
        currentPipelineExecutionStatus: 'Succeeded',
        executionStartTime: AT,
        executionEndTime: AT,
      },
    ),
    sample(
      'SageMaker Model Package State Change',
      'a decision in SageMaker Studio',
      `model-package/${group.toLowerCase()}/1`,
      {
        ModelPackageGroupName: group,
        ModelPackageVersion: 1,
        ModelPackageArn: arn('sagemaker', `model-package/${group.toLowerCase()}/1`),
        ModelPackageStatus: 'Completed',
        ModelApprovalStatus: 'Approved',
        LastModifiedTime: AT,
      },
    ),
    sample(
      'CloudWatch Alarm State Change',
      'an alarm',
      `alarm:modelkeeper-${model}-health-latency`,
      {
        alarmName: `modelkeeper-${model}-health-latency`,
        configuration: {
          metrics: [
            {
              id: 'm1',
              metricStat: {
                metric: {
                  namespace: 'AWS/SageMaker',
                  name: 'ModelLatency',
                  dimensions: { EndpointName: endpoint, VariantName: 'AllTraffic' },
                },
                period: 60,
                stat: 'p99',
              },
              returnData: true,
            },
          ],
        },
        previousState: { value: 'OK', reason: 'Threshold Crossed', timestamp: AT },
        state: { value: 'ALARM', reason: 'Threshold Crossed', timestamp: AT },
      },
      'cloudwatch',
    ),
    sample(
      'SageMaker Model Building Pipeline Execution Step Status Change',
      null,
      `pipeline/${pipeline.toLowerCase()}`,
      {
        pipelineArn,
        pipelineExecutionArn: executionArn,
        stepName: 'train',
        stepType: 'Training',
        currentStepStatus: 'Succeeded',
        stepStartTime: AT,
        stepEndTime: AT,
      },
    ),
    sample('SageMaker Training Job State Change', null, `training-job/${model}-1`, job('Training')),
    sample(
      'SageMaker Processing Job State Change',
      null,
      `processing-job/${model}-1`,
      job('Processing'),
    ),
    sample(
      'SageMaker Transform Job State Change',
      null,
      `transform-job/${model}-1`,
      job('Transform'),
    ),
  ];
}
