import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { pino } from 'pino';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { drawEvaluation, drawWindows } from '../../client/console/drawings.js';
import { distributionPlot } from '../../analysis/report/index.js';
import { createConsole } from '../../client/console/server.js';
import { fakeBackend, type FakeBackend } from '../unit/console/fake-backend.js';
import { evaluationReport, NOW_MS, request, windowReport } from '../unit/console/samples.js';

const APPROVE = '/models/flight-delays/releases/7/approve';
const PAGES = [
  '/',
  '/models/flight-delays',
  '/models/flight-delays/releases/7',
  APPROVE,
  '/nothing',
];

let browser: Browser;
let backend: FakeBackend;
let app: ReturnType<typeof createConsole>;
let base: string;

beforeAll(async () => {
  const executablePath = process.env['MODELKEEPER_CHROMIUM'];
  browser = await chromium.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    // Chromium refuses to sandbox itself for root, as whom containers run tests.
    chromiumSandbox: process.getuid?.() !== 0,
  });
});

afterAll(() => browser.close());

beforeEach(async () => {
  backend = fakeBackend();
  app = createConsole({
    config: {
      identification: { kind: 'os-user', user: 'ada' },
      webUi: 'http://localhost:8233',
      namespace: 'default',
      publicOrigin: null,
    },
    backend,
    drawColumn: distributionPlot,
    drawEvaluation,
    drawWindows,
    log: pino({ level: 'silent' }),
    now: () => NOW_MS,
  });
  base = await app.listen({ host: '127.0.0.1', port: 0 });
});

// Pages ask again every few seconds: those of a test that is over would keep the browser busy in all later ones.
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await app.close();
});

/** A page on a phone or a desktop, with or without script; what the browser complained about. */
async function visit(
  options: Parameters<Browser['newPage']>[0] = {},
): Promise<{ readonly page: Page; readonly complaints: string[] }> {
  const page = await browser.newPage(options);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return { page, complaints };
}

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

describe('the approval page', () => {
  it('takes an approval without script, on a phone, and says that it counts', async () => {
    const { page } = await visit({ ...PHONE, javaScriptEnabled: false });
    await page.goto(`${base}/`);
    await page.getByRole('link', { name: 'Read the evidence and decide on release 7' }).tap();
    await page.getByRole('link', { name: 'To the decision' }).tap();
    await page.getByLabel('Reason').fill('better on every slice');
    await page.getByRole('button', { name: 'Approve' }).tap();
    await page.getByText('Your approval counts.').waitFor();
    expect(page.url()).toBe(base + APPROVE);
    expect(await page.getByRole('button').count()).toBe(0);
    expect(backend.decisions.map(({ message }) => message)).toMatchObject([
      { verdict: 'approve', reason: 'better on every slice', digest: request.digest },
    ]);
  });

  it('takes a decision by keyboard alone', async () => {
    const { page } = await visit();
    await page.goto(base + APPROVE);
    await page.getByLabel('Reason').focus();
    await page.keyboard.type('the holdout is too small');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent.trim()')).toBe('Reject');
    await page.keyboard.press('Enter');
    await page.getByText('Your rejection counts.').waitFor();
    expect(backend.decisions[0]?.message.verdict).toBe('reject');
  });

  it('asks for the reason of a rejection, and takes it then', async () => {
    const { page } = await visit();
    await page.goto(base + APPROVE);
    await page.getByRole('button', { name: 'Reject' }).click();
    await page.getByText('A rejection needs a reason').waitFor();
    await page.getByLabel('Reason').fill('not now');
    await page.getByRole('button', { name: 'Reject' }).click();
    await page.getByText('Your rejection counts.').waitFor();
  });

  it('shows the new evidence to somebody who decided on the old', async () => {
    const { page } = await visit();
    await page.goto(base + APPROVE);
    backend.asked = {
      ...request,
      digest: 'c0ffee',
      evidence: { ...request.evidence, championConfigName: 'flight-delays-5' },
    };
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('Since you read it, this changed: the champion.').waitFor();
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('Your approval counts.').waitFor();
  });

  it('takes nothing from a form on another site', async () => {
    const site = await foreignSite(
      `<form method="post" action="${base + APPROVE}"><input name="verdict" value="approve"><input name="digest" value="${request.digest}"><input name="token" value="x.y"><button>Win a prize</button></form>`,
    );
    try {
      const { page } = await visit();
      await page.goto(base + APPROVE);
      await page.goto(addressOf(site));
      await page.getByRole('button').click();
      await page.getByText('This decision was not taken').waitFor();
      expect(backend.decisions).toEqual([]);
    } finally {
      site.close();
    }
  });

  it('cannot be framed by another site', async () => {
    const site = await foreignSite(`<iframe src="${base + APPROVE}"></iframe>`);
    try {
      const { page, complaints } = await visit();
      await page.goto(addressOf(site));
      await expect.poll(() => complaints.join()).toMatch(/frame/i);
    } finally {
      site.close();
    }
  });
});

