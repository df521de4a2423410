import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chromiumWays, ensureChromium } from '../../../scripts/setup/chromium.mjs';
import { emptyMachine, program } from './machine.mjs';

const GOOD = 'echo "Chromium 140.0"';

/** A Playwright that has its Chromium at `file`. */
function installPlaywright(machine, file) {
  const folder = join(machine.root, 'node_modules/playwright-core');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'index.js'),
    `exports.chromium = { executablePath: () => ${JSON.stringify(file)} };`,
  );
}

/** An apt-get that, asked to install chromium, does. */
function installApt(machine) {
  const log = join(machine.root, 'apt.log');
  const target = join(machine.bin, 'chromium');
  program(
    join(machine.bin, 'apt-get'),
    `echo "$@" >> "${log}"
     case "$*" in *chromium*) printf '#!/bin/sh\\n%s\\n' '${GOOD}' > "${target}"; /bin/chmod +x "${target}";; esac`,
  );
  return {
    target,
    calls: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
  };
}

describe('Chromium', () => {
  it('is looked for in the documented order', async () => {
    const machine = emptyMachine({ uid: 0 });
    const apt = installApt(machine);
    const playwright = program(join(machine.root, 'playwrights'), GOOD);
    installPlaywright(machine, playwright);
    expect(await ensureChromium(machine)).toBe(playwright);
    const chrome = program(join(machine.bin, 'google-chrome'), 'echo "Google Chrome 140.0"');
    expect(await ensureChromium(machine)).toBe(chrome);
    const chromium = program(join(machine.bin, 'chromium'), GOOD);
    expect(await ensureChromium(machine)).toBe(chromium);
    machine.env.MODELKEEPER_CHROMIUM = program(join(machine.root, 'mine'), GOOD);
    expect(await ensureChromium(machine)).toBe(machine.env.MODELKEEPER_CHROMIUM);
    expect(apt.calls()).toEqual([]);
  });

  it('comes from Debian when we are root and there is no other', async () => {
    const machine = emptyMachine({ uid: 0 });
    installPlaywright(machine, '/nowhere');
    const apt = installApt(machine);
    expect(await ensureChromium(machine)).toBe(apt.target);
    expect(apt.calls().map((call) => call.split(' -y ')[1])).toEqual([
      'update',
      'install --no-install-recommends chromium',
    ]);
  });

  it('is not installed by somebody who is not root', async () => {
    const machine = emptyMachine({ uid: 1000 });
    installPlaywright(machine, '/nowhere');
    const apt = installApt(machine);
    await expect(ensureChromium(machine)).rejects.toThrow('only root may install packages');
    expect(apt.calls()).toEqual([]);
  });

  it('is passed over when it does not run', async () => {
    const machine = emptyMachine();
    program(join(machine.bin, 'chromium'), 'echo "use snap install chromium" >&2; exit 1');
    const playwright = program(join(machine.root, 'playwrights'), GOOD);
    installPlaywright(machine, playwright);
    expect(await ensureChromium(machine)).toBe(playwright);
  });

  it('that somebody chose is not silently replaced by another', async () => {
    const machine = emptyMachine();
    program(join(machine.bin, 'chromium'), GOOD);
    machine.env.MODELKEEPER_CHROMIUM = program(join(machine.root, 'mine'), 'echo "Firefox 130"');
    await expect(ensureChromium(machine)).rejects.toThrow('MODELKEEPER_CHROMIUM does not work');
  });

  it('that cannot be had is one error that names every way, its reason and what to do', async () => {
    const machine = emptyMachine({ uid: 1000 });
    const error = await ensureChromium(machine).catch((e) => e);
    for (const { name } of chromiumWays(machine)) expect(error.message).toContain(name);
    expect(error.message).toContain('Playwright: ');
    expect(error.message).toContain('cdn.playwright.dev cannot be reached');
    expect(error.message).toContain('apt-get is not here');
    expect(error.message).toContain('apt-get install chromium');
  });
});
