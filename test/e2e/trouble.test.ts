/** What goes wrong in an account, and that the work goes on when it is repaired. */
import { DeleteEndpointCommand } from '@aws-sdk/client-sagemaker';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { effective } from './support/aws.js';
import { temporaryFolder, until, untilTrue } from './support/processes.js';
import { Stack } from './support/stack.js';

const folder = temporaryFolder('trouble');
let stack: Stack;

beforeAll(async () => {
  stack = await Stack.boot(folder.path);
}, 120_000);

afterAll(async () => {
  await stack.close();
  folder.remove();
}, 90_000);

const DENIED = {
  operation: 'SageMaker.UpdateEndpoint',
  kind: 'error',
  errorName: 'AccessDeniedException',
  message:
    'User: arn:aws:sts::111122223333:assumed-role/modelkeeper/worker is not authorized to perform: sagemaker:UpdateEndpoint on resource: arn:aws:sagemaker:us-east-1:111122223333:endpoint/permit because no identity-based policy allows the sagemaker:UpdateEndpoint action',
  match: 'permit',
} as const;
const EXPIRED = {
  operation: 'SageMaker.StartPipelineExecution',
  kind: 'error',
  errorName: 'ExpiredTokenException',
  message: 'The security token included in the request is expired',
  match: 'permit',
} as const;

/** `closeTo`'s precision for instants: 10^4.8 / 2 ms, about half a minute. */
const HALF_A_MINUTE = -4.8;

describe('credentials and permissions', () => {
  let policy: string;
  beforeAll(async () => {
    policy = await stack.company('permit');
    await stack.aws.faults([EXPIRED, DENIED]);
    await stack.apply(policy);
    expect(await stack.retrain('permit')).toBe(1);
  });

  it('that have expired are named, and the release goes on when they are renewed', async () => {
    const failure = await until('the console names it', 60_000, async () => {
      const text = await stack.failing('permit', 1);
      return text === '' ? undefined : text;
    });
    expect(failure).toContain(
      'the credentials do not hold for sagemaker:StartPipelineExecution on pipeline/permit-train: renew them',
    );
    expect(failure).toContain(
      'ExpiredTokenException: The security token included in the request is expired',
    );
    await stack.aws.faults([DENIED]);
    await stack.reached('permit', 1, 'trains', ({ executionArn }) => executionArn !== null);
  });

  it('that are missing are named by console, list and status, and the release goes on when they are given', async () => {
    await stack.approve('permit', 1);
    const named =
      'sagemaker:UpdateEndpoint on arn:aws:sagemaker:us-east-1:111122223333:endpoint/permit is missing';
    await untilTrue('the console names it', 60_000, async () =>
      (await stack.failing('permit', 1)).includes(named),
    );
    const page = await fetch(`${stack.console.url}/models/permit/releases/1`);
    expect(await page.text()).toContain(named);
    const status = await stack.command('status', 'permit', '--release', '1');
    expect(status.output).toContain(named);
    expect(effective(await stack.aws.calls(), 'SageMaker.UpdateEndpoint')).toEqual([]);
    await stack.aws.faults([]);
    expect((await stack.ended('permit', 1)).result).toMatchObject({ kind: 'promoted' });
  });

  it('do not make anything happen twice', async () => {
    const executions = await stack.aws.executions('permit-train');
    expect(executions.map((one) => one.PipelineExecutionDisplayName)).toEqual(['permit-1']);
    expect(effective(await stack.aws.calls(), 'SageMaker.UpdateEndpoint')).toHaveLength(1);
  });

  it('leave a keeper that can be terminated and applied again: number, champion and cool-down are known', async () => {
    const before = await until('the keeper knows the end', 30_000, async () => {
      const status = await stack.console.keeper('permit');
      return status?.lastRelease?.release === 1 && status.champion?.configName === 'permit-1'
        ? status
        : undefined;
    });
    const connection = await Connection.connect({
      address: stack.environment['TEMPORAL_ADDRESS'] ?? '',
    });
    await new Client({ connection }).workflow.getHandle('keeper/permit').terminate('a test');
    await connection.close();
    await stack.apply(policy);
    const after = await until('the new keeper has entered its policy', 60_000, async () => {
      const status = await stack.console.keeper('permit');
      return (status?.ledgerHead.number ?? 0) > before.ledgerHead.number ? status : undefined;
    });
    // The keeper has it from its look, up to ten seconds (the interval of hints) and a poll after the release has
    // written it into the ledger: half a minute apart at most.
    const sinceMs = before.champion?.sinceMs ?? Number.NaN;
    expect(after.champion).toMatchObject({
      ...before.champion,
      sinceMs: expect.closeTo(sinceMs, HALF_A_MINUTE) as number,
    });
    expect(after.nextReleaseNumber).toBe(2);
    expect(after.cooldownUntilMs).toBeCloseTo(before.cooldownUntilMs ?? Number.NaN, HALF_A_MINUTE);
    expect(after.budget.used).toBe(1);
    expect(after.ledgerHead.number).toBe(before.ledgerHead.number + 1);
    const verified = await stack.command('ledger', 'permit', 'verify');
    expect(verified.output).toContain('is whole');
  });
});

