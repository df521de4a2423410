import type { FailureClass } from './model.js';

/**
 * Every failure type this service throws on purpose. The value is the `type` recorded in workflow history, so
 * renaming one is a breaking change for workflows in flight.
 */
export const FailureType = {
  /** A look found nothing to tell. BENIGN; the next attempt is the next look. */
  Quiet: 'Quiet',
  /** A pipeline execution has not ended. BENIGN. */
  StillRunning: 'StillRunning',
  /** An endpoint is not at rest. BENIGN. */
  StillMoving: 'StillMoving',
  /** A credential or permission is missing. Retried slowly, so that a repair resumes the work. */
  PermissionMissing: 'PermissionMissing',
  /** AWS asked us to slow down. Retried. */
  Throttled: 'Throttled',
  /** No answer, or one that says it is AWS's own trouble. Retried. */
  AwsUnavailable: 'AwsUnavailable',
  /** The resource is being changed by somebody. Retried with a long delay. */
  Busy: 'Busy',
  /** A quota or a shortage of instances. Retried with a long delay. */
  Capacity: 'Capacity',
  /** Something that should be there is not visible yet. Retried for about a minute. */
  NotVisibleYet: 'NotVisibleYet',
  /** AWS refused the request as malformed; retrying cannot help. */
  AwsRequestRefused: 'AwsRequestRefused',
  /** A resource with our name exists and is not what we would have made. */
  NameTaken: 'NameTaken',
  /** A file or an answer does not have the shape it must have. */
  BadData: 'BadData',
  /** The ledger's chain of hashes is broken. */
  LedgerBroken: 'LedgerBroken',
  /** Something that cannot be done as the policy is. The message says what to change. */
  PolicyUnfit: 'PolicyUnfit',
  /** A decision arrived that the approval rules refuse. */
  DecisionRefused: 'DecisionRefused',
} as const;
export type FailureType = (typeof FailureType)[keyof typeof FailureType];

const CLASSES: readonly (readonly [RegExp, FailureClass])[] = [
  [/CapacityError|insufficient ?(instance ?)?capacity/i, 'capacity'],
  [/ResourceLimitExceeded|service limit|quota|is not available in this region/i, 'quota'],
  [/ThrottlingException|Rate exceeded|TooManyRequests/i, 'throttle'],
  [
    /\bInternal(Server|Service)?(Error|Failure|Exception)\b|Request to service failed|ServiceUnavailable/i,
    'internal',
  ],
  [/is not authorized to perform|AccessDenied/i, 'permission'],
  [
    /MaxRuntimeExceeded|exceeded MaxRuntimeInSeconds|MaxWaitTimeExceeded|timed out|time-?out/i,
    'timeout',
  ],
  [/no (training |labelled )?(rows|data)\b|no S3 objects found/i, 'data'],
  [/AlgorithmError/i, 'user code'],
  [/ClientError|ValidationException/i, 'data'],
  [/^stopped\b|was stopped/i, 'stopped'],
];

/**
 * What a job's or step's `FailureReason` was about. The text is free and cut off by AWS: only the coarse classes
 * its prefixes name are read, everything else is `unknown`. What follows `AlgorithmError` are the words of the user's own
 * program: a quota or a time-out in them is none of AWS's.
 */
export function failureClass(reason: string): FailureClass {
  const ofTheirs = /^\s*AlgorithmError\b/i.test(reason);
  const possible = ofTheirs
    ? CLASSES.filter(([, kind]) => kind === 'data' || kind === 'user code')
    : CLASSES;
  return possible.find(([pattern]) => pattern.test(reason))?.[1] ?? 'unknown';
}
