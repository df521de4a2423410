import { accessBy, type Access } from '../../domain/access.js';
import type { QuotaNeeded } from '../../domain/quotas.js';
import type { SampleEvent } from '../bridge/samples.js';
import { bad, ok, unknown, warning, type Finding } from './finding.js';
import type { AlarmFacts, BucketFacts, QueueFacts, RuleFacts, TopicFacts } from './reads.js';

/** Longer than the bridge holds a message while its hint waits for the end of an interval, twice over. */
const LEAST_VISIBILITY_SECONDS = 60;
/** A Temporal that restarts must not send readable events to the dead letters. */
const LEAST_RECEIVES = 3;

const nameOf = (arn: string): string => arn.split(':').at(-1) ?? arn;
const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** The queue that the bridge reads. `deadLetters` is what its dead-letter queue says; `null` where there is no such queue. */
export function queueFindings(
  url: string,
  queue: QueueFacts | null,
  deadLetters: QueueFacts | null,
): readonly Finding[] {
  const what = 'events queue';
  if (queue === null)
    return [
      bad(
        what,
        `there is no queue ${url}: deploy infra/events.yaml, and give its output EventsQueueUrl as --queue-url or MODELKEEPER_EVENTS_QUEUE_URL`,
      ),
    ];
  const name = nameOf(queue.arn);
  return [
    queue.visibilitySeconds < LEAST_VISIBILITY_SECONDS
      ? warning(
          what,
          `${name} shows a message again after ${queue.visibilitySeconds} s, while the bridge may still hold it: set VisibilityTimeout to ${LEAST_VISIBILITY_SECONDS} s`,
        )
      : ok(what, `${name}, ${counted(queue.waiting, 'event')} waiting`),
    ...[queue, ...(deadLetters === null ? [] : [deadLetters])].flatMap(queueKeyFindings),
    deadLetterFinding(name, queue, deadLetters),
  ];
}

const ofAws = (keyId: string, service: 'sqs' | 'sns'): boolean =>
  keyId === `alias/aws/${service}` || keyId.endsWith(`:alias/aws/${service}`);

/** EventBridge cannot use AWS's own key of SQS: nothing arrives, and nothing says so but a metric of the rule. */
function queueKeyFindings({ arn, keyId }: QueueFacts): readonly Finding[] {
  if (keyId === null) return [];
  const what = `key of ${nameOf(arn)}`;
  return [
    ofAws(keyId, 'sqs')
      ? bad(
          what,
          `${keyId} is AWS's own, which EventBridge may not use, so that no event arrives: take SQS's encryption (SqsManagedSseEnabled) or a key of yours`,
        )
      : warning(
          what,
          `not looked at: its policy must let events.amazonaws.com kms:GenerateDataKey and kms:Decrypt, and the bridge's role needs kms:Decrypt on ${keyId}`,
        ),
  ];
}

function deadLetterFinding(
  name: string,
  queue: QueueFacts,
  deadLetters: QueueFacts | null,
): Finding {
  const what = 'dead-letter queue';
  if (queue.deadLetters === null)
    return bad(
      what,
      `${name} has none: an event that nobody can read comes back until it expires; set a RedrivePolicy, as infra/events.yaml does`,
    );
  const { arn, maxReceives } = queue.deadLetters;
  if (deadLetters === null)
    return bad(
      what,
      `${nameOf(arn)}, which ${name} names, is not there: what cannot be read is lost; create it, or correct the RedrivePolicy`,
    );
  if (deadLetters.waiting > 0)
    return warning(
      what,
      `${counted(deadLetters.waiting, 'event')} in ${nameOf(arn)} could not be read or delivered: look at them, then send them again with \`aws sqs start-message-move-task --source-arn ${arn}\`, or delete them`,
    );
  if (maxReceives < LEAST_RECEIVES)
    return warning(
      what,
      `${name} gives an event up after ${counted(maxReceives, 'receive')}: set maxReceiveCount to 5, so that a Temporal that restarts is waited for`,
    );
  return ok(what, `${nameOf(arn)} is empty; events go there after ${maxReceives} receives`);
}

/** Whether the queue takes what its rules send. `rule` is the ARN of one that targets it, or would. */
export function queueAccess(queue: QueueFacts, ruleArn: string): Access {
  return accessBy(queue.policy, {
    principal: 'events.amazonaws.com',
    action: 'sqs:SendMessage',
    resource: queue.arn,
    context: {
      'aws:SourceArn': ruleArn,
      'aws:SourceAccount': ruleArn.split(':')[4] ?? '',
      'aws:SecureTransport': 'true',
    },
  });
}

