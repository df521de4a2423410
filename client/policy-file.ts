import { open } from 'node:fs/promises';

import { Cron } from 'croner';
import {
  isScalar,
  LineCounter,
  parseAllDocuments,
  parseDocument,
  visit,
  type Alias,
  type Document,
  type Scalar,
  type YAMLError,
} from 'yaml';
import type { z } from 'zod';

import { policySchema, type Policy, type PolicySpec } from '../domain/policy.schema.js';
import { isTimeZone } from '../domain/quiet-hours.js';
import { policyDigest } from './digest.js';
import { messageOf } from './errors.js';
import { issuesInWords, type Complaint } from './policy-issues.js';
import { isLocal, PRICES_PATH, withPrices } from './prices.js';

/** One thing that is wrong with a policy, and where. */
export interface PolicyIssue {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
  /** `spec.monitor.every`, `spec.evaluate.gates[0].min`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** What to write instead; `null` when the message says it all. */
  readonly remedy: string | null;
}

export type PolicyReading =
  | { readonly kind: 'policy'; readonly policy: Policy; readonly digest: string }
  | { readonly kind: 'invalid'; readonly issues: readonly PolicyIssue[] };

const MAX_BYTES = 1_048_576;
const MAX_ALIASES = 100;
/** A policy has hundreds of values; a file with more than this is something else. */
const MAX_NODES = 100_000;

/**
 * Reads and checks a policy file, with the file of prices it names; every fault is an issue with its place, never an
 * exception. Prices in S3 are left to `plan` and `apply`.
 */
export async function readPolicyFile(path: string): Promise<PolicyReading> {
  const read = await readText(path);
  if (read.kind === 'invalid') return read;
  return await withLocalPrices(parsePolicy(read.text, path), read.text, path);
}

async function readText(
  path: string,
): Promise<{ readonly kind: 'text'; readonly text: string } | Invalid> {
  const wholeFile = (message: string, remedy: string | null = null): Invalid => ({
    kind: 'invalid',
    issues: [{ file: path, line: 1, column: 1, path: '', message, remedy }],
  });
  try {
    // O_NONBLOCK: opening a named pipe that nobody writes to would wait for ever.
    const file = await open(path, NON_BLOCKING_READ);
    try {
      const facts = await file.stat();
      if (!facts.isFile())
        return wholeFile('this is not a regular file', 'give the path of a YAML file');
      if (facts.size > MAX_BYTES)
        return wholeFile(`the file has ${facts.size} bytes; a policy has at most ${MAX_BYTES}`);
      const bytes = await file.readFile();
      return { kind: 'text', text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
    } finally {
      await file.close();
    }
  } catch (error) {
    return wholeFile(readFaultInWords(error));
  }
}

async function withLocalPrices(
  reading: PolicyReading,
  text: string,
  path: string,
): Promise<PolicyReading> {
  if (reading.kind !== 'policy') return reading;
  const { prices } = reading.policy.spec.retrain.budget;
  if (typeof prices !== 'string' || !isLocal(prices)) return reading;
  const priced = await withPrices(reading.policy, path, () => Promise.resolve(null));
  if (priced.kind === 'policy')
    return { ...reading, policy: priced.policy, digest: policyDigest(priced.policy) };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, logLevel: 'error' });
  const node = document.getIn(['spec', 'retrain', 'budget', 'prices'], true);
  const { line, col } = lines.linePos(rangeStart(node) ?? 0);
  return {
    kind: 'invalid',
    issues: [
      {
        file: path,
        line: Math.max(1, line),
        column: Math.max(1, col),
        path: PRICES_PATH,
        message: priced.message.slice(`${PRICES_PATH}: `.length),
        remedy: null,
      },
    ],
  };
}

/** `O_RDONLY | O_NONBLOCK`, so that a named pipe answers at once. */
const NON_BLOCKING_READ = 0o4000;

function readFaultInWords(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'the file may not be read by you';
  if (code === 'EISDIR') return 'this is a folder, not a file';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'the file is not UTF-8 text';
  return `the file cannot be read: ${messageOf(error)}`;
}

type Invalid = Extract<PolicyReading, { readonly kind: 'invalid' }>;

/** One YAML document: its value, and where in the text a complaint about it belongs. */
interface YamlReading {
  readonly kind: 'document';
  readonly value: unknown;
  readonly locate: (complaint: Complaint) => PolicyIssue;
}

