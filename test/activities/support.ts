import { randomUUID } from 'node:crypto';

import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';

import type { Analysis } from '../../activities/analysis-port.js';
import type { AwsClients, ControlDeps } from '../../activities/deps.js';
import type { LedgerDraft } from '../../domain/ledger.js';
import type { Candidate } from '../../domain/model.js';
import { policySchema, type Policy, type PolicyInput } from '../../domain/policy.schema.js';
import type { EvaluationReport, Profile } from '../../domain/stats/types.js';

/** One kind of command, typed by what it takes and answers. */
type CommandClass<Input, Output> = new (input: Input) => {
  readonly input: Input;
  // The SDK keeps the output's type here; nothing is called.
  resolveMiddleware(...args: never[]): (args: never) => Promise<{ output: Output }>;
};

type Answer<Input, Output> = (
  input: Input,
  call: number,
) => Partial<Output> | Promise<Partial<Output>>;

interface Handler {
  readonly command: new (input: never) => { readonly input: unknown };
  readonly answer: (input: unknown, call: number) => unknown;
}

/** A typed row of the table: the answer fits the command. */
export function on<Input, Output>(
  command: CommandClass<Input, Output>,
  answer: Answer<Input, Output>,
): Handler {
  return { command, answer: answer as Handler['answer'] };
}

export interface Fake {
  /** Names of the commands in order, without `Command`. */
  readonly names: () => readonly string[];
  /** Inputs of one kind of command. */
  readonly inputs: <Input>(
    command: new (...args: never[]) => { readonly input: Input },
  ) => readonly Input[];
  /** The next call of that command fails with it, before its effect. */
  readonly failNext: (command: new (input: never) => object, error: Error) => void;
  /** Runs before the next call of that command is answered: what others do meanwhile. */
  readonly before: (command: new (input: never) => object, happens: () => unknown) => void;
  /** The next call of that command takes effect, and its answer is lost. */
  readonly loseAnswer: (command: new (input: never) => object) => void;
  /** The same for the call of that number, counted from 0 over all commands. */
  readonly loseAnswerOf: (call: number) => void;
  readonly clients: AwsClients;
}

/** Fake SDK clients: they answer from a table and remember. What nobody expected fails. */
export function fakeAws(...handlers: readonly Handler[]): Fake {
  const sent: { command: unknown; name: string; input: unknown }[] = [];
  const failures: { command: unknown; error: Error; after: boolean }[] = [];
  const lost = new Set<number>();
  const meanwhile: { command: unknown; happens: () => unknown }[] = [];
  const noAnswer = (): Error => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  const send = async (
    command: { input: unknown; constructor: { name: string } },
    options?: { abortSignal?: AbortSignal },
  ): Promise<unknown> => {
    const name = command.constructor.name.replace(/Command$/, '');
    if (options?.abortSignal?.aborted === true) {
      const error = new Error('Request aborted');
      error.name = 'AbortError';
      throw error;
    }
    const handler = handlers.find((one) => one.command === (command.constructor as unknown));
    if (handler === undefined) throw new Error(`nobody answers ${name}`);
    const calls = sent.filter((one) => one.command === handler.command).length;
    const call = sent.push({ command: handler.command, name, input: command.input }) - 1;
    const due = meanwhile.findIndex((one) => one.command === handler.command);
    if (due >= 0) meanwhile.splice(due, 1)[0]?.happens();
    const at = failures.findIndex((one) => one.command === handler.command);
    const failure = at < 0 ? undefined : failures.splice(at, 1)[0];
    if (failure !== undefined && !failure.after) throw failure.error;
    const answer = await handler.answer(command.input, calls);
    if (failure !== undefined) throw failure.error;
    if (lost.delete(call)) throw noAnswer();
    return answer;
  };
  const client = { send };
  return {
    names: () => sent.map((one) => one.name),
    inputs: <Input>(command: new (...args: never[]) => { readonly input: Input }) =>
      sent.filter((one) => one.command === command).map((one) => one.input as Input),
    failNext: (command, error) => failures.push({ command, error, after: false }),
    before: (command, happens) => {
      meanwhile.push({ command, happens });
    },
    loseAnswer: (command) => failures.push({ command, error: noAnswer(), after: true }),
    loseAnswerOf: (call) => lost.add(call),
    clients: {
      sagemaker: client,
      runtime: client,
      cloudwatch: client,
      s3: client,
      sns: client,
      events: client,
      autoscaling: client,
    } as unknown as AwsClients,
  };
}

