import { describe, expect, it } from 'vitest';

import { evidenceDigest } from '../../../activities/digest.js';
import { changedParts, weaknesses, type Evidence } from '../../../domain/evidence.js';
import { EVIDENCE } from './support.js';

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
