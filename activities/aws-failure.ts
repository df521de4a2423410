/** The one place that reads AWS's errors: what a later attempt can still get through, and what a person must do. */
import { ApplicationFailure, Context } from '@temporalio/activity';

import { FailureType } from '../domain/failures.js';

/** The permission a request needs, as IAM spells it, and on what: it stands in the failure when it is missing. */
export interface Permission {
  readonly action: string;
  readonly on: string;
}

export const may = (action: string, on: string): Permission => ({ action, on });

export interface SendOptions {
  readonly abortSignal?: AbortSignal;
}

/** What is read of an error of the SDK. Only this goes into failures: `$response` holds sockets. */
export interface AwsError {
  readonly name: string;
  readonly message: string;
  readonly fault: 'client' | 'server';
  readonly status: number | null;
  readonly requestId: string | null;
}

const THROTTLES: ReadonlySet<string> = new Set([
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'KMSThrottling',
  'KMSThrottlingException',
  'TooManyRequestsException',
  'RequestThrottled',
  'RequestLimitExceeded',
  'SlowDown',
  'LimitExceededException',
]);

/** The role may not. */
const PERMISSIONS: ReadonlySet<string> = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AuthorizationError',
  'AuthorizationErrorException',
  'KMSAccessDenied',
  'KMSAccessDeniedException',
  'KMSOptInRequired',
  'NotAuthorized',
  'OptInRequired',
  'UnauthorizedOperation',
]);

/** Nobody knows who asks: expired, revoked, mistyped or no credentials. */
const CREDENTIALS: ReadonlySet<string> = new Set([
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignature',
  'IncompleteSignatureException',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'InvalidToken',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'RequestExpired',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'TokenRefreshRequired',
  'UnrecognizedClientException',
]);

/** A request signed too early or too late. The SDK corrects its clock by AWS's once; this is what is left. */
const CLOCK =
  /RequestTimeTooSkewed|RequestInTheFuture|request time.* too large|Signature (?:expired|not yet current)/i;

/** SageMaker refuses a role of ours that cannot do its part as if the request were malformed. */
const ROLE_LACKS = /could not assume role|is not authorized to perform|ensure that the role\b/i;

/** Conflicts of two writers, gone a moment later. */
const CONFLICTS: ReadonlySet<string> = new Set([
  'ConflictException',
  'ConcurrentUpdateException',
  'ConcurrentModificationException',
  'ConditionalRequestConflict',
]);

const SHORTAGES: ReadonlySet<string> = new Set([
  'ResourceLimitExceeded',
  'LimitExceeded',
  'LimitExceededFault',
]);

const NETWORK_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** Attempts, five seconds apart, for which "not found" may mean "not visible yet": about a minute. */
const GRACE_ATTEMPTS = 12;

/** The parts of an SDK error we know; `undefined` for any other error. */
export function awsErrorOf(error: unknown): AwsError | undefined {
  if (!(error instanceof Error)) return undefined;
  const fault = '$fault' in error ? error.$fault : undefined;
  if (fault !== 'client' && fault !== 'server') return undefined;
  const metadata: { httpStatusCode?: unknown; requestId?: unknown } =
    '$metadata' in error && typeof error.$metadata === 'object' && error.$metadata !== null
      ? error.$metadata
      : {};
  return {
    name: error.name,
    message: error.message,
    fault,
    status: typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : null,
    requestId: typeof metadata.requestId === 'string' ? metadata.requestId : null,
  };
}

/** "Could not find …" in all of AWS's spellings. SageMaker says it as ValidationException. */
export function isNotFound(error: AwsError): boolean {
  if (/^(ResourceNotFound|ObjectNotFound|NotFound|NoSuch|QueueDoesNotExist)/.test(error.name))
    return true;
  return (
    error.name === 'ValidationException' &&
    /could not find|does not exist|requested resource not found/i.test(error.message)
  );
}

