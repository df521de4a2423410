import type { Kernel, ScalableFleet } from '../kernel.js';
import { arnOf, filtered, pageOf, taken } from './context.js';
import { checkDeploymentConfig } from './endpoint-checks.js';
import type { EndpointRecord, Fate, Fleet, Motion, VariantState } from './endpoint-record.js';
import {
  deploymentEvent,
  describeEndpoint,
  endpointEvent,
  endpointSummary,
} from './endpoint-views.js';
import { asynchronousOf } from './hosting.js';
import type { EndpointConfigRecord, Hosting } from './hosting.js';
import { planWalk, polledBetween, walk } from './rollout.js';
import type { Containers } from './serving.js';
import { createEndpoint, endpointByName, page, updateEndpoint, updateWeights } from './shapes.js';
import type {
  DeploymentConfig,
  ProductionVariant,
  ServerlessConfig,
  WantedCapacity,
} from './shapes.js';
import type { Tags } from './tags.js';
import { invalid, parse } from './validate.js';

type Updating = Extract<Motion, { kind: 'updating' }>;

const COLLECTION = 'sagemaker.endpoints';
const NO_CAPACITY =
  'CapacityError: Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. Please retry using a different ML instance type or after some time.';

/**
 * The endpoints: each is a document with the instants of what it is going through, stepped by
 * `step`, so that a restart goes on where the clock says.
 */
export class Endpoints {
  /** By lower-case name: endpoint names are unique ignoring case. Writes go through to the store. */
  private readonly all: Map<string, EndpointRecord>;

  constructor(
    private readonly kernel: Kernel,
    private readonly hosting: Hosting,
    private readonly containers: Containers,
    private readonly tags: Tags,
  ) {
    this.all = new Map(kernel.store.entries<EndpointRecord>(COLLECTION));
  }

  get operations() {
    return {
      CreateEndpoint: (input: unknown) => this.create(input),
      DescribeEndpoint: (input: unknown) =>
        describeEndpoint(this.found(parse(endpointByName, input).EndpointName)),
      ListEndpoints: (input: unknown) => {
        const request = parse(page, input);
        const { items, ...next } = pageOf(filtered([...this.all.values()], request), request);
        return { Endpoints: items.map(endpointSummary), ...next };
      },
      UpdateEndpoint: (input: unknown) => this.update(input),
      UpdateEndpointWeightsAndCapacities: (input: unknown) => this.updateWeights(input),
      DeleteEndpoint: (input: unknown) => this.remove(input),
    };
  }

  /** The capacity that Application Auto Scaling reads and changes. */
  get scalable(): ScalableFleet {
    const variantOf = (resourceId: string) => {
      const [, endpointName = '', , variantName] = resourceId.split('/');
      const endpoint = this.all.get(endpointName.toLowerCase());
      const variant = endpoint?.fleet?.variants.find(({ name }) => name === variantName);
      return endpoint && variant && { endpoint, variant };
    };
    return {
      desiredCount: (resourceId) => variantOf(resourceId)?.variant.desiredCount,
      setDesiredCount: (resourceId, count) => {
        const target = variantOf(resourceId);
        if (target?.endpoint.status !== 'InService') return;
        target.variant.desiredCount = count;
        this.resize(target.endpoint, taken(this.kernel, 'provision'));
      },
      mayBeNone: (resourceId) => variantOf(resourceId)?.endpoint.fleet?.asynchronous !== undefined,
      busy: (resourceId) => variantOf(resourceId)?.endpoint.status !== 'InService',
    };
  }

  get(name: string): EndpointRecord | undefined {
    const endpoint = this.all.get(name.toLowerCase());
    return endpoint && this.kernel.now() >= endpoint.visibleAtMs ? endpoint : undefined;
  }

  values(): Iterable<EndpointRecord> {
    return this.all.values();
  }

