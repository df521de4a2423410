/** What of CloudWatch's metric math a policy may use, and how its ids are told from functions and words. */

const TOKEN = /"[^"]*"|'[^']*'|[A-Za-z_][A-Za-z0-9_]*/g;
const WORDS: ReadonlySet<string> = new Set(['AND', 'OR', 'NOT', 'REPEAT', 'LINEAR']);

/** Functions that give one series or number out of those that are named. */
const FUNCTIONS: ReadonlySet<string> = new Set([
  'ABS',
  'AVG',
  'CEIL',
  'DATAPOINT_COUNT',
  'DATE',
  'DAY',
  'DIFF',
  'DIFF_TIME',
  'EPOCH',
  'FILL',
  'FIRST',
  'FLOOR',
  'HOUR',
  'IF',
  'LAST',
  'LOG',
  'LOG10',
  'MAX',
  'METRIC_COUNT',
  'MIN',
  'MINUTE',
  'MONTH',
  'PERIOD',
  'RATE',
  'RUNNING_SUM',
  'STDDEV',
  'SUM',
  'TIME_SERIES',
  'YEAR',
]);

/** Functions that exist and cannot be used here, and what to do instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ANOMALY_DETECTION_BAND:
    'make an alarm with anomaly detection and name it in a source of kind alarms',
  INSIGHT_RULE_METRIC: 'its reads cannot be shared among models',
  METRICS: 'the metrics of many models are read in one call: name the ones that are meant',
  SEARCH: 'name the metrics that are meant',
  SERVICE_QUOTA: 'write the quota as a number',
};

export const MATH_ID = /^[a-z][a-zA-Z0-9_]{0,31}$/;

/** What is wrong with an expression over metrics of these ids, in words; empty when nothing is. */
export function mathFaults(expression: string, ids: readonly string[]): readonly string[] {
  const faults: string[] = [...formFaults(expression)];
  const used = new Set<string>();
  for (const match of expression.matchAll(TOKEN)) {
    const word = match[0];
    if (/^["']/.test(word)) continue;
    const called = /^\s*\(/.test(expression.slice(match.index + word.length));
    const upper = word.toUpperCase();
    if (called && !WORDS.has(upper)) {
      const instead = ELSEWHERE[upper];
      if (instead !== undefined) faults.push(`${upper} cannot be used here: ${instead}`);
      else if (!FUNCTIONS.has(upper)) faults.push(`there is no function ${word}`);
    } else if (WORDS.has(upper)) continue;
    else if (ids.includes(word)) used.add(word);
    else
      faults.push(
        `the expression names ${word}, and there is no such metric under metrics: ${ids.join(', ')}`,
      );
  }
  for (const id of ids)
    if (!used.has(id)) faults.push(`the expression does not use ${id}: take it off metrics`);
  return faults;
}

const CLOSED_BY: Readonly<Record<string, string>> = { '(': ')', '[': ']' };

/** What CloudWatch would refuse whatever the metrics are; it says it at each look, of a call that many models share. */
function formFaults(expression: string): readonly string[] {
  const bare = expression.replaceAll(/"[^"]*"|'[^']*'/g, '0');
  const foreign = /[^\w\s+\-*/^()[\],.<>=!&|"']/.exec(bare)?.[0];
  const dangling = /([-+*/^<>=&|,([])\s*(?:$|[)\]])/.exec(bare.replaceAll(/\(\s*\)/g, ''))?.[1];
  return [
    ...(/["']/.test(bare) ? ['a text in the expression has no second quotation mark'] : []),
    ...(foreign === undefined ? [] : [`${foreign} is no sign of metric math`]),
    ...(isPaired(bare) ? [] : ['the brackets of the expression are not in pairs']),
    ...(dangling === undefined ? [] : [`something is missing after ${dangling}`]),
  ];
}

function isPaired(text: string): boolean {
  const open: string[] = [];
  for (const sign of text.match(/[()[\]]/g) ?? []) {
    const closing = CLOSED_BY[sign];
    if (closing !== undefined) open.push(closing);
    else if (open.pop() !== sign) return false;
  }
  return open.length === 0;
}

/** The same expression with its ids renamed: expressions of many models go into one call. */
export function renamed(
  expression: string,
  ids: readonly string[],
  rename: (id: string) => string,
): string {
  return expression.replace(TOKEN, (word) => (ids.includes(word) ? rename(word) : word));
}
