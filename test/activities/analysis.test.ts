import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { isUnusable, type Unusable } from '../../activities/analysis-port.js';
import { duckAnalysis } from '../../activities/analysis.js';
import { detectPolicyOf } from '../../domain/sources.js';
import { NOON, policyWith } from './support.js';

const ROWS = 600;
const window = { fromMs: NOON - 3_600_000, toMs: NOON };
const signal = new AbortController().signal;
let scratch = '';
const file = (name: string, lines: readonly string[]): string => {
  const path = join(scratch, name);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
};
const origin = (row: number, east: boolean): string =>
  row % 2 === 0 ? 'LAX' : east ? 'ATL' : 'SFO';

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'analysis-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

/** One request per row; the score tells the label. */
const captured = (east: boolean): string =>
  file(
    `capture-${String(east)}.jsonl`,
    Array.from({ length: ROWS }, (_, row) =>
      JSON.stringify({
        captureData: {
          endpointInput: {
            encoding: 'CSV',
            data: `${origin(row, east)},${row % 97}`,
            mode: 'INPUT',
          },
          endpointOutput: {
            encoding: 'CSV',
            data: String(row % 3 === 0 ? 0.8 : 0.3),
            mode: 'OUTPUT',
          },
        },
        eventMetadata: {
          eventId: `e${row}`,
          inferenceId: `i${row}`,
          inferenceTime: '2026-03-01T11:30:00Z',
        },
        eventVersion: '0',
      }),
    ),
  );

function usable<T extends object>(answer: T | Unusable): T {
  if (isUnusable(answer)) throw new Error(answer.unusable);
  return answer;
}

const baseline = async () =>
  usable(
    await duckAnalysis.profile({
      scratch,
      files: [
        file('baseline.csv', [
          'origin,distance',
          ...Array.from({ length: ROWS }, (_, row) => `${origin(row, false)},${row % 97}`),
        ]),
      ],
      format: 'csv',
      columns: [],
      ignore: [],
      signal,
    }),
  );

const compare = async (east: boolean) =>
  usable(
    await duckAnalysis.compareInputs({
      scratch,
      files: [captured(east)],
      columns: ['origin', 'distance'],
      window,
      profile: await baseline(),
      detect: detectPolicyOf({
        ...policyWith().spec.detect,
        columns: {
          critical: ['origin'],
          ignore: [],
          categorical: [],
          newValuesAreDrift: ['origin'],
        },
      }),
      signal,
    }),
  ).comparison;

describe('duckAnalysis', () => {
  it('finds no drift in the same data', async () => {
    expect((await compare(false)).verdict.kind).toBe('ok');
  });
  it('finds drift where a new hub was opened', async () => {
    const { verdict, rows } = await compare(true);
    expect(rows).toBe(ROWS);
    expect(verdict.kind).toBe('drift');
  });
  it('knows the scores of a baseline, sees captured ones move, and estimates from them', async () => {
    const scored = file('scored.csv', [
      'origin,distance,score,late',
      ...Array.from(
        { length: ROWS },
        (_, row) =>
          `${origin(row, false)},${row % 97},${(row % 100) / 100},${Number((row * 37) % 100 < row % 100)}`,
      ),
    ]);
    const profile = usable(
      await duckAnalysis.profile({
        scratch,
        files: [scored],
        format: 'csv',
        columns: [],
        ignore: [],
        scores: { file: null, score: 'score', label: 'late' },
        signal,
      }),
    );
    expect(profile.columns.map(({ name }) => name)).toEqual(['origin', 'distance']);
    expect(profile.prediction).toMatchObject({ count: ROWS });
    const { comparison, estimate } = usable(
      await duckAnalysis.compareInputs({
        scratch,
        files: [captured(false)],
        columns: ['origin', 'distance'],
        window,
        profile,
        detect: detectPolicyOf(policyWith().spec.detect),
        estimate: 'accuracy',
        signal,
      }),
    );
    expect(comparison.prediction?.verdict).toBe('drift');
    expect(comparison.verdict.reasons.join()).toContain('the score moved by');
    expect(estimate).toMatchObject({ metric: 'accuracy', rows: ROWS });
    // Answers of 0.8 for a third and of 0.3 for the others, if they are the chances they say.
    expect(estimate?.estimate).toBeCloseTo(0.8 / 3 + (0.7 * 2) / 3, 1);
  });
  it('answers with a sentence when the columns are others', async () => {
    const answer = await duckAnalysis.compareInputs({
      scratch,
      files: [captured(false)],
      columns: ['a', 'b'],
      window,
      profile: await baseline(),
      detect: detectPolicyOf(policyWith().spec.detect),
      signal,
    });
    expect(answer).toHaveProperty('unusable', expect.stringContaining('origin') as string);
  });
  it('measures predictions against the labels that arrived', async () => {
    const labels = file(
      'labels.jsonl',
      Array.from({ length: ROWS }, (_, row) =>
        JSON.stringify({
          groundTruthData: { data: row % 3 === 0 ? '1' : '0', encoding: 'CSV' },
          eventMetadata: { eventId: `i${row}` },
          eventVersion: '0',
        }),
      ),
    );
    const { reading, verdict, calibration } = usable(
      await duckAnalysis.measurePerformance({
        scratch,
        captureFiles: [captured(false)],
        labelFiles: [{ path: labels, writtenAtMs: window.toMs }],
        columns: ['origin', 'distance'],
        window,
        metric: 'roc_auc',
        limits: { floor: 0.6, minRows: 500 },
        lateAfterMs: window.toMs,
        signal,
      }),
    );
    expect(reading).toMatchObject({ labelled: ROWS, estimate: 1 });
    expect(verdict.kind).toBe('ok');
    // Every score of 0.5 and more has come true: as chances, the scores are too careful.
    expect(calibration).toMatchObject({ rows: ROWS, used: true });
  });
});
