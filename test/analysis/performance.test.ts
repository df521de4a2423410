import { describe, expect, it } from 'vitest';

import { readCapture } from '../../analysis/capture.js';
import { measurePerformance } from '../../analysis/performance.js';
import type { PerformanceMetric, PerformanceReading } from '../../domain/stats/types.js';
import { captureLine, rowsOf, scratch } from './scratch.js';

function label(id: string, data: string, encoding = 'CSV'): string {
  return JSON.stringify({
    groundTruthData: { data, encoding },
    eventMetadata: { eventId: id },
    eventVersion: '0',
  });
}

async function measure(
  captured: readonly string[],
  labels: readonly (readonly string[])[],
  metric: PerformanceMetric = 'roc_auc',
): Promise<PerformanceReading> {
  const { duck, write } = await scratch();
  const file = write('capture.jsonl', captured.join('\n'));
  const { table } = await readCapture(duck, { files: [file], columns: ['a'] });
  const labelFiles = labels.map((lines, i) => write(`labels-${i}.jsonl`, lines.join('\n')));
  return measurePerformance(duck, { table, labelFiles, metric });
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
});
