import { availableParallelism } from 'node:os';

import { defineConfig } from 'vitest/config';

// What every tier needs in its environment. The AWS SDK prints a notice about coming Node versions.
const env = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };

// Two also on two cores, where vitest would take one: many tests wait for the local AWS's clock.
const maxWorkers = Math.max(2, availableParallelism() - 1);

/**
 * For tests that keep nothing in their process: files share loaded modules, and the AWS SDK is read once per
 * process instead of once per file.
 */
const shared = { isolate: false, maxWorkers, env };

/** Tiers whose tests share servers run one file after the other; see scripts/tiers.mjs for their order. */
export default defineConfig({
  test: {
    allowOnly: false,
    passWithNoTests: false,
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'test/unit/**/*.test.{ts,mjs}',
            'test/analysis/**/*.test.ts',
            'test/lint/**/*.test.ts',
          ],
          testTimeout: 20_000,
          ...shared,
        },
      },
      {
        test: {
          name: 'activities',
          include: ['test/activities/**/*.test.ts'],
          testTimeout: 20_000,
          ...shared,
        },
      },
      {
        test: {
          name: 'sandbox',
          include: ['test/sandbox/**/*.test.ts'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          ...shared,
        },
      },
      {
        test: {
          name: 'replay',
          include: ['test/replay/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers,
          env,
        },
      },
      {
        test: {
          name: 'workflows',
          include: ['test/workflows/**/*.test.ts'],
          globalSetup: ['test/setup/workflows.mjs'],
          pool: 'forks',
          maxWorkers: 2,
          // The time-skipping server stands still now and then when a run ends while one of its activities is under
          // way (a lock that is never given back). A test that fails for a reason of its own fails three times.
          retry: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          env,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.{ts,mjs}', 'test/faults/**/*.test.ts'],
          globalSetup: ['test/setup/e2e.mjs'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 120_000,
          env,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: ['test/setup/browser.mjs'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 120_000,
          env,
        },
      },
    ],
  },
});
