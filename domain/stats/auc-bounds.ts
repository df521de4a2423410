/** The ROC AUC of one model on rows of both classes. */
export interface AucOfOneModel {
  readonly auc: number;
  /** Standard error by DeLong. */
  readonly error: number;
  readonly positives: number;
  readonly negatives: number;
}

type Side = 'lower' | 'upper';

const logit = (share: number): number => Math.log(share / (1 - share));
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** Halvings of the interval in which a bound is searched: to the last digit. */
const HALVINGS = 60;

/**
 * One-sided bound of an AUC, `z` standard errors away: the farther one of two.
 *
 * DeLong's error on the scale of the log-odds (Qin and Hotilovac 2008), as an AUC near 1 is skewed and cannot pass it; and
 * Newcombe's fifth method (2006), the value that is `z` of its OWN errors away. The first takes the scores as they are, but
 * with few rows of a class, all ranked well, its error is small because the AUC happens to be high (none at an AUC of 1);
 * the second has no such error, but takes the scores of both classes for alike in shape. The plain bound AUC − z · error is
 * above the truth in up to 30 % of samples with 10 to 50 positives, where it should be in 5 %.
 */
export function aucBound(model: AucOfOneModel, z: number, side: Side): number {
  const { auc, error } = model;
  const sign = side === 'lower' ? -1 : 1;
  const byScore = newcombeBound(model, z, sign);
  if (auc <= 0 || auc >= 1) return byScore;
  const byLogit = logistic(logit(auc) + (sign * z * error) / (auc * (1 - auc)));
  return side === 'lower' ? Math.min(byScore, byLogit) : Math.max(byScore, byLogit);
}

/** By how many standard errors the AUC is above (or below) a limit; the smaller one of the two ways of {@link aucBound}. */
export function aucDistance(model: AucOfOneModel, limit: number, side: 'above' | 'below'): number {
  const { auc, error } = model;
  const sign = side === 'above' ? 1 : -1;
  if (limit <= 0 || limit >= 1) return sign * (auc - limit) > 0 ? Infinity : -Infinity;
  const byScore = (sign * (auc - limit)) / newcombeError(model, limit);
  if (auc <= 0 || auc >= 1) return byScore;
  const byLogit = (sign * (logit(auc) - logit(limit)) * auc * (1 - auc)) / error;
  return Math.min(byScore, Number.isNaN(byLogit) ? byScore : byLogit);
}

/** Standard error of an AUC whose true value is `value`: Hanley and McNeil's with the mean size of the classes. */
function newcombeError({ positives, negatives }: AucOfOneModel, value: number): number {
  const others = (positives + negatives) / 2 - 1;
  const pairs = (1 - value) / (2 - value) + value / (1 + value);
  return Math.sqrt((value * (1 - value) * (1 + others * pairs)) / (positives * negatives));
}

function newcombeBound(model: AucOfOneModel, z: number, sign: -1 | 1): number {
  const { auc } = model;
  let [near, far] = [auc, sign === -1 ? 0 : 1];
  for (let i = 0; i < HALVINGS; i += 1) {
    const between = (near + far) / 2;
    if (Math.abs(auc - between) > z * newcombeError(model, between)) far = between;
    else near = between;
  }
  return (near + far) / 2;
}
