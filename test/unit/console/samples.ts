/** A model in drift with a candidate waiting for approval, as the workflows would tell it. */
import type { LedgerEntry } from '../../../domain/ledger.js';
import { NO_HASH } from '../../../domain/ledger.js';
import type { Evaluation, Trigger, WindowResult } from '../../../domain/model.js';
import type { ApprovalRequest, KeeperStatus, ReleaseStatus } from '../../../domain/status.js';
import type { ModelLine, ModelView, ReleaseLine, ReleaseView } from '../../../client/replies.js';

export const NOW_MS = Date.UTC(2026, 2, 3, 14, 5, 0);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const storage = 's3://ml-artefacts/modelkeeper';
export const DIGEST = '3f9a1c0d5be27a9846d1c2b7e0a4f6d85912cc7e34ab60f1d2e3c4b5a6978812';

function inputsWindow(index: number, result: WindowResult['result']): WindowResult {
  const toMs = Date.UTC(2026, 2, 3, 12) - (19 - index) * 6 * HOUR;
  const moved = result === 'breach' ? 0.41 : result === 'warn' ? 0.14 : 0.05;
  return {
    source: 'inputs',
    sourceKind: 'captured-inputs',
    fromMs: toMs - 6 * HOUR,
    toMs,
    result,
    rows: 1_204 + index * 31,
    sentence:
      result === 'cannot tell'
        ? 'Only 112 rows were captured; 200 are needed to tell.'
        : `origin moved by ${moved.toFixed(2)} (drift from 0.20), distance by ${(moved * 0.6).toFixed(2)}.`,
    columns:
      result === 'cannot tell'
        ? []
        : [
            {
              name: 'origin',
              jsDistance: moved,
              pAdjusted: 0.0001,
              verdict: result === 'breach' ? 'drift' : 'ok',
            },
            {
              name: 'distance',
              jsDistance: moved * 0.6,
              pAdjusted: 0.0004,
              verdict: result === 'breach' ? 'drift' : 'ok',
            },
            {
              name: 'destination',
              jsDistance: moved * 0.35,
              pAdjusted: 0.01,
              verdict: result === 'breach' ? 'warn' : 'ok',
            },
            { name: 'hour', jsDistance: 0.04, pAdjusted: 0.4, verdict: 'ok' },
            { name: 'weekday', jsDistance: 0.02, pAdjusted: 0.8, verdict: 'ok' },
          ],
    reportUri: `${storage}/reports/flight-delays/windows/inputs/${String(toMs - 6 * HOUR)}-${String(toMs)}.json`,
  };
}

const inputs = Array.from({ length: 20 }, (_, index) =>
  inputsWindow(
    index,
    index === 6 ? 'cannot tell' : index === 16 ? 'warn' : index >= 18 ? 'breach' : 'ok',
  ),
);

const quality: readonly WindowResult[] = Array.from({ length: 7 }, (_, index) => {
  const toMs = Date.UTC(2026, 2, 1) - (6 - index) * DAY;
  const estimate = index < 5 ? 0.681 - index * 0.002 : 0.612;
  return {
    source: 'quality',
    sourceKind: 'ground-truth',
    fromMs: toMs - DAY,
    toMs,
    result: index < 6 ? 'ok' : 'cannot tell',
    rows: 5_310 + index * 17,
    sentence: `ROC AUC ${estimate.toFixed(3)} on 94 % of the predictions; the floor is 0.600.`,
    columns: [],
    metric: {
      name: 'roc_auc',
      estimate,
      lower: estimate - 0.018,
      upper: estimate + 0.018,
      coverage: 0.94,
    },
  };
});

export const trigger: Trigger = {
  kind: 'drift',
  atMs: NOW_MS - 5 * HOUR,
  reasons: ['2 of the last 3 windows of inputs drifted: origin by 0.41, distance by 0.25'],
  by: {
    person: 'ada@example.com',
    door: 'keeper',
    proof: { kind: 'policy', digest: '9c41ab77d0e2' },
  },
  windows: inputs.slice(-2),
};

