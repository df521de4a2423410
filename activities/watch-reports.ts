import { parseEvidently } from '../analysis/reports/evidently.js';
import { metricFile, parseMetricFile, parseMlflow } from '../analysis/reports/mlflow.js';
import { parseNannyml, parseNannymlRows } from '../analysis/reports/nannyml.js';
import { MOST_ENTRIES, MOST_REPORT_BYTES, type Parsed } from '../analysis/reports/read.js';
import { durationMs } from '../domain/duration.js';
import type { WindowResult } from '../domain/model.js';
import type { PolicySpec, ReportSource } from '../domain/policy.schema.js';
import {
  malformedResult,
  reportResult,
  reportWindow,
  timeFault,
  type Report,
  type ReportPlace,
} from '../domain/report-findings.js';
import { isUnusable } from './analysis-port.js';
import { currentSignal } from './baseline.js';
import type { DataWatch } from './contract.js';
import type { DataDeps } from './deps.js';
import { listObjects, readObject, s3Address, type ListedObject } from './s3.js';
import { downloadAll, withScratch } from './scratch.js';
import { clientsFor } from './stage-clients.js';

/** Most objects that are listed below a prefix: with more, looking would take minutes each time. */
const MOST_LISTED = 10_000;
/** Most files that are read in one attempt: the rest follows at once. */
const MOST_FILES = 50;

type Detect = PolicySpec['detect'];

/** What a look at a source of reports has found. */
export interface SourceLook {
  readonly windows: readonly WindowResult[];
  /** Everything until here was looked at; `undefined` when nothing was ever. */
  readonly countedToMs: number | undefined;
  /** More is there than one attempt reads. */
  readonly more: boolean;
  /** Why nothing could be looked at, or what people should know. */
  readonly note?: string;
}

/**
 * Reads the reports that were written since the last look, oldest first.
 *
 * A report counts by its own time, and once: a file that is written again has the same id. Files are told apart by
 * when they were written, which S3 tells in whole seconds; `settle` is there so that a second is over before it counts.
 */
export async function lookAtReports(
  deps: DataDeps,
  watch: DataWatch,
  source: ReportSource,
  countedToMs: number | undefined,
  known: readonly WindowResult[],
  nowMs: number,
): Promise<SourceLook> {
  const { detect } = watch.policy.spec;
  const { s3 } = clientsFor(deps, 'read')(watch);
  const listed = await listObjects(s3, source.prefix, undefined, MOST_LISTED);
  if (listed.length > MOST_LISTED) {
    return {
      windows: [],
      countedToMs,
      more: false,
      note: `more than ${MOST_LISTED} objects lie below ${source.prefix}: let a lifecycle rule remove old reports, or narrow the prefix`,
    };
  }
  const settledMs = nowMs - Math.max(1_000, durationMs(source.settle));
  const due = listed
    .filter(
      (object) =>
        isReport(source, object.uri) &&
        object.lastModifiedMs > (countedToMs ?? -Infinity) &&
        object.lastModifiedMs <= settledMs,
    )
    .sort((a, b) => a.lastModifiedMs - b.lastModifiedMs || (a.uri < b.uri ? -1 : 1));
  // A source that is seen for the first time is not told its whole past.
  const recent = countedToMs === undefined ? due.slice(-MOST_FILES) : due;
  const now = wholeSeconds(recent, MOST_FILES);
  const files: Read[] = [];
  for (const object of now) files.push(...(await readFile(deps, watch, source, object)));
  const windows = together(files).map((file) => judge(source, file, detect));
  // Found nothing yet: from now on somebody is waited for.
  const counted = now.at(-1)?.lastModifiedMs ?? countedToMs ?? settledMs;
  const { persistence } = detect;
  const passedOver = windows.filter((window) => !countsFor(window, watch));
  const own = windows
    .filter((window) => countsFor(window, watch) && !isKnown(window, known))
    .sort((a, b) => a.toMs - b.toMs || a.fromMs - b.fromMs);
  return {
    windows: countedToMs === undefined ? own.slice(-2 * (persistence.of + 1)) : own,
    countedToMs: counted,
    more: now.length < recent.length,
    ...(passedOver.length === 0 ? {} : { note: passedOverInWords(passedOver) }),
  };
}

/** The first `most` files and all others of the last one's second, so that none of that second is passed over. */
function wholeSeconds(files: readonly ListedObject[], most: number): readonly ListedObject[] {
  const last = files[most - 1];
  if (last === undefined) return files;
  return files.filter((file) => file.lastModifiedMs <= last.lastModifiedMs);
}

/** Somebody whose reports are all of another time would wait for them in vain. */
function passedOverInWords(windows: readonly WindowResult[]): string {
  const latestMs = Math.max(...windows.map(({ toMs }) => toMs));
  return `${windows.length} new ${windows.length === 1 ? 'report counts' : 'reports count'} for nobody, as the version did not serve alone at the time, the latest until ${new Date(latestMs).toISOString()}`;
}

/** A report about a version that no longer serves, or of a time in which two did, counts for nobody. */
function countsFor(window: WindowResult, watch: DataWatch): boolean {
  if (window.result === 'data quality' && window.rows === 0) return true;
  return (
    window.fromMs >= watch.champion.sinceMs &&
    !watch.disturbed.some(
      (span) => window.fromMs < (span.toMs ?? Infinity) && window.toMs > span.fromMs,
    )
  );
}

