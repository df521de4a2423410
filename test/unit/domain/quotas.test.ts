import { describe, expect, it } from 'vitest';

import { quotasNeeded } from '../../../domain/quotas.js';
import { policyWith } from '../../activities/support.js';

type Spec = Parameters<typeof policyWith>[0];
const FLEET = [{ instanceType: 'ml.m5.large', instances: 2 }];
const needed = (spec: Spec, definition?: string, fleet = FLEET) =>
  quotasNeeded(policyWith(spec), fleet, '111122223333', definition).map(
    ({ quota, need, beside }) => `${quota}: ${need} beside ${beside}`,
  );
const jobsOf = (spec: Spec, definition?: string) => needed(spec, definition, []);

const trainingJob = (over: object = {}) => ({
  image: 'registry.example.com/train:1',
  role: 'arn:aws:iam::111122223333:role/train',
  instanceType: 'ml.c5.xlarge',
  instanceCount: 3,
  channels: { train: 's3://data/train/' },
  ...over,
});
const byJob = (job: object, retrain: object = {}): Spec =>
  ({ retrain: { on: ['drift'], trainingJob: job, ...retrain } }) as Spec;
const staging = (over: object = {}): Spec => ({
  deploy: { staging: { endpoint: 'try', check: { samples: 's3://data/s.csv' }, ...over } },
});

describe('the quotas that a policy takes', () => {
  it('are those of both fleets of a rollout', () => {
    expect(needed({})).toEqual(['ml.m5.large for endpoint usage: 4 beside endpoints']);
  });

  it('are three fleets for a shadow test: what serves, and its config with a shadow as large', () => {
    expect(needed({ deploy: { shadow: { for: '1h' } } })).toContain(
      'ml.m5.large for endpoint usage: 6 beside endpoints',
    );
  });

  it('are two fleets of staging beside production, where it is in its account and Region', () => {
    const line = 'ml.m5.large for endpoint usage: 4 beside endpoints';
    expect(needed(staging()).filter((one) => one === line)).toHaveLength(2);
    expect(needed(staging({ instances: 3, instanceType: 'ml.t2.medium' }))).toContain(
      'ml.t2.medium for endpoint usage: 6 beside endpoints',
    );
    expect(
      needed(staging({ region: 'eu-west-1', replica: { bucket: 'artefacts-eu' } })),
    ).toHaveLength(1);
    const role = { arn: 'arn:aws:iam::444455556666:role/staging' };
    const executionRole = 'arn:aws:iam::444455556666:role/model';
    expect(needed(staging({ role, executionRole }))).toHaveLength(1);
  });

  it('are those of training and evaluation jobs, spot by its own name, fallbacks too', () => {
    expect(jobsOf(byJob(trainingJob()))).toEqual([
      'ml.c5.xlarge for training job usage: 3 beside jobs',
    ]);
    const spot = trainingJob({ spot: { maxWait: '8h', checkpoints: 's3://data/checkpoints/' } });
    expect(
      jobsOf(
        byJob(spot, {
          evaluationJob: { instanceType: 'ml.m5.large' },
          instances: { fallbacks: ['ml.c5.large'] },
        }),
      ),
    ).toEqual([
      'ml.c5.xlarge for spot training job usage: 3 beside jobs',
      'ml.c5.large for spot training job usage: 3 beside jobs',
      'ml.m5.large for processing job usage: 1 beside jobs',
    ]);
  });

  it('are those of the jobs of a pipeline, by its definition, parameters and fallbacks', () => {
    const definition = JSON.stringify({
      Parameters: [{ Name: 'Machine', Type: 'String', DefaultValue: 'ml.m5.xlarge' }],
      Steps: [
        {
          Name: 'Train',
          Type: 'Training',
          Arguments: {
            EnableManagedSpotTraining: true,
            ResourceConfig: { InstanceType: { Get: 'Parameters.Machine' }, InstanceCount: 2 },
          },
        },
        {
          Name: 'Score',
          Type: 'Processing',
          Arguments: {
            ProcessingResources: {
              ClusterConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1 },
            },
          },
        },
      ],
    });
    const spec = {
      retrain: {
        pipeline: 'flights-train',
        on: ['drift' as const],
        instances: { parameter: 'Machine', fallbacks: ['ml.m5.2xlarge'] },
      },
    };
    expect(jobsOf(spec, definition)).toEqual([
      'ml.m5.xlarge for spot training job usage: 2 beside jobs',
      'ml.m5.large for processing job usage: 1 beside jobs',
      'ml.m5.2xlarge for spot training job usage: 2 beside jobs',
    ]);
    expect(jobsOf(spec)).toEqual([]);
  });

  it('are those of monitors that are made, the largest of one type', () => {
    const monitor = (id: string, instanceCount: number) => ({
      id,
      kind: 'model-monitor' as const,
      schedule: `flights-${id}`,
      manage: {
        type: 'data-quality' as const,
        role: 'arn:aws:iam::111122223333:role/monitor',
        image: 'registry.example.com/monitor:1',
        instanceCount,
        baseline: { dataset: 'champion' as const, format: 'csv' as const },
      },
    });
    const spec = {
      monitor: { sources: [monitor('a', 1), monitor('b', 2)] },
      retrain: { pipeline: 'flights-train', on: ['drift'] },
      deploy: { probation: { rollBackOn: ['alarms'] } },
    } as Spec;
    expect(jobsOf(spec)).toEqual(['ml.m5.xlarge for processing job usage: 2 beside jobs']);
  });
});
