import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lintCache, lintDigest } from '../../../scripts/lint-cache.mjs';
import { scratch } from './machine.mjs';

function checkout() {
  const root = scratch();
  for (const folder of ['domain', 'dist', 'node_modules/.cache/modelkeeper', '.modelkeeper']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  const write = (file, text) => writeFileSync(join(root, file), text);
  write('domain/a.ts', 'export const a = 1;');
  write('eslint.config.js', 'export default [];');
  write('package-lock.json', '{}');
  return { root, write, cached: () => readdirSync(join(root, 'node_modules/.cache/modelkeeper')) };
}

/** What ESLint does with the arguments it is given. */
const writeCache = ({ args }) => writeFileSync(args.at(-1), 'results');

describe("the lint's cache", () => {
  it.each(['domain/a.ts', 'domain/b.ts', 'eslint.config.js', 'package-lock.json', 'tsconfig.json'])(
    'is another one when %s changes: a type may come from anywhere',
    (file) => {
      const { root, write } = checkout();
      const before = lintDigest(root);
      write(file, '// changed');
      expect(lintDigest(root)).not.toBe(before);
    },
  );

  it.each(['dist/a.js', 'node_modules/a.js', '.modelkeeper/a.json', 'README.md'])(
    'stays when %s changes',
    (file) => {
      const { root, write } = checkout();
      const before = lintDigest(root);
      write(file, '// changed');
      expect(lintDigest(root)).toBe(before);
    },
  );

  it('serves the same files again, and goes when there are others', () => {
    const { root, write, cached } = checkout();
    const first = lintCache(root);
    writeCache(first);
    first.settle();
    expect(cached()).toHaveLength(1);
    expect(lintCache(root).args).toEqual(first.args);
    write('domain/a.ts', 'export const a = 2;');
    lintCache(root);
    expect(cached()).toEqual([]);
  });

  it('is not kept when somebody edited while ESLint ran, nor touches what is not its own', () => {
    const { root, write, cached } = checkout();
    write('node_modules/.cache/modelkeeper/format', 'of prettier');
    const first = lintCache(root);
    writeCache(first);
    write('domain/a.ts', 'export const a = 2;');
    first.settle();
    expect(cached()).toEqual(['format']);
  });
});
