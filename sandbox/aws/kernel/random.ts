import { createHash } from 'node:crypto';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/**
 * Independent sequences of uniform numbers in [0, 1), one per stream name: how often one stream is
 * read does not change another. `boot` counts the starts in one home, so that identifiers drawn after
 * a restart do not repeat.
 */
export function seededStreams(seed: number, boot: number): (stream: string) => number {
  const generators = new Map<string, ReturnType<typeof xoroshiro128plus>>();
  return (stream) => {
    let generator = generators.get(stream);
    if (generator === undefined) {
      const digest = createHash('sha256').update(`${seed}/${boot}/${stream}`).digest();
      generator = xoroshiro128plus(digest.readInt32BE(0));
      generators.set(stream, generator);
    }
    return uniformFloat64(generator);
  };
}
