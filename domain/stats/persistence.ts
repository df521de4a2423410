import type { ComparisonVerdict, DatasetVerdict } from './types.js';

export interface Persistence {
  readonly breaches: number;
  readonly of: number;
}

/**
 * Several windows in order of time. One alone says what it says; of several, drift has to persist: `breaches` among the
 * latest `of` that could be judged. Broken data counts from the first window, as it is not noise. A latest window that
 * cannot be judged makes no ok of those before it.
 */
export function judgeWindows(
  windows: readonly DatasetVerdict[],
  { breaches, of }: Persistence,
): DatasetVerdict {
  const last = windows.at(-1);
  if (last === undefined) {
    return { kind: 'insufficient data', reasons: ['there is no window to judge'] };
  }
  if (windows.length === 1) return last;
  const judged = windows.filter((window) => window.kind !== 'insufficient data');
  const lastJudged = judged.at(-1);
  if (lastJudged === undefined) {
    return { kind: 'insufficient data', reasons: ['no window has enough data', ...last.reasons] };
  }
  if (lastJudged.kind === 'data quality') {
    return { kind: 'data quality', reasons: lastJudged.reasons };
  }
  const latest = judged.slice(-of);
  const drifted = latest.filter((window) => window.kind === 'drift');
  const among = `${inWindows(drifted.length)} of the latest ${latest.length} ${drifted.length === 1 ? 'has' : 'have'} drifted`;
  if (drifted.length >= breaches) {
    return { kind: 'drift', reasons: [among, ...(drifted.at(-1)?.reasons ?? [])] };
  }
  if (last.kind === 'insufficient data') {
    return {
      kind: 'insufficient data',
      reasons: ['the latest window cannot be judged', ...last.reasons],
    };
  }
  if (drifted.length > 0) {
    return {
      kind: 'warn',
      reasons: [`${among}, ${breaches} are needed`, ...(drifted.at(-1)?.reasons ?? [])],
    };
  }
  const kind: ComparisonVerdict = last.kind;
  return {
    kind,
    reasons: [`none of the latest ${latest.length} windows has drifted`, ...last.reasons],
  };
}

const inWindows = (n: number): string => (n === 1 ? '1 window' : `${n} windows`);
