// Before the workflow tests: the time-skipping server is found, the workflows are bundled once.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildWorkflowBundle } from '../../scripts/setup/dist.mjs';
import { thisMachine } from '../../scripts/setup/machine.mjs';
import { ensureTestServer } from '../../scripts/setup/test-server.mjs';

const root = join(import.meta.dirname, '../..');

export default async function setup() {
  process.env.MODELKEEPER_TEST_SERVER = await ensureTestServer(thisMachine(root));
  const folder = await mkdtemp(join(tmpdir(), 'modelkeeper-bundle-'));
  const bundle = join(folder, 'workflow-bundle.js');
  await buildWorkflowBundle(root, bundle);
  process.env.MODELKEEPER_WORKFLOW_BUNDLE = bundle;
  return () => rm(folder, { recursive: true, force: true });
}
