/** Model Monitor of an account that still has it: job definitions, schedules, executions, alerts. */
import type { Kernel } from '../kernel.js';
import { AwsError } from '../kernel.js';
import { Clarify, ClarifyFailure, isClarify } from './clarify.js';
import type { ClarifyRun } from './clarify.js';
import { arnOf, joinS3, pageOf, seconds, shortId, without } from './context.js';
import type { EndpointRecord } from './endpoint-record.js';
import type { Endpoints } from './endpoints.js';
import type { Hosting } from './hosting.js';
import { isOver } from './job-record.js';
import type { ProcessingRecord } from './job-record.js';
import type { Jobs, MonitorRun } from './jobs.js';
import {
  capturedRows,
  datasetRows,
  statisticsOf,
  suggestedConstraints,
  violationsOf,
} from './monitor-analysis.js';
import type { Constraints, Row, Statistics } from './monitor-analysis.js';
import { MonitorFiles } from './monitor-files.js';
import {
  labelledRows,
  qualityConstraints,
  qualityOf,
  qualityStatistics,
  qualityViolations,
} from './monitor-quality.js';
import type { Labelled, Problem, QualityConstraints } from './monitor-quality.js';
import type { Containers } from './serving.js';
import type { Tags } from './tags.js';
import { invalid } from './validate.js';

const TYPES = ['DataQuality', 'ModelQuality', 'ModelBias', 'ModelExplainability'] as const;
type MonitoringType = (typeof TYPES)[number];
type Input = Record<string, unknown>;

const HOUR_MS = 3_600_000;
const SCHEDULES = 'sagemaker.monitoringSchedules';
const EXECUTIONS = 'sagemaker.monitoringExecutions';
const ACCOUNT = 'sagemaker.account';
/** How long a new or changed schedule is Pending, divided by the speed. */
const PENDING_MS = 5_000;
/** How long an execution under the fault for it is late. */
const LATE_MS = 6 * HOUR_MS;

interface Definition {
  readonly name: string;
  readonly arn: string;
  readonly type: MonitoringType;
  readonly createdAtMs: number;
  readonly request: Input;
}

interface Schedule {
  readonly name: string;
  readonly arn: string;
  readonly type: MonitoringType;
  readonly createdAtMs: number;
  modifiedAtMs: number;
  config: Config;
  status: 'Pending' | 'Scheduled' | 'Stopped';
  pendingUntilMs: number;
  next: 'Scheduled' | 'Stopped';
  /** Scheduled times up to here have had their run, or never will. */
  ranToMs: number;
  alert: { datapoints: number; period: number; status: 'OK' | 'InAlert'; changedAtMs: number };
  history: { atMs: number; status: 'OK' | 'InAlert' }[];
}

interface Config {
  readonly ScheduleConfig?: {
    readonly ScheduleExpression: string;
    readonly DataAnalysisStartTime?: string;
    readonly DataAnalysisEndTime?: string;
  };
  readonly MonitoringJobDefinitionName?: string;
  readonly MonitoringType?: MonitoringType;
}

interface Execution {
  readonly schedule: string;
  readonly scheduledAtMs: number;
  readonly createdAtMs: number;
  modifiedAtMs: number;
  status: string;
  readonly type: MonitoringType;
  readonly definition: string;
  readonly job: string;
  readonly jobArn: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly output: string;
  reason?: string;
  /** A fault's: it does not end before. */
  readonly lateUntilMs?: number;
  /** A fault's: what it fails with. */
  readonly doom?: string;
}

const textOf = (input: Input, name: string): string => textAt(input, name);

function textAt(value: unknown, ...path: readonly string[]): string {
  const found = member(value, ...path);
  return typeof found === 'string' ? found : '';
}

/** Answers `PUT /_sandbox/monitor` and says whether the account is one of an existing customer. */
export function monitorPages(kernel: Kernel) {
  return {
    'GET /_sandbox/monitor': () => ({ existingCustomer: isCustomer(kernel) }),
    'PUT /_sandbox/monitor': (body: unknown) => {
      const wanted =
        (body as { existingCustomer?: unknown } | undefined)?.existingCustomer === true;
      kernel.store.put(ACCOUNT, 'monitor', wanted);
      return { existingCustomer: wanted };
    },
  };
}

const isCustomer = (kernel: Kernel): boolean =>
  kernel.store.get<boolean>(ACCOUNT, 'monitor') ?? false;

export class Monitoring {
  private readonly files: MonitorFiles;
  private readonly clarify: Clarify;

  constructor(
    private readonly kernel: Kernel,
    private readonly endpoints: Endpoints,
    private readonly jobs: Jobs,
    private readonly tags: Tags,
    models: { readonly hosting: Hosting; readonly containers: Containers },
  ) {
    this.files = new MonitorFiles(kernel);
    this.clarify = new Clarify(this.files, models.hosting, models.containers);
    jobs.monitorRun = (job) => this.analyse(job);
  }

