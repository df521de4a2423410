/**
 * The typed client: `import { connectModelkeeper } from 'modelkeeper/client'`.
 *
 * @example
 * const modelkeeper = await connectModelkeeper();
 * const request = await modelkeeper.approvalRequest('flight-delays', 7);
 * if (request !== null) {
 *   const reply = await modelkeeper.approve('flight-delays', 7, {
 *     ...(await identify()), digest: request.digest, reason: 'better on every slice',
 *   });
 *   if (reply.kind === 'refused') console.error(reply.reason);
 * }
 * await modelkeeper.close();
 */
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';

import { messageOf, ModelkeeperError } from './errors.js';
import { createModelkeeperClient, type ModelkeeperClient } from './modelkeeper.js';

export { ModelkeeperError, type ModelkeeperErrorCode } from './errors.js';
export { identify, type IdentifyOptions } from './identity.js';
export { policyDigest } from './digest.js';
export {
  parsePolicy,
  readPolicyFile,
  type PolicyIssue,
  type PolicyReading,
} from './policy-file.js';
export {
  createModelkeeperClient,
  type DecisionRequest,
  type KeeperStart,
  type ModelkeeperClient,
} from './modelkeeper.js';
export type * from './replies.js';
export type { Answer, Asked, DecideAnswer } from '../workflows/messages.js';
export type * from '../domain/status.js';

export interface ConnectOptions {
  /** `host:port`; default: `TEMPORAL_ADDRESS`, Temporal's configuration file, or localhost:7233. */
  readonly address?: string;
  readonly namespace?: string;
  /** Profile of Temporal's configuration file. */
  readonly profile?: string;
  /** Default 10,000. */
  readonly connectTimeoutMs?: number;
}

/**
 * Connects by `TEMPORAL_*` and Temporal's configuration file (TLS, API keys and namespaces included).
 *
 * @throws {ModelkeeperError} `unreachable` when Temporal does not answer
 */
export async function connectModelkeeper(options: ConnectOptions = {}): Promise<ModelkeeperClient> {
  return createModelkeeperClient(await connectTemporal(options));
}

/** The Temporal client itself, for what {@link ModelkeeperClient} does not offer. */
export async function connectTemporal(options: ConnectOptions = {}): Promise<Client> {
  const config = loadClientConnectConfig(
    options.profile === undefined ? {} : { profile: options.profile },
  );
  const { address: configured, tls, apiKey, metadata } = config.connectionOptions;
  const address = options.address ?? configured ?? 'localhost:7233';
  try {
    const connection = await Connection.connect({
      address,
      ...(tls === undefined ? {} : { tls }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(metadata === undefined ? {} : { metadata }),
      connectTimeout: options.connectTimeoutMs ?? 10_000,
    });
    const namespace = options.namespace ?? config.namespace ?? 'default';
    return new Client({ connection, namespace });
  } catch (error) {
    throw new ModelkeeperError(
      'unreachable',
      `Temporal at ${address} cannot be reached (${messageOf(error)}): start it, or set TEMPORAL_ADDRESS`,
      { cause: error },
    );
  }
}
export { placeOf } from '../domain/place.js';
