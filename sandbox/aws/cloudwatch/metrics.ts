import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Core } from '../wires.js';
import { add, emptyBucket, seriesKey } from './series.js';
import type { Bucket, MetricId, Observation, Series } from './series.js';

const FILE_MS = 30 * 60_000;
const FLUSH_MS = 2_000;

/** One line of a metrics file: the buckets of one metric that changed since the line before. */
interface Line {
  readonly metric: MetricId & { readonly unit: string };
  /** [epoch second, count, sum, min, max, values]; a later line for the same second replaces an earlier one. */
  readonly buckets: readonly (readonly [
    number,
    number,
    number,
    number,
    number,
    readonly number[],
  ])[];
}

/**
 * Metric data in memory, one bucket per metric and second. Every two seconds what changed is appended
 * to the file of the half-hour under `<home>/metrics`; files and buckets older than `keepMs` go. A kill
 * loses at most the last two seconds of what the sandbox measures itself; what a caller puts is written at once.
 */
export class Metrics {
  private readonly all = new Map<string, Series>();
  private readonly changed = new Map<string, Set<number>>();
  /** Keys by the dimensions they were made for: a busy endpoint sends the same ones again and again. */
  private readonly keys = new WeakMap<object, Map<string, string>>();
  private readonly directory: string;

  constructor(
    private readonly core: Core,
    private readonly keepMs: number,
  ) {
    this.directory = join(core.home, 'metrics');
    mkdirSync(this.directory, { recursive: true });
    this.load();
  }

  start(): void {
    this.core.every(FLUSH_MS, 'metric flush', () => {
      this.flush();
    });
    this.core.every(60_000, 'metric retention', () => {
      this.prune();
    });
  }

  observe(data: readonly Observation[]): void {
    for (const datum of data) {
      const key = this.keyOf(datum);
      const series = this.seriesAt(key, datum, datum.unit ?? 'None');
      const second = Math.floor(datum.atMs / 1000);
      let bucket = series.buckets.get(second);
      if (bucket === undefined) {
        bucket = emptyBucket();
        series.buckets.set(second, bucket);
      }
      add(bucket, datum, () => this.core.random('metric sample'));
      const seconds = this.changed.get(key);
      if (seconds === undefined) this.changed.set(key, new Set([second]));
      else seconds.add(second);
    }
  }

  find(metric: MetricId): Series | undefined {
    return this.all.get(seriesKey(metric));
  }

  list(): readonly Series[] {
    return [...this.all.values()];
  }

  flush(): void {
    if (this.changed.size === 0) return;
    const lines: string[] = [];
    for (const [key, seconds] of this.changed) {
      const series = this.all.get(key);
      if (series !== undefined) lines.push(`${JSON.stringify(lineOf(series, seconds))}\n`);
    }
    this.changed.clear();
    appendFileSync(
      join(this.directory, `${this.fileNumber(this.core.now())}.jsonl`),
      lines.join(''),
    );
  }

  prune(): void {
    const oldest = Math.floor((this.core.now() - this.keepMs) / 1000);
    for (const [key, series] of this.all) {
      for (const second of series.buckets.keys())
        if (second < oldest) series.buckets.delete(second);
      if (series.buckets.size === 0) this.all.delete(key);
    }
    for (const file of this.files()) {
      if ((file.number + 1) * FILE_MS < this.core.now() - this.keepMs)
        rmSync(file.path, { force: true });
    }
  }

  private keyOf(metric: MetricId): string {
    let known = this.keys.get(metric.dimensions);
    if (known === undefined) this.keys.set(metric.dimensions, (known = new Map<string, string>()));
    const name = `${metric.namespace} ${metric.name}`;
    let key = known.get(name);
    if (key === undefined) known.set(name, (key = seriesKey(metric)));
    return key;
  }

  private seriesAt(key: string, { namespace, name, dimensions }: MetricId, unit: string): Series {
    let series = this.all.get(key);
    if (series === undefined) {
      series = { namespace, name, dimensions, unit, buckets: new Map() };
      this.all.set(key, series);
    }
    return series;
  }

  private load(): void {
    for (const { path } of this.files()) {
      const text = readFileSync(path, 'utf8');
      // What follows the last line feed was cut off by a kill: later lines start on a fresh line.
      const whole = text.slice(0, text.lastIndexOf('\n') + 1);
      if (whole.length < text.length) appendFileSync(path, '\n');
      for (const line of whole.split('\n')) this.restore(line, path);
    }
    this.prune();
  }

  private restore(text: string, path: string): void {
    if (text === '') return;
    let line: Line;
    try {
      line = JSON.parse(text) as Line;
    } catch {
      this.core.log(`a line of ${path} is not readable and is left out`);
      return;
    }
    const series = this.seriesAt(seriesKey(line.metric), line.metric, line.metric.unit);
    for (const [second, count, sum, min, max, values] of line.buckets) {
      series.buckets.set(second, { count, sum, min, max, values: [...values] });
    }
  }

  private files(): readonly { readonly number: number; readonly path: string }[] {
    return readdirSync(this.directory)
      .flatMap((name) => {
        const digits = /^(\d+)\.jsonl$/.exec(name)?.[1];
        return digits === undefined
          ? []
          : [{ number: Number(digits), path: join(this.directory, name) }];
      })
      .sort((a, b) => a.number - b.number);
  }

  private fileNumber(atMs: number): number {
    return Math.floor(atMs / FILE_MS);
  }
}

function lineOf(series: Series, seconds: ReadonlySet<number>): Line {
  const { namespace, name, dimensions, unit } = series;
  return {
    metric: { namespace, name, dimensions, unit },
    buckets: [...seconds].flatMap((second) => {
      const bucket = series.buckets.get(second);
      return bucket === undefined ? [] : [rowOf(second, bucket)];
    }),
  };
}

function rowOf(second: number, { count, sum, min, max, values }: Bucket): Line['buckets'][number] {
  return [second, count, sum, min, max, values.map((value) => Number(value.toPrecision(6)))];
}
