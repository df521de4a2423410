import type { TopLevelSpec } from 'vega-lite';

import { barsOf, type DriftColumn } from '../../domain/drift-report.js';
import { neutral } from '../../domain/neutral.js';
import type { Density } from '../../domain/stats/density.js';
import type { ColumnComparison } from '../../domain/stats/types.js';
import { rounded } from '../../domain/stats/verdict.js';
import { COLOURS, CONFIG } from './plots.js';
import { renderSvg } from './render.js';

const WIDTH = 420;
/** Values that have a bar of their own; the rest is one. */
const MOST_BARS = 12;
const SIDES = ['baseline', 'window'] as const;
type Side = (typeof SIDES)[number];

type Bins = ColumnComparison['bins'];

export interface DrawnColumn {
  /** Stands above the plot; empty for none. */
  readonly name: string;
  /** Absent in reports of earlier versions. */
  readonly kind?: ColumnComparison['kind'];
  readonly bins: Bins;
  readonly density?: Density | null;
}

/** One column in the baseline and in the window: its shape for numbers, bars for categories. */
export function distributionPlot(column: DrawnColumn): Promise<string> {
  const { name, density } = column;
  const spec = density === null || density === undefined ? barsSpec(column) : densitySpec(density);
  return renderSvg(name === '' ? spec : { ...spec, title: neutral(name) });
}

/** One column of a report. */
export function overlayPlot(column: DriftColumn): Promise<string> {
  return distributionPlot({
    name: '',
    kind: column.kind,
    bins: barsOf(column),
    density: densityIn(column),
  });
}

function densityIn({ density }: DriftColumn): Density | null {
  if (density === null) return null;
  const { scale, from, to, sharesRef, sharesCur, belowRef, belowCur, aboveRef, aboveCur } = density;
  return {
    scale,
    from,
    to,
    baseline: sharesRef,
    window: sharesCur,
    below: { baseline: belowRef, window: belowCur },
    above: { baseline: aboveRef, window: aboveCur },
  };
}

const LEGEND = {
  field: 'side',
  type: 'nominal',
  title: null,
  scale: { domain: [...SIDES], range: SIDES.map((side) => COLOURS[side]) },
  legend: { orient: 'top', symbolType: 'square', symbolOpacity: 1, offset: 4 },
} as const;

const LONG_NUMBER = 10_000;

/** Long numbers with `k` and `M`; short ones as they are, as 0.2 in SI is `200m`. */
const axisFormat = (from: number, to: number): string =>
  Math.max(Math.abs(from), Math.abs(to)) >= LONG_NUMBER ? '~s' : '~g';

/** Grey areas for the baseline and a blue line for the window: they differ in shape too, where colours do not show. */
function densitySpec(density: Density): TopLevelSpec {
  const edges = edgesOf(density);
  // A step ends where the next begins; the last one is drawn to its end.
  const points = (side: Side) =>
    edges.map((value, i) => ({
      side,
      value,
      share: density[side][Math.min(i, density[side].length - 1)] ?? 0,
    }));
  const { scale, from, to } = density;
  const x = {
    field: 'value',
    type: 'quantitative' as const,
    title: scale === 'log' ? 'value (steps of equal ratio)' : 'value',
    scale: { type: scale, domain: [from, to], nice: false, zero: false },
    axis: { tickCount: 6, labelOverlap: true, format: axisFormat(from, to) },
  };
  const y = {
    field: 'share',
    type: 'quantitative',
    title: `share of rows ${scale === 'log' ? 'per step' : `per ${rounded((to - from) / density.window.length)}`}`,
    axis: { format: '.0~%', tickCount: 4 },
    stack: null,
  } as const;
  return {
    background: 'white',
    config: CONFIG,
    width: WIDTH,
    height: 170,
    layer: [
      {
        data: { values: points('baseline') },
        mark: { type: 'area', interpolate: 'step-after', opacity: 0.55 },
        encoding: { x, y, color: LEGEND },
      },
      {
        data: { values: points('window') },
        mark: { type: 'area', interpolate: 'step-after', fillOpacity: 0.18, line: false },
        encoding: { x, y, color: LEGEND },
      },
      {
        data: { values: points('window') },
        mark: { type: 'line', interpolate: 'step-after', strokeWidth: 2 },
        encoding: { x, y, color: LEGEND },
      },
    ],
  };
}

function edgesOf({ scale, from, to, window }: Density): readonly number[] {
  const steps = window.length;
  return Array.from({ length: steps + 1 }, (_, i) =>
    i === 0
      ? from
      : i === steps
        ? to
        : scale === 'log'
          ? from * (to / from) ** (i / steps)
          : from + ((to - from) * i) / steps,
  );
}

/** Bars that lie, so that what they are called can be read; the most frequent values first. */
function barsSpec({ bins, kind }: DrawnColumn): TopLevelSpec {
  const shown = kind === 'numeric' ? bins : fewest(bins);
  const totals = Object.fromEntries(
    SIDES.map((side) => [side, shown.reduce((sum, bin) => sum + bin[side], 0)]),
  );
  const values = shown.flatMap((bin) =>
    SIDES.map((side) => {
      const total = totals[side] ?? 0;
      return { value: brief(bin.label), side, share: total === 0 ? 0 : bin[side] / total };
    }),
  );
  return {
    background: 'white',
    config: CONFIG,
    width: WIDTH - 60,
    height: { step: 11 },
    data: { values },
    mark: { type: 'bar' },
    encoding: {
      y: { field: 'value', type: 'nominal', sort: null, title: null },
      yOffset: { field: 'side', type: 'nominal', scale: { paddingInner: 0 } },
      x: {
        field: 'share',
        type: 'quantitative',
        title: 'share of rows',
        axis: { format: '.0~%', tickCount: 5 },
      },
      color: LEGEND,
    },
  };
}

function fewest(bins: Bins): Bins {
  if (bins.length <= MOST_BARS) return bins;
  const rest = bins.slice(MOST_BARS - 1);
  const sum = (side: Side) => rest.reduce((all, bin) => all + bin[side], 0);
  return [
    ...bins.slice(0, MOST_BARS - 1),
    { label: 'all others', baseline: sum('baseline'), window: sum('window') },
  ];
}

const LONGEST_LABEL = 40;

/** Two values that begin alike would be one bar: the label ends with what tells them apart. */
function brief(label: string): string {
  const shown = Array.from(neutral(label));
  return shown.length <= LONGEST_LABEL
    ? shown.join('')
    : `${shown.slice(0, LONGEST_LABEL - 9).join('')}…${shown.slice(-8).join('')}`;
}

/** What of a column lies outside of what is drawn; empty where that is nothing. */
export function beyondInWords({ density }: DriftColumn): string {
  if (density === null) return '';
  const { from, to, belowRef, belowCur, aboveRef, aboveCur } = density;
  return [beyond('below', from, belowRef, belowCur), beyond('above', to, aboveRef, aboveCur)]
    .filter((sentence) => sentence !== '')
    .join(' ');
}

/** Less than this of either side is not worth a sentence. */
const LEAST_BEYOND = 0.0005;

function beyond(where: string, limit: number, before: number, now: number): string {
  if (Math.max(before, now) < LEAST_BEYOND) return '';
  const percent = (share: number) => `${rounded(share * 100)} %`;
  return `Not drawn: ${percent(now)} of the window ${where} ${rounded(limit)} (baseline ${percent(before)}).`;
}
