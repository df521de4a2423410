import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { localEnvironment } from '../../../client/cli/local-environment.js';
import { identify, isLoopback } from '../../../client/identity.js';

const common = {
  callerArn: () => Promise.resolve('arn:aws:sts::111122223333:assumed-role/ada/s'),
  osUser: () => 'ada',
};
const LOCAL = { door: 'local', proof: { kind: 'os-user', user: 'ada' } };
const CLI = {
  door: 'cli',
  proof: { kind: 'sts', arn: 'arn:aws:sts::111122223333:assumed-role/ada/s' },
};

describe('who is there', () => {
  it.each<[string, NodeJS.ProcessEnv, boolean, unknown]>([
    ['is who AWS says', {}, false, CLI],
    ['is the user of the machine with --local', {}, true, LOCAL],
    [
      'is the user of the machine when asked by the environment',
      { MODELKEEPER_IDENTITY: 'local' },
      false,
      LOCAL,
    ],
    [
      'is the user of the machine when AWS is on it',
      { AWS_ENDPOINT_URL: 'http://127.0.0.1:4566' },
      false,
      LOCAL,
    ],
    [
      'is who STS says when only other services are local',
      { AWS_ENDPOINT_URL_STS: 'https://sts.amazonaws.com', AWS_ENDPOINT_URL: 'http://127.0.0.1:1' },
      false,
      CLI,
    ],
    [
      'is who AWS says when asked for, though AWS is local',
      { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', MODELKEEPER_IDENTITY: 'aws' },
      false,
      CLI,
    ],
  ])('%s', async (_claim, env, local, expected) => {
    expect(await identify({ ...common, env, local })).toEqual(expected);
  });

  it('is nobody, in words, when AWS does not answer', async () => {
    const callerArn = (): Promise<string> => Promise.reject(new Error('expired'));
    await expect(identify({ ...common, env: {}, callerArn })).rejects.toMatchObject({
      code: 'unreachable',
    });
  });

  it.each([
    ['http://localhost:1', true],
    ['http://[::1]:1', true],
    ['http://127.0.0.1.example.com', false],
    ['http://localhost.example.com', false],
    ['nonsense', false],
    [undefined, false],
  ])('%s on this machine: %s', (url, expected) => {
    expect(isLoopback(url)).toBe(expected);
  });
});

describe('the environment of a service in this folder', () => {
  const read = (description: unknown, env: NodeJS.ProcessEnv = {}, alive = true): unknown => {
    const folder = mkdtempSync(join(tmpdir(), 'modelkeeper-'));
    try {
      mkdirSync(join(folder, '.modelkeeper'));
      writeFileSync(join(folder, '.modelkeeper', 'environment.json'), JSON.stringify(description));
      return localEnvironment(env, folder, () => alive);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const local = { TEMPORAL_ADDRESS: '127.0.0.1:7233', AWS_ENDPOINT_URL: 'http://127.0.0.1:4566' };

  it('is taken while that service runs', () => {
    expect(read({ pid: 1, environment: local })).toEqual(local);
  });

  it('gives addresses and keys, and nothing that could run a program or lead elsewhere', () => {
    const environment = {
      ...local,
      AWS_CONFIG_FILE: '/tmp/config-with-credential_process',
      AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://example.com',
      TEMPORAL_CONFIG_FILE: '/tmp/elsewhere.toml',
      TEMPORAL_API_KEY: 'k',
      MODELKEEPER_IDENTITY: 'local',
    };
    expect(read({ pid: 1, environment })).toEqual(local);
  });

  it.each<[string, unknown, NodeJS.ProcessEnv, boolean]>([
    ['it has ended', { pid: 1, environment: local }, {}, false],
    [
      'somebody says where Temporal is',
      { pid: 1, environment: local },
      { TEMPORAL_ADDRESS: 'a:1' },
      true,
    ],
    [
      'an address leads away',
      { pid: 1, environment: { ...local, AWS_ENDPOINT_URL: 'https://example.com' } },
      {},
      true,
    ],
    [
      'an address only looks local',
      { pid: 1, environment: { TEMPORAL_ADDRESS: '127.0.0.1.example.com:1' } },
      {},
      true,
    ],
    [
      'it would say what AWS tools run, beside addresses of this machine',
      { pid: 1, environment: { AWS_CONFIG_FILE: '/tmp/x', TEMPORAL_CONFIG_FILE: '/tmp/y' } },
      {},
      true,
    ],
    [
      'it names Temporal and no AWS',
      { pid: 1, environment: { TEMPORAL_ADDRESS: '127.0.0.1:7233', AWS_REGION: 'us-east-1' } },
      {},
      true,
    ],
    [
      'it names other variables',
      { pid: 1, environment: { NODE_OPTIONS: '--require=x' } },
      {},
      true,
    ],
    ['it is not a description', [], {}, true],
  ])('is left when %s', (_case, description, env, alive) => {
    expect(read(description, env, alive)).toEqual({});
  });
});