  get operations() {
    return {
      ...Object.fromEntries(TYPES.flatMap((type) => Object.entries(this.definitionsOf(type)))),
      CreateMonitoringSchedule: (input: Input) => this.create(input),
      UpdateMonitoringSchedule: (input: Input) => this.update(input),
      DescribeMonitoringSchedule: (input: Input) => this.describe(this.found(input)),
      ListMonitoringSchedules: (input: Input) => this.list(input),
      StartMonitoringSchedule: (input: Input) => this.turn(input, 'Scheduled'),
      StopMonitoringSchedule: (input: Input) => this.turn(input, 'Stopped'),
      DeleteMonitoringSchedule: (input: Input) => this.remove(input),
      ListMonitoringExecutions: (input: Input) => this.listExecutions(input),
      ListMonitoringAlerts: (input: Input) => this.listAlerts(this.found(input)),
      ListMonitoringAlertHistory: (input: Input) => this.listHistory(input),
      UpdateMonitoringAlert: (input: Input) => this.updateAlert(input),
    };
  }

  /** Brings schedules and executions up to the clock. */
  step(): void {
    for (const [, schedule] of this.kernel.store.entries<Schedule>(SCHEDULES))
      this.stepOne(schedule);
  }

  private stepOne(schedule: Schedule): void {
    const nowMs = this.kernel.now();
    if (schedule.status === 'Pending') {
      if (nowMs < schedule.pendingUntilMs) return;
      schedule.status = schedule.next;
      this.save(schedule);
    }
    const running = this.executionsOf(schedule.name).filter((one) => isOpen(one));
    for (const execution of running) this.follow(schedule, execution);
    if (schedule.status !== 'Scheduled' || running.length > 0) return;
    const { ScheduleExpression = '' } = schedule.config.ScheduleConfig ?? {};
    if (ScheduleExpression === 'NOW') {
      if (schedule.ranToMs > 0) return;
      this.run(schedule, nowMs, ...this.analysed(schedule, nowMs));
      return;
    }
    const { everyMs, offsetMs } = rhythmOf(ScheduleExpression);
    const dueMs = Math.floor((nowMs - offsetMs) / everyMs) * everyMs + offsetMs;
    if (dueMs > schedule.ranToMs) this.run(schedule, dueMs, dueMs - everyMs, dueMs);
  }

  private analysed(schedule: Schedule, nowMs: number): [number, number] {
    const { DataAnalysisStartTime, DataAnalysisEndTime } = schedule.config.ScheduleConfig ?? {};
    const before = (text: string | undefined): number =>
      nowMs - Number(/^-PT(\d+)H$/.exec(text ?? '')?.[1] ?? 0) * HOUR_MS;
    return [before(DataAnalysisStartTime), before(DataAnalysisEndTime)];
  }

  private run(schedule: Schedule, scheduledAtMs: number, fromMs: number, toMs: number): void {
    schedule.ranToMs = Math.max(scheduledAtMs, 1);
    const missed = this.kernel.takeFault('missed monitoring execution', schedule.name);
    this.save(schedule, schedule.modifiedAtMs);
    if (missed !== undefined) return;
    const late = this.kernel.takeFault('late monitoring execution', schedule.name);
    const failed = this.kernel.takeFault('failed monitoring execution', schedule.name);
    const definitionName = schedule.config.MonitoringJobDefinitionName ?? '';
    const definition = this.definition(schedule.type, definitionName);
    if (definition === undefined) return;
    const endpoint = endpointOf(definition);
    const hour = new Date(scheduledAtMs).toISOString().slice(0, 13).replace(/[-T]/g, '/');
    const output = joinS3(outputOf(definition), endpoint, schedule.name, hour);
    const job = this.jobs.createProcessing(
      {
        ProcessingJobName:
          `model-monitoring-${new Date(scheduledAtMs).toISOString().slice(0, 13).replace(/[-T]/g, '')}-${shortId(24)}`.slice(
            0,
            63,
          ),
        RoleArn: textOf(definition.request, 'RoleArn'),
        AppSpecification: { ImageUri: appOf(definition) },
        ProcessingResources: { ClusterConfig: clusterOf(definition) },
        ProcessingInputs: baselineInputs(definition),
        Environment: told(
          definition,
          schedule.name,
          windowOf({ scheduledAtMs, fromMs, toMs }, definition),
        ),
        ProcessingOutputConfig: {
          Outputs: [
            {
              OutputName: 'result',
              S3Output: {
                S3Uri: output,
                LocalPath: '/opt/ml/processing/output',
                S3UploadMode: 'EndOfJob',
              },
            },
          ],
        },
      },
      undefined,
      schedule.arn,
    );
    const nowMs = this.kernel.now();
    const execution: Execution = {
      schedule: schedule.name,
      scheduledAtMs,
      createdAtMs: nowMs,
      modifiedAtMs: nowMs,
      status: 'InProgress',
      type: schedule.type,
      definition: definitionName,
      job: job.name,
      jobArn: job.arn,
      fromMs,
      toMs,
      output,
      ...(late !== undefined && {
        lateUntilMs: nowMs + (late.delayMs ?? LATE_MS / this.kernel.speed),
      }),
      ...(failed !== undefined && {
        doom: failed.message ?? 'AlgorithmError: the container was killed: out of memory',
      }),
    };
    this.put(execution);
  }

