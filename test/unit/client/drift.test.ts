import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { driftReportSchema } from '../../../domain/drift-report.schema.js';
import { evaluationSchema } from '../../../domain/evaluation.schema.js';
import { captureLine } from '../../analysis/scratch.js';
import { modelkeeper, type Outcome } from './fake.js';

const ESCAPE = String.fromCharCode(27);
const HOSTILE = `<script>alert("1")</script>${ESCAPE}[31m\u202Eevil`;

let home: string;
let dir: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'drift-cli-'));
});
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});
beforeEach(() => {
  dir = mkdtempSync(join(home, 'case-'));
});

function write(name: string, content: string | Buffer): string {
  const path = join(dir, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** Rows whose age is spread evenly from `from` on, and whose plan is one of three in turn. */
function rows(count: number, from = 20, plans: readonly string[] = ['basic', 'plus', 'pro']) {
  return Array.from({ length: count }, (_, i) => ({
    age: from + ((i * 7) % 50),
    plan: plans[i % plans.length] ?? '',
  }));
}

const csv = (data: readonly { readonly age: number; readonly plan: string }[]): string =>
  ['age,plan', ...data.map(({ age, plan }) => `${age},"${plan.replaceAll('"', '""')}"`), ''].join(
    '\n',
  );
const jsonl = (data: readonly object[]): string =>
  data.map((row) => `${JSON.stringify(row)}\n`).join('');

const drift = (...args: readonly string[]): Promise<Outcome> =>
  modelkeeper({}, 'drift', '--threads', '1', '--memory', '256', ...args);

/** What work leaves in the folder for temporary files, which is its own meanwhile. */
async function leftBehindBy(work: () => Promise<void>): Promise<readonly string[]> {
  const before = process.env['TMPDIR'];
  const own = mkdtempSync(join(home, 'tmp-'));
  process.env['TMPDIR'] = own;
  try {
    await work();
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
  return readdirSync(own);
}

async function report(...args: readonly string[]) {
  const outcome = await drift(...args, '--json');
  return { ...outcome, report: driftReportSchema.parse(outcome.json) };
}

describe('modelkeeper drift', () => {
  it.each([
    ['no drift', 0, 'ok', csv(rows(600))],
    ['drift', 10, 'drift', csv(rows(600, 45))],
    ['broken data', 11, 'data_quality', csv(rows(600, 20, ['basic', 'plus', 'pro', 'new']))],
    ['too few rows', 12, 'insufficient_data', csv(rows(50))],
  ])('tells %s by its exit code', async (_what, code, verdict, window) => {
    const baseline = write('base.csv', csv(rows(1_000)));
    const outcome = await report('--baseline', baseline, '--window', write('w.csv', window));
    expect([outcome.code, outcome.report.verdict]).toEqual([code, verdict]);
    expect(outcome.err).toBe('');
  });

  it('prints nothing that its schema does not describe', async () => {
    const baseline = write('base.csv', csv(rows(1_000)));
    const window = write('w.csv', csv(rows(500, 30, ['basic', 'plus', 'x'])));
    const outcome = await report('--baseline', baseline, '--window', window, '--window', baseline);
    expect(outcome.report).toEqual(outcome.json);
    expect(outcome.report.windows).toHaveLength(2);
  });

  it('counts as the data are', async () => {
    const baseline = write('base.csv', csv(rows(1_000)));
    const window = write('w.csv', `age,plan\n${'21,basic\n,plus\nx,\n1e999,pro\n'.repeat(100)}`);
    const { report: found } = await report('--baseline', baseline, '--window', window);
    const age = found.columns.find((column) => column.name === 'age');
    const plan = found.columns.find((column) => column.name === 'plan');
    expect(age).toMatchObject({
      kind: 'numeric',
      nRef: 1_000,
      nCur: 100,
      missingCur: 100,
      invalidCur: 100,
      nonfiniteCur: 100,
      keys: null,
    });
    expect(age?.countsRef.length).toBe((age?.edges?.length ?? 0) + 1);
    expect(age?.countsCur.reduce((a, b) => a + b)).toBe(100);
    expect(plan).toMatchObject({ kind: 'categorical', nCur: 300, missingCur: 100, edges: null });
    expect(plan?.keys).toEqual(['basic', 'plus', 'pro']);
  });

  it('tells how far numbers moved when asked for it, and needs the rows of the baseline for that', async () => {
    const baseline = write('base.csv', csv(rows(1_000)));
    const window = write('w.csv', csv(rows(1_000, 45)));
    const asked = await report('--baseline', baseline, '--window', window, '--wasserstein');
    const age = (found: typeof asked) => found.report.columns.find(({ name }) => name === 'age');
    const [was, is] = [age(asked)?.meanRef ?? Number.NaN, age(asked)?.meanCur ?? Number.NaN];
    // Every value moved by the same amount: the distance is the difference of the means.
    expect(age(asked)?.wasserstein).toBeCloseTo(Math.abs(is - was), 9);
    const silent = await report('--baseline', baseline, '--window', window);
    expect(age(silent)?.wasserstein).toBeNull();

    const profile = join(dir, 'profile.json');
    await modelkeeper({}, 'profile', baseline, '--out', profile);
    const refused = await drift('--baseline', profile, '--window', window, '--wasserstein');
    expect(refused.code).toBe(2);
    expect(refused.err).toContain('--wasserstein needs the rows of the baseline');
  });

  it('never reads the baseline again once there is a profile', async () => {
    const baseline = write('base.csv', csv(rows(1_000)));
    const profile = join(dir, 'profile.json');
    const window = write('w.csv', csv(rows(600, 45)));
    const direct = await report('--baseline', baseline, '--window', window);
    const made = await modelkeeper({}, 'profile', baseline, '--out', profile);
    expect(made.code).toBe(0);
    rmSync(baseline);
    const later = await report('--baseline', profile, '--window', window);
    expect({ ...later.report, baseline: '' }).toEqual({ ...direct.report, baseline: '' });
  });

  it.each([
    ['Gzipped CSV', 'w.csv.gz', gzipSync(csv(rows(600, 45)))],
    ['JSON lines', 'w.jsonl', jsonl(rows(600, 45))],
    ['Gzipped JSON lines', 'w.ndjson.gz', gzipSync(jsonl(rows(600, 45)))],
    ['names the database would take for patterns', 'w[1]*.csv', csv(rows(600, 45))],
    [
      'data capture',
      'capture.jsonl',
      rows(600, 45)
        .map(({ age, plan }, i) => captureLine({ id: `e${i}`, input: `${age},${plan}` }))
        .join('\n'),
    ],
  ])('reads %s', async (_what, name, content) => {
    const baseline = write('base.csv', csv(rows(1_000)));
    const outcome = await report('--baseline', baseline, '--window', write(name, content));
    expect([outcome.code, outcome.report.rowsCur]).toEqual([10, 600]);
  });

  it('takes a folder and a glob for one window each, and leaves out what is no data', async () => {
    const baseline = write('base.csv', csv(rows(1_000)));
    write('week/a.csv', csv(rows(300)));
    write('week/deeper/b.csv', csv(rows(300)));
    write('week/_SUCCESS', '');
    write('week/notes.txt', 'hello');
    const folder = await report('--baseline', baseline, '--window', join(dir, 'week'));
    expect(folder.report.rowsCur).toBe(600);
    const glob = await report('--baseline', baseline, '--window', join(dir, 'week', '*.csv'));
    expect(glob.report.rowsCur).toBe(300);
  });

  it('leaves nothing behind', async () => {
    const baseline = write('base.csv', csv(rows(1_000)));
    const left = await leftBehindBy(async () => {
      await drift('--baseline', baseline, '--window', baseline);
      await drift('--baseline', baseline, '--window', join(dir, 'none.csv'));
    });
    expect(left).toEqual([]);
  });
});

describe('Ctrl-C', () => {
  it('ends the work with 130 and leaves neither a result nor a folder', async () => {
    const baseline = write('base.csv', csv(rows(1_000)));
    const out = join(dir, 'report.json');
    const left = await leftBehindBy(async () => {
      const outcome = await modelkeeper(
        { interruption: AbortSignal.abort() },
        ...['drift', '--baseline', baseline, '--window', baseline, '--out', out],
      );
      expect(outcome.code).toBe(130);
      expect(outcome.err).toContain('stopped; nothing was left behind');
    });
    expect(existsSync(out)).toBe(false);
    expect(left).toEqual([]);
  });
});

describe('s3://', () => {
  it('is downloaded, read under its own name, and removed again', async () => {
    const baseline = write('base.csv', csv(rows(1_000)));
    const asked: string[] = [];
    const account = {
      download: (uri: string, folder: string) => {
        asked.push(uri);
        const path = join(folder, 'object-0.csv');
        writeFileSync(path, csv(rows(600, 45)));
        return Promise.resolve([{ uri: `${uri}part-0.csv`, path }]);
      },
    };
    const args = ['--baseline', baseline, '--window', 's3://bucket/week/', '--json'];
    const left = await leftBehindBy(async () => {
      const outcome = await modelkeeper({ account }, 'drift', ...args);
      expect(driftReportSchema.parse(outcome.json)).toMatchObject({
        name: 's3://bucket/week/',
        rowsCur: 600,
        verdict: 'drift',
      });
    });
    expect(asked).toEqual(['s3://bucket/week/']);
    expect(left).toEqual([]);
  });
  it('without anything there is refused', async () => {
    const baseline = write('base.csv', csv(rows(300)));
    const outcome = await modelkeeper(
      { account: { download: () => Promise.resolve([]) } },
      ...['drift', '--baseline', baseline, '--window', 's3://bucket/none'],
    );
    expect(outcome.code).toBe(2);
    expect(outcome.err).toContain('there is nothing at or below s3://bucket/none');
  });
});

describe('several windows', () => {
  const windows = async (...from: readonly number[]) => {
    const baseline = write('base.csv', csv(rows(1_000)));
    const args = from.flatMap((age, i) => ['--window', write(`w${i}.csv`, csv(rows(600, age)))]);
    return report('--baseline', baseline, ...args);
  };
  it('drift when enough of the latest have', async () => {
    const outcome = await windows(45, 20, 45);
    expect([outcome.code, outcome.report.verdict]).toEqual([10, 'drift']);
    expect(outcome.report.reasons[0]).toBe('2 windows of the latest 3 have drifted');
  });
  it('are moving when one alone has', async () => {
    const outcome = await windows(20, 20, 45);
    expect([outcome.code, outcome.report.verdict]).toEqual([0, 'warn']);
    expect(outcome.report.reasons[0]).toBe('1 window of the latest 3 has drifted, 2 are needed');
    expect(outcome.report.dataset.verdict).toBe('drift');
  });
  it('are judged by the persistence of the policy', async () => {
    const baseline = write('base.csv', csv(rows(1_000)));
    const args = [20, 20, 45].flatMap((age, i) => [
      '--window',
      write(`w${i}.csv`, csv(rows(600, age))),
    ]);
    const outcome = await modelkeeper(
      { files: { 'p.yaml': 'detect: { persistence: { breaches: 1, of: 3 } }' } },
      ...['drift', '--policy', 'p.yaml', '--baseline', baseline, ...args, '--json'],
    );
    expect(outcome.code).toBe(10);
  });
});

describe('a policy', () => {
  const withPolicy = (text: string) => {
    const baseline = write('base.csv', csv(rows(1_000)));
    const window = write('w.csv', csv(rows(600, 45)));
    return modelkeeper(
      { files: { 'p.yaml': text } },
      ...['drift', '--policy', 'p.yaml', '--baseline', baseline, '--window', window, '--json'],
    );
  };
  it.each([
    ['at the top', 'detect: { columns: { ignore: [age] } }'],
    ['below spec', 'spec: { detect: { columns: { ignore: [age] } } }'],
  ])('may hold detect alone, %s', async (_where, text) => {
    const outcome = await withPolicy(text);
    expect(driftReportSchema.parse(outcome.json).columns.map(({ name }) => name)).toEqual(['plan']);
  });
  it.each([
    [
      'detect: { drift: { warn: 3 } }',
      /p\.yaml:1:26: detect\.drift\.warn: 3 is out of range: .*at most 1/,
    ],
    ['spec: { detect: { drfit: {} } }', /^p\.yaml:1:19: spec\.detect\.drfit: .*drift/],
    ['evaluate: {}', /^p\.yaml:1:1: there is no detect in it; write detect: at the top/],
    ['kind: ModelPolicy', /apiVersion/],
  ])('that is not right is refused with its place: %s', async (text, words) => {
    const outcome = await withPolicy(text);
    expect(outcome.code).toBe(2);
    expect(outcome.json).toMatchObject({ kind: 'error' });
    expect((outcome.json as { message: string }).message).toMatch(words);
  });
});

describe('input that cannot be used is refused with what to change:', () => {
  const refused = async (words: RegExp, ...args: readonly string[]) => {
    const outcome = await drift(...args);
    expect(outcome.err).toMatch(words);
    expect([outcome.code, outcome.out]).toEqual([2, '']);
  };
  const good = () => write('base.csv', csv(rows(300)));

  it('no such file', async () => {
    await refused(
      /none\.csv: there is no such file/,
      '--baseline',
      good(),
      '--window',
      join(dir, 'none.csv'),
    );
  });
  it('a folder without data', async () => {
    write('empty/readme.txt', 'nothing');
    await refused(
      /holds no data files: give Parquet/,
      '--baseline',
      good(),
      '--window',
      join(dir, 'empty'),
    );
  });
  it('an empty file', async () => {
    await refused(/w\.csv is empty/, '--baseline', good(), '--window', write('w.csv', ''));
  });
  it('an unknown format', async () => {
    await refused(
      /the format is not known; read are/,
      '--baseline',
      good(),
      '--window',
      write('w.xlsx', 'PK'),
    );
  });
  it('a name that lies', async () => {
    await refused(
      /w\.parquet is not Parquet/,
      '--baseline',
      good(),
      '--window',
      write('w.parquet', 'a,b'),
    );
    await refused(
      /w\.csv\.gz is not gzip/,
      '--baseline',
      good(),
      '--window',
      write('w.csv.gz', 'a,b\n1,2\n'),
    );
  });
  it('UTF-16', async () => {
    const bytes = Buffer.from('\uFEFFage,plan\n1,a\n', 'utf16le');
    await refused(/is UTF-16: convert it/, '--baseline', good(), '--window', write('w.csv', bytes));
  });
  it('mixed formats', async () => {
    write('mixed/a.csv', csv(rows(10)));
    write('mixed/b.jsonl', jsonl(rows(10)));
    await refused(
      /mixes formats: .*a\.csv is CSV, .*b\.jsonl is JSON lines/,
      '--baseline',
      good(),
      '--window',
      join(dir, 'mixed'),
    );
  });
  it('a link that leads out of the folder', async () => {
    write('inside/a.csv', csv(rows(10)));
    symlinkSync(write('secret.csv', csv(rows(300))), join(dir, 'inside', 'b.csv'));
    await refused(
      /b\.csv is a link that leads out of/,
      '--baseline',
      good(),
      '--window',
      join(dir, 'inside'),
    );
  });
  it('one JSON list', async () => {
    await refused(
      /holds one JSON list: write one object per line/,
      '--baseline',
      good(),
      '--window',
      write('w.json', '[{"age":1}]'),
    );
  });
  it('a profile as a window, and one that was edited', async () => {
    const base = good();
    const profile = join(dir, 'p.json');
    await modelkeeper({}, 'profile', base, '--out', profile);
    await refused(
      /is a profile: a window is compared by its rows/,
      '--baseline',
      base,
      '--window',
      profile,
    );
    writeFileSync(profile, readFileSync(profile, 'utf8').replace('"count": 300', '"count": 3'));
    await refused(
      /is not a profile that modelkeeper wrote/,
      '--baseline',
      profile,
      '--window',
      base,
    );
  });
  it('a window without the columns of the baseline', async () => {
    await refused(
      /the window lacks the baseline's columns plan/,
      '--baseline',
      good(),
      '--window',
      write('w.csv', 'age\n1\n'),
    );
  });
  it('a result that would overwrite what is read', async () => {
    const base = good();
    await refused(
      /is read as data: write the result elsewhere/,
      '--baseline',
      base,
      '--window',
      base,
      '--out',
      base,
    );
    expect(readFileSync(base, 'utf8')).toBe(csv(rows(300)));
  });
  it.each([
    ['--memory', '1'],
    ['--threads', 'many'],
    ['--columns', 'a,,b'],
  ])('%s %s', async (option, value) => {
    await refused(/error: option/, '--baseline', 'x', '--window', 'y', option, value);
  });
});

describe('hostile names and values', () => {
  const hostile = () => {
    const name = `"${HOSTILE.replaceAll('"', '""')}"`;
    const file = (plan: string) =>
      `${name},n\n${Array.from({ length: 400 }, (_, i) => `"${(i % 2 === 0 ? plan : 'b').replaceAll('"', '""')}",${i}`).join('\n')}\n`;
    return ['--baseline', write('base.csv', file('a')), '--window', write('w.csv', file(HOSTILE))];
  };

  it('reach JSON as they are, and no terminal obeys them', async () => {
    const outcome = await report(...hostile());
    expect(outcome.out).not.toContain(ESCAPE);
    expect(outcome.out).not.toContain('\u202E');
    expect(outcome.report.columns[0]?.name).toBe(HOSTILE);
    expect(outcome.report.columns[0]?.newValues).toEqual([HOSTILE]);
  });
  it('turn and colour nothing in text', async () => {
    const outcome = await drift(...hostile());
    expect(outcome.out).not.toContain(ESCAPE);
    expect(outcome.out).not.toContain('\u202E');
    expect(outcome.out).toContain('<script>');
  });
  it('are no markup in HTML', async () => {
    const outcome = await drift(...hostile(), '--format', 'html');
    expect(outcome.out).not.toMatch(/<script/i);
    expect(outcome.out).not.toContain('\u202E');
    expect(outcome.out).toContain('&lt;script&gt;');
  });
});

describe('the HTML report', () => {
  it('is one file that loads nothing and runs nothing', async () => {
    const out = join(dir, 'report.html');
    const baseline = write('base.csv', csv(rows(1_000)));
    const windows = [30, 45].flatMap((age, i) => [
      '--window',
      write(`w${i}.csv`, csv(rows(600, age))),
    ]);
    const outcome = await drift('--baseline', baseline, ...windows, '--out', out);
    expect(outcome.code).toBe(10);
    expect(existsSync(out)).toBe(true);
    const page = readFileSync(out, 'utf8');
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\son\w+=/i);
    expect(page).not.toMatch(/(?:src|href)="(?!#)/i);
    expect(page.match(/<svg /g)?.length).toBeGreaterThanOrEqual(3);
    for (const words of [
      'What to do',
      'Over time',
      'What moved',
      'How this was judged',
      '@media print',
    ])
      expect(page).toContain(words);
  });
});

describe('modelkeeper evaluate', () => {
  const predictions = () =>
    write(
      'scored.csv',
      `rowId,label,champion,candidate,region\n${Array.from({ length: 800 }, (_, i) => {
        const label = (i * 7) % 10 < 5 ? 1 : 0;
        const noise = ((i * 37) % 100) / 100;
        const score = (weight: number) => (label * weight + noise * (1 - weight)).toFixed(4);
        return `${i},${label},${score(0.3)},${score(0.5)},"${i % 2 === 0 ? 'north' : HOSTILE.replaceAll('"', '""')}"`;
      }).join('\n')}\n`,
    );
  const policy = () =>
    write(
      'gates.yaml',
      'evaluate: { minRows: 200, gates: [{ id: by-region, kind: non_inferior, metric: roc_auc, by: [region], margin: { absolute: 0.02 } }, { id: floor, kind: absolute, metric: roc_auc, min: 0.6 }] }',
    );

  it('writes one HTML file that runs and loads nothing, with curves and slices, whatever the data say', async () => {
    const out = join(dir, 'report.html');
    const args = ['--predictions', predictions(), '--policy', policy(), '--out', out];
    const outcome = await modelkeeper({}, 'evaluate', ...args);
    expect(outcome.err).toBe(`pass: the report is in ${out}`);
    expect(outcome.code).toBe(0);
    const page = readFileSync(out, 'utf8');
    expect(page).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\son\w+=/i);
    expect(page).not.toContain('\u202E');
    expect(page).not.toContain(ESCAPE);
    for (const words of ['What to do', '(ROC)', 'Calibration', 'Scores of the candidate', 'Slices'])
      expect(page).toContain(words);
    expect(page.match(/<svg /g)).toHaveLength(7);
  });
  it('shows slices of hostile names in text without turning the line', async () => {
    const outcome = await modelkeeper(
      {},
      ...['evaluate', '--predictions', predictions(), '--policy', policy()],
    );
    expect(outcome.out).toContain('by-region[region=north]');
    expect(outcome.out).not.toContain('\u202E');
    expect(outcome.out).not.toContain(ESCAPE);
  });

  const golden = () =>
    write(
      'golden.yaml',
      'evaluate: { minRows: 200, datasets: { golden: {} }, gates: [{ id: floor, kind: absolute, metric: roc_auc, min: 0.6 }, { id: kept, kind: non_inferior, metric: roc_auc, margin: { absolute: 0.02 }, dataset: golden }] }',
    );
  it('judges a golden set beside the held-out rows, in text and as a page', async () => {
    const file = predictions();
    const sets = ['--predictions', `recent=${file}`, '--predictions', `golden=${file}`];
    const args = ['evaluate', ...sets, '--policy', golden()];
    const text = await modelkeeper({}, ...args);
    expect(text.code).toBe(0);
    expect(text.out).toContain('Set golden: 800 rows');
    expect(text.out).toMatch(/kept: .*\(on golden\)/);
    const page = await modelkeeper({}, ...args, '--format', 'html');
    expect(page.out).toContain('The set golden');
    for (const on of ['the held-out rows', 'the set golden'])
      for (const curve of ['ROC curves', 'Precision and recall', 'Calibration'])
        expect(page.out).toMatch(new RegExp(`aria-label="${curve} of both models[^"]* on ${on}"`));
  });
  it('fails the gates of a golden set that nobody gave', async () => {
    const args = ['--predictions', predictions(), '--policy', golden()];
    const outcome = await modelkeeper({}, 'evaluate', ...args);
    expect(outcome.code).toBe(10);
    expect(outcome.out).toMatch(
      /fail +kept: no predictions of the set golden were given.* \(missing dataset\)/,
    );
    const page = await modelkeeper({}, 'evaluate', ...args, '--format', 'html');
    expect(page.out).toMatch(/were given[^<]*<code[^>]*>missing dataset<\/code>/);
  });
  it.each([
    [['gold=x.csv'], /the policy has no set of predictions gold/],
    [['golden=x.csv', 'y.csv'], /y\.csv: say which set it is of/],
    [['golden=x.csv'], /the held-out predictions are missing/],
  ])('refuses %j with what to change', async (files, sentence) => {
    const args = ['--predictions', ...files, '--policy', golden()];
    const outcome = await modelkeeper({}, 'evaluate', ...args);
    expect(outcome.code).toBe(2);
    expect(outcome.err).toMatch(sentence);
  });

  const quality = (name: string, auc: unknown) =>
    write(name, JSON.stringify({ binary_classification_metrics: { auc: { value: auc } } }));
  const compared = (allowPointEstimates: boolean) =>
    write(
      'points.yaml',
      `evaluate: { allowPointEstimates: ${String(allowPointEstimates)}, gates: [{ id: floor, kind: absolute, metric: roc_auc, min: 0.6 }, { id: kept, kind: non_inferior, metric: roc_auc, margin: { absolute: 0.02 } }] }`,
    );
  it.each([
    ['cannot tell by', 0.9, false, 12, ['pass', 'inconclusive']],
    ['passes by', 0.9, true, 0, ['pass', 'pass']],
    ['fails by', 0.7, true, 10, ['pass', 'fail']],
    ['fails by impossible', 1.2, true, 10, ['fail', 'fail']],
    ['refuses', 'NaN', false, 2, null],
  ])('%s metrics alone: %s, allowed %s', async (_, auc, allowed, code, verdicts) => {
    const files = ['--metrics', quality('candidate.json', auc)];
    const champion = ['--champion-metrics', quality('champion.json', 0.8)];
    const args = [...files, ...champion, '--policy', compared(allowed), '--format', 'json'];
    const outcome = await modelkeeper({}, 'evaluate', ...args);
    if (verdicts === null) {
      expect(outcome.code).toBe(2);
      expect(outcome.err).toMatch(/holds no binary_classification_metrics/);
      return;
    }
    const report = evaluationSchema.parse(JSON.parse(outcome.out));
    expect(report.statistics).toBe('none');
    expect(report.gates.map(({ verdict }) => verdict)).toEqual(verdicts);
    expect(outcome.code).toBe(code);
  });
  it('takes rows or metrics, not both and not neither', async () => {
    const both = ['--predictions', 'x.csv', '--metrics', 'y.json'];
    for (const given of [both, [], ['--metrics', 'y.json', '--from', '1d']]) {
      const outcome = await modelkeeper({}, 'evaluate', ...given, '--policy', golden());
      expect(outcome.code).toBe(2);
      expect(outcome.err).toMatch(/--predictions/);
    }
  });
});
