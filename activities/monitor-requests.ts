/** What is sent to SageMaker for a schedule that a policy wants, in SageMaker's words. */
import type {
  CreateDataQualityJobDefinitionRequest,
  CreateModelBiasJobDefinitionRequest,
  CreateModelExplainabilityJobDefinitionRequest,
  CreateModelQualityJobDefinitionRequest,
  CreateProcessingJobRequest,
  EndpointInput,
  ProcessingInput,
  ProcessingInstanceType,
} from '@aws-sdk/client-sagemaker';

import { durationMs } from '../domain/duration.js';
import type { managedMonitors } from '../domain/managed-monitors.js';
import type { ManagedMonitor } from '../domain/policy.schema.js';
import { MODEL_TAG } from './alarms.js';
import { below } from './s3.js';

/** Names the schedule a job definition is for. */
export const MONITOR_TAG = 'modelkeeper:monitor';
/** Says in a baselining job's environment whose it is. */
const MARK = 'MODELKEEPER_MONITOR';

const INPUT = '/opt/ml/processing/input';
const OUTPUT = '/opt/ml/processing/output';
const HOUR_MS = 3_600_000;

export interface MonitorParts {
  readonly model: string;
  readonly endpoint: string;
  readonly source: ReturnType<typeof managedMonitors>[number];
  readonly definition: string;
  /** Below it executions and baselines are written. */
  readonly output: string;
  /** What the baseline is made of; `null` where the policy names its files. */
  readonly dataset: string | null;
  /** Where a baseline that is made lies; `null` where the policy names its files. */
  readonly baselineAt: string | null;
}

const FILES: Readonly<Record<ManagedMonitor['type'], readonly string[]>> = {
  'data-quality': ['constraints.json', 'statistics.json'],
  'model-quality': ['constraints.json'],
  'model-bias': ['analysis.json'],
  'model-explainability': ['analysis.json'],
};

/** What a baselining job of the type writes, the constraints first. */
export const baselineFiles = (type: ManagedMonitor['type']): readonly string[] => FILES[type];

export const dataQualityDefinition = (
  parts: MonitorParts,
): CreateDataQualityJobDefinitionRequest => ({
  ...common(parts),
  DataQualityBaselineConfig: {
    ...constraints(parts),
    StatisticsResource: { S3Uri: baselineFile(parts, 'statistics') },
  },
  DataQualityAppSpecification: { ImageUri: parts.source.manage.image, ...environment(parts) },
  DataQualityJobInput: { EndpointInput: endpointInput(parts) },
  DataQualityJobOutputConfig: output(parts),
});

const PROBLEMS = {
  binary: 'BinaryClassification',
  multiclass: 'MulticlassClassification',
  regression: 'Regression',
} as const;

export const modelQualityDefinition = (
  parts: MonitorParts,
): CreateModelQualityJobDefinitionRequest => {
  const { problem, image } = parts.source.manage;
  return {
    ...common(parts),
    ModelQualityBaselineConfig: constraints(parts),
    ModelQualityAppSpecification: {
      ImageUri: image,
      ...(problem === undefined ? {} : { ProblemType: PROBLEMS[problem] }),
      ...environment(parts),
    },
    ModelQualityJobInput: { EndpointInput: endpointInput(parts), ...groundTruth(parts) },
    ModelQualityJobOutputConfig: output(parts),
  };
};

export const biasDefinition = (parts: MonitorParts): CreateModelBiasJobDefinitionRequest => ({
  ...common(parts),
  ModelBiasBaselineConfig: constraints(parts),
  ModelBiasAppSpecification: clarify(parts),
  ModelBiasJobInput: { EndpointInput: endpointInput(parts), ...groundTruth(parts) },
  ModelBiasJobOutputConfig: output(parts),
});

export const explainabilityDefinition = (
  parts: MonitorParts,
): CreateModelExplainabilityJobDefinitionRequest => ({
  ...common(parts),
  ModelExplainabilityBaselineConfig: constraints(parts),
  ModelExplainabilityAppSpecification: clarify(parts),
  ModelExplainabilityJobInput: { EndpointInput: endpointInput(parts) },
  ModelExplainabilityJobOutputConfig: output(parts),
});

const FORMATS = {
  csv: { csv: { header: true, output_columns_position: 'START' } },
  'csv-without-header': { csv: { header: false, output_columns_position: 'START' } },
  json: { json: { lines: false } },
  'json-lines': { json: { lines: true } },
  parquet: { parquet: {} },
} as const;

/**
 * The job that makes a baseline. The analysers of data and model quality are told by their environment what to do,
 * Clarify by a file, and it knows its inputs and its output by their names.
 */
