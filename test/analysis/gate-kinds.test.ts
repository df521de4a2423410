import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { sqlFault } from '../../analysis/custom-metric.js';
import { evaluateGates } from '../../analysis/evaluate.js';
import type { EvaluateOptions, FurtherDataset } from '../../analysis/evaluate.js';
import type { Duck } from '../../analysis/duck.js';
import { seeded } from '../../analysis/random.js';
import { evaluateSchema } from '../../domain/evaluate.schema.js';
import { evaluationSchema } from '../../domain/evaluation.schema.js';
import type { EvaluationReport, Gate, GateResult } from '../../domain/stats/types.js';
import { scratch } from './scratch.js';

type Row = Readonly<Record<string, string | number | null>>;

async function evaluate(
  rows: readonly Row[],
  gates: readonly (Record<string, unknown> & { readonly kind: string })[],
  options: Partial<EvaluateOptions> = {},
  more: More = {},
): Promise<EvaluationReport> {
  const parsed = evaluateSchema.parse({
    ...(more.files && { datasets: { golden: {} } }),
    gates: gates.map((gate, i) => ({ id: `gate-${i}`, ...gate })),
    ...(options.inputs && { inputs: options.inputs }),
  });
  return evaluateParsed(rows, parsed.gates, options, more);
}

/** Options about files, which lie where the database may read. */
interface More {
  readonly files?: (
    write: (name: string, rows: readonly Row[]) => Promise<string>,
  ) => Promise<Partial<EvaluateOptions>>;
}

async function evaluateParsed(
  rows: readonly Row[],
  gates: readonly Gate[],
  options: Partial<EvaluateOptions> = {},
  { files }: More = {},
): Promise<EvaluationReport> {
  const { duck, dir } = await scratch();
  const file = await written(duck, dir, 'p', rows);
  return evaluateGates(duck, {
    file,
    holdOut: null,
    offline: true,
    confidence: 0.95,
    seed: 3,
    minRows: 100,
    ...options,
    ...(await files?.((name, of) => written(duck, dir, name, of))),
    gates,
  });
}

async function written(
  duck: Duck,
  dir: string,
  name: string,
  rows: readonly Row[],
): Promise<string> {
  const names = Object.keys(rows[0] ?? {});
  await duck.fill(
    'rows',
    names.map((column) => ({
      name: column,
      type: rows.some((row) => typeof row[column] === 'string') ? ('text' as const) : 'number',
    })),
    rows.map((row) => names.map((column) => row[column] ?? null)),
  );
  const file = join(dir, `${name}.parquet`);
  await duck.rows(`copy rows to '${file}' (format parquet)`);
  return file;
}

const gateOf = (report: EvaluationReport, at = 0): GateResult => {
  const found = report.gates[at];
  if (found === undefined) throw new Error('there is no such gate');
  return found;
};

/** Scores with noise; `skill` is what a label of 1 adds. */
function classified(count: number, championSkill: number, candidateSkill: number): readonly Row[] {
  const random = seeded(21);
  return Array.from({ length: count }, (_, i) => {
    const label = Number(random.fraction() < 0.4);
    const noise = 0.3 + 0.35 * random.fraction();
    const score = (skill: number) => noise + skill * label + 0.05 * random.fraction();
    return {
      rowId: `r${i}`,
      label,
      champion: score(championSkill),
      candidate: score(candidateSkill),
      sex: i % 2 === 0 ? 'f' : 'm',
    };
  });
}
const rows = classified(2_000, 0.1, 0.15);

function measured(count: number, championError: number, candidateError: number): readonly Row[] {
  const random = seeded(8);
  const noise = () => random.fraction() + random.fraction() + random.fraction() - 1.5;
  return Array.from({ length: count }, (_, i) => {
    const label = 20 + 10 * noise();
    return {
      rowId: `r${i}`,
      label,
      champion: label + championError * noise(),
      candidate: label + candidateError * noise(),
    };
  });
}

