/** The AWS clients of activities: one set per Region and, where a policy names roles, per session of a role. */
import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { S3Client } from '@aws-sdk/client-s3';
import { SageMakerClient } from '@aws-sdk/client-sagemaker';
import { SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { SNSClient } from '@aws-sdk/client-sns';
import { STSClient } from '@aws-sdk/client-sts';

import type { AwsByRegion, AwsClients } from '../activities/deps.js';
import type { Answering, AwsClock } from './aws-clock.js';
import { RateLimits, type Asking } from './rate-limit.js';
import { RoleSessions, sessionKey, type SessionCredentials } from './role-sessions.js';

/** Without these a request may hang for ever. */
const REQUEST_HANDLER = {
  connectionTimeout: 3_000,
  requestTimeout: 30_000,
  throwOnRequestTimeout: true,
} as const;

/** For reads, and writes that are idempotent by name: a blip stays inside one attempt of the activity. */
const ATTEMPTS = 3;
/** Publish on a standard topic and PutEvents have no idempotency: every attempt is Temporal's, and visible. */
const SEND_ATTEMPTS = 1;
/** Client sets of sessions that are kept; one that is dropped is made again when it is asked for. */
const MOST_SESSION_SETS = 100;

/** AWS does not know these credentials any more, though they should still hold: the session was revoked. */
const ENDED: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidClientTokenId',
  'InvalidToken',
  'UnrecognizedClientException',
]);

/**
 * Clients made when they are first asked for. Credentials of the process and endpoints are the SDK's own business
 * (`AWS_*`); a session's credentials are those of its role, assumed by the process. Their answers set `clock` right, and their calls
 * keep to the rates of the account: that of the role, or the process's own.
 */
export function createAws(
  env: NodeJS.ProcessEnv,
  clock: AwsClock,
  limits: RateLimits = new RateLimits(),
): AwsByRegion {
  const own = new Map<string, AwsClients>();
  const assumed = new Map<string, AwsClients>();
  const sts = new Map<string, STSClient>();
  // A local endpoint has no host name per bucket.
  const forcePathStyle = (env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'] ?? '') !== '';
  const optionsIn = (region: string) => ({
    region,
    maxAttempts: ATTEMPTS,
    requestHandler: REQUEST_HANDLER,
  });
  const sessions = new RoleSessions((region) =>
    madeOnce(sts, region, () => {
      const client = new STSClient(optionsIn(region));
      clock.watch(client);
      return client;
    }),
  );

  const create = (
    region: string,
    account: string,
    credentials?: () => Promise<SessionCredentials>,
  ): AwsClients => {
    const options = {
      ...optionsIn(region),
      ...(credentials === undefined ? {} : { credentials }),
    };
    const clients: AwsClients = {
      sagemaker: new SageMakerClient(options),
      // What fails here is counted: a second attempt would hide it.
      runtime: new SageMakerRuntimeClient({ ...options, maxAttempts: SEND_ATTEMPTS }),
      cloudwatch: new CloudWatchClient(options),
      s3: new S3Client({ ...options, forcePathStyle, followRegionRedirects: true }),
      sns: new SNSClient({ ...options, maxAttempts: SEND_ATTEMPTS }),
      events: new EventBridgeClient({ ...options, maxAttempts: SEND_ATTEMPTS }),
      autoscaling: new ApplicationAutoScalingClient(options),
    };
    for (const client of Object.values(clients) as readonly (Answering & Asking)[]) {
      clock.watch(client);
      limits.watch(client, `${account} ${region}`);
    }
    return clients;
  };

  return (region, session) => {
    if (session === undefined) return madeOnce(own, region, () => create(region, OWN_ACCOUNT));
    const key = `${region} ${sessionKey(session)}`;
    const known = assumed.get(key);
    if (known !== undefined) {
      // The least recently used stands first.
      assumed.delete(key);
      assumed.set(key, known);
      return known;
    }
    const clients = create(region, accountOf(session.arn), () =>
      sessions.credentials(region, session),
    );
    for (const client of Object.values(clients) as readonly Refusing[]) {
      onRefusal(client, (name) => {
        if (!ENDED.has(name)) return;
        sessions.forget(session);
        if (assumed.get(key) === clients) assumed.delete(key);
      });
    }
    assumed.set(key, clients);
    const [oldest] = assumed.keys();
    if (assumed.size > MOST_SESSION_SETS && oldest !== undefined) assumed.delete(oldest);
    return clients;
  };
}

const OWN_ACCOUNT = 'own';

/** The account of a role: the rates are its, whoever asks. */
const accountOf = (arn: string): string => arn.split(':')[4] ?? OWN_ACCOUNT;

function madeOnce<Value>(made: Map<string, Value>, key: string, make: () => Value): Value {
  const known = made.get(key);
  if (known !== undefined) return known;
  const value = make();
  made.set(key, value);
  return value;
}

/** What is used of a client of the SDK. */
interface Refusing {
  readonly middlewareStack: {
    add(
      middleware: (next: (args: never) => Promise<unknown>) => (args: never) => Promise<unknown>,
      options: { readonly step: 'initialize'; readonly name: string; readonly override: true },
    ): void;
  };
}

/** Outside of everything else: errors are read by then, and tried again where that may help. */
function onRefusal(client: Refusing, refused: (name: string) => void): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        if (error instanceof Error) refused(error.name);
        throw error;
      }
    },
    { step: 'initialize', name: 'modelkeeperSession', override: true },
  );
}
