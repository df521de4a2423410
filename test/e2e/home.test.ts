/** What can be wrong with the folder a story lives in, its ports and its disk: a sentence each, and nothing broken. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { Client, Connection } from '@temporalio/client';
import { describe, expect, it, onTestFinished } from 'vitest';

import { findFreePort, startTemporal } from '../../sandbox/temporal/server.js';
import { awsAt } from './support/aws.js';
import type { LocalAws } from './support/aws.js';
import {
  marked,
  ROOT,
  run,
  start,
  temporalCli,
  temporaryFolder,
  until,
  untilTrue,
} from './support/processes.js';
import type { Ended, Running } from './support/processes.js';
import { MODEL, StoryRun } from './support/story.js';

/** A home of its own with these files in it. */
function homeWith(files: Readonly<Record<string, string>> = {}): string {
  const folder = temporaryFolder('home');
  onTestFinished(() => {
    folder.remove();
  });
  const home = join(folder.path, 'home');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(home, name, '..'), { recursive: true });
    writeFileSync(join(home, name), text);
  }
  return home;
}

function storyIn(home: string, ...args: readonly string[]): StoryRun {
  const story = new StoryRun(home, args);
  story.start();
  onTestFinished(() => story.end(), 60_000);
  return story;
}

/** The story ends by itself, with one sentence and no stack, and leaves no process. */
async function givesUp(story: StoryRun): Promise<Ended> {
  const ended = await story.ended;
  expect(ended.code, ended.output).not.toBe(0);
  expect(ended.output).not.toMatch(/^\s+at /m);
  expect(story.processes()).toEqual([]);
  return ended;
}

