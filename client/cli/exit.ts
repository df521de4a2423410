import { messageOf, ModelkeeperError } from '../errors.js';

/** Exit codes of every command; docs/cli.md lists them. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  /** Refused, or the input was not valid. */
  refused: 2,
  notFound: 3,
  /** Temporal or AWS cannot be reached, or no worker answers. */
  unreachable: 4,
  /** The answer, or what was waited for, did not come in time. */
  timedOut: 5,
  /** What was waited for ended in another way. */
  endedOtherwise: 6,
  /** An offline verdict: the window has drifted, or the candidate fails its gates. */
  worse: 10,
  /** An offline verdict: the data are broken, so that nothing can be said of drift. */
  dataQuality: 11,
  /** An offline verdict: not enough to tell. */
  cannotTell: 12,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with a sentence and a code. */
export class Exit extends Error {
  constructor(
    readonly exitCode: ExitCode,
    message: string,
  ) {
    super(message);
  }
}

const CODES: Readonly<Record<ModelkeeperError['code'], ExitCode>> = {
  'not-found': EXIT.notFound,
  'no-worker': EXIT.unreachable,
  unreachable: EXIT.unreachable,
  'timed-out': EXIT.timedOut,
};

/** How a command ends by what AWS answered; the keys are the failure types of activities/. */
const AWS_ENDINGS: ReadonlyMap<string, Omit<Ending, 'message'>> = new Map([
  ['PermissionMissing', { exitCode: EXIT.unreachable, code: 'permission-missing' }],
  ['AwsUnavailable', { exitCode: EXIT.unreachable, code: 'unreachable' }],
  ['Throttled', { exitCode: EXIT.unreachable, code: 'unreachable' }],
  ['NotVisibleYet', { exitCode: EXIT.notFound, code: 'not-found' }],
  ['AwsRequestRefused', { exitCode: EXIT.refused, code: 'refused' }],
  ['BadData', { exitCode: EXIT.refused, code: 'refused' }],
]);

export interface Ending {
  readonly exitCode: ExitCode;
  /** Stable word for `--json`. */
  readonly code: string;
  readonly message: string;
}

/** How a command ends that threw. */
export function endingOf(error: unknown): Ending {
  const message = error instanceof Exit ? error.message : messageOf(error);
  if (error instanceof Exit) {
    const code = Object.entries(EXIT).find(([, value]) => value === error.exitCode)?.[0];
    return { exitCode: error.exitCode, code: code ?? 'unexpected', message };
  }
  if (error instanceof ModelkeeperError)
    return { exitCode: CODES[error.code], code: error.code, message };
  const type = error instanceof Error && 'type' in error ? error.type : undefined;
  const known = typeof type === 'string' ? AWS_ENDINGS.get(type) : undefined;
  if (known !== undefined) return { ...known, message };
  return { exitCode: EXIT.unexpected, code: 'unexpected', message };
}
