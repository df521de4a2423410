import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import { seeded } from '../analysis/random.js';
import { ROW_REPLICATES, sampleMetric, type ScoredRows } from '../analysis/sampling.js';
import { pairedDeLong } from '../domain/stats/delong.js';
import { printTable } from './table.js';

export const needs: readonly string[] = [];

const DELONG_ROWS = 1_000_000;
const BOOTSTRAP_ROWS = 100_000;
/** Draws the peer makes: it takes long enough for these. */
const PEER_DRAWS = 50;

/** Two models on the same rows, with scores of four digits, so that there are ties. */
function makeRows(count: number): ScoredRows {
  const random = seeded(1);
  const labels = new Float64Array(count);
  const champion = new Float64Array(count);
  const candidate = new Float64Array(count);
  const digits = (value: number) => Math.round(value * 10_000) / 10_000;
  for (let i = 0; i < count; i += 1) {
    const label = Number(random.fraction() < 0.3);
    const shared = random.fraction();
    labels[i] = label;
    champion[i] = digits((shared + random.fraction() + 0.3 * label) / 2.3);
    candidate[i] = digits((shared + random.fraction() + 0.35 * label) / 2.35);
  }
  return { labels, champion, candidate };
}

interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function measured(work: () => unknown): Promise<Measured> {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return {
    seconds: (performance.now() - startedAt) / 1_000,
    cpuSeconds: (user + system) / 1_000_000,
  };
}

/** What people would write with numpy and scikit-learn: fast DeLong by mid-ranks, and AUCs of drawn rows. */
const PEER = `
import json, sys, time
import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

folder, draws = sys.argv[1], int(sys.argv[2])

def rows(name):
    table = np.fromfile(f"{folder}/{name}", dtype="<f8").reshape(3, -1)
    return table[0], table[1], table[2]

def timed(work):
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - wall, time.process_time() - cpu

def delong(y, first, second):
    order = np.argsort(-y, kind="mergesort")
    m = int(y.sum()); n = len(y) - m
    v10, v01, aucs = [], [], []
    for scores in (first[order], second[order]):
        pos, neg = scores[:m], scores[m:]
        among = rankdata(scores)
        a = (among[:m] - rankdata(pos)) / n
        b = 1 - (among[m:] - rankdata(neg)) / m
        v10.append(a); v01.append(b); aucs.append(a.mean())
    cov = np.cov(v10) / m + np.cov(v01) / n
    return aucs[1] - aucs[0], float(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]) ** 0.5

y, a, b = rows("delong.bin")
(delta, se), wall, cpu = timed(lambda: delong(y, a, b))
out = {"delong": {"delta": delta, "se": se, "seconds": wall, "cpuSeconds": cpu}}

y, a, b = rows("bootstrap.bin")
def bootstrap():
    random = np.random.default_rng(1)
    found = []
    for _ in range(draws):
        at = random.integers(0, len(y), len(y))
        found.append(roc_auc_score(y[at], b[at]) - roc_auc_score(y[at], a[at]))
    return float(np.std(found))
sd, wall, cpu = timed(bootstrap)
out["bootstrap"] = {"sd": sd, "seconds": wall, "cpuSeconds": cpu}
print(json.dumps(out))
`;

interface Peer {
  readonly delong: Measured & { readonly delta: number; readonly se: number };
  readonly bootstrap: Measured & { readonly sd: number };
}

function writeRows(path: string, { labels, champion, candidate }: ScoredRows): void {
  const parts = [labels, champion ?? new Float64Array(), candidate];
  writeFileSync(path, Buffer.concat(parts.map((part) => Buffer.from(part.buffer))));
}