  /** What the container does; the job ends by what it answers. */
  private async analyse(job: ProcessingRecord): Promise<MonitorRun> {
    const execution = this.kernel.store
      .entries<Execution>(EXECUTIONS, (one) => one.job === job.name)
      .map(([, one]) => one)[0];
    if (execution === undefined)
      return isClarify(job)
        ? explaining(() => this.clarify.baseline(job).then(() => 0))
        : this.baseline(job);
    if (execution.doom !== undefined) return { failure: execution.doom };
    if (this.kernel.now() < (execution.lateUntilMs ?? 0)) return 'running';
    const definition = this.definition(execution.type, execution.definition);
    const endpoint =
      definition === undefined ? undefined : this.endpoints.get(endpointOf(definition));
    const capture = endpoint?.fleet?.capture;
    if (definition === undefined || endpoint === undefined || capture === undefined)
      return { failure: 'ClientError: No S3 objects found under S3 URL' };
    const lines = this.captured(endpoint.name, capture.DestinationS3Uri);
    if (execution.type === 'ModelQuality') return this.quality(execution, definition, lines);
    if (execution.type !== 'DataQuality') {
      const run = this.clarifyRun(execution, definition, lines, endpoint);
      return explaining(() =>
        execution.type === 'ModelBias' ? this.clarify.bias(run) : this.clarify.explain(run),
      );
    }
    const baseline = this.files.json(resourceOf(definition, 'StatisticsResource')) as
      Statistics | undefined;
    const constraints = (this.files.json(resourceOf(definition, 'ConstraintsResource')) ??
      {}) as Constraints;
    const names = baseline?.features.map(({ name }) => name) ?? [];
    const rows = capturedRows(lines, names, execution.fromMs, execution.toMs + 1_000);
    if (rows.length === 0) return { failure: 'Job inputs had no data' };
    const seen = statisticsOf(rows);
    const violations =
      baseline === undefined ? [] : violationsOf(rows, seen, baseline, constraints);
    this.files.write(execution.output, 'statistics.json', seen);
    this.files.write(execution.output, 'constraints.json', constraints);
    if (violations.length > 0)
      this.files.write(execution.output, 'constraint_violations.json', { violations });
    return exitOf(violations.length);
  }

  /** The captured requests and answers of an endpoint, line by line. */
  private captured(endpoint: string, destination: string): readonly string[] {
    return this.files.lines(joinS3(destination, `${endpoint}/`));
  }

  private clarifyRun(
    execution: Execution,
    definition: Definition,
    capture: readonly string[],
    endpoint: EndpointRecord,
  ): ClarifyRun {
    const { type, request } = definition;
    const input = (...path: readonly string[]): string | undefined =>
      textAt(request, `${type}JobInput`, ...path) || undefined;
    const threshold = member(
      request,
      `${type}JobInput`,
      'EndpointInput',
      'ProbabilityThresholdAttribute',
    );
    const labels = input('GroundTruthS3Input', 'S3Uri');
    return {
      ...windowOf(execution, definition),
      configUri: textAt(request, `${type}AppSpecification`, 'ConfigUri'),
      constraints: this.files.json(resourceOf(definition, 'ConstraintsResource')),
      capture,
      labels: labels === undefined ? [] : this.files.lines(labels),
      attributes: {
        features: input('EndpointInput', 'FeaturesAttribute'),
        inference: input('EndpointInput', 'InferenceAttribute'),
        probability: input('EndpointInput', 'ProbabilityAttribute'),
        threshold: typeof threshold === 'number' ? threshold : undefined,
      },
      artefact: endpoint.fleet?.variants[0]?.artefact,
      output: execution.output,
    };
  }

