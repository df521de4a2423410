import { pino } from 'pino';
import { describe, expect, it } from 'vitest';

import type { Identification } from '../../../client/console/config.js';
import { drawEvaluation, drawWindows } from '../../../client/console/drawings.js';
import type { ConsoleBackend } from '../../../client/console/backend.js';
import { createConsole } from '../../../client/console/server.js';
import { ModelkeeperError } from '../../../client/errors.js';
import { fakeBackend, type FakeBackend } from './fake-backend.js';
import {
  DIGEST,
  modelLine,
  modelView,
  NOW_MS,
  evaluation,
  releaseView,
  request,
  evaluationReport,
} from './samples.js';

const APPROVE = '/models/flight-delays/releases/7/approve';
const HOST = 'localhost:8080';
const HOSTILE = `"><script>alert('x')</script><img src=x onerror=alert(1)>`;

function open(
  backend: ConsoleBackend = fakeBackend(),
  over: { identification?: Identification; publicOrigin?: string; nowMs?: number } = {},
) {
  const app = createConsole({
    config: {
      identification: over.identification ?? { kind: 'os-user', user: 'ada' },
      webUi: 'http://localhost:8233',
      namespace: 'default',
      publicOrigin: over.publicOrigin ?? null,
    },
    backend,
    drawColumn: ({ name }) =>
      Promise.resolve(`<svg xmlns="http://www.w3.org/2000/svg"><title>${name}</title></svg>`),
    drawEvaluation,
    drawWindows,
    log: pino({ level: 'silent' }),
    now: () => over.nowMs ?? NOW_MS,
  });
  return {
    app,
    get: (url: string, headers: Record<string, string> = {}) =>
      app.inject({ url, headers: { host: HOST, ...headers } }),
  };
}

interface Filled {
  readonly verdict?: string;
  readonly reason?: string;
  readonly digest?: string;
  readonly token?: string;
}

/** Reads the approval page as a browser would, and sends its form. */
async function decide(
  { app, get }: ReturnType<typeof open>,
  filled: Filled = {},
  headers: Record<string, string | undefined> = {},
) {
  const page = await get(APPROVE);
  const cookie = String(page.headers['set-cookie'] ?? '').split(';')[0] ?? '';
  const given: Record<string, string | undefined> = {
    host: HOST,
    origin: `http://${HOST}`,
    'sec-fetch-site': 'same-origin',
    cookie,
    'content-type': 'application/x-www-form-urlencoded',
    ...headers,
  };
  return app.inject({
    method: 'POST',
    url: APPROVE,
    headers: Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    payload: new URLSearchParams({
      verdict: 'approve',
      reason: '',
      digest: DIGEST,
      token: hidden(page.body, 'token'),
      ...filled,
    }).toString(),
  });
}

function hidden(body: string, name: string): string {
  return new RegExp(`name="${name}" value="([^"]*)"`).exec(body)?.[1] ?? '';
}

/** Text of a page without its markup, in one line. */
function text(body: string): string {
  return body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
}

