import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** A source of randomness that repeats for the same seed, on every machine. */
export interface Random {
  /** A whole number from 0 to n − 1; n below 2^31. */
  index(n: number): number;
  /** A number from 0 (included) to 1 (excluded) with 32 random bits. */
  fraction(): number;
}

const TWO_TO_32 = 4_294_967_296;

export function seeded(seed: number): Random {
  const generator = xoroshiro128plus(seed);
  const fraction = () => (generator.next() >>> 0) / TWO_TO_32;
  return { fraction, index: (n) => Math.floor(fraction() * n) };
}

/** Expected successes below which counting them one by one is as fast as rejection. */
const FEW = 10;

/**
 * A binomial draw: inversion when few successes are expected, else Hörmann's transformed rejection with squeeze
 * (BTRS, 1993), whose cost does not grow with n.
 */
export function binomial(random: Random, n: number, p: number): number {
  if (n === 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial(random, n, 1 - p);
  return n * p < FEW ? byInversion(random, n, p) : byRejection(random, n, p);
}

function byInversion(random: Random, n: number, p: number): number {
  const odds = p / (1 - p);
  let chance = (1 - p) ** n;
  let left = random.fraction();
  let k = 0;
  while (left >= chance && k < n) {
    left -= chance;
    k += 1;
    chance *= (odds * (n - k + 1)) / k;
  }
  return k;
}

function byRejection(random: Random, n: number, p: number): number {
  const deviation = Math.sqrt(n * p * (1 - p));
  const b = 1.15 + 2.53 * deviation;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const centre = n * p + 0.5;
  const alpha = (2.83 + 5.1 / b) * deviation;
  const mode = Math.floor((n + 1) * p);
  for (;;) {
    const u = random.fraction() - 0.5;
    const v = random.fraction();
    const near = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / near + b) * u + centre);
    if (near >= 0.07 && v <= 0.92 - 4.2 / b) return k;
    if (k < 0 || k > n || near === 0) continue;
    const bound =
      (mode + 0.5) * Math.log((mode + 1) / ((p / (1 - p)) * (n - mode + 1))) +
      (n + 1) * Math.log((n - mode + 1) / (n - k + 1)) +
      (k + 0.5) * Math.log(((p / (1 - p)) * (n - k + 1)) / (k + 1)) +
      stirlingTail(mode) +
      stirlingTail(n - mode) -
      stirlingTail(k) -
      stirlingTail(n - k);
    if (Math.log((v * alpha) / (a / (near * near) + b)) <= bound) return k;
  }
}

const STIRLING_TAILS = [
  0.08106146679532726, 0.0413406959554093, 0.02767792568499834, 0.02079067210376509,
  0.01664469118982119, 0.01387612882307075, 0.01189670994589177, 0.01041126526197209,
  0.009255462182712733, 0.00833056343336287,
];

/** log k! less Stirling's (k + ½) log(k + 1) − (k + 1) + ½ log 2π. */
function stirlingTail(k: number): number {
  const known = STIRLING_TAILS[k];
  if (known !== undefined) return known;
  const square = (k + 1) ** 2;
  return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1);
}

/** Draws `n` rows into cells with chances `weights` / sum; overwrites `into`. */
export function multinomial(
  random: Random,
  n: number,
  weights: readonly number[],
  into: number[],
): void {
  let left = n;
  let mass = weights.reduce((sum, weight) => sum + weight, 0);
  weights.forEach((weight, cell) => {
    const drawn = mass <= 0 ? 0 : binomial(random, left, Math.min(1, weight / mass));
    into[cell] = drawn;
    left -= drawn;
    mass -= weight;
  });
}
