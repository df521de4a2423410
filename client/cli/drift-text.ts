import {
  barsOf,
  byUrgency,
  segmentsByUrgency,
  withScore,
  type Bar,
  type DriftReport,
  type DriftWindow,
  type VerdictToken,
} from '../../domain/drift-report.js';
import {
  ADVICE,
  countInWords,
  pInWords,
  rulesInWords,
  segmentReason,
  tellingColumn,
  VERDICT_SENTENCES,
  VERDICT_WORDS,
  whatInWords,
} from '../../domain/drift-words.js';
import type { CliContext } from './context.js';
import { charactersOf, placesOf, table, widthOf } from './render.js';
import { neutral } from '../../domain/neutral.js';
import { segmentName } from '../../domain/stats/segments.js';

type Colors = CliContext['colors'];

const LONGEST_NAME = 28;
const MOST_BARS = 12;
const BLOCKS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/** Columns in order that are still listed; with a thousand columns, those that moved are what matters. */
const MOST_IN_ORDER = 20;
const MOST_SEGMENTS = 40;
const LONGEST_SEGMENT = 36;

/** The report for a terminal of `width` characters; without a width nothing is cut off. */
export function driftText(colors: Colors, report: DriftReport, width?: number): string {
  const { windows } = report;
  const parts = [
    headline(colors, report),
    ...(windows === undefined ? [] : [overTime(colors, windows, width)]),
    ...(windows === undefined ? [] : [colors.bold(`The latest window, ${neutral(report.name)}:`)]),
    columnsText(colors, report, width),
    ...segmentsText(colors, report, width),
    ...notes(colors, report),
    ['How it was judged:', ...rulesInWords(report).map((rule) => wrapped(rule, width))].join('\n'),
  ];
  return parts.join('\n\n');
}

function headline(colors: Colors, report: DriftReport): string {
  const paint = paintOf(colors, report.verdict);
  return [
    `${paint(colors.bold(VERDICT_WORDS[report.verdict].toUpperCase()))}  ${neutral(report.name)} (${countInWords(report.rowsCur)} rows) against ${neutral(report.baseline)} (${countInWords(report.rowsRef)} rows)`,
    `${neutral(whatInWords(report))} ${VERDICT_SENTENCES[report.verdict]}`.trim(),
    ...report.reasons.map((reason) => `  ${neutral(reason)}`),
    ADVICE[report.verdict],
  ].join('\n');
}

function overTime(
  colors: Colors,
  windows: readonly DriftWindow[],
  width: number | undefined,
): string {
  const rows = windows.map((window) => {
    const most = byUrgency(withScore(window))[0];
    const paint = paintOf(colors, window.dataset.verdict);
    const moved = Math.max(0, ...withScore(window).map((column) => column.jsDistance ?? 0));
    return [
      `  ${shortened(window.name, 40)}`,
      countInWords(window.rowsCur),
      paint(VERDICT_WORDS[window.dataset.verdict]),
      bar(moved),
      most === undefined
        ? ''
        : `${shortened(most.name, LONGEST_NAME)} ${distance(most.jsDistance)}`,
    ];
  });
  const text = table([
    ['  WINDOW', 'ROWS', 'VERDICT', 'FURTHEST MOVE', 'WHAT MATTERS MOST'].map((one) =>
      colors.dim(one),
    ),
    ...rows,
  ]);
  return width === undefined ? text : cut(text, width);
}

/** A distance from 0 to 1 as a bar of ten characters; half of the scale is far already. */
function bar(share: number): string {
  const filled = Math.min(10, Math.round(share * 20));
  return '█'.repeat(filled) + '·'.repeat(10 - filled);
}

function columnsText(colors: Colors, window: DriftWindow, width: number | undefined): string {
  const all = byUrgency(withScore(window));
  const moved = all.filter((column) => column.verdict !== 'ok');
  const still = all.filter((column) => column.verdict === 'ok');
  const shown = [...moved, ...still.slice(0, MOST_IN_ORDER)];
  const rows = shown.map((column) => {
    const bars = fewBars(barsOf(column));
    return [
      `  ${paintOf(colors, column.verdict)(SHORT[column.verdict])}`,
      shortened(column.name, LONGEST_NAME),
      distance(column.jsDistance),
      pInWords(column.pAdjusted),
      sparks(bars, 'baseline'),
      sparks(bars, 'window'),
      neutral(column.reason),
    ];
  });
  const text = table([
    ['  VERDICT', 'COLUMN', 'DISTANCE', 'P', 'BASELINE', 'WINDOW', 'WHY'].map((one) =>
      colors.dim(one),
    ),
    ...rows,
  ]);
  const more = all.length - shown.length;
  return [
    width === undefined ? text : cut(text, width),
    ...(more > 0 ? [colors.dim(`  and ${more} more columns in order`)] : []),
  ].join('\n');
}

