import { describe, expect, it } from 'vitest';

import { createControlActivities } from '../../activities/index.js';
import { accountWith, newState, PACKAGE, type State } from './account.js';
import { depsOver, NOON, policyWith, ref, run } from './support.js';

const ours = [{ Key: 'modelkeeper:model', Value: 'flights' }];
const variant = (model: string) => ({ VariantName: 'AllTraffic', ModelName: model });

/** Release 5 serves; 2 to 4 are still there, and a config of somebody else with such a name. */
function history(change: (state: State) => void = () => undefined) {
  const state = newState();
  state.configs.clear();
  for (const name of ['flights-2', 'flights-3', 'flights-4', 'flights-5']) {
    state.configs.set(name, { variants: [variant(name)], tags: ours });
    state.models.set(name, { package: PACKAGE, tags: ours });
  }
  state.configs.set('flights-9', { variants: [variant('flights-2')], tags: [] });
  state.endpoint = { ...state.endpoint, config: 'flights-5' };
  change(state);
  const { aws } = accountWith(state);
  return { state, aws, activities: createControlActivities(depsOver(aws)) };
}

describe('findWayBack', () => {
  const find = (to: string | null, change?: (state: State) => void, previous = 'flights-4') =>
    run(history(change).activities.findWayBack, [{ ...ref, to, previous }]);

  it('finds the one before, and one two versions back, without changing anything', async () => {
    expect(await find(null)).toMatchObject({ kind: 'ready', configName: 'flights-4' });
    expect(await find('flights-3')).toMatchObject({ kind: 'ready', configName: 'flights-3' });
  });

  it.each<[string, string, (state: State) => void, RegExp]>([
    ['never was', 'flights-1', () => undefined, /^there is no endpoint config flights-1; /],
    ['serves', 'flights-5', () => undefined, /^flights-5 serves already; /],
    [
      'lost its model',
      'flights-3',
      (state) => state.models.delete('flights-3'),
      /^the SageMaker model flights-3 of flights-3 was deleted; /,
    ],
    [
      'lost its artefact',
      'flights-3',
      (state) => state.objects.delete('m.tar.gz'),
      /^the artefact s3:\/\/artefacts\/m\.tar\.gz of flights-3 is gone/,
    ],
    [
      'has another variant',
      'flights-3',
      (state) =>
        state.configs.set('flights-3', { variants: [{ VariantName: 'Blue' }], tags: ours }),
      /^the config flights-3 has no variant AllTraffic; /,
    ],
    [
      'served two versions',
      'flights-3-split',
      (state) =>
        state.configs.set('flights-3-split', { variants: [variant('flights-3')], tags: ours }),
      /serves two versions side by side/,
    ],
    [
      'has the scaled variant on other instances',
      'flights-3',
      (state) => {
        state.target = { MinCapacity: 1, MaxCapacity: 4 };
        state.configs.set('flights-3', {
          variants: [{ ...variant('flights-3'), InstanceType: 'ml.c5.xlarge' }],
          tags: ours,
        });
      },
      /^the config flights-3 has the variant AllTraffic on ml\.c5\.xlarge, and it serves on none: .*deregister endpoint\/flights-live\/variant\/AllTraffic /,
    ],
  ])('refuses one that %s, and lists what is still there', async (_what, to, change, reason) => {
    const found = await find(to, change);
    expect(found).toHaveProperty('kind', 'refused');
    expect(found).toHaveProperty('reason', expect.stringMatching(reason));
    expect(found).toHaveProperty(
      'reason',
      expect.stringMatching('still there: flights-4, flights-3, flights-2'),
    );
  });
});

describe('a way back from a mixed fleet', () => {
  it('is open to the config that the endpoint names', async () => {
    const { activities } = history((state) => {
      state.endpoint = { ...state.endpoint, status: 'UpdateRollbackFailed' };
    });
    const request = { ...ref, to: 'flights-5', previous: null };
    expect(await run(activities.findWayBack, [request])).toMatchObject({ kind: 'ready' });
  });
});

describe('a second way back', () => {
  const find = (to: string | null, previous: string) =>
    run(history().activities.findWayBack, [{ ...ref, to, previous, left: 'flights-4' }]);

  it('does not lead to what the first has left, unless that is named', async () => {
    expect(await find(null, 'flights-4')).toMatchObject({
      kind: 'refused',
      reason: expect.stringMatching(
        /^flights-4 was itself rolled back: name it with --to .*; still there: flights-4, flights-3/,
      ) as string,
    });
    expect(await find('flights-4', 'flights-4')).toMatchObject({ kind: 'ready' });
    expect(await find(null, 'flights-3')).toMatchObject({ configName: 'flights-3' });
  });
});

