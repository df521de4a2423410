import { describe, expect, it } from 'vitest';

import { evidenceDigest } from '../../../activities/digest.js';
import { changedParts, weaknesses, type Evidence } from '../../../domain/evidence.js';

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

describe('weaknesses', () => {
  it('are none when artefact and image are pinned and the evaluation could tell', () => {
    expect(weaknesses(EVIDENCE)).toEqual([]);
  });
  it.each<[string, Partial<Evidence>, string]>([
    [
      'the bucket keeps no versions',
      { artefact: { ...EVIDENCE.artefact, versionId: null } },
      'the bucket keeps no versions: the artefact is pinned by ETag and size only',
    ],
    [
      'a tag names the image',
      { imageDigest: null },
      'the image is named by a tag, not by its digest',
    ],
    [
      'the evaluation could not tell',
      { evaluation: { ...EVIDENCE.evaluation, verdict: 'inconclusive' } },
      'the evaluation could not tell: see its gates',
    ],
  ])('are told when %s', (_claim, change, weakness) => {
    expect(weaknesses({ ...EVIDENCE, ...change })).toEqual([weakness]);
  });
  it('are told all at once', () => {
    const artefact = { ...EVIDENCE.artefact, versionId: null };
    expect(weaknesses({ ...EVIDENCE, artefact, imageDigest: null })).toHaveLength(2);
  });
});

describe('changed parts', () => {
  it('are none of the same evidence', () => {
    expect(changedParts(EVIDENCE, structuredClone(EVIDENCE))).toEqual([]);
  });

  it.each<[string, Partial<Evidence>]>([
    ['the model artefact', { artefact: { ...EVIDENCE.artefact, etag: 'f' } }],
    ['the model artefact', { artefact: { ...EVIDENCE.artefact, versionId: null } }],
    ['the image', { image: 'other' }],
    ['the image', { imageDigest: 'sha256:2' }],
    ['the image', { imageDigest: null }],
    ['the model package', { packageArn: 'other' }],
    ['the data window', { data: { ...EVIDENCE.data, holdOut: { fromMs: 2, toMs: 4 } } }],
    ['the metrics', { evaluation: { ...EVIDENCE.evaluation, reportDigest: 's' } }],
    ['the metrics', { evaluation: { ...EVIDENCE.evaluation, verdict: 'inconclusive' } }],
    ['the endpoint config', { configName: 'flights-8' }],
    ['the rollout plan', { plan: { ...EVIDENCE.plan, percent: 50 } }],
    ['the rollout plan', { plan: { ...EVIDENCE.plan, alarmNames: [] } }],
    ['the champion', { championConfigName: null }],
  ])('name %s after %j', (part, change) => {
    expect(changedParts(EVIDENCE, { ...EVIDENCE, ...change })).toEqual([part]);
  });

  it('name every one that changed', () => {
    const now = { ...EVIDENCE, packageArn: 'other', championConfigName: 'flights-5' };
    expect(changedParts(EVIDENCE, now)).toEqual(['the model package', 'the champion']);
  });

  it('are none where only the order of keys differs, as the digest is the same', () => {
    const now = {
      ...EVIDENCE,
      artefact: backwards(EVIDENCE.artefact),
      plan: backwards(EVIDENCE.plan),
    };
    expect(evidenceDigest(now)).toBe(evidenceDigest(EVIDENCE));
    expect(changedParts(EVIDENCE, now)).toEqual([]);
  });
});

function backwards<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).reverse()) as T;
}
