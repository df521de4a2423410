import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readRows } from '../../analysis/index.js';
import { parseEvidently } from '../../analysis/reports/evidently.js';
import { metricFile, parseMetricFile, parseMlflow } from '../../analysis/reports/mlflow.js';
import {
  parseConstraints,
  parseStatistics,
  parseViolations,
} from '../../analysis/reports/monitor.js';
import { parseNannyml, parseNannymlRows } from '../../analysis/reports/nannyml.js';
import {
  instantOf,
  MOST_ENTRIES,
  MOST_NAME,
  MOST_REPORT_BYTES,
} from '../../analysis/reports/read.js';
import type { Parsed } from '../../analysis/reports/read.js';
import { scratch } from './scratch.js';

const seed = Number(process.env.FC_SEED ?? Date.now() % 2 ** 31);
console.log(`fast-check seed ${seed}`);

const folder = new URL('../fixtures/reports/', import.meta.url);
const fixture = (name: string): Uint8Array => readFileSync(new URL(name, folder));
const bytesOf = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

function read<T>(parsed: Parsed<T>): T {
  if (parsed.kind === 'malformed') throw new Error(parsed.fault);
  return parsed.value;
}
const fault = (parsed: Parsed<unknown>): string =>
  parsed.kind === 'malformed' ? parsed.fault : 'it was read';
const only = (parsed: Parsed) => {
  const [first, ...rest] = read(parsed);
  expect(rest).toEqual([]);
  return first?.report;
};

describe('reports of Evidently 0.4.40', () => {
  it("hold their time, the dataset and each column with the report's opinion", () => {
    const report = only(parseEvidently(fixture('evidently-0.4.40-drift.json')));
    expect(report?.atMs).toBe(Date.parse('2026-11-29T10:31:06.590Z'));
    expect(report?.dataset).toEqual({ columns: 5, drifted: 3, share: 0.6 });
    expect(report?.columns.map(({ name, method, drifted }) => [name, method, drifted])).toEqual([
      ['delayed', 'z', true],
      ['score', 'ks', false],
      ['distance', 'ks', true],
      ['hour', 'ks', false],
      ['origin', 'chisquare', true],
    ]);
  });
  it('give the Jensen–Shannon distance in natural logarithms, which is brought to base 2', () => {
    const report = only(parseEvidently(fixture('evidently-0.4.40-methods.json')));
    const [distance] = report?.columns ?? [];
    expect(distance).toMatchObject({ name: 'distance', method: 'jensenshannon', drifted: true });
    expect(distance?.score).toBeCloseTo(0.4529, 4);
    expect(distance?.jsDistance).toBeCloseTo(0.4529158 / Math.sqrt(Math.LN2), 5);
  });
  it('of a classification hold the metrics of the current data, not of the reference', () => {
    const report = only(parseEvidently(fixture('evidently-0.4.40-classification.json')));
    const numbers = new Map(report?.numbers.map(({ name, value }) => [name, value]));
    expect(numbers.get('accuracy')).toBe(0.6025);
    expect(numbers.get('roc_auc')).toBeCloseTo(0.7113, 4);
    expect(report?.columns).toEqual([]);
  });
});

