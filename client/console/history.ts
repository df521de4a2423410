import { z } from 'zod';

import type { WindowResult } from '../../domain/model.js';
import type { Account } from '../account.js';

/** Windows of one source as their stored reports tell them, oldest first. */
export interface WindowHistory {
  readonly windows: readonly HistoryWindow[];
  /** As the policy had them when the latest window was judged; absent in reports of earlier versions. */
  readonly limits?: { readonly warn: number; readonly drift: number };
  /** How many of the latest windows persistence counts. */
  readonly latest?: number;
}

export type HistoryWindow = Pick<WindowResult, 'fromMs' | 'toMs' | 'result' | 'columns'>;

/** How far back reports are looked for, and how many of the latest are read. */
const DAYS = 90;
const MOST_WINDOWS = 120;
const AT_ONCE = 8;
/** A report of a thousand columns has some megabytes; together they must not fill the console. */
const MOST_BYTES = 64 * 1_048_576;
const MOST_REPORT_BYTES = 8 * 1_048_576;
const MOST_COLUMNS = 5_000;
const CACHED = 5_000;

const columnSchema = z.looseObject({ name: z.string(), jsDistance: z.number().nullable() });
const reportSchema = z.looseObject({
  schema: z.literal('modelkeeper/window-report-v1'),
  result: z.looseObject({
    fromMs: z.number(),
    toMs: z.number(),
    result: z.enum(['ok', 'warn', 'breach', 'data quality', 'cannot tell']),
  }),
  rules: z
    .looseObject({
      warn: z.number(),
      drift: z.number(),
      persistence: z.looseObject({ of: z.int() }),
    })
    .exactOptional(),
  evidence: z
    .looseObject({
      comparison: z.looseObject({ columns: z.array(columnSchema).max(MOST_COLUMNS) }),
    })
    .nullish(),
});

interface ReadReport {
  readonly window: HistoryWindow;
  readonly rules: z.infer<typeof reportSchema>['rules'];
}

/**
 * What a stored report says of its window: how far every column moved, not only the ten that moved most. `undefined`
 * for what is none.
 */
export function windowIn(report: unknown): ReadReport | undefined {
  const parsed = reportSchema.safeParse(report);
  if (!parsed.success) return undefined;
  const { result, evidence, rules } = parsed.data;
  return {
    window: {
      fromMs: result.fromMs,
      toMs: result.toMs,
      result: result.result,
      columns: (evidence?.comparison.columns ?? []).map(({ name, jsDistance }) => ({
        name,
        jsDistance,
        pAdjusted: null,
        verdict: '',
      })),
    },
    rules,
  };
}

export type HistoryReader = (
  account: Pick<Account, 'reportsBelow' | 'readJson'>,
  folder: string,
  nowMs: number,
) => Promise<WindowHistory>;

/** Reads histories; a report that was read is not read again until it is written anew. */
export function historyReader(): HistoryReader {
  const known = new Map<string, ReadReport | null>();
  return async (account, folder, nowMs) => {
    const since = new Date(nowMs - DAYS * 86_400_000).toISOString().slice(0, 10);
    const listed = await account.reportsBelow(folder, since.replaceAll('-', ''));
    const chosen = chosenOf(listed);
    const read: (ReadReport | null)[] = [];
    for (let i = 0; i < chosen.length; i += AT_ONCE) {
      const part = chosen.slice(i, i + AT_ONCE).map(async ({ uri, lastModifiedMs }) => {
        const key = `${uri} ${lastModifiedMs}`;
        const before = known.get(key);
        if (before !== undefined) return before;
        const found = windowIn(await account.readJson(uri)) ?? null;
        if (known.size >= CACHED) known.clear();
        known.set(key, found);
        return found;
      });
      read.push(...(await Promise.all(part)));
    }
    const reports = read.filter((one) => one !== null);
    const rules = reports.findLast((one) => one.rules !== undefined)?.rules;
    return {
      windows: reports.map(({ window }) => window),
      ...(rules === undefined
        ? {}
        : {
            limits: { warn: rules.warn, drift: rules.drift },
            latest: rules.persistence.of,
          }),
    };
  };
}

type Listed = Awaited<ReturnType<Account['reportsBelow']>>;

/** The latest windows, each by its first report: the second looks at late labels have no columns. */
function chosenOf(listed: Listed): Listed {
  const chosen: Listed[number][] = [];
  let bytes = 0;
  for (const object of [...listed].reverse()) {
    if (!object.uri.endsWith('Z.json') || object.sizeBytes > MOST_REPORT_BYTES) continue;
    bytes += object.sizeBytes;
    if (chosen.length >= MOST_WINDOWS || bytes > MOST_BYTES) break;
    chosen.push(object);
  }
  return chosen.reverse();
}

/** The stored windows, with those that are remembered and have no report that could be read. */
export function joined(
  stored: readonly HistoryWindow[],
  remembered: readonly HistoryWindow[],
): readonly HistoryWindow[] {
  const there = new Set(stored.map(({ fromMs, toMs }) => `${fromMs} ${toMs}`));
  return [
    ...stored,
    ...remembered.filter(({ fromMs, toMs }) => !there.has(`${fromMs} ${toMs}`)),
  ].sort((a, b) => a.toMs - b.toMs || a.fromMs - b.fromMs);
}
