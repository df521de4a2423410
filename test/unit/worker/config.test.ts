import { describe, expect, it } from 'vitest';

import { ConfigError, readWorkerConfig } from '../../../worker/config.js';
import { pauseMs } from '../../../worker/data-process.js';

describe('readWorkerConfig', () => {
  it('needs nothing', () => {
    expect(readWorkerConfig({})).toMatchObject({
      metricsAddress: { control: null, data: null },
      health: null,
      consoleUrl: null,
      logLevel: 'info',
      shutdownGraceMs: 20_000,
      shutdownForceMs: 50_000,
    });
  });

  it('takes an empty variable for an absent one', () => {
    expect(readWorkerConfig({ MODELKEEPER_HEALTH_PORT: '' }).health).toBeNull();
  });

  it('names every wrong variable at once', () => {
    const read = () =>
      readWorkerConfig({
        MODELKEEPER_METRICS_ADDRESS: '9464',
        MODELKEEPER_HEALTH_PORT: 'http',
        MODELKEEPER_LOG_LEVEL: 'loud',
      });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(/MODELKEEPER_METRICS_ADDRESS=9464: write address:port/);
    expect(read).toThrow(/MODELKEEPER_HEALTH_PORT=http: a port/);
    expect(read).toThrow(/MODELKEEPER_LOG_LEVEL=loud/);
  });

  it('refuses a grace that is not shorter than the force', () => {
    const env = {
      MODELKEEPER_SHUTDOWN_GRACE_SECONDS: '50',
      MODELKEEPER_SHUTDOWN_FORCE_SECONDS: '50',
    };
    expect(() => readWorkerConfig(env)).toThrow(/must be more than/);
    expect(
      readWorkerConfig({ ...env, MODELKEEPER_SHUTDOWN_FORCE_SECONDS: '51' }).shutdownForceMs,
    ).toBe(51_000);
  });
});

describe('the variables of the worker', () => {
  const faultOf = (env: Record<string, string>): string => {
    try {
      readWorkerConfig(env);
    } catch (error) {
      return error instanceof ConfigError ? error.message : 'another error';
    }
    return 'none';
  };

  it('are told against each other also when another one is malformed', () => {
    const fault = faultOf({
      MODELKEEPER_LOG_LEVEL: 'loud',
      MODELKEEPER_SHUTDOWN_GRACE_SECONDS: '60',
      MODELKEEPER_METRICS_ADDRESS: '0.0.0.0:9464',
      MODELKEEPER_DATA_METRICS_ADDRESS: '0.0.0.0:9464',
    });
    expect(fault).toMatch(/MODELKEEPER_LOG_LEVEL=loud/);
    expect(fault).toMatch(/MODELKEEPER_SHUTDOWN_FORCE_SECONDS=: must be more than/);
    expect(fault).toMatch(/MODELKEEPER_DATA_METRICS_ADDRESS=0\.0\.0\.0:9464: must be another/);
  });

  it.each([
    ['MODELKEEPER_METRICS_ADDRESS', '0.0.0.0:65536'],
    ['MODELKEEPER_METRICS_ADDRESS', '0.0.0.0:0'],
    ['MODELKEEPER_METRICS_ADDRESS', '300.0.0.1:9464'],
    // The runtime of the SDK resolves no names.
    ['MODELKEEPER_METRICS_ADDRESS', 'localhost:9464'],
    ['MODELKEEPER_HEALTH_PORT', ' '],
    ['MODELKEEPER_HEALTH_PORT', '1e3'],
    ['MODELKEEPER_HEALTH_PORT', '65536'],
    ['MODELKEEPER_MAX_ACTIVITIES', '0'],
    ['MODELKEEPER_MAX_ACTIVITIES', '0x10'],
    ['MODELKEEPER_MAX_DATA_ACTIVITIES', '65'],
    ['MODELKEEPER_CONSOLE_URL', 'models.example.com:80'],
    ['MODELKEEPER_CONSOLE_URL', 'javascript:alert(1)'],
  ])('refuse %s=%s', (name, value) => {
    expect(faultOf({ [name]: value })).toContain(`${name}=${value}: `);
  });

  it.each([
    ['MODELKEEPER_METRICS_ADDRESS', '0.0.0.0:65535'],
    ['MODELKEEPER_METRICS_ADDRESS', '[::]:9464'],
    ['MODELKEEPER_HEALTH_PORT', '0'],
    ['MODELKEEPER_HEALTH_PORT', '65535'],
    ['MODELKEEPER_MAX_DATA_ACTIVITIES', '64'],
    ['MODELKEEPER_CONSOLE_URL', 'https://models.example.com/keeper'],
  ])('take %s=%s', (name, value) => {
    expect(faultOf({ [name]: value })).toBe('none');
  });
});

describe('pauseMs', () => {
  it('grows from a second to a minute', () => {
    expect([1, 2, 3, 7, 100].map(pauseMs)).toEqual([1_000, 2_000, 4_000, 60_000, 60_000]);
  });
});
