import {
  UpdateEndpointWeightsAndCapacitiesCommand,
  type DescribeEndpointOutput,
} from '@aws-sdk/client-sagemaker';

import { FailureType } from '../domain/failures.js';
import {
  EVALUATED_WITHIN_MS,
  judgeAlarms,
  judgeShare,
  sameShare,
  shareInWords,
  shareOf,
  weightsFor,
} from '../domain/traffic.js';
import { clock, pollEveryMs } from '../domain/watch.js';
import { describeAlarms } from './alarms.js';
import { aws, isInMotion, may } from './aws-failure.js';
import type { ControlActivities, ModelRef, Split, SplitTrouble } from './contract.js';
import type { ControlDeps } from './deps.js';
import { isOurs, keeperOf } from './endpoint.js';
import { keep, notYet, recall } from './heartbeat.js';
import { describeEndpoint, readTags } from './read.js';
import { clientsFor } from './stage-clients.js';

type TrafficActivities = Pick<ControlActivities, 'shiftTraffic' | 'awaitShift' | 'watchSplit'>;

/** One look at an endpoint that should serve the split. */
type SplitLook =
  | Extract<SplitTrouble, { kind: 'lost' }>
  | {
      readonly kind: 'split';
      readonly endpoint: DescribeEndpointOutput;
      readonly resting: boolean;
      readonly status: string;
      /** The candidate's share as it is wanted and as it is; `null` when the weights do not say. */
      readonly wanted: number | null;
      readonly current: number | null;
      readonly reason: string | null;
    };

export function createTrafficActivities(deps: ControlDeps): TrafficActivities {
  const clients = clientsFor(deps, 'deploy');
  const pollMs = (ref: ModelRef): number => pollEveryMs(ref.policy.spec.monitor.every);

  const look = async (ref: ModelRef & { readonly split: Split }): Promise<SplitLook> => {
    const { name } = ref.policy.spec.endpoint;
    return splitLook(name, ref.split, await describeEndpoint(clients(ref).sagemaker, name));
  };

  return {
    /**
     * Sets the weights, unless they are there already.
     *
     * Idempotent: the weights are read first, so a retry whose call took effect finds them there; and the same
     * weights set twice are the same weights. Weights that are neither the wanted ones nor those we set before are
     * somebody else's and are left alone.
     */
    async shiftTraffic(request) {
      const { sagemaker } = clients(request);
      const { split, percent, expectedPercent } = request;
      const { name } = request.policy.spec.endpoint;
      const seen = await look(request);
      if (seen.kind === 'lost') return seen;
      if (seen.wanted === null) throw unweighted(name);
      switch (judgeShare(seen.wanted, percent, expectedPercent)) {
        case 'there':
          return { kind: 'there' };
        case 'changed by hand':
          return changedByHand(seen.wanted, expectedPercent ?? percent, seen.reason);
        case 'set it':
          break;
      }
      const keeper = keeperOf(await readTags(sagemaker, seen.endpoint.EndpointArn ?? ''));
      if (!isOurs(keeper, request.model)) {
        return {
          kind: 'lost',
          reason: `the endpoint ${name} is kept by ${keeper ?? 'nobody'} now; apply the policy again to claim it`,
        };
      }
      if (!seen.resting) throw busy(request, seen.status);
      const weights = weightsFor(percent);
      const answer = await aws(
        may('sagemaker:UpdateEndpointWeightsAndCapacities', `endpoint/${name}`),
        (options) =>
          sagemaker.send(
            new UpdateEndpointWeightsAndCapacitiesCommand({
              EndpointName: name,
              DesiredWeightsAndCapacities: [
                { VariantName: split.championVariant, DesiredWeight: weights.champion },
                { VariantName: split.candidateVariant, DesiredWeight: weights.candidate },
              ],
            }),
            options,
          ),
        (error) => (isInMotion(error) ? ('in motion' as const) : undefined),
      );
      if (answer === 'in motion') throw busy(request, 'in motion');
      return { kind: 'accepted' };
    },

    /** Reads only. How often in a row it was at rest with other weights is kept in the heartbeat. */
    async awaitShift(request) {
      const { percent, deadlineMs } = request;
      const nowMs = deps.now();
      const seen = await look(request);
      if (seen.kind === 'lost') return seen;
      const there = (share: number | null): boolean => share !== null && sameShare(share, percent);
      if (seen.resting && there(seen.wanted) && there(seen.current))
        return { kind: 'there', atMs: nowMs };
      const resting = seen.resting ? restingLooks() + 1 : 0;
      keep({ resting });
      if (seen.resting && seen.wanted !== null && !there(seen.wanted) && resting >= 2)
        return changedByHand(seen.wanted, percent, seen.reason);
      if (nowMs >= deadlineMs) {
        return {
          kind: 'lost',
          reason: `the endpoint is still ${seen.status} after its weights were changed, and was given up at ${clock(deadlineMs)}`,
        };
      }
      throw notYet(
        FailureType.StillMoving,
        `The endpoint is ${seen.status}: ${shareInWords(seen.current ?? 0)} of the traffic goes to the candidate, ${shareInWords(percent)} is wanted; given up at ${clock(deadlineMs)}`,
        pollMs(request),
      );
    },

    /** Reads only. */
    async watchSplit(request) {
      const { split, percent, untilMs } = request;
      const nowMs = deps.now();
      const [seen, alarms] = await Promise.all([
        look(request),
        describeAlarms(clients(request).cloudwatch, split.alarmNames),
      ]);
      const judged = judgeAlarms(
        split.alarmNames.map((name) => ({
          name,
          state: alarms.get(name)?.StateValue ?? null,
          reason: alarms.get(name)?.StateReason ?? 'no reason given',
        })),
      );
      if (judged.kind === 'alarm') return judged;
      if (seen.kind === 'lost') return seen;
      if (percent !== null && seen.wanted !== null && !sameShare(seen.wanted, percent))
        return changedByHand(seen.wanted, percent, seen.reason);
      if (percent === null && nowMs >= untilMs) return { kind: 'over', atMs: nowMs };
      if (
        percent !== null &&
        judged.kind === 'blind' &&
        (judged.lost || nowMs >= untilMs + EVALUATED_WITHIN_MS)
      )
        return { kind: 'blind', reason: judged.reason };
      if (nowMs >= untilMs && judged.kind === 'quiet') return { kind: 'over', atMs: nowMs };
      const share = shareInWords(seen.current ?? 0);
      throw notYet(
        FailureType.StillMoving,
        nowMs < untilMs
          ? `The candidate has ${share} of the traffic until ${clock(untilMs)}; ${String(split.alarmNames.length)} alarms quiet`
          : `The candidate has ${share} of the traffic; ${judged.kind === 'blind' ? judged.reason : ''}`,
        nowMs < untilMs ? Math.min(pollMs(request), untilMs - nowMs) : pollMs(request),
      );
    },
  };

  function busy(request: ModelRef, status: string) {
    return notYet(
      FailureType.Busy,
      `The endpoint is ${status}; its weights are changed when it is at rest`,
      pollMs(request),
    );
  }
}