/** A name that is taken, as AWS's own SDK tells it. */
export function isAlreadyThere(error: AwsError): boolean {
  return (
    (error.name === 'ValidationException' || error.name === 'ResourceInUse') &&
    /cannot create already existing|already exists/i.test(error.message)
  );
}

/** The endpoint is in motion and takes no update now. */
export function isInMotion(error: AwsError): boolean {
  return error.name === 'ValidationException' && /in-progress endpoint/i.test(error.message);
}

/** For {@link aws}: a missing thing is an answer. */
export const absent = (error: AwsError): 'absent' | undefined =>
  isNotFound(error) ? 'absent' : undefined;

/** The context of the running activity; `undefined` when a door calls a read-only function. */
export function runningActivity(): Context | undefined {
  try {
    return Context.current();
  } catch {
    return undefined;
  }
}

/** Which attempt of its activity this is; 1 outside of one. */
export const attempt = (): number => runningActivity()?.info.attempt ?? 1;

/**
 * Sends one request with the activity's cancellation, and turns an error into what Temporal should do about it.
 *
 * @param unless makes an expected refusal an answer; `undefined` for every other
 * @throws {ApplicationFailure} non-retryable for a malformed request; otherwise retryable, with a delay where
 *   the usual back-off would be too hasty
 */
export async function aws<T, U = never>(
  permission: Permission,
  send: (options: SendOptions) => Promise<T>,
  unless?: (error: AwsError) => U | undefined,
): Promise<T | U> {
  const signal = runningActivity()?.cancellationSignal;
  try {
    return await send(signal === undefined ? {} : { abortSignal: signal });
  } catch (error) {
    const known = awsErrorOf(error);
    const expected = known === undefined ? undefined : unless?.(known);
    if (expected !== undefined) return expected;
    throw failureOf(permission, error, attempt());
  }
}

/** The failure to throw for an error of a request that needs `permission`. Errors that are not AWS's are left alone. */
export function failureOf(permission: Permission, error: unknown, attemptNumber: number): unknown {
  if (error instanceof ApplicationFailure) return error;
  if (error instanceof Error && error.name === 'AbortError') return error;
  const known = awsErrorOf(error);
  if (known === undefined) return failureOfOther(permission, error, attemptNumber);
  const { name, message } = known;
  const details = [
    {
      operation: permission.action,
      awsError: name,
      requestId: known.requestId,
      status: known.status,
    },
  ];
  const retry = (type: FailureType, sentence: string, nextRetryMs?: number): ApplicationFailure =>
    ApplicationFailure.create({
      type,
      message: sentence,
      details,
      ...(nextRetryMs === undefined ? {} : { nextRetryDelay: nextRetryMs }),
    });

  const unpermitted = whatToRepair(permission, known);
  if (unpermitted !== undefined) {
    return ApplicationFailure.create({
      type: FailureType.PermissionMissing,
      message: `${unpermitted}: ${name}: ${message}`,
      details,
      nextRetryDelay: permissionDelayMs(attemptNumber),
    });
  }
  if (THROTTLES.has(name) || known.status === 429) {
    return retry(FailureType.Throttled, `${permission.action} is throttled by AWS: ${message}`);
  }
  if (SHORTAGES.has(name)) {
    return retry(
      FailureType.Capacity,
      `${permission.action} on ${permission.on} waits for capacity or quota: ${message}`,
      Math.min(300_000, 60_000 * attemptNumber),
    );
  }
  if (isInMotion(known) || CONFLICTS.has(name)) {
    return retry(
      FailureType.Busy,
      `${permission.on} is being changed by somebody else: ${message}`,
      Math.min(120_000, 15_000 * attemptNumber),
    );
  }
  if (known.fault === 'server' || (known.status ?? 0) >= 500) {
    return retry(
      FailureType.AwsUnavailable,
      `${permission.action} failed on AWS's side (${name}): ${message}`,
    );
  }
  if (isNotFound(known) && attemptNumber <= GRACE_ATTEMPTS) {
    return retry(
      FailureType.NotVisibleYet,
      `${permission.on} is not there, or not visible yet: ${message}`,
      5_000,
    );
  }
  return ApplicationFailure.create({
    type: FailureType.AwsRequestRefused,
    nonRetryable: true,
    message: `${permission.action} on ${permission.on} was refused: ${name}: ${message}`,
    details,
  });
}

