/**
 * How often drift detection raises a false alarm, and how many windows it needs to see a true change.
 *
 * Runs the real rules (analysis/drift.ts, domain/stats/verdict.ts, the persistence of domain/detect.ts with the policy's
 * defaults) in worlds whose truth is known, beside two rules with one key that are widely used.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import prettier from 'prettier';

import { play, PERSISTENCE, RULES } from './simulation/rules.js';
import type { Play, Played, Rule } from './simulation/rules.js';
import { PLAIN } from './simulation/world.js';
import type { WindowKind, World } from './simulation/world.js';
import { markdownTable, percentile, printTable } from './table.js';
import type { Row } from './table.js';

export const needs = [] as const;

const HELP = `npm run bench -- detection [options]

  --seed N      of all draws (default 20260301)
  --runs N      baselines drawn per line (default 100)
  --write FILE  writes the tables as a page
`;

const WINDOWS_PER_RUN = 20;
const quietOf = (rows: number): WindowKind => ({ rows, shift: 0, movedColumns: 0 });

interface Setting {
  readonly name: string;
  readonly play: Omit<Play, 'seed' | 'runs'>;
  /** Fewer runs for worlds whose rows are drawn one by one. */
  readonly runsShare?: number;
}

const quiet = (
  name: string,
  world: Partial<World>,
  windows: readonly WindowKind[],
  runsShare = 1,
): Setting => ({
  name,
  play: { world: { ...PLAIN, ...world }, windows, windowsPerRun: WINDOWS_PER_RUN },
  runsShare,
});

const one = { numericColumns: 1, categoricalColumns: 0 };
const wide = { numericColumns: 120, categoricalColumns: 80 };
const count = (n: number): string => n.toLocaleString('en-US');

function quietSettings(): readonly Setting[] {
  const settings: Setting[] = [];
  for (const rows of [50, 199, 200, 500, 1_000, 5_000, 50_000, 5_000_000]) {
    for (const [columns, world] of [
      ['1 column', one],
      ['20 columns', {}],
      ['200 columns', wide],
    ] as const)
      settings.push(
        quiet(
          `${count(rows)} rows, ${columns}`,
          world,
          [quietOf(rows)],
          columns === '200 columns' ? 0.3 : 1,
        ),
      );
  }
  for (const baselineRows of [1_000, 1_000_000])
    settings.push(
      quiet(`5,000 rows, 20 columns, baseline of ${count(baselineRows)}`, { baselineRows }, [
        quietOf(5_000),
      ]),
    );
  for (const rows of [200, 1_000, 5_000])
    settings.push(
      quiet(
        `${count(rows)} rows, 20 columns, any two numeric ones correlated by 0.6`,
        { correlation: 0.6 },
        [quietOf(rows)],
        0.3,
      ),
    );
  for (const rows of [1_000, 50_000])
    settings.push(
      quiet(
        `${count(rows)} rows, 20 columns, daily cycle of ±0.5 σ, windows of a day`,
        { dailySwing: 0.5 },
        [quietOf(rows)],
        0.3,
      ),
    );
  settings.push(
    quiet(
      '1,000 rows, 20 columns, daily cycle of ±0.2 σ, windows of 6 hours',
      { dailySwing: 0.2 },
      quarters(1_000),
      0.3,
    ),
    quiet(
      '1,000 rows, 20 columns, daily cycle of ±0.5 σ, windows of 6 hours',
      { dailySwing: 0.5 },
      quarters(1_000),
      0.3,
    ),
    quiet('5,000,000 rows, 20 columns, all moved by a harmless 0.05 σ', {}, [
      { rows: 5_000_000, shift: 0.05, movedColumns: 12 },
    ]),
  );
  return settings;
}

/** The four quarters of a day, one after the other. */
function quarters(rows: number): readonly WindowKind[] {
  return [0, 6, 12, 18].map((from) => ({
    ...quietOf(rows),
    hours: Array.from({ length: 6 }, (_, hour) => from + hour),
  }));
}

function share(part: number, all: number): string {
  if (all === 0) return '-';
  const percent = (100 * part) / all;
  return `${percent.toFixed(percent > 0 && percent < 10 ? 2 : 0)} %`;
}

function quietRow(name: string, played: Played): Row {
  const alarmed = (rule: Rule) => share(played.alarmed[rule], played.windows);
  return {
    'quiet windows of': name,
    windows: played.windows,
    'cannot tell': share(played.cannotTell, played.windows),
    ...Object.fromEntries(RULES.map((rule) => [rule, alarmed(rule)])),
    'two keys, one window': share(played.flagged['two keys'], played.windows),
  };
}