  /** Model quality: captured answers joined with labels, against what the baseline reached. */
  private quality(
    execution: Execution,
    definition: Definition,
    capture: readonly string[],
  ): MonitorRun {
    const input = (...path: readonly string[]): string =>
      textAt(definition.request, 'ModelQualityJobInput', ...path);
    const { fromMs, toMs } = windowOf(execution, definition);
    const rows = labelledRows(
      capture,
      this.files.lines(input('GroundTruthS3Input', 'S3Uri')),
      {
        InferenceAttribute: input('EndpointInput', 'InferenceAttribute') || undefined,
        ProbabilityAttribute: input('EndpointInput', 'ProbabilityAttribute') || undefined,
      },
      fromMs,
      toMs,
    );
    if (rows.length === 0) return { failure: 'Job inputs had no data' };
    const problem = textAt(definition.request, 'ModelQualityAppSpecification', 'ProblemType');
    const threshold = member(
      definition.request,
      'ModelQualityJobInput',
      'EndpointInput',
      'ProbabilityThresholdAttribute',
    );
    const metrics = qualityOf(
      problem as Problem,
      rows,
      typeof threshold === 'number' ? threshold : undefined,
    );
    const constraints = (this.files.json(resourceOf(definition, 'ConstraintsResource')) ??
      {}) as QualityConstraints;
    const violations = qualityViolations(metrics, constraints);
    this.files.write(execution.output, 'statistics.json', qualityStatistics(metrics, rows.length));
    this.files.write(execution.output, 'constraints.json', constraints);
    if (violations.length > 0)
      this.files.write(execution.output, 'constraint_violations.json', { violations });
    return exitOf(violations.length);
  }

  /** What AWS's analyser does in a baselining job: its environment says with what. */
  private baseline(job: ProcessingRecord): MonitorRun {
    const env = job.request.Environment ?? {};
    const source = (job.request.ProcessingInputs ?? []).find(
      ({ S3Input }) => textAt(S3Input, 'LocalPath') === env['dataset_source'],
    )?.S3Input?.S3Uri;
    const output = (job.request.ProcessingOutputConfig?.Outputs ?? []).find(
      ({ S3Output }) => textAt(S3Output, 'LocalPath') === env['output_path'],
    )?.S3Output?.S3Uri;
    if (source === undefined || output === undefined)
      return {
        failure:
          'AlgorithmError: no input has the local path of dataset_source, or no output that of output_path',
      };
    const texts = this.files.texts(source);
    if (texts.length === 0)
      return { failure: `ClientError: No S3 objects found under S3 URL "${source}"` };
    let rows: readonly Row[];
    try {
      const format = JSON.parse(env['dataset_format'] ?? '') as Parameters<typeof datasetRows>[1];
      if (format.csv === undefined && format.json === undefined)
        return { failure: 'AlgorithmError: the local AWS reads data sets of CSV and JSON only' };
      rows = texts.flatMap((text) => datasetRows(text, format));
    } catch {
      return { failure: 'AlgorithmError: the data set is not of the format dataset_format' };
    }
    if (rows.length === 0) return { failure: 'Job inputs had no data' };
    if (env['analysis_type'] === 'MODEL_QUALITY') {
      const labelled = labelledOf(rows, env);
      if (typeof labelled === 'string') return { failure: `AlgorithmError: ${labelled}` };
      const threshold = Number(env['probability_threshold_attribute'] ?? 0.5);
      const metrics = qualityOf(env['problem_type'] as Problem, labelled, threshold);
      this.files.write(output, 'statistics.json', qualityStatistics(metrics, rows.length));
      this.files.write(output, 'constraints.json', qualityConstraints(metrics));
    } else {
      const statistics = statisticsOf(rows);
      this.files.write(output, 'statistics.json', statistics);
      this.files.write(output, 'constraints.json', suggestedConstraints(statistics));
    }
    return exitOf(0);
  }

  private follow(schedule: Schedule, execution: Execution): void {
    const job = this.jobs.get('processing', execution.job);
    if (job === undefined || !isOver(job)) return;
    execution.status =
      job.status === 'Completed' && job.exitMessage?.startsWith('CompletedWithViolations') === true
        ? 'CompletedWithViolations'
        : job.status;
    if (job.failureReason !== undefined) execution.reason = job.failureReason;
    execution.modifiedAtMs = this.kernel.now();
    this.put(execution);
    this.alertOn(schedule);
  }

  private alertOn(schedule: Schedule): void {
    const { datapoints, period, status } = schedule.alert;
    const latest = this.executionsOf(schedule.name)
      .filter((one) => one.status.startsWith('Completed'))
      .slice(-period);
    const violating = latest.filter((one) => one.status === 'CompletedWithViolations').length;
    const now = violating >= datapoints ? 'InAlert' : 'OK';
    if (now === status) return;
    const atMs = this.kernel.now();
    schedule.alert = { ...schedule.alert, status: now, changedAtMs: atMs };
    schedule.history.push({ atMs, status: now });
    this.save(schedule, schedule.modifiedAtMs);
  }

