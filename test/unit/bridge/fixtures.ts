import { readFileSync } from 'node:fs';

import { parseBody, type BridgeEvent } from '../../../client/bridge/events.schema.js';
import type { ModelPlace } from '../../../client/replies.js';

export interface Sample {
  [member: string]: unknown;
  detail: Record<string, unknown>;
}

/** One of AWS's published samples. */
export function sample(name: string): Sample {
  const text = readFileSync(new URL(`../../fixtures/events/${name}.json`, import.meta.url), 'utf8');
  return JSON.parse(text) as Sample;
}

export function eventOf(value: unknown): BridgeEvent {
  const parsed = parseBody(JSON.stringify(value));
  if (parsed.kind === 'unreadable') throw new Error(parsed.reason);
  return parsed.event;
}

export function place(model: string, changes: Partial<ModelPlace> = {}): ModelPlace {
  return {
    model,
    endpoint: model,
    region: 'us-east-1',
    group: model,
    pipeline: `${model}-train`,
    storage: 's3://ml-artefacts/modelkeeper/',
    alarms: [],
    ...changes,
  };
}
