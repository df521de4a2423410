import { DescribeAlarmsCommand, CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { describe, expect, it } from 'vitest';

import { RateLimits, TokenBucket, type Asking, type Time } from '../../../worker/rate-limit.js';

/** Time that passes only while somebody sleeps. */
function sleepers(): Time & { pass(ms: number): void } {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
    },
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

describe('a bucket of tokens', () => {
  it("gives a second's worth at once, and then at its rate", async () => {
    const time = sleepers();
    const bucket = new TokenBucket(9, time);
    for (let call = 0; call < 9; call += 1) await bucket.take();
    expect(time.nowMs()).toBe(0);
    for (let call = 0; call < 18; call += 1) await bucket.take();
    expect(time.nowMs()).toBeCloseTo(2_000, 0);
  });

  it("holds no more than a second's worth, however long nobody asks", async () => {
    const time = sleepers();
    const bucket = new TokenBucket(3, time);
    time.pass(60_000);
    for (let call = 0; call < 6; call += 1) await bucket.take();
    expect(time.nowMs() - 60_000).toBeCloseTo(1_000, 0);
  });

  it('serves who came first', async () => {
    const bucket = new TokenBucket(1, sleepers());
    const served: number[] = [];
    await Promise.all(
      [1, 2, 3].map(async (caller) => {
        await bucket.take();
        served.push(caller);
      }),
    );
    expect(served).toEqual([1, 2, 3]);
  });
});

describe('the limits of a process', () => {
  function clientOf(limits: RateLimits, place: string, refuse = 0) {
    let refusals = refuse;
    const client = new CloudWatchClient({
      region: 'us-east-1',
      maxAttempts: 3,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      requestHandler: {
        handle: async () => {
          const refused = refusals > 0;
          refusals -= 1;
          const body = refused ? { __type: 'ThrottlingException', message: 'Rate exceeded' } : {};
          return {
            response: {
              statusCode: refused ? 400 : 200,
              headers: {},
              body: new TextEncoder().encode(JSON.stringify(body)),
            },
          };
        },
      },
    });
    limits.watch(client as unknown as Asking, place);
    return async () => client.send(new DescribeAlarmsCommand({}));
  }

  it('count per place and operation, whatever the client', async () => {
    const time = sleepers();
    const limits = new RateLimits({ DescribeAlarms: 2 }, time);
    const one = clientOf(limits, 'account/us-east-1');
    const other = clientOf(limits, 'account/us-east-1');
    const elsewhere = clientOf(limits, 'account/eu-west-1');
    await one();
    await other();
    await elsewhere();
    await elsewhere();
    expect(time.nowMs()).toBe(0);
    await one();
    expect(time.nowMs()).toBeCloseTo(500, 0);
  });

  it('count every attempt of the SDK', async () => {
    const time = sleepers();
    const limits = new RateLimits({ DescribeAlarms: 1 }, time);
    await clientOf(limits, 'account/us-east-1', 1)();
    expect(time.nowMs()).toBeCloseTo(1_000, 0);
  });

  it('let through what has none', async () => {
    const time = sleepers();
    const call = clientOf(new RateLimits({}, time), 'account/us-east-1');
    await call();
    await call();
    expect(time.nowMs()).toBe(0);
  });
});