function isReport(source: ReportSource, uri: string): boolean {
  switch (source.kind) {
    case 'evidently':
      return /\.json$/i.test(uri);
    case 'nannyml':
      return /\.(json|csv|parquet)$/i.test(uri);
    case 'mlflow':
      return /\.json$/i.test(uri) || wantedMetric(source, uri) !== undefined;
  }
}

/** A file of MLflow's file store that holds a metric the policy names. */
function wantedMetric(source: ReportSource, uri: string): ReturnType<typeof metricFile> {
  const file = metricFile(s3Address(uri).key);
  return file !== undefined && Object.hasOwn(source.metrics, file.metric) ? file : undefined;
}

/** One report of a file, or what is wrong with the file. */
interface Read {
  readonly place: ReportPlace;
  readonly found: Report | { readonly fault: string };
}

async function readFile(
  deps: DataDeps,
  watch: DataWatch,
  source: ReportSource,
  object: ListedObject,
): Promise<readonly Read[]> {
  const { key } = s3Address(object.uri);
  const place = (part: string): ReportPlace => ({
    uri: object.uri,
    // Metrics of one run and step lie in several files and are one report.
    id: part === '' ? key : `${fileOf(source, object.uri) ?? key}#${part}`,
    writtenAtMs: object.lastModifiedMs,
  });
  const parsed = await parseFile(deps, watch, source, object);
  if (parsed === undefined) return [];
  if (parsed.kind === 'malformed') return [{ place: place(''), found: { fault: parsed.fault } }];
  return parsed.value.map(({ part, report }) => ({ place: place(part), found: report }));
}

const fileOf = (source: ReportSource, uri: string): string | undefined =>
  source.kind === 'mlflow' && wantedMetric(source, uri) !== undefined
    ? s3Address(uri).key.replace(/\/metrics\/.*$/, '/metrics')
    : undefined;

/** Reports with the same id are one: its numbers together, of the latest instant. */
function together(files: readonly Read[]): readonly Read[] {
  const byId = new Map<string, Read>();
  for (const file of files) {
    const before = byId.get(file.place.id);
    if (before === undefined || 'fault' in file.found || 'fault' in before.found) {
      byId.set(file.place.id, file);
      continue;
    }
    byId.set(file.place.id, {
      place: file.place,
      found: {
        ...file.found,
        atMs: latest(before.found.atMs, file.found.atMs),
        numbers: [...before.found.numbers, ...file.found.numbers],
      },
    });
  }
  return [...byId.values()];
}

const latest = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.max(a, b);

function judge(source: ReportSource, { place, found }: Read, detect: Detect): WindowResult {
  const everyMs = durationMs(source.every);
  const fault = 'fault' in found ? found.fault : timeFault(found, place.writtenAtMs);
  return 'fault' in found || fault !== undefined
    ? malformedResult(source, reportWindow(null, place.writtenAtMs, everyMs), place, fault ?? '')
    : reportResult(source, reportWindow(found, place.writtenAtMs, everyMs), place, found, detect);
}

/** Part of a file that grows: what was told of it before is not told again. */
function isKnown(window: WindowResult, known: readonly WindowResult[]): boolean {
  const file = /^(.*)#[^#]*$/.exec(window.id ?? '')?.[1];
  return known.some(
    (one) =>
      (one.id === window.id && one.fromMs === window.fromMs) ||
      (file !== undefined && one.id?.startsWith(`${file}#`) === true && one.toMs >= window.toMs),
  );
}

/** `undefined` for a file that is gone meanwhile. */
async function parseFile(
  deps: DataDeps,
  watch: DataWatch,
  source: ReportSource,
  { uri, sizeBytes }: ListedObject,
): Promise<Parsed | undefined> {
  const { s3 } = clientsFor(deps, 'read')(watch);
  if (sizeBytes > MOST_REPORT_BYTES) {
    return {
      kind: 'malformed',
      fault: `it has ${sizeBytes} bytes, at most ${MOST_REPORT_BYTES} are read`,
    };
  }
  const format = /\.(csv|parquet)$/i.exec(uri)?.[1]?.toLowerCase();
  if (source.kind === 'nannyml' && (format === 'csv' || format === 'parquet')) {
    return withScratch(deps.scratch, async (scratch) => {
      const [file] = await downloadAll(s3, [uri], scratch, 'report');
      if (file === undefined) return undefined;
      const answer = await deps.analysis.readRows({
        scratch,
        file,
        format,
        most: MOST_ENTRIES,
        signal: currentSignal(),
      });
      return isUnusable(answer)
        ? { kind: 'malformed', fault: answer.unusable }
        : parseNannymlRows(answer.rows);
    });
  }
  const bytes = await readObject(s3, uri);
  if (bytes === undefined) return undefined;
  switch (source.kind) {
    case 'evidently':
      return parseEvidently(bytes);
    case 'nannyml':
      return parseNannyml(bytes);
    case 'mlflow': {
      const file = wantedMetric(source, uri);
      return file === undefined
        ? parseMlflow(bytes)
        : parseMetricFile(bytes, file.run, file.metric);
    }
  }
}
