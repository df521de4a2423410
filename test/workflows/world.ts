/** A small world for workflow tests: what AWS, S3 and DuckDB would answer, with a virtual clock. */
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { activityInfo, sleep } from '@temporalio/activity';
import type { TestWorkflowEnvironment } from '@temporalio/testing';

import type {
  ControlActivities,
  DataActivities,
  DataTold,
  KeepMonitors,
  MonitorRepair,
  MonitorsTold,
  NoticeMessage,
  PackageWritten,
  RolloutOutcome,
  SignalsTold,
  WritePackage,
  Split,
  SplitTrouble,
} from '../../activities/contract.js';
import type { BakeComparison } from '../../domain/bake.js';
import { plannedOf } from '../../domain/cost.js';
import type { Bill } from '../../domain/cost.js';
import { durationMs } from '../../domain/duration.js';
import type { CustomMetric } from '../../domain/custom-metrics.js';
import { disagreementsIn, keyOf, nextReconcileMs } from '../../domain/disagreements.js';
import type { Facts } from '../../domain/disagreements.js';
import type { LedgerDraft } from '../../domain/ledger.js';
import { NO_HASH } from '../../domain/ledger.js';
import type { Evidence } from '../../domain/evidence.js';
import { isMoving, managedMonitors } from '../../domain/managed-monitors.js';
import type { MonitorStanding } from '../../domain/managed-monitors.js';
import type { Candidate, EndpointReading, Evaluation, WindowResult } from '../../domain/model.js';
import type { OwnEvent } from '../../domain/own-events.js';
import { policySchema } from '../../domain/policy.schema.js';
import type { Policy, PolicyInput } from '../../domain/policy.schema.js';
import { quietUntilMs } from '../../domain/quiet-hours.js';
import { CONTROL_QUEUE } from '../../domain/queues.js';
import { registryNews, registryPollMs } from '../../domain/registry.js';
import type { PackageReading } from '../../domain/registry.js';
import { splitName } from '../../domain/names.js';
import { rolloutPlan } from '../../domain/rollout.js';
import { judgeShare } from '../../domain/traffic.js';

const notYet = (type: string, message: string, delayMs: number): ApplicationFailure =>
  ApplicationFailure.create({
    type,
    message,
    nextRetryDelay: Math.max(1_000, delayMs),
    category: ApplicationFailureCategory.BENIGN,
  });

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** What the worker's own writes in the registry are by. */
export const WORKER_ROLE = 'arn:aws:sts::111122223333:assumed-role/modelkeeper-worker/w1';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A policy with everything filled in; `change` alters the draft before it is parsed. */
export function aPolicy(
  model: string,
  change: (draft: PolicyDraft) => void = () => undefined,
): Policy {
  const draft: PolicyDraft = {
    apiVersion: 'modelkeeper/v1',
    kind: 'ModelPolicy',
    metadata: { name: model },
    spec: {
      endpoint: { name: model, region: 'us-east-1' },
      registry: { group: model },
      storage: 's3://ml-artefacts/modelkeeper/',
      people: {
        'ada@example.com': ['os:ada', 'arn:aws:iam::111122223333:role/ada'],
        'grace@example.com': ['os:grace'],
        'linus@example.com': ['os:linus'],
        'rob@example.com': ['os:rob'],
      },
      groups: { 'ml-leads': ['ada@example.com', 'grace@example.com', 'rob@example.com'] },
      monitor: {
        every: '1h',
        sources: [
          { id: 'health', kind: 'alarms' },
          { id: 'inputs', kind: 'captured-inputs', window: '6h' },
          { id: 'quality', kind: 'ground-truth', labels: 's3://ml-artefacts/labels/', floor: 0.6 },
        ],
      },
      retrain: { pipeline: `${model}-train`, cooldown: '24h' },
      evaluate: {
        gates: [
          { id: 'auc-ni', kind: 'non_inferior', metric: 'roc_auc', margin: { absolute: 0.01 } },
        ],
      },
      approve: {
        approvals: 1,
        approvers: ['group:ml-leads'],
        doors: ['console', 'cli', 'local', 'temporal'],
        remind: ['4h', '24h'],
        expires: '72h',
      },
      deploy: { probation: { for: '7d' } },
      notify: { topic: 'arn:aws:sns:us-east-1:111122223333:ml-alerts' },
    },
  };
  change(draft);
  return policySchema.parse(draft);
}
export type PolicyDraft = PolicyInput;

/** What one job of one machine was billed. */
export const aBill = (job: string, instanceType: string, seconds: number): Bill => ({
  jobs: [
    {
      job,
      name: job,
      instanceType,
      instances: 1,
      billableSeconds: seconds,
      runSeconds: seconds,
      spot: false,
    },
  ],
  unread: null,
});

