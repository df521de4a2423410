import type { Trigger, WindowResult } from '../../../domain/model.js';
import { html, type Html } from '../html.js';
import { badge, count, proofInWords, span, WINDOW_RESULTS } from '../words.js';
import { reasonsList, releasePath } from './layout.js';
import { columnTable, isForeign } from './windows.js';

const KINDS: Readonly<Record<Trigger['kind'], string>> = {
  drift: 'The inputs drifted',
  performance: 'The model got worse',
  schedule: 'The schedule said so',
  manual: 'Somebody asked for it',
};

/** Picture of one column's values in the baseline and in a window. */
export function columnPlotPath(
  model: string,
  release: number,
  window: number,
  column: string,
): string {
  return `${releasePath(model, release)}/windows/${String(window)}/columns/${encodeURIComponent(column)}.svg`;
}

const PICTURED_COLUMNS = 3;

/** Why a release was wanted: the windows that confirmed it, and what moved in the latest of each source. */
export function triggerSection(trigger: Trigger, model: string, release: number): Html {
  return html`<h2>Why it was started</h2>
    <p>
      <strong>${KINDS[trigger.kind]}.</strong> Asked for by ${trigger.by.person}
      (${proofInWords(trigger.by.proof)}).
    </p>
    ${reasonsList(trigger.reasons)}
    ${trigger.windows.map(
      (window, index) =>
        html`<h3>
            ${window.source}, ${span(window.fromMs, window.toMs)}
            ${badge(WINDOW_RESULTS[window.result].words, WINDOW_RESULTS[window.result].tone)}
          </h3>
          <p>${window.sentence} ${rowsOrReport(window)}</p>
          ${
            isLatest(trigger.windows, index) && [
              columnTable(window),
              distributions(window, model, release, index),
            ]
          }`,
    )}`;
}

/** What the sentence does not say already. */
function rowsOrReport(window: WindowResult): Html | null {
  const rows = `${count(window.rows)} rows`;
  if (window.sentence.endsWith(rows)) return null;
  return isForeign(window)
    ? html`<span class="soft">Report <code>${window.reportUri ?? 'unknown'}</code>.</span>`
    : html`<span class="soft">${rows}.</span>`;
}

function isLatest(windows: readonly WindowResult[], index: number): boolean {
  return windows.slice(index + 1).every((later) => later.source !== windows[index]?.source);
}

function distributions(
  window: WindowResult,
  model: string,
  release: number,
  index: number,
): Html | null {
  const moved = window.columns.filter((column) => column.verdict !== 'ok');
  if (window.reportUri === undefined || moved.length === 0 || isForeign(window)) return null;
  return html`<div class="plots">
    ${moved.slice(0, PICTURED_COLUMNS).map(
      ({ name }) =>
        html`<figure>
          <a href="${columnPlotPath(model, release, index, name)}"
            ><img
              src="${columnPlotPath(model, release, index, name)}"
              alt="Values of ${name}: what the champion was trained on, and this window"
              loading="lazy"
          /></a>
          <figcaption>${name}: what the champion was trained on, and this window.</figcaption>
        </figure>`,
    )}
  </div>`;
}
