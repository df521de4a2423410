import { describe, expect, it } from 'vitest';

import {
  baselineInputs,
  baselineName,
  closedSentence,
  definitionInputs,
  definitionName,
  isClosedToUs,
  managedMonitors,
  monitorPlan,
  MOST_REPAIRS_IN_A_DAY,
  type FoundMonitor,
  type MonitorStanding,
  type WantedMonitor,
} from '../../../domain/managed-monitors.js';
import { canSee } from '../../../domain/sources.js';
import { policySchema, type PolicyInput } from '../../../domain/policy.schema.js';
import { policyInput } from '../../activities/support.js';

type Draft = Extract<PolicyInput['spec']['monitor']['sources'][number], { kind: 'model-monitor' }>;
type Manage = NonNullable<Draft['manage']>;

const manage: Manage = {
  type: 'data-quality',
  image: 'analyser:1',
  role: 'arn:aws:iam::111122223333:role/monitor',
  baseline: { dataset: 's3://data/train.csv', format: 'csv' },
};
const source = (change: Partial<Manage> = {}, schedule = 'flights-dq'): Draft => ({
  id: 'dq',
  kind: 'model-monitor',
  schedule,
  manage: { ...manage, ...change },
});
const parse = (...sources: Draft[]) =>
  policySchema.safeParse({
    ...policyInput,
    spec: {
      ...policyInput.spec,
      monitor: {
        ...policyInput.spec.monitor,
        sources: [...policyInput.spec.monitor.sources, ...sources],
      },
    },
  });
const faultsOf = (...sources: Draft[]): readonly string[] =>
  parse(...sources).error?.issues.map(
    ({ path, message }) => `${path.slice(4).join('.')}: ${message}`,
  ) ?? [];

const labels = 's3://data/labels/';
const quality: Partial<Manage> = {
  type: 'model-quality',
  problem: 'binary',
  groundTruth: labels,
  attributes: { inference: '0', groundTruth: 'label' },
};

