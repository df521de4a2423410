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
    expect(read).toThrow(/MODELKEEPER_METRICS_ADDRESS=9464: write host:port/);
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

describe('pauseMs', () => {
  it('grows from a second to a minute', () => {
    expect([1, 2, 3, 7, 100].map(pauseMs)).toEqual([1_000, 2_000, 4_000, 60_000, 60_000]);
  });
});
