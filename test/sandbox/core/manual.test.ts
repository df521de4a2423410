/** The manual of the local AWS against what it answers: every operation of AWS's models is called with nothing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MODELS } from '../../../sandbox/aws/model/check.js';
import { handleInvocation, sageMakerServices } from '../../../sandbox/aws/sagemaker/index.js';
import { start } from './support.js';

const manual = readFileSync(join(import.meta.dirname, '../../../docs/sandbox.md'), 'utf8');
const rows = manual
  .split('\n')
  .filter((line) => line.startsWith('|') && !line.startsWith('| ---'))
  .join('\n');
const sandbox = await start({
  services: sageMakerServices,
  runtime: handleInvocation,
  strict: false,
  log: () => undefined,
});

/** Services of the Query protocol, by the version of their form. */
const VERSIONS: Readonly<Record<string, string>> = {
  SNS: '2010-03-31',
  STS: '2011-06-15',
  IAM: '2010-05-08',
};
/** Told in prose: what queues and scaling policies can do. */
const IN_PROSE = new Set(['AmazonSQS', 'AnyScaleFrontendService']);

/** Operations that are a path. */
const PATHS: Readonly<Record<string, string>> = {
  InvokeEndpoint: '/endpoints/absent/invocations',
  InvokeEndpointAsync: '/endpoints/absent/async-invocations',
};

async function isAnswered(target: string, operation: string): Promise<boolean> {
  const path = PATHS[operation];
  if (path !== undefined) {
    const answer = await fetch(`${sandbox.url}${path}`, { method: 'POST', body: '1' });
    return /absent of account \d+ not found/.test(await answer.text());
  }
  const version = VERSIONS[target];
  const response = await fetch(sandbox.url, {
    method: 'POST',
    ...(version === undefined
      ? {
          headers: {
            'content-type': 'application/x-amz-json-1.1',
            'x-amz-target': `${target}.${operation}`,
          },
          body: '{}',
        }
      : { body: new URLSearchParams({ Action: operation, Version: version }) }),
  });
  return !/UnknownOperationException|InvalidAction/.test(await response.text());
}

/** By its whole name, or by the thing it is about: `Create, Describe of Model`. */
function isTold(operation: string): boolean {
  const [, thing = operation] = /^[A-Z][a-z]+(.+?)s?$/.exec(operation) ?? [];
  const kind = /(?:Quality|Bias|Explainability)(JobDefinition)$/.exec(thing)?.[1] ?? thing;
  return rows.includes(operation) || rows.includes(kind) || manual.includes(operation);
}

/** Called by paths, not by names: what is asked here would find none of its operations. */
const BY_PATH = new Set(['SageMakerRuntime']);
const services = Object.entries(MODELS)
  .filter(([target]) => !BY_PATH.has(target))
  .map(([target, { operations }]) => [target, Object.keys(operations)] as const);

describe('the manual', () => {
  it.each(services)(
    'tells the operations of %s that are answered, and no others',
    async (target, operations) => {
      const answered: string[] = [];
      for (const operation of operations)
        if (await isAnswered(target, operation)) answered.push(operation);
      expect(answered).not.toEqual([]);
      const untold = answered.filter((operation) => !isTold(operation));
      if (!IN_PROSE.has(target)) expect(untold).toEqual([]);
      const promised = operations.filter(
        (operation) => !answered.includes(operation) && new RegExp(`\\b${operation}\\b`).test(rows),
      );
      expect(promised).toEqual([]);
    },
  );

  it('has no row twice', () => {
    const lines = rows.split('\n').filter((line) => !/^\| (?:Option|What|Service)/.test(line));
    expect(lines.filter((line, at) => lines.indexOf(line) !== at)).toEqual([]);
  });
});
