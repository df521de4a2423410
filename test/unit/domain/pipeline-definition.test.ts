import { describe, expect, it } from 'vitest';

import {
  declaredParameters,
  parameterFaults,
  plannedJobs,
  stepCount,
  stepNames,
} from '../../../domain/pipeline-definition.js';

const step = (Name: string, over: object = {}) => ({ Name, Type: 'Model', ...over });
const training = (Name: string, machine: unknown, over: object = {}) => ({
  Name,
  Type: 'Training',
  Arguments: {
    ResourceConfig: { InstanceType: machine, InstanceCount: 2 },
    StoppingCondition: { MaxRuntimeInSeconds: 600 },
    ...over,
  },
});
const text = (Steps: readonly object[], Parameters: readonly object[] = []): string =>
  JSON.stringify({ Version: '2020-12-01', Parameters, Steps });

describe('the parameters a pipeline declares', () => {
  it('are read with type, default, enum and lengths', () => {
    expect(
      declaredParameters(
        text(
          [],
          [
            { Name: 'Size', Type: 'String', EnumValues: ['s', 'l'], MinLength: 1, MaxLength: 3 },
            { Name: 'Epochs', Type: 'Integer', DefaultValue: 3 },
            { Nameless: true },
          ],
        ),
      ),
    ).toEqual([
      {
        name: 'Size',
        type: 'String',
        defaultValue: null,
        enumValues: ['s', 'l'],
        minLength: 1,
        maxLength: 3,
      },
      {
        name: 'Epochs',
        type: 'Integer',
        defaultValue: '3',
        enumValues: null,
        minLength: null,
        maxLength: null,
      },
    ]);
  });
  it.each([undefined, '', '{', '7'])('are not known of %j', (definition) => {
    expect(declaredParameters(definition)).toBeNull();
  });
});

describe('a value for a parameter', () => {
  const fault = (declared: object, value: string): string | undefined =>
    parameterFaults('train', declaredParameters(text([], [{ Name: 'P', ...declared }])) ?? [], {
      P: value,
    })[0]?.message;
  it.each([
    [{ Type: 'Integer' }, '12', '1.5', 'it takes a whole number'],
    [{ Type: 'Integer' }, '-3', '', 'it takes a whole number'],
    [{ Type: 'Float' }, '1e-3', 'NaN', 'it takes a number'],
    [{ Type: 'Float' }, '0', ' ', 'it takes a number'],
    [{ Type: 'Boolean' }, 'True', 'yes', 'it takes true or false'],
    [{ Type: 'String', EnumValues: ['a', 'b'] }, 'b', 'c', 'it takes a or b'],
    [{ Type: 'String', MinLength: 2 }, 'ab', 'a', 'it takes 2 characters or more'],
    [{ Type: 'String', MaxLength: 2 }, 'ab', 'abc', 'it takes at most 2 characters'],
  ])('of %j may be %j and not %j', (declared, good, bad, sentence) => {
    expect(fault(declared, good)).toBeUndefined();
    expect(fault(declared, bad)).toBe(
      `'${bad}' is no value of the parameter 'P' of the pipeline 'train': ${sentence}`,
    );
  });
  it('of a type nobody knows is left to SageMaker', () => {
    expect(fault({ Type: 'Date' }, 'whatever')).toBeUndefined();
  });
  it('must be there when there is no default', () => {
    const declared = declaredParameters(text([], [{ Name: 'P', Type: 'String' }])) ?? [];
    expect(parameterFaults('train', declared, {})[0]?.message).toMatch("needs the parameter 'P'");
  });
});

describe('the steps of a pipeline', () => {
  const condition = step('Gate', {
    Type: 'Condition',
    Arguments: {
      IfSteps: [step('Register'), step('Tell')],
      ElseSteps: [training('Again', 'ml.m5.large')],
    },
  });
  it('are counted with the longer branch of a condition', () => {
    expect(stepCount(text([training('Train', 'ml.m5.xlarge'), condition]))).toBe(4);
    expect(stepCount('nonsense')).toBeNull();
  });
  it('are named on the first level, from where they can be selected', () => {
    expect(stepNames(text([training('Train', 'x'), condition]))).toEqual(['Train', 'Gate']);
  });
  it('plan what checks and transforms run on, and nothing known of what tunes: its price is unknown', () => {
    const machines = { InstanceType: 'ml.m5.large', InstanceCount: 3 };
    const definition = text([
      {
        Name: 'Check',
        Type: 'QualityCheck',
        Arguments: {
          ProcessingResources: { ClusterConfig: machines },
          StoppingCondition: { MaxRuntimeInSeconds: 60 },
        },
      },
      { Name: 'Score', Type: 'Transform', Arguments: { TransformResources: machines } },
      { Name: 'Tune', Type: 'Tuning', Arguments: {} },
    ]);
    const planned = plannedJobs(definition, {});
    expect(
      planned.map(({ step: name, instanceType, instances, maxRuntimeSeconds }) => [
        name,
        instanceType,
        instances,
        maxRuntimeSeconds,
      ]),
    ).toEqual([
      ['Check', 'ml.m5.large', 3, 60],
      ['Score', 'ml.m5.large', 3, 86_400],
      ['Tune', null, 1, 86_400],
    ]);
  });
  it('plan jobs of all branches, on the machines that parameters name', () => {
    const definition = text(
      [
        training('Train', { Get: 'Parameters.Machine' }),
        condition,
        {
          Name: 'Score',
          Type: 'Processing',
          Arguments: {
            ProcessingResources: { ClusterConfig: { InstanceType: { Get: 'Steps.X' } } },
          },
        },
      ],
      [{ Name: 'Machine', Type: 'String', DefaultValue: 'ml.m5.xlarge' }],
    );
    expect(plannedJobs(definition, {})).toEqual([
      {
        step: 'Train',
        instanceType: 'ml.m5.xlarge',
        instances: 2,
        maxRuntimeSeconds: 600,
        usage: 'training job',
      },
      {
        step: 'Again',
        instanceType: 'ml.m5.large',
        instances: 2,
        maxRuntimeSeconds: 600,
        usage: 'training job',
      },
      {
        step: 'Score',
        instanceType: null,
        instances: 1,
        maxRuntimeSeconds: 86_400,
        usage: 'processing job',
      },
    ]);
    expect(plannedJobs(definition, { Machine: 'ml.c5.xlarge' })[0]?.instanceType).toBe(
      'ml.c5.xlarge',
    );
  });
});
