import { describe, expect, it } from 'vitest';

import { readCapture } from '../../analysis/capture.js';
import { measurePerformance } from '../../analysis/performance.js';
import type { PerformanceMetric, PerformanceReading } from '../../domain/stats/types.js';
import { captureLine, rowsOf, scratch } from './scratch.js';

function label(id: string, data: string, encoding = 'CSV', labelTime?: string): string {
  return JSON.stringify({
    groundTruthData: { data, encoding },
    eventMetadata: { eventId: id, ...(labelTime === undefined ? {} : { labelTime }) },
    eventVersion: '0',
  });
}

const MIDNIGHT = Date.parse('2026-01-01T00:00:00Z');
const HOUR = 3_600_000;

async function measure(
  captured: readonly string[],
  labels: readonly (readonly string[])[],
  metric: PerformanceMetric = 'roc_auc',
  /** Hours after midnight at which the label files were written; one after the other when absent. */
  hours: readonly number[] = labels.map((_, i) => i + 1),
  lateAfterMs?: number,
): Promise<PerformanceReading> {
  const { duck, write } = await scratch();
  const file = write('capture.jsonl', captured.join('\n'));
  const { table } = await readCapture(duck, { files: [file], columns: ['a'] });
  const labelFiles = labels.map((lines, i) => ({
    path: write(`labels-${i}.jsonl`, lines.join('\n')),
    writtenAtMs: MIDNIGHT + (hours[i] ?? 0) * HOUR,
  }));
  return measurePerformance(duck, {
    table,
    labelFiles,
    metric,
    ...(lateAfterMs === undefined ? {} : { lateAfterMs }),
  });
}

/** 100 predictions; those above 0.5 are late, but for every tenth. */
const predictions = rowsOf(100, (i) =>
  captureLine({ id: `e${i}`, inferenceId: `i${i}`, input: '1', output: `${i / 100}` }),
);
const labels = rowsOf(100, (i) => label(`i${i}`, String(Number(i >= 50 !== (i % 10 === 0)))));

