// npm start: sets up what is missing, then runs the flights story in the foreground.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureDist } from './setup/dist.mjs';
import { thisMachine } from './setup/machine.mjs';
import { main } from './setup/main.mjs';
import { ensureNodeModules } from './setup/node-modules.mjs';
import { requireNode } from './setup/node-version.mjs';
import { ensureTemporal } from './setup/temporal.mjs';

const root = join(import.meta.dirname, '..');

/** Says what is wrong with the arguments, or what they may be, before a server is obtained for them. */
async function checkArguments(args) {
  const { readOptions } = await import(join(root, 'dist/sandbox/story/options.js'));
  readOptions(args);
}

/** Runs the product until it ends; signals go on to it, and its end is ours. */
async function runStory(args, env) {
  const bin = join(root, 'dist/bin/modelkeeper.js');
  const child = spawn(process.execPath, [bin, 'story', ...args], { env, stdio: 'inherit' });
  // A terminal's Ctrl-C reaches the child by itself; sent by `kill` it reaches only us.
  const onSignal = (signal) => {
    if (signal !== 'SIGINT' || process.stdin.isTTY !== true) child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, onSignal);
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (...end) => resolve(end));
  });
  for (const name of signals) process.removeListener(name, onSignal);
  if (signal !== null) process.kill(process.pid, signal);
  else process.exitCode = code;
}

await main(async () => {
  requireNode(root);
  await ensureNodeModules(root);
  await ensureDist(root);
  const args = process.argv.slice(2);
  await checkArguments(args);
  const cli = await ensureTemporal(thisMachine(root));
  const env = {
    ...process.env,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    ...(cli === undefined ? {} : { MODELKEEPER_TEMPORAL_CLI: cli }),
  };
  await runStory(args, env);
});
