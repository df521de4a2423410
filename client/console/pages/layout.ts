import type { TimelineEntry } from '../../../domain/status.js';
import type { PendingWork } from '../../replies.js';
import { html, type Html, type Part } from '../html.js';
import { STYLE_PATH } from '../style.js';
import type { Person } from '../who.js';
import { capitalised, clock, day, instant, when } from '../words.js';

/** What every page knows beside its own matter. */
export interface View {
  readonly nowMs: number;
  /** `null` where nobody was recognised. */
  readonly person: Person | null;
  /** Base address of the Temporal Web UI, without a slash at its end. */
  readonly webUi: string | null;
  readonly namespace: string;
}

export interface Crumb {
  readonly label: string;
  readonly href: string;
}

export interface Page {
  readonly title: string;
  readonly crumbs: readonly Crumb[];
  /** Seconds after which the browser asks again; `null` for pages on which people write. */
  readonly refreshSeconds: number | null;
  readonly body: Html;
}

export function document(view: View, page: Page): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${page.title} · modelkeeper</title>
        ${page.refreshSeconds !== null && html`<meta http-equiv="refresh" content="${page.refreshSeconds}" />`}
        <link rel="stylesheet" href="${STYLE_PATH}" />
        <link rel="icon" href="data:," />
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header class="top">
          <div>
            <a class="brand" href="/">modelkeeper</a>
            ${view.person !== null && html`<span class="who">You are <strong>${view.person.name}</strong>, ${view.person.known}</span>`}
          </div>
        </header>
        <main id="main">
          ${
            page.crumbs.length > 0 &&
            html`<nav class="crumbs" aria-label="Where you are">
              <ol>
                ${page.crumbs.map((crumb) => html`<li><a href="${crumb.href}">${crumb.label}</a></li>`)}
              </ol>
            </nav>`
          }
          ${page.body}
        </main>
        <footer>
          As of ${clock(view.nowMs)} UTC,
          ${day(view.nowMs)}.${page.refreshSeconds !== null && ` This page asks again every ${String(page.refreshSeconds)} seconds.`}
        </footer>
      </body>
    </html> `.markup;
}

export const MODELS: Crumb = { label: 'Models', href: '/' };

export function modelPath(model: string): string {
  return `/models/${encodeURIComponent(model)}`;
}

export function releasePath(model: string, release: number): string {
  return `${modelPath(model)}/releases/${String(release)}`;
}

export function approvePath(model: string, release: number): string {
  return `${releasePath(model, release)}/approve`;
}

/** Link to an execution in the Temporal Web UI; plain words when its address is not known. */
export function workflowLink(view: View, workflowId: string): Html {
  if (view.webUi === null) return html`<code>${workflowId}</code>`;
  const href = `${view.webUi}/namespaces/${encodeURIComponent(view.namespace)}/workflows/${encodeURIComponent(workflowId)}`;
  return html`<a href="${href}">Temporal: <code>${workflowId}</code></a>`;
}

/** A note in a coloured frame that begins with its point. */
export function note(tone: string, point: string, ...rest: readonly Part[]): Html {
  return html`<div class="note ${tone}">
    <p><strong>${point}</strong></p>
    ${rest}
  </div>`;
}

/** The workflow's own answer is missing: what is shown comes from Temporal alone. */
export function unansweredNote(unanswered: string | null): Html | null {
  return unanswered === null
    ? null
    : note(
        'warn',
        'The workflow itself does not answer.',
        html`<p>
          ${capitalised(unanswered)}. What is shown here is what Temporal knows without it. Nothing
          is lost; it goes on when a worker runs.
        </p>`,
      );
}

/** Newest first, under the day each line belongs to. */
export function timeline(entries: readonly TimelineEntry[], limit = 40): Html {
  if (entries.length === 0) return html`<p class="soft">Nothing yet.</p>`;
  const shown = entries.slice(-limit).reverse();
  const lines = shown.map((entry, index) => {
    const heading = day(entry.atMs);
    const before = shown[index - 1];
    const first = before === undefined || day(before.atMs) !== heading;
    return html`${first && html`<li class="day">${heading}</li>`}
      <li>
        <time datetime="${new Date(entry.atMs).toISOString()}">${clock(entry.atMs)}</time
        ><span>${entry.what}</span>
      </li>`;
  });
  return html`<ol class="timeline">
      ${lines}
    </ol>
    ${
      entries.length > limit &&
      html`<p class="soft small">
        ${entries.length - limit} earlier lines are left out; the ledger has them all.
      </p>`
    }`;
}

const PENDING_WORDS: Readonly<Record<PendingWork['state'], string>> = {
  running: 'is running',
  scheduled: 'waits for a worker',
  'waiting for the next attempt': 'will be tried again',
  cancelling: 'is being cancelled',
  paused: 'is paused in Temporal',
};

/** Work the workflow waits for, with what went wrong last. A quiet look is no failure. */
export function pendingList(view: View, pending: readonly PendingWork[]): Html | null {
  if (pending.length === 0) return null;
  return html`<ul class="plain">
    ${pending.map((work) => {
      const failed = work.lastFailure !== null && !work.benign;
      return html`<li class="${failed ? 'note bad' : ''}">
        <p>
          ${
            failed
              ? html`<strong
                  ><code>${work.activity}</code> failed and ${PENDING_WORDS[work.state]}.</strong
                >`
              : html`<code>${work.activity}</code>
                  ${work.benign ? 'looks again' : PENDING_WORDS[work.state]}`
          }
          ${work.attempt > 1 && !work.benign && html`<span class="soft">Attempt ${work.attempt}${work.maximumAttempts > 0 && ` of ${String(work.maximumAttempts)}`}.</span> `}${
            work.nextAttemptAtMs !== null &&
            work.nextAttemptAtMs > view.nowMs &&
            html`<span class="soft"
              >${work.benign ? '' : 'Next attempt '}${when(work.nextAttemptAtMs, view.nowMs)}.</span
            >`
          }
        </p>
        ${work.lastFailure !== null && html`<p class="small">${work.lastFailure}</p>`}
      </li>`;
    })}
  </ul>`;
}

/** What is waited for and until when; `null` when nothing is. */
export function waiting(view: View, awaiting: string | null, untilMs: number | null): Html | null {
  return awaiting === null
    ? null
    : html`<p class="lead">
        Waits for ${awaiting}${untilMs !== null && html`, until ${instant(untilMs, view.nowMs)}`}.
      </p>`;
}

export function reasonsList(reasons: readonly string[]): Html | null {
  if (reasons.length === 0) return null;
  return html`<ul>
    ${reasons.map((reason) => html`<li>${capitalised(reason)}</li>`)}
  </ul>`;
}