describe('the pages', () => {
  it('show every model with its verdict, what it waits for, until when, and a link', async () => {
    const { body } = await open().get('/');
    expect(body).toContain('href="/models/flight-delays"');
    expect(text(body)).toMatch(
      /drift approve .*Waits for the next look, news, .* until 3 Mar 2026, 15:00 UTC \( in 55 min \)/,
    );
    expect(body).toContain('href="/models/flight-delays/releases/7/approve"');
  });

  it('show one model: why, champion, windows, pending work, releases, timeline, ledger and its workflow', async () => {
    const words = text((await open().get('/models/flight-delays')).body);
    expect(words).toContain('2 of the last 3 windows of inputs drifted');
    expect(words).toContain('serves flight-delays-6 , for 33 d');
    expect(words).toContain('All quiet: the window until 18:00 is not complete.');
    expect(words).toContain('Release 7');
    expect(words).toContain('verdict drift');
    expect(words).toContain('Better on every metric');
  });

  it('link to the Temporal Web UI with the workflow id escaped', async () => {
    const { body } = await open().get('/models/flight-delays');
    expect(body).toContain(
      'http://localhost:8233/namespaces/default/workflows/keeper%2Fflight-delays',
    );
  });

  it('show what scaling did, and which of it AWS refused', async () => {
    const scaling = [
      { atMs: NOW_MS, status: 'Successful', sentence: 'set desired instance count to 3' },
      { atMs: NOW_MS, status: 'Failed', sentence: 'the quota is 4: ask for a higher quota' },
    ];
    const { keeper } = modelView;
    if (keeper === null) throw new Error('the sample has a keeper');
    const status = () => Promise.resolve({ ...modelView, keeper: { ...keeper, scaling } });
    const words = text((await open(fakeBackend({ status })).get('/models/flight-delays')).body);
    expect(words).toMatch(/Auto scaling .*set desired instance count to 3/);
    expect(words).toMatch(/refused the quota is 4: ask for a higher quota/);
    expect(words).not.toMatch(/refused set desired/);
  });

  it('show failing work with attempt and reason', async () => {
    const failing = {
      activity: 'startPipeline',
      state: 'waiting for the next attempt',
      attempt: 4,
      maximumAttempts: 0,
      lastFailure: 'the role may not call sagemaker:StartPipelineExecution',
      benign: false,
      lastStartedAtMs: NOW_MS,
      nextAttemptAtMs: NOW_MS + 30_000,
    } as const;
    const backend = fakeBackend({
      releaseStatus: () => Promise.resolve({ ...releaseView, pending: [failing] }),
    });
    const words = text((await open(backend).get('/models/flight-delays/releases/7')).body);
    expect(words).toContain(
      'startPipeline failed and will be tried again. Attempt 4. Next attempt in 30 s',
    );
    expect(words).toContain('the role may not call sagemaker:StartPipelineExecution');
  });

  it('mark the stage a release is in, and the one it ended in', async () => {
    const { status } = releaseView;
    if (status === null) throw new Error('the sample has a status');
    const running = await open().get('/models/flight-delays/releases/7');
    expect(running.body).toMatch(/aria-current="step"\s*>\s*● approve/);
    const ended = fakeBackend({
      releaseStatus: () =>
        Promise.resolve({
          ...releaseView,
          execution: 'completed',
          status: {
            ...status,
            stage: 'ended',
            request: null,
            result: { kind: 'rejected', by: 'ada@example.com', reason: 'too early' },
          },
        }),
    });
    const after = await open(ended).get('/models/flight-delays/releases/7');
    expect(after.body).toMatch(/class="stopped"\s*>\s*✕ approve/);
    expect(text(after.body)).toContain('Rejected by ada@example.com: too early');
  });

  it('escape whatever a workflow, a person or the data says', async () => {
    const { keeper } = modelView;
    const { status } = releaseView;
    if (keeper === null || status === null) throw new Error('the samples answer');
    const hostileTrigger = {
      ...request.trigger,
      reasons: [HOSTILE],
      windows: request.trigger.windows.map((window) => ({
        ...window,
        source: HOSTILE,
        sentence: HOSTILE,
        columns: [{ name: HOSTILE, jsDistance: 0.5, pAdjusted: 0, verdict: HOSTILE }],
      })),
    };
    const [decision] = request.decisions;
    if (decision === undefined) throw new Error('the sample has a decision');
    const decisions = [{ ...decision, person: HOSTILE, reason: HOSTILE }];
    const hostileRequest = {
      ...request,
      trigger: hostileTrigger,
      weaknesses: [HOSTILE],
      approvers: [HOSTILE],
      requestedBy: HOSTILE,
      decisions,
      evidence: { ...request.evidence, image: HOSTILE, configName: HOSTILE, packageArn: HOSTILE },
      evaluation: {
        ...request.evaluation,
        reasons: [HOSTILE],
        gates: request.evaluation.gates.map((gate) => ({ ...gate, id: HOSTILE, reason: HOSTILE })),
      },
    };
    const backend = fakeBackend({
      list: () =>
        Promise.resolve([
          {
            ...modelLine,
            model: HOSTILE,
            stage: HOSTILE,
            verdict: HOSTILE,
            awaiting: HOSTILE,
            endpoint: HOSTILE,
          },
        ]),
      status: () =>
        Promise.resolve({
          ...modelView,
          unanswered: HOSTILE,
          keeper: {
            ...keeper,
            verdictReasons: [HOSTILE],
            awaiting: HOSTILE,
            windows: { [HOSTILE]: hostileTrigger.windows },
            timeline: [{ atMs: 1, what: HOSTILE }],
            frozen: { by: HOSTILE, reason: HOSTILE, sinceMs: 1, untilMs: null },
          },
        }),
      why: () =>
        Promise.resolve({
          sentence: HOSTILE,
          because: [HOSTILE],
          evidence: [{ what: HOSTILE, uri: HOSTILE }],
        }),
      releaseStatus: () =>
        Promise.resolve({
          ...releaseView,
          status: {
            ...status,
            trigger: hostileTrigger,
            awaiting: HOSTILE,
            decisions,
            paused: { by: HOSTILE, reason: HOSTILE, sinceMs: 1 },
          },
        }),
      approvalRequest: () => Promise.resolve(hostileRequest),
      decide: () => Promise.resolve({ kind: 'refused', reason: HOSTILE }),
    });
    const console_ = open(backend);
    const bodies = await Promise.all(
      [
        '/',
        '/models/flight-delays',
        '/models/flight-delays/releases/7',
        APPROVE,
        `/${encodeURIComponent(HOSTILE)}`,
      ].map(async (url) => (await console_.get(url)).body),
    );
    bodies.push((await decide(console_, { reason: HOSTILE })).body);
    for (const body of bodies) {
      expect(body).not.toMatch(/<script|<img src=x/i);
      expect(body).toMatch(/&lt;script&gt;|%3Cscript%3E/i);
    }
  });

  it('forbid scripts, foreign resources and being framed', async () => {
    const { headers, body } = await open().get(APPROVE);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['cache-control']).toBe('no-store');
    expect(body).not.toMatch(/<script| on\w+=|style="/);
  });

  it('answer the same matter as JSON', async () => {
    const { headers, body } = await open().get('/models/flight-delays?format=json');
    expect(headers['content-type']).toContain('application/json');
    expect(JSON.parse(body)).toMatchObject({
      model: { model: 'flight-delays', keeper: { verdict: 'drift' } },
    });
  });

  it('never reload under the hands of somebody who decides', async () => {
    expect((await open().get(APPROVE)).body).not.toContain('http-equiv="refresh"');
    expect((await open().get('/models/flight-delays')).body).toContain('http-equiv="refresh"');
  });

  it('draw a column of a report, and say 404 for one that is not there', async () => {
    const there = await open().get('/models/flight-delays/releases/7/windows/1/columns/origin.svg');
    expect(there.headers['content-type']).toBe('image/svg+xml');
    expect(there.headers['content-security-policy']).toContain("default-src 'none'");
    for (const url of ['windows/1/columns/nothing.svg', 'windows/9/columns/origin.svg'])
      expect((await open().get(`/models/flight-delays/releases/7/${url}`)).statusCode).toBe(404);
    const missing = fakeBackend({ readReport: () => Promise.resolve(null) });
    expect(
      (await open(missing).get('/models/flight-delays/releases/7/windows/1/columns/origin.svg'))
        .statusCode,
    ).toBe(404);
  });

  const drawn = (report: unknown, name: string) =>
    open(fakeBackend({ readReport: () => Promise.resolve(report) })).get(
      `/models/flight-delays/releases/7/evaluation/${name}`,
    );

  it.each([
    'roc.svg',
    'precision-recall.svg',
    'calibration.svg',
    'scores.svg',
    'slices-by-origin.svg',
    'set-golden-roc.svg',
    'set-golden-precision-recall.svg',
  ])('draw the evaluation of a release: %s', async (name) => {
    const answer = await drawn(evaluationReport, name);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toBe('image/svg+xml');
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    expect(answer.body).toContain('<svg');
    expect(answer.body).not.toContain('<b>');
  });

  it.each([
    ['a picture nobody knows', evaluationReport, 'x.svg'],
    ['a picture of a set that nobody knows', evaluationReport, 'set-golden-x.svg'],
    ['slices of a gate without any', { gates: [] }, 'slices-by-origin.svg'],
  ])('say 404 for %s', async (_what, report, name) => {
    expect((await drawn(report, name)).statusCode).toBe(404);
  });

  it.each([
    ['curves of an earlier report', { gates: [] }, 'This report has no curves'],
    ['another document', { curves: { candidate: 'x' }, gates: [] }, 'cannot be read from here'],
    ['a report that is gone', null, 'cannot be read from here'],
  ])('say why instead of %s', async (_what, report, words) => {
    const answer = await drawn(report, 'roc.svg');
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'image/svg+xml']);
    expect(answer.body).toContain(words);
  });

  it('draw the windows of stored reports before those that are remembered, with limits', async () => {
    const asked: string[] = [];
    const windowHistory: ConsoleBackend['windowHistory'] = (_model, source) => {
      asked.push(source);
      return Promise.resolve({
        windows: [
          {
            fromMs: 0,
            toMs: 3_600_000,
            result: 'ok',
            columns: [{ name: 'old column', jsDistance: 0.9, pAdjusted: null, verdict: '' }],
          },
        ],
        limits: { warn: 0.07, drift: 0.21 },
        latest: 3,
      });
    };
    const path = '/models/flight-delays/windows/inputs.svg';
    const { body } = await open(fakeBackend({ windowHistory })).get(path);
    expect(asked).toEqual(['inputs']);
    for (const words of ['old column', 'origin', 'moving from 0.07', 'drift from 0.21'])
      expect(body).toContain(words);
    const broken = fakeBackend({ windowHistory: () => Promise.reject(new Error('no access')) });
    expect((await open(broken).get(path)).body).toContain('origin');
  });

  it('draw how the columns of a source moved over its windows', async () => {
    const { body } = await open().get('/models/flight-delays');
    const path = /src="(\/models\/flight-delays\/windows\/[^"]+\.svg)"/.exec(body)?.[1] ?? '';
    const answer = await open().get(path);
    expect(answer.headers['content-type']).toBe('image/svg+xml');
    expect(answer.body).toContain('origin');
    for (const source of ['unknown', 'constructor', '__proto__'])
      expect((await open().get(`/models/flight-delays/windows/${source}.svg`)).statusCode).toBe(
        404,
      );
  });

  it('offer the curves where people decide and where they look at a release', async () => {
    for (const url of ['/models/flight-delays/releases/7', APPROVE])
      expect((await open().get(url)).body).toContain(
        'src="/models/flight-delays/releases/7/evaluation/roc.svg"',
      );
  });

  it('show the further sets of an evaluation with their curves, and the reason codes of gates', async () => {
    const { status } = releaseView;
    const golden = {
      name: 'golden',
      rows: 4_321,
      champion: evaluation.champion,
      candidate: evaluation.candidate,
    };
    const gates = evaluation.gates.map((gate) => ({ ...gate, reasonCode: 'too few rows' }));
    const backend = fakeBackend({
      releaseStatus: () =>
        Promise.resolve({
          ...releaseView,
          status: status && { ...status, evaluation: { ...evaluation, gates, datasets: [golden] } },
        }),
    });
    const { body } = await open(backend).get('/models/flight-delays/releases/7');
    for (const part of [
      'Both on the same 4,321 rows of the set golden.',
      'src="/models/flight-delays/releases/7/evaluation/set-golden-roc.svg"',
      'alt="On the set golden. Calibration',
      '>too few rows</code>',
    ])
      expect(body).toContain(part);
  });

  it('read only the reports that the workflow names', async () => {
    const asked: string[] = [];
    const backend = fakeBackend({
      readReport: (_model, uri) => {
        asked.push(uri);
        return Promise.resolve(null);
      },
    });
    await open(backend).get(
      '/models/flight-delays/releases/7/windows/1/columns/s3:%2F%2Fother%2Fsecret.json.svg',
    );
    expect(asked).toEqual([request.trigger.windows[1]?.reportUri]);
  });
});

