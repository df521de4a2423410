import { GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';

import {
  blindResult,
  dueWindows,
  inputsResult,
  silenceInWords,
  truthResult,
} from '../domain/capture-windows.js';
import { countsMoney } from '../domain/cost.js';
import { windowMetrics } from '../domain/custom-metrics.js';
import { remember } from '../domain/detect.js';
import { durationMs } from '../domain/duration.js';
import {
  estimateAdvice,
  isNewlyBreached,
  mayCalibrate,
  withEstimate,
  type LabelledCalibration,
} from '../domain/estimate.js';
import { FailureType } from '../domain/failures.js';
import {
  delayAdvice,
  labelsChanged,
  lateKey,
  lateMs,
  type DelayAdvice,
} from '../domain/label-delay.js';
import { canonicalJson } from '../domain/ledger.js';
import type { Window, WindowResult } from '../domain/model.js';
import type { CapturedInputsSource, GroundTruthSource } from '../domain/policy.schema.js';
import type { PerformanceReading } from '../domain/stats/types.js';
import {
  detectPolicyOf,
  dueAfterMs,
  isReportSource,
  isWindowSource,
  silentReports,
  type WindowSource,
} from '../domain/sources.js';
import {
  clock,
  nextLookMs,
  silentSinceMs,
  worthTelling,
  worthTellingAgain,
} from '../domain/watch.js';
import { isUnusable } from './analysis-port.js';
import { aws, may } from './aws-failure.js';
import { currentSignal, ownBaseline, readProfile, type BaselineAnswer } from './baseline.js';
import { captureFilesOf, filesByHour } from './capture-files.js';
import type { DataActivities, DataTold, DataWatch } from './contract.js';
import { publish } from './custom-metrics.js';
import type { DataDeps } from './deps.js';
import { sha256 } from './digest.js';
import { keep, notYet, recall } from './heartbeat.js';
import { below, readJson, writeObject } from './s3.js';
import { downloadAll, downloadEach, withScratch } from './scratch.js';
import { clientsFor, ownClients } from './stage-clients.js';
import { lookAtMonitor } from './watch-monitor.js';
import { lookTogether } from './watch-multivariate.js';
import { lookAtReports, type SourceLook } from './watch-reports.js';

/** Most windows judged in one attempt: the rest follows at once. */
const MOST_WINDOWS = 50;
/** Most quiet windows that are handed on from attempt to attempt. */
const MOST_KEPT = 60;

type DataSource = CapturedInputsSource | GroundTruthSource;

/** What earlier attempts of this watch have counted. JSON: it lives in the heartbeat. */
interface Progress {
  readonly countedToMs: Readonly<Record<string, number>>;
  readonly windows: readonly WindowResult[];
  /** Source id → what its labels say of the policy's `delay`. */
  readonly advice?: Readonly<Record<string, Advice>>;
}

export function createDataWatch(deps: DataDeps): Pick<DataActivities, 'watchData'> {
  return {
    /**
     * One look at every source of data: judges the windows that are complete and not yet counted.
     *
     * Idempotent: a window has the same files and the same report however often it is looked at, and how far the
     * counting is, is kept in the heartbeat. Nothing to tell: throws `Quiet`, and the retry is the next look.
     */
    async watchData(watch) {
      const nowMs = deps.now();
      const { every } = watch.policy.spec.monitor;
      if (nowMs < watch.notBeforeMs) {
        throw notYet(
          FailureType.Quiet,
          `The next look at the data is at ${clock(watch.notBeforeMs)}`,
          watch.notBeforeMs - nowMs,
        );
      }
      let progress = progressOf(recall(), watch);
      let telling = tellsAlready(watch, progress);
      let more = false;
      const notes: string[] = [];
      const firstLooks = new Map<string, number>();
      for (const source of watch.policy.spec.monitor.sources.filter(isWindowSource)) {
        if (!isComputed(source)) {
          const known = [
            ...(watch.recent[source.id] ?? []),
            ...progress.windows.filter((one) => one.source === source.id),
          ];
          const counted = progress.countedToMs[source.id];
          const look = await lookAt(deps, watch, source, counted, known, nowMs);
          if (counted === undefined) firstLooks.set(source.id, nowMs);
          more ||= look.more;
          if (look.note !== undefined) notes.push(`${source.id}: ${look.note}`);
          for (const window of look.windows) {
            telling ||= worthTelling(window, known) || costs(watch, window);
            known.push(window);
          }
          progress = {
            ...progress,
            windows: [...progress.windows, ...look.windows].slice(-MOST_KEPT),
            countedToMs:
              look.countedToMs === undefined
                ? progress.countedToMs
                : { ...progress.countedToMs, [source.id]: look.countedToMs },
          };
          keep(progress);
          continue;
        }
        const blind = await basisOf(deps, watch, source);
        if (blind.kind === 'blind') {
          notes.push(`${source.id}: ${blind.reason}`);
          continue;
        }
        const wasCountedToMs = progress.countedToMs[source.id];
        const due = dueWindows(
          {
            windowMs: durationMs(source.window),
            latenessMs: latenessMs(source),
            countedToMs: progress.countedToMs[source.id],
            sinceMs: watch.champion.sinceMs,
            disturbed: watch.disturbed,
            mostBack: watch.policy.spec.detect.persistence.of + 1,
          },
          nowMs,
          MOST_WINDOWS,
        );
        more ||= due.more;
        const first = due.windows[0];
        if (first !== undefined && wasCountedToMs === undefined)
          firstLooks.set(source.id, first.fromMs);
        for (const window of due.windows) {
          const result = await judgeWindow(deps, watch, source, window, blind.profileUri);
          const remembered = rememberedOf(watch, progress, source.id);
          telling ||= worthTelling(result, remembered);
          progress = {
            ...progress,
            ...(isNewlyBreached(result, remembered)
              ? { advice: { ...progress.advice, [source.id]: estimateAdvice(result) } }
              : {}),
            windows: [...progress.windows, result].slice(-MOST_KEPT),
            countedToMs: { ...progress.countedToMs, [source.id]: window.toMs },
          };
          keep(progress);
        }
        if (due.countedToMs !== undefined) {
          progress = {
            ...progress,
            countedToMs: { ...progress.countedToMs, [source.id]: due.countedToMs },
          };
          keep(progress);
        }
        if (source.kind !== 'ground-truth') continue;
        for await (const step of secondLooks(
          deps,
          watch,
          source,
          progress,
          wasCountedToMs ?? first?.fromMs,
          nowMs,
        )) {
          progress = step.progress;
          telling ||= step.telling;
          more ||= step.more;
          keep(progress);
        }
      }
      const silence = await silences(deps, watch, progress, firstLooks, nowMs);
      const advice = freshAdvice(watch, progress);
      const told: DataTold = {
        atMs: nowMs,
        windows: [...progress.windows].sort((a, b) => a.toMs - b.toMs || a.fromMs - b.fromMs),
        noData: silence.noData,
        dataAgain: silence.dataAgain,
        countedToMs: progress.countedToMs,
        ...(advice.length === 0 ? {} : { advice }),
      };
      if (telling || advice.length > 0 || told.noData.length > 0 || told.dataAgain.length > 0)
        return told;
      const nextMs = more ? nowMs + 1_000 : nextLookMs(every, nowMs);
      throw notYet(FailureType.Quiet, quiet(told, notes, watch, nowMs, nextMs), nextMs - nowMs);
    },
  };
}

/** Sources whose windows are computed here, from what was captured. Of the others, reports of other tools are read. */
const isComputed = (source: WindowSource): source is DataSource =>
  source.kind === 'captured-inputs' || source.kind === 'ground-truth';

const latenessMs = (source: DataSource): number =>
  durationMs(source.kind === 'captured-inputs' ? source.settle : source.delay);

/** What is remembered of a source, with what earlier attempts of this watch have seen of it. */
const rememberedOf = (
  watch: DataWatch,
  { windows }: Pick<Progress, 'windows'>,
  source: string,
): readonly WindowResult[] =>
  remember(
    watch.recent[source] ?? [],
    windows.filter((one) => one.source === source),
    MOST_KEPT,
  );

/** Whether an earlier attempt saw something worth telling, and did not live to tell it. */
function tellsAlready(watch: DataWatch, { windows }: Progress): boolean {
  return windows.some((window, index) => {
    const known = rememberedOf(watch, { windows: windows.slice(0, index) }, window.source);
    return (window.revision ?? 0) > 0
      ? worthTellingAgain(window, known)
      : worthTelling(window, known) || costs(watch, window);
  });
}

/** Whether a job was billed for a window that nobody may keep back: what is spent counts before a run is asked for. */
const costs = ({ policy }: DataWatch, { machineSeconds }: WindowResult): boolean =>
  machineSeconds !== undefined && countsMoney(policy.spec.retrain.budget);

/** Advice that people have not had yet. */
function freshAdvice(watch: DataWatch, { advice = {} }: Progress): NonNullable<DataTold['advice']> {
  return watch.policy.spec.monitor.sources.flatMap((source) => {
    const found = advice[source.id];
    if (found === undefined) return [];
    const { key } = found;
    return watch.toldAdvice?.[source.id] === key
      ? []
      : [{ source: source.id, key, kind: found.kind, sentence: found.sentence }];
  });
}

type Advice = DelayAdvice | ReturnType<typeof estimateAdvice>;

interface SecondLook {
  readonly progress: Progress;
  readonly telling: boolean;
  readonly more: boolean;
}

/**
 * Looks once more at windows whose late labels have had their time: judges those again for which labels came, and learns
 * how long labels take. Each window has one second look, so what this costs is bounded.
 */
async function* secondLooks(
  deps: DataDeps,
  watch: DataWatch,
  source: GroundTruthSource,
  before: Progress,
  /** End of what was counted before the source had second looks, or begin of its first window. */
  sinceMs: number | undefined,
  nowMs: number,
): AsyncGenerator<SecondLook> {
  const key = lateKey(source);
  const countedToMs = before.countedToMs[key] ?? sinceMs;
  if (lateMs(source) === 0 || countedToMs === undefined) return;
  const due = dueWindows(
    {
      windowMs: durationMs(source.window),
      latenessMs: durationMs(source.delay) + lateMs(source),
      countedToMs,
      sinceMs: watch.champion.sinceMs,
      disturbed: watch.disturbed,
      mostBack: 0,
    },
    nowMs,
    MOST_WINDOWS,
  );
  let progress = { ...before, countedToMs: { ...before.countedToMs, [key]: countedToMs } };
  yield { progress, telling: false, more: due.more };
  for (const window of due.windows) {
    const { result, advice } = await judgeAgain(deps, watch, source, window);
    const telling =
      result !== undefined && worthTellingAgain(result, rememberedOf(watch, progress, source.id));
    progress = {
      windows:
        result === undefined ? progress.windows : [...progress.windows, result].slice(-MOST_KEPT),
      countedToMs: { ...progress.countedToMs, [key]: window.toMs },
      advice:
        advice === null ? (progress.advice ?? {}) : { ...progress.advice, [source.id]: advice },
    };
    yield { progress, telling, more: false };
  }
  if (due.countedToMs !== undefined) {
    progress = { ...progress, countedToMs: { ...progress.countedToMs, [key]: due.countedToMs } };
    yield { progress, telling: false, more: due.more };
  }
}

/** What other tools have written of it since the last look. */
function lookAt(
  deps: DataDeps,
  watch: DataWatch,
  source: Exclude<WindowSource, DataSource>,
  countedToMs: number | undefined,
  known: readonly WindowResult[],
  nowMs: number,
): Promise<SourceLook> {
  if (source.kind === 'multivariate')
    return lookTogether(deps, watch, source, countedToMs, () => inputColumns(deps, watch), nowMs);
  return source.kind === 'model-monitor'
    ? lookAtMonitor(deps, watch, source, countedToMs, known, nowMs)
    : lookAtReports(deps, watch, source, countedToMs, known, nowMs);
}

/** What the heartbeat keeps, never behind what the keeper has counted already. */
function progressOf(details: unknown, watch: DataWatch): Progress {
  if (
    typeof details !== 'object' ||
    details === null ||
    !('countedToMs' in details) ||
    !('windows' in details)
  )
    return { countedToMs: watch.countedToMs, windows: [] };
  const kept = details as Progress;
  const countedToMs = { ...kept.countedToMs };
  for (const [source, toMs] of Object.entries(watch.countedToMs)) {
    countedToMs[source] = Math.max(toMs, countedToMs[source] ?? 0);
  }
  return { ...kept, countedToMs };
}

type Basis =
  | { readonly kind: 'ready'; readonly profileUri: string | null }
  | { readonly kind: 'blind'; readonly reason: string };

/** What the source's windows are judged against; why they cannot be. */
async function basisOf(deps: DataDeps, watch: DataWatch, source: DataSource): Promise<Basis> {
  if (watch.capturePrefix === null) {
    return { kind: 'blind', reason: 'data capture is off: switch it on in the endpoint config' };
  }
  if (source.kind === 'ground-truth') return { kind: 'ready', profileUri: watch.baselineUri };
  if (source.baseline !== 'champion') {
    const own: BaselineAnswer = await ownBaseline(deps, watch.policy, source);
    return own.kind === 'ready'
      ? { kind: 'ready', profileUri: own.uri }
      : { kind: 'blind', reason: own.reason };
  }
  return watch.baselineUri === null
    ? { kind: 'blind', reason: 'there is no baseline of the serving version to compare with' }
    : { kind: 'ready', profileUri: watch.baselineUri };
}

/** What a stored report was made from: when it is the same now, the report is read instead of made again. */
const basisDigest = (watch: DataWatch, source: DataSource, profileUri: string | null): string =>
  sha256(
    canonicalJson({
      source,
      detect: watch.policy.spec.detect,
      profileUri,
      capturePrefix: watch.capturePrefix,
    }),
  );

interface WindowReport {
  readonly schema: 'modelkeeper/window-report-v1';
  readonly basis: string;
  readonly result: WindowResult;
  /** What a window of inputs was judged by, for those who draw it; absent in reports of earlier versions. */
  readonly rules?: {
    readonly warn: number;
    readonly drift: number;
    readonly persistence: { readonly breaches: number; readonly of: number };
  };
  /** The whole comparison or reading; `null` when the data could not be used. */
  readonly evidence: unknown;
}

/** Judges one window, or reads what an earlier look wrote about it. */
async function judgeWindow(
  deps: DataDeps,
  watch: DataWatch,
  source: DataSource,
  window: Window,
  profileUri: string | null,
): Promise<WindowResult> {
  const { policy } = watch;
  const { s3 } = ownClients(deps, watch);
  const basis = basisDigest(watch, source, profileUri);
  const reportUri = reportAddress(watch, source, window);
  const known = await readJson(s3, reportUri);
  if (isReport(known) && known.basis === basis) return known.result;
  const { result, evidence } = await withScratch(deps.scratch, (scratch) =>
    source.kind === 'ground-truth'
      ? measureTruth(deps, watch, source, window, durationMs(source.delay), scratch)
      : compareInputs(deps, watch, source, window, scratch, profileUri),
  );
  const report: WindowReport = {
    schema: 'modelkeeper/window-report-v1',
    basis,
    result: { ...result, reportUri },
    ...(source.kind === 'captured-inputs' ? { rules: rulesOf(policy) } : {}),
    evidence,
  };
  await publishWindow(deps, watch, report.result);
  await writeObject(s3, reportUri, JSON.stringify(report));
  return report.result;
}

/** Before the report, whose being there ends it: a repeat publishes the same values at the same time. */
async function publishWindow(deps: DataDeps, watch: DataWatch, result: WindowResult) {
  if (watch.policy.spec.metrics?.publish === false) return;
  const { cloudwatch } = clientsFor(deps, 'read')(watch);
  await publish(cloudwatch, windowMetrics(watch.model, result), deps.now());
}

function rulesOf({ spec }: DataWatch['policy']): NonNullable<WindowReport['rules']> {
  const { drift, persistence } = spec.detect;
  return { warn: drift.warn, drift: drift.drift, persistence };
}

const reportAddress = (
  watch: DataWatch,
  source: DataSource,
  window: Window,
  look: '' | '-late' = '',
): string =>
  below(
    watch.policy.spec.storage,
    'reports',
    watch.model,
    'windows',
    source.id,
    `${fileInstant(window.fromMs)}-${fileInstant(window.toMs)}${look}.json`,
  );

/**
 * Judges a window a second time when labels came after the first, or reads what an earlier look wrote about it.
 *
 * What it says counts in the place of the first judgement, not beside it.
 */
async function judgeAgain(
  deps: DataDeps,
  watch: DataWatch,
  source: GroundTruthSource,
  window: Window,
): Promise<{ readonly result: WindowResult | undefined; readonly advice: DelayAdvice | null }> {
  const { s3 } = ownClients(deps, watch);
  const basis = basisDigest(watch, source, watch.baselineUri);
  const reportUri = reportAddress(watch, source, window, '-late');
  const first = await readJson(s3, reportAddress(watch, source, window));
  const reading = isReport(first) ? readingOf(first) : undefined;
  // Without predictions, or with all of their labels, nothing can have come since.
  if (reading === undefined || reading.rows === 0) return { result: undefined, advice: null };
  const known = await readJson(s3, reportUri);
  if (isReport(known) && known.basis === basis) return revised(source, reading, known);
  const delayMs = durationMs(source.delay);
  const judgedAtMs = window.toMs + delayMs;
  const latenessMs = delayMs + lateMs(source);
  const labels = await filesByHour(
    clientsFor(deps, 'read')(watch).s3,
    source.labels,
    window,
    latenessMs,
  );
  const isComplete =
    reading.coverage === 1 || labels.every((object) => object.lastModifiedMs <= judgedAtMs);
  if (isComplete) return { result: undefined, advice: delayAdvice(source, reading) };
  const { result, evidence } = await withScratch(deps.scratch, (scratch) =>
    measureTruth(deps, watch, source, window, latenessMs, scratch),
  );
  const report: WindowReport = {
    schema: 'modelkeeper/window-report-v1',
    basis,
    result: { ...result, reportUri },
    evidence,
  };
  const again = revised(source, reading, report);
  if (again.result !== undefined) await publishWindow(deps, watch, again.result);
  await writeObject(s3, reportUri, JSON.stringify(report));
  return again;
}

function revised(
  source: GroundTruthSource,
  first: PerformanceReading,
  report: WindowReport,
): { readonly result: WindowResult | undefined; readonly advice: DelayAdvice | null } {
  const reading = readingOf(report);
  if (reading === undefined) return { result: undefined, advice: null };
  return {
    result: labelsChanged(first, reading) ? report.result : undefined,
    advice: delayAdvice(source, reading),
  };
}

/** The reading in a report of ours; `undefined` when the window could not be measured. */
function readingOf({ evidence }: WindowReport): PerformanceReading | undefined {
  return typeof evidence === 'object' && evidence !== null && 'reading' in evidence
    ? (evidence.reading as PerformanceReading)
    : undefined;
}

const isReport = (value: unknown): value is WindowReport =>
  typeof value === 'object' &&
  value !== null &&
  'schema' in value &&
  value.schema === 'modelkeeper/window-report-v1';

/** `20260301T140000Z`. */
const fileInstant = (atMs: number): string =>
  new Date(atMs)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:]/g, '');