  private create(input: Input) {
    this.refuseNewCustomers();
    const name = textOf(input, 'MonitoringScheduleName');
    if (this.kernel.store.get(SCHEDULES, name) !== undefined)
      throw new AwsError('ResourceInUse', `Monitoring Schedule ${name} already exists`);
    const config = this.checked(input);
    const nowMs = this.kernel.now();
    const schedule: Schedule = {
      name,
      arn: arnOf(this.kernel, 'monitoring-schedule', name),
      type: config.MonitoringType ?? 'DataQuality',
      createdAtMs: nowMs,
      modifiedAtMs: nowMs,
      config,
      status: 'Pending',
      next: 'Scheduled',
      pendingUntilMs: nowMs + PENDING_MS / this.kernel.speed,
      ranToMs: config.ScheduleConfig?.ScheduleExpression === 'NOW' ? 0 : nowMs,
      alert: { datapoints: 1, period: 1, status: 'OK', changedAtMs: nowMs },
      history: [],
    };
    this.tags.add(schedule.arn, input.Tags as { Key: string; Value: string }[] | undefined);
    this.save(schedule);
    return { MonitoringScheduleArn: schedule.arn };
  }

  private checked(input: Input): Config {
    const config = input.MonitoringScheduleConfig as Config;
    const name = config.MonitoringJobDefinitionName;
    if (name === undefined || config.MonitoringType === undefined)
      throw invalid(
        'The sandbox takes schedules that name a job definition and its MonitoringType.',
      );
    if (this.definition(config.MonitoringType, name) === undefined)
      throw invalid(`Could not find job definition ${name}`);
    const { ScheduleExpression = '' } = config.ScheduleConfig ?? {};
    if (ScheduleExpression !== 'NOW' && !isHourly(ScheduleExpression))
      throw invalid(`Invalid ScheduleExpression: ${ScheduleExpression}`);
    return config;
  }

  private update(input: Input) {
    const schedule = this.found(input);
    this.refuseBusy(schedule, 'update');
    schedule.config = this.checked(input);
    this.pend(schedule, schedule.status === 'Stopped' ? 'Stopped' : 'Scheduled');
    return { MonitoringScheduleArn: schedule.arn };
  }

  private turn(input: Input, to: 'Scheduled' | 'Stopped') {
    const schedule = this.found(input);
    if (schedule.status === 'Pending') throw busy('change', schedule);
    if (to === 'Scheduled') schedule.ranToMs = this.kernel.now();
    this.pend(schedule, to);
    return {};
  }

  private remove(input: Input) {
    const schedule = this.found(input);
    this.refuseBusy(schedule, 'delete');
    this.kernel.store.delete(SCHEDULES, schedule.name);
    for (const execution of this.executionsOf(schedule.name))
      this.kernel.store.delete(EXECUTIONS, keyOf(execution));
    this.tags.drop(schedule.arn);
    return {};
  }

  private pend(schedule: Schedule, next: 'Scheduled' | 'Stopped'): void {
    schedule.status = 'Pending';
    schedule.next = next;
    schedule.pendingUntilMs = this.kernel.now() + PENDING_MS / this.kernel.speed;
    this.save(schedule);
  }

  private refuseBusy(schedule: Schedule, what: string): void {
    if (schedule.status === 'Pending' || this.executionsOf(schedule.name).some(isOpen))
      throw busy(what, schedule);
  }

  private refuseNewCustomers(): void {
    if (isCustomer(this.kernel)) return;
    throw invalid(
      'Amazon SageMaker Model Monitor is no longer open to new customers. Existing customers can continue to use the service as normal.',
    );
  }

  private describe(schedule: Schedule): object {
    const last = this.executionsOf(schedule.name).at(-1);
    return {
      MonitoringScheduleArn: schedule.arn,
      MonitoringScheduleName: schedule.name,
      MonitoringScheduleStatus: schedule.status,
      MonitoringType: schedule.type,
      CreationTime: seconds(schedule.createdAtMs),
      LastModifiedTime: seconds(schedule.modifiedAtMs),
      MonitoringScheduleConfig: schedule.config,
      EndpointName: this.endpointName(schedule),
      ...(last !== undefined && { LastMonitoringExecutionSummary: this.summary(last) }),
    };
  }

  private endpointName(schedule: Schedule): string | undefined {
    const definition = this.definition(
      schedule.type,
      schedule.config.MonitoringJobDefinitionName ?? '',
    );
    return definition === undefined ? undefined : endpointOf(definition);
  }

