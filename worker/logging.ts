import { DefaultLogger, type LogEntry, type Logger } from '@temporalio/worker';
import { pino, type Logger as Pino } from 'pino';

import type { WorkerConfig } from './config.js';

/** One JSON object per line on standard output. Lines of workflows and activities carry their ids. */
export function createLog(config: Pick<WorkerConfig, 'logLevel'>, part: string): Pino {
  return pino({
    level: config.logLevel,
    base: { part },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}

const LEVELS = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
} as const;

/** Temporal's own lines in the same stream. */
export function temporalLogger(log: Pino): Logger {
  return new DefaultLogger('TRACE', ({ level, message, meta }: LogEntry) => {
    log[LEVELS[level]](plain(meta), message);
  });
}

/** Errors as pino prints them; the rest as it is. */
function plain(meta: Readonly<Record<string | symbol, unknown>> | undefined): object {
  if (meta === undefined) return {};
  const { error, ...rest } = meta;
  return error === undefined ? rest : { ...rest, err: error };
}
