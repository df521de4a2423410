import { z } from 'zod';

import type { Violation } from '../../domain/monitor-findings.js';
import { bounded, Malformed, nameIn, parseJson, parsing, shaped, type Parsed } from './read.js';

/** `statistics.json`: enough of it to compare a window with the baseline. */
export interface MonitorStatistics {
  readonly rows: number;
  readonly columns: readonly StatisticsColumn[];
}

export interface StatisticsColumn {
  readonly name: string;
  readonly present: number;
  readonly missing: number;
  /** Of numbers: ten of equal width, in order; empty for texts. */
  readonly buckets: readonly {
    readonly from: number;
    readonly to: number;
    readonly count: number;
  }[];
  /** The KLL sketch: an item of level i stands for 2^i values. */
  readonly levels: readonly (readonly number[])[];
  /** Of texts; `null` when there were too many to count. */
  readonly values: readonly { readonly value: string; readonly count: number }[] | null;
}

const violationSchema = z.looseObject({
  constraint_check_type: z.string().min(1),
  feature_name: z.string().nullish(),
  metric_name: z.string().nullish(),
  facet: z.string().nullish(),
  facet_value: z.union([z.string(), z.number(), z.boolean()]).nullish(),
  label: z.union([z.string(), z.number()]).nullish(),
  description: z.string().nullish(),
});
const violationsSchema = z.looseObject({ violations: z.array(z.looseObject({})) });

/** `constraint_violations.json` of all four types of monitors. */
export const parseViolations = (bytes: Uint8Array): Parsed<readonly Violation[]> =>
  parsing(bytes, (text) => {
    const { violations } = shaped(violationsSchema, parseJson(text));
    return bounded(violations, 'violations').map((found, index) => {
      const where = `violations[${index}]`;
      const violation = shaped(violationSchema, found, where);
      const facet =
        violation.facet == null ? '' : `${violation.facet}=${String(violation.facet_value ?? '')}`;
      const label = violation.label == null ? '' : String(violation.label);
      const feature = violation.feature_name ?? null;
      const metric = [violation.metric_name ?? '', facet, label]
        .filter((one) => one !== '')
        .join(' of ');
      return {
        check: nameIn(violation.constraint_check_type, `${where}.constraint_check_type`),
        feature: feature === null ? null : nameIn(feature, `${where}.feature_name`),
        metric: metric === '' ? null : nameIn(metric, where),
        description: violation.description ?? '',
      };
    });
  });

const count = z.number().min(0);
const bucketSchema = z.looseObject({ lower_bound: z.number(), upper_bound: z.number(), count });
const numericSchema = z.looseObject({
  common: z.looseObject({ num_present: count, num_missing: count }),
  distribution: z
    .looseObject({
      kll: z
        .looseObject({
          buckets: z.array(bucketSchema).max(1_000),
          sketch: z
            .looseObject({ data: z.array(z.array(z.number()).max(100_000)).max(60) })
            .nullish(),
        })
        .nullish(),
    })
    .nullish(),
});
const stringSchema = z.looseObject({
  common: z.looseObject({ num_present: count, num_missing: count }),
  distribution: z
    .looseObject({
      categorical: z
        .looseObject({
          buckets: z.array(z.looseObject({ value: z.string(), count })).max(100_000),
        })
        .nullish(),
    })
    .nullish(),
});
const featureSchema = z.looseObject({
  name: z.string(),
  numerical_statistics: numericSchema.nullish(),
  string_statistics: stringSchema.nullish(),
});
const statisticsSchema = z.looseObject({
  dataset: z.looseObject({ item_count: count }),
  features: z.array(z.looseObject({})),
});

/** `statistics.json` of a data-quality monitor or of its baseline. */
export const parseStatistics = (bytes: Uint8Array): Parsed<MonitorStatistics> =>
  parsing(bytes, (text) => {
    const { dataset, features } = shaped(statisticsSchema, parseJson(text));
    return {
      rows: dataset.item_count,
      columns: bounded(features, 'features').map((found, index) => {
        const where = `features[${index}]`;
        return columnOf(shaped(featureSchema, found, where), where);
      }),
    };
  });

function columnOf(
  feature: z.output<typeof featureSchema>,
  where: string,
): MonitorStatistics['columns'][number] {
  const { numerical_statistics: numeric, string_statistics: text } = feature;
  const name = nameIn(feature.name, `${where}.name`);
  if (numeric != null) {
    const kll = numeric.distribution?.kll ?? undefined;
    const buckets = (kll?.buckets ?? []).map((bucket) => ({
      from: bucket.lower_bound,
      to: bucket.upper_bound,
      count: bucket.count,
    }));
    buckets.forEach((bucket, index) => {
      if (bucket.to < bucket.from || bucket.from < (buckets[index - 1]?.to ?? -Infinity))
        throw new Malformed(
          `${where}.numerical_statistics.distribution.kll.buckets[${index}]: the bounds are not in order`,
        );
    });
    return {
      name,
      present: numeric.common.num_present,
      missing: numeric.common.num_missing,
      buckets,
      levels: kll?.sketch?.data ?? [],
      values: null,
    };
  }
  const categories = text?.distribution?.categorical?.buckets ?? null;
  return {
    name,
    present: text?.common.num_present ?? 0,
    missing: text?.common.num_missing ?? 0,
    buckets: [],
    levels: [],
    values:
      categories === null
        ? null
        : categories.map(({ value, count: times }) => ({ value, count: times })),
  };
}

const constraintsSchema = z.looseObject({
  features: z.array(z.looseObject({ name: z.string() })).default([]),
});

/** Names of the columns in `constraints.json`; those of other types than data quality have none. */
export const parseConstraints = (bytes: Uint8Array): Parsed<readonly string[]> =>
  parsing(bytes, (text) =>
    bounded(shaped(constraintsSchema, parseJson(text)).features, 'features').map(
      ({ name }, index) => nameIn(name, `features[${index}].name`),
    ),
  );