function detectionSettings(): readonly Setting[] {
  const sizes = [200, 1_000, 5_000, 50_000];
  const truly = (
    change: string,
    rows: number,
    window: Omit<WindowKind, 'rows'>,
    critical = {},
  ) => ({
    name: `${change}, ${count(rows)} rows`,
    play: { world: PLAIN, windows: [{ rows, ...window }], windowsPerRun: 30, ...critical },
  });
  return [
    ...[0.3, 0.5, 1].flatMap((shift) =>
      sizes.map((rows) =>
        truly(`${shift} σ in the critical column of 20`, rows, { shift, movedColumns: 1 }),
      ),
    ),
    ...[0.1, 0.2, 0.3].flatMap((movedShare) =>
      sizes.map((rows) =>
        truly(
          `${100 * movedShare} % of the rows change their category in the critical column of 20`,
          rows,
          { shift: 0, movedColumns: 0, movedShare },
          { critical: 'category 1' },
        ),
      ),
    ),
  ];
}

function when(first: readonly number[]): string {
  const seen = first.filter(Number.isFinite);
  if (seen.length === 0) return 'never';
  const text = `${percentile(seen, 0.5)} / ${percentile(seen, 0.95)}`;
  return seen.length === first.length ? text : `${text} (${share(seen.length, first.length)})`;
}

function detectionRow(name: string, played: Played, sensitive: Played): Row {
  return {
    'true shift': name,
    'two keys: warning': when(played.firstWarning),
    'two keys: drift': when(played.firstAlarm['two keys']),
    'two keys, drift: 0.1': when(sensitive.firstAlarm['two keys']),
    ...Object.fromEntries(
      RULES.filter((rule) => rule !== 'two keys').map((rule) => [
        rule,
        when(played.firstAlarm[rule]),
      ]),
    ),
  };
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '20260301' },
      runs: { type: 'string', default: '100' },
      write: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const [seed, runs] = [Number(values.seed), Number(values.runs)];
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(runs) || runs < 1)
    throw new Error('--seed and --runs are whole numbers, --runs at least 1');
  console.log(`seed ${seed}, ${runs} baselines per line, ${WINDOWS_PER_RUN} windows each`);

  const quietRows: Row[] = [];
  for (const setting of quietSettings()) {
    const own = Math.max(1, Math.round(runs * (setting.runsShare ?? 1)));
    quietRows.push(quietRow(setting.name, play({ ...setting.play, seed, runs: own })));
    process.stderr.write(`\r${quietRows.length} of ${quietSettings().length} quiet worlds`);
  }
  printTable('Alarms in quiet windows, after persistence', quietRows);

  const detectionRows = detectionSettings().map((setting) =>
    detectionRow(
      setting.name,
      play({ ...setting.play, seed, runs }),
      play({ ...setting.play, seed, runs, driftFrom: 0.1 }),
    ),
  );
  printTable('Windows until the alarm: median / 95th percentile', detectionRows);
  if (values.write !== undefined)
    await writeFile(values.write, await page(seed, runs, quietRows, detectionRows));
}

async function page(
  seed: number,
  runs: number,
  quietRows: readonly Row[],
  detectionRows: readonly Row[],
): Promise<string> {
  const text = `# False alarms, and time to detection

Measured by \`npm run bench -- detection --runs ${runs} --seed ${seed} --write docs/detection-rates.md\`: the real rules with the policy's defaults (warning from a Jensen–Shannon distance of 0.1, drift from 0.2, each only with an adjusted p below 0.01; ${PERSISTENCE.breaches} of ${PERSISTENCE.of} windows) in worlds whose truth is known. Every line draws up to ${runs} baselines and follows each for ${WINDOWS_PER_RUN} windows. Columns are normal (12 of 20, 120 of 200) or have 4, 8 or 30 categories as frequent as 1/k; in every second one 5 % of the values are missing; the first column is critical. The baseline has 10,000 rows where nothing else is said.

The other rules have one key. They vote and persist as ours does, so that only the rule for a column differs: a data set has drifted when a critical column or 30 % of the columns have; those that say *any* take one column for enough, as monitors that report each violation do. D is the largest difference of the distribution functions or of a share.

## Quiet windows

Share of windows after which an alarm stands although nothing has changed. "cannot tell" is the share of windows in which the two keys see too few rows: below \`minRows\` (200) always, and at exactly 200 rows for columns in which some are missing. The last column is the two keys without persistence.

${markdownTable(quietRows)}

- With few rows, fixed limits take noise for drift; with many rows, p-values take every trifle for drift. Two keys do neither.
- A window that is shorter than a cycle really is different from the whole day. A swing that moves its mean by less than the limits is no alarm for two keys; a larger one is, and rightly so. Take windows of whole cycles (\`window: 1d\`) where the inputs have a daily cycle.

## A true change

Windows from the change until the alarm, median and 95th percentile, within 30 windows; in brackets the share of runs in which it came at all. A mean shift of 0.3 σ is a Jensen–Shannon distance of about 0.125 and one of 0.5 σ of about 0.205: by default the first is shown as a warning and is no drift, the second lies on the limit. A policy that says \`detect: { drift: { warn: 0.05, drift: 0.1 } }\` also finds the first (third column; its false alarms are those of the two keys above to within the noise of the measurement). The categorical column has four categories of 48, 24, 16 and 12 %, and the rows that change do so from the most frequent to the rarest: 10 % of all rows are a distance of about 0.12, 20 % of 0.23 and 30 % of 0.34.

${markdownTable(detectionRows)}
`;
  return prettier.format(text, { parser: 'markdown' });
}
