import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import type { NeededPermission } from '../../../domain/needed-permissions.js';
import { HEALTHY, NOW_MS, QUEUE_URL, READS } from './doctor-fake.js';
import { modelkeeper, type Stage } from './fake.js';

const WORKER = 'arn:aws:iam::111122223333:role/modelkeeper-worker';
const healthy: Stage['probes'] = {
  ...HEALTHY,
  pollersSeenAtMs: () => Promise.resolve([NOW_MS]),
};
const env = { AWS_REGION: 'us-east-1', MODELKEEPER_EVENTS_QUEUE_URL: QUEUE_URL };
const files = { 'p.yaml': readFileSync('examples/minimal.policy.yaml', 'utf8') };

describe('modelkeeper doctor', () => {
  it('ends well where every line is ok, with the queue that the bridge reads', async () => {
    const { code, out } = await modelkeeper({ env, probes: healthy }, 'doctor');
    expect(out).toContain('modelkeeper-events, 0 events waiting');
    expect(out).not.toMatch(/^bad/m);
    expect(code).toBe(0);
  });

  it('ends with 4 where a line is bad, and says all of it in JSON', async () => {
    const probes = {
      ...healthy,
      account: () => ({ ...READS, rulesOf: () => Promise.resolve([]) }),
    };
    const { code, json } = await modelkeeper({ env, probes }, 'doctor', '--json');
    expect(code).toBe(4);
    expect(json).toMatchObject({
      findings: expect.arrayContaining([
        expect.objectContaining({ what: 'rules', state: 'bad' }),
        expect.objectContaining({ what: 'Temporal', state: 'ok' }),
      ]) as unknown,
    });
  });

  it('looks at the model of a policy in the Region of its endpoint, and asks IAM about the worker', async () => {
    const asked: (string | readonly NeededPermission[])[] = [];
    const { out } = await modelkeeper(
      {
        files,
        probes: {
          ...healthy,
          account: (region) => {
            asked.push(region);
            return {
              ...READS,
              denied: (role, needed) => {
                asked.push(role, needed);
                return Promise.resolve([]);
              },
            };
          },
          plan: () =>
            Promise.resolve({
              plan: {
                model: 'churn',
                digest: 'd',
                kind: 'create',
                refusals: [{ path: 'spec.registry.group', message: 'there is no group' }],
                warnings: [],
                changes: [],
              },
              facts: {
                endpoint: { known: false, reason: 'not asked' },
                groupExists: { known: true, value: false },
                pipeline: { known: false, reason: 'not asked' },
                pipelines: { known: true, value: [] },
                captureHasData: { known: true, value: null },
                capturedColumns: { known: true, value: null },
                baselines: [],
                labels: [],
                monitorOutputs: [],
                storage: { known: true, value: true },
              },
            }),
        },
      },
      ...['doctor', 'p.yaml', '--queue-url', QUEUE_URL, '--worker-role', WORKER],
    );
    expect(asked.slice(0, 2)).toEqual(['us-east-1', WORKER]);
    expect(JSON.stringify(asked[2])).toContain('sagemaker:UpdateEndpoint');
    expect(out).toMatch(/bad +registry +spec\.registry\.group: there is no group/);
  });

  it.each([
    ['--worker-role', 'modelkeeper-worker', 'is not the ARN of a role'],
    ['--queue-url', 'modelkeeper-events', 'is not the URL of a queue'],
  ])('refuses a %s that is none, and looks at nothing', async (option, value, sentence) => {
    const { code, err } = await modelkeeper({ env }, 'doctor', option, value);
    expect(code).toBe(2);
    expect(err).toContain(sentence);
  });

  it('refuses a policy that is none, with the line', async () => {
    const { code, out } = await modelkeeper(
      { env, files: { 'p.yaml': 'a: 1' } },
      'doctor',
      'p.yaml',
    );
    expect(code).toBe(2);
    expect(out).toContain('p.yaml:1');
  });
});
