/** Models whose true metrics are known, to count how often the bounds that gates are judged by are wrong. */
import { seeded } from '../../analysis/random.js';
import type { Random } from '../../analysis/random.js';
import { boundsOf, sampleMetric } from '../../analysis/sampling.js';
import type { ScoredRows } from '../../analysis/sampling.js';
import { normalTail } from '../../analysis/tails.js';
import type { GateMetric } from '../../domain/stats/types.js';
import { normal } from './world.js';

export interface GateWorld {
  readonly name: string;
  readonly metric: GateMetric;
  /** Of the candidate, or of candidate − champion where there is a champion. */
  readonly truth: number;
  /** The bound that makes a gate pass: the lower one where more is better. */
  readonly passesBy: 'lower' | 'upper';
  draw(random: Random): ScoredRows;
}

const RIGHT = 0.9;
const decision = (label: number, isRight: boolean): number =>
  isRight === (label === 1) ? RIGHT : 1 - RIGHT;

function drawLabels(random: Random, rows: number, positives: number): Float64Array {
  return new Float64Array(rows).map(() => Number(random.fraction() < positives));
}

/** Every answer is right with the same chance. */
function rightAnswers(
  metric: 'accuracy' | 'recall',
  rows: number,
  positives: number,
  truth: number,
): GateWorld {
  return {
    name: `${metric} ${truth}, ${rows} rows, ${100 * positives} % positive`,
    metric,
    truth,
    passesBy: 'lower',
    draw: (random) => {
      const labels = drawLabels(random, rows, positives);
      const candidate = labels.map((label) => decision(label, random.fraction() < truth));
      return { labels, champion: null, candidate };
    },
  };
}

