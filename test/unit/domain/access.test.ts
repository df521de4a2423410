import { describe, expect, it } from 'vitest';

import { accessBy, type AccessRequest } from '../../../domain/access.js';

const QUEUE = 'arn:aws:sqs:us-east-1:111122223333:modelkeeper-events';
const RULE = 'arn:aws:events:us-east-1:111122223333:rule/modelkeeper-alarms';
const REQUEST: AccessRequest = {
  principal: 'events.amazonaws.com',
  action: 'sqs:SendMessage',
  resource: QUEUE,
  context: { 'aws:SourceArn': RULE, 'aws:SecureTransport': 'true' },
};
const ALLOW = {
  Effect: 'Allow',
  Principal: { Service: 'events.amazonaws.com' },
  Action: 'sqs:SendMessage',
  Resource: QUEUE,
};
const said = (...statements: readonly object[]): string =>
  accessBy(JSON.stringify({ Version: '2012-10-17', Statement: statements }), REQUEST);

describe('a policy document', () => {
  it.each<[string, readonly object[], string]>([
    ['allows what a statement names', [ALLOW], 'allowed'],
    ['allows nothing by itself', [], 'not allowed'],
    [
      'says nothing to other principals',
      [{ ...ALLOW, Principal: { Service: 'sns.amazonaws.com' } }],
      'not allowed',
    ],
    ['names everybody by a star', [{ ...ALLOW, Principal: '*' }], 'allowed'],
    ['names actions by wildcards, in any case', [{ ...ALLOW, Action: ['SQS:Send*'] }], 'allowed'],
    ['names other actions', [{ ...ALLOW, Action: 'sqs:ReceiveMessage' }], 'not allowed'],
    [
      'names all actions but some',
      [{ ...ALLOW, Action: undefined, NotAction: 'sqs:Send*' }],
      'not allowed',
    ],
    ['names other resources', [{ ...ALLOW, Resource: `${QUEUE}-dead` }], 'not allowed'],
    ['takes a dot for a dot', [{ ...ALLOW, Resource: QUEUE.replace(':', '.') }], 'not allowed'],
    ['denies before it allows', [ALLOW, { ...ALLOW, Effect: 'Deny' }], 'denied'],
    [
      'denies only where its condition holds',
      [
        ALLOW,
        { ...ALLOW, Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
      ],
      'allowed',
    ],
    [
      'allows where a key is like one of several values, whatever the case of the key',
      [
        {
          ...ALLOW,
          Condition: { ArnLike: { 'AWS:sourceArn': ['arn:x', `${RULE.slice(0, -6)}*`] } },
        },
      ],
      'allowed',
    ],
    [
      'does not allow where a key has another value',
      [{ ...ALLOW, Condition: { ArnEquals: { 'aws:SourceArn': `${RULE}-other` } } }],
      'not allowed',
    ],
    [
      'wants every condition to hold',
      [
        {
          ...ALLOW,
          Condition: {
            ArnLike: { 'aws:SourceArn': RULE },
            StringEquals: { 'aws:SecureTransport': 'no' },
          },
        },
      ],
      'not allowed',
    ],
    [
      'excludes a value',
      [{ ...ALLOW, Condition: { StringNotEquals: { 'aws:SourceArn': RULE } } }],
      'not allowed',
    ],
    [
      'is not known where it hangs on a key that nobody gives',
      [{ ...ALLOW, Condition: { StringEquals: { 'aws:SourceOrgID': 'o-1' } } }],
      'not known',
    ],
    [
      'lets a missing key pass where it says so',
      [{ ...ALLOW, Condition: { StringEqualsIfExists: { 'aws:SourceOrgID': 'o-1' } } }],
      'allowed',
    ],
    [
      'is not known where a condition cannot be read',
      [{ ...ALLOW, Condition: { IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } } }],
      'not known',
    ],
    [
      'is not known where a Deny cannot be read, whatever is allowed',
      [ALLOW, { ...ALLOW, Effect: 'Deny', Condition: { NumericLessThan: { 'aws:Age': '1' } } }],
      'not known',
    ],
  ])('%s', (_claim, statements, access) => {
    expect(said(...statements)).toBe(access);
  });

  it('may hold its one statement without a list', () => {
    expect(accessBy(JSON.stringify({ Statement: ALLOW }), REQUEST)).toBe('allowed');
  });

  it('allows nothing where there is none, and is not known where it cannot be read', () => {
    expect(accessBy(null, REQUEST)).toBe('not allowed');
    expect(accessBy('{', REQUEST)).toBe('not known');
    expect(accessBy('[]', REQUEST)).toBe('not known');
  });

  it.each([
    ['111122223333', 'allowed'],
    ['arn:aws:iam::111122223333:root', 'allowed'],
    ['444455556666', 'not allowed'],
  ])('that names the account %s: %s', (AWS, access) => {
    const document = JSON.stringify({ Statement: [{ ...ALLOW, Principal: { AWS } }] });
    const principal = 'arn:aws:iam::111122223333:role/worker';
    expect(accessBy(document, { ...REQUEST, principal })).toBe(access);
  });
});
