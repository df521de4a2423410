import { afterEach, describe, expect, it, vi } from 'vitest';

const terminal = Object.getOwnPropertyDescriptor(process.stdout, 'isTTY');

afterEach(() => {
  vi.unstubAllEnvs();
  if (terminal === undefined) Reflect.deleteProperty(process.stdout, 'isTTY');
  else Object.defineProperty(process.stdout, 'isTTY', terminal);
});

/** Whether the command line would colour its output; modules read the environment when they are loaded. */
async function coloured(isTTY: boolean | undefined, env: Readonly<Record<string, string>>) {
  for (const name of ['CI', 'FORCE_COLOR', 'NO_COLOR', 'TERM']) vi.stubEnv(name, env[name]);
  // Node leaves the member out where output goes to a pipe or a file.
  Object.defineProperty(process.stdout, 'isTTY', { value: isTTY, configurable: true });
  vi.resetModules();
  const { processContext } = await import('../../../client/cli/context.js');
  return processContext().colors.isColorSupported;
}

describe('colours', () => {
  it.each<[boolean | undefined, Record<string, string>, boolean]>([
    [true, { TERM: 'xterm' }, true],
    [true, { TERM: 'xterm', NO_COLOR: '1' }, false],
    [true, { TERM: 'dumb' }, false],
    [undefined, { TERM: 'xterm' }, false],
    [undefined, { CI: 'true' }, false],
    [undefined, { FORCE_COLOR: '1' }, false],
  ])('on a terminal (%s) with %j: %s', async (isTTY, env, expected) => {
    expect(await coloured(isTTY, env)).toBe(expected);
  });
});
