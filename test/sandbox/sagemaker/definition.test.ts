import { describe, expect, it } from 'vitest';
import {
  allHold,
  dependencies,
  parseDefinition,
  resolve,
} from '../../../sandbox/aws/sagemaker/definition.js';
import type { Scope } from '../../../sandbox/aws/sagemaker/definition.js';

function definition(steps: readonly object[], parameters: readonly object[] = []): string {
  return JSON.stringify({ Version: '2020-12-01', Parameters: parameters, Steps: steps });
}

const step = (Name: string, more: object = {}) => ({
  Name,
  Type: 'Training',
  Arguments: {},
  ...more,
});

describe('a definition', () => {
  it.each([
    ['text that is no JSON', 'nonsense', 'not valid JSON'],
    ['another version', JSON.stringify({ Version: '2019-01-01', Steps: [step('A')] }), 'Version'],
    [
      'a step of a type nobody runs here',
      definition([step('A', { Type: 'EMR' })]),
      'Step A has type EMR',
    ],
    ['a name twice', definition([step('A'), step('A')]), 'duplicate step name A'],
    [
      'a dependency on nothing',
      definition([step('A', { DependsOn: ['B'] })]),
      'depends on step B, which does not exist',
    ],
    [
      'a parameter nobody declared',
      definition([step('A', { Arguments: { X: { Get: 'Parameters.P' } } })]),
      'refers to parameter P',
    ],
    [
      'a cycle',
      definition([
        step('A', { DependsOn: ['B'] }),
        step('B', { Arguments: { X: { Get: 'Steps.A.Arn' } } }),
      ]),
      'cycle: A, B',
    ],
  ])('is refused for %s', (_what, json, message) => {
    expect(() => parseDefinition(json)).toThrow(message);
  });

  it('knows a dependency by the property that is used', () => {
    const [, second] = parseDefinition(
      definition([
        step('A'),
        step('B', {
          Arguments: { X: [{ 'Std:Join': { On: '/', Values: [{ Get: 'Steps.A.Arn' }] } }] },
        }),
      ]),
    ).steps;
    expect(second && [...dependencies(second)]).toEqual(['A']);
  });

  it('has the branches of a condition wait for it', () => {
    const { steps } = parseDefinition(
      definition([
        {
          Name: 'C',
          Type: 'Condition',
          Arguments: { Conditions: [], IfSteps: [step('A')], ElseSteps: [step('B')] },
        },
      ]),
    );
    expect(steps.map(({ Name, branchOf }) => [Name, branchOf?.outcome])).toEqual([
      ['C', undefined],
      ['A', true],
      ['B', false],
    ]);
  });
});

describe('expressions', () => {
  const scope: Scope = {
    parameters: { From: '2001-01-01' },
    execution: { PipelineExecutionId: 'abc' },
    step: () => ({ ModelArtifacts: { S3ModelArtifacts: 's3://m' }, List: [{ Name: 'first' }] }),
    propertyFile: () => ({ metrics: { auc: { value: 0.7 } } }),
  };

  it.each([
    ['a parameter', { Get: 'Parameters.From' }, '2001-01-01'],
    ['the execution', { Get: 'Execution.PipelineExecutionId' }, 'abc'],
    ['a step’s property', { Get: 'Steps.Train.ModelArtifacts.S3ModelArtifacts' }, 's3://m'],
    ['an element of a list', { Get: "Steps.Train.List[0]['Name']" }, 'first'],
    [
      'a join',
      { 'Std:Join': { On: '/', Values: ['s3:/', { Get: 'Execution.PipelineExecutionId' }, 1] } },
      's3://abc/1',
    ],
    [
      'a property file',
      {
        'Std:JsonGet': {
          PropertyFile: { Get: 'Steps.E.PropertyFiles.F' },
          Path: 'metrics.auc.value',
        },
      },
      0.7,
    ],
    ['a nested value', { a: [{ b: { Get: 'Parameters.From' } }] }, { a: [{ b: '2001-01-01' }] }],
  ])('stand for %s', (_what, value, expected) => {
    expect(resolve(value, scope)).toEqual(expected);
  });

  it('fail when there is nothing they could stand for', () => {
    expect(() => resolve({ Get: 'Parameters.To' }, scope)).toThrow(
      'Unable to resolve Parameters.To',
    );
  });
});

describe('conditions', () => {
  const compare = (Type: string, LeftValue: unknown, RightValue: unknown) => ({
    Type,
    LeftValue,
    RightValue,
  });

  it.each([
    [true, compare('GreaterThanOrEqualTo', 0.7, 0.7)],
    [false, compare('GreaterThan', 0.7, 0.7)],
    [true, compare('LessThanOrEqualTo', '0.7', 0.7)],
    [false, compare('LessThan', 0.7, 0.7)],
    [true, compare('Equals', 'a', 'a')],
    [true, { Type: 'In', QueryValue: 'a', Values: ['a', 'b'] }],
    [false, { Type: 'Not', Expression: compare('Equals', 1, 1) }],
    [true, { Type: 'Or', Conditions: [compare('Equals', 1, 2), compare('Equals', 1, 1)] }],
  ])('are %s for %j', (expected, condition) => {
    expect(allHold([condition])).toBe(expected);
  });

  it('hold only together', () => {
    expect(allHold([compare('Equals', 1, 1), compare('Equals', 1, 2)])).toBe(false);
  });
});
