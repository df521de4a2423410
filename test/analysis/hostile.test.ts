import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { describe, expect, it } from 'vitest';

import { readCapture } from '../../analysis/capture.js';
import { compareWindow } from '../../analysis/drift.js';
import { UnusableData } from '../../analysis/failures.js';
import { LONGEST_LINE } from '../../analysis/lines.js';
import { profileFile } from '../../analysis/profile.js';
import { openFiles } from '../../analysis/relation.js';
import type { DataFormat } from '../../analysis/relation.js';
import type { Profile } from '../../domain/stats/types.js';
import { captureLine, csv, detect, rowsOf, scratch } from './scratch.js';

async function profiled(
  bytes: string | Buffer,
  format: DataFormat = 'csv',
  name = 'data',
): Promise<Profile> {
  const { duck, dir } = await scratch();
  const file = join(dir, name);
  writeFileSync(file, bytes);
  return profileFile(duck, { files: [file], format });
}

const columnsOf = (profile: Profile) => profile.columns.map((column) => column.name);

describe('a CSV file', () => {
  it('may hold line ends and commas within quotes', async () => {
    const profile = await profiled('"a\nb",c\n"x\ny, ""z""",1\n"x\ny, ""z""",2\n');
    expect(columnsOf(profile)).toEqual(['a\nb', 'c']);
    expect(profile.rowCount).toBe(2);
    expect(profile.columns[0]).toMatchObject({ domain: [{ value: 'x\ny, "z"', count: 2 }] });
  });
  it.each(['\n', '\r\n', '\r'])('may end its lines by %j', async (end) => {
    const profile = await profiled(['a,b', '1,x', '2,y', ''].join(end));
    expect(profile.rowCount).toBe(2);
    expect(profile.columns).toMatchObject([
      { name: 'a', kind: 'numeric', max: 2 },
      { name: 'b', domain: [{ value: 'x' }, { value: 'y' }] },
    ]);
  });
  it('may lack the last line end, and begin with a byte-order mark', async () => {
    const profile = await profiled('\uFEFFa,b\n1,2\n3,4');
    expect(columnsOf(profile)).toEqual(['a', 'b']);
    expect(profile.rowCount).toBe(2);
  });
  it.each([
    ['little-endian with a mark', Buffer.from('\uFEFFa,b\n1,2\n', 'utf16le')],
    ['big-endian with a mark', Buffer.from('\uFEFFa,b\n1,2\n', 'utf16le').swap16()],
    ['little-endian without a mark', Buffer.from('a,b\n1,2\n', 'utf16le')],
    ['big-endian without a mark', Buffer.from('a,b\n1,2\n', 'utf16le').swap16()],
  ])('in UTF-16, %s, is refused', async (_name, bytes) => {
    await expect(profiled(bytes)).rejects.toThrow(/UTF-16.*save it as UTF-8/);
  });
  it('in Latin-1 is refused, and not read wrongly', async () => {
    await expect(profiled(Buffer.from('a\nKöln\n', 'latin1'))).rejects.toThrow(UnusableData);
  });
  it('may hold NUL bytes, which are no numbers', async () => {
    const rows = rowsOf(200, (i) => (i === 0 ? '1\u00002' : String(i)));
    const profile = await profiled(`a\n${rows.join('\n')}\n`);
    expect(profile.columns[0]).toMatchObject({ kind: 'numeric', invalid: 1, count: 199 });
  });
  it.each([
    ['the same name twice', 'a,b,a\n1,2,3\n', 'the column a twice'],
    ['names that differ in case', 'a,A\n1,2\n', 'the columns a and A cannot be told apart'],
    ['no first line', '\n\na,b\n', 'does not begin with a header'],
    ['nothing', '', 'is empty'],
    ['a row with too few values', 'a,b\n1,2\n3\n4,5\n', 'cannot be read'],
    ['a row with too many values', 'a,b\n1,2\n3,4,5\n', 'cannot be read'],
    ['a quote that never ends', 'a,b\n1,"2\n3,4\n', 'cannot be read'],
    ['a million columns', `${rowsOf(1_000_000, (i) => `c${i}`).join(',')}\n`, 'it is no header'],
    [
      '20,000 columns',
      `${rowsOf(20_000, (i) => `c${i}`).join(',')}\n`,
      'has 20000 columns; at most 10000',
    ],
  ])('with %s is refused', async (_name, text, reason) => {
    const found = profiled(text);
    await expect(found).rejects.toThrow(UnusableData);
    await expect(found).rejects.toThrow(reason);
  });
  it('with a header alone has no rows', async () => {
    await expect(profiled('a,b\n')).rejects.toThrow('the baseline holds no rows');
    await expect(profiled('a,b')).rejects.toThrow('the baseline holds no rows');
  });
  it.each([
    ['header', '', '\n1\n', 'longer than 1 MB'],
    ['row', 'a,b\n1,', '\n1,2\n', 'a line of more than 2 MB'],
    ['last row', 'a,b\n1,', '', 'a line of more than 2 MB'],
    ['last row with a line end', 'a,b\n1,2\n1,', '\n', 'a line of more than 2 MB'],
  ])(
    'of a %s that does not end is refused in bounded memory',
    async (_name, head, tail, reason) => {
      const { duck, dir } = await scratch();
      const file = join(dir, 'endless.csv');
      const handle = openSync(file, 'w');
      const piece = Buffer.alloc(8_388_608, 'x');
      writeSync(handle, head);
      for (let i = 0; i < 16; i += 1) writeSync(handle, piece);
      writeSync(handle, tail);
      closeSync(handle);
      const before = process.memoryUsage().rss;
      const found = profileFile(duck, { files: [file], format: 'csv' });
      await expect(found).rejects.toThrow(UnusableData);
      await expect(found).rejects.toThrow(reason);
      expect(process.memoryUsage().rss - before).toBeLessThan(600_000_000);
    },
  );
  it('may be compressed, but not to a bomb', async () => {
    expect(columnsOf(await profiled(gzipSync('a,b\n1,2\n'), 'csv', 'data.csv.gz'))).toEqual([
      'a',
      'b',
    ]);
    expect(columnsOf(await profiled(gzipSync('a,b\n1,2\n'), 'csv', 'no-suffix.csv'))).toEqual([
      'a',
      'b',
    ]);
    const bomb = gzipSync(Buffer.concat([Buffer.from('a\n'), Buffer.alloc(300_000_000, '1\n')]), {
      level: 9,
    });
    await expect(profiled(bomb, 'csv', 'bomb.csv.gz')).rejects.toThrow(
      'unpacks to more than 200 times',
    );
    await expect(profiled(gzipSync('a,b\n1,2\n').subarray(0, 20))).rejects.toThrow(
      'cannot be unpacked',
    );
  });
  it('with numbers and texts in one column counts what it cannot read', async () => {
    const { duck, write } = await scratch();
    const baseline = write(
      'baseline.csv',
      csv(
        'x',
        rowsOf(1_000, (i) => [i]),
      ),
    );
    const mixed = write(
      'mixed.csv',
      csv(
        'x',
        rowsOf(1_000, (i) => [i % 2 === 0 ? i : `"${i} km"`]),
      ),
    );
    const profile = await profileFile(duck, { files: [baseline], format: 'csv' });
    const window = { files: [mixed], format: 'csv' } as const;
    const { columns } = await compareWindow(duck, { profile, window, detect });
    expect(columns[0]).toMatchObject({
      rows: 500,
      verdict: 'data quality',
      leftOut: { window: { invalidRows: 500 } },
    });
  });
  it('with dates in three formats has as many categories, never a number', async () => {
    const dates = ['2026-01-02', '02/01/2026', 'Jan 2 2026'];
    const profile = await profiled(
      csv(
        'day',
        rowsOf(300, (i) => [dates[i % 3] ?? '']),
      ),
    );
    expect(profile.columns[0]).toMatchObject({
      kind: 'categorical',
      domain: [...dates].sort().map((value) => ({ value, count: 100 })),
    });
  });
  it('of several with other headers is read by name', async () => {
    const { duck, write } = await scratch();
    const files = [
      write('a.csv', 'x,y\n1,u\n'),
      write('b.csv', 'y,x\nu,1\n'),
      write('c.csv', 'x,y\n1,u\n'),
    ];
    const profile = await profileFile(duck, { files, format: 'csv' });
    expect(profile.columns).toMatchObject([
      { name: 'x', kind: 'numeric', count: 3, min: 1, max: 1 },
      { name: 'y', domain: [{ value: 'u', count: 3 }] },
    ]);
  });
  it('that breaks far inside is an error, not a shorter window', async () => {
    const { duck, write } = await scratch();
    const good = csv(
      'x',
      rowsOf(50_000, (i) => [i]),
    );
    const profile = await profileFile(duck, { files: [write('good.csv', good)], format: 'csv' });
    const window = { files: [write('bad.csv', `${good}1,2\n${good}`)], format: 'csv' } as const;
    const found = compareWindow(duck, { profile, window, detect });
    await expect(found).rejects.toThrow(UnusableData);
    await expect(found).rejects.toThrow('Line: 50002: Expected Number of Columns: 1 Found: 2');
  });
});

