// Before the browser tests: all the end-to-end tests need, and a Chromium.
import { join } from 'node:path';
import { ensureChromium } from '../../scripts/setup/chromium.mjs';
import { thisMachine } from '../../scripts/setup/machine.mjs';
import setUpProduct from './e2e.mjs';

const root = join(import.meta.dirname, '../..');

export default async function setup() {
  await setUpProduct();
  process.env.MODELKEEPER_CHROMIUM = await ensureChromium(thisMachine(root));
}
