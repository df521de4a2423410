import { describe, expect, it } from 'vitest';

import { dataWindows, resultsAddress, withTokens } from '../../../domain/data-windows.js';
import { PARAMETER_TOKENS } from '../../../domain/policy.schema.js';
import type { Champion } from '../../../domain/model.js';
import { DAY_MS, NOON_MS, aPolicy } from './support.js';

const { retrain } = aPolicy().spec;
const data = dataWindows(retrain, NOON_MS);

describe('the rows of a candidate', () => {
  it('are those whose labels are there: the latest week held out, the month before it to train on', () => {
    const toMs = NOON_MS - 2 * DAY_MS;
    expect(data).toEqual({
      train: { fromMs: toMs - 37 * DAY_MS, toMs: toMs - 7 * DAY_MS },
      holdOut: { fromMs: toMs - 7 * DAY_MS, toMs },
    });
  });
  it('never lie in both parts', () => {
    expect(data.train.toMs).toBe(data.holdOut.fromMs);
  });
  it('end at whole seconds, never later than the labels', () => {
    expect(dataWindows(retrain, NOON_MS + 999)).toEqual(data);
    expect(dataWindows(retrain, NOON_MS + 1_000).holdOut.toMs).toBe(data.holdOut.toMs + 1_000);
    expect(dataWindows(retrain, NOON_MS - 1).holdOut.toMs).toBe(data.holdOut.toMs - 1_000);
  });
  it('begin and end at whole seconds whatever the lengths are, and none is empty', () => {
    expect(
      dataWindows({ ...retrain, dataDelay: '0s', holdOut: '1.5s', window: '500ms' }, NOON_MS),
    ).toEqual({
      train: { fromMs: NOON_MS - 3_000, toMs: NOON_MS - 2_000 },
      holdOut: { fromMs: NOON_MS - 2_000, toMs: NOON_MS },
    });
  });
  it('reach to this very instant when labels are there at once', () => {
    expect(dataWindows({ ...retrain, dataDelay: '0s' }, NOON_MS).holdOut.toMs).toBe(NOON_MS);
  });
});

describe('the parameters of a pipeline', () => {
  const champion: Champion = {
    configName: 'flights-6',
    packageArn: 'arn:aws:sagemaker:us-east-1:111122223333:model-package/flights/6',
    modelDataUrl: 's3://ml/model.tar.gz',
    image: 'image:1',
    roleArn: null,
    sinceMs: 0,
  };
  const values = {
    data,
    champion,
    name: 'flights-7',
    release: 7,
    model: 'flights',
    endpoint: 'flights-live',
    storage: 's3://ml/keeper/',
  };
  const valueOf = (token: string, serving: Champion | null = champion): string | undefined =>
    withTokens({ P: token }, { ...values, champion: serving })['P'];

  it.each([
    ['window.start', '2026-01-21T12:00:00.000Z'],
    ['window.end', '2026-02-20T12:00:00.000Z'],
    ['holdout.start', '2026-02-20T12:00:00.000Z'],
    ['holdout.end', '2026-02-27T12:00:00.000Z'],
    ['champion.package', champion.packageArn],
    ['window.startDate', '2026-01-21'],
    ['window.endDate', '2026-02-20'],
    ['holdout.startDate', '2026-02-20'],
    ['holdout.endDate', '2026-02-27'],
    ['champion.modelData', 's3://ml/model.tar.gz'],
    ['champion.image', 'image:1'],
    ['release.name', 'flights-7'],
    ['release.number', '7'],
    ['model.name', 'flights'],
    ['endpoint.name', 'flights-live'],
    ['storage', 's3://ml/keeper/'],
    ['results', 's3://ml/keeper/training/flights/flights-7/results/'],
  ])('say for %s: %s', (token, value) => {
    expect(valueOf(token)).toBe(value);
  });

  it.each([
    ['there is no champion', null],
    ['the champion is not in the registry', { ...champion, packageArn: null }],
  ])('say none when %s', (_claim, serving) => {
    expect(valueOf('champion.package', serving)).toBe('none');
  });

  it.each(PARAMETER_TOKENS)('put something else in the place of the token %s', (token) => {
    expect(valueOf(token)).not.toBe(token);
  });

  it('name one place for the results of a round, however the storage is spelt', () => {
    expect(resultsAddress('s3://ml', 'flights', 'flights-7-2')).toBe(
      's3://ml/training/flights/flights-7-2/results/',
    );
  });

  it.each([
    '',
    'ml.m5.large',
    'window',
    'window.start ',
    'Window.Start',
    'constructor',
    '__proto__',
  ])('leave %j as it is', (text) => {
    expect(valueOf(text)).toBe(text);
  });

  it('are all of the policy’s and no others', () => {
    const given = { From: 'window.start', Type: 'ml.m5.large' };
    expect(Object.keys(withTokens(given, values))).toEqual(['From', 'Type']);
    expect(withTokens({}, values)).toEqual({});
  });
});