describe('a file', () => {
  it('that is a directory, a loop, or not there is refused', async () => {
    const { duck, dir } = await scratch();
    mkdirSync(join(dir, 'folder.csv'));
    symlinkSync(join(dir, 'loop.csv'), join(dir, 'loop.csv'));
    const profile = (name: string) =>
      profileFile(duck, { files: [join(dir, name)], format: 'csv' });
    await expect(profile('folder.csv')).rejects.toThrow('is a directory: name the files in it');
    await expect(profile('loop.csv')).rejects.toThrow('its links lead in a circle');
    await expect(profile('nothing.csv')).rejects.toThrow('it is not there');
  });
  it.each(['csv', 'jsonl', 'parquet', 'capture'] as const)(
    'of %s behind a link that leads outside is not read',
    async (format) => {
      const outside = await scratch();
      const { duck, dir } = await scratch();
      const secret = outside.write('secret', 'a\n1\n');
      const link = join(dir, 'inside');
      symlinkSync(secret, link);
      await expect(
        profileFile(duck, { files: [link], format, captureColumns: ['a'] }),
      ).rejects.toThrow('it lies outside the folders that may be read');
      await expect(readCapture(duck, { files: [link], columns: ['a'] })).rejects.toThrow('outside');
    },
  );
  it('behind a link that stays inside is read', async () => {
    const { duck, dir, write } = await scratch();
    symlinkSync(write('data.csv', 'a\n1\n'), join(dir, 'link.csv'));
    const profile = await profileFile(duck, { files: [join(dir, 'link.csv')], format: 'csv' });
    expect(profile.rowCount).toBe(1);
  });
  it('whose name is a pattern is not read as one', async () => {
    const { duck, write } = await scratch();
    write('a1.csv', 'a\n1\n');
    const file = write('a*.csv', 'a\n1\n');
    await expect(profileFile(duck, { files: [file], format: 'csv' })).rejects.toThrow('rename it');
  });
});

