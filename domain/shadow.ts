/** A shadow test: the candidate answers copies of live requests before any caller depends on it. */
import { MAX_AWS_NAME } from './names.js';
import type { PolicySpec } from './policy.schema.js';

/** Percent of the requests that are copied. */
export const sampleOf = (shadow: NonNullable<PolicySpec['deploy']['shadow']>): number =>
  shadow.sample ?? 50;

/** Config of a release's shadow test. */
export const shadowConfigName = (configName: string): string => `${configName}-shadow`;

/** Whether a config is of a shadow test of the model: the champion serves in it all the same. */
export function isShadowConfig(model: string, configName: string): boolean {
  const prefix = `${model}-`;
  return (
    configName.startsWith(prefix) &&
    /^\d{1,6}(?:-[2-9])?-shadow$/.test(configName.slice(prefix.length))
  );
}

const SUFFIX = '-shadow';

/** Variant that takes the copies; not the policy's, whose alarms, capture and scaling belong to the one that stays. */
export function shadowVariantName(variant: string): string {
  const named = (room: number): string => `${variant.slice(0, room).replace(/-+$/, '')}${SUFFIX}`;
  const room = MAX_AWS_NAME - SUFFIX.length;
  return named(room) === variant ? named(room - 1) : named(room);
}

/** What a config says of whether it can have a shadow. */
export interface Shadowable {
  readonly variants: readonly {
    readonly name: string;
    readonly serverless: boolean;
    readonly hasModel: boolean;
  }[];
  readonly asynchronous: boolean;
  readonly shadowed: boolean;
  /** Containers of champion and candidate. */
  readonly containers: readonly number[];
  readonly multiModel: boolean;
}

/** Why SageMaker gives this endpoint no shadow, and what to change; empty when it does. */
export function shadowFaults(of: Shadowable): readonly string[] {
  const why = [
    ...(of.asynchronous ? ['it is asynchronous'] : []),
    ...(of.variants.some(({ serverless }) => serverless) ? ['it is serverless'] : []),
    ...(of.variants.some(({ hasModel }) => !hasModel) ? ['it hosts inference components'] : []),
    ...(of.variants.length === 1 ? [] : [`it has ${of.variants.length} variants`]),
    ...(of.shadowed ? ['it has a shadow variant already'] : []),
    ...(of.containers.some((count) => count > 1) ? ['its model has several containers'] : []),
    ...(of.multiModel ? ['it hosts many models in one container'] : []),
  ];
  return why.length === 0
    ? []
    : [
        `a shadow test needs a real-time endpoint with one variant of one model, and ${why.join(' and ')}: take deploy.shadow out of the policy`,
      ];
}
