import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';

const folder = new URL('histories/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.json.gz'));
const historyOf = (file: string) =>
  historyFromJSON(JSON.parse(gunzipSync(readFileSync(new URL(file, folder))).toString('utf8')));

let code = '';
beforeAll(async () => {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' }, forward: {} } },
  });
  const entry = new URL('../../workflows/index.ts', import.meta.url).pathname;
  ({ code } = await bundleWorkflowCode({
    workflowsPath: entry,
    logger: new DefaultLogger('ERROR'),
  }));
}, 60_000);

async function faultOf(bundle: string, file: string): Promise<string | undefined> {
  const histories = [{ workflowId: file, history: historyOf(file) }];
  for await (const { error } of Worker.runReplayHistories(
    { workflowBundle: { code: bundle } },
    histories,
  )) {
    if (error !== undefined) return `${error.name}: ${error.message}`;
  }
  return undefined;
}

const remedyFor = (file: string): string =>
  file.startsWith('v0.2-')
    ? 'of a path that no release has yet: node scripts/record-histories.mjs --edition 0.2 records it again'
    : 'running workflows would fail: put the change behind patched()';

describe('recorded histories', () => {
  it('hold each way a release can end, and a keeper that continued as new', () => {
    const names = files.join(' ');
    for (const part of [
      'promoted',
      'rejection',
      'expire',
      'alarm',
      'abort',
      'terminated',
      'continues',
      'candidate-that-fails',
      'training-that-fails',
      'frozen',
      // Of the paths since 0.1.
      'rollout-by-steps-takes',
      'a-step-that-holds',
      'shadow-test',
      'once-of-two',
      'refuses-an-author',
      'takes-back-in-the-registry-before-the-rollout-asks',
      'takes-back-in-the-registry-before-the-rollout-ends',
      'a-version-rejected-while-it-serves',
      'quorum',
      'the-reconciler-puts',
      'a-hint-that-comes-while-a-run-ends',
      'release-by-training-job',
      'the-same-execution-again',
      'rollback-weeks-after',
    ]) {
      expect(names).toContain(part);
    }
  });

  it.each(files)('%s replays on the workflows of today', async (file) => {
    expect(await faultOf(code, file), remedyFor(file)).toBeUndefined();
  });

  it.each([
    ['a renamed activity', 'prepareDeployment', 'makeDeployment', 'promoted'],
    ['a call exchanged for another', '.startPipeline(', '.stopPipeline(', 'promoted'],
    ['another trainer', '.startTrainingJob(', '.startEvaluationJob(', 'release-by-training-job'],
    ['a door that nobody watches', '.watchPackage(', '.writePackage(', 'once-of-two'],
  ])('do not replay on workflows broken by %s', async (_what, before, after, of) => {
    const file = files.find((name) => name.includes(of) && name.includes('release-1'));
    const broken = code.replaceAll(before, after);
    expect(broken).not.toBe(code);
    expect(await faultOf(broken, file ?? '')).toMatch(/Determinism|Nondeterminism|TMPRL1100/);
  });
});