describe('a Parquet file', () => {
  async function parquet(sql: string) {
    const { duck, dir } = await scratch();
    const file = join(dir, 'data.parquet');
    await duck.rows(`copy (${sql}) to '${file}' (format parquet)`);
    return { duck, file };
  }
  it('that is truncated is refused', async () => {
    const { duck, file } = await parquet('select i as a, i::varchar as b from range(100000) t(i)');
    const { readFileSync } = await import('node:fs');
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, whole.length / 2));
    await expect(profileFile(duck, { files: [file], format: 'parquet' })).rejects.toThrow(
      UnusableData,
    );
  });
  it('whose pages are broken is an error, never a number', async () => {
    const { duck, file } = await parquet('select hash(i) as a from range(100000) t(i)');
    const { readFileSync } = await import('node:fs');
    const whole = readFileSync(file);
    whole.fill(0xff, 10, 2_000);
    writeFileSync(file, whole);
    await expect(profileFile(duck, { files: [file], format: 'parquet' })).rejects.toThrow();
  });
  it('may have any type: numbers are numbers to the last digit that a double has, ids are texts, the rest is skipped', async () => {
    const { duck, file } = await parquet(
      `select (i * 1.5)::decimal(18, 3) as money, (i / 8)::decimal(38, 10) as fine,
              18446744073709551615::ubigint - i as large, 170141183460469231731687303715884105727::hugeint - i as huge,
              i::utinyint as small, timestamptz '2026-01-01 00:00:00+02' + interval (i) minute as zoned,
              ('00000000-0000-0000-0000-00000000000' || (i % 3))::uuid as id, (i % 2)::varchar::enum('0', '1') as flag,
              [i] as list, map {'k': i} as map, date '2026-01-01' + i::int as day, i::varchar::blob as bytes
       from range(250) t(i)`,
    );
    const profile = await profileFile(duck, { files: [file], format: 'parquet' });
    expect(profile.columns).toMatchObject([
      { name: 'money', kind: 'numeric', count: 250, max: 373.5, mean: 186.75 },
      { name: 'fine', kind: 'numeric', max: 31.125 },
      { name: 'large', kind: 'numeric', count: 250, max: 2 ** 64 },
      { name: 'huge', kind: 'numeric', count: 250, max: 2 ** 127 },
      { name: 'small', kind: 'numeric', min: 0, max: 249 },
      { name: 'id', kind: 'categorical', domain: [{ count: 84 }, { count: 83 }, { count: 83 }] },
      { name: 'flag', kind: 'categorical', domain: [{ count: 125 }, { count: 125 }] },
    ]);
    expect(profile.skipped).toEqual(['zoned', 'list', 'map', 'day', 'bytes']);
    const window = { files: [file], format: 'parquet' } as const;
    const found = await compareWindow(duck, { profile, window, detect });
    expect(found.columns.map(({ verdict }) => verdict)).toEqual(profile.columns.map(() => 'ok'));
  });
  const made = async (name: string) => {
    const { duck, dir } = await scratch();
    const file = join(dir, name);
    copyFileSync(join(import.meta.dirname, '../fixtures/parquet', name), file);
    return profileFile(duck, { files: [file], format: 'parquet' });
  };
  it.each([
    ['int96.parquet', 't'],
    ['dates.parquet', 'day'],
  ])(
    'of instants in an old or packed form has none of them as numbers: %s',
    async (name, skipped) => {
      expect(await made(name)).toMatchObject({
        rowCount: 300,
        columns: [{ name: 'x', kind: 'numeric', count: 300, max: 299 }],
        skipped: [skipped],
      });
    },
  );
  it.each([
    ['decimal50.parquet', 'the column d has decimals of 50 digits, and at most 38 can be read'],
    ['two-cases.parquet', 'the columns x and X cannot be told apart'],
    ['one-name.parquet', 'has the column x twice'],
    ['no-groups.parquet', 'the baseline holds no rows'],
  ])('is refused rather than read wrongly: %s', async (name, reason) => {
    await expect(made(name)).rejects.toThrow(UnusableData);
    await expect(made(name)).rejects.toThrow(reason);
  });
  it.each(['uncompressed', 'snappy', 'gzip', 'zstd', 'lz4_raw', 'brotli'])(
    'may be compressed by %s',
    async (codec) => {
      const { duck, dir } = await scratch();
      const file = join(dir, 'data.parquet');
      await duck.rows(
        `copy (select i as x from range(300) t(i)) to '${file}' (format parquet, compression ${codec})`,
      );
      const { columns } = await profileFile(duck, { files: [file], format: 'parquet' });
      expect(columns).toMatchObject([{ name: 'x', count: 300, max: 299 }]);
    },
  );
  it('may have nested columns, which are skipped', async () => {
    const { duck, file } = await parquet(`select {'a': 1, 'b': [1, 2]} as nested, 1 as a`);
    const profile = await profileFile(duck, { files: [file], format: 'parquet' });
    expect(columnsOf(profile)).toEqual(['a']);
    expect(profile.skipped).toEqual(['nested']);
  });
});

