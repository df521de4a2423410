import { describe, expect, it } from 'vitest';

import { sampleEvents } from '../../../client/bridge/samples.js';
import {
  alarmFindings,
  bucketFindings,
  queueFindings,
  queuePolicyFindings,
  quotaFindings,
  ruleFindings,
  topicFindings,
  type TestedRule,
} from '../../../client/doctor/account-findings.js';
import type { Finding } from '../../../client/doctor/finding.js';
import { permissionFindings, planFindings } from '../../../client/doctor/model-findings.js';
import type { QueueFacts } from '../../../client/doctor/reads.js';
import type { Plan, PlanFacts } from '../../../client/plan.js';
import { policyWith } from '../../activities/support.js';
import { stackOf } from '../infra/template.js';

const URL = 'https://sqs.us-east-1.amazonaws.com/111122223333/modelkeeper-events';
const ARN = 'arn:aws:sqs:us-east-1:111122223333:modelkeeper-events';
const RULE_ARN = 'arn:aws:events:us-east-1:111122223333:rule/modelkeeper-alarms';
const QUEUE: QueueFacts = {
  arn: ARN,
  url: URL,
  policy: null,
  waiting: 3,
  visibilitySeconds: 60,
  deadLetters: { arn: `${ARN}-dead`, maxReceives: 5 },
  keyId: null,
};
const DEAD: QueueFacts = { ...QUEUE, arn: `${ARN}-dead`, waiting: 0, deadLetters: null };

const told = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ what, state, sentence }) => `${state} ${what}: ${sentence}`);
const states = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ state }) => state);

describe('the events queue', () => {
  it('is well when it holds a message long enough, gives up late, and has no dead letters', () => {
    expect(told(queueFindings(URL, QUEUE, DEAD))).toEqual([
      'ok events queue: modelkeeper-events, 3 events waiting',
      'ok dead-letter queue: modelkeeper-events-dead is empty; events go there after 5 receives',
    ]);
  });

  it('that is not there is said with where it comes from', () => {
    expect(told(queueFindings(URL, null, null))).toEqual([
      expect.stringMatching(/^bad events queue: there is no queue https.*infra\/events\.yaml/),
    ]);
  });

  it.each<[string, Partial<QueueFacts>, QueueFacts | null, readonly string[], RegExp]>([
    ['shows messages again at 59 s', { visibilitySeconds: 59 }, DEAD, ['warning', 'ok'], /59 s/],
    ['has no dead-letter queue', { deadLetters: null }, null, ['ok', 'bad'], /RedrivePolicy/],
    ['names one that is not there', {}, null, ['ok', 'bad'], /is not there/],
    [
      'gives up after two receives',
      { deadLetters: { arn: DEAD.arn, maxReceives: 2 } },
      DEAD,
      ['ok', 'warning'],
      /maxReceiveCount to 5/,
    ],
    [
      'has one dead letter',
      {},
      { ...DEAD, waiting: 1 },
      ['ok', 'warning'],
      /1 event in modelkeeper-events-dead .*start-message-move-task --source-arn arn:aws:sqs/,
    ],
  ])('that %s is told', (_claim, changes, dead, expected, sentence) => {
    const findings = queueFindings(URL, { ...QUEUE, ...changes }, dead);
    expect(states(findings)).toEqual(expected);
    expect(told(findings).join('\n')).toMatch(sentence);
  });

  it('with AWS’s own key gets no event, and with another only what its policy lets through', () => {
    const key = (keyId: string | null) => told(queueFindings(URL, { ...QUEUE, keyId }, DEAD))[1];
    expect(key('alias/aws/sqs')).toMatch(/^bad key of modelkeeper-events: .*no event arrives/);
    expect(key('arn:aws:kms:us-east-1:111122223333:alias/aws/sqs')).toMatch(/^bad key/);
    expect(key('arn:aws:kms:us-east-1:111122223333:key/k')).toMatch(
      /^warning key of modelkeeper-events: not looked at: .*events\.amazonaws\.com/,
    );
    expect(key(null)).toMatch(/^ok dead-letter queue/);
  });

  it('gives up after three receives at the earliest', () => {
    const queue = { ...QUEUE, deadLetters: { arn: DEAD.arn, maxReceives: 3 } };
    expect(states(queueFindings(URL, queue, DEAD))).toEqual(['ok', 'ok']);
  });
});

