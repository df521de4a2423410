// One run of ours in a process of its own, so that its memory is its own. Prints one line of JSON.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { compareWindow, profileFile, withDuck } from '../../dist/analysis/index.js';
import { detectSchema } from '../../dist/domain/policy.schema.js';
import { detectPolicyOf } from '../../dist/domain/sources.js';

const [task, format, file, profileName, memoryLimitMb, threads] = process.argv.slice(2);
const options = {
  scratchDir: dirname(file),
  memoryLimitMb: Number(memoryLimitMb),
  threads: Number(threads),
};
// The policy's defaults.
const detect = detectPolicyOf(detectSchema.parse({}));

const tasks = {
  async profile() {
    const profile = await withDuck(options, (duck) => profileFile(duck, { files: [file], format }));
    writeFileSync(profileName, JSON.stringify(profile));
    return `${profile.columns.length} columns`;
  },
  async compare() {
    const profile = JSON.parse(readFileSync(profileName, 'utf8'));
    const window = { files: [file], format };
    const found = await withDuck(options, (duck) =>
      compareWindow(duck, { profile, window, detect }),
    );
    return found.verdict.kind;
  },
  /** The yardstick: what the database itself needs to read and cast every column. */
  async scan() {
    const profile = JSON.parse(readFileSync(profileName, 'utf8'));
    const types = profile.columns.map(
      ({ name, kind }) => `'${name}': '${kind === 'numeric' ? 'DOUBLE' : 'VARCHAR'}'`,
    );
    const from =
      format === 'csv'
        ? `read_csv('${file}', header = true, auto_detect = false, delim = ',', quote = '"', columns = {${types.join(', ')}})`
        : `'${file}'`;
    const instance = await DuckDBInstance.create(':memory:', {
      threads,
      memory_limit: `${memoryLimitMb}MB`,
      preserve_insertion_order: 'false',
    });
    const connection = await instance.connect();
    const counts = profile.columns.map(({ name }) => `count("${name}")`).join(', ');
    await connection.runAndReadAll(`select ${counts} from ${from}`);
    return 'scanned';
  },
};

const beganMs = performance.now();
const said = await tasks[task]();
console.log(
  JSON.stringify({
    seconds: (performance.now() - beganMs) / 1_000,
    peakMb: process.resourceUsage().maxRSS / 1_024,
    said,
  }),
);
