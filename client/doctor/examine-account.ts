import {
  neededPermissions,
  roleNeeding,
  type NeededPermission,
} from '../../domain/needed-permissions.js';
import type { Policy } from '../../domain/policy.schema.js';
import { quotasNeeded } from '../../domain/quotas.js';
import { keeperId } from '../../domain/names.js';
import { sessionName, stageRole, STAGES } from '../../domain/roles.js';
import { factOf, type Fact } from '../account.js';
import { sampleEvents } from '../bridge/samples.js';
import { messageOf } from '../errors.js';
import type { PlanFacts } from '../plan.js';
import {
  alarmFindings,
  bucketFindings,
  queueFindings,
  queuePolicyFindings,
  quotaFindings,
  ruleFindings,
  topicFindings,
} from './account-findings.js';
import type { DoctorProbes, Examination } from './examine.js';
import { bad, ok, unknown, warning, type Finding } from './finding.js';
import { permissionFindings, planFindings } from './model-findings.js';
import type { AccountReads, QueueFacts, TopicFacts } from './reads.js';

type InRegion = Examination & { readonly region: string };

/** Queue, rules and, with a policy, all that it names in the account. What may not be read is one line, not the end. */
export async function examineAccount(
  probes: Pick<DoctorProbes, 'account' | 'plan'>,
  examination: InRegion,
  caller: Promise<string | null>,
): Promise<readonly Finding[]> {
  const { policy } = examination;
  const reads = probes.account(examination.region);
  try {
    const parts = await Promise.all([
      examineEvents(reads, examination),
      ...(policy === null ? [] : [examineModel(probes, reads, policy, examination, caller)]),
    ]);
    return parts.flat();
  } finally {
    reads.close();
  }
}

async function examineEvents(
  reads: AccountReads,
  { queueUrl, policy }: InRegion,
): Promise<readonly Finding[]> {
  const what = 'events queue';
  if (queueUrl === null)
    return [
      warning(
        what,
        'not looked at: give --queue-url, or set MODELKEEPER_EVENTS_QUEUE_URL; without events everything is seen at the pace of monitor.every',
      ),
    ];
  const queue = await factOf(reads.queue(queueUrl));
  if (!queue.known) return [unknown(what, queue.reason)];
  const found = queue.value;
  if (found === null) return queueFindings(queueUrl, null, null);
  const [deadLetters, rules] = await Promise.all([
    factOf(readDeadLetters(reads, found)),
    examineRules(reads, found, policy),
  ]);
  return [
    ...(deadLetters.known
      ? queueFindings(queueUrl, found, deadLetters.value)
      : [
          ...queueFindings(queueUrl, found, null).filter((line) => line.what === what),
          unknown('dead-letter queue', deadLetters.reason),
        ]),
    ...rules,
  ];
}

/** Queues of one account and Region differ in the last part of their addresses. */
async function readDeadLetters(reads: AccountReads, queue: QueueFacts): Promise<QueueFacts | null> {
  if (queue.deadLetters === null) return null;
  const name = queue.deadLetters.arn.split(':').at(-1) ?? '';
  return reads.queue(queue.url.replace(/[^/]+$/, name));
}

async function examineRules(
  reads: AccountReads,
  queue: QueueFacts,
  policy: Policy | null,
): Promise<readonly Finding[]> {
  const rules = await factOf(reads.rulesOf(queue.arn));
  if (!rules.known) return [unknown('rules', rules.reason)];
  const [, partition = 'aws', , region = '', account = ''] = queue.arn.split(':');
  const model = policy?.metadata.name ?? 'flight-delays';
  const samples = sampleEvents({
    account,
    region,
    partition,
    model,
    endpoint: policy?.spec.endpoint.name ?? model,
    group: policy?.spec.registry.group ?? model,
    pipeline: policy?.spec.retrain.pipeline ?? model,
  });
  const tested = await factOf(
    Promise.all(
      rules.value.map(async (rule) => {
        const { pattern } = rule;
        if (pattern === null) return { ...rule, matched: [] };
        const matches = await Promise.all(
          samples.map(async ({ type, event }) =>
            (await reads.matches(pattern, event)) ? [type] : [],
          ),
        );
        return { ...rule, matched: matches.flat() };
      }),
    ),
  );
  return [
    ...queuePolicyFindings(queue, rules.value),
    ...(tested.known
      ? ruleFindings(queue.arn, tested.value, samples)
      : [unknown('rules', tested.reason)]),
  ];
}