export class World {
  endpoint: Mutable<EndpointReading>;
  readonly calls: Record<string, number> = {};
  readonly notices: NoticeMessage[] = [];
  /** Published in CloudWatch. */
  readonly metrics: CustomMetric[] = [];
  refusesMetrics = false;
  /** Events as they were put on the bus, call by call. */
  readonly batches: (readonly OwnEvent[])[] = [];
  readonly ledger: LedgerDraft[] = [];
  /** The decision that cannot be entered; `null` while all can. */
  unenterable: string | null = null;
  readonly statuses: { packageArn: string; status: string; description: string }[] = [];
  /** Packages that were changed since they were registered. */
  readonly packages: Record<string, PackageReading> = {};
  readonly stages: { packageArn: string; stage: string; status: string }[] = [];
  /** The status that the pipeline registers with. */
  bornAs = 'PendingManualApproval';
  private lastTickMs = 0;
  differs: Partial<Facts> = {};
  readonly discarded: string[] = [];
  /** Why nothing can be removed; `null` when it can. */
  deletionDenied: string | null = null;
  readonly tripped: string[] = [];
  readonly updates: { to: string; plain: boolean }[] = [];
  /** A config that no update finds. */
  missingConfig: string | null = null;
  readonly started: string[] = [];
  readonly stopped: string[] = [];
  readonly retried: string[] = [];
  readonly parameters: Record<string, string>[] = [];
  /** Told by the next look, one per look. */
  readonly signals: Partial<SignalsTold>[] = [];
  readonly windows: WindowResult[][] = [];
  readonly noData: DataTold['noData'][number][] = [];
  readonly advice: NonNullable<DataTold['advice']>[number][] = [];
  /** Looks that a pipeline and a rollout take before they end. */
  pipelineLooks = 3;
  rolloutLooks = 3;
  /** Until the next of them, unless a hint comes. */
  pipelinePollMs = 60_000;
  rolloutPollMs = 300_000;
  pipeline: 'succeeds' | 'fails' = 'succeeds';
  gates: Evaluation['verdict'] = 'pass';
  rollout: 'in service' | 'alarm' | 'silent' | 'mixed' = 'in service';
  /** Updates after a failed rollback that fail in the same way. */
  mixedAgain = 0;
  /** So many approvals are not written to the registry before one is. */
  registryFailures = 0;
  /** Wall-clock pause inside look-alikes of long activities, for tests that act in the middle. */
  preflightRefusal: readonly string[] = [];
  scaling = { found: true, suspended: false };
  /** Monitoring schedules that are there. */
  monitors: readonly MonitorStanding[] = [];
  /** Processing jobs that compare columns together and run. */
  readonly comparing: string[] = [];
  /** How they all stand, when not as the policy wants them. */
  monitorStands: MonitorStanding['kind'] | null = null;
  /** What the next look puts right. */
  readonly monitorRepairs: MonitorRepair[] = [];
  /** The candidate's share while two versions serve, in percent; weights that were set take effect at the next look. */
  share = 0;
  readonly shares: number[] = [];
  /** What the alarms on the candidate say at the next look of a bake. */
  candidateAlarm: string | null = null;
  candidateScales = false;
  /** Releases whose candidates have alarms that call their step policies. */
  readonly steppedFor = new Set<number | undefined>();
  /** Endpoint configs that can be gone back to. */
  kept = ['first'];
  readonly pruned: { keep: number; wanted: readonly string[]; release: number | undefined }[] = [];
  /** For which workflow scaling is suspended, as the mark on the endpoint says. */
  suspendedBy: string | null = null;
  evidenceSalt = '';
  /** What a comparison of two variants finds. */
  compared: Pick<BakeComparison, 'verdict' | 'hard' | 'metrics' | 'doubts' | 'reasons'> = {
    verdict: 'promote',
    hard: false,
    metrics: [],
    doubts: [],
    reasons: [],
  };
  shadowRefusal: readonly string[] = [];
  /** Configs that were made for staging, and what was tidied up there. */
  readonly staged: string[] = [];
  readonly tidied: { readonly endpoint: string; readonly remove: boolean }[] = [];
  stagingRefusal: string | null = null;
  stagingServes: string | null = 'of-the-release-before-staging';
  readonly stagingUpdates: string[] = [];
  stagingVerdict: Awaited<ReturnType<ControlActivities['checkStaging']>> = {
    verdict: 'pass',
    requests: 20,
    errors: 0,
    latencyP95Ms: 12,
    reasons: ['20 of 20 requests answered'],
    samples: 20,
  };
  /** What the looks at a guardrail's bakes find, one after the other. */
  bakes: readonly BakeComparison[] = [];
  private looks: Record<string, number> = {};
  private readonly overrides: Partial<ControlActivities & DataActivities> = {};