  /** Brings every endpoint to where it should be now. Called often; one at a time. */
  async step(): Promise<void> {
    for (const endpoint of [...this.all.values()]) await this.stepOne(endpoint);
  }

  private create(input: unknown) {
    const {
      EndpointName: name,
      EndpointConfigName,
      DeploymentConfig,
      Tags,
    } = parse(createEndpoint, input);
    const arn = arnOf(this.kernel, 'endpoint', name);
    const config = this.hosting.foundConfig(EndpointConfigName);
    if (this.all.has(name.toLowerCase())) {
      throw invalid(`Cannot create already existing endpoint "${arn}".`);
    }
    const nowMs = this.kernel.now();
    const fate = this.fate(name, ['capacity', 'stuck creating']);
    const late = this.kernel.takeFault('eventual consistency', name) !== undefined;
    const endpoint: EndpointRecord = {
      name,
      arn,
      createdAtMs: nowMs,
      visibleAtMs: late ? nowMs + taken(this.kernel, 'visibility') : nowMs,
      modifiedAtMs: nowMs,
      status: 'Creating',
      motion: {
        kind: 'creating',
        fleet: this.fleetOf(config),
        readyAtMs:
          nowMs + taken(this.kernel, fate === 'stuck creating' ? 'healthCheck' : 'provision'),
        ...(fate && { fate }),
      },
      ...(DeploymentConfig && { lastDeploymentConfig: DeploymentConfig }),
    };
    this.tags.add(arn, Tags);
    this.all.set(name.toLowerCase(), endpoint);
    this.changed(endpoint);
    return { EndpointArn: arn };
  }

  private update(input: unknown) {
    const request = parse(updateEndpoint, input);
    const endpoint = this.found(request.EndpointName);
    if (endpoint.status !== 'InService' && endpoint.status !== 'UpdateRollbackFailed')
      this.refuseInMotion(endpoint);
    const serving = endpoint.fleet;
    if (serving === undefined) throw this.inMotion(endpoint);
    const target = this.hosting.foundConfig(request.EndpointConfigName);
    // AWS reads the config in use as well: without it no update is possible any more.
    this.hosting.foundConfig(serving.configName);
    if (target.name === serving.configName && endpoint.status === 'InService') {
      throw invalid('Cannot update endpoint with the currently in use endpoint configuration.');
    }
    this.refuseOtherKind(endpoint.name, serving, target);
    this.refuseScaledVariants(endpoint.name, serving, target);
    const fleet = this.fleetOf(target);
    if (request.RetainAllVariantProperties === true) {
      const excluded =
        request.ExcludeRetainedVariantProperties?.map((p) => p.VariantPropertyType) ?? [];
      retainProperties(serving, fleet, excluded);
    }
    const config =
      request.RetainDeploymentConfig === true
        ? endpoint.lastDeploymentConfig
        : request.DeploymentConfig;
    const sizes = fleet.variants.map(({ desiredCount }) => desiredCount);
    const unguarded = serving.unguarded === true || fleet.unguarded === true;
    // What cannot be guarded is updated all at once, without bake and alarms, and nobody is told.
    if (config && !unguarded) checkDeploymentConfig(this.kernel, config, sizes);
    this.begin(endpoint, fleet, unguarded ? undefined : config, Math.min(...sizes));
    return { EndpointArn: endpoint.arn };
  }

