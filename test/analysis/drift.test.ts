import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { readCapture } from '../../analysis/capture.js';
import { compareRelation, compareWindow } from '../../analysis/drift.js';
import { UnusableData } from '../../analysis/failures.js';
import { profileFile } from '../../analysis/profile.js';
import { seeded } from '../../analysis/random.js';
import { openFiles } from '../../analysis/relation.js';
import type { ColumnComparison, WindowComparison } from '../../domain/stats/types.js';
import { captureLine, csv, detect, rowsOf, scratch } from './scratch.js';
import { asNumber, keysOfHighCardinality, readVectors } from './vectors.js';

const vectors = readVectors(readFileSync);
const lenient = { ...detect, minRows: 1 };

function column(comparison: WindowComparison, name: string): ColumnComparison {
  const found = comparison.columns.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no column ${name}`);
  return found;
}

/** The number in JSON, non-finite and missing ones as the encoding of the vectors file says. */
function jsonLines(values: readonly (number | string | null)[]): string {
  return values
    .map((value) => {
      if (value === null) return '{"x": null, "one": 1}';
      return `{"x": ${typeof value === 'string' ? JSON.stringify(value) : value}, "one": 1}`;
    })
    .join('\n');
}

/** As the vectors file tolerates; what overflows is nothing. */
function near(found: number | null | undefined, wanted: number | string | null | undefined) {
  if (typeof wanted !== 'number') return found === null;
  return typeof found === 'number' && Math.abs(found - wanted) <= 1e-12 + 1e-9 * Math.abs(wanted);
}

describe('the database path', () => {
  it.each(vectors.numeric.map((vector) => [vector.name, vector] as const))(
    'has the edges, counts and distances of %s',
    async (_name, { ref, cur, expected }) => {
      const { duck, write } = await scratch();
      const profile = await profileFile(duck, {
        files: [write('ref.jsonl', jsonLines(ref))],
        format: 'jsonl',
        columns: [{ name: 'x', kind: 'numeric' }],
      });
      const comparison = await compareWindow(duck, {
        profile,
        window: { files: [write('cur.jsonl', jsonLines(cur))], format: 'jsonl' },
        detect: lenient,
        wasserstein: { files: [write('ref.jsonl', jsonLines(ref))], format: 'jsonl' },
      });
      const [x] = profile.columns;
      const found = column(comparison, 'x');
      expect(x).toMatchObject({
        count: expected.n_ref,
        missing: expected.missing_ref,
        nonFinite: expected.nonfinite_ref,
      });
      expect(found.rows).toBe(expected.n_cur);
      expect(found.missing?.window).toBe(expected.missing_cur / cur.length);
      if (expected.status !== 'ok') {
        expect(found.jsDistance).toBeNull();
        return;
      }
      expect(x).toMatchObject({
        edges: expected.edges?.map(asNumber),
        counts: expected.counts_ref,
      });
      expect(found.bins.map((bin) => bin.window)).toEqual(expected.counts_cur);
      expect(found.psi).toBeCloseTo(expected.psi ?? Number.NaN, 9);
      expect(found.jsDistance).toBeCloseTo(expected.js_distance_base2 ?? Number.NaN, 7);
      expect(near(found.wasserstein, expected.wasserstein)).toBe(true);
      expect(near(found.wassersteinNorm, expected.wasserstein_norm)).toBe(true);
      expect(near(found.mean, expected.mean_cur)).toBe(true);
      expect(found.wassersteinRows).toEqual({
        baseline: expected.n_ref,
        window: expected.n_cur,
        sampled: false,
      });
      expect(found.jsDistanceNat).toBeCloseTo(expected.js_distance_nat ?? Number.NaN, 7);
      expect(found.psiFloor1e4).toBeCloseTo(expected.psi_floor_1e4 ?? Number.NaN, 9);
      expect(found.cramersV).toBeCloseTo(expected.cramers_v ?? Number.NaN, 9);
      expect([found.belowMin, found.aboveMax]).toEqual([
        expected.below_ref_min,
        expected.above_ref_max,
      ]);
      expect(found.leftOut).toEqual({
        baseline: {
          missingRows: expected.missing_ref,
          invalidRows: 0,
          nonFiniteRows: expected.nonfinite_ref,
        },
        window: {
          missingRows: expected.missing_cur,
          invalidRows: 0,
          nonFiniteRows: expected.nonfinite_cur,
        },
      });
      const outside = (expected.below_ref_min ?? 0) + (expected.above_ref_max ?? 0);
      expect(found.outOfRangeShare).toBeCloseTo(outside / expected.n_cur, 12);
    },
  );

  it.each(vectors.categorical.map((vector) => [vector.name, vector] as const))(
    'has the distances of the categories %s',
    async (_name, vector) => {
      const { duck, write } = await scratch();
      const { ref, cur } = keysOfHighCardinality(vector);
      const lines = (counts: Readonly<Record<string, number>>, missing: number) =>
        [
          ...Object.entries(counts).flatMap(([key, count]) =>
            rowsOf(count, () => JSON.stringify({ x: key, one: 1 })),
          ),
          ...rowsOf(missing, () => '{"x": null, "one": 1}'),
        ].join('\n');
      const { expected } = vector;
      const profile = await profileFile(duck, {
        files: [write('ref.jsonl', lines(ref, 0))],
        format: 'jsonl',
        columns: [{ name: 'x', kind: 'categorical' }],
      });
      const comparison = await compareWindow(duck, {
        profile,
        window: {
          files: [write('cur.jsonl', lines(cur, expected.n_cur === 0 ? 25 : 0))],
          format: 'jsonl',
        },
        detect: lenient,
      });
      const found = column(comparison, 'x');
      expect([found.rows, found.baselineRows]).toEqual([expected.n_cur, expected.n_ref]);
      if (expected.status !== 'ok') {
        expect(found.jsDistance).toBeNull();
        return;
      }
      expect(found.jsDistance).toBeCloseTo(expected.js_distance_base2 ?? Number.NaN, 7);
      expect(found.psi).toBeCloseTo(expected.psi ?? Number.NaN, 9);
      expect(found.chi2?.statistic).toBeCloseTo(expected.chi2 ?? Number.NaN, 6);
      expect(found.chi2?.df).toBe(expected.chi2_df);
      expect(found.newCategories?.window).toBeCloseTo(expected.new_category_share ?? 0, 12);
      expect(found.vanishedShare).toBeCloseTo(expected.vanished_category_share_of_ref ?? 0, 12);
    },
  );
});

/** Two columns of 2000 rows: a number around `shift`, and a category. */
function twoColumns(seed: number, shift: number, category: (i: number) => string): string {
  const random = seeded(seed);
  const normal = () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.fraction()));
    return radius * Math.cos(2 * Math.PI * random.fraction());
  };
  return csv(
    'distance,origin',
    rowsOf(2_000, (i) => [normal() + shift, category(i)]),
  );
}

const home = (i: number) => ['SEA', 'LAX', 'SFO', 'DEN'][i % 4] ?? '';

describe('a window', () => {
  async function compare(window: string, policy = detect): Promise<WindowComparison> {
    const { duck, write } = await scratch();
    const profile = await profileFile(duck, {
      files: [write('baseline.csv', twoColumns(1, 0, home))],
      format: 'csv',
    });
    return compareWindow(duck, {
      profile,
      window: { files: [write('window.csv', window)], format: 'csv' },
      detect: policy,
    });
  }

  it('is ok when it comes from the same world', async () => {
    const comparison = await compare(twoColumns(2, 0, home));
    expect(comparison.verdict.kind).toBe('ok');
    expect(comparison.columns.map((found) => found.verdict)).toEqual(['ok', 'ok']);
  });
  it('drifts when half of its columns moved by a whole standard deviation', async () => {
    const comparison = await compare(twoColumns(2, 1, home));
    expect(comparison.verdict.kind).toBe('drift');
    expect(comparison.verdict.reasons[0]).toContain('distance');
    expect(column(comparison, 'distance').jsDistance).toBeGreaterThan(0.2);
  });
  it('is a data-quality finding when values appear that the baseline never had', async () => {
    const comparison = await compare(twoColumns(2, 0, (i) => (i % 2 === 0 ? 'JFK' : home(i))));
    expect(comparison.verdict.kind).toBe('data quality');
    expect(column(comparison, 'origin').newValues).toEqual(['JFK']);
  });
  it('drifts by new values where the policy says they mean a changed world', async () => {
    const comparison = await compare(
      twoColumns(2, 0, (i) => (i % 2 === 0 ? 'JFK' : home(i))),
      { ...detect, newCategoriesAreDrift: ['origin'] },
    );
    expect(comparison.verdict.kind).toBe('drift');
  });
  it('is a data-quality finding when a column goes missing altogether', async () => {
    const comparison = await compare(twoColumns(2, 0, () => ''));
    expect(column(comparison, 'origin').verdict).toBe('data quality');
  });
  it('says nothing about fewer rows than are needed', async () => {
    const few = twoColumns(2, 3, home).split('\n').slice(0, 200).join('\n');
    const comparison = await compare(few);
    expect(comparison.rows).toBe(199);
    expect(comparison.verdict.kind).toBe('insufficient data');
  });
  it('says nothing about no rows', async () => {
    expect((await compare('distance,origin\n')).verdict.kind).toBe('insufficient data');
  });
  it('names the columns it lacks, and those nobody knows', async () => {
    const renamed = twoColumns(2, 0, home).replace('origin', 'airport');
    await expect(compare(renamed)).rejects.toThrow(
      "the window lacks the baseline's columns origin; it has airport, which the baseline lacks",
    );
  });
  it('tells which of its columns were not compared', async () => {
    const wider = twoColumns(2, 0, home)
      .split('\n')
      .map((line, i) => (line === '' ? '' : `${line},${i === 0 ? 'extra' : i}`))
      .join('\n');
    expect((await compare(wider)).notCompared).toEqual(['extra']);
  });
  it('holds nothing but JSON', async () => {
    const comparison = await compare(twoColumns(2, 1, () => ''));
    expect(JSON.parse(JSON.stringify(comparison))).toEqual(comparison);
    expect(JSON.stringify(comparison)).not.toContain('NaN');
  });
});

describe('a captured window', () => {
  it('is compared with the baseline it was trained on, its scores too', async () => {
    const { duck, write } = await scratch();
    const baseline = csv(
      'code,distance,score',
      rowsOf(1_000, (i) => [i % 5, (i * 7) % 100, (i % 100) / 200]),
    );
    const profile = await profileFile(duck, {
      files: [write('baseline.csv', baseline)],
      format: 'csv',
      columns: [{ name: 'code', kind: 'categorical' }],
      predictionColumn: 'score',
    });
    const lines = rowsOf(1_000, (i) =>
      captureLine({
        id: `e${i}`,
        input: JSON.stringify({ code: i % 5, distance: (i * 7) % 100 }),
        output: `{"predictions": [{"score": ${0.5 + (i % 100) / 200}}]}`,
        encoding: 'JSON',
        contentType: 'application/json',
      }),
    );
    const { table, counts } = await readCapture(duck, {
      files: [write('capture.jsonl', lines.join('\n'))],
      columns: ['code', 'distance'],
    });
    const comparison = await compareWindow(duck, { profile, window: { table }, detect });
    expect(counts).toMatchObject({ lines: 1_000, rows: 1_000, invalid: 0, unreadableLines: 0 });
    expect(comparison.columns.map((found) => [found.name, found.verdict])).toEqual([
      ['code', 'ok'],
      ['distance', 'ok'],
    ]);
    expect(comparison.prediction?.verdict).toBe('drift');
    expect(comparison.verdict.kind).toBe('drift');
    expect(comparison.notCompared).toEqual([]);
  });
});

describe('files of data capture', () => {
  const request = (id: number, input: string, encoding: 'CSV' | 'JSON') =>
    captureLine({
      id: `e${id}`,
      input,
      output: `${(id % 100) / 100}`,
      encoding,
      ...(encoding === 'JSON' ? { contentType: 'application/json' } : {}),
    });

  it('are a baseline and a window, their columns the keys of the first request', async () => {
    const { duck, write } = await scratch();
    const lines = (shift: number) =>
      rowsOf(500, (i) =>
        request(i, JSON.stringify({ age: (i % 90) + shift, plan: home(i) }), 'JSON'),
      ).join('\n');
    const profile = await profileFile(duck, {
      files: [write('a.jsonl', lines(0))],
      format: 'capture',
    });
    expect(profile.columns.map(({ name, kind }) => [name, kind])).toEqual([
      ['age', 'numeric'],
      ['plan', 'categorical'],
    ]);
    expect(profile).toMatchObject({ rowCount: 500, skipped: [], capture: { lines: 500 } });
    expect(profile.prediction?.count).toBe(500);
    const stages: string[] = [];
    const comparison = await compareWindow(duck, {
      profile,
      window: { files: [write('b.jsonl', `${lines(60)}\n{"trunc`)], format: 'capture' },
      detect,
      onStage: (stage) => stages.push(stage),
    });
    expect(comparison.columns.map((found) => found.verdict)).toEqual(['drift', 'ok']);
    expect(comparison.prediction?.verdict).toBe('ok');
    expect(comparison.capture).toMatchObject({ lines: 501, rows: 500, unreadableLines: 1 });
    expect(stages).toEqual(['reading the window', 'comparing 2 columns']);
  });
  it('need their columns named where the payloads are CSV', async () => {
    const { duck, write } = await scratch();
    const files = [write('a.jsonl', rowsOf(300, (i) => request(i, `${i},x`, 'CSV')).join('\n'))];
    await expect(profileFile(duck, { files, format: 'capture' })).rejects.toThrow(
      'the columns of the captured requests are not known',
    );
    const profile = await profileFile(duck, {
      files,
      format: 'capture',
      captureColumns: ['n', 'c'],
    });
    expect(profile.columns.map(({ name, kind }) => [name, kind])).toEqual([
      ['n', 'numeric'],
      ['c', 'categorical'],
    ]);
    const same = { profile, window: { files, format: 'capture' }, detect } as const;
    expect((await compareWindow(duck, same)).verdict.kind).toBe('ok');
  });
});

