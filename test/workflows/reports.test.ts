import { describe, expect, it } from 'vitest';

import type { WindowResult } from '../../domain/model.js';
import { play, until } from './harness.js';
import type { PolicyDraft } from './world.js';

const HOUR_MS = 3_600_000;

/** A model that only Model Monitor watches. */
const monitored = (draft: PolicyDraft): void => {
  draft.spec.monitor.sources = [
    { id: 'health', kind: 'alarms' },
    { id: 'legacy', kind: 'model-monitor', schedule: 'dq' },
  ];
};

/** What one hourly execution showed. */
const execution = (
  toMs: number,
  result: WindowResult['result'],
  subjects?: WindowResult['subjects'],
): WindowResult => ({
  source: 'legacy',
  sourceKind: 'model-monitor',
  fromMs: toMs - HOUR_MS,
  toMs,
  result,
  rows: 0,
  sentence: `legacy: ${result}`,
  columns: [],
  reportUri: 's3://ml-artefacts/monitor/constraint_violations.json',
  ...(subjects === undefined ? {} : { subjects }),
});

describe('a keeper of a model that Model Monitor watches', () => {
  it('starts a release once violations are confirmed by a second execution, and not before', async () => {
    await play(
      async (p) => {
        const atMs = await p.env.currentTimeMs();
        p.world.windows.push([execution(atMs, 'breach', { drift: 'breach' })]);
        await p.env.sleep('2h');
        const once = await until(
          p.keeperStatus,
          (s) => (s.windows['legacy'] ?? []).length === 1,
          'the first execution is known',
        );
        expect(once.releases).toEqual([]);
        expect(once.verdict).not.toBe('drift');

        p.world.windows.push([execution(atMs + HOUR_MS, 'breach', { drift: 'breach' })]);
        await p.env.sleep('2h');
        const twice = await until(
          p.keeperStatus,
          (s) => s.nextReleaseNumber === 2,
          'a release is started',
        );
        expect(twice.verdict).toBe('drift');
      },
      { policy: monitored },
    );
  });

  it('takes executions without data for no evidence, and tells people that the source is silent', async () => {
    await play(
      async (p) => {
        const atMs = await p.env.currentTimeMs();
        p.world.windows.push(
          [execution(atMs, 'cannot tell')],
          [execution(atMs + HOUR_MS, 'cannot tell')],
        );
        p.world.noData.push({
          source: 'legacy',
          sinceMs: atMs,
          sentence: 'legacy: no execution has shown anything',
        });
        await p.env.sleep('4h');
        const silent = await until(
          p.keeperStatus,
          (s) => s.verdictReasons.includes('legacy: no execution has shown anything'),
          'the silence is known',
        );
        expect(silent.verdict).toBe('cannot tell');
        expect(silent.nextReleaseNumber).toBe(1);
        expect(p.world.notices.map((notice) => notice.notice)).toContain('no-data');
      },
      { policy: monitored },
    );
  });
});

describe('a keeper whose labels come late', () => {
  it('tells people once that the delay is too short, and starts nothing for it', async () => {
    await play(async (p) => {
      const advice = {
        source: 'quality',
        key: 'too short 48h',
        kind: 'too short',
        sentence: 'quality: 20 % of the labels came when their window had been judged',
      } as const;
      const told = () =>
        p.world.notices.filter((notice) => notice.subject.includes('labels come after'));
      p.world.advice.push(advice);
      await p.env.sleep('2h');
      const known = await until(
        p.keeperStatus,
        (s) => s.timeline.some(({ what }) => what === advice.sentence),
        'the advice is known',
      );
      await until(
        async () => told().length,
        (count) => count === 1,
        'people are told',
      );
      expect(told()).toMatchObject([{ notice: 'no-data', severity: 'warning' }]);
      expect(known.nextReleaseNumber).toBe(1);
      p.world.advice.push(advice);
      await p.env.sleep('4h');
      expect(told()).toHaveLength(1);
    });
  });
});
