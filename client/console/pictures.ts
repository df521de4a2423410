import { z } from 'zod';

/** As much of a window's report as a picture needs; the rest of it may grow. */
const sides = z.object({ baseline: z.number(), window: z.number() });
const columnSchema = z.looseObject({
  name: z.string(),
  kind: z.enum(['numeric', 'categorical']).exactOptional(),
  density: z
    .object({
      scale: z.enum(['linear', 'log']),
      from: z.number(),
      to: z.number(),
      baseline: z.array(z.number()).max(1_000),
      window: z.array(z.number()).max(1_000),
      below: sides,
      above: sides,
    })
    .nullable()
    .exactOptional(),
  bins: z
    .array(z.object({ label: z.string(), baseline: z.number(), window: z.number() }))
    .max(1_000),
});
const comparisonSchema = z.looseObject({ columns: z.array(columnSchema).max(5_000) });
const reportSchema = z.union([
  comparisonSchema,
  z.looseObject({ comparison: comparisonSchema }).transform(({ comparison }) => comparison),
  // As the data worker writes it: modelkeeper/window-report-v1.
  z
    .looseObject({ evidence: z.looseObject({ comparison: comparisonSchema }) })
    .transform(({ evidence }) => evidence.comparison),
]);

export type PicturedColumn = z.infer<typeof columnSchema>;

/** One column of a window's report; `undefined` when the report is missing, is another, or has no such column. */
export function columnIn(report: unknown, name: string): PicturedColumn | undefined {
  const parsed = reportSchema.safeParse(report);
  if (!parsed.success) return undefined;
  const column = parsed.data.columns.find((one) => one.name === name);
  return column === undefined || column.bins.length === 0 ? undefined : column;
}
