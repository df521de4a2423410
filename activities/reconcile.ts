import {
  disagreementsIn,
  keyOf,
  nextReconcileMs,
  type Disagreement,
  type Facts,
  type Seen,
} from '../domain/disagreements.js';
import { FailureType } from '../domain/failures.js';
import { hardwareOf } from '../domain/instances.js';
import { managedAlarms, type AlarmSpec } from '../domain/managed-alarms.js';
import { keeperId } from '../domain/names.js';
import { clock } from '../domain/watch.js';
import { ALARM_OWNER, alarmFaults, alarmsLeftBehind, describeAlarms, MODEL_TAG } from './alarms.js';
import type { ControlActivities, ModelRef, Reconciliation } from './contract.js';
import type { ControlDeps } from './deps.js';
import { keeperOf } from './endpoint.js';
import { notYet } from './heartbeat.js';
import { AT_ONCE } from './in-use.js';
import {
  describePackage,
  hostedVariant,
  ledgerUri,
  lookAtEndpoint,
  readTags,
  type EndpointLook,
} from './read.js';
import { packageReading } from './registry.js';
import { headObject, inParallel } from './s3.js';
import { SCALABLE_TARGET, SUSPENSION_TAG } from './scaling.js';
import { clientsFor, ownClients } from './stage-clients.js';

export function createReconcileActivities(
  deps: ControlDeps,
  scaling: Pick<ControlActivities, 'repairScaling' | 'readScaling'>,
): Pick<ControlActivities, 'reconcile'> {
  const clients = clientsFor(deps, 'deploy');

  const readFacts = async (
    ref: ModelRef & { readonly ledgerHead: number },
    look: EndpointLook,
  ): Promise<Facts> => {
    const { sagemaker, cloudwatch } = clients(ref);
    const ledger = ownClients(deps, ref).s3;
    const { spec } = ref.policy;
    const { reading } = look;
    const { champion } = reading;
    const tags = await readTags(sagemaker, reading.arn);
    const [registered, artefact, alarms, alarmsLeft, scaled, head, next] = await Promise.all([
      champion?.packageArn == null
        ? null
        : describePackage(clientsFor(deps, 'approve')(ref).sagemaker, champion.packageArn).then(
            (found) => packageReading(champion.packageArn ?? '', found),
          ),
      champion?.modelDataUrl == null
        ? null
        : headObject(clientsFor(deps, 'train')(ref).s3, champion.modelDataUrl).then((found) => ({
            uri: champion.modelDataUrl ?? '',
            etag: found?.etag ?? null,
          })),
      readAlarms(cloudwatch, ref, look),
      alarmsLeftBehind(cloudwatch, ref.model, [reading.configName, reading.pendingConfigName]),
      spec.scaling === undefined ? null : readScaling(ref, tags),
      ref.ledgerHead === 0
        ? true
        : headObject(ledger, ledgerUri(spec.storage, ref.model, ref.ledgerHead)).then(isThere),
      headObject(ledger, ledgerUri(spec.storage, ref.model, ref.ledgerHead + 1)).then(isThere),
    ]);
    const served = look.endpoint?.ProductionVariants ?? [];
    const variants = look.config?.ProductionVariants ?? [];
    return {
      configName: reading.configName ?? '',
      configExists: look.config !== null,
      modelName: look.variant?.ModelName ?? null,
      modelExists: look.model !== null,
      weights: variants.flatMap((one) => {
        const now = served.find((other) => other.VariantName === one.VariantName);
        return now?.DesiredWeight === undefined || one.InitialVariantWeight === undefined
          ? []
          : [
              {
                variant: one.VariantName ?? '',
                desired: now.DesiredWeight,
                config: one.InitialVariantWeight,
              },
            ];
      }),
      instances:
        served.find((one) => one.VariantName === spec.endpoint.variant)?.DesiredInstanceCount ??
        reading.instances,
      capturing: reading.capturePrefix !== null,
      keeper: keeperOf(tags) ?? null,
      keeperWanted: keeperId(ref.model),
      package: registered,
      artefact,
      alarms,
      alarmsLeft,
      scaling: scaled,
      ledger: { number: ref.ledgerHead, headThere: head, nextThere: next },
    };
  };

  const readScaling = async (
    ref: ModelRef,
    tags: ReadonlyMap<string, string>,
  ): Promise<Facts['scaling']> => {
    const [differences, { suspended }] = await Promise.all([
      scaling.repairScaling({ ...ref, compareOnly: true }),
      scaling.readScaling(ref),
    ]);
    return {
      differences: differences.map((one) => ({
        ...one,
        ofTarget: one.what === SCALABLE_TARGET,
      })),
      suspended: suspended && !tags.has(SUSPENSION_TAG),
    };
  };

  return {
    /**
     * Compares everything the keeper is answerable for with what is there. Reads only, so twice is as harmless as
     * once; about ten calls, and one for each managed alarm.
     *
     * What the keeper knows already is quiet: throws `Quiet`, and the retry is the next comparison. An endpoint in
     * motion is not compared: what it will be is not settled.
     */
    async reconcile(request) {
      const nowMs = deps.now();
      const { policy, expected, known, once, notBeforeMs } = request;
      const quiet = (sentence: string, nextMs: number) =>
        notYet(FailureType.Quiet, `${sentence}; next comparison ${clock(nextMs)}`, nextMs - nowMs);
      if (once !== true && nowMs < notBeforeMs) throw quiet('Nothing to compare yet', notBeforeMs);
      const look = await lookAtEndpoint(clients(request).sagemaker, policy.spec.endpoint, nowMs);
      const nextMs = nextReconcileMs(policy, nowMs);
      if (look.reading.status !== 'InService' || look.reading.pendingConfigName !== null) {
        const sentence = `The endpoint is ${look.reading.status}: it is compared when it is at rest`;
        if (once !== true) throw quiet(sentence, nextMs);
        return { atMs: nowMs, compared: false, disagreements: [], seen: expected.seen };
      }
      const facts = await readFacts(request, look);
      const accepted = new Set(request.accepted);
      const disagreements = disagreementsIn(policy, expected, facts).filter(
        (one) => !accepted.has(keyOf(one)),
      );
      const told: Reconciliation = {
        atMs: nowMs,
        compared: true,
        disagreements,
        seen: seenIn(facts, expected.seen),
      };
      if (
        once === true ||
        !sameKeys(disagreements, known) ||
        expected.seen?.configName !== facts.configName
      )
        return told;
      throw quiet(
        `${disagreements.length === 0 ? 'Everything agrees' : `${disagreements.length} disagreements stand, none new`} at ${clock(nowMs)}`,
        nextMs,
      );
    },
  };
}