describe('a way back to a version that the registry rejects', () => {
  const find = (onRejectedWhileServing: 'rollback' | 'ask' | 'nothing') => {
    const { activities } = history((state) => {
      state.packageStatus = { ...state.packageStatus, status: 'Rejected' };
    });
    const policy = policyWith({ registry: { group: 'flights', onRejectedWhileServing } });
    const request = { ...ref, policy, to: 'flights-3', previous: null };
    return run(activities.findWayBack, [request]);
  };

  it('is refused where the policy would roll it back again', async () => {
    expect(await find('rollback')).toMatchObject({
      kind: 'refused',
      reason: expect.stringMatching(
        /is Rejected in the registry, and by registry\.onRejectedWhileServing it would be rolled back again: set it to Approved there first; /,
      ) as string,
    });
  });

  it('is open where people are asked, or nothing follows', async () => {
    expect(await find('ask')).toMatchObject({ kind: 'ready' });
    expect(await find('nothing')).toMatchObject({ kind: 'ready' });
  });
});

describe('a way back to other instances', () => {
  const onOthers = (state: State): void => {
    state.configs.set('flights-3', {
      variants: [{ ...variant('flights-3'), InstanceType: 'ml.c5.xlarge' }],
      tags: ours,
    });
  };

  it('is open where nothing scales, and on the same instances where something does', async () => {
    const find = (change: (state: State) => void) =>
      run(history(change).activities.findWayBack, [{ ...ref, to: 'flights-3', previous: null }]);
    expect(await find(onOthers)).toMatchObject({ kind: 'ready' });
    const scaled = await find((state) => {
      state.target = { MinCapacity: 1, MaxCapacity: 4 };
    });
    expect(scaled).toMatchObject({ kind: 'ready' });
  });
});

describe('pruneConfigs', () => {
  const prune = async (keep: number, change?: (state: State) => void) => {
    const account = history(change);
    const request = { ...ref, keep, wanted: ['flights-5', 'flights-4'] };
    const { removed } = await run(account.activities.pruneConfigs, [request]);
    return { removed, configs: [...account.state.configs.keys()], models: account.state.models };
  };

  it('removes versions beyond those kept, with their models, and nothing that is not tagged ours', async () => {
    const { removed, configs, models } = await prune(1);
    expect(removed).toEqual(['flights-2']);
    expect(configs).toEqual(['flights-3', 'flights-4', 'flights-5', 'flights-9']);
    expect(models.has('flights-2')).toBe(false);
  });

  it('removes nothing that an endpoint serves or is about to serve', async () => {
    const pending = await prune(0, (state) => {
      state.endpoint = { ...state.endpoint, status: 'Updating', pending: 'flights-3' };
    });
    expect(pending.removed).toEqual(['flights-2']);
    const serving = await prune(0, (state) => {
      state.endpoint = { ...state.endpoint, config: 'flights-9' };
    });
    // flights-9 is not ours, and it needs the model flights-2.
    expect(serving.removed).toEqual(['flights-3']);
  });

  it('removes no model that another endpoint has as its shadow', async () => {
    const { removed } = await prune(0, (state) => {
      state.configs.set('theirs', {
        variants: [variant('their-model')],
        shadows: [variant('flights-2')],
        tags: [],
      });
      state.staging = { config: 'theirs', tags: [] };
    });
    expect(removed).toEqual(['flights-3']);
  });

  it('leaves what the release after this one has prepared, though nothing serves it yet', async () => {
    const { activities, state } = history(({ configs }) => {
      for (const name of ['flights-6', 'flights-6-split'])
        configs.set(name, { variants: [variant(name)], tags: ours });
    });
    const request = { ...ref, keep: 0, wanted: ['flights-5', 'flights-4'], release: 5 };
    await run(activities.pruneConfigs, [request]);
    expect([...state.configs.keys()]).toEqual([
      ...['flights-4', 'flights-5', 'flights-9', 'flights-6', 'flights-6-split'],
    ]);
  });

  it('describes no endpoint that has not changed since what it removes was made', async () => {
    const account = history((state) => {
      state.endpointsChangedAtMs = NOON - 60 * 60_000;
    });
    const request = { ...ref, keep: 1, wanted: ['flights-5', 'flights-4'] };
    const { removed } = await run(account.activities.pruneConfigs, [request]);
    expect(removed).toEqual(['flights-2']);
    expect(account.aws.names()).not.toContain('DescribeEndpoint');
  });

  it('asks for no endpoint when there is nothing to remove', async () => {
    const account = history();
    await run(account.activities.pruneConfigs, [{ ...ref, keep: 9, wanted: [] }]);
    expect(account.aws.names()).not.toContain('ListEndpoints');
  });
});

describe('discardDeployment', () => {
  const discard = async (change?: (state: State) => void) => {
    const { activities, state } = history(change);
    const request = { ...ref, release: 3, names: ['flights-3'], keepConfig: false };
    await run(activities.discardDeployment, [request]);
    return { config: state.configs.has('flights-3'), model: state.models.has('flights-3') };
  };

  it('removes config and model of a release that came to nothing', async () => {
    expect(await discard()).toEqual({ config: false, model: false });
  });

  it('leaves both where somebody tries the candidate at an endpoint of their own', async () => {
    const byConfig = await discard((state) => (state.staging = { config: 'flights-3', tags: [] }));
    expect(byConfig).toEqual({ config: true, model: true });
    const byModel = await discard((state) => {
      state.configs.set('theirs', { variants: [variant('flights-3')], tags: [] });
      state.staging = { config: 'theirs', tags: [] };
    });
    expect(byModel).toEqual({ config: true, model: true });
  });
});