describe('reports of Evidently 0.7', () => {
  it('of 0.7.23 tell method and threshold, from which the drift of each column follows', () => {
    const report = only(parseEvidently(fixture('evidently-0.7.23-drift.json')));
    expect(report?.atMs).toBeNull();
    expect(report?.dataset).toEqual({ columns: null, drifted: 2, share: 2 / 3 });
    expect(
      report?.columns.map(({ name, scoreKind, drifted }) => [name, scoreKind, drifted]),
    ).toEqual([
      ['distance', 'p', true],
      ['hour', 'p', false],
      ['origin', 'p', true],
    ]);
    const methods = only(parseEvidently(fixture('evidently-0.7.23-methods.json')));
    expect(
      methods?.columns.map(({ name, scoreKind, drifted }) => [name, scoreKind, drifted]),
    ).toEqual([
      ['distance', 'distance', true],
      ['hour', 'distance', false],
      ['origin', 'distance', true],
    ]);
  });
  it('of 0.7.0 do not tell the threshold: a column has a score and no opinion', () => {
    const report = only(parseEvidently(fixture('evidently-0.7.0-methods.json')));
    expect(report?.columns.map(({ name, method, drifted }) => [name, method, drifted])).toEqual([
      ['distance', 'jensenshannon', null],
      ['hour', 'jensenshannon', null],
      ['origin', 'psi', null],
    ]);
    expect(report?.dataset?.share).toBe(0.6);
    const unnamed = only(parseEvidently(fixture('evidently-0.7.0-drift.json')));
    expect(unnamed?.columns[0]).toMatchObject({ name: 'distance', method: null, drifted: null });
  });
  it('name their metrics as the former format does', () => {
    const report = only(parseEvidently(fixture('evidently-0.7.23-classification.json')));
    const numbers = new Map(report?.numbers.map(({ name, value }) => [name, value]));
    expect(numbers.get('f1')).toBeCloseTo(0.6814, 4);
    expect(numbers.get('roc_auc')).toBeCloseTo(0.7113, 4);
    expect(numbers.get('log_loss')).toBeCloseTo(0.6708, 4);
    expect(numbers.get('tpr')).toBeCloseTo(0.5629, 4);
    const values = only(parseEvidently(fixture('evidently-0.7.23-values.json')));
    expect(values?.rows).toBe(400);
    expect(values?.numbers.map(({ name }) => name)).toEqual([
      'missing_value_count.origin.count',
      'missing_value_count.origin.share',
    ]);
  });
  it('may hold NaN, which is no JSON: the value is none, and texts are left alone', () => {
    const report = only(
      parseEvidently(
        bytesOf(
          '{"metrics":[{"metric_id":"Accuracy()","value":NaN},{"metric_id":"NaN","value":-Infinity}]}',
        ),
      ),
    );
    expect(report?.numbers).toEqual([
      { name: 'accuracy', value: null, alert: null },
      { name: 'na_n', value: null, alert: null },
    ]);
  });
});

describe('a report that is broken', () => {
  it.each([
    ['', /it is not JSON/],
    ['[]', /^the whole file: /],
    ['{"metrics":{}}', /^metrics: /],
    ['{"metrics":[{}]}', /^metrics\[0\]: neither metric/],
    ['{"metrics":[{"metric":"DataDriftTable"}]}', /^metrics\[0\]\.result: /],
    [
      '{"metrics":[{"metric":"ColumnDriftMetric","result":{"column_name":"a","stattest_name":"PSI","drift_score":"0.3","drift_detected":true}}]}',
      /^metrics\[0\]\.result\.drift_score: /,
    ],
    ['{"metrics":[{"metric_id":"ValueDrift()","value":1}]}', /^metrics\[0\]: a ValueDrift without/],
    ['{"metrics":[{"metric_id":"ValueDrift(column=a)","value":"1"}]}', /^metrics\[0\]\.value: /],
    ['{"metrics":[],"timestamp":"yesterday"}', /^timestamp: 'yesterday'/],
  ])('names the field: %s', (text, words) => {
    expect(fault(parseEvidently(bytesOf(text)))).toMatch(words);
  });
  it('is told by its size before it is read', () => {
    expect(fault(parseEvidently(new Uint8Array(MOST_REPORT_BYTES + 1)))).toMatch(
      /at most 16777216/,
    );
    const many = { metrics: Array.from({ length: MOST_ENTRIES + 1 }, () => ({ metric: 'a' })) };
    expect(fault(parseEvidently(bytesOf(many)))).toMatch(/metrics: 5001 entries, at most 5000/);
  });
  it('may be no text at all', () => {
    expect(fault(parseEvidently(new Uint8Array([0xff, 0xfe])))).toBe('it is not text in UTF-8');
  });
  // What is no JSON at first is looked through for NaN: in one pass, whatever its texts are.
  it.each([
    ['a text of megabytes beside NaN', `{"metrics":[],"a":"${'x'.repeat(12_000_000)}","b":NaN}`],
    ['a text cut off after many quotes', `{"metrics":[],"a":"${'\\"'.repeat(1_000_000)}`],
  ])('is answered for %s', (_what, text) => {
    expect(['read', 'malformed']).toContain(parseEvidently(bytesOf(text)).kind);
  });
  const long = 'x'.repeat(MOST_NAME + 1);
  it.each([
    [
      parseEvidently,
      { metrics: [{ metric_id: 'ValueDrift', config: { column: long }, value: 1 }] },
    ],
    [parseEvidently, { metrics: [{ metric_id: `MissingValueCount(column=${long})`, value: 1 }] }],
    [
      parseEvidently,
      { metrics: [{ metric: 'aQualityMetric', result: { current: { [long]: 1 } } }] },
    ],
    [parseNannyml, [{ chunk_key: long }]],
    [parseNannyml, [{ chunk_key: 1, [`${long}_value`]: 1, [`${long}_alert`]: true }]],
    [parseMlflow, { metrics: [{ key: long, value: 1, timestamp: 1 }] }],
    [parseMlflow, { metrics: [{ key: 'a', run_id: long, value: 1, timestamp: 1 }] }],
    [parseViolations, { violations: [{ constraint_check_type: long }] }],
    [parseViolations, { violations: [{ constraint_check_type: 'a', feature_name: long }] }],
    [parseViolations, { violations: [{ constraint_check_type: 'a', metric_name: long }] }],
    [parseConstraints, { features: [{ name: long }] }],
    [parseStatistics, { dataset: { item_count: 1 }, features: [{ name: long }] }],
  ])('is refused where a name is no name: %o', (parse, json) => {
    expect(fault(parse(bytesOf(json)))).toMatch(/at most 1000 characters/);
  });
});