describe('what is not there', () => {
  it.each([
    '/nothing',
    '/models/unknown',
    '/models/Not%20A%20Model',
    '/models/flight-delays/releases/0',
    '/models/flight-delays/releases/99',
    '/models/flight-delays/releases/x/approve',
  ])('is said in words with 404: %s', async (url) => {
    const answer = await open().get(url);
    expect(answer.statusCode).toBe(404);
    expect(answer.body).toContain('<h1>');
    expect(answer.body).not.toContain('at Object');
  });
});

describe('an address that cannot be read', () => {
  it.each(['/models/%ff', '/%', '/models/%E0%A4%A'])(
    'is refused in words, with the headers of every page: %s',
    async (url) => {
      const answer = await open().get(url, { host: 'evil.example.com' });
      expect(answer.statusCode).toBe(400);
      expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
      expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
      expect(answer.body).toBe('This address cannot be read.\n');
    },
  );
});

describe('a service that is away', () => {
  const failing = (error: Error, connecting = false): FakeBackend =>
    fakeBackend({
      connection: () =>
        connecting ? { kind: 'connecting', lastFailure: null } : { kind: 'connected' },
      list: () => Promise.reject(error),
    });

  it.each([
    ['unreachable', true, 'Connecting to Temporal'],
    ['unreachable', false, 'Temporal is out of reach'],
    ['no-worker', false, 'No worker is running'],
    ['timed-out', false, 'No answer in time'],
  ] as const)(
    'is a page that says so and asks again: %s, connecting %s',
    async (code, connecting, title) => {
      const error = new ModelkeeperError(code, 'what is wrong');
      const answer = await open(failing(error, connecting)).get('/');
      expect(answer.statusCode).toBe(503);
      expect(answer.headers['retry-after']).toBe('5');
      expect(text(answer.body)).toContain(`${title} What is wrong.`);
      expect(answer.body).toContain('http-equiv="refresh"');
    },
  );

  it('leaves the details of our own faults to the log', async () => {
    const answer = await open(failing(new Error('secret detail'))).get('/');
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('secret detail');
  });

  it('still shows what Temporal knows when only the workflow is silent', async () => {
    const backend = fakeBackend({
      status: () =>
        Promise.resolve({
          ...modelView,
          keeper: null,
          unanswered: 'no worker answers on task queue modelkeeper-control',
        }),
    });
    const answer = await open(backend).get('/models/flight-delays');
    expect(answer.statusCode).toBe(200);
    expect(text(answer.body)).toContain('No worker answers on task queue modelkeeper-control');
  });

  it('does not make the console unhealthy: it is alive and says what it waits for', async () => {
    const backend = failing(new ModelkeeperError('unreachable', 'away'), true);
    expect((await open(backend).get('/healthz')).json()).toEqual({
      status: 'ok',
      temporal: 'connecting',
    });
  });
});