  constructor(
    private readonly env: TestWorkflowEnvironment,
    readonly model: string,
  ) {
    this.endpoint = {
      atMs: 0,
      name: model,
      arn: `arn:aws:sagemaker:us-east-1:111122223333:endpoint/${model}`,
      status: 'InService',
      configName: 'first',
      pendingConfigName: null,
      createdAtMs: 1,
      lastModifiedAtMs: 1,
      failureReason: null,
      progress: [],
      instances: 2,
      capturePrefix: `s3://ml-artefacts/capture/${model}/AllTraffic/`,
      champion: {
        configName: 'first',
        packageArn: `arn:aws:sagemaker:us-east-1:111122223333:model-package/${model}/1`,
        modelDataUrl: 's3://ml-artefacts/model-1.tar.gz',
        image: 'image',
        roleArn: null,
        sinceMs: 1,
      },
    };
  }

  override(some: Partial<ControlActivities & DataActivities>): this {
    Object.assign(this.overrides, some);
    return this;
  }

  restore(name: keyof ControlActivities | keyof DataActivities): void {
    Reflect.deleteProperty(this.overrides, name);
  }

  /** Puts a config into service, as AWS would show it. */
  serve(configName: string, atMs: number): void {
    this.endpoint = {
      ...this.endpoint,
      configName,
      pendingConfigName: null,
      status: 'InService',
      lastModifiedAtMs: atMs,
      champion: {
        ...(this.endpoint.champion ?? {
          packageArn: null,
          modelDataUrl: null,
          image: null,
          roleArn: null,
          sinceMs: 0,
        }),
        configName,
        sinceMs: atMs,
      },
    };
  }

  /** Two windows of six hours that breach, the older first. */
  breach(source: 'inputs' | 'quality', toMs: number): void {
    this.windows.push(
      [2, 1].map((ago) => ({
        source,
        sourceKind: source === 'inputs' ? ('captured-inputs' as const) : ('ground-truth' as const),
        fromMs: toMs - ago * 6 * HOUR_MS,
        toMs: toMs - (ago - 1) * 6 * HOUR_MS,
        result: 'breach' as const,
        rows: 5_000,
        sentence:
          source === 'inputs'
            ? 'inputs: origin moved by 0.41'
            : 'quality: ROC AUC 0.58 (0.56 to 0.59) is below 0.6',
        columns: [],
      })),
    );
  }

  now(): Promise<number> {
    return this.env.currentTimeMs();
  }

  /** What a comparison would read; `differs` says what is not as it should be. */
  private facts(ledgerHead: number): Facts {
    const packageArn = this.endpoint.champion?.packageArn ?? null;
    return {
      configName: this.endpoint.configName ?? '',
      configExists: true,
      modelName: 'model',
      modelExists: true,
      weights: [],
      instances: this.endpoint.instances,
      capturing: true,
      keeper: `keeper/${this.model}`,
      keeperWanted: `keeper/${this.model}`,
      package: packageArn === null ? null : this.package(packageArn),
      artefact: { uri: 's3://ml-artefacts/model.tar.gz', etag: 'etag' },
      alarms: [],
      alarmsLeft: [],
      scaling: null,
      ledger: { number: ledgerHead, headThere: true, nextThere: false },
      ...this.differs,
    };
  }

  /** A package as the registry shows it. */
  package(packageArn: string): PackageReading {
    const known = this.packages[packageArn];
    return (
      known ?? {
        packageArn,
        status: 'Completed',
        approvalStatus: this.bornAs,
        description: '',
        lastModifiedBy: null,
        lastModifiedAtMs: null,
      }
    );
  }

  /** Somebody sets the status in SageMaker Studio. */
  async studio(
    packageArn: string,
    approvalStatus: string,
    by: string,
    description?: string,
  ): Promise<void> {
    const before = this.package(packageArn);
    this.packages[packageArn] = {
      ...before,
      approvalStatus,
      description: description ?? before.description,
      lastModifiedBy: by,
      lastModifiedAtMs: await this.tick(),
    };
  }

  /** AWS's clock: later at every write. */
  private async tick(): Promise<number> {
    this.lastTickMs = Math.max(this.lastTickMs + 1, await this.now());
    return this.lastTickMs;
  }

  private async write(request: WritePackage): Promise<PackageWritten> {
    const { packageArn, status, description = '', lifeCycle } = request;
    if (status === 'Approved' && this.registryFailures > 0) {
      this.registryFailures -= 1;
      throw new Error('the registry does not answer');
    }
    const before = this.package(packageArn);
    const now = {
      ...before,
      approvalStatus: status ?? before.approvalStatus,
      description: request.description ?? before.description,
      lastModifiedBy: WORKER_ROLE,
      lastModifiedAtMs: await this.tick(),
    };
    this.packages[packageArn] = now;
    if (status !== undefined) this.statuses.push({ packageArn, status, description });
    if (lifeCycle !== undefined) this.stages.push({ packageArn, ...lifeCycle });
    return { before, now, notes: [] };
  }