export function queuePolicyFindings(
  queue: QueueFacts,
  rules: readonly RuleFacts[],
): readonly Finding[] {
  const what = 'queue policy';
  if (rules.length === 0) return [];
  const refused = rules.flatMap(({ name, arn }) => {
    const access = queueAccess(queue, arn);
    return access === 'allowed' ? [] : [{ name, access }];
  });
  const unread = refused.filter(({ access }) => access === 'not known');
  const closed = refused.filter(({ access }) => access !== 'not known');
  const names = (of: typeof refused): string => of.map(({ name }) => name).join(', ');
  return [
    ...(closed.length === 0
      ? []
      : [
          bad(
            what,
            `${nameOf(queue.arn)} does not let events.amazonaws.com send what the rule ${names(closed)} finds: allow sqs:SendMessage for its ARN (aws:SourceArn), as infra/events.yaml does`,
          ),
        ]),
    ...(unread.length === 0
      ? []
      : [
          unknown(
            what,
            `whether ${nameOf(queue.arn)} takes events of the rule ${names(unread)} hangs on a condition that only AWS can judge; see whether events arrive`,
          ),
        ]),
    ...(refused.length === 0 ? [ok(what, `takes events of ${counted(rules.length, 'rule')}`)] : []),
  ];
}

/** A rule as it stands, and the types of the samples that its pattern matches. */
export interface TestedRule extends RuleFacts {
  readonly matched: readonly string[];
}

export function ruleFindings(
  queueArn: string,
  rules: readonly TestedRule[],
  samples: readonly SampleEvent[],
): readonly Finding[] {
  const what = 'rules';
  if (rules.length === 0)
    return [
      bad(
        what,
        `no rule of EventBridge sends to ${nameOf(queueArn)}: deploy infra/events.yaml; until then everything is seen at the pace of monitor.every`,
      ),
    ];
  const faults = rules.flatMap((rule): readonly Finding[] => {
    const called = `rule ${rule.name}`;
    return [
      ...(rule.enabled
        ? []
        : [bad(called, `is disabled: \`aws events enable-rule --name ${rule.name}\``)]),
      ...(rule.changesTheEvent
        ? [
            bad(
              called,
              'sends something else than the event (Input, InputPath or InputTransformer of its target): take that off, the bridge reads whole events',
            ),
          ]
        : []),
      ...(rule.hasDeadLetters
        ? []
        : [
            warning(
              called,
              'its target has no dead-letter queue: what cannot be delivered is lost; set DeadLetterConfig',
            ),
          ]),
    ];
  });
  const working = rules.filter(({ enabled, changesTheEvent }) => enabled && !changesTheEvent);
  const types = samples.flatMap(({ type, tells }): readonly Finding[] => {
    const found = working.filter(({ matched }) => matched.includes(type)).map(({ name }) => name);
    if (found.length > 0) return [ok(type, `sent by ${found.join(', ')}`)];
    return tells === null
      ? []
      : [
          bad(
            type,
            `no enabled rule sends a sample of it to the queue, so ${tells} is seen at the pace of monitor.every: correct the pattern, or deploy infra/events.yaml`,
          ),
        ];
  });
  return [...faults, ...types];
}

/** `publisher` is the role or user of the worker; `null` when nobody says. */
export function topicFindings(
  arn: string,
  topic: TopicFacts | null,
  publisher: string | null,
): readonly Finding[] {
  const what = `topic ${nameOf(arn)}`;
  if (topic === null)
    return [
      bad(what, `${arn} is not there: create it, or correct the ARN in the policy; nobody is told`),
    ];
  const { confirmed, pending } = topic;
  return [
    ...pending.map((who) =>
      warning(what, `${who} has not confirmed the subscription: follow the link that AWS sent`),
    ),
    confirmed === 0
      ? warning(what, 'nobody is subscribed: notices and approval requests reach nobody')
      : ok(what, counted(confirmed, 'subscription')),
    ...topicKeyFindings(arn, topic.keyId),
    ...publishFindings(arn, topic.policy, publisher),
  ];
}

/** CloudWatch cannot use AWS's own key of SNS; the worker can. */
function topicKeyFindings(arn: string, keyId: string | null): readonly Finding[] {
  if (keyId === null) return [];
  const what = `key of ${nameOf(arn)}`;
  return [
    ofAws(keyId, 'sns')
      ? ok(what, `${keyId} is AWS's own; alarms of CloudWatch could not tell this topic`)
      : warning(
          what,
          `not looked at: the worker's role needs kms:GenerateDataKey and kms:Decrypt on ${keyId}, and the key must be enabled`,
        ),
  ];
}

