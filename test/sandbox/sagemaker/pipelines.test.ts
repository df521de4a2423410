import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import {
  CreateModelPackageCommand,
  CreateModelPackageGroupCommand,
  CreatePipelineCommand,
  DescribeModelCommand,
  DescribePipelineExecutionCommand,
  ListPipelineExecutionsCommand,
  ListPipelineExecutionStepsCommand,
  ListPipelinesCommand,
  StartPipelineExecutionCommand,
  UpdatePipelineCommand,
} from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../../sandbox/aws/store.js';
import { discard, openBench, ROLE, scratch, until } from './support.js';
import type { Bench } from './support.js';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.s3.send(new CreateBucketCommand({ Bucket: 'other' }));
  await create('other', 't'.repeat(40));
});
afterAll(async () => {
  await bench.close();
  discard(bench.home);
});

/** Somebody else's pipeline: an image the sandbox cannot run, and a gate on a parameter. */
const DEFINITION = JSON.stringify({
  Version: '2020-12-01',
  Parameters: [{ Name: 'Gate', Type: 'Float', DefaultValue: 0.5 }],
  Steps: [
    {
      Name: 'Train',
      Type: 'Training',
      Arguments: {
        AlgorithmSpecification: { TrainingImage: 'somebody/else:1', TrainingInputMode: 'File' },
        RoleArn: ROLE,
        OutputDataConfig: { S3OutputPath: 's3://other/out' },
        ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 5 },
        StoppingCondition: { MaxRuntimeInSeconds: 3600 },
      },
    },
    {
      Name: 'Gate',
      Type: 'Condition',
      DependsOn: ['Train'],
      Arguments: {
        Conditions: [
          { Type: 'GreaterThan', LeftValue: { Get: 'Parameters.Gate' }, RightValue: 0.4 },
        ],
        IfSteps: [
          {
            Name: 'Make',
            Type: 'Model',
            Arguments: {
              ExecutionRoleArn: ROLE,
              PrimaryContainer: {
                Image: 'somebody/else:1',
                ModelDataUrl: { Get: 'Steps.Train.ModelArtifacts.S3ModelArtifacts' },
              },
            },
          },
        ],
        ElseSteps: [
          {
            Name: 'TooLow',
            Type: 'Fail',
            Arguments: {
              ErrorMessage: {
                'Std:Join': { On: ' ', Values: ['gate', { Get: 'Parameters.Gate' }] },
              },
            },
          },
        ],
      },
    },
  ],
});

function create(name: string, token: string) {
  return bench.sagemaker.send(
    new CreatePipelineCommand({
      PipelineName: name,
      PipelineDefinition: DEFINITION,
      RoleArn: ROLE,
      ClientRequestToken: token,
    }),
  );
}

async function run(gate: string) {
  const { PipelineExecutionArn } = await bench.sagemaker.send(
    new StartPipelineExecutionCommand({
      PipelineName: 'other',
      ClientRequestToken: `gate-${gate}`.padEnd(40, '-'),
      PipelineParameters: [{ Name: 'Gate', Value: gate }],
    }),
  );
  const execution = await until(
    () => bench.sagemaker.send(new DescribePipelineExecutionCommand({ PipelineExecutionArn })),
    ({ PipelineExecutionStatus: status }) => status !== 'Executing',
  );
  const { PipelineExecutionSteps } = await bench.sagemaker.send(
    new ListPipelineExecutionStepsCommand({ PipelineExecutionArn, SortOrder: 'Ascending' }),
  );
  return { execution, steps: PipelineExecutionSteps ?? [] };
}

describe('somebody else’s pipeline', () => {
  it('goes the way its condition opens', async () => {
    const { execution, steps } = await run('0.6');
    expect(execution.PipelineExecutionStatus).toBe('Succeeded');
    expect(steps.map(({ StepName }) => StepName)).toEqual(['Train', 'Gate', 'Make']);
    expect(steps[1]?.Metadata?.Condition?.Outcome).toBe('True');
    const ModelName = steps[2]?.Metadata?.Model?.Arn?.split('/').at(-1);
    const model = await bench.sagemaker.send(new DescribeModelCommand({ ModelName }));
    expect(model.PrimaryContainer?.ModelDataUrl).toMatch(
      /^s3:\/\/other\/out\/pipelines-.*\/output\/model\.tar\.gz$/,
    );
  });

  it('fails with its own message on the other way', async () => {
    const { execution, steps } = await run('0.1');
    expect(execution.PipelineExecutionStatus).toBe('Failed');
    expect(steps.at(-1)).toMatchObject({
      StepName: 'TooLow',
      StepStatus: 'Failed',
      FailureReason: 'gate 0.1',
    });
  });

  it('lists its executions, newest first', async () => {
    const { PipelineExecutionSummaries } = await bench.sagemaker.send(
      new ListPipelineExecutionsCommand({ PipelineName: 'other' }),
    );
    expect(
      PipelineExecutionSummaries?.map(({ PipelineExecutionStatus: status }) => status),
    ).toEqual(['Failed', 'Succeeded']);
  });
});