  private begin(
    endpoint: EndpointRecord,
    fleet: Fleet,
    config: DeploymentConfig | undefined,
    instances: number,
  ): void {
    const nowMs = this.kernel.now();
    const rolling = config?.RollingUpdatePolicy !== undefined;
    // Only a rolling update mixes its fleets, and so only its rollback can fail half-way.
    const fate = this.fate(endpoint.name, [
      'silent rollback',
      ...(rolling ? (['UpdateRollbackFailed'] as const) : []),
      'capacity',
    ]);
    endpoint.motion = {
      kind: 'updating',
      fleet,
      walk: planWalk(nowMs, config, Math.max(1, instances), {
        provisionMs: taken(this.kernel, 'provision'),
        activateMs: taken(this.kernel, 'activateTraffic'),
        terminateMs: taken(this.kernel, 'terminate'),
      }),
      alarms: config?.AutoRollbackConfiguration?.Alarms?.map(({ AlarmName }) => AlarmName) ?? [],
      ...(config && { deploymentConfig: config }),
      ...(fate && { fate }),
      rolling,
      staged: false,
      phase: 0,
      phaseSinceMs: nowMs,
      polledToMs: nowMs,
    };
    endpoint.status = 'Updating';
    this.changed(endpoint);
    this.tellDeployment(endpoint);
  }

  private updateWeights(input: unknown) {
    const { EndpointName, DesiredWeightsAndCapacities } = parse(updateWeights, input);
    const endpoint = this.found(EndpointName);
    this.refuseInMotion(endpoint);
    const variants = endpoint.fleet?.variants ?? [];
    for (const { VariantName } of DesiredWeightsAndCapacities) {
      if (!variants.some(({ name }) => name === VariantName)) {
        throw invalid(
          `The following variants do not exist in endpoint "${endpoint.arn}": ${VariantName}.`,
        );
      }
    }
    const before = Object.fromEntries(
      variants.map(({ name, desiredWeight, desiredCount }) => [
        name,
        { weight: desiredWeight, count: desiredCount },
      ]),
    );
    let scales = false;
    for (const wanted of DesiredWeightsAndCapacities) {
      for (const variant of variants.filter(({ name }) => name === wanted.VariantName)) {
        refuseCapacity(wanted, variant, endpoint.fleet?.asynchronous !== undefined);
      }
    }
    for (const wanted of DesiredWeightsAndCapacities) {
      for (const variant of variants.filter(({ name }) => name === wanted.VariantName)) {
        if (variant.serverless !== undefined)
          variant.serverless = updated(variant.serverless, wanted.ServerlessUpdateConfig);
        variant.desiredWeight = wanted.DesiredWeight ?? variant.desiredWeight;
        scales ||=
          wanted.DesiredInstanceCount !== undefined && wanted.DesiredInstanceCount > variant.count;
        variant.desiredCount = wanted.DesiredInstanceCount ?? variant.desiredCount;
      }
    }
    const fails = this.fate(endpoint.name, ['capacity']) !== undefined;
    this.resize(
      endpoint,
      taken(this.kernel, scales ? 'provision' : 'changeWeights'),
      fails ? before : undefined,
    );
    return { EndpointArn: endpoint.arn };
  }

  private resize(
    endpoint: EndpointRecord,
    ms: number,
    before?: Extract<Motion, { kind: 'resizing' }>['before'],
  ): void {
    endpoint.motion = {
      kind: 'resizing',
      endAtMs: this.kernel.now() + ms,
      ...(before === undefined ? {} : { before }),
    };
    endpoint.status = 'Updating';
    this.changed(endpoint);
  }

  private remove(input: unknown) {
    const endpoint = this.found(parse(endpointByName, input).EndpointName);
    if (endpoint.motion !== undefined) throw this.inMotion(endpoint);
    endpoint.motion = {
      kind: 'deleting',
      endAtMs: this.kernel.now() + taken(this.kernel, 'deleteEndpoint'),
    };
    endpoint.status = 'Deleting';
    this.kernel.scalableTargets.deregister(endpoint.name);
    this.changed(endpoint);
    return {};
  }

