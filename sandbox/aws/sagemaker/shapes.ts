/** Inputs of the operations, as far as the sandbox reads or must refuse them; the rest is kept as sent. */
import { z } from 'zod';

/** Endpoint, endpoint config, variant, job, model package group (AWS service model). */
export const name63 = z
  .string()
  .max(63)
  .regex(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/);
const modelName = z
  .string()
  .max(63)
  .regex(/^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/);
const name256 = z
  .string()
  .max(256)
  .regex(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}$/);
const roleArn = z
  .string()
  .min(20)
  .max(2048)
  .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/?[a-zA-Z_0-9+=,.@\-_/]+$/);
const s3Uri = z
  .string()
  .max(1024)
  .regex(/^(https|s3):\/\/([^/]+)\/?(.*)$/);
const image = z
  .string()
  .max(255)
  .regex(/^[\S]+$/);
const environment = z.record(z.string().max(1024), z.string().max(1024));
const token = z.string().min(32).max(128);

export const tag = z.looseObject({ Key: z.string().min(1).max(128), Value: z.string().max(256) });
const tags = z.array(tag).max(50);

export const page = z.looseObject({
  MaxResults: z.int().min(1).max(100).optional(),
  NextToken: z.string().max(8192).optional(),
  NameContains: z.string().max(63).optional(),
  SortBy: z.string().optional(),
  SortOrder: z.enum(['Ascending', 'Descending']).optional(),
  CreationTimeAfter: z.number().optional(),
  CreationTimeBefore: z.number().optional(),
  LastModifiedTimeAfter: z.number().optional(),
  LastModifiedTimeBefore: z.number().optional(),
  StatusEquals: z.string().optional(),
});

// --- hosting ---

export const container = z.looseObject({
  ContainerHostname: z.string().max(63).optional(),
  Image: image.optional(),
  ModelDataUrl: s3Uri.optional(),
  ModelDataSource: z
    .looseObject({ S3DataSource: z.looseObject({ S3Uri: s3Uri }).optional() })
    .optional(),
  Environment: environment.optional(),
  ModelPackageName: z.string().min(1).max(176).optional(),
});
export type Container = z.infer<typeof container>;

export const createModel = z.looseObject({
  ModelName: modelName,
  PrimaryContainer: container.optional(),
  Containers: z.array(container).max(15).optional(),
  ExecutionRoleArn: roleArn.optional(),
  Tags: tags.optional(),
});
export const modelByName = z.looseObject({ ModelName: modelName });

const serverlessConfig = z.looseObject({
  MemorySizeInMB: z.literal([1024, 2048, 3072, 4096, 5120, 6144]),
  MaxConcurrency: z.int().min(1).max(200),
  ProvisionedConcurrency: z.int().min(1).max(200).optional(),
});
export type ServerlessConfig = z.infer<typeof serverlessConfig>;

export const productionVariant = z.looseObject({
  VariantName: name63,
  ModelName: modelName.optional(),
  InitialInstanceCount: z.int().min(1).optional(),
  InstanceType: z
    .string()
    .regex(/^ml\.[a-z0-9-]+\.[a-z0-9-]+$/)
    .optional(),
  InitialVariantWeight: z.number().min(0).optional(),
  VolumeSizeInGB: z.int().min(1).max(512).optional(),
  ModelDataDownloadTimeoutInSeconds: z.int().min(60).max(3600).optional(),
  ContainerStartupHealthCheckTimeoutInSeconds: z.int().min(60).max(3600).optional(),
  ServerlessConfig: serverlessConfig.optional(),
  ManagedInstanceScaling: z.looseObject({}).optional(),
});
export type ProductionVariant = z.infer<typeof productionVariant>;