  private list(input: Input) {
    const all = this.kernel.store
      .entries<Schedule>(SCHEDULES)
      .map(([, schedule]) => schedule)
      .filter(
        (schedule) =>
          (input.EndpointName === undefined ||
            this.endpointName(schedule) === input.EndpointName) &&
          (input.StatusEquals === undefined || schedule.status === input.StatusEquals) &&
          (input.MonitoringTypeEquals === undefined ||
            schedule.type === input.MonitoringTypeEquals) &&
          schedule.name.includes(textOf(input, 'NameContains')),
      );
    const { items, ...next } = pageOf(all, input);
    const MonitoringScheduleSummaries = items.map((schedule) => ({
      MonitoringScheduleName: schedule.name,
      MonitoringScheduleArn: schedule.arn,
      CreationTime: seconds(schedule.createdAtMs),
      LastModifiedTime: seconds(schedule.modifiedAtMs),
      MonitoringScheduleStatus: schedule.status,
      EndpointName: this.endpointName(schedule),
      MonitoringJobDefinitionName: schedule.config.MonitoringJobDefinitionName,
      MonitoringType: schedule.type,
    }));
    return { MonitoringScheduleSummaries, ...next };
  }

  private listExecutions(input: Input) {
    const after = Number(input.ScheduledTimeAfter ?? 0);
    const before = Number(input.ScheduledTimeBefore ?? Infinity);
    const all = this.kernel.store
      .entries<Execution>(EXECUTIONS)
      .map(([, execution]) => execution)
      .filter(
        (one) =>
          (input.MonitoringScheduleName === undefined ||
            one.schedule === input.MonitoringScheduleName) &&
          (input.StatusEquals === undefined || one.status === input.StatusEquals) &&
          (input.MonitoringTypeEquals === undefined || one.type === input.MonitoringTypeEquals) &&
          seconds(one.scheduledAtMs) >= after &&
          seconds(one.scheduledAtMs) <= before,
      )
      .sort((a, b) => a.scheduledAtMs - b.scheduledAtMs);
    if (input.SortOrder !== 'Ascending') all.reverse();
    const { items, ...next } = pageOf(all, input);
    return { MonitoringExecutionSummaries: items.map((one) => this.summary(one)), ...next };
  }

  private summary(execution: Execution): object {
    const definition = this.definition(execution.type, execution.definition);
    return {
      MonitoringScheduleName: execution.schedule,
      ScheduledTime: seconds(execution.scheduledAtMs),
      CreationTime: seconds(execution.createdAtMs),
      LastModifiedTime: seconds(execution.modifiedAtMs),
      MonitoringExecutionStatus: execution.status,
      ProcessingJobArn: execution.jobArn,
      EndpointName: definition === undefined ? undefined : endpointOf(definition),
      ...(execution.reason !== undefined && { FailureReason: execution.reason }),
      MonitoringJobDefinitionName: execution.definition,
      MonitoringType: execution.type,
    };
  }

  private listAlerts(schedule: Schedule) {
    const { datapoints, period, status, changedAtMs } = schedule.alert;
    return {
      MonitoringAlertSummaries: [
        {
          MonitoringAlertName: alertOf(schedule),
          CreationTime: seconds(schedule.createdAtMs),
          LastModifiedTime: seconds(changedAtMs),
          AlertStatus: status,
          DatapointsToAlert: datapoints,
          EvaluationPeriod: period,
          Actions: { ModelDashboardIndicator: { Enabled: true } },
        },
      ],
    };
  }

  private listHistory(input: Input) {
    const all = this.kernel.store
      .entries<Schedule>(SCHEDULES)
      .map(([, schedule]) => schedule)
      .filter(
        ({ name }) =>
          input.MonitoringScheduleName === undefined || name === input.MonitoringScheduleName,
      )
      .flatMap((schedule) => schedule.history.map((change) => ({ schedule, ...change })))
      .sort((a, b) => a.atMs - b.atMs);
    if (input.SortOrder !== 'Ascending') all.reverse();
    const { items, ...next } = pageOf(all, input);
    const MonitoringAlertHistory = items.map(({ schedule, atMs, status }) => ({
      MonitoringScheduleName: schedule.name,
      MonitoringAlertName: alertOf(schedule),
      CreationTime: seconds(atMs),
      AlertStatus: status,
    }));
    return { MonitoringAlertHistory, ...next };
  }

  private updateAlert(input: Input) {
    const schedule = this.found(input);
    const name = textOf(input, 'MonitoringAlertName');
    if (name !== alertOf(schedule))
      throw new AwsError('ResourceNotFound', `Monitoring alert ${name} does not exist.`);
    const [datapoints, period] = [Number(input.DatapointsToAlert), Number(input.EvaluationPeriod)];
    if (datapoints > period)
      throw invalid('DatapointsToAlert must be less than or equal to EvaluationPeriod');
    schedule.alert = { ...schedule.alert, datapoints, period };
    this.save(schedule, schedule.modifiedAtMs);
    return { MonitoringScheduleArn: schedule.arn, MonitoringAlertName: name };
  }

