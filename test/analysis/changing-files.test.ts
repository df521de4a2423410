import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { compareWindow } from '../../analysis/drift.js';
import { withDuck } from '../../analysis/duck.js';
import type { Duck } from '../../analysis/duck.js';
import { evaluateGates } from '../../analysis/evaluate.js';
import { UnusableData } from '../../analysis/failures.js';
import { profileFile } from '../../analysis/profile.js';
import type { DataFiles, DataFormat } from '../../analysis/relation.js';
import type { Gate } from '../../domain/stats/types.js';
import { captureLine, detect, rowsOf } from './scratch.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'changing-files-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const ROWS = 60_000;
const TEXTS: Readonly<Record<Exclude<DataFormat, 'parquet'>, (i: number) => string>> = {
  csv: (i) => `${i},${i % 7}`,
  jsonl: (i) => `{"a": ${i}, "b": ${i % 7}}`,
  capture: (i) => captureLine({ id: `${i}`, input: `${i},${i % 7}`, output: '0.5' }),
};

/** Data large enough to be looked at three times. */
async function data(format: DataFormat, name: string, rows = ROWS): Promise<DataFiles> {
  const file = join(dir, name);
  if (format === 'parquet') {
    await withDuck({ scratchDir: dir }, (duck) =>
      duck.rows(
        `copy (select i as a, i % 7 as b from range(${rows}) t(i)) to '${file}' (format parquet)`,
      ),
    );
  } else {
    const head = format === 'csv' ? ['a,b'] : [];
    writeFileSync(file, [...head, ...rowsOf(rows, TEXTS[format]), ''].join('\n'));
  }
  return { files: [file], format, captureColumns: ['a', 'b'] };
}

type Change = (file: string) => void;
const CHANGES: readonly (readonly [string, string, Change])[] = [
  [
    'grows',
    'has changed',
    (file) => {
      appendFileSync(file, '\n');
    },
  ],
  [
    'shrinks',
    'has changed',
    (file) => {
      truncateSync(file, Math.floor(statSync(file).size / 2));
    },
  ],
  [
    'is written anew at the same length',
    'has changed',
    (file) => {
      utimesSync(file, 1, 1);
    },
  ],
  [
    'is replaced by a copy of the same age',
    'has changed',
    (file) => {
      const { atime, mtime } = statSync(file);
      copyFileSync(file, `${file}.new`);
      utimesSync(`${file}.new`, atime, mtime);
      renameSync(`${file}.new`, file);
    },
  ],
  [
    'vanishes',
    'is gone',
    (file) => {
      rmSync(file);
    },
  ],
];

/** Lets the file change once, as soon as the first look has seen all, or some, of its rows. */
function changeAt(duck: Duck, when: 'between looks' | 'within a look', change: () => void): void {
  const look = duck.visit.bind(duck);
  let isDone = false;
  const once = () => {
    if (!isDone) change();
    isDone = true;
  };
  vi.spyOn(duck, 'visit').mockImplementation(async (from, bound, columns, visit) => {
    const seen = await look(from, bound, columns, (rows) => {
      if (when === 'within a look') once();
      visit(rows);
    });
    once();
    return seen;
  });
}

describe.each(['csv', 'jsonl', 'parquet', 'capture'] as const)('a file of %s', (format) => {
  it.each(CHANGES)('that %s between looks gives no profile', async (_, reason, change) => {
    const files = await data(format, 'data');
    const work = withDuck({ scratchDir: join(dir, 's'), readable: [dir] }, (duck) => {
      changeAt(duck, 'between looks', () => {
        change(join(dir, 'data'));
      });
      return profileFile(duck, files);
    });
    await expect(work).rejects.toThrow(UnusableData);
    await expect(work).rejects.toThrow(`${join(dir, 'data')} ${reason} since reading it began`);
  });
  it.each(CHANGES)('that %s within a look gives no comparison', async (_, reason, change) => {
    const files = await data(format, 'data');
    const work = withDuck({ scratchDir: join(dir, 's'), readable: [dir] }, async (duck) => {
      const profile = await profileFile(duck, files);
      changeAt(duck, 'within a look', () => {
        change(join(dir, 'data'));
      });
      return compareWindow(duck, { profile, window: files, detect });
    });
    await expect(work).rejects.toThrow(`${join(dir, 'data')} ${reason} since reading it began`);
  });
  it('that changes beside others is named, and they are not', async () => {
    const [first, second] = [await data(format, 'first'), await data(format, 'second')];
    const both = { ...first, files: [...first.files, ...second.files] };
    const work = withDuck({ scratchDir: join(dir, 's'), readable: [dir] }, (duck) => {
      changeAt(duck, 'between looks', () => {
        appendFileSync(join(dir, 'second'), '\n');
      });
      return profileFile(duck, both);
    });
    await expect(work).rejects.toThrow(`${join(dir, 'second')} has changed`);
  });
  it('that stays is read', async () => {
    const files = await data(format, 'data');
    const { rowCount } = await withDuck({ scratchDir: join(dir, 's'), readable: [dir] }, (duck) =>
      profileFile(duck, files),
    );
    expect(rowCount).toBe(ROWS);
  });
});

const AUC: Gate = {
  id: 'auc',
  kind: 'absolute',
  metric: 'roc_auc',
  min: 0.5,
  on: 'bound',
  severity: 'required',
};

describe.each(['csv', 'jsonl', 'parquet'] as const)('predictions in %s', (format) => {
  it.each(CHANGES)('that %s while they are judged give no verdict', async (_, reason, change) => {
    const file = join(dir, 'predictions');
    const as = format === 'jsonl' ? 'json' : format;
    await withDuck({ scratchDir: dir }, (duck) =>
      duck.rows(
        `copy (select i as rowId, i % 2 as label, 0.5 as champion, i % 2 as candidate from range(1000) t(i))
         to '${file}' (format ${as})`,
      ),
    );
    const work = withDuck({ scratchDir: dir }, (duck) => {
      const load = duck.doubles.bind(duck);
      vi.spyOn(duck, 'doubles').mockImplementation((...query) => {
        change(file);
        return load(...query);
      });
      return evaluateGates(duck, {
        file: { files: [file], format },
        holdOut: null,
        gates: [AUC],
        confidence: 0.95,
        seed: 1,
        minRows: 200,
        offline: true,
      });
    });
    await expect(work).rejects.toThrow(`${file} ${reason} since reading it began`);
  });
});