async function taken(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function stateWith(changed: Readonly<Record<string, number>>): Promise<string> {
  const ports = {
    temporal: await findFreePort(),
    webUi: await findFreePort(),
    aws: await findFreePort(),
    console: await findFreePort(),
    bridge: await findFreePort(),
    ...changed,
  };
  return JSON.stringify({
    version: 1,
    ports,
    weekZeroAtMs: null,
    hubsOpenAtMs: null,
    startedAtMs: 1,
  });
}

describe('two stories in one folder', () => {
  it('are one: the second names the first and what to do, and the first goes on', async () => {
    const home = homeWith();
    const first = storyIn(home, '--ports', 'auto');
    await untilTrue('the first has the folder', 30_000, () => /^\d+$/.test(pidIn(home)));
    const second = await givesUp(storyIn(home, '--ports', 'auto'));
    expect(second).toMatchObject({ code: 1 });
    expect(second.output).toContain(`process ${pidIn(home)} already runs in ${home}`);
    expect(second.output).toContain('--home');
    const page = await first.console();
    await untilTrue('the console of the first answers', 60_000, () => page.answers());
    first.signal('SIGINT');
    expect(await first.ended).toMatchObject({ code: 0 });
    expect(first.processes()).toEqual([]);
  });
});

function pidIn(home: string): string {
  try {
    const { pid } = JSON.parse(readFileSync(join(home, 'story.lock'), 'utf8')) as { pid: number };
    return String(pid);
  } catch {
    return '';
  }
}

describe('a folder', () => {
  it('that is none is named with what to do', async () => {
    const home = homeWith({ file: '' });
    const { output } = await givesUp(storyIn(join(home, 'file'), '--ports', 'auto'));
    expect(output).toContain(`${join(home, 'file')} cannot be used`);
    expect(output).toContain('--home');
  });

  it('of a story that was killed can be started over at once', async () => {
    const home = homeWith();
    const first = storyIn(home, '--ports', 'auto');
    await untilTrue('it trains', 60_000, () => first.output().includes('training'));
    first.signal('SIGKILL');
    await first.ended;
    const again = storyIn(home, '--fresh');
    await untilTrue('it trains again', 60_000, () => again.output().includes('training'));
    again.signal('SIGINT');
    expect(await again.ended).toMatchObject({ code: 0 });
    expect(again.processes()).toEqual([]);
  });
});

describe('a command in the folder where a story runs', () => {
  it('reaches its servers whatever account, cluster or proxy its user has', async () => {
    const folder = homeWith({ 'made-by': 'a test' });
    const story = storyIn(join(folder, '.modelkeeper'), '--ports', 'auto');
    const page = await story.console();
    await untilTrue('the console answers', 60_000, () => page.answers());
    const env = {
      AWS_PROFILE: 'work',
      AWS_REGION: 'eu-west-1',
      TEMPORAL_NAMESPACE: 'production',
      TEMPORAL_TLS: 'true',
      https_proxy: 'http://127.0.0.1:9',
    };
    const listed = await run(['list', '--json'], { cwd: folder, env });
    expect(listed, listed.output).toMatchObject({ code: 0 });
  });
});

describe('a story that is asked to stop', () => {
  it('while the first model is trained, stops then', async () => {
    const story = storyIn(homeWith(), '--ports', 'auto', '--speed', '1');
    await untilTrue('it trains', 60_000, () => story.output().includes('training'));
    story.signal('SIGINT');
    const { code, output } = await story.ended;
    expect(code, output).toBe(0);
    expect(output.trim().split('\n').at(-1)).toContain('stopping');
    expect(story.processes()).toEqual([]);
  });

  it('by a reader that has gone, stops too and leaves its folder free', async () => {
    const home = homeWith();
    const mark = randomUUID();
    const command = [process.execPath, join(ROOT, 'dist/bin/modelkeeper.js'), 'story'];
    const reader = start(
      ['-c', '"$@" | head -n 1', 'sh', ...command, '--home', home, '--ports', 'auto'],
      {
        program: 'bash',
        mark,
        env: { MODELKEEPER_TEMPORAL_CLI: temporalCli(), TEMPORAL_ADDRESS: '' },
      },
    );
    const { output } = await reader.ended;
    expect(output).not.toMatch(/^\s+at /m);
    expect(marked(mark)).toEqual([]);
    expect(existsSync(join(home, 'story.lock'))).toBe(false);
    expect(existsSync(join(home, 'environment.json'))).toBe(false);
  });
});

describe('the Temporal that TEMPORAL_ADDRESS names', () => {
  it('is used, and none is started', async () => {
    const folder = temporaryFolder('cluster');
    const cluster = await startTemporal({
      cli: temporalCli(),
      port: await findFreePort(),
      logFile: join(folder.path, 'temporal.log'),
    });
    onTestFinished(async () => {
      await cluster.stop();
      folder.remove();
    }, 60_000);
    const story = new StoryRun(homeWith(), ['--ports', 'auto'], {
      MODELKEEPER_TEMPORAL_CLI: '',
      TEMPORAL_ADDRESS: cluster.address,
    });
    story.start();
    onTestFinished(() => story.end(), 60_000);
    const connection = await Connection.connect({ address: cluster.address });
    onTestFinished(() => connection.close());
    const { workflow } = new Client({ connection });
    await untilTrue('it has a keeper there', 120_000, async () => {
      const { status } = await workflow.getHandle(`keeper/${MODEL}`).describe();
      return status.name === 'RUNNING';
    });
    expect(story.processes().map(({ command }) => command)).not.toEqual(
      expect.arrayContaining([expect.stringContaining('start-dev')]),
    );
  });
});

describe('a damaged folder', () => {
  it.each(['', '{', '{"version":1}', '[]', 'null'])(
    'whose state.json is %j is named with the way to start over',
    async (text) => {
      const home = homeWith({ 'state.json': text });
      const { code, output } = await givesUp(storyIn(home, '--ports', 'auto'));
      expect(code).toBe(1);
      expect(output).toContain(join(home, 'state.json'));
      expect(output).toContain('--fresh');
    },
  );

  it("whose local AWS's journal is damaged is named with file, line and the way to start over", async () => {
    const home = homeWith({
      'aws/journal.jsonl': '["put","a","b",1]\nnot a line\n["put","a","c",1]\n',
    });
    const { output } = await givesUp(storyIn(home, '--ports', 'auto'));
    expect(output).toContain(join(home, 'aws/journal.jsonl'));
    expect(output).toContain('line 2');
    expect(output).toContain('--fresh');
  });

  it('starts with --fresh', async () => {
    const home = homeWith({ 'state.json': '{', 'aws/journal.jsonl': 'not a line\n' });
    const story = storyIn(home, '--ports', 'auto', '--fresh');
    const page = await until('it has chosen its ports', 30_000, () => story.console());
    await untilTrue('the console answers', 60_000, () => page.answers());
  });
});

describe('a port that is taken', () => {
  it.each(['temporal', 'webUi', 'aws', 'console', 'bridge'])('is named: %s', async (which) => {
    const port = await taken();
    const home = homeWith({ 'state.json': await stateWith({ [which]: port }) });
    const { output } = await givesUp(storyIn(home));
    expect(output).toMatch(new RegExp(`port ${String(port)}\\b.* taken`, 'i'));
    expect(output).toContain('--ports auto');
  });

  it('is left to the other program by --ports auto, and the other ports stay', async () => {
    const port = await taken();
    const home = homeWith({ 'state.json': await stateWith({ console: port }) });
    const before = await new StoryRun(home, []).ports();
    const story = storyIn(home, '--ports', 'auto');
    const page = await until('the console answers', 60_000, async () => {
      const other = await story.console();
      return !other.url.endsWith(`:${String(port)}`) && (await other.answers()) ? other : undefined;
    });
    const after = await story.ports();
    expect(page.url).toBe(`http://127.0.0.1:${String(after.console)}`);
    expect({ ...after, console: port }).toEqual(before);
  });
});

describe('a disk that takes no more', () => {
  /** No file may grow beyond this: a write fails as on a full disk, wherever the tests run. */
  const LIMIT_KB = 256;

  async function answering(running: Running, aws: LocalAws): Promise<void> {
    await untilTrue('the local AWS answers', 30_000, async () => Array.isArray(await aws.calls()));
    onTestFinished(async () => {
      running.signal('SIGTERM');
      await running.ended;
    });
  }

  it('and holds the log too ends no process', async () => {
    const log = join(homeWith({ log: '.'.repeat(LIMIT_KB * 1_024) }), 'log');
    const port = String(await findFreePort());
    const binary = join(ROOT, 'dist/bin/modelkeeper.js');
    const args = ['sandbox', '--home', homeWith(), '--port', port];
    const script = `ulimit -f ${String(LIMIT_KB)}; exec "$@" >> '${log}' 2>&1`;
    const running = start(['-c', script, 'sh', process.execPath, binary, ...args], {
      program: 'bash',
    });
    const aws = awsAt(`http://127.0.0.1:${port}`);
    await answering(running, aws);
    await aws.s3.send(new CreateBucketCommand({ Bucket: 'ml-artefacts' }));
    expect(Array.isArray(await aws.calls())).toBe(true);
    expect(readFileSync(log, 'utf8')).toHaveLength(LIMIT_KB * 1_024);
  });

  it('costs the local AWS the calls that fail, and nothing that it has acknowledged', async () => {
    const home = homeWith();
    const port = String(await findFreePort());
    const aws = awsAt(`http://127.0.0.1:${port}`);
    const binary = join(ROOT, 'dist/bin/modelkeeper.js');
    const args = ['sandbox', '--home', home, '--port', port, '--quiet'];
    const script = `ulimit -f ${String(LIMIT_KB)}; exec "$@"`;
    const full = start(['-c', script, 'sh', process.execPath, binary, ...args], {
      program: 'bash',
    });
    await answering(full, aws);
    await aws.s3.send(new CreateBucketCommand({ Bucket: 'ml-artefacts' }));

    const kept: string[] = [];
    let failure: unknown;
    for (let i = 0; failure === undefined && i < 20_000; i += 1) {
      const Key = `object-${String(i)}`;
      try {
        await aws.s3.send(new PutObjectCommand({ Bucket: 'ml-artefacts', Key, Body: Key }));
        kept.push(Key);
      } catch (error) {
        failure = error;
      }
    }
    expect(failure).toBeInstanceOf(Error);
    expect(kept.length).toBeGreaterThan(10);
    full.signal('SIGTERM');
    await full.ended;

    const roomy = start(args);
    await answering(roomy, aws);
    const listed: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await aws.s3.send(
        new ListObjectsV2Command({ Bucket: 'ml-artefacts', ContinuationToken }),
      );
      listed.push(...(page.Contents ?? []).map(({ Key = '' }) => Key));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    expect(listed).toEqual(expect.arrayContaining(kept));
    const last = kept.at(-1) ?? '';
    const { Body } = await aws.s3.send(new GetObjectCommand({ Bucket: 'ml-artefacts', Key: last }));
    expect(await Body?.transformToString()).toBe(last);
  });
});
