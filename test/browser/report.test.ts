import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { modelkeeper } from '../unit/client/fake.js';

let browser: Browser;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'report-browser-'));
  const executablePath = process.env['MODELKEEPER_CHROMIUM'];
  browser = await chromium.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    chromiumSandbox: process.getuid?.() !== 0,
  });
});

afterAll(async () => {
  await browser.close();
  rmSync(dir, { recursive: true, force: true });
});

function write(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

const HOSTILE = '<img src=x onerror=alert(1)>';

function rows(from: number, plan: string): string {
  const lines = Array.from(
    { length: 600 },
    (_, i) => `${from + ((i * 7) % 50)},${i % 3 === 0 ? plan : 'basic'},${i % 11}`,
  );
  return `age,plan,a_column_with_a_name_that_is_longer_than_any_phone_is_wide\n${lines.join('\n')}\n`;
}

/** Paper does not scroll: what sticks out of its frame, or has words broken within, is cut or unreadable. */
const CUT = `[...document.querySelectorAll('svg, table, .badge')].flatMap((element) => {
  const { right, height } = element.getBoundingClientRect();
  const frame = element.closest('figure, main').getBoundingClientRect();
  return right > frame.right + 1 || (element.matches('.badge') && height > 30)
    ? [element.tagName + ' ' + element.textContent.slice(0, 40)]
    : [];
})`;

/** What is wide scrolls within itself, never the page; nothing is blocked, because nothing is asked for. */
async function expectReadable(file: string): Promise<void> {
  for (const [width, media] of [
    [1_200, 'screen'],
    [390, 'screen'],
    [700, 'print'],
  ] as const) {
    const page = await browser.newPage({ viewport: { width, height: 900 } });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('request', (request) => {
      if (request.url() !== pathToFileURL(file).href) complaints.push(request.url());
    });
    await page.emulateMedia({ media });
    await page.goto(pathToFileURL(file).href);
    expect(await page.getByRole('img').count()).toBeGreaterThan(1);
    if (media === 'print') expect(await page.evaluate(CUT)).toEqual([]);
    expect([
      media,
      width,
      await page.evaluate('document.documentElement.scrollWidth'),
      complaints,
    ]).toEqual([media, width, width, []]);
    await page.close();
  }
}

describe('a report as one file', () => {
  it('of drift is readable on a desktop, a phone and paper', async () => {
    const baseline = write('base.csv', rows(20, 'plus'));
    const out = join(dir, 'drift.html');
    const windows = ['plus', HOSTILE].flatMap((plan, i) => [
      '--window',
      write(`w${i}.csv`, rows(45, plan)),
    ]);
    await modelkeeper({}, 'drift', '--baseline', baseline, ...windows, '--out', out);
    await expectReadable(out);
  });

  it('of columns together is readable on a desktop, a phone and paper', async () => {
    const together = (name: string, sign: number, from: number): string =>
      write(
        name,
        `${HOSTILE},a_column_with_a_name_that_is_longer_than_any_phone_is_wide\n${Array.from(
          { length: 600 },
          (_, i) => {
            const x = Math.sin(12.9898 * (i + from)) ** 2;
            return `${x},${sign * x + 0.2 * Math.sin(78.233 * (i + from + 0.5))}`;
          },
        ).join('\n')}\n`,
      );
    const out = join(dir, 'together.html');
    const files = [
      ['--reference', together('reference.csv', 1, 0)],
      ['--window', together('turned.csv', -1, 9_000)],
    ].flat();
    await modelkeeper({}, 'multivariate', ...files, '--out', out);
    await expectReadable(out);
  });

  it('of an evaluation is readable on a desktop, a phone and paper', async () => {
    const lines = Array.from({ length: 800 }, (_, i) => {
      const label = (i * 7) % 10 < 5 ? 1 : 0;
      const noise = ((i * 37) % 100) / 100;
      return `${i},${label},${label * 0.3 + noise * 0.7},${label * 0.5 + noise * 0.5},${i % 2 === 0 ? HOSTILE : 'north'}`;
    });
    const predictions = write(
      'scored.csv',
      `rowId,label,champion,candidate,region\n${lines.join('\n')}\n`,
    );
    const policy = write(
      'gates.yaml',
      'evaluate: { minRows: 200, gates: [{ id: by-region, kind: non_inferior, metric: roc_auc, by: [region], margin: { absolute: 0.02 } }] }',
    );
    const out = join(dir, 'evaluation.html');
    await modelkeeper(
      {},
      'evaluate',
      '--predictions',
      predictions,
      '--policy',
      policy,
      '--out',
      out,
    );
    await expectReadable(out);
  });
});
