import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pc from 'picocolors';
import { describe, expect, it } from 'vitest';

import { harmless, statusText } from '../../../client/cli/render.js';
import { ModelkeeperError, type ModelkeeperErrorCode } from '../../../client/errors.js';
import type { EndpointFacts } from '../../../client/account.js';
import { hostedAs } from '../../../client/plan.js';
import { hostingFaults } from '../../../domain/hosting.js';
import type { ReleaseStatus } from '../../../domain/status.js';
import { parsePolicy } from '../../../client/policy-file.js';
import type { ModelPlace } from '../../../client/replies.js';
import {
  entry,
  KEEPER,
  modelkeeper,
  modelView,
  NOW_MS,
  releaseStatus,
  releaseView,
  REQUEST,
  type Stage,
} from './fake.js';

const GOOD = readFileSync('examples/minimal.policy.yaml', 'utf8');

const ENDPOINT: EndpointFacts = {
  name: 'churn',
  arn: 'arn:aws:sagemaker:us-east-1:111122223333:endpoint/churn',
  status: 'InService',
  configName: 'churn-1',
  keptBy: null,
  variants: [
    {
      name: 'AllTraffic',
      modelName: 'm',
      serverless: false,
      instanceType: 'ml.m5.large',
      instances: 2,
    },
  ],
  asynchronous: false,
  capture: {
    prefix: 's3://ml-artefacts/capture/churn/AllTraffic/',
    percent: 100,
    inputs: true,
    outputs: true,
  },
  roleArn: 'arn:aws:iam::111122223333:role/model',
  packageArn: 'arn:aws:sagemaker:us-east-1:111122223333:model-package/churn/1',
};

const ACCOUNT: Stage['account'] = {
  endpoint: () => Promise.resolve(ENDPOINT),
  groupExists: () => Promise.resolve(true),
  groups: () => Promise.resolve(['churn']),
  pipelines: () => Promise.resolve(['churn-train']),
  pipeline: () =>
    Promise.resolve({
      name: 'churn-train',
      parameters: [{ name: 'TrainFrom', required: false }],
    }),
  bucketExists: () => Promise.resolve(true),
  hasObjects: () => Promise.resolve(true),
  recentCapture: () => Promise.resolve(null),
  readText: () => Promise.resolve(null),
};

const PLACE: ModelPlace = {
  model: 'churn',
  endpoint: 'churn',
  region: 'us-east-1',
  group: 'churn',
  pipeline: 'p',
  storage: 's3://ml-artefacts/',
  alarms: [],
};

const NOBODY = (): Promise<never> =>
  Promise.reject(new ModelkeeperError('not-found', 'there is no keeper of churn'));

describe('the exit code', () => {
  it.each<[number, string, Stage, string[]]>([
    [0, 'for help', {}, ['--help']],
    [2, 'for no command at all', {}, ['nonsense']],
    [2, 'for an unknown option', {}, ['list', '--colour']],
    [2, 'for a missing argument', {}, ['status']],
    [2, 'for an invalid policy', { files: { 'p.yaml': 'a: 1' } }, ['validate', 'p.yaml']],
    [0, 'for a valid policy', { files: { 'p.yaml': GOOD } }, ['validate', 'p.yaml']],
    [2, 'for a rejection without a reason', {}, ['reject', 'churn']],
    [2, 'for a time nobody understands', {}, ['freeze', 'churn', '--until', 'soon']],
    [2, 'for an end in the past', {}, ['freeze', 'churn', '--until', '2020-01-01']],
    [2, 'for a release that is no number', {}, ['why', 'churn', '--release', 'x']],
    [
      3,
      'for a release that does not wait',
      { client: { approvalRequest: () => Promise.resolve(null) } },
      ['approve', 'churn', '--release', '3'],
    ],
    [
      2,
      'for a refused Update',
      { client: { rollback: () => Promise.resolve({ kind: 'refused', reason: 'not now' }) } },
      ['rollback', 'churn'],
    ],
    [1, 'for what nobody planned', { client: {} }, ['list']],
  ])('is %i %s', async (code, _case, stage, args) => {
    expect((await modelkeeper(stage, ...args)).code).toBe(code);
  });

  it.each<[number, string, string]>([
    [4, 'AwsUnavailable', 'unreachable'],
    [4, 'PermissionMissing', 'permission-missing'],
    [3, 'NotVisibleYet', 'not-found'],
    [2, 'AwsRequestRefused', 'refused'],
    [2, 'BadData', 'refused'],
    [1, 'Capacity', 'unexpected'],
  ])('is %i when AWS says %s', async (code, type, word) => {
    const failure = Object.assign(new Error('a sentence'), { type });
    const stage: Stage = { client: { list: () => Promise.reject(failure) } };
    expect(await modelkeeper(stage, 'list', '--json')).toMatchObject({
      code,
      json: { kind: 'error', code: word, message: 'a sentence' },
    });
  });

  it.each([
    [['status', '--json']],
    [['list', '--json', '--colour']],
    [['list', 'extra', '--json']],
    [['nonsense', '--json']],
    [['ledger', 'churn', 'burn', '--json']],
  ])('is 2 with one JSON document for %j', async (args) => {
    expect(await modelkeeper({}, ...args)).toMatchObject({
      code: 2,
      json: { kind: 'error', code: 'refused' },
    });
  });

  it.each<[number, ModelkeeperErrorCode]>([
    [3, 'not-found'],
    [4, 'no-worker'],
    [4, 'unreachable'],
    [5, 'timed-out'],
  ])('is %i for %s, with the sentence in JSON too', async (code, kind) => {
    const stage: Stage = {
      client: { why: () => Promise.reject(new ModelkeeperError(kind, 'a sentence')) },
    };
    expect(await modelkeeper(stage, 'why', 'churn', '--json')).toMatchObject({
      code,
      json: { kind: 'error', code: kind, message: 'a sentence' },
    });
  });
});

