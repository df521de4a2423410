import { DescribeEndpointCommand } from '@aws-sdk/client-sagemaker';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';

import {
  failureOf,
  isAlreadyThere,
  isNotFound,
  awsErrorOf,
  may,
} from '../../activities/aws-failure.js';
import { createControlActivities } from '../../activities/index.js';
import { attemptOf, awsError, depsOver, fakeAws, on, ref } from './support.js';

const update = may('sagemaker:UpdateEndpoint', 'endpoint/flights-live');

describe('failureOf', () => {
  it.each([
    ['ThrottlingException', 'Rate exceeded', 400, 'Throttled', false, undefined],
    ['InternalFailure', 'oops', 500, 'AwsUnavailable', false, undefined],
    ['ResourceLimitExceeded', 'limit is 0 Instances', 400, 'Capacity', false, 60_000],
    ['ConflictException', 'two writers', 400, 'Busy', false, 15_000],
    ['AccessDeniedException', 'no', 400, 'PermissionMissing', false, 5_000],
    ['ExpiredTokenException', 'expired', 400, 'PermissionMissing', false, 5_000],
    ['UnrecognizedClientException', 'who', 400, 'PermissionMissing', false, 5_000],
    ['Forbidden', 'no', 403, 'PermissionMissing', false, 5_000],
    ['ValidationException', 'Cannot update in-progress endpoint "arn"', 400, 'Busy', false, 15_000],
    ['ValidationException', 'Could not find model "arn"', 400, 'NotVisibleYet', false, 5_000],
    [
      'ValidationException',
      '1 validation error detected',
      400,
      'AwsRequestRefused',
      true,
      undefined,
    ],
  ] as const)('%s (%s) is %4$s', (name, message, status, type, nonRetryable, delay) => {
    const failure = failureOf(update, awsError(name, message, status), 1);
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({ type, nonRetryable });
    expect((failure as ApplicationFailure).nextRetryDelay ?? undefined).toBe(delay);
  });

  it('names the permission that AWS itself names', () => {
    const error = awsError(
      'AccessDeniedException',
      'User: arn:aws:iam::111122223333:role/w is not authorized to perform: iam:PassRole on resource: arn:aws:iam::111122223333:role/m',
    );
    expect(failureOf(update, error, 1)).toMatchObject({
      message: expect.stringMatching(
        /^iam:PassRole on arn:aws:iam::111122223333:role\/m is missing/,
      ) as string,
    });
  });

  it.each([
    [
      'AccessDenied',
      'User: arn:aws:sts::111122223333:assumed-role/w/1 is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:111122223333:key/1 because no identity-based policy allows it',
      403,
      /^kms:Decrypt on arn:aws:kms:us-east-1:111122223333:key\/1 is missing: /,
    ],
    [
      'KMSAccessDeniedException',
      'The ciphertext refers to a key that you may not use',
      400,
      /^sagemaker:UpdateEndpoint on endpoint\/flights-live is missing: /,
    ],
    [
      'ValidationException',
      "Could not assume role arn:aws:iam::111122223333:role/m. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role.",
      400,
      /^sts:AssumeRole on arn:aws:iam::111122223333:role\/m for SageMaker/,
    ],
    [
      'ValidationException',
      'Could not access model data at s3://b/k. Please ensure that the role "arn:aws:iam::111122223333:role/m" exists and that its trust relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". Also ensure that the role has "s3:GetObject" permissions and that the object is located in us-east-1.',
      400,
      /^s3:GetObject on arn:aws:iam::111122223333:role\/m for SageMaker is missing/,
    ],
    [
      'ExpiredToken',
      'The provided token has expired.',
      400,
      /^the credentials do not hold .* renew/,
    ],
    ['InvalidToken', 'The provided token is malformed.', 400, /^the credentials do not hold/],
    [
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
      403,
      /clock of this machine and that of AWS differ/,
    ],
    [
      'InvalidSignatureException',
      'Signature expired: 20260301T000000Z is now earlier than 20260301T001000Z (20260301T001500Z - 5 min.)',
      403,
      /clock of this machine and that of AWS differ/,
    ],
  ])('says what to repair after %s (%s)', (name, message, status, sentence) => {
    const failure = failureOf(update, awsError(name, message, status), 1);
    expect(failure).toMatchObject({
      type: 'PermissionMissing',
      nonRetryable: false,
      nextRetryDelay: 5_000,
      message: expect.stringMatching(sentence) as string,
    });
  });

  it('waits for credentials where the SDK finds none', () => {
    const none = Object.assign(new Error('Could not load credentials from any providers'), {
      name: 'CredentialsProviderError',
    });
    expect(failureOf(update, none, 2)).toMatchObject({
      type: 'PermissionMissing',
      nextRetryDelay: 10_000,
      message: expect.stringMatching(/^there are no credentials for sagemaker:Update/) as string,
    });
  });

  it('asks again after 5 s at first and after a minute at last when a permission is missing', () => {
    [5_000, 10_000, 20_000, 40_000, 60_000, 60_000].forEach((nextRetryDelay, index) => {
      const failure = failureOf(update, awsError('AccessDenied', 'no', 403), index + 1);
      expect(failure).toMatchObject({ nextRetryDelay });
    });
  });

  it('stops believing in "not visible yet" after a minute', () => {
    const gone = awsError('ValidationException', 'Could not find model "arn"');
    expect(failureOf(update, gone, 12)).toMatchObject({ nonRetryable: false });
    expect(failureOf(update, gone, 13)).toMatchObject({ nonRetryable: true });
  });

  it('carries nothing of the error but name, request id and status', () => {
    const error = Object.assign(awsError('ValidationException', 'bad'), {
      $response: { socket: 1 },
    });
    const failure = failureOf(update, error, 1) as ApplicationFailure;
    expect(failure.cause).toBeUndefined();
    expect(Object.keys(failure.details?.[0] as object).sort()).toEqual([
      'awsError',
      'operation',
      'requestId',
      'status',
    ]);
  });

  it('retries a lost connection and a proxy that answers HTML', () => {
    const reset = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
    expect(failureOf(update, reset, 1)).toMatchObject({ type: 'AwsUnavailable' });
    expect(failureOf(update, new SyntaxError('Unexpected token <'), 1)).toMatchObject({
      type: 'AwsUnavailable',
    });
  });

  it('leaves errors of our own alone', () => {
    const bug = new TypeError('x is undefined');
    expect(failureOf(update, bug, 1)).toBe(bug);
  });
});

