import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { parsePolicy, readPolicyFile, type PolicyIssue } from '../../client/policy-file.js';

/** Line numbers of the tables below are those of this text. */
const GOOD = `apiVersion: modelkeeper/v1
kind: ModelPolicy
metadata: { name: churn }
spec:
  endpoint: { name: churn, region: us-east-1 }
  registry: { group: churn }
  storage: s3://ml-artefacts/modelkeeper/
  people: { ada@example.com: ['arn:aws:iam::111122223333:role/ada'] }
  monitor:
    every: 1h
    sources:
      - { id: inputs, kind: captured-inputs }
  detect:
    drift: { drift: 0.2 }
  retrain:
    pipeline: churn-train
    on: [drift]
    cooldown: 24h
  evaluate:
    gates:
      - { id: no-worse, kind: non_inferior, metric: roc_auc, margin: { absolute: 0.01 } }
  approve:
    approvals: 1
    approvers: [ada@example.com]
  deploy:
    probation: { rollBackOn: [alarms] }
`;

/** The one complaint about the good policy after a replacement. */
function complaintAfter(from: string, to: string): PolicyIssue {
  expect(GOOD).toContain(from);
  const reading = parsePolicy(GOOD.replace(from, to), 'policy.yaml');
  if (reading.kind === 'policy') throw new Error('the policy was accepted');
  expect(reading.issues, JSON.stringify(reading.issues, null, 2)).toHaveLength(1);
  const [issue] = reading.issues;
  if (issue === undefined) throw new Error('no issue');
  return issue;
}

