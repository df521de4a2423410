import { randomUUID } from 'node:crypto';
import type { Core } from '../wires.js';
import type { Notification, Subscription } from './records.js';

/** The signature is not one: there is no key that could be trusted here. */
function unsigned(core: Core): Readonly<Record<string, string>> {
  return {
    Timestamp: new Date(core.now()).toISOString(),
    SignatureVersion: '1',
    Signature: 'SANDBOX',
    SigningCertURL: `https://sns.${core.region}.amazonaws.com/SimpleNotificationService-sandbox.pem`,
  };
}

/** What queues and web servers get around the message. */
export function envelope(
  core: Core,
  subscription: Subscription,
  notification: Notification,
  message: string,
): Readonly<Record<string, unknown>> {
  const attributes = Object.entries(notification.attributes);
  const { subject, sequenceNumber } = notification;
  return {
    Type: 'Notification',
    MessageId: notification.id,
    ...(sequenceNumber === undefined ? {} : { SequenceNumber: sequenceNumber }),
    TopicArn: notification.topicArn,
    ...(subject === undefined ? {} : { Subject: subject }),
    Message: message,
    ...unsigned(core),
    UnsubscribeURL: `${core.url}/?Action=Unsubscribe&SubscriptionArn=${encodeURIComponent(subscription.arn)}`,
    ...(attributes.length === 0
      ? {}
      : {
          MessageAttributes: Object.fromEntries(
            attributes.map(([name, { DataType, StringValue, BinaryValue }]) => [
              name,
              { Type: DataType, Value: StringValue ?? BinaryValue ?? '' },
            ]),
          ),
        }),
  };
}

/** The question to the owner of an endpoint, or the word that it is subscribed no more. */
export function confirmation(
  core: Core,
  type: 'SubscriptionConfirmation' | 'UnsubscribeConfirmation',
  { topicArn, arn, token = '' }: Subscription,
): { readonly id: string; readonly body: Readonly<Record<string, unknown>> } {
  const id = randomUUID();
  const text =
    type === 'SubscriptionConfirmation'
      ? `You have chosen to subscribe to the topic ${topicArn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`
      : `You have chosen to deactivate subscription ${arn}.\nTo cancel this operation and restore the subscription, visit the SubscribeURL included in this message.`;
  const link = new URLSearchParams({
    Action: 'ConfirmSubscription',
    TopicArn: topicArn,
    Token: token,
  });
  return {
    id,
    body: {
      Type: type,
      MessageId: id,
      Token: token,
      TopicArn: topicArn,
      Message: text,
      SubscribeURL: `${core.url}/?${link.toString()}`,
      ...unsigned(core),
    },
  };
}
