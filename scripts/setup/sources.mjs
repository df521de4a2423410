import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The folders that are compiled to dist/; the same as in tsconfig.build.json. */
export const SOURCE_FOLDERS = [
  'bin',
  'domain',
  'analysis',
  'workflows',
  'activities',
  'worker',
  'client',
  'sandbox',
];

/** All files below a folder, as sorted paths relative to `root`. */
export function filesBelow(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

/** A digest of everything dist/ is made from: sources, compiler settings, locked dependencies. */
export function sourcesDigest(root) {
  const hash = createHash('sha256');
  const files = [
    ...SOURCE_FOLDERS.flatMap((folder) => filesBelow(root, folder)),
    'package-lock.json',
    'scripts/setup/bundle.mjs',
    'scripts/setup/dist.mjs',
    'tsconfig.build.json',
    'tsconfig.json',
  ];
  for (const file of files) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  }
  return hash.digest('hex');
}
