import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pc from 'picocolors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { widthBy } from '../../../client/cli/context.js';
import { table, widthOf } from '../../../client/cli/render.js';
import { modelkeeper } from './fake.js';

const ESCAPE = String.fromCharCode(27);
const COLOURS = new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g');
const NAMES = ['年齢と収入の合計', '👩‍👩‍👧 family', 'é\u0301clair', '🇯🇵 country', 'plain'];

let dir: string;
let args: readonly string[];

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'terminal-'));
  const file = (name: string, shift: number) => {
    const rows = Array.from({ length: 400 }, (_, i) =>
      NAMES.map((_name, column) => ((i * 7) % 50) + (column % 2) * shift).join(','),
    );
    const path = join(dir, name);
    writeFileSync(path, `${NAMES.join(',')}\n${rows.join('\n')}\n`);
    return path;
  };
  const [baseline, first, second] = [file('base.csv', 0), file('w0.csv', 10), file('w1.csv', 40)];
  args = ['drift', '--baseline', baseline, '--window', first, '--window', second];
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** Lines of tables: those of two columns at least. */
const tableLines = (text: string) =>
  text
    .replaceAll(COLOURS, '')
    .split('\n')
    .filter((line) => /^ {2}(?:VERDICT|WINDOW|ok|moving|drift|broken) {1,}/.test(line));

describe('the width of a text', () => {
  it.each([
    ['abc', 3],
    ['', 0],
    ['日本', 4],
    ['é', 1],
    ['e\u0301', 1],
    ['👍', 2],
    ['👩‍👩‍👧', 2],
    ['🇯🇵', 2],
    ['ｱ', 1],
    ['Ａ', 2],
  ])('of %j is %d places', (text, places) => {
    expect(widthOf(text)).toBe(places);
  });
  it('aligns what stands after it', () => {
    const lines = table([
      ['日本', 'x'],
      ['abc', 'x'],
      [pc.createColors(true).red('👍'), 'x'],
    ]).split('\n');
    const places = lines.map((line) => widthOf(line.replaceAll(COLOURS, '').replace(/x$/, '')));
    expect(new Set(places)).toEqual(new Set([6]));
  });
});

describe('the report of drift in a terminal', () => {
  it.each([40, 80, 200])('keeps its tables within %d places', async (width) => {
    const outcome = await modelkeeper({ terminal: width }, ...args);
    const lines = tableLines(outcome.out);
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
    // Colours that were begun are ended, also where a line was cut.
    for (const line of outcome.out.split('\n')) {
      const codes = line.match(COLOURS) ?? [];
      expect(codes.length % 2).toBe(0);
    }
  });
  it('is whole in a pipe, without colours', async () => {
    const outcome = await modelkeeper({}, ...args);
    expect(outcome.out).not.toContain(ESCAPE);
    expect(outcome.out).toContain('年齢と収入の合計');
  });
  it('has its columns one below the other, whatever the names are', async () => {
    const outcome = await modelkeeper({}, ...args);
    const starts = tableLines(outcome.out)
      .filter((line) => /^ {2}(?:ok|drift|moving) /.test(line))
      .map((line) => widthOf(/^.*?(?=\d\.\d{3} )/.exec(line)?.[0] ?? ''));
    expect(starts).toHaveLength(NAMES.length);
    expect(new Set(starts).size).toBe(1);
  });
});

describe('how wide a line may be', () => {
  it.each([
    ['COLUMNS, for pipes too', { COLUMNS: '60' }, undefined, 60],
    ['COLUMNS before the terminal', { COLUMNS: '60' }, 120, 60],
    ['the terminal', {}, 120, 120],
    ['nothing, in a pipe', {}, undefined, undefined],
    ['the terminal, where COLUMNS is no width', { COLUMNS: 'wide' }, 120, 120],
    ['the terminal, where COLUMNS leaves no room', { COLUMNS: '3' }, 120, 120],
  ])('is said by %s', (_what, env, terminal, width) => {
    expect(widthBy(env, terminal)).toBe(width);
  });
});
