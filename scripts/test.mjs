// npm test: sets up everything the tests need, then runs the tiers in order and sums them up.
// `node scripts/test.mjs --only workflows` runs one tier.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runChecks } from './checks.mjs';
import { ensureChromium } from './setup/chromium.mjs';
import { ensureDist } from './setup/dist.mjs';
import { thisMachine } from './setup/machine.mjs';
import { main } from './setup/main.mjs';
import { ensureNodeModules } from './setup/node-modules.mjs';
import { requireNode } from './setup/node-version.mjs';
import { elapsed, say } from './setup/progress.mjs';
import { run } from './setup/run.mjs';
import { ensureTemporal } from './setup/temporal.mjs';
import { ensureTestServer } from './setup/test-server.mjs';
import { SetupError } from './setup/ways.mjs';
import { TIERS, projectsOf, vitestArguments } from './tiers.mjs';

const root = join(import.meta.dirname, '..');

/** The tiers asked for that are there; asking for one that is not is an error. */
function chooseTiers(only) {
  const chosen = TIERS.filter(({ name }) => only === undefined || only.includes(name));
  const unknown = (only ?? []).filter((name) => !TIERS.some((tier) => tier.name === name));
  if (unknown.length > 0) {
    throw new SetupError(
      `There is no tier ${unknown.join(', ')}. Tiers: ${TIERS.map(({ name }) => name).join(', ')}.`,
    );
  }
  const there = chosen.filter((tier) => projectsOf(root, tier).length > 0);
  if (only !== undefined && there.length < chosen.length) {
    throw new SetupError('That tier has no tests yet.');
  }
  return there;
}

/** Finds or obtains what the tiers need; answers the environment that tells the tests where it is. */
async function provide(needs) {
  const machine = thisMachine(root);
  const env = {};
  if (needs.has('dist')) await ensureDist(root);
  if (needs.has('temporal')) {
    env.MODELKEEPER_TEMPORAL_CLI = await ensureTemporal(machine, { embedded: true });
  }
  if (needs.has('testServer')) env.MODELKEEPER_TEST_SERVER = await ensureTestServer(machine);
  if (needs.has('chromium')) env.MODELKEEPER_CHROMIUM = await ensureChromium(machine);
  for (const [name, path] of Object.entries(env)) say(`${name}=${path}`);
  return env;
}

async function runTier(tier, env) {
  say(`\n== ${tier.name}`);
  const startedMs = Date.now();
  const ok =
    tier.name === 'check'
      ? await runChecks(root)
      : (
          await run(process.execPath, vitestArguments(root, projectsOf(root, tier)), {
            cwd: root,
            env: { ...process.env, ...env },
            inherit: true,
          })
        ).ok;
  return { name: tier.name, ok, ms: Date.now() - startedMs };
}

await main(async () => {
  const { values } = parseArgs({ options: { only: { type: 'string', multiple: true } } });
  const startedMs = Date.now();
  requireNode(root);
  await ensureNodeModules(root);
  const tiers = chooseTiers(values.only);
  const env = await provide(new Set(tiers.flatMap(({ needs }) => needs)));
  const results = [{ name: 'set-up', ok: true, ms: Date.now() - startedMs }];
  for (const tier of tiers) results.push(await runTier(tier, env));
  say('\nTier        Result  Time');
  for (const { name, ok, ms } of results) {
    say(`${name.padEnd(12)}${(ok ? 'ok' : 'FAILED').padEnd(8)}${elapsed(ms)}`);
  }
  say(`${'together'.padEnd(20)}${elapsed(Date.now() - startedMs)}`);
  if (results.some(({ ok }) => !ok)) process.exitCode = 1;
});
