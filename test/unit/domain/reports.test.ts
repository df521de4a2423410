import { describe, expect, it } from 'vitest';

import { confirmed, judge, remember } from '../../../domain/detect.js';
import type { WindowResult } from '../../../domain/model.js';
import {
  blindExecution,
  meaningOf,
  monitorResult,
  scheduleRhythm,
  type MonitorEvidence,
  type MonitorExecution,
  type SketchComparison,
} from '../../../domain/monitor-findings.js';
import { sourceSchema } from '../../../domain/policy.schema.js';
import type { ModelMonitorSource, ReportSource, Source } from '../../../domain/policy.schema.js';
import {
  reportResult,
  reportWindow,
  timeFault,
  type Report,
  type ReportColumn,
} from '../../../domain/report-findings.js';
import { canSee, detectPolicyOf, silentReports } from '../../../domain/sources.js';
import { aPolicy } from './support.js';

const { detect } = aPolicy().spec;
const HOUR = 3_600_000;
const window = { fromMs: 0, toMs: 24 * HOUR };
const place = { uri: 's3://bkt/r.json', id: 'r.json', writtenAtMs: 24 * HOUR };

const source = (of: Record<string, unknown>): Source => sourceSchema.parse({ id: 'report', ...of });
function report(of: Record<string, unknown>): ReportSource {
  const parsed = source({ prefix: 's3://bkt/r/', ...of });
  if (parsed.kind !== 'evidently' && parsed.kind !== 'nannyml' && parsed.kind !== 'mlflow')
    throw new Error('not a report');
  return parsed;
}
const evidently = (of: Record<string, unknown> = {}) => report({ kind: 'evidently', ...of });

const column = (name: string, of: Partial<ReportColumn> = {}): ReportColumn => ({
  name,
  method: 'psi',
  scoreKind: 'distance',
  score: 0.05,
  jsDistance: null,
  drifted: false,
  ...of,
});
const empty: Report = {
  span: null,
  atMs: null,
  rows: null,
  columns: [],
  dataset: null,
  numbers: [],
};
const say = (of: ReportSource, found: Partial<Report>, columns = detect.columns) =>
  reportResult(of, window, place, { ...empty, ...found }, { ...detect, columns });

