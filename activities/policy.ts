import { faultsInWords } from '../domain/policy-shape.js';
import { policySchema } from '../domain/policy.schema.js';
import type { ControlActivities } from './contract.js';

export function createPolicyActivities(): Pick<ControlActivities, 'checkPolicy'> {
  return {
    /**
     * Checks a policy that reached a keeper, also one that came past the command line, straight to Temporal.
     *
     * Reads and writes nothing, so twice is once.
     */
    checkPolicy({ policy }) {
      const parsed = policySchema.safeParse(policy);
      return Promise.resolve(faultsInWords(parsed.error?.issues ?? []));
    },
  };
}
