import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { seeded } from '../../analysis/random.js';
import { evaluationSchema } from '../../domain/evaluation.schema.js';
import type { EvaluationReport } from '../../domain/stats/types.js';
import { modelkeeper } from '../unit/client/fake.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'evaluate-command-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function write(name: string, text: string | Buffer): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

type Values = Readonly<Record<string, string | number>>;

/** Rows of a good candidate and a champion that is a little worse. */
function rowsOf(count: number, change: (i: number) => Values = () => ({})): readonly Values[] {
  const random = seeded(5);
  return Array.from({ length: count }, (_, i) => {
    const label = Number(random.fraction() < 0.4);
    const noise = 0.3 + 0.4 * random.fraction();
    return {
      rowId: `row ${i}`,
      label,
      champion: noise + 0.1 * label + 0.1 * random.fraction(),
      candidate: noise + 0.18 * label + 0.1 * random.fraction(),
      hub: i % 2 === 0 ? 'east' : 'west',
      ...change(i),
    };
  });
}

function csv(rows: readonly Values[]): string {
  const names = Object.keys(rows[0] ?? {});
  const cell = (value: string | number | undefined) =>
    `"${String(value ?? '').replaceAll('"', '""')}"`;
  return [names.map(cell), ...rows.map((row) => names.map((name) => cell(row[name])))]
    .map((cells) => cells.join(','))
    .join('\n');
}

const jsonl = (rows: readonly Values[]) => rows.map((row) => JSON.stringify(row)).join('\n');

const gates = (lines: readonly string[], more = '') =>
  `evaluate:\n  minRows: 200\n${more}  gates:\n${lines.map((line) => `    - ${line}\n`).join('')}`;

const NO_WORSE =
  '{ id: no-worse, kind: non_inferior, metric: roc_auc, margin: { absolute: 0.02 } }';

async function evaluate(
  predictions: string,
  policy: string,
  ...args: readonly string[]
): Promise<{ code: number; report: EvaluationReport; out: string; err: string }> {
  const file = write('gates.yaml', policy);
  const done = await modelkeeper(
    {},
    'evaluate',
    '--predictions',
    predictions,
    '--policy',
    file,
    '--json',
    ...args,
  );
  const report = done.json as EvaluationReport;
  // Parsing leaves out what the schema does not know: nothing is printed that is not documented.
  if (done.code !== 2) expect(evaluationSchema.parse(report)).toEqual(report);
  return { ...done, report };
}