describe('the Wasserstein distance', () => {
  it('of many rows is that of a sample, the same in any order of them', async () => {
    const { duck, dir } = await scratch();
    const made = async (name: string, sql: string) => {
      const file = `${dir}/${name}.parquet`;
      await duck.rows(`copy (${sql}) to '${file}' (format parquet)`);
      return { files: [file], format: 'parquet' } as const;
    };
    const rows = (shift: number) =>
      `select (hash(i) % 1000003) / 1000003.0 + ${shift} as x, i as id from range(260000) t(i)`;
    const baseline = await made('baseline', rows(0));
    const profile = await profileFile(duck, { ...baseline, ignore: ['id'] });
    const compare = async (window: Awaited<ReturnType<typeof made>>) => {
      const options = { profile, window, detect, wasserstein: baseline };
      return column(await compareWindow(duck, options), 'x');
    };
    const found = await compare(await made('window', rows(0.5)));
    expect(found.wasserstein).toBeCloseTo(0.5, 2);
    expect(found.wassersteinNorm).toBeCloseTo(0.5 / Math.sqrt(1 / 12), 1);
    expect(found.wassersteinRows?.sampled).toBe(true);
    expect(found.wassersteinRows?.window).toBeGreaterThan(190_000);
    expect(found.wassersteinRows?.window).toBeLessThan(210_000);
    expect(await compare(await made('turned', `${rows(0.5)} order by x`))).toEqual(found);
  });
});

