import type {
  AsyncInferenceConfig,
  DataCaptureConfig,
  DeploymentConfig,
  ServerlessConfig,
} from './shapes.js';
import type { Walk } from './rollout.js';

export interface VariantState {
  readonly name: string;
  readonly modelName?: string;
  readonly instanceType?: string;
  serverless?: ServerlessConfig;
  /** `SpecifiedImage`s of its containers. */
  readonly images: readonly string[];
  /** Where the primary container's artefact is; absent when it has none. */
  readonly modelDataUrl?: string;
  /** Digest of the staged artefact; absent before provisioning. */
  artefact?: string;
  weight: number;
  desiredWeight: number;
  count: number;
  desiredCount: number;
}

/** Instances running one endpoint configuration. */
export interface Fleet {
  readonly configName: string;
  readonly variants: VariantState[];
  /** Copies of requests go here, and their answers nowhere. */
  readonly shadows?: VariantState[];
  readonly capture?: DataCaptureConfig;
  /** Requests wait in a queue, and answers go to S3. */
  readonly asynchronous?: AsyncInferenceConfig;
  /** SageMaker updates it all at once, whatever is asked: serverless, Inf1, Elastic Inference, AWS Marketplace. */
  readonly unguarded?: boolean;
  readonly metricsEverySeconds: number;
  readonly resolvedAtMs: number;
}

/** What a fault decided about a deployment when it was accepted. */
export type Fate = 'silent rollback' | 'UpdateRollbackFailed' | 'capacity' | 'stuck creating';

export type Motion =
  | {
      readonly kind: 'creating';
      readonly fleet: Fleet;
      readonly readyAtMs: number;
      readonly fate?: Fate;
    }
  | {
      readonly kind: 'updating';
      readonly fleet: Fleet;
      readonly walk: Walk;
      readonly alarms: readonly string[];
      readonly deploymentConfig?: DeploymentConfig;
      readonly fate?: Fate;
      readonly rolling: boolean;
      staged: boolean;
      /** Index of the phase last seen, and since when. */
      phase: number;
      phaseSinceMs: number;
      /** Alarms were read up to this instant. */
      polledToMs: number;
      rollback?: { readonly endAtMs: number; readonly reason?: string };
    }
  | {
      readonly kind: 'resizing';
      readonly endAtMs: number;
      /** Weights and counts to go back to, by variant, where it fails; it goes back until `backAtMs`. */
      readonly before?: Readonly<
        Record<string, { readonly weight: number; readonly count: number }>
      >;
      backAtMs?: number;
    }
  | { readonly kind: 'maintenance'; readonly endAtMs: number }
  | { readonly kind: 'deleting'; readonly endAtMs: number };

export type EndpointStatus =
  | 'Creating'
  | 'Updating'
  | 'SystemUpdating'
  | 'RollingBack'
  | 'InService'
  | 'Deleting'
  | 'Failed'
  | 'UpdateRollbackFailed';

export interface EndpointRecord {
  readonly name: string;
  readonly arn: string;
  readonly createdAtMs: number;
  readonly visibleAtMs: number;
  modifiedAtMs: number;
  status: EndpointStatus;
  /** As in AWS it may outlive a later success. */
  failureReason?: string;
  /** What serves; absent until the endpoint was in service once. */
  fleet?: Fleet;
  /** The rest of a fleet that a failed rollback left behind, with its share of the traffic. */
  stranded?: { readonly fleet: Fleet; readonly share: number };
  motion?: Motion;
  /** Remembered for updates that retain it. */
  lastDeploymentConfig?: DeploymentConfig;
}

/** Where a request may go: a variant of one fleet, with its share of all traffic. */
export interface Route {
  readonly variant: VariantState;
  readonly fleet: Fleet;
  readonly share: number;
}

/** Every variant that takes traffic now; shares add up to 1 when the endpoint serves at all. */
export function routesOf(endpoint: EndpointRecord): readonly Route[] {
  const { fleet, motion, stranded } = endpoint;
  if (fleet === undefined || motion?.kind === 'deleting') return [];
  const coming =
    motion?.kind === 'updating' && motion.rollback === undefined
      ? { fleet: motion.fleet, share: motion.walk.phases[motion.phase]?.newTraffic ?? 0 }
      : (stranded ?? { fleet, share: 0 });
  return [...weighted(fleet, 1 - coming.share), ...weighted(coming.fleet, coming.share)].filter(
    ({ share }) => share > 0,
  );
}

function weighted(fleet: Fleet, share: number): readonly Route[] {
  const total = fleet.variants.reduce((sum, { weight }) => sum + weight, 0);
  return fleet.variants.map((variant) => ({
    variant,
    fleet,
    share: total === 0 ? 0 : (share * variant.weight) / total,
  }));
}
