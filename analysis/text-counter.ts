import { isPresent } from './duck.js';
import type { TextVector } from './duck.js';

/** Bytes of a text that the database keeps where its length is; longer ones lie elsewhere. */
const SHORTEST_LONG = 13;
const WORDS = 4;
const LARGEST_PLACE = 65_535;

/**
 * Counts short texts by comparing them as the database holds them: four words each, without making strings of them nor
 * asking the database for a code, which costs several times as much.
 */
export class TextCounter {
  /** By place in the domain; then any other text; then no text. */
  readonly counts: Float64Array;
  private readonly keys: Int32Array;
  /** Places in the domain, from 1; 0 is empty. */
  private readonly slots: Uint16Array;
  private readonly mask: number;

  static fits(domain: readonly string[]): boolean {
    return (
      domain.length < LARGEST_PLACE &&
      domain.every((value) => Buffer.byteLength(value) < SHORTEST_LONG)
    );
  }

  /** @param domain without repeats, which {@link TextCounter.fits} */
  constructor(domain: readonly string[]) {
    this.counts = new Float64Array(domain.length + 2);
    this.keys = new Int32Array(domain.length * WORDS);
    // A quarter full at the most, so that a text is found at once.
    const size = 2 ** Math.ceil(Math.log2(4 * (domain.length + 1)));
    this.mask = size - 1;
    this.slots = new Uint16Array(size);
    domain.forEach((value, place) => {
      const words = wordsOf(value);
      this.keys.set(words, place * WORDS);
      let slot = hashOf(words[0] ?? 0, words[1] ?? 0, words[2] ?? 0, words[3] ?? 0) & this.mask;
      while (this.slots[slot] !== 0) slot = (slot + 1) & this.mask;
      this.slots[slot] = place + 1;
    });
  }

  add({ words, present }: TextVector): void {
    const { counts, keys, slots, mask } = this;
    const other = counts.length - 2;
    const none = counts.length - 1;
    for (let row = 0, at = 0; at < words.length; row += 1, at += WORDS) {
      if (present !== null && !isPresent(present, row)) {
        counts[none] = (counts[none] ?? 0) + 1;
        continue;
      }
      const length = words[at] ?? 0;
      const a = words[at + 1] ?? 0;
      const b = words[at + 2] ?? 0;
      const c = words[at + 3] ?? 0;
      let found = other;
      if (length >>> 0 < SHORTEST_LONG) {
        let slot = hashOf(length, a, b, c) & mask;
        for (let place = slots[slot] ?? 0; place !== 0; place = slots[slot] ?? 0) {
          const key = (place - 1) * WORDS;
          if (
            keys[key + 1] === a &&
            keys[key + 2] === b &&
            keys[key + 3] === c &&
            keys[key] === length
          ) {
            found = place - 1;
            break;
          }
          slot = (slot + 1) & mask;
        }
      }
      counts[found] = (counts[found] ?? 0) + 1;
    }
  }
}

function wordsOf(value: string): Int32Array {
  const bytes = Buffer.alloc(WORDS * Int32Array.BYTES_PER_ELEMENT);
  const length = bytes.write(value, Int32Array.BYTES_PER_ELEMENT);
  const words = Int32Array.from({ length: WORDS }, (_, i) => bytes.readInt32LE(i * 4));
  words[0] = length;
  return words;
}

/** Products side by side, which a processor makes at once. */
function hashOf(length: number, a: number, b: number, c: number): number {
  const mixed =
    Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c ^ (length << 16), 0xc2b2ae35);
  const folded = mixed ^ (mixed >>> 15);
  return folded ^ (folded >>> 7);
}
