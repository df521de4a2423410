import type { Evaluation, GateSummary, MetricInterval } from '../../../domain/model.js';
import { html, type Html } from '../html.js';
import { intervalMark } from '../marks.js';
import { releasePath } from './layout.js';
import { badge, count, difference, lowerIsBetter, measure, metricName } from '../words.js';

/** Champion against candidate, metric by metric, on the same rows. */
export function metricTable(evaluation: Evaluation): Html {
  return html`${sideBySide(
    evaluation,
    `Both judged on the same ${count(evaluation.rows)} held-out rows. Beneath each number: the range in which it may lie, as far as these rows can tell.`,
  )}
  ${(evaluation.datasets ?? []).map((set) =>
    sideBySide(set, `Both on the same ${count(set.rows)} rows of the set ${set.name}.`),
  )}`;
}

function sideBySide(of: Pick<Evaluation, 'champion' | 'candidate'>, caption: string): Html {
  const champions = new Map(of.champion.map((interval) => [interval.metric, interval]));
  return html`<div class="table">
    <table class="stack">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          <th scope="col">Metric</th>
          <th scope="col"><span class="key champion">Champion</span></th>
          <th scope="col"><span class="key candidate">Candidate</span></th>
          <th scope="col">Side by side</th>
        </tr>
      </thead>
      <tbody>
        ${of.candidate.map((candidate) => {
          const champion = champions.get(candidate.metric);
          return html`<tr>
            <th scope="row">
              ${metricName(candidate.metric)}${
                lowerIsBetter(candidate.metric) &&
                html` <span class="interval">lower is better</span>`
              }
            </th>
            <td class="number" data-label="Champion">${estimate(champion)}</td>
            <td class="number" data-label="Candidate">${estimate(candidate)}</td>
            <td>${intervalMark(champion, candidate)}</td>
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

function estimate(interval: MetricInterval | undefined): Html {
  if (interval === undefined) return html`<span class="soft">not measured</span>`;
  const { lower, upper } = interval;
  return html`${measure(interval.estimate)}${
    lower !== null &&
    upper !== null &&
    html`<br /><span class="interval">${measure(lower)} to ${measure(upper)}</span>`
  }`;
}

/** Picture of a release's evaluation. */
export const evaluationPlotPath = (model: string, release: number, name: string): string =>
  `${releasePath(model, release)}/evaluation/${encodeURIComponent(name)}.svg`;

/** Only these models' scores are probabilities of a class: ROC and calibration are about them. */
const OF_CLASSES = 'roc_auc';

const CURVES = [
  ['roc', 'Found against false alarms (ROC): nearer to the top left is better.'],
  [
    'precision-recall',
    'Right when it says so against found (precision and recall): nearer to the top right is better.',
  ],
  ['calibration', 'Calibration: on the diagonal, a score of 0.8 comes true in 80 of 100.'],
  ['scores', 'Scores of the candidate for both classes: the further apart, the better.'],
] as const;

/** The curves of both models, and the slices of gates with their intervals. */
export function evaluationPlots(
  { candidate, gates, datasets = [] }: Evaluation,
  model: string,
  release: number,
): Html | null {
  const isClassifier = candidate.some(({ metric }) => metric === OF_CLASSES);
  const sliced = new Set(
    gates
      .filter(({ id, lower }) => id.includes('[') && lower !== null)
      .map(({ id }) => id.slice(0, id.indexOf('['))),
  );
  const pictures = [
    ...(isClassifier ? CURVES : []),
    ...(isClassifier ? datasets : []).flatMap(({ name: set }) =>
      CURVES.map(([name, words]) => [ofSet(set, name), `On the set ${set}. ${words}`] as const),
    ),
    ...[...sliced].map(
      (id) => [`slices-${id}`, `Slices of the gate ${id}, with intervals.`] as const,
    ),
  ];
  if (pictures.length === 0) return null;
  return html`<details class="pictures">
    <summary>Curves and slices</summary>
    <div class="plots">
      ${pictures.map(([name, words]) => {
        const path = evaluationPlotPath(model, release, name);
        return html`<figure>
          <a href="${path}"><img src="${path}" alt="${words}" loading="lazy" /></a>
          <figcaption>${words}</figcaption>
        </figure>`;
      })}
    </div>
  </details>`;
}

/** Name of the picture of a further set of predictions. */
const ofSet = (set: string, name: string): string => `set-${set}-${name}`;

/** Every gate with its verdict, the difference it judged, and why. */
export function gateTable(gates: readonly GateSummary[]): Html {
  if (gates.length === 0) return html`<p class="soft">The policy asks for no gates.</p>`;
  return html`<div class="table">
    <table class="stack">
      <thead>
        <tr>
          <th scope="col">Gate</th>
          <th scope="col">Verdict</th>
          <th scope="col">Why</th>
        </tr>
      </thead>
      <tbody>
        ${gates.map(
          (gate) =>
            html`<tr>
              <th scope="row">
                ${gate.id}<br /><span class="interval"
                  >${metricName(gate.metric)}, ${gate.kind.replaceAll('_', ' ')},
                  ${gate.severity}${gate.dataset !== undefined && `, on the set ${gate.dataset}`}</span
                >
              </th>
              <td>${badge(gate.verdict)}</td>
              <td>
                ${gate.reason}${
                  gate.reasonCode !== undefined &&
                  html` <code class="soft" title="reasonCode in JSON">${gate.reasonCode}</code>`
                }${
                  gate.delta !== null &&
                  html`<br /><span class="interval"
                      >difference
                      ${difference(gate.delta)}${
                        gate.lower !== null &&
                        gate.upper !== null &&
                        `, between ${difference(gate.lower)} and ${difference(gate.upper)}`
                      },
                      ${count(gate.n)} rows</span
                    >`
                }
              </td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
