/** Concise Binary Object Representation (RFC 8949), as far as Smithy's RPC v2 protocol uses it. */

/** @throws {RangeError | TypeError} for bytes that are not one whole CBOR item. */
export function decodeCbor(bytes: Buffer): unknown {
  const reader = new Reader(bytes);
  const value = reader.item(0);
  if (!reader.atEnd()) throw new TypeError('bytes follow the item');
  return value;
}

/**
 * JSON as CBOR: whole numbers as integers, others as 64-bit floats; `undefined` members are left out.
 *
 * @param isInstant whether the numbers of a member are epoch seconds, which CBOR marks with tag 1
 */
export function encodeCbor(value: unknown, isInstant: (member: string) => boolean): Buffer {
  const parts: Buffer[] = [];
  write(value, false, isInstant, parts);
  return Buffer.concat(parts);
}

const DEEPEST = 64;
const BREAK = Symbol('break');
const INDEFINITE = 31;

class Reader {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  atEnd(): boolean {
    return this.at === this.bytes.length;
  }

  item(depth: number): unknown {
    const value = this.itemOrBreak(depth);
    if (value === BREAK) throw new TypeError('a break outside of an indefinite item');
    return value;
  }

  private itemOrBreak(depth: number): unknown {
    if (depth > DEEPEST) throw new RangeError('nested too deeply');
    const head = this.take(1)[0] ?? 0;
    const major = head >> 5;
    const info = head & 31;
    if (major === 7) return this.simple(info);
    const length = info === INDEFINITE ? undefined : this.count(info);
    switch (major) {
      case 0:
        return wanted(length);
      case 1:
        return -1 - wanted(length);
      case 2:
        return this.chunks(length, 2).toString('base64');
      case 3:
        return this.chunks(length, 3).toString('utf8');
      case 4:
        return this.list(length, depth);
      case 5:
        return this.map(length, depth);
      default:
        return this.item(depth + 1); // A tag: the instant or number behind it says enough.
    }
  }

  private simple(info: number): unknown {
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      case 23:
        return undefined;
      case 25:
        return half(this.take(2).readUInt16BE());
      case 26:
        return this.take(4).readFloatBE();
      case 27:
        return this.take(8).readDoubleBE();
      case INDEFINITE:
        return BREAK;
      default:
        throw new TypeError(`unknown simple value ${info}`);
    }
  }

  private count(info: number): number {
    if (info < 24) return info;
    if (info === 24) return this.take(1).readUInt8();
    if (info === 25) return this.take(2).readUInt16BE();
    if (info === 26) return this.take(4).readUInt32BE();
    if (info === 27) return Number(this.take(8).readBigUInt64BE());
    throw new TypeError(`unknown length ${info}`);
  }

  private chunks(length: number | undefined, major: number): Buffer {
    if (length !== undefined) return this.take(length);
    const parts: Buffer[] = [];
    for (;;) {
      const head = this.take(1)[0] ?? 0;
      if (head === 0xff) return Buffer.concat(parts);
      if (head >> 5 !== major) throw new TypeError('a chunk of another type');
      parts.push(this.take(this.count(head & 31)));
    }
  }

  private list(length: number | undefined, depth: number): unknown[] {
    const items: unknown[] = [];
    while (length === undefined || items.length < length) {
      const item = this.itemOrBreak(depth + 1);
      if (item === BREAK && length === undefined) break;
      if (item === BREAK) throw new TypeError('a list that ends early');
      items.push(item);
    }
    return items;
  }

  private map(length: number | undefined, depth: number): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    while (length === undefined || entries.length < length) {
      const key = this.itemOrBreak(depth + 1);
      if (key === BREAK && length === undefined) break;
      if (typeof key !== 'string') throw new TypeError('a key that is no text');
      entries.push([key, this.item(depth + 1)]);
    }
    return Object.fromEntries(entries);
  }

  private take(length: number): Buffer {
    const end = this.at + length;
    if (end > this.bytes.length) throw new RangeError('the bytes end early');
    const part = this.bytes.subarray(this.at, end);
    this.at = end;
    return part;
  }
}

function wanted(length: number | undefined): number {
  if (length === undefined) throw new TypeError('an integer without a length');
  return length;
}

/** IEEE 754 half precision. */
function half(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0
    ? sign * 2 ** -14 * (fraction / 1024)
    : sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}

function write(
  value: unknown,
  instant: boolean,
  isInstant: (member: string) => boolean,
  parts: Buffer[],
): void {
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    parts.push(head(3, text.length), text);
  } else if (typeof value === 'number') {
    if (instant) parts.push(head(6, 1));
    parts.push(number(value));
  } else if (typeof value === 'boolean') {
    parts.push(Buffer.from([value ? 0xf5 : 0xf4]));
  } else if (Array.isArray(value)) {
    parts.push(head(4, value.length));
    for (const item of value) write(item, instant, isInstant, parts);
  } else if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    parts.push(head(5, members.length));
    for (const [name, member] of members) {
      write(name, false, isInstant, parts);
      write(member, isInstant(name), isInstant, parts);
    }
  } else {
    parts.push(Buffer.from([0xf6]));
  }
}

function number(value: number): Buffer {
  if (Number.isSafeInteger(value)) return value < 0 ? head(1, -1 - value) : head(0, value);
  const float = Buffer.alloc(9);
  float.writeUInt8(0xfb);
  float.writeDoubleBE(value, 1);
  return float;
}

function head(major: number, count: number): Buffer {
  if (count < 24) return Buffer.from([(major << 5) | count]);
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8((major << 5) | 27);
  bytes.writeBigUInt64BE(BigInt(count), 1);
  return bytes;
}