describe('columns of a report', () => {
  const drifted = column('a', { drifted: true, score: 0.3 });
  const still = column('b');
  it('are a breach from the share of the policy on, below it a warning', () => {
    // detect.drift.share is 0.3.
    const among = (others: number) => [
      ...[1, 2, 3].map((n) => column(`d${n}`, { drifted: true })),
      ...Array.from({ length: others }, (_, n) => column(`s${n}`)),
    ];
    expect(say(evidently(), { columns: among(7) })).toMatchObject({
      result: 'breach',
      subjects: { drift: 'breach' },
    });
    expect(say(evidently(), { columns: among(8) })).toMatchObject({
      result: 'warn',
      subjects: { drift: 'warn' },
    });
    expect(say(evidently(), { columns: [still] })).toMatchObject({
      result: 'ok',
      subjects: { drift: 'ok' },
    });
  });
  it('are a breach by one critical column, and none by an ignored one', () => {
    const many = [drifted, ...Array.from({ length: 9 }, (_, n) => column(`s${n}`))];
    const critical = { ...detect.columns, critical: ['a'] };
    expect(say(evidently(), { columns: many }, critical)).toMatchObject({
      result: 'breach',
      sentence: expect.stringMatching(
        /the critical column a drifted; 1 of 10 columns drifted: a \(psi 0\.3\)/,
      ) as string,
    });
    expect(say(evidently(), { columns: many }, { ...detect.columns, ignore: ['a'] }).result).toBe(
      'ok',
    );
  });
  it('follow the thresholds of the policy rather than the report, distances and tests alike', () => {
    const of = evidently({ thresholds: { psi: 0.25, ks: 0.01 } });
    const psi = (score: number, opinion: boolean) =>
      say(of, { columns: [column('a', { score, drifted: opinion })] }).result;
    expect(psi(0.25, false)).toBe('breach');
    expect(psi(0.2499, true)).toBe('ok');
    const ks = (score: number) =>
      say(of, { columns: [column('a', { method: 'ks', scoreKind: 'p', score, drifted: null })] })
        .result;
    expect(ks(0.0099)).toBe('breach');
    expect(ks(0.01)).toBe('ok');
  });
  it('by Jensen–Shannon follow detect.drift, as captured inputs do', () => {
    const js = (jsDistance: number) =>
      say(evidently(), {
        columns: [column('a', { method: 'jensenshannon', jsDistance, drifted: true })],
      }).result;
    expect(js(0.2)).toBe('breach');
    expect(js(0.1999)).toBe('warn');
    expect(js(0.0999)).toBe('ok');
  });
  it('without an opinion are no evidence, and the share of the whole report stands in', () => {
    const unknown = column('a', { method: null, scoreKind: null, drifted: null });
    expect(say(evidently(), { columns: [unknown] })).toMatchObject({ result: 'cannot tell' });
    const whole = (share: number) =>
      say(evidently(), { columns: [unknown], dataset: { columns: null, drifted: 1, share } })
        .result;
    expect(whole(0.3)).toBe('breach');
    expect(whole(0.29)).toBe('warn');
    expect(whole(0)).toBe('ok');
  });
  it('are no all-clear while nothing is known of a critical one', () => {
    const blind = column('c', { drifted: null, method: null, scoreKind: null });
    const critical = { ...detect.columns, critical: ['c'] };
    expect(say(evidently(), { columns: [still, blind] }, critical).result).toBe('cannot tell');
  });
  it('of too few rows say nothing', () => {
    expect(say(evidently(), { columns: [drifted], rows: 199 }).result).toBe('cannot tell');
    expect(say(evidently(), { columns: [drifted], rows: 200 }).result).toBe('breach');
  });
});

describe('numbers of a report', () => {
  const number = (name: string, value: number | null, rest: object = {}) => ({
    name,
    value,
    alert: null,
    ...rest,
  });
  const limited = report({
    kind: 'mlflow',
    metrics: { f1: { floor: 0.7 }, moved: { ceiling: 0.3, means: 'drift' } },
  });
  it('are judged by floor and ceiling, which are still in order themselves', () => {
    const f1 = (value: number) => say(limited, { numbers: [number('f1', value)] });
    expect(f1(0.7)).toMatchObject({ result: 'ok', subjects: { performance: 'ok' } });
    expect(f1(0.6999)).toMatchObject({ result: 'breach', subjects: { performance: 'breach' } });
    const moved = (value: number) => say(limited, { numbers: [number('moved', value)] });
    expect(moved(0.3)).toMatchObject({ result: 'ok', subjects: { drift: 'ok' } });
    expect(moved(0.3001)).toMatchObject({ result: 'breach', subjects: { drift: 'breach' } });
  });
  it('may be evidence of both subjects at once', () => {
    expect(say(limited, { numbers: [number('f1', 0.9), number('moved', 0.4)] })).toMatchObject({
      result: 'breach',
      subjects: { performance: 'ok', drift: 'breach' },
    });
  });
  it('without a value are no evidence, nor is a report without any that the policy names', () => {
    expect(say(limited, { numbers: [number('f1', null)] })).toMatchObject({
      result: 'cannot tell',
      sentence: expect.stringContaining('f1 has no value') as string,
    });
    expect(say(limited, { numbers: [number('auc', 0.1)] }).sentence).toMatch(
      /it holds none of f1, moved; the report has auc/,
    );
  });
  it('are told in a sentence of bounded length, those that matter first', () => {
    const numbers = Array.from({ length: 1_000 }, (_, n) =>
      number(`n${n}`, 1, { alert: n === 999, means: 'performance' as const }),
    );
    const { sentence } = say(report({ kind: 'nannyml' }), { numbers });
    expect(sentence).toMatch(/: n999 is 1, which NannyML alerts on; n0 is 1; .*; 990 more/);
    expect(sentence.length).toBeLessThan(500);
  });
  it('of NannyML count by their own alert, unless the policy has limits or wants none', () => {
    const alerted = {
      numbers: [number('roc_auc', 0.6, { alert: true, means: 'performance' as const })],
    };
    expect(say(report({ kind: 'nannyml' }), alerted)).toMatchObject({
      subjects: { performance: 'breach' },
    });
    expect(
      say(report({ kind: 'nannyml', metrics: { roc_auc: { floor: 0.5 } } }), alerted),
    ).toMatchObject({
      subjects: { performance: 'ok' },
    });
    expect(say(report({ kind: 'nannyml', alerts: false }), alerted).result).toBe('cannot tell');
    const unknown = { numbers: [number('some_rate', 1, { alert: true, means: null })] };
    expect(say(report({ kind: 'nannyml' }), unknown)).toMatchObject({
      result: 'warn',
      subjects: {},
    });
  });
});

