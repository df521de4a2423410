import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { driftReportSchema } from '../../../domain/drift-report.schema.js';
import { modelkeeper } from './fake.js';

const ESCAPE = String.fromCharCode(27);
const HOSTILE = `<img src=x onerror=alert(1)>${ESCAPE}[31m\u202E`;
const LONG = 'x'.repeat(5_000);

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'drift-segments-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** 600 rows of each region; `shiftOf` moves the age in one. */
function file(
  name: string,
  regions: readonly string[],
  shiftOf: (region: string) => number = () => 0,
): string {
  const lines = Array.from({ length: 600 * regions.length }, (_, i) => {
    const region = regions[i % regions.length] ?? '';
    return `"${region.replaceAll('"', '""')}",${20 + ((Math.floor(i / regions.length) * 7) % 50) + shiftOf(region)},${i % 2}`;
  });
  const path = join(dir, name);
  writeFileSync(path, `region,age,device\n${lines.join('\n')}\n`);
  return path;
}

const drift = (...args: readonly string[]) =>
  modelkeeper({}, 'drift', '--threads', '1', '--memory', '256', ...args);

async function report(...args: readonly string[]) {
  const outcome = await drift(...args, '--json');
  const parsed = driftReportSchema.parse(outcome.json);
  expect(parsed).toEqual(outcome.json);
  return { ...outcome, report: parsed };
}

const NAMES = ['north', 'south', 'west'];
const southMoves = (region: string) => (region === 'south' ? 30 : 0);

