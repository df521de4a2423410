import { describe, expect, it } from 'vitest';
import { parsePattern } from '../../../sandbox/aws/events/pattern.js';

const event = {
  source: 'aws.sagemaker',
  'detail-type': 'SageMaker Endpoint State Change',
  resources: ['arn:a', 'arn:b'],
  detail: {
    EndpointName: 'Flights',
    EndpointStatus: 'IN_SERVICE',
    count: 5,
    tags: [],
    variants: [{ n: 1 }, { n: 2 }],
    none: null,
    address: '10.0.0.77',
    other: '2001:db8::1',
    starred: 'a*b\\c',
  },
};

function matches(pattern: unknown): boolean {
  const parsed = parsePattern(JSON.stringify(pattern));
  if (parsed.kind === 'invalid') throw new Error(parsed.reason);
  return parsed.matches(event);
}

describe('a pattern', () => {
  it.each<[string, unknown, boolean]>([
    ['matches an exact value', { source: ['aws.sagemaker'] }, true],
    ['matches any of several', { source: ['x', 'aws.sagemaker'] }, true],
    ['needs every field', { source: ['aws.sagemaker'], region: ['us-east-1'] }, false],
    ['goes into nested objects', { detail: { EndpointName: ['Flights'] } }, true],
    ['minds case', { detail: { EndpointName: ['flights'] } }, false],
    [
      'ignores case on request',
      { detail: { EndpointName: [{ 'equals-ignore-case': 'flights' }] } },
      true,
    ],
    ['matches a prefix', { detail: { EndpointName: [{ prefix: 'Fli' }] } }, true],
    ['matches a suffix', { detail: { EndpointName: [{ suffix: 'hts' }] } }, true],
    [
      'matches a prefix without case',
      { detail: { EndpointName: [{ prefix: { 'equals-ignore-case': 'fLI' } }] } },
      true,
    ],
    ['matches a wildcard', { detail: { EndpointName: [{ wildcard: 'F*g*s' }] } }, true],
    [
      'does not use a letter twice in a wildcard',
      { detail: { EndpointName: [{ wildcard: 'Flights*s' }] } },
      false,
    ],
    ['matches anything but', { detail: { EndpointName: [{ 'anything-but': 'Other' }] } }, true],
    [
      'does not match anything but itself',
      { detail: { EndpointName: [{ 'anything-but': ['Flights', 'x'] }] } },
      false,
    ],
    [
      'matches anything but a prefix',
      { detail: { EndpointName: [{ 'anything-but': { prefix: 'X' } }] } },
      true,
    ],
    [
      'anything but does not match what is absent',
      { detail: { absent: [{ 'anything-but': 'x' }] } },
      false,
    ],
    ['matches a numeric range', { detail: { count: [{ numeric: ['>', 0, '<=', 5] }] } }, true],
    ['is outside a numeric range', { detail: { count: [{ numeric: ['<', 5] }] } }, false],
    ['does not compare text with a number', { detail: { count: ['5'] } }, false],
    ['matches what exists', { detail: { count: [{ exists: true }] } }, true],
    ['matches what does not exist', { detail: { absent: { deep: [{ exists: false }] } } }, true],
    ['sees an empty array as absent', { detail: { tags: [{ exists: false }] } }, true],
    ['matches null', { detail: { none: [null] } }, true],
    ['matches an element of an array', { resources: ['arn:b'] }, true],
    ['matches a member of an object in an array', { detail: { variants: { n: [2] } } }, true],
    ['matches an address of a block', { detail: { address: [{ cidr: '10.0.0.0/24' }] } }, true],
    [
      'matches no address outside a block',
      { detail: { address: [{ cidr: '10.0.1.0/24' }] } },
      false,
    ],
    [
      'matches an IPv6 address of a block',
      { detail: { other: [{ cidr: '2001:db8::/32' }] } },
      true,
    ],
    ['matches no text with a block', { detail: { EndpointName: [{ cidr: '0.0.0.0/0' }] } }, false],
    ['takes an escaped star as a star', { detail: { starred: [{ wildcard: 'a\\*b*' }] } }, true],
    [
      'takes an escaped star as nothing else',
      { detail: { address: [{ wildcard: '10\\*' }] } },
      false,
    ],
    ['takes an escaped backslash as one', { detail: { starred: [{ wildcard: '*\\\\c' }] } }, true],
    [
      'matches one of several objects',
      { $or: [{ source: ['x'] }, { detail: { count: [5] } }] },
      true,
    ],
    [
      'matches none of several objects',
      { $or: [{ source: ['x'] }, { detail: { count: [6] } }] },
      false,
    ],
  ])('%s', (_claim, pattern, expected) => {
    expect(matches(pattern)).toBe(expected);
  });

  it.each<[string, string]>([
    ['not JSON', '{'],
    ['an array', '[]'],
    ['empty', '{}'],
    ['with a bare value', '{"source":"aws.sagemaker"}'],
    ['with an empty array', '{"source":[]}'],
    ['with an unknown operator', '{"source":[{"starts":"a"}]}'],
    ['with a wrong numeric', '{"a":[{"numeric":["~",1]}]}'],
    ['with a block that is none', '{"a":[{"cidr":"10.0.0.0"}]}'],
    ['with a block of too many bits', '{"a":[{"cidr":"10.0.0.0/33"}]}'],
    ['with two wildcards in a row', '{"a":[{"wildcard":"a**b"}]}'],
    ['with an escape of nothing', '{"a":[{"wildcard":"a\\\\b"}]}'],
    ['with two wildcards in a row in anything-but', '{"a":[{"anything-but":{"wildcard":"**"}}]}'],
    ['with a range from above', '{"a":[{"numeric":["<",5,">",1]}]}'],
    ['with a range of nothing', '{"a":[{"numeric":[">",5,"<",5]}]}'],
    ['with an equal that is a range', '{"a":[{"numeric":["=",5,"<",9]}]}'],
    ['with anything but null', '{"a":[{"anything-but":null}]}'],
    ['with anything but a text or a number', '{"a":[{"anything-but":["b",1]}]}'],
    ['with a nested array', '{"a":[["b"]]}'],
    ['with a wrong exists', '{"a":[{"exists":"yes"}]}'],
  ])('is refused when it is %s', (_claim, text) => {
    expect(parsePattern(text).kind).toBe('invalid');
  });
});
