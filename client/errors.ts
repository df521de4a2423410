/** What a caller of the client can act on; everything else is a fault of ours or of the network. */
export type ModelkeeperErrorCode =
  /** There is no such keeper or release. */
  | 'not-found'
  /** Temporal answers, but no worker does. */
  | 'no-worker'
  /** Temporal or AWS cannot be reached, or refuses the credentials. */
  | 'unreachable'
  /** The answer did not come in time. The request may still take effect; repeating it with the same id is harmless. */
  | 'timed-out';

/** An error whose message is a sentence for the person who asked. */
export class ModelkeeperError extends Error {
  override readonly name = 'ModelkeeperError';

  constructor(
    readonly code: ModelkeeperErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The message of whatever was thrown, for a sentence. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0)
    return [...new Set(error.errors.map(messageOf))].join('; ');
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return String(error);
}