describe('the time a report gives', () => {
  const HOURS_14 = 14 * HOUR;
  it.each([
    ['an instant as far ahead as a zone may be', { span: null, atMs: 100 + HOURS_14 }, false],
    ['an instant further ahead', { span: null, atMs: 101 + HOURS_14 }, true],
    ['a chunk that is not over', { span: { fromMs: 99, toMs: 9 * HOURS_14 }, atMs: null }, false],
    ['a chunk to come', { span: { fromMs: 101 + HOURS_14, toMs: 9e12 }, atMs: null }, true],
    ['none', { span: null, atMs: null }, false],
  ])('is at fault when nothing of it can have been seen: %s', (_what, time, fault) => {
    expect(timeFault(time, 100) !== undefined).toBe(fault);
  });
});

describe('the window of a report', () => {
  it('is its own span, or one period before it was made, or before it was written', () => {
    const span = { fromMs: 1, toMs: 2 };
    expect(reportWindow({ span, atMs: 9 }, 99, 10)).toEqual(span);
    expect(reportWindow({ span: null, atMs: 90 }, 99, 10)).toEqual({ fromMs: 80, toMs: 90 });
    expect(reportWindow({ span: null, atMs: null }, 99, 10)).toEqual({ fromMs: 89, toMs: 99 });
    expect(reportWindow(null, 99, 10)).toEqual({ fromMs: 89, toMs: 99 });
  });
});

const monitor = (of: Record<string, unknown> = {}): ModelMonitorSource => {
  const parsed = source({ kind: 'model-monitor', schedule: 'dq', ...of });
  if (parsed.kind !== 'model-monitor') throw new Error('not a monitor');
  return parsed;
};
const execution = (of: Partial<MonitorExecution> = {}): MonitorExecution => ({
  scheduledAtMs: HOUR,
  type: 'DataQuality',
  status: 'CompletedWithViolations',
  failureReason: null,
  ...of,
});
const violation = (check: string, feature: string | null = 'distance') => ({
  check,
  feature,
  metric: null,
  description: '',
});
const evidence = (of: Partial<MonitorEvidence> = {}): MonitorEvidence => ({
  violations: [],
  rows: null,
  compared: [],
  checked: null,
  alert: null,
  reportUri: 's3://bkt/v.json',
  ...of,
});
const monitored = (
  of: ModelMonitorSource,
  found: Partial<MonitorEvidence>,
  type: MonitorExecution['type'] = 'DataQuality',
  columns: Partial<typeof detect.columns> = {},
): WindowResult =>
  monitorResult(
    of,
    window,
    execution({ type }),
    evidence(found),
    detectPolicyOf({ ...detect, columns: { ...detect.columns, ...columns } }),
  );

