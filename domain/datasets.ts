import type { EvaluatePolicy } from './evaluate.schema.js';

/** The predictions that a gate looks at when it names no others: the held-out rows. */
export const PRESENT = 'recent';

/** How few rows of a set say nothing, whatever the gate says of its own. */
export interface DatasetFloor {
  readonly minRows?: number;
  /** Of the rarer class. */
  readonly minPositives?: number;
}

/** One set of predictions as the policy describes it; this is where the defaults of `evaluate.datasets` live. */
export interface Dataset {
  readonly name: string;
  /** Metadata key of the package that holds the address, where `uri` does not say it. */
  readonly key: string;
  /** `{model}`, `{release}` and `{version}` stand for those of the candidate. */
  readonly uri: string | null;
  /** Gates may name it. */
  readonly judged: boolean;
  readonly floor: DatasetFloor;
  /** Its rows must be from after the training. A frozen set is older, and is looked through for rows trained on. */
  readonly afterTrainingCutoff: boolean;
}

type Evaluate = Pick<EvaluatePolicy, 'datasets' | 'predictions'>;
type Asked = NonNullable<EvaluatePolicy['datasets']>[string];

/** The held-out rows, which there always are. */
export const presentOf = (evaluate: Evaluate): Dataset =>
  datasetOf(PRESENT, evaluate.datasets?.[PRESENT] ?? {}, evaluate.predictions, true);

/** The other sets, in the policy's order. Each is under a key of its own beside that of the held-out rows. */
export const furtherOf = (evaluate: Evaluate): readonly Dataset[] =>
  Object.entries(evaluate.datasets ?? {}).flatMap(([name, asked]) =>
    name === PRESENT
      ? []
      : [
          datasetOf(
            name,
            asked,
            `${evaluate.predictions}-${name}`,
            asked.afterTrainingCutoff === 'required',
          ),
        ],
  );

function datasetOf(name: string, asked: Asked, key: string, afterTrainingCutoff: boolean): Dataset {
  const { minRows, minPositives } = asked;
  return {
    name,
    key: asked.predictions ?? key,
    uri: asked.uri ?? null,
    judged: asked.role !== 'show',
    floor: {
      ...(minRows !== undefined && { minRows }),
      ...(minPositives !== undefined && { minPositives }),
    },
    afterTrainingCutoff,
  };
}

/** Where the predictions of a candidate are; `null` when neither the policy nor the package says it. */
export function addressOf(
  { uri, key }: Pick<Dataset, 'uri' | 'key'>,
  of: {
    readonly model: string;
    readonly release: number;
    readonly version: number;
    readonly metadata: Readonly<Record<string, string>>;
  },
): string | null {
  if (uri === null) return of.metadata[key] ?? null;
  return uri
    .replaceAll('{model}', of.model)
    .replaceAll('{release}', String(of.release))
    .replaceAll('{version}', String(of.version));
}

/** What a training or evaluation job calls the file of a set. */
export const datasetFile = (name: string): string => `predictions-${name}.parquet`;
