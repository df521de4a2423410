/** What the worker needs for one policy, and under which identity: for `modelkeeper doctor`. */
import type { Policy } from './policy.schema.js';
import { alarmPrefix, releaseName } from './names.js';
import { stageRole, STAGES, type Stage } from './roles.js';

/** Where the endpoint is. */
export interface Place {
  /** `aws`, `aws-cn`, … */
  readonly partition: string;
  readonly account: string;
  readonly region: string;
}

export interface NeededPermission {
  /** `own` for what the worker does as itself, whatever roles there are. */
  readonly stage: Stage | 'own';
  readonly action: string;
  /** An example of what it is done to: of the names that a release gives, those of the first one. */
  readonly resource: string;
  /** Values of condition keys that the request carries. */
  readonly context: Readonly<Record<string, string>>;
}

const NAMESPACE = { 'cloudwatch:namespace': 'modelkeeper' };
const TO_SAGEMAKER = { 'iam:PassedToService': 'sagemaker.amazonaws.com' };
const SCALING = { 'application-autoscaling:service-namespace': 'sagemaker' };

/** Names in SageMaker's ARNs are in lower case, whatever their case elsewhere. */
export function neededPermissions(policy: Policy, place: Place): readonly NeededPermission[] {
  const { spec, metadata } = policy;
  const { partition, account, region } = place;
  const sagemaker = (resource: string): string =>
    `arn:${partition}:sagemaker:${region}:${account}:${resource}`;
  const need = (
    stage: Stage | 'own',
    resource: string,
    actions: readonly string[],
    context: Readonly<Record<string, string>> = {},
  ): readonly NeededPermission[] => actions.map((action) => ({ stage, action, resource, context }));
  const object = (uri: string, key = ''): string =>
    `arn:${partition}:s3:::${uri.replace(/^s3:\/\//, '').replace(/\/*$/, '')}${key}`;
  const bucket = (uri: string): string =>
    `arn:${partition}:s3:::${/^s3:\/\/([^/]+)/.exec(uri)?.[1] ?? ''}`;

  const endpoint = sagemaker(`endpoint/${spec.endpoint.name.toLowerCase()}`);
  const first = releaseName(metadata.name, 1);
  const model = sagemaker(`model/${first}`);
  const config = sagemaker(`endpoint-config/${first}`);
  const group = spec.registry.group.toLowerCase();
  const version = sagemaker(`model-package/${group}/1`);
  const roles = STAGES.flatMap((stage) => stageRole(spec, stage)?.arn ?? []);
  const { pipeline, trainingJob, evaluationJob } = spec.retrain;
  const passed = new Set(
    [trainingJob?.role, evaluationJob?.role].filter((arn) => arn !== undefined),
  );
  const data = spec.monitor.sources.flatMap((source) =>
    source.kind === 'ground-truth'
      ? [source.labels]
      : source.kind === 'captured-inputs' && source.baseline !== 'champion'
        ? [source.baseline]
        : [],
  );
  const monitors = spec.monitor.sources.flatMap((source) =>
    source.kind === 'model-monitor' ? [source.schedule.toLowerCase()] : [],
  );
  const bus = spec.events?.bus;

  return [
    ...need('own', object(spec.storage, '/ledger/1'), ['s3:GetObject', 's3:PutObject']),
    ...need('own', bucket(spec.storage), ['s3:ListBucket']),
    ...(spec.notify === undefined ? [] : need('own', spec.notify.topic, ['sns:Publish'])),
    ...(spec.approve.escalate === undefined
      ? []
      : need('own', spec.approve.escalate.to, ['sns:Publish'])),
    ...(bus === undefined
      ? []
      : need(
          'own',
          bus.startsWith('arn:')
            ? bus
            : `arn:${partition}:events:${region}:${account}:event-bus/${bus}`,
          ['events:PutEvents'],
        )),
    ...[...new Set(roles)].flatMap((arn) => need('own', arn, ['sts:AssumeRole'])),

    ...need('read', endpoint, ['sagemaker:DescribeEndpoint', 'sagemaker:ListTags']),
    ...need('read', config, ['sagemaker:DescribeEndpointConfig']),
    ...need('read', model, ['sagemaker:DescribeModel']),
    ...need('read', '*', ['cloudwatch:DescribeAlarms', 'cloudwatch:GetMetricData']),
    ...(spec.metrics?.publish === false
      ? []
      : need('read', '*', ['cloudwatch:PutMetricData'], NAMESPACE)),
    ...data.flatMap((uri) => [
      ...need('read', bucket(uri), ['s3:ListBucket']),
      ...need('read', object(uri), ['s3:GetObject']),
    ]),
    ...monitors.flatMap((name) => [
      ...need('read', sagemaker(`monitoring-schedule/${name}`), [
        'sagemaker:DescribeMonitoringSchedule',
        'sagemaker:ListMonitoringAlertHistory',
      ]),
      ...need('read', '*', ['sagemaker:ListMonitoringExecutions']),
    ]),

    ...(pipeline === undefined
      ? []
      : [
          ...need('train', sagemaker(`pipeline/${pipeline.toLowerCase()}`), [
            'sagemaker:DescribePipeline',
            'sagemaker:StartPipelineExecution',
            'sagemaker:ListPipelineExecutions',
          ]),
          ...need('train', sagemaker(`pipeline/${pipeline.toLowerCase()}/execution/abcdefghijkl`), [
            'sagemaker:DescribePipelineExecution',
            'sagemaker:DescribePipelineDefinitionForExecution',
            'sagemaker:ListPipelineExecutionSteps',
            'sagemaker:StopPipelineExecution',
            'sagemaker:RetryPipelineExecution',
          ]),
        ]),
    ...(trainingJob === undefined
      ? []
      : [
          ...need('train', sagemaker(`training-job/${first}`), [
            'sagemaker:CreateTrainingJob',
            'sagemaker:DescribeTrainingJob',
            'sagemaker:StopTrainingJob',
          ]),
          ...need('train', sagemaker(`processing-job/${first}-score`), [
            'sagemaker:CreateProcessingJob',
            'sagemaker:DescribeProcessingJob',
            'sagemaker:StopProcessingJob',
          ]),
          ...need('train', sagemaker(`model-package-group/${group}`), [
            'sagemaker:CreateModelPackage',
          ]),
        ]),
    ...[...passed].flatMap((arn) => need('train', arn, ['iam:PassRole'], TO_SAGEMAKER)),

    ...need('approve', version, ['sagemaker:DescribeModelPackage']),
    ...need('approve', version, ['sagemaker:UpdateModelPackage'], {
      'sagemaker:ModelApprovalStatus': 'Approved',
    }),

    ...need('deploy', endpoint, [
      'sagemaker:AddTags',
      'sagemaker:DeleteTags',
      'sagemaker:UpdateEndpoint',
      ...(spec.deploy.strategy === 'steps' ? ['sagemaker:UpdateEndpointWeightsAndCapacities'] : []),
    ]),
    ...need('deploy', model, ['sagemaker:CreateModel', 'sagemaker:DeleteModel']),
    ...need('deploy', config, [
      'sagemaker:CreateEndpointConfig',
      'sagemaker:DeleteEndpointConfig',
      'sagemaker:UpdateEndpoint',
    ]),
    ...need('deploy', '*', ['sagemaker:ListEndpoints', 'sagemaker:ListEndpointConfigs']),
    ...(spec.deploy.role === undefined
      ? []
      : need('deploy', spec.deploy.role, ['iam:PassRole'], TO_SAGEMAKER)),
    ...need(
      'deploy',
      `arn:${partition}:cloudwatch:${region}:${account}:alarm:${alarmPrefix(metadata.name)}release-1-errors`,
      [
        'cloudwatch:PutMetricAlarm',
        'cloudwatch:DeleteAlarms',
        'cloudwatch:SetAlarmState',
        'cloudwatch:TagResource',
      ],
    ),
    ...need('deploy', '*', ['application-autoscaling:DescribeScalableTargets'], SCALING),
    ...(spec.scaling === undefined
      ? []
      : need(
          'deploy',
          '*',
          [
            'application-autoscaling:RegisterScalableTarget',
            'application-autoscaling:DeregisterScalableTarget',
            'application-autoscaling:DescribeScalingPolicies',
            'application-autoscaling:PutScalingPolicy',
            'application-autoscaling:DeleteScalingPolicy',
          ],
          SCALING,
        )),
  ];
}