describe('a violation of Model Monitor', () => {
  it.each([
    ['baseline_drift_check', 'drift'],
    ['categorical_values_check', 'data quality'],
    ['data_type_check', 'data quality'],
    ['completeness_check', 'data quality'],
    ['missing_column_check', 'data quality'],
    ['extra_column_check', 'data quality'],
    ['bias_drift_check', 'warn'],
    ['feature_attribution_drift_check', 'warn'],
    ['one_that_is_new', 'warn'],
    ['constructor', 'warn'],
  ])('by %s stands for %s', (check, meaning) => {
    expect(meaningOf(violation(check), 'DataQuality', { checks: {} }, [])).toBe(meaning);
  });
  it('of new values is drift where the policy declares it, and anything is what the policy says', () => {
    const values = violation('categorical_values_check');
    expect(meaningOf(values, 'DataQuality', { checks: {} }, ['distance'])).toBe('drift');
    expect(meaningOf(values, 'DataQuality', { checks: {} }, ['origin'])).toBe('data quality');
    expect(
      meaningOf(values, 'DataQuality', { checks: { categorical_values_check: 'none' } }, []),
    ).toBe('none');
  });
  it('of model quality is a loss of performance, whatever it is called', () => {
    expect(meaningOf(violation('less_than_threshold'), 'ModelQuality', { checks: {} }, [])).toBe(
      'performance',
    );
  });
});

const compared = (
  name: string,
  jsDistance: number,
  of: Partial<SketchComparison> = {},
): SketchComparison => ({
  name,
  rows: 500,
  baselineRows: 500,
  missing: null,
  invalid: null,
  nonFinite: null,
  newCategories: null,
  windowTotal: 500,
  baselineTotal: 500,
  jsDistance,
  pAdjusted: 0,
  psi: 0.3,
  ...of,
});

