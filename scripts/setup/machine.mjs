import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { run } from './run.mjs';

/**
 * What the finders know of the machine, in one place so that tests can hand them another one:
 * environment, folders, who we are, and how to run a program or reach a host.
 */
export function thisMachine(root, env = process.env) {
  return {
    root,
    env,
    cache: join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'modelkeeper'),
    tmp: tmpdir(),
    platform: process.platform,
    uid: process.getuid?.(),
    run,
    reach,
  };
}

/** The absolute path of a program on PATH, or `undefined`. */
export async function onPath(machine, name) {
  for (const folder of (machine.env.PATH ?? '').split(delimiter)) {
    if (folder !== '' && (await isExecutable(join(folder, name)))) return join(folder, name);
  }
  return undefined;
}

export async function isExecutable(file) {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

/** Whether `file` is an executable of ours: the temporary folder is everybody's. */
export async function isOwnExecutable(machine, file) {
  if (!(await isExecutable(file))) return false;
  return machine.uid === undefined || (await stat(file)).uid === machine.uid;
}

/** The version of the Temporal SDK that is installed, or `undefined`. */
export function sdkVersion(machine) {
  try {
    const file = join(machine.root, 'node_modules/@temporalio/core-bridge/package.json');
    return JSON.parse(readFileSync(file, 'utf8')).version;
  } catch {
    return undefined;
  }
}

/** Why `url` cannot be reached within four seconds; `undefined` if something answered. */
export async function reach(url) {
  try {
    await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(4_000) });
    return undefined;
  } catch (error) {
    return `${new URL(url).host} cannot be reached (${error.cause?.code ?? error.name})`;
  }
}

/** Like `reach`, but a proxy that only programs other than Node's fetch honour gets its chance. */
export async function whyOutOfReach(machine, url) {
  const proxied = ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'];
  if (proxied.some((name) => machine.env[name])) return undefined;
  return machine.reach(url);
}

export function findFreePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Whether something accepts connections on a port of this machine. */
export function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
