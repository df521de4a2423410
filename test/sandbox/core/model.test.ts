import { describe, expect, it } from 'vitest';
import { AwsError } from '../../../sandbox/aws/kernel.js';
import { checkInput, compilePattern, MODELS } from '../../../sandbox/aws/model/check.js';

function refusal(operation: string, input: unknown, target = 'SageMaker'): string {
  try {
    checkInput(target, operation, input);
  } catch (error) {
    if (error instanceof AwsError) return `${error.name}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

const job = {
  TrainingJobName: 'job',
  AlgorithmSpecification: { TrainingInputMode: 'File' },
  RoleArn: 'arn:aws:iam::111122223333:role/ada',
  OutputDataConfig: { S3OutputPath: 's3://bucket/out' },
  ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 5 },
};

describe('an input', () => {
  it('as AWS takes it is accepted, and members nobody knows are ignored', () => {
    expect(refusal('CreateTrainingJob', { ...job, Novelty: 1 })).toBe('accepted');
    expect(refusal('CreateTrainingJob', { ...job, VpcConfig: null })).toBe('accepted');
  });

  it.each([
    [
      'a value no enum knows',
      { ResourceConfig: { ...job.ResourceConfig, InstanceType: 'ml.bogus' } },
      /^ValidationException: 1 validation error detected: Value 'ml\.bogus' at 'resourceConfig\.instanceType' failed to satisfy constraint: Member must satisfy enum value set: \[.*ml\.m5\.large/,
    ],
    [
      'a missing member, deep inside',
      { VpcConfig: { Subnets: ['subnet-1'] } },
      /^ValidationException: 1 validation error detected: Value at 'vpcConfig\.securityGroupIds' failed to satisfy constraint: Member must not be null$/,
    ],
    [
      'a text that is too long',
      { CheckpointConfig: { S3Uri: `s3://b/${'k'.repeat(1024)}` } },
      /at 'checkpointConfig\.s3Uri' .*length less than or equal to 1024/,
    ],
    [
      'a number beyond its bounds',
      { RetryStrategy: { MaximumRetryAttempts: 31 } },
      /Value '31' at 'retryStrategy\.maximumRetryAttempts' .*value less than or equal to 30/,
    ],
    [
      'an item of a list, counted from one',
      { VpcConfig: { SecurityGroupIds: ['sg-1', 'no group!'], Subnets: ['subnet-1'] } },
      /at 'vpcConfig\.securityGroupIds\.2\.member' .*regular expression pattern: \[-0-9a-zA-Z\]\+/,
    ],
    [
      'a list that is empty',
      { VpcConfig: { SecurityGroupIds: [], Subnets: ['subnet-1'] } },
      /at 'vpcConfig\.securityGroupIds' .*length greater than or equal to 1/,
    ],
    ['a text for a number', { RetryStrategy: { MaximumRetryAttempts: '3' } }, /^Serialization/],
    ['a fraction of a whole number', { RetryStrategy: { MaximumRetryAttempts: 1.5 } }, /^Serial/],
    ['a text for a structure', { VpcConfig: 'mine' }, /^SerializationException: .*vpcConfig/],
    ['a text for a list', { Tags: 'mine' }, /^SerializationException/],
    ['a number for a text', { TrainingJobName: 7 }, /^SerializationException/],
    ['a text for a boolean', { EnableNetworkIsolation: 'true' }, /^SerializationException/],
  ])('with %s is refused', (_what, change, words) => {
    expect(refusal('CreateTrainingJob', { ...job, ...change })).toMatch(words);
  });

  it('is refused with all its faults at once', () => {
    expect(refusal('CreateTrainingJob', { ...job, RoleArn: 'x', TrainingJobName: '-' })).toMatch(
      /^ValidationException: 2 validation errors detected: .*'trainingJobName'.*; .*'roleArn'/,
    );
  });

  it('of another service is worded as that service does', () => {
    expect(refusal('PutRule', {}, 'AWSEvents')).toBe(
      "ValidationException: 1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null",
    );
  });

  it('of an operation without a model is left to the operation', () => {
    expect(refusal('Nonsense', { a: 1 })).toBe('accepted');
    expect(refusal('Publish', {}, 'constructor')).toBe('accepted');
  });
});

describe('a model', () => {
  it.each(Object.entries(MODELS))(
    'of %s can be read: every shape, every pattern',
    (_name, model) => {
      const shapes = Object.values(model.shapes);
      expect(shapes.length).toBeGreaterThan(50);
      for (const shape of shapes) {
        if ('pattern' in shape) expect(compilePattern(shape.pattern)).toBeInstanceOf(RegExp);
        const targets =
          shape.type === 'structure'
            ? Object.values(shape.members)
            : shape.type === 'list'
              ? [shape.member]
              : shape.type === 'map'
                ? [shape.key, shape.value]
                : [];
        for (const target of targets) expect(model.shapes[target]).toBeDefined();
      }
      for (const input of Object.values(model.operations))
        expect(model.shapes[input]).toBeDefined();
    },
  );

  it('spells Java’s classes of letters as JavaScript does', () => {
    expect(compilePattern('arn:[\\p{Alnum}\\-]+').test('arn:aws-cn')).toBe(true);
    expect(compilePattern('([\\p{L}\\p{N}_]*)${1,128}').test('grüße_1')).toBe(true);
    expect(compilePattern('([\\p{L}\\p{N}_]*)${1,128}').test('no!')).toBe(false);
  });
});
