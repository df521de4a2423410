/**
 * Area under the ROC curve as the Mann–Whitney statistic, ties counted half; with the standard error
 * of Hanley and McNeil (Radiology 1982). NaN when only one class is present.
 */
export function auc(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
): { value: number; standardDeviation: number } {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort(
    (a, b) => (scores[a] ?? 0) - (scores[b] ?? 0),
  );
  let positives = 0;
  let rankSum = 0;
  for (let start = 0; start < order.length;) {
    let end = start;
    while (end < order.length && scores[order[end] ?? 0] === scores[order[start] ?? 0]) end += 1;
    for (let i = start; i < end; i += 1) {
      if (labels[order[i] ?? 0] !== 1) continue;
      positives += 1;
      rankSum += (start + end + 1) / 2;
    }
    start = end;
  }
  const negatives = order.length - positives;
  const value = (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
  const q1 = value / (2 - value);
  const q2 = (2 * value * value) / (1 + value);
  const variance =
    (value * (1 - value) +
      (positives - 1) * (q1 - value * value) +
      (negatives - 1) * (q2 - value * value)) /
    (positives * negatives);
  return { value, standardDeviation: Math.sqrt(variance) };
}
