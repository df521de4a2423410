import type { Prepared } from '../../activities/contract.js';
import type { Candidate, Champion, Evaluation } from '../../domain/model.js';
import { planFaults } from '../../domain/rollout.js';
import { control, data } from '../activities.js';
import type { ReleaseDesk } from '../release-desk.js';

export type Evaluated =
  | { readonly kind: 'ready'; readonly evaluation: Evaluation; readonly prepared: Prepared }
  | { readonly kind: 'failed gates'; readonly reasons: readonly string[] };

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
  const { ref, input } = desk;
  desk.enter('evaluate', 'the evaluation of candidate and champion on the same rows');
  const evaluation = await data('evaluate candidate and champion').evaluateCandidate({
    ...ref,
    release: input.release,
    candidate,
    champion,
    data: input.data,
  });
  desk.s.evaluation = evaluation;
  const failed = evaluation.gates
    .filter((gate) => gate.verdict !== 'pass')
    .map((gate) => `${gate.id}: ${gate.reason}`);
  desk.tell(`evaluation: ${evaluation.verdict} on ${String(evaluation.rows)} rows`);
  await desk.record({
    decision: 'gates',
    reasons: [`${evaluation.verdict}`, ...evaluation.reasons, ...failed],
    evidence: [{ uri: evaluation.reportUri, digest: evaluation.reportDigest }],
    facts: { packageArn: candidate.packageArn, verdict: evaluation.verdict },
  });
  if (evaluation.verdict === 'fail') {
    return {
      kind: 'failed gates',
      reasons: evaluation.reasons.length > 0 ? evaluation.reasons : failed,
    };
  }

  const prepared = await control(
    'make model, endpoint config and rollback alarms',
  ).prepareDeployment({
    ...ref,
    release: input.release,
    name,
    candidate,
    champion,
  });
  desk.made(prepared.configName);
  desk.s.configName = prepared.configName;
  const checked = await control('preflight').preflight({
    ...ref,
    configName: prepared.configName,
    plan: prepared.plan,
    packageArn: null,
    expectedConfigName: champion?.configName ?? null,
  });
  const faults = [...checked.refused, ...planFaults(prepared.plan, checked.endpoint.instances)];
  if (faults.length > 0)
    return { kind: 'failed gates', reasons: faults.map((fault) => `preflight: ${fault}`) };
  for (const warning of checked.warnings) desk.tell(`preflight: ${warning}`);
  await desk.gate();
  return { kind: 'ready', evaluation, prepared };
}
