import { DEFAULT_FEATURES } from './features.js';

export interface FlightsPipelineOptions {
  /** ARN of the role the jobs run with. */
  readonly role: string;
  readonly bucket: string;
  /** Model package group the candidate is registered in. */
  readonly group: string;
  /** Image of the learner, see `learnerImage`. */
  readonly image: string;
  /** S3 prefix of the labelled rows as Parquet, without a trailing slash; default `s3://<bucket>/flights`. */
  readonly data?: string;
  /** S3 prefix of what the jobs write; default `s3://<bucket>/pipelines`. */
  readonly output?: string;
  /** S3 prefix of the labelled rows of each further set that candidates are scored on, such as `golden`; default: none. */
  readonly sets?: Readonly<Record<string, string>>;
  readonly features?: readonly string[];
  readonly seed?: number;
  readonly epochs?: number;
}

/** Job steps of this pipeline take at most this long before AWS stops them. */
const MAX_RUNTIME_SECONDS = 3600;

const parameter = (name: string) => ({ Get: `Parameters.${name}` });
const join = (...values: readonly unknown[]) => ({ 'Std:Join': { On: '/', Values: values } });
const sourceOf = (contentType: string, uri: unknown) => ({ ContentType: contentType, S3Uri: uri });

/**
 * The flights model's pipeline, Train → Evaluate → Register, as the JSON that CreatePipeline takes.
 *
 * Parameters: TrainFrom, TrainTo, HoldOutFrom, HoldOutTo (ISO instants, `[from, to)`) and
 * ChampionPackage (a versioned model package ARN, the S3 URI of a `model.tar.gz`, or `none`).
 *
 * `DriftCheckBaselines.ModelDataQuality.Statistics` of the package is a Parquet file of feature rows
 * to be profiled, since there is no Model Monitor here to write `statistics.json`.
 */
export function flightsPipelineDefinition(options: FlightsPipelineOptions): string {
  const output = options.output ?? `s3://${options.bucket}/pipelines`;
  return JSON.stringify({
    Version: '2020-12-01',
    Metadata: {},
    Parameters: [
      { Name: 'TrainFrom', Type: 'String' },
      { Name: 'TrainTo', Type: 'String' },
      { Name: 'HoldOutFrom', Type: 'String' },
      { Name: 'HoldOutTo', Type: 'String' },
      { Name: 'ChampionPackage', Type: 'String', DefaultValue: 'none' },
    ],
    Steps: [
      trainStep(options, output),
      evaluateStep(options, output),
      registerStep(options, output),
    ],
  });
}

function dataPrefix(options: FlightsPipelineOptions): string {
  return options.data ?? `s3://${options.bucket}/flights`;
}

function evaluationPrefix(output: string) {
  return join(output, { Get: 'Execution.PipelineExecutionId' }, 'evaluation');
}

function trainStep(options: FlightsPipelineOptions, output: string) {
  return {
    Name: 'Train',
    Type: 'Training',
    Arguments: {
      AlgorithmSpecification: { TrainingImage: options.image, TrainingInputMode: 'File' },
      RoleArn: options.role,
      InputDataConfig: [
        {
          ChannelName: 'train',
          DataSource: {
            S3DataSource: {
              S3DataType: 'S3Prefix',
              S3Uri: dataPrefix(options),
              S3DataDistributionType: 'FullyReplicated',
            },
          },
        },
      ],
      OutputDataConfig: { S3OutputPath: `${output}/training` },
      ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 10 },
      StoppingCondition: { MaxRuntimeInSeconds: MAX_RUNTIME_SECONDS },
      HyperParameters: {
        features: JSON.stringify(options.features ?? DEFAULT_FEATURES),
        epochs: String(options.epochs ?? 3),
        seed: String(options.seed ?? 1),
      },
      Environment: { from: parameter('TrainFrom'), to: parameter('TrainTo') },
    },
  };
}

function evaluateStep(options: FlightsPipelineOptions, output: string) {
  const input = (name: string, uri: unknown) => ({
    InputName: name,
    S3Input: {
      S3Uri: uri,
      LocalPath: `/opt/ml/processing/${name}`,
      S3DataType: 'S3Prefix',
      S3InputMode: 'File',
    },
  });
  return {
    Name: 'Evaluate',
    Type: 'Processing',
    Arguments: {
      AppSpecification: { ImageUri: options.image, ContainerArguments: ['evaluate'] },
      RoleArn: options.role,
      ProcessingResources: {
        ClusterConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 10 },
      },
      StoppingCondition: { MaxRuntimeInSeconds: MAX_RUNTIME_SECONDS },
      ProcessingInputs: [
        input('candidate', { Get: 'Steps.Train.ModelArtifacts.S3ModelArtifacts' }),
        input('data', dataPrefix(options)),
        ...Object.entries(options.sets ?? {}).map(([name, rows]) => input(name, rows)),
      ],
      ProcessingOutputConfig: {
        Outputs: [
          {
            OutputName: 'evaluation',
            S3Output: {
              S3Uri: evaluationPrefix(output),
              LocalPath: '/opt/ml/processing/output',
              S3UploadMode: 'EndOfJob',
            },
          },
        ],
      },
      Environment: {
        from: parameter('HoldOutFrom'),
        to: parameter('HoldOutTo'),
        ChampionPackage: parameter('ChampionPackage'),
      },
    },
    PropertyFiles: [
      { PropertyFileName: 'Evaluation', OutputName: 'evaluation', FilePath: 'evaluation.json' },
    ],
  };
}

function registerStep(options: FlightsPipelineOptions, output: string) {
  const trainingOutput = (file: string) =>
    join(output, 'training', { Get: 'Steps.Train.TrainingJobName' }, 'output', file);
  return {
    Name: 'Register',
    Type: 'RegisterModel',
    DependsOn: ['Evaluate'],
    Arguments: {
      ModelPackageGroupName: options.group,
      ModelApprovalStatus: 'PendingManualApproval',
      InferenceSpecification: {
        Containers: [
          {
            Image: options.image,
            ModelDataUrl: { Get: 'Steps.Train.ModelArtifacts.S3ModelArtifacts' },
          },
        ],
        SupportedContentTypes: ['text/csv', 'application/json'],
        SupportedResponseMIMETypes: ['text/csv', 'application/json'],
        SupportedRealtimeInferenceInstanceTypes: ['ml.m5.large', 'ml.m5.xlarge'],
      },
      ModelMetrics: {
        ModelQuality: {
          Statistics: sourceOf(
            'application/json',
            join(evaluationPrefix(output), 'evaluation.json'),
          ),
        },
      },
      DriftCheckBaselines: {
        ModelDataQuality: {
          Statistics: sourceOf(
            'application/vnd.apache.parquet',
            trainingOutput('baseline.parquet'),
          ),
        },
      },
      CustomerMetadataProperties: {
        'modelkeeper:predictions': join(evaluationPrefix(output), 'predictions.parquet'),
        ...Object.fromEntries(
          Object.keys(options.sets ?? {}).map((name) => [
            `modelkeeper:predictions-${name}`,
            join(evaluationPrefix(output), `predictions-${name}.parquet`),
          ]),
        ),
        'modelkeeper:trainingRows': trainingOutput('training-rows.parquet'),
        'modelkeeper:trainFrom': parameter('TrainFrom'),
        'modelkeeper:trainTo': parameter('TrainTo'),
        'modelkeeper:holdOutFrom': parameter('HoldOutFrom'),
        'modelkeeper:holdOutTo': parameter('HoldOutTo'),
        'modelkeeper:champion': parameter('ChampionPackage'),
      },
    },
  };
}