describe('a regression', () => {
  const gates = [
    { kind: 'non_inferior', metric: 'rmse', margin: { absolute: 0.1 } },
    { kind: 'superior', metric: 'mae' },
    { kind: 'non_inferior', metric: 'mape', margin: { relative: 0.05 } },
    { kind: 'superior', metric: 'r2' },
    { kind: 'absolute', metric: 'r2', min: 0.4 },
  ];
  it('passes by smaller errors', async () => {
    const report = await evaluate(measured(1_000, 3, 2), gates);
    expect(report.gates.map(({ verdict }) => verdict)).toEqual(Array(5).fill('pass'));
    expect(report).toMatchObject({ verdict: 'pass', task: 'regression' });
    expect(report.curves).toBeUndefined();
  });
  it('fails by larger ones', async () => {
    const report = await evaluate(measured(1_000, 2, 9), gates);
    expect(report.gates.map(({ verdict }) => verdict)).toEqual(Array(5).fill('fail'));
  });
  it('takes no text for a number, and no infinity', async () => {
    const odd = measured(500, 2, 2).map((row, i) =>
      i === 0 ? { ...row, label: 'x' } : i === 1 ? { ...row, candidate: 'Infinity' } : row,
    );
    const report = await evaluate(
      odd.map((row) => ({ ...row, label: String(row.label), candidate: String(row.candidate) })),
      gates,
    );
    expect(report.checks).toMatchObject({ badLabels: 1, badCandidateScores: 1 });
    expect(report.verdict).toBe('fail');
  });
  it('fails by a percentage of a label of 0, which is not a number', async () => {
    const odd = measured(500, 2, 2).map((row, i) => (i === 7 ? { ...row, label: 0 } : row));
    const report = await evaluate(odd, [{ kind: 'superior', metric: 'mape' }]);
    expect(gateOf(report)).toMatchObject({ verdict: 'fail', reasonCode: 'not a number' });
  });
});

describe('a relative margin', () => {
  it.each([
    ['roc_auc', 0.02],
    ['brier', 0.1],
    ['recall', 0.1],
  ])('is that share of the champion, whose error counts too (%s)', async (metric, relative) => {
    const report = await evaluate(rows, [
      { kind: 'non_inferior', metric, margin: { relative } },
      { kind: 'superior', metric },
    ]);
    const [own, plain] = [gateOf(report), gateOf(report, 1)];
    expect(own.margin).toBeCloseTo(relative * (own.estimateChampion ?? 0), 12);
    expect(own.delta).toBeCloseTo(plain.delta ?? Number.NaN, 12);
    expect(own.lower).not.toBe(plain.lower);
    expect(own.verdict === 'pass').toBe((own.lower ?? 0) > -own.margin);
  });
  it('fails a candidate that is surely worse by more', async () => {
    const worse = classified(2_000, 0.25, 0.02);
    const gate = { kind: 'non_inferior', metric: 'roc_auc', margin: { relative: 0.05 } };
    expect(gateOf(await evaluate(worse, [gate])).verdict).toBe('fail');
  });
  it('says nothing where the champion is at 0', async () => {
    const none = rows.map((row) => ({ ...row, champion: 0.1 }));
    const gate = { kind: 'non_inferior', metric: 'recall', margin: { relative: 0.1 } };
    expect(gateOf(await evaluate(none, [gate]))).toMatchObject({
      verdict: 'inconclusive',
      reasonCode: 'champion is zero',
    });
  });
});

describe('a gate on latency', () => {
  const timed = rows.map((row, i) => ({
    ...row,
    latencyChampionMs: 50 + (i % 100),
    latencyCandidateMs: 60 + (i % 100),
  }));
  it('judges the quantile of the milliseconds', async () => {
    const report = await evaluate(timed, [
      { kind: 'absolute', metric: 'p95_latency_ms', max: 170 },
      { kind: 'non_inferior', metric: 'p50_latency_ms', margin: { relative: 0.05 } },
    ]);
    expect(report.gates.map(({ verdict }) => verdict)).toEqual(['pass', 'fail']);
    expect(gateOf(report).estimateCandidate).toBe(154);
  });
  it('fails where nobody measured, and where one is no number', async () => {
    const gate = { kind: 'absolute', metric: 'p99_latency_ms', max: 500 };
    expect(gateOf(await evaluate(rows, [gate]))).toMatchObject({
      verdict: 'fail',
      reasonCode: 'missing metric',
      reason: expect.stringContaining('latencyCandidateMs') as string,
    });
    const odd = timed.map((row, i) => (i === 3 ? { ...row, latencyCandidateMs: null } : row));
    expect(gateOf(await evaluate(odd, [gate]))).toMatchObject({
      verdict: 'fail',
      reasonCode: 'not a number',
    });
  });
});