interface Judged {
  readonly result: WindowResult;
  readonly evidence: unknown;
}

async function compareInputs(
  deps: DataDeps,
  watch: DataWatch,
  source: CapturedInputsSource,
  window: Window,
  scratch: string,
  profileUri: string | null,
): Promise<Judged> {
  const { spec } = watch.policy;
  const blind = (reason: string): Judged => ({
    result: blindResult(source.id, source.kind, window, reason),
    evidence: null,
  });
  const profile =
    profileUri === null ? undefined : await readProfile(ownClients(deps, watch).s3, profileUri);
  if (profile === undefined) return blind(`the baseline ${profileUri ?? ''} is gone`);
  const files = await captureFiles(deps, watch, window, durationMs(source.settle), scratch);
  if (files.length === 0) return blind('nothing was captured');
  const detect = detectPolicyOf(spec.detect);
  const { estimate } = source;
  const labelled = estimate === undefined ? undefined : await labelledCalibration(deps, watch);
  const answer = await deps.analysis.compareInputs({
    scratch,
    files,
    columns: source.columns ?? profile.columns.map((column) => column.name),
    window,
    profile: labelled === undefined ? profile : { ...profile, calibration: labelled.calibration },
    detect,
    ...(estimate === undefined ? {} : { estimate: estimate.metric }),
    signal: currentSignal(),
  });
  if (isUnusable(answer)) return blind(answer.unusable);
  const result = inputsResult(source.id, window, answer.comparison, detect);
  return {
    result:
      estimate === undefined
        ? result
        : withEstimate(
            result,
            estimate,
            answer.estimate ?? null,
            labelled?.calibration ?? profile.calibration,
            labelled && { source: labelled.source, fromMs: labelled.fromMs, toMs: labelled.toMs },
          ),
    evidence: answer,
  };
}