const rowsOf = async (name: string, format: 'csv' | 'parquet') => {
  const readable = [fileURLToPath(folder)];
  const { duck } = await scratch({ readable });
  return readRows(duck, { file: fileURLToPath(new URL(name, folder)), format, most: 100 });
};

describe('results of NannyML 0.13.1', () => {
  it('are the same from JSON, CSV and Parquet', async () => {
    const json = read(parseNannyml(fixture('nannyml-0.13.1-drift.json')));
    const csv = read(parseNannymlRows(await rowsOf('nannyml-0.13.1-drift.csv', 'csv')));
    const parquet = read(parseNannymlRows(await rowsOf('nannyml-0.13.1-drift.parquet', 'parquet')));
    expect(json).toHaveLength(2);
    for (const other of [csv, parquet]) {
      expect(other.map(({ part }) => part)).toEqual(json.map(({ part }) => part));
      expect(other.map(({ report }) => report.span)).toEqual(json.map(({ report }) => report.span));
      expect(
        other[0]?.report.columns.map((one) => [one.name, one.drifted, one.jsDistance?.toFixed(6)]),
      ).toEqual(
        json[0]?.report.columns.map((one) => [one.name, one.drifted, one.jsDistance?.toFixed(6)]),
      );
    }
    const [first] = json;
    expect(first?.report).toMatchObject({
      span: {
        fromMs: Date.parse('2018-10-30T18:00:00Z'),
        toMs: Date.parse('2018-11-30T00:27:16.849Z'),
      },
      rows: 5_000,
    });
    expect(first?.report.columns.map(({ name }) => name)).toEqual([
      'car_value',
      'loan_length',
      'salary_range',
    ]);
  });
  it('of estimated and of realised performance name the metric, the alert and what it means', async () => {
    for (const name of ['nannyml-0.13.1-cbpe.csv', 'nannyml-0.13.1-perf.csv']) {
      const [first] = read(parseNannymlRows(await rowsOf(name, 'csv')));
      expect(first?.report.numbers.map(({ name: of, alert, means }) => [of, alert, means])).toEqual(
        [
          ['roc_auc', false, 'performance'],
          ['f1', false, 'performance'],
        ],
      );
    }
    const [multi] = read(parseNannymlRows(await rowsOf('nannyml-0.13.1-multi.csv', 'csv')));
    expect(multi?.report.numbers).toMatchObject([{ name: 'reconstruction_error', means: 'drift' }]);
  });
  it('with several header lines are refused, with the way to write them', async () => {
    const parsed = parseNannymlRows(await rowsOf('nannyml-0.13.1-multilevel.csv', 'csv'));
    expect(fault(parsed)).toMatch(
      /row 1: there is no chunk_key; write the frame with to_df\(multilevel=False\)/,
    );
  });
  it.each([
    [
      [{ chunk_key: 'a', chunk_start_date: 'soon', chunk_end_date: 'later' }],
      /row 1: chunk_start_date is no date/,
    ],
    [[{ chunk_key: 'a', x_value: true, x_alert: false }], /row 1: x_value is no number/],
    [
      [{ chunk_key: 'a', x_value: 1, x_alert: 'maybe' }],
      /row 1: x_alert is neither true nor false/,
    ],
    [
      [{ chunk_key: 'a', chunk_start_date: '2026-01-02', chunk_end_date: '2026-01-01' }],
      /chunk_end_date is before/,
    ],
    [{ chunk_key: 'a' }, /the whole file: /],
  ])('that are broken name row and column: %j', (rows, words) => {
    expect(fault(parseNannyml(bytesOf(rows)))).toMatch(words);
  });
  it('of the reference period are passed over', () => {
    const rows = [
      { chunk_key: 'a', chunk_period: 'reference', roc_auc_value: 1, roc_auc_alert: false },
    ];
    expect(read(parseNannyml(bytesOf(rows)))).toEqual([]);
  });
});

