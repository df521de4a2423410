/** A keeper as far as monitors go, on the local AWS: it remembers what it is told. */
import type { MonitorRepair, MonitorsTold } from '../../activities/contract.js';
import type { AwsClients } from '../../activities/deps.js';
import { createControlActivities } from '../../activities/index.js';
import type { MonitorStanding } from '../../domain/managed-monitors.js';
import { lookAtMonitor } from '../../activities/watch-monitor.js';
import type { Champion, WindowResult } from '../../domain/model.js';
import type { Policy } from '../../domain/policy.schema.js';
import { until } from '../sandbox/sagemaker/support.js';
import type { Bench } from '../sandbox/sagemaker/support.js';
import { attemptOf, noAnalysis } from './support.js';

export const champion: Champion = {
  configName: 'c',
  packageArn: null,
  modelDataUrl: null,
  image: null,
  roleArn: null,
  sinceMs: 0,
};

/** @param wait how it comes to the next look: with a clock of its own, one that lets time pass */
export function monitorKeeper(
  { sagemaker, s3 }: Bench,
  now: () => number,
  first: Policy,
  wait: typeof until = until,
) {
  const { keepMonitors, removeMonitors } = createControlActivities({
    aws: () => ({ sagemaker, s3 }) as unknown as AwsClients,
    temporal: {} as never,
    now,
    consoleUrl: null,
  });
  let policy = first;
  let known: readonly MonitorStanding[] = [];
  let repaired: readonly MonitorRepair[] = [];
  const done: string[] = [];
  const look = async (): Promise<MonitorsTold | undefined> => {
    const { result, error } = await attemptOf(keepMonitors, [
      { model: 'flights', policy, champion, known, repaired, notBeforeMs: 0 },
    ]);
    const benign = (error as { type?: string } | undefined)?.type;
    if (benign === 'Quiet' || benign === 'StillRunning') return undefined;
    const told = result();
    known = told.standings;
    repaired = [...repaired, ...told.repaired];
    done.push(...told.done);
    return told;
  };
  return {
    look,
    done,
    repaired: () => repaired,
    apply: (next: Policy) => {
      policy = next;
    },
    /** Looks until all stand as is said. */
    reach: (...kinds: MonitorStanding['kind'][]): Promise<readonly MonitorStanding[]> =>
      wait(
        async () => {
          await look();
          return known;
        },
        (all) => all.map(({ kind }) => kind).join() === kinds.join(),
      ),
    remove: () =>
      wait(
        async () => {
          const { result, error } = await attemptOf(removeMonitors, [{ model: 'flights', policy }]);
          return (error as { type?: string } | undefined)?.type === 'StillRunning'
            ? undefined
            : result();
        },
        (answer) => answer !== undefined,
      ),
  };
}

/** What the keeper's watch makes of the executions of one source's schedule since an instant. */
export async function monitorWindows(
  { sagemaker, s3, home }: Bench,
  now: () => number,
  policy: Policy,
  id: string,
  afterMs?: number,
): Promise<readonly WindowResult[]> {
  const source = policy.spec.monitor.sources.find((one) => one.id === id);
  if (source?.kind !== 'model-monitor') throw new Error(`no source ${id} of Model Monitor`);
  const { windows } = await lookAtMonitor(
    {
      aws: () => ({ sagemaker, s3 }) as unknown as AwsClients,
      analysis: noAnalysis,
      now,
      scratch: home,
    },
    {
      model: 'flights',
      policy,
      champion,
      capturePrefix: null,
      baselineUri: null,
      countedToMs: {},
      recent: {},
      disturbed: [],
      toldNoData: [],
      notBeforeMs: 0,
    },
    source,
    afterMs,
    [],
    now(),
  );
  return windows;
}