describe('a gate on the size', () => {
  const gate = { kind: 'absolute', metric: 'model_size_mb', max: 100 };
  it.each([
    [100_000_000, 'pass', 'kept'],
    [100_000_001, 'fail', 'broken'],
    [0, 'fail', 'missing metric'],
    [undefined, 'fail', 'missing metric'],
  ])('of %s bytes is %s', async (bytes, verdict, reasonCode) => {
    const options = bytes === undefined ? {} : { candidateSizeBytes: bytes };
    expect(gateOf(await evaluate(rows, [gate], options))).toMatchObject({ verdict, reasonCode });
  });
});

describe('a gate on flips', () => {
  const gate = { kind: 'absolute', metric: 'prediction_flip_share', max: 0.05 };
  it('judges how many decisions are not the champion’s', async () => {
    const same = rows.map((row) => ({ ...row, candidate: row['champion'] ?? null }));
    expect(gateOf(await evaluate(same, [gate]))).toMatchObject({ verdict: 'pass', lower: 0 });
    const other = rows.map((row, i) => ({ ...row, candidate: i % 5 === 0 ? 0.99 : 0.01 }));
    expect(gateOf(await evaluate(other, [gate])).verdict).toBe('fail');
  });
  it('fails without a champion', async () => {
    const alone = rows.map((row) => ({ ...row, champion: null }));
    expect(gateOf(await evaluate(alone, [gate]))).toMatchObject({
      verdict: 'fail',
      reasonCode: 'missing metric',
    });
  });
});

describe('a gate on bias', () => {
  const gate = { kind: 'bias', metric: 'dppl', facet: 'sex', range: [-0.1, 0.1] };
  const favoured = (share: number, model: string): readonly Row[] =>
    rows.map((row, i) => ({
      ...row,
      [model]: row['sex'] === 'm' && i % 10 < share ? 0.9 : (row[model] ?? 0),
    }));
  it('passes equal treatment and fails a group that is surely treated otherwise', async () => {
    expect(gateOf(await evaluate(rows, [gate]))).toMatchObject({ verdict: 'pass', n: 1_000 });
    const report = await evaluate(favoured(8, 'candidate'), [gate]);
    expect(gateOf(report)).toMatchObject({ verdict: 'fail', reasonCode: 'broken' });
    expect(report.verdict).toBe('fail');
  });
  it('does not take thirty rows of a group for evidence that it is treated equally', async () => {
    // Without a positive decision anywhere, no draw from the rows alone would ever differ.
    const alike = rows.map((row, i) => ({ ...row, sex: i < 30 ? 'f' : 'm', candidate: 0.1 }));
    const found = gateOf(await evaluate(alike, [{ ...gate, minRows: 30, range: [-0.05, 0.05] }]));
    expect(found).toMatchObject({ verdict: 'inconclusive' });
  });
  it("judges several groups in Holm's order, the clearest at the strictest level", async () => {
    const groups = favoured(8, 'candidate').map((row, i) => ({
      ...row,
      sex: row['sex'] === 'm' ? 'm' : i % 4 === 0 ? 'f' : 'x',
    }));
    const found = await evaluate(groups, [{ ...gate, range: [-0.95, 0.95] }]);
    expect(found.gates.map(({ verdict }) => verdict)).toEqual(['pass', 'pass', 'pass']);
    const levels = found.gates.map(({ confidence }) => 1 - confidence).sort((a, b) => a - b);
    [0.05 / 3, 0.05 / 2, 0.05].forEach((level, i) => {
      expect(levels[i]).toBeCloseTo(level, 9);
    });
  });
  it('says how many rows would settle a group that is open', async () => {
    const open = gateOf(await evaluate(rows, [{ ...gate, range: [-0.03, 0.03] }]));
    expect(open.verdict).toBe('inconclusive');
    expect(open.rowsWanted).toBeGreaterThan(open.n);
  });
  it('accepts the champion’s own bias where the policy says so, and no more than that', async () => {
    const biased = favoured(8, 'candidate').map((row) => ({
      ...row,
      champion: row['candidate'] ?? null,
    }));
    expect(gateOf(await evaluate(biased, [gate])).verdict).toBe('fail');
    const or = { ...gate, orNotWorseThanChampion: true };
    expect(gateOf(await evaluate(biased, [or])).verdict).toBe('pass');
    expect(gateOf(await evaluate(favoured(8, 'candidate'), [or])).verdict).toBe('fail');
  });
  it('asks more of each of two ways to pass, so that both together err no more often than one', async () => {
    const upperAt = async (confidence: number) =>
      gateOf(await evaluate(rows, [{ ...gate, range: [-0.5, 0.5] }], { confidence })).upper ?? 0;
    const [once, half] = [await upperAt(0.95), await upperAt(0.975)];
    expect(half).toBeGreaterThan(once);
    const between = { ...gate, range: [-0.5, (once + half) / 2] };
    const alone = gateOf(await evaluate(rows, [between]));
    expect([alone.verdict, alone.confidence]).toEqual(['pass', 0.95]);
    const either = gateOf(await evaluate(rows, [{ ...between, orNotWorseThanChampion: true }]));
    expect(either.verdict).toBe('inconclusive');
    expect(either.confidence).toBeCloseTo(0.975, 9);
    // Without a champion there is one way only.
    const first = rows.map((row) => ({ ...row, champion: null }));
    const found = gateOf(await evaluate(first, [{ ...between, orNotWorseThanChampion: true }]));
    expect(found.confidence).toBe(0.95);
  });
  it.each([
    ['a column that is not there', { facet: 'age' }, 'fail', 'missing column'],
    ['a group that is not there', { disadvantaged: ['x'] }, 'fail', 'missing slice'],
    ['too few rows', { minRows: 1_001 }, 'inconclusive', 'too few rows'],
    ['one group only', { facet: 'one' }, 'fail', 'missing slice'],
  ])('is no pass with %s', async (_, change, verdict, reasonCode) => {
    const found = await evaluate(
      rows.map((row) => ({ ...row, one: 'x' })),
      [{ ...gate, ...change }],
    );
    expect(gateOf(found)).toMatchObject({ verdict, reasonCode });
  });
});

