/** From the link in a message to the promoted model, in a real browser on the real service; and what the Web UI shows. */
import { join } from 'node:path';

import { Client, Connection } from '@temporalio/client';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { temporaryFolder, until } from '../e2e/support/processes.js';
import { MODEL, StoryRun } from '../e2e/support/story.js';
import type { Console } from '../e2e/support/story.js';

const folder = temporaryFolder('browser');
const story = new StoryRun(join(folder.path, 'home'), ['--ports', 'auto']);
const RELEASE = `release/${MODEL}/1`;
const KEEPER = `keeper/${MODEL}`;

let browser: Browser;
let page: Page;
let service: Console;
let connection: Connection;
let webUi: string;

beforeAll(async () => {
  story.start();
  const executablePath = process.env['MODELKEEPER_CHROMIUM'];
  browser = await chromium.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    // Chromium refuses to sandbox itself for root, as whom containers run tests.
    chromiumSandbox: process.getuid?.() !== 0,
  });
  page = await browser.newPage();
  service = await story.console();
  const ports = await story.ports();
  webUi = `http://127.0.0.1:${String(ports.webUi)}`;
  await story.meanwhile(
    until('a candidate waits for a person', 400_000, async () => {
      const status = await service.release(1);
      return status?.stage === 'approve' ? (status.request ?? undefined) : undefined;
    }),
  );
  connection = await Connection.connect({ address: `127.0.0.1:${String(ports.temporal)}` });
}, 500_000);

afterAll(async () => {
  await browser.close();
  await connection.close();
  await story.end();
  folder.remove();
}, 90_000);

/** The page of the Web UI that shows what a workflow says of itself. */
async function details(workflowId: string): Promise<string> {
  const { runId } = await new Client({ connection }).workflow.getHandle(workflowId).describe();
  await page.goto(
    `${webUi}/namespaces/default/workflows/${encodeURIComponent(workflowId)}/${runId}/user-metadata`,
  );
  // Markdown of others is kept in a frame of its own.
  return until('the Web UI shows the details', 60_000, async () => {
    const texts = await Promise.all(
      page.frames().map((frame) => frame.locator('body').innerText()),
    );
    return texts.find((text) => text.includes('So far'));
  });
}

describe('somebody who only opens the Temporal Web UI', () => {
  it('reads of a release its stage, why it was started, what it waits for and until when', async () => {
    const shown = await details(RELEASE);
    expect(shown).toContain(`${MODEL}, release 1: approve`);
    expect(shown).toMatch(/Why: .*(drift|performance)/);
    expect(shown).toMatch(
      /Waits for: 1 approval\(s\) by ada@example\.com, until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/,
    );
    expect(shown).toContain(KEEPER);
  });

  it('reads of a keeper its verdict, why, what serves, and which release is where', async () => {
    const shown = await details(KEEPER);
    expect(shown).toMatch(new RegExp(`${MODEL}: (drift|performance)`));
    expect(shown).toContain('flight-delays-winter');
    expect(shown).toContain('Release 1 is in approve');
    expect(shown).toContain(RELEASE);
  });
});

describe('an approver', () => {
  it('follows the link of the message, reads, gives a reason, approves, and sees the model promoted', async () => {
    const { url: awsUrl } = await story.aws();
    await page.goto(`${awsUrl}/_sandbox/outbox`);
    const message = page.locator('article', { hasText: `Approve ${MODEL} release 1?` }).first();
    await message.locator('a[href$="/approve"]').click();
    await page.waitForURL(`${service.url}/models/${MODEL}/releases/1/approve`);
    await page.getByText('roc_auc').first().waitFor();
    await page.getByText('Curves and slices').click();
    for (const picture of await page.locator('img').all()) await picture.scrollIntoViewIfNeeded();
    await expect
      .poll(() => page.evaluate('[...document.images].map((image) => image.naturalWidth > 100)'), {
        timeout: 30_000,
      })
      // Three of what was found and compared; ROC, precision and recall, calibration, scores and the sliced gate.
      .toEqual(Array.from({ length: 8 }, () => true));
    await page.getByLabel('Reason').fill('better on every airport');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('Your approval counts.').waitFor();

    await expect
      .poll(
        async () => {
          await page.goto(`${service.url}/models/${MODEL}/releases/1`);
          return page.locator('main').innerText();
        },
        { timeout: 240_000, interval: 1_000 },
      )
      .toContain(`promoted: ${MODEL}-1 serves`);
    const shown = await page.locator('main').innerText();
    expect(shown).toContain('better on every airport');
    const status = await service.release(1);
    expect(status?.decisions).toMatchObject([
      { person: 'ada@example.com', door: 'console', reason: 'better on every airport' },
    ]);
    const endpoint = await (await story.aws()).endpoint(MODEL);
    expect(endpoint.EndpointConfigName).toBe(`${MODEL}-1`);
  });
});