describe('a file below folders named like columns', () => {
  it.each(['csv', 'jsonl', 'parquet'] as const)(
    'as %s has the columns that are in it, and none of the folders',
    async (format) => {
      const { duck, dir } = await scratch();
      const folder = join(dir, 'region=eu');
      mkdirSync(folder);
      const file = join(folder, `part.${format}`);
      const as = format === 'jsonl' ? 'json' : format;
      await duck.rows(`copy (select i as x from range(300) t(i)) to '${file}' (format ${as})`);
      const profile = await profileFile(duck, { files: [file], format });
      expect(columnsOf(profile)).toEqual(['x']);
    },
  );
});

describe('what is no file of data', () => {
  it.each(['csv', 'jsonl', 'parquet', 'capture'] as const)(
    'is refused as %s without being opened: a pipe, a device',
    async (format) => {
      const { duck, dir } = await scratch({ readable: ['/dev'] });
      const pipe = join(dir, 'pipe');
      execFileSync('mkfifo', [pipe]);
      for (const file of [pipe, '/dev/zero']) {
        const found = profileFile(duck, { files: [file], format, captureColumns: ['a'] });
        await expect(found).rejects.toThrow(`${file} is not a file`);
      }
    },
  );
});

describe('a file of JSON lines', () => {
  it.each([
    ['lists', `{"a": ${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
    ['objects', `{"a": ${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}}`],
  ])(
    'with %s in each other beyond all measure is refused, and ends no process',
    async (_n, deep) => {
      const line = '{"a": 1}\n';
      const reason = 'nested more than 1000 deep';
      await expect(profiled(`${line.repeat(50)}${deep}\n`, 'jsonl')).rejects.toThrow(reason);
      await expect(profiled(gzipSync(`${line}${deep}\n`), 'jsonl')).rejects.toThrow(reason);
    },
  );
  it('may hold any number of brackets within texts, and of lines', async () => {
    const text = JSON.stringify({ a: `\\"${'[{'.repeat(2_000)}` });
    const profile = await profiled(`${text}\n`.repeat(2_000), 'jsonl');
    expect(profile.columns).toMatchObject([{ name: 'a', kind: 'categorical', count: 2_000 }]);
  });
  it('with numbers beyond every double counts them apart, and those beyond 64 bits as they are', async () => {
    const line = (i: number) =>
      `{"a": ${i}, "b": ${i % 2 === 0 ? '1e400' : '1'}, "c": 123456789012345678901234567890}`;
    const profile = await profiled(rowsOf(300, line).join('\n'), 'jsonl');
    expect(profile.columns).toMatchObject([
      { name: 'a', count: 300 },
      { name: 'b', kind: 'numeric', count: 150, nonFinite: 150, missing: 0, max: 1 },
      { name: 'c', count: 300, max: 123456789012345678901234567890 },
    ]);
  });
  describe('whose last record is unlike the 30,000 before', () => {
    const last = (record: string) => profiled(`${'{"a": 1}\n'.repeat(30_000)}${record}\n`, 'jsonl');
    it('has its fraction as it stands, not rounded', async () => {
      expect((await last('{"a": 1.5}')).columns).toMatchObject([
        { name: 'a', kind: 'numeric', count: 30_001, max: 1.5 },
      ]);
    });
    it('has its further column', async () => {
      expect((await last('{"a": 1, "z": 5}')).columns).toMatchObject([
        { name: 'a', count: 30_001 },
        { name: 'z', count: 1, missing: 30_000 },
      ]);
    });
    it('has a text in it that is never a number', async () => {
      expect((await last('{"a": "7 km"}')).skipped).toEqual(['a']);
    });
    it('is refused where its key differs in case only', async () => {
      await expect(last('{"a": 1, "A": 5}')).rejects.toThrow('A and a cannot be told apart');
      await expect(last('{"A": 5}')).rejects.toThrow('cannot be told apart');
      expect(columnsOf(await last('{"a_1": 5}'))).toEqual(['a', 'a_1']);
    });
  });
  it('has its types looked for once, whatever its names and values, not at every look', async () => {
    const { duck, write } = await scratch();
    const record = (i: number) => ({
      'it\'s "a"': i / 2,
      id: 9_007_199_254_740_993n.toString(),
      nested: { 'b c': [i, { d: null }] },
      flag: i % 2 === 0,
      mixed: i % 2 === 0 ? 'x' : i,
    });
    const lines = rowsOf(300, (i) => JSON.stringify(record(i)));
    const of = async (name: string, text: readonly string[]) => {
      const file = write(name, text.join('\n'));
      const relation = await openFiles(duck, { files: [file], format: 'jsonl' });
      const { columns, skipped } = await profileFile(duck, { files: [file], format: 'jsonl' });
      return { from: relation.from, columns, skipped };
    };
    const plain = await of('plain.jsonl', lines);
    expect(plain.from).not.toContain('sample_size');
    expect(plain.skipped).toEqual(['nested', 'mixed']);
    // A date keeps the reader looking: the other columns must be the same.
    const dated = await of(
      'dated.jsonl',
      lines.map((line) => line.replace('{', '{"day": "2026-01-02", ')),
    );
    expect(dated.from).toContain('sample_size');
    expect(dated.columns).toEqual(plain.columns);
    expect(dated.skipped).toEqual(['day', ...plain.skipped]);
  });
  it('with a key twice in one record is refused', async () => {
    await expect(profiled('{"a": 1}\n{"a": 2, "a": 3}\n', 'jsonl')).rejects.toThrow(UnusableData);
  });
  it.each([
    ['broken lines', '{"a": 1}\n{"a": \n'],
    ['names that differ in case', '{"a": 1, "A": 2}\n'],
    ['a line that does not end', `{"a": "${'x'.repeat(20_000_000)}`],
  ])('with %s is refused', async (_name, text) => {
    await expect(profiled(text, 'jsonl')).rejects.toThrow(UnusableData);
  });
  it('with numbers and texts in one column is no baseline of it, and a window of invalid values', async () => {
    const { duck, write } = await scratch();
    const numbers = rowsOf(500, (i) => JSON.stringify({ a: i, b: 1 }));
    const mixed = rowsOf(500, (i) => JSON.stringify({ a: i % 2 === 0 ? i : 'x', b: 1 }));
    const file = write('mixed.jsonl', mixed.join('\n'));
    const own = await profileFile(duck, { files: [file], format: 'jsonl' });
    expect(own.skipped).toEqual(['a']);
    const baseline = write('numbers.jsonl', numbers.join('\n'));
    const profile = await profileFile(duck, { files: [baseline], format: 'jsonl' });
    const window = { files: [file], format: 'jsonl' } as const;
    const { columns } = await compareWindow(duck, { profile, window, detect });
    expect(columns[0]).toMatchObject({ rows: 250, leftOut: { window: { invalidRows: 250 } } });
  });
});

describe('a capture file', () => {
  it('of a line that does not end is refused', async () => {
    const { duck, dir } = await scratch();
    const file = join(dir, 'capture.jsonl');
    const handle = openSync(file, 'w');
    const piece = Buffer.alloc(8_388_608, 'x');
    for (let written = 0; written <= LONGEST_LINE; written += piece.length)
      writeSync(handle, piece);
    closeSync(handle);
    await expect(readCapture(duck, { files: [file], columns: ['a'] })).rejects.toThrow(
      'more than 64 MB',
    );
  });
  it('holds what lines of several chunks hold', async () => {
    const { duck, write } = await scratch();
    const long = 'y'.repeat(300_000);
    const lines = rowsOf(5, (i) => captureLine({ id: `${i}`, input: `${i},${long}`, output: '1' }));
    const file = write('capture.jsonl', lines.join('\n'));
    const { counts } = await readCapture(duck, { files: [file], columns: ['a', 'b'] });
    expect(counts).toMatchObject({ lines: 5, rows: 5, invalid: 0 });
  });
});

describe('data too large for the memory given', () => {
  it('is a failure that may be tried again with more, not a fault of the data nor the end of the process', async () => {
    const { duck } = await scratch({ memoryLimitMb: 16, spillLimitMb: 1 });
    const found = duck.rows('select len(list(i)) as n from range(20000000) t(i)');
    await expect(found).rejects.toThrow(/Out of Memory/i);
    await expect(found).rejects.not.toThrow(UnusableData);
    expect(await duck.row('select 1 as one')).toEqual({ one: 1 });
  });
  it('is looked at in flat memory all the same, as no look needs more than a chunk', async () => {
    const { duck, dir } = await scratch({ memoryLimitMb: 64, spillLimitMb: 1 });
    const file = join(dir, 'rows.parquet');
    await duck.rows(
      `copy (select hash(i) / 1e19 as x, (i % 7)::varchar as c from range(400000) t(i)) to '${file}' (format parquet, row_group_size 20000)`,
    );
    const profile = await profileFile(duck, { files: [file], format: 'parquet' });
    const window = { files: [file], format: 'parquet' } as const;
    const found = await compareWindow(duck, { profile, window, detect });
    expect(found.verdict.kind).toBe('ok');
    expect(found.columns[0]?.jsDistance).toBe(0);
  });
});