const unweighted = (name: string) =>
  notYet(FailureType.NotVisibleYet, `The endpoint ${name} does not show its weights yet`, 5_000);

function restingLooks(): number {
  const details = recall();
  return typeof details === 'object' &&
    details !== null &&
    'resting' in details &&
    typeof details.resting === 'number'
    ? details.resting
    : 0;
}

function changedByHand(
  found: number,
  ours: number,
  failure: string | null,
): Extract<SplitTrouble, { kind: 'changed by hand' }> {
  return {
    kind: 'changed by hand',
    percent: found,
    reason: `the weights give the candidate ${shareInWords(found)} of the traffic, we had set ${shareInWords(ours)}: somebody changed them${failure === null ? '' : `, or SageMaker took ours back (${failure})`}`,
  };
}

/** What DescribeEndpoint says of a split. */
export function splitLook(
  name: string,
  split: Split,
  endpoint: DescribeEndpointOutput | undefined,
): SplitLook {
  const lost = (reason: string): SplitLook => ({ kind: 'lost', reason });
  if (endpoint === undefined) return lost(`the endpoint ${name} was deleted`);
  const status = endpoint.EndpointStatus ?? 'unknown';
  const pending = endpoint.PendingDeploymentSummary?.EndpointConfigName;
  if (endpoint.EndpointConfigName !== split.configName)
    return lost(
      `the endpoint serves ${endpoint.EndpointConfigName ?? 'nothing'}, not ${split.configName}: somebody else updated it`,
    );
  if (pending !== undefined && pending !== split.configName)
    return lost(`${pending} is being deployed to the endpoint, and not by us`);
  if (status === 'Failed' || status === 'OutOfService' || status === 'Deleting')
    return lost(`the endpoint is ${status}`);
  const weights = (which: 'CurrentWeight' | 'DesiredWeight'): number | null => {
    const of = (variant: string): number | null =>
      endpoint.ProductionVariants?.find(({ VariantName }) => VariantName === variant)?.[which] ??
      null;
    return shareOf({ champion: of(split.championVariant), candidate: of(split.candidateVariant) });
  };
  return {
    kind: 'split',
    endpoint,
    status,
    resting: status === 'InService',
    wanted: weights('DesiredWeight'),
    current: weights('CurrentWeight'),
    reason: endpoint.FailureReason ?? null,
  };
}
