import { describe, expect, it } from 'vitest';
import { MathError, parseExpression } from '../../../sandbox/aws/cloudwatch/math.js';
import type { MathScope, MathValue } from '../../../sandbox/aws/cloudwatch/math.js';

const minute = 60_000;

function series(...values: readonly (number | undefined)[]): MathValue {
  const points = values.flatMap((value, at) =>
    value === undefined ? [] : [[at * minute, value] as const],
  );
  return { kind: 'series', periodMs: minute, points: new Map(points) };
}

const scope: MathScope = {
  fromMs: 0,
  toMs: 3 * minute,
  since: () => scope,
  learnsFrom: () => true,
  lookup: (id: string): MathValue | undefined =>
    new Map([
      ['m1', series(1, 2, 3)],
      ['m2', series(10, undefined, 30)],
      ['zero', series(0, 0, 1)],
    ]).get(id),
};

function values(text: string): unknown {
  const result = parseExpression(text).evaluate(scope);
  if (result.kind === 'number') return result.value;
  const items = result.kind === 'array' ? result.items : [result];
  const rows = items.map(({ points }) => [0, 1, 2].map((at) => points.get(at * minute)));
  return result.kind === 'array' ? rows : rows[0];
}

describe('metric math', () => {
  it.each<[string, unknown]>([
    ['m1 + 1', [2, 3, 4]],
    ['1 + 2 * 3 - 4 / 2', 5],
    ['-(m1) * 2', [-2, -4, -6]],
    ['2 ^ 3 ^ 2', 512],
    ['m1 + m2', [11, undefined, 33]],
    ['m1 / zero', [undefined, undefined, 3]],
    ['100*(m1/m2)', [10, undefined, 10]],
    ['FILL(m2, 0)', [10, 0, 30]],
    ['FILL(m2, REPEAT)', [10, 10, 30]],
    ['FILL(m2, LINEAR)', [10, 20, 30]],
    ['IF(m1 > 1, m1, 0)', [0, 2, 3]],
    ['IF(m1 >= 2 AND m1 < 3, 1, 0)', [0, 1, 0]],
    ['IF(FILL(m2,0) > 5, m1)', [1, undefined, 3]],
    ['SUM([m1, m2])', [11, 2, 33]],
    ['MAX([m1, zero])', [1, 2, 3]],
    ['AVG(m1)', 2],
    ['MIN(m1)', 1],
    ['m1 / PERIOD(m1) * 60', [1, 2, 3]],
    ['RATE(m1) * 60', [undefined, 1, 1]],
    ['DIFF(m1)', [undefined, 1, 1]],
    ['ABS(1 - m1)', [0, 1, 2]],
    ['m1 == 2 || m1 == 3', [0, 1, 1]],
    ['DIFF_TIME(m2)', [undefined, undefined, 120]],
    ['RUNNING_SUM(m1)', [1, 3, 6]],
    ['STDDEV([m1, m2])', [4.5, 0, 13.5]],
    ['DATAPOINT_COUNT(m2)', 2],
    ['METRIC_COUNT([m1, m2])', 2],
    ['FIRST([m1, m2])', [1, 2, 3]],
    ['LAST([m1, zero])', [0, 0, 1]],
    [
      '[m1, zero]',
      [
        [1, 2, 3],
        [0, 0, 1],
      ],
    ],
    ['TIME_SERIES(7)', [7, 7, 7]],
    ['EPOCH(m2)', [0, undefined, 120]],
    ['MINUTE(m1)', [0, 1, 2]],
    ['YEAR(m1) * 10000 + MONTH(m1) * 100 + DATE(m1)', [19700101, 19700101, 19700101]],
    ['DAY(m1) * 100 + HOUR(m1)', [400, 400, 400]],
  ])('%s', (text, expected) => {
    expect(values(text)).toEqual(expected);
  });

  it.each([
    'm1 +',
    '(m1',
    'm1 m2',
    'UNKNOWN(m1)',
    'm1 $ 2',
    'FILL(m1)',
    'FILL(1, 2)',
    'absent + 1',
    '[m1, m2] + 1',
    'ANOMALY_DETECTION_BAND(m1, m2)',
    'ANOMALY_DETECTION_BAND(m1, 0)',
    'ANOMALY_DETECTION_BAND(7)',
    '',
  ])('refuses %j in words', (text) => {
    expect(() => parseExpression(text).evaluate(scope)).toThrow(MathError);
  });

  it('names the ids an expression stands on', () => {
    expect(parseExpression('IF(FILL(m1, REPEAT) > 1, m2, m1)').ids).toEqual(['m1', 'm2']);
  });
});
