// node scripts/screenshots.mjs: takes the pictures that docs/ shows, of a flights story whose candidate waits for a person.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { ensureChromium } from './setup/chromium.mjs';
import { ensureDist } from './setup/dist.mjs';
import { thisMachine } from './setup/machine.mjs';
import { main } from './setup/main.mjs';
import { say } from './setup/progress.mjs';
import { ensureTemporal } from './setup/temporal.mjs';

const root = join(import.meta.dirname, '..');
const images = join(root, 'docs/images');
const MODEL = 'flight-delays';
const WITHIN_MS = 300_000;
const LARGEST_BYTES = 300_000;
const DESKTOP = { viewport: { width: 1100, height: 800 } };
const SHORT = { viewport: { width: 1100, height: 440 } };
const TALL = { viewport: { width: 1100, height: 1250 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

async function until(what, look) {
  const deadlineMs = Date.now() + WITHIN_MS;
  for (;;) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    if (Date.now() > deadlineMs) throw new Error(`not within ${WITHIN_MS / 1_000} s: ${what}`);
    await delay(500);
  }
}

const json = async (url) => (await fetch(url)).json();

/** A story that waits for approval, and where its pages are. */
async function waitingStory(home, cli) {
  const bin = join(root, 'dist/bin/modelkeeper.js');
  const child = spawn(process.execPath, [bin, 'story', '--home', home, '--ports', 'auto'], {
    env: { ...process.env, MODELKEEPER_TEMPORAL_CLI: cli },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const { ports } = await until('the story has chosen its ports', async () =>
    JSON.parse(readFileSync(join(home, 'state.json'), 'utf8')),
  );
  const pages = `http://127.0.0.1:${ports.console}`;
  const release = await until('the candidate waits for a person', async () => {
    const found = await json(`${pages}/models/${MODEL}/releases/1?format=json`);
    return found.status?.request ? found : undefined;
  });
  const { model: keeper } = await json(`${pages}/models/${MODEL}?format=json`);
  const webUi = `http://127.0.0.1:${ports.webUi}/namespaces/default/workflows`;
  const inWebUi = ({ workflowId, runId }) =>
    `${webUi}/${encodeURIComponent(workflowId)}/${runId}/user-metadata`;
  return { child, pages, keeperInWebUi: inWebUi(keeper), releaseInWebUi: inWebUi(release) };
}

/** One picture; `ready` is a text of the page that is there when the page is. */
async function picture(browser, name, url, ready, options = DESKTOP) {
  const page = await browser.newPage({ ...options, colorScheme: 'light', timezoneId: 'UTC' });
  await page.goto(url);
  // The Web UI keeps what a workflow says of itself in a frame.
  await until(`${name} shows '${ready}'`, async () => {
    const there = page.frames().map((frame) => frame.getByText(ready).count());
    return (await Promise.all(there)).some((count) => count > 0) ? true : undefined;
  });
  for (const image of await page.locator('img').all()) await image.scrollIntoViewIfNeeded();
  await until('the pictures are there', async () =>
    (await page.evaluate('[...document.images].every((image) => image.naturalWidth > 0)'))
      ? true
      : undefined,
  );
  await page.evaluate('window.scrollTo(0, 0)');
  const path = join(images, `${name}.png`);
  await page.screenshot({ path, animations: 'disabled' });
  await page.close();
  const { size } = statSync(path);
  say(`${relative(root, path)}: ${Math.round(size / 1_000)} kB`);
  if (size > LARGEST_BYTES) throw new Error(`${name}.png is larger than ${LARGEST_BYTES} bytes`);
}

await main(async () => {
  const machine = thisMachine(root);
  await ensureDist(root);
  const cli = await ensureTemporal(machine, { embedded: true });
  const executablePath = await ensureChromium(machine);
  const home = mkdtempSync(join(tmpdir(), 'modelkeeper-screenshots-'));
  mkdirSync(images, { recursive: true });
  const story = await waitingStory(home, cli);
  const browser = await chromium.launch({
    executablePath,
    chromiumSandbox: process.getuid?.() !== 0,
  });
  try {
    const { pages, keeperInWebUi, releaseInWebUi } = story;
    const approval = `${pages}/models/${MODEL}/releases/1/approve`;
    await picture(browser, 'console-models', `${pages}/`, MODEL, SHORT);
    await picture(browser, 'console-model', `${pages}/models/${MODEL}`, MODEL);
    await picture(browser, 'console-approval', approval, 'Reason', TALL);
    await picture(browser, 'console-phone', approval, 'Reason', PHONE);
    await picture(browser, 'web-ui-keeper', keeperInWebUi, 'Waits for', TALL);
    await picture(browser, 'web-ui-release', releaseInWebUi, 'Waits for', TALL);
  } finally {
    await browser.close();
    story.child.kill('SIGTERM');
    await once(story.child, 'exit');
    rmSync(home, { recursive: true, force: true });
  }
});
