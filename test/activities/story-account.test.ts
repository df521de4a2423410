/** The account that the story furnishes, looked at with the doctor as its readers are told to. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { examineAccount } from '../../client/doctor/examine-account.js';
import { realProbes } from '../../client/doctor/probes.js';
import { companyAws, furnish } from '../../sandbox/story/company.js';
import { discard, openBench, REGION, type Bench } from '../sandbox/sagemaker/support.js';

const CREDENTIALS = { accessKeyId: 'ada', secretAccessKey: 'any' };

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  for (const [name, value] of Object.entries({
    AWS_ENDPOINT_URL: bench.sandbox.url,
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    AWS_REGION: REGION,
  }))
    vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await bench.close();
  discard(bench.home);
});

it('has queue and rules that the doctor finds in order, also when it is furnished again', async () => {
  const aws = companyAws(bench.sandbox.url, CREDENTIALS);
  await furnish(aws);
  const { queueUrl } = await furnish(aws);
  const probes = realProbes();
  const found = await examineAccount(
    probes,
    {
      region: REGION,
      endpoint: null,
      repair: false,
      nowMs: Date.now,
      policy: null,
      workerRole: null,
      queueUrl,
    },
    Promise.resolve(null),
  );
  expect(found.filter(({ state }) => state !== 'ok')).toEqual([]);
  expect(found.length).toBeGreaterThan(10);
});
