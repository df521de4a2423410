import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Change, Kernel } from '../kernel.js';
import { AwsError } from '../kernel.js';
import { checkInput } from '../model/check.js';
import {
  arnOf,
  filtered,
  isOf,
  pageOf,
  seconds,
  secondsIf,
  shortId,
  splitS3Uri,
  taken,
  without,
} from './context.js';
import { allHold, dependencies, parseDefinition, resolve, Unresolvable } from './definition.js';
import type { Definition, Scope, Step } from './definition.js';
import {
  describeExecution,
  executionEvent,
  executionSummary,
  stepEvent,
  stepSummary,
} from './execution-record.js';
import type {
  ExecutionRecord,
  ExecutionStatus,
  StepRecord,
  StepStatus,
} from './execution-record.js';
import type { Hosting } from './hosting.js';
import { isOver } from './job-record.js';
import type { JobRecord } from './job-record.js';
import { describeProcessing, describeTraining } from './job-views.js';
import type { Jobs } from './jobs.js';
import type { Packages } from './packages.js';
import {
  createPackage,
  createPipeline,
  deletePipeline,
  executionByArn,
  executionByArnWithToken,
  listExecutions,
  listPipelines,
  page,
  pipelineByName,
  startExecution,
  stepFailure,
  stepSuccess,
  updatePipeline,
  updatePipelineVersion,
} from './shapes.js';
import type { Tags } from './tags.js';
import { invalid, parse } from './validate.js';

interface PipelineRecord {
  readonly name: string;
  readonly arn: string;
  readonly displayName: string;
  readonly definition: string;
  readonly description?: string;
  readonly roleArn: string;
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  readonly lastRunAtMs?: number;
  /** Oldest first; absent in a pipeline that was made before there were versions. */
  readonly versions?: readonly VersionRecord[];
}

interface VersionRecord {
  readonly id: number;
  readonly definition: string;
  readonly createdAtMs: number;
  readonly displayName?: string;
  readonly description?: string;
  readonly lastExecutionArn?: string;
}

/** What a call with a token does: what it writes, and what follows once that is written. */
interface Deed<T> {
  readonly answer: T;
  readonly changes: readonly Change[];
  readonly after: () => void;
}

const PIPELINES = 'sagemaker.pipelines';
const EXECUTIONS = 'sagemaker.pipelineExecutions';
const TOKENS = 'sagemaker.tokens';
const OVER: readonly ExecutionStatus[] = [
  'Stopped',
  'Failed',
  'Succeeded',
  'CompletedWithFailures',
];

/** SageMaker Pipelines: definitions, executions, and the steps they really run. */
export class Pipelines {
  /** Executions that are not over, by ARN. Writes go through to the store. */
  private readonly open: Map<string, ExecutionRecord>;

  constructor(
    private readonly kernel: Kernel,
    private readonly hosting: Hosting,
    private readonly jobs: Jobs,
    private readonly packages: Packages,
    private readonly tags: Tags,
  ) {
    const all = kernel.store.entries<ExecutionRecord>(EXECUTIONS);
    this.open = new Map(all.filter(([, execution]) => !OVER.includes(execution.status)));
  }

  get operations() {
    return {
      CreatePipeline: (input: unknown) => this.create(input),
      UpdatePipeline: (input: unknown) => this.update(input),
      DescribePipeline: (input: unknown) => this.describe(input),
      ListPipelines: (input: unknown) => this.list(input),
      ListPipelineVersions: (input: unknown) => this.listVersions(input),
      UpdatePipelineVersion: (input: unknown) => this.updateVersion(input),
      SendPipelineExecutionStepSuccess: (input: unknown) => this.callbackSucceeded(input),
      SendPipelineExecutionStepFailure: (input: unknown) => this.callbackFailed(input),
      DeletePipeline: (input: unknown) => this.remove(input),
      StartPipelineExecution: (input: unknown) => this.start(input),
      DescribePipelineExecution: (input: unknown) =>
        describeExecution(this.foundExecution(parse(executionByArn, input).PipelineExecutionArn)),
      ListPipelineExecutions: (input: unknown) => this.listExecutions(input),
      ListPipelineExecutionSteps: (input: unknown) => this.listSteps(input),
      StopPipelineExecution: (input: unknown) => this.stop(input),
      RetryPipelineExecution: (input: unknown) => this.retry(input),
      ListPipelineParametersForExecution: (input: unknown) => {
        const { parameters } = this.foundExecution(
          parse(executionByArn, input).PipelineExecutionArn,
        );
        return {
          PipelineParameters: Object.entries(parameters).map(([Name, Value]) => ({ Name, Value })),
        };
      },
      DescribePipelineDefinitionForExecution: (input: unknown) => {
        const { definition, createdAtMs } = this.foundExecution(
          parse(executionByArn, input).PipelineExecutionArn,
        );
        return { PipelineDefinition: definition, CreationTime: seconds(createdAtMs) };
      },
    };
  }

