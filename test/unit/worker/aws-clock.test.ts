import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { GetObjectCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';

import { AwsClock } from '../../../worker/aws-clock.js';

const NOON = Date.UTC(2026, 0, 1, 12);
const MINUTE_MS = 60_000;

/** An AWS that answers with the date it is told, to reads of objects with a refusal; and a machine at noon. */
async function between(awsAtMs: () => number) {
  const server = createServer((request, response) => {
    response.setHeader('date', new Date(awsAtMs()).toUTCString());
    response.statusCode = request.url?.includes('bucket') === true ? 403 : 200;
    response.end('<ListAllMyBucketsResult></ListAllMyBucketsResult>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a-test', secretAccessKey: 'not-a-secret' },
    forcePathStyle: true,
    maxAttempts: 1,
  });
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  const told: number[] = [];
  const clock = new AwsClock(
    (aheadMs) => told.push(aheadMs),
    () => NOON,
  );
  clock.watch(client);
  return {
    clock,
    told,
    ask: () => client.send(new ListBucketsCommand({})),
    beRefused: () => client.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'key' })),
  };
}

/** Half of the second that the header does not tell. */
const HALF_A_SECOND_MS = 500;

describe('the time of AWS', () => {
  it.each([
    ['ahead', -3 * MINUTE_MS],
    ['behind', 3 * MINUTE_MS],
    ['hours ahead', -180 * MINUTE_MS],
  ])('is what AWS says when this machine is %s, and that is told once', async (_how, byMs) => {
    const { clock, told, ask } = await between(() => NOON + byMs);
    expect(clock.now()).toBe(NOON);
    await ask();
    await ask();
    expect(clock.now()).toBe(NOON + byMs + HALF_A_SECOND_MS);
    expect(told).toEqual([-byMs - HALF_A_SECOND_MS]);
  });

  it('is read from refusals too', async () => {
    const { clock, beRefused } = await between(() => NOON - MINUTE_MS);
    await expect(beRefused()).rejects.toThrow();
    expect(clock.now()).toBe(NOON - MINUTE_MS + HALF_A_SECOND_MS);
  });

  it.each([0, -10_000, 9_000])('is that of this machine when AWS is off by %i ms', async (byMs) => {
    const { clock, told, ask } = await between(() => NOON + byMs);
    await ask();
    expect(clock.now()).toBe(NOON);
    expect(told).toEqual([]);
  });

  it('is that of this machine again when its clock is set right', async () => {
    let awsAtMs = NOON - 5 * MINUTE_MS;
    const { clock, told, ask } = await between(() => awsAtMs);
    await ask();
    awsAtMs = NOON;
    await ask();
    expect(clock.now()).toBe(NOON);
    expect(told.at(-1)).toBe(0);
  });

  it('is that of this machine when AWS sends no date', async () => {
    const { clock, ask } = await between(() => Number.NaN);
    await ask();
    expect(clock.now()).toBe(NOON);
  });
});