describe('every page', () => {
  it.each(PAGES)('fits a phone without scrolling sideways: %s', async (path) => {
    const { page } = await visit(PHONE);
    await page.goto(base + path);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });

  it.each(PAGES)(
    'has one heading, a language, and a name for each field and picture: %s',
    async (path) => {
      const { page } = await visit();
      await page.goto(base + path);
      expect(await page.locator('h1').count()).toBe(1);
      expect(await page.locator('html').getAttribute('lang')).toBe('en');
      expect(await page.locator('img:not([alt]), textarea:not([id])').count()).toBe(0);
    },
  );

  it.each(['light', 'dark'] as const)(
    'is readable in %s: text stands out from its ground by at least 4.5 to 1',
    async (colorScheme) => {
      for (const path of PAGES) {
        const { page } = await visit({ colorScheme });
        await page.goto(base + path);
        expect(await page.evaluate(FAINT_TEXTS)).toEqual([]);
        await page.close();
      }
    },
  );

  it.each(PAGES.slice(0, 4))('loads without a complaint of the browser: %s', async (path) => {
    const { page, complaints } = await visit();
    await page.goto(base + path);
    await page.waitForLoadState('networkidle');
    expect(complaints).toEqual([]);
  });

  it('shows its pictures, those of the evaluation too, without widening the page of a phone', async () => {
    backend.readReport = (_model, uri) =>
      Promise.resolve(uri === request.evaluation.reportUri ? evaluationReport : windowReport);
    const { page, complaints } = await visit(PHONE);
    await page.goto(base + APPROVE);
    await page.getByText('Curves and slices').tap();
    await picturesLoad(page);
    expect(await page.locator('figure img').count()).toBeGreaterThanOrEqual(6);
    expect(
      await page.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      ),
    ).toBe(0);
    expect(complaints).toEqual([]);
  });

  it.each(PAGES)(
    'prints %s dark on white, whatever the screen prefers, and nothing wider than the paper',
    async (path) => {
      const { page } = await visit();
      await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
      await page.setViewportSize({ width: 700, height: 900 });
      await page.goto(base + path);
      expect(await page.evaluate(FAINT_TEXTS)).toEqual([]);
      expect(await page.evaluate(DARK_GROUNDS)).toEqual([]);
      expect(await page.evaluate(TOO_WIDE)).toEqual([]);
    },
  );

  it('prints the pictures that nobody has opened', async () => {
    const { page } = await visit();
    await page.goto(base + APPROVE);
    const plots = page.locator('details.pictures .plots');
    await expect.poll(() => plots.isVisible()).toBe(false);
    await page.emulateMedia({ media: 'print' });
    await expect.poll(() => plots.isVisible()).toBe(true);
  });

  it('shows how columns moved over time', async () => {
    const { page, complaints } = await visit();
    await page.goto(`${base}/models/flight-delays`);
    await page.getByText('Over time').first().click();
    await picturesLoad(page);
    expect(await page.locator('figure img').count()).toBe(1);
    expect(complaints).toEqual([]);
  });
});

/** What is painted dark: on paper that is ink. */
const DARK_GROUNDS = `[...document.querySelectorAll('html, body, body *')].flatMap((element) => {
  const [r = 255, g = 255, b = 255, alpha = 1] = (getComputedStyle(element).backgroundColor.match(/[\\d.]+/g) ?? []).map(Number);
  return alpha > 0 && r + g + b < 300 && element.getClientRects().length > 0 ? [element.className + ' ' + element.tagName] : [];
})`;

/** What sticks out to the right. */
const TOO_WIDE = `[...document.querySelectorAll('body *')].flatMap((element) =>
  element.getBoundingClientRect().right > innerWidth + 1 && getComputedStyle(element).display !== 'none'
    ? [element.tagName + ' ' + element.textContent.trim().slice(0, 40)]
    : [])`;

/** Texts whose contrast with the nearest painted ground (WCAG 2.2, 1.4.3) is below 4.5, as the browser computes colours. */
const FAINT_TEXTS = `(() => {
  const channels = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const [r, g, b, alpha = 1] = channels(getComputedStyle(at).backgroundColor);
      if (alpha > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join('');
    if (text === '' || element.closest('svg, .skip') !== null) continue;
    const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(text.slice(0, 40) + ': ' + contrast.toFixed(2));
  }
  return faint;
})()`;

async function foreignSite(body: string): Promise<Server> {
  const site = createServer((_request, response) => {
    response
      .setHeader('content-type', 'text/html')
      .end(`<!doctype html><title>Prizes</title>${body}`);
  });
  await new Promise<void>((resolve) => {
    site.listen(0, '127.0.0.1', resolve);
  });
  return site;
}

function addressOf(site: Server): string {
  return `http://127.0.0.1:${String((site.address() as AddressInfo).port)}/`;
}

async function picturesLoad(page: Page): Promise<void> {
  for (const picture of await page.locator('figure img').all())
    await picture.scrollIntoViewIfNeeded();
  await expect
    .poll(() => page.evaluate('[...document.images].every((image) => image.naturalWidth > 100)'), {
      timeout: 20_000,
    })
    .toBe(true);
}