describe('measurePerformance', () => {
  it('has the ROC AUC of the labelled rows, inside its interval', async () => {
    const reading = await measure(predictions, [labels]);
    expect(reading).toMatchObject({ rows: 100, labelled: 100, coverage: 1, positives: 50 });
    const pairs = rowsOf(100, (i) => ({ score: i, late: i >= 50 !== (i % 10 === 0) }));
    const won = pairs
      .filter((row) => row.late)
      .flatMap((row) => pairs.filter((other) => !other.late && other.score < row.score)).length;
    expect(reading.estimate).toBeCloseTo(won / 2_500, 12);
    expect(reading.lower).toBeLessThan(won / 2_500);
    expect(reading.upper).toBeGreaterThan(won / 2_500);
  });
  it.each([
    ['accuracy', 0.9, 'wilson'],
    ['brier', null, 'normal'],
    ['log_loss', null, 'normal'],
  ] as const)('has the %s', async (metric, estimate, method) => {
    const reading = await measure(predictions, [labels], metric);
    expect(reading.method).toBe(method);
    if (estimate !== null) expect(reading.estimate).toBeCloseTo(estimate, 12);
    expect(Number(reading.lower)).toBeLessThan(Number(reading.estimate));
    expect(Number(reading.upper)).toBeGreaterThan(Number(reading.estimate));
  });
  it('counts predictions without a label as not covered', async () => {
    const reading = await measure(predictions, [labels.slice(0, 25)]);
    expect(reading).toMatchObject({ labelled: 25, coverage: 0.25 });
  });
  it('joins on the event id where nobody sent an inference id', async () => {
    const anonymous = [captureLine({ id: 'e1', input: '1', output: '0.7' })];
    expect(await measure(anonymous, [[label('e1', '1')]])).toMatchObject({ labelled: 1 });
  });
  it('does not join on the event id where somebody sent an inference id', async () => {
    const reading = await measure(predictions, [[label('e1', '1')]]);
    expect(reading).toMatchObject({ labelled: 0, labelsWithoutPrediction: 1 });
  });
  it('believes the last label, across lines and files', async () => {
    const one = [captureLine({ id: 'e', input: '1', output: '0.7' })];
    const files = [[label('e', '1'), label('e', '0')], [label('e', '1')]];
    expect(await measure(one, files)).toMatchObject({ labelled: 1, positives: 1 });
    expect(await measure(one, [...files].reverse())).toMatchObject({ labelled: 1, positives: 0 });
  });
  it('labels each row of a request that had several', async () => {
    const batch = [captureLine({ id: 'e', input: '1\n2\n3', output: '0.1\n0.2\n0.9' })];
    expect(await measure(batch, [[label('e', '0,0,1')]])).toMatchObject({
      labelled: 3,
      positives: 1,
    });
    expect(await measure(batch, [[label('e', '1')]])).toMatchObject({ labelled: 0 });
  });
  it('forgets all of an earlier label of a request that had several', async () => {
    const batch = [captureLine({ id: 'e', input: '1\n2\n3', output: '0.1\n0.2\n0.9' })];
    const both = [label('e', '0,0,1'), label('e', '1')];
    expect(await measure(batch, [both])).toMatchObject({ labelled: 0 });
  });
  it('counts labels that are none', async () => {
    const bad = ['{', label('i1', 'late'), label('i2', ''), label('i3', '2'), '{}'];
    expect(await measure(predictions, [bad])).toMatchObject({ labelled: 0, badLabels: 5 });
  });
  it('reads labels in base64 and words', async () => {
    const some = [
      label('i1', Buffer.from('1\n').toString('base64'), 'BASE64'),
      label('i2', 'false'),
    ];
    expect(await measure(predictions, [some])).toMatchObject({ labelled: 2, positives: 1 });
  });
  it('has no number for no rows', async () => {
    expect(await measure([], [labels])).toMatchObject({
      estimate: null,
      lower: null,
      upper: null,
      method: 'none',
      coverage: 0,
    });
  });

  it('believes the label that arrived last, in whatever order its file is named', async () => {
    const one = [captureLine({ id: 'e', input: '1', output: '0.7' })];
    const files = [[label('e', '1')], [label('e', '0')]];
    expect(await measure(one, files, 'roc_auc', [5, 2])).toMatchObject({ positives: 1 });
    expect(await measure(one, files, 'roc_auc', [2, 5])).toMatchObject({ positives: 0 });
  });
  it('believes the time that a label tells of itself before that of its file', async () => {
    const one = [captureLine({ id: 'e', input: '1', output: '0.7' })];
    const later = label('e', '1', 'CSV', '2026-01-01T09:00:00Z');
    const reading = await measure(one, [[later, label('e', '0')]], 'roc_auc', [4]);
    expect(reading).toMatchObject({ positives: 1, labelDelay: { medianMs: 4 * HOUR } });
  });
  it('counts a label once that arrived twice', async () => {
    const reading = await measure(predictions, [labels, labels]);
    expect(reading).toMatchObject({ rows: 100, labelled: 100, positives: 50 });
  });
  it('tells how long the first labels took, by order statistics', async () => {
    const files = rowsOf(100, (i) => [label(`i${i}`, '1')]);
    const hours = files.map((_, i) => i + 1);
    expect(
      (await measure(predictions, [...files, [label('i0', '0')]], 'accuracy', [...hours, 500]))
        .labelDelay,
    ).toEqual({
      labelled: 100,
      medianMs: 50 * HOUR,
      p90Ms: 90 * HOUR,
      p99Ms: 99 * HOUR,
      longestMs: 100 * HOUR,
    });
  });
  it('counts the predictions whose first label came after an instant, and not those that were only corrected', async () => {
    const files = [labels.slice(0, 90), labels.slice(80)];
    const at = MIDNIGHT + 2 * HOUR;
    const reading = await measure(predictions, files, 'accuracy', [1, 3], at);
    expect(reading).toMatchObject({ labelled: 100, labelledLate: 10 });
  });
  it('does not join a label that was there before its prediction, and counts it', async () => {
    const one = [captureLine({ id: 'e', input: '1', output: '0.7' })];
    expect(await measure(one, [[label('e', '1')]], 'roc_auc', [-1])).toMatchObject({
      labelled: 0,
      labelsBeforePrediction: 1,
      labelsWithoutPrediction: 0,
    });
    const both = [[label('e', '1')], [label('e', '0')]];
    expect(await measure(one, both, 'roc_auc', [-1, 2])).toMatchObject({
      labelled: 1,
      positives: 0,
      labelsBeforePrediction: 0,
    });
  });
  it('forgives clocks that differ by less than a minute', async () => {
    const one = [captureLine({ id: 'e', input: '1', output: '0.7', at: '2026-01-01T00:00:59Z' })];
    expect(await measure(one, [[label('e', '1')]], 'roc_auc', [0])).toMatchObject({
      labelled: 1,
      labelDelay: { longestMs: 0 },
    });
  });
  it('gives a label to the latest of the predictions that share its id, and counts the others', async () => {
    const again = [
      captureLine({ id: 'a', inferenceId: 'same', input: '1\n2', output: '0.1\n0.2' }),
      captureLine({
        id: 'b',
        inferenceId: 'same',
        input: '1',
        output: '0.9',
        at: '2026-01-01T00:10:00Z',
      }),
    ];
    const reading = await measure(again, [[label('same', '1')]], 'accuracy');
    expect(reading).toMatchObject({ rows: 1, labelled: 1, repeatedPredictions: 2, estimate: 1 });
  });
  it('counts a request once that was captured twice', async () => {
    const twice = [...predictions, ...predictions];
    const reading = await measure(twice, [labels]);
    expect(reading).toMatchObject({ rows: 100, labelled: 100, repeatedPredictions: 100 });
  });
  it.each([
    ['precision', 45 / 50, 'wilson'],
    ['recall', 45 / 50, 'wilson'],
    ['f1', 90 / 100, 'wilson'],
    ['pr_auc', null, 'logit'],
  ] as const)('has the %s with an interval around it', async (metric, expected, method) => {
    const reading = await measure(predictions, [labels], metric);
    expect(reading.method).toBe(method);
    if (expected !== null) expect(reading.estimate).toBeCloseTo(expected, 12);
    expect(Number(reading.lower)).toBeLessThan(Number(reading.estimate));
    expect(Number(reading.upper)).toBeGreaterThan(Number(reading.estimate));
  });
  it('measures amounts by the error of the answers', async () => {
    const answers = rowsOf(50, (i) => captureLine({ id: `e${i}`, input: '1', output: `${i}` }));
    const truth = rowsOf(50, (i) => label(`e${i}`, String(i + (i % 2 === 0 ? 3 : -1))));
    const mae = await measure(answers, [truth], 'mae');
    expect(mae).toMatchObject({ labelled: 50, badLabels: 0, positives: 0, estimate: 2 });
    const rmse = await measure(answers, [truth], 'rmse');
    expect(rmse.estimate).toBeCloseTo(Math.sqrt(5), 12);
    expect(Number(rmse.lower)).toBeLessThan(Math.sqrt(5));
    expect(Number(rmse.upper)).toBeGreaterThan(Math.sqrt(5));
  });
  it('sees that only high scores get a label', async () => {
    const many = rowsOf(1_000, (i) =>
      captureLine({ id: `e${i}`, input: '1', output: `${i / 1_000}` }),
    );
    const some = (isLabelled: (i: number) => boolean) =>
      rowsOf(1_000, (i) => i)
        .filter(isLabelled)
        .map((i) => label(`e${i}`, String(Number(i > 500))));
    const high = await measure(many, [some((i) => i >= 600)]);
    expect(high.selection).toMatchObject({ labelled: 400, unlabelled: 600, differs: true });
    const any = await measure(many, [some((i) => i % 5 < 2)]);
    expect(any.selection).toMatchObject({ labelled: 400, unlabelled: 600, differs: false });
    expect((await measure(many, [some(() => true)])).selection).toBeNull();
  });
});