describe('an execution of Model Monitor', () => {
  it('with a moved column is a breach of drift, and without violations in order', () => {
    expect(monitored(monitor(), { violations: [violation('baseline_drift_check')] })).toMatchObject(
      {
        result: 'breach',
        subjects: { drift: 'breach' },
        reportUri: 's3://bkt/v.json',
      },
    );
    expect(monitored(monitor(), {})).toMatchObject({ result: 'ok', subjects: { drift: 'ok' } });
  });
  it('counts the moved columns among all that were checked', () => {
    const found = {
      violations: [violation('baseline_drift_check', 'a')],
      checked: ['a', 'b', 'c', 'd'],
    };
    // One of four is less than the share of 0.3.
    expect(monitored(monitor(), found).result).toBe('warn');
    expect(monitored(monitor(), found, 'DataQuality', { critical: ['a'] }).result).toBe('breach');
    expect(monitored(monitor(), found, 'DataQuality', { ignore: ['a'] }).result).toBe('ok');
  });
  it('follows the threshold of the policy where the distributions are known', () => {
    const found = (js: number) => ({
      violations: [violation('baseline_drift_check')],
      rows: 500,
      compared: [compared('distance', js)],
    });
    expect(monitored(monitor(), found(0.2))).toMatchObject({
      result: 'breach',
      sentence: expect.stringMatching(
        /distance: moved by 0\.2 \(drift from 0\.2\), PSI 0\.3.*500 rows/,
      ) as string,
    });
    expect(monitored(monitor(), found(0.1999)).result).toBe('warn');
    expect(monitored(monitor(), found(0.0999)).result).toBe('ok');
    // What Model Monitor did not find is drift all the same.
    expect(monitored(monitor(), { ...found(0.2), violations: [] }).result).toBe('breach');
  });
  it('of too few rows cannot tell', () => {
    const rows = (count: number) =>
      monitored(monitor(), {
        rows: count,
        compared: [compared('a', 0.5, { windowTotal: count, rows: count })],
      }).result;
    expect(rows(199)).toBe('cannot tell');
    expect(rows(200)).toBe('breach');
  });
  it('with a broken feed is data quality first, and says which column', () => {
    const both = [violation('baseline_drift_check'), violation('missing_column_check', 'origin')];
    const found = monitored(monitor(), { violations: both });
    expect(found).toMatchObject({ result: 'data quality' });
    expect(found.sentence).toMatch(/missing_column_check of origin/);
    expect(found.subjects).toBeUndefined();
  });
  it('of bias and explainability is a warning, and what the policy makes of it', () => {
    const bias = { violations: [violation('bias_drift_check', null)] };
    expect(monitored(monitor(), bias, 'ModelBias')).toMatchObject({ result: 'warn', subjects: {} });
    expect(
      monitored(monitor({ checks: { bias_drift_check: 'drift' } }), bias, 'ModelBias'),
    ).toMatchObject({
      result: 'breach',
      subjects: { drift: 'breach' },
    });
    expect(monitored(monitor(), {}, 'ModelExplainability')).toMatchObject({
      result: 'ok',
      subjects: {},
    });
  });
  it('of model quality is evidence of performance either way', () => {
    expect(monitored(monitor(), {}, 'ModelQuality').subjects).toEqual({ performance: 'ok' });
    const lost = { violations: [violation('less_than_threshold', null)] };
    expect(monitored(monitor(), lost, 'ModelQuality').subjects).toEqual({ performance: 'breach' });
  });
  it('with alerts: true is a breach only once Model Monitor itself has raised one', () => {
    const of = monitor({ alerts: true });
    const violations = [violation('baseline_drift_check')];
    expect(monitored(of, { violations, alert: 'InAlert' }).result).toBe('breach');
    for (const alert of ['OK', null] as const) {
      const held = monitored(of, { violations, alert });
      expect(held).toMatchObject({ result: 'warn', subjects: { drift: 'warn' } });
      expect(held.sentence).toMatch(/no alert was raised yet/);
    }
  });
  it('that failed for want of data says so, and nothing more', () => {
    expect(
      blindExecution(execution({ status: 'Failed', failureReason: 'Job inputs had no data' })),
    ).toMatch(/^no data was captured/);
    expect(blindExecution(execution({ status: 'Failed', failureReason: 'Exit code 137' }))).toBe(
      'the execution is Failed: Exit code 137',
    );
    expect(blindExecution(execution({ status: 'Stopped' }))).toBe('the execution was stopped');
  });
});

describe('the rhythm of a schedule', () => {
  it.each([
    ['cron(0 * ? * * *)', HOUR, 0],
    ['cron(0 5 ? * * *)', 24 * HOUR, 5 * HOUR],
    ['cron(0 17/6 ? * * *)', 6 * HOUR, 5 * HOUR],
    ['cron(0 0/24 ? * * *)', 24 * HOUR, 0],
  ])('%s', (expression, everyMs, offsetMs) => {
    expect(scheduleRhythm(expression)).toEqual({ everyMs, offsetMs });
  });
  it.each([
    'NOW',
    'cron(0 24 ? * * *)',
    'cron(0 0/25 ? * * *)',
    'cron(5 * ? * * *)',
    'rate(1 hour)',
  ])('%s has none', (expression) => {
    expect(scheduleRhythm(expression)).toBeNull();
  });
});

const told = (
  at: number,
  subjects: WindowResult['subjects'],
  result: WindowResult['result'],
  id?: string,
): WindowResult => ({
  fromMs: at * HOUR,
  toMs: (at + 1) * HOUR,
  source: 'report',
  sourceKind: 'evidently',
  result,
  rows: 0,
  sentence: `${at}`,
  columns: [],
  ...(subjects === undefined ? {} : { subjects }),
  ...(id === undefined ? {} : { id }),
});

