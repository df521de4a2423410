import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { multivariateReportSchema } from '../../../domain/multivariate.schema.js';
import { captureLine } from '../../analysis/scratch.js';
import { modelkeeper, type Outcome } from './fake.js';

let home: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'multivariate-cli-'));
  write('reference.csv', rows(800, 1));
  write('quiet.csv', rows(400, 1, 5_000));
  write('turned.csv', rows(400, -1, 9_000));
  write('few.csv', rows(50, -1));
});
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

function write(name: string, text: string): string {
  const path = join(home, name);
  writeFileSync(path, text);
  return path;
}

/** x and y rise together, or against each other; each by itself is spread in the same way. */
const pairs = (count: number, sign: number, from = 0): readonly (readonly [number, number])[] =>
  Array.from({ length: count }, (_, i) => {
    const x = Math.sin(12.9898 * (i + from)) ** 2 - 0.5;
    const noise = 0.2 * Math.sin(78.233 * (i + from + 0.5));
    return [x, sign * x + noise] as const;
  });
const rows = (count: number, sign: number, from = 0): string =>
  ['x,y', ...pairs(count, sign, from).map((pair) => pair.join(',')), ''].join('\n');

const multivariate = (window: string, ...args: readonly string[]): Promise<Outcome> =>
  modelkeeper(
    {},
    'multivariate',
    ...['--reference', join(home, 'reference.csv'), '--window', join(home, window)],
    ...['--memory', '256', ...args],
  );

describe('modelkeeper multivariate', () => {
  it.each([
    ['no drift', 0, 'ok', 'quiet.csv'],
    ['drift', 10, 'drift', 'turned.csv'],
    ['too few rows', 12, 'insufficient_data', 'few.csv'],
  ])('tells %s by its exit code', async (_what, code, verdict, window) => {
    for (const method of ['domain-classifier', 'pca']) {
      const outcome = await multivariate(window, '--method', method, '--json');
      const report = multivariateReportSchema.parse(outcome.json);
      expect([method, outcome.code, report.verdict]).toEqual([method, code, verdict]);
    }
  });

  it('says in words which columns part', async () => {
    const { out } = await multivariate('turned.csv');
    expect(out).toMatch(/^DRIFT {2}columns together, by domain-classifier/);
    expect(out).toContain('columns x and y moved together differently');
  });

  it.each([
    ['domain-classifier', 'How well the two can be told apart', 'AUC 0.', 'drift from 0.65'],
    ['pca', 'How much worse the usual patterns fit', 'standard deviations', 'drift from 0.5'],
  ])(
    'writes one page for %s that runs and loads nothing, with the number next to its limit',
    async (method, title, number, limit) => {
      const out = join(home, `${method}.html`);
      const told = await multivariate('turned.csv', '--method', method, '--out', out);
      expect([told.code, told.err]).toEqual([
        10,
        expect.stringContaining(`drift: the report is in`),
      ]);
      const page = readFileSync(out, 'utf8');
      for (const words of [
        'Columns together:',
        'the columns are no longer those of the reference',
        title,
        number,
        limit,
        'Columns that carry it',
        'Pairs that move together differently',
        'docs/drift-report.md',
      ])
        expect(page).toContain(words);
      expect(page).toMatch(/<section class="verdict bad">/);
      expect(page).not.toMatch(/<script|<link|<img|\bsrc=|href="http|NaN/);
      expect(page.match(/role="img"/g)).toHaveLength(3);
    },
  );

  it('shows no pairs where nothing moved, and no plot of a number that is not there', async () => {
    const quiet = await multivariate('quiet.csv', '--format', 'html');
    expect(quiet.out).toContain('Taken together, the columns look like those of the reference.');
    expect(quiet.out).not.toContain('Pairs that move together');
    const few = await multivariate('few.csv', '--format', 'html');
    expect(few.out).toContain('That is no all-clear.');
  });

  it('keeps names of columns and files words on its page', async () => {
    const name = '<img src=x onerror=alert(1)>';
    const renamed = (file: string) =>
      write(`renamed-${file}`, readFileSync(join(home, file), 'utf8').replace('x,y', `${name},y`));
    const files = ['--reference', renamed('reference.csv'), '--window', renamed('turned.csv')];
    const { out } = await modelkeeper({}, 'multivariate', ...files, '--format', 'html');
    expect(out).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(out).not.toContain('<img');
  });

  it('ends a job with 0 whatever the verdict, and leaves its result and one sentence', async () => {
    const [out, message] = [join(home, 'result.json'), join(home, 'message')];
    const left = ['--exit-zero', '--out', out, '--message', message];
    const outcome = await multivariate('turned.csv', ...left);
    expect(outcome.code).toBe(0);
    const report = multivariateReportSchema.parse(JSON.parse(readFileSync(out, 'utf8')));
    expect(report.verdict).toBe('drift');
    expect(readFileSync(message, 'utf8')).toMatch(/^drift: columns x and y moved together/);
  });

  it('ends a job with an error of which it leaves the sentence', async () => {
    const message = join(home, 'why');
    const outcome = await multivariate('nowhere.csv', '--exit-zero', '--message', message);
    expect(outcome.code).toBe(2);
    expect(readFileSync(message, 'utf8')).toMatch(/nowhere\.csv: there is no such file/);
  });

  it.each([
    [['--warn', '0.9'], /warn \(0.9\) is above drift/],
    [['--seed', '-1'], /whole number from 0/],
    [['--max-rows', '5'], /rows from 20 to 1000000/],
    [['--from', '2026-01-01T00:00:00Z'], /give --from and --to together/],
    [
      ['--from', '2026-01-01T00:00:00Z', '--to', '2026-01-02T00:00:00Z'],
      /only data capture knows when/,
    ],
    [['--ignore', 'x,y'], /no column in common/],
  ])('refuses %j with what to change, and writes nothing', async (args, sentence) => {
    const outcome = await multivariate('quiet.csv', ...args);
    expect([outcome.code, outcome.out]).toEqual([2, '']);
    expect(outcome.err).toMatch(sentence);
  });

  it('reads captured requests of one time alone', async () => {
    const line = (pair: readonly [number, number], id: string, at: string): string =>
      captureLine({ id, at, input: pair.join(','), output: '0.5' });
    const window = write(
      'captured.jsonl',
      [
        ...pairs(300, -1).map((pair, i) => line(pair, `a${i}`, '2026-03-01T10:30:00Z')),
        ...pairs(300, 1, 5_000).map((pair, i) => line(pair, `b${i}`, '2026-03-01T12:30:00Z')),
      ].join('\n'),
    );
    const verdictOf = async (from: string, to: string) => {
      const span = ['--from', `2026-03-01T${from}:00Z`, '--to', `2026-03-01T${to}:00Z`];
      const outcome = await multivariate('captured.jsonl', '--columns', 'x,y', ...span, '--json');
      return multivariateReportSchema.parse(outcome.json);
    };
    expect(window).toContain('captured');
    expect(await verdictOf('10:00', '11:00')).toMatchObject({
      verdict: 'drift',
      window: { rows: 300 },
    });
    expect(await verdictOf('12:00', '13:00')).toMatchObject({
      verdict: 'ok',
      window: { rows: 300 },
    });
  });
});