  private definitionsOf(type: MonitoringType) {
    const kind = `${type}JobDefinition`;
    const collection = collectionOf(type);
    const found = (input: Input): Definition => {
      const name = textOf(input, 'JobDefinitionName');
      const definition = this.definition(type, name);
      if (definition === undefined)
        throw new AwsError('ResourceNotFound', `Could not find job definition ${name}`);
      return definition;
    };
    return {
      [`Create${kind}`]: (input: Input) => {
        this.refuseNewCustomers();
        const name = textOf(input, 'JobDefinitionName');
        if (this.definition(type, name) !== undefined)
          throw new AwsError('ResourceInUse', `Job definition ${name} already exists`);
        const arn = arnOf(this.kernel, jobKind(type), name);
        const definition: Definition = {
          name,
          arn,
          type,
          createdAtMs: this.kernel.now(),
          request: without(input, 'Tags'),
        };
        this.tags.add(arn, input.Tags as { Key: string; Value: string }[] | undefined);
        this.kernel.store.put(collection, name, definition);
        return { JobDefinitionArn: arn };
      },
      [`Describe${kind}`]: (input: Input) => {
        const definition = found(input);
        return {
          ...definition.request,
          JobDefinitionArn: definition.arn,
          CreationTime: seconds(definition.createdAtMs),
        };
      },
      [`Delete${kind}`]: (input: Input) => {
        const definition = found(input);
        this.kernel.store.delete(collection, definition.name);
        this.tags.drop(definition.arn);
        return {};
      },
      [`List${kind}s`]: (input: Input) => {
        const all = this.kernel.store.entries<Definition>(collection).map(([, one]) => one);
        const { items, ...next } = pageOf(all, input);
        const JobDefinitionSummaries = items.map((one) => ({
          MonitoringJobDefinitionName: one.name,
          MonitoringJobDefinitionArn: one.arn,
          CreationTime: seconds(one.createdAtMs),
          EndpointName: endpointOf(one),
        }));
        return { JobDefinitionSummaries, ...next };
      },
    };
  }

  private definition(type: MonitoringType, name: string): Definition | undefined {
    return this.kernel.store.get<Definition>(collectionOf(type), name);
  }

  private found(input: Input): Schedule {
    const name = textOf(input, 'MonitoringScheduleName');
    const schedule = this.kernel.store.get<Schedule>(SCHEDULES, name);
    if (schedule === undefined)
      throw new AwsError('ResourceNotFound', `Could not find monitoring schedule ${name}`);
    return schedule;
  }

  private executionsOf(schedule: string): readonly Execution[] {
    return this.kernel.store
      .entries<Execution>(EXECUTIONS, (one) => one.schedule === schedule)
      .map(([, one]) => one)
      .sort((a, b) => a.scheduledAtMs - b.scheduledAtMs);
  }

  private put(execution: Execution): void {
    this.kernel.store.put(EXECUTIONS, keyOf(execution), execution);
  }

  private save(schedule: Schedule, modifiedAtMs = this.kernel.now()): void {
    schedule.modifiedAtMs = modifiedAtMs;
    this.kernel.store.put(SCHEDULES, schedule.name, schedule);
  }
}

const collectionOf = (type: MonitoringType): string => `sagemaker.${type}JobDefinitions`;
const jobKind = (type: MonitoringType): string =>
  `${type.replace(/([a-z])([A-Z])/g, '$1-$2').toLowerCase()}-job-definition`;
const keyOf = (execution: Execution): string => `${execution.schedule}/${execution.scheduledAtMs}`;
const alertOf = (schedule: Schedule): string => `${schedule.name}-alert`.slice(0, 63);
const isOpen = (execution: Execution): boolean =>
  ['Pending', 'InProgress', 'Stopping'].includes(execution.status);

const busy = (what: string, { name }: Schedule): AwsError =>
  invalid(
    `Cannot ${what} monitoring schedule ${name} while it is Pending or an execution is in progress`,
  );

const CRON = /^cron\(0 (?:\*|(\d{1,2})(?:\/(\d{1,2}))?) \? \* \* \*\)$/;

function isHourly(expression: string): boolean {
  const match = CRON.exec(expression);
  if (match === null) return false;
  const hours = Number(match[2] ?? 24);
  return Number(match[1] ?? 0) <= 23 && hours >= 1 && hours <= 24;
}

function rhythmOf(expression: string): { readonly everyMs: number; readonly offsetMs: number } {
  const [, at, hours] = CRON.exec(expression) ?? [];
  if (at === undefined) return { everyMs: HOUR_MS, offsetMs: 0 };
  const every = Number(hours ?? 24);
  return { everyMs: every * HOUR_MS, offsetMs: (Number(at) % every) * HOUR_MS };
}

