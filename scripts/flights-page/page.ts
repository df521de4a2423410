/** Writes docs/flights.md: which weeks drift, why, and what the gates say of a winter's model in June. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import prettier from 'prettier';
import type { TopLevelSpec } from 'vega-lite';

import { compareWindow, evaluateGates, profileFile, withDuck } from '../../analysis/index.js';
import type { Duck } from '../../analysis/index.js';
import { renderSvg } from '../../analysis/report/render.js';
import { zOfInterval } from '../../analysis/tails.js';
import { gateSchema } from '../../domain/gate.schema.js';
import { policySchema } from '../../domain/policy.schema.js';
import { detectPolicyOf } from '../../domain/sources.js';
import { deLong } from '../../domain/stats/delong.js';
import type {
  DetectPolicy,
  EvaluationReport,
  Gate,
  WindowComparison,
} from '../../domain/stats/types.js';
import { FIRST_MS, HUBS_WEEK, JUNE, prepare, WEEK_MS, WINTER_WEEKS } from './world.js';
import type { Airline, Files } from './world.js';

const POLICY = policySchema.shape.spec.shape.detect.parse({
  columns: {
    categorical: ['weekday'],
    newValuesAreDrift: ['origin', 'destination'],
    ignore: ['late'],
  },
});
const DETECT: DetectPolicy = detectPolicyOf(POLICY);

const FLOOR = 0.6;
const gates = (written: readonly unknown[]): readonly Gate[] =>
  written.map((gate) => gateSchema.parse(gate));
const ALONE = gates([
  { id: 'auc-floor', kind: 'absolute', metric: 'roc_auc', min: FLOOR },
  { id: 'log-loss', kind: 'absolute', metric: 'log_loss', max: 0.5 },
]);
const AGAINST = gates([
  { id: 'auc-floor', kind: 'absolute', metric: 'roc_auc', min: FLOOR },
  { id: 'auc-not-worse', kind: 'non_inferior', metric: 'roc_auc', margin: { absolute: 0.005 } },
  { id: 'loss-not-worse', kind: 'non_inferior', metric: 'log_loss', margin: { absolute: 0.005 } },
  { id: 'auc-gain', kind: 'superior', metric: 'roc_auc', minGain: 0, severity: 'advisory' },
  {
    id: 'regions',
    kind: 'non_inferior',
    metric: 'roc_auc',
    margin: { absolute: 0.01 },
    by: ['region'],
    minRows: 1_000,
  },
]);

interface Week {
  readonly week: number;
  readonly comparison: WindowComparison;
  readonly lateShare: number;
  readonly auc: { readonly estimate: number; readonly lower: number; readonly upper: number };
}

interface Told {
  readonly weeks: readonly Week[];
  readonly winterAlone: EvaluationReport;
  readonly againstSpring: EvaluationReport;
  /** Share of late flights among those the spring model learned from. */
  readonly springLate: number;
}

