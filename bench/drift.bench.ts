/** A window against a stored profile: ours beside DuckDB's own scan, pandas with scipy, and Evidently. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';

import { z } from 'zod';

import { withDuck } from '../analysis/duck.js';
import { printTable } from './table.js';

export const needs = ['dist'] as const;

const run_ = promisify(execFile);
const root = join(import.meta.dirname, '..');
const PACKAGES = ['evidently', 'pandas<3', 'scipy', 'pyarrow'];
const NUMERIC = 12;
const CATEGORIES = [2, 5, 12, 30, 60, 120, 300, 800];

const runSchema = z.object({ seconds: z.number(), peakMb: z.number(), said: z.string() });
type Run = z.infer<typeof runSchema>;
type Format = 'csv' | 'parquet';

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '5000000' },
      'reference-rows': { type: 'string', default: '1000000' },
      memory: { type: 'string', default: '1024' },
      threads: { type: 'string', default: '2' },
      data: { type: 'string', default: join(tmpdir(), 'modelkeeper-bench-drift') },
      minutes: { type: 'string', default: '10' },
      others: { type: 'string', default: 'scan,binned,exact,evidently' },
      formats: { type: 'string', default: 'csv,parquet' },
      wide: { type: 'boolean', default: false },
    },
  });
  mkdirSync(values.data, { recursive: true });
  const bench = new Bench(values.data, values.memory, values.threads, Number(values.minutes));
  if (values.wide) return bench.wide();
  const others = values.others.split(',');
  const python = others.some((other) => other !== 'scan') ? await makeVenv() : '';
  const formats: readonly Format[] = values.formats.split(',').map((format) => {
    if (format === 'csv' || format === 'parquet') return format;
    throw new Error(`--formats ${format}: csv and parquet are measured`);
  });
  await bench.compareAll(
    Number(values.rows),
    Number(values['reference-rows']),
    formats,
    others,
    python,
  );
}

class Bench {
  constructor(
    private readonly folder: string,
    private readonly memoryMb: string,
    private readonly threads: string,
    private readonly minutes: number,
  ) {}

  async compareAll(
    rows: number,
    referenceRows: number,
    formats: readonly Format[],
    others: readonly string[],
    python: string,
  ): Promise<void> {
    const table: Record<string, string | number>[] = [];
    for (const format of formats) {
      const reference = await this.made('reference', format, referenceRows, 0);
      const window = await this.made('window', format, rows, 0.02);
      const profile = join(this.folder, `profile-${String(referenceRows)}-${format}.json`);
      const add = (what: string, metrics: string, basis: string, found: Run | string, ours?: Run) =>
        table.push({
          format,
          what,
          metrics,
          reference: basis,
          seconds: typeof found === 'string' ? found : found.seconds.toFixed(2),
          'peak MB': typeof found === 'string' ? '' : Math.round(found.peakMb),
          'time / ours':
            typeof found === 'string' || ours === undefined
              ? ''
              : (found.seconds / ours.seconds).toFixed(2),
          'peak / ours':
            typeof found === 'string' || ours === undefined
              ? ''
              : (found.peakMb / ours.peakMb).toFixed(2),
        });
      add(
        'ours, profile',
        'edges, counts, moments',
        'read',
        await this.ours('profile', format, reference, profile),
      );
      const ours = await this.ours('compare', format, window, profile);
      add('ours, window', 'all but Wasserstein', 'stored profile', ours, ours);
      if (others.includes('scan')) {
        add(
          'DuckDB scan',
          'count(column)',
          'none',
          await this.ours('scan', format, window, profile),
          ours,
        );
      }
      const other = async (task: string) =>
        this.other(python, task, format, reference, window, profile);
      if (others.includes('binned')) {
        add(
          'pandas + scipy',
          'PSI, JS, chi-square, KS of bins',
          'stored profile',
          await other('binned'),
          ours,
        );
      }
      if (others.includes('exact')) {
        add(
          'pandas + scipy',
          'exact KS and Wasserstein, chi-square',
          'read',
          await other('exact'),
          ours,
        );
      }
      if (others.includes('evidently') && format === 'parquet') {
        add(
          'Evidently preset',
          'its defaults',
          'read and profiled',
          await other('evidently'),
          ours,
        );
      }
    }
    printTable(
      `${String(rows)} rows of ${String(NUMERIC)} numeric and ${String(CATEGORIES.length)} categorical columns against ${String(referenceRows)}; ${this.memoryMb} MB, ${this.threads} threads`,
      table,
    );
  }

  /** A thousand columns of 100,000 rows: a baseline and a window, numbers and categories. */
  async wide(): Promise<void> {
    const table: Record<string, string | number>[] = [];
    for (const [name, column] of [
      ['numbers', (i: number) => `hash(r * 1009 + ${String(i)}) % 10007 / 7.0 as n${String(i)}`],
      [
        'categories',
        (i: number) => `'c' || (hash(r * 1009 + ${String(i)}) % 40)::varchar as c${String(i)}`,
      ],
    ] as const) {
      const columns = Array.from({ length: 1_000 }, (_, i) => column(i)).join(', ');
      for (const format of ['parquet', 'csv'] as const) {
        const file = await this.copied(
          `wide-${name}.${format}`,
          `select ${columns} from range(100000) t(r)`,
        );
        const profile = join(this.folder, `wide-${name}-${format}.json`);
        for (const task of ['profile', 'compare'] as const) {
          const found = await this.ours(task, format, file, profile);
          table.push({
            format,
            columns: name,
            task,
            seconds: found.seconds.toFixed(1),
            'peak MB': Math.round(found.peakMb),
          });
        }
      }
    }
    printTable(`1000 columns, 100000 rows; ${this.memoryMb} MB, ${this.threads} threads`, table);
  }

  private async made(name: string, format: Format, rows: number, shift: number): Promise<string> {
    const normal = (i: number) =>
      `(sqrt(-2 * ln(1 - (hash(r * 31 + ${String(i)}) % 1000003) / 1000003.0)) * cos(2 * pi() * ((hash(r * 37 + ${String(i + 1_000)}) % 1000033) / 1000033.0)))`;
    const numbers = Array.from({ length: NUMERIC }, (_, i) => {
      const value =
        i % 3 === 2
          ? `floor(exp(${normal(i)} * 0.5 + ${String(i * 0.3)}) * 100)`
          : `round((${normal(i)} + ${String(shift)}) * ${String(i + 1)} + ${String(i)}, ${i % 2 === 0 ? '6' : '3'})`;
      return `${value}::double as n${String(i)}`;
    });
    const texts = CATEGORIES.map(
      (size, i) =>
        `'c${String(i)}_' || (hash(r * 41 + ${String(i)}) % ${String(size)})::varchar as c${String(i)}`,
    );
    return this.copied(
      `${name}-${String(rows)}.${format}`,
      `select ${[...numbers, ...texts].join(', ')} from range(${String(rows)}) t(r)`,
    );
  }

  private async copied(name: string, sql: string): Promise<string> {
    const file = join(this.folder, name);
    if (existsSync(file)) return file;
    console.log(`${file} is being made …`);
    // Small groups for wide rows: the writer holds a whole one of each thread in memory.
    const parquet = name.startsWith('wide')
      ? 'format parquet, row_group_size 20480'
      : 'format parquet';
    const format = name.endsWith('.csv') ? 'format csv, header true' : parquet;
    await withDuck({ scratchDir: this.folder, memoryLimitMb: 4_096 }, (duck) =>
      duck.rows(`copy (${sql}) to '${file.replaceAll("'", "''")}' (${format})`),
    );
    return file;
  }

  private async ours(task: string, format: Format, file: string, profile: string): Promise<Run> {
    const script = join(root, 'bench', 'drift', 'ours.mjs');
    return parsed(process.execPath, [
      script,
      task,
      format,
      file,
      profile,
      this.memoryMb,
      this.threads,
    ]);
  }

  private async other(
    python: string,
    task: string,
    format: Format,
    reference: string,
    window: string,
    profile: string,
  ): Promise<Run | string> {
    const script = join(root, 'bench', 'drift', 'others.py');
    try {
      return await parsed(
        python,
        [script, task, format, reference, window, profile],
        this.minutes * 60_000,
      );
    } catch (error) {
      if (error instanceof Error && 'killed' in error && error.killed === true) {
        return `> ${String(this.minutes * 60)}`;
      }
      throw error;
    }
  }
}

async function parsed(program: string, args: readonly string[], timeoutMs = 0): Promise<Run> {
  const { stdout } = await run_(program, [...args], { timeout: timeoutMs, killSignal: 'SIGKILL' });
  const found = runSchema.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
  console.log(`${args[1] ?? ''} ${args[2] ?? ''}: ${found.seconds.toFixed(2)} s (${found.said})`);
  return found;
}

/** Python with the other tools, from PyPI, kept in the user's cache. */
async function makeVenv(): Promise<string> {
  const folder = join(
    process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
    'modelkeeper-bench',
    'drift-venv',
  );
  const python = join(folder, 'bin', 'python');
  if (!existsSync(python)) {
    console.log(`${folder} is being made: ${PACKAGES.join(', ')} …`);
    await run_('python3', ['-m', 'venv', folder]);
  }
  await run_(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...PACKAGES]);
  const names = ['evidently', 'pandas', 'numpy', 'scipy', 'pyarrow'];
  const code = `from importlib.metadata import version; import sys; print(sys.version.split()[0], *[n + ' ' + version(n) for n in ${JSON.stringify(names)}])`;
  const { stdout } = await run_(python, ['-c', code]);
  console.log(`Python ${stdout.trim()}`);
  return python;
}
