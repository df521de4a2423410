/** The console's only style sheet, served from memory at {@link STYLE_PATH}. */
export const STYLE_PATH = '/style.css';

export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #fbfbf9; --card: #ffffff; --ink: #1d2329; --soft: #57606a; --line: #dcdfe3; --track: #eceef0;
  --link: #0a58a8; --focus: #0a58a8;
  --good: #17693a; --good-soft: #e3f3e8; --warn: #855200; --warn-soft: #fcf0d6; --bad: #a8201a; --bad-soft: #fce6e4;
  --quiet: #57606a; --quiet-soft: #eceef0; --active: #0a58a8; --active-soft: #e2eefa;
  --champion: #6b7580; --candidate: #0a58a8;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --card: #1b1f24; --ink: #e6e8ea; --soft: #a3acb5; --line: #343a41; --track: #2a3037;
    --link: #7cb8f5; --focus: #7cb8f5;
    --good: #7fd19a; --good-soft: #17301f; --warn: #eec06b; --warn-soft: #362a12; --bad: #ff9d95; --bad-soft: #3d1b19;
    --quiet: #a3acb5; --quiet-soft: #2a3037; --active: #7cb8f5; --active-soft: #152a40;
    --champion: #98a2ac; --candidate: #7cb8f5;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: 2px; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem 1rem; z-index: 2; }