async function measureTruth(
  deps: DataDeps,
  watch: DataWatch,
  source: GroundTruthSource,
  window: Window,
  /** How long after its end labels are read: `delay`, and at the second look longer. */
  latenessMs: number,
  scratch: string,
): Promise<Judged> {
  const { s3 } = clientsFor(deps, 'read')(watch);
  const judgedAtMs = window.toMs + durationMs(source.delay);
  const isSecond = window.toMs + latenessMs > judgedAtMs;
  const blind = (reason: string): Judged => ({
    result: blindResult(source.id, source.kind, window, reason),
    evidence: null,
  });
  const columns = await inputColumns(deps, watch);
  if (columns === undefined) {
    return blind(
      'the columns of the requests are not known: there is neither a baseline nor a source of kind captured-inputs that names them',
    );
  }
  const captured = await captureFiles(deps, watch, window, latenessMs, scratch);
  if (captured.length === 0) return blind('no prediction was captured');
  // Labels lie under the hour they arrived in.
  const labels = await filesByHour(s3, source.labels, window, latenessMs);
  if (labels.length === 0) return blind('no label has arrived');
  const answer = await deps.analysis.measurePerformance({
    scratch,
    captureFiles: captured,
    labelFiles: (await downloadEach(s3, labels, scratch, 'labels')).map((file) => ({
      path: file.path,
      writtenAtMs: file.lastModifiedMs,
    })),
    columns,
    window,
    metric: source.metric,
    limits: {
      floor: source.floor ?? source.ceiling,
      minRows: source.minRows,
      ...(source.minCoverage === undefined ? {} : { minCoverage: source.minCoverage }),
    },
    lateAfterMs: judgedAtMs,
    signal: currentSignal(),
  });
  if (isUnusable(answer)) return blind(answer.unusable);
  if (answer.calibration != null && mayCalibrate(answer.reading))
    await keepCalibration(deps, watch, {
      source: source.id,
      fromMs: window.fromMs,
      toMs: window.toMs,
      calibration: answer.calibration,
    });
  return {
    result: truthResult(source.id, window, answer.reading, answer.verdict, isSecond ? 1 : 0),
    evidence: answer,
  };
}