/** Makes everything anew from the flights: about two minutes. */
export async function writePage(docs: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'modelkeeper-flights-'));
  try {
    const country = await tell('country', folder);
    const west = await tell('west', folder);
    const pictures = join(docs, 'images');
    mkdirSync(pictures, { recursive: true });
    for (const [airline, told] of [
      ['country', country],
      ['west', west],
    ] as const) {
      const name = (what: string) => join(pictures, `flights-${airline}-${what}.svg`);
      writeFileSync(name('drift'), await driftOverTime(told.weeks));
      writeFileSync(name('auc'), await aucOverTime(told.weeks));
      writeFileSync(name('calibration'), await calibrationInJune(told.againstSpring));
    }
    writeFileSync(
      join(docs, 'flights.md'),
      await prettier.format(page(country, west), { parser: 'markdown', printWidth: 100 }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function tell(airline: Airline, folder: string): Promise<Told> {
  process.stderr.write(`${airline}: training and scoring\n`);
  const files = await prepare(airline, folder);
  return withDuck({ scratchDir: folder }, async (duck) => {
    process.stderr.write(`${airline}: comparing weeks\n`);
    const weeks = await compareWeeks(duck, files);
    process.stderr.write(`${airline}: judging June\n`);
    const common = { holdOut: JUNE, confidence: 0.95, seed: 20_010_601, minRows: 5_000 };
    return {
      weeks,
      springLate: files.springLate,
      winterAlone: await evaluateGates(duck, {
        ...common,
        file: files.juneWinterAlone,
        trainingRowsFile: files.trainedOn.winter,
        gates: ALONE,
      }),
      againstSpring: await evaluateGates(duck, {
        ...common,
        file: files.june,
        trainingRowsFile: files.trainedOn.spring,
        gates: AGAINST,
        championExpected: true,
      }),
    };
  });
}

async function compareWeeks(duck: Duck, files: Files): Promise<readonly Week[]> {
  const profile = await profileFile(duck, {
    files: [files.winter],
    format: 'parquet',
    columns: POLICY.columns.categorical.map((name) => ({ name, kind: 'categorical' as const })),
    ignore: POLICY.columns.ignore,
    predictionColumn: 'score',
  });
  const weeks: Week[] = [];
  for (const [week, file] of files.weeks.entries()) {
    if (week < WINTER_WEEKS) continue;
    const comparison = await compareWindow(duck, {
      profile,
      window: { files: [file], format: 'parquet' },
      detect: DETECT,
      predictionColumn: 'score',
    });
    const [labels, scores] = await duck.doubles(
      'select late::double, score from read_parquet($file) order by score, late',
      { file },
    );
    const found = deLong(labels ?? [], scores ?? []);
    if (found === null || labels === undefined) throw new Error(`week ${week} has no labels`);
    const half = zOfInterval(0.95) * Math.sqrt(found.variance);
    weeks.push({
      week,
      comparison,
      lateShare: labels.reduce((sum, late) => sum + late, 0) / labels.length,
      auc: { estimate: found.auc, lower: found.auc - half, upper: found.auc + half },
    });
  }
  return weeks;
}

/** Midnight, UTC, as a date. */
const instantOf = (week: number): string =>
  new Date(FIRST_MS + week * WEEK_MS).toISOString().slice(0, 10);

const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#555555'];
const PLOT = {
  width: 620,
  height: 220,
  background: 'white',
  config: { font: 'system-ui, sans-serif', view: { stroke: null } },
} as const;
const monday = {
  field: 'monday',
  type: 'temporal',
  title: 'week from',
  axis: { format: '%-d %b' },
} as const;

async function driftOverTime(weeks: readonly Week[]): Promise<string> {
  const values = weeks.flatMap(({ week, comparison }) =>
    [...comparison.columns, ...(comparison.prediction === null ? [] : [comparison.prediction])].map(
      (column) => ({
        monday: instantOf(week),
        column: column.name === 'prediction' ? 'score' : column.name,
        distance: column.jsDistance ?? 0,
      }),
    ),
  );
  const limits = [
    { limit: DETECT.warn, colour: '#e69f00' },
    { limit: DETECT.drift, colour: '#d55e00' },
  ];
  const spec: TopLevelSpec = {
    ...PLOT,
    layer: [
      {
        data: { values },
        mark: { type: 'line', point: true },
        encoding: {
          x: monday,
          y: {
            field: 'distance',
            type: 'quantitative',
            title: 'Jensen–Shannon distance to winter',
            scale: { domain: [0, Math.max(0.3, ...values.map((value) => value.distance))] },
          },
          color: {
            field: 'column',
            type: 'nominal',
            title: null,
            sort: null,
            scale: { range: COLOURS },
          },
        },
      },
      ...limits.map(({ limit, colour }) => ({
        data: { values: [{ limit }] },
        mark: { type: 'rule' as const, color: colour, strokeDash: [4, 3] },
        encoding: { y: { field: 'limit', type: 'quantitative' as const } },
      })),
    ],
  };
  return renderSvg(spec);
}

async function aucOverTime(weeks: readonly Week[]): Promise<string> {
  const values = weeks.map(({ week, auc }) => ({ monday: instantOf(week), ...auc }));
  const y = {
    type: 'quantitative',
    title: 'ROC AUC of the winter model',
    scale: { zero: false },
  } as const;
  return renderSvg({
    ...PLOT,
    data: { values },
    layer: [
      {
        mark: { type: 'area', opacity: 0.25, color: COLOURS[0] ?? 'black' },
        encoding: { x: monday, y: { field: 'lower', ...y }, y2: { field: 'upper' } },
      },
      {
        mark: { type: 'line', point: true, color: COLOURS[0] ?? 'black' },
        encoding: { x: monday, y: { field: 'estimate', ...y } },
      },
      {
        data: { values: [{ floor: FLOOR }] },
        mark: { type: 'rule', color: '#d55e00', strokeDash: [4, 3] },
        encoding: { y: { field: 'floor', type: 'quantitative' } },
      },
    ],
  });
}

async function calibrationInJune({ curves }: EvaluationReport): Promise<string> {
  const models = [
    ['winter', curves?.champion],
    ['spring', curves?.candidate],
  ] as const;
  const values = models.flatMap(([model, of]) =>
    (of?.calibration ?? []).map(({ meanScore, share, lower, upper, rows }) => ({
      model,
      meanScore,
      share,
      lower,
      upper,
      rows,
    })),
  );
  const x = { field: 'meanScore', type: 'quantitative', title: 'mean score' } as const;
  const color = {
    field: 'model',
    type: 'nominal',
    title: 'model of',
    sort: null,
    scale: { range: COLOURS },
  } as const;
  const y = { type: 'quantitative', title: 'share of late flights' } as const;
  return renderSvg({
    ...PLOT,
    width: 320,
    height: 320,
    layer: [
      {
        data: {
          values: [
            { meanScore: 0, share: 0 },
            { meanScore: 0.8, share: 0.8 },
          ],
        },
        mark: { type: 'line', color: '#999999', strokeDash: [4, 3] },
        encoding: { x, y: { field: 'share', ...y } },
      },
      {
        data: { values },
        mark: { type: 'rule' },
        encoding: { x, color, y: { field: 'lower', ...y }, y2: { field: 'upper' } },
      },
      {
        data: { values },
        mark: { type: 'point', filled: true },
        encoding: { x, color, y: { field: 'share', ...y } },
      },
    ],
  });
}

const digits = (value: number | null, places = 3): string =>
  value === null ? '–' : value.toFixed(places);
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const count = (n: number): string => n.toLocaleString('en-US');

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

function weekTable(weeks: readonly Week[]): string {
  return table(
    [
      'week from',
      'flights',
      'verdict',
      'columns that moved',
      'score moved by',
      'late',
      'AUC of the winter model',
    ],
    weeks.map(({ week, comparison, lateShare, auc }) => {
      const moved = comparison.columns
        .filter((column) => column.verdict !== 'ok')
        .map((column) => `${column.name} ${digits(column.jsDistance, 2)}`);
      return [
        instantOf(week),
        count(comparison.rows),
        `**${comparison.verdict.kind}**`,
        moved.length === 0 ? '–' : moved.join(', '),
        digits(comparison.prediction?.jsDistance ?? null, 2),
        percent(lateShare),
        `${digits(auc.estimate)} [${digits(auc.lower)}, ${digits(auc.upper)}]`,
      ];
    }),
  );
}

function gateTable(report: EvaluationReport): string {
  return table(
    [
      'gate',
      'severity',
      'champion',
      'candidate',
      'difference [interval]',
      'rows',
      'verdict',
      'reason',
    ],
    report.gates.map((gate) => [
      gate.id,
      gate.severity,
      digits(gate.estimateChampion),
      digits(gate.estimateCandidate),
      `${gate.delta === null ? '' : `${digits(gate.delta, 4)} `}[${digits(gate.lower, 4)}, ${digits(gate.upper, 4)}]`,
      count(gate.n),
      `**${gate.verdict}**`,
      gate.reason,
    ]),
  );
}

/** Weeks a rule that looks at p alone would have called drifted: as large a share of the columns, p below 0.05. */
const byPAlone = (weeks: readonly Week[]): number =>
  weeks.filter(({ comparison: { columns } }) => {
    const small = columns.filter(({ pValue }) => pValue !== null && pValue < 0.05);
    return small.length >= DETECT.share * columns.length;
  }).length;

const verdictsOf = (weeks: readonly Week[], kind: string): readonly string[] =>
  weeks
    .filter(({ comparison }) => comparison.verdict.kind === kind)
    .map(({ week }) => instantOf(week));

function spread(weeks: readonly Week[]): string {
  const aucs = weeks.map(({ auc }) => auc.estimate);
  return `${digits(Math.min(...aucs))} to ${digits(Math.max(...aucs))}`;
}

function summary(name: string, weeks: readonly Week[]): string {
  const drifted = verdictsOf(weeks, 'drift');
  const warned = verdictsOf(weeks, 'warn');
  const said = (list: readonly string[], what: string): string =>
    list.length === 0
      ? `no week ${what}`
      : `${list.length} ${list.length === 1 ? 'week' : 'weeks'} ${what} (${list.length > 3 ? `from ${list[0] ?? ''} to ${list.at(-1) ?? ''}` : list.join(', ')})`;
  return `Of ${weeks.length} weeks of ${name}, ${said(drifted, 'drifted')}, and ${said(warned, 'showed a warning')}. Shares of late flights went from ${percent(Math.min(...weeks.map((week) => week.lateShare)))} to ${percent(Math.max(...weeks.map((week) => week.lateShare)))}, the AUC from ${spread(weeks)}.`;
}

function reasons(weeks: readonly Week[], week: number): string {
  const found = weeks.find((one) => one.week === week);
  return (found?.comparison.verdict.reasons ?? []).map((reason) => `- ${reason}`).join('\n');
}

function page(country: Told, west: Told): string {
  const before = west.weeks.filter(({ week }) => week < HUBS_WEEK);
  const after = west.weeks.filter(({ week }) => week >= HUBS_WEEK);
  const last = country.weeks.at(-1);
  return `# Half a year of flights

Written by \`node scripts/flights-page.mjs\`: every number and picture below is computed when the script runs, from the three million US flights of January to June 2001 in the npm package \`vega-datasets\`. The model predicts from origin, destination, distance, hour and weekday whether a flight arrives more than 15 minutes late. It is trained on 200,000 flights of the first eight weeks (winter), and scores every flight after them. Each week is a window; winter is the baseline; the limits are the policy's defaults (warning from 0.1, drift from 0.2, adjusted p below 0.01, at least 200 rows). Weekday is declared as categorical; new airports are declared as a changed world (\`newValuesAreDrift\`), not as a broken feed.

## The whole country: half a year without drift

${summary('the whole country', country.weeks)}

![Distance of each column to winter, week by week](images/flights-country-drift.svg)

![AUC of the winter model, week by week, with its 95 % interval and the floor of the gates](images/flights-country-auc.svg)

${weekTable(country.weeks)}

With more than 100,000 flights a week p-values are small whatever happens: a rule that looks at p alone (below 0.05 in 30 % of the columns) would have called ${byPAlone(country.weeks)} of ${country.weeks.length} weeks drifted. The distances say that the schedule changed by little. The share of late flights follows the weather, and no input knows the weather: the model's ranking of flights (AUC) suffers from it in some weeks, without any column moving. That is what ground truth is for.

The week from ${last === undefined ? '' : instantOf(last.week)} ends with the data, on a Saturday. What the comparison says about it is true, and is about the window, not about the world: a window that cuts a cycle (here the week) differs from one that does not. Windows of whole cycles have no such edge.

${reasons(country.weeks, last?.week ?? -1)}

## The west opens the eastern hubs

An airline flies from western airports only; its model learned from their winter. On Monday, ${instantOf(HUBS_WEEK)}, it opens the hubs of the east coast.

${summary('the airline', west.weeks)} Before the opening the AUC lay between ${spread(before).replace(' to ', ' and ')}, after it between ${spread(after).replace(' to ', ' and ')}.

![Distance of each column to winter, week by week](images/flights-west-drift.svg)

![AUC of the winter model, week by week, with its 95 % interval and the floor of the gates](images/flights-west-auc.svg)

${weekTable(west.weeks)}

Why the first week of the hubs is drift:

${reasons(west.weeks, HUBS_WEEK)}

With the default persistence (2 of 3 windows) a retraining is triggered after the second such week, on ${instantOf(HUBS_WEEK + 2)}.

## The winter's model, judged in June

On ${count(country.winterAlone.rows)} flights of June, none of which any model has seen. One-sided intervals at 95 %; the bound decides, not the estimate.

The whole country's winter model on its own: **${country.winterAlone.verdict}**.

${gateTable(country.winterAlone)}

The airline's winter model on its own, with the hubs: **${west.winterAlone.verdict}**.

${gateTable(west.winterAlone)}

### Against a model of the spring

The candidate is trained on 200,000 flights from 23 April to 27 May, and judged beside the winter model (the champion) on the same flights of June; slices are corrected by Holm's method.

Of the flights that the candidates learned from, ${percent(country.springLate)} (country) and ${percent(west.springLate)} (airline) were late; of those in June that they are judged on, ${percent(country.againstSpring.positives / country.againstSpring.rows)} and ${percent(west.againstSpring.positives / west.againstSpring.rows)}. A model can order flights better and still promise too few late ones: the gates on the AUC see the first, the gate on the log loss the second, and so does the calibration.

![Calibration in June, the whole country](images/flights-country-calibration.svg) ![Calibration in June, the airline](images/flights-west-calibration.svg)

The whole country: **${country.againstSpring.verdict}**.

${gateTable(country.againstSpring)}

The airline with its new hubs: **${west.againstSpring.verdict}**.

${gateTable(west.againstSpring)}
`;
}
