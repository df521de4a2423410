import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a probe is told about one worker. */
export interface Health {
  /** The process does its work or is on its way there or out. Never asks the server. */
  readonly alive: boolean;
  /** Tasks are being taken. */
  readonly ready: boolean;
  /** For people. */
  readonly details: Readonly<Record<string, unknown>>;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves `/healthz` (alive) and `/readyz` (ready): 200 or 503, with JSON for people. */
export async function serveHealth(
  at: { readonly host: string; readonly port: number },
  health: () => Health,
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0];
    const now = health();
    const good = path === '/healthz' ? now.alive : path === '/readyz' ? now.ready : undefined;
    response.writeHead(good === undefined ? 404 : good ? 200 : 503, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
    });
    response.end(
      good === undefined ? '{"error":"try /healthz or /readyz"}\n' : `${JSON.stringify(now)}\n`,
    );
  });
  await listen(server, at);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(
              `port ${port} of MODELKEEPER_HEALTH_PORT is taken: choose another, or stop what uses it`,
            )
          : error,
      );
    });
    server.listen(port, host, () => {
      resolve();
    });
  });
}
