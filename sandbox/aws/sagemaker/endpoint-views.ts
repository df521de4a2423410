/** How an endpoint looks from outside: DescribeEndpoint, ListEndpoints, events. */
import { resolvedImage } from '../../learner/image.js';
import type { BusEvent } from '../kernel.js';
import { seconds } from './context.js';
import type { EndpointRecord, Fleet, Motion, VariantState } from './endpoint-record.js';
import { statusMessage } from './rollout.js';

type Updating = Extract<Motion, { kind: 'updating' }>;

export function describeEndpoint(endpoint: EndpointRecord): object {
  const { fleet, motion } = endpoint;
  const shown = fleet ?? (motion?.kind === 'creating' ? motion.fleet : undefined);
  const creating = motion?.kind === 'creating';
  const updating = motion?.kind === 'updating' ? motion : undefined;
  return {
    EndpointName: endpoint.name,
    EndpointArn: endpoint.arn,
    ...(shown && { EndpointConfigName: shown.configName }),
    ...(shown &&
      !creating && {
        ProductionVariants: shown.variants.map((variant) => summary(variant, shown)),
        ...(shown.shadows !== undefined &&
          shown.shadows.length > 0 && {
            ShadowProductionVariants: shown.shadows.map((variant) => summary(variant, shown)),
          }),
      }),
    ...(shown?.capture && {
      DataCaptureConfig: {
        EnableCapture: shown.capture.EnableCapture ?? false,
        CaptureStatus: shown.capture.EnableCapture === true && !creating ? 'Started' : 'Stopped',
        CurrentSamplingPercentage: shown.capture.InitialSamplingPercentage,
        DestinationS3Uri: shown.capture.DestinationS3Uri,
        // Required in the service model: empty when no key was named.
        KmsKeyId: shown.capture.KmsKeyId ?? '',
      },
    }),
    EndpointStatus: endpoint.status,
    ...(endpoint.failureReason !== undefined && { FailureReason: endpoint.failureReason }),
    CreationTime: seconds(endpoint.createdAtMs),
    LastModifiedTime: seconds(endpoint.modifiedAtMs),
    ...(endpoint.lastDeploymentConfig && { LastDeploymentConfig: endpoint.lastDeploymentConfig }),
    ...(shown?.asynchronous && { AsyncInferenceConfig: shown.asynchronous }),
    ...(updating && { PendingDeploymentSummary: pending(updating, seconds) }),
    ...(shown && { MetricsConfig: { MetricPublishFrequencyInSeconds: shown.metricsEverySeconds } }),
  };
}

export function endpointSummary(endpoint: EndpointRecord): object {
  return {
    EndpointName: endpoint.name,
    EndpointArn: endpoint.arn,
    EndpointStatus: endpoint.status,
    CreationTime: seconds(endpoint.createdAtMs),
    LastModifiedTime: seconds(endpoint.modifiedAtMs),
  };
}

/** `SageMaker Endpoint State Change`: the status in UPPER_SNAKE, instants in epoch milliseconds. */
export function endpointEvent(endpoint: EndpointRecord, tags: object, atMs: number): BusEvent {
  return {
    source: 'aws.sagemaker',
    detailType: 'SageMaker Endpoint State Change',
    resources: [endpoint.arn],
    time: String(atMs),
    detail: eventDetail(endpoint, tags),
  };
}

/** `SageMaker Endpoint Deployment State Change`, one for every stage of an update. */
export function deploymentEvent(endpoint: EndpointRecord, tags: object): BusEvent {
  const { motion } = endpoint;
  return {
    source: 'aws.sagemaker',
    detailType: 'SageMaker Endpoint Deployment State Change',
    resources: [endpoint.arn],
    detail: {
      ...eventDetail(endpoint, tags),
      ...(motion?.kind === 'updating' && { PendingDeploymentSummary: pending(motion, (ms) => ms) }),
    },
  };
}

function eventDetail(endpoint: EndpointRecord, tags: object): object {
  const fleet =
    endpoint.fleet ?? (endpoint.motion?.kind === 'creating' ? endpoint.motion.fleet : undefined);
  return {
    EndpointName: endpoint.name,
    EndpointArn: endpoint.arn,
    EndpointConfigName: fleet?.configName,
    ProductionVariants: (fleet?.variants ?? []).map((variant) => ({
      VariantName: variant.name,
      CurrentWeight: variant.weight,
      DesiredWeight: variant.desiredWeight,
      CurrentInstanceCount: variant.count,
      DesiredInstanceCount: variant.desiredCount,
    })),
    EndpointStatus: upperSnake(endpoint.status),
    ...(endpoint.failureReason !== undefined && { FailureReason: endpoint.failureReason }),
    CreationTime: endpoint.createdAtMs,
    LastModifiedTime: endpoint.modifiedAtMs,
    Tags: tags,
  };
}

function summary(variant: VariantState, fleet: Fleet): object {
  return {
    VariantName: variant.name,
    DeployedImages: variant.images.map((image) => ({
      SpecifiedImage: image,
      ResolvedImage: resolvedImage(image),
      ResolutionTime: seconds(fleet.resolvedAtMs),
    })),
    CurrentWeight: variant.weight,
    DesiredWeight: variant.desiredWeight,
    ...(variant.serverless === undefined
      ? { CurrentInstanceCount: variant.count, DesiredInstanceCount: variant.desiredCount }
      : {
          CurrentInstanceCount: 0,
          CurrentServerlessConfig: variant.serverless,
          DesiredServerlessConfig: variant.serverless,
        }),
  };
}

function pending(motion: Updating, instant: (ms: number) => number): object {
  const phase = motion.walk.phases[motion.phase];
  return {
    EndpointConfigName: motion.fleet.configName,
    StartTime: instant(motion.walk.startedAtMs),
    ProductionVariants: motion.fleet.variants.map((variant) => ({
      ...summary(variant, motion.fleet),
      ...(instant !== seconds && { DeployedImages: undefined }),
      ...(variant.serverless === undefined && {
        CurrentInstanceCount: Math.round((phase?.newFleet ?? 0) * variant.desiredCount),
        DesiredInstanceCount: variant.desiredCount,
        InstanceType: variant.instanceType,
      }),
      ...(phase && {
        VariantStatus: [
          {
            Status: phase.status,
            StatusMessage: statusMessage(phase, variant.desiredCount),
            StartTime: instant(motion.phaseSinceMs),
          },
        ],
      }),
    })),
  };
}

function upperSnake(status: string): string {
  return status.replace(/(?<!^)([A-Z])/g, '_$1').toUpperCase();
}
