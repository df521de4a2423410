/** A policy with everything filled in, and the people the examples are about. */
import fc from 'fast-check';

import type { Evidence } from '../../../domain/evidence.js';
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

/** What the candidate of release 7 would be approved on; nothing about it is weak. */
export const EVIDENCE: Evidence = {
  model: 'flights',
  release: 7,
  artefact: { uri: 's3://ml-artefacts/7/model.tar.gz', etag: 'e', sizeBytes: 10, versionId: 'v' },
  image: '111122223333.dkr.ecr.us-east-1.amazonaws.com/flights:7',
  imageDigest: 'sha256:1',
  packageArn: 'arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/7',
  data: { train: { fromMs: 1, toMs: 2 }, holdOut: { fromMs: 2, toMs: 3 } },
  evaluation: {
    verdict: 'pass',
    candidate: [{ metric: 'roc_auc', estimate: 0.7, lower: 0.68, upper: 0.72 }],
    champion: [],
    reportUri: 's3://ml-artefacts/7/report.json',
    reportDigest: 'r',
    rows: 5_000,
  },
  configName: 'flights-7',
  plan: {
    strategy: 'canary',
    percent: 10,
    bakeSeconds: 600,
    finalBakeSeconds: 300,
    timeoutSeconds: 7_200,
    alarmNames: ['modelkeeper-flights-release-7-errors'],
  },
  championConfigName: 'flights-6',
};

/** Lets properties be run again: the seed of this run is on the screen. */
export function seeded(): void {
  const seed = Date.now() % 2_147_483_647;
  console.info(`fast-check seed ${seed}`);
  fc.configureGlobal({ seed });
}
