import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { obtainOnce } from '../../../scripts/setup/obtain.mjs';
import { emptyMachine, isAlive } from './machine.mjs';

const SETUP = join(import.meta.dirname, '../../../scripts/setup');
const fill = async (folder) => writeFileSync(join(folder, 'file'), 'whole');

describe('what is obtained', () => {
  it('stands in the cache only when it is whole', async () => {
    const machine = emptyMachine();
    const seen = [];
    const target = await obtainOnce(machine, 'thing', async (part) => {
      seen.push(...readdirSync(machine.cache));
      await fill(part);
    });
    expect(seen).not.toContain('thing');
    expect(readdirSync(target)).toEqual(['file']);
    expect(readdirSync(machine.cache)).toEqual(['thing']);
  });

  it('leaves nothing behind when it fails', async () => {
    const machine = emptyMachine();
    const failing = obtainOnce(machine, 'thing', async (part) => {
      await fill(part);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(readdirSync(machine.cache)).toEqual([]);
  });

  it('has the parts of a killed process removed', async () => {
    const machine = emptyMachine();
    mkdirSync(join(machine.cache, 'thing.part-1'), { recursive: true });
    await obtainOnce(machine, 'thing', fill);
    expect(readdirSync(machine.cache)).toEqual(['thing']);
  });

  it('leaves neither part, lock nor child behind on Ctrl-C', async () => {
    const machine = emptyMachine();
    const script = `
      import { obtainOnce } from ${JSON.stringify(join(SETUP, 'obtain.mjs'))};
      import { run } from ${JSON.stringify(join(SETUP, 'run.mjs'))};
      await obtainOnce({ cache: ${JSON.stringify(machine.cache)} }, 'thing', async (part) => {
        const going = run('sh', ['-c', 'echo $$ > pid; exec sleep 60'], { cwd: part });
        const { existsSync, readFileSync } = await import('node:fs');
        const file = part + '/pid';
        const timer = setInterval(() => {
          const pid = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
          if (pid === '') return;
          clearInterval(timer);
          console.log(pid);
        }, 10);
        await going;
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
    const [said] = await once(child.stdout, 'data');
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    expect(code).toBe(130);
    expect(readdirSync(machine.cache)).toEqual([]);
    await expect.poll(() => isAlive(Number(said.toString())), { timeout: 5_000 }).toBe(false);
  });
});
