import { unmeasurableLimits } from '../domain/endpoint-metrics.js';
import {
  countsMoney,
  dollars,
  forecast,
  plannedOf,
  pricesOf,
  watchingAtMost,
  type Cost,
} from '../domain/cost.js';
import { durationMs } from '../domain/duration.js';
import { componentsFault, hostingFaults, type HostedAs } from '../domain/hosting.js';
import { managedMonitors } from '../domain/managed-monitors.js';
import { whoCanApprove } from '../domain/people.js';
import {
  declaredParameters,
  parameterFaults,
  plannedJobs,
  stepNames,
  typeFault,
} from '../domain/pipeline-definition.js';
import {
  PARAMETER_TOKENS,
  type ModelMonitorSource,
  type Policy,
  type Source,
} from '../domain/policy.schema.js';
import { planInWords, rolloutPlan } from '../domain/rollout.js';
import { stagingCheck, stagingInWords } from '../domain/staging.js';
import type { KeeperStatus } from '../domain/status.js';
import {
  factOf,
  type Account,
  type EndpointFacts,
  type Fact,
  type PipelineFacts,
} from './account.js';
import { nearest } from './policy-issues.js';

/** What the account says about everything a policy names. */
export interface PlanFacts {
  readonly endpoint: Fact<EndpointFacts | null>;
  readonly groupExists: Fact<boolean>;
  readonly pipeline: Fact<PipelineFacts | null>;
  /** Pipelines of the account, to name the nearest. */
  readonly pipelines: Fact<readonly string[]>;
  /** `null` while capture is off. */
  readonly captureHasData: Fact<boolean | null>;
  /** Columns of one recently captured request; `null` when none could be read. */
  readonly capturedColumns: Fact<readonly string[] | null>;
  readonly baselines: readonly {
    readonly source: string;
    readonly uri: string;
    readonly found: Fact<boolean>;
    /** Columns of a CSV baseline; `null` for other formats. */
    readonly columns: Fact<readonly string[] | null>;
  }[];
  readonly labels: readonly {
    readonly source: string;
    readonly uri: string;
    readonly hasData: Fact<boolean>;
  }[];
  /** Whether the bucket of `spec.storage` is there. */
  readonly storage: Fact<boolean>;
  /** Whether the buckets are there that managed monitors write to. */
  readonly monitorOutputs?: readonly {
    readonly source: string;
    readonly uri: string;
    readonly found: Fact<boolean>;
  }[];
}

/** What is in force for the model, and who would put the new policy in its place. */
export interface PlanContext {
  /** `null` when no keeper runs for the model. */
  readonly running: KeeperStatus | null;
  /** Where the running keeper has its ledger; `null` when nobody says. */
  readonly storage: string | null;
  /** Who is here, by the policy's own `people`; `null` when that is nobody, or not known. */
  readonly author: string | null;
}

export interface PlanNote {
  /** Key of the policy it is about. */
  readonly path: string;
  readonly message: string;
}

export interface Plan {
  readonly model: string;
  readonly digest: string;
  /** `create`, `change`, or `nothing to do`. */
  readonly kind: 'create' | 'change' | 'unchanged';
  readonly refusals: readonly PlanNote[];
  readonly warnings: readonly PlanNote[];
  /** What would happen, in order. */
  readonly changes: readonly string[];
}

const RECENT_HOURS = 24;

