// Finds the time-skipping Temporal server the workflow tests run on, or obtains its jars once.
import { chmod, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onInterrupt } from './interrupt.mjs';
import { findFreePort, isListening, isOwnExecutable, onPath } from './machine.mjs';
import { obtainOnce } from './obtain.mjs';
import { withProgress } from './progress.mjs';
import { endGroup, whyFailed } from './run.mjs';
import { bySdkDownload, fromSdkCache } from './sdk-cache.mjs';
import { NoWay, firstThatWorks } from './ways.mjs';

export const SERVER_VERSION = '1.38.0';
const FOLDER = `temporal-test-server-${SERVER_VERSION}`;
const START_LIMIT_MS = 30_000;

const POM = `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>modelkeeper</groupId>
  <artifactId>test-server</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>io.temporal</groupId>
      <artifactId>temporal-test-server</artifactId>
      <version>${SERVER_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-nop</artifactId>
      <version>2.0.17</version>
    </dependency>
  </dependencies>
</project>
`;

// `exec`, because the SDK kills the process it started and nothing else. Only the port is passed on:
// with more arguments the server prints its usage and ends.
const WRAPPER = `#!/bin/sh
exec "\${JAVA_HOME:+$JAVA_HOME/bin/}java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx512m \\
  -cp "$(dirname "$0")/lib/*" io.temporal.testserver.TestServer "$1"
`;

/** Returns `file` if, started on a free port, it accepts connections. */
export async function verifyTestServer(file, limitMs = START_LIMIT_MS) {
  const port = await findFreePort();
  const child = spawn(file, [String(port)], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let words = '';
  let ended;
  child.stdout.on('data', (text) => (words += text));
  child.stderr.on('data', (text) => (words += text));
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code) => (ended ??= `it ended with exit code ${code}`));
  const end = () => (child.pid === undefined ? undefined : endGroup(child));
  const forget = onInterrupt(end);
  try {
    const giveUpAtMs = Date.now() + limitMs;
    while (!(await isListening(port))) {
      if (ended !== undefined) throw new NoWay(`${file}: ${ended} ${words.trim().slice(0, 200)}`);
      if (Date.now() > giveUpAtMs) {
        throw new NoWay(`${file}: no connection within ${limitMs / 1000} s`);
      }
      await delay(100);
    }
    return file;
  } finally {
    await end();
    forget();
  }
}

async function obtainedBefore(machine) {
  const file = join(machine.cache, FOLDER, 'temporal-test-server');
  return (await isOwnExecutable(machine, file)) ? file : undefined;
}

async function obtainWithMaven(machine) {
  const mvn = await onPath(machine, 'mvn');
  if (mvn === undefined) throw new NoWay('Maven is not installed');
  if (!machine.env.JAVA_HOME && (await onPath(machine, 'java')) === undefined) {
    throw new NoWay('Java is not installed');
  }
  const verify = (folder) => verifyTestServer(join(folder, 'temporal-test-server'));
  const obtain = async (part) => {
    await writeFile(join(part, 'pom.xml'), POM);
    const result = await withProgress('Obtaining the time-skipping test server with Maven', () =>
      machine.run(
        mvn,
        [
          '-q',
          '-B',
          'dependency:copy-dependencies',
          '-DincludeScope=runtime',
          `-DoutputDirectory=${join(part, 'lib')}`,
        ],
        { cwd: part, timeoutMs: 600_000 },
      ),
    );
    if (!result.ok) throw new NoWay(`mvn: ${whyFailed(result)}`);
    const wrapper = join(part, 'temporal-test-server');
    await writeFile(wrapper, WRAPPER);
    await chmod(wrapper, 0o755);
    await verify(part);
  };
  const folder = await obtainOnce(machine, FOLDER, obtain, verify);
  return join(folder, 'temporal-test-server');
}

const verified = (find) => async () => {
  const file = await find();
  return file === undefined ? undefined : verifyTestServer(file);
};

/** The ways to a time-skipping server in the order they are tried. */
export function testServerWays(machine) {
  return [
    {
      name: 'MODELKEEPER_TEST_SERVER',
      decisive: true,
      attempt: verified(async () => machine.env.MODELKEEPER_TEST_SERVER || undefined),
    },
    {
      name: "the Temporal SDK's earlier download",
      attempt: verified(() => fromSdkCache(machine, 'test')),
    },
    { name: 'obtained with Maven before', attempt: verified(() => obtainedBefore(machine)) },
    {
      name: "the Temporal SDK's download",
      attempt: verified(() => bySdkDownload(machine, 'test')),
    },
    {
      name: `Maven, io.temporal:temporal-test-server:${SERVER_VERSION}`,
      attempt: () => obtainWithMaven(machine),
    },
  ];
}

/**
 * The path of an executable that takes a port and serves Temporal with skipping time there.
 *
 * @throws {SetupError} when no way works.
 */
export async function ensureTestServer(machine) {
  return firstThatWorks('The time-skipping Temporal server', testServerWays(machine), [
    'install Java 11 or later and Maven (Debian: apt-get install default-jre-headless maven);',
    'or set MODELKEEPER_TEST_SERVER to an executable that takes a port as its only argument.',
  ]);
}
