import { describe, expect, it } from 'vitest';

import { keepToThisMachine } from '../../../sandbox/story/environment.js';

/** The environment of somebody who works with a real account and a real cluster behind a proxy. */
const WORKING = {
  PATH: '/bin',
  AWS_PROFILE: 'work',
  AWS_SESSION_TOKEN: 'a-token',
  AWS_ENDPOINT_URL_S3: 'https://s3.example.com',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  TEMPORAL_NAMESPACE: 'production',
  TEMPORAL_API_KEY: 'a-key',
  https_proxy: 'http://proxy.example.com:3128',
};

function kept(env: Record<string, string>): Record<string, string | undefined> {
  const own: NodeJS.ProcessEnv = { ...env };
  keepToThisMachine(own, '/home/story');
  return own;
}

describe("the story's processes", () => {
  it('see nothing of the AWS account of whoever starts them', () => {
    const names = Object.keys(kept(WORKING)).filter((name) => name.startsWith('AWS_'));
    expect(names.sort()).toEqual([
      'AWS_CONFIG_FILE',
      'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED',
      'AWS_SHARED_CREDENTIALS_FILE',
    ]);
    expect(kept(WORKING)['AWS_CONFIG_FILE']).toBe('/dev/null');
  });

  it("see nothing of somebody's Temporal cluster that is not named by its address", () => {
    expect(kept(WORKING)).not.toHaveProperty('TEMPORAL_NAMESPACE');
    expect(kept(WORKING)).not.toHaveProperty('TEMPORAL_API_KEY');
    // What is there already may be anybody's; a file that is not there is nobody's.
    expect(kept(WORKING)['TEMPORAL_CONFIG_FILE']).toBe('/home/story/temporal.toml');
    expect(kept({ ...WORKING, TEMPORAL_ADDRESS: '' })).not.toHaveProperty('TEMPORAL_API_KEY');
  });

  it('use a Temporal that is named by its address, with all that belongs to it', () => {
    const env: NodeJS.ProcessEnv = { ...WORKING, TEMPORAL_ADDRESS: 'temporal.example.com:7233' };
    expect(keepToThisMachine(env, '/home/story')).toBe('temporal.example.com:7233');
    expect(env).toMatchObject({ TEMPORAL_NAMESPACE: 'production', TEMPORAL_API_KEY: 'a-key' });
    expect(env).not.toHaveProperty('TEMPORAL_CONFIG_FILE');
  });

  it('reach this machine without a proxy', () => {
    expect(kept(WORKING)).toMatchObject({
      NO_PROXY: '127.0.0.1,localhost',
      no_proxy: '127.0.0.1,localhost',
      https_proxy: 'http://proxy.example.com:3128',
    });
    const named = { ...WORKING, no_proxy: '.example.com', no_grpc_proxy: '10.0.0.0/8' };
    expect(kept(named)).toMatchObject({
      no_proxy: '.example.com,127.0.0.1,localhost',
      no_grpc_proxy: '10.0.0.0/8,127.0.0.1,localhost',
    });
  });
});
