/** Staging before production: where it is, what a candidate must show there, and what another place needs. */
import { durationMs } from './duration.js';
import type { Policy, PolicySpec } from './policy.schema.js';

export type Staging = NonNullable<PolicySpec['deploy']['staging']>;

const SUFFIX = '-staging';

/** Config and SageMaker model of a release at its staging endpoint. */
export const stagingName = (configName: string): string => `${configName}${SUFFIX}`;

/** Whether a name is one that a release of the model gives to its config at staging. */
export const isStagingConfig = (model: string, name: string): boolean =>
  name.startsWith(`${model}-`) &&
  /^[1-9]\d{0,5}(-[2-9])?-staging$/.test(name.slice(model.length + 1));

/** Where the staging endpoint is. */
export const stagingPlace = (
  spec: PolicySpec,
  staging: Staging,
): { readonly name: string; readonly variant: string; readonly region: string } => ({
  name: staging.endpoint,
  variant: staging.variant ?? spec.endpoint.variant,
  region: staging.region ?? spec.endpoint.region,
});

/** The same place in words, for people who read what would be or was done. */
export function stagingInWords(spec: PolicySpec, staging: Staging): string {
  const { name, region } = stagingPlace(spec, staging);
  return `${name} in ${region}${staging.role === undefined ? '' : `, as ${staging.role.arn}`}`;
}

/** Whether a policy that is replaced had a staging endpoint that the new one does not have. */
export function leavesStaging(before: Policy, after: Policy): boolean {
  const of = ({ spec }: Policy): string => {
    const { staging } = spec.deploy;
    return staging === undefined ? '' : stagingInWords(spec, staging).toLowerCase();
  };
  return of(before) !== '' && of(before) !== of(after);
}

/**
 * The policy as it is for the staging endpoint: every activity that works on "the endpoint" works on that one, under the
 * role of staging.
 */
export function stagingPolicy(policy: Policy, staging: Staging): Policy {
  const { spec } = policy;
  const role = staging.role ?? spec.roles?.deploy;
  return {
    ...policy,
    spec: {
      ...spec,
      endpoint: { ...spec.endpoint, ...stagingPlace(spec, staging) },
      roles: role === undefined ? undefined : { read: role, deploy: role },
    },
  };
}

/** What is asked of the candidate at staging; what the policy leaves out is filled in here. */
export const stagingCheck = (staging: Staging) => ({
  samples: staging.check.samples,
  contentType: staging.check.contentType ?? contentTypeOf(staging.check.samples),
  requests: staging.check.requests ?? 20,
  errorShare: staging.check.errorShare ?? 0,
  latencyP95Ms: staging.check.latencyP95Ms ?? 1_000,
});

/** How long staging may take in all; `deploy.staging.timeout`, or an hour. */
export const stagingTimeoutMs = (staging: Staging): number => durationMs(staging.timeout ?? '1h');

/** By the ending of the file; `null` when it says nothing, or when the samples carry their own. */
function contentTypeOf(samples: string): string | null {
  if (/\.csv$/i.test(samples)) return 'text/csv';
  return /\.(jsonl|ndjson|json)$/i.test(samples) ? 'application/json' : null;
}

export interface StagingFault {
  readonly path: readonly string[];
  readonly message: string;
}

const accountOf = (arn: string | undefined): string | undefined => arn?.split(':')[4];

/** What of `deploy.staging` does not go together; empty when all does. */
export function stagingFaults(spec: PolicySpec): readonly StagingFault[] {
  const { staging } = spec.deploy;
  if (staging === undefined) return [];
  const faults: StagingFault[] = [];
  const fault = (path: readonly string[], message: string): void => {
    faults.push({ path, message });
  };
  const place = stagingPlace(spec, staging);
  const elsewhere = place.region !== spec.endpoint.region;
  if (
    !elsewhere &&
    staging.role === undefined &&
    place.name.toLowerCase() === spec.endpoint.name.toLowerCase()
  ) {
    fault(
      ['endpoint'],
      `is the endpoint of production: name another one, or the role of another account, or another region`,
    );
  }
  if (elsewhere && staging.replica === undefined) {
    fault(
      ['replica'],
      `is missing: SageMaker makes a model of a package only in the Region of the package, and takes artefact and image from its own Region alone; say in which bucket of ${place.region} the artefacts are replicated`,
    );
  }
  if (!elsewhere && staging.replica !== undefined) {
    fault(
      ['replica'],
      `is for a staging endpoint in another Region: in ${place.region} the model package itself is used; take it off`,
    );
  }
  const account = accountOf(staging.role?.arn);
  const passed = staging.executionRole ?? spec.deploy.role;
  if (account !== undefined && passed !== undefined && accountOf(passed) !== account) {
    fault(
      ['executionRole'],
      `the model at staging would run under ${passed}, and SageMaker takes no role of another account: name one of ${account}`,
    );
  }
  if (staging.check.samples !== 'captured' && stagingCheck(staging).contentType === null) {
    fault(
      ['check', 'contentType'],
      `${staging.check.samples} does not say what it holds: write contentType, such as text/csv`,
    );
  }
  return faults;
}