export const dataCaptureConfig = z.looseObject({
  EnableCapture: z.boolean().optional(),
  KmsKeyId: z.string().max(2048).optional(),
  InitialSamplingPercentage: z.int().min(0).max(100),
  DestinationS3Uri: z
    .string()
    .max(512)
    .regex(/^(https|s3):\/\/([^/])\/?(.*)$|^s3:\/\/[^/]+(\/.*)?$/),
  CaptureOptions: z
    .array(z.looseObject({ CaptureMode: z.enum(['Input', 'Output', 'InputAndOutput']) }))
    .min(1)
    .max(32),
  CaptureContentTypeHeader: z
    .looseObject({
      CsvContentTypes: z.array(z.string().min(1).max(256)).min(1).max(10).optional(),
      JsonContentTypes: z.array(z.string().min(1).max(256)).min(1).max(10).optional(),
    })
    .optional(),
});
export type DataCaptureConfig = z.infer<typeof dataCaptureConfig>;

const snsTopic = z
  .string()
  .max(2048)
  .regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]*:[0-9]{12}:[a-zA-Z0-9_.-]+$/);
const s3Folder = z
  .string()
  .max(512)
  .regex(/^(https|s3):\/\/([^/]+)\/?(.*)$/);

export const asyncInferenceConfig = z.looseObject({
  ClientConfig: z
    .looseObject({ MaxConcurrentInvocationsPerInstance: z.int().min(1).max(1000).optional() })
    .optional(),
  OutputConfig: z.looseObject({
    S3OutputPath: s3Folder.optional(),
    S3FailurePath: s3Folder.optional(),
    NotificationConfig: z
      .looseObject({
        SuccessTopic: snsTopic.optional(),
        ErrorTopic: snsTopic.optional(),
        IncludeInferenceResponseIn: z
          .array(z.enum(['SUCCESS_NOTIFICATION_TOPIC', 'ERROR_NOTIFICATION_TOPIC']))
          .max(2)
          .optional(),
      })
      .optional(),
  }),
});
export type AsyncInferenceConfig = z.infer<typeof asyncInferenceConfig>;

export const createEndpointConfig = z.looseObject({
  EndpointConfigName: name63,
  ProductionVariants: z.array(productionVariant).min(1).max(10),
  ShadowProductionVariants: z.array(productionVariant).max(10).optional(),
  DataCaptureConfig: dataCaptureConfig.optional(),
  AsyncInferenceConfig: asyncInferenceConfig.optional(),
  ExecutionRoleArn: roleArn.optional(),
  MetricsConfig: z
    .looseObject({
      EnableEnhancedMetrics: z.boolean().optional(),
      MetricPublishFrequencyInSeconds: z.literal([10, 30, 60, 120, 180, 240, 300]).optional(),
    })
    .optional(),
  Tags: tags.optional(),
});
export type CreateEndpointConfig = z.infer<typeof createEndpointConfig>;
export const endpointConfigByName = z.looseObject({ EndpointConfigName: name63 });

const capacitySize = z.looseObject({
  Type: z.enum(['INSTANCE_COUNT', 'CAPACITY_PERCENT']),
  Value: z.int().min(1),
});
export type CapacitySize = z.infer<typeof capacitySize>;
const waitSeconds = z.int().min(0).max(3600);
const maximumExecution = z.int().min(600).max(28_800);

export const deploymentConfig = z.looseObject({
  BlueGreenUpdatePolicy: z
    .looseObject({
      TrafficRoutingConfiguration: z.looseObject({
        Type: z.enum(['ALL_AT_ONCE', 'CANARY', 'LINEAR']),
        WaitIntervalInSeconds: waitSeconds,
        CanarySize: capacitySize.optional(),
        LinearStepSize: capacitySize.optional(),
      }),
      TerminationWaitInSeconds: waitSeconds.optional(),
      MaximumExecutionTimeoutInSeconds: maximumExecution.optional(),
    })
    .optional(),
  RollingUpdatePolicy: z
    .looseObject({
      MaximumBatchSize: capacitySize,
      WaitIntervalInSeconds: waitSeconds,
      MaximumExecutionTimeoutInSeconds: maximumExecution.optional(),
      RollbackMaximumBatchSize: capacitySize.optional(),
    })
    .optional(),
  AutoRollbackConfiguration: z
    .looseObject({
      Alarms: z
        .array(z.looseObject({ AlarmName: z.string().min(1).max(255) }))
        .min(1)
        .max(10)
        .optional(),
    })
    .optional(),
});
export type DeploymentConfig = z.infer<typeof deploymentConfig>;

