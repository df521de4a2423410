import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { CAPTURE_COLUMNS, readCapture } from '../../analysis/capture.js';
import { quoteName } from '../../analysis/duck.js';
import { inputRows, outputNumbers, parseCsv } from '../../analysis/payload.js';
import { captureLine, rowsOf, scratch } from './scratch.js';

const seed = Date.now() % 2_147_483_647;
console.info(`fast-check seed ${seed}`);
fc.configureGlobal({ seed });

const base64 = (text: string) => Buffer.from(text).toString('base64');

async function capture(lines: readonly string[], columns: readonly string[] = ['a', 'b']) {
  const { duck, write } = await scratch();
  const { table, counts } = await readCapture(duck, {
    files: [write('capture.jsonl', lines.join('\n'))],
    columns,
    window: { fromMs: Date.UTC(2026, 0, 1), toMs: Date.UTC(2026, 0, 2) },
  });
  const { rowNumber, prediction, inferenceId } = CAPTURE_COLUMNS;
  const order = `order by ${quoteName(CAPTURE_COLUMNS.eventId)}, ${quoteName(rowNumber)}`;
  const rows = await duck.rows(`select * from ${quoteName(table)} ${order}`);
  return {
    counts,
    rows: rows.map((row) => [...columns.map((name) => row[name]), row[prediction]]),
    ids: rows.map((row) => row[inferenceId]),
  };
}

describe('a capture file', () => {
  it('holds payloads of every encoding and shape', async () => {
    const json = { encoding: 'JSON', contentType: 'application/json' };
    const { rows, counts } = await capture([
      captureLine({ id: '1', input: '1,x\n', output: '0.25\n' }),
      captureLine({ id: '2', input: '1,"x, ""y"""\r\n2,\n', output: '0.25\n0.5' }),
      captureLine({ id: '3', input: base64('1,x'), output: base64('0.25'), encoding: 'BASE64' }),
      captureLine({ id: '4', ...json, input: '{"b": "x", "a": 1, "c": 9}', output: '0.25' }),
      captureLine({
        id: '5',
        ...json,
        input: '{"instances": [{"a": 1, "b": "x"}, [2, null]]}',
        output: '{"predictions": [{"label": "late", "score": 0.25}, {"score": 0.5}]}',
      }),
      captureLine({ id: '6', ...json, input: '[1, ""]', output: '[[0.25, 0.75]]' }),
      captureLine({
        id: '7',
        input: base64('{"a": 1.5, "b": true}'),
        output: base64('[0.25]'),
        encoding: 'BASE64',
        contentType: 'application/json',
      }),
    ]);
    expect(rows).toEqual([
      ['1', 'x', 0.25],
      ['1', 'x, "y"', 0.25],
      ['2', null, 0.5],
      ['1', 'x', 0.25],
      ['1', 'x', 0.25],
      ['1', 'x', 0.25],
      ['2', null, 0.5],
      ['1', '', 0.25],
      ['1.5', 'true', 0.25],
    ]);
    expect(counts).toMatchObject({ lines: 7, rows: 9, invalid: 0, unreadableLines: 0 });
  });
  it('keeps count of everything it cannot use', async () => {
    const whole = captureLine({ id: 'whole', input: '1,x', output: '0.5' });
    const { counts, rows } = await capture([
      '\uFEFF' + whole,
      captureLine({ id: 'input only', input: '1,x' }),
      captureLine({ id: 'output only', output: '0.5' }),
      captureLine({ id: 'too many', input: '1,x,2', output: '0.5' }),
      captureLine({ id: 'broken', input: '{"a":', output: '0.5', encoding: 'JSON' }),
      captureLine({ id: 'yesterday', input: '1,x', at: '2025-12-31T23:59:59Z' }),
      captureLine({ id: 'tomorrow', input: '1,x', at: '2026-01-02T00:00:00Z' }),
      captureLine({ id: 'when', input: '1,x', at: 'never' }),
      '[]',
      'null',
      '',
      whole.slice(0, -30),
    ]);
    expect(counts).toEqual({
      lines: 11,
      unreadableLines: 5,
      linesWithoutInput: 1,
      linesWithoutOutput: 1,
      rows: 2,
      invalid: 1,
      outsideWindow: 2,
    });
    expect(rows).toEqual([
      ['1', 'x', null],
      ['1', 'x', 0.5],
    ]);
  });
  it('may hold line separators inside of its texts', async () => {
    const { counts } = await capture([
      captureLine({ id: '1', encoding: 'JSON', input: '{"a": 1, "b": "x\u2028y"}', output: '1' }),
    ]);
    expect(counts).toMatchObject({ lines: 1, rows: 1 });
  });
  it('that is not there is an error of the caller, not of the process', async () => {
    const { duck } = await scratch();
    const options = { files: ['/nowhere/capture.jsonl'], columns: ['a'] };
    await expect(readCapture(duck, options)).rejects.toThrow('ENOENT');
  });
  it('cannot have columns that differ in case only', async () => {
    await expect(capture([], ['a', 'A'])).rejects.toThrow('cannot be told apart');
  });
  it('may be empty', async () => {
    expect((await capture([])).counts).toMatchObject({ lines: 0, rows: 0 });
  });
  it('is larger than one chunk', async () => {
    const { counts, rows } = await capture(
      rowsOf(5_000, (i) => captureLine({ id: `${i}`, input: `${i},x`, output: '0.5' })),
    );
    expect(counts.rows).toBe(5_000);
    expect(rows).toHaveLength(5_000);
  });
  it('has columns named like members of every object', async () => {
    const { rows } = await capture(
      [captureLine({ id: '1', encoding: 'JSON', input: '{"a\\"": 1}', output: '1' })],
      ['a"', 'constructor', 'toString'],
    );
    expect(rows).toEqual([['1', null, null, 1]]);
  });
});

