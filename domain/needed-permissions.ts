/** What the worker needs for one policy, and under which identity: for `modelkeeper doctor`. */
import type { Policy, PolicySpec } from './policy.schema.js';
import {
  baselineName,
  definitionName,
  managedMonitors,
  MONITORING_TYPE,
} from './managed-monitors.js';
import { multivariateJob } from './multivariate.js';
import { alarmPrefix, releaseName } from './names.js';
import { stageRole, STAGES, type Stage, type StageRole } from './roles.js';
import { stagingName, stagingPlace } from './staging.js';

/** Where the endpoint is. */
export interface Place {
  /** `aws`, `aws-cn`, … */
  readonly partition: string;
  readonly account: string;
  readonly region: string;
}

export interface NeededPermission {
  /** `own` for what the worker does as itself, whatever roles there are; `staging` for what is done at staging. */
  readonly stage: Stage | 'own' | 'staging';
  readonly action: string;
  /** An example of what it is done to: of the names that a release gives, those of the first one. */
  readonly resource: string;
  /** Values of condition keys that the request carries. */
  readonly context: Readonly<Record<string, string>>;
}

const NAMESPACE = { 'cloudwatch:namespace': 'modelkeeper' };
const TO_SAGEMAKER = { 'iam:PassedToService': 'sagemaker.amazonaws.com' };
const SCALING = { 'application-autoscaling:service-namespace': 'sagemaker' };

/** The role under which a permission is needed; `undefined` for the worker's own. */
export const roleNeeding = (
  spec: PolicySpec,
  stage: NeededPermission['stage'],
): StageRole | undefined =>
  stage === 'own'
    ? undefined
    : stage === 'staging'
      ? (spec.deploy.staging?.role ?? stageRole(spec, 'deploy'))
      : stageRole(spec, stage);

