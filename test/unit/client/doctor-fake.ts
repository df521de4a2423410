/** A healthy Temporal, account and machine, for tests to spoil. */
import type { DoctorProbes } from '../../../client/doctor/examine.js';
import type { AccountReads, QueueFacts, RuleFacts } from '../../../client/doctor/reads.js';

export const NOW_MS = Date.parse('2026-03-01T12:00:00Z');
export const QUEUE_URL = 'https://sqs.us-east-1.amazonaws.com/111122223333/modelkeeper-events';
const QUEUE_ARN = 'arn:aws:sqs:us-east-1:111122223333:modelkeeper-events';
const QUEUE: QueueFacts = {
  arn: QUEUE_ARN,
  url: QUEUE_URL,
  policy: JSON.stringify({
    Statement: {
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: QUEUE_ARN,
    },
  }),
  waiting: 0,
  visibilitySeconds: 60,
  deadLetters: { arn: `${QUEUE_ARN}-dead`, maxReceives: 5 },
  keyId: null,
};
const RULE: RuleFacts = {
  name: 'modelkeeper-all',
  arn: 'arn:aws:events:us-east-1:111122223333:rule/modelkeeper-all',
  enabled: true,
  pattern: '{}',
  changesTheEvent: false,
  hasDeadLetters: true,
};
export const READS: AccountReads = {
  queue: () => Promise.resolve(QUEUE),
  rulesOf: () => Promise.resolve([RULE]),
  matches: () => Promise.resolve(true),
  topic: () => Promise.resolve({ confirmed: 1, pending: [], policy: null, keyId: null }),
  bucket: () =>
    Promise.resolve({
      versioning: 'Enabled',
      lock: { mode: 'GOVERNANCE', period: '400 days' },
    }),
  quotas: () => Promise.resolve(new Map()),
  alarms: () => Promise.resolve([]),
  assume: () => Promise.resolve(true),
  denied: () => Promise.resolve([]),
  close: () => undefined,
};

export const HEALTHY: DoctorProbes = {
  temporal: () =>
    Promise.resolve({ address: 'localhost:7233', namespace: 'default', version: null }),
  searchAttributes: () =>
    Promise.resolve(
      new Map(
        ['Model', 'Stage', 'Awaiting', 'Verdict'].map((name) => [`Modelkeeper${name}`, 'Keyword']),
      ),
    ),
  registerKeywords: () => Promise.resolve(),
  pollersSeenAtMs: () => Promise.resolve([NOW_MS]),
  signedIn: () => Promise.resolve({ arn: 'arn:aws:iam::111122223333:role/ada', dateMs: NOW_MS }),
  permissions: () => Promise.resolve([{ what: 'sagemaker:ListPipelines', fault: null }]),
  disk: () => Promise.resolve({ path: '/var/tmp', freeBytes: 50e9 }),
  account: () => READS,
  plan: () => Promise.reject(new Error('AWS cannot be asked')),
  close: () => Promise.resolve(),
};