describe('slices', () => {
  const by = {
    kind: 'non_inferior',
    metric: 'roc_auc',
    margin: { absolute: 0.1 },
    by: ['sex'],
    minRows: 200,
  };
  const few = rows.map((row, i) => ({ ...row, sex: i < 50 ? 'x' : (row['sex'] ?? '') }));
  it.each([
    ['cannot tell', {}, 'inconclusive'],
    ['only warns', { onInsufficient: 'warn' }, 'pass'],
    ['fails', { onInsufficient: 'fail' }, 'fail'],
  ])('with too few rows %s, as the policy says', async (_, change, verdict) => {
    const report = await evaluate(few, [{ ...by, ...change }]);
    expect(report.verdict).toBe(verdict);
    expect(report.reasons.join()).toContain('sex=x');
  });
  it('that only warn are no pass when nothing else was judged', async () => {
    const gate = { ...by, minRows: 5_000, onInsufficient: 'warn' };
    expect((await evaluate(rows, [gate])).verdict).toBe('inconclusive');
  });
  it('fail by a value that must be there', async () => {
    const report = await evaluate(rows, [{ ...by, values: { sex: ['f', 'd'] } }]);
    expect(report.gates.find(({ slice }) => slice?.value === 'd')).toMatchObject({
      verdict: 'fail',
      reasonCode: 'missing slice',
      n: 0,
    });
    expect(report.verdict).toBe('fail');
  });
  it('are judged by absolute limits too, the worst of them deciding', async () => {
    const bad = rows.map((row, i) =>
      row['sex'] === 'f' ? { ...row, candidate: ((i * 7_919) % 997) / 997 } : row,
    );
    const gate = { kind: 'absolute', metric: 'brier', max: 0.26, by: ['sex'], minRows: 200 };
    const report = await evaluate(bad, [gate]);
    expect(report.gates.map(({ slice, verdict }) => [slice?.value, verdict])).toEqual([
      ['f', 'fail'],
      ['m', 'pass'],
    ]);
  });
});

describe('rows of one entity', () => {
  const people: readonly Row[] = classified(300, 0.1, 0.13).map((row, i) => ({
    ...row,
    customer: `c${i}`,
  }));
  const repeated = people.flatMap((row) =>
    Array.from({ length: 10 }, (_, k) => ({ ...row, rowId: `${row['rowId'] ?? ''}-${k}` })),
  );
  it.each(['roc_auc', 'accuracy', 'brier'])(
    'are drawn together: repeating them is no evidence (%s)',
    async (metric) => {
      const gates = [{ kind: 'superior', metric }];
      const width = async (some: readonly Row[], group?: string) => {
        const inputs = group === undefined ? {} : { inputs: { group } };
        const gate = gateOf(await evaluate(some, gates, inputs));
        return { width: (gate.upper ?? 0) - (gate.lower ?? 0), gate };
      };
      const once = await width(people);
      const naive = await width(repeated);
      const clustered = await width(repeated, 'customer');
      expect(clustered.gate.method).toBe('paired cluster bootstrap');
      expect(clustered.gate.delta).toBeCloseTo(once.gate.delta ?? Number.NaN, 9);
      expect(naive.width / once.width).toBeLessThan(0.45);
      expect(clustered.width / once.width).toBeGreaterThan(0.8);
      expect(clustered.width / once.width).toBeLessThan(1.25);
    },
  );
  it('are too few below 30 entities, however many rows', async () => {
    const few = repeated.map((row, i) => ({ ...row, customer: `c${i % 29}` }));
    const gate = { kind: 'superior', metric: 'roc_auc' };
    const report = await evaluate(few, [gate], { inputs: { group: 'customer' } });
    expect(gateOf(report)).toMatchObject({
      verdict: 'inconclusive',
      reasonCode: 'too few entities',
    });
  });
});

