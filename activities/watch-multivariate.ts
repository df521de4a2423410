import {
  CreateProcessingJobCommand,
  type CreateProcessingJobRequest,
  type DescribeProcessingJobResponse,
  type ProcessingInput,
  type ProcessingInstanceType,
} from '@aws-sdk/client-sagemaker';

import { MOST_REPORT_BYTES } from '../analysis/reports/read.js';
import { blindResult, dueWindows } from '../domain/capture-windows.js';
import { added, machineSecondsOf, type Bill } from '../domain/cost.js';
import { durationMs } from '../domain/duration.js';
import { failureClass } from '../domain/failures.js';
import { canonicalJson } from '../domain/ledger.js';
import type { Window, WindowResult } from '../domain/model.js';
import {
  multivariateJob,
  multivariateLimits,
  multivariateResult,
  multivariateSettings,
} from '../domain/multivariate.js';
import { multivariateReportSchema } from '../domain/multivariate.schema.js';
import type { MultivariateSource } from '../domain/policy.schema.js';
import { triesOf } from '../domain/names.js';
import { MODEL_TAG } from './alarms.js';
import { aws, isAlreadyThere, may } from './aws-failure.js';
import { billedProcessing, describeProcessing } from './bill.js';
import { captureFilesOf } from './capture-files.js';
import type { DataWatch } from './contract.js';
import type { DataDeps } from './deps.js';
import { sha256 } from './digest.js';
import { describePackage } from './read.js';
import { baselineOf } from './registry.js';
import { below, readObject, s3Address, writeObject } from './s3.js';
import { clientsFor, ownClients } from './stage-clients.js';
import type { SourceLook } from './watch-reports.js';

/** A job that AWS's own trouble has ended is started again, so often in all. */
const TRIES = 3;
const AWS_TROUBLE: ReadonlySet<string> = new Set(['capacity', 'throttle', 'internal']);
/** A source that is seen for the first time begins with the latest window: each is a job that costs. */
const FIRST_BACK = 1;

const INPUT = '/opt/ml/processing/input';
const OUTPUT = '/opt/ml/processing/output';
const RESULT = 'multivariate.json';

/**
 * Compares the columns of each window together, by a processing job that runs `modelkeeper multivariate` over the
 * reference and what was captured.
 *
 * One job at a time, named after the model, the window and all that it depends on: a second look finds it and waits for
 * it, a lost answer of its creation is answered with "it is there". No call is made until a window is complete. Windows
 * that nobody got round to, because jobs take longer than windows, are passed over but for as many as persistence wants.
 */
export async function lookTogether(
  deps: DataDeps,
  watch: DataWatch,
  source: MultivariateSource,
  countedToMs: number | undefined,
  columnsOf: () => Promise<readonly string[] | undefined>,
  nowMs: number,
): Promise<SourceLook> {
  const { persistence } = watch.policy.spec.detect;
  const windowMs = durationMs(source.window);
  const latenessMs = durationMs(source.settle);
  if (watch.capturePrefix === null)
    return {
      windows: [],
      countedToMs,
      more: false,
      note: 'data capture is off: switch it on in the endpoint config',
    };
  const dueFrom = (fromMs: number | undefined) =>
    dueWindows(
      {
        windowMs,
        latenessMs,
        countedToMs: fromMs,
        sinceMs: watch.champion.sinceMs,
        disturbed: watch.disturbed,
        mostBack: FIRST_BACK,
      },
      nowMs,
      persistence.of + 1,
    );
  const oldestMs = (Math.floor((nowMs - latenessMs) / windowMs) - persistence.of) * windowMs;
  let due = dueFrom(countedToMs);
  let [window] = due.windows;
  let outcome: Outcome | undefined;
  if (window !== undefined && window.fromMs < oldestMs) {
    // What was begun is ended, however late: each look would begin with another window else, and tell none.
    outcome = await judge(deps, watch, source, window, columnsOf, false);
    if (outcome === undefined) {
      due = dueFrom(oldestMs);
      [window] = due.windows;
    }
  }
  if (window === undefined)
    return { windows: [], countedToMs: due.countedToMs ?? countedToMs, more: false };
  outcome ??= await judge(deps, watch, source, window, columnsOf, true);
  return 'waiting' in outcome
    ? // The next look goes on with this window: by then another one is the latest.
      { windows: [], countedToMs: window.fromMs, more: false, note: outcome.waiting }
    : {
        windows: [outcome],
        countedToMs: window.toMs,
        more: due.windows.length > 1 || due.more,
      };
}

type Outcome = WindowResult | { readonly waiting: string };

