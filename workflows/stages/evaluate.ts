import { isCancellation } from '@temporalio/workflow';

import type { Prepared } from '../../activities/contract.js';
import type { Evidence } from '../../domain/evidence.js';
import type { Candidate, Champion, Evaluation } from '../../domain/model.js';
import { planFaults } from '../../domain/rollout.js';
import { control, data } from '../activities.js';
import { isHopeless, sentenceOf } from '../failures.js';
import type { ReleaseDesk } from '../release-desk.js';
import { pendingPackage } from './registry.js';

/** A candidate that can be put to people: judged, and everything a rollout needs is there. */
export interface Ready {
  readonly kind: 'ready';
  readonly evaluation: Evaluation;
  readonly prepared: Prepared;
  readonly evidence: Evidence;
  readonly digest: string;
}

export type Evaluated =
  Ready | { readonly kind: 'failed gates'; readonly reasons: readonly string[] };

/**
 * Judges the candidate against the champion on the same rows, then makes everything a rollout would need, so
 * that people are asked about something that can be done.
 */
export async function evaluate(
  desk: ReleaseDesk,
  candidate: Candidate,
  champion: Champion | null,
  name: string,
): Promise<Evaluated> {
  desk.enter('evaluate', 'the evaluation of candidate and champion on the same rows');
  try {
    const evaluation = await judged(desk, candidate, champion);
    if (evaluation.verdict === 'fail')
      return { kind: 'failed gates', reasons: gateReasons(evaluation) };
    return await made(desk, candidate, champion, name, evaluation);
  } catch (error) {
    if (isCancellation(error) || !isHopeless(error)) throw error;
    // A candidate that cannot be judged, or nothing that can be deployed: no gate passes without evidence.
    return { kind: 'failed gates', reasons: [sentenceOf(error)] };
  }
}

async function judged(
  desk: ReleaseDesk,
  candidate: Candidate,
  champion: Champion | null,
): Promise<Evaluation> {
  const { ref, input } = desk;
  const evaluation = await data('evaluate candidate and champion').evaluateCandidate({
    ...ref,
    release: input.release,
    candidate,
    champion,
    data: input.data,
  });
  desk.s.evaluation = evaluation;
  desk.tell(`evaluation: ${evaluation.verdict} on ${String(evaluation.rows)} rows`);
  desk.recordWithNext({
    decision: 'gates',
    reasons: [evaluation.verdict, ...gateReasons(evaluation)],
    evidence: [{ uri: evaluation.reportUri, digest: evaluation.reportDigest }],
    facts: { packageArn: candidate.packageArn, verdict: evaluation.verdict },
  });
  return evaluation;
}

async function made(
  desk: ReleaseDesk,
  candidate: Candidate,
  champion: Champion | null,
  name: string,
  evaluation: Evaluation,
): Promise<Evaluated> {
  const { ref, input } = desk;
  desk.made(name);
  const pending = pendingPackage(desk, candidate.packageArn, evaluation);
  const prepared = await control(
    'make model, endpoint config and rollback alarms',
  ).prepareDeployment({
    ...ref,
    release: input.release,
    name,
    candidate,
    champion,
    pending,
  });
  if (prepared.registry !== undefined) {
    desk.wrote(prepared.registry, pending);
    desk.opened(prepared.registry);
  }
  desk.s.configName = prepared.configName;
  const checked = await control('preflight').preflight({
    ...ref,
    configName: prepared.configName,
    plan: prepared.plan,
    packageArn: null,
    expectedConfigName: champion?.configName ?? null,
    evidence: evidenceOf(desk, candidate, champion, evaluation, prepared),
  });
  const faults = [
    ...new Set([...checked.refused, ...planFaults(prepared.plan, checked.endpoint.instances)]),
  ];
  if (faults.length > 0)
    return { kind: 'failed gates', reasons: faults.map((fault) => `preflight: ${fault}`) };
  for (const warning of checked.warnings) desk.tell(`preflight: ${warning}`);
  await desk.gate();
  return {
    kind: 'ready',
    evaluation,
    prepared,
    evidence: checked.evidence,
    digest: checked.digest,
  };
}

function gateReasons(evaluation: Evaluation): readonly string[] {
  const failed = evaluation.gates
    .filter((gate) => gate.verdict !== 'pass')
    .map((gate) => `${gate.id}: ${gate.reason}`);
  return [...new Set([...evaluation.reasons, ...failed])];
}

function evidenceOf(
  desk: ReleaseDesk,
  candidate: Candidate,
  champion: Champion | null,
  evaluation: Evaluation,
  prepared: Prepared,
): Evidence {
  const {
    verdict,
    candidate: metrics,
    champion: championMetrics,
    reportUri,
    reportDigest,
    rows,
  } = evaluation;
  return {
    model: desk.input.model,
    release: desk.input.release,
    artefact: { ...candidate.artefact, uri: candidate.modelDataUrl },
    image: candidate.image,
    imageDigest: candidate.imageDigest,
    packageArn: candidate.packageArn,
    data: desk.input.data,
    evaluation: {
      verdict,
      candidate: metrics,
      champion: championMetrics,
      reportUri,
      reportDigest,
      rows,
    },
    configName: prepared.configName,
    plan: prepared.plan,
    championConfigName: champion?.configName ?? null,
  };
}
