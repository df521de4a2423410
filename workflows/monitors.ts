/** Model Monitor schedules that the policy wants: what the keeper hears of them. */
import type { MonitorsTold } from '../activities/contract.js';
import { isTrouble, managedMonitors } from '../domain/managed-monitors.js';
import type { MonitorStanding } from '../domain/managed-monitors.js';
import { control } from './activities.js';
import { atBest } from './failures.js';
import type { KeeperDesk } from './keeper-desk.js';

const MOST_REPAIRS = 20;
/** An execution that is under way is waited for; its longest is a day. */
const REMOVAL_MS = 26 * 3_600_000;

/**
 * Whether there is anything to keep: schedules that the policy wants, or once wanted. Policies that could want any came
 * with this code, so that histories before it are not changed by it.
 */
export const keepsMonitors = ({ state }: KeeperDesk): boolean =>
  managedMonitors(state.policy).length > 0 || (state.monitors ?? []).length > 0;

const same = (a: MonitorStanding, b: MonitorStanding): boolean =>
  a.schedule === b.schedule && a.kind === b.kind && a.sentence === b.sentence;

/** Enters what was done and how the schedules stand; trouble is told to people once. */
export async function heedMonitors(desk: KeeperDesk, told: MonitorsTold): Promise<void> {
  const { state } = desk;
  const before = state.monitors ?? [];
  state.monitors = told.standings;
  state.monitorRepairs = [...(state.monitorRepairs ?? []), ...told.repaired].slice(-MOST_REPAIRS);
  for (const what of told.done) desk.tell(what);
  for (const { sentence, schedule } of told.repaired) {
    await desk.record({
      decision: 'repaired',
      reasons: [sentence, 'somebody else had changed it'],
      facts: { kind: 'monitoring-schedule', subject: schedule },
      urgent: true,
    });
  }
  for (const standing of told.standings) {
    if (before.some((one) => same(one, standing))) continue;
    desk.tell(`${standing.source || standing.schedule}: ${standing.sentence}`);
    if (!isTrouble(standing)) continue;
    await desk.record({
      decision: 'disagreement',
      reasons: [standing.sentence],
      facts: { kind: `monitor ${standing.kind}`, subject: standing.schedule },
      urgent: true,
    });
    await desk.notify(
      'disagreement',
      `${desk.model}: ${standing.source} is not monitored`,
      `${standing.source}: ${standing.sentence}`,
      'warning',
      `monitor/${standing.schedule}/${standing.kind}/${String(told.atMs)}`,
    );
  }
  desk.show();
}

/** Takes the schedules away that were made for the model. */
export async function removeMonitors(desk: KeeperDesk): Promise<void> {
  if (!keepsMonitors(desk)) return;
  desk.awaits('the removal of the monitoring schedules; an execution that is under way ends first');
  await atBest(async () => {
    const { removed } = await control('remove our monitoring schedules', REMOVAL_MS).removeMonitors(
      desk.ref(),
    );
    for (const what of removed) desk.tell(what);
  }, desk.tell);
}
