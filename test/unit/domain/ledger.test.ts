import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { entryHash } from '../../../activities/digest.js';
import {
  NO_HASH,
  canonicalJson,
  chainFaults,
  ledgerKey,
  type LedgerEntry,
} from '../../../domain/ledger.js';
import { seeded } from './support.js';

seeded();

function entry(sequence: number, previousHash: string, reason = 'because'): LedgerEntry {
  const draft: Omit<LedgerEntry, 'hash'> = {
    schema: 'modelkeeper/ledger-v1',
    model: 'flights',
    sequence,
    previousHash,
    id: `keeper/flights/${sequence}`,
    atMs: sequence * 1_000,
    subject: 'keeper/flights',
    decision: 'trigger',
    reasons: [reason],
    evidence: [],
    actor: { person: 'keeper', door: 'keeper', proof: { kind: 'policy', digest: 'd' } },
    facts: { b: 1, a: { d: null, c: [1, 2] } },
  };
  return { ...draft, hash: entryHash(draft) };
}

/** A whole chain of so many entries, each with this reason. */
function chain(length: number, reason = 'because'): LedgerEntry[] {
  const entries: LedgerEntry[] = [];
  for (let sequence = 1; sequence <= length; sequence += 1)
    entries.push(entry(sequence, entries.at(-1)?.hash ?? NO_HASH, reason));
  return entries;
}

function at(entries: readonly LedgerEntry[], index: number): LedgerEntry {
  const found = entries[index];
  if (found === undefined) throw new Error(`there is no entry at ${index}`);
  return found;
}

const whole = chain(3);
const head = { number: 3, hash: at(whole, 2).hash };

describe('a chain', () => {
  it.each([
    ['of no entry, which nobody remembers otherwise', [], { number: 0, hash: NO_HASH }],
    ['that nobody remembers', whole, undefined],
    ['that ends where it is remembered to', whole, head],
    ['that grew since it was last seen', chain(5), head],
    ['read back from a file with its keys in another order', reordered(whole), head],
  ] as const)('is whole: one %s', (_claim, entries, known) => {
    expect(chainFaults(entries, entryHash, known)).toEqual([]);
  });

  it.each([
    [
      'an entry was changed',
      [at(whole, 0), { ...at(whole, 1), reasons: ['other'] }, at(whole, 2)],
      ['entry 2 was changed after it was written'],
    ],
    [
      'an entry was changed deep inside',
      [at(whole, 0), at(whole, 1), { ...at(whole, 2), facts: { b: 1, a: { d: null, c: [2, 1] } } }],
      ['entry 3 was changed after it was written'],
    ],
    [
      'an entry was changed and hashed anew',
      [at(whole, 0), entry(2, at(whole, 0).hash, 'other'), at(whole, 2)],
      ['entry 3 does not follow the one before it'],
    ],
    [
      'one from the middle is gone',
      [at(whole, 0), at(whole, 2)],
      [
        'entry 3 stands where 2 belongs',
        'entry 3 does not follow the one before it',
        'the chain ends at 2, but entry 3 was written: the tail was cut off',
      ],
    ],
    [
      'the first one is gone',
      whole.slice(1),
      [
        'entry 2 stands where 1 belongs',
        'entry 2 does not follow the one before it',
        'entry 3 stands where 2 belongs',
        'the chain ends at 2, but entry 3 was written: the tail was cut off',
      ],
    ],
    [
      'the tail was cut off',
      whole.slice(0, 2),
      ['the chain ends at 2, but entry 3 was written: the tail was cut off'],
    ],
    [
      'all of it is gone',
      [],
      ['the chain ends at 0, but entry 3 was written: the tail was cut off'],
    ],
    [
      'another whole one was put in its place',
      chain(3, 'other'),
      ['entry 3 is not the one the keeper remembers'],
    ],
    [
      'the last one was changed and hashed anew',
      [at(whole, 0), at(whole, 1), entry(3, at(whole, 1).hash, 'other')],
      ['entry 3 is not the one the keeper remembers'],
    ],
    [
      'it begins with a hash of nothing known',
      [entry(1, 'f'.repeat(64))],
      [
        'entry 1 does not follow the one before it',
        'the chain ends at 1, but entry 3 was written: the tail was cut off',
      ],
    ],
  ])('is broken when %s', (_claim, entries, faults) => {
    expect(chainFaults(entries, entryHash, head)).toEqual(faults);
  });

  it('is broken by a change of any one member of any entry', () => {
    const members = Object.keys(at(whole, 0)) as (keyof LedgerEntry)[];
    for (const [index] of whole.entries()) {
      for (const member of members) {
        const entries = whole.map((known, place) =>
          place === index ? { ...known, [member]: 'forged' } : known,
        );
        expect(chainFaults(entries, entryHash, head), `${member} of ${index}`).not.toEqual([]);
      }
    }
  });
});

function reordered(entries: readonly LedgerEntry[]): LedgerEntry[] {
  return entries.map(
    (known) => Object.fromEntries(Object.entries(known).reverse()) as unknown as LedgerEntry,
  );
}

describe('canonical JSON', () => {
  it.each([
    ['sorts keys on every level', { b: 1, a: { d: 2, c: 3 } }, '{"a":{"c":3,"d":2},"b":1}'],
    [
      'sorts by code unit, capitals first',
      { a: 1, B: 2, '10': 3, '9': 4 },
      '{"10":3,"9":4,"B":2,"a":1}',
    ],
    ['keeps the order of lists', [3, 1, { b: 1, a: 2 }], '[3,1,{"a":2,"b":1}]'],
    ['leaves out members without a value', { a: undefined, b: null }, '{"b":null}'],
    ['writes null for items without a value', [undefined, null], '[null,null]'],
    ['writes null where there is no value at all', undefined, 'null'],
    ['escapes texts and keys', { 'a"b': 'c\n' }, '{"a\\"b":"c\\n"}'],
    ['has no white space', { a: [1, { b: [] }], c: {} }, '{"a":[1,{"b":[]}],"c":{}}'],
    ['writes numbers as JSON does', [1e21, -0, 0.1, Number.NaN], '[1e+21,0,0.1,null]'],
  ])('%s', (_claim, value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it('loses nothing: it is read back as what it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('is the same for the same members in whatever order', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const backwards = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(backwards)).toBe(canonicalJson(value));
      }),
    );
  });
});

it('the key of an entry sorts as its number does', () => {
  const keys = [1, 9, 10, 999_999_999_999].map((sequence) => ledgerKey('flights', sequence));
  expect(keys[0]).toBe('ledger/flights/000000000001.json');
  expect([...keys].sort()).toEqual(keys);
});
