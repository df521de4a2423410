import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach } from 'vitest';

import { Duck } from '../../analysis/duck.js';
import type { DuckOptions } from '../../analysis/duck.js';
import type { DetectPolicy } from '../../domain/stats/types.js';

const made: (() => void)[] = [];

afterEach(() => {
  for (const undo of made.splice(0).reverse()) undo();
});

/** A directory of its own and a database that may read it; both gone after the test. */
export async function scratch(
  options: Partial<DuckOptions> = {},
): Promise<{ duck: Duck; dir: string; write: (name: string, text: string) => string }> {
  const dir = mkdtempSync(join(tmpdir(), 'modelkeeper-analysis-'));
  made.push(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  const duck = await Duck.open({ scratchDir: dir, threads: 1, memoryLimitMb: 256, ...options });
  made.push(() => {
    duck.close();
  });
  const write = (name: string, text: string) => {
    const path = join(dir, name);
    writeFileSync(path, text);
    return path;
  };
  return { duck, dir, write };
}

export const detect: DetectPolicy = {
  warn: 0.1,
  drift: 0.2,
  significance: 0.01,
  minRows: 200,
  critical: [],
  ignore: [],
  share: 0.3,
  newCategoriesAreDrift: [],
};

/** `count` values of a function of the row number. */
export function rowsOf<T>(count: number, value: (i: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, i) => value(i));
}

export function csv(header: string, rows: readonly (readonly (string | number)[])[]): string {
  return [header, ...rows.map((row) => row.join(','))].join('\n') + '\n';
}

/** A line of data capture as the endpoint writes it. */
export function captureLine(event: {
  readonly id: string;
  readonly input?: string;
  readonly output?: string;
  readonly encoding?: string;
  readonly contentType?: string;
  readonly at?: string;
  readonly inferenceId?: string;
}): string {
  const side = (data: string, mode: string) => ({
    observedContentType: event.contentType ?? 'text/csv',
    mode,
    data,
    encoding: event.encoding ?? 'CSV',
  });
  return JSON.stringify({
    captureData: {
      ...(event.input === undefined ? {} : { endpointInput: side(event.input, 'INPUT') }),
      ...(event.output === undefined ? {} : { endpointOutput: side(event.output, 'OUTPUT') }),
    },
    eventMetadata: {
      eventId: event.id,
      ...(event.inferenceId === undefined ? {} : { inferenceId: event.inferenceId }),
      inferenceTime: event.at ?? '2026-01-01T00:00:00Z',
    },
    eventVersion: '0',
  });
}
