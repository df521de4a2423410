import type { VerdictToken } from '../../domain/drift-report.js';
import { html, Html, type Part } from './html.js';

/** No script runs, nothing is fetched: the page is whole by itself and safe to send around. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

const STYLE = `
:root { color-scheme: light; --ink: #1d2329; --soft: #57606a; --line: #dcdfe3; --good: #17693a; --warn: #855200; --bad: #a8201a; --quiet: #57606a; }
*, *::before, *::after { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 66rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; }
h1 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -.02em; margin: 0 0 .4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 0 0 .2rem; overflow-wrap: anywhere; }
p, li { max-width: 46rem; overflow-wrap: anywhere; }
p { margin: 0 0 .6rem; }
ul { margin: 0 0 .8rem; padding-left: 1.2rem; }
.soft { color: var(--soft); } .code { color: var(--soft); font: .75rem ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: nowrap; } .small { font-size: .875rem; }
.verdict { border-left: .4rem solid var(--quiet); padding: .9rem 1.1rem; background: #f6f7f8; margin: 0 0 1.2rem; }
.verdict .lead { font-size: 1.1rem; margin: .2rem 0 .5rem; }
.verdict.good { border-color: var(--good); background: #eef7f1; } .verdict.warn { border-color: #c98500; background: #fdf6e7; } .verdict.bad { border-color: var(--bad); background: #fdf0ef; }
.verdict p:last-child, .verdict ul:last-child { margin-bottom: 0; }
.badge { display: inline-block; padding: 0 .5rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .8125rem; font-weight: 600; white-space: nowrap; }
.badge.good { color: var(--good); } .badge.warn { color: var(--warn); } .badge.bad { color: var(--bad); } .badge.quiet { color: var(--quiet); }
.facts { display: flex; flex-wrap: wrap; gap: .4rem 2rem; margin: 0 0 1rem; padding: 0; }
.facts div { min-width: 8rem; } .facts dt { color: var(--soft); font-size: .8125rem; } .facts dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 28rem), 1fr)); gap: 1.2rem; }
figure { margin: 0; border: 1px solid var(--line); border-radius: .4rem; padding: .8rem; break-inside: avoid; min-width: 0; }
figure.plain { border: 0; padding: 0; }
figure svg { display: block; max-width: 100%; height: auto; margin-top: .4rem; }
.plot { overflow-x: auto; }
figcaption { font-size: .875rem; color: var(--soft); overflow-wrap: anywhere; }
.table, .plots { margin: .8rem 0; } .table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 9rem; max-width: 16rem; }
td.number, th.number { text-align: right; white-space: nowrap; }
td.why { min-width: 14rem; overflow-wrap: anywhere; }
footer { color: var(--soft); font-size: .8125rem; margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .6rem; }
@media (max-width: 40rem) { .plot svg { max-width: none; min-width: 100%; width: auto; max-height: 24rem; } main { padding: 1rem .8rem 2rem; } h1 { font-size: 1.4rem; } }
@media print {
  @page { margin: 14mm; }
  body { font-size: 10pt; } main { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; } tr, figure, .verdict { break-inside: avoid; } thead { display: table-header-group; }
  .plots { grid-template-columns: 1fr 1fr; gap: .6rem; } .table, .plot { overflow: visible; } table { font-size: 7.5pt; } thead th { white-space: normal; } .table .badge { font-size: 6.5pt; padding: 0 .3rem; } th, td { padding-right: .4rem; } tbody th { min-width: 7.2rem; } td.why { min-width: 0; } td.number { white-space: normal; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
`;

/** One self-contained document. */
export function documentOf(title: string, body: Part): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <title>${title}</title>
        <style>
          ${new Html(STYLE)}
        </style>
      </head>
      <body>
        <main>${body}</main>
      </body>
    </html> `.markup;
}

/** A plot with what it shows in words. */
export function figure(svg: string, title: Part, caption: Part, label: string): Html {
  return html`<figure>
    ${title !== null && title !== '' && html`<h3>${title}</h3>`}
    <figcaption>${caption}</figcaption>
    <div class="plot">${new Html(labelled(svg, label))}</div>
  </figure>`;
}

/** What a screen reader says of the picture; its own parts are numbers that stand in the tables. */
function labelled(svg: string, label: string): string {
  return svg.replace('<svg ', html`<svg role="img" aria-label="${label}" `.markup);
}

export type Tone = 'good' | 'warn' | 'bad' | 'quiet';

/** How verdicts about data look. */
export const VERDICT_TONES: Readonly<Record<VerdictToken, Tone>> = {
  ok: 'good',
  warn: 'warn',
  drift: 'bad',
  data_quality: 'warn',
  insufficient_data: 'quiet',
};

export const badge = (words: string, tone: Tone): Html =>
  html`<span class="badge ${tone}">${words}</span>`;

/** A word for programs, as it stands in JSON, beside a sentence for people. */
export const codeOf = (code: string): Html =>
  html`<code class="code" title="reasonCode in JSON">${code}</code>`;

export interface Cells {
  readonly head: Part;
  readonly cells: readonly Part[];
}

/** A table whose first column names the row. `numbers` are the columns, from 0 after the first, that hold numbers. */
export function tableOf(
  titles: readonly string[],
  rows: readonly Cells[],
  numbers: ReadonlySet<number>,
  why?: number,
): Html {
  return html`<div class="table">
    <table>
      <thead>
        <tr>
          ${titles.map((title, i) => html`<th scope="col" class="${numbers.has(i - 1) ? 'number' : ''}">${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ head, cells }) =>
            html`<tr>
              <th scope="row">${head}</th>
              ${cells.map((cell, i) => html`<td class="${numbers.has(i) ? 'number' : i === why ? 'why' : ''}">${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** Names with their values, side by side. */
export function factsOf(entries: readonly (readonly [name: string, value: string])[]): Html {
  return html`<dl class="facts">
    ${entries.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}