describe('segments of modelkeeper drift', () => {
  it('are made by --segments without a policy, and told apart with the numbers of what moved in them', async () => {
    const { report: found } = await report(
      ...['--baseline', file('base.csv', NAMES), '--window', file('w.csv', NAMES, southMoves)],
      ...['--segments', 'region'],
    );
    const told = found.segments?.map(({ value, verdict }) => [value, verdict]);
    expect(told).toEqual([
      ['north', 'ok'],
      ['south', 'drift'],
      ['west', 'ok'],
    ]);
    const south = found.segments?.find(({ value }) => value === 'south');
    expect(south).toMatchObject({ rowsRef: 600, rowsCur: 600, furthest: { name: 'age' } });
    expect(south?.columns.map(({ name, nCur }) => [name, nCur])).toEqual([['age', 600]]);
    // A profile of its own: the deciles of the south, not of everybody.
    expect(south?.columns[0]?.countsRef).toHaveLength((south?.columns[0]?.edges?.length ?? 0) + 1);
    expect(found.rules.segments).toEqual([
      { by: 'region', max: 10, minRows: 200, critical: false, valuesRef: 3 },
    ]);
  });

  it('stand in the text and in the HTML with their verdict and why', async () => {
    const args = [
      ...['--baseline', file('base.csv', NAMES), '--window', file('w.csv', NAMES, southMoves)],
      ...['--segments', 'region'],
    ];
    const text = await drift(...args);
    expect(text.out).toMatch(/^ {2}drift\s+region=south\s+600\s+\d\.\d{3}\s.*age: moved by/m);
    expect(text.out).toMatch(/^ {2}ok\s+region=north/m);
    const page = await drift(...args, '--format', 'html');
    expect(page.out).toContain('<h2>Segments</h2>');
    expect(page.out).toContain('Distribution of age in region=south, in both');
  });

  it('beside those of the policy are judged too', async () => {
    const outcome = await modelkeeper(
      { files: { 'p.yaml': 'detect: { segments: [{ by: region, critical: true }] }' } },
      ...['drift', '--policy', 'p.yaml', '--segments', 'region,device', '--json'],
      ...['--baseline', file('base.csv', NAMES), '--window', file('w.csv', NAMES, southMoves)],
    );
    const found = driftReportSchema.parse(outcome.json);
    expect(found.rules.segments?.map(({ by, critical }) => [by, critical])).toEqual([
      ['region', true],
      ['device', false],
    ]);
    expect([found.verdict, outcome.code]).toEqual(['drift', 10]);
  });

  it('that are small are insufficient data, never left out', async () => {
    const { report: found } = await report(
      ...['--baseline', file('base.csv', NAMES), '--window', file('w.csv', ['north', 'south'])],
      ...['--segments', 'region'],
    );
    expect(found.segments?.find(({ value }) => value === 'west')).toMatchObject({
      verdict: 'insufficient_data',
      rowsCur: 0,
      reasons: ['0 rows in the window, 200 are needed'],
    });
  });

  it('of many values are cut, and the report says how many', async () => {
    const many = Array.from({ length: 13 }, (_, i) => `r${i}`);
    const baseline = file('many.csv', many);
    const outcome = await report('--baseline', baseline, '--window', baseline, '--segments=region');
    expect(outcome.report.segments).toHaveLength(11);
    expect(outcome.report.segments?.at(-1)).toMatchObject({ value: null, rowsCur: 1_800 });
    expect(outcome.report.rules.segments?.[0]?.valuesRef).toBe(13);
    const text = await drift('--baseline', baseline, '--window', baseline, '--segments=region');
    expect(text.out.replaceAll(/\s+/g, ' ')).toContain(
      'region has 13 different values in the baseline: the 10 most frequent are segments of their own, the other 3 together are one.',
    );
  });

  it('of hostile values are neither markup nor commands, and never long', async () => {
    const names = ['north', HOSTILE, LONG];
    const args = [
      ...['--baseline', file('base.csv', names)],
      ...['--window', file('w.csv', names, (region) => (region === 'north' ? 0 : 30))],
      ...['--segments', 'region'],
    ];
    const { report: found } = await report(...args);
    // Of a long value there is the beginning and a digest, so that no two become one.
    expect(found.segments?.map(({ value }) => value?.slice(0, 200)).sort()).toEqual(
      names.map((value) => value.slice(0, 200)).sort(),
    );
    const text = await drift(...args);
    expect(text.out).not.toContain(ESCAPE);
    expect(text.out).not.toContain('\u202E');
    const { out } = await drift(...args, '--format', 'html');
    expect(out).not.toContain('<img');
    expect(out).not.toContain(ESCAPE);
    expect(out).not.toContain('\u202E');
    for (const shown of [text.out, out]) expect(shown).not.toContain('x'.repeat(300));
  });

  it('need a baseline that was profiled by them', async () => {
    const baseline = file('base.csv', NAMES);
    const profile = join(dir, 'profile.json');
    await modelkeeper({}, 'profile', baseline, '--out', profile);
    const args = ['--baseline', profile, '--window', baseline, '--segments', 'region'];
    const refused = await drift(...args);
    expect([refused.code, refused.out]).toEqual([2, '']);
    expect(refused.err).toContain('make it again with modelkeeper profile --segments region');

    await modelkeeper({}, 'profile', baseline, '--segments', 'region', '--out', profile);
    expect(JSON.parse(readFileSync(profile, 'utf8'))).toHaveProperty('segments.0.values', 3);
    const { report: found } = await report(...args);
    expect(found.segments?.map(({ verdict }) => verdict)).toEqual(['ok', 'ok', 'ok']);
  });

  it.each([
    ['of a column that is not there', 'nope', /there is no column nope to make segments of/],
    ['of too many columns', 'a,b,c,d,e,f', /at most 5 columns make segments/],
  ])('%s are refused', async (_what, columns, words) => {
    const baseline = file('base.csv', NAMES);
    const refused = await drift(
      ...['--baseline', baseline, '--window', baseline, '--segments', columns],
    );
    expect([refused.code, refused.out]).toEqual([2, '']);
    expect(refused.err).toMatch(words);
  });

  it('take no Wasserstein distance from the rows of all of the baseline', async () => {
    const { report: found } = await report(
      ...['--baseline', file('base.csv', NAMES), '--window', file('w.csv', NAMES, southMoves)],
      ...['--segments', 'region', '--wasserstein'],
    );
    const age = (columns: readonly { name: string; wasserstein: number | null }[] = []) =>
      columns.find(({ name }) => name === 'age')?.wasserstein;
    expect(age(found.columns)).toBeCloseTo(10, 6);
    expect(age(found.segments?.find(({ value }) => value === 'south')?.columns)).toBeNull();
  });
});