async function examineModel(
  probes: Pick<DoctorProbes, 'account' | 'plan'>,
  reads: AccountReads,
  policy: Policy,
  examination: InRegion,
  caller: Promise<string | null>,
): Promise<readonly Finding[]> {
  const { spec } = policy;
  const [planned, topics, bucket, alarms, assumed] = await Promise.all([
    probes.plan(policy).then(
      (value) => ({ known: true as const, value }),
      (error: unknown) => ({ known: false as const, reason: messageOf(error) }),
    ),
    examineTopics(probes, reads, policy, examination, caller),
    examineBucket(reads, spec.storage),
    examineAlarms(reads, policy),
    examineRoles(reads, policy, examination.workerRole, caller),
  ]);
  if (!planned.known)
    return [bad('model', planned.reason), ...topics, ...bucket, ...alarms, ...assumed];
  const { plan, facts } = planned.value;
  const [quotas, permissions] = await Promise.all([
    examineQuotas(reads, policy, facts),
    examineSimulation(reads, policy, facts, examination, caller),
  ]);
  return [
    ...planFindings(policy, plan, facts),
    ...bucket,
    ...topics,
    ...alarms,
    ...quotas,
    ...assumed,
    ...permissions,
  ];
}

async function examineTopics(
  probes: Pick<DoctorProbes, 'account'>,
  reads: AccountReads,
  { spec }: Policy,
  { region, workerRole }: InRegion,
  caller: Promise<string | null>,
): Promise<readonly Finding[]> {
  const arns = [spec.notify?.topic, spec.approve.escalate?.to].filter((arn) => arn !== undefined);
  if (arns.length === 0)
    return [warning('topic', 'the policy has no notify.topic: nobody is told, one has to look')];
  const who = await caller;
  const publisher = workerRole ?? (who === null ? null : roleOfSession(who));
  const found = await Promise.all(
    [...new Set(arns)].map(async (arn) => {
      const topic = await topicIn(probes, reads, region, arn);
      return topic.known
        ? topicFindings(arn, topic.value, publisher)
        : [unknown(`topic ${arn.split(':').at(-1) ?? arn}`, topic.reason)];
    }),
  );
  return found.flat();
}

/** A topic is asked for in its own Region, as the worker publishes to it. */
async function topicIn(
  probes: Pick<DoctorProbes, 'account'>,
  reads: AccountReads,
  region: string,
  arn: string,
): Promise<Fact<TopicFacts | null>> {
  const [, , , itsRegion = region] = arn.split(':');
  if (itsRegion === region) return factOf(reads.topic(arn));
  const there = probes.account(itsRegion);
  try {
    return await factOf(there.topic(arn));
  } finally {
    there.close();
  }
}

/** `…:assumed-role/worker/i-1` is the role `worker` to a policy; sessions do not show its path. */
function roleOfSession(arn: string): string {
  const match = /^arn:([^:]+):sts::(\d{12}):assumed-role\/([^/]+)\//.exec(arn);
  if (match === null) return arn;
  const [, partition = '', account = '', role = ''] = match;
  return `arn:${partition}:iam::${account}:role/${role}`;
}

async function examineBucket(reads: AccountReads, storage: string): Promise<readonly Finding[]> {
  const name = /^s3:\/\/([^/]+)/.exec(storage)?.[1] ?? storage;
  const bucket = await factOf(reads.bucket(name));
  return bucket.known
    ? bucketFindings(name, bucket.value)
    : [unknown(`bucket ${name}`, bucket.reason)];
}

async function examineAlarms(reads: AccountReads, { spec }: Policy): Promise<readonly Finding[]> {
  const named = [
    ...(spec.deploy.alarms === 'managed'
      ? []
      : spec.deploy.alarms.map((name) => ({ path: 'spec.deploy.alarms', name }))),
    ...spec.monitor.sources.flatMap((source) =>
      source.kind === 'alarms' && source.alarms !== 'managed'
        ? source.alarms.map((name) => ({ path: `the source ${source.id}`, name }))
        : [],
    ),
  ];
  if (named.length === 0) return [];
  const found = await factOf(reads.alarms([...new Set(named.map(({ name }) => name))]));
  return found.known ? alarmFindings(named, found.value) : [unknown('alarms', found.reason)];
}

