import { expect, test } from 'vitest';

import { keptByOf } from '../../../client/account.js';
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