function member(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (here, name) => (typeof here === 'object' && here !== null ? (here as Input)[name] : undefined),
    value,
  );
}

const exitOf = (violations: number): { readonly exit: string } => ({
  exit:
    violations > 0
      ? `CompletedWithViolations: Job completed successfully with ${violations} violations.`
      : 'Completed: Job completed successfully with no violations.',
});

/** The container of Clarify, with its exit or its failure. */
async function explaining(work: () => number | Promise<number>): Promise<MonitorRun> {
  try {
    return exitOf(await work());
  } catch (error) {
    if (!(error instanceof ClarifyFailure)) throw error;
    return {
      failure: /^(Job inputs|No S3)/.test(error.message)
        ? error.message
        : `ClientError: ${error.message}`,
    };
  }
}

/** What an execution looks at: the time since the run before, or what the offsets of a monitor of labels say. */
function windowOf(
  execution: Pick<Execution, 'scheduledAtMs' | 'fromMs' | 'toMs'>,
  { type, request }: Definition,
): { readonly fromMs: number; readonly toMs: number } {
  const at = (name: string): number | undefined => {
    const offset = offsetMs(textAt(request, `${type}JobInput`, 'EndpointInput', name));
    return offset === undefined ? undefined : execution.scheduledAtMs + offset;
  };
  return {
    fromMs: at('StartTimeOffset') ?? execution.fromMs,
    toMs: at('EndTimeOffset') ?? execution.toMs,
  };
}

/** `-PT48H` or `-P1D`: from the scheduled time; `undefined` for none. */
function offsetMs(text: string): number | undefined {
  const match = /^(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?)?$/.exec(text);
  if (match === null) return undefined;
  const hours = Number(match[2] ?? 0) * 24 + Number(match[3] ?? 0);
  return (match[1] === '-' ? -1 : 1) * hours * HOUR_MS;
}

/** Rows of a baseline of model quality, by the columns that its environment names; or what is missing. */
function labelledOf(
  rows: readonly Row[],
  env: Readonly<Record<string, string>>,
): readonly Labelled[] | string {
  const column = (name: string): string | undefined => env[name];
  const [answer, probability, label] = [
    column('inference_attribute'),
    column('probability_attribute'),
    column('ground_truth_attribute'),
  ];
  if (label === undefined) return 'ground_truth_attribute is not set';
  for (const name of [answer, probability, label])
    if (name !== undefined && !rows.every((row) => name in row))
      return `the column ${name} is not in the data set`;
  return rows.map((row) => ({
    answer: answer === undefined ? null : (row[answer] ?? ''),
    probability: probability === undefined ? null : Number(row[probability]),
    label: row[label] ?? '',
  }));
}

/** Environment of an execution's container. */
function told(
  definition: Definition,
  schedule: string,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Readonly<Record<string, string>> {
  const { type, request } = definition;
  const own = member(request, `${type}AppSpecification`, 'Environment');
  const iso = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 19)}Z`;
  return {
    ...(typeof own === 'object' ? (own as Readonly<Record<string, string>>) : {}),
    start_time: iso(fromMs),
    end_time: iso(toMs),
    sagemaker_endpoint_name: endpointOf(definition),
    sagemaker_monitoring_schedule_name: schedule,
  };
}

const endpointOf = ({ type, request }: Definition): string =>
  textAt(request, `${type}JobInput`, 'EndpointInput', 'EndpointName');
const appOf = ({ type, request }: Definition): string =>
  textAt(request, `${type}AppSpecification`, 'ImageUri');
const clusterOf = ({ request }: Definition): unknown =>
  member(request, 'JobResources', 'ClusterConfig');
const outputOf = ({ type, request }: Definition): string =>
  textAt(request, `${type}JobOutputConfig`, 'MonitoringOutputs', '0', 'S3Output', 'S3Uri');

function resourceOf({ type, request }: Definition, resource: string): string | undefined {
  const uri = member(request, `${type}BaselineConfig`, resource, 'S3Uri');
  return typeof uri === 'string' ? uri : undefined;
}

function baselineInputs(definition: Definition): readonly object[] {
  const inputs = [
    ['baseline', resourceOf(definition, 'StatisticsResource')],
    ['constraints', resourceOf(definition, 'ConstraintsResource')],
  ] as const;
  return inputs.flatMap(([InputName, S3Uri]) =>
    S3Uri === undefined
      ? []
      : [
          {
            InputName,
            S3Input: {
              S3Uri,
              LocalPath: `/opt/ml/processing/${InputName}`,
              S3DataType: 'S3Prefix',
              S3InputMode: 'File',
            },
          },
        ],
  );
}