describe('metrics of MLflow', () => {
  const run = {
    info: { run_id: 'r1', start_time: 1_700_000_000_000, end_time: 1_700_000_100_000 },
    data: {
      metrics: [
        { key: 'f1', value: 0.71, timestamp: 1_700_000_050_000, step: 0 },
        { key: 'auc', value: 'NaN', timestamp: '1700000060000', step: '0' },
      ],
    },
  };
  it('of a run are one report, of the time of its last metric', () => {
    const found = read(parseMlflow(bytesOf({ run })));
    expect(found).toMatchObject([{ part: 'r1', report: { atMs: 1_700_000_060_000, span: null } }]);
    expect(found[0]?.report.numbers).toEqual([
      { name: 'f1', value: 0.71, alert: null },
      { name: 'auc', value: null, alert: null },
    ]);
    expect(read(parseMlflow(bytesOf({ runs: [run, run] })))).toHaveLength(2);
  });
  it('of a history are a report for each step', () => {
    const point = (step: number, value: number) => ({
      key: 'f1',
      value,
      timestamp: 1_000 + step,
      step,
      run_id: 'r',
    });
    const found = read(parseMlflow(bytesOf({ metrics: [point(1, 0.7), point(2, 0.6)] })));
    expect(found.map(({ part, report }) => [part, report.atMs, report.numbers[0]?.value])).toEqual([
      ['r/1', 1_001, 0.7],
      ['r/2', 1_002, 0.6],
    ]);
  });
  it('of the file store are lines of timestamp, value and step', () => {
    expect(metricFile('mlruns/0/abc/metrics/f1')).toEqual({ run: 'abc', metric: 'f1' });
    expect(metricFile('mlruns/0/abc/metrics/eval/f1')).toEqual({ run: 'abc', metric: 'eval/f1' });
    expect(metricFile('mlruns/0/abc/params/f1')).toBeUndefined();
    const found = read(parseMetricFile(bytesOf('1000 0.7 1\n2000 nan 2\n'), 'abc', 'f1'));
    expect(found.map(({ part, report }) => [part, report.atMs, report.numbers[0]?.value])).toEqual([
      ['abc/1', 1_000, 0.7],
      ['abc/2', 2_000, null],
    ]);
    expect(fault(parseMetricFile(bytesOf('1000 0.7 1\nx 1 1'), 'abc', 'f1'))).toBe(
      'line 2: the timestamp is no whole number',
    );
  });
  it.each([
    [{}, /neither run, runs nor metrics/],
    [{ run: {} }, /^run\.info: /],
    [
      { run: { info: { run_id: 'r' }, data: { metrics: [{ key: 'f1' }] } } },
      /^run\.data\.metrics\[0\]/,
    ],
    [{ metrics: [{ key: 'f1', value: 'many', timestamp: 1 }] }, /metrics\[0\]\.value is no number/],
  ])('that are broken name the field: %j', (json, words) => {
    expect(fault(parseMlflow(bytesOf(json)))).toMatch(words);
  });
});