/** Nobody's account: what it may, anybody may. */
const ANYBODY = 'arn:aws:iam::000000000000:root';

/** What the topic's own policy says of who may publish; what the identity may is another line. */
function publishFindings(
  arn: string,
  policy: string | null,
  publisher: string | null,
): readonly Finding[] {
  const what = `topic policy of ${nameOf(arn)}`;
  const access = (principal: string): Access => {
    const account = principal.split(':')[4] ?? '';
    return accessBy(policy, {
      principal,
      action: 'sns:Publish',
      resource: arn,
      context: {
        'aws:PrincipalAccount': account,
        'aws:PrincipalArn': principal,
        'aws:SecureTransport': 'true',
        'aws:SourceAccount': account,
        'aws:SourceOwner': account,
      },
    });
  };
  const open =
    access(ANYBODY) === 'allowed'
      ? [
          warning(
            what,
            'anybody with an AWS account may publish, so that a notice may be forged: bind the statement for * to your account (aws:SourceOwner)',
          ),
        ]
      : [];
  if (publisher === null) return open;
  const owner = arn.split(':')[4] ?? '';
  const owned = publisher.split(':')[4] === owner;
  switch (access(publisher)) {
    case 'denied':
      return [
        ...open,
        bad(
          what,
          `denies sns:Publish to ${publisher}, whatever its own permissions are: take that statement off, or nobody is told`,
        ),
      ];
    case 'not known':
      return [
        ...open,
        unknown(
          what,
          `whether ${publisher} may publish hangs on a condition that only AWS can judge; see whether notices arrive`,
        ),
      ];
    case 'not allowed':
      return owned
        ? [...open, ok(what, `says nothing against ${publisher}`)]
        : [
            ...open,
            bad(
              what,
              `${arn} is of the account ${owner}, whose policy of it does not let ${publisher} publish: allow it sns:Publish there`,
            ),
          ];
    case 'allowed':
      return [...open, ok(what, `lets ${publisher} publish`)];
  }
}

export function bucketFindings(name: string, bucket: BucketFacts | null): readonly Finding[] {
  const what = `bucket ${name}`;
  if (bucket === null)
    return [bad(what, 'is not there: deploy infra/storage.yaml, or correct spec.storage')];
  const versions =
    bucket.versioning === 'Enabled'
      ? ok(what, 'keeps versions')
      : warning(
          what,
          `keeps no versions (versioning is ${bucket.versioning === 'off' ? 'off' : 'suspended'}), so that a record could be overwritten: \`aws s3api put-bucket-versioning --bucket ${name} --versioning-configuration Status=Enabled\``,
        );
  const lock =
    bucket.lock === null
      ? warning(
          what,
          'has no Object Lock with a default retention: whoever may delete in it can cut the ledger; infra/storage.yaml makes a bucket where nobody can',
        )
      : ok(what, `keeps every version for ${bucket.lock.period} (${bucket.lock.mode})`);
  return [versions, lock];
}

export function quotaFindings(
  needed: readonly QuotaNeeded[],
  quotas: ReadonlyMap<string, { readonly value: number; readonly code: string }>,
): readonly Finding[] {
  return needed.map(({ type, quota, need, why, beside }) => {
    const what = `quota ${type}`;
    const found = quotas.get(quota);
    if (found === undefined)
      return unknown(what, `Service Quotas does not list '${quota}'; ${why}`);
    const sentence = `'${quota}' is ${found.value}; ${why}, beside what other ${beside} use`;
    return found.value < need
      ? bad(
          what,
          `${sentence}: \`aws service-quotas request-service-quota-increase --service-code sagemaker --quota-code ${found.code} --desired-value ${need}\``,
        )
      : ok(what, sentence);
  });
}

/** Alarms of people's own that a policy names. */
export function alarmFindings(
  named: readonly { readonly path: string; readonly name: string }[],
  found: readonly AlarmFacts[],
): readonly Finding[] {
  return named.map(({ path, name }) => {
    const what = `alarm ${name}`;
    const alarm = found.find((one) => one.name === name);
    if (alarm === undefined)
      return bad(what, `${path} names it, and it is not there: create it, or correct the name`);
    return alarm.state === 'INSUFFICIENT_DATA'
      ? warning(what, 'has no data: it warns of nothing until it has')
      : ok(what, alarm.state);
  });
}
