/**
 * Every activity may run twice: after each of its calls in turn took effect and lost its answer, the retry ends
 * where one clean run ends. The table names every activity of the contract, or it does not compile.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type {
  BakeRequest,
  ControlActivities,
  DataActivities,
  ModelRef,
  Split,
  StartRelease,
} from '../../activities/contract.js';
import { createDataActivities } from '../../activities/data.js';
import { sha256 } from '../../activities/digest.js';
import { createControlActivities } from '../../activities/index.js';
import { verdictMetrics } from '../../domain/custom-metrics.js';
import type { PolicyInput } from '../../domain/policy.schema.js';
import { rolloutPlan } from '../../domain/rollout.js';
import { accountWith, EXECUTION, newState, PACKAGE, type Account, type State } from './account.js';
import { ourTags } from './monitors-account.js';
import {
  attemptOf,
  candidate,
  depsOver,
  draft,
  evaluationReport,
  noAnalysis,
  NOON,
  policyInput,
  policyWith,
  profile,
  ref,
} from './support.js';

type Activities = ControlActivities & DataActivities;

interface Case<Name extends keyof Activities> {
  /** Changes the account the activity finds. */
  readonly given?: (state: State) => void;
  readonly args: Parameters<Activities[Name]>;
}

let scratch = '';
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'lost-answers-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

const ERRORS = {
  id: 'errors',
  kind: 'proportion',
  numerator: 'Invocation5XXErrors',
  margin: 0.01,
} as const;
const plan = rolloutPlan(ref.policy.spec.deploy, []);
const scaled: ModelRef = {
  ...ref,
  policy: policyWith({
    scaling: {
      instances: { min: 2, max: 4 },
      target: { metric: 'InvocationsPerInstance', value: 700 },
    },
  }),
};
const champion = {
  configName: 'flights-1',
  packageArn: PACKAGE,
  modelDataUrl: 's3://artefacts/m.tar.gz',
  image: 'image:1',
  roleArn: 'arn:aws:iam::111122223333:role/model',
  sinceMs: 0,
};
const prepare = { ...ref, release: 2, name: 'flights-2', champion, candidate };
const data = { train: { fromMs: 0, toMs: 10 }, holdOut: { fromMs: 10, toMs: 20 } };

const stage = {
  ...ref,
  policy: policyWith({
    deploy: {
      staging: { endpoint: 'staging', check: { samples: 's3://artefacts/samples.csv' } },
    },
  }),
  release: 2,
  configName: 'flights-2',
  packageArn: PACKAGE,
};

const arm = { variant: 'AllTraffic', configName: null, capturePrefix: 's3://artefacts/a/' };
const bake: BakeRequest = {
  ...ref,
  policy: policyWith({
    deploy: { compare: { metrics: [ERRORS, { id: 'answers', kind: 'distribution' }] } },
  }),
  champion: arm,
  candidate: { ...arm, variant: 'Other', capturePrefix: 's3://artefacts/b/' },
  windows: [{ fromMs: NOON - 3_600_000, toMs: NOON }],
  look: { k: 1, of: 1 },
  expectedShare: null,
};
const trained: ModelRef = {
  ...ref,
  policy: {
    ...ref.policy,
    spec: {
      ...ref.policy.spec,
      storage: 's3://artefacts/k',
      retrain: {
        ...policyWith({
          retrain: {
            trainingJob: {
              image: 'train:1',
              role: 'arn:aws:iam::111122223333:role/train',
              instanceType: 'ml.m5.large',
            },
            evaluationJob: { instanceType: 'ml.m5.large' },
          },
        }).spec.retrain,
      },
    },
  },
};
const train = {
  ...trained,
  release: 2,
  name: 'flights-2',
  roundName: 'flights-2',
  instanceType: null,
  champion,
  data,
};

const managed = {
  type: 'data-quality',
  image: 'analyser:1',
  role: 'arn:aws:iam::111122223333:role/monitor',
} as const;
/** One baseline is made, the other one is there. */
const monitored: ModelRef = {
  ...ref,
  policy: policyWith({
    monitor: {
      sources: [
        ...policyInput.spec.monitor.sources,
        {
          id: 'made',
          kind: 'model-monitor',
          schedule: 'flights-made',
          manage: { ...managed, baseline: { dataset: 's3://artefacts/base.csv', format: 'csv' } },
        },
        {
          id: 'given',
          kind: 'model-monitor',
          schedule: 'flights-given',
          manage: {
            ...managed,
            baseline: {
              constraints: 's3://artefacts/constraints.json',
              statistics: 's3://artefacts/statistics.json',
            },
          },
        },
      ],
    },
  }),
};

