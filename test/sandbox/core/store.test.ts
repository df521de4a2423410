import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readJournal } from '../../../sandbox/aws/kernel/journal.js';
import { lockHome, processStart } from '../../../sandbox/aws/kernel/lock.js';
import { openStore } from '../../../sandbox/aws/store.js';
import { temporaryHome } from './support.js';

/** A home as `kill -9` leaves it: nothing was closed. */
function killed(home: string): string {
  const copy = temporaryHome();
  cpSync(home, copy, { recursive: true });
  return copy;
}

describe('the store', () => {
  it('has what was put before a kill', () => {
    const home = temporaryHome();
    const store = openStore(home);
    store.put('c', 'b', { n: 1 });
    store.put('c', 'a', { n: 2, text: 'ü\n"' });
    store.put('c', 'gone', 1);
    store.delete('c', 'gone');
    store.put('c', 'b', { n: 3 });
    const again = openStore(killed(home));
    expect(again.entries('c')).toEqual([
      ['a', { n: 2, text: 'ü\n"' }],
      ['b', { n: 3 }],
    ]);
  });

  it('hands out copies: a change is kept only when it is put', () => {
    const store = openStore(temporaryHome());
    store.put('c', 'k', { n: 1 });
    const value = store.get<{ n: number }>('c', 'k');
    if (value !== undefined) value.n = 2;
    expect(store.get('c', 'k')).toEqual({ n: 1 });
    expect(store.get('c', 'absent', 7)).toBe(7);
  });

  it('drops a last line that was cut, and goes on writing', () => {
    const home = temporaryHome();
    openStore(home).put('c', 'k', 1);
    appendFileSync(join(home, 'journal.jsonl'), '["put","c","l",{"half');
    const again = openStore(home);
    expect(again.get('c', 'l')).toBeUndefined();
    again.put('c', 'm', 2);
    expect(openStore(home).entries('c')).toEqual([
      ['k', 1],
      ['m', 2],
    ]);
  });

  it.each(['not json\n["put","c","k",1]\n', '{"a":1}\n', '["put","c"]\n'])(
    'refuses other damage, with file, line and remedy',
    (text) => {
      const home = temporaryHome();
      writeFileSync(join(home, 'journal.jsonl'), text);
      expect(() => openStore(home)).toThrow(
        /journal\.jsonl: line 1 is not readable; start over with --fresh/,
      );
    },
  );

  it('folds a long journal into the snapshot, and survives a kill between the two', () => {
    const home = temporaryHome();
    const store = openStore(home, { compactAtBytes: 2_000 });
    for (let at = 0; at < 200; at += 1) store.put('c', 'k', { at });
    expect(statSync(join(home, 'journal.jsonl')).size).toBeLessThan(2_100);
    const journal = readFileSync(join(home, 'journal.jsonl'));
    store.put('c', 'l', 1);
    store.compact();
    writeFileSync(join(home, 'journal.jsonl'), journal);
    expect(openStore(home).entries('c')).toEqual([
      ['k', { at: 199 }],
      ['l', 1],
    ]);
  });
});

describe('a journal', () => {
  it('of nothing is read as nothing', () => {
    expect(readJournal(Buffer.alloc(0))).toEqual({ kind: 'read', entries: [], wholeBytes: 0 });
  });
});

describe('the lock', () => {
  it('keeps a second sandbox out, and lets it in after the first', () => {
    const home = temporaryHome();
    const unlock = lockHome(home);
    expect(() => lockHome(home)).toThrow(
      /another sandbox \(process \d+\) uses .*; stop it, or choose another directory/,
    );
    unlock();
    lockHome(home)();
  });

  it('of another process that lives locks its own home, not a copy of it', () => {
    const home = realpathSync(temporaryHome());
    const holder = { pid: process.ppid, startedAt: processStart(process.ppid), home };
    writeFileSync(join(home, 'lock.json'), JSON.stringify(holder));
    expect(() => lockHome(home)).toThrow(`another sandbox (process ${process.ppid}) uses ${home}`);
    lockHome(killed(home))();
    rmSync(join(home, 'lock.json'));
  });

  it('of a process that is gone, or of a copied home, is taken over', () => {
    const home = temporaryHome();
    const file = join(home, 'lock.json');
    writeFileSync(file, JSON.stringify({ pid: 2 ** 22 - 1, startedAt: 'x', home }));
    lockHome(home)();
    const unlock = lockHome(home);
    lockHome(killed(home))();
    unlock();
    writeFileSync(file, '');
    lockHome(home)();
  });

  it('of a process that has ended, though nobody has asked for its exit code, is taken over', async () => {
    const home = realpathSync(temporaryHome());
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60']);
    onTestFinished(() => void parent.kill('SIGKILL'));
    const [said] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(said.toString());
    // Before it has become `sleep` the shell would still ask for the exit code.
    const comm = `/proc/${String(parent.pid)}/comm`;
    await expect.poll(() => readFileSync(comm, 'utf8')).toBe('sleep\n');
    const holder = { pid, startedAt: processStart(pid), home };
    writeFileSync(join(home, 'lock.json'), JSON.stringify(holder));
    expect(() => lockHome(home)).toThrow(`another sandbox (process ${pid}) uses ${home}`);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => processStart(pid)).toBe('ended');
    lockHome(home)();
  });

  it('of a later process with the same id is taken over', () => {
    const home = temporaryHome();
    writeFileSync(
      join(home, 'lock.json'),
      JSON.stringify({ pid: process.ppid, startedAt: 'another boot/1', home }),
    );
    lockHome(home)();
    rmSync(join(home, 'lock.json'), { force: true });
  });
});

describe('changes that belong together', () => {
  it('are all there after a kill, or none is, wherever the line was cut', () => {
    const home = temporaryHome();
    const store = openStore(home);
    store.put('c', 'old', 1);
    const before = statSync(join(home, 'journal.jsonl')).size;
    store.write([
      { collection: 'c', key: 'new', value: { n: 2 } },
      { collection: 'd', key: 'other', value: 'x' },
      { collection: 'c', key: 'old' },
    ]);
    const journal = readFileSync(join(home, 'journal.jsonl'));
    for (let cut = before; cut <= journal.length; cut += 1) {
      const copy = killed(home);
      writeFileSync(join(copy, 'journal.jsonl'), journal.subarray(0, cut));
      const again = openStore(copy);
      const whole = cut === journal.length;
      expect(again.entries('c')).toEqual(whole ? [['new', { n: 2 }]] : [['old', 1]]);
      expect(again.get('d', 'other')).toBe(whole ? 'x' : undefined);
      again.close();
    }
  });

  it('leave no line when nothing changes', () => {
    const home = temporaryHome();
    const store = openStore(home);
    store.put('c', 'k', 1);
    const { size } = statSync(join(home, 'journal.jsonl'));
    store.write([
      { collection: 'c', key: 'k', value: 1 },
      { collection: 'c', key: 'absent' },
    ]);
    expect(statSync(join(home, 'journal.jsonl')).size).toBe(size);
  });
});
