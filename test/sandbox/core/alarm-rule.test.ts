import { describe, expect, it } from 'vitest';
import { parseCompositeRule } from '../../../sandbox/aws/cloudwatch/composite.js';
import { evaluate } from '../../../sandbox/aws/cloudwatch/evaluate.js';
import type {
  AlarmRule,
  AlarmState,
  MissingData,
} from '../../../sandbox/aws/cloudwatch/evaluate.js';

const TREATMENTS: readonly MissingData[] = ['missing', 'ignore', 'breaching', 'notBreaching'];

/** `-` no data, `0` not breaching, `X` breaching; oldest first, a minute each. */
function range(text: string) {
  return text
    .split(' ')
    .map((mark, at) =>
      mark === '-'
        ? undefined
        : { atMs: at * 60_000, value: mark === 'X' ? 10 : 0, sampleCount: 1 },
    );
}

function rule(more: Partial<AlarmRule>): AlarmRule {
  return {
    comparison: 'GreaterThanThreshold',
    threshold: 5,
    evaluationPeriods: 3,
    datapointsToAlarm: 3,
    treatMissingData: 'missing',
    leastSampleCount: 0,
    ...more,
  };
}

describe('an alarm treats missing data as the tables of the user guide say', () => {
  const stay = undefined;
  const none = 'INSUFFICIENT_DATA';
  it.each<[number, string, readonly (AlarmState | undefined)[]]>([
    [3, '0 - X - X', ['OK', 'OK', 'OK', 'OK']],
    [3, '0 - - - -', ['OK', 'OK', 'OK', 'OK']],
    [3, '- - - - -', [none, stay, 'ALARM', 'OK']],
    [3, '0 X X - X', ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
    [3, '- - X - -', ['ALARM', stay, 'ALARM', 'OK']],
    [2, '0 - X - X', ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
    [2, '0 0 X 0 X', ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
    [2, '0 - X - -', ['OK', 'OK', 'ALARM', 'OK']],
    [2, '- - - - 0', ['OK', 'OK', 'ALARM', 'OK']],
    [2, '- - - X -', ['ALARM', stay, 'ALARM', 'OK']],
  ])('%i of 3 with %s', (datapointsToAlarm, text, expected) => {
    const found = TREATMENTS.map(
      (treatMissingData) =>
        evaluate(rule({ datapointsToAlarm, treatMissingData }), range(text))?.state,
    );
    expect(found).toEqual(expected);
  });
});

describe('an alarm', () => {
  it.each<[AlarmRule['comparison'], number, AlarmState]>([
    ['GreaterThanThreshold', 5, 'OK'],
    ['GreaterThanOrEqualToThreshold', 5, 'ALARM'],
    ['LessThanThreshold', 5, 'OK'],
    ['LessThanOrEqualToThreshold', 5, 'ALARM'],
  ])('compares with %s at the threshold itself', (comparison, value, state) => {
    const points = [{ atMs: 0, value, sampleCount: 1 }];
    expect(
      evaluate(rule({ comparison, evaluationPeriods: 1, datapointsToAlarm: 1 }), points)?.state,
    ).toBe(state);
  });

  it('does not go off early for the first breaching point of several', () => {
    expect(evaluate(rule({}), range('- - - - X'))?.state).toBe('OK');
  });

  it('forgets what is older than the periods it evaluates', () => {
    expect(evaluate(rule({}), range('X X X 0 0'))?.state).toBe('OK');
    expect(evaluate(rule({}), range('0 0 X X X'))?.state).toBe('ALARM');
  });

  it('leaves the state when a percentile stands on too few observations', () => {
    expect(evaluate(rule({ leastSampleCount: 1000 }), range('X X X X X'))).toBeUndefined();
  });

  it('gives its reason in the words of CloudWatch', () => {
    const alarm = evaluate(rule({ evaluationPeriods: 1, datapointsToAlarm: 1 }), [
      { atMs: Date.UTC(2019, 9, 2, 16, 59), value: 99.5, sampleCount: 4 },
    ]);
    expect(alarm?.reason).toBe(
      'Threshold Crossed: 1 out of the last 1 datapoints [99.5 (02/10/19 16:59:00)] was greater than the threshold (5.0) (minimum 1 datapoint for OK -> ALARM transition).',
    );
    expect(evaluate(rule({}), range('- - - - -'))?.reason).toBe(
      'Insufficient Data: 3 datapoints were unknown.',
    );
    expect(evaluate(rule({ treatMissingData: 'notBreaching' }), range('- - - - -'))?.reason).toBe(
      'Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as [NonBreaching].',
    );
  });
});

describe('a composite rule', () => {
  const states: Record<string, AlarmState> = { a: 'ALARM', b: 'OK', 'c d': 'INSUFFICIENT_DATA' };
  it.each<[string, boolean]>([
    ['ALARM(a)', true],
    ['ALARM("a") AND OK(b)', true],
    ['ALARM(a) AND ALARM(b)', false],
    ['ALARM(b) OR INSUFFICIENT_DATA("c d")', true],
    ['NOT ALARM(b) AND NOT OK(a)', true],
    ['ALARM(b) OR ALARM(a) AND NOT ALARM(a)', false],
    ['(ALARM(b) OR ALARM(a)) AND TRUE', true],
    ['ALARM("arn:aws:cloudwatch:us-east-1:111122223333:alarm:a")', true],
    ['FALSE', false],
  ])('%s is %s', (text, expected) => {
    const parsed = parseCompositeRule(text);
    if (parsed.kind === 'invalid') throw new Error(parsed.reason);
    expect(parsed.holds((name) => states[name])).toBe(expected);
  });

  it.each(['', 'ALARM', 'ALARM()', 'ALARM(a) OK(b)', 'BROKEN(a)', '(ALARM(a)'])(
    'is refused as %j',
    (text) => {
      expect(parseCompositeRule(text).kind).toBe('invalid');
    },
  );
});
