import { describe, expect, it } from 'vitest';

import {
  alarmPrefix,
  candidateVariant,
  evaluationName,
  keeperId,
  keeperLife,
  modelOfWorkflow,
  releaseId,
  releaseName,
  releaseOfName,
  rollbackAlarmNames,
  roundName,
  roundsOf,
  triesOf,
  tryName,
} from '../../../domain/names.js';

const LONGEST = 'a'.repeat(40);

describe('names', () => {
  it('tell models apart whose names begin alike', () => {
    expect(releaseOfName(releaseName('flight-1', 2))).toEqual({ model: 'flight-1', release: 2 });
    expect(releaseOfName(releaseName('flight', 12))).toEqual({ model: 'flight', release: 12 });
  });
  it('of alarms begin with the prefix of their model and differ', () => {
    const names = Object.values(rollbackAlarmNames('flights', 7));
    expect(new Set(names).size).toBe(3);
    expect(names.every((name) => name.startsWith(alarmPrefix('flights')))).toBe(true);
  });
  it('of alarms are the release’s own', () => {
    expect(rollbackAlarmNames('flights', 7)).toEqual({
      errors: 'modelkeeper-flights-release-7-errors',
      latency: 'modelkeeper-flights-release-7-latency',
      abort: 'modelkeeper-flights-release-7-abort',
    });
  });
  it('tell a keeper from the one before it, though the ids of their runs were made in one minute', () => {
    const earlier = keeperLife('keeper/flights', '01931f3a-7c55-7d1e-9a4b-0c1d2e3f4a5b');
    const later = keeperLife('keeper/flights', '01931f3a-9f02-7b7c-8e21-5f6a7b8c9d0e');
    expect(later).not.toBe(earlier);
  });
  it('of a release have at most 47 characters', () => {
    expect(releaseName(LONGEST, 999_999)).toHaveLength(47);
  });
});

describe('the candidate’s variant', () => {
  it.each([
    ['AllTraffic', 'AllTraffic-candidate'],
    ['A-candidate', 'A-candidate-candidate'],
    ['v'.repeat(63), `${'v'.repeat(53)}-candidate`],
    [`${'v'.repeat(52)}-${'w'.repeat(10)}`, `${'v'.repeat(52)}-candidate`],
    // Cut off it would be the champion's own.
    [`${'v'.repeat(53)}-candidate`, `${'v'.repeat(52)}-candidate`],
  ])('of %s is %s', (variant, candidate) => {
    expect(candidateVariant(variant)).toBe(candidate);
    expect(candidate).not.toBe(variant);
    expect(candidate).toMatch(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/);
  });
});

describe('a name of ours', () => {
  it.each([
    ['flight-delays', 12],
    ['7', 1],
    ['a-1', 1],
    ['1-1-1', 999_999],
    [LONGEST, 999_999],
  ])('of %s and %i is read back', (model, release) => {
    const name = releaseName(model, release);
    expect(releaseOfName(name)).toEqual({ model, release });
    for (const tried of triesOf(name, 13))
      for (const job of [tried, evaluationName(tried)]) {
        expect(releaseOfName(job)).toEqual({ model, release });
        expect(evaluationName(tryName(roundName(name, 3), 999)).length).toBeLessThanOrEqual(63);
      }
  });

  it.each([
    'flights',
    'flights-',
    '-12',
    'flights--12',
    'flight--delays-12',
    'Flights-12',
    'flights_12',
    'flights-12\n',
    'flights-1234567',
    'flights-1.5',
    // Not spelled as we spell them, so somebody else's.
    'flights-0',
    'flights-007',
    `${LONGEST}a-1`,
    '',
  ])('%j is none', (name) => {
    expect(releaseOfName(name)).toBeUndefined();
  });
});

describe('a workflow id of ours', () => {
  it.each([
    ['the keeper', keeperId('flights')],
    ['a release', releaseId('flights', 3)],
  ])('names its model for %s', (_claim, id) => {
    expect(modelOfWorkflow(id)).toBe('flights');
  });

  it.each(['flights', 'keeper/', 'release/', 'other/flights', 'keeper/a/b', 'xkeeper/a', ''])(
    '%j is none',
    (id) => {
      expect(modelOfWorkflow(id)).toBeUndefined();
    },
  );
});

describe('the rounds of a release', () => {
  it('have names of their own, the first that of the release', () => {
    expect(roundName('flights-7', 1)).toBe('flights-7');
    expect(roundsOf('flights-7')).toEqual(['flights-7', 'flights-7-2', 'flights-7-3']);
  });
});

describe('the model of a workflow', () => {
  it('is read from ids of releases with numbers of any length', () => {
    expect(modelOfWorkflow('release/flights/12')).toBe('flights');
  });
});
