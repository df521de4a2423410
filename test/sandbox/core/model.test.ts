import { describe, expect, it } from 'vitest';
import { AwsError } from '../../../sandbox/aws/kernel.js';
import {
  checkInput,
  compilePattern,
  faultsOfAnswer,
  inputOfForm,
  MODELS,
  structureOfHeaders,
} from '../../../sandbox/aws/model/check.js';

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
  it('as AWS takes it is accepted, also with members nobody knows, which are told', () => {
    expect(checkInput('SageMaker', 'CreateTrainingJob', { ...job, Novelty: 1 })).toEqual([
      'novelty',
    ]);
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
      expect(shapes.length).toBeGreaterThan(20);
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
      for (const { input, output } of Object.values(model.operations))
        for (const name of [input, output])
          if (name !== null) expect(model.shapes[name]).toBeDefined();
    },
  );

  it('spells Java’s classes of letters as JavaScript does', () => {
    expect(compilePattern('arn:[\\p{Alnum}\\-]+').test('arn:aws-cn')).toBe(true);
    expect(compilePattern('([\\p{L}\\p{N}_]*)${1,128}').test('grüße_1')).toBe(true);
    expect(compilePattern('([\\p{L}\\p{N}_]*)${1,128}').test('no!')).toBe(false);
  });
});

describe('headers', () => {
  const read = (headers: Record<string, string>) =>
    structureOfHeaders('SageMakerRuntime', 'InvokeEndpointAsync', 'input', headers, {
      EndpointName: 'live',
    });
  const told = (headers: Record<string, string>) =>
    refusal('InvokeEndpointAsync', read(headers), 'SageMakerRuntime');

  it('are read as the structure they stand for, numbers as numbers', () => {
    expect(
      read({
        'x-amzn-sagemaker-requestttlseconds': '60',
        'x-amzn-sagemaker-inference-id': 'a b',
        'x-amzn-sagemaker-novelty': '1',
      }),
    ).toEqual({ EndpointName: 'live', RequestTTLSeconds: 60, InferenceId: 'a b' });
  });

  it('are refused by the model as any input', () => {
    expect(told({ 'x-amzn-sagemaker-inference-id': 'a b' })).toBe('accepted');
    expect(told({ 'x-amzn-sagemaker-inference-id': 'aä' })).toMatch(/'inferenceId'/);
    expect(told({ 'x-amzn-sagemaker-requestttlseconds': '59' })).toMatch(/'requestTTLSeconds'/);
    expect(told({ 'x-amzn-sagemaker-requestttlseconds': 'soon' })).toMatch(/whole number/);
  });
});

describe('a form of the Query protocol', () => {
  it('is read as the structure it stands for', () => {
    const form = new Map(
      Object.entries({
        Action: 'Publish',
        Version: '2010-03-31',
        TopicArn: 'arn:aws:sns:us-east-1:111122223333:ml',
        Message: 'drift',
        'MessageAttributes.entry.2.Name': 'severity',
        'MessageAttributes.entry.2.Value.DataType': 'String',
        'MessageAttributes.entry.2.Value.StringValue': 'warning',
        'MessageAttributes.entry.10.Name': 'model',
        'MessageAttributes.entry.10.Value.DataType': 'String',
      }),
    );
    expect(inputOfForm('SNS', 'Publish', form)).toEqual({
      TopicArn: 'arn:aws:sns:us-east-1:111122223333:ml',
      Message: 'drift',
      MessageAttributes: {
        severity: { DataType: 'String', StringValue: 'warning' },
        model: { DataType: 'String' },
      },
    });
  });

  it('has lists in the order of their numbers, and numbers that are numbers', () => {
    const form = new Map(
      Object.entries({
        RoleArn: 'arn:aws:iam::111122223333:role/deployer',
        RoleSessionName: 'release',
        DurationSeconds: '900',
        'PolicyArns.member.2.arn': 'arn:aws:iam::111122223333:policy/second',
        'PolicyArns.member.1.arn': 'arn:aws:iam::111122223333:policy/first',
      }),
    );
    const input = inputOfForm('STS', 'AssumeRole', form);
    expect(input).toMatchObject({
      DurationSeconds: 900,
      PolicyArns: [
        { arn: 'arn:aws:iam::111122223333:policy/first' },
        { arn: 'arn:aws:iam::111122223333:policy/second' },
      ],
    });
    expect(checkInput('STS', 'AssumeRole', input)).toEqual([]);
  });

  it('with a member that AWS does not know says which', () => {
    const form = new Map([
      ['Message', 'x'],
      ['Novelty', '1'],
    ]);
    expect(checkInput('SNS', 'Publish', inputOfForm('SNS', 'Publish', form))).toEqual(['novelty']);
  });
});

describe('an answer', () => {
  const endpoint = {
    EndpointName: 'e',
    EndpointArn: 'arn:aws:sagemaker:us-east-1:111122223333:endpoint/e',
    EndpointStatus: 'InService',
    CreationTime: 1,
    LastModifiedTime: 1,
  };

  it('as AWS gives it has no fault', () => {
    expect(faultsOfAnswer('SageMaker', 'DescribeEndpoint', endpoint)).toEqual([]);
    expect(faultsOfAnswer('SageMaker', 'DeleteEndpoint', {})).toEqual([]);
    expect(
      faultsOfAnswer('SNS', 'ListTopics', { Topics: { member: [{ TopicArn: 'arn' }] } }, true),
    ).toEqual([]);
  });

  it.each([
    ['a status AWS does not have', { ...endpoint, EndpointStatus: 'IN_SERVICE' }, /enum value set/],
    [
      'a member left out',
      { ...endpoint, CreationTime: undefined },
      /creationTime.*must not be null/,
    ],
    ['a member AWS does not have', { ...endpoint, Novelty: 1 }, /AWS knows no member 'novelty'/],
    ['an instant that is none', { ...endpoint, CreationTime: true }, /instant/],
  ])('with %s has a fault', (_what, answer, words) => {
    expect(faultsOfAnswer('SageMaker', 'DescribeEndpoint', answer).join()).toMatch(words);
  });

  it('of an operation that answers nothing has a fault when it says something', () => {
    expect(faultsOfAnswer('SageMaker', 'DeleteEndpoint', { EndpointName: 'e' })).not.toEqual([]);
  });
});