  step(): void {
    for (const execution of [...this.open.values()]) this.stepExecution(execution);
  }

  // --- pipelines ---

  private create(input: unknown) {
    const request = parse(createPipeline, input);
    const name = request.PipelineName;
    const arn = arnOf(this.kernel, 'pipeline', name);
    return this.once('CreatePipeline', request.ClientRequestToken, request, () => {
      if (this.kernel.store.get(PIPELINES, name) !== undefined) {
        throw invalid(
          `Pipeline names must be unique within an AWS account and region. Pipeline with name (${name}) already exists.`,
        );
      }
      const definition =
        request.PipelineDefinition ?? this.definitionInS3(request.PipelineDefinitionS3Location);
      parseDefinition(definition);
      const nowMs = this.kernel.now();
      const record: PipelineRecord = {
        name,
        arn,
        displayName: request.PipelineDisplayName ?? name,
        definition,
        ...(request.PipelineDescription !== undefined && {
          description: request.PipelineDescription,
        }),
        roleArn: request.RoleArn,
        createdAtMs: nowMs,
        modifiedAtMs: nowMs,
        versions: [{ id: 1, definition, createdAtMs: nowMs }],
      };
      return {
        answer: { PipelineArn: arn },
        changes: [{ collection: PIPELINES, key: name, value: record }],
        after: () => this.tags.add(arn, request.Tags),
      };
    });
  }

  private definitionInS3(location: { Bucket: string; ObjectKey: string } | undefined): string {
    if (location === undefined) {
      throw invalid('Either PipelineDefinition or PipelineDefinitionS3Location must be specified.');
    }
    const body = this.kernel.objects.get(location.Bucket, location.ObjectKey);
    if (body === undefined)
      throw invalid(`Could not read s3://${location.Bucket}/${location.ObjectKey}.`);
    return body.toString('utf8');
  }

  private update(input: unknown) {
    const request = parse(updatePipeline, input);
    const pipeline = this.foundPipeline(request.PipelineName);
    if (request.PipelineDefinition !== undefined) parseDefinition(request.PipelineDefinition);
    const versions = versionsOf(pipeline);
    const changed =
      request.PipelineDefinition !== undefined &&
      request.PipelineDefinition !== pipeline.definition;
    const id = (versions.at(-1)?.id ?? 0) + (changed ? 1 : 0);
    this.kernel.store.put(PIPELINES, pipeline.name, {
      ...pipeline,
      displayName: request.PipelineDisplayName ?? pipeline.displayName,
      definition: request.PipelineDefinition ?? pipeline.definition,
      description: request.PipelineDescription ?? pipeline.description,
      roleArn: request.RoleArn ?? pipeline.roleArn,
      modifiedAtMs: this.kernel.now(),
      versions: changed
        ? [
            ...versions,
            { id, definition: request.PipelineDefinition ?? '', createdAtMs: this.kernel.now() },
          ]
        : versions,
    });
    return { PipelineArn: pipeline.arn, PipelineVersionId: id };
  }

  private describe(input: unknown) {
    const request = parse(pipelineByName, input);
    const pipeline = this.foundPipeline(request.PipelineName);
    const version =
      request.PipelineVersionId === undefined
        ? undefined
        : this.foundVersion(pipeline, request.PipelineVersionId);
    return {
      PipelineVersionDisplayName: version?.displayName,
      PipelineVersionDescription: version?.description,
      PipelineArn: pipeline.arn,
      PipelineName: pipeline.name,
      PipelineDisplayName: pipeline.displayName,
      PipelineDefinition: version?.definition ?? pipeline.definition,
      PipelineDescription: pipeline.description,
      RoleArn: pipeline.roleArn,
      PipelineStatus: 'Active',
      CreationTime: seconds(pipeline.createdAtMs),
      LastModifiedTime: seconds(pipeline.modifiedAtMs),
      LastRunTime: secondsIf(pipeline.lastRunAtMs),
    };
  }

  private list(input: unknown) {
    const request = parse(listPipelines, input);
    const prefix = request.PipelineNamePrefix ?? '';
    const all = this.kernel.store
      .entries<PipelineRecord>(PIPELINES)
      .map(([, pipeline]) => pipeline)
      .filter(({ name }) => name.startsWith(prefix));
    const { items, ...next } = pageOf(filtered(all, inRange(request)), request);
    const PipelineSummaries = items.map((pipeline) => ({
      PipelineArn: pipeline.arn,
      PipelineName: pipeline.name,
      PipelineDisplayName: pipeline.displayName,
      PipelineDescription: pipeline.description,
      RoleArn: pipeline.roleArn,
      CreationTime: seconds(pipeline.createdAtMs),
      LastModifiedTime: seconds(pipeline.modifiedAtMs),
      LastExecutionTime: secondsIf(pipeline.lastRunAtMs),
    }));
    return { PipelineSummaries, ...next };
  }

