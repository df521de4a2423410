import { canonicalJson } from './ledger.js';
import type { Candidate, DataWindows, Evaluation } from './model.js';

/** A share of the traffic, taken for a while. */
export interface TrafficStep {
  /** Of the traffic, in percent. */
  readonly percent: number;
  readonly bakeSeconds: number;
  /** Goes on only when a person says so. */
  readonly hold: boolean;
}

/** How the new version takes the traffic. */
export interface RolloutPlan {
  readonly strategy: 'all-at-once' | 'canary' | 'linear' | 'rolling' | 'steps';
  /** Share per step in percent of the fleet; 100 for all at once. */
  readonly percent: number;
  readonly bakeSeconds: number;
  /** Rolling: share of the fleet that goes back at a time; absent when it all goes back at once. */
  readonly rollbackPercent?: number;
  /** The shares of the traffic that the service itself sets; with the strategy `steps` only. */
  readonly steps?: readonly TrafficStep[];
  readonly finalBakeSeconds: number;
  readonly timeoutSeconds: number;
  readonly alarmNames: readonly string[];
}

/**
 * Everything an approval is bound to. Its digest stands in the request; when any part changes, the request is
 * void. sha256 hex of its canonical JSON: `evidenceDigest` in activities/digest.ts.
 */
export interface Evidence {
  readonly model: string;
  readonly release: number;
  readonly artefact: Candidate['artefact'] & { readonly uri: string };
  readonly image: string;
  readonly imageDigest: string | null;
  readonly packageArn: string;
  readonly data: DataWindows;
  readonly evaluation: Pick<
    Evaluation,
    'verdict' | 'candidate' | 'champion' | 'reportUri' | 'reportDigest' | 'rows'
  >;
  readonly configName: string;
  readonly plan: RolloutPlan;
  /** The config the candidate was compared with and would replace. */
  readonly championConfigName: string | null;
}

/** What about the evidence is weaker than it could be, in words; empty when nothing is. */
export function weaknesses(evidence: Evidence): readonly string[] {
  const weak: string[] = [];
  if (evidence.artefact.versionId === null) {
    weak.push('the bucket keeps no versions: the artefact is pinned by ETag and size only');
  }
  if (evidence.imageDigest === null) weak.push('the image is named by a tag, not by its digest');
  if (evidence.evaluation.verdict === 'inconclusive')
    weak.push('the evaluation could not tell: see its gates');
  return weak;
}

/** Which parts differ, in words for the people who were asked. Compared as the digest does, whatever the order of keys. */
export function changedParts(asked: Evidence, now: Evidence): readonly string[] {
  const parts: readonly (readonly [string, unknown, unknown])[] = [
    ['the model artefact', asked.artefact, now.artefact],
    ['the image', [asked.image, asked.imageDigest], [now.image, now.imageDigest]],
    ['the model package', asked.packageArn, now.packageArn],
    ['the data window', asked.data, now.data],
    ['the metrics', asked.evaluation, now.evaluation],
    ['the endpoint config', asked.configName, now.configName],
    ['the rollout plan', asked.plan, now.plan],
    ['the champion', asked.championConfigName, now.championConfigName],
  ];
  return parts.filter(([, a, b]) => canonicalJson(a) !== canonicalJson(b)).map(([name]) => name);
}