export const createEndpoint = z.looseObject({
  EndpointName: name63,
  EndpointConfigName: name63,
  DeploymentConfig: deploymentConfig.optional(),
  Tags: tags.optional(),
});
export const updateEndpoint = z.looseObject({
  EndpointName: name63,
  EndpointConfigName: name63,
  RetainAllVariantProperties: z.boolean().optional(),
  ExcludeRetainedVariantProperties: z
    .array(
      z.looseObject({
        VariantPropertyType: z.enum(['DesiredInstanceCount', 'DesiredWeight', 'DataCaptureConfig']),
      }),
    )
    .max(3)
    .optional(),
  DeploymentConfig: deploymentConfig.optional(),
  RetainDeploymentConfig: z.boolean().optional(),
});
export const endpointByName = z.looseObject({ EndpointName: name63 });
const wantedCapacity = z.looseObject({
  VariantName: name63,
  DesiredWeight: z.number().min(0).optional(),
  DesiredInstanceCount: z.int().min(0).optional(),
  ServerlessUpdateConfig: z
    .looseObject({
      MaxConcurrency: z.int().min(1).max(200).optional(),
      ProvisionedConcurrency: z.int().min(1).max(200).optional(),
    })
    .optional(),
});
export type WantedCapacity = z.infer<typeof wantedCapacity>;
export const updateWeights = z.looseObject({
  EndpointName: name63,
  DesiredWeightsAndCapacities: z.array(wantedCapacity).min(1),
});

// --- tags ---

export const addTags = z.looseObject({
  ResourceArn: z.string().max(256).startsWith('arn:'),
  Tags: tags,
});
export const listTags = z.looseObject({ ResourceArn: z.string().max(256).startsWith('arn:') });
export const deleteTags = z.looseObject({
  ResourceArn: z.string().max(256).startsWith('arn:'),
  TagKeys: z.array(z.string().min(1).max(128)).min(1).max(50),
});

// --- jobs ---

const s3DataSource = z.looseObject({ S3Uri: s3Uri, S3DataType: z.string().optional() });
const jobResources = z.looseObject({
  InstanceType: z.string().optional(),
  InstanceCount: z.int().min(0).optional(),
  VolumeSizeInGB: z.int().min(0).optional(),
});
const stoppingCondition = z.looseObject({
  MaxRuntimeInSeconds: z.int().min(1).max(2_419_200).optional(),
  MaxWaitTimeInSeconds: z.int().min(1).optional(),
});

export const createTrainingJob = z.looseObject({
  TrainingJobName: name63,
  RoleArn: roleArn,
  AlgorithmSpecification: z.looseObject({
    TrainingImage: image.optional(),
    AlgorithmName: z.string().max(170).optional(),
    TrainingInputMode: z.enum(['File', 'Pipe', 'FastFile']),
  }),
  InputDataConfig: z
    .array(
      z.looseObject({
        ChannelName: z
          .string()
          .min(1)
          .max(64)
          .regex(/^[A-Za-z0-9.\-_]+$/),
        DataSource: z.looseObject({ S3DataSource: s3DataSource.optional() }),
      }),
    )
    .min(1)
    .max(20)
    .optional(),
  OutputDataConfig: z.looseObject({ S3OutputPath: s3Uri }),
  ResourceConfig: jobResources,
  StoppingCondition: stoppingCondition.optional(),
  EnableManagedSpotTraining: z.boolean().optional(),
  CheckpointConfig: z.looseObject({ S3Uri: s3Uri, LocalPath: z.string().optional() }).optional(),
  HyperParameters: z.record(z.string().max(256), z.string().max(2500)).optional(),
  Environment: environment.optional(),
  Tags: tags.optional(),
});
export type TrainingRequest = z.infer<typeof createTrainingJob>;
export const trainingJobByName = z.looseObject({ TrainingJobName: name63 });

