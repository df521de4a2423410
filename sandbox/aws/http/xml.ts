/**
 * An object as XML: `@name` members become attributes, arrays repeat their element, `undefined` is left
 * out. Text is escaped, carriage returns and other control characters too, so that readers get back what was written.
 */
export function toXml(document: Readonly<Record<string, unknown>>): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${children(document)}`;
}

function children(members: Readonly<Record<string, unknown>>): string {
  return Object.entries(members)
    .filter(([name]) => !name.startsWith('@'))
    .map(([name, value]) =>
      Array.isArray(value)
        ? value.map((each) => element(name, each)).join('')
        : element(name, value),
    )
    .join('');
}

function element(name: string, value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return `<${name}>${escaped(String(value))}</${name}>`;
  }
  const members = value as Readonly<Record<string, unknown>>;
  const attributes = Object.entries(members)
    .filter(([attribute]) => attribute.startsWith('@'))
    .map(([attribute, text]) => ` ${attribute.slice(1)}="${escaped(String(text))}"`);
  return `<${name}${attributes.join('')}>${children(members)}</${name}>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function escaped(text: string): string {
  return Array.from(text, (letter) => {
    const code = letter.charCodeAt(0);
    if (code < 0x20 && letter !== '\t' && letter !== '\n') return `&#${code};`;
    return ENTITIES[letter] ?? letter;
  }).join('');
}
