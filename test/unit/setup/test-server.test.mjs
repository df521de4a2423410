import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  SERVER_VERSION,
  ensureTestServer,
  testServerWays,
  verifyTestServer,
} from '../../../scripts/setup/test-server.mjs';
import { SDK_VERSION, emptyMachine, program } from './machine.mjs';

/** A program that listens on the port it is given, as the server does. */
const listening = (port) =>
  `exec "${process.execPath}" -e 'require("net").createServer().listen(+process.argv[1], "127.0.0.1")' ${port}`;
const LISTENS = listening('"$1"');
const sdkFile = (machine) =>
  join(machine.tmp, `temporal-test-server-sdk-typescript-${SDK_VERSION}`);
const obtained = (machine) =>
  join(machine.cache, `temporal-test-server-${SERVER_VERSION}`, 'temporal-test-server');

describe('the time-skipping server', () => {
  it('is looked for in the documented order', async () => {
    const machine = emptyMachine();
    program(obtained(machine), LISTENS);
    expect(await ensureTestServer(machine)).toBe(obtained(machine));
    const cached = program(sdkFile(machine), LISTENS);
    expect(await ensureTestServer(machine)).toBe(cached);
    machine.env.MODELKEEPER_TEST_SERVER = program(join(machine.root, 'mine'), LISTENS);
    expect(await ensureTestServer(machine)).toBe(machine.env.MODELKEEPER_TEST_SERVER);
  });

  it('is passed over when it ends instead of listening', async () => {
    const machine = emptyMachine();
    program(sdkFile(machine), 'echo "no Java here"; exit 1');
    program(obtained(machine), LISTENS);
    expect(await ensureTestServer(machine)).toBe(obtained(machine));
  });

  it('is refused when it never listens', async () => {
    const machine = emptyMachine();
    const file = program(join(machine.root, 'mute'), 'exec /bin/sleep 60');
    await expect(verifyTestServer(file, 300)).rejects.toThrow('no connection within 0.3 s');
  });

  it('that somebody chose is not silently replaced by another', async () => {
    const machine = emptyMachine();
    machine.env.MODELKEEPER_TEST_SERVER = program(join(machine.root, 'mine'), 'exit 4');
    program(sdkFile(machine), LISTENS);
    await expect(ensureTestServer(machine)).rejects.toThrow(
      /MODELKEEPER_TEST_SERVER does not work.*exit code 4/,
    );
  });

  it('leaves nothing in the cache when Maven fails', async () => {
    const machine = emptyMachine();
    program(join(machine.bin, 'java'), 'exit 0');
    program(join(machine.bin, 'mvn'), 'echo "[ERROR] Could not resolve artifact" ; exit 1');
    await expect(ensureTestServer(machine)).rejects.toThrow('[ERROR] Could not resolve artifact');
    expect(readdirSync(machine.cache)).toEqual([]);
  });

  it('leaves nothing in the cache when the jars do not start', async () => {
    const machine = emptyMachine();
    program(join(machine.bin, 'java'), 'exit 0');
    program(join(machine.bin, 'mvn'), 'exit 0');
    machine.env.JAVA_HOME = '/nowhere';
    await expect(ensureTestServer(machine)).rejects.toThrow('it ended with exit code');
    expect(existsSync(obtained(machine))).toBe(false);
  });

  it('is obtained again when what was obtained before is damaged', async () => {
    const machine = emptyMachine();
    program(obtained(machine), 'echo "Invalid or corrupt jarfile"; exit 1');
    program(join(machine.bin, 'java'), 'exit 0');
    program(join(machine.bin, 'mvn'), 'exit 0');
    // The wrapper that is written runs this Java.
    machine.env.JAVA_HOME = join(machine.root, 'jdk');
    program(join(machine.env.JAVA_HOME, 'bin/java'), listening('"$7"'));
    const before = process.env.JAVA_HOME;
    onTestFinished(() => {
      if (before === undefined) delete process.env.JAVA_HOME;
      else process.env.JAVA_HOME = before;
    });
    process.env.JAVA_HOME = machine.env.JAVA_HOME;
    expect(await ensureTestServer(machine)).toBe(obtained(machine));
    expect(readFileSync(obtained(machine), 'utf8')).toContain('io.temporal.testserver.TestServer');
  });

  it('that cannot be had is one error that names every way, its reason and what to do', async () => {
    const machine = emptyMachine();
    const error = await ensureTestServer(machine).catch((e) => e);
    for (const { name } of testServerWays(machine)) expect(error.message).toContain(name);
    expect(error.message).toContain('Maven is not installed');
    expect(error.message).toContain('temporal.download cannot be reached');
    expect(error.message).toContain('install Java');
  });
});
