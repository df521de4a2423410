/** Which earlier versions an endpoint can go back to, and which of them are kept. Pure. */
import { isSplit } from './names.js';

/** An endpoint config of ours, tagged as such. */
export interface KeptConfig {
  readonly name: string;
  readonly createdAtMs: number;
}

/** Whether a name is one that a release of the model gives to its config: `flights-12`, `flights-12-2`, `flights-12-split`. */
export function isConfigOf(model: string, name: string): boolean {
  if (!name.startsWith(`${model}-`)) return false;
  return /^[1-9]\d{0,5}(-[2-9])?(-split)?$/.test(name.slice(model.length + 1));
}

/** The number of the release that made a config of the model, in whichever round. */
const releaseOf = (model: string, name: string): number =>
  Number.parseInt(name.slice(model.length + 1), 10);

const newestFirst = (configs: readonly KeptConfig[]): readonly KeptConfig[] =>
  [...configs].sort((a, b) => b.createdAtMs - a.createdAtMs || (a.name < b.name ? 1 : -1));

/** Configs of one version each, newest first, without the one that serves. */
export const waysBack = (
  model: string,
  configs: readonly KeptConfig[],
  serving: string | null,
): readonly string[] =>
  newestFirst(configs)
    .map(({ name }) => name)
    .filter((name) => name !== serving && !isSplit(model, name));

/**
 * Configs that nobody needs any more: all but those in use or wanted, and the newest `keep` of the others. A config
 * that served two versions is of no use once it does not serve. What a release after `release` has made is on its way:
 * it stays, and takes no place of those kept.
 */
export function outdated(
  model: string,
  configs: readonly KeptConfig[],
  rules: {
    readonly keep: number;
    readonly wanted: readonly string[];
    readonly release?: number | undefined;
  },
): readonly string[] {
  const { release = Number.POSITIVE_INFINITY } = rules;
  const free = newestFirst(configs).filter(
    ({ name }) => !rules.wanted.includes(name) && releaseOf(model, name) <= release,
  );
  const versions = free.filter(({ name }) => !isSplit(model, name));
  const kept = new Set(versions.slice(0, rules.keep).map(({ name }) => name));
  return free.map(({ name }) => name).filter((name) => !kept.has(name));
}

/**
 * What a rollback leaves: no other goes there by itself, or two in a row would put back what the first took away. Who
 * names it takes the first one back.
 */
export const leftBy = (
  rollback: { readonly from: string | null; readonly to: string | null },
  before: string | undefined,
): string | undefined =>
  rollback.to !== null && rollback.to === before ? undefined : (rollback.from ?? undefined);

/** What can still be had, for a person whose wish cannot be met. */
export const waysBackInWords = (names: readonly string[]): string =>
  names.length === 0
    ? 'no earlier endpoint config of this model is left'
    : `still there: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ` and ${names.length - 20} more` : ''}`;

/** A variant and what it runs on; `null` where it has no instances of its own. */
export interface VariantFleet {
  readonly variant: string;
  readonly instanceType: string | null;
}

/**
 * Variants that the way back takes away or puts on other instances. SageMaker refuses that of one that is a scalable
 * target.
 */
export const replacedFleets = (
  serving: readonly VariantFleet[],
  target: readonly VariantFleet[],
): readonly (VariantFleet & { readonly becomes: VariantFleet | undefined })[] =>
  serving
    .map((one) => ({ ...one, becomes: target.find(({ variant }) => variant === one.variant) }))
    .filter(({ instanceType, becomes }) => becomes?.instanceType !== instanceType);

/** Why SageMaker would refuse the way back, and what a person can do. */
export function scaledInWords(
  { variant, instanceType, becomes }: ReturnType<typeof replacedFleets>[number],
  config: string,
  endpoint: string,
): string {
  const has =
    becomes === undefined
      ? `does not have the variant ${variant}`
      : `has the variant ${variant} on ${becomes.instanceType ?? 'no instances'}, and it serves on ${instanceType ?? 'none'}`;
  return `the config ${config} ${has}: SageMaker refuses that of a scalable target, so deregister endpoint/${endpoint}/variant/${variant} in Application Auto Scaling first; what the policy says of scaling is applied again afterwards`;
}