describe('weights', () => {
  const weighed = rows.map((row, i) => ({ ...row, w: i % 3 === 0 ? 0 : 2 }));
  it('of 0 leave rows out of every metric', async () => {
    const gates = ['roc_auc', 'recall', 'brier', 'ece'].map((metric) => ({
      kind: 'superior',
      metric,
    }));
    const kept = rows.filter((_, i) => i % 3 !== 0);
    const [all, some] = [
      await evaluate(weighed, gates, { inputs: { weight: 'w' } }),
      await evaluate(kept, gates),
    ];
    all.gates.forEach((gate, i) => {
      expect(gate.estimateCandidate).toBeCloseTo(some.gates[i]?.estimateCandidate ?? 0, 9);
      expect(gate.estimateChampion).toBeCloseTo(some.gates[i]?.estimateChampion ?? 0, 9);
      expect(gate.method).toBe('paired bootstrap');
    });
  });
  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, null])('of %s fail it', async (w) => {
    const odd = weighed.map((row, i) => (i === 0 ? { ...row, w } : row));
    const report = await evaluate(odd, [{ kind: 'superior', metric: 'brier' }], {
      inputs: { weight: 'w' },
    });
    expect(report.checks.badWeights).toBe(1);
    expect(report.verdict).toBe('fail');
  });
});

describe('a metric in SQL', () => {
  const brier = {
    kind: 'superior',
    metric: 'custom',
    better: 'lower',
    sql: 'avg((label - score) ** 2)',
  };
  it('is what the same metric of ours is, with about its interval', async () => {
    const report = await evaluate(rows, [brier, { kind: 'superior', metric: 'brier' }]);
    const [own, ours] = [gateOf(report), gateOf(report, 1)];
    expect(own.method).toBe('paired poisson bootstrap');
    for (const key of ['estimateChampion', 'estimateCandidate', 'delta'] as const)
      expect(own[key]).toBeCloseTo(ours[key] ?? Number.NaN, 9);
    const width = (gate: GateResult) => (gate.upper ?? 0) - (gate.lower ?? 0);
    expect(width(own) / width(ours)).toBeGreaterThan(0.75);
    expect(width(own) / width(ours)).toBeLessThan(1.33);
  });
  it('gives the same numbers for the same seed, others for another, in any order of the rows', async () => {
    const first = gateOf(await evaluate(rows, [brier]));
    expect(gateOf(await evaluate([...rows].reverse(), [brier]))).toEqual(first);
    expect(gateOf(await evaluate(rows, [brier], { seed: 4 })).lower).not.toBe(first.lower);
  });
  it('is judged in slices by their rows', async () => {
    const report = await evaluate(rows, [{ ...brier, by: ['sex'] }]);
    expect(report.gates.map(({ slice, n }) => [slice?.value, n])).toEqual([
      ['f', 1_000],
      ['m', 1_000],
    ]);
  });
  it.each([
    ['NULL', 'sum(case when score > 5 then 1.0 end)'],
    ['NaN', "avg(score) + cast('nan' as double)"],
    ['infinite', 'avg(score) / (count(*) - count(*))'],
  ])('fails when it is %s', async (_, sql) => {
    const gate = gateOf(await evaluate(rows, [{ ...brier, sql }]));
    expect(gate).toMatchObject({ verdict: 'fail', reasonCode: 'not a number' });
  });

  const duckFault = async (sql: string) => {
    const { duck } = await scratch();
    return sqlFault(duck, sql, ['x', 'select']);
  };
  it.each([
    'avg(score)',
    'sum(case when label = 1 and score < 0.5 then 5 else 0 end) / count(*)',
    'avg(abs(label - score)) filter (where x > 1)',
    'quantile_cont(score, 0.9)',
    'coalesce(sum(score), 0)::double',
    'avg(score) - avg("select")',
    "count(*) filter (where x in ('a', 'b')) / sum(score)",
  ])('takes %s', async (sql) => {
    expect(await duckFault(sql)).toBeNull();
  });
  it.each([
    '1; drop table rows',
    "avg(score); attach 'x.db'",
    "(select max(content) from read_text('/etc/passwd'))",
    "read_text('/etc/passwd')",
    "getenv('HOME')",
    "current_setting('temp_directory')",
    'avg(score) from rows, rows as other --',
    'avg(score), 1',
    'avg(score) as name',
    'avg(score) over ()',
    'avg(score) + random()',
    'avg(score) from rows where true group by all',
    'score) from rows union select (1',
    '$1',
    'list_transform([score], v -> v)',
    'avg(unknown + score)',
    'avg(rows.score)',
    'main.avg(score)',
    '*',
    "nextval('s')",
    'exists (select 1)',
    'sum(score) /* */ from rows limit 1',
    '',
  ])('refuses %s', async (sql) => {
    expect(await duckFault(sql)).not.toBeNull();
  });
  it('that the database refuses fails the gate with its words', async () => {
    const gates = evaluateSchema.parse({ gates: [{ id: 'own', ...brier }] }).gates;
    const [gate] = gates;
    if (gate?.kind !== 'superior') throw new Error('it is a superior gate');
    for (const sql of ['score', 'avg(sex + score)', "read_text('/etc/passwd') || score"]) {
      const report = await evaluateParsed(rows, [{ ...gate, sql }]);
      expect(gateOf(report)).toMatchObject({ verdict: 'fail', reasonCode: 'bad sql' });
      expect(report.verdict).toBe('fail');
    }
  });
});

