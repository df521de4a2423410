import { describe, expect, it } from 'vitest';

import { distributionPlot, driftPlot, metricPlot } from '../../analysis/report/index.js';
import type { ColumnComparison, WindowComparison } from '../../domain/stats/types.js';

const HOSTILE = `</text><script>alert("x")</script>&amp;'\u0000\u001b`;

const column: ColumnComparison = {
  name: HOSTILE,
  kind: 'categorical',
  rows: 300,
  baselineRows: 300,
  missing: null,
  invalid: null,
  nonFinite: null,
  newCategories: null,
  newValues: [],
  vanishedShare: 0,
  outOfRangeShare: null,
  psi: 0.3,
  jsDistance: 0.25,
  hellinger: 0.2,
  tvd: 0.2,
  linf: 0.1,
  linfRobust: 0,
  ks: null,
  chi2: null,
  pValue: 0,
  pAdjusted: 0,
  bins: [
    { label: HOSTILE, baseline: 200, window: 100 },
    { label: 'b', baseline: 100, window: 200 },
  ],
  verdict: 'drift',
  reason: '',
};

const comparison: WindowComparison = {
  schema: 'modelkeeper/window-comparison-v1',
  rows: 300,
  baselineRows: 300,
  columns: [column, { ...column, name: 'quiet', jsDistance: null, verdict: 'insufficient data' }],
  prediction: { ...column, name: 'prediction', jsDistance: 0.05, verdict: 'ok' },
  notCompared: [],
  verdict: { kind: 'drift', reasons: [] },
};

const estimate = { metric: 'roc_auc', estimate: 0.7, lower: 0.68, upper: 0.72 } as const;

const plots = {
  drift: () => driftPlot(comparison, { warn: 0.1, drift: 0.2 }),
  'drift of nothing': () =>
    driftPlot({ ...comparison, columns: [], prediction: null }, { warn: 0.1, drift: 0.2 }),
  distribution: () => distributionPlot(column),
  'distribution of nothing': () => distributionPlot({ ...column, bins: [] }),
  metrics: () => metricPlot([estimate], [{ ...estimate, estimate: 0.71 }]),
  'metrics of a first model': () => metricPlot(null, [estimate]),
  'metrics of nothing': () => metricPlot(null, [{ ...estimate, estimate: null }]),
};

/** Every tag is closed in order, and outside of tags there is neither `<` nor a bare `&`. */
function wellFormed(xml: string): boolean {
  const open: string[] = [];
  const text = xml.replace(
    /<(\/?)([a-zA-Z]+)(?:\s+[\w:-]+="[^"<]*")*\s*(\/?)>/g,
    (_tag, closing: string, name: string, empty: string) => {
      if (closing === '/' && open.pop() !== name) open.push('never closed');
      if (closing === '' && empty === '') open.push(name);
      return '';
    },
  );
  return open.length === 0 && !/<|&(?!\w+;|#\d+;)/.test(text);
}

describe.each(Object.entries(plots))('the plot %s', (_name, draw) => {
  it('is well-formed SVG without script and without NaN', async () => {
    const svg = await draw();
    expect(wellFormed(svg)).toBe(true);
    expect(svg).not.toContain('<script');
    expect(svg).not.toMatch(/\p{Cc}/u);
    expect(svg).not.toContain('NaN');
  });
  it('is the same every time', async () => {
    expect(await draw()).toBe(await draw());
  });
});

describe('what a plot shows', () => {
  it('names the columns and the limits', async () => {
    const svg = await driftPlot(comparison, { warn: 0.1, drift: 0.2 });
    expect(svg).toContain('quiet');
    expect(svg).toContain('prediction');
    expect(svg).toContain('#d55e00');
  });
  it('names both models', async () => {
    const svg = await metricPlot([estimate], [estimate]);
    expect(svg).toContain('champion');
    expect(svg).toContain('candidate');
    expect(svg).toContain('roc_auc');
  });
});
