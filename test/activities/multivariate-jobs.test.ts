import { ListProcessingJobsCommand } from '@aws-sdk/client-sagemaker';
import { describe, expect, it } from 'vitest';

import { createControlActivities } from '../../activities/index.js';
import { accountWith, newState } from './account.js';
import { depsOver, fakeAws, on, ref, run } from './support.js';

describe('stopMultivariate', () => {
  it('stops the jobs of the model that run, and nobody else’s', async () => {
    const state = newState();
    const ours = ['flights-mv-0123456789ab', 'flights-mv-ba9876543210-t2'];
    const others = ['flights-mv-mv-0123456789ab', 'old-flights-mv-0123456789ab', 'flights-mv-3'];
    for (const name of [...ours, ...others])
      state.jobs.set(name, { status: 'InProgress', environment: {} });
    state.jobs.set('flights-mv-aaaaaaaaaaaa', { status: 'Completed', environment: {} });
    const { stopMultivariate } = createControlActivities(depsOver(accountWith(state).aws));
    expect(await run(stopMultivariate, [ref])).toEqual({ stopped: ours });
    expect([...state.jobs].map(([name, { status }]) => [name, status])).toEqual([
      ...ours.map((name) => [name, 'Stopping']),
      ...others.map((name) => [name, 'InProgress']),
      ['flights-mv-aaaaaaaaaaaa', 'Completed'],
    ]);
  });

  it('reads the list to its end', async () => {
    const aws = fakeAws(
      on(ListProcessingJobsCommand, ({ NextToken }) => ({
        ProcessingJobSummaries: [],
        ...(NextToken === undefined ? { NextToken: 'more' } : {}),
      })),
    );
    await run(createControlActivities(depsOver(aws)).stopMultivariate, [ref]);
    expect(aws.inputs(ListProcessingJobsCommand).map(({ NextToken }) => NextToken)).toEqual([
      undefined,
      'more',
    ]);
  });
});
