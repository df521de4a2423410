import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { parse } from 'yaml';

import { pricesSchema, type Policy } from '../domain/policy.schema.js';
import { messageOf } from './errors.js';

export type Priced =
  | { readonly kind: 'policy'; readonly policy: Policy }
  | { readonly kind: 'fault'; readonly message: string };

/** Where a policy names its prices. */
export const PRICES_PATH = 'spec.retrain.budget.prices';
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
    message: `${PRICES_PATH}: ${prices} ${what}; write instance types with US dollars an hour, such as ml.m5.xlarge: 0.23`,
  });
  let text: string | null;
  try {
    text = isLocal(prices) ? await readShort(resolve(dirname(file), prices)) : await readS3(prices);
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
  const checked = pricesSchema.safeParse(list);
  if (!checked.success) {
    const type = String(checked.error.issues[0]?.path[0] ?? '');
    const value: unknown = Object.entries(list).find(([name]) => name === type)?.[1];
    return fault(
      checked.error.issues[0]?.code === 'invalid_key'
        ? `cannot be used: '${type}' is no instance type of SageMaker`
        : `cannot be used: ${type} has ${JSON.stringify(value)}, which is no price above 0 and up to 10,000`,
    );
  }
  if (Object.keys(checked.data).length === 0) return fault('names no price');
  const { retrain } = policy.spec;
  return {
    kind: 'policy',
    policy: {
      ...policy,
      spec: {
        ...policy.spec,
        retrain: { ...retrain, budget: { ...retrain.budget, prices: checked.data } },
      },
    },
  };
}

/** Whether the prices lie in a file beside the policy, and not in S3. */
export const isLocal = (prices: string): boolean => !prices.startsWith('s3://');

/** @throws for what is no regular file: a pipe would be waited for, and a device never ends */
async function readShort(path: string): Promise<string> {
  const facts = await stat(path);
  if (!facts.isFile()) throw new Error('it is not a regular file');
  if (facts.size > MAX_BYTES) throw new Error('it is too long for a list of prices');
  return readFile(path, 'utf8');
}