describe('modelkeeper evaluate', () => {
  it.each([
    ['CSV', 'p.csv', csv],
    ['JSON lines', 'p.jsonl', jsonl],
  ] as const)(
    'passes a good candidate by a file of %s, without a server',
    async (_, name, text) => {
      const { code, report } = await evaluate(write(name, text(rowsOf(2_000))), gates([NO_WORSE]));
      expect(code).toBe(0);
      expect(report).toMatchObject({
        verdict: 'pass',
        rows: 2_000,
        seed: 1,
        task: 'classification',
      });
      expect(report.checks).toMatchObject({ rowsInTraining: null, rowsOutsideHoldOut: null });
      expect(report.reasons.join()).toContain('training rows are not known');
      expect(report.reasons.join()).toContain('held-out window is not known');
    },
  );

  it('ends with 10 when a gate fails, and with 12 when it cannot tell', async () => {
    const file = write('p.csv', csv(rowsOf(2_000)));
    const floor = (min: number) =>
      gates([`{ id: floor, kind: absolute, metric: roc_auc, min: ${min} }`]);
    expect((await evaluate(file, floor(0.99))).code).toBe(10);
    const { report } = await evaluate(file, floor(0.6));
    const limit = report.candidate[0]?.estimate ?? 0;
    expect((await evaluate(file, floor(Number(limit.toFixed(4))))).code).toBe(12);
  });

  it('leaves gates that compare open without a champion, unless told that this is a first model', async () => {
    const alone = rowsOf(2_000).map(({ champion: served, ...row }) => ({
      ...row,
      served: served ?? 0,
    }));
    const file = write('p.csv', csv(alone));
    const floor = '{ id: floor, kind: absolute, metric: roc_auc, min: 0.6 }';
    const { code, report } = await evaluate(file, gates([floor, NO_WORSE]));
    expect(code).toBe(12);
    expect(report).toMatchObject({ verdict: 'inconclusive', noBaseline: true });
    expect(report.reasons.join()).toContain('no-worse: there are no champion scores');
    expect((await evaluate(file, gates([floor, NO_WORSE]), '--first-model')).code).toBe(0);
    expect((await evaluate(file, gates([floor]))).code).toBe(0);
  });

  it('takes a whole policy too, and says on which line one is wrong', async () => {
    const file = write('p.csv', csv(rowsOf(300)));
    const wrong = gates(['{ id: floor, kind: absolute, metric: roc_auc, most: 0.5 }']);
    const { code, report } = await evaluate(file, wrong);
    expect(code).toBe(2);
    expect(JSON.stringify(report)).toMatch(/gates.yaml:4:.*'most' is not known here/);
    const policy = 'examples/minimal.policy.yaml';
    const whole = await modelkeeper({}, 'evaluate', '--predictions', file, '--policy', policy);
    expect(whole.code).toBe(12);
    expect(whole.out).toContain('CANNOT TELL');
  });

  it('reads the columns that the policy names', async () => {
    const rows = rowsOf(1_000).map(({ rowId, label, champion, candidate }) => ({
      select: rowId ?? '',
      'y "true"': label ?? '',
      'a;drop': champion ?? '',
      order: candidate ?? '',
    }));
    const inputs = `  inputs: { rowId: select, label: 'y "true"', champion: 'a;drop', candidate: order }\n`;
    const { code, report } = await evaluate(write('p.csv', csv(rows)), gates([NO_WORSE], inputs));
    expect([code, report.verdict, report.checks.duplicateRowIds]).toEqual([0, 'pass', 0]);
  });

  it('names the columns that are there, and the key to write, when one is not', async () => {
    const rows = rowsOf(300).map(({ label, candidate }) => ({
      y: label ?? '',
      b: candidate ?? '',
    }));
    const { code, report } = await evaluate(write('p.csv', csv(rows)), gates([NO_WORSE]));
    expect(code).toBe(2);
    expect(JSON.stringify(report)).toMatch(
      /no column label, candidate: there are y, b; say in evaluate.inputs.label, evaluate.inputs.candidate/,
    );
  });

  it('checks the window and the training rows that it is given', async () => {
    const file = write(
      'p.csv',
      csv(rowsOf(1_000, (i) => ({ eventTimeMs: i < 3 ? 0 : 1_000_000_000 }))),
    );
    const training = write('t.csv', 'rowId\nrow 7\nrow 9\nother\n');
    const window = ['--from', '1970-01-02', '--to', '1970-02-01'];
    const { code, report } = await evaluate(
      file,
      gates([NO_WORSE]),
      '--training-rows',
      training,
      ...window,
    );
    expect(code).toBe(10);
    expect(report.checks).toMatchObject({ rowsInTraining: 2, rowsOutsideHoldOut: 3 });
  });

  it('takes several files and a folder, and follows no link out of it', async () => {
    const [first, second] = [rowsOf(2_000).slice(0, 900), rowsOf(2_000).slice(900)];
    const folder = join(dir, 'folder');
    mkdirSync(folder);
    writeFileSync(join(folder, 'a.csv'), csv(first));
    writeFileSync(join(folder, 'b.csv'), csv(second));
    expect((await evaluate(folder, gates([NO_WORSE]))).report.rows).toBe(2_000);
    symlinkSync(write('other.csv', csv(rowsOf(50))), join(folder, 'c.csv'));
    expect((await evaluate(folder, gates([NO_WORSE]))).code).toBe(2);
    const files = [join(folder, 'a.csv'), join(folder, 'b.csv')] as const;
    const both = await evaluate(files[0], gates([NO_WORSE]), '--predictions', files[1]);
    expect(both.report.rows).toBe(2_000);
  });

  it('prints metrics, gates and what nobody checked for people', async () => {
    const file = write('p.csv', csv(rowsOf(2_000)));
    const policy = write('g.yaml', gates([NO_WORSE]));
    const { out } = await modelkeeper({}, 'evaluate', '--predictions', file, '--policy', policy);
    expect(out).toMatch(/^PASS {2}2,000 rows/);
    expect(out).toMatch(/roc_auc +champion 0\.\d+ \[.*\] +candidate 0\.\d+ \[/);
    expect(out).toMatch(/pass +no-worse: roc_auc changed by .*\[delong, 2,000 rows\]/);
    expect(out).toContain('nobody checked for overlap');
  });
});

describe('hostile predictions', () => {
  const cases: readonly (readonly [string, (i: number) => Values, RegExp])[] = [
    [
      'labels that say yes',
      (i) => (i < 4 ? { label: 'yes' } : {}),
      /4 labels are neither 0 nor 1, such as yes/,
    ],
    [
      'labels that say true',
      (i) => (i < 1 ? { label: 'true' } : {}),
      /labels are neither 0 nor 1, such as true/,
    ],
    ['labels of 2', (i) => (i < 2 ? { label: 2 } : {}), /2 labels are neither 0 nor 1, such as 2/],
    [
      'missing labels',
      (i) => (i < 2 ? { label: '' } : {}),
      /2 labels are neither 0 nor 1, such as \(missing\)/,
    ],
    [
      'scores that are not numbers',
      (i) => (i < 3 ? { candidate: 'NaN' } : {}),
      /3 scores of the candidate/,
    ],
    ['infinite scores', (i) => (i < 3 ? { champion: 'inf' } : {}), /3 scores of the champion/],
    ['scores out of range', (i) => (i < 3 ? { candidate: 1.5 } : {}), /3 scores of the candidate/],
    [
      'scores that are texts',
      (i) => (i < 3 ? { candidate: 'high' } : {}),
      /3 scores of the candidate/,
    ],
    [
      'ids that stand there twice',
      (i) => (i < 2 ? { rowId: 'same' } : {}),
      /1 row ids occur more than once/,
    ],
    ['ids that are missing', (i) => (i < 2 ? { rowId: '' } : {}), /2 rows have no id/],
  ];
  it.each(cases)('fail by %s', async (_, change, reason) => {
    const { code, report } = await evaluate(
      write('p.csv', csv(rowsOf(600, change))),
      gates([NO_WORSE]),
    );
    expect(code).toBe(10);
    expect(report.reasons.join('\n')).toMatch(reason);
  });

  it('slice by values that are SQL, quotes and control characters', async () => {
    const odd = `'; drop table rows; --"\u0007\n`;
    const file = write('p.csv', csv(rowsOf(1_200, (i) => ({ hub: i % 2 === 0 ? odd : 'west' }))));
    const by = `{ id: hubs, kind: non_inferior, metric: roc_auc, by: [hub], margin: { absolute: 0.1 } }`;
    const { code, report } = await evaluate(file, gates([by]));
    expect(code).toBe(0);
    expect(report.gates.map(({ slice, n }) => [slice?.value, n])).toEqual([
      [odd, 600],
      ['west', 600],
    ]);
  });

  it.each<[string, string, string | Buffer, RegExp]>([
    ['an empty file', 'p.csv', '', /p.csv|no column|no rows|cannot be read/],
    ['a header alone', 'p.csv', 'rowId,label,champion,candidate\n', /hold no rows/],
    ['truncated Parquet', 'p.parquet', Buffer.from('PAR1\u0000\u0001'), /cannot be read/],
    ['a file with no known ending', 'p.txt', 'x', /the format is not known/],
  ])('are refused: %s', async (_, name, content, fault) => {
    const { code, report } = await evaluate(write(name, content), gates([NO_WORSE]));
    expect([code, JSON.stringify(report)]).toEqual([2, expect.stringMatching(fault)]);
  });

  it('are refused where there is no such file', async () => {
    const { code, report } = await evaluate(join(dir, 'gone.csv'), gates([NO_WORSE]));
    expect([code, JSON.stringify(report)]).toEqual([
      2,
      expect.stringMatching(/there is no such file/),
    ]);
  });
});