/** Names in SageMaker's ARNs are in lower case, whatever their case elsewhere. */
export function neededPermissions(policy: Policy, place: Place): readonly NeededPermission[] {
  const { spec, metadata } = policy;
  const { partition, account, region } = place;
  const sagemaker = (resource: string): string =>
    `arn:${partition}:sagemaker:${region}:${account}:${resource}`;
  const need = (
    stage: NeededPermission['stage'],
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
  const roles = [...STAGES, 'staging' as const].flatMap(
    (stage) => roleNeeding(spec, stage)?.arn ?? [],
  );
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
  const together = spec.monitor.sources.filter((source) => source.kind === 'multivariate');
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
          ['events:PutEvents', 'events:DescribeEventBus'],
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
          ...need('train', '*', [
            'sagemaker:DescribeTrainingJob',
            'sagemaker:DescribeProcessingJob',
            'sagemaker:DescribeTransformJob',
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
    ...together.flatMap((source) =>
      need(
        'train',
        sagemaker(`processing-job/${multivariateJob(metadata.name, '0').toLowerCase()}`),
        [
          'sagemaker:CreateProcessingJob',
          'sagemaker:DescribeProcessingJob',
          'sagemaker:StopProcessingJob',
          'sagemaker:AddTags',
        ],
      ).concat(
        need('train', '*', ['sagemaker:ListProcessingJobs']),
        need('train', source.role, ['iam:PassRole'], TO_SAGEMAKER),
      ),
    ),
    ...[...passed].flatMap((arn) => need('train', arn, ['iam:PassRole'], TO_SAGEMAKER)),

    ...need('approve', version, ['sagemaker:DescribeModelPackage']),
    ...need('approve', version, ['sagemaker:UpdateModelPackage'], {
      'sagemaker:ModelApprovalStatus': 'Approved',
    }),

    ...need('deploy', endpoint, [
      'sagemaker:AddTags',
      'sagemaker:DeleteTags',
      'sagemaker:UpdateEndpoint',
      ...(spec.deploy.strategy === 'steps' || spec.scaling !== undefined
        ? ['sagemaker:UpdateEndpointWeightsAndCapacities']
        : []),
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
    ...need('deploy', '*', ['cloudwatch:DescribeAlarmHistory', 'cloudwatch:ListTagsForResource']),
    ...need('deploy', '*', ['application-autoscaling:DescribeScalableTargets'], SCALING),
    ...(spec.scaling === undefined && spec.deploy.strategy !== 'steps'
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
            'application-autoscaling:DescribeScheduledActions',
            'application-autoscaling:PutScheduledAction',
            'application-autoscaling:DeleteScheduledAction',
          ],
          SCALING,
        )),
    ...(spec.scaling === undefined
      ? []
      : need(
          'deploy',
          '*',
          [
            'application-autoscaling:DescribeScalingActivities',
            'application-autoscaling:ListTagsForResource',
            'application-autoscaling:TagResource',
            'application-autoscaling:UntagResource',
          ],
          SCALING,
        )),
    ...managedMonitors(policy).flatMap(({ schedule, manage }) => {
      const type = MONITORING_TYPE[manage.type];
      return [
        ...need('deploy', sagemaker(`monitoring-schedule/${schedule.toLowerCase()}`), [
          'sagemaker:DescribeMonitoringSchedule',
          'sagemaker:CreateMonitoringSchedule',
          'sagemaker:UpdateMonitoringSchedule',
          'sagemaker:StartMonitoringSchedule',
          'sagemaker:StopMonitoringSchedule',
          'sagemaker:DeleteMonitoringSchedule',
          'sagemaker:AddTags',
          'sagemaker:ListTags',
        ]),
        ...need(
          'deploy',
          sagemaker(`${manage.type}-job-definition/${definitionName(schedule, '1').toLowerCase()}`),
          [`sagemaker:Create${type}JobDefinition`, `sagemaker:Delete${type}JobDefinition`],
        ),
        ...need('deploy', '*', [
          'sagemaker:ListMonitoringSchedules',
          `sagemaker:List${type}JobDefinitions`,
        ]),
        ...need('train', sagemaker(`processing-job/${baselineName(schedule, '1').toLowerCase()}`), [
          'sagemaker:CreateProcessingJob',
          'sagemaker:DescribeProcessingJob',
        ]),
        ...need('deploy', manage.role, ['iam:PassRole'], TO_SAGEMAKER),
        ...need('train', manage.role, ['iam:PassRole'], TO_SAGEMAKER),
      ];
    }),
    ...atStaging(policy, place),
  ];
}

/** What is done at the staging endpoint, in its account and Region. */
function atStaging(
  { spec, metadata }: Policy,
  { partition, account, region: home }: Place,
): readonly NeededPermission[] {
  const { staging } = spec.deploy;
  if (staging === undefined) return [];
  const { name, region } = stagingPlace(spec, staging);
  const owner = roleNeeding(spec, 'staging')?.arn.split(':')[4] ?? account;
  const at = (resource: string): string =>
    `arn:${partition}:sagemaker:${region}:${owner}:${resource}`;
  const need = (resource: string, actions: readonly string[]): readonly NeededPermission[] =>
    actions.map((action) => ({ stage: 'staging', action, resource, context: {} }));
  const made = stagingName(releaseName(metadata.name, 1));
  const executionRole = staging.executionRole ?? spec.deploy.role;
  const bucket = staging.replica?.bucket;
  const group = spec.registry.group.toLowerCase();
  return [
    ...(region === home
      ? need(`arn:${partition}:sagemaker:${home}:${account}:model-package/${group}/1`, [
          'sagemaker:DescribeModelPackage',
          ...(owner === account ? [] : ['sagemaker:CreateModel']),
        ])
      : []),
    ...need(at(`endpoint/${name.toLowerCase()}`), [
      'sagemaker:DescribeEndpoint',
      'sagemaker:ListTags',
      'sagemaker:CreateEndpoint',
      'sagemaker:UpdateEndpoint',
      'sagemaker:DeleteEndpoint',
      'sagemaker:InvokeEndpoint',
      'sagemaker:AddTags',
      'sagemaker:DeleteTags',
    ]),
    ...need(at(`model/${made}`), [
      'sagemaker:CreateModel',
      'sagemaker:DescribeModel',
      'sagemaker:DeleteModel',
      'sagemaker:AddTags',
    ]),
    ...need(at(`endpoint-config/${made}`), [
      'sagemaker:CreateEndpointConfig',
      'sagemaker:DescribeEndpointConfig',
      'sagemaker:DeleteEndpointConfig',
      'sagemaker:UpdateEndpoint',
      'sagemaker:AddTags',
    ]),
    ...need('*', ['sagemaker:ListEndpointConfigs']),
    ...(executionRole === undefined
      ? []
      : need(executionRole, ['iam:PassRole']).map((one) => ({ ...one, context: TO_SAGEMAKER }))),
    ...(region === home || bucket === undefined
      ? []
      : need(`arn:${partition}:s3:::${bucket}/*`, ['s3:GetObject'])),
  ];
}
