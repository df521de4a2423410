// Gives a local AWS (AWS_ENDPOINT_URL) the queue the bridge reads, and the rule that fills it. Repeatable.
// On real AWS this is what infra/ deploys.
import { EventBridgeClient, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { setTimeout as delay } from 'node:timers/promises';

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

const NAME = 'modelkeeper-events';
const WAIT_MS = 60_000;

if (!process.env.AWS_ENDPOINT_URL) {
  process.stderr.write('AWS_ENDPOINT_URL is not set: this is for a local AWS only.\n');
  process.exit(1);
}

const sqs = new SQSClient({});
const events = new EventBridgeClient({});

/** The local AWS may still be starting. */
async function createQueue() {
  const giveUpAtMs = Date.now() + WAIT_MS;
  for (;;) {
    try {
      return (await sqs.send(new CreateQueueCommand({ QueueName: NAME }))).QueueUrl;
    } catch (error) {
      if (Date.now() > giveUpAtMs) throw error;
      await delay(1_000);
    }
  }
}

const url = await createQueue();
const { Attributes } = await sqs.send(
  new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['QueueArn'] }),
);
const rule = await events.send(
  new PutRuleCommand({
    Name: NAME,
    EventPattern: JSON.stringify({ source: ['aws.sagemaker', 'aws.cloudwatch'] }),
  }),
);
const Policy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: Attributes.QueueArn,
      Condition: { ArnEquals: { 'aws:SourceArn': rule.RuleArn } },
    },
  ],
});
await sqs.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { Policy } }));
await events.send(
  new PutTargetsCommand({ Rule: NAME, Targets: [{ Id: NAME, Arn: Attributes.QueueArn }] }),
);
process.stdout.write(`${url}\n`);
