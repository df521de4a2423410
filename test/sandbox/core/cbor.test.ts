import { PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../sandbox/aws/http/cbor.js';
import { admin, clients, start } from './support.js';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const never = (): boolean => false;

/** Examples of RFC 8949, appendix A. */
const PUBLISHED: readonly (readonly [string, unknown])[] = [
  ['00', 0],
  ['17', 23],
  ['1818', 24],
  ['1903e8', 1000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['20', -1],
  ['3903e7', -1000],
  ['f90000', 0],
  ['f93c00', 1],
  ['f93e00', 1.5],
  ['f97bff', 65_504],
  ['f90001', 5.960464477539063e-8],
  ['f9c400', -4],
  ['f97c00', Infinity],
  ['f97e00', Number.NaN],
  ['fa47c35000', 100_000],
  ['fb3ff199999999999a', 1.1],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['f7', undefined],
  ['c11a514b67b0', 1_363_896_240],
  ['c1fb41d452d9ec200000', 1_363_896_240.5],
  ['4401020304', 'AQIDBA=='],
  ['60', ''],
  ['6449455446', 'IETF'],
  ['62c3bc', 'ü'],
  ['64f0908591', '\u{10151}'],
  ['80', []],
  ['83010203', [1, 2, 3]],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  ['a0', {}],
  ['a26161016162820203', { a: 1, b: [2, 3] }],
  ['5f42010243030405ff', 'AQIDBAU='],
  ['7f657374726561646d696e67ff', 'streaming'],
  ['9fff', []],
  ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
  ['bf61610161629f0203ffff', { a: 1, b: [2, 3] }],
];

describe('CBOR', () => {
  it.each(PUBLISHED)('%s is read as its published meaning', (bytes, meaning) => {
    expect(decodeCbor(hex(bytes))).toEqual(meaning);
  });

  it.each([
    ['nothing', ''],
    ['a text that is cut', '6461'],
    ['a list that is cut', '8301'],
    ['a list longer than memory', '9bffffffffffffffff01'],
    ['a second item', '0000'],
    ['a break alone', 'ff'],
    ['a break in a list of known length', '81ff'],
    ['a key that is no text', 'a10102'],
    ['a reserved length', '1c'],
    ['an unknown simple value', 'f818'],
    ['a nest without an end', '81'.repeat(100)],
  ])('is refused for %s', (_what, bytes) => {
    expect(() => decodeCbor(hex(bytes))).toThrow();
  });

  it('comes back as it was written, without what is undefined', () => {
    const value = {
      text: 'ü'.repeat(300),
      numbers: [0, 23, 24, -1, -25, 70_000, 2 ** 40, 0.1, -2.5, 1e300],
      yes: true,
      nothing: null,
      deep: { list: [{ a: [] }] },
    };
    expect(decodeCbor(encodeCbor({ ...value, absent: undefined }, never))).toEqual(value);
  });

  it('marks instants, in lists too, as instants', () => {
    const isInstant = (member: string): boolean => member === 'at';
    expect(encodeCbor({ at: 1 }, isInstant).toString('hex')).toBe('a1626174c101');
    expect(encodeCbor({ at: [1, 2] }, isInstant).toString('hex')).toBe('a162617482c101c102');
    expect(encodeCbor({ no: 1 }, isInstant).toString('hex')).toBe('a1626e6f01');
  });
});

describe('CloudWatch in CBOR', async () => {
  const sandbox = await start();

  async function call(operation: string, body: Buffer | string) {
    const answer = await fetch(
      `${sandbox.url}/service/GraniteServiceVersion20100801/operation/${operation}`,
      {
        method: 'POST',
        headers: { 'smithy-protocol': 'rpc-v2-cbor', 'content-type': 'application/cbor' },
        body: typeof body === 'string' ? body : new Uint8Array(body),
      },
    );
    const bytes = Buffer.from(await answer.arrayBuffer());
    return { status: answer.status, headers: answer.headers, body: decodeCbor(bytes) };
  }

  it('answers what it answers in JSON', async () => {
    await clients(sandbox.url).cloudWatch.send(
      new PutMetricDataCommand({ Namespace: 'N', MetricData: [{ MetricName: 'm', Value: 1 }] }),
    );
    const answer = await call('ListMetrics', encodeCbor({ Namespace: 'N' }, never));
    expect(answer).toMatchObject({
      status: 200,
      body: { Metrics: [{ Namespace: 'N', MetricName: 'm' }] },
    });
    expect(answer.headers.get('smithy-protocol')).toBe('rpc-v2-cbor');
  });

  it('answers errors with their name and the code of the older protocol', async () => {
    const input = encodeCbor({ AlarmName: 'a', StateValue: 'OK', StateReason: 'r' }, never);
    const answer = await call('SetAlarmState', input);
    expect(answer).toMatchObject({
      status: 404,
      body: { __type: 'ResourceNotFound', message: 'The alarm a does not exist.' },
    });
    expect(answer.headers.get('x-amzn-query-error')).toBe('ResourceNotFound;Sender');
  });

  it('refuses what is no CBOR map, and operations nobody knows', async () => {
    for (const body of ['nonsense', '\u0001']) {
      expect(await call('ListMetrics', body)).toMatchObject({
        status: 400,
        body: { __type: 'SerializationException' },
      });
    }
    expect(await call('Nonsense', hex('a0'))).toMatchObject({
      status: 400,
      body: { __type: 'UnknownOperationException' },
    });
  });

  it('is counted and hit by faults like any other call', async () => {
    await admin(sandbox, 'PUT', 'faults', [
      { operation: 'CloudWatch.ListMetrics', kind: 'throttle', match: '"Namespace":"N"', times: 1 },
    ]);
    const input = encodeCbor({ Namespace: 'N' }, never);
    expect(await call('ListMetrics', input)).toMatchObject({
      status: 400,
      body: { __type: 'Throttling' },
    });
    expect(await call('ListMetrics', input)).toMatchObject({ status: 200 });
  });
});