/** Parts of the window, those that moved first; those in order are many and alike. */
function segmentsText(
  colors: Colors,
  window: DriftWindow,
  width: number | undefined,
): readonly string[] {
  if (window.segments === undefined) return [];
  const all = segmentsByUrgency(window);
  const telling = all.filter(({ verdict }) => verdict !== 'ok').slice(0, MOST_SEGMENTS);
  const still = all.filter(({ verdict }) => verdict === 'ok').slice(0, MOST_IN_ORDER);
  const shown = [...telling, ...still];
  const rows = shown.map((segment) => {
    const moved = tellingColumn(segment);
    const bars = moved === undefined ? [] : fewBars(barsOf(moved));
    return [
      `  ${paintOf(colors, segment.verdict)(SHORT[segment.verdict])}`,
      shortened(segmentName(segment), LONGEST_SEGMENT) + (segment.critical ? ' *' : ''),
      countInWords(segment.rowsCur),
      distance(moved?.jsDistance ?? segment.furthest?.jsDistance ?? null),
      sparks(bars, 'baseline'),
      sparks(bars, 'window'),
      neutral(segmentReason(segment)),
    ];
  });
  const text = table([
    ['  VERDICT', 'SEGMENT', 'ROWS', 'DISTANCE', 'BASELINE', 'WINDOW', 'WHY'].map((one) =>
      colors.dim(one),
    ),
    ...rows,
  ]);
  const more = all.length - shown.length;
  return [
    [
      colors.bold('Segments'),
      width === undefined ? text : cut(text, width),
      ...(more > 0 ? [colors.dim(`  and ${more} more segments`)] : []),
      ...(all.some(({ critical }) => critical)
        ? [colors.dim('  * critical: its drift is drift of the window')]
        : []),
    ].join('\n'),
  ];
}

const SHORT: Readonly<Record<VerdictToken, string>> = {
  ok: 'ok',
  warn: 'moving',
  drift: 'drift',
  data_quality: 'broken',
  insufficient_data: 'too few',
};

function notes(colors: Colors, window: DriftWindow): readonly string[] {
  const { notCompared, capture } = window;
  return [
    ...(notCompared.length === 0
      ? []
      : [
          colors.yellow(
            `Not compared, as the baseline lacks them: ${notCompared.map((name) => shortened(name, LONGEST_NAME)).join(', ')}`,
          ),
        ]),
    ...(capture === undefined
      ? []
      : [
          `Data capture: ${countInWords(capture.lines)} lines, ${countInWords(capture.rows)} rows; ${countInWords(capture.unreadableLines)} lines unreadable, ${countInWords(capture.linesWithoutInput)} without input, ${countInWords(capture.invalid)} rows that do not fit the columns`,
        ]),
  ];
}

/** The largest bars, the rest as one. */
function fewBars(bars: readonly Bar[]): readonly Bar[] {
  if (bars.length <= MOST_BARS) return bars;
  const rest = bars.slice(MOST_BARS - 1);
  const sum = (side: 'baseline' | 'window') => rest.reduce((all, one) => all + one[side], 0);
  return [
    ...bars.slice(0, MOST_BARS - 1),
    { label: 'all others', baseline: sum('baseline'), window: sum('window') },
  ];
}

/** One character per bin, as high as its share; both sides on the same scale. */
function sparks(bars: readonly Bar[], side: 'baseline' | 'window'): string {
  const total = (one: 'baseline' | 'window') => bars.reduce((all, each) => all + each[one], 0);
  const totals = { baseline: total('baseline'), window: total('window') };
  const share = (each: Bar, one: 'baseline' | 'window') =>
    totals[one] === 0 ? 0 : each[one] / totals[one];
  const highest = Math.max(
    ...bars.flatMap((each) => [share(each, 'baseline'), share(each, 'window')]),
    Number.MIN_VALUE,
  );
  return bars
    .map((each) => {
      const height = share(each, side);
      if (height === 0) return '·';
      return BLOCKS[Math.min(7, Math.floor((height / highest) * 7.999))] ?? '█';
    })
    .join('');
}

function distance(value: number | null): string {
  return value === null ? '–' : value.toFixed(3);
}

function shortened(text: string, most: number): string {
  const shown = neutral(text);
  return widthOf(shown) <= most ? shown : upTo(shown, most);
}

/** As much of a text as fits with the mark that it goes on. */
function upTo(text: string, most: number): string {
  let room = most - 1;
  let kept = '';
  for (const character of charactersOf(text)) {
    room -= placesOf(character);
    if (room < 0) break;
    kept += character;
  }
  return most < 1 ? '' : `${kept}…`;
}

/** Lines that are cut at the width of a terminal; colours take no room. */
function cut(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => {
      let room = width;
      let kept = '';
      for (const piece of line.split(COLOUR)) {
        if (piece.startsWith(ESCAPE)) {
          kept += piece;
          continue;
        }
        const places = widthOf(piece);
        if (places <= room) kept += piece;
        else if (room > 0) kept += upTo(piece, room);
        room = Math.max(0, room - places);
      }
      return kept;
    })
    .join('\n');
}

const ESCAPE = String.fromCharCode(27);
const COLOUR = new RegExp(`(${ESCAPE}\\[[0-9;]*m)`);

function wrapped(text: string, width = 100): string {
  const lines: string[] = [];
  let line = ' ';
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > Math.max(30, width) && line.trim() !== '') {
      lines.push(line);
      line = '   ';
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}

function paintOf(colors: Colors, verdict: VerdictToken): (text: string) => string {
  switch (verdict) {
    case 'ok':
      return colors.green;
    case 'warn':
    case 'data_quality':
      return colors.yellow;
    case 'drift':
      return colors.red;
    default:
      return colors.dim;
  }
}