/** Of each serving version by itself: another one has other scores. */
const calibrationAddress = ({ policy, model, champion }: DataWatch): string =>
  below(policy.spec.storage, 'reports', model, 'calibration', `${champion.configName}.json`);

/** The latest labelled window's calibration of the serving version; `undefined` while there is none. */
async function labelledCalibration(
  deps: DataDeps,
  watch: DataWatch,
): Promise<LabelledCalibration | undefined> {
  const known = await readJson(ownClients(deps, watch).s3, calibrationAddress(watch));
  return typeof known === 'object' && known !== null && 'calibration' in known
    ? (known as LabelledCalibration)
    : undefined;
}

/** The same again is the same; an earlier window, looked at once more, does not take the place of a later one. */
async function keepCalibration(
  deps: DataDeps,
  watch: DataWatch,
  found: LabelledCalibration,
): Promise<void> {
  const known = await labelledCalibration(deps, watch);
  if (known !== undefined && known.toMs > found.toMs) return;
  const { s3 } = ownClients(deps, watch);
  await writeObject(s3, calibrationAddress(watch), JSON.stringify(found));
}

/** Columns of a request, without which its rows cannot be told apart: as the policy names them, or as the baseline has them. */
async function inputColumns(
  deps: DataDeps,
  watch: DataWatch,
): Promise<readonly string[] | undefined> {
  const { spec } = watch.policy;
  for (const source of spec.monitor.sources) {
    if (source.kind === 'captured-inputs' && source.columns !== undefined) return source.columns;
  }
  if (watch.baselineUri === null) return undefined;
  const profile = await readProfile(ownClients(deps, watch).s3, watch.baselineUri);
  return profile?.columns.map((column) => column.name);
}