describe('the calibration error', () => {
  it('of a calibrated model is not called surely too large for its noise', async () => {
    const random = seeded(77);
    let surely = 0;
    for (let k = 0; k < 20; k += 1) {
      const calibrated = Array.from({ length: 500 }, (_, i) => {
        const candidate = random.fraction();
        return { rowId: `r${i}`, label: Number(random.fraction() < candidate), candidate };
      });
      const gate = { kind: 'absolute', metric: 'ece', max: 0.01 };
      surely += gateOf(await evaluate(calibrated, [gate])).verdict === 'fail' ? 1 : 0;
    }
    expect(surely).toBeLessThanOrEqual(1);
  });
});

describe('gates that cannot be', () => {
  const issue = (gates: readonly unknown[], more: object = {}) => {
    const parsed = evaluateSchema.safeParse({ gates, ...more });
    return parsed.success ? null : parsed.error.issues.map(({ message }) => message).join('\n');
  };
  const of = (gate: object) => ({ id: 'one', ...gate });
  it.each<[string, readonly unknown[], object, RegExp]>([
    [
      'both tasks',
      [
        of({ kind: 'superior', metric: 'rmse' }),
        of({ id: 'two', kind: 'superior', metric: 'roc_auc' }),
      ],
      {},
      /a model is one of the two/,
    ],
    [
      'a metric of the other task',
      [of({ kind: 'superior', metric: 'rmse' })],
      { inputs: { task: 'classification' } },
      /rmse is a metric of regression/,
    ],
    [
      'a share of R²',
      [of({ kind: 'non_inferior', metric: 'r2', margin: { relative: 0.1 } })],
      {},
      /say absolute:/,
    ],
    [
      'two margins',
      [of({ kind: 'non_inferior', metric: 'roc_auc', margin: { relative: 0.1, absolute: 0.1 } })],
      {},
      /one of absolute: and relative:/,
    ],
    [
      'SQL without a score',
      [of({ kind: 'superior', metric: 'custom', better: 'lower', sql: 'count(*)' })],
      {},
      /say score/,
    ],
    [
      'SQL that is a statement',
      [of({ kind: 'superior', metric: 'custom', better: 'lower', sql: 'select score' })],
      {},
      /not a statement/,
    ],
    [
      'SQL that does not say which way is better',
      [of({ kind: 'superior', metric: 'custom', sql: 'avg(score)' })],
      {},
      /better: higher or better: lower/,
    ],
    [
      'SQL for a metric of ours',
      [of({ kind: 'superior', metric: 'brier', sql: 'avg(score)' })],
      {},
      /belongs to metric: custom/,
    ],
    [
      'a margin for a size',
      [of({ kind: 'superior', metric: 'model_size_mb' })],
      {},
      /absolute only/,
    ],
    [
      'a range without equal treatment',
      [of({ kind: 'bias', metric: 'dppl', facet: 'sex', range: [0.1, 0.2] })],
      {},
      /equal treatment/,
    ],
    [
      'a slice that is not declared',
      [of({ kind: 'superior', metric: 'brier', by: ['hub'] })],
      { inputs: { slices: ['sex'] } },
      /not among evaluate.inputs.slices/,
    ],
    [
      'one id twice',
      [of({ kind: 'superior', metric: 'brier' }), of({ kind: 'superior', metric: 'recall' })],
      {},
      /used twice/,
    ],
    [
      'a column of the policy that nobody knows',
      [of({ kind: 'superior', metric: 'brier', colour: 1 })],
      {},
      /colour/,
    ],
  ])('are refused: %s', (_, gates, more, message) => {
    expect(issue(gates, more)).toMatch(message);
  });
});