export const createProcessingJob = z.looseObject({
  ProcessingJobName: name63,
  RoleArn: roleArn,
  AppSpecification: z.looseObject({
    ImageUri: image,
    ContainerEntrypoint: z.array(z.string().max(256)).max(100).optional(),
    ContainerArguments: z.array(z.string().max(256)).max(100).optional(),
  }),
  ProcessingResources: z.looseObject({ ClusterConfig: jobResources }),
  ProcessingInputs: z
    .array(
      z.looseObject({
        InputName: z.string(),
        S3Input: s3DataSource.extend({ LocalPath: z.string().optional() }).optional(),
      }),
    )
    .max(10)
    .optional(),
  ProcessingOutputConfig: z
    .looseObject({
      Outputs: z
        .array(
          z.looseObject({
            OutputName: z.string(),
            S3Output: z.looseObject({ S3Uri: s3Uri, LocalPath: z.string().optional() }).optional(),
          }),
        )
        .max(10),
    })
    .optional(),
  StoppingCondition: stoppingCondition.optional(),
  Environment: environment.optional(),
  Tags: tags.optional(),
});
export type ProcessingRequest = z.infer<typeof createProcessingJob>;
export const processingJobByName = z.looseObject({ ProcessingJobName: name63 });

// --- registry ---

const approvalStatus = z.enum(['Approved', 'Rejected', 'PendingManualApproval']);
const customerMetadata = z.record(z.string().min(1).max(128), z.string().max(256));
const inferenceSpecification = z.looseObject({ Containers: z.array(container).min(1).max(15) });
const clientToken = z
  .string()
  .min(1)
  .max(36)
  .regex(/^[a-zA-Z0-9-]+$/);

export const createGroup = z.looseObject({
  ModelPackageGroupName: name63,
  ModelPackageGroupDescription: z.string().max(1024).optional(),
  Tags: tags.optional(),
});
export const groupByName = z.looseObject({ ModelPackageGroupName: z.string().min(1).max(170) });
export const putGroupPolicy = groupByName.extend({ ResourcePolicy: z.string().max(20_480) });
export const createPackage = z.looseObject({
  ModelPackageName: name63.optional(),
  ModelPackageGroupName: z.string().min(1).max(170).optional(),
  ModelPackageDescription: z.string().max(1024).optional(),
  InferenceSpecification: inferenceSpecification.optional(),
  ModelApprovalStatus: approvalStatus.optional(),
  CustomerMetadataProperties: customerMetadata.optional(),
  ClientToken: clientToken.optional(),
  Tags: tags.optional(),
});
export type CreatePackage = z.infer<typeof createPackage>;
export type UpdatePackage = z.output<typeof updatePackage>;
export const updatePackage = z.looseObject({
  ModelPackageArn: z
    .string()
    .max(2048)
    .regex(/^arn:aws[a-z-]*:sagemaker:[a-z0-9-]{9,16}:\d{12}:model-package\/[\S]{1,2048}$/),
  ModelApprovalStatus: approvalStatus.optional(),
  ApprovalDescription: z.string().max(1024).optional(),
  CustomerMetadataProperties: customerMetadata.optional(),
  CustomerMetadataPropertiesToRemove: z.array(z.string()).max(100).optional(),
  InferenceSpecification: inferenceSpecification.optional(),
  ModelLifeCycle: z
    .looseObject({
      Stage: z.string(),
      StageStatus: z.string(),
      StageDescription: z.string().optional(),
    })
    .optional(),
  SourceUri: z.string().max(1024).optional(),
  ClientToken: clientToken.optional(),
});
export const packageByName = z.looseObject({ ModelPackageName: z.string().min(1).max(176) });
export const listPackages = page.extend({
  ModelPackageGroupName: z.string().max(170).optional(),
  ModelApprovalStatus: approvalStatus.optional(),
  ModelPackageType: z.string().optional(),
});

