import { byUrgency, withScore } from './drift-report.js';
import type {
  DriftColumn,
  DriftReport,
  DriftSegment,
  DriftWindow,
  VerdictToken,
} from './drift-report.schema.js';
import { rounded } from './stats/verdict.js';

/** The verdict as a headline. */
export const VERDICT_WORDS: Readonly<Record<VerdictToken, string>> = {
  ok: 'no drift',
  warn: 'something is moving',
  drift: 'drift',
  data_quality: 'data quality',
  insufficient_data: 'cannot tell',
};

/** The verdict as a sentence for somebody who knows no statistics. */
export const VERDICT_SENTENCES: Readonly<Record<VerdictToken, string>> = {
  ok: 'The data look like those the model was trained on.',
  warn: 'Parts of the data have begun to move away from those the model was trained on, not far enough to act.',
  drift:
    'The data have moved away from those the model was trained on: its predictions may be worse than they were.',
  data_quality:
    'The data are broken: values are missing, unreadable or of a kind the model never saw. Until that is repaired, nothing can be said about drift.',
  insufficient_data: 'There are too few data to say anything. That is no all-clear.',
};

/** What to do about a verdict. */
export const ADVICE: Readonly<Record<VerdictToken, string>> = {
  ok: 'Nothing has to be done.',
  warn: 'Keep watching; nothing has to be done yet. Look at the columns that moved, in case somebody knows why.',
  drift:
    'Find out whether the change is real and here to stay. If it is, retrain on recent data, and deploy the new version only if it is no worse on the same rows.',
  data_quality:
    'Repair what fills these columns, then compare again. Do not retrain on these data: a model trained on broken data is broken.',
  insufficient_data:
    'Collect more rows, or compare a longer window. Until then do not rely on the model more than before.',
};

const NAMED = 3;
const DOING: Readonly<Record<VerdictToken, readonly [one: string, many: string]>> = {
  ok: ['', ''],
  insufficient_data: ['', ''],
  warn: ['is moving', 'are moving'],
  drift: ['has drifted', 'have drifted'],
  data_quality: ['is broken', 'are broken'],
};

/** What it is about and since when, in one sentence: `age and 2 more have drifted, since w3.csv`. Empty without any. */
export function whatInWords(report: DriftReport): string {
  const windows: readonly DriftWindow[] = report.windows ?? [report];
  const { verdict } = report;
  if (verdict === 'ok' || verdict === 'insufficient_data') return '';
  const columnsIn = (window: DriftWindow): readonly string[] =>
    byUrgency(withScore(window))
      .filter((column) => column.verdict === verdict)
      .map(({ name }) => name);
  const names = windows.map(columnsIn).findLast((found) => found.length > 0);
  if (names === undefined) return '';
  const shown = names.slice(0, NAMED).map(brief);
  const listed =
    names.length > NAMED
      ? `${shown.join(', ')} and ${names.length - NAMED} more`
      : shown.length > 1
        ? `${shown.slice(0, -1).join(', ')} and ${shown.at(-1) ?? ''}`
        : shown.join('');
  const since = windows[firstOf(windows, new Set(names), columnsIn)];
  return `${capitalised(listed)} ${DOING[verdict][names.length === 1 ? 0 : 1]}${
    since === undefined || windows.length === 1 ? '' : `, first in ${brief(since.name)}`
  }.`;
}

/** The first window of the latest run in which any of the columns was so; one that cannot be judged breaks no run. */
function firstOf(
  windows: readonly DriftWindow[],
  names: ReadonlySet<string>,
  columnsIn: (window: DriftWindow) => readonly string[],
): number {
  const last = windows.findLastIndex((window) => columnsIn(window).length > 0);
  let first = last;
  for (let i = last - 1; i >= 0; i -= 1) {
    const window = windows[i];
    if (window === undefined) break;
    if (columnsIn(window).some((name) => names.has(name))) first = i;
    else if (window.dataset.verdict !== 'insufficient_data') break;
  }
  return first;
}