/** Reads everything a policy names. Nothing is changed. */
export async function readPlanFacts(
  policy: Policy,
  account: Account,
  nowMs: number,
): Promise<PlanFacts> {
  const { spec } = policy;
  const endpoint = await factOf(account.endpoint(spec.endpoint.name, spec.endpoint.variant));
  const prefix = endpoint.known ? (endpoint.value?.capture?.prefix ?? null) : null;
  const sources = spec.monitor.sources;
  const [
    groupExists,
    pipeline,
    pipelines,
    captureHasData,
    capturedColumns,
    storage,
    baselines,
    labels,
    monitorOutputs,
  ] = await Promise.all([
    factOf(account.groupExists(spec.registry.group)),
    factOf(
      spec.retrain.pipeline === undefined
        ? Promise.resolve(null)
        : account.pipeline(spec.retrain.pipeline, spec.retrain.pipelineVersion),
    ),
    factOf(account.pipelines()),
    factOf(prefix === null ? Promise.resolve(null) : account.hasObjects(prefix)),
    factOf(prefix === null ? Promise.resolve(null) : readCapturedColumns(account, prefix, nowMs)),
    factOf(account.bucketExists(spec.storage)),
    Promise.all(
      sources.flatMap((source) =>
        source.kind === 'captured-inputs' && source.baseline !== 'champion'
          ? [readBaseline(account, source.id, source.baseline)]
          : source.kind === 'multivariate' && source.reference !== 'champion'
            ? [readBaseline(account, source.id, source.reference)]
            : source.kind === 'model-monitor'
              ? filesOfMonitor(source).map((uri) => readBaseline(account, source.id, uri))
              : [],
      ),
    ),
    Promise.all(
      sources.flatMap((source) => {
        const uri = labelsOf(source);
        if (uri === undefined) return [];
        return [
          factOf(account.hasObjects(uri)).then((hasData) => ({ source: source.id, uri, hasData })),
        ];
      }),
    ),
    Promise.all(
      managedMonitors(policy).flatMap(({ id: source, manage: { output: uri } }) =>
        uri === undefined
          ? []
          : [factOf(account.bucketExists(uri)).then((found) => ({ source, uri, found }))],
      ),
    ),
  ]);
  return {
    endpoint,
    groupExists,
    pipeline,
    pipelines,
    captureHasData,
    capturedColumns,
    storage,
    baselines,
    labels,
    monitorOutputs,
  };
}

const labelsOf = (source: Source): string | undefined =>
  source.kind === 'ground-truth'
    ? source.labels
    : source.kind === 'model-monitor'
      ? source.manage?.groundTruth
      : undefined;

/** What a managed monitor reads before its first execution. */
function filesOfMonitor({ manage }: ModelMonitorSource): readonly string[] {
  const { dataset, constraints, statistics, config } = manage?.baseline ?? {};
  return [dataset, constraints, statistics, config, manage?.config].filter(
    (uri): uri is string => uri !== undefined && uri !== 'champion',
  );
}

async function readBaseline(
  account: Account,
  source: string,
  uri: string,
): Promise<PlanFacts['baselines'][number]> {
  const found = await factOf(account.hasObjects(uri));
  const columns = await factOf(
    /\.csv$/i.test(uri)
      ? account.readText(uri).then((text) => (text === null ? null : csvHeader(text)))
      : Promise.resolve(null),
  );
  return { source, uri, found, columns };
}

function csvHeader(text: string): readonly string[] {
  const line = text.split(/\r?\n/, 1)[0] ?? '';
  return line.split(',').map((name) => name.trim().replace(/^"(.*)"$/, '$1'));
}

/** Names in the first captured request, when its payload is a JSON object; CSV payloads carry no names. */
async function readCapturedColumns(
  account: Account,
  prefix: string,
  nowMs: number,
): Promise<readonly string[] | null> {
  const file = await account.recentCapture(prefix, RECENT_HOURS, nowMs);
  const text = file === null ? null : await account.readText(file);
  return text === null ? null : columnsOfCapture(text.split('\n', 1)[0] ?? '');
}

