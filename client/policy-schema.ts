import { z } from 'zod';

import { policySchema } from '../domain/policy.schema.js';
import { DESCRIPTIONS } from './policy-descriptions.js';

/** The members of JSON Schema (draft 7) that zod writes for a policy. */
export interface JsonSchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchemaNode;
  readonly additionalProperties?: boolean | JsonSchemaNode;
  readonly anyOf?: readonly JsonSchemaNode[];
  readonly oneOf?: readonly JsonSchemaNode[];
  readonly const?: string | number | boolean;
  readonly enum?: readonly (string | number)[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly description?: string;
}

let cached: JsonSchemaNode | undefined;

/** The policy as JSON Schema for editors: what may be written, before defaults are filled in. */
export function policyJsonSchema(): JsonSchemaNode {
  cached ??= described(
    z.toJSONSchema(policySchema, { io: 'input', target: 'draft-7' }) as JsonSchemaNode,
    [],
  );
  return cached;
}

/** `docs/policy.schema.json`, byte for byte. */
export function policyJsonSchemaText(): string {
  const { $schema, ...rest } = policyJsonSchema() as JsonSchemaNode & { readonly $schema?: string };
  const document = {
    $schema,
    title: 'modelkeeper policy',
    description: 'Everything modelkeeper knows of what people want for one model.',
    ...rest,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Keys that may stand at a path; of a union, those of the variant the value says it is. */
export function keysAt(path: readonly PropertyKey[], whole: unknown): readonly string[] {
  return Object.keys(wantedAt(path, whole)?.properties ?? {});
}

/** What the schema wants at a path; `undefined` outside of it. */
export function wantedAt(path: readonly PropertyKey[], whole: unknown): JsonSchemaNode | undefined {
  let node: JsonSchemaNode | undefined = policyJsonSchema();
  let value: unknown = whole;
  for (const part of path) {
    node = chosen(node, value);
    if (node === undefined) return undefined;
    const further = node.additionalProperties;
    node =
      typeof part === 'number'
        ? node.items
        : (node.properties?.[String(part)] ?? (typeof further === 'object' ? further : undefined));
    value =
      value !== null && typeof value === 'object'
        ? (value as Record<PropertyKey, unknown>)[part]
        : undefined;
  }
  return chosen(node, value);
}

function chosen(node: JsonSchemaNode | undefined, value: unknown): JsonSchemaNode | undefined {
  const options = node?.oneOf;
  if (options === undefined || value === null || typeof value !== 'object') return node;
  const { kind } = value as { readonly kind?: unknown };
  return options.find((option) => option.properties?.['kind']?.const === kind) ?? node;
}

/** Where a key would be right: `spec.retrain`. At most the shallow ones are worth telling. */
export function placesOfKey(key: string): readonly string[] {
  const places: string[] = [];
  const visit = (node: JsonSchemaNode, path: string): void => {
    for (const [name, child] of Object.entries(node.properties ?? {})) {
      if (name === key && path !== '') places.push(path);
      visit(child, path === '' ? name : `${path}.${name}`);
    }
  };
  visit(policyJsonSchema(), '');
  return places;
}

/** Stands in a path for a name that people choose. */
const ANY_NAME = '<name>';

/** Every key of a policy with its path: `spec.monitor.sources[metric].stat`. */
export function allKeys(): readonly { readonly path: string; readonly node: JsonSchemaNode }[] {
  const keys: { path: string; node: JsonSchemaNode }[] = [];
  const visit = (node: JsonSchemaNode, path: string): void => {
    for (const [name, child] of Object.entries(node.properties ?? {})) {
      const here = path === '' ? name : `${path}.${name}`;
      keys.push({ path: here, node: child });
      visit(child, here);
    }
    for (const option of node.oneOf ?? [])
      visit(option, `${path}[${String(option.properties?.['kind']?.const ?? '')}]`);
    if (node.items !== undefined) visit(node.items, path);
    if (typeof node.additionalProperties === 'object')
      visit(node.additionalProperties, `${path}.${ANY_NAME}`);
  };
  visit(policyJsonSchema(), '');
  return keys;
}

function described(node: JsonSchemaNode, path: readonly string[]): JsonSchemaNode {
  const here = path.join('.');
  const description = DESCRIPTIONS[here];
  return {
    ...node,
    ...(description === undefined ? {} : { description }),
    ...(node.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(node.properties).map(([name, child]) => [
              name,
              described(child, [...path, name]),
            ]),
          ),
        }),
    ...(node.items === undefined ? {} : { items: described(node.items, path) }),
    ...(typeof node.additionalProperties === 'object'
      ? { additionalProperties: described(node.additionalProperties, [...path, ANY_NAME]) }
      : {}),
    ...(node.oneOf === undefined
      ? {}
      : {
          oneOf: node.oneOf.map((option) =>
            described(option, [
              ...path.slice(0, -1),
              `${path.at(-1) ?? ''}[${String(option.properties?.['kind']?.const ?? '')}]`,
            ]),
          ),
        }),
  };
}
