import { durationMs } from './duration.js';
import type { Policy } from './policy.schema.js';
import type { PackageReading } from './registry.js';

/** What may be done about a disagreement: put right, put to people, or only shown. */
export const REMEDIES = ['repair', 'ask', 'report'] as const;
export type Remedy = (typeof REMEDIES)[number];

/**
 * Every kind of disagreement between what should be and what is. Each has a section in docs/disagreements.md.
 *
 * `repair` says what the keeper does to put it right; `null` where only people can.
 */
export const DISAGREEMENTS = {
  'endpoint-config-changed': { remedy: 'ask', repair: null },
  'champion-config-deleted': { remedy: 'ask', repair: null },
  'champion-model-deleted': { remedy: 'ask', repair: null },
  'weights-changed': { remedy: 'ask', repair: null },
  'instances-outside-range': { remedy: 'report', repair: null },
  'capture-off': { remedy: 'ask', repair: null },
  'claim-lost': { remedy: 'repair', repair: 'writes the tag again' },
  'claim-taken': { remedy: 'ask', repair: null },
  'alarm-missing': { remedy: 'repair', repair: 'creates the managed alarm again' },
  'alarm-changed': { remedy: 'repair', repair: 'puts the managed alarm right' },
  'alarm-foreign': { remedy: 'ask', repair: null },
  'alarm-left-behind': { remedy: 'repair', repair: 'removes the alarm' },
  'alarm-actions-disabled': { remedy: 'report', repair: null },
  'scaling-target-missing': { remedy: 'repair', repair: 'applies the scaling policy again' },
  'scaling-target-foreign': { remedy: 'ask', repair: null },
  'scaling-target-changed': { remedy: 'repair', repair: 'applies the scaling policy again' },
  'scaling-policy-changed': { remedy: 'repair', repair: 'applies the scaling policy again' },
  'scaling-suspended': { remedy: 'report', repair: null },
  'package-status-changed': { remedy: 'repair', repair: 'sets the status back' },
  'package-rejected-while-serving': { remedy: 'ask', repair: 'rolls the endpoint back' },
  'package-deleted': { remedy: 'ask', repair: null },
  'artefact-changed': { remedy: 'ask', repair: null },
  'artefact-gone': { remedy: 'ask', repair: null },
  'release-workflow-gone': { remedy: 'repair', repair: 'stops and removes what the release made' },
  'ledger-head-behind': { remedy: 'repair', repair: 'reads the head of the ledger again' },
  'ledger-head-gone': { remedy: 'ask', repair: null },
} as const satisfies Readonly<
  Record<string, { readonly remedy: Remedy; readonly repair: string | null }>
>;
export type DisagreementKind = keyof typeof DISAGREEMENTS;
export const DISAGREEMENT_KINDS = Object.keys(DISAGREEMENTS) as readonly DisagreementKind[];

/** Kinds whose remedy has a place of its own in the policy. */
const ANSWERED_ELSEWHERE: ReadonlySet<DisagreementKind> = new Set([
  'package-rejected-while-serving',
]);
/** Kinds that `reconcile.remedies` may name. */
export const REMEDIABLE_KINDS = DISAGREEMENT_KINDS.filter((kind) => !ANSWERED_ELSEWHERE.has(kind));

export interface Disagreement {
  readonly kind: DisagreementKind;
  /** What it is about: an alarm's name, a config, a package. */
  readonly subject: string;
  readonly sentence: string;
}

/** A disagreement that stands, and what is being done about it. */
export interface OpenDisagreement extends Disagreement {
  readonly remedy: Remedy;
  readonly sinceMs: number;
  /** Why it was not repaired, where it should have been. */
  readonly note?: string;
}

/** Two of one key are the same disagreement; another sentence is another one. */
export const keyOf = ({ kind, subject, sentence }: Disagreement): string =>
  `${kind} ${subject}: ${sentence}`;

/** How often the same thing is put right in a day before people are asked: modelkeeper fights nobody. */
const REPAIRS_IN_A_DAY = 3;
const DAY_MS = 24 * 3_600_000;

export interface Repaired {
  readonly kind: DisagreementKind;
  readonly subject: string;
  readonly atMs: number;
}

/**
 * What is to be done about a disagreement.
 *
 * A remedy the policy names wins over the kind's own. What was put right several times in a day is contested:
 * somebody wants it otherwise, and people are asked. A package's status is put back once.
 */