export const evaluation: Evaluation = {
  verdict: 'pass',
  reasons: ['all required gates passed'],
  rows: 8_412,
  champion: [
    { metric: 'roc_auc', estimate: 0.6012, lower: 0.5841, upper: 0.6183 },
    { metric: 'accuracy', estimate: 0.7944, lower: 0.7856, upper: 0.8029 },
    { metric: 'log_loss', estimate: 0.5123, lower: 0.5011, upper: 0.5237 },
  ],
  candidate: [
    { metric: 'roc_auc', estimate: 0.6508, lower: 0.6345, upper: 0.6671 },
    { metric: 'accuracy', estimate: 0.7981, lower: 0.7894, upper: 0.8066 },
    { metric: 'log_loss', estimate: 0.4809, lower: 0.4701, upper: 0.4918 },
  ],
  gates: [
    {
      id: 'not-worse',
      kind: 'non_inferior',
      metric: 'roc_auc',
      severity: 'required',
      verdict: 'pass',
      estimateChampion: 0.6012,
      estimateCandidate: 0.6508,
      delta: 0.0496,
      lower: 0.0381,
      upper: 0.0611,
      n: 8_412,
      reason:
        'The candidate is at least as good: even the lower end of the difference, +0.0381, is above −0.0100.',
    },
    {
      id: 'good-enough',
      kind: 'absolute',
      metric: 'roc_auc',
      severity: 'required',
      verdict: 'pass',
      estimateChampion: null,
      estimateCandidate: 0.6508,
      delta: null,
      lower: 0.6345,
      upper: 0.6671,
      n: 8_412,
      reason: 'ROC AUC 0.6508 is above 0.6200, its lower end 0.6345 too.',
    },
    {
      id: 'by-carrier',
      kind: 'non_inferior',
      metric: 'accuracy',
      severity: 'advisory',
      verdict: 'inconclusive',
      estimateChampion: 0.79,
      estimateCandidate: 0.784,
      delta: -0.006,
      lower: -0.031,
      upper: 0.019,
      n: 611,
      reason: 'Too few rows to tell for small airports: 611 of about 2,900 that would settle it.',
    },
  ],
  reportUri: `${storage}/reports/flight-delays/releases/7/evaluation.json`,
  reportDigest: 'b2'.repeat(32),
};

const shownRequest: NonNullable<ReleaseStatus['request']> = {
  model: 'flight-delays',
  release: 7,
  digest: DIGEST,
  weaknesses: [
    'the bucket keeps no versions: the artefact is pinned by ETag and size only',
    'the image is named by a tag, not by its digest',
  ],
  requestedBy: 'mary@example.com',
  requestedAtMs: NOW_MS - 4 * HOUR,
  expiresAtMs: NOW_MS + 68 * HOUR,
  approvalsNeeded: 2,
  approvers: ['ada@example.com', 'grace@example.com'],
  doors: ['console', 'cli'],
  decisions: [
    {
      verdict: 'approve',
      reason: 'Better on every metric, and the eastern hubs are here to stay.',
      person: 'grace@example.com',
      door: 'cli',
      proof: { kind: 'sts', arn: 'arn:aws:sts::111122223333:assumed-role/grace/laptop' },
      atMs: NOW_MS - 2 * HOUR,
    },
  ],
};

export const request: ApprovalRequest = {
  ...shownRequest,
  evaluation,
  trigger,
  evidence: {
    model: 'flight-delays',
    release: 7,
    artefact: {
      uri: 's3://ml-artefacts/flight-delays/7/model.tar.gz',
      etag: '5d41402abc4b2a76b9719d911017c592',
      sizeBytes: 418_233,
      versionId: null,
    },
    image: '111122223333.dkr.ecr.us-east-1.amazonaws.com/flight-delays:2026-02',
    imageDigest: null,
    packageArn: 'arn:aws:sagemaker:us-east-1:111122223333:model-package/flight-delays/7',
    data: {
      train: { fromMs: NOW_MS - 30 * DAY, toMs: NOW_MS - 3 * DAY },
      holdOut: { fromMs: NOW_MS - 3 * DAY, toMs: NOW_MS - 6 * HOUR },
    },
    evaluation: {
      verdict: evaluation.verdict,
      rows: evaluation.rows,
      champion: evaluation.champion,
      candidate: evaluation.candidate,
      reportUri: evaluation.reportUri,
      reportDigest: evaluation.reportDigest,
    },
    configName: 'flight-delays-7',
    plan: {
      strategy: 'canary',
      percent: 10,
      bakeSeconds: 600,
      finalBakeSeconds: 300,
      timeoutSeconds: 3_600,
      alarmNames: [
        'modelkeeper-flight-delays-release-7-errors',
        'modelkeeper-flight-delays-release-7-latency',
        'modelkeeper-flight-delays-release-7-abort',
      ],
    },
    championConfigName: 'flight-delays-6',
  },
};

