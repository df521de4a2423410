import { countInWords } from '../../domain/drift-words.js';
import { neutral } from '../../domain/neutral.js';
import type {
  Estimate,
  EvaluationChecks,
  EvaluationCurves,
  EvaluationReport,
  GateResult,
  GateVerdict,
} from '../../domain/stats/types.js';
import {
  calibrationPlot,
  precisionRecallPlot,
  rocPlot,
  scorePlot,
  slicesPlot,
} from './evaluation-plots.js';
import { html, type Html, type Part } from './html.js';
import { badge, codeOf, documentOf, factsOf, figure, tableOf, type Tone } from './page.js';
import { metricPlot } from './plots.js';

const WORDS: Readonly<Record<GateVerdict, string>> = {
  pass: 'passes',
  fail: 'fails',
  inconclusive: 'cannot tell',
};
const TONES: Readonly<Record<GateVerdict, Tone>> = {
  pass: 'good',
  fail: 'bad',
  inconclusive: 'warn',
};
const SENTENCES: Readonly<Record<GateVerdict, string>> = {
  pass: 'The candidate keeps every required gate on these rows.',
  fail: 'The candidate breaks a required gate on these rows, or the rows themselves cannot be trusted.',
  inconclusive:
    'These rows are not enough to say whether the candidate keeps every gate. That is no pass.',
};
const ADVICE: Readonly<Record<GateVerdict, string>> = {
  pass: 'It may go to approval. Whether it is deployed is for people to say.',
  fail: 'Do not deploy it. The gates below say what broke and by how much.',
  inconclusive:
    'Judge it again on more rows (the table of gates says how many would do), or let people decide, who know that the evidence is thin.',
};

/** The evaluation as one file to send around, print and read without knowing statistics. */
export async function evaluationPage(report: EvaluationReport, source: string): Promise<string> {
  const title = `Evaluation: ${neutral(source)}`;
  const { verdict } = report;
  return documentOf(
    title,
    html`<h1>${title}</h1>
      <section class="verdict ${TONES[verdict]}">
        ${badge(WORDS[verdict], TONES[verdict])}
        <p class="lead">${SENTENCES[verdict]}</p>
        ${
          report.reasons.length > 0 &&
          html`<ul>
            ${report.reasons.map((reason) => html`<li>${neutral(reason)}</li>`)}
          </ul>`
        }
        <p><strong>What to do:</strong> ${ADVICE[verdict]}</p>
      </section>
      ${facts(report)}
      <h2>Both models</h2>
      ${figure(
        await metricPlot(report.champion, report.candidate),
        null,
        `Each metric with its interval (one-sided ${percent(report.confidence)} on either side), on the same rows.`,
        'Metrics of champion and candidate with intervals',
      )}
      ${metricTable(report)}
      <h2>Gates</h2>
      ${gateTable(report.gates)} ${await slices(report.gates)}
      ${
        report.curves !== undefined &&
        html`<h2>Curves</h2>
          ${await curves(report.curves, 'the held-out rows')}`
      }
      ${await furtherSets(report)}
      <h2>The rows</h2>
      <ul>
        ${checksInWords(report.checks).map((sentence) => html`<li>${neutral(sentence)}</li>`)}
      </ul>
      <h2>How this was judged</h2>
      <ul>
        <li>
          Candidate and champion were scored on the same rows, and their difference was judged, not
          two separate numbers.
        </li>
        <li>
          A gate passes only when the bound of its interval is on the right side of its limit, fails
          when the whole interval is on the wrong side, and otherwise cannot tell.
        </li>
        <li>
          Bounds are one-sided at ${percent(report.confidence)}; slices that are judged together are
          corrected for their number. Bootstraps drew ${countInWords(report.replicates)} times with
          seed ${String(report.seed)}: the same rows give the same numbers.
        </li>
        <li>
          It says how the models did on these rows, not on those to come; and nothing about rows
          whose label is missing.
        </li>
      </ul>
      <footer>
        Made by modelkeeper from ${countInWords(report.rows)} rows of ${neutral(source)}. Nothing in
        this file is loaded from elsewhere.
      </footer>`,
  );
}

