/** The rules that are compared: ours, and two that are widely used, on the same windows with the same persistence. */
import { compareCounts } from '../../analysis/drift.js';
import type { CountedColumn } from '../../analysis/drift.js';
import { seeded } from '../../analysis/random.js';
import type { Random } from '../../analysis/random.js';
import { inputsResult } from '../../domain/capture-windows.js';
import { confirmed } from '../../domain/detect.js';
import type { WindowResult } from '../../domain/model.js';
import { policySchema } from '../../domain/policy.schema.js';
import { detectPolicyOf } from '../../domain/sources.js';
import type { ColumnComparison, DetectPolicy } from '../../domain/stats/types.js';
import { drawBaseline, drawWindow } from './world.js';
import type { WindowKind, World } from './world.js';

/** What a policy says that says nothing about detection. */
const { detect: DEFAULTS } = policySchema.shape.spec.shape;
const DETECT = DEFAULTS.parse({});
export const PERSISTENCE = DETECT.persistence;

export const RULES = [
  'two keys',
  'PSI ≥ 0.2',
  'JS ≥ 0.1',
  'p < 0.05',
  'any D ≥ 0.1',
  'any p < 0.05',
] as const;
export type Rule = (typeof RULES)[number];

type OneKey = Exclude<Rule, 'two keys'>;

const isSmall = ({ pValue }: ColumnComparison): boolean => pValue !== null && pValue < 0.05;

/** Whether a rule with one key calls a column drifted. D is the L-infinity distance, as Model Monitor's Simple. */
const ONE_KEY: Readonly<Record<OneKey, (column: ColumnComparison) => boolean>> = {
  'PSI ≥ 0.2': ({ psi }) => psi !== null && psi >= 0.2,
  'JS ≥ 0.1': ({ jsDistance }) => jsDistance !== null && jsDistance >= 0.1,
  'p < 0.05': isSmall,
  'any D ≥ 0.1': ({ linf }) => linf !== null && linf >= 0.1,
  'any p < 0.05': isSmall,
};

const perRule = <T>(of: (rule: Rule) => T): Record<Rule, T> => ({
  'two keys': of('two keys'),
  'PSI ≥ 0.2': of('PSI ≥ 0.2'),
  'JS ≥ 0.1': of('JS ≥ 0.1'),
  'p < 0.05': of('p < 0.05'),
  'any D ≥ 0.1': of('any D ≥ 0.1'),
  'any p < 0.05': of('any p < 0.05'),
});

type Outcome = WindowResult['result'];

/** What each rule says of one window; the rules with one key vote over columns as ours does. */
function outcomesOf(
  counted: readonly CountedColumn[],
  rows: number,
  baselineRows: number,
  detect: DetectPolicy,
  at: number,
): { readonly outcomes: Readonly<Record<Rule, Outcome>>; readonly ours: WindowResult } {
  const totals = { window: rows, baseline: baselineRows };
  const { columns, verdict } = compareCounts(counted, totals, detect);
  const ours = inputsResult(
    'inputs',
    { fromMs: at, toMs: at + 1 },
    {
      schema: 'modelkeeper/window-comparison-v1',
      rows,
      baselineRows,
      columns,
      prediction: null,
      notCompared: [],
      verdict,
    },
    detect,
  );
  const vote = (rule: OneKey): Outcome => {
    const drifted = columns.filter(ONE_KEY[rule]);
    const critical = drifted.some(({ name }) => detect.critical.includes(name));
    const wanted = rule.startsWith('any') ? 0 : detect.share;
    const enough = drifted.length > 0 && drifted.length / columns.length >= wanted;
    return critical || enough ? 'breach' : 'ok';
  };
  return {
    ours,
    outcomes: perRule((rule) => (rule === 'two keys' ? ours.result : vote(rule))),
  };
}

