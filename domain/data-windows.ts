import { durationMs } from './duration.js';
import type { Champion, DataWindows } from './model.js';
import type { PARAMETER_TOKENS, PolicySpec } from './policy.schema.js';

/**
 * The rows a candidate is trained and judged on: the latest whose labels are there, the held-out part last.
 *
 * All instants are rounded down to whole seconds: many a pipeline reads no more of an ISO instant.
 */
export function dataWindows(retrain: PolicySpec['retrain'], nowMs: number): DataWindows {
  const toMs = wholeSecond(nowMs - durationMs(retrain.dataDelay));
  const splitMs = wholeSecond(toMs - durationMs(retrain.holdOut));
  return {
    train: { fromMs: wholeSecond(splitMs - durationMs(retrain.window)), toMs: splitMs },
    holdOut: { fromMs: splitMs, toMs },
  };
}

const wholeSecond = (ms: number): number => Math.floor(ms / 1_000) * 1_000;

/** Everything that tokens may stand for. */
export interface TokenValues {
  readonly data: DataWindows;
  readonly champion: Champion | null;
  /** The release's name of this round. */
  readonly name: string;
  readonly release: number;
  readonly model: string;
  readonly endpoint: string;
  readonly storage: string;
}

const iso = (ms: number): string => new Date(ms).toISOString();
/** The day an instant falls on, in UTC: `2026-03-01`. */
const day = (ms: number): string => iso(ms).slice(0, 10);

/** Where the files lie that a release's jobs hand over: `<storage>/training/<model>/<name>/results/`. */
export const resultsAddress = (storage: string, model: string, name: string): string =>
  `${storage.replace(/\/+$/, '')}/training/${model}/${name}/results/`;

/** Settings with the policy's tokens replaced. A champion outside the registry is `none`. */
export function withTokens(
  settings: Readonly<Record<string, string>>,
  of: TokenValues,
): Record<string, string> {
  const { data, champion } = of;
  const values: Record<(typeof PARAMETER_TOKENS)[number], string> = {
    'window.start': iso(data.train.fromMs),
    'window.end': iso(data.train.toMs),
    'window.startDate': day(data.train.fromMs),
    'window.endDate': day(data.train.toMs),
    'holdout.start': iso(data.holdOut.fromMs),
    'holdout.end': iso(data.holdOut.toMs),
    'holdout.startDate': day(data.holdOut.fromMs),
    'holdout.endDate': day(data.holdOut.toMs),
    'champion.package': champion?.packageArn ?? 'none',
    'champion.modelData': champion?.modelDataUrl ?? 'none',
    'champion.image': champion?.image ?? 'none',
    'release.name': of.name,
    'release.number': String(of.release),
    'model.name': of.model,
    'endpoint.name': of.endpoint,
    storage: of.storage,
    results: resultsAddress(of.storage, of.model, of.name),
  };
  return Object.fromEntries(
    Object.entries(settings).map(([setting, value]) => [
      setting,
      Object.hasOwn(values, value) ? values[value as keyof typeof values] : value,
    ]),
  );
}