  private async stepOne(endpoint: EndpointRecord): Promise<void> {
    const { motion } = endpoint;
    const nowMs = this.kernel.now();
    switch (motion?.kind) {
      case undefined:
        if (endpoint.status === 'InService') this.maybeMaintain(endpoint);
        return;
      case 'creating':
        if (nowMs >= motion.readyAtMs) await this.endCreation(endpoint, motion);
        return;
      case 'updating':
        await this.stepUpdate(endpoint, motion, nowMs);
        return;
      case 'resizing':
        if (nowMs < motion.endAtMs) return;
        if (motion.before !== undefined && !this.goneBack(endpoint, motion, nowMs)) return;
        for (const variant of endpoint.fleet?.variants ?? []) {
          variant.weight = variant.desiredWeight;
          variant.count = variant.desiredCount;
        }
        this.rest(endpoint, 'InService');
        return;
      case 'maintenance':
        if (nowMs >= motion.endAtMs) this.rest(endpoint, 'InService');
        return;
      case 'deleting':
        if (nowMs < motion.endAtMs) return;
        this.all.delete(endpoint.name.toLowerCase());
        this.kernel.store.delete(COLLECTION, endpoint.name.toLowerCase());
        this.tags.drop(endpoint.arn);
        return;
    }
  }

  /**
   * A change of weights or counts that failed goes back to what was before. AWS calls it `RollingBack` on endpoints that
   * auto scaling works on, and says why in FailureReason.
   */
  private goneBack(
    endpoint: EndpointRecord,
    motion: Extract<Motion, { kind: 'resizing' }>,
    nowMs: number,
  ): boolean {
    if (motion.backAtMs === undefined) {
      motion.backAtMs = nowMs + taken(this.kernel, 'rollBack');
      if (this.kernel.scalableTargets.variantsOf(endpoint.name).length > 0)
        endpoint.status = 'RollingBack';
      endpoint.failureReason = NO_CAPACITY;
      for (const variant of endpoint.fleet?.variants ?? []) {
        const before = motion.before?.[variant.name];
        variant.desiredWeight = before?.weight ?? variant.desiredWeight;
        variant.desiredCount = before?.count ?? variant.desiredCount;
      }
      this.changed(endpoint);
    }
    return nowMs >= motion.backAtMs;
  }

  private async endCreation(
    endpoint: EndpointRecord,
    { fleet, fate }: Extract<Motion, { kind: 'creating' }>,
  ): Promise<void> {
    const failure =
      fate === 'capacity'
        ? NO_CAPACITY
        : fate === 'stuck creating'
          ? `The primary container for production variant ${fleet.variants[0]?.name ?? ''} did not pass the ping health check. Please check CloudWatch logs for this endpoint.`
          : await this.stage(fleet);
    endpoint.fleet = fleet;
    if (failure !== undefined) endpoint.failureReason = failure;
    this.rest(endpoint, failure === undefined ? 'InService' : 'Failed');
  }

  private async stepUpdate(
    endpoint: EndpointRecord,
    motion: Updating,
    nowMs: number,
  ): Promise<void> {
    if (motion.rollback) {
      if (nowMs >= motion.rollback.endAtMs) this.settleOnOld(endpoint, motion.rollback.reason);
      return;
    }
    if (polledBetween(motion.walk, motion.polledToMs, nowMs)) {
      const ringing = motion.alarms.filter((name) => this.kernel.alarmState(name) === 'ALARM');
      if (ringing.length > 0) {
        this.rollBack(
          endpoint,
          motion,
          `The deployment was rolled back because the following alarms were in ALARM state: ${ringing.join(', ')}.`,
        );
        return;
      }
    }
    motion.polledToMs = nowMs;
    const position = walk(motion.walk, nowMs);
    const index = position.kind === 'in phase' ? position.index : motion.walk.phases.length;
    if (index > 0 && !motion.staged) {
      const failure = motion.fate === 'capacity' ? NO_CAPACITY : await this.stage(motion.fleet);
      if (failure !== undefined) {
        this.rollBack(endpoint, motion, failure);
        return;
      }
      motion.staged = true;
      this.save(endpoint);
    }
    if (position.kind === 'timed out') {
      this.rollBack(
        endpoint,
        motion,
        'The deployment did not complete within MaximumExecutionTimeoutInSeconds.',
      );
    } else if (motion.fate !== undefined && index > firstTraffic(motion)) {
      this.meetFate(endpoint, motion);
    } else if (position.kind === 'done') {
      this.settleOnNew(endpoint, motion);
    } else if (index !== motion.phase) {
      motion.phase = index;
      motion.phaseSinceMs = position.sinceMs;
      endpoint.modifiedAtMs = nowMs;
      this.save(endpoint);
      this.tellDeployment(endpoint);
    }
  }