  private listVersions(input: unknown) {
    const request = parse(listExecutions, input);
    const pipeline = this.foundPipeline(request.PipelineName);
    const all = versionsOf(pipeline).map((version) => ({ ...version, name: String(version.id) }));
    const { items, ...next } = pageOf(filtered(all, inRange(request)), request);
    const PipelineVersionSummaries = items.map((version) => ({
      PipelineArn: pipeline.arn,
      PipelineVersionId: version.id,
      CreationTime: seconds(version.createdAtMs),
      PipelineVersionDescription: version.description,
      PipelineVersionDisplayName: version.displayName,
      LastExecutionPipelineExecutionArn: version.lastExecutionArn,
    }));
    return { PipelineVersionSummaries, ...next };
  }

  private updateVersion(input: unknown) {
    const request = parse(updatePipelineVersion, input);
    const pipeline = this.foundPipeline(request.PipelineArn);
    const { id } = this.foundVersion(pipeline, request.PipelineVersionId);
    const { PipelineVersionDisplayName: displayName, PipelineVersionDescription: description } =
      request;
    this.kernel.store.put(PIPELINES, pipeline.name, {
      ...pipeline,
      versions: versionsOf(pipeline).map((version) =>
        version.id !== id
          ? version
          : {
              ...version,
              ...(displayName !== undefined && { displayName }),
              ...(description !== undefined && { description }),
            },
      ),
    });
    return { PipelineArn: pipeline.arn, PipelineVersionId: id };
  }

  private foundVersion(pipeline: PipelineRecord, id: number): VersionRecord {
    const version = versionsOf(pipeline).find((one) => one.id === id);
    if (version !== undefined) return version;
    throw new AwsError(
      'ResourceNotFound',
      `Pipeline version ${id} of pipeline '${pipeline.arn}' does not exist.`,
    );
  }

  private remove(input: unknown) {
    const pipeline = this.foundPipeline(parse(deletePipeline, input).PipelineName);
    if ([...this.open.values()].some(({ pipelineArn }) => pipelineArn === pipeline.arn)) {
      throw new AwsError(
        'ConflictException',
        `Pipeline ${pipeline.arn} has executions that are still running.`,
      );
    }
    this.kernel.store.delete(PIPELINES, pipeline.name);
    this.tags.drop(pipeline.arn);
    return { PipelineArn: pipeline.arn };
  }

  // --- executions ---

  private start(input: unknown) {
    const request = parse(startExecution, input);
    const pipeline = this.foundPipeline(request.PipelineName);
    return this.once(
      `StartPipelineExecution/${pipeline.name}`,
      request.ClientRequestToken,
      request,
      () => {
        const version =
          request.PipelineVersionId === undefined
            ? versionsOf(pipeline).at(-1)
            : this.foundVersion(pipeline, request.PipelineVersionId);
        const definition = version?.definition ?? pipeline.definition;
        const sent = Object.fromEntries(
          (request.PipelineParameters ?? []).map(({ Name, Value }) => [Name, Value]),
        );
        const id = shortId(12);
        const nowMs = this.kernel.now();
        const execution: ExecutionRecord = {
          arn: `${pipeline.arn}/execution/${id}`,
          id,
          pipelineName: pipeline.name,
          pipelineArn: pipeline.arn,
          roleArn: pipeline.roleArn,
          definition,
          ...(version && { versionId: version.id }),
          displayName: request.PipelineExecutionDisplayName ?? `execution-${nowMs}`,
          ...(request.PipelineExecutionDescription !== undefined && {
            description: request.PipelineExecutionDescription,
          }),
          parameters: withDefaults(parseDefinition(definition), sent),
          createdAtMs: nowMs,
          modifiedAtMs: nowMs,
          status: 'Executing',
          ...this.selection(pipeline, parseDefinition(definition), request),
        };
        const lastExecutionArn = execution.arn;
        return {
          answer: { PipelineExecutionArn: execution.arn },
          changes: [
            {
              collection: PIPELINES,
              key: pipeline.name,
              value: {
                ...pipeline,
                lastRunAtMs: nowMs,
                versions: versionsOf(pipeline).map((one) =>
                  one.id === version?.id ? { ...one, lastExecutionArn } : one,
                ),
              },
            },
            { collection: EXECUTIONS, key: execution.arn, value: execution },
          ],
          after: () => {
            this.open.set(execution.arn, execution);
            this.kernel.emit(executionEvent(execution, undefined));
          },
        };
      },
    );
  }