export function columnsOfCapture(line: string): readonly string[] | null {
  const input = member(member(parsed(line), 'captureData'), 'endpointInput');
  const data = member(input, 'data');
  const encoding = member(input, 'encoding');
  if (typeof data !== 'string' || encoding === 'CSV') return null;
  const text = encoding === 'BASE64' ? Buffer.from(data, 'base64').toString('utf8') : data;
  const payload = parsed(text);
  const instances = member(payload, 'instances');
  const row: unknown = Array.isArray(payload)
    ? payload[0]
    : Array.isArray(instances)
      ? instances[0]
      : payload;
  return row !== null && typeof row === 'object' && !Array.isArray(row) ? Object.keys(row) : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function member(value: unknown, name: string): unknown {
  return value !== null && typeof value === 'object' && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

/** What would happen if this policy were applied, and what stands against it. */
export function judgePlan(
  policy: Policy,
  digest: string,
  facts: PlanFacts,
  context: PlanContext,
): Plan {
  const { running } = context;
  const refusals: PlanNote[] = [];
  const warnings: PlanNote[] = [];
  const refuse = (path: string, message: string): void => void refusals.push({ path, message });
  const warn = (path: string, message: string): void => void warnings.push({ path, message });
  const unknown = (path: string, fact: Fact<unknown>): void => {
    if (!fact.known) warn(path, `could not be checked: ${fact.reason}`);
  };

  judgeEndpoint(policy, facts, refuse, warn);
  unknown('spec.endpoint.name', facts.endpoint);
  judgeData(policy, facts, refuse, warn);
  judgeMonitors(policy, facts, refuse);
  judgeRetraining(policy, facts, refuse, warn);
  if (policy.spec.retrain.pipeline !== undefined) unknown('spec.retrain.pipeline', facts.pipeline);
  judgeMoney(policy, facts, warn);
  judgeRunning(policy, context, refuse);
  judgeApproval(policy, context.author, refuse, warn);
  if (facts.groupExists.known && !facts.groupExists.value) {
    refuse(
      'spec.registry.group',
      `there is no model package group '${policy.spec.registry.group}': create it, or name the group the pipeline registers in`,
    );
  }
  unknown('spec.registry.group', facts.groupExists);
  if (!facts.storage.known)
    refuse('spec.storage', `the ledger could not be kept there: ${facts.storage.reason}`);
  else if (!facts.storage.value)
    refuse(
      'spec.storage',
      `there is no bucket ${bucketOf(policy.spec.storage)}: create it, or write the address of one that is there`,
    );

  const kind =
    running === null ? 'create' : running.policyDigest === digest ? 'unchanged' : 'change';
  return {
    model: policy.metadata.name,
    digest,
    kind,
    refusals,
    warnings,
    changes: changesInWords(policy, kind, facts, running),
  };
}

/** How an endpoint is hosted, for the rules of what can be had of it. */
export const hostedAs = ({ name, variants, asynchronous, capture }: EndpointFacts): HostedAs => ({
  name,
  variants: variants.map((one) => ({
    name: one.name,
    hasModel: one.modelName !== null,
    serverless: one.serverless,
  })),
  asynchronous,
  captures: capture !== null,
});

type Say = (path: string, message: string) => void;

function judgeEndpoint(policy: Policy, facts: PlanFacts, refuse: Say, warn: Say): void {
  if (!facts.endpoint.known) return;
  const { name, variant, region } = policy.spec.endpoint;
  const endpoint = facts.endpoint.value;
  if (endpoint === null) {
    refuse(
      'spec.endpoint.name',
      `there is no endpoint '${name}' in ${region}: check name and Region; modelkeeper keeps an endpoint that serves, it does not create one`,
    );
    return;
  }
  const hosted = hostedAs(endpoint);
  for (const { path, message } of hostingFaults(policy.spec, hosted)) refuse(path, message);
  if (componentsFault(hosted) !== undefined) return;
  const served = endpoint.variants.find((one) => one.name === variant);
  if (endpoint.variants.length > 0 && served === undefined) {
    refuse(
      'spec.endpoint.variant',
      `'${name}' has no variant '${variant}': write ${endpoint.variants.map((one) => one.name).join(' or ')}`,
    );
  }
  if (served !== undefined) {
    const fault = unmeasurableLimits(policy.spec.monitor, served.instanceType ?? undefined);
    if (fault !== undefined) refuse('spec.monitor.sources', fault);
  }
  const claimed = endpoint.keptBy;
  if (claimed !== null && claimed.toLowerCase() !== policy.metadata.name.toLowerCase()) {
    refuse(
      'spec.endpoint.name',
      `'${name}' is kept by the policy '${claimed}': retire that one first, or take the tag off the endpoint when its keeper is gone`,
    );
  }
  if (endpoint.status !== 'InService')
    warn('spec.endpoint.name', `'${name}' is ${endpoint.status} now, not InService`);
  const one = served?.instances === 1;
  const { strategy } = policy.spec.deploy;
  if (one && strategy !== 'all-at-once' && strategy !== 'steps')
    warn(
      'spec.deploy.strategy',
      `'${name}' runs on one instance: a ${strategy} rollout needs two or more`,
    );
  if (policy.spec.deploy.role === undefined && endpoint.roleArn === null)
    refuse('spec.deploy.role', 'the serving model has no role to take over: name one');
  judgeStagingRole(policy, endpoint, refuse);
  const account = /^arn:[^:]+:[^:]*:[^:]*:(\d{12}):/;
  const roleAccount = account.exec(policy.spec.deploy.role ?? '')?.[1];
  const endpointAccount = account.exec(endpoint.arn)?.[1];
  if (policy.spec.deploy.role !== undefined && !/:role\//.test(policy.spec.deploy.role))
    refuse('spec.deploy.role', `'${policy.spec.deploy.role}' is not the ARN of a role`);
  else if (roleAccount !== undefined && roleAccount !== endpointAccount)
    refuse(
      'spec.deploy.role',
      `the role belongs to account ${roleAccount}, the endpoint to ${endpointAccount ?? 'another'}: SageMaker cannot take on a role of another account`,
    );
}

/** What only the account tells of a staging endpoint in another one. */
function judgeStagingRole(policy: Policy, endpoint: EndpointFacts, refuse: Say): void {
  const { staging, role } = policy.spec.deploy;
  const accountOf = (arn: string | undefined | null): string | undefined => arn?.split(':')[4];
  const account = accountOf(staging?.role?.arn);
  if (account === undefined || (staging?.executionRole ?? role) !== undefined) return;
  if (account !== accountOf(endpoint.roleArn ?? endpoint.arn))
    refuse(
      'spec.deploy.staging.executionRole',
      `staging is in account ${account}, and the model's role of production belongs to another: name an execution role of ${account}`,
    );
}

function judgeData(policy: Policy, facts: PlanFacts, refuse: Say, warn: Say): void {
  const { sources } = policy.spec.monitor;
  const { columns } = policy.spec.detect;
  const endpoint = facts.endpoint.known ? facts.endpoint.value : null;
  const captured = sources.flatMap((source, index) =>
    source.kind === 'captured-inputs' ||
    source.kind === 'ground-truth' ||
    source.kind === 'multivariate'
      ? [{ source, index }]
      : [],
  );
  const seen = facts.capturedColumns.known ? facts.capturedColumns.value : null;
  for (const { source, index } of captured) {
    const path = `spec.monitor.sources[${index}]`;
    // Serverless and asynchronous endpoints have none: that is told with what can be had of them.
    if (endpoint?.variants.some(({ serverless }) => serverless) === true) continue;
    if (endpoint?.asynchronous === true && endpoint.capture === null) continue;
    if (endpoint !== null && endpoint.capture === null) {
      refuse(
        path,
        `data capture is off on '${endpoint.name}': switch it on in its endpoint config, or take the source '${source.id}' out`,
      );
      continue;
    }
    if (endpoint?.capture?.inputs === false && source.kind !== 'ground-truth')
      refuse(path, `'${endpoint.name}' captures outputs only: capture the inputs as well`);
    if (endpoint?.capture?.outputs === false && source.kind === 'ground-truth')
      refuse(
        path,
        `'${endpoint.name}' captures inputs only: labels are joined to captured outputs`,
      );
    if (facts.captureHasData.known && facts.captureHasData.value === false) {
      refuse(
        path,
        `nothing lies under ${endpoint?.capture?.prefix ?? 'the capture prefix'}: send requests to the endpoint, and check that the model's role may write there (s3:PutObject)`,
      );
    }
    if (source.kind !== 'captured-inputs') continue;
    if (source.columns !== undefined && seen !== null && !sameNames(source.columns, seen))
      warn(
        `${path}.columns`,
        `the captured requests are JSON and name their own columns: ${seen.join(', ')}`,
      );
    const names = source.columns ?? seen;
    if (names === null) continue;
    for (const list of ['critical', 'ignore', 'categorical', 'newValuesAreDrift'] as const)
      for (const column of columns[list])
        if (!names.includes(column)) {
          const near = nearest(column, names);
          (list === 'ignore' ? warn : refuse)(
            `spec.detect.columns.${list}`,
            `'${column}' is not among the captured columns${near === undefined ? '' : `: did you mean '${near}'?`} (${names.join(', ')})`,
          );
        }
    const others = [
      ...(policy.spec.detect.segments ?? []).map(({ by }) => ({ key: 'segments', column: by })),
      ...Object.keys(columns.weights ?? {}).map((column) => ({ key: 'columns.weights', column })),
    ];
    for (const { key, column } of others)
      if (!names.includes(column))
        refuse(
          `spec.detect.${key}`,
          `'${column}' is not among the captured columns (${names.join(', ')})`,
        );
    const baseline = facts.baselines.find((one) => one.source === source.id);
    const baselineColumns =
      baseline?.columns.known === true ? (baseline.columns.value ?? undefined) : undefined;
    if (baseline !== undefined && baselineColumns !== undefined) {
      const absentColumns = names.filter(
        (name) => !baselineColumns.includes(name) && !columns.ignore.includes(name),
      );
      if (absentColumns.length > 0)
        refuse(
          `${path}.baseline`,
          `${baseline.uri} lacks ${absentColumns.join(', ')}, which the endpoint receives: give a baseline with the same columns, or put them under detect.columns.ignore`,
        );
    }
  }
  for (const baseline of facts.baselines) {
    if (baseline.found.known && !baseline.found.value)
      refuse(
        'spec.monitor.sources',
        `the baseline ${baseline.uri} of '${baseline.source}' is not there`,
      );
    if (!baseline.found.known)
      warn(
        'spec.monitor.sources',
        `the baseline ${baseline.uri} could not be checked: ${baseline.found.reason}`,
      );
  }
  for (const labels of facts.labels) {
    if (labels.hasData.known && !labels.hasData.value)
      warn(
        'spec.monitor.sources',
        `no labels lie under ${labels.uri} yet: '${labels.source}' cannot tell until they do`,
      );
    if (!labels.hasData.known)
      warn('spec.monitor.sources', `${labels.uri} could not be checked: ${labels.hasData.reason}`);
  }
  if (durationMs(policy.spec.monitor.every) > durationMs(policy.spec.monitor.noData.after))
    warn(
      'spec.monitor.noData.after',
      'is shorter than monitor.every: missing data is told at the next look',
    );
}

/** Monitors that the keeper is to make: what the account shows before anything is made. */
function judgeMonitors(policy: Policy, facts: PlanFacts, refuse: Say): void {
  const endpoint = facts.endpoint.known ? facts.endpoint.value : null;
  const accountOf = (arn: string | undefined): string | undefined => arn?.split(':')[4];
  policy.spec.monitor.sources.forEach((source, index) => {
    if (source.kind !== 'model-monitor' || source.manage === undefined) return;
    const { manage, id } = source;
    const path = `spec.monitor.sources[${index}].manage`;
    if (!/:role\//.test(manage.role))
      refuse(`${path}.role`, `'${manage.role}' is not the ARN of a role`);
    else if (endpoint !== null && accountOf(manage.role) !== accountOf(endpoint.arn))
      refuse(
        `${path}.role`,
        `the role belongs to account ${accountOf(manage.role) ?? 'another'}, the endpoint to ${accountOf(endpoint.arn) ?? 'another'}: SageMaker cannot take on a role of another account`,
      );
    if (endpoint === null) return;
    const { capture } = endpoint;
    if (capture === null)
      refuse(
        path,
        `data capture is off on '${endpoint.name}', and Model Monitor reads nothing else: switch it on in its endpoint config, or take the source '${id}' out`,
      );
    else if (!capture.inputs && manage.type !== 'model-quality')
      refuse(path, `'${endpoint.name}' captures outputs only: capture the inputs as well`);
    else if (!capture.outputs && manage.type !== 'data-quality')
      refuse(path, `'${endpoint.name}' captures inputs only: capture the outputs as well`);
  });
  for (const { source, uri, found } of facts.monitorOutputs ?? [])
    if (found.known && !found.value)
      refuse(
        'spec.monitor.sources',
        `there is no bucket ${bucketOf(uri)} for what '${source}' writes: create it, or leave output out`,
      );
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

function judgeRetraining(policy: Policy, facts: PlanFacts, refuse: Say, warn: Say): void {
  const { pipeline: name, pipelineVersion, parameters, instances, selective } = policy.spec.retrain;
  if (name === undefined || !facts.pipeline.known) return;
  if (facts.pipeline.value === null) {
    if (
      pipelineVersion !== undefined &&
      facts.pipelines.known &&
      facts.pipelines.value.includes(name)
    ) {
      refuse(
        'spec.retrain.pipelineVersion',
        `the pipeline '${name}' has no version ${pipelineVersion}: take one that is there, or this line off for the latest`,
      );
      return;
    }
    const near = nearest(name, facts.pipelines.known ? facts.pipelines.value : []);
    refuse(
      'spec.retrain.pipeline',
      `there is no pipeline '${name}'${near === undefined ? '' : `: did you mean '${near}'?`}`,
    );
    return;
  }
  const declared = facts.pipeline.value.parameters;
  const names = declared.map((parameter) => parameter.name);
  for (const [parameter, given] of Object.entries(parameters)) {
    if (!names.includes(parameter)) {
      const near = nearest(parameter, names);
      refuse(
        `spec.retrain.parameters.${parameter}`,
        `the pipeline '${name}' has no parameter '${parameter}'${near === undefined ? (names.length === 0 ? '' : `; it has ${names.join(', ')}`) : `: did you mean '${near}'?`}`,
      );
    }
    const token = nearest(given, PARAMETER_TOKENS);
    if (/^[a-z]+\.[a-z]+$/.test(given) && token !== undefined && token !== given)
      warn(
        `spec.retrain.parameters.${parameter}`,
        `'${given}' is passed on as it is: did you mean ${token}?`,
      );
  }
  for (const { name: parameter, required } of declared)
    if (required && !Object.hasOwn(parameters, parameter))
      refuse(
        'spec.retrain.parameters',
        `the pipeline '${name}' needs the parameter '${parameter}', which has no default`,
      );
  if (instances?.parameter !== undefined && !names.includes(instances.parameter))
    refuse(
      'spec.retrain.instances.parameter',
      `the pipeline '${name}' has no parameter '${instances.parameter}'; it has ${names.join(', ')}`,
    );
  judgeValues(policy, facts.pipeline.value, refuse);
  const steps = stepNames(facts.pipeline.value.definition);
  for (const step of selective?.steps ?? [])
    if (steps !== null && !steps.includes(step))
      refuse(
        'spec.retrain.selective.steps',
        `the pipeline '${name}' has no step '${step}'; it has ${steps.join(', ')}`,
      );
}

/** Literal values against what the pipeline declares; of a token only the type can be known now. */
function judgeValues(policy: Policy, { definition }: PipelineFacts, refuse: Say): void {
  const { pipeline = '', parameters, instances } = policy.spec.retrain;
  const declared = declaredParameters(definition) ?? [];
  const literal = { ...parameters };
  for (const { name, type, enumValues } of declared) {
    const given = Object.hasOwn(parameters, name) ? (parameters[name] ?? '') : '';
    if (!(PARAMETER_TOKENS as readonly string[]).includes(given)) continue;
    Reflect.deleteProperty(literal, name);
    const sample = given === 'release.number' ? '1' : 'a text';
    const fault = typeFault(type, sample);
    if (fault !== undefined || enumValues !== null)
      refuse(
        `spec.retrain.parameters.${name}`,
        `${given} is no value of the parameter '${name}' of the pipeline '${pipeline}': ${fault ?? `it takes ${enumValues?.join(' or ') ?? ''}`}`,
      );
  }
  const known = declared.filter(({ name }) => Object.hasOwn(literal, name));
  for (const { parameter, message } of parameterFaults(pipeline, known, literal))
    if (known.some(({ name }) => name === parameter))
      refuse(`spec.retrain.parameters.${parameter}`, message);
  const machines = declared.find(({ name }) => name === instances?.parameter);
  for (const type of instances?.fallbacks ?? [])
    if (machines !== undefined)
      for (const { message } of parameterFaults(pipeline, [machines], { [machines.name]: type }))
        refuse('spec.retrain.instances.fallbacks', message);
}

/** What the next run will cost, as far as the account and the keeper know. */
function costOfNext(
  policy: Policy,
  facts: PlanFacts,
  running: KeeperStatus | null,
): Cost | undefined {
  const { retrain } = policy.spec;
  const { budget } = retrain;
  if (!countsMoney(budget)) return undefined;
  const known = running?.budget.money?.next;
  // The keeper has seen runs end; at first there are only their longest runtimes.
  if (known?.kind === 'known') return known;
  const definition = facts.pipeline.known ? facts.pipeline.value?.definition : undefined;
  const planned =
    retrain.pipeline === undefined
      ? plannedOf(retrain)
      : definition === undefined
        ? null
        : plannedJobs(definition, retrain.parameters);
  return forecast(pricesOf(budget), [], planned);
}

function judgeMoney(policy: Policy, facts: PlanFacts, warn: Say): void {
  const { budget } = policy.spec.retrain;
  const watching = watchingAtMost(policy.spec);
  if (budget.usd !== undefined && watching?.kind === 'unknown')
    warn(
      'spec.retrain.budget',
      `nobody can say what the jobs that watch cost: ${watching.reason}; once one has run, a person is asked before every run`,
    );
  const cost = costOfNext(policy, facts, null);
  if (cost === undefined) return;
  if (cost.kind === 'unknown')
    warn(
      'spec.retrain.budget',
      `nobody can say what a run costs: ${cost.reason}${budget.usd === undefined ? '' : '; a person is asked before every run'}`,
    );
  else if (budget.usd !== undefined && cost.usd > budget.usd)
    warn(
      'spec.retrain.budget.usd',
      `one run may cost ${dollars(cost.usd)} (${cost.basis}), which is more than the budget: a person is asked before every run`,
    );
}

function bucketOf(uri: string): string {
  return /^s3:\/\/([^/]+)/.exec(uri)?.[1] ?? uri;
}

/** One ledger is one chain: nobody who reads it would find its other half. */
function sameAddress(a: string, b: string): boolean {
  return a.replace(/\/+$/, '') === b.replace(/\/+$/, '');
}

function judgeRunning(policy: Policy, { running, storage }: PlanContext, refuse: Say): void {
  if (running === null) return;
  if (storage !== null && !sameAddress(storage, policy.spec.storage))
    refuse(
      'spec.storage',
      `the ledger of ${running.model} lies under ${storage}, and stays one chain in one place: write that address`,
    );
  const { name, region } = policy.spec.endpoint;
  if (running.endpoint.toLowerCase() !== name.toLowerCase() || running.region !== region)
    refuse(
      'spec.endpoint',
      `${running.model} keeps ${running.endpoint} in ${running.region} now: \`modelkeeper retire ${running.model}\` first, then apply this`,
    );
  if (running.retiring)
    refuse('metadata.name', `${running.model} is being retired: wait for its end`);
}

/**
 * The requester of an automatic release is the author of the policy. Where requesters may not approve, the others
 * have to be enough; that only shows when it is known who applies.
 */
function judgeApproval(policy: Policy, author: string | null, refuse: Say, warn: Say): void {
  const { approve, retrain, mode } = policy.spec;
  if (approve.requesterMayApprove || author === null || retrain.on.length === 0) return;
  const others = whoCanApprove(policy.spec).able.filter((person) => person !== author);
  if (others.length >= approve.approvals) return;
  (mode === 'record' ? warn : refuse)(
    'spec.approve.approvals',
    `${author} applies this policy, so releases that start by themselves are ${author}'s, who may not approve them: of ${approve.approvals} approval${approve.approvals === 1 ? '' : 's'} only ${others.length} can ever be given; name more approvers, let somebody else apply it, or set requesterMayApprove: true`,
  );
}

/** How a candidate would take the traffic, for people who read the plan. */
const rolloutInWords = (spec: Policy['spec']): readonly string[] => {
  const { staging, ...deploy } = spec.deploy;
  return [
    ...(staging === undefined
      ? []
      : [
          `stage an approved candidate at ${stagingInWords(spec, staging)}, and ask it with ${stagingCheck(staging).requests} requests (${staging.check.samples}) before production`,
        ]),
    `roll out by ${deploy.strategy}: ${planInWords(rolloutPlan(deploy, []))}`,
  ];
};

const monitorsInWords = (policy: Policy): readonly string[] =>
  managedMonitors(policy).map(
    ({ schedule, manage }) =>
      `keep the monitoring schedule ${schedule} (${manage.type}) at ${manage.cron}${manage.state === 'stopped' ? ', stopped' : ''}${manage.baseline.dataset === undefined ? '' : `, with a baseline of ${manage.baseline.dataset === 'champion' ? 'the serving version' : manage.baseline.dataset}`}`,
  );

function removedMonitors(policy: Policy, running: KeeperStatus | null): readonly string[] {
  const wanted = new Set(managedMonitors(policy).map(({ schedule }) => schedule));
  return (running?.monitors ?? [])
    .filter(({ schedule, kind }) => !wanted.has(schedule) && kind !== 'taken')
    .map(({ schedule }) => `delete the monitoring schedule ${schedule} and its job definition`);
}

function changesInWords(
  policy: Policy,
  kind: Plan['kind'],
  facts: PlanFacts,
  running: KeeperStatus | null,
): readonly string[] {
  const { spec, metadata } = policy;
  const cost = costOfNext(policy, facts, running);
  const money =
    cost?.kind === 'known'
      ? [
          `count what training costs: the next run about ${dollars(cost.usd)} (${cost.basis})${spec.retrain.budget.usd === undefined ? '' : `, of ${dollars(spec.retrain.budget.usd)} in ${spec.retrain.budget.per}`}`,
        ]
      : [];
  const watching = countsMoney(spec.retrain.budget) ? watchingAtMost(spec) : undefined;
  if (watching?.kind === 'known')
    money.push(
      `count what jobs that watch cost: at most ${dollars(watching.usd)} (${watching.basis})`,
    );
  if (kind === 'unchanged') return ['nothing: this policy is in force'];
  if (kind === 'create') {
    const managed = spec.monitor.sources.some(
      (source) => source.kind === 'alarms' && source.alarms === 'managed',
    );
    return [
      `start the keeper of ${metadata.name}`,
      `claim endpoint ${spec.endpoint.name} by the tag modelkeeper:keeper`,
      ...(managed ? [`create the managed alarms modelkeeper-${metadata.name}-…`] : []),
      ...monitorsInWords(policy),
      ...(spec.scaling === undefined
        ? []
        : [
            `scale ${spec.endpoint.name} between ${spec.scaling.instances.min} and ${spec.scaling.instances.max} instances`,
          ]),
      `look every ${spec.monitor.every}; ${spec.mode === 'record' ? 'record only, start nothing' : `retrain by ${spec.retrain.pipeline ?? 'a training job'} on ${spec.retrain.on.join(', ')}`}`,
      ...(spec.mode === 'record' ? [] : rolloutInWords(spec)),
      ...money,
    ];
  }
  const inFlight = running?.releases ?? [];
  return [
    `put this policy in force at the next decision; ${running?.policyDigest.slice(0, 12) ?? ''} is replaced`,
    ...monitorsInWords(policy),
    ...removedMonitors(policy, running),
    ...(spec.mode === 'record' ? [] : rolloutInWords(spec)),
    ...money,
    ...inFlight.map(
      (release) => `release ${release.release} (${release.stage}) keeps the policy it started with`,
    ),
  ];
}