const isThere = (found: unknown): boolean => found !== undefined;

const sameKeys = (found: readonly Disagreement[], known: readonly string[]): boolean => {
  const keys = new Set(found.map(keyOf));
  return keys.size === new Set(known).size && known.every((key) => keys.has(key));
};

/** What the first comparison saw of a champion stays what later ones are measured by. */
function seenIn(facts: Facts, before: Seen | null): Seen {
  if (before?.configName === facts.configName) return before;
  return {
    configName: facts.configName,
    approvalStatus: facts.package?.approvalStatus ?? null,
    artefactEtag: facts.artefact?.etag ?? null,
  };
}

/** The managed alarms as they are, and people's own by whether they are there and may act. */
async function readAlarms(
  cloudwatch: Parameters<typeof describeAlarms>[0],
  { policy, model }: ModelRef,
  look: EndpointLook,
): Promise<Facts['alarms']> {
  const { monitor } = policy.spec;
  const hardware = hardwareOf(look.variant?.InstanceType, monitor.instanceTypes);
  const hosted = hostedVariant(look.config, policy.spec.endpoint.variant);
  const specs = new Map<string, AlarmSpec | null>();
  for (const source of monitor.sources) {
    if (source.kind !== 'alarms') continue;
    if (source.alarms === 'managed')
      for (const spec of managedAlarms(policy, source.id, hardware, hosted))
        specs.set(spec.name, spec);
    else for (const name of source.alarms) specs.set(name, null);
  }
  if (specs.size === 0) return [];
  const found = await describeAlarms(cloudwatch, [...specs.keys()]);
  // The tags of each alarm are a call of their own.
  return inParallel([...specs], AT_ONCE, async ([name, spec]) => {
    const alarm = found.get(name);
    const acts = (alarm?.AlarmActions?.length ?? 0) > 0;
    const faults =
      spec === null || alarm === undefined
        ? []
        : await alarmFaults(cloudwatch, spec, alarm, { [MODEL_TAG]: model });
    const foreign = faults.find(({ field }) => field === ALARM_OWNER);
    return {
      name,
      managed: spec !== null,
      found: alarm !== undefined,
      differences: faults.map(({ field, was, is }) => `${field} is ${was}, should be ${is}`),
      ...(foreign === undefined ? {} : { foreign: foreign.was }),
      actionsDisabled: acts && alarm?.ActionsEnabled === false,
    };
  });
}