/** @param mayStart without it, only a job that is there is looked at, and its absence is `undefined` */
async function judge<May extends boolean>(
  deps: DataDeps,
  watch: DataWatch,
  source: MultivariateSource,
  window: Window,
  columnsOf: () => Promise<readonly string[] | undefined>,
  mayStart: May,
): Promise<Outcome | (May extends true ? never : undefined)>;
async function judge(
  deps: DataDeps,
  watch: DataWatch,
  source: MultivariateSource,
  window: Window,
  columnsOf: () => Promise<readonly string[] | undefined>,
  mayStart: boolean,
): Promise<Outcome | undefined> {
  const blind = (reason: string) => blindResult(source.id, source.kind, window, reason);
  const reference = await referenceOf(deps, watch, source);
  const columns = source.columns ?? (await columnsOf());
  if (!mayStart && (reference === null || columns === undefined)) return undefined;
  if (reference === null)
    return blind(
      'nobody knows what the serving version was trained on: let the pipeline register DriftCheckBaselines.ModelDataQuality.Statistics, or name a reference of rows (reference: s3://…)',
    );
  if (columns === undefined)
    return blind(
      'the columns of the requests are not known: name them in their order (columns: [a, b, c])',
    );
  const { policy, model } = watch;
  const settings = multivariateSettings(source, policy.spec.detect);
  const digest = sha256(
    canonicalJson([source, settings, reference, columns, watch.champion.configName, window]),
  );
  const job = multivariateJob(model, digest);
  const place = below(policy.spec.storage, 'multivariate', model, source.id, job);
  const { sagemaker } = clientsFor(deps, 'train')(watch);
  const bills: Bill[] = [];
  const billed = (result: WindowResult): WindowResult => ({
    ...result,
    machineSeconds: machineSecondsOf(added(bills)),
  });
  for (const name of triesOf(job, TRIES)) {
    const found = await describeProcessing(sagemaker, name);
    if (found === 'absent') {
      if (!mayStart && bills.length === 0) return undefined;
      const started = await start(deps, watch, source, { window, reference, columns, name, place });
      return started === 'nothing was captured'
        ? blind(started)
        : { waiting: `the processing job ${name} is started` };
    }
    const status = found.ProcessingJobStatus ?? 'unknown';
    if (status === 'InProgress' || status === 'Stopping')
      return { waiting: `the processing job ${name} is ${status}` };
    bills.push({ jobs: billedProcessing(source.id, found), unread: null });
    if (status === 'Completed')
      return billed(await readResult(deps, watch, source, window, name, place));
    if (status === 'Stopped')
      return billed(
        blind(
          `the processing job ${name} was stopped, by somebody or after ${source.maxRuntime} (maxRuntime)`,
        ),
      );
    const reason = reasonOf(found);
    const isLast = name === triesOf(job, TRIES).at(-1);
    if (isLast || !AWS_TROUBLE.has(failureClass(found.FailureReason ?? '')))
      return billed(blind(`the processing job ${name} failed: ${reason}`));
  }
  return blind('no processing job could be started');
}

/** What the container has left is nearer to the cause than what SageMaker says of it. */
const reasonOf = ({ ExitMessage, FailureReason }: DescribeProcessingJobResponse): string =>
  ExitMessage ?? FailureReason ?? 'SageMaker gave no reason';

async function referenceOf(
  deps: DataDeps,
  watch: DataWatch,
  { reference }: MultivariateSource,
): Promise<string | null> {
  if (reference !== 'champion') return reference;
  const { packageArn } = watch.champion;
  if (packageArn === null) return null;
  const found = await describePackage(clientsFor(deps, 'approve')(watch).sagemaker, packageArn);
  return found === undefined ? null : baselineOf(found);
}

interface Start {
  readonly window: Window;
  readonly reference: string;
  readonly columns: readonly string[];
  readonly name: string;
  readonly place: string;
}

async function start(
  deps: DataDeps,
  watch: DataWatch,
  source: MultivariateSource,
  { window, reference, columns, name, place }: Start,
): Promise<'started' | 'nothing was captured'> {
  const files = await captureFilesOf(
    clientsFor(deps, 'read')(watch).s3,
    watch.capturePrefix ?? '',
    window,
    durationMs(source.settle),
  );
  const [first] = files;
  if (first === undefined) return 'nothing was captured';
  const own = ownClients(deps, watch).s3;
  const prefix = `s3://${s3Address(first).bucket}/`;
  const manifest = below(place, 'window.manifest');
  await writeObject(
    own,
    manifest,
    JSON.stringify([{ prefix }, ...files.map((uri) => uri.slice(prefix.length))]),
  );
  const settings = multivariateSettings(source, watch.policy.spec.detect);
  await writeObject(
    own,
    below(place, 'settings', 'settings.json'),
    JSON.stringify({ ...settings, columns }),
  );
  const request = jobRequest(watch, source, { window, reference, name, place, manifest });
  const { sagemaker } = clientsFor(deps, 'train')(watch);
  await aws(
    may('sagemaker:CreateProcessingJob', `processing-job/${name}`),
    (options) => sagemaker.send(new CreateProcessingJobCommand(request), options),
    (error) => (isAlreadyThere(error) ? 'there' : undefined),
  );
  return 'started';
}

