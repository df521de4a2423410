import {
  ADVICE,
  countInWords,
  VERDICT_SENTENCES,
  VERDICT_WORDS,
} from '../../domain/drift-words.js';
import { movedTogether, type MultivariateReport } from '../../domain/multivariate.js';
import { neutral } from '../../domain/neutral.js';
import { html, type Part } from './html.js';
import { importancePlot, pairsPlot, statisticPlot } from './multivariate-plots.js';
import { badge, documentOf, factsOf, figure, tableOf, VERDICT_TONES } from './page.js';

const SENTENCES: Readonly<Record<MultivariateReport['verdict'], string>> = {
  ok: 'Taken together, the columns look like those of the reference.',
  warn: 'Taken together, the columns have begun to differ from the reference, not far enough to act.',
  drift:
    'Taken together, the columns are no longer those of the reference, even where each alone looks as ever: the model is asked about combinations that it has seldom seen.',
  insufficient_data: VERDICT_SENTENCES.insufficient_data,
};

/** What was compared, as the person who asked named it. */
export interface MultivariateSources {
  readonly reference: string;
  readonly window: string;
}

/** Whether columns drifted together, as one file to send around, print and read without knowing statistics. */
export async function multivariatePage(
  report: MultivariateReport,
  sources: MultivariateSources,
): Promise<string> {
  const { verdict, limits, statistic, method, seed } = report;
  const tone = VERDICT_TONES[verdict];
  const title = `Columns together: ${neutral(sources.window)}`;
  const isAuc = method === 'domain-classifier';
  return documentOf(
    title,
    html`<h1>${title}</h1>
      <section class="verdict ${tone}">
        ${badge(VERDICT_WORDS[verdict], tone)}
        <p class="lead">${SENTENCES[verdict]}</p>
        <ul>
          ${report.reasons.map((reason) => html`<li>${neutral(reason)}</li>`)}
        </ul>
        <p><strong>What to do:</strong> ${ADVICE[verdict]}</p>
      </section>
      ${factsOf([
        ['Window', neutral(sources.window)],
        ['Rows in it', sampledOf(report.window)],
        ['Reference', neutral(sources.reference)],
        ['Rows in the reference', sampledOf(report.reference)],
        ['Columns looked at', String(report.used)],
        ['Method', isAuc ? 'domain classifier' : 'PCA reconstruction'],
      ])}
      ${
        statistic !== null &&
        html`<h2>
            ${isAuc ? 'How well the two can be told apart' : 'How much worse the usual patterns fit'}
          </h2>
          ${figure(
            await statisticPlot(statistic, limits),
            null,
            'The number with its interval. It is drift when the whole bar lies beyond the limit of drift, and chance would hardly give as much.',
            `The ${isAuc ? 'AUC' : 'shift'} with its interval, next to chance and the limits`,
          )}`
      }
      ${await involved(report)} ${await together(report)} ${leftOut(report)}
      <h2>How this was judged</h2>
      <ul>
        <li>
          ${
            isAuc
              ? 'A classifier was taught to tell rows of the window from rows of the reference, and asked about rows it had not seen (five times, each fifth once). When nothing moved it can only guess: an AUC of 0.5.'
              : 'From half of the reference it was learned which columns move together (the principal components that hold 90 % of the variance). How badly the window fits these patterns is compared with how badly the other half does: 0 is no difference.'
          }
        </li>
        <li>
          Drift is a whole ${percent(statistic?.confidence ?? 0.98)} interval beyond
          ${limits.drift}, with a chance below ${limits.significance}; a warning is the same beyond
          ${limits.warn}. At least ${countInWords(limits.minRows)} rows of either side are needed.
        </li>
        <li>Rows were drawn by seed ${seed}: the same files give the same numbers.</li>
      </ul>
      <h2>What this cannot tell</h2>
      <ul>
        <li>
          Whether the model’s predictions became worse: that takes labels. And why something moved:
          ask the people who know the columns.
        </li>
        <li>
          A number of a row or an instant tells any two files apart: leave such columns out. Many
          rows of one customer on one side look like drift.
        </li>
      </ul>
      <footer>
        Made by modelkeeper. The methods and their limits are described in its documentation,
        docs/drift-report.md, “Columns together”. Nothing in this file is loaded from elsewhere.
      </footer>`,
  );
}

const percent = (share: number): string => `${String(Number((share * 100).toPrecision(4)))} %`;

const sampledOf = ({ rows, sampled }: MultivariateReport['window']): string =>
  rows === sampled ? countInWords(rows) : `${countInWords(sampled)} drawn of ${countInWords(rows)}`;

/** The columns without which the number would be smaller. */
async function involved(report: MultivariateReport): Promise<Part> {
  const { columns, method } = report;
  if (columns.length === 0) return null;
  const isAuc = method === 'domain-classifier';
  return html`<h2>Columns that carry it</h2>
    ${figure(
      await importancePlot(report),
      null,
      isAuc
        ? 'How much worse the two can be told apart without a column.'
        : 'How much of the shift lies in a column.',
      'Bar chart of how much each column contributes',
    )}
    ${tableOf(
      ['Column', isAuc ? 'AUC lost without it' : 'Of the shift', ...(isAuc ? ['AUC alone'] : [])],
      columns.map(({ name, importance, alone }) => ({
        head: neutral(name),
        cells: [importance.toFixed(3), ...(isAuc ? [alone === null ? '–' : alone.toFixed(3)] : [])],
      })),
      new Set([0, 1]),
    )}`;
}

async function together(report: MultivariateReport): Promise<Part> {
  const pairs = movedTogether(report);
  if (pairs.length === 0) return null;
  return html`<h2>Pairs that move together differently</h2>
    ${figure(
      await pairsPlot(pairs),
      null,
      'Rank correlation before (grey) and now (blue): 1 is rising together, −1 is one rising as the other falls, 0 is no relation.',
      'Rank correlations of pairs of columns in the reference and in the window',
    )}
    ${tableOf(
      ['Column', 'And', 'Reference', 'Window'],
      pairs.map(({ of, reference, window }) => ({
        head: neutral(of[0]),
        cells: [neutral(of[1]), reference.toFixed(2), window.toFixed(2)],
      })),
      new Set([1, 2]),
    )}`;
}

function leftOut({ leftOut: columns }: MultivariateReport): Part {
  return columns.length === 0
    ? null
    : html`<h2>Left out</h2>
        ${tableOf(
          ['Column', 'Why'],
          columns.map(({ name, reason }) => ({ head: neutral(name), cells: [neutral(reason)] })),
          new Set(),
        )}`;
}
