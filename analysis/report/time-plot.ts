import type { TopLevelSpec } from 'vega-lite';

import { withScore, type DriftWindow } from '../../domain/drift-report.js';
import type { WindowResult } from '../../domain/model.js';
import { neutral } from '../../domain/neutral.js';
import { CONFIG, limitRules, type Limits } from './plots.js';
import { renderSvg } from './render.js';

const WIDTH = 640;
const LINES = 6;
const LINE_COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

const VERDICTS = {
  ok: { words: 'no drift', shape: 'circle', colour: '#009e73' },
  warn: { words: 'moving', shape: 'triangle-up', colour: '#b27a00' },
  drift: { words: 'drift', shape: 'cross', colour: '#d55e00' },
  'data quality': { words: 'data quality', shape: 'diamond', colour: '#a8508a' },
  'cannot tell': { words: 'cannot tell', shape: 'square', colour: '#888888' },
} as const;
type Mark = keyof typeof VERDICTS;

/** One window as the plot sees it. */
export interface TimedWindow {
  readonly label: string;
  readonly mark: Mark;
  readonly columns: readonly { readonly name: string; readonly jsDistance: number | null }[];
}

const MARKS = {
  ok: 'ok',
  warn: 'warn',
  drift: 'drift',
  data_quality: 'data quality',
  insufficient_data: 'cannot tell',
} as const;

/** Distances over several windows, of the columns that moved furthest in any of them. */
export function timePlot(
  windows: readonly DriftWindow[],
  { persistence, ...limits }: Limits & { readonly persistence: { readonly of: number } },
): Promise<string> {
  return linesPlot(
    windows.map((window, i) => ({
      label: String(i + 1),
      mark: MARKS[window.dataset.verdict],
      columns: withScore(window),
    })),
    { title: 'window, in order of time', limits, latest: persistence.of },
  );
}

const RESULTS = {
  ok: 'ok',
  warn: 'warn',
  breach: 'drift',
  'data quality': 'data quality',
  'cannot tell': 'cannot tell',
} as const;

export interface WindowsPlotOptions {
  /** As the policy had them when the latest window was judged; unknown for reports of earlier versions. */
  readonly limits?: Limits;
  /** How many of the latest windows count for persistence. */
  readonly latest?: number;
}

/** The same of windows of a keeper, by when they ended. */
export function windowsPlot(
  windows: readonly Pick<WindowResult, 'toMs' | 'columns' | 'result'>[],
  options: WindowsPlotOptions = {},
): Promise<string> {
  const { labels, title } = endsInWords(windows.map(({ toMs }) => toMs));
  return linesPlot(
    windows.map(({ columns, result }, i) => ({
      label: labels[i] ?? '',
      mark: RESULTS[result],
      columns,
    })),
    { title, ...options },
  );
}

/** When windows ended, each in words of its own: as short as still tells them apart. */
export function endsInWords(ends: readonly number[]): {
  readonly labels: readonly string[];
  readonly title: string;
} {
  const instants = ends.map((toMs) => new Date(toMs).toISOString().replace('T', ' '));
  const upTo = (length: number) => instants.map((instant) => instant.slice(0, length));
  const [minutes, seconds, whole] = [upTo(16), upTo(19), upTo(23)];
  const distinct = (labels: readonly string[]) => new Set(labels).size === new Set(ends).size;
  const labels = distinct(minutes) ? minutes : distinct(seconds) ? seconds : whole;
  const days = new Set(upTo(10));
  const [day] = days;
  return days.size === 1 && ends.length > 1
    ? {
        labels: labels.map((label) => label.slice(11)),
        title: `end of the window (UTC, ${String(day)})`,
      }
    : { labels, title: 'end of the window (UTC)' };
}

/** Columns worth a line: those that moved furthest in any window. */
function furthestColumns(windows: readonly TimedWindow[]): readonly string[] {
  const furthest = new Map<string, number>();
  for (const { columns } of windows)
    for (const { name, jsDistance } of columns)
      furthest.set(name, Math.max(furthest.get(name) ?? 0, jsDistance ?? 0));
  return [...furthest]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, LINES)
    .map(([name]) => name);
}