export function remedyFor(
  policy: Policy,
  { kind, subject }: Pick<Disagreement, 'kind' | 'subject'>,
  repaired: readonly Repaired[],
  nowMs: number,
): { readonly remedy: Remedy; readonly contested: boolean } {
  const remedy = wantedRemedy(policy, kind);
  if (remedy !== 'repair') return { remedy, contested: false };
  const limit = kind === 'package-status-changed' ? 1 : REPAIRS_IN_A_DAY;
  const recent = repaired.filter(
    (one) => one.kind === kind && one.subject === subject && nowMs - one.atMs < DAY_MS,
  );
  return recent.length >= limit
    ? { remedy: 'ask', contested: true }
    : { remedy: 'repair', contested: false };
}

const REJECTED = { rollback: 'repair', ask: 'ask', nothing: 'report' } as const;

function wantedRemedy(policy: Policy, kind: DisagreementKind): Remedy {
  const { registry, reconcile, approve } = policy.spec;
  if (kind === 'package-rejected-while-serving')
    return REJECTED[registry.onRejectedWhileServing ?? 'ask'];
  const named = reconcile?.remedies?.[kind];
  if (named !== undefined)
    return named === 'repair' && DISAGREEMENTS[kind].repair === null ? 'ask' : named;
  // Where the registry is a door, whoever takes an approval back may mean it.
  if (kind === 'package-status-changed' && approve.doors.includes('registry')) return 'ask';
  return DISAGREEMENTS[kind].remedy;
}

/** How often everything is compared, when the policy does not say. */
const DEFAULT_EVERY = '6h';
export const reconcileEveryMs = (policy: Policy): number =>
  durationMs(policy.spec.reconcile?.every ?? DEFAULT_EVERY);

/** The next comparison after `nowMs`: spread over the models by their names, so that they do not all ask AWS at once. */
export function nextReconcileMs(policy: Policy, nowMs: number): number {
  const everyMs = reconcileEveryMs(policy);
  const offsetMs = spread(policy.metadata.name) % everyMs;
  return (Math.floor((nowMs - offsetMs) / everyMs) + 1) * everyMs + offsetMs;
}

