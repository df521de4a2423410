// Finds the Temporal server for this machine, or builds it once.
import { join } from 'node:path';
import { isOwnExecutable, onPath } from './machine.mjs';
import { obtainOnce } from './obtain.mjs';
import { withProgress } from './progress.mjs';
import { whyFailed } from './run.mjs';
import { bySdkDownload, fromSdkCache } from './sdk-cache.mjs';
import { NoWay, firstThatWorks } from './ways.mjs';

/** The newest version that `go install` can build; later ones have a replaced module. */
export const CLI_VERSION = '1.5.1';
const CLI_MODULE = 'github.com/temporalio/cli/cmd/temporal';

/** Returns `file` if it answers `--version` as Temporal's CLI does. */
export async function verifyCli(machine, file) {
  const result = await machine.run(file, ['--version'], { timeoutMs: 20_000 });
  if (!result.ok) throw new NoWay(`${file} --version: ${whyFailed(result)}`);
  if (!/^temporal version /m.test(result.stdout)) {
    throw new NoWay(
      `${file} --version answers ${JSON.stringify(result.stdout.trim().slice(0, 80))}`,
    );
  }
  return file;
}

const verified = (machine, find) => async () => {
  const file = await find();
  return file === undefined ? undefined : verifyCli(machine, file);
};

async function builtBefore(machine) {
  const file = join(machine.cache, `temporal-${CLI_VERSION}`, 'temporal');
  return (await isOwnExecutable(machine, file)) ? file : undefined;
}

async function buildWithGo(machine) {
  const go = await onPath(machine, 'go');
  if (go === undefined) throw new NoWay('Go is not installed');
  const verify = (folder) => verifyCli(machine, join(folder, 'temporal'));
  const build = async (part) => {
    const result = await withProgress(
      `Building the Temporal server ${CLI_VERSION} with Go, once (about five minutes)`,
      () =>
        machine.run(go, ['install', `${CLI_MODULE}@v${CLI_VERSION}`], {
          cwd: part,
          env: { ...machine.env, GOBIN: part },
        }),
    );
    if (!result.ok) throw new NoWay(`go install: ${whyFailed(result)}`);
    await verify(part);
  };
  const folder = await obtainOnce(machine, `temporal-${CLI_VERSION}`, build, verify);
  return join(folder, 'temporal');
}

/** The ways to a Temporal CLI in the order they are tried. */
export function temporalWays(machine) {
  const chosen = machine.env.MODELKEEPER_TEMPORAL_CLI;
  return [
    {
      name: 'MODELKEEPER_TEMPORAL_CLI',
      decisive: true,
      attempt: verified(machine, async () => chosen || undefined),
    },
    { name: 'temporal on PATH', attempt: verified(machine, () => onPath(machine, 'temporal')) },
    {
      name: "the Temporal SDK's earlier download",
      attempt: verified(machine, () => fromSdkCache(machine, 'dev')),
    },
    // What was built before is preferred to a new download.
    { name: 'built before', attempt: verified(machine, () => builtBefore(machine)) },
    {
      name: "the Temporal SDK's download",
      attempt: verified(machine, () => bySdkDownload(machine, 'dev')),
    },
    {
      name: `go install ${CLI_MODULE}@v${CLI_VERSION}`,
      attempt: verified(machine, () => buildWithGo(machine)),
    },
  ];
}

/**
 * The Temporal CLI's path; `undefined` when TEMPORAL_ADDRESS names a server and `embedded` does not
 * insist on one of our own.
 *
 * @throws {SetupError} when no way works.
 */
export async function ensureTemporal(machine, { embedded = false } = {}) {
  if (!embedded && machine.env.TEMPORAL_ADDRESS) return undefined;
  return firstThatWorks('The Temporal server', temporalWays(machine), [
    'install the Temporal CLI (https://docs.temporal.io/cli, `brew install temporal`) and have it on PATH;',
    'or set MODELKEEPER_TEMPORAL_CLI to its path;',
    'or install Go 1.25 or later (https://go.dev/dl), with which it is built once;',
    'or set TEMPORAL_ADDRESS to a Temporal server that runs already (for npm start).',
  ]);
}
