import { describe, expect, it } from 'vitest';

import { compareWindow } from '../../analysis/drift.js';
import { profileFile } from '../../analysis/profile.js';
import { describeScores } from '../../analysis/scores.js';
import { profileSchema } from '../../domain/profile.schema.js';
import type { SegmentRule, WindowComparison } from '../../domain/stats/types.js';
import { csv, detect, rowsOf, scratch } from './scratch.js';

const REGIONS = ['north', 'south', 'west', "o'r --"];
const byRegion: SegmentRule = { by: 'region', max: 3, minRows: 200, critical: false };

/** 2,000 rows; `shift` moves a number in one region only. */
const file = (shiftOf: (region: string) => number, regions: readonly string[] = REGIONS) =>
  csv(
    'region,amount',
    rowsOf(2_000, (i) => {
      const region = regions[i % regions.length] ?? '';
      return [region, ((i * 0.618033988749895) % 1) + shiftOf(region)];
    }),
  );

async function compared(
  window: string,
  rules: readonly SegmentRule[] = [byRegion],
  baseline = file(() => 0),
  profiledBy = rules,
): Promise<WindowComparison> {
  const { duck, write } = await scratch();
  const profile = await profileFile(duck, {
    files: [write('baseline.csv', baseline)],
    format: 'csv',
    segments: profiledBy,
  });
  return compareWindow(duck, {
    profile,
    window: { files: [write('window.csv', window)], format: 'csv' },
    detect: { ...detect, segments: rules },
  });
}

const verdicts = ({ segments = [] }: WindowComparison) =>
  Object.fromEntries(segments.map(({ value, verdict }) => [value ?? 'other', verdict.kind]));

describe('segments of a window', () => {
  it('are each compared with the same segment of the baseline', async () => {
    const found = await compared(file((region) => (region === 'south' ? 0.5 : 0)));
    expect(verdicts(found)).toEqual({ north: 'ok', "o'r --": 'ok', south: 'drift', other: 'ok' });
    expect(found.segments?.map(({ rows }) => rows)).toEqual([500, 500, 500, 500]);
    expect(found.segments?.every(({ baselineRows }) => baselineRows === 500)).toBe(true);
  });
  it('that drift are a warning of the window, with the segment by name', async () => {
    const found = await compared(file((region) => (region === 'south' ? 0.5 : 0)));
    expect(found.verdict.kind).toBe('warn');
    expect(found.verdict.reasons.join()).toContain('region=south:');
  });
  it('that are critical make the window drift', async () => {
    const rules = [{ ...byRegion, critical: true }];
    const found = await compared(
      file((region) => (region === 'south' ? 0.5 : 0)),
      rules,
    );
    expect(found.verdict.kind).toBe('drift');
    expect(found.verdict.reasons.join()).toContain('region=south:');
  });
  it('are in order where nothing moved, and leave the verdict as it is', async () => {
    const found = await compared(file(() => 0));
    expect(new Set(Object.values(verdicts(found)))).toEqual(new Set(['ok']));
    expect(found.verdict.kind).toBe('ok');
  });
  it('that are small are told as that, and never left out', async () => {
    const rules = [{ ...byRegion, minRows: 501 }];
    const found = await compared(
      file((region) => (region === 'south' ? 0.5 : 0)),
      rules,
    );
    expect(new Set(Object.values(verdicts(found)))).toEqual(new Set(['insufficient data']));
    expect(found.segments?.[0]?.verdict.reasons.join()).toContain('501 are needed');
  });
  it('that are critical and of which nothing can be told keep the window from being in order', async () => {
    const rules = [{ ...byRegion, minRows: 501, critical: true }];
    expect(
      (
        await compared(
          file(() => 0),
          rules,
        )
      ).verdict.kind,
    ).toBe('insufficient data');
  });
  it('of values that the baseline never had are one, of which nothing can be told', async () => {
    const three = REGIONS.slice(0, 3);
    const found = await compared(
      file(() => 0, [...three, 'mars']),
      [byRegion],
      file(() => 0, three),
    );
    expect(found.segments?.at(-1)).toMatchObject({
      value: null,
      rows: 500,
      baselineRows: 0,
      verdict: { kind: 'insufficient data' },
    });
  });
  it('that vanished are told', async () => {
    const found = await compared(file(() => 0, REGIONS.slice(1)));
    expect(found.segments?.find(({ value }) => value === 'north')).toMatchObject({
      rows: 0,
      verdict: { kind: 'insufficient data' },
    });
  });
  it('take p over all columns of all segments, which is never less than over one', async () => {
    const window = file((region) => (region === 'south' ? 0.12 : 0));
    const [all, one] = [await compared(window), await compared(window, [{ ...byRegion, max: 1 }])];
    const count = (found: WindowComparison) => found.segments?.length;
    expect([count(all), count(one)]).toEqual([4, 2]);
    for (const { columns } of all.segments ?? [])
      for (const { pValue, pAdjusted } of columns)
        expect(pAdjusted ?? 0).toBeGreaterThanOrEqual(pValue ?? 1);
    const south = all.segments?.find(({ value }) => value === 'south')?.columns[0];
    expect(south?.pAdjusted).toBeCloseTo(4 * (south?.pValue ?? 0), 12);
  });
  it('are told as unknown where the baseline was profiled without them', async () => {
    const found = await compared(
      file(() => 0),
      [byRegion],
      file(() => 0),
      [],
    );
    expect(found.segments).toMatchObject([{ value: null, verdict: { kind: 'insufficient data' } }]);
    expect(found.segments?.[0]?.verdict.reasons).toEqual([
      'the baseline was profiled without segments by region',
    ]);
  });
  it('of a column that is not there are refused with those that are', async () => {
    await expect(
      compared(
        file(() => 0),
        [{ ...byRegion, by: 'planet' }],
      ),
    ).rejects.toThrow(/no column planet to make segments of; the data have region, amount/);
  });
  it('survive being written and read', async () => {
    const { duck, write } = await scratch();
    const profile = await profileFile(duck, {
      files: [
        write(
          'baseline.csv',
          file(() => 0),
        ),
      ],
      format: 'csv',
      segments: [byRegion],
    });
    expect(profile.segments?.[0]?.segments).toHaveLength(4);
    const read = profileSchema.parse(JSON.parse(JSON.stringify(profile)));
    expect(JSON.parse(JSON.stringify(read.segments))).toEqual(
      JSON.parse(JSON.stringify(profile.segments)),
    );
  });
});

describe('scores of a baseline', () => {
  it('are described, and calibrated by the labels beside them', async () => {
    const { duck, write } = await scratch();
    const scored = csv(
      'score,came_true',
      rowsOf(1_000, (i) => [
        i / 1_000,
        i % 7 === 0 ? '' : Number((i * 0.7549) % 1 < (i / 1_000) ** 3),
      ]),
    );
    const found = await describeScores(duck, {
      files: [write('scored.csv', scored)],
      format: 'csv',
      score: 'score',
      label: 'came_true',
    });
    expect(found.prediction).toMatchObject({ count: 1_000, missing: 0 });
    expect(found.calibration).toMatchObject({ rows: 857, used: true });
  });
  it('of a column that is not there are refused', async () => {
    const { duck, write } = await scratch();
    const files = [write('scored.csv', 'a,b\n1,2\n')];
    await expect(describeScores(duck, { files, format: 'csv', score: 'p' })).rejects.toThrow(
      /no column p; they have a, b/,
    );
  });
});