describe('rows that cannot be trusted', () => {
  it.each<[string, Row]>([
    ['an id twice', { rowId: 'r5' }],
    ['no score', { candidate: null }],
  ])('pass no gate: %s', async (_, wrong) => {
    const odd = rows.map((row, i) => (i === 0 ? { ...row, ...wrong } : row));
    const report = await evaluate(odd, [{ kind: 'absolute', metric: 'roc_auc', min: 0.5 }]);
    expect(report.gates.map(({ verdict, reasonCode }) => [verdict, reasonCode])).toEqual([
      ['fail', 'bad rows'],
    ]);
    expect(report.reasons).toHaveLength(1);
  });
});

describe('a further set of predictions', () => {
  const held = classified(2_000, 0.1, 0.15);
  const gates = [
    { kind: 'non_inferior', metric: 'roc_auc', margin: { absolute: 0.01 } },
    { kind: 'non_inferior', metric: 'roc_auc', margin: { absolute: 0.01 }, dataset: 'golden' },
    { kind: 'bias', metric: 'dppl', facet: 'sex', range: [-0.2, 0.2], dataset: 'golden' },
  ] as const;
  const judged = async (
    golden: readonly Row[] | null,
    options: Partial<EvaluateOptions> = {},
    further: Partial<FurtherDataset> = {},
  ): Promise<EvaluationReport> => {
    return evaluate(held, gates, options, {
      files: async (write) => ({
        datasets: [
          {
            name: 'golden',
            predictions:
              golden === null
                ? { missing: 'nobody knows where it is' }
                : await write('golden', golden),
            ...further,
          },
        ],
      }),
    });
  };
  const verdicts = (report: EvaluationReport) =>
    report.gates.map(({ verdict, reasonCode, dataset }) => [verdict, reasonCode, dataset]);

  it('is judged by the gates that name it, and by no others', async () => {
    const report = await judged(classified(1_500, 0.15, 0.05));
    expect(verdicts(report)).toEqual([
      ['pass', 'kept', undefined],
      ['fail', 'broken', 'golden'],
      ['pass', 'kept', 'golden'],
    ]);
    expect(report).toMatchObject({
      verdict: 'fail',
      rows: 2_000,
      datasets: [{ name: 'golden', kind: 'judged', rows: 1_500 }],
    });
  });

  it('passes where both are good, in the order of the policy', async () => {
    const report = await judged(classified(1_500, 0.1, 0.15));
    expect(report.verdict).toBe('pass');
    expect(report.gates.map(({ id }) => id)).toEqual(['gate-0', 'gate-1', 'gate-2[sex=m]']);
    expect(evaluationSchema.parse(JSON.parse(JSON.stringify(report)))).toMatchObject({
      datasets: [{ kind: 'judged', noBaseline: false }],
    });
  });

  it('fails its gates when it is missing', async () => {
    const report = await judged(null);
    expect(verdicts(report)).toEqual([
      ['pass', 'kept', undefined],
      ['fail', 'missing dataset', 'golden'],
      ['fail', 'missing dataset', 'golden'],
    ]);
    expect(report.verdict).toBe('fail');
  });

  it.each<[string, Partial<Row>, RegExp]>([
    ['a label that is none', { label: 7 }, /labels are neither 0 nor 1, such as 7/],
    ['an id that stands there twice', { rowId: 'r5' }, /row ids occur more than once/],
    ['a score above 1', { candidate: 1.5 }, /scores of the candidate are not between 0 and 1/],
  ])('fails its gates for %s', async (_, wrong, sentence) => {
    const golden = classified(1_500, 0.1, 0.15).map((row, i) =>
      i === 0 ? { ...row, ...wrong } : row,
    );
    const report = await judged(golden as readonly Row[]);
    expect(verdicts(report).slice(1)).toEqual([
      ['fail', 'bad rows', 'golden'],
      ['fail', 'bad rows', 'golden'],
    ]);
    expect(report.gates[1]?.reason).toMatch(sentence);
    expect(report.verdict).toBe('fail');
  });

  it('fails its gates for rows that were trained on, although they are older than the window', async () => {
    const golden = classified(1_500, 0.1, 0.15).map((row, i) => ({ ...row, rowId: `g${i}` }));
    const report = await evaluate(
      held,
      gates,
      {},
      {
        files: async (write) => ({
          trainingRowsFile: await write('trained', [{ rowId: 'g1' }, { rowId: 'x' }]),
          datasets: [{ name: 'golden', predictions: await write('golden', golden) }],
        }),
      },
    );
    expect(report.checks.rowsInTraining).toBe(0);
    expect(report.gates[1]).toMatchObject({
      verdict: 'fail',
      reasonCode: 'bad rows',
      reason: expect.stringMatching(/1 rows were also trained on/) as string,
    });
  });

  it('fails its gates for rows from before the training, where they must be from after it', async () => {
    const golden = classified(1_500, 0.1, 0.15).map((row, i) => ({ ...row, eventTimeMs: 900 + i }));
    const holdOut = { fromMs: 1_000, toMs: 1_000_000 };
    const timed = held.map((row, i) => ({ ...row, eventTimeMs: 1_000 + i }));
    const of = (afterTrainingCutoff: boolean) =>
      evaluate(
        timed,
        gates,
        { holdOut },
        {
          files: async (write) => ({
            datasets: [
              { name: 'golden', predictions: await write('golden', golden), afterTrainingCutoff },
            ],
          }),
        },
      );
    expect((await of(true)).gates[1]).toMatchObject({
      reasonCode: 'bad rows',
      reason: expect.stringMatching(/100 rows are from before the end/) as string,
    });
    expect((await of(false)).verdict).toBe('pass');
  });

  it('fails a comparison without champion scores, which the held-out rows have', async () => {
    const golden = classified(1_500, 0.1, 0.15).map((row) => ({ ...row, champion: null }));
    expect((await judged(golden)).gates[1]).toMatchObject({
      verdict: 'fail',
      reasonCode: 'missing metric',
    });
  });

  it('cannot tell below the rows, or the rows of a class, that the policy wants of it', async () => {
    const golden = classified(1_500, 0.1, 0.15);
    const few = await judged(golden, {}, { floor: { minRows: 3_000 } });
    expect(few.gates[1]).toMatchObject({
      verdict: 'inconclusive',
      reasonCode: 'too few rows',
      rowsWanted: 3_000,
    });
    const rare = await judged(golden, {}, { floor: { minPositives: 1_200 } });
    expect(rare.gates[1]).toMatchObject({
      verdict: 'inconclusive',
      reasonCode: 'too few of a class',
    });
    expect(rare.gates[1]?.rowsWanted).toBeGreaterThan(1_500);
  });
});

