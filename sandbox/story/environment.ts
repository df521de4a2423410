/** What the story's processes take from the environment of whoever starts it. */
import { devNull } from 'node:os';
import { join } from 'node:path';

const LOCAL_HOSTS = '127.0.0.1,localhost';

/** Lists of hosts that are reached without a proxy: gRPC reads the first that is set of the last two. */
const NO_PROXY = ['NO_PROXY', 'no_proxy', 'no_grpc_proxy'];

/**
 * Takes out of `env` what would lead the story's processes away from this machine's servers: the profile,
 * credentials and addresses somebody has set for their own AWS account and Temporal cluster, and a proxy that cannot
 * know 127.0.0.1. Where TEMPORAL_ADDRESS names a server, that is meant to be used: all TEMPORAL_* stays.
 *
 * @param home the story's folder, which holds no profile of Temporal's clients
 * @returns the address of the Temporal that is meant to be used, if any
 */
export function keepToThisMachine(env: NodeJS.ProcessEnv, home: string): string | undefined {
  const address = env['TEMPORAL_ADDRESS'];
  const cluster = address === undefined || address === '' ? undefined : address;
  for (const name of Object.keys(env)) {
    const foreign =
      (name.startsWith('AWS_') && !name.startsWith('AWS_SDK_JS_')) ||
      (cluster === undefined && name.startsWith('TEMPORAL_'));
    if (foreign) Reflect.deleteProperty(env, name);
  }
  env['AWS_CONFIG_FILE'] = devNull;
  env['AWS_SHARED_CREDENTIALS_FILE'] = devNull;
  if (cluster === undefined) env['TEMPORAL_CONFIG_FILE'] = join(home, 'temporal.toml');
  for (const name of NO_PROXY) {
    const hosts = env[name] ?? '';
    if (hosts === '' && name === 'no_grpc_proxy') continue;
    env[name] = hosts === '' ? LOCAL_HOSTS : `${hosts},${LOCAL_HOSTS}`;
  }
  return cluster;
}
