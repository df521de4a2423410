import { z } from 'zod';

import type { ReportNumber } from '../../domain/report-findings.js';
import {
  bounded,
  Malformed,
  nameIn,
  parseJson,
  parsing,
  shaped,
  type Parsed,
  type ParsedReport,
} from './read.js';

/** `…/<run id>/metrics/<name>` of MLflow's file store; `undefined` for any other key. */
export function metricFile(
  key: string,
): { readonly run: string; readonly metric: string } | undefined {
  const match = /(?:^|\/)([^/]+)\/metrics\/(.+)$/.exec(key);
  const [, run, metric] = match ?? [];
  return run === undefined || metric === undefined || metric.endsWith('/')
    ? undefined
    : { run, metric };
}

const metricSchema = z.looseObject({
  key: z.string(),
  value: z.union([z.number(), z.string()]).nullable(),
  timestamp: z.union([z.number(), z.string()]),
  step: z.union([z.number(), z.string()]).optional(),
  run_id: z.string().optional(),
});
const runSchema = z.looseObject({
  info: z.looseObject({
    run_id: z.string(),
    start_time: z.union([z.number(), z.string()]).nullish(),
    end_time: z.union([z.number(), z.string()]).nullish(),
  }),
  data: z.looseObject({ metrics: z.array(metricSchema).default([]) }),
});
const fileSchema = z.union([
  z.looseObject({ run: z.unknown() }),
  z.looseObject({ runs: z.array(z.unknown()) }),
  z.looseObject({ metrics: z.array(z.unknown()) }),
]);

/**
 * JSON of MLflow's REST interface: a run (`runs/get`), several (`runs/search`), or the history of metrics
 * (`metrics/get-history`). One report per run; of a history, one per run and step.
 */
export const parseMlflow = (bytes: Uint8Array): Parsed =>
  parsing(bytes, (text) => {
    const json = parseJson(text);
    const file = fileSchema.safeParse(json);
    if (!file.success)
      throw new Malformed(
        'the whole file: it has neither run, runs nor metrics, as answers of MLflow have',
      );
    if ('run' in file.data) return [runReport(shaped(runSchema, file.data.run, 'run'))];
    if ('runs' in file.data) {
      return bounded(shaped(z.array(z.unknown()), file.data.runs, 'runs'), 'runs').map(
        (run, index) => runReport(shaped(runSchema, run, `runs[${index}]`)),
      );
    }
    const points = bounded(
      shaped(z.array(z.unknown()), file.data.metrics, 'metrics'),
      'metrics',
    ).map((metric, index) =>
      pointOf(shaped(metricSchema, metric, `metrics[${index}]`), `metrics[${index}]`),
    );
    return stepReports(points);
  });

/** A file of the file store: lines of `<timestamp> <value> <step>`. One report per step. */
export const parseMetricFile = (bytes: Uint8Array, run: string, metric: string): Parsed =>
  parsing(bytes, (text) => {
    const lines = bounded(
      text.split('\n').filter((line) => line.trim() !== ''),
      'lines',
    );
    return stepReports(
      lines.map((line, index) => {
        const [timestamp = '', value = '', step = '0', ...rest] = line.trim().split(/\s+/);
        const where = `line ${index + 1}`;
        if (rest.length > 2 || value === '')
          throw new Malformed(`${where} is not '<timestamp> <value> <step>'`);
        return {
          run,
          name: metric,
          atMs: wholeIn(timestamp, `${where}: the timestamp`),
          step: wholeIn(step, `${where}: the step`),
          value: valueIn(value, `${where}: the value`),
        };
      }),
    );
  });

interface Point {
  readonly run: string;
  readonly name: string;
  readonly atMs: number;
  readonly step: number;
  readonly value: number | null;
}

function pointOf(metric: z.output<typeof metricSchema>, where: string): Point {
  return {
    run: nameIn(metric.run_id ?? '', `${where}.run_id`),
    name: nameIn(metric.key, `${where}.key`),
    atMs: wholeIn(metric.timestamp, `${where}.timestamp`),
    step: wholeIn(metric.step ?? 0, `${where}.step`),
    value: metric.value === null ? null : valueIn(metric.value, `${where}.value`),
  };
}

function runReport(run: z.output<typeof runSchema>): ParsedReport {
  const where = `run ${nameIn(run.info.run_id, 'run_id')}`;
  const metrics = bounded(run.data.metrics, `${where}: metrics`);
  const points = metrics.map((metric) => pointOf(metric, `${where}: ${metric.key}`));
  const ended = run.info.end_time ?? null;
  const latest = points.reduce<number | null>(
    (most, { atMs }) => Math.max(most ?? atMs, atMs),
    null,
  );
  return reportOf(
    run.info.run_id,
    points,
    latest ?? (ended === null ? null : wholeIn(ended, `${where}: end_time`)),
  );
}

function stepReports(points: readonly Point[]): readonly ParsedReport[] {
  const bySteps = new Map<string, Point[]>();
  for (const point of points) {
    const part = `${point.run}/${point.step}`;
    bySteps.set(part, [...(bySteps.get(part) ?? []), point]);
  }
  return [...bySteps].map(([part, ofStep]) =>
    reportOf(part, ofStep, Math.max(...ofStep.map(({ atMs }) => atMs))),
  );
}

/** Of a metric that was logged several times, the last counts. */
function reportOf(part: string, points: readonly Point[], atMs: number | null): ParsedReport {
  const numbers = new Map<string, ReportNumber>();
  for (const { name, value } of [...points].sort((a, b) => a.atMs - b.atMs))
    numbers.set(name, { name, value, alert: null });
  return {
    part,
    report: {
      span: null,
      atMs,
      rows: null,
      columns: [],
      dataset: null,
      numbers: [...numbers.values()],
    },
  };
}

function wholeIn(value: number | string, where: string): number {
  const number = typeof value === 'number' ? value : /^-?\d+$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(number) || Math.abs(number) > 8.64e15)
    throw new Malformed(`${where} is no whole number`);
  return number;
}

/** NaN and infinities, which MLflow may hold, are no value. */
function valueIn(value: number | string, where: string): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (/^[+-]?(nan|inf(inity)?)$/i.test(value)) return null;
  const number = value.trim() === '' ? NaN : Number(value);
  if (!Number.isFinite(number)) throw new Malformed(`${where} is no number`);
  return number;
}