describe('files of Model Monitor', () => {
  it('of violations are read for all four types', () => {
    const violations = [
      {
        feature_name: 'State_NV',
        constraint_check_type: 'data_type_check',
        description: 'Only 99 %',
      },
      {
        facet: 'sex',
        facet_value: 1,
        metric_name: 'DPPL',
        constraint_check_type: 'bias_drift_check',
        description: 'b',
      },
      {
        label: 'label0',
        metric_name: 'ndcg',
        constraint_check_type: 'feature_attribution_drift_check',
        description: 'c',
      },
      { metric_name: 'recall', constraint_check_type: 'less_than_threshold', description: 'd' },
    ];
    expect(read(parseViolations(bytesOf({ violations })))).toEqual([
      { check: 'data_type_check', feature: 'State_NV', metric: null, description: 'Only 99 %' },
      { check: 'bias_drift_check', feature: null, metric: 'DPPL of sex=1', description: 'b' },
      {
        check: 'feature_attribution_drift_check',
        feature: null,
        metric: 'ndcg of label0',
        description: 'c',
      },
      { check: 'less_than_threshold', feature: null, metric: 'recall', description: 'd' },
    ]);
  });
  it.each([
    [parseViolations, {}, /^violations: /],
    [
      parseViolations,
      { violations: [{ feature_name: 'a' }] },
      /^violations\[0\]\.constraint_check_type: /,
    ],
    [parseStatistics, { dataset: {}, features: [] }, /^dataset\.item_count: /],
    [
      parseStatistics,
      {
        dataset: { item_count: 1 },
        features: [
          {
            name: 'a',
            numerical_statistics: {
              common: { num_present: 1, num_missing: 0 },
              distribution: { kll: { buckets: [{ lower_bound: 2, upper_bound: 1, count: 1 }] } },
            },
          },
        ],
      },
      /features\[0\].*buckets\[0\]: the bounds are not in order/,
    ],
    [parseConstraints, { features: [{}] }, /^features\[0\]\.name: /],
  ] as const)('that are broken name the field', (parse, json, words) => {
    expect(fault(parse(bytesOf(json)))).toMatch(words);
  });
});

describe('an instant of Python', () => {
  it.each([
    ['2026-03-01 06:00:00.590153', '2026-03-01T06:00:00.590Z'],
    ['2026-03-01T06:00:00', '2026-03-01T06:00:00Z'],
    ['2026-03-01', '2026-03-01T00:00:00Z'],
    ['2026-03-01 06:00:00+01:00', '2026-03-01T05:00:00Z'],
    ['2026-03-01 06:00:00+0100', '2026-03-01T05:00:00Z'],
    ['2026-03-01T06:00Z', '2026-03-01T06:00:00Z'],
  ])('%s', (text, expected) => {
    expect(instantOf(text)).toBe(Date.parse(expected));
  });
  it.each(['', 'NaT', '2026-13-01', '1 March', '2026-03-01 25:00:00'])('is none: %j', (text) => {
    expect(instantOf(text)).toBeNull();
  });
});

const PARSERS: readonly (readonly [
  string,
  (bytes: Uint8Array) => Parsed<unknown>,
  readonly string[],
])[] = [
  ['Evidently', parseEvidently, ['evidently-0.4.40-drift.json', 'evidently-0.7.23-drift.json']],
  ['NannyML', parseNannyml, ['nannyml-0.13.1-drift.json']],
  ['MLflow', parseMlflow, []],
  ['a metric file', (bytes) => parseMetricFile(bytes, 'r', 'm'), []],
  ['violations', parseViolations, []],
  ['statistics', parseStatistics, []],
  ['constraints', parseConstraints, []],
];

describe.each(PARSERS)('whatever the bytes, the parser of %s', (_, parse, samples) => {
  const calm = (bytes: Uint8Array): void => {
    const parsed = parse(bytes);
    if (parsed.kind === 'malformed') expect(parsed.fault).not.toBe('');
    // What is read has no number that is none.
    else
      JSON.stringify(parsed.value, (__, value: unknown) => {
        if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true);
        return value;
      });
  };
  it('answers with a value or a fault in words', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), calm), { seed, numRuns: 200 });
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        calm(bytesOf(value));
      }),
      { seed, numRuns: 300 },
    );
    const member = fc.oneof(
      fc.constantFrom(
        'metrics',
        'metric',
        'result',
        'value',
        'metric_id',
        'violations',
        'features',
        'dataset',
        'run',
        'info',
        '__proto__',
        'constructor',
        'chunk_key',
        'constraint_check_type',
        'timestamp',
        'key',
      ),
      fc.string({ maxLength: 8 }),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(
          null,
          true,
          'DataDriftTable',
          'ValueDrift(column=a)',
          '2026-01-01',
          1e308,
          -1,
          0.5,
        ),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(member, tie('tree'), { maxKeys: 5 }),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        calm(bytesOf(value));
      }),
      { seed, numRuns: 500 },
    );
  });
  it('survives real files with a byte changed or cut off', () => {
    for (const name of samples) {
      const whole = fixture(name);
      fc.assert(
        fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
          const changed = Uint8Array.from(cut ? whole.slice(0, at) : whole);
          if (!cut) changed[at] = byte;
          calm(changed);
        }),
        { seed, numRuns: 200 },
      );
    }
  });
});