describe('a payload', () => {
  const csv = (data: string) => ({ encoding: 'CSV', data, contentType: 'text/csv' });
  const json = (data: string) => ({ encoding: 'JSON', data, contentType: 'application/json' });
  it('gives no numbers when there are not as many answers as rows', () => {
    expect(outputNumbers(csv('0.1\n0.2'), 3)).toEqual([null, null, null]);
    expect(outputNumbers(json('{"predictions": [1]}'), 2)).toEqual([null, null]);
  });
  it('may answer all rows on one line', () => {
    expect(outputNumbers(csv('0.1,0.2,0.3'), 3)).toEqual([0.1, 0.2, 0.3]);
  });
  it('has the first number of an answer, wherever it is', () => {
    expect(outputNumbers(json('{"a": {"b": ["x", null, 0.5]}}'), 1)).toEqual([0.5]);
    expect(outputNumbers(csv('late,0.5'), 1)).toEqual([0.5]);
    expect(outputNumbers(json('"nothing"'), 1)).toEqual([null]);
  });
  it('is one row when a column is called instances', () => {
    expect(inputRows(json('{"instances": [1, 2]}'), ['instances'])).toEqual([['[1,2]']]);
  });
  it('is no row when no key is a column', () => {
    expect(inputRows(json('{"x": 1}'), ['a'])).toEqual([null]);
  });
});

describe('parseCsv', () => {
  it.each([
    [
      'a,b\nc,d\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      '"a\nb",c\r\n\r\n"",d',
      [
        ['a\nb', 'c'],
        ['', 'd'],
      ],
    ],
    ['"a', [['a']]],
    ['"a""b","",c', [['a"b', '', 'c']]],
    ['a,', [['a', '']]],
    ['"a",', [['a', '']]],
    ['', []],
  ])('reads %j', (text, records) => {
    expect(parseCsv(text)).toEqual(records);
  });
});

describe('whatever a capture file holds', () => {
  const payload = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.json(),
    fc.constantFrom(
      '1,x',
      '"',
      '"a""',
      '1,"x\ny"',
      '[',
      '{"instances": [1, [2, 3]]}',
      '{"a": 1e999}',
    ),
    fc.array(fc.tuple(fc.double(), fc.string({ maxLength: 5 }))).map((rows) => rows.join('\n')),
  );
  const encoding = fc.constantFrom('CSV', 'JSON', 'BASE64', 'json', '', 'x');
  const event = fc
    .record({
      input: payload,
      output: payload,
      encoding,
      contentType: fc.constantFrom('text/csv', 'application/json'),
    })
    .map((parts) => captureLine({ id: 'e', ...parts }));
  const line = fc.oneof(
    event,
    fc.tuple(event, fc.nat(200)).map(([text, end]) => text.slice(0, end)),
    fc.json(),
    fc.string({ unit: 'binary', maxLength: 60 }),
  );

  it('every line is counted once, and every row has as many values as there are columns', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
        const { duck, write } = await scratch();
        const file = write('capture.jsonl', lines.join('\n'));
        const { counts } = await readCapture(duck, { files: [file], columns: ['a', 'b'] });
        const written = lines
          .join('\n')
          .split('\n')
          .map((one) => one.replace(/^\uFEFF/, ''));
        expect(counts.lines).toBe(written.filter((one) => one.trim() !== '').length);
        expect(counts.unreadableLines + counts.linesWithoutInput).toBeLessThanOrEqual(counts.lines);
        const { n } = await duck.row('select count(*) as n from captured');
        expect(Number(n)).toBe(counts.rows);
      }),
      { numRuns: 60 },
    );
  });
  it('a payload gives rows of the columns asked for, or says that it cannot', () => {
    fc.assert(
      fc.property(payload, encoding, fc.nat(3), (data, kind, rows) => {
        const one = { encoding: kind, data, contentType: 'application/json' };
        for (const row of inputRows(one, ['a', 'b']) ?? []) {
          expect(row === null || row.length === 2).toBe(true);
        }
        const numbers = outputNumbers(one, rows);
        expect(numbers).toHaveLength(rows === 1 ? 1 : rows);
        expect(numbers.every((number) => !Number.isNaN(number))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
