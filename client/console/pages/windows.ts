import type { WindowResult } from '../../../domain/model.js';
import { neutral } from '../../../domain/neutral.js';
import { segmentName } from '../../../domain/stats/segments.js';
import { html, type Html } from '../html.js';
import { distanceMark } from '../marks.js';
import { badge, count, measure, metricName, span, WINDOW_RESULTS, type Tone } from '../words.js';

const SHOWN = 28;

/** One source's windows as a strip, oldest first, with the latest in words. */
export function windowStrip(source: string, windows: readonly WindowResult[]): Html {
  const shown = windows.slice(-SHOWN);
  const latest = shown.at(-1);
  return html`<div class="source">
    <h3>
      ${source}
      ${latest !== undefined && badge(WINDOW_RESULTS[latest.result].words, WINDOW_RESULTS[latest.result].tone)}
    </h3>
    ${
      latest === undefined
        ? html`<p class="soft">No window is complete yet.</p>`
        : html`<ol class="strip" aria-label="Windows of ${source}, oldest first">
              ${shown.map((window) => {
                const { tone, mark, words } = WINDOW_RESULTS[window.result];
                const text = `${span(window.fromMs, window.toMs)}: ${words}. ${window.sentence}`;
                return html`<li class="${tone}" title="${text}">
                  <span role="img" aria-label="${text}">${mark}</span>
                </li>`;
              })}
            </ol>
            <p>${latest.sentence}</p>
            <p class="soft small">
              ${span(latest.fromMs, latest.toMs)}${
                (latest.rows > 0 || !isForeign(latest)) && html`, ${count(latest.rows)} rows`
              }${
                latest.metric !== undefined &&
                html`, ${metricName(latest.metric.name)}
                ${measure(latest.metric.estimate)}${
                  latest.metric.lower !== null &&
                  html` (${measure(latest.metric.lower)} to ${measure(latest.metric.upper)})`
                }`
              }${isForeign(latest) && latest.reportUri !== undefined && html`, report <code>${latest.reportUri}</code>`}
            </p>
            ${segmentList(latest)}`
    }
  </div>`;
}

/** Parts of the window that moved or could not be judged, and how many did not. */
function segmentList({ segments = [] }: WindowResult): Html | null {
  if (segments.length === 0) return null;
  return html`<details class="segments" open>
    <summary>Segments</summary>
    <ul class="small">
      ${segments.map(
        (segment) =>
          html`<li>
            ${neutral(segmentName(segment))}
            ${badge(segment.verdict, COLUMN_TONES[segment.verdict] ?? 'quiet')},
            ${count(segment.rows)} rows
          </li>`,
      )}
    </ul>
  </details>`;
}

/** Reports of other tools may not say of how many rows they are, and hold no pictures of ours. */
export const isForeign = (window: WindowResult): boolean =>
  window.sourceKind !== 'captured-inputs' && window.sourceKind !== 'ground-truth';

/** Columns that moved most, with how far. */
export function columnTable(window: WindowResult): Html | null {
  if (window.columns.length === 0) return null;
  return html`<div class="table">
    <table>
      <thead>
        <tr>
          <th scope="col">Column</th>
          <th scope="col">Moved by</th>
          <th scope="col"><span class="wide">0: same, 1: nothing in common</span></th>
          <th scope="col">Verdict</th>
        </tr>
      </thead>
      <tbody>
        ${window.columns.map((column) => {
          const tone = COLUMN_TONES[column.verdict] ?? 'quiet';
          return html`<tr>
            <th scope="row">${column.name}</th>
            <td class="number">
              ${column.jsDistance === null ? '–' : column.jsDistance.toFixed(2)}
            </td>
            <td>${column.jsDistance !== null && distanceMark(column.jsDistance, tone)}</td>
            <td>${badge(column.verdict, tone)}</td>
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

const COLUMN_TONES: Readonly<Record<string, Tone>> = {
  ok: 'good',
  warn: 'warn',
  drift: 'bad',
  'data quality': 'warn',
};