describe('who is there', () => {
  it.each(['localhost:8080', '127.0.0.1:8080', '[::1]:8080', 'localhost'])(
    'is welcome under %s',
    async (host) => {
      expect((await open().get('/', { host })).statusCode).toBe(200);
    },
  );

  it.each([
    'evil.example.com:8080',
    'localhost.evil.example.com',
    '127.0.0.1.nip.example:8080',
    '10.0.0.5',
  ])('is refused under another name, as after DNS rebinding: %s', async (host) => {
    const answer = await open().get('/', { host });
    expect(answer.statusCode).toBe(403);
    expect(answer.body).not.toContain('flight-delays');
  });

  const proxy: Identification = {
    kind: 'proxy',
    header: 'x-forwarded-email',
    addresses: ['10.0.0.5', '10.1.0.0/16', 'fd00::5'],
  };
  const through = (remoteAddress: string, headers: Record<string, string | string[]>) =>
    open(fakeBackend(), { identification: proxy }).app.inject({
      url: '/',
      remoteAddress,
      headers: { host: 'models.example.com', ...headers },
    });

  it.each([
    ['10.0.0.5', { 'x-forwarded-email': 'Grace@example.com' }, 200],
    ['::ffff:10.0.0.5', { 'x-forwarded-email': 'grace@example.com' }, 200],
    ['10.1.200.3', { 'x-forwarded-email': 'grace@example.com' }, 200],
    ['fd00::5', { 'x-forwarded-email': 'grace@example.com' }, 200],
    ['10.0.0.6', { 'x-forwarded-email': 'grace@example.com' }, 403],
    ['127.0.0.1', { 'x-forwarded-email': 'grace@example.com' }, 403],
    ['10.0.0.6', { 'x-forwarded-email': 'grace@example.com', 'x-forwarded-for': '10.0.0.5' }, 403],
    ['10.0.0.5', {}, 401],
    ['10.0.0.5', { 'x-forwarded-email': ' ' }, 401],
    ['10.0.0.5', { 'x-forwarded-email': 'grace@example.com, ada@example.com' }, 401],
  ])('behind a proxy, from %s with %o, gets %i', async (address, headers, status) => {
    expect((await through(address, headers as Record<string, string>)).statusCode).toBe(status);
  });

  it('is the person the proxy names, in lower case', async () => {
    expect(
      text((await through('10.0.0.5', { 'x-forwarded-email': 'Grace@example.com' })).body),
    ).toContain('You are grace@example.com , as the proxy says');
  });

  it('is told on the page how the console knows', async () => {
    expect(text((await open().get('/')).body)).toContain(
      'You are ada , the operating-system user that runs this console',
    );
  });
});