describe('a part of a window', () => {
  it('is compared by itself', async () => {
    const { duck, write } = await scratch();
    const text = twoColumns(1, 0, home);
    const files = [write('baseline.csv', text)];
    const profile = await profileFile(duck, { files, format: 'csv' });
    const all = await openFiles(duck, { files, format: 'csv' });
    const part = { ...all, from: `(select * from ${all.from} where origin = 'SEA')` };
    const found = await compareRelation(duck, part, { profile, detect });
    expect(found.rows).toBe(500);
    expect(column(found, 'origin').verdict).toBe('drift');
    expect(column(found, 'distance').verdict).toBe('ok');
  });
});

describe('hostile files', () => {
  it('has columns whose names are SQL', async () => {
    const { duck, write } = await scratch();
    const names = [`a"; drop table x; --`, `it's`, `select`, `b,c`, '\u{1F600}'];
    const header = names.map((name) => `"${name.replaceAll('"', '""')}"`).join(',');
    const text = csv(
      header,
      rowsOf(300, (i) => [i, `'; drop`, `"a""b"`, i % 3, '\u{1F600}']),
    );
    const profile = await profileFile(duck, { files: [write(`o'b.csv`, text)], format: 'csv' });
    expect(profile.columns.map((found) => found.name)).toEqual(names);
    expect(profile.columns.map((found) => found.kind)).toEqual([
      'numeric',
      'categorical',
      'categorical',
      'numeric',
      'categorical',
    ]);
    const comparison = await compareWindow(duck, {
      profile,
      window: { files: [write('same.csv', text)], format: 'csv' },
      detect,
    });
    expect(comparison.verdict.kind).toBe('ok');
  });
  it('begins with a byte-order mark', async () => {
    const { duck, write } = await scratch();
    const file = write('bom.csv', '\uFEFFa,b\n1,2\n');
    const profile = await profileFile(duck, { files: [file], format: 'csv' });
    expect(profile.columns.map((found) => found.name)).toEqual(['a', 'b']);
  });
  it.each([
    ['csv', ''],
    ['csv', 'a,b\n'],
    ['jsonl', ''],
    ['parquet', 'not parquet'],
    ['jsonl', '{"a": 1'],
  ] as const)('is refused as a baseline when %s holds %j', async (format, text) => {
    const { duck, write } = await scratch();
    const file = write(`empty.${format}`, text);
    await expect(profileFile(duck, { files: [file], format })).rejects.toThrow(UnusableData);
  });
  it('lies outside the scratch directory and is not read', async () => {
    const { duck } = await scratch();
    await expect(profileFile(duck, { files: ['/etc/passwd'], format: 'csv' })).rejects.toThrow(
      '/etc/passwd cannot be read: it lies outside the folders that may be read',
    );
  });
  it('is refused without a column the caller named', async () => {
    const { duck, write } = await scratch();
    const options = {
      files: [write('a.csv', 'a\n1\n')],
      format: 'csv',
      columns: [{ name: 'b', kind: 'numeric' }],
    } as const;
    await expect(profileFile(duck, options)).rejects.toThrow('no column b; it has a');
  });
});