describe('approve', () => {
  const waiting = (decided: unknown[] = []): Stage => ({
    client: {
      status: () => Promise.resolve(modelView()),
      approvalRequest: (_model, release) => Promise.resolve(release === 3 ? REQUEST : null),
      approve: (...given) => {
        decided.push(given);
        return Promise.resolve({
          kind: 'done',
          answer: { sentence: 'approved', outcome: 'approved' },
        });
      },
    },
  });

  it('shows the evidence, asks, and binds the decision to what was shown', async () => {
    const decided: unknown[] = [];
    const outcome = await modelkeeper(
      { ...waiting(decided), interactive: true, answer: true },
      'approve',
      'churn',
      '--reason',
      'fine',
    );
    expect(outcome.code).toBe(0);
    expect(outcome.asked).toEqual(['Let churn-3 into service?']);
    expect(outcome.err).toContain('0.6500 [0.6300, 0.6700]');
    expect(outcome.err).toContain('Weaker evidence: the image is named by a tag');
    expect(decided).toEqual([
      [
        'churn',
        3,
        {
          door: 'cli',
          proof: { kind: 'sts', arn: 'arn:aws:iam::111122223333:role/ada' },
          digest: REQUEST.digest,
          reason: 'fine',
        },
        {},
      ],
    ]);
  });

  it('decides nothing on a no', async () => {
    const decided: unknown[] = [];
    const stage = { ...waiting(decided), interactive: true, answer: false };
    expect((await modelkeeper(stage, 'approve', 'churn')).code).toBe(2);
    expect(decided).toEqual([]);
  });

  it('decides nothing where nobody can be asked', async () => {
    const decided: unknown[] = [];
    const outcome = await modelkeeper(waiting(decided), 'approve', 'churn');
    expect(outcome).toMatchObject({ code: 2 });
    expect(outcome.err).toContain(`--yes --digest ${REQUEST.digest}`);
    expect(decided).toEqual([]);
  });

  it('passes on the digest somebody read, the local proof and the name of the request', async () => {
    const decided: unknown[] = [];
    await modelkeeper(
      waiting(decided),
      ...['approve', 'churn', '--yes', '--digest', 'other', '--local', '--request-id', 'r1'],
    );
    expect(decided).toMatchObject([
      ['churn', 3, { door: 'local', digest: 'other' }, { updateId: 'r1' }],
    ]);
  });

  it('follows the release with --wait, and says when it ended otherwise', async () => {
    const states = [
      releaseStatus({ stage: 'deploy', awaiting: 'the rollout' }),
      releaseStatus({
        stage: 'ended',
        result: { kind: 'rolled back', reason: 'alarm', configName: 'churn-2' },
      }),
    ];
    const stage = waiting();
    const outcome = await modelkeeper(
      {
        client: {
          ...stage.client,
          releaseStatus: () => Promise.resolve(releaseView(states.shift() ?? releaseStatus())),
        },
      },
      ...['approve', 'churn', '--yes', '--wait'],
    );
    expect(outcome.code).toBe(6);
    expect(outcome.err).toContain('deploy: waits for the rollout');
    expect(outcome.err).toContain('rolled back: alarm');
  });

  it('gives up waiting in time, and says that the release goes on', async () => {
    const stage = waiting();
    const outcome = await modelkeeper(
      {
        client: {
          ...stage.client,
          releaseStatus: () => Promise.resolve(releaseView(releaseStatus({ stage: 'deploy' }))),
        },
      },
      ...['approve', 'churn', '--yes', '--wait', '--timeout', '10s'],
    );
    expect(outcome.code).toBe(5);
    expect(outcome.err).toContain('goes on');
  });
});

