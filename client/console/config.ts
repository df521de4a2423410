import { isIP } from 'node:net';
import { parseArgs } from 'node:util';

/** How the console knows who is there. */
export type Identification =
  /** Whoever reaches this machine's loopback address is the operating-system user that runs the console. */
  | { readonly kind: 'os-user'; readonly user: string }
  /** A proxy that authenticates people names them in a header; nobody else may connect. */
  | {
      readonly kind: 'proxy';
      /** Lower case, as Node spells header names. */
      readonly header: string;
      /** Addresses or `address/bits` networks the proxy connects from. */
      readonly addresses: readonly string[];
    };

export interface ConsoleConfig {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly identification: Identification;
  /** Base address of the Temporal Web UI, without a slash at its end; `null` for no links. */
  readonly webUi: string | null;
  readonly namespace: string;
  /** Origin people reach the console at when a proxy rewrites `Host`, such as `https://models.example.com`. */
  readonly publicOrigin: string | null;
  readonly logLevel: string;
}

export type ConsoleConfigReading =
  | { readonly kind: 'config'; readonly config: ConsoleConfig }
  /** `modelkeeper console --help`. */
  | { readonly kind: 'help' }
  | { readonly kind: 'invalid'; readonly faults: readonly string[] };

export const CONSOLE_HELP = `Usage: modelkeeper console [--port 8080] [--host 127.0.0.1]

Pages for people: what each model is doing, and the evidence and buttons for approvals.

  --port PORT   default 8080, or MODELKEEPER_CONSOLE_PORT; 0 takes any free port
  --host HOST   default 127.0.0.1, or MODELKEEPER_CONSOLE_HOST

By itself the console listens on this machine only, and everybody who reaches it is the operating-system user
that runs it. Behind a proxy that authenticates people:

  MODELKEEPER_CONSOLE_PROXY_HEADER     header that names the person, such as x-forwarded-email
  MODELKEEPER_CONSOLE_PROXY_ADDRESSES  addresses the proxy connects from, such as 10.0.0.5,127.0.0.1
  MODELKEEPER_CONSOLE_URL              address people type, such as https://models.example.com

  MODELKEEPER_WEB_UI                   address of the Temporal Web UI, for links
  TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the other TEMPORAL_* settings say where Temporal is

Example: modelkeeper console --port 8081
`;

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Reads arguments and environment at once and names everything that is wrong with them. */
export function readConsoleConfig(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  osUser: () => string,
): ConsoleConfigReading {
  const faults: string[] = [];
  const options = readOptions(argv, faults);
  if (options?.help === true) return { kind: 'help' };

  const port = readPort(options?.port ?? env['MODELKEEPER_CONSOLE_PORT'] ?? '8080', faults);
  const host = (options?.host ?? env['MODELKEEPER_CONSOLE_HOST'] ?? '127.0.0.1').replace(
    /^\[(.*)\]$/,
    '$1',
  );
  const identification = readIdentification(env, osUser, faults);
  if (identification.kind === 'os-user' && !isLoopbackHost(host)) {
    faults.push(
      `the console does not listen on ${host} by itself: it could not know who is there. Put an authenticating proxy in front of it and set MODELKEEPER_CONSOLE_PROXY_HEADER and MODELKEEPER_CONSOLE_PROXY_ADDRESSES, or listen on 127.0.0.1`,
    );
  }
  const webUi = readUrl('MODELKEEPER_WEB_UI', env, faults);
  const publicUrl = readUrl('MODELKEEPER_CONSOLE_URL', env, faults);
  const logLevel = env['MODELKEEPER_LOG_LEVEL'] ?? 'info';
  if (!LOG_LEVELS.includes(logLevel))
    faults.push(`MODELKEEPER_LOG_LEVEL is '${logLevel}': use one of ${LOG_LEVELS.join(', ')}`);

  if (faults.length > 0) return { kind: 'invalid', faults };
  return {
    kind: 'config',
    config: {
      host,
      port,
      identification,
      webUi: webUi === null ? null : webUi.href.replace(/\/+$/, ''),
      namespace: env['TEMPORAL_NAMESPACE'] ?? 'default',
      publicOrigin: publicUrl?.origin ?? null,
      logLevel,
    },
  };
}

function readOptions(
  argv: readonly string[],
  faults: string[],
): { readonly port?: string; readonly host?: string; readonly help?: boolean } | undefined {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

function readPort(text: string, faults: string[]): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) faults.push(`'${text}' is not a port: use a number from 0 to 65535`);
  return port;
}

function readIdentification(
  env: NodeJS.ProcessEnv,
  osUser: () => string,
  faults: string[],
): Identification {
  const header = (env['MODELKEEPER_CONSOLE_PROXY_HEADER'] ?? '').trim().toLowerCase();
  const addresses = (env['MODELKEEPER_CONSOLE_PROXY_ADDRESSES'] ?? '')
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '');
  if (header === '' && addresses.length === 0) return { kind: 'os-user', user: osUser() };
  if (header === '') {
    faults.push(
      'MODELKEEPER_CONSOLE_PROXY_ADDRESSES is set without MODELKEEPER_CONSOLE_PROXY_HEADER: name the header in which the proxy says who is there',
    );
  } else if (!/^[a-z0-9-]{1,64}$/.test(header)) {
    faults.push(
      `MODELKEEPER_CONSOLE_PROXY_HEADER is '${header}': write the name of a header, such as x-forwarded-email`,
    );
  }
  if (addresses.length === 0) {
    faults.push(
      'MODELKEEPER_CONSOLE_PROXY_HEADER is set without MODELKEEPER_CONSOLE_PROXY_ADDRESSES: anybody could send that header; name the addresses the proxy connects from',
    );
  }
  for (const address of addresses) {
    if (!isAddressOrNetwork(address))
      faults.push(
        `MODELKEEPER_CONSOLE_PROXY_ADDRESSES: '${address}' is no IP address and no network such as 10.0.0.0/24`,
      );
  }
  return { kind: 'proxy', header, addresses };
}

function isAddressOrNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return (
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
  );
}

function readUrl(name: string, env: NodeJS.ProcessEnv, faults: string[]): URL | null {
  const text = (env[name] ?? '').trim();
  if (text === '') return null;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  faults.push(`${name} is '${text}': write an address such as http://localhost:8233`);
  return null;
}
