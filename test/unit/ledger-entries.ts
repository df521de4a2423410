import type { LedgerEntry } from '../../domain/ledger.js';

/** Makes entries of one chain, each a second after the one before. Their hashes are not those of a real one. */
export function chain() {
  let sequence = 0;
  return (
    decision: string,
    facts: LedgerEntry['facts'],
    subject = 'keeper/flights',
  ): LedgerEntry => {
    sequence += 1;
    return {
      schema: 'modelkeeper/ledger-v1',
      model: 'flights',
      sequence,
      id: String(sequence),
      atMs: sequence * 1_000,
      subject,
      decision,
      facts,
      reasons: [],
      evidence: [],
      actor: { person: 'keeper', door: 'keeper', proof: { kind: 'policy', digest: 'd' } },
      previousHash: '',
      hash: `h${sequence}`,
    };
  };
}