/** A schedule with an older definition, and one that nobody wants any more. */
const isMonitored = ({ monitors }: State): void => {
  for (const name of ['flights-given', 'flights-gone']) {
    monitors.definitions.set(`${name}-old`, ourTags(name));
    monitors.schedules.set(name, {
      status: 'Scheduled',
      config: {
        ScheduleConfig: { ScheduleExpression: 'cron(0 * ? * * *)' },
        MonitoringJobDefinitionName: `${name}-old`,
        MonitoringType: 'DataQuality',
      },
      tags: ourTags(name),
    });
  }
};

const isTarget = (state: State): void => {
  state.target = { MinCapacity: 2, MaxCapacity: 4 };
};
const isPending = (state: State): void => {
  state.endpoint = { ...state.endpoint, status: 'Updating', pending: 'flights-2' };
};
const tags = [{ Key: 'modelkeeper:model', Value: 'flights' }];

const isPrepared = (state: State): void => {
  state.models.set('flights-2', { package: PACKAGE, tags });
  state.configs.set('flights-2', { variants: [], tags });
  for (const kind of ['errors', 'latency', 'abort']) {
    const name = `modelkeeper-flights-release-2-${kind}`;
    state.alarms.set(name, { AlarmName: name });
    state.alarmTags.set(name, tags);
  }
};

const split: Split = {
  configName: 'flights-2-split',
  championVariant: 'AllTraffic',
  candidateVariant: 'AllTraffic-candidate',
  alarmNames: ['modelkeeper-flights-release-2-candidate-errors'],
};

/** Champion and candidate serve side by side and scale. */
const isShared = (state: State): void => {
  state.endpoint = { ...state.endpoint, config: split.configName };
  state.weights = { champion: 95, candidate: 5 };
  isTarget(state);
  const [alarm = ''] = split.alarmNames;
  state.alarms.set(alarm, { AlarmName: alarm });
  state.scalingPolicies.set('tracking', {
    PolicyName: 'tracking',
    ResourceId: 'endpoint/flights-live/variant/AllTraffic',
    TargetTrackingScalingPolicyConfiguration: {
      TargetValue: 700,
      PredefinedMetricSpecification: {
        PredefinedMetricType: 'SageMakerVariantInvocationsPerInstance',
      },
    },
  });
  state.scalingPolicies.set('steps', {
    PolicyName: 'steps',
    PolicyType: 'StepScaling',
    PolicyARN: 'policy/of-the-champion',
    ResourceId: 'endpoint/flights-live/variant/AllTraffic',
    Alarms: [{ AlarmName: 'busy' }],
  });
  state.alarms.set('busy', {
    AlarmName: 'busy',
    Dimensions: [{ Name: 'VariantName', Value: 'AllTraffic' }],
    AlarmActions: ['policy/of-the-champion'],
  });
};

/** The candidate of the release scales by steps. */
const scalesBySteps = (state: State): void => {
  for (const end of ['out', '2']) {
    const name = `modelkeeper-flights-release-2-candidate-scaling-${end}`;
    state.alarms.set(name, { AlarmName: name });
    state.alarmTags.set(name, tags);
  }
};

