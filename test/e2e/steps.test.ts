/** A rollout by steps on the real server, as people walk along with it, and under a blow. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { PolicyInput } from '../../domain/policy.schema.js';
import { temporaryFolder } from './support/processes.js';
import { Stack } from './support/stack.js';

const folder = temporaryFolder('steps');
let stack: Stack;

beforeAll(async () => {
  stack = await Stack.boot(folder.path);
}, 120_000);

afterAll(async () => {
  await stack.close();
  folder.remove();
}, 90_000);

/** Seconds of baking, without traffic to compare: alarms and hard limits decide. */
const bySteps =
  (...steps: NonNullable<NonNullable<PolicyInput['spec']['deploy']>['steps']>) =>
  ({ spec }: PolicyInput): void => {
    spec.deploy = {
      ...spec.deploy,
      strategy: 'steps',
      steps,
      compare: { onInconclusive: 'promote_if_no_hard_breach', maxBake: '1s' },
    };
  };

/** Variants with their share of the traffic. */
async function sharesOf(model: string): Promise<Readonly<Record<string, number | undefined>>> {
  const { ProductionVariants: variants = [] } = await stack.aws.endpoint(model);
  const whole = variants.reduce((sum, { CurrentWeight }) => sum + (CurrentWeight ?? 0), 0);
  return Object.fromEntries(
    variants.map(({ VariantName = '', CurrentWeight = 0 }) => [VariantName, CurrentWeight / whole]),
  );
}

describe('a rollout by steps', () => {
  it(
    'holds where the policy says so, and takes all of the traffic when a person promotes it',
    { timeout: 420_000 },
    async () => {
      const policy = await stack.company('held', bySteps({ percent: 20, bake: '2s', hold: true }));
      await stack.apply(policy);
      const release = await stack.retrain('held');
      await stack.approve('held', release);
      const held = await stack.reached(
        'held',
        release,
        'is held',
        ({ traffic }) => traffic?.phase === 'held',
        180_000,
      );
      expect(held.traffic).toMatchObject({ at: 0, percent: 20 });
      const shares = await sharesOf('held');
      expect(shares['AllTraffic']).toBeCloseTo(0.8, 6);
      expect(shares['AllTraffic-candidate']).toBeCloseTo(0.2, 6);
      const why = 'the numbers are good';
      const { code, output } = await stack.command('promote', 'held', '--local', '--reason', why);
      expect(code, output).toBe(0);
      const { result } = await stack.ended('held', release);
      expect(result).toMatchObject({ kind: 'promoted', configName: `held-${String(release)}` });
      expect(await sharesOf('held')).toEqual({ AllTraffic: 1 });
    },
  );

  it(
    "goes on where it was when the worker is killed in a bake, and ends with one version under the policy's variant",
    { timeout: 420_000 },
    async () => {
      const policy = await stack.company(
        'struck',
        bySteps({ percent: 20, bake: '15s' }, { percent: 60, bake: '2s' }),
      );
      await stack.apply(policy);
      const release = await stack.retrain('struck');
      await stack.approve('struck', release);
      await stack.reached(
        'struck',
        release,
        'bakes its first share',
        ({ traffic }) => traffic?.phase === 'baking' && traffic.at === 0,
        180_000,
      );
      await stack.killWorker();
      const { result, timeline } = await stack.ended('struck', release);
      expect(result).toMatchObject({ kind: 'promoted', configName: `struck-${String(release)}` });
      expect(timeline.filter(({ what }) => what === 'stage deploy')).toHaveLength(1);
      expect(await sharesOf('struck')).toEqual({ AllTraffic: 1 });
      expect((await stack.aws.endpoint('struck')).EndpointConfigName).toBe(
        `struck-${String(release)}`,
      );
      const weights = (await stack.aws.calls()).filter(
        ({ operation, outcome, input }) =>
          operation === 'SageMaker.UpdateEndpointWeightsAndCapacities' &&
          outcome === 'ok' &&
          input.includes('struck'),
      );
      expect(weights).toHaveLength(2);
    },
  );
});
