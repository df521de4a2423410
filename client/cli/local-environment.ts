import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Written by `npm start` while it runs, so that commands in another terminal find its servers. */
const FILE = join('.modelkeeper', 'environment.json');
const MAX_CHARACTERS = 65_536;
/** Only these: others, such as AWS_CONFIG_FILE, would let a folder from elsewhere say what is run and who is asked. */
const TAKEN: readonly string[] = [
  'TEMPORAL_ADDRESS',
  'TEMPORAL_NAMESPACE',
  'AWS_ENDPOINT_URL',
  'AWS_REGION',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'MODELKEEPER_EVENTS_QUEUE_URL',
];
/** Without both of them the others would go with a Temporal or an AWS somewhere else. */
const ADDRESSES: readonly string[] = ['TEMPORAL_ADDRESS', 'AWS_ENDPOINT_URL'];
const LOOPBACK = /^(https?:\/\/)?(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?(\/|$)/;

/**
 * Variables of the service that runs in this folder, for those that are not set: `{ pid, environment }`.
 *
 * Nothing is taken when somebody says where Temporal or AWS is, when that service has ended, or when an address
 * is missing or leads away from this machine: a folder from elsewhere must not send anybody's credentials anywhere.
 */
export function localEnvironment(
  env: NodeJS.ProcessEnv,
  folder: string,
  isAlive: (pid: number) => boolean = isRunning,
): Readonly<Record<string, string>> {
  if (env['TEMPORAL_ADDRESS'] !== undefined || env['AWS_ENDPOINT_URL'] !== undefined) return {};
  const found = readDescription(join(folder, FILE));
  if (found === undefined || !isAlive(found.pid)) return {};
  const entries = Object.entries(found.environment).filter(
    (entry): entry is [string, string] =>
      TAKEN.includes(entry[0]) && typeof entry[1] === 'string' && env[entry[0]] === undefined,
  );
  const names = entries.map(([name]) => name);
  const local = entries.every(([name, value]) => !/ADDRESS|URL/.test(name) || LOOPBACK.test(value));
  return local && ADDRESSES.every((name) => names.includes(name))
    ? Object.fromEntries(entries)
    : {};
}

function readDescription(
  path: string,
): { readonly pid: number; readonly environment: object } | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8').slice(0, MAX_CHARACTERS));
    if (value === null || typeof value !== 'object') return undefined;
    if (!('pid' in value) || typeof value.pid !== 'number') return undefined;
    if (!('environment' in value) || value.environment === null) return undefined;
    return typeof value.environment === 'object'
      ? { pid: value.pid, environment: value.environment }
      : undefined;
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