/** FNV-1a, 32 bits: the same for a name for ever, evenly spread over names. */
function spread(name: string): number {
  let hash = 0x811c9dc5;
  for (const character of name) {
    hash ^= character.codePointAt(0) ?? 0;
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return hash;
}

/** What the keeper takes for granted. */
export interface Expected {
  /** The config that modelkeeper knows of; `null` before anything was seen. */
  readonly configName: string | null;
  /** What was seen of the champion first. */
  readonly seen: Seen | null;
}

export interface Seen {
  readonly configName: string;
  readonly approvalStatus: string | null;
  readonly artefactEtag: string | null;
}

/** What a comparison has read. */
export interface Facts {
  readonly configName: string;
  readonly configExists: boolean;
  readonly modelName: string | null;
  readonly modelExists: boolean;
  readonly weights: readonly {
    readonly variant: string;
    readonly desired: number;
    readonly config: number;
  }[];
  readonly instances: number;
  readonly capturing: boolean;
  /** Value of the keeper's tag; `null` for none. */
  readonly keeper: string | null;
  readonly keeperWanted: string;
  /** `null` for a champion outside of the registry. */
  readonly package: PackageReading | null;
  readonly artefact: { readonly uri: string; readonly etag: string | null } | null;
  readonly alarms: readonly {
    readonly name: string;
    readonly managed: boolean;
    readonly found: boolean;
    readonly differences: readonly string[];
    /** Whose it is, of a managed one that is not ours: nothing else of it is compared. */
    readonly foreign?: string;
    readonly actionsDisabled: boolean;
  }[];
  /** Alarms of ours on the candidate of a rollout that is over. */
  readonly alarmsLeft: readonly string[];
  /** `null` when the policy scales nothing. */
  readonly scaling: {
    readonly differences: readonly {
      /** The scalable target, a scaling policy, an alarm or a schedule, by its name. */
      readonly what: string;
      /** `existence`, or `owner` where the target or the alarm is somebody else's and nothing else of it was compared. */
      readonly field: string;
      readonly was: string;
      readonly is: string;
      readonly ofTarget: boolean;
    }[];
    /** By somebody else than a rollout of ours. */
    readonly suspended: boolean;
  } | null;
  readonly ledger: {
    readonly number: number;
    readonly headThere: boolean;
    readonly nextThere: boolean;
  };
}

/** Everything in which what is differs from what should be; empty when nothing does. */
export function disagreementsIn(
  policy: Policy,
  expected: Expected,
  facts: Facts,
): readonly Disagreement[] {
  return [
    ...aboutEndpoint(policy, expected, facts),
    ...aboutRegistry(expected, facts),
    ...aboutAlarms(facts),
    ...aboutScaling(policy, facts),
    ...aboutLedger(facts),
  ];
}

/** The widest limits of the policy: a schedule may change them by the clock. */
function rangeOf({ spec }: Policy): { readonly min: number; readonly max: number } | null {
  if (spec.scaling === undefined) return null;
  const all = [spec.scaling.instances, ...(spec.scaling.schedule ?? [])];
  return {
    min: Math.min(...all.map(({ min }) => min)),
    max: Math.max(...all.map(({ max }) => max)),
  };
}

function aboutEndpoint(policy: Policy, expected: Expected, facts: Facts): readonly Disagreement[] {
  const found: Disagreement[] = [];
  const { configName } = facts;
  if (expected.configName !== null && expected.configName !== configName)
    found.push({
      kind: 'endpoint-config-changed',
      subject: configName,
      sentence: `the endpoint serves ${configName}; modelkeeper left it on ${expected.configName}`,
    });
  if (!facts.configExists)
    found.push({
      kind: 'champion-config-deleted',
      subject: configName,
      sentence: `the endpoint config ${configName} that serves was deleted: the endpoint cannot be updated or restarted from it`,
    });
  if (facts.modelName !== null && !facts.modelExists)
    found.push({
      kind: 'champion-model-deleted',
      subject: facts.modelName,
      sentence: `the SageMaker model ${facts.modelName} that serves was deleted: new instances cannot start`,
    });
  for (const { variant, desired, config } of facts.weights)
    if (desired !== config)
      found.push({
        kind: 'weights-changed',
        subject: variant,
        sentence: `variant ${variant} has weight ${desired}, its config says ${config}`,
      });
  const range = rangeOf(policy);
  if (range !== null && (facts.instances < range.min || facts.instances > range.max))
    found.push({
      kind: 'instances-outside-range',
      subject: policy.spec.endpoint.variant,
      sentence: `${facts.instances} instances are wanted, the policy says ${range.min} to ${range.max}`,
    });
  const needsCapture = policy.spec.monitor.sources.some(
    (source) =>
      source.kind === 'captured-inputs' ||
      source.kind === 'ground-truth' ||
      source.kind === 'multivariate',
  );
  if (needsCapture && !facts.capturing)
    found.push({
      kind: 'capture-off',
      subject: policy.spec.endpoint.name,
      sentence: 'data capture is switched off: drift and performance cannot be seen',
    });
  if (facts.keeper === null)
    found.push({
      kind: 'claim-lost',
      subject: policy.spec.endpoint.name,
      sentence: 'the tag that claims the endpoint for this keeper was taken off',
    });
  else if (facts.keeper.toLowerCase() !== facts.keeperWanted.toLowerCase())
    found.push({
      kind: 'claim-taken',
      subject: policy.spec.endpoint.name,
      sentence: `the endpoint is claimed by ${facts.keeper}: two keepers must not write to one endpoint; retire one of them`,
    });
  return found;
}

function aboutRegistry(expected: Expected, facts: Facts): readonly Disagreement[] {
  const found: Disagreement[] = [];
  const seen = expected.seen?.configName === facts.configName ? expected.seen : null;
  const registered = facts.package;
  if (registered !== null) {
    const by = registered.lastModifiedBy ?? 'somebody';
    const subject = registered.packageArn;
    if (registered.status === 'gone')
      found.push({
        kind: 'package-deleted',
        subject,
        sentence: `the model package ${subject} that serves was deleted from the registry`,
      });
    else if (registered.approvalStatus === 'Rejected')
      found.push({
        kind: 'package-rejected-while-serving',
        subject,
        sentence: `${by} rejected the model package that serves${registered.description === '' ? '' : `: ${registered.description}`}`,
      });
    else if (
      seen?.approvalStatus === 'Approved' &&
      registered.approvalStatus !== seen.approvalStatus
    )
      found.push({
        kind: 'package-status-changed',
        subject,
        sentence: `${by} set the model package that serves to ${registered.approvalStatus}; it was ${seen.approvalStatus}`,
      });
  }
  const { artefact } = facts;
  if (artefact !== null && artefact.etag === null)
    found.push({
      kind: 'artefact-gone',
      subject: artefact.uri,
      sentence: `the model artefact ${artefact.uri} that serves is gone: new instances cannot start`,
    });
  else if (
    artefact !== null &&
    seen !== null &&
    seen.artefactEtag !== null &&
    seen.artefactEtag !== artefact.etag
  )
    found.push({
      kind: 'artefact-changed',
      subject: artefact.uri,
      sentence: `the model artefact ${artefact.uri} is another one than the one that was deployed: new instances would serve other weights`,
    });
  return found;
}

const foreignAlarm = (name: string, whose: string): Disagreement => ({
  kind: 'alarm-foreign',
  subject: name,
  sentence: `the alarm ${name} is ${whose}, and has the name of a managed one: it is left as it is until it is renamed, deleted or handed over by the tag modelkeeper:model`,
});

const aboutAlarms = (facts: Facts): readonly Disagreement[] => [
  ...facts.alarmsLeft.map((name): Disagreement => ({
    kind: 'alarm-left-behind',
    subject: name,
    sentence: `the alarm ${name} scales a candidate that does not serve any more`,
  })),
  ...facts.alarms.flatMap(
    ({ name, managed, found, differences, foreign, actionsDisabled }): Disagreement[] => {
      if (!found)
        return [
          {
            kind: 'alarm-missing',
            subject: name,
            sentence: managed
              ? `the managed alarm ${name} does not exist`
              : `the alarm ${name} that the policy names does not exist: create it, or take it out of the policy`,
          },
        ];
      if (foreign !== undefined) return [foreignAlarm(name, foreign)];
      if (managed && differences.length > 0)
        return [
          {
            kind: 'alarm-changed',
            subject: name,
            sentence: `the managed alarm ${name} was changed: ${differences.join('; ')}`,
          },
        ];
      return actionsDisabled
        ? [
            {
              kind: 'alarm-actions-disabled',
              subject: name,
              sentence: `the actions of the alarm ${name} are switched off: it goes off and tells nobody`,
            },
          ]
        : [];
    },
  ),
];

function aboutScaling(policy: Policy, { scaling }: Facts): readonly Disagreement[] {
  if (scaling === null) return [];
  const subject = policy.spec.endpoint.variant;
  const found = scaling.differences.map(({ what, field, was, is, ofTarget }): Disagreement => {
    if (!ofTarget && field === 'owner') return foreignAlarm(what, was);
    if (!ofTarget)
      return {
        kind: 'scaling-policy-changed',
        subject: what,
        sentence:
          field === 'existence'
            ? `${what} is ${was}: it is to be ${is}`
            : `${what}: ${field} is ${was}, should be ${is}`,
      };
    if (field === 'owner')
      return {
        kind: 'scaling-target-foreign',
        subject,
        sentence: `the scalable target of variant ${subject} is ${was}: spec.scaling is not applied until it is handed over by the tag modelkeeper:keeper = ${is}`,
      };
    return field === 'existence'
      ? {
          kind: 'scaling-target-missing',
          subject,
          sentence: `variant ${subject} is no scalable target any more`,
        }
      : {
          kind: 'scaling-target-changed',
          subject,
          sentence: `the scalable target of variant ${subject}: ${field} is ${was}, should be ${is}`,
        };
  });
  return scaling.suspended
    ? [
        ...found,
        {
          kind: 'scaling-suspended',
          subject,
          sentence: `somebody suspended the scaling of variant ${subject}`,
        },
      ]
    : found;
}

function aboutLedger({ ledger }: Facts): readonly Disagreement[] {
  const subject = String(ledger.number);
  if (!ledger.headThere)
    return [
      {
        kind: 'ledger-head-gone',
        subject,
        sentence: `entry ${ledger.number} of the ledger, which was written, is not there: restore it from a version of the bucket`,
      },
    ];
  return ledger.nextThere
    ? [
        {
          kind: 'ledger-head-behind',
          subject,
          sentence: `the ledger goes on after entry ${ledger.number}, the last one this keeper knows of`,
        },
      ]
    : [];
}

/** Whether the remedy `repair` can do anything about this one: an alarm of people's own is theirs. */
export const isRepairable = (
  disagreement: Disagreement,
  managedAlarm: (name: string) => boolean,
): boolean =>
  DISAGREEMENTS[disagreement.kind].repair !== null &&
  (disagreement.kind !== 'alarm-missing' || managedAlarm(disagreement.subject));
