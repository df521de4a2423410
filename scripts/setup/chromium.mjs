// Finds a Chromium for the browser tests, or obtains one.
import { join } from 'node:path';
import { isExecutable, onPath, whyOutOfReach } from './machine.mjs';
import { withLock } from './lock.mjs';
import { say, withProgress } from './progress.mjs';
import { whyFailed } from './run.mjs';
import { NoWay, firstThatWorks } from './ways.mjs';

const NAMES = [
  'chromium',
  'chromium-browser',
  'google-chrome-stable',
  'google-chrome',
  'chrome',
  'microsoft-edge',
];
const MAC_APPLICATIONS = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
];
const PLAYWRIGHT_DOWNLOADS = 'https://cdn.playwright.dev/';

/** Returns `file` if it says it is a Chromium. */
export async function verifyChromium(machine, file) {
  const result = await machine.run(file, ['--version'], { timeoutMs: 30_000 });
  if (!result.ok) throw new NoWay(`${file} --version: ${whyFailed(result)}`);
  if (!/Chrom|Edge/.test(result.stdout)) {
    throw new NoWay(
      `${file} --version answers ${JSON.stringify(result.stdout.trim().slice(0, 80))}`,
    );
  }
  return file;
}

async function onThisMachine(machine) {
  for (const name of NAMES) {
    const file = await onPath(machine, name);
    if (file !== undefined) return file;
  }
  for (const file of machine.platform === 'darwin' ? MAC_APPLICATIONS : []) {
    if (await isExecutable(file)) return file;
  }
  return undefined;
}

/** Where Playwright keeps its Chromium: asked from Playwright itself, in a process of its own. */
async function playwrightsOwn(machine) {
  const result = await machine.run(
    process.execPath,
    ['-e', "console.log(require('playwright-core').chromium.executablePath())"],
    { cwd: machine.root, env: machine.env, timeoutMs: 20_000 },
  );
  if (!result.ok) throw new NoWay(`Playwright: ${whyFailed(result)}`);
  const file = result.stdout.trim();
  return (await isExecutable(file)) ? file : undefined;
}

async function playwrightDownload(machine) {
  const host = machine.env.PLAYWRIGHT_DOWNLOAD_HOST ?? PLAYWRIGHT_DOWNLOADS;
  const unreachable = await whyOutOfReach(machine, host);
  if (unreachable !== undefined) throw new NoWay(unreachable);
  const cli = join(machine.root, 'node_modules/playwright-core/cli.js');
  const result = await withProgress("Downloading Playwright's Chromium", () =>
    machine.run(process.execPath, [cli, 'install', 'chromium', '--no-shell'], {
      cwd: machine.root,
      env: machine.env,
      timeoutMs: 300_000,
    }),
  );
  if (!result.ok) throw new NoWay(`playwright-core install: ${whyFailed(result)}`);
  return playwrightsOwn(machine);
}

async function debianPackage(machine) {
  const apt = await onPath(machine, 'apt-get');
  if (apt === undefined) throw new NoWay('apt-get is not here');
  if (machine.uid !== 0) throw new NoWay('only root may install packages');
  const env = { ...machine.env, DEBIAN_FRONTEND: 'noninteractive' };
  await withLock(
    join(machine.cache, 'apt.lock'),
    () =>
      withProgress('Installing the Debian package chromium', async () => {
        // Another program may hold dpkg's lock for a while.
        const wait = ['-o', 'DPkg::Lock::Timeout=120', '-q', '-y'];
        for (const words of [['update'], ['install', '--no-install-recommends', 'chromium']]) {
          const result = await machine.run(apt, [...wait, ...words], { env, timeoutMs: 600_000 });
          if (!result.ok) throw new NoWay(`apt-get ${words[0]}: ${whyFailed(result)}`);
        }
      }),
    (pid) => say(`Another process (${pid}) is installing Chromium; waiting for it.`),
  ).catch((error) => {
    if (error.syscall === undefined) throw error;
    throw new NoWay(`the cache ${machine.cache} cannot be used (${error.message})`);
  });
  return onPath(machine, 'chromium');
}

const verified = (machine, find) => async () => {
  const file = await find(machine);
  return file === undefined ? undefined : verifyChromium(machine, file);
};

/** The ways to a Chromium in the order they are tried. */
export function chromiumWays(machine) {
  return [
    {
      name: 'MODELKEEPER_CHROMIUM',
      decisive: true,
      attempt: verified(machine, async () => machine.env.MODELKEEPER_CHROMIUM || undefined),
    },
    {
      name: `one of ${NAMES.join(', ')} on this machine`,
      attempt: verified(machine, onThisMachine),
    },
    { name: "Playwright's earlier download", attempt: verified(machine, playwrightsOwn) },
    { name: "Playwright's download", attempt: verified(machine, playwrightDownload) },
    { name: 'apt-get install chromium', attempt: verified(machine, debianPackage) },
  ];
}

/**
 * The path of a Chromium.
 *
 * @throws {SetupError} when no way works.
 */
export async function ensureChromium(machine) {
  return firstThatWorks('Chromium, which the browser tests need,', chromiumWays(machine), [
    'install Chromium or Google Chrome (Debian: apt-get install chromium);',
    'or run `npx playwright-core install chromium`;',
    'or set MODELKEEPER_CHROMIUM to its path.',
  ]);
}
