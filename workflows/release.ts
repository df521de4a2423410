import { CancellationScope, patched } from '@temporalio/workflow';

import type { ReleaseInput } from '../activities/contract.js';
import type { Champion, ReleaseResult } from '../domain/model.js';
import { MAX_ROUNDS, releaseName, roundName } from '../domain/names.js';
import type { Notice } from '../domain/policy.schema.js';
import { configsToKeep } from '../domain/rollout.js';
import { aside, CLEAN_UP_MS, control } from './activities.js';
import { SINCE_0_2 } from './patches.js';
import { openReleaseDesk, resultInWords } from './release-desk.js';
import type { ReleaseDesk } from './release-desk.js';
import { approve } from './stages/approve.js';
import { deploy } from './stages/deploy.js';
import { evaluate } from './stages/evaluate.js';
import { probation } from './stages/probation.js';
import { stage } from './stages/registry.js';
import { retrain } from './stages/retrain.js';

/** One candidate's way from training to the endpoint, or to the reason it did not get there. */
export async function release(input: ReleaseInput): Promise<ReleaseResult> {
  const desk = openReleaseDesk(input);
  const result = await desk.orInterrupted(() => lifecycle(desk, input.champion));
  return CancellationScope.nonCancellable(() => finish(desk, result));
}

async function lifecycle(desk: ReleaseDesk, first: Champion | null): Promise<ReleaseResult> {
  let champion = first;
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const name = roundName(releaseName(desk.input.model, desk.input.release), round);
    const trained = await retrain(desk, champion, name);
    if (trained.kind === 'training failed') return trained;

    const evaluated = await evaluate(desk, trained.candidate, champion, name);
    if (evaluated.kind === 'failed gates') return evaluated;

    let ready = evaluated;
    let voided: readonly string[] = round === 1 ? [] : ['the champion'];
    for (;;) {
      const approval = await approve(desk, trained.candidate, ready, voided);
      if (approval.kind !== 'approved') return approval;

      const deployed = await deploy(desk, ready.prepared, approval);
      if (
        deployed.kind === 'rolled back' ||
        deployed.kind === 'rejected' ||
        deployed.kind === 'failed gates'
      )
        return deployed;
      if (deployed.kind === 'refused')
        return {
          kind: 'failed gates',
          reasons: deployed.reasons.map((reason) => `preflight: ${reason}`),
        };
      if (deployed.kind === 'champion changed') break;
      if (deployed.kind === 'void') {
        voided = deployed.parts;
        ready = { ...ready, evidence: deployed.evidence, digest: deployed.digest };
        continue;
      }

      const previous = champion?.configName ?? null;
      const proven = await probation(desk, evaluated.prepared, previous, deployed.sinceMs);
      return {
        kind: 'promoted',
        configName: evaluated.prepared.configName,
        packageArn: trained.candidate.packageArn,
        ...(proven.short === undefined ? {} : { short: proven.short }),
      };
    }
    champion = (await control('read the champion').readEndpoint(desk.ref)).champion;
    desk.s.championConfigName = champion?.configName ?? null;
    desk.tell(
      `the champion changed meanwhile to ${champion?.configName ?? 'none'}: the candidate is trained and judged against it again`,
    );
  }
  return {
    kind: 'failed gates',
    reasons: [
      `the champion changed ${String(MAX_ROUNDS)} times while the candidate was on its way`,
    ],
  };
}

const NOTICE_OF: Readonly<
  Record<ReleaseResult['kind'], { notice: Notice; severity: 'info' | 'warning' | 'critical' }>
> = {
  promoted: { notice: 'promoted', severity: 'info' },
  rejected: { notice: 'rejected', severity: 'info' },
  expired: { notice: 'expired', severity: 'warning' },
  'failed gates': { notice: 'failed', severity: 'warning' },
  'rolled back': { notice: 'rolled-back', severity: 'critical' },
  superseded: { notice: 'expired', severity: 'info' },
  aborted: { notice: 'failed', severity: 'warning' },
  'training failed': { notice: 'failed', severity: 'critical' },
};

/** Whatever happened: it is on record, in the registry, told to people and to the keeper, and nothing of it is left lying about. */
async function finish(desk: ReleaseDesk, result: ReleaseResult): Promise<ReleaseResult> {
  const { ref, input, s } = desk;
  const words = resultInWords(result);
  const { notice, severity } = NOTICE_OF[result.kind];
  const others: (() => Promise<unknown>)[] = [
    () =>
      desk.notify(
        notice,
        `${input.model} release ${String(input.release)}: ${result.kind}`,
        words,
        { key: 'ended', severity },
      ),
  ];
  if (result.kind === 'promoted') {
    others.push(...stagesOfPromotion(desk, result));
    if (patched(SINCE_0_2)) others.push(() => pruned(desk));
  } else {
    const { packageArn } = s;
    if (packageArn !== null && result.kind !== 'expired') {
      others.push(() =>
        control('say in the registry how it ended').setApprovalStatus({
          ...ref,
          packageArn,
          status: 'Rejected',
          description: `modelkeeper: ${words}`.slice(0, 1_000),
        }),
      );
    }
    if (s.configName !== null) {
      others.push(() =>
        control('remove what was made for it', CLEAN_UP_MS).discardDeployment({
          ...ref,
          release: input.release,
          names: desk.madeNames(),
          keepConfig: false,
        }),
      );
    }
  }
  return desk.end(result, others);
}

/**
 * Removes earlier configs that the policy keeps no longer; the one before always stays. Old configs cost nothing: what
 * cannot be removed now is removed after the next promotion.
 */
async function pruned(desk: ReleaseDesk): Promise<void> {
  const { ref, s, input } = desk;
  const { removed } = await aside('remove endpoint configs that nobody goes back to').pruneConfigs({
    ...ref,
    // The one before is one of those kept.
    keep: configsToKeep(ref.policy.spec.deploy) - 1,
    wanted: [s.championConfigName, s.configName].filter((name) => name !== null),
    release: input.release,
  });
  if (removed.length > 0) desk.tell(`removed ${removed.join(', ')}: older than the versions kept`);
}

/** The registry's ModelLifeCycle of the new champion and of the one before, where the policy names stages. */
function stagesOfPromotion(
  desk: ReleaseDesk,
  result: Extract<ReleaseResult, { kind: 'promoted' }>,
): readonly (() => Promise<unknown>)[] {
  const { ref, input } = desk;
  const before = input.champion?.packageArn ?? null;
  const wishes = [
    { packageArn: result.packageArn, ...stage(desk, 'promoted') },
    ...(before === null || before === result.packageArn
      ? []
      : [{ packageArn: before, ...stage(desk, 'retired') }]),
  ];
  return wishes
    .filter((wish) => wish.lifeCycle !== undefined)
    .map(
      (wish) => () =>
        control(`registry: stage ${wish.lifeCycle?.stage ?? ''}`).writePackage({ ...ref, ...wish }),
    );
}