/** An error as the SDK throws it. */
export function awsError(name: string, message: string, status = 400): Error {
  return new S3ServiceException({
    name,
    message,
    $fault: status >= 500 ? 'server' : 'client',
    $metadata: { httpStatusCode: status, requestId: randomUUID() },
  });
}

/** A bucket without versions that keeps texts by key: `objects` is what it holds. */
export function bucketOf(objects: Map<string, string>): Handler[] {
  const found = (key = ''): string => {
    const body = objects.get(key);
    if (body === undefined) throw awsError('NoSuchKey', 'The specified key does not exist.', 404);
    return body;
  };
  return [
    on(PutObjectCommand, ({ Key = '', Body, IfNoneMatch }) => {
      if (IfNoneMatch === '*' && objects.has(Key))
        throw awsError('PreconditionFailed', 'At least one of the pre-conditions', 412);
      objects.set(Key, textOf(Body));
      return {};
    }),
    on(GetObjectCommand, ({ Key }) => {
      const body = found(Key);
      return {
        Body: { transformToByteArray: async () => new TextEncoder().encode(body) },
      } as never;
    }),
    on(HeadObjectCommand, ({ Key }) => {
      const body = found(Key);
      return { ETag: `"${Buffer.from(body).toString('base64url')}"`, ContentLength: body.length };
    }),
    on(ListObjectsV2Command, ({ Prefix = '' }) => ({
      Contents: [...objects]
        .filter(([key]) => key.startsWith(Prefix))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([Key, body]) => ({ Key, Size: body.length, LastModified: new Date(NOON - 60_000) })),
    })),
  ];
}

export const NOON = Date.parse('2026-03-01T12:00:00Z');

export const policyInput = {
  apiVersion: 'modelkeeper/v1',
  kind: 'ModelPolicy',
  metadata: { name: 'flights', team: 'operations' },
  spec: {
    endpoint: { name: 'flights-live', region: 'us-east-1' },
    registry: { group: 'flights' },
    storage: 's3://artefacts/keeper/',
    people: { 'ada@example.com': ['arn:aws:iam::111122223333:role/ada'] },
    monitor: {
      every: '1h',
      sources: [
        { id: 'health', kind: 'alarms' },
        { id: 'inputs', kind: 'captured-inputs', window: '1h', settle: '10m' },
        {
          id: 'quality',
          kind: 'ground-truth',
          labels: 's3://artefacts/labels/',
          window: '1h',
          delay: '2h',
          floor: 0.6,
        },
      ],
    },
    retrain: { pipeline: 'flights-train' },
    evaluate: { gates: [{ id: 'floor', kind: 'absolute', metric: 'roc_auc', min: 0.6 }] },
    approve: { approvers: ['ada@example.com'] },
    notify: { topic: 'arn:aws:sns:us-east-1:111122223333:ml-alerts' },
  },
} satisfies PolicyInput;

/** The policy of the tests, with changes to its spec. */
export const policyWith = (spec: Partial<PolicyInput['spec']> = {}): Policy =>
  policySchema.parse({ ...policyInput, spec: { ...policyInput.spec, ...spec } });

export const ref = { model: 'flights', policy: policyWith() };

/** Deps over fake clients at a fixed time. Temporal is not there unless given. */
export const depsOver = (fake: Fake, over: Partial<ControlDeps> = {}): ControlDeps => ({
  aws: () => fake.clients,
  temporal: {} as ControlDeps['temporal'],
  now: () => NOON,
  consoleUrl: 'https://models.example.com/',
  ...over,
});

interface AttemptOptions {
  readonly attempt?: number;
  readonly heartbeatDetails?: unknown;
}

/** Runs an activity as one attempt. Answers what it kept in its heartbeat as well. */
export async function run<Args extends unknown[], Result>(
  activity: (...args: Args) => Promise<Result>,
  args: Args,
  info: AttemptOptions = {},
): Promise<Result> {
  return (await attemptOf(activity, args, info)).result();
}

export interface Attempt<Result> {
  readonly result: () => Result;
  readonly error: unknown;
  readonly details: unknown;
}

