import type { Sender } from '../iam/resource-policy.js';
import type { Core } from '../wires.js';
import { envelope } from './envelope.js';
import { post } from './http-delivery.js';
import type { Outbox } from './outbox.js';
import { textFor } from './records.js';
import type { Notification, Subscription } from './records.js';

/** What becomes of one delivery; `undefined` for those that are only kept in the outbox, to be read. */
export function outcomeAtFirst({ protocol }: Subscription): string | undefined {
  if (protocol === 'application' || protocol === 'firehose')
    return `not delivered: the sandbox has no ${protocol === 'application' ? 'platform applications' : 'delivery streams'}`;
  return isWeb(protocol) ? 'on its way' : undefined;
}

export function isWeb(protocol: string): protocol is 'http' | 'https' {
  return protocol === 'http' || protocol === 'https';
}

/** Delivers to a queue or a web server; `number` and `at` are the delivery's place in the outbox. */
export function deliver(
  core: Core,
  outbox: Outbox,
  subscription: Subscription,
  notification: Notification,
  place: { readonly number: number; readonly at: number },
): void {
  const { protocol, endpoint } = subscription;
  if (protocol !== 'sqs' && !isWeb(protocol)) return;
  const message = textFor(protocol, notification);
  const isRaw = subscription.attributes.RawMessageDelivery === 'true';
  const body = isRaw
    ? message
    : JSON.stringify(envelope(core, subscription, notification, message), undefined, 2);
  const failed = (problem: string): void => {
    core.log(`SNS cannot deliver to ${endpoint}: ${problem}`);
    const buried = bury(core, subscription, notification, body);
    outbox.settle(
      place,
      `not delivered: ${problem}${buried ? '; it is in the dead-letter queue' : ''}`,
    );
  };
  if (isWeb(protocol)) {
    post(
      core,
      {
        type: 'Notification',
        endpoint,
        messageId: notification.id,
        topicArn: notification.topicArn,
        subscriptionArn: subscription.arn,
        isRaw,
        body,
      },
      (problem) => {
        if (problem === undefined) outbox.settle(place, 'delivered');
        else failed(problem);
      },
    );
    return;
  }
  const attributes = isRaw ? notification.attributes : {};
  const count = Object.keys(attributes).length;
  if (count > 10) failed(`${count} attributes, of which a raw delivery to SQS takes 10`);
  else {
    const sender = senderFor(notification);
    const handed = core.wires.deliverToQueue(sender, endpoint, body, attributes, notification.fifo);
    if (handed === 'absent') failed('there is no such queue');
    if (handed === 'not allowed')
      failed(
        "the queue's policy does not let sns.amazonaws.com send (sqs:SendMessage) for this topic",
      );
  }
}

const senderFor = ({ topicArn }: Notification): Sender => ({
  service: 'sns.amazonaws.com',
  sourceArn: topicArn,
});

/** Whether a dead-letter queue of the subscription took it. */
function bury(
  core: Core,
  { attributes }: Subscription,
  notification: Notification,
  body: string,
): boolean {
  const policy = attributes.RedrivePolicy;
  if (policy === undefined || policy === '') return false;
  const { deadLetterTargetArn } = JSON.parse(policy) as { readonly deadLetterTargetArn: string };
  const sender = senderFor(notification);
  return (
    core.wires.deliverToQueue(sender, deadLetterTargetArn, body, {}, notification.fifo) ===
    'delivered'
  );
}
