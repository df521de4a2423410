/** A policy with everything filled in, and the people the examples are about. */
import fc from 'fast-check';

import { policySchema, type Policy, type PolicyInput } from '../../../domain/policy.schema.js';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
export const NOON_MS = Date.parse('2026-03-01T12:00:00Z');

export const ADA = 'ada@example.com';
export const GRACE = 'grace@example.com';
/** May approve, and asks for releases himself. */
export const ROB = 'rob@example.com';
/** Known, and no approver. */
export const LINUS = 'linus@example.com';

/** @param change alters the draft before it is parsed */
export function aPolicy(change: (draft: PolicyInput) => void = () => undefined): Policy {
  const draft: PolicyInput = {
    apiVersion: 'modelkeeper/v1',
    kind: 'ModelPolicy',
    metadata: { name: 'flights' },
    spec: {
      endpoint: { name: 'flights', region: 'us-east-1' },
      registry: { group: 'flights' },
      storage: 's3://ml-artefacts/modelkeeper/',
      people: {
        [ADA]: ['arn:aws:iam::111122223333:role/teams/ml/ada', 'os:ada'],
        [GRACE]: ['arn:aws:iam::111122223333:user/grace'],
        [ROB]: ['os:rob'],
        [LINUS]: ['os:linus'],
      },
      groups: { leads: [ADA, GRACE] },
      monitor: {
        sources: [
          { id: 'health', kind: 'alarms' },
          {
            id: 'spend',
            kind: 'metric',
            namespace: 'AWS/Billing',
            name: 'Charges',
            stat: 'Sum',
            above: 100,
          },
          { id: 'inputs', kind: 'captured-inputs' },
          { id: 'quality', kind: 'ground-truth', labels: 's3://ml-artefacts/labels/', floor: 0.6 },
        ],
      },
      detect: { persistence: { breaches: 2, of: 3 } },
      retrain: {
        pipeline: 'flights-train',
        window: '30d',
        holdOut: '7d',
        dataDelay: '48h',
        on: ['drift', 'performance', 'schedule'],
        schedule: '0 3 1 * *',
        cooldown: '24h',
        budget: { runs: 2, per: '30d' },
      },
      evaluate: {
        gates: [
          { id: 'no-worse', kind: 'non_inferior', metric: 'roc_auc', margin: { absolute: 0.01 } },
        ],
      },
      approve: {
        approvals: 2,
        approvers: ['group:leads', ROB],
        doors: ['console', 'cli', 'local', 'temporal'],
        remind: ['24h', '4h'],
        escalate: { after: '12h', to: 'arn:aws:sns:us-east-1:111122223333:ml-leads' },
        expires: '72h',
      },
    },
  };
  change(draft);
  return policySchema.parse(draft);
}

/** Lets properties be run again: the seed of this run is on the screen. */
export function seeded(): void {
  const seed = Date.now() % 2_147_483_647;
  console.info(`fast-check seed ${seed}`);
  fc.configureGlobal({ seed });
}