const CASES: { readonly [Name in keyof Activities]: Case<Name> } = {
  watchSignals: {
    args: [
      {
        ...ref,
        known: {
          endpointStatus: 'Updating',
          configName: 'flights-1',
          pendingConfigName: null,
          alarms: {},
          breachedMetrics: [],
          blindMetrics: [],
        },
        releases: ['release/flights/1'],
        notBeforeMs: 0,
        wakeAtMs: null,
        scheduleAfterMs: NOON,
      },
    ],
  },
  reconcile: {
    args: [
      {
        ...ref,
        expected: { configName: 'another', seen: null },
        known: [],
        ledgerHead: 0,
        notBeforeMs: 0,
      },
    ],
  },
  readEndpoint: { args: [ref] },
  claimEndpoint: {
    given: (state) => {
      state.endpointTags.clear();
    },
    args: [ref],
  },
  unclaimEndpoint: { args: [ref] },
  ensureAlarms: { args: [ref] },
  repairAlarms: { given: scalesBySteps, args: [ref] },
  publishMetrics: {
    args: [{ ...ref, metrics: verdictMetrics('flights', 'healthy', NOON) }],
  },
  removeAlarms: { given: isPrepared, args: [ref] },
  applyScaling: { args: [scaled] },
  repairScaling: {
    given: (state) => {
      const name = 'modelkeeper-flights-at-night';
      state.scheduledActions.set(name, { ScheduledActionName: name });
    },
    args: [
      {
        ...ref,
        policy: policyWith({
          scaling: {
            instances: { min: 2, max: 4 },
            target: { metric: 'CPUUtilization', value: 60 },
            steps: {
              metric: 'InvocationsPerInstance',
              out: [{ above: 900, add: 1 }],
              in: [{ below: 100, remove: 1 }],
            },
            schedule: [{ id: 'morning', cron: '0 7 * * MON-FRI', min: 3, max: 4 }],
          },
        }),
      },
    ],
  },
  liftSuspension: {
    given: (state) => {
      isTarget(state);
      state.endpointTags.set('modelkeeper:scaling-suspended-by', 'release/flights/1');
    },
    args: [{ ...ref, except: [] }],
  },
  removeScaling: {
    given: (state) => {
      isTarget(state);
      const name = 'modelkeeper-flights-invocations';
      state.scalingPolicies.set(name, { PolicyName: name });
    },
    args: [scaled],
  },
  keepMonitors: {
    given: isMonitored,
    args: [{ ...monitored, champion, known: [], repaired: [], notBeforeMs: 0 }],
  },
  stopMultivariate: {
    given: (state) => {
      for (const name of ['flights-mv-0123456789ab', 'flights-mv-0123456789ab-t2'])
        state.jobs.set(name, { status: 'InProgress', environment: {} });
      // Of other models, and of a release.
      for (const name of [
        'flights-mv-mv-0123456789ab',
        'old-flights-mv-0123456789ab',
        'flights-mv-3',
      ])
        state.jobs.set(name, { status: 'InProgress', environment: {} });
    },
    args: [ref],
  },
  removeMonitors: { given: isMonitored, args: [monitored] },
  readScaling: { given: isTarget, args: [scaled] },
  suspendScaling: { given: isTarget, args: [{ ...scaled, by: 'release/flights/2' }] },
  resumeScaling: { given: isTarget, args: [scaled] },
  startRelease: {
    args: [
      {
        workflowId: 'release/flights/3',
        keeperId: 'keeper/flights',
        triggerKey: 'drift/1',
        input: { model: 'flights', release: 3, trigger: { kind: 'drift', reasons: ['moved'] } },
      } as unknown as StartRelease,
    ],
  },
  startPipeline: { args: [{ ...ref, release: 2, name: 'flights-2', parameters: {} }] },
  awaitPipeline: {
    given: (state) => {
      state.executionStatus = 'Succeeded';
    },
    args: [{ ...ref, executionArn: EXECUTION }],
  },
  retryPipeline: {
    given: (state) => {
      state.executionStatus = 'Failed';
    },
    args: [{ ...ref, executionArn: EXECUTION, number: 1 }],
  },
  awaitRevival: { args: [{ ...ref, executionArn: EXECUTION }] },
  planJobs: { args: [ref] },
  startTrainingJob: { args: [train] },
  awaitTrainingJob: {
    given: (state) => {
      state.jobs.set('flights-2', { status: 'Completed', environment: {} });
    },
    args: [{ ...trained, jobName: 'flights-2' }],
  },
  startEvaluationJob: { args: [{ ...train, modelDataUrl: 's3://artefacts/m.tar.gz' }] },
  awaitEvaluationJob: {
    given: (state) => {
      state.jobs.set('flights-2', { status: 'Completed', environment: {} });
    },
    args: [{ ...trained, jobName: 'flights-2' }],
  },
  stopJobs: {
    given: (state) => {
      state.jobs.set('flights-2', { status: 'InProgress', environment: {} });
      state.jobs.set('flights-2-score', { status: 'Completed', environment: {} });
    },
    args: [
      {
        ...trained,
        trainingJobs: ['flights-2', 'flights-2-t2'],
        evaluationJobs: ['flights-2-score'],
        sinceMs: NOON,
      },
    ],
  },
  registerCandidate: {
    given: (state) => {
      for (const file of ['predictions.parquet', 'training-rows.parquet', 'baseline.parquet'])
        state.objects.set(`k/training/flights/flights-2/results/${file}`, 'rows');
    },
    args: [
      {
        ...train,
        jobArn: 'arn:aws:sagemaker:us-east-1:111122223333:training-job/flights-2',
        modelDataUrl: 's3://artefacts/m.tar.gz',
        metrics: { auc: 0.7 },
        packageArn: null,
      },
    ],
  },
  stopPipeline: {
    given: (state) => {
      state.executions.push('flights-2');
    },
    args: [{ ...ref, release: 2, name: 'flights-2', executionArn: null }],
  },
  setApprovalStatus: {
    args: [{ ...ref, packageArn: PACKAGE, status: 'Approved', description: 'by ada' }],
  },
  writePackage: {
    args: [
      {
        ...ref,
        packageArn: PACKAGE,
        status: 'PendingManualApproval',
        description: 'waits for approval',
        metadata: { 'modelkeeper:report': 's3://artefacts/report.json' },
        lifeCycle: { stage: 'Staging', status: 'Active' },
      },
    ],
  },
  watchPackage: {
    args: [
      {
        ...ref,
        packageArn: PACKAGE,
        memory: {
          known: {
            packageArn: PACKAGE,
            status: 'Completed',
            approvalStatus: 'Rejected',
            description: '',
            lastModifiedBy: null,
            lastModifiedAtMs: null,
          },
          own: null,
        },
      },
    ],
  },
  prepareDeployment: { args: [prepare] },
  discardDeployment: {
    given: (state) => {
      isPrepared(state);
      scalesBySteps(state);
    },
    args: [{ ...ref, release: 2, names: ['flights-2'], keepConfig: false }],
  },
  preflight: {
    given: isPrepared,
    args: [
      {
        ...ref,
        configName: 'flights-2',
        plan,
        packageArn: PACKAGE,
        expectedConfigName: 'flights-1',
        evidence: {
          model: 'flights',
          release: 2,
          artefact: { uri: candidate.modelDataUrl, ...candidate.artefact },
          image: candidate.image,
          imageDigest: null,
          packageArn: PACKAGE,
          data,
          evaluation: {
            verdict: 'pass',
            candidate: [],
            champion: [],
            reportUri: 's3://artefacts/report.json',
            reportDigest: sha256('{}'),
            rows: 1,
          },
          configName: 'flights-2',
          plan,
          championConfigName: 'flights-1',
        },
      },
    ],
  },
  updateEndpoint: {
    given: isPrepared,
    args: [
      {
        ...ref,
        release: 2,
        configName: 'flights-2',
        plan,
        expectedConfigName: 'flights-1',
        lastModifiedAtMs: NOON - 3_600_000,
      },
    ],
  },
  awaitRest: {
    args: [
      {
        ...ref,
        configName: 'flights-2',
        previousConfigName: 'flights-1',
        alarmNames: ['modelkeeper-flights-release-2-errors'],
        deadlineMs: NOON + 1,
        journey: { sinceMs: NOON, progress: [], formerReason: null },
        tellMoves: false,
      },
    ],
  },
  tripAlarm: {
    given: isPending,
    args: [{ ...ref, alarmName: 'modelkeeper-flights-release-2-abort', reason: 'ada aborted' }],
  },
  shiftTraffic: { given: isShared, args: [{ ...ref, split, percent: 25, expectedPercent: 5 }] },
  awaitShift: { given: isShared, args: [{ ...ref, split, percent: 5, deadlineMs: NOON + 1 }] },
  watchSplit: { given: isShared, args: [{ ...ref, split, percent: 5, untilMs: NOON }] },
  openSplit: { given: isShared, args: [{ ...ref, split, release: 2, resume: true }] },
  closeSplit: {
    given: (state) => {
      isShared(state);
      scalesBySteps(state);
      state.candidateTarget = { MinCapacity: 1, MaxCapacity: 4 };
    },
    args: [{ ...ref, split, release: 2, suspend: true }],
  },
  findWayBack: { given: isPrepared, args: [{ ...ref, to: 'flights-2', previous: null }] },
  pruneConfigs: {
    given: (state) => {
      isPrepared(state);
      state.configs.set('flights-2-split', { variants: [], tags });
    },
    args: [{ ...ref, keep: 0, wanted: ['flights-1'] }],
  },
  record: { args: [{ ...ref, drafts: [draft('a'), draft('b')] }] },
  rebuild: { args: [ref] },
  checkPolicy: { args: [{ policy: ref.policy }] },
  notify: {
    args: [
      {
        ...ref,
        notice: 'approval',
        dedupeKey: 'release/flights/3/request/1',
        subject: 'flights-3 waits',
        text: 'AUC 0.65',
        severity: 'info',
        consolePath: null,
      },
    ],
  },
  publishEvents: {
    args: [
      {
        ...ref,
        policy: policyWith({ events: { bus: 'ml' } }),
        endpointArn: null,
        events: [
          {
            kind: 'stage',
            id: 'release/flights/3/stage/1',
            atMs: NOON,
            release: 3,
            stage: 'retrain',
            previousStage: null,
          },
        ],
      },
    ],
  },
  watchData: {
    given: (state) => {
      state.objects.set('capture/2026/03/01/11/f.jsonl', '{}\n');
      state.objects.set('profile.json', JSON.stringify(profile));
    },
    args: [
      {
        ...ref,
        policy: policyWith({
          monitor: {
            every: '1h',
            sources: [{ id: 'inputs', kind: 'captured-inputs', window: '1h', settle: '10m' }],
          },
          retrain: { pipeline: 'p', on: ['drift'] },
          deploy: { probation: { rollBackOn: ['alarms'] } },
        }),
        champion,
        capturePrefix: 's3://artefacts/capture/',
        baselineUri: 's3://artefacts/profile.json',
        countedToMs: { inputs: NOON - 3_600_000 },
        recent: {},
        disturbed: [],
        toldNoData: [],
        notBeforeMs: 0,
      },
    ],
  },
  prepareBaseline: { args: [{ ...ref, champion, capturePrefix: null }] },
  evaluateCandidate: {
    args: [
      {
        ...ref,
        release: 2,
        champion,
        data,
        candidate: { ...candidate, predictionsUri: 's3://artefacts/predictions.parquet' },
      },
    ],
  },
  prepareShadow: {
    given: isPrepared,
    args: [
      {
        ...ref,
        policy: policyWith({ deploy: { shadow: { for: '1h' } } }),
        release: 2,
        configName: 'flights-2',
        championConfigName: 'flights-1',
      },
    ],
  },
  prepareStaging: { args: [stage] },
  checkStaging: {
    given: (state) => {
      state.objects.set('samples.csv', '300\n2000\n');
    },
    args: [stage],
  },
  tidyStaging: {
    given: (state) => {
      state.staging = {
        config: 'flights-2-staging',
        tags: [...tags, { Key: 'modelkeeper:keeper', Value: 'keeper/flights' }],
      };
      for (const name of ['flights-1-staging', 'flights-2-staging']) {
        state.configs.set(name, { variants: [], tags });
        state.models.set(name, { package: PACKAGE, tags });
      }
    },
    args: [{ ...stage, remove: true }],
  },
  compareBake: { args: [bake] },
  watchBake: {
    args: [
      {
        ...ref,
        champion: arm,
        candidate: arm,
        sinceMs: NOON - 3_600_000,
        bakeMs: 600_000,
        look: { k: 1, of: 1 },
      },
    ],
  },
  compareAnswers: { args: [bake] },
};