const percent = (share: number): string => `${String(Number((share * 100).toPrecision(6)))} %`;
const short = (value: number | null): string =>
  value === null ? '–' : String(Number(value.toPrecision(4)));
const metricName = (metric: string): string => metric.replaceAll('_', ' ');

function facts(report: EvaluationReport): Html {
  const count = (verdict: GateVerdict) =>
    report.gates.filter((gate) => gate.verdict === verdict).length;
  const entries: readonly (readonly [string, string])[] = [
    ['Rows', report.statistics === 'none' ? 'none: metrics alone' : countInWords(report.rows)],
    ...(report.task === 'regression'
      ? []
      : [['Positive', countInWords(report.positives)] as const]),
    ['Champion', report.noBaseline ? 'none: a first model' : 'compared on the same rows'],
    ['Gates passed', String(count('pass'))],
    ['Gates failed', String(count('fail'))],
    ['Cannot tell', String(count('inconclusive'))],
  ];
  return factsOf(entries);
}

const intervalOf = (one: Estimate | undefined): string =>
  one === undefined || one.estimate === null
    ? '–'
    : `${short(one.estimate)} (${short(one.lower)} to ${short(one.upper)})`;

function metricTable({
  champion,
  candidate,
}: Pick<EvaluationReport, 'champion' | 'candidate'>): Html {
  return tableOf(
    ['Metric', 'Champion', 'Candidate'],
    candidate.map((one) => ({
      head: metricName(one.metric),
      cells: [intervalOf(champion?.find(({ metric }) => metric === one.metric)), intervalOf(one)],
    })),
    new Set([0, 1]),
  );
}

/** What there is to say of predictions beside the held-out ones. */
async function furtherSets({ datasets = [] }: EvaluationReport): Promise<Part> {
  const parts: Html[] = [];
  for (const set of datasets) {
    const title = html`<h2>The set ${neutral(set.name)}</h2>`;
    if (set.kind === 'missing') {
      parts.push(
        html`${title}
          <p>It is missing, so that the gates which name it fail: ${neutral(set.reason)}</p>`,
      );
      continue;
    }
    parts.push(
      html`${title}
        ${figure(
          await metricPlot(set.champion, set.candidate),
          null,
          `The same metrics on the ${countInWords(set.rows)} rows of this set.`,
          `Metrics of champion and candidate on the set ${neutral(set.name)} with intervals`,
        )}
        ${metricTable(set)}
        <ul>
          ${checksInWords(set.checks, timesOfFurther(set.checks)).map(
            (sentence) => html`<li>${neutral(sentence)}</li>`,
          )}
        </ul>
        ${set.curves !== undefined && (await curves(set.curves, `the set ${neutral(set.name)}`))}`,
    );
  }
  return parts.length === 0 ? null : html`${parts}`;
}

function gateTable(gates: readonly GateResult[]): Html {
  return tableOf(
    ['Gate', 'Verdict', 'Difference or value', 'Limit', 'Rows', 'Rows wanted', 'Why'],
    gates.map((gate) => ({
      head: [
        neutral(gate.id),
        gate.severity === 'advisory' && html` <span class="soft">(advisory)</span>`,
        gate.dataset !== undefined &&
          html` <span class="soft">on the set ${neutral(gate.dataset)}</span>`,
      ],
      cells: [
        badge(WORDS[gate.verdict], TONES[gate.verdict]),
        gate.lower === null && gate.upper === null
          ? short(gate.delta ?? gate.estimateCandidate)
          : `${short(gate.delta ?? gate.estimateCandidate)} (${short(gate.lower)} to ${short(gate.upper)})`,
        short(gate.margin),
        countInWords(gate.n),
        gate.rowsWanted === null ? '–' : countInWords(gate.rowsWanted),
        [neutral(gate.reason), gate.reasonCode !== undefined && html` ${codeOf(gate.reasonCode)}`],
      ],
    })),
    new Set([1, 2, 3, 4]),
    5,
  );
}

