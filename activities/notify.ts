import { PublishCommand } from '@aws-sdk/client-sns';
import type { MessageAttributeValue } from '@aws-sdk/client-sns';

import { FailureType } from '../domain/failures.js';
import { linkOf, renderNotice } from '../domain/notice-text.js';
import type { NoticeContent } from '../domain/notice-text.js';
import { quietUntilMs } from '../domain/quiet-hours.js';
import { attempt, aws, may } from './aws-failure.js';
import type { ControlActivities, NoticeMessage } from './contract.js';
import type { ControlDeps } from './deps.js';
import { sha256 } from './digest.js';
import { hopeless } from './heartbeat.js';

/** Answers of SNS that no later attempt changes. */
const HOPELESS: ReadonlySet<string> = new Set([
  'NotFoundException',
  'NotFound',
  'InvalidParameterException',
  'InvalidParameter',
  'InvalidParameterValue',
  'InvalidParameterValueException',
  'KMSDisabled',
  'KMSDisabledException',
  'KMSInvalidState',
  'KMSInvalidStateException',
  'KMSNotFound',
  'KMSNotFoundException',
]);

const UNPERMITTED: ReadonlySet<string> = new Set([
  'AuthorizationErrorException',
  'AuthorizationError',
  'AccessDenied',
  'AccessDeniedException',
  'KMSAccessDenied',
  'KMSAccessDeniedException',
  'KMSOptInRequired',
]);
/** About two minutes in which a person may repair the role. A notice holds nobody up for longer. */
const PERMISSION_ATTEMPTS = 6;

export function createNotifyActivities(deps: ControlDeps): Pick<ControlActivities, 'notify'> {
  return {
    /**
     * Publishes one notice, in the form that each of the topic's protocols should get.
     *
     * What may wait is not sent in quiet hours. They are told apart here and not by the sender, because they hang on
     * the machine's time zones.
     *
     * May send twice when the answer of a first attempt was lost: a standard topic has no idempotency. Subscribers
     * drop repeats by `dedupeKey`, in the attributes and in the text; on a FIFO topic SNS does.
     *
     * A topic that refuses is a failure, so that the timeline says that people were not told.
     */
    async notify(message) {
      const topic = message.topic ?? message.policy.spec.notify?.topic;
      if (topic === undefined) return { kind: 'not sent', reason: 'the policy names no topic' };
      if (
        message.topic === undefined &&
        message.posts === undefined &&
        message.policy.spec.notify?.on.includes(message.notice) !== true
      ) {
        return { kind: 'not sent', reason: `notify.on does not name ${message.notice}` };
      }
      const quietHours = message.policy.spec.notify?.quietHours;
      if (message.mayWait === true && quietHours !== undefined) {
        const untilMs = quietUntilMs(quietHours, deps.now());
        if (untilMs !== null) return { kind: 'quiet', untilMs };
      }
      const { subject, byProtocol } = renderNotice(contentOf(message, deps));
      const region = topic.split(':')[3] ?? '';
      const { sns } = deps.aws(region === '' ? message.policy.spec.endpoint.region : region);
      const refused = await aws(
        may('sns:Publish', topic),
        async (options) => {
          await sns.send(
            new PublishCommand({
              TopicArn: topic,
              Subject: subject,
              Message: JSON.stringify(byProtocol),
              MessageStructure: 'json',
              MessageAttributes: attributes(message),
              ...(topic.endsWith('.fifo')
                ? {
                    MessageGroupId: message.model,
                    MessageDeduplicationId: fifoKey(message.dedupeKey),
                  }
                : {}),
            }),
            options,
          );
          return undefined;
        },
        (error) =>
          HOPELESS.has(error.name) ||
          (UNPERMITTED.has(error.name) && attempt() >= PERMISSION_ATTEMPTS)
            ? `${error.name}: ${error.message}`
            : undefined,
      );
      if (refused !== undefined) {
        throw hopeless(FailureType.AwsRequestRefused, `${topic} refused it: ${refused}`);
      }
      return { kind: 'sent', reason: `sent to ${topic}` };
    },
  };
}

function contentOf(message: NoticeMessage, { consoleUrl, now }: ControlDeps): NoticeContent {
  const { model, policy, notice, severity, subject, text, dedupeKey, evidence, posts } = message;
  return {
    model,
    team: policy.metadata.team ?? null,
    endpoint: policy.spec.endpoint.name,
    region: policy.spec.endpoint.region,
    notice,
    severity,
    subject,
    text,
    key: dedupeKey,
    atMs: message.atMs ?? now(),
    link: linkOf(consoleUrl, message.consolePath),
    consoleUrl,
    ...(evidence === undefined ? {} : { evidence }),
    ...(posts === undefined ? {} : { posts }),
  };
}

/** For filter policies. Several notices in one have a list of kinds: a filter on one of them lets it through. */
function attributes(message: NoticeMessage): Record<string, MessageAttributeValue> {
  const kinds = [...new Set((message.posts ?? []).map(({ notice }) => notice))];
  const values: Record<string, string | undefined> = {
    model: message.model,
    ...(kinds.length > 1 ? {} : { event: message.notice }),
    severity: message.severity,
    team: message.policy.metadata.team,
    dedupeKey: message.dedupeKey,
  };
  return {
    ...Object.fromEntries(
      Object.entries(values).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, { DataType: 'String', StringValue: value }]],
      ),
    ),
    ...(kinds.length > 1
      ? { event: { DataType: 'String.Array', StringValue: JSON.stringify(kinds) } }
      : {}),
  };
}

/** SNS takes 128 characters of these. What has more or others is told apart by its hash: no two keys become one. */
function fifoKey(key: string): string {
  const plain = key.replace(/[^A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g, '_');
  return plain === key && key.length <= 128 ? key : `${plain.slice(0, 63)}-${sha256(key)}`;
}
