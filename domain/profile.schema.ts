import { z } from 'zod';

const count = z.int().min(0);
const number = z.number().nullable();

const counted = { name: z.string(), missing: count, invalid: count, nonFinite: count, count };

const sumOf = (counts: readonly number[]): number => counts.reduce((all, one) => all + one, 0);
const ascends = (edges: readonly number[]): boolean =>
  edges.every((edge, i) => i === 0 || edge > (edges[i - 1] ?? edge));

const numericSchema = z
  .object({
    ...counted,
    kind: z.literal('numeric'),
    fineEdges: z.array(z.number()).refine(ascends, { message: 'the edges do not ascend' }),
    fineCounts: z.array(count),
    edges: z.array(z.number()),
    counts: z.array(count),
    min: number,
    max: number,
    mean: number,
    std: number,
  })
  .refine(
    (column) =>
      column.fineCounts.length === column.fineEdges.length + 1 &&
      column.counts.length === column.edges.length + 1 &&
      column.edges.every((edge) => column.fineEdges.includes(edge)) &&
      sumOf(column.fineCounts) === column.count &&
      sumOf(column.counts) === column.count,
    { message: 'edges and counts do not belong together' },
  );

const categoricalSchema = z
  .object({
    ...counted,
    kind: z.literal('categorical'),
    domain: z.array(z.object({ value: z.string(), count })),
    other: count,
  })
  .refine(
    ({ domain, other, count }) => sumOf(domain.map((known) => known.count)) + other === count,
    { message: 'the counts of the values do not add up' },
  );

const columns = z.array(z.discriminatedUnion('kind', [numericSchema, categoricalSchema]));

/** What `modelkeeper profile` writes, and reads back as a baseline: a file anybody may have edited. */
export const profileSchema = z.object({
  schema: z.literal('modelkeeper/profile-v1'),
  rowCount: count,
  columns,
  prediction: numericSchema.nullable(),
  skipped: z.array(z.string()),
  segments: z
    .array(
      z.object({
        by: z.string(),
        values: count.exactOptional(),
        segments: z.array(
          z.object({
            value: z.string().nullable(),
            profile: z.object({ rowCount: count, columns, prediction: numericSchema.nullable() }),
          }),
        ),
      }),
    )
    .exactOptional(),
});