describe("AWS's words", () => {
  const parts = (name: string, message: string) => {
    const error = awsErrorOf(awsError(name, message));
    if (error === undefined) throw new Error('not read');
    return error;
  };
  it.each([
    [
      'ValidationException',
      'Could not find endpoint "arn:aws:sagemaker:us-east-1:1:endpoint/x".',
      true,
    ],
    ['ValidationException', 'ModelPackage arn does not exist.', true],
    ['ResourceNotFound', 'Pipeline x does not exist.', true],
    ['ObjectNotFoundException', '', true],
    ['NoSuchKey', 'The specified key does not exist.', true],
    ['ValidationException', 'Member must satisfy', false],
  ])('%s %s: not found is %s', (name, message, expected) => {
    expect(isNotFound(parts(name, message))).toBe(expected);
  });
  it.each([
    ['ValidationException', 'Cannot create already existing model "arn"', true],
    ['ResourceInUse', 'a job with this name already exists', true],
    ['AccessDeniedException', 'already exists', false],
  ])('%s %s: already there is %s', (name, message, expected) => {
    expect(isAlreadyThere(parts(name, message))).toBe(expected);
  });
});

describe('every activity', () => {
  it('shows the failure of a missing permission as a sentence', async () => {
    const aws = fakeAws(
      on(DescribeEndpointCommand, () => {
        throw awsError('AccessDeniedException', 'no');
      }),
    );
    const { readEndpoint } = createControlActivities(depsOver(aws));
    const { error } = await attemptOf(readEndpoint, [ref]);
    expect(error).toMatchObject({
      message:
        'sagemaker:DescribeEndpoint on endpoint/flights-live is missing: AccessDeniedException: no',
    });
  });

  it('hands its cancellation to AWS', async () => {
    const env = new MockActivityEnvironment();
    const aws = fakeAws(
      on(DescribeEndpointCommand, () => {
        env.cancel();
        return { EndpointName: 'flights-live', EndpointArn: 'arn', EndpointConfigName: 'c' };
      }),
    );
    const { readEndpoint } = createControlActivities(depsOver(aws));
    await expect(env.run(readEndpoint, ref)).rejects.toMatchObject({ name: 'AbortError' });
    expect(aws.names()).toEqual(['DescribeEndpoint']);
  });
});