describe('a policy file', () => {
  it('may see drift by alarms of its own, when they say that they mean it', () => {
    const alarms = (rest: string): string =>
      GOOD.replace(
        '{ id: inputs, kind: captured-inputs }',
        `{ id: own, kind: alarms, alarms: [psi]${rest} }`,
      );
    expect(parsePolicy(alarms(', means: drift'), 'policy.yaml').kind).toBe('policy');
    expect(parsePolicy(alarms(''), 'policy.yaml').kind).toBe('invalid');
    expect(parsePolicy(alarms(', means: performance'), 'policy.yaml').kind).toBe('invalid');
  });
  it('is accepted with its defaults filled in and a digest that ignores order and comments', () => {
    const reading = parsePolicy(GOOD, 'policy.yaml');
    const reordered = parsePolicy(
      GOOD.replace(
        '{ name: churn, region: us-east-1 }',
        '{ region: us-east-1, name: churn } # here',
      ),
      'policy.yaml',
    );
    if (reading.kind !== 'policy' || reordered.kind !== 'policy') throw new Error('refused');
    expect(reading.policy.spec.approve.expires).toBe('72h');
    expect(reading.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(reordered.digest).toBe(reading.digest);
  });

  it('refuses a budget of more runs than are remembered', () => {
    const budget = (runs: number): string =>
      `cooldown: 24h\n    budget: { runs: ${runs}, per: 30d }`;
    expect(complaintAfter('cooldown: 24h', budget(201))).toMatchObject({
      line: 19,
      path: 'spec.retrain.budget.runs',
      message: '201 is out of range: this takes at most 200',
    });
    const text = GOOD.replace('cooldown: 24h', budget(200));
    expect(parsePolicy(text, 'policy.yaml').kind).toBe('policy');
  });

  it.each<[string, string, string, Partial<PolicyIssue>]>([
    [
      'an unknown key, naming the nearest',
      'cooldown: 24h',
      'cooldwon: 24h',
      {
        line: 18,
        column: 5,
        path: 'spec.retrain.cooldwon',
        message: "'cooldwon' is not known here",
        remedy: "did you mean 'cooldown'?",
      },
    ],
    [
      'a key in the wrong block, naming the right one',
      '    cooldown: 24h',
      '    expires: 24h',
      {
        line: 18,
        message: "'expires' is not known here",
        remedy: "'expires' belongs under spec.approve",
      },
    ],
    [
      'an unknown key of a source',
      'kind: captured-inputs }',
      'kind: captured-inputs, floor: 0.6 }',
      { line: 12, column: 46, path: 'spec.monitor.sources[0].floor' },
    ],
    [
      'a duration without a unit',
      'every: 1h',
      'every: 60',
      {
        line: 10,
        column: 12,
        path: 'spec.monitor.every',
        message:
          '60 is a number, but this takes a duration with its unit, such as 30s, 10m, 6h or 7d',
        remedy: 'say the unit: 60s, 60m, 60h or 60d',
      },
    ],
    [
      'a duration in words',
      'cooldown: 24h',
      'cooldown: 24 hours',
      { line: 18, column: 15, remedy: 'write 24h' },
    ],
    ['weeks', 'cooldown: 24h', 'cooldown: 2w', { line: 18, remedy: 'write 14d' }],
    [
      'a duration of nothing',
      'every: 1h',
      'every: 0h',
      { line: 10, message: 'must be longer than nothing' },
    ],
    [
      'a percentage where a share belongs',
      'drift: 0.2 }',
      'drift: 20 }',
      {
        line: 14,
        path: 'spec.detect.drift.drift',
        message: '20 is out of range: this takes at most 1',
        remedy: 'this is a share, not a percentage: write 0.2',
      },
    ],
    [
      'a percentage with its sign',
      'drift: 0.2 }',
      'drift: 20% }',
      { line: 14, remedy: 'write 0.2' },
    ],
    [
      'a number in quotes',
      'approvals: 1',
      "approvals: '1'",
      { line: 23, column: 16, remedy: 'write 1 without quotes' },
    ],
    [
      'a quorum that can never be met',
      'approvals: 1',
      'approvals: 2',
      {
        line: 23,
        path: 'spec.approve.approvals',
        message:
          '2 approvals are asked of 1 person: that can never be met; name more approvers or ask for fewer',
      },
    ],
    [
      'a quorum of one person in two spellings',
      'approvals: 1\n    approvers: [ada@example.com]',
      'approvals: 2\n    approvers: [ada@example.com, Ada@Example.com]',
      { line: 23, path: 'spec.approve.approvals' },
    ],
    [
      'approvers whom the only door cannot know',
      'approvals: 1\n    approvers: [ada@example.com]',
      'approvals: 2\n    doors: [cli]\n    approvers: [ada@example.com, grace@example.com]',
      {
        line: 8,
        path: 'spec.people',
        message:
          '2 approvals are asked, but through cli only 1 of 2 approvers can be known: give grace@example.com the ARN of a role or user under spec.people',
      },
    ],
    [
      'two people with one identity',
      "role/ada'] }",
      "role/ada'], grace@example.com: ['arn:aws:sts::111122223333:assumed-role/ada/s'] }",
      { line: 8, path: 'spec.people.grace@example.com[0]' },
    ],
    [
      'an identity that is nobody',
      'role/ada',
      'role/*',
      { line: 8, path: 'spec.people.ada@example.com[0]' },
    ],
    [
      'a group nobody defined',
      'approvers: [ada@example.com]',
      'approvers: [ada@example.com, group:leads]',
      { line: 24, message: "there is no group 'leads' under spec.groups" },
    ],
    [
      'an approver who is not an address',
      'approvers: [ada@example.com]',
      'approvers: [ada]',
      {
        line: 24,
        column: 17,
        message: "'ada' does not fit: write an e-mail address or a group as group:name",
      },
    ],
    [
      'more rollback alarms than SageMaker watches',
      'probation: { rollBackOn: [alarms] }',
      `alarms: [${'abcdefghijk'.split('').join(', ')}]\n    probation: { rollBackOn: [alarms] }`,
      {
        line: 26,
        path: 'spec.deploy.alarms',
        message: expect.stringMatching(/out of range: this takes at most 10 entries$/) as string,
      },
    ],
    [
      'a rollback alarm without a name',
      'probation: { rollBackOn: [alarms] }',
      "alarms: [errors, '']\n    probation: { rollBackOn: [alarms] }",
      {
        path: 'spec.deploy.alarms[1]',
        message: expect.stringMatching(/at least 1 characters$/) as string,
      },
    ],
    [
      'a gate that can never pass',
      '{ id: no-worse, kind: non_inferior, metric: roc_auc, margin: { absolute: 0.01 } }',
      '{ id: good, kind: absolute, metric: roc_auc, min: 1.2 }',
      {
        line: 21,
        path: 'spec.evaluate.gates[0].min',
        message: 'roc_auc lies between 0 and 1: a candidate could never pass 1.2',
      },
    ],
    [
      'a gate that lets everybody pass',
      '{ id: no-worse, kind: non_inferior, metric: roc_auc, margin: { absolute: 0.01 } }',
      '{ id: good, kind: absolute, metric: roc_auc, min: 0 }',
      {
        line: 21,
        path: 'spec.evaluate.gates[0].min',
        message:
          'roc_auc lies between 0 and 1: every candidate would pass 0; write the least you accept',
      },
    ],
    [
      'a limit no metric can reach',
      '{ id: no-worse, kind: non_inferior, metric: roc_auc, margin: { absolute: 0.01 } }',
      '{ id: good, kind: absolute, metric: brier, max: 1 }',
      { line: 21, path: 'spec.evaluate.gates[0].max' },
    ],
    [
      'a margin as wide as the metric',
      'absolute: 0.01',
      'absolute: 1',
      { line: 21, path: 'spec.evaluate.gates[0].margin.absolute' },
    ],
    [
      'a gate on the wrong side',
      '{ id: no-worse, kind: non_inferior, metric: roc_auc, margin: { absolute: 0.01 } }',
      '{ id: good, kind: absolute, metric: brier, min: 0.2 }',
      { line: 21, message: 'brier is better when lower: say max: and not min:' },
    ],
    [
      'gates that let everybody pass',
      'margin: { absolute: 0.01 } }',
      'margin: { absolute: 0.01 }, severity: advisory }',
      {
        line: 21,
        path: 'spec.evaluate.gates',
        message: 'at least one gate must be required, or every candidate would pass',
      },
    ],
    [
      'a kind of gate that does not exist, naming the nearest',
      'kind: non_inferior',
      'kind: non-inferior',
      {
        line: 21,
        message: "'non-inferior' is none of absolute, non_inferior, superior, bias",
        remedy: "did you mean 'non_inferior'?",
      },
    ],
    [
      'a missing block, pointing at where it belongs',
      '    pipeline: churn-train\n',
      '',
      {
        line: 15,
        path: 'spec.retrain.pipeline',
        message:
          'is missing: name a SageMaker pipeline that trains, scores and registers, or describe a trainingJob',
      },
    ],
    [
      'another version of the format',
      'modelkeeper/v1',
      'modelkeeper/v2',
      { line: 1, column: 13, message: "'modelkeeper/v2' must be modelkeeper/v1" },
    ],
    [
      'a name AWS would refuse',
      'name: churn }',
      'name: Churn Model }',
      { line: 3, path: 'metadata.name' },
    ],
    [
      'a trigger nothing can see',
      'on: [drift]',
      'on: [drift, performance]',
      {
        line: 17,
        message:
          'performance can only be seen by a source of kind ground-truth, of model-monitor, evidently, nannyml or mlflow that measures it, or of alarms that mean it: add one or take performance off',
      },
    ],
    [
      'a column that is critical and ignored',
      'drift: { drift: 0.2 }',
      'columns: { critical: [a], ignore: [a] }',
      { line: 14, path: 'spec.detect.columns.critical[0]' },
    ],
    [
      'a payload with a column twice',
      'kind: captured-inputs',
      'kind: captured-inputs, columns: [a, a]',
      { line: 12, path: 'spec.monitor.sources[0].columns' },
    ],
    [
      'managed alarms that are to mean drift',
      '{ id: inputs, kind: captured-inputs }',
      '{ id: inputs, kind: captured-inputs }\n      - { id: m, kind: alarms, means: drift }',
      { line: 13, path: 'spec.monitor.sources[1].means' },
    ],
    [
      'a period CloudWatch does not have',
      '{ id: inputs, kind: captured-inputs }',
      '{ id: inputs, kind: captured-inputs }\n      - { id: m, kind: metric, namespace: a, name: b, stat: Sum, above: 1, period: 7s }',
      { line: 13, path: 'spec.monitor.sources[1].period' },
    ],
    [
      'a rollout that is over before it has baked',
      'probation: {',
      'timeout: 30m\n    canary: { bake: 1h }\n    probation: {',
      { line: 26, path: 'spec.deploy.timeout' },
    ],
    [
      'a bake that is no duration',
      'probation: {',
      'canary: { bake: soon }\n    probation: {',
      { line: 26, column: 21, path: 'spec.deploy.canary.bake' },
    ],
    [
      'an escalation that is no duration',
      'approvals: 1',
      "approvals: 1\n    escalate: { after: soon, to: 'arn:aws:sns:us-east-1:111122223333:x' }",
      { line: 24, path: 'spec.approve.escalate.after' },
    ],
    [
      'a longer time than anybody lives',
      'cooldown: 24h',
      'cooldown: 9999999d',
      { line: 18, remedy: 'write at most 999999 of them' },
    ],
    [
      'a yes of older YAML',
      'approvals: 1',
      'approvals: 1\n    requesterMayApprove: yes',
      { line: 24, column: 26, remedy: 'write true' },
    ],
    [
      'a number that is none',
      'drift: 0.2 }',
      'drift: .nan }',
      { line: 14, message: 'NaN is no number to reckon with, but this takes a number' },
    ],
    [
      'an alias of nothing',
      'cooldown: 24h',
      'cooldown: *day',
      { line: 18, column: 15, message: '*day repeats something that was not marked before' },
    ],
    [
      'an alias of itself',
      'cooldown: 24h',
      'parameters: &a { x: *a }',
      {
        line: 18,
        column: 25,
        message: '*a stands inside of what it repeats, so it would never end',
      },
    ],
    [
      'a tab, and nothing that follows from it',
      '    every: 1h',
      '\tevery: 1h',
      { line: 10, column: 1, remedy: 'indent with spaces' },
    ],
    [
      'older YAML',
      'apiVersion: modelkeeper/v1',
      '%YAML 1.1\n---\napiVersion: modelkeeper/v1',
      { message: 'this says %YAML 1.1, where yes, no, on and off mean true and false' },
    ],
    [
      'a schedule without a time',
      'on: [drift]',
      'on: [drift, schedule]',
      { message: 'retrain.on names schedule: say when, such as "0 3 1 * *"' },
    ],
    [
      'a cron expression with six fields',
      'on: [drift]',
      "on: [drift, schedule]\n    schedule: '0 0 3 1 * *'",
      { line: 18, message: "'0 0 3 1 * *' does not have five fields" },
    ],
    [
      'a day that never comes',
      'on: [drift]',
      "on: [drift, schedule]\n    schedule: '0 3 31 2 *'",
      { line: 18, message: "'0 3 31 2 *' never comes round" },
    ],
    [
      'a time zone nobody lives in',
      'on: [drift]',
      'on: [drift]\n    timeZone: Europe/Brelin',
      { line: 18, message: "'Europe/Brelin' is not a time zone" },
    ],
    [
      'a key written twice',
      'cooldown: 24h',
      'cooldown: 24h\n    cooldown: 12h',
      { line: 19, column: 5, message: "'cooldown' stands here for the second time" },
    ],
    [
      'a value that is nothing',
      'storage: s3://ml-artefacts/modelkeeper/',
      'storage:',
      { line: 7, path: 'spec.storage' },
    ],
    [
      'storage that is not in S3',
      's3://ml-artefacts/modelkeeper/',
      '/var/lib/modelkeeper',
      {
        line: 7,
        message:
          "'/var/lib/modelkeeper' does not fit: write an S3 address, such as s3://bucket/prefix/",
      },
    ],
  ])('is refused with %s', (_what, from, to, expected) => {
    expect(complaintAfter(from, to)).toMatchObject(expected);
  });

  it('tells every fault at once, in the order of the file', () => {
    const reading = parsePolicy(
      GOOD.replace('every: 1h', 'every: 60').replace('cooldown', 'cooldwon'),
      'policy.yaml',
    );
    if (reading.kind === 'policy') throw new Error('accepted');
    expect(reading.issues.map((issue) => issue.line)).toEqual([10, 18]);
  });

  it.each<[string, string, string]>([
    ['nothing at all', '', 'the file is empty'],
    ['only comments', '# nothing\n', 'the file is empty'],
    ['a second document', `${GOOD}---\n${GOOD}`, 'a second document begins here'],
    ['broken YAML', 'a: [1, 2', 'this is not valid YAML'],
    ['a list', '- a\n- b\n', 'is a list'],
    ['brackets without end', '['.repeat(100_000), 'the values are nested too deeply'],
    ['more than a mebibyte', `# ${'x'.repeat(1_048_576)}`, 'a policy has at most 1048576'],
    ['an unknown tag', 'a: !!js/function "x"', 'this is not valid YAML'],
    [
      'an alias bomb',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
        .split('')
        .map(
          (letter, index) =>
            `${letter}: &${letter} [${Array(9)
              .fill(`*${'abcdefgh'[index] ?? ''}`)
              .join(',')}]`,
        )
        .join('\n')}\n`,
      'the aliases cannot be resolved',
    ],
  ])('with %s is refused', (_what, text, message) => {
    const reading = parsePolicy(text, 'policy.yaml');
    if (reading.kind === 'policy') throw new Error('accepted');
    expect(reading.issues[0]?.message).toContain(message);
  });

  it('names reminders that would never come, also those nobody wrote', () => {
    const reading = parsePolicy(
      GOOD.replace('approvals: 1', 'approvals: 1\n    expires: 24h'),
      'policy.yaml',
    );
    if (reading.kind === 'policy') throw new Error('accepted');
    expect(reading.issues).toMatchObject([
      {
        path: 'spec.approve.remind[1]',
        message:
          'a reminder after 24h never comes when the request expires after 24h: write approve.remind with shorter times, or [] for none',
      },
    ]);
  });

  it('with thousands of keys and aliases is refused for what it has too many of', () => {
    const text = `a: &a 1\n${Array.from({ length: 60_000 }, (_, index) => `k${index}: *a`).join('\n')}`;
    const reading = parsePolicy(text, 'p');
    expect(reading.kind === 'invalid' && reading.issues.map(({ message }) => message)).toEqual([
      'the aliases cannot be resolved: there are more than 100',
    ]);
  });

  it('must be a regular, readable file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'policy-'));
    try {
      const pipe = join(folder, 'pipe');
      execFileSync('mkfifo', [pipe]);
      const latin = join(folder, 'latin1.yaml');
      await writeFile(latin, Buffer.from([0x61, 0x3a, 0x20, 0xe4]));
      const messages = await Promise.all(
        [join(folder, 'absent.yaml'), folder, pipe, latin].map(async (path) => {
          const reading = await readPolicyFile(path);
          return reading.kind === 'policy' ? 'accepted' : reading.issues[0]?.message;
        }),
      );
      expect(messages).toEqual([
        'there is no such file',
        'this is not a regular file',
        'this is not a regular file',
        'the file is not UTF-8 text',
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each(['minimal', 'production', 'steps', 'reports', 'monitors'])(
    'of the example %s is accepted',
    async (name) => {
      expect(await readPolicyFile(`examples/${name}.policy.yaml`)).toMatchObject({
        kind: 'policy',
      });
    },
  );
});