export interface Play {
  readonly world: World;
  /** Windows follow one another; the first kind, then the second, and around again. */
  readonly windows: readonly WindowKind[];
  readonly windowsPerRun: number;
  readonly runs: number;
  readonly seed: number;
  /** Of `detect.drift.drift`; the policy's own default when absent. */
  readonly driftFrom?: number;
  /** The critical column; the first numeric one when absent. */
  readonly critical?: string;
}

export interface Played {
  readonly windows: number;
  /** Windows about which nothing could be told. */
  readonly cannotTell: number;
  /** Windows that alone say drift or broken data. */
  readonly flagged: Readonly<Record<Rule, number>>;
  /** Windows after which persistence holds: people are told, and a retrain may start. */
  readonly alarmed: Readonly<Record<Rule, number>>;
  /** Windows whose columns are shown as moving by the two keys, without an alarm. */
  readonly warned: number;
  /** For each run the number of windows until the first alarm; Infinity for none. */
  readonly firstAlarm: Readonly<Record<Rule, readonly number[]>>;
  /** The same until the two keys have shown at least a warning as persistently. */
  readonly firstWarning: readonly number[];
}

/** Runs a world many times, each time with a baseline of its own, and counts what each rule says. */
export function play(setting: Play): Played {
  const random = seeded(setting.seed);
  const detect: DetectPolicy = {
    ...detectPolicyOf(DETECT),
    critical: [setting.critical ?? 'number 1'],
    ...(setting.driftFrom === undefined ? {} : { drift: setting.driftFrom }),
  };
  const zero = (): Record<Rule, number> => perRule(() => 0);
  const counts = { windows: 0, cannotTell: 0, warned: 0, flagged: zero(), alarmed: zero() };
  const firstAlarm = perRule((): number[] => []);
  const firstWarning: number[] = [];
  for (let run = 0; run < setting.runs; run += 1) {
    const found = playOnce(random, setting, detect, counts);
    for (const rule of RULES) firstAlarm[rule].push(found.alarm[rule]);
    firstWarning.push(found.warning);
  }
  return { ...counts, firstAlarm, firstWarning };
}

type Counts = {
  windows: number;
  cannotTell: number;
  warned: number;
  readonly flagged: Record<Rule, number>;
  readonly alarmed: Record<Rule, number>;
};

function playOnce(
  random: Random,
  { world, windows, windowsPerRun }: Play,
  detect: DetectPolicy,
  counts: Counts,
): { readonly alarm: Readonly<Record<Rule, number>>; readonly warning: number } {
  const baseline = drawBaseline(random, world);
  const history = new Map<Rule, WindowResult[]>(RULES.map((rule) => [rule, []]));
  const shown: WindowResult[] = [];
  const alarm = perRule(() => Infinity);
  let warning = Infinity;
  for (let at = 0; at < windowsPerRun; at += 1) {
    const kind = windows[at % windows.length];
    if (kind === undefined) break;
    const counted = drawWindow(random, world, baseline, kind);
    const { outcomes, ours } = outcomesOf(counted, kind.rows, world.baselineRows, detect, at);
    counts.windows += 1;
    if (ours.result === 'cannot tell') counts.cannotTell += 1;
    if (ours.result === 'warn') counts.warned += 1;
    for (const rule of RULES) {
      const seen = history.get(rule) ?? [];
      seen.push({ ...ours, result: outcomes[rule] });
      const says = outcomes[rule];
      if (says === 'breach' || says === 'data quality') counts.flagged[rule] += 1;
      // Broken data count from the first window; drift has to persist.
      if (says === 'data quality' || confirmed(seen, PERSISTENCE).length > 0) {
        counts.alarmed[rule] += 1;
        alarm[rule] = Math.min(alarm[rule], at + 1);
      }
    }
    shown.push({ ...ours, result: ours.result === 'warn' ? 'breach' : ours.result });
    if (confirmed(shown, PERSISTENCE).length > 0) warning = Math.min(warning, at + 1);
  }
  return { alarm, warning };
}
