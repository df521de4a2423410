import { judgeSegments, withSegments } from '../domain/stats/segments.js';
import type { MeasuredSegment } from '../domain/stats/segments.js';
import type {
  DetectPolicy,
  Profile,
  SegmentRule,
  SegmentedProfiles,
  WindowComparison,
} from '../domain/stats/types.js';
import { countOf, textOfRow } from './duck.js';
import type { Duck } from './duck.js';
import { UnusableData } from './failures.js';
import { normalText, rawText } from './relation.js';
import type { Relation } from './relation.js';

type SegmentProfile = SegmentedProfiles['segments'][number]['profile'];

/** The rows of a relation with one value of a column, or with none of several and with no value at all. */
function partOf(
  relation: Relation,
  by: string,
  which: { readonly value: string } | { readonly noneOf: readonly string[] },
): Relation {
  const text = textOf(relation, by);
  const bound = {
    ...relation.bound,
    ...('value' in which ? { segment: which.value } : { segments: [...which.noneOf] }),
  };
  const where =
    'value' in which
      ? `${text} = $segment`
      : `coalesce(not list_contains($segments::varchar[], ${text}), true)`;
  const from = `(select * from ${relation.from} where ${where})`;
  const part = { ...relation, bound, from };
  const { typed } = relation;
  if (typed?.from !== relation.from) return part;
  // The column that parts them stays a text, as its values are compared as such.
  const others = (names: ReadonlySet<string>) => new Set([...names].filter((name) => name !== by));
  const withNumbers = (names: ReadonlySet<string>) =>
    partOf(typed.withNumbers(others(names)), by, which);
  return { ...part, typed: { from, withNumbers } };
}

/** Profiles of the most frequent values of each rule's column, and of all other rows together. */
export async function profileSegments(
  duck: Duck,
  relation: Relation,
  rules: readonly SegmentRule[],
  describe: (part: Relation) => Promise<SegmentProfile>,
): Promise<readonly SegmentedProfiles[]> {
  const found: SegmentedProfiles[] = [];
  for (const { by, max } of rules) {
    const text = textOf(relation, by);
    const rows = await duck.rows(
      `select ${text} as value, count(*) as n from ${relation.from}
       where ${text} is not null group by 1 order by n desc, value limit ${max}`,
      relation.bound,
    );
    const values = rows.map((row) => textOfRow(row['value']));
    const distinct = await duck.row(
      `select count(distinct ${text}) as n from ${relation.from}`,
      relation.bound,
    );
    const segments: SegmentedProfiles['segments'][number][] = [];
    for (const value of values)
      segments.push({ value, profile: await describe(partOf(relation, by, { value })) });
    const others = partOf(relation, by, { noneOf: values });
    if ((await countRows(duck, others)) > 0)
      segments.push({ value: null, profile: await describe(others) });
    found.push({ by, values: countOf(distinct['n']), segments });
  }
  return found;
}

function textOf(relation: Relation, by: string): string {
  const column = relation.columns.find(({ name }) => name === by);
  if (column !== undefined) return `(${normalText(column, rawText(column))})`;
  const names = relation.columns.map(({ name }) => name).join(', ');
  throw new UnusableData(`there is no column ${by} to make segments of; the data have ${names}`);
}

const countRows = async (duck: Duck, { from, bound }: Relation): Promise<number> =>
  countOf((await duck.row(`select count(*) as n from ${from}`, bound))['n']);

export interface SegmentsOptions {
  readonly profile: Profile;
  readonly detect: DetectPolicy;
  readonly onStage?: (stage: string) => void;
}

/**
 * Compares each segment of a window with the same one of the baseline. Values that the baseline has no segment of are
 * `other`; a rule whose column the baseline was not profiled by is told as that.
 */
export async function compareSegments(
  duck: Duck,
  relation: Relation,
  whole: WindowComparison,
  { profile, detect, onStage }: SegmentsOptions,
  compare: (part: Relation, profile: Profile, detect: DetectPolicy) => Promise<WindowComparison>,
): Promise<WindowComparison> {
  const measured: MeasuredSegment[] = [];
  for (const rule of detect.segments ?? []) {
    const known = profile.segments?.find(({ by }) => by === rule.by)?.segments;
    const common = { by: rule.by, critical: rule.critical, minRows: rule.minRows };
    const nothing = { ...common, value: null, baselineRows: 0, columns: [], prediction: null };
    if (known === undefined) {
      const why = `the baseline was profiled without segments by ${rule.by}`;
      measured.push({ ...nothing, rows: whole.rows, why });
      continue;
    }
    // The column itself is the same in all of a segment.
    const rules = { ...detect, ignore: [...detect.ignore, rule.by], segments: [] };
    const values = known.flatMap(({ value }) => (value === null ? [] : [value]));
    onStage?.(`comparing ${known.length} segments by ${rule.by}`);
    for (const segment of known) {
      const { value } = segment;
      const part = partOf(relation, rule.by, value === null ? { noneOf: values } : { value });
      const own: Profile = { ...profile, ...segment.profile };
      const { columns, prediction, rows } = await compare(part, own, rules);
      measured.push({ ...common, value, rows, baselineRows: own.rowCount, columns, prediction });
    }
    if (known.some(({ value }) => value === null)) continue;
    const rows = await countRows(duck, partOf(relation, rule.by, { noneOf: values }));
    // Values that the baseline never had: nobody can say how they looked.
    if (rows > 0) measured.push({ ...nothing, rows });
  }
  const segments = judgeSegments(measured, detect);
  return { ...whole, segments, verdict: withSegments(whole.verdict, segments) };
}
