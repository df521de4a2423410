import { html } from '../html.js';
import { capitalised } from '../words.js';
import { MODELS, type Page } from './layout.js';

/** A page that could not be shown, said in words. */
export function problemPage(problem: {
  readonly title: string;
  readonly sentence: string;
  /** What a person can do; `null` when there is nothing. */
  readonly remedy: string | null;
  /** Asks again by itself: for problems that pass. */
  readonly refreshSeconds: number | null;
}): Page {
  return {
    title: problem.title,
    crumbs: [MODELS],
    refreshSeconds: problem.refreshSeconds,
    body: html`<h1>${problem.title}</h1>
      <p class="lead">${capitalised(problem.sentence)}.</p>
      ${problem.remedy !== null && html`<p>${problem.remedy}</p>`}`,
  };
}
