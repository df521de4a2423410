import { stringify } from 'yaml';

import type { Account, EndpointFacts } from './account.js';
import { componentsFault } from '../domain/hosting.js';
import { hostedAs } from './plan.js';
import { nearest } from './policy-issues.js';

export type Draft =
  | {
      readonly kind: 'draft';
      /** YAML with comments; valid as it is but for the people. */
      readonly text: string;
      /** What was guessed, in words. */
      readonly guesses: readonly string[];
    }
  /** There is no such endpoint. */
  | { readonly kind: 'absent'; readonly reason: string }
  /** It is none that can be kept. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Writes a first policy for an endpoint from what the account says about it. Reads only. */
export async function draftPolicy(
  account: Account,
  request: { readonly endpoint: string; readonly region: string; readonly variant: string },
): Promise<Draft> {
  const endpoint = await account.endpoint(request.endpoint, request.variant);
  if (endpoint === null)
    return {
      kind: 'absent',
      reason: `there is no endpoint '${request.endpoint}' in ${request.region}`,
    };
  const variant = endpoint.variants.some((one) => one.name === request.variant)
    ? request.variant
    : (endpoint.variants[0]?.name ?? request.variant);
  const unfit = componentsFault(hostedAs(endpoint));
  if (unfit !== undefined) return { kind: 'refused', reason: unfit };
  const [groups, pipelines] = await Promise.all([
    account.groups().catch(() => []),
    account.pipelines().catch(() => []),
  ]);
  const group = groupOf(endpoint, groups);
  const pipelineName = guess(endpoint.name, pipelines, ['train', 'pipeline']);
  const pipeline =
    pipelineName === undefined ? null : await account.pipeline(pipelineName).catch(() => null);
  return {
    kind: 'draft',
    text: policyText({ ...request, variant, facts: endpoint, group, pipelineName, pipeline }),
    guesses: [
      group === undefined
        ? 'registry.group: no model package group looks like this endpoint, so write yours'
        : `registry.group: ${group}${endpoint.packageArn === null ? ', by its name' : ', from the package that serves'}`,
      pipelineName === undefined
        ? 'retrain.pipeline: no pipeline looks like this endpoint, so write yours'
        : `retrain.pipeline: ${pipelineName}, by its name`,
      'storage, people, approvers and gates: fill in yours',
      ...(endpoint.capture === null ? [captureWanted(endpoint)] : []),
    ],
  };
}

const captureWanted = ({ variants, asynchronous }: EndpointFacts): string =>
  asynchronous || variants.some(({ serverless }) => serverless)
    ? `${asynchronous ? 'asynchronous' : 'serverless'} endpoints have no data capture: drift is seen by sources that watch alarms, metrics or reports`
    : 'data capture is off: switch it on in the endpoint config, or drift cannot be seen';

/** The group of the package that serves; else the one named most like the endpoint. */
function groupOf(endpoint: EndpointFacts, groups: readonly string[]): string | undefined {
  const serving = /:model-package\/([^/]+)\/\d+$/.exec(endpoint.packageArn ?? '')?.[1];
  return serving ?? guess(endpoint.name, groups, ['models', 'group']);
}

function guess(
  name: string,
  candidates: readonly string[],
  suffixes: readonly string[],
): string | undefined {
  const likely = [name, ...suffixes.map((suffix) => `${name}-${suffix}`)];
  return (
    likely.find((one) => candidates.includes(one)) ??
    candidates.find((candidate) => candidate.toLowerCase().includes(name.toLowerCase())) ??
    nearest(name, candidates)
  );
}

/** Names of our tokens that a parameter of a pipeline could mean. */
const PARAMETER_GUESSES: readonly (readonly [RegExp, string])[] = [
  [/^train.*(from|start)|^(from|start)/i, 'window.start'],
  [/^train.*(to|end)|^(to|end)/i, 'window.end'],
  [/hold.?out.*(from|start)|^(test|eval).*(from|start)/i, 'holdout.start'],
  [/hold.?out.*(to|end)|^(test|eval).*(to|end)/i, 'holdout.end'],
  [/champion/i, 'champion.package'],
  [/release|run.?name/i, 'release.name'],
];

interface Ingredients {
  readonly endpoint: string;
  readonly region: string;
  readonly variant: string;
  readonly facts: EndpointFacts;
  readonly group: string | undefined;
  readonly pipelineName: string | undefined;
  readonly pipeline: Awaited<ReturnType<Account['pipeline']>>;
}