const rule = (changes: Partial<TestedRule> = {}): TestedRule => ({
  name: 'modelkeeper-alarms',
  arn: RULE_ARN,
  enabled: true,
  pattern: '{}',
  changesTheEvent: false,
  hasDeadLetters: true,
  matched: [],
  ...changes,
});

describe('the policy of the queue', () => {
  const template = JSON.stringify(
    stackOf('events.yaml').resources['EventsPolicy']?.Properties['PolicyDocument'],
  ).replaceAll('"Events.Arn"', JSON.stringify(ARN));

  it('of infra/events.yaml takes events of its rules, and of no others', () => {
    const queue = { ...QUEUE, policy: template };
    expect(told(queuePolicyFindings(queue, [rule()]))).toEqual([
      'ok queue policy: takes events of 1 rule',
    ]);
    const other = rule({ name: 'other', arn: RULE_ARN.replace('modelkeeper-alarms', 'other') });
    expect(told(queuePolicyFindings(queue, [rule(), other]))).toEqual([
      expect.stringMatching(/^bad queue policy: .*the rule other finds: allow sqs:SendMessage/),
    ]);
  });

  it('that is not there takes nothing', () => {
    expect(states(queuePolicyFindings(QUEUE, [rule()]))).toEqual(['bad']);
  });

  it('that hangs on what only AWS knows is not called well', () => {
    const policy = template.replaceAll('aws:SourceAccount', 'aws:SourceOrgID');
    expect(states(queuePolicyFindings({ ...QUEUE, policy }, [rule()]))).toEqual(['warning']);
  });
});