  /** What a fault asked for, once the new fleet has had its first traffic. */
  private meetFate(endpoint: EndpointRecord, motion: Updating): void {
    if (motion.fate !== 'UpdateRollbackFailed') {
      this.settleOnOld(endpoint, undefined);
      return;
    }
    const share = motion.walk.phases[motion.phase]?.newTraffic ?? 0;
    endpoint.stranded = { fleet: motion.fleet, share };
    endpoint.failureReason = 'Update rollback failed; the endpoint serves from both fleets.';
    this.rest(endpoint, 'UpdateRollbackFailed');
  }

  /** AWS shows `RollingBack` sometimes and goes on saying `Updating` at other times: so does this. */
  private rollBack(endpoint: EndpointRecord, motion: Updating, reason: string): void {
    motion.rollback = { endAtMs: this.kernel.now() + taken(this.kernel, 'rollBack'), reason };
    const says = motion.rolling || this.kernel.random('sagemaker.rollback status') < 0.5;
    if (says) endpoint.status = 'RollingBack';
    this.changed(endpoint);
    this.tellDeployment(endpoint);
  }

  private settleOnOld(endpoint: EndpointRecord, reason: string | undefined): void {
    if (reason !== undefined) endpoint.failureReason = reason;
    this.rest(endpoint, 'InService');
  }

  private settleOnNew(endpoint: EndpointRecord, motion: Updating): void {
    for (const variant of motion.fleet.variants) variant.count = variant.desiredCount;
    endpoint.fleet = motion.fleet;
    delete endpoint.stranded;
    if (motion.deploymentConfig) endpoint.lastDeploymentConfig = motion.deploymentConfig;
    this.rest(endpoint, 'InService');
    this.tellDeployment(endpoint);
  }

  private maybeMaintain(endpoint: EndpointRecord): void {
    if (this.kernel.takeFault('SystemUpdating', endpoint.name) === undefined) return;
    endpoint.motion = {
      kind: 'maintenance',
      endAtMs: this.kernel.now() + taken(this.kernel, 'maintenance'),
    };
    endpoint.status = 'SystemUpdating';
    this.changed(endpoint);
  }

  private rest(
    endpoint: EndpointRecord,
    status: 'InService' | 'Failed' | 'UpdateRollbackFailed',
  ): void {
    delete endpoint.motion;
    endpoint.status = status;
    this.changed(endpoint);
  }

  /** @returns why the fleet cannot start, in AWS's words; `undefined` when it can. */
  private async stage(fleet: Fleet): Promise<string | undefined> {
    try {
      for (const variant of [...fleet.variants, ...(fleet.shadows ?? [])]) {
        if (variant.modelDataUrl === undefined) continue;
        variant.artefact = await this.containers.stage(variant.name, variant.modelDataUrl);
      }
      return undefined;
    } catch (error) {
      return (error instanceof Error ? error.message : String(error)).slice(0, 1024);
    }
  }

  /** Whether SageMaker gives an endpoint of this config no deployment guardrails. */
  private isUnguarded(config: EndpointConfigRecord): boolean {
    return config.variants.some(
      ({ ModelName, InstanceType, ServerlessConfig, ...rest }) =>
        ServerlessConfig !== undefined ||
        InstanceType?.startsWith('ml.inf1.') === true ||
        rest['AcceleratorType'] !== undefined ||
        (ModelName !== undefined && this.hosting.isFromMarketplace(this.hosting.model(ModelName))),
    );
  }

