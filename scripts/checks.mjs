// What `npm run check` does, shared with the first tier of `npm test`.
import { join } from 'node:path';
import { lintCache } from './lint-cache.mjs';
import { elapsed, say } from './setup/progress.mjs';
import { run } from './setup/run.mjs';
import { TIERS, projectsOf, vitestArguments } from './tiers.mjs';

/** Runs one check; says its time, and its output when it failed. Answers whether it passed. */
async function check(root, name, args) {
  const result = await run(process.execPath, args, {
    cwd: root,
    env: { ...process.env, FORCE_COLOR: process.stderr.isTTY === true ? '1' : '0' },
  });
  if (!result.ok) process.stderr.write(`${result.stdout}${result.stderr}`);
  say(`  ${result.ok ? 'ok    ' : 'FAILED'} ${name} (${elapsed(result.ms)})`);
  return result.ok;
}

/**
 * Each check runs in one of two lanes, side by side: as much as two cores carry. Caches spare the work whose
 * result cannot be another; they lie below node_modules/ and may be removed at any time.
 */
export async function runChecks(root) {
  const inModules = (path) => join(root, 'node_modules', path);
  const inCache = (name) => inModules(`.cache/modelkeeper/${name}`);
  const lint = lintCache(root);
  const lanes = [
    [
      ['lint', [inModules('eslint/bin/eslint.js'), '.', '--max-warnings', '0', ...lint.args]],
      [
        'format',
        [
          inModules('prettier/bin/prettier.cjs'),
          ...['--check', '--log-level', 'warn', '.'],
          ...['--cache', '--cache-strategy', 'content', '--cache-location', inCache('format')],
        ],
      ],
    ],
    [
      [
        'types',
        [
          inModules('typescript/bin/tsc'),
          ...['--noEmit', '-p', 'tsconfig.json'],
          ...['--incremental', '--tsBuildInfoFile', inCache('types.tsbuildinfo')],
        ],
      ],
      ['tests without servers', vitestArguments(root, projectsOf(root, TIERS[0]))],
    ],
  ];
  const passed = await Promise.all(
    lanes.map(async (lane) => {
      let all = true;
      for (const [name, args] of lane) all = (await check(root, name, args)) && all;
      return all;
    }),
  );
  lint.settle();
  return passed.every(Boolean);
}
