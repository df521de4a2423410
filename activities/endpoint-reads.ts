/**
 * The endpoints of many models in few calls: ListEndpoints, 100 to a page, and Describe only of what has changed
 * since it was last described. An endpoint at rest with the LastModifiedTime of before is what it was: every update,
 * also one of auto scaling, moves that time. A role that may not list describes each.
 */
import {
  ListEndpointsCommand,
  type EndpointSummary,
  type SageMakerClient,
} from '@aws-sdk/client-sagemaker';

import { awsErrorOf } from './aws-failure.js';
import { createLookBatcher, Failed } from './batcher.js';
import { lookAtEndpoint, type EndpointLook, type EndpointName } from './read.js';
import { inParallel } from './s3.js';

export interface EndpointsLook {
  readonly endpoint: EndpointName;
  /** Describe it whatever the list says: somebody has said that something has changed. */
  readonly afresh: boolean;
  readonly nowMs: number;
}

export interface EndpointReads {
  read(region: string, look: EndpointsLook, signal?: AbortSignal): Promise<EndpointLook>;
}

const ENDPOINTS_PER_PAGE = 100;
const AT_A_TIME = 8;

/** Names of endpoints are the same whatever their case. */
const keyOf = ({ name, variant }: EndpointName): string => `${name.toLowerCase()}/${variant}`;

/** One per process: the groups are Regions. */
export function createEndpointReads(
  sagemakerOf: (region: string) => SageMakerClient,
): EndpointReads {
  const knownIn = new Map<string, Map<string, EndpointLook>>();
  const pagesOf = new Map<string, number>();
  /** Descriptions under way: who gave up and asks again waits for the same. */
  const underWay = new Map<string, Promise<EndpointLook | Failed>>();

  const send = async (
    region: string,
    looks: readonly EndpointsLook[],
  ): Promise<readonly (EndpointLook | Failed)[]> => {
    const sagemaker = sagemakerOf(region);
    const known = knownIn.get(region) ?? new Map<string, EndpointLook>();
    knownIn.set(region, known);
    const describe = async (look: EndpointsLook): Promise<EndpointLook | Failed> => {
      const key = `${region}/${keyOf(look.endpoint)}`;
      const same = look.afresh ? undefined : underWay.get(key);
      if (same !== undefined) return same;
      const mine = describeNow(look).finally(() => {
        if (underWay.get(key) === mine) underWay.delete(key);
      });
      underWay.set(key, mine);
      return mine;
    };
    const describeNow = async ({
      endpoint,
      nowMs,
    }: EndpointsLook): Promise<EndpointLook | Failed> => {
      try {
        const look = await lookAtEndpoint(sagemaker, endpoint, nowMs);
        if (isAtRest(look)) known.set(keyOf(endpoint), look);
        else known.delete(keyOf(endpoint));
        return look;
      } catch (error) {
        return new Failed(error);
      }
    };
    const unchanged = looks.filter((look) => !look.afresh && known.has(keyOf(look.endpoint)));
    // A look at one endpoint is a call: a list that is longer than that saves nothing.
    const listing = unchanged.length > (pagesOf.get(region) ?? 1);
    const listed = listing ? await list(sagemaker, unchanged) : undefined;
    if (listed?.failure === undefined && listed !== undefined) pagesOf.set(region, listed.pages);
    const mayNotList = awsErrorOf(listed?.failure?.error)?.name.startsWith('AccessDenied') === true;
    if (mayNotList) pagesOf.set(region, Number.POSITIVE_INFINITY);
    return inParallel(looks, AT_A_TIME, async (look) => {
      const before = look.afresh ? undefined : known.get(keyOf(look.endpoint));
      if (listed === undefined || mayNotList || before === undefined) return describe(look);
      const summary = listed.endpoints.get(look.endpoint.name.toLowerCase());
      if (summary === undefined && listed.failure !== undefined) return listed.failure;
      if (summary === undefined || hasChanged(before, summary)) return describe(look);
      return { ...before, reading: { ...before.reading, atMs: look.nowMs } };
    });
  };

  const batcher = createLookBatcher(send);
  return {
    async read(region, look, signal) {
      return batcher.add(region, look, signal);
    },
  };
}

const isAtRest = ({ reading, variant }: EndpointLook): boolean =>
  reading.status === 'InService' && reading.pendingConfigName === null && variant !== null;

const hasChanged = ({ reading }: EndpointLook, summary: EndpointSummary): boolean =>
  summary.EndpointStatus !== reading.status ||
  summary.LastModifiedTime?.getTime() !== reading.lastModifiedAtMs ||
  summary.CreationTime?.getTime() !== reading.createdAtMs;

interface Listed {
  /** By name in lower case. */
  readonly endpoints: ReadonlyMap<string, EndpointSummary>;
  readonly pages: number;
  /** What stopped the list before its end: what is not on it may be on the pages that were not read. */
  readonly failure: Failed | undefined;
}

/** The pages up to the one on which the last of the wanted stands. */
async function list(sagemaker: SageMakerClient, looks: readonly EndpointsLook[]): Promise<Listed> {
  const wanted = new Set(looks.map(({ endpoint }) => endpoint.name.toLowerCase()));
  const endpoints = new Map<string, EndpointSummary>();
  let pages = 0;
  let token: string | undefined;
  try {
    do {
      const page = await sagemaker.send(
        new ListEndpointsCommand({
          SortBy: 'Name',
          SortOrder: 'Ascending',
          MaxResults: ENDPOINTS_PER_PAGE,
          ...(token === undefined ? {} : { NextToken: token }),
        }),
      );
      pages += 1;
      for (const endpoint of page.Endpoints ?? []) {
        const name = (endpoint.EndpointName ?? '').toLowerCase();
        if (wanted.delete(name)) endpoints.set(name, endpoint);
      }
      token = wanted.size === 0 ? undefined : page.NextToken;
    } while (token !== undefined);
  } catch (error) {
    return { endpoints, pages, failure: new Failed(error) };
  }
  return { endpoints, pages, failure: undefined };
}