  /** What a selective execution begins with: the steps before the selected ones, as they ended elsewhere. */
  private selection(
    pipeline: PipelineRecord,
    definition: Definition,
    { SelectiveExecutionConfig: config }: z.infer<typeof startExecution>,
  ): Pick<ExecutionRecord, 'selected' | 'steps'> {
    if (config === undefined) return { steps: [] };
    const selected = config.SelectedSteps.map(({ StepName }) => StepName);
    const unknown = selected.find((name) => !definition.steps.some(({ Name }) => Name === name));
    if (unknown !== undefined)
      throw invalid(`Selected step ${unknown} does not exist in the pipeline definition.`);
    const from = config.SourcePipelineExecutionArn;
    const source = from === undefined ? undefined : this.foundExecution(from);
    if (source !== undefined && source.pipelineArn !== pipeline.arn)
      throw invalid(`Pipeline execution ${source.arn} is not of pipeline ${pipeline.arn}.`);
    if (source !== undefined && !OVER.includes(source.status))
      throw invalid(
        `Pipeline execution ${source.arn} is ${source.status}: a source must be in a terminal state.`,
      );
    const taken = new Map<string, StepRecord>();
    const take = (name: string): void => {
      const step = definition.steps.find(({ Name }) => Name === name);
      for (const before of step === undefined ? [] : dependencies(step)) {
        if (selected.includes(before) || taken.has(before)) continue;
        const done = source?.steps.find((one) => one.name === before);
        if (done?.status !== 'Succeeded')
          throw invalid(
            `Step ${name} depends on step ${before}, which is not selected and has not succeeded in a source execution.`,
          );
        taken.set(before, { ...done, takenFrom: done.takenFrom ?? source?.arn ?? '' });
        take(before);
      }
    };
    for (const name of selected) take(name);
    return {
      selected: { ...(from !== undefined && { from }), steps: selected },
      steps: [...taken.values()],
    };
  }

  private listExecutions(input: unknown) {
    const request = parse(listExecutions, input);
    const pipeline = this.foundPipeline(request.PipelineName);
    const all = this.kernel.store
      .entries<ExecutionRecord>(EXECUTIONS)
      .map(([, execution]) => ({ ...execution, name: execution.id }))
      .filter(({ pipelineArn }) => pipelineArn === pipeline.arn);
    const { items, ...next } = pageOf(filtered(all, inRange(request)), request);
    return { PipelineExecutionSummaries: items.map(executionSummary), ...next };
  }

  private listSteps(input: unknown) {
    const request = parse(executionByArn.extend(page.shape), input);
    const { steps } = this.foundExecution(request.PipelineExecutionArn);
    const ordered = request.SortOrder === 'Ascending' ? steps : steps.toReversed();
    const { items, ...next } = pageOf(ordered, request, 100);
    return { PipelineExecutionSteps: items.map(stepSummary), ...next };
  }

  private stop(input: unknown) {
    const { PipelineExecutionArn, ClientRequestToken } = parse(executionByArnWithToken, input);
    const execution = this.foundExecution(PipelineExecutionArn);
    return this.once(`StopPipelineExecution/${execution.arn}`, ClientRequestToken, {}, () => {
      if (OVER.includes(execution.status)) {
        throw invalid(
          `Pipeline execution with ARN ${execution.arn} cannot be stopped in status ${execution.status}.`,
        );
      }
      return this.turned(execution, 'Stopping');
    });
  }

  /** The same execution goes on from its first step that did not succeed. */
  private retry(input: unknown) {
    const { PipelineExecutionArn, ClientRequestToken } = parse(executionByArnWithToken, input);
    const execution = this.foundExecution(PipelineExecutionArn);
    return this.once(`RetryPipelineExecution/${execution.arn}`, ClientRequestToken, {}, () => {
      if (execution.status !== 'Failed' && execution.status !== 'Stopped') {
        throw invalid(
          `Pipeline execution with ARN ${execution.arn} cannot be retried in status ${execution.status}.`,
        );
      }
      execution.steps = execution.steps.filter(({ status }) => status === 'Succeeded');
      execution.retries = (execution.retries ?? 0) + 1;
      delete execution.endedAtMs;
      delete execution.failureReason;
      this.open.set(execution.arn, execution);
      return this.turned(execution, 'Executing');
    });
  }

  // --- running ---

  private stepExecution(execution: ExecutionRecord): void {
    const definition = parseDefinition(execution.definition);
    for (const record of execution.steps) {
      const step = definition.steps.find(({ Name }) => Name === record.name);
      if (
        step &&
        (record.status === 'Starting' ||
          record.status === 'Executing' ||
          record.status === 'Stopping')
      ) {
        this.attend(execution, step, record);
      }
    }
    const running = execution.steps.some(({ endedAtMs }) => endedAtMs === undefined);
    if (execution.status === 'Stopping') {
      if (!running) this.end(execution, 'Stopped');
      return;
    }
    const failed = execution.steps.find(
      ({ status }) => status === 'Failed' || status === 'Stopped',
    );
    if (failed) {
      if (!running) this.end(execution, 'Failed', `Step failure: One or multiple steps failed.`);
      return;
    }
    const ready = definition.steps.filter((step) => isReady(step, execution));
    for (const step of ready) this.begin(execution, step);
    if (ready.length === 0 && !running) {
      const odd = this.kernel.takeFault('completed with failures', execution.displayName ?? '');
      this.end(execution, odd ? 'CompletedWithFailures' : 'Succeeded');
    }
  }

