/** Which names of models can be had: AWS names everything that is built from them in 63 characters. */
import {
  evaluationName,
  MAX_AWS_NAME,
  MAX_RELEASE,
  MAX_ROUNDS,
  MAX_TRIES,
  releaseName,
  roundName,
  splitName,
  tryName,
} from './names.js';
import type { PolicySpec } from './policy.schema.js';
import { shadowConfigName } from './shadow.js';
import { stagingName } from './staging.js';

type Named = Pick<PolicySpec, 'deploy' | 'retrain'>;

/** The longest name that a release of the model may give to something of SageMaker's, with what the policy switches on. */
export function longestName(model: string, { deploy, retrain }: Named): string {
  const name = roundName(releaseName(model, MAX_RELEASE), MAX_ROUNDS);
  return [
    name,
    ...(deploy.strategy === 'steps' ? [splitName(name)] : []),
    ...(deploy.shadow === undefined ? [] : [shadowConfigName(name)]),
    ...(deploy.staging === undefined ? [] : [stagingName(name)]),
    ...(retrain.trainingJob === undefined ? [] : [evaluationName(tryName(name, MAX_TRIES))]),
  ].reduce((longest, one) => (one.length > longest.length ? one : longest));
}

/** Why AWS would refuse a name that is built from the model's, in words; `undefined` if it never does. */
export function modelNameFault(model: string, spec: Named): string | undefined {
  const longest = longestName(model, spec);
  const over = longest.length - MAX_AWS_NAME;
  return over <= 0
    ? undefined
    : `is too long by ${over}: AWS takes names of ${MAX_AWS_NAME} characters, and a release may have to name something ${longest}; use a name of at most ${model.length - over} characters`;
}
