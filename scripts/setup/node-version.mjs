import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './ways.mjs';

const numbers = (version) =>
  version
    .replace(/^[^\d]*/, '')
    .split('.')
    .map(Number);

/** Whether `version` is at least `wanted`; parts that are left out count as 0. */
export function isAtLeast(version, wanted) {
  const [a, b] = [numbers(version), numbers(wanted)];
  for (let i = 0; i < 3; i += 1) {
    if ((a[i] ?? 0) !== (b[i] ?? 0)) return (a[i] ?? 0) > (b[i] ?? 0);
  }
  return true;
}

/** @throws {SetupError} when this Node is older than package.json's `engines` asks for. */
export function requireNode(root, version = process.versions.node) {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (isAtLeast(version, engines.node)) return;
  throw new SetupError(
    `modelkeeper needs Node ${engines.node}; this is ${version} (${process.execPath}).\n` +
      'Install a newer one from https://nodejs.org or with your version manager (nvm install 22, fnm install 22).',
  );
}
