/**
 * CloudWatch's statistics: the five plain ones, percentiles (`p99.9`), trimmed and winsorised means, counts and sums
 * (`tm99`, `wm98`, `tc90`, `ts80`, `TM(2%:98%)`, `TM(:500)`), the inter-quartile mean and percentile ranks.
 */
const PERCENT = String.raw`(?:100(?:\.0{1,10})?|\d{1,2}(?:\.\d{1,10})?)`;
const NUMBER = String.raw`-?\d+(?:\.\d+)?`;
const between = (bound: string): string => `(?:${bound}:(?:${bound})?|:${bound})`;

export const STAT_PATTERN = new RegExp(
  [
    '^(?:Average|Sum|Minimum|Maximum|SampleCount|IQM',
    `(?:p|tm|wm|tc|ts)${PERCENT}`,
    String.raw`(?:TM|WM|TC|TS)\((?:${between(`${PERCENT}%`)}|${between(NUMBER)})\)`,
    String.raw`PR\(${between(NUMBER)}\))$`,
  ].join('|'),
);

const PLAIN: ReadonlySet<string> = new Set(['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount']);

/** Whether CloudWatch takes it as `Statistic`; everything else is an `ExtendedStatistic`. */
export const isPlainStat = (stat: string): boolean => PLAIN.has(stat);
