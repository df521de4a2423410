/** What can be wrong with the folder a story lives in, its ports and its disk: a sentence each, and nothing broken. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';

import { findFreePort } from '../../sandbox/temporal/server.js';
import { awsAt } from './support/aws.js';
import type { LocalAws } from './support/aws.js';
import { ROOT, start, temporaryFolder, until, untilTrue } from './support/processes.js';
import type { Ended, Running } from './support/processes.js';
import { StoryRun } from './support/story.js';

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
    return readFileSync(join(home, 'story.pid'), 'utf8');
  } catch {
    return '';
  }
}

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
  it.each(['temporal', 'webUi', 'aws', 'console'])('is named: %s', async (which) => {
    const port = await taken();
    const home = homeWith({ 'state.json': await stateWith({ [which]: port }) });
    const { output } = await givesUp(storyIn(home));
    expect(output).toMatch(new RegExp(`port ${String(port)}\\b.* taken`, 'i'));
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
