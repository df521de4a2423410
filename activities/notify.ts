import { PublishCommand } from '@aws-sdk/client-sns';

import { FailureType } from '../domain/failures.js';
import { attempt, aws, may } from './aws-failure.js';
import type { ControlActivities, NoticeMessage } from './contract.js';
import type { ControlDeps } from './deps.js';
import { hopeless } from './heartbeat.js';

/** SNS: under 100 characters, printable, no line breaks. */
const SUBJECT_LENGTH = 99;
/** SNS takes 262,144 bytes; nobody reads as many. */
const TEXT_LENGTH = 60_000;

/** Answers of SNS that no later attempt changes. */
const HOPELESS: ReadonlySet<string> = new Set([
  'NotFoundException',
  'NotFound',
  'InvalidParameterException',
  'InvalidParameter',
]);

const UNPERMITTED: ReadonlySet<string> = new Set([
  'AuthorizationErrorException',
  'AuthorizationError',
  'AccessDenied',
  'AccessDeniedException',
]);
/** About two minutes in which a person may repair the role. A notice holds nobody up for longer. */
const PERMISSION_ATTEMPTS = 6;

export function createNotifyActivities(deps: ControlDeps): Pick<ControlActivities, 'notify'> {
  return {
    /**
     * Publishes one notice.
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
        message.policy.spec.notify?.on.includes(message.notice) !== true
      ) {
        return { kind: 'not sent', reason: `notify.on does not name ${message.notice}` };
      }
      const region = topic.split(':')[3] ?? '';
      const { sns } = deps.aws(region === '' ? message.policy.spec.endpoint.region : region);
      const refused = await aws(
        may('sns:Publish', topic),
        async (options) => {
          await sns.send(
            new PublishCommand({
              TopicArn: topic,
              Subject: subjectLine(message.subject),
              Message: textOf(message, deps.consoleUrl),
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

function subjectLine(subject: string): string {
  const line = subject
    .replace(/[^\x20-\x7e]+/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return line.length <= SUBJECT_LENGTH ? line : `${line.slice(0, SUBJECT_LENGTH - 3)}...`;
}

/** The text with the link below it, and the key for people who read the same thing twice. */
function textOf(message: NoticeMessage, consoleUrl: string | null): string {
  const link =
    consoleUrl === null || message.consolePath === null
      ? []
      : ['', `${consoleUrl.replace(/\/+$/, '')}${message.consolePath}`];
  return [message.text.slice(0, TEXT_LENGTH), ...link, '', `[${message.dedupeKey}]`].join('\n');
}

function attributes(
  message: NoticeMessage,
): Record<string, { DataType: 'String'; StringValue: string }> {
  const values: Record<string, string | undefined> = {
    model: message.model,
    event: message.notice,
    severity: message.severity,
    team: message.policy.metadata.team,
    dedupeKey: message.dedupeKey,
  };
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, { DataType: 'String' as const, StringValue: value }]],
    ),
  );
}

/** At most 128 characters of those that SNS takes. */
const fifoKey = (key: string): string =>
  key.replace(/[^A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g, '_').slice(-128);