  private begin(execution: ExecutionRecord, step: Step): void {
    const runsJob = step.Type === 'Training' || step.Type === 'Processing';
    const record: StepRecord = {
      name: step.Name,
      type: step.Type,
      status: 'Starting',
      startedAtMs: this.kernel.now(),
      attempt: 1,
      ...(runsJob && { jobName: jobName(execution.id, step.Name) }),
    };
    execution.steps.push(record);
    this.save(execution);
    this.kernel.emit(stepEvent(execution, record, undefined));
  }

  private attend(execution: ExecutionRecord, step: Step, record: StepRecord): void {
    try {
      if (record.status === 'Starting') {
        if (execution.status === 'Stopping') this.turnStep(execution, record, 'Stopped');
        else if (
          this.kernel.now() >=
          (record.retryAtMs ?? record.startedAtMs + taken(this.kernel, 'startStep'))
        ) {
          this.launch(execution, step, record);
        }
        return;
      }
      this.follow(execution, step, record);
    } catch (error) {
      if (!(
        error instanceof AwsError ||
        error instanceof Unresolvable ||
        error instanceof z.ZodError
      ))
        throw error;
      const waitMs = this.retryIn(step, record, `${error.name} ${error.message}`);
      if (waitMs !== undefined) {
        this.retryStep(execution, record, waitMs);
        return;
      }
      record.failureReason =
        `ClientError: Failed to invoke sagemaker:${operationOf(step)}. Error Details: ${error.message}`.slice(
          0,
          1024,
        );
      this.turnStep(execution, record, 'Failed');
    }
  }

  /** Does what the step is for. A job that exists already was made by this step before a crash. */
  private launch(execution: ExecutionRecord, step: Step, record: StepRecord): void {
    const own = without(step.Arguments, 'IfSteps', 'ElseSteps');
    const wanted = resolve(own, this.scope(execution)) as Record<string, unknown>;
    switch (step.Type) {
      case 'Callback':
        this.callBack(execution, step, record, wanted);
        return;
      case 'Training':
      case 'Processing': {
        if (this.fromCache(execution, step, record, wanted)) return;
        const job = this.jobOf(record) ?? this.makeJob(execution, record, wanted);
        record.arn = job.arn;
        this.turnStep(execution, record, 'Executing');
        return;
      }
      case 'Model':
        record.arn = this.makeModel({ ModelName: jobName(execution.id, step.Name), ...wanted });
        this.turnStep(execution, record, 'Succeeded');
        return;
      case 'RegisterModel':
        record.arn = this.register(execution, step, wanted);
        this.turnStep(execution, record, 'Succeeded');
        return;
      case 'Condition':
        record.outcome = allHold(wanted['Conditions']);
        this.turnStep(execution, record, 'Succeeded');
        return;
      case 'Fail':
        record.errorMessage = words(wanted['ErrorMessage']);
        record.failureReason = record.errorMessage;
        this.turnStep(execution, record, 'Failed');
        return;
    }
  }

  /** The same step with the same arguments has succeeded before, and is not too old: nothing runs. */
  private fromCache(
    execution: ExecutionRecord,
    step: Step,
    record: StepRecord,
    wanted: Record<string, unknown>,
  ): boolean {
    record.cacheKey = createHash('sha256')
      .update(JSON.stringify([step.Type, wanted]))
      .digest('hex');
    if (step.CacheConfig?.Enabled !== true) return false;
    const oldestMs = this.kernel.now() - (step.CacheConfig.expiresMs ?? Infinity);
    const candidates = this.kernel.store
      .entries<ExecutionRecord>(
        EXECUTIONS,
        ({ pipelineArn, arn }) => pipelineArn === execution.pipelineArn && arn !== execution.arn,
      )
      .flatMap(([, { arn, steps }]) => steps.map((done) => ({ arn, done })))
      .filter(
        ({ done }) =>
          done.name === step.Name &&
          done.status === 'Succeeded' &&
          done.cacheKey === record.cacheKey &&
          (done.endedAtMs ?? 0) >= oldestMs,
      )
      .sort((a, b) => (b.done.endedAtMs ?? 0) - (a.done.endedAtMs ?? 0));
    const [hit] = candidates;
    if (hit === undefined) return false;
    if (hit.done.jobName !== undefined) record.jobName = hit.done.jobName;
    if (hit.done.arn !== undefined) record.arn = hit.done.arn;
    record.cacheHit = hit.done.cacheHit ?? hit.arn;
    this.turnStep(execution, record, 'Succeeded');
    return true;
  }

  /** A message for whoever does the step's work; they answer by its token. */
  private callBack(
    execution: ExecutionRecord,
    step: Step,
    record: StepRecord,
    wanted: Record<string, unknown>,
  ): void {
    const queueUrl = String(resolve(step.SqsQueueUrl, this.scope(execution)));
    record.callback = { token: shortId(10), queueUrl };
    if (!this.callbackMessage(execution, record, wanted, 'Executing'))
      throw invalid(
        `The queue ${queueUrl} does not exist, or the pipeline's role may not send to it.`,
      );
    this.turnStep(execution, record, 'Executing');
  }

