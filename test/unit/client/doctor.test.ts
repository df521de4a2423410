import proto from '@temporalio/proto';
import { describe, expect, it } from 'vitest';

import { examine, type DoctorProbes } from '../../../client/doctor/examine.js';
import { toPendingWork } from '../../../client/pending-work.js';
import { HEALTHY, NOW_MS, QUEUE_URL, READS } from './doctor-fake.js';

async function bad(
  probes: Partial<DoctorProbes>,
  nowMs = () => NOW_MS,
): Promise<readonly string[]> {
  const findings = await examine(
    { ...HEALTHY, ...probes },
    {
      region: 'us-east-1',
      endpoint: null,
      repair: false,
      nowMs,
      queueUrl: QUEUE_URL,
      workerRole: null,
      policy: null,
    },
  );
  return findings
    .filter((finding) => finding.state === 'bad')
    .map((finding) => `${finding.what}: ${finding.sentence}`);
}

describe('the doctor', () => {
  it('finds nothing where nothing is wrong', async () => {
    expect(await bad({})).toEqual([]);
  });

  it('compares the clocks when AWS answers, however long Temporal keeps it waiting', async () => {
    let now = NOW_MS;
    const temporal = async (): Promise<never> => {
      await HEALTHY.signedIn();
      await Promise.resolve();
      now += 600_000;
      throw new Error('no answer before the deadline');
    };
    expect(await bad({ temporal }, () => now)).toEqual(['Temporal: no answer before the deadline']);
  });

  it.each<[string, Partial<DoctorProbes>, string]>([
    ['Temporal away', { temporal: () => Promise.reject(new Error('refused')) }, 'refused'],
    [
      'attributes missing',
      { searchAttributes: () => Promise.resolve(new Map()) },
      'doctor --repair',
    ],
    [
      'attributes of another type',
      { searchAttributes: () => Promise.resolve(new Map([['ModelkeeperModel', 'Text']])) },
      'should be of type Keyword',
    ],
    ['no worker', { pollersSeenAtMs: () => Promise.resolve([]) }, 'modelkeeper worker'],
    [
      'a worker that is gone',
      { pollersSeenAtMs: () => Promise.resolve([NOW_MS - 600_000]) },
      'the last poll was 10 min ago',
    ],
    [
      'a clock behind Temporal',
      { pollersSeenAtMs: () => Promise.resolve([NOW_MS + 120_000]) },
      "Temporal's clock is at least 2 min ahead",
    ],
    [
      'a clock off AWS',
      { signedIn: () => Promise.resolve({ arn: 'a', dateMs: NOW_MS - 600_000 }) },
      '10 min ahead of AWS',
    ],
    ['nobody signed in', { signedIn: () => Promise.reject(new Error('expired')) }, 'expired'],
    [
      'a missing permission',
      { permissions: () => Promise.resolve([{ what: 'x:Y', fault: 'x:Y is missing' }]) },
      'x:Y is missing',
    ],
    [
      'a queue that is not there',
      { account: () => ({ ...READS, queue: () => Promise.resolve(null) }) },
      'deploy infra/events.yaml',
    ],
    ['a full disk', { disk: () => Promise.resolve({ path: '/', freeBytes: 1e6 }) }, 'make room'],
  ])('tells of %s and what to do', async (_fault, probes, sentence) => {
    expect((await bad(probes)).join('\n')).toContain(sentence);
  });
});

describe('pending work', () => {
  it('carries the innermost sentence, the attempt and the next one', () => {
    expect(
      toPendingWork({
        activityType: { name: 'updateEndpoint' },
        state: proto.temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED,
        attempt: 3,
        lastFailure: {
          message: 'Activity task failed',
          cause: { message: 'sagemaker:UpdateEndpoint is missing' },
        },
        nextAttemptScheduleTime: { seconds: 1_772_366_400 as never, nanos: 500_000_000 },
      }),
    ).toMatchObject({
      activity: 'updateEndpoint',
      state: 'waiting for the next attempt',
      attempt: 3,
      lastFailure: 'sagemaker:UpdateEndpoint is missing',
      benign: false,
      nextAttemptAtMs: 1_772_366_400_500,
    });
  });

  it('knows a quiet look from a failure', () => {
    const quiet = {
      activityType: { name: 'watchSignals' },
      lastFailure: { message: 'All quiet', applicationFailureInfo: { category: 1 } },
    };
    expect(toPendingWork(quiet)).toMatchObject({ benign: true, lastFailure: 'All quiet' });
  });
});
