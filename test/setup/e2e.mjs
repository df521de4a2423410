// Before the end-to-end tests: the product is built, and a Temporal CLI is found.
import { join } from 'node:path';
import { ensureDist } from '../../scripts/setup/dist.mjs';
import { thisMachine } from '../../scripts/setup/machine.mjs';
import { ensureTemporal } from '../../scripts/setup/temporal.mjs';

const root = join(import.meta.dirname, '../..');

export default async function setup() {
  await ensureDist(root);
  process.env.MODELKEEPER_TEMPORAL_CLI = await ensureTemporal(thisMachine(root), {
    embedded: true,
  });
}
