/** What a job's container is given, as one JSON file; its path is the child's only argument. */
export interface ContainerJob {
  readonly command: 'train' | 'evaluate';
  /** Local files per input channel. */
  readonly inputs: Readonly<Record<string, readonly string[]>>;
  /** Hyperparameters and environment variables, all strings as in AWS. */
  readonly settings: Readonly<Record<string, string>>;
  /** Directory whose files become the job's output. */
  readonly outputDir: string;
  /** `/opt/ml/checkpoints` of a job that keeps checkpoints: what an earlier try has left, and where this one leaves its own. */
  readonly checkpointDir?: string;
  /** Where the child leaves its `JobResult` as JSON, like `/opt/ml/output/failure`. */
  readonly resultFile: string;
}

export type JobResult =
  | { readonly kind: 'done'; readonly metrics: Readonly<Record<string, number>> }
  | { readonly kind: 'failed'; readonly reason: string };

/** The data or settings of a job are not usable: the message is for the person who sent them. */
export class UnusableInput extends Error {}
