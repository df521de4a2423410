import { policySchema } from '../domain/policy.schema.js';
import type { ControlActivities } from './contract.js';

/** Faults named to the one who sent it; more of them help nobody. */
const MOST_FAULTS = 10;

export function createPolicyActivities(): Pick<ControlActivities, 'checkPolicy'> {
  return {
    /**
     * Checks a policy that reached a keeper, also one that came past the command line, straight to Temporal.
     *
     * Reads and writes nothing, so twice is once.
     */
    checkPolicy({ policy }) {
      const parsed = policySchema.safeParse(policy);
      const faults = (parsed.error?.issues ?? [])
        .slice(0, MOST_FAULTS)
        .map(({ path, message }) => `${path.map(String).join('.') || 'policy'}: ${message}`);
      return Promise.resolve(faults);
    },
  };
}
