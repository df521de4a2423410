/** Reads a CloudFormation template as CloudFormation would, as far as ours go. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { isSeq, parse, type CollectionTag, type ScalarTag } from 'yaml';

const INFRA = join(import.meta.dirname, '../../../infra');

type Values = Readonly<Record<string, string>>;
type Document = Readonly<Record<string, unknown>>;

const PSEUDO_ACCOUNT = '111122223333';
/** What AWS puts in for pseudo parameters. */
const PSEUDO: Values = {
  'AWS::Partition': 'aws',
  'AWS::Region': 'us-east-1',
  'AWS::AccountId': PSEUDO_ACCOUNT,
  'AWS::StackName': 'stack',
};

/** Stands for `AWS::NoValue`: whatever holds it goes without. */
const NOTHING = Symbol('AWS::NoValue');

const keyOf = (name: string): string =>
  name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`;

const TAGS: (ScalarTag | CollectionTag)[] = [
  ...['Ref', 'Sub', 'GetAtt', 'Condition'].map((name): ScalarTag => ({
    tag: `!${name}`,
    resolve: (text) => ({ [keyOf(name)]: text }),
  })),
  ...['Sub', 'If', 'Equals', 'Not', 'And', 'Or', 'Join', 'Select'].map((name): CollectionTag => ({
    tag: `!${name}`,
    collection: 'seq',
    resolve: (node) => ({ [keyOf(name)]: isSeq(node) ? node.toJSON() : node }),
  })),
];

export interface Resource {
  readonly Type: string;
  readonly Properties: Document;
}

export interface Stack {
  /** Resources that would be made, by their names in the template. */
  readonly resources: Readonly<Record<string, Resource>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

export interface Template {
  readonly Parameters?: Readonly<
    Record<string, { readonly Type: string; readonly Default?: string | number }>
  >;
  readonly Conditions?: Document;
  readonly Resources: Readonly<Record<string, Document>>;
  readonly Outputs?: Readonly<Record<string, Document>>;
}

export const readTemplate = (file: string): Template =>
  parse(readFileSync(join(INFRA, file), 'utf8'), { customTags: TAGS }) as Template;

/** What a stack of the template would hold. Attributes of resources read as `<resource>.<attribute>`. */
export function stackOf(file: string, given: Values = {}, account = PSEUDO_ACCOUNT): Stack {
  const template = readTemplate(file);
  const parameters: Record<string, string> = { ...PSEUDO, 'AWS::AccountId': account };
  for (const [name, { Default }] of Object.entries(template.Parameters ?? {})) {
    const value = given[name] ?? Default;
    if (value === undefined) throw new Error(`${file} needs the parameter ${name}`);
    parameters[name] = String(value);
  }
  const unknown = Object.keys(given).filter((name) => template.Parameters?.[name] === undefined);
  if (unknown.length > 0) throw new Error(`${file} has no parameter ${unknown.join(', ')}`);
  const solve = solver(template, parameters);
  const made = Object.entries(template.Resources).filter(
    ([, { Condition }]) => Condition === undefined || solve({ Condition }) === true,
  );
  return {
    resources: Object.fromEntries(
      made.map(([name, resource]) => [name, solve(resource) as Resource]),
    ),
    outputs: Object.fromEntries(
      Object.entries(template.Outputs ?? {})
        .filter(([, { Condition }]) => Condition === undefined || solve({ Condition }) === true)
        .map(([name, { Value }]) => [name, solve(Value)]),
    ),
  };
}

function solver({ Conditions, Parameters }: Template, values: Values): (value: unknown) => unknown {
  const holds = (name: unknown): boolean => solve(Conditions?.[String(name)]) === true;

  const lookUp = (name: string, own: Document = {}): unknown => {
    if (name === 'AWS::NoValue') return NOTHING;
    if (Object.hasOwn(own, name)) return own[name];
    const value = values[name];
    if (value === undefined) return name;
    return Parameters?.[name]?.Type === 'CommaDelimitedList' ? value.split(',') : value;
  };

  const filled = (text: string, own: Document = {}): string =>
    text.replace(/\$\{(!?)([^}]+)\}/g, (_, escaped: string, name: string) =>
      escaped === '!' ? `\${${name}}` : String(lookUp(name, own)),
    );

  const functions: Readonly<Record<string, (given: unknown) => unknown>> = {
    Ref: (name) => lookUp(String(name)),
    Condition: holds,
    'Fn::GetAtt': String,
    'Fn::Sub': (given) => {
      if (!Array.isArray(given)) return filled(String(given));
      const [text, own] = given as readonly unknown[];
      return filled(String(text), solve(own) as Document);
    },
    'Fn::If': (given) => {
      const [name, yes, no] = given as readonly unknown[];
      return solve(holds(name) ? yes : no);
    },
    'Fn::Equals': (given) => {
      const [a, b] = (given as readonly unknown[]).map(solve);
      return a === b;
    },
    'Fn::Not': (given) => solve((given as readonly unknown[])[0]) !== true,
    'Fn::And': (given) => (given as readonly unknown[]).every((one) => solve(one) === true),
    'Fn::Or': (given) => (given as readonly unknown[]).some((one) => solve(one) === true),
    'Fn::Join': (given) => {
      const [between, list] = given as readonly unknown[];
      return (solve(list) as readonly string[]).join(String(between));
    },
    'Fn::Select': (given) => {
      const [index, list] = given as readonly unknown[];
      return (solve(list) as readonly unknown[])[Number(index)];
    },
  };

  const solve = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(solve).filter((one) => one !== NOTHING);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [name = '', given] = entries[0] ?? [];
    const call = entries.length === 1 ? functions[name] : undefined;
    if (call !== undefined) return call(given);
    return Object.fromEntries(
      entries.map(([key, one]) => [key, solve(one)]).filter(([, one]) => one !== NOTHING),
    );
  };
  return solve;
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: Readonly<Record<string, string | readonly string[]>>;
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Condition?: Readonly<
    Record<string, Readonly<Record<string, string | readonly string[]>>>
  >;
}

export interface PolicyDocument {
  readonly Version: string;
  readonly Statement: readonly Statement[];
}