describe('manage of a model-monitor source', () => {
  it.each<[string, Partial<Manage>]>([
    ['data quality', {}],
    [
      'files that are there',
      { baseline: { constraints: 's3://data/c.json', statistics: 's3://data/s.json' } },
    ],
    ['the data of the champion', { baseline: { dataset: 'champion', format: 'csv' } }],
    ['daily for a day', { cron: 'cron(0 7 ? * * *)', maxRuntime: '24h' }],
    ['hourly for an hour', { maxRuntime: '60m' }],
    ['every six hours', { cron: 'cron(0 0/6 ? * * *)', maxRuntime: '6h' }],
    ['model quality', quality],
    ['labels that are late', { ...quality, offsets: { start: '48h', end: '24h' } }],
    [
      'bias',
      {
        type: 'model-bias',
        groundTruth: labels,
        config: 's3://data/config.json',
        baseline: { dataset: 's3://data/x' },
      },
    ],
    [
      'explainability',
      {
        type: 'model-explainability',
        config: 's3://data/c.json',
        baseline: { constraints: 's3://data/a.json' },
      },
    ],
  ])('takes %s', (_, change) => {
    expect(faultsOf(source(change))).toEqual([]);
  });

  it.each<[string, Partial<Manage>, RegExp]>([
    [
      'a minute that is not the full hour',
      { cron: 'cron(5 * ? * * *)' },
      /^manage.cron: write cron\(0/,
    ],
    ['hour 24', { cron: 'cron(0 24 ? * * *)' }, /^manage.cron/],
    ['every 25 hours', { cron: 'cron(0 0/25 ? * * *)' }, /^manage.cron/],
    [
      'an hourly run of more than an hour',
      { maxRuntime: '61m' },
      /^manage.maxRuntime: .* 60 minutes/,
    ],
    [
      'hourly model quality of more than half an hour',
      { ...quality, maxRuntime: '31m' },
      /30 minutes/,
    ],
    [
      'a daily run of more than a day',
      { cron: 'cron(0 7 ? * * *)', maxRuntime: '25h' },
      /1440 minutes/,
    ],
    ['no baseline', { baseline: {} }, /^manage.baseline: name a dataset/],
    [
      'two baselines',
      { baseline: { dataset: 's3://data/x', format: 'csv', constraints: 's3://data/c' } },
      /^manage.baseline: .* one of them/,
    ],
    [
      'a dataset without its format',
      { baseline: { dataset: 's3://data/x' } },
      /^manage.baseline.format/,
    ],
    [
      'constraints of data quality without statistics',
      { baseline: { constraints: 's3://data/c' } },
      /^manage.baseline.statistics/,
    ],
    ['model quality without its problem', { ...quality, problem: undefined }, /^manage.problem/],
    ['model quality without labels', { ...quality, groundTruth: undefined }, /^manage.groundTruth/],
    [
      'model quality without where the answer stands',
      { ...quality, attributes: { groundTruth: 'y' } },
      /^manage.attributes: /,
    ],
    [
      'a baseline of model quality without its labels',
      { ...quality, attributes: { inference: '0' } },
      /^manage.attributes.groundTruth/,
    ],
    ['labels of data quality', { groundTruth: labels }, /^manage.groundTruth: .* take it off/],
    ['bias without its config', { type: 'model-bias', groundTruth: labels }, /^manage.config/],
    ['offsets of data quality', { offsets: { start: '2h' } }, /^manage.offsets/],
    [
      'offsets of half an hour',
      { ...quality, offsets: { start: '90m' } },
      /^manage.offsets.start: .* whole hours/,
    ],
    [
      'offsets that end before they start',
      { ...quality, offsets: { start: '1h', end: '1h' } },
      /^manage.offsets.start: must be longer/,
    ],
    ['subnets alone', { subnets: ['subnet-1'] }, /^manage.subnets/],
  ])('refuses %s, and names the field', (_, change, expected) => {
    const defined = Object.fromEntries(
      Object.entries({ ...manage, ...change }).filter(([, value]) => value !== undefined),
    ) as Manage;
    expect(faultsOf({ ...source(), manage: defined })).toContainEqual(
      expect.stringMatching(expected),
    );
  });

  it("wants the model's name at the begin of the schedule's, and no schedule twice", () => {
    expect(faultsOf(source({}, 'other-dq'))).toEqual([
      expect.stringMatching(/^schedule: .* begins with flights-/),
    ]);
    expect(faultsOf(source(), { ...source(), id: 'again' })).toEqual([
      expect.stringMatching(/^schedule: the schedule 'flights-dq' is named by two sources/),
    ]);
  });

  it('is evidence of what its type finds, or of what the policy takes its violations for', () => {
    const seen = (change: Partial<Manage>, checks: Draft['checks'] = {}) => {
      const [, , , parsed] = parse({ ...source(change), checks }).data?.spec.monitor.sources ?? [];
      return (['drift', 'performance'] as const).filter(
        (one) => parsed !== undefined && canSee(parsed, one),
      );
    };
    expect(seen({})).toEqual(['drift']);
    expect(seen(quality)).toEqual(['performance']);
    const bias: Partial<Manage> = {
      type: 'model-bias',
      groundTruth: labels,
      config: 's3://data/c',
    };
    expect(seen(bias)).toEqual([]);
    expect(seen(bias, { bias_drift_check: 'performance' })).toEqual(['performance']);
  });
});

const wanted: WantedMonitor = {
  source: 'dq',
  schedule: 'flights-dq',
  type: 'DataQuality',
  cron: 'cron(0 * ? * * *)',
  state: 'running',
  definition: 'flights-dq-d1',
  noBaseline: null,
};
const schedule = {
  status: 'Scheduled',
  type: 'DataQuality',
  definition: 'flights-dq-d1',
  cron: 'cron(0 * ? * * *)',
  ours: true,
  executing: false,
  failure: null,
} as const;
const asWanted: FoundMonitor = {
  schedule,
  definition: 'ours',
  former: [],
  baseline: { kind: 'ready' },
};
const known: MonitorStanding = {
  source: 'dq',
  schedule: 'flights-dq',
  kind: 'running',
  sentence: '',
  definition: 'flights-dq-d1',
  cron: 'cron(0 * ? * * *)',
  reached: 'flights-dq-d1 cron(0 * ? * * *) running',
};
const planned = (
  found: Partial<FoundMonitor>,
  want: Partial<WantedMonitor> = {},
  before?: MonitorStanding,
  repairs = 0,
) => {
  const { steps, standing } = monitorPlan(
    { ...wanted, ...want },
    { ...asWanted, ...found },
    before,
    repairs,
  );
  return [
    ...steps.map((step) => (step.repair === true ? `repair: ${step.kind}` : step.kind)),
    standing.kind,
  ];
};
const changed = (
  change: Partial<NonNullable<FoundMonitor['schedule']>>,
): Partial<FoundMonitor> => ({
  schedule: { ...schedule, ...change },
});
const none: Partial<FoundMonitor> = { schedule: null, definition: 'absent' };
const job = 'flights-dq-b1';

describe('what is to be done about a schedule', () => {
  it.each<[string, Partial<FoundMonitor>, Partial<WantedMonitor>, readonly string[]]>([
    ['nothing, when it is as wanted', {}, {}, ['running']],
    [
      'the definition before the baseline, and no schedule yet',
      { ...none, baseline: { kind: 'to be made', job } },
      {},
      ['create definition', 'start baseline', 'baselining'],
    ],
    [
      'to wait for the baseline',
      { schedule: null, baseline: { kind: 'being made', job, status: 'InProgress' } },
      {},
      ['baselining'],
    ],
    [
      'nothing, after the baseline failed',
      { schedule: null, baseline: { kind: 'failed', job, reason: 'no rows' } },
      {},
      ['baseline failed'],
    ],
    [
      'nothing, where nobody knows what to compare with',
      none,
      { noBaseline: 'nobody knows' },
      ['no baseline'],
    ],
    [
      'to create it, once the baseline is there',
      none,
      {},
      ['create definition', 'create schedule', 'settling'],
    ],
    [
      'to wait while it is Pending',
      changed({ status: 'Pending', definition: 'old' }),
      {},
      ['settling'],
    ],
    [
      'to update it for another definition',
      changed({ definition: 'old' }),
      {},
      ['update schedule', 'settling'],
    ],
    [
      'to update it for another rhythm',
      changed({ cron: 'cron(0 0 ? * * *)' }),
      {},
      ['update schedule', 'settling'],
    ],
    [
      'to wait with an update for the end of an execution',
      changed({ definition: 'old', executing: true }),
      {},
      ['settling'],
    ],
    [
      'to go on with the old definition while a new baseline is made',
      {
        ...changed({ definition: 'old' }),
        baseline: { kind: 'being made', job, status: 'InProgress' },
      },
      {},
      ['baselining'],
    ],
    [
      'to delete it for another type',
      changed({ type: 'ModelQuality' }),
      {},
      ['delete schedule', 'settling'],
    ],
    ['to start it', changed({ status: 'Stopped' }), {}, ['start schedule', 'settling']],
    ['to stop it', {}, { state: 'stopped' }, ['stop schedule', 'settling']],
    [
      'nothing, when it is stopped as wanted',
      changed({ status: 'Stopped' }),
      { state: 'stopped' },
      ['stopped'],
    ],
    [
      'to delete definitions that nothing uses',
      { former: [{ name: 'old', type: 'DataQuality' }] },
      {},
      ['delete definition', 'running'],
    ],
    [
      'to keep old definitions until it has settled',
      { ...changed({ definition: 'old' }), former: [{ name: 'old', type: 'DataQuality' }] },
      {},
      ['update schedule', 'settling'],
    ],
    [
      'to say that AWS has it Failed',
      changed({ status: 'Failed', failure: 'role' }),
      {},
      ['failed'],
    ],
    [
      'to leave a schedule of somebody else',
      changed({ ours: false, definition: 'theirs' }),
      {},
      ['taken'],
    ],
    [
      'to leave a definition of somebody else',
      { definition: 'not ours', schedule: null },
      {},
      ['taken'],
    ],
  ])('%s', (_, found, want, expected) => {
    expect(planned(found, want)).toEqual(expected);
  });

  it.each<[string, Partial<FoundMonitor>, string]>([
    ['stopped it', changed({ status: 'Stopped' }), 'repair: start schedule'],
    ['changed its rhythm', changed({ cron: 'cron(0 1 ? * * *)' }), 'repair: update schedule'],
    ['deleted it', { schedule: null }, 'repair: create schedule'],
  ])(
    'puts right that somebody %s, and says so; after some times in a day it is left to people',
    (_, found, step) => {
      expect(planned(found, {}, known, MOST_REPAIRS_IN_A_DAY - 1)).toEqual([step, 'settling']);
      expect(planned(found, {}, known, MOST_REPAIRS_IN_A_DAY)).toEqual(['contested']);
      expect(planned(found, {}, { ...known, kind: 'contested' }, MOST_REPAIRS_IN_A_DAY)).toEqual([
        'contested',
      ]);
    },
  );

  it('takes what another policy changes for no repair, however often it does', () => {
    const before = { ...known, reached: 'flights-dq-d1 cron(0 1 ? * * *) running' };
    expect(
      planned(changed({ cron: 'cron(0 1 ? * * *)' }), {}, before, MOST_REPAIRS_IN_A_DAY),
    ).toEqual(['update schedule', 'settling']);
  });

  it('remembers through its way what it was at rest with, also where that was seen Pending', () => {
    const { standing } = monitorPlan(
      wanted,
      { ...asWanted, ...changed({ status: 'Pending' }) },
      known,
      0,
    );
    expect(standing.kind).toBe('settling');
    expect(planned(changed({ status: 'Stopped' }), {}, standing)).toEqual([
      'repair: start schedule',
      'settling',
    ]);
    expect(monitorPlan(wanted, asWanted, undefined, 0).standing.reached).toBe(known.reached);
  });
});

describe('names', () => {
  const long = `m-${'x'.repeat(61)}`;
  it.each(['flights-dq', long, `${'a'.repeat(45)}-${'b'.repeat(17)}`])(
    'made for %s fit AWS, with the retries',
    (name) => {
      for (const made of [
        definitionName(name, 'f'.repeat(64)),
        `${baselineName(name, '0'.repeat(64))}-t3`,
      ]) {
        expect(made).toMatch(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/);
      }
    },
  );

  const [one] = managedMonitors(parse(source()).data ?? { spec: {} as never });
  const other = (change: Partial<Manage>) =>
    managedMonitors(parse(source(change)).data ?? { spec: {} as never })[0];
  const inputs = (from: typeof one, champion: string | null = 'c1') =>
    from === undefined ? undefined : baselineInputs(from, 's3://data/train.csv', champion);

  it('change with what they depend on: the rhythm is no part of a definition, nor the machine of a baseline', () => {
    if (one === undefined) throw new Error('no source');
    const definition = (from: typeof one) =>
      definitionInputs(from, 'live', 's3://out', 's3://base');
    const daily = other({ cron: 'cron(0 7 ? * * *)', state: 'stopped' });
    const bigger = other({ instanceType: 'ml.m5.4xlarge' });
    expect(daily && definition(daily)).toEqual(definition(one));
    expect(bigger && definition(bigger)).not.toEqual(definition(one));
    expect(inputs(bigger)).toEqual(inputs(one));
    expect(inputs(other({ baseline: { ...manage.baseline, run: 2 } }))).not.toEqual(inputs(one));
  });

  it('belong to the serving version only where the baseline is its own training data', () => {
    expect(inputs(one, 'c2')).toEqual(inputs(one, 'c1'));
    const own = other({ baseline: { dataset: 'champion', format: 'csv' } });
    expect(inputs(own, 'c2')).not.toEqual(inputs(own, 'c1'));
  });
});

describe('an account that is a new customer', () => {
  it('is known by the words of the refusal, and told what to take instead', () => {
    expect(isClosedToUs('Amazon SageMaker Model Monitor is no longer open to new customers.')).toBe(
      true,
    );
    expect(isClosedToUs('Could not find job definition customers')).toBe(false);
    expect(closedSentence('data-quality', 'no')).toMatch(/kind captured-inputs/);
    expect(closedSentence('model-quality', 'no')).toMatch(/kind ground-truth/);
  });
});
