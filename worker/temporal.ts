import { setTimeout as delay } from 'node:timers/promises';

import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';

export interface Temporal {
  readonly native: NativeConnection;
  readonly connection: Connection;
  readonly client: Client;
  readonly namespace: string;
  readonly address: string;
  close(): Promise<void>;
}

const PAUSE_MS = 1_000;

/**
 * Connects as the environment and the profile file of envconfig say, and waits for a server that is still starting.
 *
 * @throws {Error} with what was tried, once `waitMs` are over
 */
export async function connectTemporal(
  waitMs: number,
  log: { warn(message: string): void },
): Promise<Temporal> {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const address = connectionOptions.address ?? 'localhost:7233';
  const untilMs = Date.now() + waitMs;
  let told = false;
  for (;;) {
    const connection = Connection.lazy(connectionOptions);
    try {
      await connection.ensureConnected();
      const native = await NativeConnection.connect(connectionOptions);
      return {
        native,
        connection,
        client: new Client({ connection, namespace }),
        namespace,
        address,
        async close() {
          await native.close();
          await connection.close();
        },
      };
    } catch (error) {
      // Left open it would go on trying, and keep this process from ending.
      await connection.close();
      const why = error instanceof Error ? error.message : String(error);
      if (Date.now() >= untilMs) {
        throw new Error(
          `Temporal does not answer at ${address} (namespace ${namespace}): ${why}. Set TEMPORAL_ADDRESS, or start the server.`,
          { cause: error },
        );
      }
      if (!told)
        log.warn(
          `waiting up to ${Math.round(waitMs / 1_000)} s for Temporal at ${address}: ${why}`,
        );
      told = true;
      await delay(PAUSE_MS);
    }
  }
}
