import { CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import {
  DescribeRuleCommand,
  EventBridgeClient,
  ListRuleNamesByTargetCommand,
  ListTargetsByRuleCommand,
  TestEventPatternCommand,
} from '@aws-sdk/client-eventbridge';
import { IAMClient, SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam';
import {
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { ListServiceQuotasCommand, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import {
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  SNSClient,
} from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';

import { absent, aws, may } from '../../activities/aws-failure.js';
import type { NeededPermission } from '../../domain/needed-permissions.js';
import type { StageRole } from '../../domain/roles.js';

export interface QueueFacts {
  readonly arn: string;
  readonly url: string;
  readonly policy: string | null;
  readonly waiting: number;
  readonly visibilitySeconds: number;
  readonly deadLetters: { readonly arn: string; readonly maxReceives: number } | null;
  /** Id, ARN or alias of the key (KMS) of its messages; `null` where SQS keeps them by itself. */
  readonly keyId: string | null;
}

export interface RuleFacts {
  readonly name: string;
  readonly arn: string;
  readonly enabled: boolean;
  /** `null` for a rule that goes by the clock alone. */
  readonly pattern: string | null;
  /** Of the target that is the queue. */
  readonly changesTheEvent: boolean;
  readonly hasDeadLetters: boolean;
}

export interface TopicFacts {
  readonly confirmed: number;
  /** `ada@example.com (email)`: who has not followed the link yet. */
  readonly pending: readonly string[];
  readonly policy: string | null;
  /** Id, ARN or alias of the key (KMS) of its messages; `null` without one. */
  readonly keyId: string | null;
}

export interface BucketFacts {
  readonly versioning: 'Enabled' | 'Suspended' | 'off';
  /** `null` without Object Lock. */
  readonly lock: { readonly mode: string; readonly period: string } | null;
}

export interface AlarmFacts {
  readonly name: string;
  readonly state: string;
  /** In CloudWatch's words. */
  readonly reason: string;
}

/** What the doctor reads of one Region of the account. Nothing is changed. */
export interface AccountReads {
  /** `null` when there is no such queue. */
  queue(url: string): Promise<QueueFacts | null>;
  /** Rules of the default bus whose target the queue is. */
  rulesOf(queueArn: string): Promise<readonly RuleFacts[]>;
  matches(pattern: string, event: Readonly<Record<string, unknown>>): Promise<boolean>;
  /** `null` when there is no such topic. */
  topic(arn: string): Promise<TopicFacts | null>;
  /** `null` when there is no such bucket. */
  bucket(name: string): Promise<BucketFacts | null>;
  /** What the account may have, by the names of quotas of SageMaker; those that AWS does not list are left out. */
  quotas(names: readonly string[]): Promise<ReadonlyMap<string, { value: number; code: string }>>;
  /** Alarms of these names that there are, metric alarms and composite ones. */
  alarms(names: readonly string[]): Promise<readonly AlarmFacts[]>;
  /** Assumes the role and forgets the session. */
  assume(role: StageRole, sessionName: string): Promise<true>;
  /** Those that the role may not, each with the reason in IAM's words; `null` when IAM finds no such role. */
  denied(
    roleArn: string,
    needed: readonly NeededPermission[],
  ): Promise<readonly (NeededPermission & { readonly decision: string })[] | null>;
  close(): void;
}

/** Names of alarms that one call takes. */
const ALARMS_PER_CALL = 100;
const MOST_PAGES = 50;

export function createReads(region: string): AccountReads {
  const common = {
    region,
    maxAttempts: 3,
    requestHandler: {
      connectionTimeout: 3_000,
      requestTimeout: 20_000,
      throwOnRequestTimeout: true,
    },
  };
  const isLocal = process.env['AWS_ENDPOINT_URL'] !== undefined;
  const sqs = new SQSClient({
    ...common,
    // The queue's URL may name a host that only AWS resolves; a configured endpoint goes before it.
    useQueueUrlAsEndpoint: !isLocal && process.env['AWS_ENDPOINT_URL_SQS'] === undefined,
  });
  const events = new EventBridgeClient(common);
  const sns = new SNSClient(common);
  const s3 = new S3Client({
    ...common,
    forcePathStyle: isLocal || process.env['AWS_ENDPOINT_URL_S3'] !== undefined,
    followRegionRedirects: true,
  });
  const quotas = new ServiceQuotasClient(common);
  const cloudwatch = new CloudWatchClient(common);
  const sts = new STSClient(common);
  const iam = new IAMClient(common);

  const rule = async (name: string, queueArn: string): Promise<RuleFacts> => {
    const [described, targets] = await Promise.all([
      aws(may('events:DescribeRule', `rule/${name}`), (options) =>
        events.send(new DescribeRuleCommand({ Name: name }), options),
      ),
      aws(may('events:ListTargetsByRule', `rule/${name}`), (options) =>
        events.send(new ListTargetsByRuleCommand({ Rule: name }), options),
      ),
    ]);
    const ours = (targets.Targets ?? []).filter(({ Arn }) => Arn === queueArn);
    return {
      name,
      arn: described.Arn ?? '',
      enabled: described.State !== 'DISABLED',
      pattern: described.EventPattern ?? null,
      changesTheEvent: ours.some(
        ({ Input, InputPath, InputTransformer }) =>
          Input !== undefined ||
          (InputPath !== undefined && InputPath !== '$') ||
          InputTransformer !== undefined,
      ),
      hasDeadLetters: ours.every(({ DeadLetterConfig }) => DeadLetterConfig?.Arn !== undefined),
    };
  };

  return {
    async queue(url) {
      const answer = await aws(
        may('sqs:GetQueueAttributes', url),
        (options) =>
          sqs.send(
            new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }),
            options,
          ),
        absent,
      );
      if (answer === 'absent') return null;
      const attributes = answer.Attributes ?? {};
      return {
        arn: attributes['QueueArn'] ?? '',
        url,
        // A policy that was taken off may read as empty.
        policy: attributes['Policy'] === '' ? null : (attributes['Policy'] ?? null),
        waiting: Number(attributes['ApproximateNumberOfMessages'] ?? 0),
        visibilitySeconds: Number(attributes['VisibilityTimeout'] ?? 0),
        deadLetters: redriveOf(attributes['RedrivePolicy']),
        keyId: keyIdOf(attributes['KmsMasterKeyId']),
      };
    },

    async rulesOf(queueArn) {
      const names: string[] = [];
      let token: string | undefined;
      do {
        const page = await aws(may('events:ListRuleNamesByTarget', '*'), (options) =>
          events.send(
            new ListRuleNamesByTargetCommand({ TargetArn: queueArn, NextToken: token }),
            options,
          ),
        );
        names.push(...(page.RuleNames ?? []));
        token = page.NextToken;
      } while (token !== undefined);
      return Promise.all(names.map((name) => rule(name, queueArn)));
    },

    async matches(pattern, event) {
      const answer = await aws(may('events:TestEventPattern', '*'), (options) =>
        events.send(
          new TestEventPatternCommand({ EventPattern: pattern, Event: JSON.stringify(event) }),
          options,
        ),
      );
      return answer.Result === true;
    },

    async topic(arn) {
      const attributes = await aws(
        may('sns:GetTopicAttributes', arn),
        (options) => sns.send(new GetTopicAttributesCommand({ TopicArn: arn }), options),
        absent,
      );
      if (attributes === 'absent') return null;
      const confirmed = Number(attributes.Attributes?.['SubscriptionsConfirmed'] ?? 0);
      const policy = attributes.Attributes?.['Policy'] ?? null;
      const keyId = keyIdOf(attributes.Attributes?.['KmsMasterKeyId']);
      if (Number(attributes.Attributes?.['SubscriptionsPending'] ?? 0) === 0)
        return { confirmed, pending: [], policy, keyId };
      const pending: string[] = [];
      let token: string | undefined;
      do {
        const page = await aws(may('sns:ListSubscriptionsByTopic', arn), (options) =>
          sns.send(
            new ListSubscriptionsByTopicCommand({ TopicArn: arn, NextToken: token }),
            options,
          ),
        );
        for (const { SubscriptionArn, Endpoint, Protocol } of page.Subscriptions ?? [])
          if (SubscriptionArn === 'PendingConfirmation')
            pending.push(`${Endpoint ?? 'somebody'} (${Protocol ?? 'unknown protocol'})`);
        token = page.NextToken;
      } while (token !== undefined);
      return { confirmed, pending, policy, keyId };
    },

    async bucket(name) {
      const on = `arn:aws:s3:::${name}`;
      const [versioning, lock] = await Promise.all([
        aws(
          may('s3:GetBucketVersioning', on),
          (options) => s3.send(new GetBucketVersioningCommand({ Bucket: name }), options),
          absent,
        ),
        aws(
          may('s3:GetBucketObjectLockConfiguration', on),
          (options) => s3.send(new GetObjectLockConfigurationCommand({ Bucket: name }), options),
          (error) =>
            error.name === 'ObjectLockConfigurationNotFoundError' ? 'absent' : absent(error),
        ),
      ]);
      if (versioning === 'absent') return null;
      const retention =
        lock === 'absent' ? undefined : lock.ObjectLockConfiguration?.Rule?.DefaultRetention;
      return {
        versioning: versioning.Status ?? 'off',
        lock:
          retention === undefined
            ? null
            : {
                mode: retention.Mode ?? '',
                period:
                  retention.Days === undefined
                    ? `${retention.Years ?? 0} years`
                    : `${retention.Days} days`,
              },
      };
    },

    async quotas(names) {
      const found = new Map<string, { value: number; code: string }>();
      let token: string | undefined;
      for (let page = 0; page < MOST_PAGES && found.size < names.length; page += 1) {
        const answer = await aws(may('servicequotas:ListServiceQuotas', 'sagemaker'), (options) =>
          quotas.send(
            new ListServiceQuotasCommand({
              ServiceCode: 'sagemaker',
              MaxResults: 100,
              NextToken: token,
            }),
            options,
          ),
        );
        for (const { QuotaName, Value, QuotaCode } of answer.Quotas ?? [])
          if (QuotaName !== undefined && Value !== undefined && names.includes(QuotaName))
            found.set(QuotaName, { value: Value, code: QuotaCode ?? '' });
        token = answer.NextToken;
        if (token === undefined) break;
      }
      return found;
    },

    async alarms(names) {
      const found: AlarmFacts[] = [];
      for (let from = 0; from < names.length; from += ALARMS_PER_CALL) {
        const answer = await aws(may('cloudwatch:DescribeAlarms', '*'), (options) =>
          cloudwatch.send(
            new DescribeAlarmsCommand({
              AlarmNames: names.slice(from, from + ALARMS_PER_CALL),
              AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
              MaxRecords: ALARMS_PER_CALL,
            }),
            options,
          ),
        );
        for (const { AlarmName, StateValue, StateReason } of [
          ...(answer.MetricAlarms ?? []),
          ...(answer.CompositeAlarms ?? []),
        ])
          found.push({
            name: AlarmName ?? '',
            state: StateValue ?? 'INSUFFICIENT_DATA',
            reason: StateReason ?? '',
          });
      }
      return found;
    },

    async assume({ arn, externalId }, sessionName) {
      await aws(may('sts:AssumeRole', arn), (options) =>
        sts.send(
          new AssumeRoleCommand({
            RoleArn: arn,
            RoleSessionName: sessionName,
            DurationSeconds: 900,
            ...(externalId === undefined ? {} : { ExternalId: externalId }),
          }),
          options,
        ),
      );
      return true;
    },

    async denied(roleArn, needed) {
      const refused: (NeededPermission & { readonly decision: string })[] = [];
      for (const { resource, context, needs } of byRequest(needed)) {
        const answer = await aws(
          may('iam:SimulatePrincipalPolicy', roleArn),
          (options) =>
            iam.send(
              new SimulatePrincipalPolicyCommand({
                PolicySourceArn: roleArn,
                ActionNames: needs.map(({ action }) => action),
                ResourceArns: [resource],
                ContextEntries: Object.entries(context).map(([key, value]) => ({
                  ContextKeyName: key,
                  ContextKeyType: 'string',
                  ContextKeyValues: [value],
                })),
                MaxItems: 1_000,
              }),
              options,
            ),
          absent,
        );
        if (answer === 'absent') return null;
        for (const one of needs) {
          const decision = answer.EvaluationResults?.find(
            ({ EvalActionName }) => EvalActionName?.toLowerCase() === one.action.toLowerCase(),
          )?.EvalDecision;
          if (decision !== 'allowed') refused.push({ ...one, decision: decision ?? 'no answer' });
        }
      }
      return refused;
    },

    close() {
      for (const client of [sqs, events, sns, s3, quotas, cloudwatch, sts, iam]) client.destroy();
    },
  };
}

const keyIdOf = (attribute: string | undefined): string | null =>
  attribute === undefined || attribute === '' ? null : attribute;

function redriveOf(text: string | undefined): QueueFacts['deadLetters'] {
  try {
    const parsed: unknown = JSON.parse(text ?? 'null');
    if (typeof parsed !== 'object' || parsed === null || !('deadLetterTargetArn' in parsed))
      return null;
    const receives = 'maxReceiveCount' in parsed ? Number(parsed.maxReceiveCount) : 0;
    return { arn: String(parsed.deadLetterTargetArn), maxReceives: receives };
  } catch {
    return null;
  }
}

/** One simulation holds for one resource and one context. */
function byRequest(needed: readonly NeededPermission[]): readonly {
  readonly resource: string;
  readonly context: Readonly<Record<string, string>>;
  readonly needs: readonly NeededPermission[];
}[] {
  const groups = new Map<
    string,
    { resource: string; context: NeededPermission['context']; needs: NeededPermission[] }
  >();
  for (const one of needed) {
    const { resource, context } = one;
    const key = JSON.stringify([resource, context]);
    const group = groups.get(key) ?? { resource, context, needs: [] };
    group.needs.push(one);
    groups.set(key, group);
  }
  return [...groups.values()];
}
