import type { S3Client } from '@aws-sdk/client-s3';

import { belongsToWindow, hourPrefixes } from '../domain/capture-windows.js';
import type { Window } from '../domain/model.js';
import { below, inParallel, listObjects, type ListedObject } from './s3.js';

/**
 * Objects below `prefix` by hour that may hold what happened in the window, in the order in which they were written.
 *
 * AWS delivers a file up to minutes after what it tells, below the hour of the event: rows are filtered by their own
 * instant, files by when they were written.
 */
export async function filesByHour(
  s3: S3Client,
  prefix: string,
  window: Window,
  lateness: number,
  lastHourMs = window.toMs + lateness,
): Promise<readonly ListedObject[]> {
  const hours = hourPrefixes(window.fromMs, lastHourMs);
  const listed = await inParallel(hours, 4, (hour) => listObjects(s3, below(prefix, hour, '')));
  return listed
    .flat()
    .filter(
      (object) => object.sizeBytes > 0 && belongsToWindow(window, lateness, object.lastModifiedMs),
    )
    .sort((a, b) => a.lastModifiedMs - b.lastModifiedMs || (a.uri < b.uri ? -1 : 1));
}

/** Data capture files of a window: they lie under the hour of the invocation. */
export const captureFilesOf = async (
  s3: S3Client,
  prefix: string,
  window: Window,
  lateness: number,
): Promise<readonly string[]> =>
  (await filesByHour(s3, prefix, window, lateness, window.toMs)).map((object) => object.uri);