describe('the approval page', () => {
  it('shows numbers, gates, trigger, plan, weaknesses, digest, decisions so far and the deadline in words', async () => {
    const words = text((await open().get(APPROVE)).body);
    for (const wanted of [
      'Approve release 7 of flight-delays?',
      '1 of 2 approvals given. Open until 6 Mar 2026, 10:05 UTC ( in 2 d 20 h )',
      '0.6012 0.5841 to 0.6183',
      '0.6508 0.6345 to 0.6671',
      'even the lower end of the difference, +0.0381, is above −0.0100',
      '10 % of the fleet first, watched for 10 min, then all of it',
      'The bucket keeps no versions',
      'modelkeeper-flight-delays-release-7-latency',
      DIGEST,
      'grace@example.com , 2 h ago “Better on every metric',
    ])
      expect(words).toContain(wanted);
  });

  it('has no buttons once the request has expired', async () => {
    const { body } = await open(fakeBackend(), { nowMs: request.expiresAtMs }).get(APPROVE);
    expect(body).not.toContain('<button');
    expect(text(body)).toContain('The request expired now : the champion stays');
  });

  it.each([
    ['approved', 'approve', 'It was approved'],
    ['rejected', 'reject', 'It was rejected'],
  ] as const)('has no buttons once it is %s', async (_name, verdict, sentence) => {
    const backend = fakeBackend();
    const [first] = request.decisions;
    if (first === undefined) throw new Error('the sample has a decision');
    backend.asked = {
      ...request,
      decisions: [first, { ...first, verdict, person: 'mary@example.com' }],
    };
    const { body } = await open(backend).get(APPROVE);
    expect(body).not.toContain('<button');
    expect(text(body)).toContain(sentence);
  });

  it('says what became of it when nothing is asked any more', async () => {
    const backend = fakeBackend();
    backend.asked = null;
    const { body, statusCode } = await open(backend).get(APPROVE);
    expect(statusCode).toBe(200);
    expect(body).not.toContain('<button');
    expect(text(body)).toContain('The decision is made');
  });

  it('gives the browser a cookie that other sites cannot make it send', async () => {
    expect(String((await open().get(APPROVE)).headers['set-cookie'])).toMatch(
      /^modelkeeper-form=[\w-]{22}; Path=\/; HttpOnly; SameSite=Strict$/,
    );
  });
});

