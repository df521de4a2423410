import { describe, expect, it } from 'vitest';

import { readConsoleConfig } from '../../../client/console/config.js';
import { cookieHeader, formTokens } from '../../../client/console/forgery.js';
import { html } from '../../../client/console/html.js';
import { liveBackend } from '../../../client/console/live-backend.js';
import { intervalMark } from '../../../client/console/marks.js';
import { columnIn } from '../../../client/console/pictures.js';
import { windowStrip } from '../../../client/console/pages/windows.js';
import { span } from '../../../client/console/words.js';
import type { ModelkeeperClient } from '../../../client/modelkeeper.js';
import type { ModelPlace } from '../../../client/replies.js';
import type { WindowResult } from '../../../domain/model.js';
import { ledgerEntries, modelLine, windowReport } from './samples.js';

const read = (argv: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  readConsoleConfig(argv, env, () => 'ada');

describe('settings', () => {
  it('are loopback and the operating-system user by default', () => {
    expect(read([])).toMatchObject({
      kind: 'config',
      config: {
        host: '127.0.0.1',
        port: 8080,
        identification: { kind: 'os-user', user: 'ada' },
        webUi: null,
      },
    });
  });

  it.each(['0.0.0.0', '::', '10.0.0.9', 'models.example.com'])(
    'never listen on %s without a proxy that says who is there',
    (host) => {
      expect(read(['--host', host])).toEqual({
        kind: 'invalid',
        faults: [expect.stringContaining(`does not listen on ${host} by itself`)],
      });
    },
  );

  it('listen anywhere behind a proxy', () => {
    const env = {
      MODELKEEPER_CONSOLE_HOST: '0.0.0.0',
      MODELKEEPER_CONSOLE_PROXY_HEADER: 'X-Forwarded-Email',
      MODELKEEPER_CONSOLE_PROXY_ADDRESSES: '10.0.0.5, 10.1.0.0/16',
    };
    expect(read([], env)).toMatchObject({
      kind: 'config',
      config: {
        host: '0.0.0.0',
        identification: {
          kind: 'proxy',
          header: 'x-forwarded-email',
          addresses: ['10.0.0.5', '10.1.0.0/16'],
        },
      },
    });
  });

  it('name everything that is wrong at once', () => {
    const reading = read(['--port', '99999'], {
      MODELKEEPER_WEB_UI: 'javascript:alert(1)',
      MODELKEEPER_CONSOLE_PROXY_HEADER: 'x-forwarded-email',
      MODELKEEPER_LOG_LEVEL: 'loud',
    });
    expect(reading.kind === 'invalid' && reading.faults).toEqual([
      expect.stringContaining("'99999' is not a port"),
      expect.stringContaining('anybody could send that header'),
      expect.stringContaining('MODELKEEPER_WEB_UI'),
      expect.stringContaining('MODELKEEPER_LOG_LEVEL'),
    ]);
  });

  it('refuse an address list with something else in it', () => {
    const env = {
      MODELKEEPER_CONSOLE_PROXY_HEADER: 'x-email',
      MODELKEEPER_CONSOLE_PROXY_ADDRESSES: 'proxy.internal,10.0.0.0/33',
    };
    expect(read([], env)).toMatchObject({ kind: 'invalid', faults: [{}, {}] });
  });
});

describe('html', () => {
  it('escapes text, keeps markup, and leaves out nothing but null and false', () => {
    const inner = html`<b>${'<&>"\''}</b>`;
    expect(html`${inner}${null}${false}${0}${[inner, 'x']}`.markup).toBe(
      '<b>&lt;&amp;&gt;&quot;&#39;</b>0<b>&lt;&amp;&gt;&quot;&#39;</b>x',
    );
  });
});

describe('the cookie of a browser', () => {
  it.each<[string | null, boolean]>([
    [null, false],
    ['http://localhost:8080', false],
    ['https://models.example.com', true],
  ])('where people type %s is kept to TLS: %s', (origin, secure) => {
    expect(cookieHeader('x', origin).includes('; Secure')).toBe(secure);
    expect(cookieHeader('x', origin)).toContain('; HttpOnly; SameSite=Strict');
  });
});

describe('form tokens', () => {
  const binding = { person: 'ada', path: '/a', browser: 'b' };

  it('hold for the same person, page and browser only', () => {
    const tokens = formTokens();
    const token = tokens.issue(binding);
    expect(tokens.check(token, binding)).toBe(token.split('.')[0]);
    for (const other of [`${token}.x`, `${token}.`, `.${token}`, token.slice(0, -1), '.', ''])
      expect(tokens.check(other, binding), other).toBeUndefined();
    for (const other of [{ person: 'grace' }, { path: '/b' }, { browser: 'c' }])
      expect(tokens.check(token, { ...binding, ...other })).toBeUndefined();
  });

  it('of another process do not hold', () => {
    expect(formTokens().check(formTokens().issue(binding), binding)).toBeUndefined();
  });
});

describe('pictures', () => {
  it('are taken from a comparison, alone or inside of a report', () => {
    expect(columnIn(windowReport, 'origin')?.bins[0]).toEqual({
      label: 'SFO',
      baseline: 410,
      window: 90,
    });
    expect(columnIn({ comparison: windowReport }, 'origin')).toBeDefined();
    const written = {
      schema: 'modelkeeper/window-report-v1',
      evidence: { counts: {}, comparison: windowReport },
    };
    expect(columnIn(written, 'origin')).toBeDefined();
  });

  it.each([
    null,
    undefined,
    'text',
    {},
    { columns: 'none' },
    { columns: [{ name: 'origin', bins: [] }] },
  ])('are not made of %j', (report) => {
    expect(columnIn(report, 'origin')).toBeUndefined();
  });

  it('of intervals stay inside of their frame, also when nothing is known', () => {
    const empty = { metric: 'm', estimate: null, lower: null, upper: null };
    expect(intervalMark(undefined, empty)).toBeNull();
    const same = { metric: 'm', estimate: 0, lower: 0, upper: 0 };
    expect(intervalMark(same, same)?.markup).not.toMatch(/NaN|Infinity/);
  });
});

describe('segments of the latest window', () => {
  it('stand with their verdict, whatever their values are called', () => {
    const window: WindowResult = {
      source: 'inputs',
      sourceKind: 'captured-inputs',
      result: 'warn',
      fromMs: 0,
      toMs: 3_600_000,
      rows: 900,
      sentence: 'inputs: moving',
      columns: [],
      segments: [
        { by: 'region', value: '<b>\u202Esouth', rows: 400, verdict: 'drift' },
        { by: 'region', value: null, rows: 90, verdict: 'insufficient data' },
      ],
    };
    const { markup } = windowStrip('inputs', [window]);
    const words = markup.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');
    expect(words).toContain('region=&lt;b&gt;\uFFFDsouth drift , 400 rows');
    expect(words).toContain('other values of region insufficient data , 90 rows');
  });
});

describe('words', () => {
  it('leave out of a span what both ends share', () => {
    const at = Date.UTC(2026, 2, 3, 6);
    expect(span(at, at + 6 * 3_600_000)).toBe('3 Mar 2026, 06:00 to 12:00 UTC');
    expect(span(at, at + 10_000)).toBe('3 Mar 2026, 06:00:00 to 06:00:10 UTC');
  });
});

describe('the live backend', () => {
  const log = { info: () => undefined, warn: () => undefined };
  const client = (over: Partial<ModelkeeperClient> = {}): ModelkeeperClient =>
    ({
      list: () => Promise.resolve([modelLine]),
      close: () => Promise.resolve(),
      ...over,
    }) as ModelkeeperClient;
  const place: ModelPlace = {
    model: 'flight-delays',
    endpoint: 'flight-delays',
    region: 'us-east-1',
    group: 'flight-delays',
    pipeline: 'flight-delays-train',
    storage: 's3://b/m',
    alarms: [],
  };
  const noAccount = () => Promise.reject(new Error('no credentials'));

  it('answers at once that it is connecting, and goes on by itself when Temporal answers', async () => {
    const { promise, resolve } = withResolvers<ModelkeeperClient>();
    let attempts = 0;
    const backend = liveBackend({
      connect: () => {
        attempts += 1;
        return attempts === 1
          ? Promise.reject(new Error('Temporal at localhost:7233 cannot be reached'))
          : promise;
      },
      accountIn: noAccount,
      log,
      retryMs: [0],
    });
    backend.start();
    await expect(backend.list()).rejects.toMatchObject({ code: 'unreachable' });
    resolve(client());
    await until(() => backend.connection().kind === 'connected');
    expect(await backend.list()).toEqual([modelLine]);
    await backend.close();
  });

  it('reads the end of the ledger, newest first, each entry once', async () => {
    const reads: string[] = [];
    const [newest] = ledgerEntries;
    const backend = liveBackend({
      connect: () =>
        Promise.resolve(
          client({
            place: () => Promise.resolve({ ...place, storage: 's3://b/m' }),
          }),
        ),
      accountIn: () =>
        Promise.resolve({
          reportsBelow: () => Promise.resolve([]),
          readJson: (uri: string) => {
            reads.push(uri);
            return Promise.resolve({ ...newest, sequence: Number(uri.slice(-17, -5)) });
          },
          close: () => undefined,
        }),
      log,
    });
    backend.start();
    await until(() => backend.connection().kind === 'connected');
    const reading = await backend.ledger('flight-delays', 42);
    await backend.ledger('flight-delays', 42);
    expect(reading.kind === 'entries' && reading.entries.map((entry) => entry.sequence)).toEqual(
      Array.from({ length: 20 }, (_, index) => 42 - index),
    );
    expect(reads[0]).toBe('s3://b/m/ledger/flight-delays/000000000042.json');
    expect(reads.length).toBe(20);
    await backend.close();
  });

  it('says why the ledger cannot be read instead of failing the page', async () => {
    const backend = liveBackend({
      connect: () =>
        Promise.resolve(
          client({
            place: () => Promise.resolve({ ...place, storage: 's3://b/m/' }),
          }),
        ),
      accountIn: noAccount,
      log,
    });
    backend.start();
    await until(() => backend.connection().kind === 'connected');
    expect(await backend.ledger('m', 1)).toEqual({ kind: 'unreadable', reason: 'no credentials' });
    await backend.close();
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

function withResolvers<Value>(): {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
} {
  let resolve: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