  private counted<A extends object>(activities: A): A {
    return Object.fromEntries(
      Object.entries<unknown>(activities as Record<string, unknown>).map(([name, run]) => [
        name,
        async (...args: unknown[]) => {
          this.calls[name] = (this.calls[name] ?? 0) + 1;
          const overrides = this.overrides as Record<string, unknown>;
          const chosen = (overrides[name] ?? run) as (...all: unknown[]) => unknown;
          return chosen(...args);
        },
      ]),
    ) as A;
  }

  private look(what: string): number {
    this.looks[what] = (this.looks[what] ?? 0) + 1;
    return this.looks[what];
  }

  /** Every schedule that the policy wants is there at once, unless the world says how it stands. */
  private async keepMonitors(request: KeepMonitors): Promise<MonitorsTold> {
    const nowMs = await this.now();
    if (nowMs < request.notBeforeMs)
      throw notYet('Quiet', 'nothing to compare yet', request.notBeforeMs - nowMs);
    const standings = managedMonitors(request.policy).map((source) => ({
      source: source.id,
      schedule: source.schedule,
      kind: this.monitorStands ?? source.manage.state,
      sentence: `${source.schedule} is ${this.monitorStands ?? source.manage.state}`,
      definition: `${source.schedule}-of-${request.champion?.configName ?? 'none'}`,
      cron: source.manage.cron,
      reached: null,
    }));
    this.monitors = standings;
    const repaired = this.monitorRepairs.splice(0);
    if (repaired.length === 0 && JSON.stringify(standings) === JSON.stringify(request.known))
      throw notYet(
        standings.some(isMoving) ? 'StillRunning' : 'Quiet',
        'as it should be',
        standings.some(isMoving) ? 30_000 : nextReconcileMs(request.policy, nowMs) - nowMs,
      );
    return { atMs: nowMs, standings, done: repaired.map(({ sentence }) => sentence), repaired };
  }

  private reading = async (): Promise<EndpointReading> => ({
    ...this.endpoint,
    atMs: await this.now(),
  });

  /** The config of two versions as a release names it. */
  split(name: string): Split {
    return {
      configName: splitName(name),
      championVariant: 'AllTraffic',
      candidateVariant: 'AllTraffic-candidate',
      alarmNames: [`${name}-candidate-errors`],
    };
  }

  private lostSplit(configName: string): Extract<SplitTrouble, { kind: 'lost' }> | undefined {
    if (this.endpoint.configName === configName) return undefined;
    return { kind: 'lost', reason: `the endpoint serves ${this.endpoint.configName ?? 'nothing'}` };
  }

  private changedByHand(): Extract<SplitTrouble, { kind: 'changed by hand' }> {
    return {
      kind: 'changed by hand',
      percent: this.share,
      reason: `somebody set ${String(this.share)} %`,
    };
  }

  candidate(packageArn: string): Candidate {
    return {
      packageArn,
      version: Number(packageArn.split('/').at(-1)),
      modelDataUrl: `s3://ml-artefacts/${packageArn.split('/').at(-1) ?? ''}.tar.gz`,
      artefact: { etag: 'e', sizeBytes: 10, versionId: 'v1' },
      image: 'image',
      imageDigest: 'sha256:1',
      environment: {},
      approvalStatus: this.bornAs,
      predictionsUri: 's3://ml-artefacts/predictions.parquet',
      trainingRowsUri: null,
      baselineUri: null,
      metadata: {},
    };
  }

  /** The evidence as the world shows it now; `evidenceSalt` makes it other evidence. */
  digested(evidence: Evidence): { evidence: Evidence; digest: string } {
    return {
      digest: `${this.evidenceSalt}digest-${evidence.configName}`,
      evidence:
        this.evidenceSalt === ''
          ? evidence
          : { ...evidence, imageDigest: `sha256:${this.evidenceSalt}` },
    };
  }