describe('a decision', () => {
  it('goes to the workflow with the proof of who made it, and leads back to the page', async () => {
    const backend = fakeBackend();
    const console_ = open(backend);
    const answer = await decide(console_, { reason: 'fine by me' });
    expect(answer.statusCode).toBe(303);
    expect(answer.headers.location).toBe(APPROVE);
    expect(backend.decisions.map(({ message }) => message)).toEqual([
      {
        verdict: 'approve',
        reason: 'fine by me',
        digest: DIGEST,
        door: 'console',
        proof: { kind: 'os-user', user: 'ada' },
      },
    ]);
    const { body } = await console_.get(APPROVE);
    expect(body).not.toContain('<button');
    expect(text(body)).toContain('Your approval counts');
  });

  it('is one decision when the same form arrives twice, and another when it says something else', async () => {
    const backend = fakeBackend({ connection: () => ({ kind: 'connected' }) });
    const console_ = open(backend);
    const page = await console_.get(APPROVE);
    const cookie = String(page.headers['set-cookie']).split(';')[0] ?? '';
    const token = hidden(page.body, 'token');
    await decide(console_, { token }, { cookie });
    await decide(console_, { token }, { cookie });
    await decide(console_, { token, verdict: 'reject', reason: 'no' }, { cookie });
    const [first, second, third] = backend.decisions.map(({ updateId }) => updateId);
    expect(first).toBeDefined();
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it('cannot name its own person, door or proof', async () => {
    const backend = fakeBackend();
    await decide(open(backend), {
      person: 'grace@example.com',
      door: 'cli',
      proof: 'sts',
    } as Filled);
    expect(backend.decisions[0]?.message).toMatchObject({
      door: 'console',
      proof: { kind: 'os-user', user: 'ada' },
    });
  });

  it('to reject needs a reason', async () => {
    const backend = fakeBackend();
    const answer = await decide(open(backend), { verdict: 'reject', reason: ' \r\n ' });
    expect(answer.statusCode).toBe(422);
    expect(text(answer.body)).toContain('A rejection needs a reason');
    expect(backend.decisions).toEqual([]);
  });

  it('keeps what was written when it does not count', async () => {
    const backend = fakeBackend({
      decide: () =>
        Promise.resolve({ kind: 'refused', reason: 'ada@example.com has already decided' }),
    });
    const answer = await decide(open(backend), { reason: 'two lines\r\n<of> text' });
    expect(answer.statusCode).toBe(409);
    expect(text(answer.body)).toContain('Ada@example.com has already decided');
    expect(answer.body).toContain('two lines\n&lt;of&gt; text</textarea');
  });

  it('about evidence that changed is refused, and the page says what changed and shows the new', async () => {
    const backend = fakeBackend();
    const console_ = open(backend);
    await console_.get(APPROVE);
    backend.asked = {
      ...request,
      digest: 'c0ffee',
      evidence: { ...request.evidence, championConfigName: 'flight-delays-5' },
    };
    const answer = await decide(console_);
    expect(answer.statusCode).toBe(409);
    expect(text(answer.body)).toContain('this changed: the champion');
    expect(hidden(answer.body, 'digest')).toBe('c0ffee');
  });

  it('on a release that has ended is an answer, not a missing page', async () => {
    const backend = fakeBackend({
      decide: () =>
        Promise.reject(new ModelkeeperError('not-found', 'release 7 of flight-delays has ended')),
    });
    const answer = await decide(open(backend));
    expect(answer.statusCode).toBe(409);
    expect(text(answer.body)).toContain('Release 7 of flight-delays has ended');
  });

  it.each([
    ['another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example.com' }, 403],
    [
      'another site, known by Sec-Fetch-Site only',
      { 'sec-fetch-site': 'cross-site', origin: undefined },
      403,
    ],
    [
      'another port of this machine',
      { 'sec-fetch-site': 'same-site', origin: 'http://localhost:3000' },
      403,
    ],
    [
      'another origin, in a browser without Sec-Fetch-Site',
      { 'sec-fetch-site': undefined, origin: 'http://localhost:3000' },
      403,
    ],
    ['an opaque origin', { 'sec-fetch-site': undefined, origin: 'null' }, 403],
    [
      'a foreign page, known by Referer only',
      { 'sec-fetch-site': undefined, origin: undefined, referer: 'https://evil.example.com/x' },
      403,
    ],
    [
      'nowhere that is told',
      { 'sec-fetch-site': undefined, origin: undefined, referer: undefined },
      403,
    ],
    [
      'a contradiction',
      { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example.com' },
      403,
    ],
    ['our page, known by Origin only', { 'sec-fetch-site': undefined }, 303],
    ['our page, known by Sec-Fetch-Site only', { origin: undefined }, 303],
    [
      'our page, known by Referer only',
      { 'sec-fetch-site': undefined, origin: undefined, referer: `http://${HOST}${APPROVE}` },
      303,
    ],
  ])('from %s gets the right answer', async (_from, headers, status) => {
    const backend = fakeBackend();
    expect((await decide(open(backend), {}, headers)).statusCode).toBe(status);
    expect(backend.decisions.length).toBe(status === 303 ? 1 : 0);
  });

  it.each([
    ['no token', { token: '' }, {}],
    ['a made-up token', { token: 'AAAA.BBBB' }, {}],
    ['another browser', {}, { cookie: 'modelkeeper-form=AAAAAAAAAAAAAAAAAAAAAA' }],
    ['no cookie', {}, { cookie: undefined }],
  ] as const)('with %s does not count and is asked for again', async (_name, filled, headers) => {
    const backend = fakeBackend();
    const answer = await decide(open(backend), filled, headers);
    expect(answer.statusCode).toBe(403);
    expect(text(answer.body)).toContain('read it again and decide');
    expect(answer.body).toContain('<button');
    expect(backend.decisions).toEqual([]);
  });

  it('with a form of another release does not count', async () => {
    const backend = fakeBackend({ releaseStatus: () => Promise.resolve(releaseView) });
    const console_ = open(backend);
    const page = await console_.get('/models/flight-delays/releases/8/approve');
    const cookie = String(page.headers['set-cookie']).split(';')[0];
    expect(
      (await decide(console_, { token: hidden(page.body, 'token') }, { cookie })).statusCode,
    ).toBe(403);
  });

  it.each([
    ['a verdict nobody offered', { verdict: 'maybe' }, 400],
    ['a digest that is none', { digest: '<b>' }, 400],
    ['a reason of 2,001 characters', { reason: 'x'.repeat(2_001) }, 422],
    ['a body of 40 kB', { reason: 'x'.repeat(40_000) }, 413],
  ])('with %s is refused', async (_name, filled, status) => {
    const backend = fakeBackend();
    const answer = await decide(open(backend), filled);
    expect(answer.statusCode).toBe(status);
    expect(answer.body).toContain('<h1>');
    expect(backend.decisions).toEqual([]);
  });

  it('as JSON is refused: only forms are taken', async () => {
    const answer = await open().app.inject({
      method: 'POST',
      url: APPROVE,
      headers: { host: HOST, 'content-type': 'application/json' },
      payload: '{}',
    });
    expect(answer.statusCode).toBe(415);
  });

  it('behind a proxy that rewrites Host comes from the public address', async () => {
    const console_ = open(fakeBackend(), { publicOrigin: 'https://models.example.com' });
    expect((await decide(console_, {}, { origin: 'https://models.example.com' })).statusCode).toBe(
      303,
    );
    expect((await decide(console_, {}, { origin: `http://${HOST}` })).statusCode).toBe(403);
  });

  it('that nobody can take now is a page that says so', async () => {
    const backend = fakeBackend({
      decide: () => Promise.reject(new ModelkeeperError('no-worker', 'no worker answers')),
    });
    const answer = await decide(open(backend));
    expect(answer.statusCode).toBe(503);
    expect(text(answer.body)).toContain('No worker answers');
  });
});
