/**
 * The states of the alarms of many models in few calls.
 *
 * Three ways, the cheapest that is right:
 *
 * - by name, 100 to a call: what was asked to be read afresh, alarms of people's own, and all as long as they are few;
 * - by state: the pages of our alarms in ALARM and in INSUFFICIENT_DATA. An alarm on neither is OK only when it is
 *   known to exist and was OK before; otherwise it is read by name;
 * - the history of changes since the last such look, in which every deletion stands: a deleted alarm exists no longer
 *   from the next look on. And each is read by name once a day at least, should the history have missed it.
 */
import {
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  type AlarmHistoryItem,
  type CloudWatchClient,
} from '@aws-sdk/client-cloudwatch';

import { ALARMS_PREFIX } from '../domain/names.js';
import type { Described } from './alarms.js';
import { createLookBatcher, Failed } from './batcher.js';
import { inParallel } from './s3.js';

/** An alarm that does not exist. */
export const NO_ALARM = 'absent';
export type AlarmAnswer = Described | typeof NO_ALARM;

/** What one look wants to know. */
export interface AlarmsLook {
  readonly names: readonly string[];
  /** Names that were OK at the look before: only these may be OK without being read. */
  readonly wereOk: ReadonlySet<string>;
  /** Read every one by name: somebody has said that something has changed. */
  readonly afresh: boolean;
  readonly nowMs: number;
}

export interface AlarmReads {
  /** The answers in the order of the names. */
  read(region: string, look: AlarmsLook, signal?: AbortSignal): Promise<readonly AlarmAnswer[]>;
}

const NAMES_PER_CALL = 100;
/** Calls of a sweep while nobody knows better: one page for each state, and one of the history. */
const LEAST_SWEEP_CALLS = 3;
const HISTORY_PAGES = 5;
/** A history may be late. */
const HISTORY_OVERLAP_MS = 300_000;
const DAY_MS = 86_400_000;

/** What is known of the alarms of one Region. Lives as long as the process: after a restart all are read by name. */
interface Register {
  /** Name → the alarm as it was last read, and until when it is taken to exist. */
  readonly known: Map<string, { readonly alarm: Described; readonly untilMs: number }>;
  /** The history is read up to here. */
  historyToMs: number;
  sweepCalls: number;
}

/** One per process: the groups are Regions. */
export function createAlarmReads(cloudwatchOf: (region: string) => CloudWatchClient): AlarmReads {
  const registers = new Map<string, Register>();
  const registerOf = (region: string, nowMs: number): Register => {
    const known = registers.get(region);
    if (known !== undefined) return known;
    const made = { known: new Map(), historyToMs: nowMs, sweepCalls: LEAST_SWEEP_CALLS };
    registers.set(region, made);
    return made;
  };

  const send = async (
    region: string,
    looks: readonly AlarmsLook[],
  ): Promise<readonly (readonly AlarmAnswer[] | Failed)[]> => {
    const cloudwatch = cloudwatchOf(region);
    const nowMs = Math.max(...looks.map((look) => look.nowMs));
    const register = registerOf(region, nowMs);
    const found = new Map<string, AlarmAnswer>();
    const failures = new Map<string, unknown>();

    const byName = async (names: Iterable<string>): Promise<void> => {
      const unread = [...new Set(names)].filter((name) => !found.has(name) && !failures.has(name));
      await inParallel(chunks(unread, NAMES_PER_CALL), 4, async (some) => {
        try {
          const alarms = await describeByName(cloudwatch, some);
          for (const name of some) {
            const alarm = alarms.get(name);
            found.set(name, alarm ?? NO_ALARM);
            if (alarm === undefined) register.known.delete(name);
            else register.known.set(name, { alarm, untilMs: nowMs + confirmedForMs(name) });
          }
        } catch (error) {
          for (const name of some) failures.set(name, error);
        }
      });
    };

    const swept = new Set<string>();
    const believed = (name: string): boolean =>
      name.startsWith(ALARMS_PREFIX) && (register.known.get(name)?.untilMs ?? 0) > nowMs;
    const believedOk = (name: string): boolean =>
      believed(name) && register.known.get(name)?.alarm.StateValue === 'OK';
    const now: string[] = [];
    for (const look of looks)
      for (const name of look.names) {
        if (!look.afresh && believed(name)) swept.add(name);
        else now.push(name);
      }
    for (const name of now) swept.delete(name);
    const sweeping = Math.ceil(swept.size / NAMES_PER_CALL) > register.sweepCalls;
    await byName(sweeping ? now : [...now, ...swept]);
    if (sweeping) {
      try {
        const { states, calls } = await sweep(cloudwatch, register, nowMs);
        register.sweepCalls = calls;
        for (const name of swept) {
          const alarm = states.get(name);
          if (alarm !== undefined) {
            found.set(name, alarm);
            register.known.set(name, { alarm, untilMs: nowMs + confirmedForMs(name) });
          }
        }
        // Not among the pages: OK, gone, or on its way from one state to the other while they were read.
        const doubtful = looks.flatMap((look) =>
          look.names.filter(
            (name) => swept.has(name) && !(believedOk(name) && look.wereOk.has(name)),
          ),
        );
        await byName(doubtful);
        for (const name of swept) {
          const ok = register.known.get(name)?.alarm;
          if (ok !== undefined && !found.has(name) && !failures.has(name)) found.set(name, ok);
        }
      } catch (error) {
        for (const name of swept) failures.set(name, error);
      }
    }
    return looks.map((look) => {
      const failed = look.names.find((name) => failures.has(name));
      if (failed !== undefined) return new Failed(failures.get(failed));
      return look.names.map((name) => found.get(name) ?? NO_ALARM);
    });
  };

  const batcher = createLookBatcher(send);
  return {
    async read(region, look, signal) {
      if (look.names.length === 0) return [];
      return batcher.add(region, look, signal);
    },
  };
}