/** Runs an activity as one attempt and keeps what became of it. */
export async function attemptOf<Args extends unknown[], Result>(
  activity: (...args: Args) => Promise<Result>,
  args: Args,
  info: AttemptOptions = {},
): Promise<Attempt<Result>> {
  const env = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
  let details: unknown = info.heartbeatDetails;
  env.on('heartbeat', (beat: unknown) => {
    details = beat;
  });
  try {
    const result: Result = await env.run<Args, Result, (...args: Args) => Promise<Result>>(
      activity,
      ...args,
    );
    return { result: () => result, error: undefined, details };
  } catch (error) {
    return {
      result: () => {
        throw error;
      },
      error,
      details,
    };
  }
}

/** Looks again for as long as the activity says that it is not time yet. */
export async function followed<Args extends unknown[], Result>(
  activity: (...args: Args) => Promise<Result>,
  args: Args,
): Promise<Result> {
  for (let looks = 0; looks < 600; looks += 1) {
    const attempt = await attemptOf(activity, args);
    if ((attempt.error as { type?: string } | undefined)?.type !== 'StillRunning')
      return attempt.result();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it never ended');
}

/** The body of a PutObject as text: these tests write nothing else. */
export function textOf(body: unknown): string {
  if (typeof body !== 'string') throw new Error('the body is not a text');
  return body;
}

export const profile: Profile = {
  schema: 'modelkeeper/profile-v1',
  rowCount: 1_000,
  columns: [],
  prediction: null,
  skipped: [],
};

/** An analysis that nobody may ask: tests replace what theirs asks for. */
export const noAnalysis: Analysis = {
  profile: async () => ({ unusable: 'not asked' }),
  compareInputs: async () => ({ unusable: 'not asked' }),
  measurePerformance: async () => ({ unusable: 'not asked' }),
  readRows: async () => ({ unusable: 'not asked' }),
  evaluate: async () => ({ unusable: 'not asked' }),
  readAnswers: async () => ({ unusable: 'not asked' }),
};

export const candidate: Candidate = {
  packageArn: 'arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/3',
  version: 3,
  modelDataUrl: 's3://artefacts/m.tar.gz',
  artefact: { etag: 'e', sizeBytes: 1, versionId: null },
  image: 'image:1',
  imageDigest: null,
  environment: {},
  approvalStatus: 'PendingManualApproval',
  predictionsUri: null,
  trainingRowsUri: null,
  baselineUri: null,
  metadata: {},
};

/** A report in which the candidate passes its one gate. */
export const evaluationReport: EvaluationReport = {
  schema: 'modelkeeper/evaluation-v1',
  rows: 5_000,
  positives: 1_000,
  holdOut: { fromMs: 10, toMs: 20 },
  confidence: 0.95,
  seed: 4,
  replicates: 1_000,
  checks: {
    duplicateRowIds: 0,
    rowsOutsideHoldOut: 0,
    rowsInTraining: 0,
    badLabels: 0,
    badCandidateScores: 0,
    badChampionScores: 0,
  },
  noBaseline: false,
  champion: [{ metric: 'roc_auc', estimate: 0.6, lower: 0.58, upper: 0.62 }],
  candidate: [{ metric: 'roc_auc', estimate: 0.65, lower: 0.63, upper: 0.67 }],
  gates: [
    {
      id: 'floor',
      kind: 'absolute',
      metric: 'roc_auc',
      severity: 'required',
      slice: null,
      estimateChampion: 0.6,
      estimateCandidate: 0.65,
      delta: null,
      lower: 0.63,
      upper: 0.67,
      confidence: 0.95,
      upperConfidence: 0.95,
      n: 5_000,
      positives: 1_000,
      method: 'delong',
      seed: 4,
      margin: 0.6,
      verdict: 'pass',
      reason: 'roc_auc 0.65 is at least 0.6',
      rowsWanted: null,
    },
  ],
  verdict: 'pass',
  reasons: ['all required gates pass'],
};

export const draft = (id: string, over: Partial<LedgerDraft> = {}): LedgerDraft => ({
  id,
  atMs: NOON,
  subject: 'keeper/flights',
  decision: 'policy',
  reasons: ['because'],
  evidence: [],
  actor: { person: 'ada@example.com', door: 'cli', proof: { kind: 'os-user', user: 'ada' } },
  facts: {},
  ...over,
});
