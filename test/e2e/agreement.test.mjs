/** The numbers people read are those that scipy and scikit-learn compute from the same data. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterAll, describe, expect, it } from 'vitest';
import { onPath, thisMachine } from '../../scripts/setup/machine.mjs';
import { ensureWheel } from '../../scripts/setup/wheel.mjs';
import { start, temporaryFolder } from './support/processes.ts';

/** Published as wheels for Python 3.10 to 3.13: unpacking is installing. */
const PACKAGES = [
  ['numpy', '2.2.6'],
  ['scipy', '1.15.3'],
  ['scikit-learn', '1.6.1'],
  ['joblib', '1.5.1'],
  ['threadpoolctl', '3.6.0'],
];

const seed = Date.now() % 2_147_483_647;
console.info(`seed of the data: ${seed}`);
const machine = thisMachine(join(import.meta.dirname, '../..'));
const home = temporaryFolder('agreement');
afterAll(() => home.remove());

const generator = xoroshiro128plus(seed);
const uniform = () => ((generator.next() >>> 0) + 0.5) / 2 ** 32;
const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
const oneOf = (values) => values[Math.floor(uniform() * values.length)];

/** Columns with what goes wrong in practice: ties, many zeros, one value, tiny scales, gaps, rare and new values. */
const columnsOf = (moved) => ({
  'number normal': () => normal() + (moved ? 0.3 : 0),
  'number skewed': () => Math.exp(normal() * (moved ? 1.2 : 1)),
  'number whole': () => Math.floor(uniform() * (moved ? 12 : 10)),
  'number mostly zero': () => (uniform() < (moved ? 0.5 : 0.7) ? 0 : uniform() * 9),
  'number tiny': () => normal() * 1e-9,
  'number with gaps': () => (uniform() < (moved ? 0.2 : 0.05) ? '' : normal() * 100),
  'text few': () => oneOf(moved ? ['a', 'b', 'b', 'c'] : ['a', 'b', 'c']),
  'text new value': () => (moved && uniform() < 0.1 ? 'new' : oneOf(['x', 'y'])),
  'text gaps': () => (uniform() < 0.1 ? '' : oneOf(['north', 'south', 'east, or so'])),
});

function writeTable(name, rows, columns) {
  const quoted = (value) => (String(value).includes(',') ? `"${value}"` : String(value));
  const lines = Array.from({ length: rows }, () =>
    Object.values(columns)
      .map((draw) => quoted(draw()))
      .join(','),
  );
  const path = join(home.path, name);
  writeFileSync(path, [Object.keys(columns).join(','), ...lines].join('\n'));
  return path;
}

function writePredictions(rows) {
  const lines = Array.from({ length: rows }, (_, row) => {
    const truth = normal();
    const score = (noise) => 1 / (1 + Math.exp(-(truth + noise * normal())));
    const label = uniform() < 1 / (1 + Math.exp(-truth)) ? 1 : 0;
    return `${row},${label},${score(1.2)},${score(0.8)}`;
  });
  const path = join(home.path, 'predictions.csv');
  writeFileSync(path, ['rowId,label,champion,candidate', ...lines].join('\n'));
  return path;
}

/** Amounts of which none is near 0, as a percentage of that says nothing. */
function writeAmounts(rows) {
  const lines = Array.from({ length: rows }, (_, row) => {
    const truth = 20 + Math.exp(2 + normal());
    return `${row},${truth},${truth + 9 * normal()},${truth * (1 + 0.2 * normal())}`;
  });
  const path = join(home.path, 'amounts.csv');
  writeFileSync(path, ['rowId,label,champion,candidate', ...lines].join('\n'));
  return path;
}

const atLeast = (metric) =>
  `{ id: ${metric.replace('_', '-')}, kind: absolute, metric: ${metric}, min: 0.01 }`;
const atMost = (metric, max = 1_000_000) =>
  `{ id: ${metric}, kind: absolute, metric: ${metric}, max: ${max} }`;
const gatesOf = (gates) =>
  `evaluate:\n  gates:\n${gates.map((gate) => `    - ${gate}\n`).join('')}`;
const GATES = gatesOf([
  ...['pr_auc', 'precision', 'recall', 'f1', 'mcc'].map(atLeast),
  atMost('ece', 0.9),
]);
const GATES_OF_AMOUNTS = gatesOf([
  ...['rmse', 'mae', 'mape'].map((metric) => atMost(metric)),
  atLeast('r2'),
]);