describe('one JSON document', () => {
  const answers: Stage['client'] = {
    status: () => Promise.resolve(modelView()),
    approvalRequest: () => Promise.resolve(REQUEST),
    approve: () =>
      Promise.resolve({ kind: 'done', answer: { sentence: 'approved', outcome: 'approved' } }),
  };

  it.each<[string, ReleaseStatus['result'], number, object]>([
    [
      'the answer, once the release was promoted',
      { kind: 'promoted', configName: 'churn-3', packageArn: 'arn' },
      0,
      { kind: 'done', sentence: 'approved' },
    ],
    [
      'the error, when it ended otherwise',
      { kind: 'rolled back', reason: 'alarm', configName: 'churn-2' },
      6,
      { kind: 'error', code: 'endedOtherwise' },
    ],
  ])('is %s', async (_what, result, code, json) => {
    const stage: Stage = {
      client: {
        ...answers,
        releaseStatus: () =>
          Promise.resolve(releaseView(releaseStatus({ stage: 'ended', result }))),
      },
    };
    const outcome = await modelkeeper(stage, 'approve', 'churn', '--yes', '--wait', '--json');
    expect(outcome).toMatchObject({ code, json });
    expect(outcome.err).toContain('approved');
  });

  it('is the status also where the keeper does not answer', async () => {
    const outcome = await modelkeeper(
      {
        client: {
          status: () => Promise.resolve(modelView(null)),
          releases: () => Promise.resolve([]),
        },
      },
      ...['status', 'churn', '--json'],
    );
    expect(outcome).toMatchObject({ code: 4, json: { keeper: null } });
    expect(outcome.err).toContain('no worker answers');
  });
});

