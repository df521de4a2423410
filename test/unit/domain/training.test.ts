import { describe, expect, it } from 'vitest';

import type { FailureClass } from '../../../domain/model.js';
import { answerTo, NOTHING_TRIED, retriesOf } from '../../../domain/training.js';

const instances = { fallbacks: ['ml.m5.xlarge', 'ml.m5.large'] };
const failure = (kind: FailureClass) => ({ class: kind, reason: 'because' });
const MIN = 60_000;

describe('what a failure of training leads to', () => {
  it.each([
    // class, retries so far, types tried, list of types, answer
    ['capacity', 0, [], false, 'retry'],
    ['capacity', 2, [], false, 'ask'],
    ['capacity', 0, [], true, 'other instance'],
    ['capacity', 2, ['ml.m5.xlarge'], true, 'other instance'],
    ['capacity', 0, ['ml.m5.xlarge', 'ml.m5.large'], true, 'retry'],
    ['capacity', 2, ['ml.m5.xlarge', 'ml.m5.large'], true, 'ask'],
    ['quota', 0, [], false, 'ask'],
    ['quota', 0, [], true, 'other instance'],
    ['quota', 0, ['ml.m5.xlarge', 'ml.m5.large'], true, 'ask'],
    ['throttle', 0, [], true, 'retry'],
    ['throttle', 1, [], true, 'retry'],
    ['throttle', 2, [], true, 'stop'],
    ['internal', 1, [], true, 'retry'],
    ['internal', 2, [], true, 'stop'],
    ['user code', 0, [], true, 'stop'],
    ['data', 0, [], true, 'stop'],
    ['timeout', 0, [], true, 'stop'],
    ['stopped', 0, [], true, 'stop'],
    ['nothing new', 0, [], true, 'stop'],
    ['permission', 0, [], true, 'ask'],
    ['unknown', 0, [], true, 'ask'],
  ] as const)(
    '%s after %i retries and %j, with a list: %s → %s',
    (kind, retries, tried, list, answer) => {
      const tries = { retries, instanceTypes: tried };
      expect(answerTo(failure(kind), tries, list ? { instances } : {})).toMatchObject({
        kind: answer,
      });
    },
  );

  it('asks for a missing permission by its name', () => {
    expect(answerTo(failure('permission'), NOTHING_TRIED, { instances }).reason).toBe(
      'a permission is missing: because; give it to the role, then resume',
    );
  });

  it('takes the instance types in the order of the policy', () => {
    const tries = { retries: 0, instanceTypes: ['ml.m5.xlarge'] };
    expect(answerTo(failure('quota'), tries, { instances })).toMatchObject({
      instanceType: 'ml.m5.large',
    });
  });

  it.each([
    [0, 5 * MIN],
    [1, 10 * MIN],
    [2, 20 * MIN],
    [3, 40 * MIN],
    [4, 60 * MIN],
    [9, 60 * MIN],
  ])(
    'waits twice as long each time, at most an hour: after %i retries %i ms',
    (retries, afterMs) => {
      const answer = answerTo(
        failure('internal'),
        { retries, instanceTypes: [] },
        {
          retries: { times: 10 },
        },
      );
      expect(answer).toMatchObject({ kind: 'retry', afterMs });
    },
  );

  it('does not retry at all when the policy says so', () => {
    expect(answerTo(failure('internal'), NOTHING_TRIED, { retries: { times: 0 } }).kind).toBe(
      'stop',
    );
  });

  it('has a default for a policy that says nothing of it', () => {
    expect(retriesOf({})).toEqual({ times: 2, waitMs: 5 * MIN });
    expect(retriesOf({ retries: { wait: '30s' } })).toEqual({ times: 2, waitMs: 30_000 });
  });
});
