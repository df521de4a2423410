// Extracts what the sandbox checks inputs and answers against from AWS's own service models, as botocore ships them:
//
//   node scripts/aws-model.mjs                      # the edition that EDITION names, by pip
//   node scripts/aws-model.mjs <folder of botocore>/data
//
// Each <service>.json of sandbox/aws/model names its operations; run this again to refresh their shapes, or after a name was
// added to `operations`. The models are AWS's, under the Apache License 2.0; only facts are kept (members,
// what is required, types, ranges, patterns, enums), no text.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { thisMachine } from './setup/machine.mjs';
import { ensureWheel } from './setup/wheel.mjs';

/** The edition of botocore the facts are of. */
export const EDITION = '1.44.8';

const CONSTRAINTS = ['min', 'max', 'pattern', 'enum', 'required'];
const root = join(import.meta.dirname, '..');
const here = join(root, 'sandbox/aws/model');

/** The facts of every service there, as they are in `data` of botocore: file name → text. */
export function extract(data) {
  return new Map(
    readdirSync(here)
      .filter((name) => name.endsWith('.json'))
      .map((file) => [file, extractService(data, file)]),
  );
}

function extractService(data, file) {
  const service = file.replace(/\.json$/, '');
  const version = readdirSync(join(data, service)).sort().at(-1) ?? '';
  const source = serviceModel(join(data, service, version, 'service-2.json'));
  const names = Object.keys(JSON.parse(readFileSync(join(here, file), 'utf8')).operations).sort();
  const operations = Object.fromEntries(
    names.map((name) => {
      if (source.operations[name] === undefined)
        throw new Error(`${service} has no operation ${name}: correct its name in ${file}`);
      const { input, output } = source.operations[name];
      return [name, { input: input?.shape ?? null, output: output?.shape ?? null }];
    }),
  );
  const shapes = {};
  for (const shape of Object.values(operations).flatMap(({ input, output }) => [input, output]))
    if (shape !== null) collect(source, shape, shapes);
  const from = `botocore ${EDITION}, ${service} ${version}, Apache-2.0`;
  return inLines({ from, operations, shapes });
}

/** A line for each operation and shape in the order of their names, so that a change shows what it changes. */
function inLines({ from, operations, shapes }) {
  const lines = (record) =>
    Object.keys(record)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${JSON.stringify(record[name])}`)
      .join(',\n');
  return `{"from":${JSON.stringify(from)},\n"operations":{\n${lines(operations)}\n},\n"shapes":{\n${lines(shapes)}\n}}\n`;
}

function serviceModel(file) {
  const text = existsSync(file) ? readFileSync(file) : gunzipSync(readFileSync(`${file}.gz`));
  return JSON.parse(text.toString('utf8'));
}

function collect(source, name, shapes) {
  if (name in shapes) return;
  const shape = source.shapes[name];
  const kept = { type: shape.type };
  for (const key of CONSTRAINTS) if (shape[key] !== undefined) kept[key] = shape[key];
  shapes[name] = kept;
  if (shape.flattened === true) kept.flattened = true;
  if (shape.type === 'structure') {
    kept.members = Object.fromEntries(
      Object.entries(shape.members).map(([member, target]) => [member, target.shape]),
    );
    // What travels in a header, and under which name.
    const headers = Object.entries(shape.members).filter(
      ([, { location }]) => location === 'header',
    );
    if (headers.length > 0)
      kept.headers = Object.fromEntries(
        headers.map(([member, { locationName }]) => [member, locationName]),
      );
  } else if (shape.type === 'list') {
    kept.member = shape.member.shape;
  } else if (shape.type === 'map') {
    kept.key = shape.key.shape;
    kept.value = shape.value.shape;
    // How the Query protocol spells the two.
    const names = [shape.key.locationName, shape.value.locationName];
    if (names.some((one) => one !== undefined)) kept.names = names;
  }
  for (const target of [...Object.values(kept.members ?? {}), kept.member, kept.key, kept.value])
    if (target !== undefined) collect(source, target, shapes);
}

/** Where botocore's service models lie, obtained when they are not there. */
export async function botocoreData() {
  const folder = await ensureWheel(thisMachine(root), 'botocore', EDITION);
  return join(folder, 'botocore/data');
}

if (process.argv[1] === import.meta.filename) {
  const data = process.argv[2] ?? (await botocoreData());
  for (const [file, text] of extract(data)) writeFileSync(join(here, file), text);
}
