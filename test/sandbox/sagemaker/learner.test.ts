import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { auc } from '../../../sandbox/learner/auc.js';
import { EASTERN_HUBS, WESTERN_AIRPORTS } from '../../../sandbox/learner/airports.js';
import { packArchive, packModel, readArtefact } from '../../../sandbox/learner/archive.js';
import { evaluate } from '../../../sandbox/learner/evaluate.js';
import { writeFlights } from '../../../sandbox/learner/flights-data.js';
import {
  imageDigest,
  isLearnerImage,
  learnerImage,
  resolvedImage,
} from '../../../sandbox/learner/image.js';
import { fit, predict } from '../../../sandbox/learner/logistic.js';
import { query, withDuckDb } from '../../../sandbox/learner/rows.js';
import { train } from '../../../sandbox/learner/train.js';
import { mkdirSync, readFileSync } from 'node:fs';
import { discard, scratch } from './support.js';

const home = scratch();
afterAll(() => {
  discard(home);
});

const FEATURES = [
  { name: 'colour', type: 'category' },
  { name: 'size', type: 'number' },
] as const;
const TABLE = { colour: ['red', 'blue', 'red', 'blue'], size: [1, 1, 500, 500] };
const OPTIONS = { features: FEATURES, epochs: 50, seed: 7, hashBits: 10 };

describe('the regression', () => {
  it('learns a pair of features that neither gives away alone', () => {
    const repeated = <T>(values: readonly T[]): T[] =>
      Array.from({ length: 50 }, () => values).flat();
    const rows = { colour: repeated(TABLE.colour), size: repeated(TABLE.size) };
    const labels = repeated([1, 0, 0, 1]);
    const scores = predict(fit(rows, labels, OPTIONS), TABLE);
    expect([...scores].map((score) => score > 0.5)).toEqual([true, false, false, true]);
  });

  it('gives the same weights for the same seed', () => {
    const labels = [1, 0, 0, 1];
    expect(fit(TABLE, labels, OPTIONS).weights).toEqual(fit(TABLE, labels, OPTIONS).weights);
  });

  it('scores a value it never saw', () => {
    const model = fit(TABLE, [1, 0, 0, 1], OPTIONS);
    const [score] = predict(model, { colour: ['green'], size: [Number.NaN] });
    expect(score).toBeGreaterThan(0);
    expect(score).toBeLessThan(1);
  });
});

describe('the area under the curve', () => {
  it.each([
    ['1 for a perfect order', [0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], 1],
    ['0 for the order upside down', [0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1], 0],
    ['a half when all scores are the same', [0.5, 0.5, 0.5, 0.5], [0, 1, 0, 1], 0.5],
    ['three quarters with one of four pairs wrong', [0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.75],
  ])('is %s', (_claim, scores, labels, expected) => {
    expect(auc(scores, labels).value).toBeCloseTo(expected, 12);
  });

  it('does not exist for one class', () => {
    expect(auc([0.1, 0.2], [1, 1]).value).toBeNaN();
  });
});

describe('the archive', () => {
  const trainedOn = { from: '2001-01-01T00:00:00Z', to: '2001-02-01T00:00:00Z', rows: 4 };

  it('gives back the model that was packed', async () => {
    const model = fit(TABLE, [1, 0, 0, 1], OPTIONS);
    expect(await readArtefact(await packModel(model, trainedOn))).toEqual({
      kind: 'ours',
      model,
      trainedOn,
    });
  });

  it('has the same bytes for the same model', async () => {
    const model = fit(TABLE, [1, 0, 0, 1], OPTIONS);
    expect((await packModel(model, trainedOn)).equals(await packModel(model, trainedOn))).toBe(
      true,
    );
  });

  it('knows an archive of somebody else', async () => {
    expect(await readArtefact(await packArchive({ 'xgboost-model': 'binary' }))).toEqual({
      kind: 'foreign',
    });
  });

  it('refuses what is no archive', async () => {
    await expect(readArtefact(Buffer.from('not a tar'))).rejects.toThrow('incorrect header check');
  });
});

describe('images', () => {
  it('has the learner in every account and region', () => {
    expect(isLearnerImage(learnerImage('999988887777', 'eu-central-1'))).toBe(true);
  });

  it('takes another image for somebody else’s', () => {
    expect(isLearnerImage('111122223333.dkr.ecr.us-east-1.amazonaws.com/xgboost:1')).toBe(false);
  });

  it('runs the learner when it is named by digest', () => {
    expect(isLearnerImage(resolvedImage(learnerImage('111122223333', 'us-east-1')))).toBe(true);
  });

  it('keeps the digest an image is named by', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    expect(imageDigest(`repository/image@${digest}`)).toBe(digest);
  });
});