const together: Extract<
  PolicyInput['spec']['monitor']['sources'][number],
  { kind: 'multivariate' }
> = {
  id: 'together',
  kind: 'multivariate',
  window: '1h',
  settle: '10m',
  reference: 's3://artefacts/train/',
  columns: ['x', 'y'],
  image: 'modelkeeper:1',
  role: 'arn:aws:iam::111122223333:role/jobs',
};

/** Activities that do something else for another policy. */
const FURTHER: readonly (readonly [string, keyof Activities, Case<'watchData'>])[] = [
  [
    'watchData of columns together',
    'watchData',
    {
      given: (state) => {
        state.objects.set('capture/2026/03/01/11/f.jsonl', '{}\n');
      },
      args: [
        {
          ...ref,
          policy: policyWith({
            monitor: { every: '1h', sources: [together] },
            retrain: { pipeline: 'p', on: ['drift'] },
            deploy: { probation: { rollBackOn: ['alarms'] } },
          }),
          champion,
          capturePrefix: 's3://artefacts/capture/',
          baselineUri: null,
          countedToMs: { together: NOON - 3_600_000 },
          recent: {},
          disturbed: [],
          toldNoData: ['together'],
          notBeforeMs: 0,
        },
      ],
    },
  ],
];

/** Half an hour after noon, so that the window before noon has settled. */
const LATER = NOON + 1_800_000;

