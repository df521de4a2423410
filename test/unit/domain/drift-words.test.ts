import { describe, expect, it } from 'vitest';

import type { DriftColumn, DriftReport, DriftWindow } from '../../../domain/drift-report.js';
import { whatInWords } from '../../../domain/drift-words.js';

/** As much of a report as its first sentence reads. */
function reportOf(
  windows: readonly Readonly<Record<string, DriftColumn['verdict']>>[],
  verdict: DriftReport['verdict'] = 'drift',
): DriftReport {
  const all = windows.map((columns, i) => ({
    name: `w${i}.csv`,
    prediction: null,
    dataset: {
      verdict: Object.values(columns).includes('drift')
        ? 'drift'
        : Object.values(columns).includes('ok')
          ? 'ok'
          : 'insufficient_data',
      reasons: [],
    },
    columns: Object.entries(columns).map(([name, own]) => ({
      name,
      verdict: own,
      jsDistance: 0.3,
    })),
  })) as unknown as DriftWindow[];
  return { ...all.at(-1), verdict, ...(all.length > 1 ? { windows: all } : {}) } as DriftReport;
}

describe('the first sentence of a drift report', () => {
  it('says what it is about', () => {
    expect(whatInWords(reportOf([{ age: 'drift', plan: 'ok' }]))).toBe('age has drifted.');
  });
  it('says since when, from the first window of the latest run', () => {
    const report = reportOf([{ age: 'drift' }, { age: 'ok' }, { age: 'drift' }, { age: 'drift' }]);
    expect(whatInWords(report)).toBe('age has drifted, first in w2.csv.');
  });
  it('takes a window that cannot be judged for no end of a run', () => {
    const report = reportOf([{ age: 'drift' }, { age: 'insufficient_data' }, { age: 'drift' }]);
    expect(whatInWords(report)).toBe('age has drifted, first in w0.csv.');
  });
  it('counts what it has no room to name', () => {
    const columns = { a: 'drift', b: 'drift', c: 'drift', d: 'drift', e: 'drift' } as const;
    expect(whatInWords(reportOf([columns]))).toBe('a, b, c and 2 more have drifted.');
  });
  it.each(['ok', 'insufficient_data'] as const)('has nothing to say of %s', (verdict) => {
    expect(whatInWords(reportOf([{ age: 'ok' }], verdict))).toBe('');
  });
});
