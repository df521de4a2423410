import { benjaminiHochberg } from './multiple-testing.js';
import type {
  ColumnComparison,
  DatasetVerdict,
  DetectPolicy,
  SegmentComparison,
  ShareComparison,
} from './types.js';
import { judgeColumn, judgeDataset } from './verdict.js';

const SHARE_KEYS = ['missing', 'invalid', 'nonFinite', 'newCategories'] as const;

/** What of a segment is judged: everything but its verdicts, which depend on all segments. */
export type MeasuredSegment = Omit<SegmentComparison, 'verdict'> & {
  /** Fewest rows on either side for a verdict. */
  readonly minRows: number;
  /** Why nothing can be told, where that is not for its rows. */
  readonly why?: string;
};

/** Characters of a name or value that a sentence shows. */
const SHOWN = 80;

const shown = (text: string): string =>
  text.length <= SHOWN ? text : `${Array.from(text).slice(0, SHOWN).join('')}…`;

/** `region=north`, or all values that are no segment of their own; what is long is cut, as it stands in sentences. */
export const segmentName = ({ by, value }: Pick<SegmentComparison, 'by' | 'value'>): string =>
  value === null ? `other values of ${shown(by)}` : `${shown(by)}=${shown(value)}`;

/**
 * Judges segments by the rules of a whole window, with p adjusted over all columns of all segments: every segment is
 * another chance to be wrong. A segment with too few rows is told as that, never left out.
 */
export function judgeSegments(
  segments: readonly MeasuredSegment[],
  detect: DetectPolicy,
): readonly SegmentComparison[] {
  const all = segments.flatMap((segment) => everythingOf(segment));
  const columns = adjusted(all.map((column) => column.pValue));
  const shares = adjusted(
    all.flatMap((column) => SHARE_KEYS.map((key) => column[key]?.pValue ?? null)),
  );
  let next = 0;
  return segments.map((segment) => {
    const { by, value, rows, baselineRows, critical } = segment;
    const rules = { ...detect, minRows: segment.minRows };
    const judged = everythingOf(segment).map((column) => {
      const index = next;
      next += 1;
      return judgedColumn(column, segment, rules, columns[index] ?? null, (key) =>
        withP(column[key], shares[index * SHARE_KEYS.length + SHARE_KEYS.indexOf(key)] ?? null),
      );
    });
    const prediction = segment.prediction === null ? null : (judged.pop() ?? null);
    return {
      by,
      value,
      rows,
      baselineRows,
      critical,
      columns: judged,
      prediction,
      verdict: verdictOf(segment, judged, prediction, rules),
    };
  });
}

const everythingOf = ({
  columns,
  prediction,
}: Pick<SegmentComparison, 'columns' | 'prediction'>): readonly ColumnComparison[] =>
  prediction === null ? columns : [...columns, prediction];

function judgedColumn(
  column: ColumnComparison,
  segment: MeasuredSegment,
  rules: DetectPolicy,
  pAdjusted: number | null,
  shareOf: (key: (typeof SHARE_KEYS)[number]) => ShareComparison | null,
): ColumnComparison {
  const complete = {
    ...column,
    missing: shareOf('missing'),
    invalid: shareOf('invalid'),
    nonFinite: shareOf('nonFinite'),
    newCategories: shareOf('newCategories'),
    pAdjusted,
  };
  const totals = { windowTotal: segment.rows, baselineTotal: segment.baselineRows };
  return { ...complete, ...judgeColumn({ ...complete, ...totals }, rules) };
}

const withP = (share: ShareComparison | null, pAdjusted: number | null): ShareComparison | null =>
  share === null || pAdjusted === null ? null : { ...share, pAdjusted };

function verdictOf(
  segment: MeasuredSegment,
  columns: readonly ColumnComparison[],
  prediction: ColumnComparison | null,
  rules: DetectPolicy,
): DatasetVerdict {
  if (segment.why !== undefined) return { kind: 'insufficient data', reasons: [segment.why] };
  if (segment.baselineRows < rules.minRows) {
    return {
      kind: 'insufficient data',
      reasons: [`${segment.baselineRows} rows in the baseline, ${rules.minRows} are needed`],
    };
  }
  return judgeDataset(segment.rows, columns, prediction, rules);
}

/**
 * What segments add to the verdict on the whole window. A critical segment that drifted, or whose data are broken, makes
 * the window so, and one of which nothing can be told keeps it from being called in order; any other that moved is a
 * warning.
 */
export function withSegments(
  whole: DatasetVerdict,
  segments: readonly SegmentComparison[],
): DatasetVerdict {
  const telling = segments.filter(
    ({ verdict, critical }) =>
      verdict.kind !== 'ok' && (verdict.kind !== 'insufficient data' || critical),
  );
  if (telling.length === 0) return whole;
  const kind = worst([
    whole.kind,
    ...telling.map(({ verdict, critical }) => (critical ? verdict.kind : 'warn')),
  ]);
  const reasons = telling.flatMap((segment) =>
    segment.verdict.reasons.map((reason) => `${segmentName(segment)}: ${reason}`),
  );
  return { kind, reasons: [...(whole.kind === 'ok' ? [] : whole.reasons), ...reasons] };
}

const ORDER: readonly DatasetVerdict['kind'][] = [
  'ok',
  'warn',
  'insufficient data',
  'drift',
  'data quality',
];

const worst = (kinds: readonly DatasetVerdict['kind'][]): DatasetVerdict['kind'] =>
  kinds.reduce((a, b) => (ORDER.indexOf(b) > ORDER.indexOf(a) ? b : a));

function adjusted(pValues: readonly (number | null)[]): readonly (number | null)[] {
  const known = benjaminiHochberg(pValues.filter((p) => p !== null))[Symbol.iterator]();
  return pValues.map((p) => (p === null ? null : (known.next().value ?? null)));
}
