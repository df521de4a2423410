import { allKeys, type JsonSchemaNode } from './policy-schema.js';

/** The table of all keys in docs/policy.md, made from the schema so that it cannot fall behind. */
export function policyReference(): string {
  const rows = allKeys().map(
    ({ path, node }) =>
      `| \`${path}\` | ${typeOf(node)} | ${defaultOf(node)} | ${(node.description ?? '').replaceAll('|', '\\|')} |`,
  );
  return ['| Key | Takes | Default | Meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function typeOf(node: JsonSchemaNode): string {
  const variants = node.anyOf ?? node.oneOf;
  if (node.const !== undefined) return `\`${String(node.const)}\``;
  if (node.enum !== undefined) return node.enum.map((value) => `\`${value}\``).join(', ');
  if (variants !== undefined) {
    return [
      ...new Set(variants.map((one) => (node.oneOf === undefined ? typeOf(one) : 'block'))),
    ].join(' or ');
  }
  if (node.pattern?.endsWith('(ms|s|m|h|d)$') === true) return 'duration';
  if (node.pattern?.startsWith('^s3:') === true) return 'S3 address';
  if (node.pattern?.startsWith('^arn:') === true) return 'ARN';
  if (node.format === 'email') return 'e-mail address';
  if (node.type === 'array')
    return `list of ${node.items === undefined ? 'values' : typeOf(node.items)}`;
  if (node.type === 'object')
    return typeof node.additionalProperties === 'object' ? 'map' : 'block';
  if (node.type === 'integer') return 'whole number';
  if (node.type === 'boolean') return '`true` or `false`';
  return node.type === 'number' ? 'number' : 'text';
}

function defaultOf(node: JsonSchemaNode): string {
  const value = node.default;
  if (value === undefined) return '';
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 0) return '';
  return `\`${JSON.stringify(value).replaceAll('"', '')}\``;
}
