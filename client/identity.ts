import { userInfo } from 'node:os';

import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';

import { messageOf, ModelkeeperError } from './errors.js';
import type { Caller } from './replies.js';

export interface IdentifyOptions {
  /** The operating-system user instead of the AWS identity. */
  readonly local?: boolean;
  readonly env?: NodeJS.ProcessEnv;
  /** ARN of the AWS identity that is signed in; default: STS. */
  readonly callerArn?: () => Promise<string>;
  readonly osUser?: () => string;
}

/**
 * Who is at the command line. Nobody types who they are: it is the AWS identity STS knows, or, on a laptop
 * (`local`, `MODELKEEPER_IDENTITY=local`, or AWS on loopback), the operating-system user, marked `local`.
 *
 * @throws {ModelkeeperError} `unreachable` when STS does not say who is signed in
 */
export async function identify(options: IdentifyOptions = {}): Promise<Caller> {
  const env = options.env ?? process.env;
  if (isLocal(options.local, env)) {
    const user = (options.osUser ?? (() => userInfo().username))();
    return { door: 'local', proof: { kind: 'os-user', user } };
  }
  try {
    const arn = await (options.callerArn ?? callerArnFromSts)();
    return { door: 'cli', proof: { kind: 'sts', arn } };
  } catch (error) {
    throw new ModelkeeperError(
      'unreachable',
      `AWS does not say who you are (${messageOf(error)}): sign in, for example with \`aws sso login\`, or use --local where the policy's approve.doors names local`,
      { cause: error },
    );
  }
}

function isLocal(asked: boolean | undefined, env: NodeJS.ProcessEnv): boolean {
  if (asked === true) return true;
  const wish = env['MODELKEEPER_IDENTITY'];
  if (wish === 'local') return true;
  if (wish === 'aws') return false;
  return isLoopback(env['AWS_ENDPOINT_URL_STS'] ?? env['AWS_ENDPOINT_URL']);
}

/** Whether an address is on this machine, where STS answers anybody with the same identity. */
export function isLoopback(url: string | undefined): boolean {
  if (url === undefined || !URL.canParse(url)) return false;
  const host = new URL(url).hostname;
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

async function callerArnFromSts(): Promise<string> {
  return (await signedIn()).arn;
}

/** Who STS says is signed in, and AWS's clock at that moment (the `Date` header, whole seconds). */
export async function signedIn(): Promise<{
  readonly arn: string;
  readonly dateMs: number | null;
}> {
  const sts = new STSClient({
    region: process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? 'us-east-1',
    maxAttempts: 2,
    requestHandler: {
      connectionTimeout: 3_000,
      requestTimeout: 10_000,
      throwOnRequestTimeout: true,
    },
  });
  let dateMs: number | null = null;
  sts.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      dateMs = dateOf(result.response);
      return result;
    },
    { step: 'deserialize', name: 'readDate', priority: 'low' },
  );
  try {
    const { Arn } = await sts.send(new GetCallerIdentityCommand({}));
    if (Arn === undefined) throw new Error('STS answered without an ARN');
    return { arn: Arn, dateMs };
  } finally {
    sts.destroy();
  }
}

function dateOf(response: unknown): number | null {
  if (response === null || typeof response !== 'object' || !('headers' in response)) return null;
  const { headers } = response;
  if (headers === null || typeof headers !== 'object' || !('date' in headers)) return null;
  const atMs = Date.parse(String(headers.date));
  return Number.isNaN(atMs) ? null : atMs;
}
