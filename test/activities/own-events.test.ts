import { DescribeEventBusCommand, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { describe, expect, it } from 'vitest';

import { createControlActivities } from '../../activities/index.js';
import type { OwnEvent } from '../../domain/own-events.js';
import {
  attemptOf,
  awsError,
  depsOver,
  fakeAws,
  NOON,
  on,
  policyWith,
  ref,
  run,
} from './support.js';

const event = (number: number, change: Partial<OwnEvent> = {}): OwnEvent =>
  ({
    kind: 'stage',
    id: `release/flights/3/stage/${String(number)}`,
    atMs: NOON,
    release: 3,
    stage: 'approve',
    previousStage: 'evaluate',
    ...change,
  }) as OwnEvent;
const events = (count: number): OwnEvent[] => Array.from({ length: count }, (_, n) => event(n));
const request = (bus: string, all: readonly OwnEvent[]) => ({
  ...ref,
  policy: policyWith({ events: { bus } }),
  endpointArn: 'arn:aws:sagemaker:us-east-1:111122223333:endpoint/flights-live',
  events: all,
});

/** Answers each entry by its event's id; `undefined` takes it. */
const busThat = (fault: (id: string, call: number) => string | undefined = () => undefined) =>
  fakeAws(
    on(DescribeEventBusCommand, ({ Name = '' }) => ({ Name })),
    on(PutEventsCommand, ({ Entries = [] }, call) => {
      const answers = Entries.map(({ Detail = '' }) => {
        const { eventId } = JSON.parse(Detail) as { eventId: string };
        const code = fault(eventId, call);
        return code === undefined ? { EventId: 'x' } : { ErrorCode: code, ErrorMessage: 'not now' };
      });
      return {
        FailedEntryCount: answers.filter((answer) => 'ErrorCode' in answer).length,
        Entries: answers,
      };
    }),
  );
const idsOf = (aws: ReturnType<typeof busThat>): readonly (readonly string[])[] =>
  aws
    .inputs(PutEventsCommand)
    .map(({ Entries = [] }) =>
      Entries.map(({ Detail = '' }) => (JSON.parse(Detail) as { eventId: string }).eventId),
    );

describe('our own events', () => {
  it('carry source, versioned type, time, endpoint, and a detail with the id', async () => {
    const aws = busThat();
    const { publishEvents } = createControlActivities(depsOver(aws));
    expect(await run(publishEvents, [request('default', [event(1)])])).toEqual({
      taken: ['release/flights/3/stage/1'],
      refused: [],
      why: null,
    });
    const [entry] = aws.inputs(PutEventsCommand)[0]?.Entries ?? [];
    expect(entry).toMatchObject({
      Source: 'modelkeeper',
      DetailType: 'Modelkeeper Release Stage Change v1',
      EventBusName: 'default',
      Time: new Date(NOON),
      Resources: ['arn:aws:sagemaker:us-east-1:111122223333:endpoint/flights-live'],
    });
    expect(JSON.parse(entry?.Detail ?? '')).toMatchObject({
      eventId: 'release/flights/3/stage/1',
      at: '2026-03-01T12:00:00.000Z',
      model: 'flights',
      release: 3,
      stage: 'approve',
      previousStage: 'evaluate',
      result: null,
    });
  });

  it('go ten to a call', async () => {
    const aws = busThat();
    await run(createControlActivities(depsOver(aws)).publishEvents, [
      request('default', events(21)),
    ]);
    expect(idsOf(aws).map((ids) => ids.length)).toEqual([10, 10, 1]);
  });

  it('go fewer to a call when they are large', async () => {
    const aws = busThat();
    const large = Array.from({ length: 3 }, (_, n) =>
      event(n, { kind: 'verdict', reasons: ['é'.repeat(60_000)] }),
    );
    await run(createControlActivities(depsOver(aws)).publishEvents, [request('default', large)]);
    expect(idsOf(aws).map((ids) => ids.length)).toEqual([2, 1]);
  });

  it('are not sent where the policy has no events', async () => {
    const aws = busThat();
    const { publishEvents } = createControlActivities(depsOver(aws));
    expect(
      await run(publishEvents, [{ ...ref, endpointArn: null, events: events(1) }]),
    ).toMatchObject({
      refused: [],
      why: null,
    });
    expect(aws.names()).toEqual([]);
  });

  it('that the bus took are not sent again when others were throttled', async () => {
    const aws = busThat((id, call) =>
      call === 0 && id.endsWith('/1') ? 'ThrottlingException' : undefined,
    );
    const { publishEvents } = createControlActivities(depsOver(aws));
    const first = await attemptOf(publishEvents, [request('default', events(3))]);
    expect(first.error).toMatchObject({
      nonRetryable: false,
      message: '1 of 3 events were not taken by the bus default: ThrottlingException: not now',
    });
    const second = await attemptOf(publishEvents, [request('default', events(3))], {
      attempt: 2,
      heartbeatDetails: first.details,
    });
    expect(second.result()).toMatchObject({ why: null });
    expect(idsOf(aws)[1]).toEqual(['release/flights/3/stage/1']);
  });

  it('that the bus goes on throttling are given back, so that the others do not go out again', async () => {
    const aws = busThat((id) => (id.endsWith('/1') ? 'InternalFailure' : undefined));
    const { publishEvents } = createControlActivities(depsOver(aws));
    const last = await attemptOf(publishEvents, [request('default', events(2))], { attempt: 4 });
    expect(last.result()).toMatchObject({
      taken: ['release/flights/3/stage/0'],
      refused: [],
      why: expect.stringMatching(/InternalFailure/) as string,
    });
  });

  it('that the bus will never take are named, and not tried again', async () => {
    const aws = busThat((id) =>
      id.endsWith('/1') ? 'NotAuthorizedForDetailTypeException' : undefined,
    );
    const { publishEvents } = createControlActivities(depsOver(aws));
    expect(await run(publishEvents, [request('default', events(2))])).toMatchObject({
      taken: ['release/flights/3/stage/0'],
      refused: ['release/flights/3/stage/1'],
    });
  });

  // PutEvents to a bus that does not exist succeeds, and nothing arrives.
  it('to a bus that does not exist fail for good, and say what to do', async () => {
    const aws = busThat();
    aws.failNext(DescribeEventBusCommand, awsError('ResourceNotFoundException', 'no', 400));
    const { error } = await attemptOf(createControlActivities(depsOver(aws)).publishEvents, [
      request('ml', events(1)),
    ]);
    expect(error).toMatchObject({
      nonRetryable: true,
      message: 'there is no event bus ml in us-east-1: create it, or change spec.events.bus',
    });
    expect(idsOf(aws)).toEqual([]);
  });

  it('ask for a bus once in a while only', async () => {
    const aws = busThat();
    const { publishEvents } = createControlActivities(depsOver(aws));
    await run(publishEvents, [request('ml', events(1))]);
    await run(publishEvents, [request('ml', events(1))]);
    expect(aws.inputs(DescribeEventBusCommand)).toHaveLength(1);
  });

  it('go to a bus that may be written to but not looked at', async () => {
    const aws = busThat();
    aws.failNext(DescribeEventBusCommand, awsError('AccessDeniedException', 'no', 400));
    const bus = 'arn:aws:events:eu-west-1:444455556666:event-bus/ml';
    await run(createControlActivities(depsOver(aws)).publishEvents, [request(bus, events(1))]);
    expect(idsOf(aws)).toHaveLength(1);
  });

  it('wait for a permission, which they name, and then leave it to the next ones', async () => {
    const attemptNumber = async (attempt: number) => {
      const aws = busThat();
      aws.failNext(PutEventsCommand, awsError('AccessDeniedException', 'no', 400));
      const { publishEvents } = createControlActivities(depsOver(aws));
      return (await attemptOf(publishEvents, [request('default', events(1))], { attempt })).error;
    };
    expect(await attemptNumber(1)).toMatchObject({
      type: 'PermissionMissing',
      nonRetryable: false,
      message: expect.stringMatching(/^events:PutEvents on the bus default is missing/) as string,
    });
    expect(await attemptNumber(4)).toMatchObject({ nonRetryable: true });
  });
});