/** What a person must repair before the request can get through, as the begin of a sentence; `undefined` for nothing. */
function whatToRepair(
  permission: Permission,
  { name, message, status }: Pick<AwsError, 'name' | 'message' | 'status'>,
): string | undefined {
  if (CLOCK.test(`${name} ${message}`)) {
    return `${permission.action} was refused because of the time: the clock of this machine and that of AWS differ, set it right`;
  }
  if (CREDENTIALS.has(name)) {
    return `the credentials do not hold for ${permission.action} on ${permission.on}: renew them`;
  }
  const role = roleRefused(message);
  if (role !== undefined) {
    return `the role ${role.arn} cannot be assumed for ${permission.action}: let its trust policy name ${role.caller} (and the external id under spec.roles, if it asks for one), and allow that identity sts:AssumeRole on it`;
  }
  const roleLacks = name === 'ValidationException' && ROLE_LACKS.test(message);
  if (!PERMISSIONS.has(name) && status !== 401 && status !== 403 && !roleLacks) return undefined;
  const { action, on } = permissionIn(message, permission) ?? permission;
  return `${action} on ${on} is missing`;
}

/** STS's refusal of a role, which comes in place of the answer to the request that needed it. */
function roleRefused(
  message: string,
): { readonly arn: string; readonly caller: string } | undefined {
  const match = /^User: (\S+) is not authorized to perform: sts:AssumeRole on resource: (\S+)/.exec(
    message,
  );
  return match === null ? undefined : { caller: match[1] ?? '', arn: match[2] ?? '' };
}

/** The permission that AWS itself names; of one that it names without a resource, we know on what it was asked. */
function permissionIn(message: string, asked: Permission): Permission | undefined {
  const named = /not authorized to perform:? ([a-z0-9-]+:[A-Za-z*]+)(?: on resource:? (\S+))?/.exec(
    message,
  );
  if (named?.[1] !== undefined) {
    const isAsked = named[1].toLowerCase() === asked.action.toLowerCase();
    return may(named[1], named[2] ?? (isAsked ? asked.on : 'the resource'));
  }
  // "… ensure that the role arn:… exists … has "s3:GetObject" permissions …"
  const role = /\brole "?(arn:[^\s",]*[^\s",.])/i.exec(message)?.[1];
  const lacks = /"([a-z0-9-]+:[A-Za-z]+)" permissions?/.exec(message)?.[1];
  if (role === undefined) return undefined;
  return may(lacks ?? 'sts:AssumeRole', `${role} for SageMaker`);
}

/** Grows from 5 s to a minute: an operator who repairs the role sees the work go on soon. */
const permissionDelayMs = (attemptNumber: number): number =>
  Math.min(60_000, 5_000 * 2 ** Math.min(attemptNumber - 1, 4));

function failureOfOther(permission: Permission, error: unknown, attemptNumber: number): unknown {
  if (!(error instanceof Error)) return error;
  if (CREDENTIALS.has(error.name)) {
    return ApplicationFailure.create({
      type: FailureType.PermissionMissing,
      message: `there are no credentials for ${permission.action}: ${error.message}`,
      nextRetryDelay: permissionDelayMs(attemptNumber),
    });
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const noAnswer =
    NETWORK_CODES.has(code) || error.name === 'TimeoutError' || error.name === 'SyntaxError';
  if (!noAnswer) return error;
  return ApplicationFailure.create({
    type: FailureType.AwsUnavailable,
    message: `${permission.action} got no answer from AWS: ${error.message}`,
  });
}