  private callbackMessage(
    execution: ExecutionRecord,
    record: StepRecord,
    args: Record<string, unknown>,
    status: 'Executing' | 'Stopping',
  ): boolean {
    const name = record.callback?.queueUrl.split('/').at(-1) ?? '';
    return this.kernel.sendToQueue(
      this.kernel.arn('sqs', name),
      JSON.stringify({
        token: record.callback?.token,
        pipelineExecutionArn: execution.arn,
        status,
        arguments: args,
      }),
    );
  }

  private callbackSucceeded(input: unknown) {
    const { CallbackToken, OutputParameters } = parse(stepSuccess, input);
    return this.answered(CallbackToken, (execution, record) => {
      record.outputs = Object.fromEntries(OutputParameters.map(({ Name, Value }) => [Name, Value]));
      this.turnStep(execution, record, execution.status === 'Stopping' ? 'Stopped' : 'Succeeded');
    });
  }

  private callbackFailed(input: unknown) {
    const { CallbackToken, FailureReason } = parse(stepFailure, input);
    return this.answered(CallbackToken, (execution, record) => {
      record.failureReason = FailureReason ?? 'The callback step failed.';
      this.turnStep(execution, record, execution.status === 'Stopping' ? 'Stopped' : 'Failed');
    });
  }

  private answered(
    token: string,
    act: (execution: ExecutionRecord, record: StepRecord) => void,
  ): { PipelineExecutionArn: string } {
    for (const execution of this.open.values()) {
      const record = execution.steps.find((step) => step.callback?.token === token);
      if (record === undefined) continue;
      // Saying it again changes nothing.
      if (record.endedAtMs === undefined) act(execution, record);
      return { PipelineExecutionArn: execution.arn };
    }
    throw new AwsError(
      'ResourceNotFound',
      `No pipeline execution waits for the callback token ${token}.`,
    );
  }

  /** The wait after a failure that the step's policies retry; `undefined` when none does. */
  private retryIn(step: Step, record: StepRecord, reason: string): number | undefined {
    const kind = /CapacityError/.test(reason)
      ? 'SageMaker.CAPACITY_ERROR'
      : /service limit|ResourceLimitExceeded/.test(reason)
        ? 'SageMaker.RESOURCE_LIMIT'
        : /InternalServerError/.test(reason)
          ? 'SageMaker.JOB_INTERNAL_ERROR'
          : undefined;
    const policy = step.RetryPolicies.find(
      ({ ExceptionType }) => kind !== undefined && ExceptionType.includes(kind),
    );
    if (policy === undefined) return undefined;
    if (policy.MaxAttempts !== undefined && record.attempt > policy.MaxAttempts) return undefined;
    const waitMs = policy.IntervalSeconds * 1000 * policy.BackoffRate ** (record.attempt - 1);
    const endsAtMs = record.startedAtMs + (policy.ExpireAfterMin ?? Infinity) * 60_000;
    return this.kernel.now() + waitMs >= endsAtMs ? undefined : waitMs;
  }

  /** Another attempt of the step, with a job of another name. */
  private retryStep(execution: ExecutionRecord, record: StepRecord, waitMs: number): void {
    record.attempt += 1;
    record.retryAtMs = this.kernel.now() + waitMs;
    record.jobName = jobName(execution.id, record.name);
    delete record.arn;
    this.turnStep(execution, record, 'Starting');
  }

  private makeModel(request: object): string {
    checkInput('SageMaker', 'CreateModel', request);
    return this.hosting.addModel(request).arn;
  }

  private makeJob(
    execution: ExecutionRecord,
    record: StepRecord,
    wanted: Record<string, unknown>,
  ): JobRecord {
    if (record.type === 'Training') {
      const request = { ...wanted, TrainingJobName: record.jobName };
      checkInput('SageMaker', 'CreateTrainingJob', request);
      return this.jobs.createTraining(request, execution.arn);
    }
    const request = { ...wanted, ProcessingJobName: record.jobName };
    checkInput('SageMaker', 'CreateProcessingJob', request);
    return this.jobs.createProcessing(request, execution.arn);
  }

  private register(
    execution: ExecutionRecord,
    step: Step,
    wanted: Record<string, unknown>,
  ): string {
    const asked = {
      ...wanted,
      MetadataProperties: {
        GeneratedBy: execution.arn,
        ...(wanted['MetadataProperties'] as object | undefined),
      },
      // A crash between the registration and the step's end must not register twice.
      ClientToken: createHash('sha256')
        .update(`${execution.arn}/${step.Name}/${execution.steps.length}/${execution.retries ?? 0}`)
        .digest('hex')
        .slice(0, 36),
    };
    checkInput('SageMaker', 'CreateModelPackage', asked);
    return this.packages.create(
      parse(createPackage, asked),
      this.packages.userOf(execution.roleArn),
    ).arn;
  }