describe('texts of others', () => {
  const ESCAPE = String.fromCharCode(27);
  const HOSTILE = `${ESCAPE}[2J${ESCAPE}]0;x${String.fromCharCode(7, 0x9b)}red`;

  it.each<[string, Stage, string[]]>([
    [
      'a key of a policy',
      { files: { 'p.yaml': `"${String.raw`\e[2J`}red": 1` } },
      ['validate', 'p.yaml'],
    ],
    [
      'a refusal',
      { client: { freeze: () => Promise.resolve({ kind: 'refused', reason: HOSTILE }) } },
      ['freeze', 'churn'],
    ],
    [
      'an answer',
      {
        client: { freeze: () => Promise.resolve({ kind: 'done', answer: { sentence: HOSTILE } }) },
      },
      ['freeze', 'churn'],
    ],
    [
      'an answer in JSON',
      {
        client: { freeze: () => Promise.resolve({ kind: 'done', answer: { sentence: HOSTILE } }) },
      },
      ['freeze', 'churn', '--json'],
    ],
    ['a name', {}, ['ledger', HOSTILE]],
  ])('move no cursor: %s', async (_case, stage, args) => {
    const { out, err } = await modelkeeper(stage, ...args);
    expect(`${out}${err}`).toContain('red');
    expect(`${out}${err}`).not.toMatch(/(?!\n)\p{Cc}/u);
  });

  it('leave our own colours', () => {
    const colors = pc.createColors(true);
    expect(harmless(colors, colors.red(`a${ESCAPE}[2Jb`))).toBe(colors.red('a [2Jb'));
  });
});

describe('a request', () => {
  it.each(['', ' ', 'a b', 'x'.repeat(201), 'é'])('is not named %j', async (id) => {
    const sent: unknown[] = [];
    const client: Stage['client'] = {
      freeze: (...given) => {
        sent.push(given);
        return Promise.resolve({ kind: 'done', answer: { sentence: 'frozen' } });
      },
    };
    const outcome = await modelkeeper({ client }, 'freeze', 'churn', '--request-id', id);
    expect(outcome).toMatchObject({ code: 2 });
    expect(sent).toEqual([]);
  });
});

describe('a time', () => {
  it.each(['2099-02-31', '2099-13-01', '2099-03-01 noon', '2099-03-01T25:00Z', 'soon', '1h30m'])(
    'is not %s',
    async (until) => {
      const outcome = await modelkeeper({}, 'freeze', 'churn', '--until', until);
      expect(outcome).toMatchObject({ code: 2 });
      expect(outcome.err).toContain('is not a time');
    },
  );
});

describe('status', () => {
  it('without a worker tells what Temporal knows, and exits 4', async () => {
    const outcome = await modelkeeper(
      {
        client: {
          status: () => Promise.resolve(modelView(null)),
          releases: () => Promise.resolve([]),
        },
      },
      'status',
      'churn',
    );
    expect(outcome.code).toBe(4);
    expect(outcome.out).toContain('no worker answers on task queue modelkeeper-control');
  });

  it('shows failing work in its own words, and no control characters of anybody', async () => {
    const keeper = { ...KEEPER, verdictReasons: ['\u001b[2Jgone'], releases: [] };
    const { out } = await modelkeeper(
      {
        client: {
          status: () =>
            Promise.resolve({
              ...modelView(keeper),
              pending: [
                {
                  activity: 'watchSignals',
                  state: 'waiting for the next attempt' as const,
                  attempt: 4,
                  maximumAttempts: 0,
                  lastFailure: 'sagemaker:DescribeEndpoint is missing',
                  benign: false,
                  lastStartedAtMs: null,
                  nextAttemptAtMs: NOW_MS + 60_000,
                },
              ],
            }),
        },
      },
      'status',
      'churn',
    );
    expect(out).toContain('attempt 4, next in 1 min: sagemaker:DescribeEndpoint is missing');
    expect(out).not.toContain('\u001b');
  });
});

describe('scaling in status', () => {
  const GREW = {
    atMs: NOW_MS - 60_000,
    status: 'Successful',
    sentence: 'Successfully set desired instance count to 3. (alarm out)',
  };
  const REFUSED = {
    atMs: NOW_MS - 600_000,
    status: 'Failed',
    sentence: 'the account-level service limit is 4 Instances: ask for a higher quota (alarm out)',
  };
  const shown = async (scaling: NonNullable<typeof KEEPER.scaling>): Promise<string> => {
    const view = modelView({ ...KEEPER, releases: [], scaling });
    const { out } = await modelkeeper(
      { client: { status: () => Promise.resolve(view), releases: () => Promise.resolve([]) } },
      'status',
      'churn',
    );
    return out;
  };

  it('says what it did last, and when', async () => {
    const out = await shown([GREW]);
    expect(out).toMatch(/scaling +Successfully set desired instance count to 3.*1 min ago/);
    expect(out).not.toContain('refused');
  });

  it('says a refusal with what helps, also when something else was done since', async () => {
    expect(await shown([REFUSED])).toMatch(/scaling refused +.*ask for a higher quota.*10 min ago/);
    const out = await shown([GREW, REFUSED]);
    expect(out).toMatch(/scaling +Successfully/);
    expect(out).toMatch(/scaling refused +.*ask for a higher quota/);
  });
});

describe('plan and apply', () => {
  const stage = (account: Stage['account'] = {}, client: Stage['client'] = {}): Stage => ({
    files: { 'p.yaml': GOOD },
    account: { ...ACCOUNT, ...account },
    client: { status: NOBODY, place: () => Promise.resolve(null), ...client },
  });

  it('say what a new policy would do', async () => {
    const outcome = await modelkeeper(stage(), 'plan', 'p.yaml', '--json');
    expect(outcome).toMatchObject({ code: 0, json: { kind: 'create', refusals: [] } });
  });

  it.each<[string, Stage['account'], string]>([
    [
      'an endpoint that is not there',
      { endpoint: () => Promise.resolve(null) },
      "there is no endpoint 'churn' in us-east-1",
    ],
    [
      'inference components',
      {
        endpoint: () =>
          Promise.resolve({
            ...ENDPOINT,
            variants: ENDPOINT.variants.map((one) => ({ ...one, modelName: null })),
          }),
      },
      'hosts inference components',
    ],
    [
      'an endpoint somebody else keeps',
      { endpoint: () => Promise.resolve({ ...ENDPOINT, keptBy: 'other' }) },
      "is kept by the policy 'other'",
    ],
    [
      'capture that is off',
      { endpoint: () => Promise.resolve({ ...ENDPOINT, capture: null }) },
      'data capture is off',
    ],
    [
      'a capture prefix without data',
      { hasObjects: (uri) => Promise.resolve(!uri.includes('/capture/')) },
      'nothing lies under s3://ml-artefacts/capture/churn/AllTraffic/',
    ],
    [
      'another variant',
      {
        endpoint: () =>
          Promise.resolve({
            ...ENDPOINT,
            variants: ENDPOINT.variants.map((one) => ({ ...one, name: 'blue' })),
          }),
      },
      "has no variant 'AllTraffic': write blue",
    ],
    [
      'an unknown pipeline, naming the nearest',
      { pipeline: () => Promise.resolve(null), pipelines: () => Promise.resolve(['churn-trian']) },
      "there is no pipeline 'churn-train': did you mean 'churn-trian'?",
    ],
    [
      'a parameter that must be given',
      {
        pipeline: () =>
          Promise.resolve({ name: 'churn-train', parameters: [{ name: 'Rows', required: true }] }),
      },
      "needs the parameter 'Rows'",
    ],
    [
      'a storage bucket that is not there',
      { bucketExists: () => Promise.resolve(false) },
      'spec.storage: there is no bucket ml-artefacts',
    ],
    [
      'an unknown group',
      { groupExists: () => Promise.resolve(false) },
      "there is no model package group 'churn'",
    ],
  ])('refuse %s and change nothing', async (_what, account, sentence) => {
    for (const verb of ['plan', 'apply']) {
      const outcome = await modelkeeper(stage(account), verb, 'p.yaml');
      expect(outcome.code).toBe(2);
      expect(outcome.out).toContain(sentence);
    }
  });

  it('refuse critical columns that are not captured, and a baseline that lacks some', async () => {
    const text = GOOD.replace(
      '{ id: inputs, kind: captured-inputs }',
      '{ id: inputs, kind: captured-inputs, baseline: s3://ml-artefacts/base.csv }',
    ).replace('  retrain:', '  detect: { columns: { critical: [distanse] } }\n  retrain:');
    const line = JSON.stringify({
      captureData: {
        endpointInput: { data: JSON.stringify({ distance: 1, origin: 'a' }), encoding: 'JSON' },
      },
    });
    const { out, code } = await modelkeeper(
      {
        ...stage({
          recentCapture: () => Promise.resolve('s3://ml-artefacts/capture/x.jsonl'),
          readText: (uri) => Promise.resolve(uri.endsWith('.csv') ? 'distance\n1\n' : line),
        }),
        files: { 'p.yaml': text },
      },
      'plan',
      'p.yaml',
    );
    expect(code).toBe(2);
    expect(out).toContain("did you mean 'distance'?");
    expect(out).toContain('s3://ml-artefacts/base.csv lacks origin');
  });

  it('check what the monitors read and write that are to be made, and say which are made and removed', async () => {
    const manage = [
      'type: data-quality',
      'image: analyser:1',
      'role: arn:aws:iam::111122223333:role/monitor',
      'output: s3://ml-monitors/out/',
      'baseline: { dataset: s3://ml-artefacts/train.csv, format: csv }',
    ].join(', ');
    const text = GOOD.replace(
      '- { id: inputs, kind: captured-inputs }',
      `- { id: dq, kind: model-monitor, schedule: churn-dq, manage: { ${manage} } }`,
    );
    const plan = async (
      account: Stage['account'],
      of = text,
      client: Stage['client'] = {},
    ): Promise<string> =>
      (await modelkeeper({ ...stage(account, client), files: { 'p.yaml': of } }, 'plan', 'p.yaml'))
        .out;

    const fine = await plan({});
    expect(fine).not.toContain('refused');
    expect(fine).toContain(
      'keep the monitoring schedule churn-dq (data-quality) at cron(0 * ? * * *), with a baseline of s3://ml-artefacts/train.csv',
    );
    const refused = await plan(
      {
        endpoint: () => Promise.resolve({ ...ENDPOINT, capture: null }),
        hasObjects: (uri) => Promise.resolve(!uri.endsWith('train.csv')),
        bucketExists: (uri) => Promise.resolve(!uri.includes('ml-monitors')),
      },
      text.replace('111122223333:role/monitor', '444455556666:role/monitor'),
    );
    expect(refused).toContain('data capture is off');
    expect(refused).toContain("the baseline s3://ml-artefacts/train.csv of 'dq' is not there");
    expect(refused).toContain("there is no bucket ml-monitors for what 'dq' writes");
    expect(refused).toContain('the role belongs to account 444455556666');

    const kept = {
      ...KEEPER,
      endpoint: 'churn',
      monitors: [
        {
          source: 'old',
          schedule: 'churn-old',
          kind: 'running' as const,
          sentence: 'the monitoring schedule churn-old runs',
          definition: 'd',
          cron: 'cron(0 * ? * * *)',
          reached: null,
        },
      ],
    };
    const client = { status: () => Promise.resolve(modelView(kept)) };
    expect(await plan({}, text, client)).toContain(
      'delete the monitoring schedule churn-old and its job definition',
    );
    const shown = statusText(pc.createColors(false), modelView(kept), [], NOW_MS);
    expect(shown).toContain('Monitoring schedules');
    expect(shown).toContain('the monitoring schedule churn-old runs');
  });

  it('leave what may not be read as a warning', async () => {
    const outcome = await modelkeeper(
      stage({ groupExists: () => Promise.reject(new Error('not authorised')) }),
      'plan',
      'p.yaml',
    );
    expect(outcome).toMatchObject({ code: 0 });
    expect(outcome.out).toContain('could not be checked: not authorised');
  });

  it('refuse another endpoint for a model that is kept', async () => {
    const kept = { ...KEEPER, endpoint: 'churn-old' };
    const outcome = await modelkeeper(
      stage({}, { status: () => Promise.resolve(modelView(kept)) }),
      'apply',
      'p.yaml',
    );
    expect(outcome.code).toBe(2);
    expect(outcome.out).toContain('modelkeeper retire churn');
  });

  it('refuse to move the ledger of a model that is kept', async () => {
    const kept = { ...KEEPER, endpoint: 'churn' };
    const client = (storage: string): Stage['client'] => ({
      status: () => Promise.resolve(modelView(kept)),
      place: () => Promise.resolve({ ...PLACE, storage }),
    });
    const moved = await modelkeeper(stage({}, client('s3://elsewhere/')), 'apply', 'p.yaml');
    expect(moved.code).toBe(2);
    expect(moved.out).toContain('the ledger of churn lies under s3://elsewhere/');
    const same = await modelkeeper(
      stage({}, client('s3://ml-artefacts/modelkeeper')),
      ...['plan', 'p.yaml'],
    );
    expect(same.code).toBe(0);
  });

  it('refuse a quorum that the author of the policy leaves unreachable', async () => {
    const alone = GOOD.replace('[ada@example.com, grace@example.com]', '[ada@example.com]');
    const outcome = async (text: string): Promise<string> =>
      (await modelkeeper({ ...stage(), files: { 'p.yaml': text } }, 'plan', 'p.yaml')).out;
    expect(await outcome(alone)).toContain(
      "releases that start by themselves are ada@example.com's, who may not approve them: of 1 approval only 0 can ever be given",
    );
    expect(await outcome(GOOD)).not.toContain('refused');
    const allowed = alone.replace('approve:', 'approve:\n    requesterMayApprove: true');
    expect(await outcome(allowed)).not.toContain('refused');
    const byHand = alone.replace('on: [drift]', 'on: []');
    expect(await outcome(byHand)).not.toContain('refused');
    const record = alone.replace('spec:', 'spec:\n  mode: record');
    expect(await outcome(record)).toContain('warning  spec.approve.approvals');
  });

  it('do not start a keeper beside one whose worker is away', async () => {
    const outcome = await modelkeeper(
      stage({}, { status: () => Promise.resolve(modelView(null)) }),
      'apply',
      'p.yaml',
    );
    expect(outcome.code).toBe(4);
  });

  it('send the policy with the proof of who applies it', async () => {
    const sent: unknown[] = [];
    const outcome = await modelkeeper(
      stage(
        {},
        {
          apply: (request) => {
            sent.push(request);
            return Promise.resolve({ kind: 'done', answer: { sentence: 'in force' } });
          },
        },
      ),
      ...['apply', 'p.yaml', '--reason', 'first'],
    );
    expect(outcome).toMatchObject({ code: 0, out: 'in force' });
    expect(sent).toMatchObject([
      { door: 'cli', reason: 'first', policy: { metadata: { name: 'churn' } } },
    ]);
  });

  it('name file, line and column of an invalid policy', async () => {
    const text = GOOD.replace('pipeline: churn-train', 'pipelin: churn-train');
    const { out } = await modelkeeper({ files: { 'p.yaml': text } }, 'apply', 'p.yaml');
    expect(out).toMatch(/^p\.yaml:\d+:5: spec\.retrain\.pipelin: .*did you mean 'pipeline'\?$/m);
  });
});

describe('init', () => {
  it.each<[number, string, Partial<EndpointFacts> | null, string[]]>([
    [3, 'no endpoint', null, ['churn']],
    [0, 'an asynchronous endpoint', { asynchronous: true, capture: null }, ['churn']],
    [
      2,
      'inference components',
      { variants: ENDPOINT.variants.map((one) => ({ ...one, modelName: null })) },
      ['churn'],
    ],
    [2, 'a name SageMaker would not give', {}, ['a b']],
    [2, 'an empty name', {}, ['']],
    [2, 'a variant nobody has', {}, ['churn', '--variant', '../x']],
    [2, 'a Region that is none', {}, ['churn', '--region', 'here']],
  ])('exits %i for %s', async (code, _what, facts, args) => {
    const account: Stage['account'] = {
      ...ACCOUNT,
      endpoint: () => Promise.resolve(facts === null ? null : { ...ENDPOINT, ...facts }),
    };
    const env = { AWS_REGION: 'us-east-1' };
    expect((await modelkeeper({ account, env }, 'init', ...args)).code).toBe(code);
  });

  it('writes a policy for a serverless endpoint that SageMaker can do', async () => {
    const serverless = {
      ...ENDPOINT,
      capture: null,
      variants: ENDPOINT.variants.map((one) => ({ ...one, serverless: true, instances: 0 })),
    };
    const account: Stage['account'] = {
      ...ACCOUNT,
      endpoint: () => Promise.resolve(serverless),
    };
    const { out } = await modelkeeper({ account }, 'init', 'churn', '--region', 'us-east-1');
    const parsed = parsePolicy(out, 'new.yaml');
    if (parsed.kind !== 'policy') throw new Error(JSON.stringify(parsed));
    expect(parsed.policy.spec.deploy.strategy).toBe('all-at-once');
    expect(hostingFaults(parsed.policy.spec, hostedAs(serverless))).toEqual([]);
  });

  it.each(['123', '1e3', '0x1f', 'true', 'null', 'On'])(
    'writes a policy that validates for an endpoint called %s',
    async (name) => {
      const account: Stage['account'] = {
        ...ACCOUNT,
        endpoint: () =>
          Promise.resolve({
            ...ENDPOINT,
            name,
            packageArn: `arn:aws:sagemaker:us-east-1:111122223333:model-package/${name}/1`,
          }),
        pipelines: () => Promise.resolve([name]),
      };
      const { out } = await modelkeeper({ account }, 'init', name, '--region', 'us-east-1');
      expect(parsePolicy(out, 'new.yaml')).toMatchObject({
        kind: 'policy',
        policy: { spec: { endpoint: { name }, registry: { group: name } } },
      });
    },
  );

  it('writes a policy that validates, and overwrites nothing', async () => {
    const stage: Stage = { account: ACCOUNT, files: { 'taken.yaml': 'x' } };
    const args = ['init', 'churn', '--region', 'us-east-1', '--output'];
    const { code, written } = await modelkeeper(stage, ...args, 'new.yaml');
    expect(code).toBe(0);
    expect(parsePolicy(written['new.yaml'] ?? '', 'new.yaml')).toMatchObject({
      kind: 'policy',
      policy: {
        spec: {
          mode: 'record',
          registry: { group: 'churn' },
          retrain: { pipeline: 'churn-train', parameters: { TrainFrom: 'window.start' } },
        },
      },
    });
    expect((await modelkeeper(stage, ...args, 'taken.yaml')).code).toBe(2);
  });

  it('writes a policy that validates for an endpoint without capture, pipelines or groups', async () => {
    const bare: Stage['account'] = {
      endpoint: () => Promise.resolve({ ...ENDPOINT, capture: null, packageArn: null }),
      groups: () => Promise.resolve([]),
      pipelines: () => Promise.resolve([]),
    };
    const { out } = await modelkeeper({ account: bare }, 'init', 'churn', '--region', 'us-east-1');
    expect(parsePolicy(out, 'new.yaml')).toMatchObject({ kind: 'policy' });
  });
});

describe('ledger', () => {
  const entries = [
    entry(1, 'policy', NOW_MS - 9_000, { champion: 'first' }),
    entry(2, 'approved', NOW_MS - 6_000, { release: 3 }, 'release/churn/3'),
    entry(3, 'serving', NOW_MS - 5_000, { configName: 'churn-3' }, 'release/churn/3'),
    entry(4, 'rollback', NOW_MS - 1_000, { from: 'churn-3', to: 'first' }),
  ];
  const stage = (faults: readonly string[] = []): Stage => ({
    account: { ledger: () => Promise.resolve(entries), ledgerFaults: () => faults },
    client: {
      status: () => Promise.resolve(modelView()),
      place: () => Promise.resolve(PLACE),
    },
  });

  it.each([
    ['8s', 'first', []],
    ['4s', 'churn-3', ['approved']],
    ['0s', 'first', []],
  ])('tells what served %s ago', async (at, configName, letInBy) => {
    const { json } = await modelkeeper(stage(), 'ledger', 'churn', 'served', '--at', at, '--json');
    expect(json).toMatchObject({
      kind: 'served',
      configName,
      letInBy: letInBy.map((decision) => ({ decision })),
    });
  });

  it('does not guess before its first entry', async () => {
    expect((await modelkeeper(stage(), 'ledger', 'churn', 'served', '--at', '1h')).code).toBe(3);
  });

  it('exits 2 when the chain is broken', async () => {
    expect((await modelkeeper(stage(), 'ledger', 'churn', 'verify')).code).toBe(0);
    const broken = await modelkeeper(stage(['entry 2 was changed']), 'ledger', 'churn', 'verify');
    expect(broken).toMatchObject({ code: 2 });
    expect(broken.out).toContain('entry 2 was changed');
  });

  it('is read without Temporal when its place is given', async () => {
    const outcome = await modelkeeper(
      {
        ...stage(),
        connect: () => Promise.reject(new ModelkeeperError('unreachable', 'no Temporal')),
      },
      ...['ledger', 'churn', '--storage', 's3://ml-artefacts/', '--last', '1'],
    );
    expect(outcome.code).toBe(0);
    expect(outcome.out).toContain('rollback');
    expect(outcome.out).not.toContain('serving');
  });
});

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'])('for %s knows every command', async (shell) => {
    const { out, code } = await modelkeeper({}, 'completion', shell);
    expect(code).toBe(0);
    for (const name of ['apply', 'approve', 'doctor', 'bridge']) expect(out).toContain(name);
  });

  it.each<[string[], string[]]>([
    [['ap'], ['apply', 'approve']],
    [['con'], ['console']],
    [['ledger', 'churn', 'v'], ['verify']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['help', 'val'], ['validate']],
    [
      ['approve', 'churn', '--re'],
      ['--reason', '--request-id', '--release'],
    ],
    [['approve', 'churn', '--reason', ''], []],
    [['validate', 'two'], ['two words.yaml']],
    [['init', 'churn', '--output', 'two'], ['two words.yaml']],
  ])('in bash offers for %j: %j', async (words, offered) => {
    const { out } = await modelkeeper({}, 'completion', 'bash');
    const folder = mkdtempSync(join(tmpdir(), 'completion-'));
    try {
      mkdirSync(join(folder, 'console')); // a folder must not turn the command into a path
      writeFileSync(join(folder, 'two words.yaml'), '');
      const script = `${out}
        COMP_WORDS=(modelkeeper "$@"); COMP_CWORD=$#; _modelkeeper; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const told = execFileSync('bash', ['-c', script, 'bash', ...words], {
        cwd: folder,
        encoding: 'utf8',
      });
      expect(told.split('\n').filter((line) => line !== '')).toEqual(offered);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('every command', () => {
  it('has a help with an example', async () => {
    const { out } = await modelkeeper({}, 'completion', 'bash');
    const names = /compgen -W "([^"]+) help --help/.exec(out)?.[1]?.split(' ') ?? [];
    const commands = names.filter(
      (name) => !['worker', 'bridge', 'console', 'sandbox', 'story'].includes(name),
    );
    expect(commands.length).toBeGreaterThan(20);
    for (const name of commands) {
      const help = await modelkeeper({}, name, '--help');
      expect(help, name).toMatchObject({ code: 0 });
      expect(help.out, name).toContain('Example:');
    }
  });
});