/** Reads the text of one YAML document without a view on what is in it. */
function parseYaml(text: string, file: string): YamlReading | Invalid {
  const lines = new LineCounter();
  const place = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const invalid = (issues: readonly PolicyIssue[]): Invalid => ({ kind: 'invalid', issues });
  const wholeFile = (message: string, remedy: string | null = null): Invalid =>
    invalid([{ file, line: 1, column: 1, path: '', message, remedy }]);

  if (Buffer.byteLength(text) > MAX_BYTES)
    return wholeFile(
      `the text has ${Buffer.byteLength(text)} bytes; a policy has at most ${MAX_BYTES}`,
    );
  if (deepestFlow(text) > MAX_DEPTH) return wholeFile('the values are nested too deeply');
  let documents: readonly Document.Parsed[];
  let value: unknown;
  try {
    documents = [
      ...parseAllDocuments(text, {
        lineCounter: lines,
        prettyErrors: false,
        logLevel: 'error', // warnings are told as issues, not printed
        uniqueKeys: false, // the parser compares each key with all others: repeatedKeys does it in one go
      }),
    ];
    const faults = documents.flatMap((document) => [...document.errors, ...document.warnings]);
    if (faults.length > 0)
      return invalid(tellingFaults(faults).map((fault) => yamlIssue(file, fault, place)));
    const [first, second] = documents;
    if (first === undefined || first.contents === null)
      return wholeFile('the file is empty', 'start with `modelkeeper init`');
    if (second !== undefined)
      return invalid([
        {
          file,
          ...place(second.range[0]),
          path: '',
          message: 'a second document begins here',
          remedy: 'write one policy per file',
        },
      ]);
    const repeated = repeatedKeys(first);
    if (repeated.length > 0)
      return invalid(
        repeated.map((key) => ({
          file,
          ...place(rangeStart(key) ?? 0),
          path: '',
          message: `'${String(key.value)}' stands here for the second time`,
          remedy: 'keep one of the two',
        })),
      );
    const { version } = first.directives.yaml;
    if (version !== '1.2')
      return wholeFile(
        `this says %YAML ${version}, where yes, no, on and off mean true and false`,
        'take that line out: a policy is YAML 1.2',
      );
    const aliases = aliasesOf(first);
    const [firstAlias] = aliases;
    if (firstAlias !== undefined && aliases.length > MAX_ALIASES)
      return invalid([
        {
          file,
          ...place(rangeStart(firstAlias.node) ?? 0),
          path: '',
          message: `the aliases cannot be resolved: there are more than ${MAX_ALIASES}`,
          remedy: 'write the values themselves',
        },
      ]);
    const alias = faultyAlias(first, aliases);
    if (alias !== undefined)
      return invalid([{ file, ...place(alias.offset), path: '', ...alias.words }]);
    value = first.toJS({ maxAliasCount: MAX_ALIASES });
    if (countNodes(value) > MAX_NODES)
      return wholeFile(`this has more than ${MAX_NODES} values: it is not a policy`);
  } catch (error) {
    return wholeFile(
      error instanceof RangeError
        ? 'the values are nested too deeply'
        : `the aliases cannot be resolved: ${messageOf(error)}`,
    );
  }
  const document = documents[0];
  const locate = (complaint: Complaint): PolicyIssue => ({
    file,
    ...place(offsetOf(document, complaint)),
    path: pathInWords(complaint.path),
    message: complaint.message,
    remedy: complaint.remedy,
  });
  return { kind: 'document', value, locate };
}

/**
 * Checks the text of a policy: YAML, shape, then what only the whole can tell.
 *
 * @param file what to call it in issues
 */
export function parsePolicy(text: string, file: string): PolicyReading {
  const read = parseYaml(text, file);
  if (read.kind === 'invalid') return read;
  const { value, locate } = read;
  const invalid = (complaints: readonly Complaint[]): Invalid => ({
    kind: 'invalid',
    issues: inOrder(complaints.map(locate)),
  });
  const parsed = policySchema.safeParse(value);
  if (!parsed.success) return invalid(issuesInWords(parsed.error.issues, value));
  const further = furtherComplaints(parsed.data);
  if (further.length > 0) return invalid(further);
  return { kind: 'policy', policy: parsed.data, digest: policyDigest(parsed.data) };
}

export type PartReading<Part> = { readonly kind: 'part'; readonly part: Part } | Invalid;

/**
 * One section of a policy for commands that need no more: from a whole policy, which is checked as one, or from a
 * document that holds only that section, at the top or below `spec`.
 */