async function linesPlot(
  windows: readonly TimedWindow[],
  { title, limits, latest }: WindowsPlotOptions & { readonly title: string },
): Promise<string> {
  const names = furthestColumns(windows);
  const values = windows.flatMap(({ label, columns }, order) =>
    columns
      .filter(({ name, jsDistance }) => names.includes(name) && jsDistance !== null)
      .map(({ name, jsDistance }) => ({
        order,
        window: label,
        column: neutral(name),
        distance: jsDistance ?? 0,
      })),
  );
  const rules = limits === undefined ? [] : limitRules(limits);
  const highest = Math.max(
    0.3,
    ...rules.map(({ limit }) => limit * 1.3),
    ...values.map(({ distance }) => distance),
  );
  const top = highest * 1.12;
  const marks = windows.map(({ label, mark }, order) => ({
    order,
    window: label,
    verdict: VERDICTS[mark].words,
    colour: VERDICTS[mark].colour,
    y: top * 0.98,
  }));
  const counting = latest === undefined ? [] : judgedLatest(windows, latest);
  const labels = windows.map(({ label }) => label);
  const x = {
    field: 'window',
    type: 'ordinal',
    sort: null,
    title,
    scale: { domain: labels },
    axis: { labelAngle: 0, labelOverlap: true },
  } as const;
  const spec: TopLevelSpec = {
    width: WIDTH,
    height: 240,
    background: 'white',
    config: CONFIG,
    layer: [
      {
        data: { values: counting.map((window) => ({ window })) },
        mark: { type: 'rect', color: '#eef1f4' },
        encoding: { x },
      },
      ...rules.flatMap(({ limit, name, colour }) => [
        {
          data: { values: [{ limit }] },
          mark: { type: 'rule' as const, color: colour, strokeDash: [5, 3], strokeWidth: 1.5 },
          encoding: { y: { field: 'limit', type: 'quantitative' as const } },
        },
        {
          data: { values: [{ limit, text: `${name} from ${limit}` }] },
          mark: {
            type: 'text' as const,
            align: 'left' as const,
            baseline: 'bottom' as const,
            dx: 3,
            dy: -2,
            color: '#57606a',
            x: 0,
          },
          encoding: {
            y: { field: 'limit', type: 'quantitative' as const },
            text: { field: 'text', type: 'nominal' as const },
          },
        },
      ]),
      {
        data: { values },
        mark: { type: 'line', point: { size: 40 }, strokeWidth: 2 },
        encoding: {
          x,
          order: { field: 'order', type: 'quantitative' },
          y: {
            field: 'distance',
            type: 'quantitative',
            title: 'distance to the baseline',
            scale: { domain: [0, top], nice: false },
          },
          color: {
            field: 'column',
            type: 'nominal',
            title: 'Column',
            sort: names.map(neutral),
            scale: { range: LINE_COLOURS },
          },
        },
      },
      {
        data: { values: marks },
        mark: { type: 'point', filled: true, size: 80, opacity: 1 },
        encoding: {
          x,
          y: { field: 'y', type: 'quantitative' },
          shape: {
            field: 'verdict',
            type: 'nominal',
            title: 'Verdict',
            scale: {
              domain: Object.values(VERDICTS).map(({ words }) => words),
              range: Object.values(VERDICTS).map(({ shape }) => shape),
            },
          },
          color: { field: 'colour', type: 'nominal', scale: null },
        },
      },
    ],
    resolve: { scale: { color: 'independent' } },
  };
  return renderSvg(spec);
}

/** The latest windows that could be judged: those are what persistence counts. */
function judgedLatest(windows: readonly TimedWindow[], latest: number): readonly string[] {
  return windows
    .filter(({ mark }) => mark !== 'cannot tell')
    .slice(-latest)
    .map(({ label }) => label);
}