describe('sets in a policy', () => {
  const faultsOf = (evaluate: object): readonly string[] => {
    const parsed = evaluateSchema.safeParse(evaluate);
    return parsed.success ? [] : parsed.error.issues.map(({ message }) => message);
  };
  const gate = { id: 'floor', kind: 'absolute', metric: 'roc_auc', min: 0.6 };
  it.each<[object, RegExp]>([
    [{ gates: [{ ...gate, dataset: 'golden' }] }, /there is no set golden/],
    [
      {
        datasets: { golden: { role: 'show' } },
        gates: [gate, { ...gate, id: 'g', dataset: 'golden' }],
      },
      /role: show/,
    ],
    [{ datasets: { golden: { uri: 's3://b/{month}' } }, gates: [gate] }, /only \{model\}/],
    [{ datasets: { golden: { uri: 's3://b/x', predictions: 'k' } }, gates: [gate] }, /say one of/],
    [{ datasets: { recent: { role: 'show' } }, gates: [gate] }, /cannot be for show/],
    [
      { datasets: { recent: { afterTrainingCutoff: 'not_required' } }, gates: [gate] },
      /those after the training/,
    ],
  ])('%j is refused with what to change', (evaluate_, sentence) => {
    expect(faultsOf(evaluate_).join('\n')).toMatch(sentence);
  });
});