/** Between half a day and a day, by the name, so that not all are due in the same look. */
function confirmedForMs(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 65_536;
  return DAY_MS * (0.5 + hash / 131_072);
}

const chunks = <T>(items: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );

async function describeByName(
  cloudwatch: CloudWatchClient,
  names: readonly string[],
): Promise<ReadonlyMap<string, Described>> {
  const answer = await cloudwatch.send(
    new DescribeAlarmsCommand({
      AlarmNames: [...names],
      AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
      MaxRecords: NAMES_PER_CALL,
    }),
  );
  const found = new Map<string, Described>();
  for (const alarm of [...(answer.MetricAlarms ?? []), ...(answer.CompositeAlarms ?? [])])
    if (alarm.AlarmName !== undefined) found.set(alarm.AlarmName, alarm);
  return found;
}

/** Our alarms that are not OK, and those that were deleted since the last time forgotten. */
async function sweep(
  cloudwatch: CloudWatchClient,
  register: Register,
  nowMs: number,
): Promise<{ readonly states: ReadonlyMap<string, Described>; readonly calls: number }> {
  const states = new Map<string, Described>();
  let calls = 0;
  const ofState = async (state: 'ALARM' | 'INSUFFICIENT_DATA'): Promise<void> => {
    let token: string | undefined;
    do {
      const page = await cloudwatch.send(
        new DescribeAlarmsCommand({
          AlarmNamePrefix: ALARMS_PREFIX,
          AlarmTypes: ['MetricAlarm'],
          StateValue: state,
          MaxRecords: NAMES_PER_CALL,
          ...(token === undefined ? {} : { NextToken: token }),
        }),
      );
      calls += 1;
      for (const alarm of page.MetricAlarms ?? [])
        if (alarm.AlarmName !== undefined) states.set(alarm.AlarmName, alarm);
      token = page.NextToken;
    } while (token !== undefined);
  };
  const forgetDeleted = async (): Promise<void> => {
    const fromMs = register.historyToMs - HISTORY_OVERLAP_MS;
    let token: string | undefined;
    let pages = 0;
    do {
      const page = await cloudwatch.send(
        new DescribeAlarmHistoryCommand({
          AlarmTypes: ['MetricAlarm'],
          HistoryItemType: 'ConfigurationUpdate',
          StartDate: new Date(fromMs),
          MaxRecords: NAMES_PER_CALL,
          ...(token === undefined ? {} : { NextToken: token }),
        }),
      );
      calls += 1;
      pages += 1;
      for (const item of page.AlarmHistoryItems ?? [])
        if (isDeletion(item)) register.known.delete(item.AlarmName ?? '');
      token = page.NextToken;
    } while (token !== undefined && pages < HISTORY_PAGES);
    // More has changed than is worth reading: nothing is known any more.
    if (token !== undefined) register.known.clear();
  };
  await Promise.all([ofState('ALARM'), ofState('INSUFFICIENT_DATA'), forgetDeleted()]);
  register.historyToMs = nowMs;
  return { states, calls };
}

function isDeletion({ HistoryData, HistorySummary }: AlarmHistoryItem): boolean {
  return /"type"\s*:\s*"Delete"/.test(HistoryData ?? '') || /\bdeleted$/.test(HistorySummary ?? '');
}