/**
 * Downloads the capture files that may hold the window's records.
 *
 * AWS writes `inferenceTime` in whole seconds and delivers a file up to minutes later, below the hour of the
 * invocation: the rows are filtered by their own instant, the files by when they were written.
 */
async function captureFiles(
  deps: DataDeps,
  watch: DataWatch,
  window: Window,
  lateness: number,
  scratch: string,
): Promise<readonly string[]> {
  const { s3 } = clientsFor(deps, 'read')(watch);
  const prefix = watch.capturePrefix ?? '';
  const uris = await captureFilesOf(s3, prefix, window, lateness);
  return downloadAll(s3, uris, scratch, 'capture');
}

/** The dead man's switch over all sources, and those that have come to life again. */
async function silences(
  deps: DataDeps,
  watch: DataWatch,
  progress: Progress,
  /** Begin of the first window of sources that were never counted before. */
  firstLooks: ReadonlyMap<string, number>,
  nowMs: number,
): Promise<Pick<DataTold, 'noData' | 'dataAgain'>> {
  const { spec } = watch.policy;
  const noData: DataTold['noData'][number][] = [];
  const dataAgain: string[] = [];
  for (const source of spec.monitor.sources.filter(isWindowSource)) {
    const fresh = progress.windows.filter((window) => window.source === source.id);
    const told = watch.toldNoData.includes(source.id);
    // A report may not say of how many rows it is.
    const isData = (one: WindowResult): boolean =>
      isComputed(source) ? one.rows > 0 : one.result !== 'cannot tell';
    const last = fresh.at(-1);
    if (told && last !== undefined && isData(last)) dataAgain.push(source.id);
    const full = [...(watch.recent[source.id] ?? []), ...fresh].filter(isData);
    // Nobody is to blame for the time before the version served alone, nor for what was never looked at.
    const excused = watch.disturbed.map((span) => span.toMs ?? nowMs);
    const lastDataToMs = Math.max(
      watch.champion.sinceMs,
      firstLooks.get(source.id) ?? 0,
      // Until the first report, the first look.
      isReportSource(source) ? (progress.countedToMs[source.id] ?? 0) : 0,
      ...full.map((window) => window.toMs),
      ...excused,
    );
    const sinceMs = silentSinceMs(
      {
        lastDataToMs,
        // A window is only known once it is complete.
        latenessMs: isComputed(source)
          ? latenessMs(source) + durationMs(source.window)
          : dueAfterMs(source),
        afterMs: durationMs(spec.monitor.noData.after),
        told,
      },
      nowMs,
    );
    if (sinceMs === null) continue;
    if (!isComputed(source)) {
      noData.push({ source: source.id, sinceMs, sentence: silentReports(source, sinceMs) });
      continue;
    }
    const invocations = await countInvocations(deps, watch, sinceMs, nowMs);
    const off = watch.capturePrefix === null ? '; data capture is off in the endpoint config' : '';
    noData.push({
      source: source.id,
      sinceMs,
      sentence: `${silenceInWords(source.id, source.kind, sinceMs, invocations)}${off}`,
    });
  }
  return { noData, dataAgain };
}

