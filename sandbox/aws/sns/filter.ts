import { parsePattern } from '../events/pattern.js';
import type { QueueAttributes } from '../wires.js';
import { invalid } from './errors.js';
import { textFor } from './records.js';
import type { Publication, Subscription } from './records.js';

/** A filter policy reads like an event pattern: on the message's attributes, or on its body. */
export function passesFilter(subscription: Subscription, publication: Publication): boolean {
  const { FilterPolicy: policy, FilterPolicyScope: scope } = subscription.attributes;
  if (policy === undefined || policy === '' || policy === '{}') return true;
  const parsed = parsePattern(policy);
  if (parsed.kind === 'invalid') return false;
  try {
    return parsed.matches(
      scope === 'MessageBody'
        ? JSON.parse(textFor(subscription.protocol, publication))
        : attributeValues(publication.attributes),
    );
  } catch {
    return false; // What is no JSON matches nothing.
  }
}

function attributeValues(attributes: QueueAttributes): unknown {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType, StringValue = '' }]) => [
      name,
      DataType === 'Number'
        ? Number(StringValue)
        : DataType === 'String.Array'
          ? (JSON.parse(StringValue) as unknown)
          : StringValue,
    ]),
  );
}

export function checkFilter(policy: string | undefined, scope?: string): void {
  if (scope !== undefined && scope !== 'MessageAttributes' && scope !== 'MessageBody')
    throw invalid(
      'FilterPolicyScope: Invalid value. Please use either MessageBody or MessageAttributes',
    );
  if (policy === undefined || policy === '' || policy === '{}') return;
  const parsed = parsePattern(policy);
  if (parsed.kind === 'invalid') throw invalid(`FilterPolicy: ${parsed.reason}`);
}