function activitiesOf({ aws, temporal }: Account): Activities {
  return {
    ...createControlActivities(depsOver(aws, { temporal })),
    ...createDataActivities({
      aws: () => aws.clients,
      analysis: {
        ...noAnalysis,
        profile: async () => profile,
        compareInputs: async () => ({
          counts: {} as never,
          comparison: {
            schema: 'modelkeeper/window-comparison-v1',
            rows: 1_204,
            baselineRows: 1_000,
            prediction: null,
            notCompared: [],
            columns: [],
            verdict: { kind: 'drift', reasons: ['origin moved'] },
          },
        }),
        evaluate: async () => evaluationReport,
      },
      now: () => LATER,
      scratch,
    }),
  };
}

/** No activity of the table needs more: two looks, and the one after a lost answer. */
const MOST_ATTEMPTS = 5;

/** Runs an activity as Temporal does: again until it answers, with what the attempt before kept. */
async function settle(
  name: keyof Activities,
  args: unknown[],
  account: Account,
  from = 1,
): Promise<unknown> {
  // As after the death of a worker: no attempt finds what another kept in memory.
  const once = (info: { attempt: number; heartbeatDetails: unknown }) =>
    attemptOf(activitiesOf(account)[name] as (...args: unknown[]) => Promise<unknown>, args, info);
  let heartbeatDetails: unknown;
  for (let attempt = from; ; attempt += 1) {
    const { error, result, details } = await once({ attempt, heartbeatDetails });
    const final = (error as { nonRetryable?: boolean } | undefined)?.nonRetryable === true;
    if (error === undefined || final || attempt === from + MOST_ATTEMPTS) return result();
    heartbeatDetails = details;
  }
}