function jobRequest(
  watch: DataWatch,
  source: MultivariateSource,
  {
    window,
    reference,
    name,
    place,
    manifest,
  }: Pick<Start, 'window' | 'reference' | 'name' | 'place'> & { readonly manifest: string },
): CreateProcessingJobRequest {
  const input = (
    InputName: string,
    S3Uri: string,
    S3DataType: 'S3Prefix' | 'ManifestFile' = 'S3Prefix',
  ): ProcessingInput => ({
    InputName,
    S3Input: {
      S3Uri,
      LocalPath: `${INPUT}/${InputName}`,
      S3DataType,
      S3InputMode: 'File',
      S3DataDistributionType: 'FullyReplicated',
    },
  });
  const { subnets, securityGroups } = source;
  return {
    ProcessingJobName: name,
    RoleArn: source.role,
    AppSpecification: {
      ImageUri: source.image,
      ContainerArguments: [
        'multivariate',
        ...['--reference', `${INPUT}/reference`, '--window', `${INPUT}/window`],
        ...['--settings', `${INPUT}/settings/settings.json`],
        ...['--from', new Date(window.fromMs).toISOString()],
        ...['--to', new Date(window.toMs).toISOString()],
        ...['--out', `${OUTPUT}/${RESULT}`, '--format', 'json', '--exit-zero'],
        ...['--message', '/opt/ml/output/message'],
      ],
    },
    ProcessingResources: {
      ClusterConfig: {
        InstanceType: source.instanceType as ProcessingInstanceType,
        InstanceCount: 1,
        VolumeSizeInGB: source.volumeGb,
      },
    },
    StoppingCondition: { MaxRuntimeInSeconds: Math.ceil(durationMs(source.maxRuntime) / 1_000) },
    ProcessingInputs: [
      input('reference', reference),
      input('window', manifest, 'ManifestFile'),
      input('settings', below(place, 'settings', '')),
    ],
    ProcessingOutputConfig: {
      Outputs: [
        {
          OutputName: 'result',
          S3Output: {
            S3Uri: below(place, 'result'),
            LocalPath: OUTPUT,
            S3UploadMode: 'EndOfJob',
          },
        },
      ],
    },
    ...(subnets === undefined || securityGroups === undefined
      ? {}
      : { NetworkConfig: { VpcConfig: { Subnets: subnets, SecurityGroupIds: securityGroups } } }),
    Tags: [
      { Key: MODEL_TAG, Value: watch.model },
      { Key: 'modelkeeper:source', Value: source.id },
      { Key: 'modelkeeper:window', Value: new Date(window.fromMs).toISOString() },
    ],
  };
}

/** What the job has left, judged by the policy. A file that is missing or not what it must be is no evidence. */
async function readResult(
  deps: DataDeps,
  watch: DataWatch,
  source: MultivariateSource,
  window: Window,
  name: string,
  place: string,
): Promise<WindowResult> {
  const uri = below(place, 'result', RESULT);
  const blind = (reason: string): WindowResult => ({
    ...blindResult(source.id, source.kind, window, reason),
    reportUri: uri,
  });
  const bytes = await readObject(ownClients(deps, watch).s3, uri);
  if (bytes === undefined)
    return blind(
      `the processing job ${name} has ended, but ${uri} is not there: is ${source.image} an image of modelkeeper?`,
    );
  if (bytes.length > MOST_REPORT_BYTES) return blind(`${uri} has ${bytes.length} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return blind(`${uri} is not whole: it is no JSON`);
  }
  const parsed = multivariateReportSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return blind(
      `${uri} is not what this version reads (${[issue?.path.join('.'), issue?.message].filter((part) => part !== undefined && part !== '').join(': ')}): let image be of the same version as the worker`,
    );
  }
  if (parsed.data.method !== source.method)
    return blind(`${uri} is by ${parsed.data.method}, and the policy asks for ${source.method}`);
  return {
    ...multivariateResult(
      source.id,
      window,
      parsed.data,
      multivariateLimits(source.method, source.limits),
    ),
    reportUri: uri,
  };
}