async function examineQuotas(
  reads: AccountReads,
  policy: Policy,
  facts: PlanFacts,
): Promise<readonly Finding[]> {
  const endpoint = facts.endpoint.known ? facts.endpoint.value : null;
  const fleet = (endpoint?.variants ?? []).flatMap(({ instanceType, instances }) =>
    instanceType === null ? [] : [{ instanceType, instances }],
  );
  const needed = quotasNeeded(
    policy,
    fleet,
    endpoint?.arn.split(':')[4] ?? null,
    facts.pipeline.known ? facts.pipeline.value?.definition : undefined,
  );
  if (needed.length === 0) return [];
  const quotas = await factOf(reads.quotas([...new Set(needed.map(({ quota }) => quota))]));
  return quotas.known ? quotaFindings(needed, quotas.value) : [unknown('quotas', quotas.reason)];
}

/** Each role of the policy is assumed as the worker would, by whoever runs the doctor. */
async function examineRoles(
  reads: AccountReads,
  policy: Policy,
  workerRole: string | null,
  caller: Promise<string | null>,
): Promise<readonly Finding[]> {
  const staging = policy.spec.deploy.staging?.role;
  const roles = [
    ...STAGES.flatMap((stage) => {
      const role = stageRole(policy.spec, stage);
      return role === undefined ? [] : [{ stage, role }];
    }),
    ...(staging === undefined ? [] : [{ stage: 'staging' as const, role: staging }]),
  ];
  if (roles.length === 0) return [];
  const who = await caller;
  const session = sessionName(keeperId(policy.metadata.name));
  return Promise.all(
    roles.map(async ({ stage, role }): Promise<Finding> => {
      const what = `role of ${stage}`;
      const assumed = await factOf(reads.assume(role, session));
      if (assumed.known) return ok(what, `${role.arn} can be assumed by ${who ?? 'us'}`);
      return workerRole !== null && isRole(who, workerRole)
        ? bad(what, assumed.reason)
        : warning(
            what,
            `${who ?? 'who runs this'} cannot assume ${role.arn}, and may not have to: run the doctor as the worker (--worker-role names its role) to know; ${assumed.reason}`,
          );
    }),
  );
}

const isOfAnother = (caller: string | null, roleArn: string): boolean =>
  caller !== null && caller.split(':')[4] !== roleArn.split(':')[4];

/** Whether somebody is a role; sessions do not show its path. */
function isRole(caller: string | null, roleArn: string): boolean {
  const session = /^arn:[^:]+:sts::(\d{12}):assumed-role\/([^/]+)\//.exec(caller ?? '');
  if (session === null) return caller === roleArn;
  const role = /^arn:[^:]+:iam::(\d{12}):role\/(?:.*\/)?([^/]+)$/.exec(roleArn);
  return role !== null && role[1] === session[1] && role[2] === session[2];
}

async function examineSimulation(
  reads: AccountReads,
  policy: Policy,
  facts: PlanFacts,
  { region, workerRole }: InRegion,
  caller: Promise<string | null>,
): Promise<readonly Finding[]> {
  const endpoint = facts.endpoint.known ? (facts.endpoint.value?.arn ?? null) : null;
  const [, partition = 'aws', , , account = ''] = (endpoint ?? workerRole ?? '').split(':');
  const byRole = new Map<string | null, NeededPermission[]>();
  for (const one of neededPermissions(policy, { partition, account, region })) {
    const role = roleNeeding(policy.spec, one.stage)?.arn ?? workerRole;
    byRole.set(role, [...(byRole.get(role) ?? []), one]);
  }
  const lines = await Promise.all(
    [...byRole].map(async ([role, needed]): Promise<readonly Finding[]> => {
      if (role === null)
        return [
          warning(
            'permissions of the worker',
            `not tried: give the ARN of its role as --worker-role, and IAM is asked for the ${needed.length} it needs`,
          ),
        ];
      const what = `permissions of ${role.split('/').at(-1) ?? role}`;
      const denied = await factOf(reads.denied(role, needed));
      if (!denied.known) return [unknown(what, denied.reason)];
      return denied.value === null
        ? [
            unknown(
              what,
              isOfAnother(await caller, role)
                ? `IAM answers of its own account alone, and ${role} is of ${role.split(':')[4] ?? ''}: run the doctor there, too`
                : `IAM finds no role ${role}: give its whole ARN, with its path`,
            ),
          ]
        : permissionFindings(role, needed, denied.value);
    }),
  );
  return lines.flat();
}
