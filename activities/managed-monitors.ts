/** Model Monitor schedules that a policy wants: made, changed and removed. */
import {
  CreateDataQualityJobDefinitionCommand,
  CreateModelBiasJobDefinitionCommand,
  CreateModelExplainabilityJobDefinitionCommand,
  CreateModelQualityJobDefinitionCommand,
  CreateMonitoringScheduleCommand,
  CreateProcessingJobCommand,
  DeleteDataQualityJobDefinitionCommand,
  DeleteModelBiasJobDefinitionCommand,
  DeleteModelExplainabilityJobDefinitionCommand,
  DeleteModelQualityJobDefinitionCommand,
  DeleteMonitoringScheduleCommand,
  DescribeMonitoringScheduleCommand,
  ListDataQualityJobDefinitionsCommand,
  ListModelBiasJobDefinitionsCommand,
  ListModelExplainabilityJobDefinitionsCommand,
  ListModelQualityJobDefinitionsCommand,
  ListMonitoringSchedulesCommand,
  StartMonitoringScheduleCommand,
  StopMonitoringScheduleCommand,
  UpdateMonitoringScheduleCommand,
  type ListDataQualityJobDefinitionsCommandOutput,
  type MonitoringScheduleConfig,
  type SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { ApplicationFailure } from '@temporalio/common';

import { nextReconcileMs } from '../domain/disagreements.js';
import { FailureType, failureClass } from '../domain/failures.js';
import { canonicalJson } from '../domain/ledger.js';
import {
  baselineInputs,
  baselineName,
  closedSentence,
  definitionInputs,
  definitionName,
  isClosedToUs,
  isMoving,
  managedMonitors,
  monitorPlan,
  MONITORING_TYPE,
  type FoundBaseline,
  type FoundMonitor,
  type MonitorStanding,
  type MonitorStep,
  type WantedMonitor,
} from '../domain/managed-monitors.js';
import type { MonitoringType } from '../domain/monitor-findings.js';
import { triesOf } from '../domain/names.js';
import { clock, pollEveryMs } from '../domain/watch.js';
import { MODEL_TAG } from './alarms.js';
import {
  absent,
  aws,
  isAlreadyThere,
  may,
  type AwsError,
  type SendOptions,
} from './aws-failure.js';
import { describeProcessing } from './bill.js';
import type { ControlActivities, KeepMonitors, ModelRef, MonitorRepair } from './contract.js';
import type { ControlDeps } from './deps.js';
import { sha256 } from './digest.js';
import { keep, notYet, recall } from './heartbeat.js';
import {
  baselineJob,
  baselineFiles,
  biasDefinition,
  dataQualityDefinition,
  explainabilityDefinition,
  MONITOR_TAG,
  modelQualityDefinition,
  type MonitorParts,
} from './monitor-requests.js';
import { pages } from './pages.js';
import { describePackage, readTags } from './read.js';
import { baselineOf } from './registry.js';
import { below, headObject } from './s3.js';
import { clientsFor } from './stage-clients.js';

type Managed = ReturnType<typeof managedMonitors>[number];

/** A baselining job that AWS's own trouble has ended is started again, so often in all. */
const BASELINE_TRIES = 3;
const AWS_TROUBLE: ReadonlySet<string> = new Set(['capacity', 'throttle', 'internal']);
const DAY_MS = 24 * 3_600_000;

/** What an earlier attempt has done: it is told, though that attempt did not end well. */
interface Done {
  readonly done: readonly string[];
  readonly repaired: readonly MonitorRepair[];
}

interface Definition {
  readonly name: string;
  readonly type: MonitoringType;
  /** The model whose keeper made it; `null` for anybody else's. */
  readonly model: string | null;
  readonly schedule: string | null;
}

/** What of the model's prefix is there. */
interface Inventory {
  readonly schedules: readonly { readonly name: string; readonly arn: string }[];
  readonly definitions: readonly Definition[];
}

export function createMonitorActivities(
  deps: ControlDeps,
): Pick<ControlActivities, 'keepMonitors' | 'removeMonitors'> {
  const clients = clientsFor(deps, 'deploy');
  const training = clientsFor(deps, 'train');
  const reading = clientsFor(deps, 'read');
  const registry = clientsFor(deps, 'approve');

  /** The data set a baseline is made of, or why there is none. */
  const datasetOf = async (
    request: KeepMonitors,
    { manage }: Managed,
  ): Promise<{ readonly dataset: string | null; readonly missing: string | null }> => {
    const { dataset } = manage.baseline;
    if (dataset === undefined) return { dataset: null, missing: null };
    if (dataset !== 'champion') return { dataset, missing: null };
    const { champion } = request;
    const found =
      champion?.packageArn == null
        ? undefined
        : await describePackage(registry(request).sagemaker, champion.packageArn);
    const uri = found === undefined ? null : baselineOf(found);
    return uri === null
      ? {
          dataset: null,
          missing: `nobody knows what the serving version was trained on: register DriftCheckBaselines.ModelDataQuality.Statistics with its package, or name a data set under manage.baseline`,
        }
      : { dataset: uri, missing: null };
  };

  const foundBaseline = async (
    request: KeepMonitors,
    { manage }: Managed,
    job: string,
    at: string,
  ): Promise<FoundBaseline> => {
    const { s3 } = reading(request);
    const files = await Promise.all(
      baselineFiles(manage.type).map((file) => headObject(s3, below(at, file))),
    );
    if (files.every((file) => file !== undefined)) return { kind: 'ready' };
    const { sagemaker } = training(request);
    let last: FoundBaseline = { kind: 'failed', job, reason: 'it could not be started' };
    for (const name of triesOf(job, BASELINE_TRIES)) {
      const found = await describeProcessing(sagemaker, name);
      if (found === 'absent') return { kind: 'to be made', job: name };
      const status = found.ProcessingJobStatus ?? 'unknown';
      if (status === 'InProgress' || status === 'Stopping')
        return { kind: 'being made', job: name, status };
      const reason =
        status === 'Completed'
          ? `it has ended, but ${baselineFiles(manage.type).join(' and ')} ${files.length > 1 ? 'are' : 'is'} not below ${at}`
          : status === 'Stopped'
            ? 'it was stopped'
            : (found.FailureReason ?? found.ExitMessage ?? 'SageMaker gave no reason');
      last = { kind: 'failed', job: name, reason };
      if (status !== 'Failed' || !AWS_TROUBLE.has(failureClass(reason))) return last;
    }
    return last;
  };

  const foundSchedule = async (
    request: ModelRef,
    name: string,
  ): Promise<FoundMonitor['schedule']> => {
    const { sagemaker } = clients(request);
    const found = await aws(
      may('sagemaker:DescribeMonitoringSchedule', onSchedule(name)),
      (options) =>
        sagemaker.send(
          new DescribeMonitoringScheduleCommand({ MonitoringScheduleName: name }),
          options,
        ),
      absent,
    );
    if (found === 'absent') return null;
    const tags = await readTags(sagemaker, found.MonitoringScheduleArn ?? '');
    const config = found.MonitoringScheduleConfig;
    return {
      status: found.MonitoringScheduleStatus ?? 'unknown',
      type: found.MonitoringType ?? config?.MonitoringType ?? 'DataQuality',
      definition: config?.MonitoringJobDefinitionName ?? null,
      cron: config?.ScheduleConfig?.ScheduleExpression ?? null,
      ours: tags.get(MODEL_TAG) === request.model,
      executing: ['Pending', 'InProgress', 'Stopping'].includes(
        found.LastMonitoringExecutionSummary?.MonitoringExecutionStatus ?? '',
      ),
      failure: found.FailureReason ?? null,
    };
  };

  const inventory = async (request: ModelRef): Promise<Inventory> => {
    const { sagemaker } = clients(request);
    const filter = {
      EndpointName: request.policy.spec.endpoint.name,
      NameContains: `${request.model}-`,
      MaxResults: 100,
    };
    const schedules = await pages(async (NextToken) => {
      const page = await aws(may('sagemaker:ListMonitoringSchedules', '*'), (options) =>
        sagemaker.send(new ListMonitoringSchedulesCommand({ ...filter, ...NextToken }), options),
      );
      const items = (page.MonitoringScheduleSummaries ?? []).map((one) => ({
        name: one.MonitoringScheduleName ?? '',
        arn: one.MonitoringScheduleArn ?? '',
      }));
      return { items, next: page.NextToken };
    });
    const definitions: Definition[] = [];
    for (const [type, calls] of DEFINITION_CALLS) {
      const listed = await pages(async (NextToken) => {
        const page = await aws(may(`sagemaker:List${type}JobDefinitions`, '*'), (options) =>
          calls.list(sagemaker, { ...filter, ...NextToken }, options),
        );
        return { items: page.JobDefinitionSummaries ?? [], next: page.NextToken };
      });
      for (const one of listed) {
        const name = one.MonitoringJobDefinitionName ?? '';
        if (!name.startsWith(`${request.model}-`)) continue;
        const tags = await readTags(sagemaker, one.MonitoringJobDefinitionArn ?? '');
        definitions.push({
          name,
          type,
          model: tags.get(MODEL_TAG) ?? null,
          schedule: tags.get(MONITOR_TAG) ?? null,
        });
      }
    }
    return {
      schedules: schedules.filter(({ name }) => name.startsWith(`${request.model}-`)),
      definitions,
    };
  };

  const deleteDefinition = (
    request: ModelRef,
    { name, type }: Pick<Definition, 'name' | 'type'>,
  ): Promise<unknown> =>
    aws(
      may(`sagemaker:Delete${type}JobDefinition`, name),
      (options) => callsOf(type).remove(clients(request).sagemaker, name, options),
      absent,
    );

  /** @returns whether it is gone; not while an execution is under way */
  const deleteSchedule = async (request: ModelRef, name: string): Promise<boolean> => {
    const answer = await aws(
      may('sagemaker:DeleteMonitoringSchedule', onSchedule(name)),
      (options) =>
        clients(request).sagemaker.send(
          new DeleteMonitoringScheduleCommand({ MonitoringScheduleName: name }),
          options,
        ),
      (error) => absent(error) ?? busy(error),
    );
    return answer !== 'busy';
  };

  /** @returns why AWS refuses it for ever, when it does so because the account is a new customer's */
  const carryOut = async (
    request: KeepMonitors,
    parts: MonitorParts,
    wanted: WantedMonitor,
    step: MonitorStep,
  ): Promise<'done' | 'busy' | { readonly closed: string }> => {
    const { sagemaker } = clients(request);
    const { schedule, type } = wanted;
    const closedOr = (error: AwsError) =>
      isClosedToUs(error.message)
        ? { closed: `${error.name}: ${error.message}` }
        : // Of these AWS documents the name of the error alone; whose it is shows in the next look.
          isAlreadyThere(error) || error.name === 'ResourceInUse'
          ? ('done' as const)
          : undefined;
    const outcome = (answer: unknown): 'done' | { readonly closed: string } =>
      typeof answer === 'object' && answer !== null && 'closed' in answer
        ? { closed: String(answer.closed) }
        : 'done';
    switch (step.kind) {
      case 'create definition':
        return outcome(
          await aws(
            may(`sagemaker:Create${type}JobDefinition`, wanted.definition),
            (options) => callsOf(type).create(sagemaker, parts, options),
            closedOr,
          ),
        );
      case 'start baseline':
        await aws(
          may('sagemaker:CreateProcessingJob', `processing-job/${step.job}`),
          (options) =>
            training(request).sagemaker.send(
              new CreateProcessingJobCommand(baselineJob(parts, step.job)),
              options,
            ),
          (error) => (isAlreadyThere(error) ? 'there' : undefined),
        );
        return 'done';
      case 'create schedule':
        return outcome(
          await aws(
            may('sagemaker:CreateMonitoringSchedule', onSchedule(schedule)),
            (options) =>
              sagemaker.send(
                new CreateMonitoringScheduleCommand({
                  MonitoringScheduleName: schedule,
                  MonitoringScheduleConfig: scheduleConfig(wanted),
                  Tags: [
                    { Key: MODEL_TAG, Value: request.model },
                    { Key: MONITOR_TAG, Value: schedule },
                  ],
                }),
                options,
              ),
            closedOr,
          ),
        );
      case 'update schedule':
        return await aws(
          may('sagemaker:UpdateMonitoringSchedule', onSchedule(schedule)),
          async (options) => {
            await sagemaker.send(
              new UpdateMonitoringScheduleCommand({
                MonitoringScheduleName: schedule,
                MonitoringScheduleConfig: scheduleConfig(wanted),
              }),
              options,
            );
            return 'done' as const;
          },
          busy,
        );
      case 'start schedule':
      case 'stop schedule': {
        const Command =
          step.kind === 'start schedule'
            ? StartMonitoringScheduleCommand
            : StopMonitoringScheduleCommand;
        const action = step.kind === 'start schedule' ? 'Start' : 'Stop';
        return aws(
          may(`sagemaker:${action}MonitoringSchedule`, onSchedule(schedule)),
          async (options) => {
            await sagemaker.send(new Command({ MonitoringScheduleName: schedule }), options);
            return 'done' as const;
          },
          busy,
        );
      }
      case 'delete schedule':
        return (await deleteSchedule(request, schedule)) ? 'done' : 'busy';
      case 'delete definition':
        await deleteDefinition(request, step);
        return 'done';
    }
  };

  const keepOne = async (
    request: KeepMonitors,
    source: Managed,
    there: Inventory,
    tell: (step: MonitorStep) => void,
  ): Promise<MonitorStanding> => {
    const { model, policy, champion } = request;
    const { schedule, manage } = source;
    const { endpoint, storage } = policy.spec;
    const output = manage.output ?? below(storage, 'monitors', model);
    const { dataset, missing } = await datasetOf(request, source);
    const job =
      dataset === null
        ? null
        : baselineName(
            schedule,
            digestOf(baselineInputs(source, dataset, champion?.configName ?? null)),
          );
    const baselineAt = job === null ? null : below(output, 'baselines', job);
    const definition = definitionName(
      schedule,
      digestOf(definitionInputs(source, endpoint.name, output, baselineAt)),
    );
    const parts: MonitorParts = {
      model,
      endpoint: endpoint.name,
      source,
      definition,
      output,
      dataset,
      baselineAt,
    };
    const type = MONITORING_TYPE[manage.type];
    const wanted: WantedMonitor = {
      source: source.id,
      schedule,
      type,
      cron: manage.cron,
      state: manage.state,
      definition,
      noBaseline: missing,
    };
    const made = there.definitions.find((one) => one.name === definition && one.type === type);
    const found: FoundMonitor = {
      schedule: await foundSchedule(request, schedule),
      definition: made === undefined ? 'absent' : made.model === model ? 'ours' : 'not ours',
      former: there.definitions.filter(
        (one) => one.model === model && one.schedule === schedule && one.name !== definition,
      ),
      baseline:
        job === null || baselineAt === null
          ? { kind: 'ready' }
          : await foundBaseline(request, source, job, baselineAt),
    };
    const nowMs = deps.now();
    const plan = monitorPlan(
      wanted,
      found,
      request.known.find((one) => one.schedule === schedule),
      request.repaired.filter((one) => one.schedule === schedule && nowMs - one.atMs < DAY_MS)
        .length,
    );
    for (const step of plan.steps) {
      try {
        const outcome = await carryOut(request, parts, wanted, step);
        if (outcome === 'busy')
          return {
            ...plan.standing,
            kind: 'settling',
            sentence: `the monitoring schedule ${schedule} is changed after the execution that is under way`,
          };
        if (typeof outcome === 'object')
          return {
            ...plan.standing,
            kind: 'closed',
            sentence: closedSentence(manage.type, outcome.closed),
          };
        tell(step);
      } catch (error) {
        // Refused before the files it names are there: it is tried again when they are.
        const early = step.kind === 'create definition' && plan.standing.kind === 'baselining';
        if (!isRefusal(error)) throw error;
        if (!early) return { ...plan.standing, kind: 'refused', sentence: error.message };
      }
    }
    return plan.standing;
  };

  /** Takes away our schedules and definitions that nobody wants any more. */
  const removeUnwanted = async (
    request: ModelRef,
    there: Inventory,
    wanted: ReadonlySet<string>,
    tell: (sentence: string) => void,
  ): Promise<readonly MonitorStanding[]> => {
    const leaving: MonitorStanding[] = [];
    for (const { name, arn } of there.schedules) {
      if (wanted.has(name)) continue;
      const tags = await readTags(clients(request).sagemaker, arn);
      if (tags.get(MODEL_TAG) !== request.model) continue;
      if (await deleteSchedule(request, name)) {
        tell(`the monitoring schedule ${name} deleted: the policy does not want it any more`);
        continue;
      }
      leaving.push({
        source: '',
        schedule: name,
        kind: 'leaving',
        sentence: `the monitoring schedule ${name} is deleted after the execution that is under way`,
        definition: '',
        cron: '',
        reached: null,
      });
    }
    for (const definition of there.definitions) {
      const { schedule, model, name } = definition;
      if (model !== request.model || schedule === null || wanted.has(schedule)) continue;
      if (leaving.some((one) => one.schedule === schedule)) continue;
      await deleteDefinition(request, definition);
      tell(`job definition ${name} deleted: nothing uses it any more`);
    }
    return leaving;
  };

  return {
    /**
     * Looks first and does what is missing by name, so that a second run finds it done. What an attempt has done is kept
     * in its heartbeat and told by the next one, when its end was lost.
     */
    async keepMonitors(request) {
      const nowMs = deps.now();
      const { policy, known, notBeforeMs } = request;
      if (nowMs < notBeforeMs)
        throw notYet(FailureType.Quiet, 'Nothing to compare yet', notBeforeMs - nowMs);
      const before = recalled();
      const done = [...before.done];
      const repaired = [...before.repaired];
      const tell = (sentence: string): void => {
        done.push(sentence);
        keep({ done, repaired });
      };
      const sources = managedMonitors(policy);
      const there = await inventory(request);
      const standings: MonitorStanding[] = [];
      const failures: unknown[] = [];
      for (const source of sources) {
        const told = (step: MonitorStep): void => {
          if (step.repair === true)
            repaired.push({ schedule: source.schedule, atMs: nowMs, sentence: step.sentence });
          tell(step.sentence);
        };
        try {
          standings.push(await keepOne(request, source, there, told));
        } catch (error) {
          failures.push(error);
        }
      }
      const wanted = new Set(sources.map(({ schedule }) => schedule));
      standings.push(...(await removeUnwanted(request, there, wanted, tell)));
      if (failures.length > 0) throw failures[0];
      if (done.length > 0 || canonicalJson(standings) !== canonicalJson(known))
        return { atMs: nowMs, standings, done, repaired };
      const sentence = standings.map((one) => one.sentence).join('; ');
      if (standings.some(isMoving))
        throw notYet(FailureType.StillRunning, sentence, pollEveryMs(policy.spec.monitor.every));
      const nextMs = nextReconcileMs(policy, nowMs);
      throw notYet(
        FailureType.Quiet,
        `${sentence}; next comparison ${clock(nextMs)}`,
        nextMs - nowMs,
      );
    },

    /** By tag: what is gone already is not found, so a second run removes what the first has left. */
    async removeMonitors(request) {
      const removed = [...recalled().done];
      const there = await inventory(request);
      const leaving = await removeUnwanted(request, there, new Set(), (sentence) => {
        removed.push(sentence);
        keep({ done: removed, repaired: [] });
      });
      if (leaving.length > 0)
        throw notYet(
          FailureType.StillRunning,
          leaving.map((one) => one.sentence).join('; '),
          pollEveryMs(request.policy.spec.monitor.every),
        );
      return { removed };
    },
  };
}

function recalled(): Done {
  const known = recall();
  return typeof known === 'object' && known !== null && 'done' in known && 'repaired' in known
    ? (known as Done)
    : { done: [], repaired: [] };
}

const digestOf = (inputs: unknown): string => sha256(canonicalJson(inputs));
const onSchedule = (name: string): string => `monitoring-schedule/${name}`;

const isRefusal = (error: unknown): error is ApplicationFailure =>
  error instanceof ApplicationFailure && error.type === FailureType.AwsRequestRefused;

/** Nothing can be changed while a schedule settles or an execution is under way. */
const busy = (error: AwsError): 'busy' | undefined =>
  error.name === 'ValidationException' && /pending|in[- ]?progress|stopping/i.test(error.message)
    ? 'busy'
    : undefined;

const scheduleConfig = (wanted: WantedMonitor): MonitoringScheduleConfig => ({
  ScheduleConfig: { ScheduleExpression: wanted.cron },
  MonitoringJobDefinitionName: wanted.definition,
  MonitoringType: wanted.type,
});

interface DefinitionFilter {
  readonly EndpointName: string;
  readonly NameContains: string;
  readonly MaxResults: number;
  readonly NextToken?: string;
}

/** The same three calls, which SageMaker has once for each type. */
interface DefinitionCalls {
  create(sagemaker: SageMakerClient, parts: MonitorParts, options: SendOptions): Promise<unknown>;
  remove(sagemaker: SageMakerClient, name: string, options: SendOptions): Promise<unknown>;
  list(
    sagemaker: SageMakerClient,
    filter: DefinitionFilter,
    options: SendOptions,
  ): Promise<
    Pick<ListDataQualityJobDefinitionsCommandOutput, 'JobDefinitionSummaries' | 'NextToken'>
  >;
}

const CALLS: Readonly<Record<MonitoringType, DefinitionCalls>> = {
  DataQuality: {
    create: (sagemaker, parts, options) =>
      sagemaker.send(
        new CreateDataQualityJobDefinitionCommand(dataQualityDefinition(parts)),
        options,
      ),
    remove: (sagemaker, JobDefinitionName, options) =>
      sagemaker.send(new DeleteDataQualityJobDefinitionCommand({ JobDefinitionName }), options),
    list: (sagemaker, filter, options) =>
      sagemaker.send(new ListDataQualityJobDefinitionsCommand(filter), options),
  },
  ModelQuality: {
    create: (sagemaker, parts, options) =>
      sagemaker.send(
        new CreateModelQualityJobDefinitionCommand(modelQualityDefinition(parts)),
        options,
      ),
    remove: (sagemaker, JobDefinitionName, options) =>
      sagemaker.send(new DeleteModelQualityJobDefinitionCommand({ JobDefinitionName }), options),
    list: (sagemaker, filter, options) =>
      sagemaker.send(new ListModelQualityJobDefinitionsCommand(filter), options),
  },
  ModelBias: {
    create: (sagemaker, parts, options) =>
      sagemaker.send(new CreateModelBiasJobDefinitionCommand(biasDefinition(parts)), options),
    remove: (sagemaker, JobDefinitionName, options) =>
      sagemaker.send(new DeleteModelBiasJobDefinitionCommand({ JobDefinitionName }), options),
    list: (sagemaker, filter, options) =>
      sagemaker.send(new ListModelBiasJobDefinitionsCommand(filter), options),
  },
  ModelExplainability: {
    create: (sagemaker, parts, options) =>
      sagemaker.send(
        new CreateModelExplainabilityJobDefinitionCommand(explainabilityDefinition(parts)),
        options,
      ),
    remove: (sagemaker, JobDefinitionName, options) =>
      sagemaker.send(
        new DeleteModelExplainabilityJobDefinitionCommand({ JobDefinitionName }),
        options,
      ),
    list: (sagemaker, filter, options) =>
      sagemaker.send(new ListModelExplainabilityJobDefinitionsCommand(filter), options),
  },
};
const callsOf = (type: MonitoringType): DefinitionCalls => CALLS[type];
const DEFINITION_CALLS = Object.entries(CALLS) as [MonitoringType, DefinitionCalls][];