async function told(args) {
  const { output } = await start(args, { cwd: home.path }).ended;
  return JSON.parse(output.slice(output.indexOf('{')));
}

const table = [];

/** Remembers a line of the table, and how far the two numbers are apart beside what is allowed. */
function agree(what, ours, theirs, relative = 1e-9) {
  const apart = Math.abs(ours - theirs);
  const scale = theirs === 0 ? 1 : Math.abs(theirs);
  table.push({ what, ours, theirs, apart: apart / scale, allowed: relative });
}

describe(`scipy and scikit-learn (seed ${seed})`, async () => {
  const folders = [];
  for (const [name, version] of PACKAGES) folders.push(await ensureWheel(machine, name, version));
  const python = await onPath(machine, 'python3');
  const baseline = writeTable('baseline.csv', 3_000, columnsOf(false));
  const window = writeTable('window.csv', 2_000, columnsOf(true));
  const predictions = writePredictions(3_000);
  const amounts = writeAmounts(2_000);
  writeFileSync(join(home.path, 'gates.yaml'), GATES);
  writeFileSync(join(home.path, 'gates-of-amounts.yaml'), GATES_OF_AMOUNTS);

  it('agree with the numbers of drift and evaluate', { timeout: 300_000 }, async () => {
    const drift = await told([
      'drift',
      '--baseline',
      baseline,
      '--window',
      window,
      '--wasserstein',
      '--json',
    ]);
    const evaluation = await told([
      ...['evaluate', '--predictions', predictions, '--policy', 'gates.yaml', '--json'],
    ]);
    const ofAmounts = await told([
      ...['evaluate', '--predictions', amounts, '--policy', 'gates-of-amounts.yaml', '--json'],
    ]);
    const columns = new Map(drift.columns.map((column) => [column.name, column]));
    const question = {
      pValues: drift.columns.map((column) => column.pValue),
      ksLower: Object.fromEntries(
        drift.columns
          .filter((column) => column.ks !== null)
          .map(({ name, ks, nRef, nCur }) => [name, [ks.lower, nRef, nCur]]),
      ),
    };
    const peer = spawnSync(
      python,
      [join(import.meta.dirname, 'agreement/peer.py'), baseline, window, predictions, amounts],
      {
        input: JSON.stringify(question),
        encoding: 'utf8',
        env: { ...process.env, PYTHONPATH: folders.join(delimiter), PYTHONDONTWRITEBYTECODE: '1' },
      },
    );
    expect(peer.status, peer.stderr).toBe(0);
    const theirs = JSON.parse(peer.stdout);

    for (const [name, expected] of Object.entries(theirs.columns)) {
      const ours = columns.get(name);
      const { ks, ksPOfLower, edges, countsRef, countsCur, missingShare, ...numbers } = expected;
      for (const [key, value] of Object.entries(numbers)) {
        agree(`${name}: ${key}`, ours[key], value, key === 'chi2P' ? 1e-6 : 1e-9);
      }
      for (const [key, value] of Object.entries(missingShare))
        agree(`${name}: missingShare.${key}`, ours.missingShare[key], value, 1e-6);
      if (ks === undefined) continue;
      expect(ours.edges, name).toEqual(edges);
      expect([ours.countsRef, ours.countsCur], name).toEqual([countsRef, countsCur]);
      expect(ours.ks.lower, name).toBeLessThanOrEqual(ks + 1e-12);
      expect(ours.ks.upper, name).toBeGreaterThanOrEqual(ks - 1e-12);
      agree(`${name}: pValue`, ours.pValue, ksPOfLower, 1e-6);
    }
    drift.columns.forEach((column, i) =>
      agree(`${column.name}: pAdjusted`, column.pAdjusted, theirs.adjusted[i], 1e-9),
    );
    for (const [judged, models] of [
      [evaluation, theirs.models],
      [ofAmounts, theirs.amounts],
    ]) {
      for (const [model, values] of Object.entries(models)) {
        for (const [metric, value] of Object.entries(values)) {
          const found = judged[model].find((estimate) => estimate.metric === metric);
          agree(`${model}: ${metric}`, found?.estimate ?? Number.NaN, value);
        }
      }
    }
    console.table(
      Object.fromEntries(
        table.map(({ what, ours, theirs: peers, apart }) => [
          what,
          { ours, scipy: peers, 'relative difference': Number(apart.toPrecision(2)) },
        ]),
      ),
    );
    expect(table.length).toBeGreaterThan(100);
    expect(table.filter(({ apart, allowed }) => !(apart <= allowed))).toEqual([]);
  });
});
