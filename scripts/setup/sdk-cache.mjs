import { join } from 'node:path';
import { isOwnExecutable, sdkVersion, whyOutOfReach } from './machine.mjs';
import { whyFailed } from './run.mjs';
import { withProgress } from './progress.mjs';
import { NoWay } from './ways.mjs';

const DOWNLOADS = 'https://temporal.download/';
const DOWNLOAD_LIMIT_MS = 180_000;
const FILES = {
  dev: (version) => `temporal-sdk-typescript-${version}`,
  test: (version) => `temporal-test-server-sdk-typescript-${version}`,
};

/** The server the Temporal SDK has downloaded before, if it lies in its cache and is ours. */
export async function fromSdkCache(machine, kind) {
  const version = sdkVersion(machine);
  if (version === undefined) throw new NoWay('the Temporal SDK is not installed');
  const file = join(machine.tmp, FILES[kind](version));
  return (await isOwnExecutable(machine, file)) ? file : undefined;
}

/** Has the Temporal SDK download the server; a host that does not answer costs four seconds. */
export async function bySdkDownload(machine, kind) {
  const unreachable = await whyOutOfReach(machine, DOWNLOADS);
  if (unreachable !== undefined) throw new NoWay(unreachable);
  const script = join(import.meta.dirname, 'sdk-download.mjs');
  const what = kind === 'dev' ? 'the Temporal server' : 'the time-skipping test server';
  const result = await withProgress(`Downloading ${what}`, () =>
    machine.run(process.execPath, [script, kind], {
      cwd: machine.root,
      timeoutMs: DOWNLOAD_LIMIT_MS,
    }),
  );
  if (!result.ok) throw new NoWay(whyFailed(result));
  return fromSdkCache(machine, kind);
}
