import { describe, expect, it } from 'vitest';

import { failureClass } from '../../../domain/failures.js';

describe('what a job failed of', () => {
  it.each([
    ['CapacityError: Unable to provision requested ML compute capacity', 'capacity'],
    ['Insufficient capacity in the Region', 'capacity'],
    ['ResourceLimitExceeded: the account-level service limit is 0', 'quota'],
    ["The account-level Service Limit 'ml.c5.xlarge for training job usage' is 0", 'quota'],
    ['ThrottlingException: Rate exceeded', 'throttle'],
    ['Rate exceeded', 'throttle'],
    ['TooManyRequestsException', 'throttle'],
    ['InternalServerError: We encountered an internal error', 'internal'],
    ['InternalFailure', 'internal'],
    ['Request to service failed. If failure persists, contact support', 'internal'],
    ['ServiceUnavailable', 'internal'],
    ['MaxRuntimeExceeded', 'timeout'],
    ['MaxWaitTimeExceeded', 'timeout'],
    ['The job timed out', 'timeout'],
    ['Step timeout', 'timeout'],
    ['a time-out of the step', 'timeout'],
    ['AlgorithmError: no training rows in the window', 'data'],
    ['there are no labelled data', 'data'],
    ['no rows', 'data'],
    ['ClientError: No S3 objects found under S3 URL', 'data'],
    ['AlgorithmError: ExecuteUserScriptError: exit code 1', 'user code'],
    ['AlgorithmError: OSError: Disk quota exceeded', 'user code'],
    ['AlgorithmError: requests.exceptions.ReadTimeout: Read timed out', 'user code'],
    ['AlgorithmError: botocore ThrottlingException: Rate exceeded', 'user code'],
    ['AlgorithmError: there is no database', 'user code'],
    ['ClientError: Artifact upload failed', 'data'],
    ['ValidationException: 1 validation error', 'data'],
    [
      'ClientError: Failed to invoke sagemaker:CreateProcessingJob. User: arn:aws:sts::111122223333:assumed-role/pipeline/x is not authorized to perform: sagemaker:AddTags',
      'permission',
    ],
    ['ClientError: Data download failed:AccessDenied (403): Access Denied', 'permission'],
    ['AlgorithmError: botocore ClientError: An error occurred (AccessDenied)', 'user code'],
    [
      'ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: The requested resource training-job/ml.t3.medium is not available in this region',
      'quota',
    ],
    ['ClientError: Job runtime exceeded MaxRuntimeInSeconds provided', 'timeout'],
    ['InternalServerException', 'internal'],
    ['InternalError: please try again', 'internal'],
    ['Stopped by the user', 'stopped'],
    ['the execution was stopped', 'stopped'],
    ['it never stopped', 'unknown'],
    ['StoppedContainer', 'unknown'],
    ['', 'unknown'],
  ])('%s: %s', (reason, expected) => {
    expect(failureClass(reason)).toBe(expected);
  });
});
