import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { main } from '../../../sandbox/main.js';
import { failure, temporaryHome } from './support.js';

afterEach(() => {
  vi.restoreAllMocks();
});

function printed(): string[] {
  const lines: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    lines.push(String(text));
    return true;
  });
  return lines;
}

it('prints the URL and the environment to set, and stops at SIGTERM', async () => {
  const lines = printed();
  const home = temporaryHome();
  await main(['--port', '0', '--home', home]);
  const url = /AWS_ENDPOINT_URL=(\S+)/.exec(lines.join(''))?.[1] ?? '';
  expect((await fetch(`${url}/_sandbox/health`)).status).toBe(200);
  expect(lines.join('')).toContain('AWS_REGION=us-east-1');
  process.emit('SIGTERM');
  await vi.waitUntil(() => !existsSync(join(home, 'lock.json')));
  await failure(fetch(`${url}/_sandbox/health`));
});

it('explains its options', async () => {
  const lines = printed();
  await main(['--help']);
  expect(lines.join('')).toContain('--speed <factor>');
});

it.each([
  [['--port', 'x'], /whole number from 0 to 65535/],
  [['--speed', '0'], /number above 0/],
  [['--prot', '1'], /unknown option '--prot'/],
])('refuses %j', async (argv, message) => {
  expect((await failure(main(argv))).message).toMatch(message);
});