export function parsePolicyPart<Name extends keyof PolicySpec>(
  text: string,
  file: string,
  name: Name,
  schema: z.ZodType<PolicySpec[Name]>,
): PartReading<PolicySpec[Name]> {
  const read = parseYaml(text, file);
  if (read.kind === 'invalid') return read;
  const { value, locate } = read;
  if (holds(value, 'apiVersion') || holds(value, 'kind')) {
    const whole = parsePolicy(text, file);
    return whole.kind === 'invalid' ? whole : { kind: 'part', part: whole.policy.spec[name] };
  }
  const above = holds(value, name) ? [] : ['spec'];
  const found = holds(value, name) ? value[name] : holds(value, 'spec') ? value['spec'] : undefined;
  const section = above.length === 0 ? found : holds(found, name) ? found[name] : undefined;
  if (section === undefined || section === null)
    return {
      kind: 'invalid',
      issues: [
        {
          file,
          line: 1,
          column: 1,
          path: '',
          message: `there is no ${name} in it`,
          remedy: `write ${name}: at the top or below spec:, or give a whole policy`,
        },
      ],
    };
  const parsed = schema.safeParse(section);
  if (parsed.success) return { kind: 'part', part: parsed.data };
  // The words are looked up in the schema of whole policies.
  const issues = parsed.error.issues.map((issue) => ({
    ...issue,
    path: ['spec', name, ...issue.path],
  }));
  return {
    kind: 'invalid',
    issues: inOrder(
      issuesInWords(issues, { spec: { [name]: section } }).map((complaint) =>
        locate({ ...complaint, path: [...above, ...complaint.path.slice(1)] }),
      ),
    ),
  };
}

/** @see parsePolicyPart */
export async function readPolicyPart<Name extends keyof PolicySpec>(
  path: string,
  name: Name,
  schema: z.ZodType<PolicySpec[Name]>,
): Promise<PartReading<PolicySpec[Name]>> {
  const read = await readText(path);
  return read.kind === 'text' ? parsePolicyPart(read.text, path, name, schema) : read;
}

function holds<Key extends string>(
  value: unknown,
  key: Key,
): value is Readonly<Record<Key, unknown>> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}

/** A tab as indentation upsets everything that follows: then only the tabs are worth telling. */
function tellingFaults(faults: readonly YAMLError[]): readonly YAMLError[] {
  const tabs = faults.filter((fault) => fault.code === 'TAB_AS_INDENT');
  return tabs.length > 0 ? tabs : faults;
}

/** Keys that stood in their block before. */
function repeatedKeys(document: Document.Parsed): readonly Scalar[] {
  const repeated: Scalar[] = [];
  visit(document, {
    Map(_key, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) repeated.push(key);
        seen.add(key.value);
      }
    },
  });
  return repeated;
}

interface PlacedAlias {
  readonly node: Alias;
  /** What it stands in. */
  readonly within: readonly unknown[];
}

/** At most one more than allowed: looking each of them up walks the document. */
function aliasesOf(document: Document.Parsed): readonly PlacedAlias[] {
  const aliases: PlacedAlias[] = [];
  visit(document, {
    Alias(_key, node, within) {
      aliases.push({ node, within });
      return aliases.length > MAX_ALIASES ? visit.BREAK : undefined;
    },
  });
  return aliases;
}

/** The first alias that leads nowhere, or into itself; the parser would not say where it stands. */
function faultyAlias(
  document: Document.Parsed,
  aliases: readonly PlacedAlias[],
):
  | {
      readonly offset: number;
      readonly words: { readonly message: string; readonly remedy: string };
    }
  | undefined {
  for (const { node, within } of aliases) {
    const target = node.resolve(document);
    const offset = rangeStart(node) ?? 0;
    const name = node.source;
    if (target === undefined)
      return {
        offset,
        words: {
          message: `*${name} repeats something that was not marked before`,
          remedy: `mark it above by &${name}, or write the value itself`,
        },
      };
    if (within.includes(target))
      return {
        offset,
        words: {
          message: `*${name} stands inside of what it repeats, so it would never end`,
          remedy: 'write the value itself',
        },
      };
  }
  return undefined;
}

const MAX_DEPTH = 100;

/** How deeply `[` and `{` are nested at most: YAML parsers are recursive, and a megabyte of brackets is not a policy. */
function deepestFlow(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of text) {
    if (character === '[' || character === '{') deepest = Math.max(deepest, (depth += 1));
    else if (character === ']' || character === '}') depth = Math.max(0, depth - 1);
  }
  return deepest;
}

function countNodes(value: unknown): number {
  let count = 0;
  const waiting: unknown[] = [value];
  while (waiting.length > 0 && count <= MAX_NODES) {
    count += 1;
    const next = waiting.pop();
    if (next !== null && typeof next === 'object')
      waiting.push(...Object.values(next as Record<string, unknown>).slice(0, MAX_NODES));
  }
  return count;
}