describe('a pipeline', () => {
  it('is made once for the same token', async () => {
    const again = await create('other', 't'.repeat(40));
    expect(again.PipelineArn).toBe('arn:aws:sagemaker:us-east-1:111122223333:pipeline/other');
  });

  it('is refused under a name that is taken', async () => {
    await expect(create('other', 'u'.repeat(40))).rejects.toThrow(
      'Pipeline names must be unique within an AWS account and region. Pipeline with name (other) already exists.',
    );
  });

  it('is refused a definition nobody can read', async () => {
    await expect(
      bench.sagemaker.send(
        new UpdatePipelineCommand({ PipelineName: 'other', PipelineDefinition: '{' }),
      ),
    ).rejects.toThrow('Unable to parse pipeline definition');
  });
});

describe('pipelines', () => {
  it('are listed by the beginning of their name, and by when they were made', async () => {
    await create('listed-1', 'v'.repeat(40));
    await create('listed-2', 'w'.repeat(40));
    const list = async (filter: object): Promise<(string | undefined)[]> => {
      const { PipelineSummaries } = await bench.sagemaker.send(new ListPipelinesCommand(filter));
      return (PipelineSummaries ?? []).map(({ PipelineName }) => PipelineName);
    };
    const byName = { SortBy: 'Name', SortOrder: 'Ascending' } as const;
    expect(await list({ ...byName, PipelineNamePrefix: 'listed' })).toEqual([
      'listed-1',
      'listed-2',
    ]);
    expect(await list({ CreatedAfter: new Date(Date.now() + 60_000) })).toEqual([]);
    expect(await list({ CreatedBefore: new Date(Date.now() - 600_000) })).toEqual([]);
    expect(await list({ ...byName, PipelineNamePrefix: 'o' })).toEqual(['other']);
  });
});

/** What a collection held after each line that `call` wrote: what a kill at that point would leave. */
async function afterEachLine<T>(
  call: () => Promise<unknown>,
  read: (store: ReturnType<typeof openStore>) => T,
): Promise<T[]> {
  const lines = (): string[] =>
    readFileSync(join(bench.home, 'journal.jsonl'), 'utf8').split('\n').slice(0, -1);
  const before = lines().length;
  await call();
  const all = lines();
  const seen: T[] = [];
  for (let count = before; count <= all.length; count += 1) {
    const home = scratch();
    writeFileSync(join(home, 'journal.jsonl'), `${all.slice(0, count).join('\n')}\n`);
    const store = openStore(home);
    seen.push(read(store));
    store.close();
    discard(home);
  }
  return seen;
}

describe('a call with a token that a kill cut off', () => {
  it('has started the execution and keeps the token, or neither', async () => {
    const token = 'killed'.padEnd(40, '-');
    const states = await afterEachLine(
      () =>
        bench.sagemaker.send(
          new StartPipelineExecutionCommand({
            PipelineName: 'other',
            PipelineExecutionDisplayName: 'killed',
            ClientRequestToken: token,
          }),
        ),
      (store) => ({
        started: store.entries<{ displayName: string }>(
          'sagemaker.pipelineExecutions',
          ({ displayName }) => displayName === 'killed',
        ).length,
        kept: store.keys('sagemaker.tokens').filter((key) => key.endsWith(token)).length,
      }),
    );
    expect(states.at(0)).toEqual({ started: 0, kept: 0 });
    expect(states.at(-1)).toEqual({ started: 1, kept: 1 });
    for (const { started, kept } of states) expect(started).toBe(kept);
  });

  it('has registered the version, counted it and kept the token, or nothing of it', async () => {
    await bench.sagemaker.send(
      new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'killed' }),
    );
    const states = await afterEachLine(
      () =>
        bench.sagemaker.send(
          new CreateModelPackageCommand({ ModelPackageGroupName: 'killed', ClientToken: 'kill-1' }),
        ),
      (store) => ({
        registered: store.keys('sagemaker.packages').filter((arn) => arn.includes('/killed/'))
          .length,
        counted:
          (store.get<{ nextVersion: number }>('sagemaker.packageGroups', 'killed')?.nextVersion ??
            0) - 1,
        kept: store.keys('sagemaker.packageTokens').filter((key) => key === 'kill-1').length,
      }),
    );
    expect(states.at(-1)).toEqual({ registered: 1, counted: 1, kept: 1 });
    for (const { registered, counted, kept } of states)
      expect([counted, kept]).toEqual([registered, registered]);
  });
});