  private follow(execution: ExecutionRecord, step: Step, record: StepRecord): void {
    if (record.callback !== undefined) {
      // It does not stop before whoever has the token says so.
      if (execution.status !== 'Stopping' || record.callback.stopSent === true) return;
      record.callback.stopSent = true;
      this.callbackMessage(execution, record, {}, 'Stopping');
      this.turnStep(execution, record, 'Stopping');
      return;
    }
    const job = this.jobOf(record);
    if (job === undefined) return;
    if (execution.status === 'Stopping' && record.status === 'Executing') {
      this.jobs.stop(job);
      this.turnStep(execution, record, 'Stopping');
    }
    if (!isOver(job)) return;
    if (job.status === 'Completed') this.turnStep(execution, record, 'Succeeded');
    else if (execution.status === 'Stopping') this.turnStep(execution, record, 'Stopped');
    else {
      const reason = job.failureReason ?? `${job.status}: ${job.secondary}`;
      const waitMs = this.retryIn(step, record, reason);
      if (waitMs !== undefined) {
        this.retryStep(execution, record, waitMs);
        return;
      }
      record.failureReason = `ClientError: ${reason}`.replace(/^ClientError: (?=\w+Error: )/, '');
      this.turnStep(execution, record, 'Failed');
    }
  }

  private jobOf(record: StepRecord): JobRecord | undefined {
    if (record.jobName === undefined) return undefined;
    return this.jobs.get(record.type === 'Training' ? 'training' : 'processing', record.jobName);
  }

  private scope(execution: ExecutionRecord): Scope {
    const recordOf = (name: string) => execution.steps.find((step) => step.name === name);
    const step = (name: string): unknown => {
      const record = recordOf(name);
      const job = record && this.jobOf(record);
      if (job) return job.kind === 'training' ? describeTraining(job) : describeProcessing(job);
      return (
        record && {
          ModelPackageArn: record.arn,
          ModelName: record.arn?.split('/').at(-1),
          Outcome: record.outcome,
          OutputParameters: record.outputs,
        }
      );
    };
    return {
      parameters: execution.parameters,
      execution: {
        PipelineExecutionId: execution.id,
        PipelineExecutionArn: execution.arn,
        PipelineName: execution.pipelineName,
        PipelineArn: execution.pipelineArn,
        StartDateTime: new Date(execution.createdAtMs).toISOString(),
        CurrentDateTime: new Date(this.kernel.now()).toISOString(),
      },
      step,
      propertyFile: (path) => this.propertyFile(execution, path),
    };
  }

  /** `Steps.<step>.PropertyFiles.<name>`: a file in the output of a processing step. */
  private propertyFile(execution: ExecutionRecord, path: string): unknown {
    const [, stepName, , fileName] = path.split('.');
    const step = parseDefinition(execution.definition).steps.find(({ Name }) => Name === stepName);
    const file = step?.PropertyFiles.find(({ PropertyFileName }) => PropertyFileName === fileName);
    const record = execution.steps.find(({ name }) => name === stepName);
    const job = record && this.jobOf(record);
    const outputs =
      job?.kind === 'processing' ? job.request.ProcessingOutputConfig?.Outputs : undefined;
    const prefix = outputs?.find(({ OutputName }) => OutputName === file?.OutputName)?.S3Output
      ?.S3Uri;
    if (file === undefined || prefix === undefined)
      throw new Unresolvable(`Unable to resolve property file ${path}`);
    const { bucket, key } = splitS3Uri(`${prefix.replace(/\/$/, '')}/${file.FilePath}`);
    const body = this.kernel.objects.get(bucket, key);
    if (body === undefined)
      throw new Unresolvable(`Property file s3://${bucket}/${key} does not exist`);
    return JSON.parse(body.toString('utf8')) as unknown;
  }

  private turnStep(execution: ExecutionRecord, record: StepRecord, status: StepStatus): void {
    const previous = record.status;
    record.status = status;
    if (status === 'Succeeded' || status === 'Failed' || status === 'Stopped')
      record.endedAtMs = this.kernel.now();
    this.save(execution);
    this.kernel.emit(stepEvent(execution, record, previous));
  }

  private turn(execution: ExecutionRecord, status: ExecutionStatus): void {
    const previous = execution.status;
    if (previous === status) return;
    execution.status = status;
    this.save(execution);
    this.kernel.emit(executionEvent(execution, previous));
  }

  /** As `turn`, for a call with a token. */
  private turned(execution: ExecutionRecord, status: ExecutionStatus): Deed<object> {
    const previous = execution.status;
    execution.status = status;
    execution.modifiedAtMs = this.kernel.now();
    return {
      answer: { PipelineExecutionArn: execution.arn },
      changes: [{ collection: EXECUTIONS, key: execution.arn, value: execution }],
      after: () => {
        if (previous !== status) this.kernel.emit(executionEvent(execution, previous));
      },
    };
  }

