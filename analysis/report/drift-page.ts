import {
  barsOf,
  byUrgency,
  segmentsByUrgency,
  withScore,
  type DriftColumn,
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
import { neutral } from '../../domain/neutral.js';
import { segmentName } from '../../domain/stats/segments.js';
import { rounded } from '../../domain/stats/verdict.js';
import { beyondInWords, overlayPlot } from './distribution-plot.js';
import { html, type Html, type Part } from './html.js';
import { badge, documentOf, factsOf, figure, tableOf, VERDICT_TONES as TONES } from './page.js';
import { distancesPlot } from './plots.js';
import { timePlot } from './time-plot.js';

const MOST_OVERLAYS = 12;
const NBSP = '\u00a0';

/** The report as one file to send around, print and read without knowing statistics. */
export async function driftPage(report: DriftReport): Promise<string> {
  const { windows, verdict } = report;
  const columns = byUrgency(withScore(report));
  const title = `Drift report: ${neutral(report.name)}`;
  return documentOf(
    title,
    html`<h1>${title}</h1>
      <section class="verdict ${TONES[verdict]}">
        ${badge(VERDICT_WORDS[verdict], TONES[verdict])}
        <p class="lead">
          ${whatInWords(report) !== '' && html`<strong>${neutral(whatInWords(report))}</strong> `}
          ${VERDICT_SENTENCES[verdict]}
        </p>
        ${reasonsOf(report.reasons)}
        <p><strong>What to do:</strong> ${ADVICE[verdict]}</p>
      </section>
      ${facts(report, columns)} ${windows !== undefined && (await overTime(windows, report))}
      ${await moved(report)}
      <h2>How far each column moved</h2>
      ${figure(
        await distancesPlot(columns, report.rules),
        '',
        'Distance of each column to the baseline, the largest first. The dashed lines are where moving and drift begin.',
        'Bar chart of the distance of each column to the baseline',
      )}
      <h2>All columns</h2>
      ${allColumns(columns)} ${await segments(report)} ${notes(report)}
      <h2>How this was judged</h2>
      <ul>
        ${rulesInWords(report).map((rule) => html`<li>${neutral(rule)}</li>`)}
      </ul>
      <h2>What this cannot tell</h2>
      <ul>
        <li>
          Whether the model’s predictions became worse: that takes labels. Data may drift without
          harm, and a model may fail on data that look the same.
        </li>
        <li>
          Changes in how columns hang together, while each of them looks as before (modelkeeper
          multivariate tells); and columns the baseline does not have.
        </li>
        <li>
          Why something moved. A season, a campaign and a broken feed can look alike: ask the people
          who know the column.
        </li>
      </ul>
      <footer>
        Made by modelkeeper from ${countInWords(report.rowsCur)} rows of ${neutral(report.name)} and
        ${countInWords(report.rowsRef)} rows of ${neutral(report.baseline)}. Nothing in this file is
        loaded from elsewhere.
      </footer>`,
  );
}

function reasonsOf(reasons: readonly string[]): Html {
  return html`<ul>
    ${reasons.map((reason) => html`<li>${neutral(reason)}</li>`)}
  </ul>`;
}

function facts(report: DriftReport, columns: readonly DriftColumn[]): Html {
  const having = (verdict: VerdictToken) =>
    columns.filter((column) => column.verdict === verdict).length;
  const entries: readonly (readonly [string, string])[] = [
    [report.windows === undefined ? 'Window' : 'Latest window', neutral(report.name)],
    ['Rows in it', countInWords(report.rowsCur)],
    ['Baseline', neutral(report.baseline)],
    ['Rows in the baseline', countInWords(report.rowsRef)],
    ['Columns compared', String(columns.length)],
    ['Drifted', String(having('drift'))],
    ['Moving', String(having('warn'))],
    ['Broken', String(having('data_quality'))],
  ];
  return factsOf(entries);
}

async function overTime(windows: readonly DriftWindow[], report: DriftReport): Promise<Html> {
  return html`<h2>Over time</h2>
    ${figure(
      await timePlot(windows, report.rules),
      '',
      `Distance to the baseline, window by window, of the columns that moved most. The dashed lines are where moving and drift begin; the marks on top are the verdicts of the windows. Shaded are those that persistence counts: ${String(report.rules.persistence.breaches)} of the latest ${String(report.rules.persistence.of)} must have drifted.`,
      'Line chart of the distance to the baseline over the windows',
    )}
    ${tableOf(
      ['Window', 'Rows', 'Verdict', 'Why'],
      windows.map((window) => ({
        head: neutral(window.name),
        cells: [
          countInWords(window.rowsCur),
          badge(VERDICT_WORDS[window.dataset.verdict], TONES[window.dataset.verdict]),
          neutral(window.dataset.reasons.join('; ')),
        ],
      })),
      new Set([0]),
      2,
    )}`;
}

/** What to draw of a window: columns that are not in order and have something to show. */
function movedIn(window: DriftWindow): readonly DriftColumn[] {
  return byUrgency(withScore(window))
    .filter((column) => column.verdict !== 'ok' && column.verdict !== 'insufficient_data')
    .filter((column) => barsOf(column).some((bar) => bar.baseline + bar.window > 0));
}

/** Of the latest window in which anything moved: it need not be the last one. */
async function moved(report: DriftReport): Promise<Part> {
  const window = (report.windows ?? [report]).findLast((one) => movedIn(one).length > 0);
  if (window === undefined) return null;
  const shown = movedIn(window);
  const figures: Html[] = [];
  for (const column of shown.slice(0, MOST_OVERLAYS)) {
    figures.push(
      figure(
        await overlayPlot(column),
        html`${neutral(column.name)} ${badge(VERDICT_WORDS[column.verdict], TONES[column.verdict])}`,
        `${neutral(column.reason)}. ${beyondInWords(column)}`.trim(),
        `Distribution of ${neutral(column.name)} in the baseline and in the window`,
      ),
    );
  }
  return html`<h2>What moved</h2>
    <p class="soft">
      Grey is the baseline, blue
      ${report.windows === undefined ? 'the window' : neutral(window.name)}: where blue stands above
      grey, values have become more frequent.
      ${
        shown.length > MOST_OVERLAYS &&
        `The ${String(MOST_OVERLAYS)} that matter most of ${String(shown.length)} are drawn.`
      }
    </p>
    <div class="plots">${figures}</div>`;
}

function allColumns(columns: readonly DriftColumn[]): Html {
  const share = (value: number | undefined) =>
    value === undefined ? '–' : `${rounded(value * 100)} %`;
  return tableOf(
    ['Column', 'Verdict', 'Distance', 'p', 'PSI', 'Missing before', 'Missing now', 'Values', 'Why'],
    columns.map((column) => ({
      head: neutral(column.name),
      cells: [
        badge(VERDICT_WORDS[column.verdict], TONES[column.verdict]),
        column.jsDistance === null ? '–' : column.jsDistance.toFixed(3),
        pInWords(column.pAdjusted).replace(' ', NBSP),
        column.psi === null ? '–' : column.psi.toFixed(3),
        share(column.missingShare?.ref),
        share(column.missingShare?.cur),
        countInWords(column.nCur),
        neutral(column.reason),
      ],
    })),
    new Set([1, 2, 3, 4, 5, 6]),
    7,
  );
}

/** Parts of the window: a row for each, and a small plot of what moved furthest in those that are not in order. */
async function segments(report: DriftReport): Promise<Part> {
  if (report.segments === undefined) return null;
  const all = segmentsByUrgency(report);
  const moved = all.flatMap((segment) => {
    const column = tellingColumn(segment);
    return column === undefined || column.jsDistance === null ? [] : [{ segment, column }];
  });
  const figures: Html[] = [];
  for (const { segment, column } of moved.slice(0, MOST_OVERLAYS)) {
    figures.push(
      figure(
        await overlayPlot(column),
        html`${neutral(segmentName(segment))}
        ${badge(VERDICT_WORDS[segment.verdict], TONES[segment.verdict])}`,
        neutral(`${column.name}: ${column.reason}. ${beyondInWords(column)}`.trim()),
        neutral(`Distribution of ${column.name} in ${segmentName(segment)}, in both`),
      ),
    );
  }
  return html`<h2>Segments</h2>
    <p class="soft">
      The rows with one value of a column, compared with the same rows of the baseline. What moves
      in one part only is hard to see in the whole.
    </p>
    ${tableOf(
      [
        'Segment',
        'Verdict',
        'Rows',
        'Rows of the baseline',
        'Columns moved',
        'Furthest',
        'Distance',
        'Why',
      ],
      all.map((segment) => ({
        head: [
          neutral(segmentName(segment)),
          segment.critical && html` <span class="soft">(critical)</span>`,
        ],
        cells: [
          badge(VERDICT_WORDS[segment.verdict], TONES[segment.verdict]),
          countInWords(segment.rowsCur),
          countInWords(segment.rowsRef),
          `${segment.columns.length} of ${segment.columnsCompared}`,
          segment.furthest === null ? '–' : neutral(segment.furthest.name),
          segment.furthest?.jsDistance?.toFixed(3) ?? '–',
          neutral(segmentReason(segment)),
        ],
      })),
      new Set([1, 2, 3, 5]),
      6,
    )}
    ${figures.length > 0 && html`<div class="plots">${figures}</div>`}`;
}

function notes(report: DriftReport): Part {
  const { notCompared, capture } = report;
  return [
    notCompared.length > 0 &&
      html`<p>
        <strong>Not compared</strong>, as the baseline lacks them:
        ${neutral(notCompared.join(', '))}
      </p>`,
    capture !== undefined &&
      html`<p>
        <strong>Data capture:</strong> ${countInWords(capture.rows)} rows of
        ${countInWords(capture.lines)} lines; ${countInWords(capture.unreadableLines)} lines were
        unreadable, ${countInWords(capture.linesWithoutInput)} had no input, and
        ${countInWords(capture.invalid)} rows did not fit the columns.
      </p>`,
  ];
}