export function baselineJob(parts: MonitorParts, name: string): CreateProcessingJobRequest {
  const { source, model, dataset } = parts;
  const { manage, schedule } = source;
  const { type, baseline, attributes = {} } = manage;
  const byClarify = type === 'model-bias' || type === 'model-explainability';
  const quality: Record<string, string | undefined> =
    type !== 'model-quality'
      ? {}
      : {
          analysis_type: 'MODEL_QUALITY',
          problem_type: manage.problem === undefined ? undefined : PROBLEMS[manage.problem],
          inference_attribute: attributes.inference,
          probability_attribute: attributes.probability,
          probability_threshold_attribute: attributes.probabilityThreshold?.toString(),
          ground_truth_attribute: attributes.groundTruth,
        };
  const told: Record<string, string | undefined> = byClarify
    ? {}
    : {
        dataset_format: JSON.stringify(FORMATS[baseline.format ?? 'csv']),
        dataset_source: `${INPUT}/baseline_dataset_input`,
        output_path: OUTPUT,
        publish_cloudwatch_metrics: 'Disabled',
        ...quality,
      };
  const config = baseline.config ?? manage.config;
  const { network } = places(manage);
  return {
    ProcessingJobName: name,
    RoleArn: manage.role,
    AppSpecification: { ImageUri: manage.image },
    ProcessingResources: { ClusterConfig: cluster(manage) },
    StoppingCondition: { MaxRuntimeInSeconds: BASELINE_SECONDS },
    ProcessingInputs: byClarify
      ? [input('analysis_config', config ?? '', 'config'), input('dataset', dataset ?? '', 'data')]
      : [input('baseline_dataset_input', dataset ?? '')],
    ProcessingOutputConfig: {
      Outputs: [
        {
          OutputName: byClarify ? 'analysis_result' : 'monitoring_output',
          S3Output: {
            S3Uri: parts.baselineAt ?? '',
            LocalPath: OUTPUT,
            S3UploadMode: 'EndOfJob',
          },
        },
      ],
    },
    Environment: {
      ...manage.environment,
      ...Object.fromEntries(
        Object.entries(told).filter((pair): pair is [string, string] => pair[1] !== undefined),
      ),
      [MARK]: `${model}/${schedule}`,
    },
    ...network,
    Tags: tags(parts),
  };
}

/** A baseline is of a whole training set: it may take longer than an execution. */
const BASELINE_SECONDS = 4 * 3_600;

const input = (InputName: string, S3Uri: string, folder = InputName): ProcessingInput => ({
  InputName,
  S3Input: {
    S3Uri,
    LocalPath: `${INPUT}/${folder}`,
    S3DataType: 'S3Prefix',
    S3InputMode: 'File',
    S3DataDistributionType: 'FullyReplicated',
  },
});

const tags = ({ model, source }: MonitorParts) => [
  { Key: MODEL_TAG, Value: model },
  { Key: MONITOR_TAG, Value: source.schedule },
];

const cluster = ({ instanceType, instanceCount, volumeGb }: ManagedMonitor) => ({
  InstanceType: instanceType as ProcessingInstanceType,
  InstanceCount: instanceCount,
  VolumeSizeInGB: volumeGb,
});

const places = ({ subnets, securityGroups }: ManagedMonitor) => ({
  network:
    subnets === undefined || securityGroups === undefined
      ? {}
      : { NetworkConfig: { VpcConfig: { Subnets: subnets, SecurityGroupIds: securityGroups } } },
});

function common(parts: MonitorParts) {
  const { manage } = parts.source;
  return {
    JobDefinitionName: parts.definition,
    JobResources: { ClusterConfig: cluster(manage) },
    RoleArn: manage.role,
    StoppingCondition: { MaxRuntimeInSeconds: Math.ceil(durationMs(manage.maxRuntime) / 1_000) },
    ...places(manage).network,
    Tags: tags(parts),
  };
}

function baselineFile(
  { source, baselineAt }: MonitorParts,
  which: 'constraints' | 'statistics',
): string {
  const { baseline, type } = source.manage;
  if (baselineAt === null) return baseline[which] ?? '';
  return below(baselineAt, which === 'statistics' ? 'statistics.json' : (FILES[type][0] ?? ''));
}

const constraints = (parts: MonitorParts) => ({
  ConstraintsResource: { S3Uri: baselineFile(parts, 'constraints') },
});

const environment = ({ source }: MonitorParts) =>
  source.manage.environment === undefined ? {} : { Environment: source.manage.environment };

const clarify = (parts: MonitorParts) => ({
  ImageUri: parts.source.manage.image,
  ConfigUri: parts.source.manage.config,
  ...environment(parts),
});

const groundTruth = ({ source }: MonitorParts) => ({
  GroundTruthS3Input: { S3Uri: source.manage.groundTruth },
});

function endpointInput({ endpoint, source }: MonitorParts): EndpointInput {
  const { attributes = {}, offsets, type } = source.manage;
  const back = (literal: string): string => `-PT${durationMs(literal) / HOUR_MS}H`;
  const answers = type !== 'data-quality';
  const named = (name: string, value: string | number | undefined) =>
    value === undefined ? {} : { [name]: value };
  return {
    EndpointName: endpoint,
    LocalPath: `${INPUT}/endpoint`,
    S3InputMode: 'File',
    S3DataDistributionType: 'FullyReplicated',
    ...(answers
      ? {
          ...named('InferenceAttribute', attributes.inference),
          ...named('ProbabilityAttribute', attributes.probability),
          ...named('ProbabilityThresholdAttribute', attributes.probabilityThreshold),
          ...named('FeaturesAttribute', attributes.features),
        }
      : {}),
    ...(offsets === undefined
      ? {}
      : { StartTimeOffset: back(offsets.start), EndTimeOffset: back(offsets.end) }),
  };
}

const output = ({ output: to }: MonitorParts) => ({
  MonitoringOutputs: [
    { S3Output: { S3Uri: to, LocalPath: OUTPUT, S3UploadMode: 'EndOfJob' as const } },
  ],
});
