import { describe, expect, it } from 'vitest';

import { mathFaults, renamed } from '../../../domain/metric-math.js';

describe('an expression over metrics', () => {
  it.each([
    ['errors / requests'],
    ['100 * errors/requests'],
    ['IF(requests >= 10 || errors > 0.5, errors, 0)'],
    ['IF(errors > 1 AND requests < 3, FILL(errors, REPEAT), MAX([errors, requests]))'],
    ['if(errors > 1 and requests < 3, fill(errors, linear), requests)'],
    ['-errors ^ 2 / (1.5 * requests) >= 0.1 && requests != 0'],
    ['TIME_SERIES(errors) + METRIC_COUNT([errors, requests]) * EPOCH(errors)'],
    ['SUM([errors, requests]) + "a label with words, SEARCH(x)" * 0'],
  ])('is taken: %s', (expression) => {
    expect(mathFaults(expression, ['errors', 'requests'])).toEqual([]);
  });

  it.each([
    ['error / requests', 'the expression names error, and there is no such metric'],
    ['errors', 'the expression does not use requests'],
    ['errors / requests + FOO(errors)', 'there is no function FOO'],
    ['SEARCH("{AWS/EC2}", "Sum") + errors / requests', 'SEARCH cannot be used here'],
    ['SUM(METRICS()) + errors / requests', 'METRICS cannot be used here'],
    ['(errors / requests', 'the brackets of the expression are not in pairs'],
    ['SUM([errors, requests)]', 'the brackets of the expression are not in pairs'],
    ['errors / requests)', 'the brackets of the expression are not in pairs'],
    ['errors / requests +', 'something is missing after +'],
    ['MAX([errors, requests, ])', 'something is missing after ,'],
    ['errors % requests', '% is no sign of metric math'],
    ['errors / requests * "100', 'a text in the expression has no second quotation mark'],
    ['ANOMALY_DETECTION_BAND(errors) / requests', 'alarm with anomaly detection'],
  ])('is refused: %s', (expression, fault) => {
    expect(mathFaults(expression, ['errors', 'requests']).join()).toContain(fault);
  });
});

describe('renamed', () => {
  it('changes ids only, not functions, words, or texts', () => {
    const ids = ['m', 'max'];
    expect(renamed('MAX([m, max]) + IF(m > 1, max, 0) + "m max"', ids, (id) => `q1_${id}`)).toBe(
      'MAX([q1_m, q1_max]) + IF(q1_m > 1, q1_max, 0) + "m max"',
    );
  });
  it('changes no part of a longer id', () => {
    expect(renamed('m + mm + m_m', ['m', 'mm', 'm_m'], (id) => `x_${id}`)).toBe(
      'x_m + x_mm + x_m_m',
    );
  });
});