function yamlIssue(
  file: string,
  fault: YAMLError,
  place: (offset: number) => { line: number; column: number },
): PolicyIssue {
  return {
    file,
    ...place(fault.pos[0]),
    path: '',
    message: `this is not valid YAML: ${lowerFirst(fault.message)}`,
    remedy: fault.code === 'TAB_AS_INDENT' ? 'indent with spaces' : null,
  };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Where a complaint belongs: its key, its value, or, for something missing, the nearest thing that is there. */
function offsetOf(document: Document.Parsed | undefined, complaint: Complaint): number {
  if (document === undefined) return 0;
  for (let length = complaint.path.length; length > 0; length -= 1) {
    const path = complaint.path.slice(0, length);
    const atKey = complaint.about === 'key' || length < complaint.path.length;
    const found = atKey
      ? (keyOffset(document, path) ?? valueOffset(document, path))
      : valueOffset(document, path);
    if (found !== undefined) return found;
  }
  return document.contents?.range[0] ?? 0;
}

function valueOffset(document: Document.Parsed, path: readonly PropertyKey[]): number | undefined {
  return rangeStart(document.getIn(path, true));
}

function keyOffset(document: Document.Parsed, path: readonly PropertyKey[]): number | undefined {
  const parent: unknown =
    path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (parent === null || typeof parent !== 'object' || !('items' in parent)) return undefined;
  const items: unknown = parent.items;
  if (!Array.isArray(items)) return undefined;
  for (const item of items as readonly unknown[]) {
    if (item === null || typeof item !== 'object' || !('key' in item)) continue;
    const { key } = item;
    if (key !== null && typeof key === 'object' && 'value' in key && key.value === path.at(-1))
      return rangeStart(key);
  }
  return undefined;
}

function rangeStart(node: unknown): number | undefined {
  if (node === null || typeof node !== 'object' || !('range' in node)) return undefined;
  const range: unknown = node.range;
  if (!Array.isArray(range)) return undefined;
  const start: unknown = range[0];
  return typeof start === 'number' ? start : undefined;
}

function pathInWords(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number'
        ? `${text}[${part}]`
        : text === ''
          ? String(part)
          : `${text}.${String(part)}`,
    '',
  );
}

function inOrder(issues: readonly PolicyIssue[]): readonly PolicyIssue[] {
  return [...issues].sort((a, b) => a.line - b.line || a.column - b.column);
}

/** What a schema without clock and cron parser cannot see. */
function furtherComplaints(policy: Policy): readonly Complaint[] {
  const complaints: Complaint[] = [];
  const { retrain, scaling } = policy.spec;
  if (!isTimeZone(retrain.timeZone)) {
    complaints.push({
      path: ['spec', 'retrain', 'timeZone'],
      about: 'value',
      message: `'${retrain.timeZone}' is not a time zone`,
      remedy: 'write a name of the IANA database, such as UTC or Europe/Berlin',
    });
  } else if (retrain.schedule !== undefined) {
    const fault = cronFault(retrain.schedule, retrain.timeZone);
    if (fault !== undefined)
      complaints.push({
        path: ['spec', 'retrain', 'schedule'],
        about: 'value',
        message: fault,
        remedy: 'write five fields: minute hour day month weekday, such as "0 3 1 * *"',
      });
  }
  (scaling?.schedule ?? []).forEach((entry, index) => {
    const path = ['spec', 'scaling', 'schedule', index] as const;
    if (!isTimeZone(entry.timeZone)) {
      complaints.push({
        path: [...path, 'timeZone'],
        about: 'value',
        message: `'${entry.timeZone}' is not a time zone`,
        remedy: 'write a name of the IANA database, such as UTC or Europe/Berlin',
      });
      return;
    }
    const fault = cronFault(entry.cron, entry.timeZone);
    if (fault !== undefined)
      complaints.push({
        path: [...path, 'cron'],
        about: 'value',
        message: fault,
        remedy: 'write five fields: minute hour day month weekday, such as "0 7 * * MON-FRI"',
      });
  });
  return complaints;
}

function cronFault(expression: string, timezone: string): string | undefined {
  if (expression.trim().split(/\s+/).length !== 5)
    return `'${expression}' does not have five fields`;
  try {
    const cron = new Cron(expression, { timezone, paused: true });
    return cron.nextRun() === null ? `'${expression}' never comes round` : undefined;
  } catch (error) {
    return `'${expression}' is not a cron expression: ${messageOf(error)}`;
  }
}