describe('the rules', () => {
  const samples = sampleEvents({
    account: '111122223333',
    region: 'us-east-1',
    partition: 'aws',
    model: 'flights',
    endpoint: 'flights',
    group: 'flights',
    pipeline: 'flights-train',
  });
  const needed = samples.filter(({ tells }) => tells !== null).map(({ type }) => type);

  it('are well when each event that tells something is sent', () => {
    const findings = ruleFindings(ARN, [rule({ matched: needed })], samples);
    expect(states(findings)).toEqual(needed.map(() => 'ok'));
    expect(needed).toHaveLength(5);
  });

  it('that are none leave everything to the pace of the looks', () => {
    expect(told(ruleFindings(ARN, [], samples))).toEqual([
      expect.stringMatching(/^bad rules: no rule of EventBridge sends to modelkeeper-events/),
    ]);
  });

  it('that miss an event are told, with what is then seen late', () => {
    const all = needed.filter((type) => type !== 'CloudWatch Alarm State Change');
    const lacking = ruleFindings(ARN, [rule({ matched: all })], samples).filter(
      ({ state }) => state !== 'ok',
    );
    expect(told(lacking)).toEqual([
      expect.stringMatching(
        /^bad CloudWatch Alarm State Change: .*so an alarm is seen at the pace/,
      ),
    ]);
  });

  it.each<[string, Partial<TestedRule>, RegExp]>([
    [
      'is disabled',
      { enabled: false },
      /^bad rule modelkeeper-alarms: is disabled: `aws events enable-rule/,
    ],
    [
      'changes the event',
      { changesTheEvent: true },
      /^bad rule modelkeeper-alarms: sends something else/,
    ],
  ])('of which one %s count without it', (_claim, changes, sentence) => {
    const findings = told(ruleFindings(ARN, [rule({ matched: needed, ...changes })], samples));
    expect(findings[0]).toMatch(sentence);
    expect(findings.filter((line) => line.startsWith('bad'))).toHaveLength(1 + needed.length);
  });

  it('without a dead-letter queue work, and lose what cannot be delivered', () => {
    const findings = ruleFindings(ARN, [rule({ matched: needed, hasDeadLetters: false })], samples);
    expect(states(findings)).toEqual(['warning', ...needed.map(() => 'ok')]);
  });
});

describe('a topic', () => {
  const topic = 'arn:aws:sns:us-east-1:111122223333:notices';

  it.each([
    [null, ['bad topic notices: arn:aws:sns']],
    [
      { confirmed: 1, pending: [], policy: null, keyId: null },
      ['ok topic notices: 1 subscription'],
    ],
    [
      { confirmed: 0, pending: [], policy: null, keyId: null },
      ['warning topic notices: nobody is subscribed'],
    ],
    [
      { confirmed: 0, pending: ['ada@example.com (email)'], policy: null, keyId: null },
      [
        'warning topic notices: ada@example.com (email) has not confirmed the subscription',
        'warning topic notices: nobody is subscribed',
      ],
    ],
  ])('with %j', (facts, begins) => {
    const lines = told(topicFindings(topic, facts, null));
    expect(lines).toHaveLength(begins.length);
    for (const [at, begin] of begins.entries()) expect(lines[at]?.startsWith(begin)).toBe(true);
  });

  const worker = 'arn:aws:iam::111122223333:role/worker';
  const guest = 'arn:aws:iam::444455556666:role/worker';
  const statement = (over: object) => ({
    Effect: 'Allow',
    Principal: { AWS: '*' },
    Action: 'SNS:Publish',
    Resource: topic,
    Condition: { StringEquals: { 'AWS:SourceOwner': '111122223333' } },
    ...over,
  });
  const publishing = (publisher: string | null, ...statements: readonly object[]) =>
    told(
      topicFindings(
        topic,
        {
          confirmed: 1,
          pending: [],
          policy: JSON.stringify({ Statement: statements }),
          keyId: null,
        },
        publisher,
      ),
    ).slice(1);

  it('whose policy is AWS’s own lets the worker of its account publish, and nobody else', () => {
    expect(publishing(worker, statement({}))).toEqual([
      `ok topic policy of notices: lets ${worker} publish`,
    ]);
    expect(publishing(guest, statement({}))).toEqual([
      expect.stringMatching(/^bad topic policy of notices: .*account 111122223333.*allow it/),
    ]);
    expect(publishing(null, statement({}))).toEqual([]);
  });

  it('whose policy denies the worker tells nobody, whatever the worker may', () => {
    const deny = statement({ Effect: 'Deny', Principal: { AWS: worker }, Condition: undefined });
    expect(publishing(worker, statement({}), deny)).toEqual([
      expect.stringMatching(/^bad topic policy of notices: denies sns:Publish to .*role\/worker/),
    ]);
    expect(publishing('arn:aws:iam::111122223333:role/other', statement({}), deny)).toEqual([
      expect.stringMatching(/^ok /),
    ]);
  });

  it('whose policy names others says nothing against a worker of its account', () => {
    const other = statement({ Principal: { Service: 'events.amazonaws.com' }, Condition: {} });
    expect(publishing(worker, other)).toEqual([
      `ok topic policy of notices: says nothing against ${worker}`,
    ]);
  });

  it('that hangs on what only AWS can judge is not known', () => {
    const byDate = statement({ Condition: { DateGreaterThan: { 'aws:CurrentTime': '2026' } } });
    expect(publishing(worker, byDate)).toEqual([
      expect.stringMatching(/^warning topic policy of notices: not known: whether/),
    ]);
  });

  it('with a key says whose it is, and what the worker needs of it', () => {
    const key = (keyId: string) =>
      told(topicFindings(topic, { confirmed: 1, pending: [], policy: null, keyId }, null))[1];
    expect(key('alias/aws/sns')).toMatch(/^ok key of notices: /);
    expect(key('alias/ours')).toMatch(
      /^warning key of notices: .*kms:GenerateDataKey.*alias\/ours/,
    );
  });

  it('that anybody may publish to is a warning', () => {
    const [open, line] = publishing(worker, statement({ Condition: undefined }));
    expect(open).toMatch(/^warning topic policy of notices: anybody with an AWS account/);
    expect(line).toMatch(/^ok /);
  });
});

describe('a bucket', () => {
  it.each([
    [null, ['bad']],
    [{ versioning: 'Enabled', lock: { mode: 'COMPLIANCE', period: '400 days' } }, ['ok', 'ok']],
    [{ versioning: 'Enabled', lock: null }, ['ok', 'warning']],
    [{ versioning: 'Suspended', lock: null }, ['warning', 'warning']],
    [{ versioning: 'off', lock: null }, ['warning', 'warning']],
  ] as const)('with %j is %j', (bucket, expected) => {
    expect(states(bucketFindings('records', bucket))).toEqual(expected);
  });
});

describe('a quota', () => {
  const needed = [
    {
      type: 'ml.m5.large',
      quota: 'ml.m5.large for endpoint usage',
      need: 4,
      why: 'a rollout needs 4 (2 + 2)',
      beside: 'endpoints',
    },
  ] as const;

  it.each([
    [4, 'ok'],
    [3, 'bad'],
  ])('of %i for two fleets of two is %s', (value, state) => {
    const quotas = new Map([['ml.m5.large for endpoint usage', { value, code: 'L-1' }]]);
    const [finding] = quotaFindings(needed, quotas);
    expect(finding?.state).toBe(state);
    expect(finding?.sentence).toContain('a rollout needs 4 (2 + 2)');
    if (state === 'bad') expect(finding?.sentence).toContain('--quota-code L-1 --desired-value 4');
  });

  it('that AWS does not list is not known', () => {
    expect(told(quotaFindings(needed, new Map()))).toEqual([
      expect.stringMatching(
        /^warning quota ml\.m5\.large: not known: Service Quotas does not list/,
      ),
    ]);
  });
});

describe('alarms of their own', () => {
  it('are there, without data, or missing', () => {
    const named = ['a', 'b', 'c'].map((name) => ({ path: 'spec.deploy.alarms', name }));
    const found = [
      { name: 'a', state: 'OK', reason: '' },
      { name: 'b', state: 'INSUFFICIENT_DATA', reason: '' },
    ];
    expect(states(alarmFindings(named, found))).toEqual(['ok', 'warning', 'bad']);
  });
});

describe('what plan finds', () => {
  const policy = policyWith();
  const facts: PlanFacts = {
    endpoint: { known: true, value: null },
    groupExists: { known: true, value: true },
    pipeline: { known: true, value: null },
    pipelines: { known: true, value: [] },
    captureHasData: { known: true, value: null },
    capturedColumns: { known: true, value: null },
    baselines: [],
    labels: [],
    storage: { known: true, value: true },
  };
  const plan: Plan = {
    model: 'flights',
    digest: 'd',
    kind: 'create',
    refusals: [
      { path: 'spec.retrain.parameters.Epochs', message: 'no such parameter' },
      { path: 'spec.monitor.sources[1]', message: 'capture is off' },
    ],
    warnings: [{ path: 'spec.novelty', message: 'something new' }],
    changes: [],
  };

  it('does not call data well that could not be looked at', () => {
    const quiet = { ...plan, refusals: [], warnings: [] };
    expect(told(planFindings(policy, quiet, facts))).toContain(
      'warning data: not known: the endpoint could not be looked at',
    );
  });

  it('is a line for each part, bad where it refuses, and nothing is left out', () => {
    const lines = told(planFindings(policy, plan, facts));
    expect(lines).toContain('bad retraining: spec.retrain.parameters.Epochs: no such parameter');
    expect(lines).toContain('bad data: spec.monitor.sources[1]: capture is off');
    expect(lines).toContain('warning spec.novelty: something new');
    expect(lines).toContain('ok registry: the group flights is there');
    expect(lines.filter((line) => line.startsWith('ok'))).toHaveLength(5);
  });
});

describe('permissions', () => {
  const role = 'arn:aws:iam::111122223333:role/teams/modelkeeper-worker';
  const need = {
    stage: 'deploy',
    action: 'sagemaker:UpdateEndpoint',
    resource: 'arn:aws:sagemaker:us-east-1:111122223333:endpoint/flights',
    context: {},
  } as const;

  it('that are all there are one line', () => {
    expect(told(permissionFindings(role, [need], []))).toEqual([
      'ok permissions of modelkeeper-worker: IAM allows all 1 actions that it needs for this policy',
    ]);
  });

  it.each([
    ['implicitDeny', 'is not allowed: allow it'],
    ['explicitDeny', 'is denied by a policy, boundary or guardrail: find the Deny'],
  ])('that are missing (%s) are named with their resource', (decision, words) => {
    const [line] = told(permissionFindings(role, [need], [{ ...need, decision }]));
    expect(line).toContain(`sagemaker:UpdateEndpoint on ${need.resource} ${words}`);
  });
});