  private end(execution: ExecutionRecord, status: ExecutionStatus, reason?: string): void {
    execution.endedAtMs = this.kernel.now();
    if (reason !== undefined) execution.failureReason = reason;
    this.open.delete(execution.arn);
    this.turn(execution, status);
  }

  private save(execution: ExecutionRecord): void {
    execution.modifiedAtMs = this.kernel.now();
    this.kernel.store.put(EXECUTIONS, execution.arn, execution);
  }

  // --- look-ups ---

  private foundPipeline(nameOrArn: string): PipelineRecord {
    const name = nameOrArn.replace(/^arn:[^/]*\//, '');
    const exact = this.kernel.store.get<PipelineRecord>(PIPELINES, name);
    if (exact !== undefined && isOf(this.kernel, nameOrArn)) return exact;
    const byArn = this.kernel.store
      .entries<PipelineRecord>(PIPELINES)
      .find(([, { arn }]) => arn === nameOrArn.toLowerCase());
    if (byArn) return byArn[1];
    throw new AwsError(
      'ResourceNotFound',
      `Pipeline '${arnOf(this.kernel, 'pipeline', name)}' does not exist.`,
    );
  }

  private foundExecution(arn: string): ExecutionRecord {
    const execution = this.open.get(arn) ?? this.kernel.store.get<ExecutionRecord>(EXECUTIONS, arn);
    if (execution !== undefined) return execution;
    throw new AwsError('ResourceNotFound', `Pipeline execution with ARN ${arn} does not exist.`);
  }

  /**
   * The answer of an earlier call with this token; another request under the same token is a conflict.
   * Token and deed are written together: a call that a kill cut off was made, or was not.
   */
  private once<T>(operation: string, token: string, request: object, act: () => Deed<T>): T {
    const key = `${operation}/${token}`;
    const digest = createHash('sha256').update(JSON.stringify(request)).digest('hex');
    const known = this.kernel.store.get<{ digest: string; answer: T }>(TOKENS, key);
    if (known === undefined) {
      const { answer, changes, after } = act();
      this.kernel.store.write([...changes, { collection: TOKENS, key, value: { digest, answer } }]);
      after();
      return answer;
    }
    if (known.digest !== digest) {
      throw new AwsError(
        'ConflictException',
        'The ClientRequestToken was used before with other parameters.',
      );
    }
    return known.answer;
  }
}

const versionsOf = (pipeline: PipelineRecord): readonly VersionRecord[] =>
  pipeline.versions ?? [
    { id: 1, definition: pipeline.definition, createdAtMs: pipeline.createdAtMs },
  ];

/** Pipelines and executions are asked for by `CreatedAfter`, everything else by `CreationTimeAfter`. */
function inRange<
  T extends {
    readonly CreatedAfter?: number | undefined;
    readonly CreatedBefore?: number | undefined;
  },
>(request: T) {
  return {
    ...request,
    CreationTimeAfter: request.CreatedAfter,
    CreationTimeBefore: request.CreatedBefore,
  };
}

function isReady(step: Definition['steps'][number], execution: ExecutionRecord): boolean {
  const recordOf = (name: string) => execution.steps.find((record) => record.name === name);
  if (recordOf(step.Name) !== undefined) return false;
  if (execution.selected && !execution.selected.steps.includes(step.Name)) return false;
  if (step.branchOf && recordOf(step.branchOf.condition)?.outcome !== step.branchOf.outcome)
    return false;
  return [...dependencies(step)].every((name) => recordOf(name)?.status === 'Succeeded');
}

function withDefaults(
  { Parameters }: Definition,
  sent: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const unknown = Object.keys(sent).filter((name) => !Parameters.some(({ Name }) => Name === name));
  if (unknown.length > 0) {
    throw invalid(
      `Unknown parameter(s) provided: ${unknown.join(', ')}. Parameters not defined in the pipeline definition.`,
    );
  }
  return Object.fromEntries(
    Parameters.map(({ Name, DefaultValue, EnumValues }) => {
      const value = sent[Name] ?? (DefaultValue === undefined ? undefined : String(DefaultValue));
      if (value === undefined)
        throw invalid(`Parameter ${Name} has no default value and was not provided.`);
      if (EnumValues && !EnumValues.map(String).includes(value)) {
        throw invalid(`Parameter ${Name} must be one of ${EnumValues.map(String).join(', ')}.`);
      }
      return [Name, value];
    }),
  );
}

/** As AWS names the jobs of pipelines: `pipelines-<execution>-<step>-<10 random characters>`, in lower case. */
function jobName(executionId: string, step: string): string {
  const middle = step
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .slice(0, 28);
  return `pipelines-${executionId}-${middle}-${shortId(10)}`;
}

function words(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? '');
}

function operationOf(step: Step): string {
  const operations = {
    Training: 'CreateTrainingJob',
    Processing: 'CreateProcessingJob',
    Model: 'CreateModel',
    RegisterModel: 'CreateModelPackage',
    Condition: 'Condition',
    Callback: 'SendMessage',
    Fail: 'Fail',
  };
  return operations[step.Type];
}