describe('persistence of reports', () => {
  const twice = { breaches: 2, of: 3 };
  it('counts each subject by the reports that are about it', () => {
    const windows = [
      told(0, { drift: 'breach' }, 'breach'),
      told(1, { performance: 'ok' }, 'ok'),
      told(2, { performance: 'ok' }, 'ok'),
      told(3, { drift: 'breach' }, 'breach'),
    ];
    expect(confirmed(windows, twice, 'drift')).toHaveLength(2);
    expect(confirmed(windows, twice, 'performance')).toEqual([]);
    expect(remember([], windows, 3)).toHaveLength(4);
  });
  it('counts a report once, however often it is told, and two of one time as two', () => {
    const a = told(0, { drift: 'breach' }, 'breach', 'a');
    const b = told(0, { drift: 'breach' }, 'breach', 'b');
    expect(remember([a], [a, b, a], 3).map((one) => one.id)).toEqual(['a', 'b']);
  });
  it('lets the result of a late execution take the place of its lateness, and of nothing else', () => {
    const late = told(0, undefined, 'cannot tell');
    const ended = told(0, { drift: 'breach' }, 'breach');
    expect(remember([late], [ended], 3)).toEqual([ended]);
    expect(remember([ended], [late], 3)).toEqual([ended]);
  });
  it('is left to Model Monitor where its alerts are used: one alert is enough', () => {
    const spec = (alerts: boolean) => ({
      ...aPolicy().spec,
      monitor: { ...aPolicy().spec.monitor, sources: [{ ...monitor({ alerts }), id: 'report' }] },
    });
    const seen = {
      endpoint: null,
      alarms: [],
      metrics: [],
      windows: { report: [told(0, { drift: 'breach' }, 'breach')] },
      noData: {},
      baselineMissing: null,
    };
    expect(judge(spec(true), seen).verdict).toBe('drift');
    expect(judge(spec(false), seen).verdict).toBe('cannot tell');
  });
  it('leads to the verdict of its subject, and broken reports to data quality', () => {
    const spec = {
      ...aPolicy().spec,
      monitor: { ...aPolicy().spec.monitor, sources: [{ ...evidently(), id: 'report' }] },
    };
    const verdict = (windows: WindowResult[]) =>
      judge(spec, {
        endpoint: null,
        alarms: [],
        metrics: [],
        windows: { report: windows },
        noData: {},
        baselineMissing: null,
      }).verdict;
    expect(verdict([0, 1].map((at) => told(at, { drift: 'breach' }, 'breach')))).toBe('drift');
    expect(verdict([0, 1].map((at) => told(at, { performance: 'breach' }, 'breach')))).toBe(
      'performance',
    );
    expect(verdict([told(0, undefined, 'data quality')])).toBe('data quality');
  });
});

describe('what a source can see', () => {
  it.each([
    [{ kind: 'evidently', prefix: 's3://bkt/r/' }, true, false],
    [{ kind: 'evidently', prefix: 's3://bkt/r/', metrics: { f1: { floor: 0.7 } } }, true, true],
    [{ kind: 'mlflow', prefix: 's3://bkt/r/', metrics: { f1: { floor: 0.7 } } }, false, true],
    [
      { kind: 'mlflow', prefix: 's3://bkt/r/', metrics: { d: { ceiling: 1, means: 'drift' } } },
      true,
      false,
    ],
    [{ kind: 'nannyml', prefix: 's3://bkt/r/' }, true, true],
    [{ kind: 'model-monitor', schedule: 'dq' }, true, true],
    [{ kind: 'captured-inputs' }, true, false],
    [{ kind: 'alarms' }, false, false],
  ])('%j: drift %s, performance %s', (of, drift, performance) => {
    expect([canSee(source(of), 'drift'), canSee(source(of), 'performance')]).toEqual([
      drift,
      performance,
    ]);
  });
  it('says of a silent one what is waited for', () => {
    expect(silentReports(evidently(), 0)).toBe(
      'report: no report of Evidently below s3://bkt/r/ since 1970-01-01 00:00:00 UTC; one is due every 24h',
    );
    expect(silentReports(monitor(), 0)).toMatch(
      /no execution of the monitoring schedule dq .* since 1970/,
    );
  });
});
