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

/** Pipeline parameters with the policy's tokens replaced. A champion outside the registry is `none`. */
export function pipelineParameters(
  parameters: Readonly<Record<string, string>>,
  data: DataWindows,
  champion: Champion | null,
  name: string,
): Record<string, string> {
  const values: Record<(typeof PARAMETER_TOKENS)[number], string> = {
    'window.start': new Date(data.train.fromMs).toISOString(),
    'window.end': new Date(data.train.toMs).toISOString(),
    'holdout.start': new Date(data.holdOut.fromMs).toISOString(),
    'holdout.end': new Date(data.holdOut.toMs).toISOString(),
    'champion.package': champion?.packageArn ?? 'none',
    'release.name': name,
  };
  return Object.fromEntries(
    Object.entries(parameters).map(([parameter, value]) => [
      parameter,
      Object.hasOwn(values, value) ? values[value as keyof typeof values] : value,
    ]),
  );
}
