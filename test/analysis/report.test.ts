import { describe, expect, it } from 'vitest';

import {
  distributionPlot,
  driftPlot,
  metricPlot,
  precisionRecallPlot,
  slicesPlot,
  windowsPlot,
} from '../../analysis/report/index.js';
import { evaluationCurves } from '../../domain/stats/curves.js';
import {
  importancePlot,
  pairsPlot,
  statisticPlot,
} from '../../analysis/report/multivariate-plots.js';
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

const density = {
  scale: 'linear',
  from: 0,
  to: 3,
  baseline: [0.5, 0.3, 0.2],
  window: [0.1, 0.3, 0.35],
  below: { baseline: 0, window: 0 },
  above: { baseline: 0, window: 0.25 },
} as const;

const windows = (['ok', 'cannot tell', 'breach', 'breach'] as const).map((result, i) => ({
  toMs: Date.UTC(2026, 0, 1, i),
  result,
  columns: result === 'cannot tell' ? [] : [{ ...column, jsDistance: 0.1 * i }],
}));

const bothClasses = evaluationCurves({
  labels: [1, 0, 1, 0],
  champion: [0.9, 0.8, 0.7, 0.1],
  candidate: [0.9, 0.2, 0.8, 0.1],
});
const oneClass = evaluationCurves({ labels: [1, 1], champion: null, candidate: [0.3, 0.4] });

const statistic = {
  name: 'auc',
  value: 0.8,
  lower: 0.75,
  upper: 0.85,
  confidence: 0.98,
  z: 9,
  pValue: 0,
  nullMean: 0.5,
  nullSd: 0.01,
} as const;

const plots = {
  drift: () => driftPlot(comparison, { warn: 0.1, drift: 0.2 }),
  'drift of nothing': () =>
    driftPlot({ ...comparison, columns: [], prediction: null }, { warn: 0.1, drift: 0.2 }),
  distribution: () => distributionPlot(column),
  'distribution of nothing': () => distributionPlot({ ...column, bins: [] }),
  'distribution of a shape': () => distributionPlot({ ...column, density }),
  'distribution on a logarithmic axis': () =>
    distributionPlot({ ...column, density: { ...density, scale: 'log', from: 1, to: 1_000 } }),
  'windows without limits': () => windowsPlot(windows),
  'windows with limits': () =>
    windowsPlot(windows, { limits: { warn: 0.1, drift: 0.2 }, latest: 2 }),
  'no windows': () => windowsPlot([]),
  'precision and recall': () => precisionRecallPlot(bothClasses),
  'precision and recall of one class': () => precisionRecallPlot(oneClass),
  'an AUC': () => statisticPlot(statistic, { warn: 0.55, drift: 0.65 }),
  'a shift': () =>
    statisticPlot(
      { ...statistic, name: 'shift', value: -0.7, lower: -0.9, upper: -0.5, nullMean: 0 },
      { warn: 0.2, drift: 0.5 },
    ),
  'what columns carry': () =>
    importancePlot({
      method: 'pca',
      columns: [{ name: HOSTILE, importance: 0.2, alone: null }],
    }),
  pairs: () =>
    pairsPlot([
      {
        columns: [HOSTILE, 'b'],
        of: [HOSTILE, 'b'],
        importance: 0.1,
        reference: 0.9,
        window: -0.9,
      },
    ]),
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
  it('names limits, columns and verdicts over time', async () => {
    const bare = await windowsPlot(windows);
    expect(bare).not.toContain('drift from');
    const svg = await windowsPlot(windows, { limits: { warn: 0.1, drift: 0.2 }, latest: 2 });
    for (const words of [
      'moving from 0.1',
      'drift from 0.2',
      'cannot tell',
      '03:00',
      'UTC, 2026-01-01',
    ])
      expect(svg).toContain(words);
  });
  it('tells windows of seconds apart, and shows those that say nothing', async () => {
    const seconds = windows.map((window, i) => ({
      ...window,
      toMs: Date.UTC(2026, 0, 1) + i * 10_000,
    }));
    const svg = await windowsPlot(seconds);
    for (const label of ['00:00:00', '00:00:30', '2026-01-01']) expect(svg).toContain(label);
    // A mark without an area would not be seen.
    expect(svg).toMatch(/aria-label="[^"]*Verdict: cannot tell[^"]*"[^>]*d="M[^"]*h[^"]*v/);
  });
  it('shades the latest windows that could be judged, as persistence counts those', async () => {
    const shaded = (svg: string) => svg.match(/<path[^>]*fill="#eef1f4"[^>]*>/g)?.length ?? 0;
    const limits = { warn: 0.1, drift: 0.2 };
    expect(shaded(await windowsPlot(windows, { limits, latest: 2 }))).toBe(2);
    expect(shaded(await windowsPlot(windows, { limits, latest: 9 }))).toBe(3);
    expect(shaded(await windowsPlot(windows, { limits }))).toBe(0);
  });
  it('draws both sides of a shape, and names the axes', async () => {
    const svg = await distributionPlot({ ...column, density });
    for (const words of ['baseline', 'window', 'share of rows per 1', 'value'])
      expect(svg).toContain(words);
  });
  it('names short numbers as they are, and long ones in thousands', async () => {
    const small = await distributionPlot({ ...column, density: { ...density, to: 1 } });
    expect(small).not.toContain('>200m<');
    expect(small).toContain('>0.2<');
    const large = await distributionPlot({ ...column, density: { ...density, to: 90_000 } });
    expect(large).toContain('>20k<');
  });
  it('draws both limits of a bias gate, whose number is no difference of models', async () => {
    const svg = await slicesPlot([
      {
        kind: 'bias',
        slice: { column: 'sex', value: 'f' },
        delta: null,
        estimateCandidate: 0.01,
        lower: -0.02,
        upper: 0.04,
        margin: 0.1,
        range: [-0.2, 0.1],
        verdict: 'pass',
      },
    ]);
    expect(svg).toContain('difference between the groups');
    expect(svg.match(/stroke-dasharray="4,3"/g)).toHaveLength(2);
  });
  it('keeps the order of metrics, each name above its models', async () => {
    const svg = await metricPlot(null, [estimate, { ...estimate, metric: 'accuracy' }]);
    expect(svg.indexOf('>roc_auc<')).toBeLessThan(svg.indexOf('>accuracy<'));
    expect(svg).not.toMatch(/rotate\(-90[^>]*>roc_auc/);
  });
  it('names both models', async () => {
    const svg = await metricPlot([estimate], [estimate]);
    expect(svg).toContain('champion');
    expect(svg).toContain('candidate');
    expect(svg).toContain('roc_auc');
  });
});