/** One container of a model package, as far as another Region needs it. */
export interface PackagedContainer {
  readonly image: string | undefined;
  readonly modelDataUrl: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
}

const ECR = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.(amazonaws\.com(?:\.cn)?)\/(.+)$/;

/**
 * The container with artefact and image of the other Region: the same key in the replica's bucket, and the same
 * repository and tag or digest in its registry, as S3 and ECR replicate them.
 *
 * @returns a sentence where that cannot be said
 */
export function replicated(
  { image, modelDataUrl, environment }: PackagedContainer,
  region: string,
  replica: NonNullable<Staging['replica']>,
): (PackagedContainer & { readonly image: string }) | string {
  if (image === undefined) return 'the model package names no image';
  const key = /^s3:\/\/[^/]+\/(.+)$/.exec(modelDataUrl ?? '')?.[1];
  if (key === undefined)
    return `the model package has no single artefact that could be found in ${replica.bucket} (ModelDataUrl is ${modelDataUrl ?? 'absent'}): stage it in the Region of the package`;
  const stored = ECR.exec(image);
  if (stored === null && replica.registry === undefined)
    return `the image ${image} is in no registry of ECR, so nobody knows where its copy in ${region} is: write deploy.staging.replica.registry`;
  const [, account = '', , domain = '', ecrPath] = stored ?? [];
  const path = ecrPath ?? image.slice(image.indexOf('/') + 1);
  return {
    image: `${replica.registry ?? `${account}.dkr.ecr.${region}.${domain}`}/${path}`,
    modelDataUrl: `s3://${replica.bucket}/${key}`,
    environment,
  };
}

/** What came of one request to the candidate at staging. */
export type StagingAnswer =
  | { readonly kind: 'answered'; readonly ms: number }
  | { readonly kind: 'error'; readonly reason: string };

export interface StagingVerdict {
  readonly verdict: 'pass' | 'fail';
  readonly requests: number;
  readonly errors: number;
  /** 95th percentile of the answers after the first, which warms up; `null` when there was none. */
  readonly latencyP95Ms: number | null;
  readonly reasons: readonly string[];
}

/** Judges the answers in their order. No answers are no evidence, and no evidence never passes. */
export function judgeStaging(
  answers: readonly StagingAnswer[],
  limits: { readonly errorShare: number; readonly latencyP95Ms: number },
): StagingVerdict {
  const errors = answers.flatMap((answer) => (answer.kind === 'error' ? [answer.reason] : []));
  const times = answers
    .slice(answers.length > 1 ? 1 : 0)
    .flatMap((answer) => (answer.kind === 'answered' ? [answer.ms] : []))
    .sort((a, b) => a - b);
  const latencyP95Ms = times[Math.ceil(times.length * 0.95) - 1] ?? null;
  const reasons: string[] = [];
  const share = errors.length / answers.length;
  if (answers.length === 0)
    reasons.push('there is no sample to ask it with: no evidence is never a pass');
  else if (share > limits.errorShare)
    reasons.push(
      `${errors.length} of ${answers.length} requests failed (${percent(share)}, allowed ${percent(limits.errorShare)}), the first: ${errors[0] ?? ''}`,
    );
  else if (latencyP95Ms === null) reasons.push('no request was answered');
  if (latencyP95Ms !== null && latencyP95Ms > limits.latencyP95Ms)
    reasons.push(
      `95 % of the answers took up to ${Math.round(latencyP95Ms)} ms, allowed are ${limits.latencyP95Ms} ms`,
    );
  return {
    verdict: reasons.length === 0 ? 'pass' : 'fail',
    requests: answers.length,
    errors: errors.length,
    latencyP95Ms,
    reasons:
      reasons.length > 0
        ? reasons
        : [
            `${answers.length - errors.length} of ${answers.length} requests answered, 95 % of them within ${Math.round(latencyP95Ms ?? 0)} ms`,
          ],
  };
}

/** `pass: 20 of 20 requests answered …`, or that it is being tried. */
export const stagedInWords = (staged: {
  readonly where: string;
  readonly verdict: StagingVerdict['verdict'] | null;
  readonly reasons: readonly string[];
}): string =>
  `${staged.verdict ?? 'being tried'} at ${staged.where}${staged.reasons.length === 0 ? '' : `: ${staged.reasons.join('; ')}`}`;

const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;
