import { durationMs, instantInWords } from './duration.js';
import type { WindowResult, WindowSubject } from './model.js';
import type {
  CapturedInputsSource,
  GroundTruthSource,
  ModelMonitorSource,
  MultivariateSource,
  PolicySpec,
  ReportSource,
  Source,
} from './policy.schema.js';
import type { DetectPolicy, SegmentRule } from './stats/types.js';

/** Sources that are read in windows of data, by `watchData`. */
export type WindowSource =
  CapturedInputsSource | GroundTruthSource | ModelMonitorSource | MultivariateSource | ReportSource;

const WINDOW_KINDS: ReadonlySet<Source['kind']> = new Set<Source['kind']>([
  'captured-inputs',
  'ground-truth',
  'model-monitor',
  'evidently',
  'nannyml',
  'mlflow',
  'multivariate',
]);

export const isWindowSource = (source: Source): source is WindowSource =>
  WINDOW_KINDS.has(source.kind);

export const isReportSource = (source: Source): source is ReportSource =>
  source.kind === 'evidently' || source.kind === 'nannyml' || source.kind === 'mlflow';

/**
 * Whether a source can ever be evidence of drift, or of a loss of performance.
 *
 * A schedule of somebody else's and NannyML may be either: what they are about is not in the policy.
 */
export function canSee(source: Source, subject: WindowSubject): boolean {
  switch (source.kind) {
    case 'captured-inputs':
    case 'multivariate':
      return subject === 'drift';
    case 'ground-truth':
      return subject === 'performance';
    case 'model-monitor':
      return source.manage === undefined || monitorSees(source, subject);
    case 'nannyml':
      return true;
    case 'evidently':
      return subject === 'drift' || measures(source, subject);
    case 'mlflow':
      return measures(source, subject);
    case 'alarms':
      return modelSubjectOf(source) === subject;
    // Metrics are about the endpoint.
    default:
      return false;
  }
}

/** What the type of a managed schedule finds, or what the policy takes its violations for. */
const monitorSees = (
  { manage, checks }: Pick<ModelMonitorSource, 'manage' | 'checks'>,
  subject: WindowSubject,
): boolean =>
  (manage?.type === 'data-quality' && subject === 'drift') ||
  (manage?.type === 'model-quality' && subject === 'performance') ||
  Object.values(checks).includes(subject);

/** What alarms say of the model; `undefined` for those about the endpoint. */
export function modelSubjectOf(source: {
  readonly means?: WindowSubject | 'health' | undefined;
}): WindowSubject | undefined {
  return source.means === 'health' ? undefined : source.means;
}

/** Source id → what its alarms say of the model; sources about the endpoint are left out. */
export function alarmSubjects(
  monitor: Pick<PolicySpec['monitor'], 'sources'>,
): ReadonlyMap<string, WindowSubject> {
  return new Map(
    monitor.sources.flatMap((source) => {
      const subject = source.kind === 'alarms' ? modelSubjectOf(source) : undefined;
      return subject === undefined ? [] : [[source.id, subject] as const];
    }),
  );
}

const measures = (source: ReportSource, subject: WindowSubject): boolean =>
  Object.values(source.metrics).some((metric) => metric.means === subject);

/** What a window says about a subject; `undefined` when it is no evidence of it either way. */
export function saysOf(
  window: WindowResult,
  subject: WindowSubject,
): Exclude<WindowResult['result'], 'cannot tell'> | undefined {
  if (window.result === 'cannot tell') return undefined;
  if (window.result === 'data quality') return 'data quality';
  if (window.subjects !== undefined) return window.subjects[subject];
  const own: WindowSubject = window.sourceKind === 'ground-truth' ? 'performance' : 'drift';
  return own === subject ? window.result : undefined;
}

/** How many windows confirm a breach of this source; with its own alerts, Model Monitor has counted already. */
export function persistenceOf(
  source: WindowSource,
  detect: Pick<PolicySpec['detect'], 'persistence'>,
): PolicySpec['detect']['persistence'] {
  return source.kind === 'model-monitor' && source.alerts
    ? { breaches: 1, of: 1 }
    : detect.persistence;
}

/** How long after what it is about a report of another tool is there. */
export const dueAfterMs = (
  source: ModelMonitorSource | MultivariateSource | ReportSource,
): number =>
  durationMs(source.settle) +
  (source.kind === 'multivariate'
    ? durationMs(source.window) + durationMs(source.maxRuntime)
    : durationMs(source.kind === 'model-monitor' ? source.late : source.every));

const REPORTS: Readonly<Record<ReportSource['kind'], string>> = {
  evidently: 'report of Evidently',
  nannyml: 'result of NannyML',
  mlflow: 'metric of MLflow',
};

/** That a source of reports has fallen silent. */
export const silentReports = (
  source: ModelMonitorSource | MultivariateSource | ReportSource,
  sinceMs: number,
): string =>
  source.kind === 'multivariate'
    ? `${source.id}: no processing job has told anything of the columns together since ${instantInWords(sinceMs)}: status says what became of the last one`
    : source.kind === 'model-monitor'
      ? `${source.id}: no execution of the monitoring schedule ${source.schedule} has shown anything since ${instantInWords(sinceMs)}: is it stopped, does it fail, or is nothing captured?`
      : `${source.id}: no ${REPORTS[source.kind]} below ${source.prefix} since ${instantInWords(sinceMs)}; one is due every ${source.every}`;

/**
 * The policy's segments with what it leaves out: the ten most frequent values of the column, as many rows as the window
 * itself must have, and not critical.
 */
export const segmentRules = ({
  segments = [],
  drift,
}: Pick<PolicySpec['detect'], 'segments' | 'drift'>): readonly SegmentRule[] =>
  segments.map(({ by, max = 10, minRows = drift.minRows, critical = false }) => ({
    by,
    max,
    minRows,
    critical,
  }));

/** The policy's words in the statistics' shape. */
export const detectPolicyOf = ({
  columns,
  drift,
  segments,
}: PolicySpec['detect']): DetectPolicy => ({
  warn: drift.warn,
  drift: drift.drift,
  significance: drift.significance,
  minRows: drift.minRows,
  share: drift.share,
  critical: columns.critical,
  ignore: columns.ignore,
  newCategoriesAreDrift: columns.newValuesAreDrift,
  ...(columns.weights === undefined ? {} : { weights: columns.weights }),
  ...(segments === undefined ? {} : { segments: segmentRules({ segments, drift }) }),
});
