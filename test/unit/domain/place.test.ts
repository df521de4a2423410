import { describe, expect, it } from 'vitest';

import { placeOf } from '../../../domain/place.js';
import { aPolicy } from './support.js';

describe('the place of a model', () => {
  it('says where its things are', () => {
    expect(placeOf(aPolicy())).toEqual({
      model: 'flights',
      endpoint: 'flights',
      region: 'us-east-1',
      group: 'flights',
      pipeline: 'flights-train',
      storage: 's3://ml-artefacts/modelkeeper/',
      alarms: [],
    });
  });

  it("names people's own alarms, watched ones and those that guard rollouts", () => {
    const policy = aPolicy((draft) => {
      draft.spec.monitor.sources.push({ id: 'own', kind: 'alarms', alarms: ['busy', 'slow'] });
      draft.spec.deploy = { alarms: ['guard'] };
    });
    expect(placeOf(policy).alarms).toEqual(['busy', 'slow', 'guard']);
  });
});
