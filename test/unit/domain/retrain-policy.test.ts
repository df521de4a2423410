import { describe, expect, it } from 'vitest';

import { policySchema } from '../../../domain/policy.schema.js';
import { aPolicy } from './support.js';

const trainingJob = {
  image: 'train:1',
  role: 'arn:aws:iam::111122223333:role/train',
  instanceType: 'ml.m5.xlarge',
};
const faultOf = (retrain: object): readonly string[] => {
  const policy = aPolicy();
  const parsed = policySchema.safeParse({
    ...policy,
    spec: { ...policy.spec, retrain: { ...policy.spec.retrain, ...retrain } },
  });
  return (parsed.error?.issues ?? []).map(
    ({ path, message }) => `${path.slice(2).map(String).join('.')}: ${message}`,
  );
};
const byJob = (over: object = {}, job: object = {}): readonly string[] =>
  faultOf({ pipeline: undefined, trainingJob: { ...trainingJob, ...job }, ...over });

describe('what retrains', () => {
  it('is a pipeline, pinned and selective, or a training job with an evaluation', () => {
    expect(
      faultOf({ pipelineVersion: 3, selective: { from: 'latest', steps: ['Evaluate'] } }),
    ).toEqual([]);
    expect(byJob({ evaluationJob: { instanceType: 'ml.m5.large' } })).toEqual([]);
  });
  it.each([
    ['both', faultOf({ trainingJob }), /^trainingJob: .* take pipeline or trainingJob off$/],
    ['neither', faultOf({ pipeline: undefined }), /^pipeline: is missing/],
    ['a version of no pipeline', byJob({ pipelineVersion: 1 }), /^pipelineVersion: /],
    [
      'selected steps of no pipeline',
      byJob({ selective: { from: 'latest', steps: ['A'] } }),
      /^selective: /,
    ],
    ['parameters of no pipeline', byJob({ parameters: { A: 'b' } }), /^parameters: /],
    [
      'an evaluation job beside a pipeline',
      faultOf({ evaluationJob: { instanceType: 'ml.m5.large' } }),
      /^evaluationJob: /,
    ],
    [
      'fallbacks nobody can pass on',
      faultOf({ instances: { fallbacks: ['ml.m5.large'] } }),
      /^instances\.parameter: name the pipeline parameter/,
    ],
    [
      'a parameter of a training job',
      byJob({ instances: { parameter: 'A', fallbacks: ['ml.m5.large'] } }),
      /^instances\.parameter: /,
    ],
    ['a job longer than the time-out', byJob({ timeout: '1h' }), /^trainingJob\.maxRuntime: /],
    [
      'a wait for spot that is too short',
      byJob({}, { spot: { maxWait: '5h', checkpoints: 's3://artefacts/c/' } }),
      /^trainingJob\.spot\.maxWait: /,
    ],
    [
      'subnets without security groups',
      byJob({}, { subnets: ['subnet-1'] }),
      /^trainingJob\.subnets: /,
    ],
    ['an instance type that is none', byJob({}, { instanceType: 'm5.large' }), /instance type/],
    ['a budget of nothing', faultOf({ budget: { usd: 0 } }), /^budget\.usd: /],
    [
      'a price of nothing',
      faultOf({ budget: { prices: { 'ml.m5.large': 0 } } }),
      /^budget\.prices/,
    ],
  ])('is refused with %s', (_what, faults, sentence) => {
    expect(faults.join('\n')).toMatch(sentence);
  });
});
