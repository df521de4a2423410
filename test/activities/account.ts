/** An account in memory as far as the activities use one: what takes effect stays, also when its answer is lost. */
import {
  DeleteScalingPolicyCommand,
  DeregisterScalableTargetCommand,
  DescribeScalableTargetsCommand,
  DeleteScheduledActionCommand,
  DescribeScalingActivitiesCommand,
  DescribeScalingPoliciesCommand,
  DescribeScheduledActionsCommand,
  PutScalingPolicyCommand,
  PutScheduledActionCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import {
  DeleteAlarmsCommand,
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  ListTagsForResourceCommand,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import {
  AddTagsCommand,
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DeleteEndpointCommand,
  DeleteEndpointConfigCommand,
  DeleteModelCommand,
  DeleteTagsCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
  DescribeModelPackageCommand,
  CreateModelPackageCommand,
  CreateProcessingJobCommand,
  CreateTrainingJobCommand,
  DescribePipelineCommand,
  DescribePipelineDefinitionForExecutionCommand,
  DescribePipelineExecutionCommand,
  ListEndpointConfigsCommand,
  ListEndpointsCommand,
  ListProcessingJobsCommand,
  DescribeProcessingJobCommand,
  DescribeTrainingJobCommand,
  RetryPipelineExecutionCommand,
  StopProcessingJobCommand,
  StopTrainingJobCommand,
  ListPipelineExecutionsCommand,
  ListPipelineExecutionStepsCommand,
  ListTagsCommand,
  StartPipelineExecutionCommand,
  StopPipelineExecutionCommand,
  UpdateEndpointCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
  UpdateModelPackageCommand,
  type ProductionVariant,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { DescribeEventBusCommand, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { PublishCommand } from '@aws-sdk/client-sns';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';

import type { ControlDeps } from '../../activities/deps.js';
import { multivariateLimits, multivariateReport } from '../../domain/multivariate.js';
import { monitorsOf, noMonitors, type Monitors, type Tags } from './monitors-account.js';
import { awsError, bucketOf, fakeAws, NOON, on, type Fake } from './support.js';

export const PACKAGE = 'arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/3';
export const EXECUTION =
  'arn:aws:sagemaker:us-east-1:111122223333:pipeline/flights-train/execution/1';

const ROLE = 'arn:aws:iam::111122223333:role/model';
const PREDICTIONS = { 'modelkeeper:predictions': 's3://artefacts/predictions.parquet' };

const notFound = (what: string): Error => awsError('ValidationException', `Could not find ${what}`);

/** What is there. Plain data, so that two accounts can be compared. */
export interface State {
  endpoint: { status: string; config: string; pending: string | null; atMs: number };
  /** The endpoint of staging; `null` while there is none. */
  staging: { config: string; tags: Tags } | null;
  /** When endpoints of the account were last changed, for lists that ask for those since. */
  endpointsChangedAtMs: number;
  /** Calls of UpdateEndpoint that took effect: there may never be two for one rollout. */
  updates: string[];
  /** The same for the candidate's weight. */
  shifts: number[];
  models: Map<string, { package: string | null; tags: Tags }>;
  configs: Map<
    string,
    { variants: ProductionVariant[]; shadows?: ProductionVariant[]; tags: Tags }
  >;
  endpointTags: Map<string, string>;
  alarms: Map<string, object>;
  alarmTags: Map<string, Tags>;
  /** Values by name, dimensions and time. */
  metrics: Map<string, number>;
  objects: Map<string, string>;
  /** Display name of every execution that was started. */
  executions: string[];
  executionStatus: 'Executing' | 'Stopping' | 'Stopped' | 'Failed' | 'Succeeded';
  /** How often an execution was run again. */
  retries: number;
  /** Name → status and environment of every job that was started. */
  jobs: Map<string, { status: string; environment: Record<string, string> }>;
  /** Tokens of every registration. */
  registrations: string[];
  packageStatus: {
    status: string;
    description: string;
    atMs: number;
    metadata?: Readonly<Record<string, string>>;
    stage?: string;
  };
  target: object | null;
  /** The scalable target of a candidate's variant. */
  candidateTarget: object | null;
  /** Weights of champion and candidate; `null` while one version serves. */
  weights: { champion: number; candidate: number } | null;
  scalingPolicies: Map<string, object>;
  scheduledActions: Map<string, object>;
  monitors: Monitors;
  /** Dedupe key → text: a repeat is dropped by it. */
  notices: Map<string, string>;
  /** Events on the bus, by what consumers tell repeats by. */
  events: Map<string, string>;
  /** Ids of every release that was started. */
  releases: Map<string, unknown>;
}

/** Flights is served by release 1; release 2 may be prepared. */
export function newState(): State {
  const variant = {
    VariantName: 'AllTraffic',
    ModelName: 'flights-1',
    InstanceType: 'ml.c5.xlarge',
    InitialInstanceCount: 2,
  } as const;
  return {
    endpoint: { status: 'InService', config: 'flights-1', pending: null, atMs: NOON - 3_600_000 },
    staging: null,
    endpointsChangedAtMs: NOON,
    updates: [],
    shifts: [],
    models: new Map([['flights-1', { package: null, tags: [] }]]),
    configs: new Map([['flights-1', { variants: [variant], tags: [] }]]),
    endpointTags: new Map([['modelkeeper:keeper', 'keeper/flights']]),
    alarms: new Map(),
    metrics: new Map(),
    alarmTags: new Map(),
    objects: new Map([
      ['m.tar.gz', 'weights'],
      ['predictions.parquet', 'rows'],
      ['report.json', '{}'],
      ['base.csv', 'x\n1\n'],
    ]),
    executions: [],
    executionStatus: 'Executing',
    retries: 0,
    jobs: new Map(),
    registrations: [],
    packageStatus: { status: 'PendingManualApproval', description: '', atMs: 1 },
    target: null,
    candidateTarget: null,
    weights: null,
    scalingPolicies: new Map(),
    scheduledActions: new Map(),
    monitors: noMonitors(),
    notices: new Map(),
    events: new Map(),
    releases: new Map(),
  };
}

export interface Account {
  readonly aws: Fake;
  readonly state: State;
  readonly temporal: ControlDeps['temporal'];
}

export function accountWith(state: State): Account {
  const aws = fakeAws(
    ...sagemakerOf(state),
    ...pipelinesOf(state),
    ...jobsOf(state),
    ...monitorsOf(state.monitors),
    ...registryOf(state),
    ...cloudwatchOf(state),
    ...autoscalingOf(state),
    ...bucketOf(state.objects),
    on(PublishCommand, ({ Message = '', MessageAttributes = {} }) => {
      state.notices.set(MessageAttributes['dedupeKey']?.StringValue ?? '', Message);
      return {};
    }),
    on(DescribeEventBusCommand, ({ Name = '' }) => ({ Name })),
    on(PutEventsCommand, ({ Entries = [] }) => {
      for (const { Detail = '{}' } of Entries)
        state.events.set((JSON.parse(Detail) as { eventId: string }).eventId, Detail);
      return { FailedEntryCount: 0, Entries: Entries.map((_, n) => ({ EventId: String(n) })) };
    }),
  );
  return { aws, state, temporal: temporalOf(state) };
}

function sagemakerOf(state: State) {
  const { models, configs, endpointTags } = state;
  const create = <T>(map: Map<string, T>, name: string, value: T): object => {
    if (map.has(name))
      throw awsError('ValidationException', `Cannot create already existing "${name}"`);
    map.set(name, value);
    return {};
  };
  const remove = (map: Map<string, unknown>, name: string): object => {
    if (!map.delete(name)) throw notFound(name);
    return {};
  };
  const tagsOf = (arn: string): Tags => {
    const [kind, name = ''] = arn.split('/');
    if (kind === 'model') return models.get(name)?.tags ?? [];
    if (kind === 'endpoint' && name === 'staging') return state.staging?.tags ?? [];
    if (kind === 'config') return configs.get(name)?.tags ?? [];
    if (kind === 'schedule') return state.monitors.schedules.get(name)?.tags ?? [];
    if (kind === 'definition') return state.monitors.definitions.get(name) ?? [];
    return [...endpointTags].map(([Key, Value]) => ({ Key, Value }));
  };
  return [
    on(CreateEndpointCommand, ({ EndpointConfigName: config = '', Tags: tags = [] }) => {
      if (state.staging !== null)
        throw awsError('ValidationException', 'Cannot create already existing endpoint "staging"');
      state.staging = { config, tags };
      return {};
    }),
    on(DeleteEndpointCommand, () => {
      state.staging = null;
      return {};
    }),
    on(InvokeEndpointCommand, () => ({ Body: new TextEncoder().encode('0.5') as never })),
    on(DescribeEndpointCommand, ({ EndpointName }) => {
      if (EndpointName === 'staging') {
        if (state.staging === null) throw notFound('staging');
        return {
          EndpointName,
          EndpointArn: 'endpoint/staging',
          EndpointStatus: 'InService' as const,
          EndpointConfigName: state.staging.config,
        };
      }
      const { status, config, pending, atMs } = state.endpoint;
      return {
        EndpointName: 'flights-live',
        EndpointArn: 'endpoint/flights-live',
        EndpointStatus: status as 'InService',
        EndpointConfigName: config,
        LastModifiedTime: new Date(atMs),
        ProductionVariants: [
          {
            VariantName: 'AllTraffic',
            CurrentInstanceCount: 2,
            DesiredInstanceCount: 2,
            ...weighed(state.weights?.champion ?? 1),
          },
          ...(state.weights === null
            ? []
            : [
                {
                  VariantName: 'AllTraffic-candidate',
                  DesiredInstanceCount: 1,
                  ...weighed(state.weights.candidate),
                },
              ]),
        ],
        ...(pending === null ? {} : { PendingDeploymentSummary: { EndpointConfigName: pending } }),
      };
    }),
    on(UpdateEndpointCommand, ({ EndpointConfigName: config = '' }) => {
      if (state.endpoint.pending !== null)
        throw awsError('ValidationException', 'Cannot update in-progress endpoint "flights-live"');
      state.updates.push(config);
      state.endpoint = { ...state.endpoint, status: 'Updating', pending: config, atMs: NOON };
      return {};
    }),
    on(
      UpdateEndpointWeightsAndCapacitiesCommand,
      ({ DesiredWeightsAndCapacities: wanted = [] }) => {
        const [champion, candidate] = wanted;
        state.weights = {
          champion: champion?.DesiredWeight ?? 0,
          candidate: candidate?.DesiredWeight ?? 0,
        };
        state.shifts.push(state.weights.candidate);
        return {};
      },
    ),
    on(DescribeEndpointConfigCommand, ({ EndpointConfigName: name = '' }) => {
      const found = configs.get(name);
      if (found === undefined) throw notFound(name);
      return {
        EndpointConfigArn: `config/${name}`,
        CreationTime: new Date(NOON),
        ProductionVariants: found.variants,
        ...(found.shadows === undefined ? {} : { ShadowProductionVariants: found.shadows }),
      };
    }),
    on(ListEndpointConfigsCommand, ({ NameContains = '' }) => ({
      EndpointConfigs: [...configs.keys()]
        .filter((name) => name.includes(NameContains))
        .map((name, index) => ({
          EndpointConfigName: name,
          EndpointConfigArn: `config/${name}`,
          CreationTime: new Date(NOON + index),
        })),
    })),
    on(ListEndpointsCommand, ({ LastModifiedTimeAfter }) => ({
      Endpoints: ['flights-live', ...(state.staging === null ? [] : ['staging'])]
        .filter(() => (LastModifiedTimeAfter?.getTime() ?? 0) < state.endpointsChangedAtMs)
        .map((EndpointName) => ({ EndpointName }) as never),
    })),
    on(CreateEndpointConfigCommand, (input) =>
      create(configs, input.EndpointConfigName ?? '', {
        variants: input.ProductionVariants ?? [],
        tags: input.Tags ?? [],
      }),
    ),
    on(DeleteEndpointConfigCommand, ({ EndpointConfigName = '' }) =>
      remove(configs, EndpointConfigName),
    ),
    on(DescribeModelCommand, ({ ModelName: name = '' }) => {
      const found = models.get(name);
      if (found === undefined) throw notFound(name);
      return {
        ModelArn: `model/${name}`,
        CreationTime: new Date(NOON),
        ExecutionRoleArn: ROLE,
        Containers: [
          found.package === null ? { Image: 'image:1' } : { ModelPackageName: found.package },
        ],
      };
    }),
    on(CreateModelCommand, (input) =>
      create(models, input.ModelName ?? '', {
        package: input.Containers?.[0]?.ModelPackageName ?? null,
        tags: input.Tags ?? [],
      }),
    ),
    on(DeleteModelCommand, ({ ModelName = '' }) => remove(models, ModelName)),
    on(ListTagsCommand, ({ ResourceArn = '' }) => ({ Tags: [...tagsOf(ResourceArn)] as never })),
    on(AddTagsCommand, ({ Tags = [] }) => {
      for (const { Key = '', Value = '' } of Tags) endpointTags.set(Key, Value);
      return {};
    }),
    on(DeleteTagsCommand, ({ TagKeys = [] }) => {
      for (const key of TagKeys) endpointTags.delete(key);
      return {};
    }),
  ];
}

const weighed = (weight: number) => ({ CurrentWeight: weight, DesiredWeight: weight });

function pipelinesOf(state: State) {
  const tokens = new Set<string>();
  return [
    on(StartPipelineExecutionCommand, (input) => {
      const token = input.ClientRequestToken ?? '';
      if (!tokens.has(token)) state.executions.push(input.PipelineExecutionDisplayName ?? '');
      tokens.add(token);
      return { PipelineExecutionArn: EXECUTION };
    }),
    on(ListPipelineExecutionsCommand, () => ({
      PipelineExecutionSummaries: state.executions.map((name) => ({
        PipelineExecutionDisplayName: name,
        PipelineExecutionArn: EXECUTION,
      })),
    })),
    on(DescribePipelineExecutionCommand, () => {
      const status = state.executionStatus;
      if (status === 'Stopping') state.executionStatus = 'Stopped';
      return {
        PipelineExecutionStatus: status,
        CreationTime: new Date(NOON - 60_000),
        LastModifiedTime: new Date(NOON),
      };
    }),
    on(ListPipelineExecutionStepsCommand, () => ({
      PipelineExecutionSteps: [
        {
          StepName: 'Register',
          StepStatus: 'Succeeded' as const,
          Metadata: { RegisterModel: { Arn: PACKAGE } },
        },
      ],
    })),
    on(StopPipelineExecutionCommand, () => {
      state.executionStatus = 'Stopping';
      return {};
    }),
    on(RetryPipelineExecutionCommand, (input) => {
      const token = input.ClientRequestToken ?? '';
      if (!tokens.has(token)) {
        state.retries += 1;
        state.executionStatus = 'Executing';
      }
      tokens.add(token);
      return { PipelineExecutionArn: EXECUTION };
    }),
    on(DescribePipelineCommand, () => ({ PipelineDefinition: DEFINITION })),
    on(DescribePipelineDefinitionForExecutionCommand, () => ({ PipelineDefinition: DEFINITION })),
  ];
}

const DEFINITION = JSON.stringify({ Version: '2020-12-01', Parameters: [], Steps: [] });

/** A comparison of columns together that found nothing. */
const TOGETHER = JSON.stringify(
  multivariateReport(
    {
      schema: 'modelkeeper/multivariate-v1',
      method: 'domain-classifier',
      seed: 1,
      reference: { rows: 1_000, sampled: 1_000 },
      window: { rows: 500, sampled: 500 },
      statistic: {
        name: 'auc',
        value: 0.5,
        lower: 0.48,
        upper: 0.52,
        confidence: 0.98,
        z: 0,
        pValue: 0.5,
        nullMean: 0.5,
        nullSd: 0.01,
      },
      columns: [],
      pairs: [],
      used: 2,
      leftOut: [],
    },
    multivariateLimits('domain-classifier'),
  ),
);

function jobsOf(state: State) {
  const create = (name = '', environment: Record<string, string> = {}): object => {
    if (state.jobs.has(name))
      throw awsError('ResourceInUse', `a job with this name already exists (${name})`);
    state.jobs.set(name, { status: 'InProgress', environment });
    return {};
  };
  const found = (name = '') => {
    const job = state.jobs.get(name);
    if (job === undefined) throw awsError('ValidationException', 'Requested resource not found.');
    if (job.status === 'Stopping') state.jobs.set(name, { ...job, status: 'Stopped' });
    return job;
  };
  const stop = (name = ''): object => {
    const job = found(name);
    if (job.status !== 'InProgress')
      throw awsError('ValidationException', `the job is in status ${job.status}`);
    state.jobs.set(name, { ...job, status: 'Stopping' });
    return {};
  };
  return [
    on(CreateTrainingJobCommand, (input) => create(input.TrainingJobName, input.Environment)),
    // What compares columns together has left its result by the second look.
    on(CreateProcessingJobCommand, (input) => {
      const answer = create(input.ProcessingJobName, input.Environment);
      const output = input.ProcessingOutputConfig?.Outputs?.[0];
      if (output?.OutputName === 'result')
        state.objects.set(
          `${output.S3Output?.S3Uri?.replace('s3://artefacts/', '') ?? ''}/multivariate.json`,
          TOGETHER,
        );
      return answer;
    }),
    on(DescribeTrainingJobCommand, ({ TrainingJobName }) => ({
      TrainingJobStatus: found(TrainingJobName).status as 'Completed',
      Environment: state.jobs.get(TrainingJobName ?? '')?.environment,
      ModelArtifacts: { S3ModelArtifacts: 's3://artefacts/m.tar.gz' },
    })),
    on(DescribeProcessingJobCommand, ({ ProcessingJobName = '' }) => {
      const { status, environment } = found(ProcessingJobName);
      if (ProcessingJobName.includes('-mv-') && status === 'InProgress')
        state.jobs.set(ProcessingJobName, { status: 'Completed', environment });
      return { ProcessingJobStatus: status as 'Completed', Environment: environment };
    }),
    on(ListProcessingJobsCommand, ({ NameContains = '', StatusEquals }) => ({
      ProcessingJobSummaries: [...state.jobs]
        .filter(([name, { status }]) => name.includes(NameContains) && status === StatusEquals)
        .map(([ProcessingJobName]) => ({ ProcessingJobName })) as never[],
    })),
    on(StopTrainingJobCommand, ({ TrainingJobName }) => stop(TrainingJobName)),
    on(StopProcessingJobCommand, ({ ProcessingJobName }) => stop(ProcessingJobName)),
    on(CreateModelPackageCommand, (input) => {
      const token = input.ClientToken ?? '';
      if (!state.registrations.includes(token)) state.registrations.push(token);
      return { ModelPackageArn: PACKAGE };
    }),
  ];
}

function registryOf(state: State) {
  return [
    on(DescribeModelPackageCommand, () => ({
      ModelPackageVersion: 3,
      ModelPackageStatus: 'Completed' as const,
      ModelApprovalStatus: state.packageStatus.status as 'Approved',
      ApprovalDescription: state.packageStatus.description,
      LastModifiedTime: new Date(state.packageStatus.atMs),
      InferenceSpecification: {
        Containers: [{ Image: 'image:1', ModelDataUrl: 's3://artefacts/m.tar.gz' }],
      },
      CustomerMetadataProperties: {
        ...PREDICTIONS,
        'modelkeeper:baseline': 's3://artefacts/base.csv',
        ...state.packageStatus.metadata,
      },
      ...(state.packageStatus.stage === undefined
        ? {}
        : { ModelLifeCycle: { Stage: state.packageStatus.stage, StageStatus: 'Active' } }),
    })),
    on(UpdateModelPackageCommand, (input) => {
      const before = state.packageStatus;
      const stage = input.ModelLifeCycle?.Stage ?? before.stage;
      state.packageStatus = {
        status: input.ModelApprovalStatus ?? before.status,
        description: input.ApprovalDescription ?? before.description,
        atMs: before.atMs + 1,
        metadata: { ...before.metadata, ...input.CustomerMetadataProperties },
        ...(stage === undefined ? {} : { stage }),
      };
      return {};
    }),
  ];
}

function cloudwatchOf(state: State) {
  const { alarms, alarmTags } = state;
  return [
    on(DescribeAlarmsCommand, ({ AlarmNames, AlarmNamePrefix = '' }) => ({
      MetricAlarms: [...alarms]
        .filter(([name]) => AlarmNames?.includes(name) ?? name.startsWith(AlarmNamePrefix))
        .map(([name, alarm]) => ({ StateValue: 'OK' as const, ...alarm, AlarmArn: name })),
    })),
    on(PutMetricAlarmCommand, ({ Tags = [], ...alarm }) => {
      alarms.set(alarm.AlarmName ?? '', alarm);
      alarmTags.set(alarm.AlarmName ?? '', Tags);
      return {};
    }),
    on(ListTagsForResourceCommand, ({ ResourceARN = '' }) => ({
      Tags: [...(alarmTags.get(ResourceARN) ?? [])] as never,
    })),
    on(DeleteAlarmsCommand, ({ AlarmNames = [] }) => {
      for (const name of AlarmNames) {
        alarms.delete(name);
        alarmTags.delete(name);
      }
      return {};
    }),
    // SageMaker sees it at once and takes the rollout back.
    on(SetAlarmStateCommand, () => {
      state.endpoint = { ...state.endpoint, status: 'InService', pending: null };
      return {};
    }),
    on(DescribeAlarmHistoryCommand, () => ({ AlarmHistoryItems: [] })),
    // Of traffic there is that of a candidate only, an hour ago.
    // The same value at the same time twice has the same average: what is kept is the value.
    on(PutMetricDataCommand, ({ MetricData = [] }) => {
      for (const { MetricName, Dimensions = [], Value, Timestamp } of MetricData) {
        const of = Dimensions.map((one) => one.Value ?? '').join('/');
        state.metrics.set(`${MetricName ?? ''}/${of}/${String(Timestamp?.getTime())}`, Value ?? 0);
      }
      return {};
    }),
    on(GetMetricDataCommand, ({ MetricDataQueries: queries = [] }) => ({
      MetricDataResults: queries
        .filter(({ Id = '' }) => Id.startsWith('candidate'))
        .map(({ Id }) => ({ Id, Timestamps: [new Date(NOON - 3_600_000)], Values: [1] })),
    })),
  ];
}

function autoscalingOf(state: State) {
  const gone = (): Error => awsError('ObjectNotFoundException', 'No scalable target found');
  const of = (resource = '') =>
    resource.endsWith('-candidate') ? ('candidateTarget' as const) : ('target' as const);
  return [
    on(DescribeScalableTargetsCommand, ({ ResourceIds = [] }) => {
      const target = state[of(ResourceIds[0])];
      return { ScalableTargets: target === null ? [] : [target as never] };
    }),
    on(RegisterScalableTargetCommand, (input) => {
      state[of(input.ResourceId)] = { ...state[of(input.ResourceId)], ...input };
      return {};
    }),
    on(DeregisterScalableTargetCommand, ({ ResourceId }) => {
      if (state[of(ResourceId)] === null) throw gone();
      state[of(ResourceId)] = null;
      return {};
    }),
    on(DescribeScalingPoliciesCommand, ({ ResourceId }) => ({
      ScalingPolicies: [...state.scalingPolicies.values()].filter(
        (policy) => of((policy as { ResourceId?: string }).ResourceId) === of(ResourceId),
      ) as never[],
    })),
    on(PutScalingPolicyCommand, (input) => {
      const PolicyARN = `policy/${input.PolicyName ?? ''}`;
      state.scalingPolicies.set(
        `${input.PolicyName ?? ''}${of(input.ResourceId) === 'target' ? '' : ' of the candidate'}`,
        { ...input, PolicyARN },
      );
      return { PolicyARN };
    }),
    on(DescribeScheduledActionsCommand, () => ({
      ScheduledActions: [...state.scheduledActions.values()] as never[],
    })),
    on(PutScheduledActionCommand, (input) => {
      state.scheduledActions.set(input.ScheduledActionName ?? '', input);
      return {};
    }),
    on(DeleteScheduledActionCommand, ({ ScheduledActionName = '' }) => {
      if (!state.scheduledActions.delete(ScheduledActionName)) throw gone();
      return {};
    }),
    on(DescribeScalingActivitiesCommand, () => ({ ScalingActivities: [] })),
    on(DeleteScalingPolicyCommand, ({ PolicyName = '' }) => {
      if (!state.scalingPolicies.delete(PolicyName)) throw gone();
      return {};
    }),
  ];
}

/** Temporal refuses to use an id again, as the policies of the start ask it to. */
function temporalOf(state: State): ControlDeps['temporal'] {
  return {
    workflow: {
      start: async (type: string, { workflowId, memo }: { workflowId: string; memo: unknown }) => {
        if (state.releases.has(workflowId))
          throw new WorkflowExecutionAlreadyStartedError('started', workflowId, type);
        state.releases.set(workflowId, memo);
      },
      getHandle: (id: string) => ({
        describe: async () => ({ memo: state.releases.get(id), status: { name: 'RUNNING' } }),
      }),
    },
  } as unknown as ControlDeps['temporal'];
}
