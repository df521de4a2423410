// Extracts what the sandbox checks inputs against from AWS's own service models, as botocore ships them:
//
//   node sandbox/aws/model/extract.mjs <folder of botocore>/data "botocore 1.44.8"
//
// Each <service>.json here names its operations; run this again to refresh their shapes, or after a name
// was added to `operations` with an empty text. The models are AWS's, under the Apache License 2.0.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const [data, edition] = process.argv.slice(2);
if (data === undefined || edition === undefined) {
  throw new Error('usage: extract.mjs <botocore/data> <edition>');
}
const CONSTRAINTS = ['min', 'max', 'pattern', 'enum', 'required'];

for (const file of readdirSync(import.meta.dirname).filter((name) => name.endsWith('.json'))) {
  const path = join(import.meta.dirname, file);
  const service = file.replace(/\.json$/, '');
  const version = readdirSync(join(data, service)).sort().at(-1) ?? '';
  const source = serviceModel(join(data, service, version, 'service-2.json'));
  const names = Object.keys(JSON.parse(readFileSync(path, 'utf8')).operations).sort();
  const operations = Object.fromEntries(
    names.map((name) => [name, source.operations[name].input.shape]),
  );
  const shapes = {};
  for (const shape of Object.values(operations)) collect(source, shape, shapes);
  const from = `${edition}, ${service} ${version}, Apache-2.0`;
  writeFileSync(path, inLines({ from, operations, shapes }));
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
  if (shape.type === 'structure') {
    kept.members = Object.fromEntries(
      Object.entries(shape.members).map(([member, target]) => [member, target.shape]),
    );
  } else if (shape.type === 'list') {
    kept.member = shape.member.shape;
  } else if (shape.type === 'map') {
    kept.key = shape.key.shape;
    kept.value = shape.value.shape;
  }
  for (const target of [...Object.values(kept.members ?? {}), kept.member, kept.key, kept.value])
    if (target !== undefined) collect(source, target, shapes);
}
