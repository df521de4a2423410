import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLI_VERSION, ensureTemporal, temporalWays } from '../../../scripts/setup/temporal.mjs';
import { SetupError } from '../../../scripts/setup/ways.mjs';
import { SDK_VERSION, emptyMachine, program } from './machine.mjs';

const GOOD = 'echo "temporal version 1.2.3 (Server 1.2.3)"';
const sdkFile = (machine) => join(machine.tmp, `temporal-sdk-typescript-${SDK_VERSION}`);
const builtFile = (machine) => join(machine.cache, `temporal-${CLI_VERSION}`, 'temporal');

/** A `go` that "builds" a CLI into GOBIN and counts how often it was asked to. */
function goThatBuilds(machine, cli = GOOD) {
  const count = join(machine.root, 'builds');
  program(
    join(machine.bin, 'go'),
    `echo "$@" >> "${count}"
     printf '#!/bin/sh\\n%s\\n' '${cli}' > "$GOBIN/temporal"
     /bin/chmod +x "$GOBIN/temporal"`,
  );
  return () => readFileSync(count, 'utf8').trim().split('\n');
}

describe('the Temporal server', () => {
  it('is not looked for where TEMPORAL_ADDRESS names one', async () => {
    const machine = emptyMachine({ env: { TEMPORAL_ADDRESS: 'temporal.example.com:7233' } });
    expect(await ensureTemporal(machine)).toBeUndefined();
  });

  it('is our own for the tests, whatever TEMPORAL_ADDRESS names', async () => {
    const machine = emptyMachine({ env: { TEMPORAL_ADDRESS: 'temporal.example.com:7233' } });
    machine.env.PATH = machine.bin;
    const cli = program(join(machine.bin, 'temporal'), GOOD);
    expect(await ensureTemporal(machine, { embedded: true })).toBe(cli);
  });

  it('is looked for in the documented order', async () => {
    const machine = emptyMachine();
    const builds = goThatBuilds(machine);
    expect(await ensureTemporal(machine)).toBe(builtFile(machine));
    expect(builds()).toEqual([`install github.com/temporalio/cli/cmd/temporal@v${CLI_VERSION}`]);
    expect(await ensureTemporal(machine)).toBe(builtFile(machine));
    expect(builds()).toHaveLength(1);
    const cached = program(sdkFile(machine), GOOD);
    expect(await ensureTemporal(machine)).toBe(cached);
    const onPath = program(join(machine.bin, 'temporal'), GOOD);
    expect(await ensureTemporal(machine)).toBe(onPath);
    const chosen = program(join(machine.root, 'my-temporal'), GOOD);
    machine.env.MODELKEEPER_TEMPORAL_CLI = chosen;
    expect(await ensureTemporal(machine)).toBe(chosen);
  });

  it('is passed over when it does not run', async () => {
    const machine = emptyMachine();
    program(join(machine.bin, 'temporal'), 'echo "cannot execute binary file" >&2; exit 126');
    const cached = program(sdkFile(machine), GOOD);
    expect(await ensureTemporal(machine)).toBe(cached);
  });

  it('is passed over when it is another program of that name', async () => {
    const machine = emptyMachine();
    program(join(machine.bin, 'temporal'), 'echo "temporal, a time zone tool 3.1"');
    const cached = program(sdkFile(machine), GOOD);
    expect(await ensureTemporal(machine)).toBe(cached);
  });

  it('is not taken from somebody else in the temporary folder', async () => {
    const machine = emptyMachine({ uid: process.getuid() + 1 });
    program(sdkFile(machine), GOOD);
    await expect(ensureTemporal(machine)).rejects.toThrow(
      "the Temporal SDK's earlier download: not there",
    );
  });

  it('that somebody chose is not silently replaced by another', async () => {
    const machine = emptyMachine({ env: { MODELKEEPER_TEMPORAL_CLI: '/nowhere/temporal' } });
    machine.env.PATH = machine.bin;
    program(join(machine.bin, 'temporal'), GOOD);
    await expect(ensureTemporal(machine)).rejects.toThrow(
      'MODELKEEPER_TEMPORAL_CLI does not work: /nowhere/temporal --version: not found',
    );
  });

  it('leaves nothing in the cache when what was built does not run', async () => {
    const machine = emptyMachine();
    goThatBuilds(machine, 'exit 3');
    await expect(ensureTemporal(machine)).rejects.toThrow('exit code 3');
    expect(existsSync(builtFile(machine))).toBe(false);
    expect(readdirSync(machine.cache)).toEqual([]);
  });

  it('is built again when what was built before is damaged, and stays when that fails', async () => {
    const machine = emptyMachine();
    program(builtFile(machine), 'kill -SEGV $$');
    program(join(machine.bin, 'go'), 'echo "go: no network" >&2; exit 1');
    await expect(ensureTemporal(machine)).rejects.toThrow('go: no network');
    expect(existsSync(builtFile(machine))).toBe(true);
    const builds = goThatBuilds(machine);
    expect(await ensureTemporal(machine)).toBe(builtFile(machine));
    expect(builds()).toHaveLength(1);
    expect(readdirSync(machine.cache)).toEqual([`temporal-${CLI_VERSION}`]);
  });

  it('that has no place in the cache is one error like any other', async () => {
    const machine = emptyMachine();
    goThatBuilds(machine);
    writeFileSync(machine.cache, 'not a folder');
    const error = await ensureTemporal(machine).catch((e) => e);
    expect(error).toBeInstanceOf(SetupError);
    expect(error.message).toContain(`${machine.cache} cannot be used`);
    expect(error.message).toContain('XDG_CACHE_HOME');
  });

  it('is built once when two ask at the same time', async () => {
    const machine = emptyMachine();
    const builds = goThatBuilds(machine);
    const both = await Promise.all([ensureTemporal(machine), ensureTemporal(machine)]);
    expect(both).toEqual([builtFile(machine), builtFile(machine)]);
    expect(builds()).toHaveLength(1);
  });

  it('that cannot be had is one error that names every way, its reason and what to do', async () => {
    const machine = emptyMachine();
    program(join(machine.bin, 'go'), 'echo "go: module lookup disabled" >&2; exit 1');
    program(join(machine.bin, 'temporal'), 'exit 9');
    const error = await ensureTemporal(machine).catch((e) => e);
    for (const { name } of temporalWays(machine)) expect(error.message).toContain(name);
    expect(error.message).toContain('exit code 9');
    expect(error.message).toContain('temporal.download cannot be reached (ENOTFOUND)');
    expect(error.message).toContain('go: module lookup disabled');
    expect(error.message).toContain('install the Temporal CLI');
    expect(error.message).toContain('install Go');
  });
});
