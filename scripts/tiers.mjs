// The tiers of tests, in the order they run. A tier is there when one of its folders is.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow } from './setup/sources.mjs';
import { SetupError } from './setup/ways.mjs';

/** `needs`: the servers and programs a tier cannot do without; `projects`: of vitest.config.ts. */
export const TIERS = [
  {
    name: 'check',
    projects: {
      unit: ['test/unit', 'test/analysis', 'test/lint'],
      activities: ['test/activities'],
      sandbox: ['test/sandbox'],
      replay: ['test/replay'],
    },
    needs: ['dist'],
  },
  {
    name: 'workflows',
    projects: { workflows: ['test/workflows'] },
    needs: ['dist', 'testServer'],
  },
  {
    name: 'e2e',
    projects: { e2e: ['test/e2e', 'test/faults'] },
    needs: ['dist', 'temporal'],
  },
  {
    name: 'browser',
    projects: { browser: ['test/browser'] },
    needs: ['dist', 'temporal', 'chromium'],
  },
];

const isTestFile = (file) => /\.test\.(?:ts|mjs)$/.test(file);

/**
 * The vitest projects of a tier whose folders exist.
 *
 * @throws {SetupError} for a folder without a single test file: that tier would pass by doing nothing.
 */
export function projectsOf(root, tier) {
  return Object.entries(tier.projects).flatMap(([project, folders]) => {
    const there = folders.filter((folder) => existsSync(join(root, folder)));
    for (const folder of there) {
      if (!filesBelow(root, folder).some(isTestFile)) {
        throw new SetupError(
          `${folder}/ holds no test files: a tier that tests nothing is a failure.`,
        );
      }
    }
    return there.length === 0 ? [] : [project];
  });
}

/** The arguments that make vitest run these projects. */
export function vitestArguments(root, projects) {
  return [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    ...projects.flatMap((project) => ['--project', project]),
  ];
}