export const release: ReleaseStatus = {
  model: 'flight-delays',
  release: 7,
  stage: 'approve',
  startedAtMs: NOW_MS - 5 * HOUR,
  trigger,
  data: request.evidence.data,
  awaiting: '2 approval(s) by ada@example.com, grace@example.com',
  untilMs: request.expiresAtMs,
  executionArn:
    'arn:aws:sagemaker:us-east-1:111122223333:pipeline/flight-delays-train/execution/abc123',
  packageArn: request.evidence.packageArn,
  evaluation,
  request: shownRequest,
  decisions: request.decisions,
  refusals: [
    {
      atMs: NOW_MS - HOUR,
      door: 'console',
      person: 'mary@example.com',
      reason: 'the requester may not decide on their own candidate',
    },
  ],
  paused: null,
  frozen: false,
  championConfigName: 'flight-delays-6',
  configName: 'flight-delays-7',
  rollout: [],
  timeline: [
    { atMs: NOW_MS - 5 * HOUR, what: 'stage retrain' },
    { atMs: NOW_MS - 4.4 * HOUR, what: 'pipeline execution abc123 succeeded after 36 min' },
    { atMs: NOW_MS - 4.4 * HOUR, what: 'stage evaluate' },
    { atMs: NOW_MS - 4 * HOUR, what: 'all required gates passed' },
    { atMs: NOW_MS - 4 * HOUR, what: 'stage approve' },
    { atMs: NOW_MS - 2 * HOUR, what: 'grace@example.com approved: 1 of 2' },
  ],
  result: null,
  policyDigest: '9c41ab77d0e2c55f',
};

export const keeper: KeeperStatus = {
  model: 'flight-delays',
  endpoint: 'flight-delays',
  region: 'us-east-1',
  policyDigest: '9c41ab77d0e2c55f',
  policyAppliedAtMs: NOW_MS - 41 * DAY,
  policyAuthor: {
    person: 'ada@example.com',
    door: 'cli',
    proof: { kind: 'sts', arn: 'arn:aws:sts::111122223333:assumed-role/ada/laptop' },
  },
  mode: 'act',
  verdict: 'drift',
  verdictReasons: trigger.reasons,
  verdictSinceMs: NOW_MS - 5 * HOUR,
  champion: {
    configName: 'flight-delays-6',
    packageArn: 'arn:aws:sagemaker:us-east-1:111122223333:model-package/flight-delays/6',
    modelDataUrl: 's3://ml-artefacts/flight-delays/6/model.tar.gz',
    image: request.evidence.image,
    roleArn: null,
    sinceMs: NOW_MS - 33 * DAY,
  },
  endpointStatus: 'InService',
  alarms: [
    {
      source: 'health',
      name: 'modelkeeper-flight-delays-latency',
      state: 'OK',
      reason: 'p99 is 41 ms, the limit 250 ms',
      sinceMs: NOW_MS - 3 * DAY,
    },
    {
      source: 'health',
      name: 'modelkeeper-flight-delays-5xx',
      state: 'OK',
      reason: 'no errors in the last 15 minutes',
      sinceMs: NOW_MS - 3 * DAY,
    },
  ],
  windows: { inputs, quality },
  awaiting: 'the next look, news, or the end of a cool-down or freeze',
  untilMs: NOW_MS + 55 * 60_000,
  releases: [{ release: 7, stage: 'approve', startedAtMs: NOW_MS - 5 * HOUR }],
  leaseHolder: null,
  lastRelease: {
    release: 6,
    result: {
      kind: 'promoted',
      configName: 'flight-delays-6',
      packageArn: 'arn:aws:sagemaker:us-east-1:111122223333:model-package/flight-delays/6',
    },
    endedAtMs: NOW_MS - 26 * DAY,
  },
  nextReleaseNumber: 8,
  frozen: null,
  cooldownUntilMs: NOW_MS + 19 * HOUR,
  lastGovernorAnswer: {
    kind: 'start',
    reason: 'drift is confirmed and nothing stands against it',
    atMs: NOW_MS - 5 * HOUR,
  },
  budget: { runs: 4, used: 1, perMs: 30 * DAY },
  refusals: [],
  timeline: [
    { atMs: NOW_MS - 26 * DAY, what: 'release 6 ended promoted' },
    { atMs: NOW_MS - 11 * HOUR, what: 'inputs: first window in breach' },
    { atMs: NOW_MS - 5 * HOUR, what: 'verdict drift' },
    { atMs: NOW_MS - 5 * HOUR, what: 'release 7 started' },
  ],
  ledgerHead: { number: 42, hash: 'aa'.repeat(32) },
  retiring: false,
};

export const modelView: ModelView = {
  model: 'flight-delays',
  workflowId: 'keeper/flight-delays',
  runId: '0195',
  execution: 'running',
  startedAtMs: NOW_MS - 41 * DAY,
  closedAtMs: null,
  unanswered: null,
  pending: [
    {
      activity: 'watchData',
      state: 'waiting for the next attempt',
      attempt: 31,
      maximumAttempts: 0,
      lastFailure: 'All quiet: the window until 18:00 is not complete.',
      benign: true,
      lastStartedAtMs: NOW_MS - 300_000,
      nextAttemptAtMs: NOW_MS + 55 * 60_000,
    },
  ],
  keeper,
};

export const releaseView: ReleaseView = {
  model: 'flight-delays',
  release: 7,
  workflowId: 'release/flight-delays/7',
  runId: '0196',
  execution: 'running',
  startedAtMs: NOW_MS - 5 * HOUR,
  closedAtMs: null,
  unanswered: null,
  pending: [],
  status: release,
};

