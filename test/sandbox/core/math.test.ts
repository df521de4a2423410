import { describe, expect, it } from 'vitest';
import { MathError, parseExpression } from '../../../sandbox/aws/cloudwatch/math.js';
import type { MathValue } from '../../../sandbox/aws/cloudwatch/math.js';

const minute = 60_000;

function series(...values: readonly (number | undefined)[]): MathValue {
  const points = values.flatMap((value, at) =>
    value === undefined ? [] : [[at * minute, value] as const],
  );
  return { kind: 'series', periodMs: minute, points: new Map(points) };
}

const scope = {
  fromMs: 0,
  toMs: 3 * minute,
  lookup: (id: string): MathValue | undefined =>
    new Map([
      ['m1', series(1, 2, 3)],
      ['m2', series(10, undefined, 30)],
      ['zero', series(0, 0, 1)],
    ]).get(id),
};

function values(text: string): unknown {
  const result = parseExpression(text).evaluate(scope);
  return result.kind === 'number'
    ? result.value
    : [0, 1, 2].map((at) => result.points.get(at * minute));
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
    '',
  ])('refuses %j in words', (text) => {
    expect(() => parseExpression(text).evaluate(scope)).toThrow(MathError);
  });

  it('names the ids an expression stands on', () => {
    expect(parseExpression('IF(FILL(m1, REPEAT) > 1, m2, m1)').ids).toEqual(['m1', 'm2']);
  });
});