  control(): ControlActivities {
    return this.counted<ControlActivities>({
      watchSignals: async (watch) => {
        const nowMs = await this.now();
        const every = durationMs(watch.policy.spec.monitor.every);
        const next = (Math.floor(nowMs / every) + 1) * every;
        if (watch.notBeforeMs > nowMs) throw notYet('Quiet', 'not yet', watch.notBeforeMs - nowMs);
        const told = this.signals.shift();
        const endpoint = await this.reading();
        const changed =
          watch.known.configName !== endpoint.configName ||
          watch.known.pendingConfigName !== endpoint.pendingConfigName ||
          watch.known.endpointStatus !== endpoint.status;
        const closed: { workflowId: string; status: string }[] = [];
        for (const workflowId of watch.releases) {
          const status = await this.env.client.workflow
            .getHandle(workflowId)
            .describe()
            .then(
              (d) => d.status.name,
              () => 'NOT_FOUND',
            );
          if (status !== 'RUNNING' && status !== 'COMPLETED') closed.push({ workflowId, status });
        }
        if (told === undefined && !changed && closed.length === 0)
          throw notYet('Quiet', `All quiet; next look in ${String(next - nowMs)} ms`, next - nowMs);
        return {
          atMs: nowMs,
          endpoint,
          alarms: [],
          metrics: [],
          scheduleDueAtMs: null,
          closedReleases: closed,
          ...told,
        };
      },
      reconcile: async (request) => {
        const nowMs = await this.now();
        const { policy, expected, known, accepted, once } = request;
        const nextMs = nextReconcileMs(policy, nowMs);
        if (once !== true && nowMs < request.notBeforeMs)
          throw notYet('Quiet', 'nothing to compare yet', request.notBeforeMs - nowMs);
        const facts = this.facts(request.ledgerHead);
        const disagreements = disagreementsIn(policy, expected, facts).filter(
          (one) => accepted?.includes(keyOf(one)) !== true,
        );
        const { seen } = expected;
        const keys = disagreements.map(keyOf).sort().join();
        if (
          once !== true &&
          seen?.configName === facts.configName &&
          keys === [...known].sort().join()
        )
          throw notYet('Quiet', 'everything agrees', nextMs - nowMs);
        return {
          atMs: nowMs,
          compared: true,
          disagreements,
          seen:
            seen?.configName === facts.configName
              ? seen
              : {
                  configName: facts.configName,
                  approvalStatus: facts.package?.approvalStatus ?? null,
                  artefactEtag: 'etag',
                },
        };
      },
      readEndpoint: this.reading,
      claimEndpoint: async () => ({ kind: 'claimed', endpoint: await this.reading() }),
      unclaimEndpoint: async () => undefined,
      ensureAlarms: async () => ({ alarms: {}, repaired: [] }),
      publishMetrics: async ({ metrics }) => {
        this.metrics.push(...metrics);
        return this.refusesMetrics
          ? { kind: 'not sent', reason: 'cloudwatch:PutMetricData is missing' }
          : { kind: 'sent' };
      },
      repairAlarms: async () => ({ alarms: {}, differences: [] }),
      removeAlarms: async () => undefined,
      applyScaling: async () => ({ changed: [] }),
      repairScaling: async () => [],
      liftSuspension: async ({ except }) => {
        const by = this.suspendedBy;
        if (by === null) return { kind: 'none' };
        if (except.includes(by)) return { kind: 'kept', by };
        this.suspendedBy = null;
        this.scaling = { ...this.scaling, suspended: false };
        return { kind: 'lifted', by };
      },
      removeScaling: async () => undefined,
      keepMonitors: async (request) => this.keepMonitors(request),
      removeMonitors: async () => {
        const removed = this.monitors.map(({ schedule }) => `${schedule} deleted`);
        this.monitors = [];
        return { removed };
      },
      stopMultivariate: async () => ({ stopped: this.comparing.splice(0) }),
      readScaling: async () => this.scaling,
      suspendScaling: async ({ by = null }) => {
        this.suspendedBy = by;
        this.scaling = { ...this.scaling, suspended: true };
      },
      resumeScaling: async () => {
        this.suspendedBy = null;
        this.scaling = { ...this.scaling, suspended: false };
      },
      startRelease: async (request) => {
        try {
          await this.env.client.workflow.start('release', {
            workflowId: request.workflowId,
            taskQueue: CONTROL_QUEUE,
            args: [request.input],
            workflowIdConflictPolicy: 'USE_EXISTING',
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
            workflowExecutionTimeout: '1000d',
          });
        } catch (error) {
          if (error instanceof WorkflowExecutionAlreadyStartedError)
            return { kind: 'already ours' };
          throw error;
        }
        return { kind: 'started' };
      },
      startPipeline: async (request) => {
        this.started.push(request.name);
        this.parameters.push({ ...request.parameters });
        return { executionArn: `arn:execution/${request.name}`, adopted: false };
      },
      awaitPipeline: async ({ executionArn }) => {
        if (this.look(executionArn) <= this.pipelineLooks)
          throw notYet('StillRunning', 'step Train is executing', this.pipelinePollMs);
        const nowMs = await this.now();
        if (this.pipeline === 'fails')
          return {
            kind: 'failed',
            class: 'user code',
            step: 'Train',
            reason: 'AlgorithmError: no rows',
          };
        const number = String(this.started.length + 1);
        return {
          kind: 'succeeded',
          candidate: this.candidate(
            `arn:aws:sagemaker:us-east-1:111122223333:model-package/${this.model}/${number}`,
          ),
          startedAtMs: nowMs,
          endedAtMs: nowMs,
          steps: [],
        };
      },
      stopPipeline: async ({ name }) => {
        this.stopped.push(name);
        return { kind: 'at rest' };
      },
      retryPipeline: async ({ executionArn }) => {
        this.retried.push(executionArn);
        return { kind: 'running', by: 'us' };
      },
      awaitRevival: async () => {
        throw notYet('StillRunning', 'nobody has retried it', 60_000);
      },
      planJobs: async ({ policy }) =>
        policy.spec.retrain.trainingJob === undefined
          ? { jobs: null, reason: 'the world has no definition' }
          : { jobs: plannedOf(policy.spec.retrain), reason: null },
      startTrainingJob: async (request) => {
        this.started.push(request.name);
        return { jobName: request.name, adopted: false };
      },
      awaitTrainingJob: async ({ jobName }) => {
        if (this.look(jobName) <= this.pipelineLooks)
          throw notYet('StillRunning', 'the job trains', this.pipelinePollMs);
        return {
          kind: 'trained',
          modelDataUrl: `s3://ml-artefacts/${jobName}/model.tar.gz`,
          metrics: { 'train:auc': 0.7 },
          packageArn: null,
          jobArn: `arn:aws:sagemaker:us-east-1:111122223333:training-job/${jobName}`,
          bill: aBill(jobName, 'ml.m5.xlarge', 3_600),
        };
      },
      startEvaluationJob: async (request) => {
        this.started.push(request.name);
        return { jobName: request.name, adopted: false };
      },
      awaitEvaluationJob: async ({ jobName }) => ({
        kind: 'evaluated',
        bill: aBill(jobName, 'ml.m5.large', 1_800),
      }),
      stopJobs: async ({ trainingJobs, evaluationJobs }) => {
        this.stopped.push(...trainingJobs, ...evaluationJobs);
        return { kind: 'at rest' };
      },
      registerCandidate: async () =>
        this.candidate(
          `arn:aws:sagemaker:us-east-1:111122223333:model-package/${this.model}/${String(this.started.length + 1)}`,
        ),
      setApprovalStatus: async (request) => {
        await this.write(request);
      },
      writePackage: async (request) => this.write(request),
      watchPackage: async ({ policy, packageArn, memory, once }) => {
        const now = this.package(packageArn);
        if (once !== true && registryNews(memory, now).kind === 'nothing')
          throw notYet('Quiet', 'as it was left', registryPollMs(policy.spec));
        return now;
      },
      prepareDeployment: async ({ model, policy, name, pending }) => ({
        ...(pending === undefined
          ? {}
          : { registry: await this.write({ model, policy, ...pending }) }),
        configName: name,
        modelName: name,
        plan: rolloutPlan(policy.spec.deploy, [`${name}-errors`, `${name}-abort`]),
        abortAlarmName: `${name}-abort`,
        ...(policy.spec.deploy.strategy === 'steps' ? { split: this.split(name) } : {}),
      }),
      shiftTraffic: async ({ split, percent, expectedPercent }) => {
        const lost = this.lostSplit(split.configName);
        if (lost !== undefined) return lost;
        const judged = judgeShare(this.share, percent, expectedPercent);
        if (judged === 'there') return { kind: 'there' };
        if (judged === 'changed by hand') return this.changedByHand();
        this.share = percent;
        this.shares.push(percent);
        return { kind: 'accepted' };
      },
      awaitShift: async ({ split, percent }) => {
        const lost = this.lostSplit(split.configName);
        if (lost !== undefined) return lost;
        if (this.look(`shift/${split.configName}/${String(percent)}`) <= 1)
          throw notYet('StillMoving', 'the weights change', 30_000);
        return this.share === percent
          ? { kind: 'there', atMs: await this.now() }
          : this.changedByHand();
      },
      watchSplit: async ({ split, percent, untilMs }) => {
        const nowMs = await this.now();
        if (this.candidateAlarm !== null) return { kind: 'alarm', reason: this.candidateAlarm };
        const lost = this.lostSplit(split.configName);
        if (lost !== undefined) return lost;
        if (percent !== null && percent !== this.share) return this.changedByHand();
        if (nowMs < untilMs)
          throw notYet('StillMoving', 'it bakes', Math.min(untilMs - nowMs, this.rolloutPollMs));
        return { kind: 'over', atMs: nowMs };
      },
      findWayBack: async ({ to, previous, left }) => {
        const configName = to ?? previous;
        if (to === null && left !== undefined && left === previous)
          return { kind: 'refused', reason: `${left} was left` };
        if (configName === null || !this.kept.includes(configName)) {
          return { kind: 'refused', reason: `not there; still there: ${this.kept.join(', ')}` };
        }
        return { kind: 'ready', configName, endpoint: await this.reading() };
      },
      pruneConfigs: async ({ keep, wanted, release }) => {
        this.pruned.push({ keep, wanted, release });
        return { removed: [] };
      },
      openSplit: async ({ release }) => {
        this.candidateScales = true;
        this.steppedFor.add(release);
        return { done: [] };
      },
      closeSplit: async ({ release }) => {
        this.candidateScales = false;
        this.steppedFor.delete(release);
      },
      prepareShadow: async ({ configName, policy }) =>
        this.shadowRefusal.length > 0
          ? { kind: 'refused', reasons: this.shadowRefusal }
          : {
              kind: 'ready',
              configName: `${configName}-shadow`,
              variant: `${policy.spec.endpoint.variant}-shadow`,
            },
      prepareStaging: async ({ configName, policy }) => {
        this.staged.push(configName);
        const { staging } = policy.spec.deploy;
        return this.stagingRefusal !== null
          ? { kind: 'refused', reason: this.stagingRefusal }
          : {
              kind: 'ready',
              configName: `${configName}-staging`,
              endpoint: {
                ...(await this.reading()),
                name: staging?.endpoint ?? '',
                configName: this.stagingServes,
              },
            };
      },
      checkStaging: async () => this.stagingVerdict,
      tidyStaging: async ({ remove, policy }) => {
        this.tidied.push({ endpoint: policy.spec.deploy.staging?.endpoint ?? '', remove });
        return { removed: [] };
      },
      discardDeployment: async ({ names, keepConfig }) => {
        if (this.deletionDenied !== null) throw new Error(this.deletionDenied);
        if (!keepConfig) this.discarded.push(...names);
      },
      preflight: async ({ evidence, packageArn }) => ({
        refused: this.preflightRefusal,
        warnings: [],
        endpoint: await this.reading(),
        ...this.digested(evidence),
        ...(packageArn === null ? {} : { registry: this.package(packageArn) }),
      }),
      updateEndpoint: async ({ configName, expectedConfigName, plain, policy }) => {
        if (policy.spec.endpoint.name !== this.model) {
          if (this.stagingServes !== expectedConfigName)
            return { kind: 'champion changed', configName: this.stagingServes };
          this.stagingUpdates.push(configName);
          this.stagingServes = configName;
          return { kind: 'accepted' };
        }
        const mixed = this.endpoint.status === 'UpdateRollbackFailed';
        if (this.endpoint.configName === configName && !mixed) return { kind: 'already serving' };
        if (expectedConfigName !== null && this.endpoint.configName !== expectedConfigName) {
          return { kind: 'champion changed', configName: this.endpoint.configName };
        }
        if (this.candidateScales) {
          const reason = 'AllTraffic-candidate is a scalable target';
          return { kind: 'refused', reason };
        }
        if (configName === this.missingConfig)
          throw ApplicationFailure.nonRetryable(
            `Could not find endpoint configuration "${configName}"`,
          );
        this.updates.push({ to: configName, plain: plain ?? false });
        this.share = 0;
        this.endpoint = { ...this.endpoint, status: 'Updating', pendingConfigName: configName };
        return { kind: 'accepted' };
      },
      awaitRest: async ({ configName, journey, tellMoves, policy }): Promise<RolloutOutcome> => {
        const nowMs = await this.now();
        if (policy.spec.endpoint.name !== this.model) {
          if (this.look(`staging/${configName}`) <= 2)
            throw notYet('StillMoving', 'Creating', this.rolloutPollMs);
          const endpoint = { ...(await this.reading()), configName };
          return { kind: 'in service', endpoint, progress: [] };
        }
        const tripped = this.tripped.length > 0 && this.endpoint.pendingConfigName === configName;
        if (
          !tripped &&
          this.endpoint.pendingConfigName !== null &&
          this.look(`rest/${configName}`) <= this.rolloutLooks
        ) {
          const progress = [{ atMs: nowMs, what: 'Baking for 600 seconds' }];
          if (tellMoves && journey.progress.length === 0)
            return { kind: 'moved', journey: { ...journey, progress } };
          throw notYet('StillMoving', 'Baking for 600 seconds', this.rolloutPollMs);
        }
        const way =
          configName.startsWith(this.model) && !configName.endsWith('-split')
            ? this.rollout
            : 'in service';
        const failsAgain = this.endpoint.pendingConfigName === 'first' && this.mixedAgain > 0;
        if ((this.endpoint.pendingConfigName !== null && way === 'mixed') || failsAgain) {
          if (failsAgain) this.mixedAgain -= 1;
          this.endpoint = {
            ...this.endpoint,
            status: 'UpdateRollbackFailed',
            pendingConfigName: null,
          };
        }
        if (this.endpoint.status === 'UpdateRollbackFailed') {
          const reason = 'the rollback failed and a mixed fleet serves';
          return { kind: 'stuck', reason, endpoint: await this.reading(), progress: [] };
        }
        if (this.endpoint.pendingConfigName !== null) {
          if (tripped || way !== 'in service')
            this.endpoint = {
              ...this.endpoint,
              status: 'InService',
              pendingConfigName: null,
              lastModifiedAtMs: nowMs,
            };
          else this.serve(configName, nowMs);
        }
        const endpoint = await this.reading();
        const progress = [{ atMs: nowMs, what: 'Baking for 600 seconds' }];
        if (endpoint.configName === configName) return { kind: 'in service', endpoint, progress };
        return {
          kind: 'rolled back',
          silent: way === 'silent',
          reason: tripped
            ? 'the abort alarm'
            : way === 'silent'
              ? 'no reason given'
              : 'alarm errors went off',
          endpoint,
          progress,
        };
      },
      tripAlarm: async ({ alarmName }) => {
        this.tripped.push(alarmName);
      },
      watchBake: async ({ look, sinceMs, bakeMs }) => {
        const nowMs = await this.now();
        const compared = this.bakes[look.k - 1];
        const dueMs = sinceMs + (bakeMs * look.k) / look.of;
        if (compared === undefined || nowMs < dueMs)
          throw notYet('StillMoving', 'compared later', Math.max(1_000, dueMs - nowMs));
        return { ...compared, atMs: nowMs, look };
      },
      compareBake: async ({ windows, look }) => ({
        ...this.compared,
        atMs: await this.now(),
        windows,
        look,
      }),
      checkPolicy: async ({ policy }) =>
        policySchema.safeParse(policy).success ? [] : ['spec: not a policy'],
      record: async ({ drafts }) => {
        if (drafts.some(({ decision }) => decision === this.unenterable))
          throw new Error('S3 is down');
        for (const draft of drafts) {
          if (!this.ledger.some((entry) => entry.id === draft.id)) this.ledger.push(draft);
        }
        return { number: this.ledger.length, hash: `hash-${String(this.ledger.length)}` };
      },
      rebuild: async () => ({
        head: { number: 0, hash: NO_HASH },
        lastRelease: 0,
        lastEndedAtMs: null,
        lastResultKind: null,
        lastEndedRelease: null,
        startsAtMs: [],
        blocked: [],
        championSinceMs: null,
        championConfigName: null,
        previousConfigName: null,
        unfinished: [],
        frozen: null,
      }),
      publishEvents: async ({ events }) => {
        this.batches.push(events);
        return { taken: events.map(({ id }) => id), refused: [], why: null };
      },
      notify: async (message) => {
        const quietHours = message.policy.spec.notify?.quietHours;
        if (message.mayWait === true && quietHours !== undefined) {
          const untilMs = quietUntilMs(quietHours, await this.now());
          if (untilMs !== null) return { kind: 'quiet', untilMs };
        }
        if (!this.notices.some((sent) => sent.dedupeKey === message.dedupeKey))
          this.notices.push(message);
        return { kind: 'sent', reason: '' };
      },
    });
  }