// --- pipelines ---

export const createPipeline = z.looseObject({
  PipelineName: name256,
  PipelineDisplayName: name256.optional(),
  PipelineDefinition: z.string().min(1).max(1_048_576).optional(),
  PipelineDefinitionS3Location: z
    .looseObject({ Bucket: z.string(), ObjectKey: z.string() })
    .optional(),
  PipelineDescription: z.string().max(3072).optional(),
  ClientRequestToken: token,
  RoleArn: roleArn,
  Tags: tags.optional(),
});
export const updatePipeline = z.looseObject({
  PipelineName: name256,
  PipelineDisplayName: name256.optional(),
  PipelineDefinition: z.string().min(1).max(1_048_576).optional(),
  PipelineDescription: z.string().max(3072).optional(),
  RoleArn: roleArn.optional(),
});
export const deletePipeline = z.looseObject({ PipelineName: name256, ClientRequestToken: token });
export const pipelineByName = z.looseObject({
  PipelineName: z.string().min(1).max(2048),
  PipelineVersionId: z.int().min(1).optional(),
});
export const updatePipelineVersion = z.looseObject({
  PipelineArn: z.string().max(2048).startsWith('arn:'),
  PipelineVersionId: z.int().min(1),
  PipelineVersionDisplayName: z.string().min(1).max(82).optional(),
  PipelineVersionDescription: z.string().max(3072).optional(),
});
const callbackToken = z.string().regex(/^[a-zA-Z0-9]{10}$/);
export const stepSuccess = z.looseObject({
  CallbackToken: callbackToken,
  OutputParameters: z
    .array(z.looseObject({ Name: z.string().max(256), Value: z.string().max(1024) }))
    .max(50)
    .default([]),
});
export const stepFailure = z.looseObject({
  CallbackToken: callbackToken,
  FailureReason: z.string().max(256).optional(),
});
export const startExecution = z.looseObject({
  PipelineName: z.string().min(1).max(2048),
  PipelineExecutionDisplayName: z
    .string()
    .max(82)
    .regex(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,81}$/)
    .optional(),
  PipelineParameters: z
    .array(
      z.looseObject({
        Name: z
          .string()
          .max(256)
          .regex(/^[A-Za-z0-9\-_]*$/),
        Value: z.string().max(1024),
      }),
    )
    .max(200)
    .optional(),
  PipelineExecutionDescription: z.string().max(3072).optional(),
  ClientRequestToken: token,
  PipelineVersionId: z.int().min(1).optional(),
  SelectiveExecutionConfig: z
    .looseObject({
      SourcePipelineExecutionArn: z.string().max(2048).startsWith('arn:').optional(),
      SelectedSteps: z
        .array(z.looseObject({ StepName: z.string().max(256) }))
        .min(1)
        .max(50),
    })
    .optional(),
});
export const executionByArn = z.looseObject({
  PipelineExecutionArn: z.string().max(2048).startsWith('arn:'),
});
export const executionByArnWithToken = executionByArn.extend({ ClientRequestToken: token });
export const listExecutions = pipelineByName.extend(page.shape).extend({
  CreatedAfter: z.number().optional(),
  CreatedBefore: z.number().optional(),
});

export const listPipelines = page.extend({
  PipelineNamePrefix: name256.optional(),
  SortBy: z.enum(['Name', 'CreationTime']).optional(),
  CreatedAfter: z.number().optional(),
  CreatedBefore: z.number().optional(),
});
