/**
 * Small marks that stand in table cells. Drawn in the page itself so that they follow its colours, dark mode and
 * print; each is hidden from screen readers because the numbers stand beside it.
 */
import type { MetricInterval } from '../../domain/model.js';
import { html, type Html } from './html.js';

const WIDTH = 240;
const PAD = 8;

/** Where values fall on a mark, in its own units: a little wider than what is shown. */
function scale(values: readonly number[]): (value: number) => number {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const margin = high === low ? Math.max(Math.abs(low) * 0.05, 0.01) : 0;
  const from = low - margin;
  const reach = high + margin - from;
  return (value) => Math.round((PAD + ((value - from) / reach) * (WIDTH - 2 * PAD)) * 10) / 10;
}

/** Champion above candidate, each a dot in its interval, on one scale; `null` when there is nothing to draw. */
export function intervalMark(
  champion: MetricInterval | undefined,
  candidate: MetricInterval,
): Html | null {
  const rows = [
    { who: 'champion', y: 11, interval: champion },
    { who: 'candidate', y: 27, interval: candidate },
  ];
  const values = rows.flatMap(({ interval }) =>
    [interval?.lower, interval?.estimate, interval?.upper].filter(
      (value) => value !== undefined && value !== null,
    ),
  );
  if (values.length === 0) return null;
  const x = scale(values);
  return html`<svg class="mark" viewBox="0 0 ${WIDTH} 38" aria-hidden="true" focusable="false">
    ${rows.map(({ who, y, interval }) => {
      const { lower = null, estimate = null, upper = null } = interval ?? {};
      return html`<g class="${who}"
        >${
          lower !== null &&
          upper !== null &&
          html`<line x1="${x(lower)}" x2="${x(upper)}" y1="${y}" y2="${y}" /><line
              class="end"
              x1="${x(lower)}"
              x2="${x(lower)}"
              y1="${y - 4}"
              y2="${y + 4}"
            /><line class="end" x1="${x(upper)}" x2="${x(upper)}" y1="${y - 4}" y2="${y + 4}" />`
        }${estimate !== null && html`<circle cx="${x(estimate)}" cy="${y}" r="5" />`}</g
      >`;
    })}
  </svg>`;
}

/** How far a column moved: a bar from 0 to 1, the range of the Jensen–Shannon distance. */
export function distanceMark(distance: number, tone: string): Html {
  const length = Math.round(Math.min(Math.max(distance, 0), 1) * WIDTH * 10) / 10;
  return html`<svg
    class="mark bar ${tone}"
    viewBox="0 0 ${WIDTH} 12"
    preserveAspectRatio="none"
    aria-hidden="true"
    focusable="false"
  >
    <rect class="track" width="${WIDTH}" height="12" rx="2" />
    <rect class="fill" width="${length}" height="12" rx="2" />
  </svg>`;
}

/** Shares of the fleet that carry the new version, step by step. */
export function shareMark(percent: number): Html {
  return html`<svg
    class="mark share"
    viewBox="0 0 ${WIDTH} 12"
    preserveAspectRatio="none"
    aria-hidden="true"
    focusable="false"
  >
    <rect class="track" width="${WIDTH}" height="12" rx="2" />
    <rect class="fill" width="${Math.round((percent / 100) * WIDTH)}" height="12" rx="2" />
  </svg>`;
}