  private fleetOf(config: EndpointConfigRecord): Fleet {
    const asynchronous = asynchronousOf(config);
    return {
      configName: config.name,
      variants: config.variants.map((variant) => this.variantOf(variant)),
      // Configs of a sandbox that knew no shadows have none.
      shadows:
        (config.shadows as typeof config.shadows | undefined)?.map((variant) =>
          this.variantOf(variant),
        ) ?? [],
      ...(config.capture && { capture: config.capture }),
      ...(asynchronous && { asynchronous }),
      ...(this.isUnguarded(config) && { unguarded: true }),
      metricsEverySeconds: config.metricsEverySeconds,
      resolvedAtMs: this.kernel.now(),
    };
  }

  private variantOf(variant: ProductionVariant): VariantState {
    const model =
      variant.ModelName === undefined ? undefined : this.hosting.model(variant.ModelName);
    if (variant.ModelName !== undefined && model === undefined) {
      throw invalid(`Could not find model "${arnOf(this.kernel, 'model', variant.ModelName)}".`);
    }
    const containers = model?.containers.map((container) => this.hosting.resolved(container)) ?? [];
    const [first] = containers;
    const modelDataUrl = first?.ModelDataUrl ?? first?.ModelDataSource?.S3DataSource?.S3Uri;
    const count = variant.ServerlessConfig === undefined ? (variant.InitialInstanceCount ?? 1) : 0;
    const weight = variant.InitialVariantWeight ?? 1;
    return {
      name: variant.VariantName,
      ...(variant.ModelName !== undefined && { modelName: variant.ModelName }),
      ...(variant.InstanceType !== undefined && { instanceType: variant.InstanceType }),
      ...(variant.ServerlessConfig && { serverless: variant.ServerlessConfig }),
      images: containers.flatMap(({ Image }) => (Image === undefined ? [] : [Image])),
      ...(modelDataUrl !== undefined && { modelDataUrl }),
      weight,
      desiredWeight: weight,
      count,
      desiredCount: count,
    };
  }

  /** What an endpoint cannot become by an update. */
  private refuseOtherKind(name: string, serving: Fleet, target: EndpointConfigRecord): void {
    const wasAsynchronous = serving.asynchronous !== undefined;
    const isAsynchronous = asynchronousOf(target) !== undefined;
    if (wasAsynchronous !== isAsynchronous)
      throw invalid(
        `The AsyncInferenceConfig parameter cannot be ${wasAsynchronous ? 'removed from' : 'added to'} this endpoint ${name}.`,
      );
    const wasServerless = serving.variants.some(({ serverless }) => serverless !== undefined);
    if (
      !wasServerless &&
      target.variants.some(({ ServerlessConfig }) => ServerlessConfig !== undefined)
    ) {
      throw invalid('A real-time endpoint cannot be converted to a serverless endpoint.');
    }
  }

  /** A scaled variant may get another model, but must stay, on the same instances. */
  private refuseScaledVariants(
    endpointName: string,
    serving: Fleet,
    target: EndpointConfigRecord,
  ): void {
    const scaled = this.kernel.scalableTargets.variantsOf(endpointName);
    const changed = serving.variants.filter(
      ({ name, instanceType }) =>
        scaled.includes(name) &&
        target.variants.find(({ VariantName }) => VariantName === name)?.InstanceType !==
          instanceType,
    );
    if (changed.length === 0) return;
    const names = changed.map(({ name }) => name).join(', ');
    throw invalid(
      `The update would change the instance type of, or remove, the following variants, which are scalable targets of Application Auto Scaling: ${names}. Deregister them before updating the endpoint.`,
    );
  }

  private found(name: string): EndpointRecord {
    const endpoint = this.get(name);
    if (endpoint !== undefined) return endpoint;
    throw invalid(`Could not find endpoint "${arnOf(this.kernel, 'endpoint', name)}".`);
  }

