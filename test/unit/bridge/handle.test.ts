import { describe, expect, it } from 'vitest';

import { createCoalescer, type Accepted } from '../../../client/bridge/coalescer.js';
import { createConsumer, type QueueMessage } from '../../../client/bridge/consumer.js';
import { createDirectory } from '../../../client/bridge/directory.js';
import { createHandler } from '../../../client/bridge/handle.js';
import { createBridgeMetrics } from '../../../client/bridge/metrics.js';
import type { ModelPlace } from '../../../client/replies.js';
import { place, sample } from './fixtures.js';

interface World {
  places?: ModelPlace[];
  answer?: (workflowId: string) => Promise<Accepted>;
  execution?: (arn: string) => Promise<{ displayName: string | null } | null>;
}

function bench(world: World = {}) {
  let nowMs = 0;
  const sent: string[] = [];
  const lookUps: string[] = [];
  const metrics = createBridgeMetrics();
  const state = { places: world.places ?? [place('churn')], reads: 0 };
  const handle = createHandler({
    metrics,
    directory: createDirectory({
      now: () => nowMs,
      read: () => {
        state.reads += 1;
        return Promise.resolve(state.places);
      },
    }),
    coalescer: createCoalescer({
      minIntervalMs: 10_000,
      now: () => nowMs,
      after: () => () => undefined,
      send: ({ workflowId }) => {
        sent.push(workflowId);
        return world.answer?.(workflowId) ?? Promise.resolve('accepted');
      },
    }),
    lookUpExecution: (arn) => {
      lookUps.push(arn);
      return world.execution?.(arn) ?? Promise.resolve({ displayName: 'churn-3' });
    },
  });
  const fates = (...bodies: readonly unknown[]) =>
    Promise.all(
      handle(
        bodies.map((body, index) => ({
          id: String(index),
          body: typeof body === 'string' ? body : JSON.stringify(body),
        })),
      ),
    );
  return {
    fates,
    handle,
    sent,
    lookUps,
    metrics,
    state,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

function endpoint(name: string, modified = 1): unknown {
  const event = sample('endpoint');
  return {
    ...event,
    region: 'us-east-1',
    detail: {
      ...event.detail,
      EndpointName: name,
      EndpointArn: `arn:aws:sagemaker:us-east-1:111122223333:endpoint/${name}`,
      LastModifiedTime: modified,
    },
  };
}

function step(execution: string, name: string): unknown {
  const event = sample('pipeline-step');
  const pipelineArn = 'arn:aws:sagemaker:us-east-1:111122223333:pipeline/churn-train';
  return {
    ...event,
    detail: {
      ...event.detail,
      pipelineArn,
      pipelineExecutionArn: `${pipelineArn}/execution/${execution}`,
      stepName: name,
    },
  };
}

describe('a batch of messages', () => {
  it('sends one hint per workflow and lets every message go', async () => {
    const { fates, sent } = bench();
    const decided = await fates(endpoint('churn', 1), endpoint('churn', 2), endpoint('churn', 3));
    expect(sent).toEqual(['keeper/churn']);
    expect(decided).toEqual(Array(3).fill({ kind: 'delete', why: 'hinted' }));
  });

  it('is not held up by one bad message', async () => {
    const { fates, metrics } = bench();
    const decided = await fates('{"broken', endpoint('nobody'), endpoint('churn'));
    expect(decided.map((fate) => `${fate.kind} ${fate.why}`)).toEqual([
      'leave unreadable',
      'delete unmanaged',
      'delete hinted',
    ]);
    expect(metrics.text(0)).toContain('modelkeeper_bridge_unreadable_total 1');
  });

  it('keeps messages whose hint could not be sent, and passes them on when they come again', async () => {
    let away = true;
    const { fates, sent, pass } = bench({
      answer: () =>
        away ? Promise.reject(new Error('Temporal is away')) : Promise.resolve('accepted'),
    });
    expect((await fates(endpoint('churn')))[0]).toMatchObject({ kind: 'leave', why: 'failed' });
    away = false;
    pass(60_000);
    expect((await fates(endpoint('churn')))[0]).toMatchObject({ kind: 'delete', why: 'hinted' });
    expect(sent).toHaveLength(2);
  });

  it('drops what was passed on already', async () => {
    const { fates, sent, pass } = bench();
    await fates(endpoint('churn'));
    pass(60_000);
    expect((await fates(endpoint('churn')))[0]).toEqual({ kind: 'delete', why: 'duplicate' });
    expect(sent).toHaveLength(1);
  });

  it('takes a workflow that is gone as unmanaged', async () => {
    const { fates } = bench({ answer: () => Promise.resolve('not found') });
    expect((await fates(endpoint('churn')))[0]).toEqual({ kind: 'delete', why: 'unmanaged' });
  });

  it('looks an execution up once, however many of its steps report', async () => {
    const { fates, lookUps, sent, pass } = bench();
    await fates(step('e1', 'train'), step('e1', 'evaluate'));
    pass(60_000);
    await fates(step('e1', 'register'));
    expect(lookUps).toHaveLength(1);
    expect(sent).toEqual(['release/churn/3', 'release/churn/3']);
  });

  it('asks again after a look-up that failed', async () => {
    let fail = true;
    const { fates, lookUps } = bench({
      execution: () =>
        fail
          ? Promise.reject(new Error('Rate exceeded'))
          : Promise.resolve({ displayName: 'churn-3' }),
    });
    expect((await fates(step('e1', 'train')))[0]).toMatchObject({ kind: 'leave', why: 'failed' });
    fail = false;
    expect((await fates(step('e1', 'train')))[0]).toMatchObject({ kind: 'delete', why: 'hinted' });
    expect(lookUps).toHaveLength(2);
  });

  it('finds a model that was applied moments ago', async () => {
    const { fates, state, pass } = bench();
    await fates(endpoint('churn'));
    state.places = [...state.places, place('flight')];
    pass(6_000);
    expect((await fates(endpoint('flight')))[0]).toEqual({ kind: 'delete', why: 'hinted' });
  });

  it('of strangers costs at most one reading of the list per five seconds', async () => {
    const { fates, state } = bench();
    for (let index = 0; index < 20; index += 1) await fates(endpoint(`stranger-${index}`));
    expect(state.reads).toBe(1);
  });
});

describe('the consumer', () => {
  it('deletes only what was decided, backs off while the queue fails, and stops when told', async () => {
    const stop = new AbortController();
    const { handle, metrics } = bench();
    const deleted: string[] = [];
    const pauses: number[] = [];
    const answers: (() => Promise<QueueMessage[]>)[] = [
      () => Promise.reject(new Error('no route')),
      () => Promise.reject(new Error('no route')),
      () =>
        Promise.resolve([
          { id: 'a', handle: 'A', body: JSON.stringify(endpoint('churn')) },
          { id: 'b', handle: 'B', body: 'not an event' },
        ]),
    ];
    const warnings: string[] = [];
    const consumer = createConsumer({
      metrics,
      handle,
      now: () => 5,
      queue: {
        receive: () => {
          const next = answers.shift();
          if (next !== undefined) return next();
          stop.abort();
          return Promise.resolve([]);
        },
        delete: (receipt) => {
          deleted.push(receipt);
          return Promise.resolve();
        },
      },
      sleep: (ms) => {
        pauses.push(ms);
        return Promise.resolve();
      },
      warn: (_facts, sentence) => warnings.push(sentence),
    });
    await consumer.run(stop.signal);
    await expect.poll(() => consumer.inFlight()).toBe(0);
    expect(pauses).toEqual([1_000, 2_000]);
    expect(deleted).toEqual(['A']);
    expect(warnings).toHaveLength(3);
    expect(metrics.lastReceiveAtMs()).toBe(5);
  });
});

describe('two bridges', () => {
  it('that get repeats of one change send a hint each, and every message is settled', async () => {
    const answered: string[] = [];
    const answer = (workflowId: string): Promise<Accepted> => {
      answered.push(workflowId);
      return Promise.resolve('accepted');
    };
    const [one, other] = [bench({ answer }), bench({ answer })];
    const fates = [
      ...(await one.fates(endpoint('churn'), endpoint('churn'))),
      ...(await other.fates(endpoint('churn'))),
    ];
    // The keeper coalesces hints: a second one changes nothing but perhaps when it looks.
    expect(answered).toEqual(['keeper/churn', 'keeper/churn']);
    expect(fates.every(({ kind }) => kind === 'delete')).toBe(true);
  });
});
