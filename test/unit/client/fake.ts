import pc from 'picocolors';

import type { Account } from '../../../client/account.js';
import type { CliContext } from '../../../client/cli/context.js';
import { run } from '../../../client/cli/program.js';
import type { DoctorProbes } from '../../../client/doctor/examine.js';
import type { ModelkeeperClient } from '../../../client/modelkeeper.js';
import { parsePolicy, parsePolicyPart, type PolicyReading } from '../../../client/policy-file.js';
import type { ModelView, ReleaseView } from '../../../client/replies.js';
import { detectSchema } from '../../../domain/policy.schema.js';
import type { ApprovalRequest, KeeperStatus, ReleaseStatus } from '../../../domain/status.js';
import type { LedgerEntry } from '../../../domain/ledger.js';

export const NOW_MS = Date.parse('2026-03-01T12:00:00Z');

export const KEEPER: KeeperStatus = {
  model: 'churn',
  endpoint: 'churn',
  region: 'us-east-1',
  policyDigest: 'p'.repeat(64),
  policyAppliedAtMs: NOW_MS,
  policyAuthor: {
    person: 'ada@example.com',
    door: 'local',
    proof: { kind: 'os-user', user: 'ada' },
  },
  mode: 'act',
  verdict: 'drift',
  verdictReasons: ['inputs: origin moved by 0.41'],
  verdictSinceMs: NOW_MS - 3_600_000,
  champion: null,
  endpointStatus: 'InService',
  alarms: [],
  windows: {},
  awaiting: 'a person',
  untilMs: NOW_MS + 3_600_000,
  releases: [
    { release: 3, stage: 'approve', startedAtMs: NOW_MS },
    { release: 2, stage: 'probation', startedAtMs: NOW_MS },
  ],
  leaseHolder: null,
  lastRelease: null,
  nextReleaseNumber: 4,
  frozen: null,
  cooldownUntilMs: null,
  lastGovernorAnswer: null,
  budget: { runs: 4, used: 1, perMs: 86_400_000 },
  refusals: [],
  timeline: [],
  ledgerHead: { number: 1, hash: 'h' },
  retiring: false,
};

const TRIGGER = {
  kind: 'drift',
  atMs: NOW_MS,
  reasons: ['origin moved by 0.41'],
  by: { person: 'modelkeeper', door: 'keeper', proof: { kind: 'policy', digest: 'p' } },
  windows: [],
} as const;

export const REQUEST: ApprovalRequest = {
  model: 'churn',
  release: 3,
  digest: 'd'.repeat(64),
  evidence: {
    model: 'churn',
    release: 3,
    artefact: { uri: 's3://ml-artefacts/m.tar.gz', etag: 'e', sizeBytes: 1, versionId: null },
    image: 'image',
    imageDigest: null,
    packageArn: 'arn:aws:sagemaker:us-east-1:111122223333:model-package/churn/3',
    data: { train: { fromMs: 0, toMs: 1 }, holdOut: { fromMs: 1, toMs: 2 } },
    evaluation: {
      verdict: 'pass',
      candidate: [],
      champion: [],
      reportUri: 's3://ml-artefacts/report.json',
      reportDigest: 'r',
      rows: 6_000,
    },
    configName: 'churn-3',
    plan: {
      strategy: 'canary',
      percent: 10,
      bakeSeconds: 600,
      finalBakeSeconds: 300,
      timeoutSeconds: 7_200,
      alarmNames: ['modelkeeper-churn-release-3-errors'],
    },
    championConfigName: 'churn-2',
  },
  evaluation: {
    verdict: 'pass',
    reasons: [],
    rows: 6_000,
    champion: [{ metric: 'roc_auc', estimate: 0.6, lower: 0.58, upper: 0.62 }],
    candidate: [{ metric: 'roc_auc', estimate: 0.65, lower: 0.63, upper: 0.67 }],
    gates: [],
    reportUri: 's3://ml-artefacts/report.json',
    reportDigest: 'r',
  },
  weaknesses: ['the image is named by a tag, not by its digest'],
  trigger: TRIGGER,
  requestedBy: 'ada@example.com',
  requestedAtMs: NOW_MS - 60_000,
  expiresAtMs: NOW_MS + 3_600_000,
  approvalsNeeded: 1,
  approvers: ['grace@example.com'],
  doors: ['cli', 'local'],
  decisions: [],
};

export function releaseStatus(changes: Partial<ReleaseStatus> = {}): ReleaseStatus {
  return {
    model: 'churn',
    release: 3,
    stage: 'approve',
    startedAtMs: NOW_MS,
    trigger: TRIGGER,
    data: REQUEST.evidence.data,
    awaiting: 'a person',
    untilMs: null,
    executionArn: null,
    packageArn: null,
    evaluation: null,
    request: null,
    decisions: [],
    refusals: [],
    paused: null,
    frozen: false,
    championConfigName: 'churn-2',
    configName: 'churn-3',
    rollout: [],
    timeline: [],
    result: null,
    policyDigest: 'p',
    ...changes,
  };
}