describe('on real flights', () => {
  const west = join(home, 'west.parquet');
  const east = join(home, 'east.parquet');
  beforeAll(async () => {
    await writeFlights(west, {
      airports: WESTERN_AIRPORTS,
      from: '2001-01-01T00:00:00Z',
      to: '2001-04-01T00:00:00Z',
      rows: 150_000,
    });
    await writeFlights(east, {
      airports: EASTERN_HUBS,
      from: '2001-03-01T00:00:00Z',
      to: '2001-05-01T00:00:00Z',
      rows: 120_000,
    });
    await trained('champion', west, '2001-01-01T00:00:00Z', '2001-03-01T00:00:00Z');
    await trained('candidate', east, '2001-03-01T00:00:00Z', '2001-04-01T00:00:00Z');
  });

  async function trained(name: string, data: string, from: string, to: string): Promise<void> {
    const outputDir = join(home, name);
    mkdirSync(outputDir);
    await train({
      command: 'train',
      inputs: { train: [data] },
      settings: { from, to },
      outputDir,
      resultFile: '',
    });
  }

  async function compared(data: string, from: string, to: string) {
    const outputDir = scratch();
    const inputs = {
      data: [data],
      candidate: [join(home, 'candidate', 'model.tar.gz')],
      champion: [join(home, 'champion', 'model.tar.gz')],
    };
    await evaluate({
      command: 'evaluate',
      inputs,
      settings: { from, to },
      outputDir,
      resultFile: '',
    });
    const report = JSON.parse(readFileSync(join(outputDir, 'evaluation.json'), 'utf8')) as Record<
      string,
      { auc: { value: number } }
    >;
    const columns = await withDuckDb((duck) =>
      query(
        duck,
        `DESCRIBE SELECT * FROM read_parquet('${join(outputDir, 'predictions.parquet')}')`,
      ),
    );
    discard(outputDir);
    return {
      candidate: report['binary_classification_metrics']?.auc.value,
      champion: report['champion_binary_classification_metrics']?.auc.value,
      columns: columns.map(([name]) => name),
    };
  }

  it('ranks western flights of the next month well above chance', async () => {
    const { champion } = await compared(west, '2001-03-01T00:00:00Z', '2001-04-01T00:00:00Z');
    expect(champion).toBeGreaterThan(0.67);
    expect(champion).toBeLessThan(0.74);
  });

  it('loses much of it on eastern hubs until it is trained on them', async () => {
    const { champion, candidate } = await compared(
      east,
      '2001-04-01T00:00:00Z',
      '2001-05-01T00:00:00Z',
    );
    expect(champion).toBeLessThan(0.62);
    expect(candidate).toBeGreaterThan(0.64);
  });

  it('writes the columns a comparison needs', async () => {
    const { columns } = await compared(east, '2001-04-01T00:00:00Z', '2001-05-01T00:00:00Z');
    expect(columns).toEqual(['rowId', 'label', 'champion', 'candidate', 'origin', 'eventTimeMs']);
  });

  it('keeps the rows of its baseline to feature columns', async () => {
    const file = join(home, 'champion', 'baseline.parquet');
    const [columns, [count]] = await withDuckDb(async (duck) => [
      await query(duck, `DESCRIBE SELECT * FROM read_parquet('${file}')`),
      await query(duck, `SELECT count(*)::INTEGER FROM read_parquet('${file}')`),
    ]);
    expect(columns.map(([name]) => name)).toEqual([
      'origin',
      'destination',
      'distance',
      'hour',
      'weekday',
    ]);
    expect(count?.[0]).toBe(50_000);
  });

  it('refuses a window without rows', async () => {
    await expect(
      trained('nothing', west, '2001-06-01T00:00:00Z', '2001-06-02T00:00:00Z'),
    ).rejects.toThrow('No training rows between 2001-06-01T00:00:00Z and 2001-06-02T00:00:00Z');
  });
});
