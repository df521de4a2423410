import {
  ListEventBusesCommand,
  PutRuleCommand,
  ListRulesCommand,
} from '@aws-sdk/client-eventbridge';
import {
  CreateTopicCommand,
  ListSubscriptionsCommand,
  ListTopicsCommand,
} from '@aws-sdk/client-sns';
import { expect, it } from 'vitest';
import { clients, failure, start } from './support.js';

const sandbox = await start();
const { eventBridge, sns } = clients(sandbox.url);

it('a token of a page is good for the operation that gave it, and for no other', async () => {
  for (const Name of ['a', 'b', 'c'])
    await eventBridge.send(new PutRuleCommand({ Name, EventPattern: '{"source":["x"]}' }));
  const { NextToken } = await eventBridge.send(new ListRulesCommand({ Limit: 1 }));
  const second = await eventBridge.send(new ListRulesCommand({ Limit: 1, NextToken }));
  expect(second.Rules?.map(({ Name }) => Name)).toEqual(['b']);
  const elsewhere = await failure(eventBridge.send(new ListEventBusesCommand({ NextToken })));
  expect(elsewhere.message).toBe('The NextToken is not valid.');
});

it('so is one of a service that speaks in forms', async () => {
  for (let at = 0; at < 101; at += 1) await sns.send(new CreateTopicCommand({ Name: `t${at}` }));
  const { NextToken } = await sns.send(new ListTopicsCommand({}));
  expect((await sns.send(new ListTopicsCommand({ NextToken }))).Topics).toHaveLength(1);
  const elsewhere = await failure(sns.send(new ListSubscriptionsCommand({ NextToken })));
  expect(elsewhere.name).toMatch('InvalidParameter');
});
