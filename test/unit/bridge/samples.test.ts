import { describe, expect, it } from 'vitest';

import { COUNTED_TYPES } from '../../../client/bridge/events.schema.js';
import { sampleEvents } from '../../../client/bridge/samples.js';
import { parsePattern } from '../../../sandbox/aws/events/pattern.js';
import { stackOf } from '../infra/template.js';
import { eventOf } from './fixtures.js';

const samples = sampleEvents({
  account: '111122223333',
  region: 'us-east-1',
  partition: 'aws',
  model: 'flights',
  endpoint: 'Flights-Live',
  group: 'Flights',
  pipeline: 'Flights-Train',
});

/** Types that the bridge reads on the default bus by a reader of their own. */
const WITHOUT_READER = [
  'Scheduled Event',
  'SageMaker Model State Change',
  'SageMaker Endpoint Config State Change',
  'SageMaker HyperParameter Tuning Job State Change',
  'SageMaker Model Card State Change',
  'SageMaker Monitoring Schedule State Change',
];

describe('the samples of events', () => {
  it('are one for each type that the bridge reads', () => {
    expect(samples.map(({ type }) => type).sort()).toEqual(
      COUNTED_TYPES.filter((type) => !WITHOUT_READER.includes(type)).sort(),
    );
  });

  it.each(samples.map(({ type, event }) => [type, event] as const))(
    'of %s are read by the bridge as about what they name',
    (_type, event) => {
      const read = eventOf(event);
      expect(read.about).not.toBe('other');
      expect(JSON.stringify(read)).toMatch(/flights/i);
    },
  );

  it.each(samples.map(({ type, tells, event }) => [type, tells, event] as const))(
    'of %s match a rule of infra/events.yaml where it tells something of its own, or that a job has ended: %s',
    (type, tells, event) => {
      const patterns = Object.values(stackOf('events.yaml').resources).flatMap(
        ({ Type, Properties }) =>
          Type === 'AWS::Events::Rule' ? [JSON.stringify(Properties['EventPattern'])] : [],
      );
      const matched = patterns.filter((text) => {
        const pattern = parsePattern(text);
        return pattern.kind !== 'invalid' && pattern.matches(event);
      });
      const isOfJob = /(Training|Processing) Job/.test(type);
      expect(matched.length).toBe(tells === null && !isOfJob ? 0 : 1);
    },
  );
});