export function modelView(keeper: KeeperStatus | null = KEEPER): ModelView {
  return {
    model: 'churn',
    workflowId: 'keeper/churn',
    runId: 'r',
    execution: 'running',
    startedAtMs: NOW_MS,
    closedAtMs: null,
    unanswered: keeper === null ? 'no worker answers on task queue modelkeeper-control' : null,
    pending: [],
    keeper,
  };
}

export function releaseView(status: ReleaseStatus): ReleaseView {
  return {
    model: 'churn',
    release: status.release,
    workflowId: `release/churn/${status.release}`,
    runId: 'r',
    execution: status.result === null ? 'running' : 'completed',
    startedAtMs: NOW_MS,
    closedAtMs: null,
    unanswered: null,
    pending: [],
    status,
  };
}

/** Calls a fake does not know fail loudly. */
function fake<Shape extends object>(known: Partial<Shape>): Shape {
  return new Proxy(known, {
    get: (target, name) => {
      const found: unknown = Reflect.get(target, name);
      if (found !== undefined || name === 'then') return found;
      return () => Promise.reject(new Error(`unexpected call of ${String(name)}`));
    },
  }) as Shape;
}

export const fakeAccount = (known: Partial<Account> = {}): Account =>
  fake<Account>({ close: () => undefined, ...known });

export interface Stage {
  readonly client?: Partial<ModelkeeperClient>;
  readonly connect?: () => Promise<ModelkeeperClient>;
  readonly account?: Partial<Account>;
  readonly probes?: Partial<DoctorProbes>;
  readonly files?: Readonly<Record<string, string>>;
  readonly interactive?: boolean;
  /** Aborted: somebody pressed Ctrl-C. */
  readonly interruption?: AbortSignal;
  readonly answer?: boolean;
  readonly env?: NodeJS.ProcessEnv;
  /** A terminal of so many places, with colours. */
  readonly terminal?: number;
}

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly asked: readonly string[];
  readonly written: Readonly<Record<string, string>>;
  readonly json: unknown;
}

/** Runs one command line on a stage of fakes. */
export async function modelkeeper(stage: Stage, ...args: readonly string[]): Promise<Outcome> {
  const out: string[] = [];
  const err: string[] = [];
  const asked: string[] = [];
  const written: Record<string, string> = {};
  let nowMs = NOW_MS;
  const context: CliContext = {
    env: stage.env ?? {},
    interactive: stage.interactive ?? false,
    watched: false,
    width: stage.terminal,
    colors: pc.createColors(stage.terminal !== undefined),
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    ask: (question) => {
      asked.push(question);
      return Promise.resolve(stage.answer ?? false);
    },
    now: () => nowMs,
    sleep: (ms) => {
      nowMs += ms;
      return Promise.resolve();
    },
    interruption: () => stage.interruption ?? new AbortController().signal,
    connect:
      stage.connect ??
      (() =>
        Promise.resolve(
          fake<ModelkeeperClient>({ close: () => Promise.resolve(), ...stage.client }),
        )),
    identify: (local) =>
      Promise.resolve(
        local
          ? { door: 'local', proof: { kind: 'os-user', user: 'ada' } }
          : { door: 'cli', proof: { kind: 'sts', arn: 'arn:aws:iam::111122223333:role/ada' } },
      ),
    account: () => Promise.resolve(fakeAccount(stage.account)),
    readPolicy: (path): Promise<PolicyReading> =>
      Promise.resolve(parsePolicy(stage.files?.[path] ?? '', path)),
    readDetect: (path) =>
      Promise.resolve(parsePolicyPart(stage.files?.[path] ?? '', path, 'detect', detectSchema)),
    writeNew: (path, text) => {
      if (stage.files?.[path] !== undefined)
        return Promise.reject(Object.assign(new Error('exists'), { code: 'EEXIST' }));
      written[path] = text;
      return Promise.resolve();
    },
    probes: () =>
      Promise.resolve(fake<DoctorProbes>({ close: () => Promise.resolve(), ...stage.probes })),
  };
  const code = await run(args, context, '0.0.0');
  const text = out.join('\n');
  return {
    code,
    out: text,
    err: err.join('\n'),
    asked,
    written,
    json: args.includes('--json') ? JSON.parse(text) : undefined,
  };
}

export function entry(
  sequence: number,
  decision: string,
  atMs: number,
  facts: Record<string, unknown>,
  subject = 'keeper/churn',
): LedgerEntry {
  return {
    schema: 'modelkeeper/ledger-v1',
    model: 'churn',
    sequence,
    previousHash: '',
    hash: '',
    id: `${subject}/${sequence}`,
    atMs,
    subject,
    decision,
    reasons: [decision],
    evidence: [],
    actor: KEEPER.policyAuthor,
    facts,
  };
}