  data(): DataActivities {
    return this.counted<DataActivities>({
      watchData: async (watch) => {
        const nowMs = await this.now();
        const every = durationMs(watch.policy.spec.monitor.every);
        const next = (Math.floor(nowMs / every) + 1) * every;
        if (watch.notBeforeMs > nowMs) throw notYet('Quiet', 'not yet', watch.notBeforeMs - nowMs);
        const windows = this.windows.shift();
        const noData = this.noData.splice(0);
        const advice = this.advice
          .splice(0)
          .filter(({ source, key }) => watch.toldAdvice?.[source] !== key);
        if (windows === undefined && noData.length === 0 && advice.length === 0)
          throw notYet('Quiet', 'no window is complete', next - nowMs);
        return {
          atMs: nowMs,
          windows: windows ?? [],
          noData,
          ...(advice.length === 0 ? {} : { advice }),
          dataAgain: [],
          countedToMs: Object.fromEntries(
            (windows ?? []).map((window) => [window.source, window.toMs]),
          ),
        };
      },
      prepareBaseline: async () => ({
        kind: 'ready',
        uri: 's3://ml-artefacts/profile.json',
        rows: 10_000,
      }),
      compareAnswers: async () => [],
      evaluateCandidate: async () => ({
        verdict: this.gates,
        reasons: this.gates === 'fail' ? ['auc-ni: the candidate is worse by 0.03'] : [],
        rows: 6_000,
        champion: [{ metric: 'roc_auc', estimate: 0.6, lower: 0.58, upper: 0.62 }],
        candidate: [{ metric: 'roc_auc', estimate: 0.65, lower: 0.63, upper: 0.67 }],
        gates: [
          {
            id: 'auc-ni',
            kind: 'non_inferior',
            metric: 'roc_auc',
            severity: 'required',
            verdict: this.gates,
            estimateChampion: 0.6,
            estimateCandidate: 0.65,
            delta: 0.05,
            lower: 0.03,
            upper: 0.07,
            n: 6_000,
            reason: `delta 0.05: ${this.gates}`,
          },
        ],
        reportUri: 's3://ml-artefacts/report.json',
        reportDigest: 'r',
      }),
    });
  }

  /** Stands still in virtual time: holds the clock while the test acts. */
  static async hold(ms: number): Promise<void> {
    await sleep(ms);
  }

  static attempt = (): number => activityInfo().attempt;
}