.top { border-bottom: 1px solid var(--line); background: var(--card); }
.top > div, main, footer { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem; }
.top > div { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; justify-content: space-between; padding-block: .7rem; }
.brand { font-weight: 650; color: var(--ink); text-decoration: none; letter-spacing: -.01em; }
.who { color: var(--soft); font-size: .875rem; }
.crumbs { font-size: .875rem; color: var(--soft); margin: 0; }
.crumbs ol { list-style: none; display: flex; flex-wrap: wrap; gap: 0 .5rem; margin: 0; padding: 0; }
.crumbs li + li::before { content: "/"; margin-right: .5rem; color: var(--line); }
main { padding-top: 1.5rem; padding-bottom: 3rem; }
footer { color: var(--soft); font-size: .8125rem; padding-block: 1rem 2rem; border-top: 1px solid var(--line); }
h1 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -.02em; margin: .4rem 0 .5rem; font-weight: 650; overflow-wrap: anywhere; }
h2 { font-size: 1.125rem; line-height: 1.3; margin: 2.25rem 0 .6rem; font-weight: 650; letter-spacing: -.005em; }
h3 { font-size: .9375rem; margin: 1.25rem 0 .35rem; font-weight: 600; }
p { margin: 0 0 .7rem; max-width: 46rem; overflow-wrap: anywhere; }
.lead { font-size: 1.0625rem; }
.soft { color: var(--soft); }
small, .small { font-size: .875rem; }
ul.plain, ol.plain { list-style: none; margin: 0; padding: 0; }
ul, ol { margin: 0 0 .7rem; padding-left: 1.2rem; max-width: 46rem; }
li { margin: .15rem 0; overflow-wrap: anywhere; }
code, .mono { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.badge {
  display: inline-block; padding: .05rem .55rem; border-radius: 1rem; font-size: .8125rem; font-weight: 600; line-height: 1.5;
  border: 1px solid currentColor; white-space: nowrap; vertical-align: .08em; letter-spacing: 0;
}
.good { color: var(--good); background: var(--good-soft); }
.warn { color: var(--warn); background: var(--warn-soft); }
.bad { color: var(--bad); background: var(--bad-soft); }
.quiet { color: var(--quiet); background: var(--quiet-soft); }
.active { color: var(--active); background: var(--active-soft); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.15rem; margin: 0 0 1rem; }
.card > :last-child { margin-bottom: 0; }
.card h2:first-child, .card h3:first-child { margin-top: 0; }
.note { border-radius: .5rem; padding: .7rem 1rem; margin: 0 0 1rem; border-left: 4px solid currentColor; max-width: 48rem; }
.note p, .note li { color: var(--ink); }
.note > :last-child { margin-bottom: 0; }
.note strong { font-weight: 650; }
.models { display: grid; gap: .9rem; margin: 1.25rem 0; padding: 0; list-style: none; max-width: none; }
.models .card { margin: 0; }
.models h2 { margin: 0 0 .3rem; display: flex; flex-wrap: wrap; gap: .3rem .7rem; align-items: center; }
.models p { margin: 0; }
.table { overflow-x: auto; margin: 0 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
th, td { text-align: left; padding: .5rem .9rem .5rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { font-size: .8125rem; font-weight: 600; color: var(--soft); border-bottom-width: 2px; white-space: nowrap; }
tbody th { font-weight: 600; }
td.number { white-space: nowrap; }
caption { text-align: left; color: var(--soft); font-size: .875rem; padding-bottom: .4rem; }
.interval { color: var(--soft); font-size: .8125rem; font-weight: 400; }
td.number .interval { white-space: nowrap; }
dl.facts { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .35rem 1.25rem; margin: 0 0 1rem; font-size: .9375rem; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
.mark { display: block; width: 100%; min-width: 9rem; max-width: 15rem; height: auto; }
.mark line { stroke-width: 2.5; }
.mark .end { stroke-width: 1.5; }
.mark .champion { stroke: var(--champion); fill: var(--champion); }
.mark .candidate { stroke: var(--candidate); fill: var(--candidate); }
.mark circle { stroke: none; }
.mark.bar, .mark.share { height: .6rem; background: none; margin-top: .45rem; }
.mark .track { fill: var(--track); }
.mark .fill { fill: currentColor; }
.mark.share { color: var(--candidate); }
.key { display: inline-flex; align-items: center; gap: .4rem; }
.key::before { content: ""; width: .65rem; height: .65rem; border-radius: 50%; background: currentColor; }
.key.champion { color: var(--champion); } .key.candidate { color: var(--candidate); }
.stages { list-style: none; display: grid; grid-template-columns: repeat(5, 1fr); gap: .35rem; margin: 1rem 0 1.25rem; padding: 0; max-width: none; }
.stages li { border-top: 4px solid var(--line); padding-top: .4rem; font-size: .875rem; color: var(--soft); margin: 0; overflow-wrap: normal; }
.stages li.done { border-color: var(--good); color: var(--ink); }
.stages li.now { border-color: var(--active); color: var(--active); font-weight: 650; }
.stages li.stopped { border-color: var(--bad); color: var(--bad); font-weight: 650; }
.stages small { display: block; font-weight: 400; color: var(--soft); }
.source { margin: 0 0 1.1rem; }
.source h3 { margin: 0 0 .3rem; }
.source p { margin: 0; font-size: .9375rem; }
.strip { list-style: none; display: flex; flex-wrap: wrap; gap: 3px; margin: 0 0 .35rem; padding: 0; max-width: none; }
.strip li { margin: 0; width: 1.6rem; height: 1.6rem; display: grid; place-items: center; border-radius: 4px; font-size: .8125rem; font-weight: 700; cursor: default; }
.strip li:last-child { outline: 2px solid currentColor; outline-offset: 1px; }
.timeline { list-style: none; padding: 0; margin: 0 0 1rem; max-width: 52rem; font-size: .9375rem; }
.timeline li { display: grid; grid-template-columns: 5.25rem 1fr; gap: .75rem; padding: .2rem 0; margin: 0; }
.timeline .day { display: block; font-weight: 600; color: var(--soft); font-size: .8125rem; padding-top: .7rem; }
.timeline time { color: var(--soft); }
.columns { display: grid; gap: 0 2.5rem; }
.columns > * { min-width: 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 0 0 1rem; }
figcaption { color: var(--soft); font-size: .875rem; margin-top: .3rem; max-width: 46rem; }
figure img { display: block; max-width: 100%; height: auto; background: #fff; border: 1px solid var(--line); border-radius: .4rem; padding: .5rem; }
form label { display: block; font-weight: 600; margin-bottom: .3rem; }
textarea {
  width: 100%; min-height: 6rem; font: inherit; color: var(--ink); background: var(--page); border: 1px solid var(--soft);
  border-radius: .4rem; padding: .5rem .7rem; resize: vertical;
}
.buttons { display: flex; flex-wrap: wrap; gap: .6rem; margin-top: .8rem; }
button { font: inherit; font-weight: 650; border-radius: .4rem; padding: .6rem 1.2rem; min-height: 2.75rem; cursor: pointer; border: 1px solid; flex: 1 1 auto; }
button.approve { background: var(--good); color: var(--page); border-color: var(--good); }
button.reject { background: transparent; color: var(--bad); border-color: var(--bad); }
button:hover { filter: brightness(1.08); }
.call { display: inline-block; font-weight: 650; background: var(--active); color: var(--page); text-decoration: none; padding: .5rem 1rem; border-radius: .4rem; }
.todecide { margin-bottom: 1rem; }
details { margin: 0 0 1rem; }
summary { cursor: pointer; font-weight: 600; color: var(--link); padding: .25rem 0; }
aside dl.facts { grid-template-columns: 1fr; gap: 0; }
aside dl.facts dt { font-size: .8125rem; }
aside dl.facts dd { margin-bottom: .55rem; }
@media (min-width: 60rem) {
  .columns { grid-template-columns: minmax(0, 1fr) 21rem; }
  .columns > aside#decide { position: sticky; top: 1rem; align-self: start; max-height: calc(100vh - 2rem); overflow-y: auto; }
  .todecide { display: none; }
}
@media (max-width: 40rem) {
  h1 { font-size: 1.4rem; }
  main, .top > div, footer { padding-inline: 1rem; }
  dl.facts { grid-template-columns: 1fr; gap: 0; }
  dl.facts dd { margin-bottom: .55rem; }
  .timeline li { grid-template-columns: 4.6rem 1fr; gap: .5rem; }
  .stages { gap: .2rem; }
  .stages li { font-size: .75rem; letter-spacing: -.01em; }
  .stages small { display: none; }
  .wide { display: none; }
  figure.long a { display: block; overflow-x: auto; }
  figure.long img { max-width: none; width: 44rem; }
  table.stack caption { display: block; }
  .mark { min-width: 0; }
  th, td { padding-right: .6rem; }
  table.stack thead { position: absolute; left: -100rem; }
  table.stack, table.stack tbody, table.stack tr, table.stack th, table.stack td { display: block; width: 100%; }
  table.stack tr { border-bottom: 1px solid var(--line); padding: .6rem 0; }
  table.stack th, table.stack td { border: 0; padding: .1rem 0; }
  table.stack td[data-label]::before { content: attr(data-label) ": "; color: var(--soft); font-size: .8125rem; }
}
@media print {
  :root { color-scheme: light; --page: #fff; --card: #fff; --ink: #000; --soft: #444; }
  .top, footer, form, .skip, .todecide, .call { display: none; }
  body { font-size: 10.5pt; }
  .columns { display: block; }
  .columns > aside { position: static; max-height: none; overflow: visible; }
  details > :not(summary) { display: block; }
  details::details-content { content-visibility: visible; }
  h2, h3 { break-after: avoid; }
  .card, tr, figure, .note { break-inside: avoid; }
}
@media (prefers-reduced-motion: no-preference) { button { transition: filter .1s; } }
`.trimStart();
