/**
 * What auto scaling did for many variants, in few calls: the activities of the whole account, newest first, as far back as
 * something may have changed since they were read last. A variant that was never read, and one that somebody has said
 * something of, is asked for by its name; so are all, as long as they are few.
 */
import {
  DescribeScalingActivitiesCommand,
  type ApplicationAutoScalingClient,
  type ScalingActivity,
} from '@aws-sdk/client-application-auto-scaling';

import { createLookBatcher, Failed } from './batcher.js';
import { inParallel } from './s3.js';

export interface ScalingLook {
  /** `endpoint/<name>/variant/<variant>`, as it is registered. */
  readonly resource: string;
  /** Ask for it by its name: somebody has said that something has changed. */
  readonly afresh: boolean;
  readonly nowMs: number;
}

export interface ScalingReads {
  /** The latest activities of a variant, newest first. */
  read(
    region: string,
    look: ScalingLook,
    signal?: AbortSignal,
  ): Promise<readonly ScalingActivity[]>;
}

/** Lately enough for a person to care. */
export const MOST_ACTIVITIES = 10;
const PER_PAGE = 50;
/** More pages than this are more than asking for each. */
const MOST_PAGES = 20;
/** So long an activity may be under way: what has begun within it may have ended since. */
const UNDER_WAY_MS = 3_600_000;
const AT_A_TIME = 8;

interface Known {
  readonly activities: readonly ScalingActivity[];
  readonly readAtMs: number;
}

/** One per process: the groups are Regions. */
export function createScalingReads(
  autoscalingOf: (region: string) => ApplicationAutoScalingClient,
): ScalingReads {
  const knownIn = new Map<string, Map<string, Known>>();
  const pagesOf = new Map<string, number>();

  const send = async (
    region: string,
    looks: readonly ScalingLook[],
  ): Promise<readonly (readonly ScalingActivity[] | Failed)[]> => {
    const autoscaling = autoscalingOf(region);
    const known = knownIn.get(region) ?? new Map<string, Known>();
    knownIn.set(region, known);
    const nowMs = Math.max(...looks.map((look) => look.nowMs));
    const failures = new Map<string, Failed>();

    const byName = (resources: Iterable<string>): Promise<unknown> =>
      inParallel([...new Set(resources)], AT_A_TIME, async (resource) => {
        try {
          const page = await autoscaling.send(
            new DescribeScalingActivitiesCommand({
              ServiceNamespace: 'sagemaker',
              ResourceId: resource,
              ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
              IncludeNotScaledActivities: true,
              MaxResults: MOST_ACTIVITIES,
            }),
          );
          known.set(resource, { activities: page.ScalingActivities ?? [], readAtMs: nowMs });
        } catch (error) {
          failures.set(resource, new Failed(error));
        }
      });

    const swept = new Set<string>();
    for (const { resource, afresh } of looks)
      if (!afresh && known.has(resource)) swept.add(resource);
    for (const { resource, afresh } of looks) if (afresh) swept.delete(resource);
    const sweeping = swept.size > (pagesOf.get(region) ?? 1);
    await byName(looks.map((look) => look.resource).filter((one) => !sweeping || !swept.has(one)));
    if (sweeping) {
      const oldest = Math.min(...[...swept].map((one) => known.get(one)?.readAtMs ?? 0));
      try {
        const { activities, pages, reachedMs } = await since(autoscaling, oldest - UNDER_WAY_MS);
        pagesOf.set(region, pages);
        take(known, activities, { sinceMs: reachedMs + UNDER_WAY_MS, nowMs });
        await byName([...swept].filter((one) => known.get(one)?.readAtMs !== nowMs));
      } catch (error) {
        for (const one of swept) failures.set(one, new Failed(error));
      }
    }
    return looks.map(
      ({ resource }) => failures.get(resource) ?? known.get(resource)?.activities ?? [],
    );
  };

  const batcher = createLookBatcher(send);
  return {
    read: (region, look, signal) => batcher.add(region, look, signal),
  };
}

const beganMs = ({ StartTime }: ScalingActivity): number => StartTime?.getTime() ?? 0;

/** All activities of the account that began since an instant, or since a later one when they are too many to be read. */
async function since(
  autoscaling: ApplicationAutoScalingClient,
  fromMs: number,
): Promise<{
  readonly activities: readonly ScalingActivity[];
  readonly pages: number;
  /** All that began since then are read. */
  readonly reachedMs: number;
}> {
  const activities: ScalingActivity[] = [];
  let pages = 0;
  let token: string | undefined;
  do {
    const page = await autoscaling.send(
      new DescribeScalingActivitiesCommand({
        ServiceNamespace: 'sagemaker',
        IncludeNotScaledActivities: true,
        MaxResults: PER_PAGE,
        ...(token === undefined ? {} : { NextToken: token }),
      }),
    );
    pages += 1;
    const found = page.ScalingActivities ?? [];
    activities.push(...found);
    const passed = found.some((one) => beganMs(one) < fromMs);
    token = passed ? undefined : page.NextToken;
  } while (token !== undefined && pages < MOST_PAGES);
  return {
    activities,
    pages,
    reachedMs: token === undefined ? fromMs : Math.min(...activities.map(beganMs)),
  };
}

/** Puts what is new, and what has gone on, to what was known. */
function take(
  known: Map<string, Known>,
  news: readonly ScalingActivity[],
  { sinceMs, nowMs }: { readonly sinceMs: number; readonly nowMs: number },
): void {
  const of = new Map<string, ScalingActivity[]>();
  for (const one of news) {
    const resource = one.ResourceId ?? '';
    of.set(resource, [...(of.get(resource) ?? []), one]);
  }
  for (const [resource, { activities, readAtMs }] of known) {
    // What was read before the sweep begins would have a hole.
    if (readAtMs < sinceMs) continue;
    const fresh = of.get(resource) ?? [];
    const ids = new Set(fresh.map((one) => one.ActivityId));
    const all = [...fresh, ...activities.filter((one) => !ids.has(one.ActivityId))];
    all.sort((a, b) => beganMs(b) - beganMs(a));
    known.set(resource, { activities: all.slice(0, MOST_ACTIVITIES), readAtMs: nowMs });
  }
}
