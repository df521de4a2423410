import { CreateBucketCommand } from '@aws-sdk/client-s3';
import {
  CreatePipelineCommand,
  DescribeModelCommand,
  DescribePipelineExecutionCommand,
  ListPipelineExecutionsCommand,
  ListPipelineExecutionStepsCommand,
  StartPipelineExecutionCommand,
  UpdatePipelineCommand,
} from '@aws-sdk/client-sagemaker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { discard, openBench, ROLE, until } from './support.js';
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
