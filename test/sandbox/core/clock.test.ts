import {
  DescribeAlarmHistoryCommand,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
} from '@aws-sdk/client-cloudwatch';
import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { virtualClock } from '../../../sandbox/aws/kernel/clock.js';
import { clients, start } from './support.js';

const HOUR_MS = 3_600_000;
const NEW_YEAR_MS = Date.UTC(2026, 0, 1);

describe('a virtual clock', () => {
  it('runs as many times faster as it is told, also the waits', () => {
    const clock = virtualClock(10_000, NEW_YEAR_MS);
    const wallMs = performance.now();
    const fromMs = clock.now();
    while (performance.now() - wallMs < 20);
    expect(clock.now() - fromMs).toBeGreaterThanOrEqual(19 * 10_000);
    expect(clock.realMs(HOUR_MS)).toBe(360);
  });

  it.each([0, 0.5, 10_001, Number.NaN])('does not run at %s', (rate) => {
    expect(() => virtualClock(rate, 0)).toThrow(RangeError);
  });

  it('carries an alarm on hourly data through hours in a moment, for a caller that goes by it', async () => {
    const clock = virtualClock(10_000, NEW_YEAR_MS);
    const sandbox = await start({ clock, keepMetricsMs: 1_000 * HOUR_MS });
    const { cloudWatch } = clients(sandbox.url);
    await cloudWatch.send(
      new PutMetricAlarmCommand({
        AlarmName: 'hourly',
        Namespace: 'company',
        MetricName: 'spend',
        Statistic: 'Sum',
        Period: 3_600,
        EvaluationPeriods: 2,
        Threshold: 10,
        ComparisonOperator: 'GreaterThanThreshold',
        TreatMissingData: 'ignore',
      }),
    );
    const startedMs = clock.now();
    let wentOffMs: number | undefined;
    while (wentOffMs === undefined && clock.now() - startedMs < 2_000 * HOUR_MS) {
      await cloudWatch.send(
        new PutMetricDataCommand({
          Namespace: 'company',
          MetricData: [{ MetricName: 'spend', Value: 1_000, Timestamp: new Date(clock.now()) }],
        }),
      );
      const { AlarmHistoryItems = [] } = await cloudWatch.send(
        new DescribeAlarmHistoryCommand({ AlarmName: 'hourly', HistoryItemType: 'StateUpdate' }),
      );
      wentOffMs = AlarmHistoryItems.find((item) =>
        item.HistorySummary?.endsWith('to ALARM'),
      )?.Timestamp?.getTime();
    }
    // Two whole hours of the clock, whatever this machine's said.
    expect((wentOffMs ?? 0) - startedMs).toBeGreaterThanOrEqual(HOUR_MS);
    expect(new Date(wentOffMs ?? 0).getUTCFullYear()).toBe(2026);
  });

  it('shortens long polls and delays of messages likewise', async () => {
    const clock = virtualClock(10_000, NEW_YEAR_MS);
    const { sqs } = clients((await start({ clock })).url);
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'work' }));
    const fromMs = clock.now();
    const none = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
    expect(none.Messages).toBeUndefined();
    expect(clock.now() - fromMs).toBeGreaterThanOrEqual(20_000);
    // The way of the answer takes minutes of such a clock: the delay is counted from before it.
    const sentMs = clock.now();
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x', DelaySeconds: 900 }));
    for (;;) {
      const { Messages } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }),
      );
      if (Messages !== undefined) break;
    }
    expect(clock.now() - sentMs).toBeGreaterThanOrEqual(900_000);
  });
});