/** A Python of its own with scikit-learn from PyPI; `null` without Python. */
function peerPython(given: string | undefined): string | null {
  if (given !== undefined) return given;
  const venv = join(tmpdir(), 'modelkeeper-bench-sklearn');
  const python = join(venv, 'bin', 'python');
  if (!existsSync(python)) {
    if (spawnSync('python3', ['--version']).status !== 0) return null;
    execFileSync('python3', ['-m', 'venv', venv], { stdio: 'inherit' });
    execFileSync(python, ['-m', 'pip', 'install', '-q', 'numpy', 'scipy', 'scikit-learn'], {
      stdio: 'inherit',
    });
  }
  return python;
}

const ratio = (theirs: number, ours: number) => `${(theirs / ours).toFixed(1)} ×`;
const short = (value: number) => Number(value.toPrecision(3));

export async function run(args: readonly string[]): Promise<void> {
  const at = args.indexOf('--python');
  const large = makeRows(DELONG_ROWS);
  const small = makeRows(BOOTSTRAP_ROWS);

  const answers: ReturnType<typeof pairedDeLong>[] = [];
  const delong = await measured(() => {
    answers.push(pairedDeLong(large.labels, large.champion ?? large.candidate, large.candidate));
  });
  const [found] = answers;
  if (found === undefined || found === null) throw new Error('both classes have rows enough');
  const { difference, differenceVariance } = found;

  // Every row its own entity: the draws that gates on repeated rows make, of the hardest case.
  const entities = {
    of: Float64Array.from({ length: BOOTSTRAP_ROWS }, (_, i) => i),
    count: BOOTSTRAP_ROWS,
  };
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  const bootstrap = await measured(() =>
    sampleMetric('roc_auc', { ...small, groups: entities }, { seed: 1 }),
  );
  delays.disable();
  const draws = ROW_REPLICATES;

  const python = peerPython(at === -1 ? undefined : args[at + 1]);
  let peer: Peer | null = null;
  if (python !== null) {
    const folder = mkdtempSync(join(tmpdir(), 'modelkeeper-bench-'));
    try {
      writeRows(join(folder, 'delong.bin'), large);
      writeRows(join(folder, 'bootstrap.bin'), small);
      writeFileSync(join(folder, 'peer.py'), PEER);
      const out = execFileSync(python, [join(folder, 'peer.py'), folder, String(PEER_DRAWS)]);
      peer = JSON.parse(out.toString('utf8')) as Peer;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  const per1000 = (one: Measured, made: number): Measured => ({
    seconds: (one.seconds * 1_000) / made,
    cpuSeconds: (one.cpuSeconds * 1_000) / made,
  });
  const ours = per1000(bootstrap, draws);
  const theirs = peer === null ? null : per1000(peer.bootstrap, PEER_DRAWS);
  const line = (work: string, own: Measured, other: Measured | null) => ({
    work,
    'modelkeeper s': short(own.seconds),
    'cpu s': short(own.cpuSeconds),
    'scikit-learn s': other === null ? 'no Python' : short(other.seconds),
    'their cpu s': other === null ? '' : short(other.cpuSeconds),
    'ratio of cpu': other === null ? '' : ratio(other.cpuSeconds, own.cpuSeconds),
  });
  printTable('Two models on the same rows', [
    line('paired DeLong, 1,000,000 rows', delong, peer?.delong ?? null),
    line('1,000 paired draws of the ROC AUC, 100,000 rows', ours, theirs),
  ]);
  printTable('The event loop meanwhile', [
    {
      work: `${draws} paired draws by entity`,
      'delay p50 ms': short(delays.percentile(50) / 1e6),
      'p99 ms': short(delays.percentile(99) / 1e6),
      'most ms': short(delays.max / 1e6),
    },
  ]);
  if (peer !== null)
    printTable('Agreement', [
      {
        number: 'difference of the AUCs',
        modelkeeper: difference.toPrecision(12),
        'numpy and scipy': peer.delong.delta.toPrecision(12),
      },
      {
        number: 'its standard error',
        modelkeeper: Math.sqrt(differenceVariance).toPrecision(12),
        'numpy and scipy': peer.delong.se.toPrecision(12),
      },
    ]);
}