describe('a rollout', () => {
  let policy: string;
  beforeAll(async () => {
    policy = await stack.company('flaky', (draft) => {
      draft.spec.deploy = { ...draft.spec.deploy, canary: { percent: 50, bake: '30s' } };
    });
    await stack.apply(policy);
  });

  it('whose candidate answers with errors is taken back by its alarm, and says so', async () => {
    const release = await stack.retrain('flaky');
    await stack.aws.faults([
      { operation: '*', kind: 'container error', match: `flaky-${String(release)}` },
    ]);
    await stack.approve('flaky', release);
    const asking = new AbortController();
    const traffic = (async () => {
      while (!asking.signal.aborted) {
        await stack.invoke('flaky').catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    })();
    const { result } = await stack.ended('flaky', release).finally(async () => {
      asking.abort();
      await traffic;
      await stack.aws.faults([]);
    });
    expect(result).toMatchObject({ kind: 'rolled back', configName: 'flaky-first' });
    expect(JSON.stringify(result)).toContain(`modelkeeper-flaky-release-${String(release)}-errors`);
    expect(await stack.aws.endpoint('flaky')).toMatchObject({
      EndpointStatus: 'InService',
      EndpointConfigName: 'flaky-first',
    });
    const [candidate] = await stack.aws.packages('flaky');
    expect(candidate?.ModelApprovalStatus).toBe('Rejected');
  });

  it('that SageMaker takes back without a word is said to have been', async () => {
    await stack.aws.faults([{ operation: '*', kind: 'silent rollback', match: 'flaky', times: 1 }]);
    const release = await stack.retrain('flaky');
    await stack.approve('flaky', release);
    const { result } = await stack.ended('flaky', release);
    expect(result).toMatchObject({ kind: 'rolled back', configName: 'flaky-first' });
    expect(JSON.stringify(result)).toContain('without a word');
    expect(await stack.aws.endpoint('flaky')).toMatchObject({
      EndpointStatus: 'InService',
      EndpointConfigName: 'flaky-first',
    });
  });
});

describe('an endpoint', () => {
  it('that is deleted and created again is noticed, claimed again, and can be released to', async () => {
    const policy = await stack.company('phoenix');
    await stack.apply(policy);
    await stack.aws.sagemaker.send(new DeleteEndpointCommand({ EndpointName: 'phoenix' }));
    await untilTrue('the keeper sees that it is gone', 60_000, async () => {
      const status = await stack.console.keeper('phoenix');
      return status?.endpointStatus === 'absent' && status.verdict === 'unhealthy endpoint';
    });
    await stack.createEndpoint('phoenix');
    await untilTrue('the keeper sees that it is back', 60_000, async () => {
      const status = await stack.console.keeper('phoenix');
      return status?.timeline.some(({ what }) => what.includes('created again')) === true;
    });
    await stack.apply(policy);
    const release = await stack.retrain('phoenix');
    await stack.approve('phoenix', release);
    expect((await stack.ended('phoenix', release)).result).toMatchObject({ kind: 'promoted' });
    expect((await stack.aws.endpoint('phoenix')).EndpointConfigName).toBe(
      `phoenix-${String(release)}`,
    );
  });
});

describe("Temporal's data", () => {
  it('can be lost: apply takes up number, champion and cool-down, and ends the release that was lost', async () => {
    const policy = await stack.company('amnesia');
    await stack.apply(policy);
    expect(await stack.retrain('amnesia')).toBe(1);
    await stack.approve('amnesia', 1);
    await stack.ended('amnesia', 1);
    expect(await stack.retrain('amnesia')).toBe(2);
    await stack.reached('amnesia', 2, 'people are asked', ({ request }) => request !== null);

    await stack.loseTemporal();
    const refused = await stack.command('apply', policy, '--local');
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain('start those that run again');
    await stack.restartWorker();
    await untilTrue('the policy is applied', 60_000, async () => {
      return (await stack.command('apply', policy, '--local')).code === 0;
    });
    const after = await until('the lost release is told as ended', 60_000, async () => {
      const status = await stack.console.keeper('amnesia');
      return status?.lastRelease?.release === 2 ? status : undefined;
    });
    expect(after.lastRelease?.result).toMatchObject({ kind: 'aborted' });
    expect(after.champion?.configName).toBe('amnesia-1');
    expect(after.nextReleaseNumber).toBe(3);
    expect(after.releases).toEqual([]);
    expect(after.cooldownUntilMs).toBeGreaterThan(Date.now());
    expect(await stack.retrain('amnesia')).toBe(3);
    await stack.approve('amnesia', 3);
    expect((await stack.ended('amnesia', 3)).result).toMatchObject({ kind: 'promoted' });
    const executions = await stack.aws.executions('amnesia-train');
    expect(executions.map((one) => one.PipelineExecutionDisplayName)).toEqual([
      'amnesia-1',
      'amnesia-2',
      'amnesia-3',
    ]);
    expect((await stack.command('ledger', 'amnesia', 'verify')).output).toContain('is whole');
  });
});
