import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { withDuck } from '../../analysis/duck.js';
import type { Duck } from '../../analysis/duck.js';
import { evaluateGates } from '../../analysis/evaluate.js';
import type { EvaluateOptions } from '../../analysis/evaluate.js';
import { UnusableData } from '../../analysis/failures.js';
import { seeded } from '../../analysis/random.js';
import type { EvaluationReport, Gate, GateResult } from '../../domain/stats/types.js';
import { scratch } from './scratch.js';

interface Row {
  readonly rowId: string;
  readonly label: number | null;
  readonly champion: number | null;
  readonly candidate: number | null;
  readonly eventTimeMs: number;
  readonly hub: string;
}

const holdOut = { fromMs: 1_000, toMs: 2_000 };

/** Scores that separate the classes by `skill` standard deviations of a uniform noise. */
function makeRows(count: number, championSkill: number, candidateSkill: number): readonly Row[] {
  const random = seeded(11);
  return Array.from({ length: count }, (_, i) => {
    const label = Number(random.fraction() < 0.3);
    const noise = random.fraction();
    const score = (skill: number) =>
      Math.min(
        1,
        Math.max(0, 0.25 + 0.5 * (0.7 * noise + 0.3 * random.fraction()) + skill * label),
      );
    return {
      rowId: `row-${i}`,
      label,
      champion: score(championSkill),
      candidate: score(candidateSkill),
      eventTimeMs: 1_000 + (i % 1_000),
      hub: i % 10 === 0 ? 'small' : i % 2 === 0 ? 'east' : 'west',
    };
  });
}

const ni: Gate = {
  id: 'not-worse',
  kind: 'non_inferior',
  metric: 'roc_auc',
  margin: { absolute: 0.02 },
  severity: 'required',
};
const floor: Gate = {
  id: 'floor',
  kind: 'absolute',
  metric: 'roc_auc',
  min: 0.55,
  on: 'bound',
  severity: 'required',
};

async function parquet(duck: Duck, path: string, rows: readonly Row[], columns: string) {
  await duck.fill(
    'rows',
    [
      { name: 'rowId', type: 'text' },
      { name: 'label', type: 'number' },
      { name: 'champion', type: 'number' },
      { name: 'candidate', type: 'number' },
      { name: 'eventTimeMs', type: 'number' },
      { name: 'hub', type: 'text' },
    ],
    rows.map((row) => [
      row.rowId,
      row.label,
      row.champion,
      row.candidate,
      row.eventTimeMs,
      row.hub,
    ]),
  );
  await duck.rows(`copy (select ${columns} from rows) to '${path}' (format parquet)`);
  return path;
}

async function evaluate(
  rows: readonly Row[],
  changes: Partial<EvaluateOptions> & {
    readonly training?: readonly Row[] | null;
    readonly columns?: string;
  } = {},
): Promise<EvaluationReport> {
  const { duck, dir } = await scratch();
  const { training = [{ ...rows[0], rowId: 'other' } as Row], columns = '*', ...options } = changes;
  const file = await parquet(duck, join(dir, 'predictions.parquet'), rows, columns);
  const trainingRowsFile =
    training === null
      ? undefined
      : await parquet(duck, join(dir, 'training.parquet'), training, 'rowId');
  return evaluateGates(duck, {
    file,
    holdOut,
    gates: [floor, ni],
    confidence: 0.95,
    seed: 7,
    minRows: 500,
    championExpected: true,
    ...(trainingRowsFile !== undefined && { trainingRowsFile }),
    ...options,
  });
}

const better = makeRows(3_000, 0.1, 0.15);
const worse = makeRows(3_000, 0.15, 0.02);