/** CloudWatch keeps one-minute data for 15 days. */
const MINUTE_DATA_MS = 15 * 86_400_000;

/** Sum of Invocations since an instant. Without traffic the metric is sparse: no value is no invocation. */
async function countInvocations(
  deps: DataDeps,
  watch: DataWatch,
  sinceMs: number,
  nowMs: number,
): Promise<number> {
  const fromMs = Math.max(sinceMs, nowMs - MINUTE_DATA_MS);
  const period = Math.max(60, Math.ceil((nowMs - fromMs) / 1_000 / 300 / 60) * 60);
  const { endpoint } = watch.policy.spec;
  const { cloudwatch } = clientsFor(deps, 'read')(watch);
  const answer = await aws(may('cloudwatch:GetMetricData', '*'), (options) =>
    cloudwatch.send(
      new GetMetricDataCommand({
        StartTime: new Date(fromMs),
        EndTime: new Date(nowMs),
        MetricDataQueries: [
          {
            Id: 'invocations',
            MetricStat: {
              Metric: {
                Namespace: 'AWS/SageMaker',
                MetricName: 'Invocations',
                Dimensions: [
                  { Name: 'EndpointName', Value: endpoint.name },
                  { Name: 'VariantName', Value: endpoint.variant },
                ],
              },
              Period: period,
              Stat: 'Sum',
            },
          },
        ],
      }),
      options,
    ),
  );
  const values = answer.MetricDataResults?.flatMap((result) => result.Values ?? []) ?? [];
  return values.reduce((sum, value) => sum + value, 0);
}

/** What a quiet look saw, for the Web UI. */
function quiet(
  told: DataTold,
  notes: readonly string[],
  watch: DataWatch,
  nowMs: number,
  nextMs: number,
): string {
  const latest = watch.policy.spec.monitor.sources.filter(isWindowSource).flatMap((source) => {
    const last = [...(watch.recent[source.id] ?? []), ...told.windows]
      .filter((window) => window.source === source.id)
      .at(-1);
    return last === undefined ? [] : [last.sentence];
  });
  const seen = [...latest, ...notes];
  return `Nothing new at ${clock(nowMs)}: ${seen.length === 0 ? 'no window is complete yet' : seen.join('; ')}; next look ${clock(nextMs)}`;
}
