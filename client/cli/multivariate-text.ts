import { ADVICE, countInWords, VERDICT_WORDS } from '../../domain/drift-words.js';
import { movedTogether, type MultivariateReport } from '../../domain/multivariate.js';
import { neutral } from '../../domain/neutral.js';
import type { CliContext } from './context.js';
import { table } from './render.js';

type Colors = CliContext['colors'];

const MOST_LEFT_OUT = 10;

/** The verdict with its reasons, the columns most involved, and how it was judged. */
export function multivariateText(colors: Colors, report: MultivariateReport): string {
  const { reference, window, method, columns, leftOut, limits, seed } = report;
  const paint = {
    ok: colors.green,
    warn: colors.yellow,
    drift: colors.red,
    insufficient_data: colors.dim,
  }[report.verdict];
  const sampled = (side: { readonly rows: number; readonly sampled: number }): string =>
    side.sampled === side.rows
      ? `${countInWords(side.rows)} rows`
      : `${countInWords(side.sampled)} of ${countInWords(side.rows)} rows, drawn by seed ${seed}`;
  const together = movedTogether(report);
  const ofAuc = method === 'domain-classifier';
  return [
    [
      `${paint(colors.bold(VERDICT_WORDS[report.verdict].toUpperCase()))}  columns together, by ${method}`,
      ...report.reasons.map((reason) => `  ${reason}`),
      `  window ${sampled(window)}; reference ${sampled(reference)}`,
      ADVICE[report.verdict],
    ].join('\n'),
    table([
      [
        '  COLUMN',
        ofAuc ? 'AUC LOST WITHOUT' : 'OF THE SHIFT',
        ...(ofAuc ? ['AUC ALONE'] : []),
      ].map((one) => colors.dim(one)),
      ...columns.map(({ name, importance, alone }) => [
        `  ${neutral(name)}`,
        importance.toFixed(3),
        ...(ofAuc ? [alone === null ? '–' : alone.toFixed(3)] : []),
      ]),
    ]),
    ...(together.length === 0
      ? []
      : [
          table([
            ['  TOGETHER', 'AND', 'REFERENCE', 'WINDOW'].map((one) => colors.dim(one)),
            ...together.map(({ of, reference: before, window: now }) => [
              `  ${neutral(of[0])}`,
              neutral(of[1]),
              before.toFixed(2),
              now.toFixed(2),
            ]),
          ]),
        ]),
    ...(leftOut.length === 0
      ? []
      : [
          colors.yellow(
            `Left out: ${leftOut
              .slice(0, MOST_LEFT_OUT)
              .map(({ name, reason }) => `${neutral(name)} (${reason})`)
              .join(
                ', ',
              )}${leftOut.length > MOST_LEFT_OUT ? ` and ${leftOut.length - MOST_LEFT_OUT} more` : ''}`,
          ),
        ]),
    `How it was judged: drift when the whole 98 % interval lies beyond ${limits.drift} (a warning beyond ${limits.warn}) and chance is below ${limits.significance}; at least ${limits.minRows} rows on either side.`,
  ].join('\n\n');
}
