import { describe, expect, it } from 'vitest';

import { play, until } from './harness.js';
import type { World } from './world.js';

/** The endpoint as AWS shows one that is not there. */
function remove(world: World): void {
  world.endpoint = {
    ...world.endpoint,
    status: 'absent',
    configName: null,
    createdAtMs: 0,
    champion: null,
  };
}

describe('an endpoint that is deleted and created again under its name', () => {
  it('is told, claimed again and entered as changed outside, also when a look saw that it was gone', async () => {
    await play(async (p) => {
      await until(p.keeperStatus, (s) => s.champion !== null, 'the keeper is ready');
      const born = p.world.endpoint;
      const claims = p.world.calls['claimEndpoint'] ?? 0;
      remove(p.world);
      await p.env.sleep('2h');
      await until(p.keeperStatus, (s) => s.endpointStatus === 'absent', 'it is gone');
      expect(p.world.calls['claimEndpoint']).toBe(claims);

      p.world.endpoint = { ...born, createdAtMs: born.createdAtMs + 1 };
      await p.env.sleep('2h');
      await until(
        p.keeperStatus,
        (s) => s.timeline.some(({ what }) => what.includes('created again')),
        'it is back',
      );
      expect(p.world.calls['claimEndpoint']).toBe(claims + 1);
      await until(
        () => Promise.resolve(p.world.ledger.map(({ decision }) => decision)),
        (decisions) => decisions.includes('changed outside'),
        'it is on record',
      );
    });
  });

  it('is not one that was only gone from sight', async () => {
    await play(async (p) => {
      await until(p.keeperStatus, (s) => s.champion !== null, 'the keeper is ready');
      const before = p.world.endpoint;
      const claims = p.world.calls['claimEndpoint'] ?? 0;
      remove(p.world);
      await p.env.sleep('2h');
      p.world.endpoint = before;
      await p.env.sleep('2h');
      await until(p.keeperStatus, (s) => s.endpointStatus === 'InService', 'it is seen again');
      expect(p.world.calls['claimEndpoint']).toBe(claims);
    });
  });
});