describe('evaluateGates', () => {
  it('passes a better candidate', async () => {
    const report = await evaluate(better);
    expect(report).toMatchObject({ verdict: 'pass', noBaseline: false, rows: 3_000 });
    expect(report.gates.map((gate) => [gate.id, gate.verdict, gate.method])).toEqual([
      ['floor', 'pass', 'delong'],
      ['not-worse', 'pass', 'delong'],
    ]);
    expect(report.gates[1]?.delta).toBeCloseTo(
      Number(report.gates[1]?.estimateCandidate) - Number(report.gates[1]?.estimateChampion),
      12,
    );
    expect(report.candidate.map((estimate) => estimate.metric)).toEqual([
      'roc_auc',
      'accuracy',
      'log_loss',
      'brier',
    ]);
  });
  it('fails a worse one', async () => {
    const report = await evaluate(worse);
    expect(report.verdict).toBe('fail');
    expect(report.reasons.join()).toContain('not-worse');
  });
  it('cannot tell on few rows, and says how many it would take', async () => {
    const report = await evaluate(makeRows(600, 0.1, 0.1), {
      gates: [{ ...ni, margin: { absolute: 0.005 } }],
    });
    expect(report.verdict).toBe('inconclusive');
    expect(report.gates[0]?.rowsWanted).toBeGreaterThan(600);
  });
  it('judges nothing below the fewest rows', async () => {
    const report = await evaluate(better.slice(0, 499));
    expect(report.gates.map((gate) => [gate.verdict, gate.rowsWanted, gate.method])).toEqual([
      ['inconclusive', 500, 'none'],
      ['inconclusive', 500, 'none'],
    ]);
    expect(report.verdict).toBe('inconclusive');
  });
  it('judges nothing by rows of one class', async () => {
    const report = await evaluate(better.map((row) => ({ ...row, label: 0 })));
    expect(report.verdict).toBe('inconclusive');
    expect(report.candidate[0]).toEqual({
      metric: 'roc_auc',
      estimate: null,
      lower: null,
      upper: null,
    });
  });
  it.each(['accuracy', 'precision', 'recall', 'f1', 'pr_auc', 'log_loss', 'brier'] as const)(
    'bootstraps the %s: a better candidate passes, a worse one fails',
    async (metric) => {
      const gates: readonly Gate[] = [
        { ...ni, metric, margin: { absolute: 0.01 } },
        { id: 'gain', kind: 'superior', metric, minGain: 0, severity: 'advisory' },
      ];
      const good = await evaluate(better, { gates });
      const bad = await evaluate(worse, { gates });
      expect(good.gates.map((gate) => [gate.method, gate.verdict])).toEqual([
        ['paired bootstrap', 'pass'],
        ['paired bootstrap', 'pass'],
      ]);
      expect(bad.gates.map((gate) => gate.verdict)).toEqual(['fail', 'fail']);
      for (const gate of [...good.gates, ...bad.gates]) {
        expect(Number(gate.lower)).toBeLessThan(Number(gate.delta));
        expect(Number(gate.upper)).toBeGreaterThan(Number(gate.delta));
      }
    },
  );
  it('gives the same report for the same seed and any order of the rows', async () => {
    const gates: readonly Gate[] = [ni, { ...ni, id: 'brier', metric: 'brier' }];
    const report = await evaluate(better, { gates });
    expect(await evaluate([...better].reverse(), { gates })).toEqual(report);
    expect(await evaluate(better, { gates, seed: 8 })).not.toEqual(report);
  });
  it('holds nothing but JSON', async () => {
    const report = await evaluate(better);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
});

describe('slices', () => {
  const by: Gate = { ...ni, by: ['hub'], minRows: 400, margin: { absolute: 0.05 } };
  it('are judged one by one at Holm levels, small ones never in silence', async () => {
    const report = await evaluate(better, { gates: [by] });
    const found: Readonly<Record<string, GateResult>> = Object.fromEntries(
      report.gates.map((gate) => [gate.slice?.value ?? '', gate]),
    );
    expect(Object.keys(found).sort()).toEqual(['east', 'small', 'west']);
    expect(found['small']).toMatchObject({ verdict: 'inconclusive', method: 'none', n: 300 });
    expect([found['east']?.verdict, found['west']?.verdict]).toEqual(['pass', 'pass']);
    const levels = [found['east']?.confidence, found['west']?.confidence].sort();
    expect(levels[0]).toBeCloseTo(0.95, 12);
    expect(levels[1]).toBeCloseTo(0.975, 12);
    expect(report.verdict).toBe('inconclusive');
  });
  it('fail the candidate by one of them', async () => {
    const rows = better.map((row, i) =>
      row.hub === 'east' ? { ...row, candidate: ((i * 7_919) % 1_000) / 1_000 } : row,
    );
    const report = await evaluate(rows, { gates: [by] });
    expect(report.verdict).toBe('fail');
    expect(report.reasons.join()).toContain('not-worse[hub=east]');
  });
  it('by a column that is not there fail', async () => {
    const report = await evaluate(better, { gates: [{ ...by, by: ['gender'] }] });
    expect(report.verdict).toBe('fail');
  });
  it('by a column of ids are not judged', async () => {
    const report = await evaluate(better, { gates: [{ ...by, by: ['rowId'] }] });
    expect(report.gates[0]).toMatchObject({ verdict: 'inconclusive', method: 'none' });
  });
});

describe('rows that cannot be trusted', () => {
  const first = better[0] as Row;
  const rest = better.slice(1);
  it.each([
    ['duplicateRowIds', { rowId: 'row-1' }],
    ['rowsOutsideHoldOut', { eventTimeMs: 2_000 }],
    ['rowsOutsideHoldOut', { eventTimeMs: 999 }],
    ['badLabels', { label: null }],
    ['badLabels', { label: 0.5 }],
    ['badLabels', { label: Number.NaN }],
    ['badCandidateScores', { candidate: null }],
    ['badCandidateScores', { candidate: Number.NaN }],
    ['badCandidateScores', { candidate: 1.01 }],
    ['badChampionScores', { champion: null }],
    ['badChampionScores', { champion: Number.POSITIVE_INFINITY }],
  ] as const)('fail it: %s by %j', async (check, change) => {
    const report = await evaluate([{ ...first, ...change }, ...rest], { gates: [floor, ni] });
    expect(report.checks[check]).toBe(1);
    expect(report.verdict).toBe('fail');
  });
  it('fail it when one was trained on', async () => {
    const report = await evaluate(better, { training: [first] });
    expect(report.checks.rowsInTraining).toBe(1);
    expect(report.verdict).toBe('fail');
  });
  it.each([[null], [[]]])('leave it open when the training rows are %j', async (training) => {
    const report = await evaluate(better, { training });
    expect(report.checks.rowsInTraining).toBeNull();
    expect(report.verdict).toBe('inconclusive');
  });
  it.each(['rowId', 'label', 'candidate', 'eventTimeMs'])(
    'are refused without %s',
    async (name) => {
      await expect(evaluate(better, { columns: `* exclude (${name})` })).rejects.toThrow(
        `the predictions have no column ${name}`,
      );
    },
  );
  it.each([
    ['TIMESTAMP', "timestamp '2026-01-01'", /not TIMESTAMP such as 2026-01-01 00:00:00/],
    ['text', "'yesterday'", /not VARCHAR such as yesterday/],
    ['a list', '[eventTimeMs]', /not DOUBLE\[\] such as \[1000/],
  ])('are refused with event times of %s', async (_kind, sql, fault) => {
    const columns = `* replace (${sql} as eventTimeMs)`;
    await expect(evaluate(better, { columns })).rejects.toThrow(UnusableData);
    await expect(evaluate(better, { columns })).rejects.toThrow(fault);
  });
  it('are taken with event times that a text holds', async () => {
    const report = await evaluate(better, {
      columns: '* replace (eventTimeMs::bigint::varchar as eventTimeMs)',
    });
    expect(report.checks.rowsOutsideHoldOut).toBe(0);
  });
  it.each([10, -300])('are refused when they are broken at byte %i', async (at) => {
    const { duck, dir } = await scratch();
    const file = await parquet(duck, join(dir, 'predictions.parquet'), better, '*');
    const bytes = readFileSync(file);
    const from = at < 0 ? bytes.length + at : at;
    writeFileSync(file, bytes.fill(0xa5, from, from + 64));
    const work = withDuck({ scratchDir: dir }, (own) =>
      evaluateGates(own, { file, holdOut, gates: [floor], confidence: 0.95, seed: 1, minRows: 1 }),
    );
    await expect(work).rejects.toThrow(UnusableData);
    await expect(work).rejects.toThrow(/cannot be read: Invalid Error/);
  });
  it('are refused when there are none', async () => {
    await expect(evaluate([], { training: [first] })).rejects.toThrow('hold no rows');
  });
});

describe('a first model', () => {
  const without = { columns: '* exclude (champion)', championExpected: false };
  it('is judged by its absolute gates only', async () => {
    const report = await evaluate(better, without);
    expect(report).toMatchObject({ verdict: 'pass', noBaseline: true, champion: null });
    expect(report.gates.map((gate) => gate.id)).toEqual(['floor']);
  });
  it('does not pass without one', async () => {
    const report = await evaluate(better, { ...without, gates: [ni] });
    expect(report.verdict).toBe('inconclusive');
  });
  it('is not what the caller said when a champion serves', async () => {
    const report = await evaluate(better, { ...without, championExpected: true });
    expect(report.verdict).toBe('fail');
  });
});

describe('the losses that are only shown', () => {
  it('have the interval that a gate on them would draw, within its noise', async () => {
    const rows = makeRows(4_000, 0.1, 0.14);
    const gateOn = (metric: 'log_loss' | 'brier'): Gate => ({
      id: metric,
      kind: 'absolute',
      metric,
      max: 0.9,
      on: 'bound',
      severity: 'advisory',
    });
    const shown = await evaluate(rows);
    const drawn = await evaluate(rows, {
      gates: [floor, ni, gateOn('log_loss'), gateOn('brier')],
    });
    for (const side of ['champion', 'candidate'] as const) {
      for (const metric of ['log_loss', 'brier']) {
        const of = (report: EvaluationReport) => {
          const found = report[side]?.find((one) => one.metric === metric);
          if (found?.estimate == null || found.lower == null || found.upper == null)
            throw new Error(`${metric} is not shown`);
          return { ...found, width: found.upper - found.lower };
        };
        const [short, long] = [of(shown), of(drawn)];
        expect(short.estimate).toBe(long.estimate);
        expect(short.width).toBeGreaterThan(0);
        expect(short.width).not.toBe(long.width);
        expect(short.width / long.width).toBeCloseTo(1, 0.7);
      }
    }
  });
});