/** Shares of rows in which exactly one model is right; in a tenth of the rest both are wrong. */
function disagreement(rows: number, onlyChampion: number, onlyCandidate: number): GateWorld {
  return {
    name: `accuracy, difference of two models, ${rows} rows, ${(100 * onlyChampion).toFixed(1)} % only champion right, ${(100 * onlyCandidate).toFixed(1)} % only candidate`,
    metric: 'accuracy',
    truth: onlyCandidate - onlyChampion,
    passesBy: 'lower',
    draw: (random) => {
      const labels = drawLabels(random, rows, 0.5);
      const [champion, candidate] = [new Float64Array(rows), new Float64Array(rows)];
      labels.forEach((label, row) => {
        const which = random.fraction();
        const onlyFirst = which < onlyChampion;
        const onlySecond = !onlyFirst && which < onlyChampion + onlyCandidate;
        const both = !onlyFirst && !onlySecond && which < 0.9;
        champion[row] = decision(label, onlyFirst || both);
        candidate[row] = decision(label, onlySecond || both);
      });
      return { labels, champion, candidate };
    },
  };
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
/** AUC of normal scores whose mean differs by `distance` between the classes. */
const aucOf = (distance: number): number => 1 - normalTail(distance / Math.SQRT2);

/** Normal scores; those of positives `spread` times as wide. */
function oneAuc(rows: number, positives: number, distance: number, spread = 1): GateWorld {
  const apart = distance * Math.sqrt((1 + spread ** 2) / 2);
  const wide = spread === 1 ? '' : `, positives ${spread} times as wide`;
  return {
    name: `ROC AUC ${aucOf(distance).toFixed(3)}, ${rows} rows, ${100 * positives} % positive${wide}`,
    metric: 'roc_auc',
    truth: aucOf(distance),
    passesBy: 'lower',
    draw: (random) => {
      const labels = drawLabels(random, rows, positives);
      const candidate = labels.map((label) =>
        logistic(label === 1 ? apart + spread * normal(random) : normal(random)),
      );
      return { labels, champion: null, candidate };
    },
  };
}

function twoAucs(
  rows: number,
  positives: number,
  [first, second]: readonly [number, number],
  correlation: number,
): GateWorld {
  return {
    name: `ROC AUC, difference of ${aucOf(second).toFixed(3)} and ${aucOf(first).toFixed(3)}, ${rows} rows, ${100 * positives} % positive`,
    metric: 'roc_auc',
    truth: aucOf(second) - aucOf(first),
    passesBy: 'lower',
    draw: (random) => {
      const labels = drawLabels(random, rows, positives);
      const shared = labels.map(() => normal(random));
      const own = Math.sqrt(1 - correlation ** 2);
      return {
        labels,
        champion: labels.map((label, row) => logistic((shared[row] ?? 0) + first * label)),
        candidate: labels.map((label, row) =>
          logistic(correlation * (shared[row] ?? 0) + own * normal(random) + second * label),
        ),
      };
    },
  };
}

/** Calibrated scores: a uniform number to the power of `power`. */
function calibrated(
  metric: 'brier' | 'log_loss',
  rows: number,
  power: number,
  truth: number,
): GateWorld {
  return {
    name: `${metric === 'brier' ? 'Brier score' : 'log loss'} ${truth.toFixed(3)}, ${rows} rows`,
    metric,
    truth,
    passesBy: 'upper',
    draw: (random) => {
      const candidate = new Float64Array(rows).map(() => random.fraction() ** power);
      const labels = candidate.map((score) => Number(random.fraction() < score));
      return { labels, champion: null, candidate };
    },
  };
}

/** Errors are normal, or normal times a log-normal of σ 1, whose squares have no fourth moment worth the name. */
function regression(metric: 'rmse' | 'mae', rows: number, heavy = false): GateWorld {
  const truth = metric === 'rmse' ? (heavy ? Math.E : 1) : Math.sqrt(2 / Math.PI);
  return {
    name: `${metric.toUpperCase()} ${truth.toFixed(3)}, ${rows} rows${heavy ? ', errors of very heavy tails' : ''}`,
    metric,
    truth,
    passesBy: 'upper',
    draw: (random) => {
      const candidate = new Float64Array(rows).map(() => 3 * normal(random));
      const labels = candidate.map(
        (score) => score + normal(random) * (heavy ? Math.exp(normal(random)) : 1),
      );
      return { labels, champion: null, candidate };
    },
  };
}

/** Entities of equally many rows: of 80 % nearly all answers are right, of the others every second one. */
function entities(count: number, rowsEach: number): GateWorld {
  const [share, good, bad] = [0.8, 0.99, 0.5];
  const truth = share * good + (1 - share) * bad;
  return {
    name: `accuracy ${truth.toFixed(3)}, ${count} entities of ${rowsEach} rows`,
    metric: 'accuracy',
    truth,
    passesBy: 'lower',
    draw: (random) => {
      const chances = Array.from({ length: count }, () => (random.fraction() < share ? good : bad));
      const of = new Float64Array(count * rowsEach).map((_, row) => Math.floor(row / rowsEach));
      const labels = drawLabels(random, of.length, 0.5);
      const candidate = labels.map((label, row) =>
        decision(label, random.fraction() < (chances[of[row] ?? 0] ?? 0)),
      );
      return { labels, champion: null, candidate, groups: { of, count } };
    },
  };
}

export const GATE_WORLDS: readonly GateWorld[] = [
  rightAnswers('accuracy', 200, 0.5, 0.99),
  rightAnswers('accuracy', 200, 0.5, 0.95),
  rightAnswers('accuracy', 1_000, 0.5, 0.995),
  rightAnswers('accuracy', 1_000, 0.5, 0.9),
  rightAnswers('recall', 200, 0.1, 0.9),
  rightAnswers('recall', 1_000, 0.05, 0.9),
  disagreement(200, 0.01, 0),
  disagreement(200, 0.02, 0),
  disagreement(200, 0.03, 0.02),
  disagreement(1_000, 0.03, 0.02),
  oneAuc(200, 0.1, 2.5),
  oneAuc(200, 0.1, 3.3),
  oneAuc(200, 0.05, 2),
  oneAuc(1_000, 0.05, 3),
  oneAuc(1_000, 0.05, 3, 3),
  oneAuc(1_000, 0.2, 1),
  twoAucs(200, 0.1, [2, 1.9], 0.95),
  twoAucs(1_000, 0.05, [2, 1.9], 0.9),
  twoAucs(1_000, 0.3, [1, 1], 0.8),
  calibrated('brier', 200, 1, 1 / 6),
  calibrated('brier', 500, 20, 1 / 21 - 1 / 41),
  calibrated('log_loss', 200, 1, 1 / 2),
  regression('mae', 200),
  regression('rmse', 200),
  regression('rmse', 500, true),
  entities(30, 20),
  entities(100, 10),
];

export interface Errors {
  readonly samples: number;
  /** Share of samples whose bound says that a model at the limit is surely good enough. */
  readonly passesWrongly: number;
  /** Share of samples whose other bound says that it surely is not. */
  readonly failsWrongly: number;
}

/** How often 95 % bounds are wrong about a model that lies right at the limit of its gate: 5 % each, if they are what they say. */
export async function boundErrors(
  world: GateWorld,
  samples: number,
  seed: number,
): Promise<Errors> {
  const random = seeded(seed);
  let [known, above, below] = [0, 0, 0];
  for (let sample = 1; sample <= samples; sample += 1) {
    const metric = await sampleMetric(world.metric, world.draw(random), { seed: sample });
    const sampling = metric?.combined(-1, 1) ?? metric?.candidate;
    if (sampling === undefined) continue;
    const { lower, upper } = boundsOf(sampling, 0.95, 0.95);
    known += 1;
    if (lower > world.truth) above += 1;
    if (upper < world.truth) below += 1;
  }
  const [passes, fails] = world.passesBy === 'lower' ? [above, below] : [below, above];
  return { samples: known, passesWrongly: passes / known, failsWrongly: fails / known };
}