async function slices(gates: readonly GateResult[]): Promise<Part> {
  const groups = new Map<string, GateResult[]>();
  for (const gate of gates) {
    if (gate.slice === null) continue;
    const id = gate.id.slice(0, Math.max(0, gate.id.indexOf('[')));
    groups.set(id, [...(groups.get(id) ?? []), gate]);
  }
  const figures: Html[] = [];
  for (const [id, group] of groups) {
    if (group.every(({ lower, upper }) => lower === null && upper === null)) continue;
    figures.push(
      figure(
        await slicesPlot(group),
        neutral(id),
        `${metricName(group[0]?.metric ?? '')} in each slice with its interval. The dashed line is what the gate allows; slices with too little data for an interval stand in the table only.`,
        `Slices of the gate ${neutral(id)} with intervals`,
      ),
    );
  }
  return figures.length === 0
    ? null
    : html`<h2>Slices</h2>
        <div class="plots">${figures}</div>`;
}

/** The curves of both models on one set of rows. */
async function curves(known: EvaluationCurves, on: string): Promise<Html> {
  const figures = [
    figure(
      await rocPlot(known),
      `Found against false alarms (ROC) on ${on}`,
      'For every threshold: how many positives are found, at the price of how many false alarms. Nearer to the top left is better; the diagonal is guessing.',
      `ROC curves of both models on ${on}`,
    ),
    figure(
      await precisionRecallPlot(known),
      `Right against found (precision and recall) on ${on}`,
      'For every threshold: what share of the rows called positive are, and how many positives are found. Nearer to the top right is better; the dashed line calls every row positive.',
      `Precision and recall of both models on ${on}`,
    ),
    figure(
      await calibrationPlot(known),
      `Calibration on ${on}`,
      'Rows by score, and what share of them came true, with 95 % intervals. On the diagonal a score of 0.8 comes true in 80 of 100.',
      `Calibration of both models with intervals on ${on}`,
    ),
    figure(
      await scorePlot(known.candidate),
      `Scores of the candidate on ${on}`,
      'How the scores of both classes lie: the further apart, the better.',
      `Histogram of the scores of the candidate by class on ${on}`,
    ),
    ...(known.champion === null
      ? []
      : [
          figure(
            await scorePlot(known.champion),
            `Scores of the champion on ${on}`,
            'The same for the model that serves.',
            `Histogram of the scores of the champion by class on ${on}`,
          ),
        ]),
  ];
  return html`<div class="plots">${figures}</div>`;
}

const counted = (n: number, what: string) => `${countInWords(n)} ${what}`;

function timesOfFurther({ rowsBeforeCutoff }: EvaluationChecks): string {
  if (rowsBeforeCutoff === undefined) return 'Its rows may be older than the training data.';
  return rowsBeforeCutoff === null
    ? 'Nobody checked that its rows are from after the training.'
    : counted(rowsBeforeCutoff, 'rows are from before the end of the training data.');
}

const timesOfPresent = ({ rowsOutsideHoldOut }: EvaluationChecks): string =>
  rowsOutsideHoldOut === null
    ? 'No held-out window was given: nobody checked when the rows happened.'
    : counted(rowsOutsideHoldOut, 'rows lie outside of the held-out window.');

function checksInWords(
  checks: EvaluationChecks,
  times = timesOfPresent(checks),
): readonly string[] {
  return [
    checks.duplicateRowIds === null
      ? 'The rows have no ids: repeated rows could not be looked for.'
      : counted(checks.duplicateRowIds, 'row ids occur more than once.'),
    times,
    checks.rowsInTraining === null
      ? 'The training rows are not known: nobody checked for leaks.'
      : counted(checks.rowsInTraining, 'rows were also trained on.'),
    counted(checks.badLabels, 'labels could not be used.'),
    counted(checks.badCandidateScores, 'scores of the candidate could not be used.'),
    counted(checks.badChampionScores, 'scores of the champion could not be used.'),
  ];
}