function accountOf({ given }: { readonly given?: (state: State) => void }): Account {
  const state = newState();
  given?.(state);
  return accountWith(state);
}

/** There is no answer to lose. */
const ASKS_NOBODY: ReadonlySet<string> = new Set(['checkPolicy']);

describe('every activity', () => {
  type AnyCase = { readonly given?: (state: State) => void; readonly args: unknown[] };
  const cases: readonly (readonly [string, keyof Activities, AnyCase])[] = [
    ...(Object.entries(CASES) as [keyof Activities, AnyCase][]).map(
      ([name, one]) => [name, name, one] as const,
    ),
    ...FURTHER,
  ];

  it('has its case', () => {
    expect(Object.keys(CASES).sort()).toEqual(Object.keys(activitiesOf(accountOf({}))).sort());
  });

  it.each(cases)('%s ends the same whichever answer is lost', async (_title, name, one) => {
    const clean = accountOf(one);
    await settle(name, one.args, clean);
    const calls = clean.aws.names();
    expect(calls.length + clean.state.releases.size > 0).toBe(!ASKS_NOBODY.has(name));
    for (const [call, command] of calls.entries()) {
      const account = accountOf(one);
      account.aws.loseAnswerOf(call);
      await settle(name, one.args, account);
      expect(account.state, `after the answer of ${command} was lost`).toEqual(clean.state);
    }
    expect(readdirSync(scratch)).toEqual([]);
  });

  // A worker that dies after the last call never tells Temporal that the activity is done.
  it.each(cases)(
    '%s changes nothing when it runs again after its end',
    async (_title, name, one) => {
      const account = accountOf(one);
      await settle(name, one.args, account);
      const before = structuredClone(account.state);
      await settle(name, one.args, account, 2);
      expect(account.state).toEqual(before);
    },
  );
});