describe('the database', () => {
  it('cannot be told other settings', async () => {
    const { duck } = await scratch();
    await expect(duck.rows('set enable_external_access = true')).rejects.toThrow();
    await expect(duck.rows('set threads = 8')).rejects.toThrow('locked');
    await expect(duck.rows(`copy (select 1) to '/tmp/out-of-scratch.csv'`)).rejects.toThrow();
  });
  it('stops a query when it is no longer wanted', async () => {
    const stop = new AbortController();
    const { duck } = await scratch({ signal: stop.signal });
    const query = duck.rows('select count(*) from range(100000000000) a, range(1000) b');
    setImmediate(() => {
      stop.abort(new Error('no longer wanted'));
    });
    await expect(query).rejects.toThrow('no longer wanted');
    await expect(duck.rows('select 1')).rejects.toThrow('no longer wanted');
  });
  it('is never asked for repeated edges, which would lose what lies above them', async () => {
    const { duck, write } = await scratch();
    const profile = await profileFile(duck, {
      files: [
        write(
          'a.csv',
          csv(
            'x,y',
            rowsOf(500, () => [7, 1]),
          ),
        ),
      ],
      format: 'csv',
    });
    for (const found of profile.columns) {
      if (found.kind !== 'numeric') throw new Error('numbers are numeric');
      expect(new Set(found.fineEdges).size).toBe(found.fineEdges.length);
      expect(found.fineCounts).toEqual([0, 500, 0]);
    }
  });
});