  private refuseInMotion(endpoint: EndpointRecord): void {
    if (endpoint.status !== 'InService') throw this.inMotion(endpoint);
  }

  private inMotion(endpoint: EndpointRecord) {
    return invalid(`Cannot update in-progress endpoint "${endpoint.arn}".`);
  }

  private fate(name: string, kinds: readonly Fate[]): Fate | undefined {
    return kinds.find((kind) => this.kernel.takeFault(kind, name) !== undefined);
  }

  private changed(endpoint: EndpointRecord): void {
    endpoint.modifiedAtMs = this.kernel.now();
    this.save(endpoint);
    this.kernel.emit(endpointEvent(endpoint, this.tagMap(endpoint), endpoint.modifiedAtMs));
  }

  /** Deployments without guardrails are told by no event of their own. */
  private tellDeployment(endpoint: EndpointRecord): void {
    const { fleet, motion } = endpoint;
    const coming = motion?.kind === 'updating' ? motion.fleet : fleet;
    if (fleet?.unguarded === true || coming?.unguarded === true) return;
    this.kernel.emit(deploymentEvent(endpoint, this.tagMap(endpoint)));
  }

  private save(endpoint: EndpointRecord): void {
    this.kernel.store.put(COLLECTION, endpoint.name.toLowerCase(), endpoint);
  }

  private tagMap(endpoint: EndpointRecord): object {
    return Object.fromEntries(this.tags.of(endpoint.arn).map(({ Key, Value }) => [Key, Value]));
  }
}

/** Counts are of instances, concurrency is of serverless variants, and only an asynchronous endpoint goes down to none. */
function refuseCapacity(
  { DesiredInstanceCount: count, ServerlessUpdateConfig: update }: WantedCapacity,
  { name, serverless }: VariantState,
  asynchronous: boolean,
): void {
  if (serverless === undefined) {
    if (update !== undefined)
      throw invalid(
        `ServerlessUpdateConfig cannot be specified for variant ${name}, which has instances.`,
      );
    if (count === 0 && !asynchronous)
      throw invalid(`DesiredInstanceCount of variant ${name} must be at least 1.`);
    return;
  }
  if (count !== undefined)
    throw invalid(`DesiredInstanceCount cannot be specified for serverless variant ${name}.`);
  const { ProvisionedConcurrency = 0, MaxConcurrency } = updated(serverless, update);
  if (ProvisionedConcurrency > MaxConcurrency)
    throw invalid(
      `ProvisionedConcurrency ${ProvisionedConcurrency} must be less than or equal to MaxConcurrency ${MaxConcurrency}.`,
    );
}

const updated = (
  serverless: ServerlessConfig,
  update: WantedCapacity['ServerlessUpdateConfig'],
): ServerlessConfig => ({
  ...serverless,
  MaxConcurrency: update?.MaxConcurrency ?? serverless.MaxConcurrency,
  ProvisionedConcurrency: update?.ProvisionedConcurrency ?? serverless.ProvisionedConcurrency,
});

/** Index of the first phase in which the new fleet has traffic. */
function firstTraffic({ walk: { phases } }: Updating): number {
  const baking = phases.findIndex(({ status }) => status === 'Baking');
  return baking === -1 ? phases.findIndex(({ newTraffic }) => newTraffic > 0) : baking;
}

function retainProperties(serving: Fleet, coming: Fleet, excluded: readonly string[]): void {
  for (const variant of coming.variants) {
    const old = serving.variants.find(({ name }) => name === variant.name);
    if (old === undefined) continue;
    if (!excluded.includes('DesiredInstanceCount'))
      variant.count = variant.desiredCount = old.desiredCount;
    if (!excluded.includes('DesiredWeight'))
      variant.weight = variant.desiredWeight = old.desiredWeight;
  }
}
