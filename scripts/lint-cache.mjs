// ESLint's cache for rules that know types. A file's findings follow from all files, so ESLint's own cache,
// one entry per file, would go on passing a file whose imports have changed: here any change empties it.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow } from './setup/sources.mjs';

const LEFT_OUT = new Set(['node_modules', 'dist', 'coverage', '.git']);

/** Everything a finding can follow from: linted code, JSON that is imported, settings, locked dependencies. */
const counts = (file) => /\.(?:ts|mts|cts|js|mjs|cjs|json)$/.test(file);

const folderOf = (root) => join(root, 'node_modules/.cache/modelkeeper');

/** A digest of what ESLint's findings follow from. */
export function lintDigest(root) {
  const files = readdirSync(root, { withFileTypes: true }).flatMap((entry) => {
    if (LEFT_OUT.has(entry.name) || entry.name.startsWith('.modelkeeper')) return [];
    return entry.isDirectory() ? filesBelow(root, entry.name) : [entry.name];
  });
  const hash = createHash('sha256').update(`node ${process.version}\0`);
  for (const file of files.filter(counts).sort()) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  }
  return hash.digest('hex');
}

/** ESLint's arguments for a cache that serves these very files, and what to do when it has ended. */
export function lintCache(root) {
  const folder = folderOf(root);
  const name = `lint-${lintDigest(root)}`;
  const removeBut = (kept) => {
    if (!existsSync(folder)) return;
    for (const other of readdirSync(folder)) {
      if (other.startsWith('lint-') && other !== kept) rmSync(join(folder, other));
    }
  };
  removeBut(name);
  return {
    args: ['--cache', '--cache-strategy', 'content', '--cache-location', join(folder, name)],
    /** Somebody edited meanwhile: nobody knows which files the findings are about. */
    settle: () => removeBut(`lint-${lintDigest(root)}`),
  };
}