const LONGEST_NAME = 60;

function brief(text: string): string {
  const shown = Array.from(text);
  return shown.length <= LONGEST_NAME ? text : `${shown.slice(0, LONGEST_NAME).join('')}…`;
}

const capitalised = (text: string): string =>
  text.startsWith('the ') ? `T${text.slice(1)}` : text;

/** `p < 0.001`, `p 0.012`. */
export function pInWords(p: number | null): string {
  if (p === null) return '–';
  return p < 0.001 ? '< 0.001' : rounded(p);
}

/** Thousands set apart: `12,345`. */
export function countInWords(n: number): string {
  return String(n).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

/** How it was judged, a sentence for each rule. */
export function rulesInWords({
  rules,
  windows,
}: Pick<DriftReport, 'rules' | 'windows'>): readonly string[] {
  const { persistence } = rules;
  return [
    `A column has drifted when two things hold: its distance is ${rules.drift} or more, and its adjusted p is below ${rules.significance}. The distance says how far the shape moved, p whether chance could have done it. From ${rules.warn} on it is shown as moving.`,
    `The distance is the Jensen–Shannon distance in base 2: 0 is the same distribution, 1 has nothing in common. For a bell-shaped column, ${rules.warn} is a shift of about a quarter, 0.2 of about half a standard deviation.`,
    `p comes from the Kolmogorov–Smirnov test for numbers and from a chi-square test for categories, adjusted for the number of columns (Benjamini–Hochberg).`,
    `The whole has drifted when a critical column${rules.critical.length === 0 ? ' (none is named)' : ` (${rules.critical.join(', ')})`} or the score has, or ${rounded(rules.share * 100)} % of the columns${rules.weights === undefined ? '' : ' by weight'}.`,
    `Broken data (a share of missing, unreadable or new values that changed by 2 points or more, beyond chance) comes before drift. With fewer than ${countInWords(rules.minRows)} rows on either side nothing is said.`,
    ...(rules.segments ?? []).map(segmentsInWords),
    ...(windows === undefined
      ? []
      : [
          `Of several windows, ${persistence.breaches} of the latest ${persistence.of} that could be judged must have drifted.`,
        ]),
  ];
}

type SegmentRules = NonNullable<DriftReport['rules']['segments']>[number];

/** How a column makes segments, and what was cut off. */
function segmentsInWords({ by, max, minRows, critical, valuesRef }: SegmentRules): string {
  const which =
    valuesRef === null
      ? `At most ${max} values of ${by} are segments of their own; all others together are one.`
      : valuesRef > max
        ? `${by} has ${countInWords(valuesRef)} different values in the baseline: the ${max} most frequent are segments of their own, the other ${countInWords(valuesRef - max)} together are one.`
        : `Each of the ${countInWords(valuesRef)} values of ${by} in the baseline is a segment; values that it lacks are one together.`;
  return `${which} Each is compared with the same segment of the baseline, with p adjusted over all columns of all segments; with fewer than ${countInWords(minRows)} rows on either side nothing is said of it. One that drifted ${critical ? 'makes the window drift' : 'is a warning'}.`;
}

/** The column that gave a segment its verdict. */
export const tellingColumn = ({
  verdict,
  columns,
}: Pick<DriftSegment, 'verdict' | 'columns'>): DriftColumn | undefined =>
  columns.find((column) => column.verdict === verdict) ?? columns[0];

/** What a segment's row says in one cell: what moved in it, or why nothing can be told. */
export function segmentReason({
  verdict,
  reasons,
  columns,
  columnsCompared,
}: DriftSegment): string {
  if (verdict === 'ok') return `none of ${columnsCompared} columns moved`;
  const first = tellingColumn({ verdict, columns });
  if (verdict === 'insufficient_data' || first === undefined) return reasons.join('; ');
  const more = columns.length - 1;
  return `${first.name}: ${first.reason}${more === 0 ? '' : `; and ${more} more ${more === 1 ? 'column' : 'columns'}`}`;
}
