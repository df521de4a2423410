import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { modelkeeper } from '../unit/client/fake.js';
import { captureLine } from './scratch.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'endless-lines-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const GIGABYTE = 1_073_741_824;
const MOST_MEMORY_BYTES = 600_000_000;

function write(name: string, bytes: string | Buffer): string {
  const path = join(dir, name);
  writeFileSync(path, bytes);
  return path;
}

/** A gigabyte between the beginning of a line and its end, most of which takes no disk. */
function writeLong(name: string, head: string, tail: string): string {
  const path = join(dir, name);
  const file = openSync(path, 'w');
  writeSync(file, head);
  writeSync(file, 'x'.repeat(2_097_152));
  writeSync(file, tail === '' ? 'x' : tail, GIGABYTE);
  closeSync(file);
  return path;
}

const numbers = (header: string, line: string) => `${header}${line.repeat(1_000)}`;
const PREDICTIONS = numbers('rowId,label,champion,candidate\n', '1,1,0.5,0.5\n');
const RECORDS = numbers('', '{"rowId": 1, "label": 1, "champion": 0.5, "candidate": 0.5}\n');
const GATES =
  'evaluate:\n  gates:\n    - { id: a, kind: non_inferior, metric: roc_auc, margin: { absolute: 0.1 } }\n';

describe('one line of a gigabyte', () => {
  const captured = captureLine({ id: '1', input: '1,2', output: '0.5' });
  const ROW = 'has a line of more than 2 MB, which is no row: take it out';
  const RECORD = 'has a record of more than 16 MB, which is no record: take it out';
  it.each<[string, string, string, string, string]>([
    ['header', 'header.csv', 'a,', '\n1,2\n', 'it is no header; begin the file with the names'],
    ['row of CSV', 'row.csv', 'a,b\n1,', '\n1,2\n', ROW],
    ['quoted text', 'quoted.csv', 'a,b\n1,"', '"\n1,2\n', ROW],
    ['last row of CSV', 'last.csv', 'a,b\n1,2\n1,', '\n', ROW],
    ['row of CSV that is not ended', 'open.csv', 'a,b\n1,2\n1,', '', ROW],
    ['record', 'record.jsonl', '{"a": 1, "b": 1}\n{"a": "', '"}\n{"a": 1}\n', RECORD],
    ['first record', 'first.jsonl', '{"a": "', '"}\n{"a": 1}\n', RECORD],
    ['captured request', 'capture.jsonl', `${captured}\n{"`, '"}\n', 'a line of more than 64 MB'],
    ['prediction in CSV', 'predictions.csv', `${PREDICTIONS}1,1,0.5,`, '\n', ROW],
    ['prediction in JSON', 'predictions.jsonl', `${RECORDS}{"rowId":"`, '"}\n', RECORD],
  ])(
    'as a %s is refused with the name of the file, in bounded memory',
    async (_, name, head, tail, reason) => {
      const file = writeLong(name, head, tail);
      const baseline = write('baseline.csv', numbers('a,b\n', '1,2\n'));
      const before = process.memoryUsage().rss;
      const command = name.startsWith('predictions')
        ? ['evaluate', '--predictions', file, '--policy', write('gates.yaml', GATES)]
        : ['drift', '--baseline', baseline, '--window', file];
      const { code, err } = await modelkeeper({}, ...command);
      expect([code, err]).toEqual([2, expect.stringContaining(reason)]);
      expect(err).toContain(file);
      expect(process.memoryUsage().rss - before).toBeLessThan(MOST_MEMORY_BYTES);
    },
  );
});

describe('data capture in gzip', () => {
  const columns = ['--columns', 'a,b'];
  const profile = async (name: string, bytes: Buffer) => {
    const done = await modelkeeper({}, 'profile', write(name, bytes), ...columns);
    return { ...done, file: join(dir, name) };
  };
  const lines = Array.from({ length: 300 }, (_, i) =>
    captureLine({ id: `${i}`, input: `${i},2`, output: '0.5' }),
  );
  it('is read as what it holds', async () => {
    const { code, out } = await profile('capture.jsonl.gz', gzipSync(lines.join('\n')));
    expect([code, JSON.parse(out)]).toEqual([
      0,
      expect.objectContaining({
        rowCount: 300,
        capture: expect.objectContaining({ lines: 300, rows: 300, unreadableLines: 0 }) as unknown,
      }),
    ]);
  });
  it('is refused when it is cut off, or unpacks beyond all measure', async () => {
    const whole = gzipSync(lines.join('\n'));
    const half = await profile('half.jsonl.gz', whole.subarray(0, whole.length / 2));
    expect([half.code, half.err]).toEqual([
      2,
      expect.stringContaining(`${half.file} cannot be unpacked: it is broken or cut off`),
    ]);
    const bomb = await profile(
      'bomb.jsonl.gz',
      gzipSync(`${lines.join('\n')}\n${`${' '.repeat(1_000_000)}\n`.repeat(300)}`),
    );
    expect([bomb.code, bomb.err]).toEqual([
      2,
      expect.stringContaining('unpacks to more than 200 times'),
    ]);
  });
});

describe('a beginning of blank lines without end', () => {
  it('is no reason to wait', async () => {
    const file = write('blank.jsonl', `{"a": 1}${'\n'.repeat(200_000)}{"a": 2}\n`);
    const { code, out } = await modelkeeper({}, 'profile', file);
    expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ rowCount: 2 })]);
  });
});
