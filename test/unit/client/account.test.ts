import { describe, expect, it, test } from 'vitest';

import { isUnder, keptByOf } from '../../../client/account.js';
import { keeperId, KEEPER_TAG } from '../../../domain/names.js';

test('an endpoint that our own keeper has claimed is kept by our model, so that a policy can be applied again', () => {
  expect(keptByOf(new Map([[KEEPER_TAG, keeperId('churn')]]))).toBe('churn');
});

test('a tag is found whatever the case of its key', () => {
  expect(keptByOf(new Map([['ModelKeeper:Keeper', keeperId('churn')]]))).toBe('churn');
});

test('a tag that is no keeper id is shown as it stands', () => {
  expect(keptByOf(new Map([[KEEPER_TAG, 'somebody']]))).toBe('somebody');
});

test('an endpoint without the tag is kept by nobody', () => {
  expect(keptByOf(new Map([['team', 'operations']]))).toBeNull();
});

describe('what lies at or below an address', () => {
  it.each([
    ['s3://b/week-1/part.csv', 's3://b/week-1', true],
    ['s3://b/week-1/part.csv', 's3://b/week-1/', true],
    ['s3://b/week-10/part.csv', 's3://b/week-1', false],
    ['s3://b/week-1.csv', 's3://b/week-1.csv', true],
    ['s3://b/week-1/_SUCCESS', 's3://b/week-1', false],
    ['s3://b/week-1/.part.crc', 's3://b/week-1', false],
    ['s3://b/any', 's3://b', true],
  ])('%s below %s: %s', (uri, address, under) => {
    expect(isUnder(uri, address)).toBe(under);
  });
});