export const modelLine: ModelLine = {
  model: 'flight-delays',
  workflowId: 'keeper/flight-delays',
  startedAtMs: NOW_MS - 41 * DAY,
  stage: 'approve',
  awaiting: 'a person',
  verdict: 'drift',
  endpoint: 'flight-delays',
  failing: [],
};

export const releaseLines: readonly ReleaseLine[] = [
  {
    model: 'flight-delays',
    release: 7,
    workflowId: 'release/flight-delays/7',
    execution: 'running',
    stage: 'approve',
    awaiting: 'a person',
    startedAtMs: NOW_MS - 5 * HOUR,
    closedAtMs: null,
  },
  {
    model: 'flight-delays',
    release: 6,
    workflowId: 'release/flight-delays/6',
    execution: 'completed',
    stage: 'ended',
    awaiting: null,
    startedAtMs: NOW_MS - 34 * DAY,
    closedAtMs: NOW_MS - 26 * DAY,
  },
];

export const ledgerEntries: readonly LedgerEntry[] = [
  {
    schema: 'modelkeeper/ledger-v1',
    model: 'flight-delays',
    sequence: 42,
    id: 'release/flight-delays/7/4',
    atMs: NOW_MS - 2 * HOUR,
    subject: 'release/flight-delays/7',
    decision: 'approve',
    reasons: ['Better on every metric'],
    evidence: [],
    actor: {
      person: 'grace@example.com',
      door: 'cli',
      proof: { kind: 'sts', arn: 'arn:aws:sts::111122223333:assumed-role/grace/laptop' },
    },
    facts: {},
    previousHash: NO_HASH,
    hash: 'aa'.repeat(32),
  },
  {
    schema: 'modelkeeper/ledger-v1',
    model: 'flight-delays',
    sequence: 41,
    id: 'release/flight-delays/7/3',
    atMs: NOW_MS - 4 * HOUR,
    subject: 'release/flight-delays/7',
    decision: 'request',
    reasons: ['approval asked of ada@example.com, grace@example.com'],
    evidence: [],
    actor: {
      person: 'modelkeeper',
      door: 'keeper',
      proof: { kind: 'policy', digest: '9c41ab77d0e2' },
    },
    facts: {},
    previousHash: NO_HASH,
    hash: 'ab'.repeat(32),
  },
];

/** A window's report as far as pictures need it. */
export const windowReport = {
  schema: 'modelkeeper/window-comparison-v1',
  columns: [
    {
      name: 'origin',
      bins: [
        ['SFO', 410, 90],
        ['LAX', 390, 102],
        ['SEA', 220, 40],
        ['ATL', 20, 480],
        ['JFK', 15, 310],
        ['BOS', 11, 205],
      ].map(([label, baseline, window]) => ({ label, baseline, window })),
    },
    {
      name: 'distance',
      bins: [
        ['≤ 250', 200, 110],
        ['≤ 500', 310, 205],
        ['≤ 1000', 400, 380],
        ['≤ 2000', 210, 420],
        ['> 2000', 90, 300],
      ].map(([label, baseline, window]) => ({ label, baseline, window })),
    },
    {
      name: 'destination',
      bins: [
        ['SFO', 300, 210],
        ['ATL', 120, 260],
      ].map(([label, baseline, window]) => ({ label, baseline, window })),
    },
  ],
};

const curves = {
  roc: [
    { falsePositiveRate: 0, truePositiveRate: 0 },
    { falsePositiveRate: 0.2, truePositiveRate: 0.7 },
    { falsePositiveRate: 1, truePositiveRate: 1 },
  ],
  calibration: [
    {
      from: 0,
      to: 0.5,
      rows: 40,
      positives: 8,
      meanScore: 0.25,
      share: 0.2,
      lower: 0.1,
      upper: 0.3,
    },
    {
      from: 0.5,
      to: 1,
      rows: 40,
      positives: 32,
      meanScore: 0.75,
      share: 0.8,
      lower: 0.7,
      upper: 0.9,
    },
  ],
  histogram: [{ from: 0, to: 1, negatives: 40, positives: 40 }],
};
const slice = {
  id: 'by-origin[origin=<b>]',
  kind: 'non_inferior',
  slice: { column: 'origin', value: '<b>' },
  estimateCandidate: 0.7,
  delta: 0.01,
  lower: -0.01,
  upper: 0.03,
  margin: 0.02,
  verdict: 'pass',
};

/** As much of an evaluation's report as pictures need. */
export const evaluationReport = {
  curves: { champion: curves, candidate: curves },
  datasets: [
    { name: 'golden', curves: { champion: null, candidate: curves } },
    { name: 'gone', kind: 'missing' },
  ],
  gates: [slice],
};