function policyText(from: Ingredients): string {
  const { facts } = from;
  const name = modelName(from.endpoint);
  const capture = facts.capture;
  const account = /^arn:[^:]+:[^:]*:[^:]*:(\d{12}):/.exec(facts.arn)?.[1] ?? '111122223333';
  const parameters = (from.pipeline?.parameters ?? []).map(({ name: parameter, required }) => {
    const token = PARAMETER_GUESSES.find(([pattern]) => pattern.test(parameter))?.[1];
    return token === undefined
      ? `      # ${parameter}: ${required ? 'must be given' : 'has a default'}`
      : `      ${scalar(parameter)}: ${token}`;
  });
  const served = facts.variants.find((one) => one.name === from.variant);
  const canary = served?.serverless !== true && (served?.instances ?? 1) > 1;
  const only =
    served?.serverless === true
      ? ' # serverless: SageMaker has no other'
      : ' # one instance; a canary needs two or more';
  const hasParameters = parameters.some((line) => !line.trimStart().startsWith('#'));
  return `# A first policy for the endpoint ${from.endpoint}. Check every line marked (guess) or (yours).
# docs/policy.md explains each key; \`modelkeeper validate\` and \`modelkeeper plan\` check this file.
apiVersion: modelkeeper/v1
kind: ModelPolicy
metadata:
  name: ${scalar(name)}
spec:
  mode: record # watch and judge, start nothing; write act when you trust it
  endpoint: { name: ${scalar(from.endpoint)}, variant: ${scalar(from.variant)}, region: ${from.region} }
  registry: { group: ${scalar(from.group ?? name)} } # (guess)
  storage: s3://${bucketOf(facts) ?? `modelkeeper-${account}`}/modelkeeper/ # (yours) profiles, reports, evidence, ledger

  # (yours) Who is who: each person with the AWS roles or users that prove it is them.
  people:
    ada@example.com: [arn:aws:iam::${account}:role/ada]
    grace@example.com: [arn:aws:iam::${account}:role/grace]

  monitor:
    every: 1h
    sources:
      - { id: health, kind: alarms, alarms: managed }
${
  capture === null
    ? `      # Data capture is off on this endpoint. Once it is on:
      # - { id: inputs, kind: captured-inputs, window: 6h, baseline: champion }`
    : `      # Capture: ${capture.percent} % of requests under ${capture.prefix}
      - { id: inputs, kind: captured-inputs, window: 6h, baseline: champion }`
}
      # With labels, performance can be judged as well:
      # - { id: quality, kind: ground-truth, labels: 's3://…/labels/', delay: 48h, metric: roc_auc, floor: 0.60 }

  retrain:
    pipeline: ${scalar(from.pipelineName ?? `${name}-train`)} # (guess)
    parameters:${hasParameters ? '' : ' {}'} # window.start, window.end, holdout.start, holdout.end, champion.package, release.name
${parameters.length === 0 ? '' : `${parameters.join('\n')}\n`}    on: [${capture === null ? '' : 'drift'}]
    cooldown: 24h
    budget: { runs: 4, per: 30d }

  evaluate:
    gates: # (yours)
      - { id: no-worse, kind: non_inferior, metric: roc_auc, margin: { absolute: 0.01 } }

  approve:
    approvals: 1
    approvers: [ada@example.com, grace@example.com] # (yours)
    expires: 72h

  deploy:
    strategy: ${canary ? 'canary' : `all-at-once${only}`}
    canary: { percent: ${canary ? Math.min(50, Math.max(10, Math.ceil(100 / (served?.instances ?? 2)))) : 10}, bake: 10m }
    alarms: managed
    probation: { for: 7d, rollBackOn: [alarms] }
`;
}

/** Names such as `123`, `1e3` or `true` are texts: quoted where YAML would take them for something else. */
function scalar(text: string): string {
  return stringify(text).trimEnd();
}

function bucketOf(facts: EndpointFacts): string | undefined {
  return /^s3:\/\/([^/]+)/.exec(facts.capture?.prefix ?? '')?.[1];
}

/** A model's name from an endpoint's: lower case, single dashes, at most 40 characters. */
function modelName(endpoint: string): string {
  return endpoint.toLowerCase().replaceAll(/-+/g, '-').slice(0, 40).replace(/-$/, '');
}
