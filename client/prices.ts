import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { parse } from 'yaml';

import { policySchema, type Policy } from '../domain/policy.schema.js';
import { messageOf } from './errors.js';

export type Priced =
  | { readonly kind: 'policy'; readonly policy: Policy }
  | { readonly kind: 'fault'; readonly message: string };

/** A price list is short: one line for each instance type. */
const MAX_BYTES = 262_144;

/**
 * Puts the prices into a policy that names the file they are in: YAML or JSON, `ml.m5.xlarge: 0.23` a line.
 *
 * The keeper never reads the file: what is applied is what it was at that moment, and is part of the policy's digest.
 *
 * @param file of the policy; a relative path begins beside it
 * @param readS3 first bytes of an object as text; `null` when there is none
 */
export async function withPrices(
  policy: Policy,
  file: string,
  readS3: (uri: string) => Promise<string | null>,
): Promise<Priced> {
  const { prices } = policy.spec.retrain.budget;
  if (typeof prices !== 'string') return { kind: 'policy', policy };
  const fault = (what: string): Priced => ({
    kind: 'fault',
    message: `spec.retrain.budget.prices: ${prices} ${what}; write instance types with US dollars an hour, such as ml.m5.xlarge: 0.23`,
  });
  let text: string | null;
  try {
    text = prices.startsWith('s3://')
      ? await readS3(prices)
      : await readFile(resolve(dirname(file), prices), 'utf8');
  } catch (error) {
    return fault(`cannot be read: ${messageOf(error)}`);
  }
  if (text === null) return fault('is not there');
  if (Buffer.byteLength(text) > MAX_BYTES) return fault('is too long for a list of prices');
  let list: unknown;
  try {
    list = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    return fault(`is neither YAML nor JSON: ${messageOf(error)}`);
  }
  if (typeof list !== 'object' || list === null || Array.isArray(list))
    return fault('is no list of prices');
  const { retrain } = policy.spec;
  const parsed = policySchema.safeParse({
    ...policy,
    spec: {
      ...policy.spec,
      retrain: { ...retrain, budget: { ...retrain.budget, prices: list } },
    },
  });
  if (parsed.success) return { kind: 'policy', policy: parsed.data };
  const [issue] = parsed.error.issues;
  return fault(
    `cannot be used: ${issue?.path.slice(4).map(String).join('.') ?? ''} ${issue?.message ?? ''}`,
  );
}
