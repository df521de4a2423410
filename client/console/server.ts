import { createHash } from 'node:crypto';

import formbody from '@fastify/formbody';
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { z } from 'zod';

import { changedParts, type Evidence } from '../../domain/evidence.js';
import { messageOf, ModelkeeperError } from '../errors.js';
import { MODEL_NAME } from '../model-name.js';
import type { ConsoleBackend } from './backend.js';
import type { ConsoleConfig } from './config.js';
import {
  browserCookie,
  comesFromOwnPage,
  cookieHeader,
  formTokens,
  newBrowserCookie,
  originsOf,
  type Binding,
} from './forgery.js';
import { approvalPage, MAX_REASON, type ApprovalMatter } from './pages/approve.js';
import { approvePath, document, type Page, type View } from './pages/layout.js';
import { modelPage } from './pages/model.js';
import { modelsPage } from './pages/models.js';
import { problemPage } from './pages/problem.js';
import { releasePage } from './pages/release.js';
import { columnIn, type PicturedColumn } from './pictures.js';
import { joined, type WindowHistory } from './history.js';
import { STYLE, STYLE_PATH } from './style.js';
import { recognition, type Person } from './who.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is there; `null` only where everybody may look. */
    person: Person | null;
  }
}

export interface ConsoleDeps {
  readonly config: Pick<ConsoleConfig, 'identification' | 'webUi' | 'namespace' | 'publicOrigin'>;
  readonly backend: ConsoleBackend;
  /** One column's values in the baseline and in a window, as SVG. */
  readonly drawColumn: (column: PicturedColumn) => Promise<string>;
  /** A picture of an evaluation's report by its name; `undefined` when the report does not hold it. */
  readonly drawEvaluation: (report: unknown, name: string) => Promise<string | undefined>;
  /** How far columns moved over the windows; `undefined` when none tells. */
  readonly drawWindows: (history: WindowHistory) => Promise<string | undefined>;
  readonly log: FastifyBaseLogger;
  readonly now?: () => number;
}

/** A page that is slow to know something leaves it out after this long. */
const PATIENCE_MS = 2_500;
/** Models whose own answer is asked for on the first page; the rest is shown as Temporal lists it. */
const ASKED_MODELS = 40;
const SEEN_EVIDENCE = 200;
const MAX_BODY_BYTES = 32_768;

const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // Not `no-referrer`: with it browsers send `Origin: null` along with our own form.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
} as const;

/** Paths anybody may ask for: they tell nothing about models. */
const OPEN_PATHS = new Set(['/healthz', STYLE_PATH]);

const decisionFormSchema = z.object({
  verdict: z.enum(['approve', 'reject']),
  reason: z.string().default(''),
  digest: z.string().regex(/^[0-9a-f]{1,128}$/),
  token: z.string().max(200),
});

/** The console without its socket. */
export function createConsole(deps: ConsoleDeps): FastifyInstance {
  const { backend, config } = deps;
  const now = deps.now ?? Date.now;
  const recognise = recognition(config.identification);
  const tokens = formTokens();
  const seen = new Map<string, Evidence>();

  const app = Fastify({
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_BODY_BYTES,
    routerOptions: { maxParamLength: 1_024 },
    forceCloseConnections: 'idle',
    // Such as an address with a broken escape: no hook of ours has run, so nothing is told but that.
    frameworkErrors: (error, _request, reply) => {
      reply.hijack();
      reply.raw
        .writeHead(statusIn(error) ?? 400, {
          ...SECURITY_HEADERS,
          'content-type': 'text/plain; charset=utf-8',
        })
        .end('This address cannot be read.\n');
    },
    requestTimeout: 30_000,
  });
  app.removeAllContentTypeParsers();
  void app.register(formbody, { bodyLimit: MAX_BODY_BYTES });
  app.decorateRequest('person', null);

  const viewOf = (request: FastifyRequest): View => ({
    nowMs: now(),
    person: request.person,
    webUi: config.webUi,
    namespace: config.namespace,
  });

  const show = (request: FastifyRequest, reply: FastifyReply, page: Page, data: unknown) =>
    wantsJson(request)
      ? reply.header('cache-control', 'no-store').send(data)
      : reply
          .header('cache-control', 'no-store')
          .type('text/html; charset=utf-8')
          .send(document(viewOf(request), page));

  const problem = (
    request: FastifyRequest,
    reply: FastifyReply,
    status: number,
    words: Parameters<typeof problemPage>[0],
  ) =>
    show(request, reply.code(status), problemPage(words), {
      error: { title: words.title, sentence: words.sentence, remedy: words.remedy },
    });

  app.addHook('onRequest', async (request, reply) => {
    void reply.headers(SECURITY_HEADERS);
    if (OPEN_PATHS.has(pathOf(request))) return;
    const who = recognise({
      remoteAddress: request.socket.remoteAddress,
      headers: request.headers,
    });
    if (who.kind === 'person') {
      request.person = who.person;
      return;
    }
    deps.log.warn({ from: request.socket.remoteAddress, path: pathOf(request) }, who.reason);
    await problem(request, reply, who.status, {
      title: who.status === 401 ? 'Who are you?' : 'Not from here',
      sentence: who.reason,
      remedy: null,
      refreshSeconds: null,
    });
  });

  app.setNotFoundHandler((request, reply) =>
    problem(request, reply, 404, {
      title: 'There is no such page',
      sentence: `nothing is kept under ${pathOf(request)}`,
      remedy: null,
      refreshSeconds: null,
    }),
  );

  app.setErrorHandler((error, request, reply) => {
    if (error instanceof ModelkeeperError) {
      if (error.code === 'not-found') {
        return problem(request, reply, 404, {
          title: 'Not found',
          sentence: error.message,
          remedy: null,
          refreshSeconds: null,
        });
      }
      return problem(request, reply.header('retry-after', '5'), 503, away(error, backend));
    }
    const status = statusIn(error);
    if (status !== undefined) {
      return problem(request, reply, status, {
        title: 'That did not arrive as it should',
        sentence: messageOf(error),
        remedy: 'Go back, load the page again and repeat what you did.',
        refreshSeconds: null,
      });
    }
    deps.log.error({ err: error, requestId: request.id, path: pathOf(request) }, 'a page failed');
    return problem(request, reply, 500, {
      title: 'Something broke in the console',
      sentence: `this page could not be made. The console's log says why, under request ${request.id}`,
      remedy: 'The models are not touched by this: their work goes on in Temporal.',
      refreshSeconds: null,
    });
  });

  app.get('/healthz', () => ({ status: 'ok', temporal: backend.connection().kind }));

  app.get(STYLE_PATH, (_request, reply) =>
    reply.header('cache-control', 'max-age=300').type('text/css; charset=utf-8').send(STYLE),
  );

  const models = async (request: FastifyRequest, reply: FastifyReply) => {
    const lines = await backend.list();
    const views = await Promise.all(
      lines.map((line, index) =>
        index < ASKED_MODELS ? orNull(backend.status(line.model)) : Promise.resolve(null),
      ),
    );
    const matter = lines.map((line, index) => ({ line, view: views[index] ?? null }));
    return show(request, reply, modelsPage(viewOf(request), matter), { models: matter });
  };
  app.get('/', models);
  app.get('/models', models);

  app.get('/models/:model', async (request, reply) => {
    const { model } = modelIn(request);
    const [view, releases, why] = await Promise.all([
      backend.status(model),
      orNull(backend.releases(model)),
      orNull(backend.why(model)),
    ]);
    const headNumber = view.keeper?.ledgerHead.number ?? null;
    const ledger = headNumber === null ? null : await orNull(backend.ledger(model, headNumber));
    const matter = { model: view, releases, why, ledger };
    return show(request, reply, modelPage(viewOf(request), matter), matter);
  });

  app.get('/models/:model/releases/:release', async (request, reply) => {
    const { model, release } = releaseIn(request);
    const matter = await backend.releaseStatus(model, release);
    return show(request, reply, releasePage(viewOf(request), matter), matter);
  });

  app.get(
    '/models/:model/releases/:release/windows/:window/columns/:file',
    async (request, reply) => {
      const { model, release } = releaseIn(request);
      const { window, file } = request.params as { readonly window: string; readonly file: string };
      const { status } = await backend.releaseStatus(model, release);
      const uri =
        status?.trigger.windows[/^\d{1,3}$/.test(window) ? Number(window) : -1]?.reportUri;
      // Addresses come from the workflow, never from the request.
      const report = uri === undefined ? null : await backend.readReport(model, uri);
      const column = columnIn(report, file.replace(/\.svg$/, ''));
      return picture(reply, column === undefined ? undefined : await deps.drawColumn(column));
    },
  );

  app.get('/models/:model/releases/:release/evaluation/:file', async (request, reply) => {
    const { model, release } = releaseIn(request);
    const { file } = request.params as { readonly file: string };
    const { status } = await backend.releaseStatus(model, release);
    const uri = status?.evaluation?.reportUri;
    const report = uri === undefined ? null : await backend.readReport(model, uri);
    return picture(reply, await deps.drawEvaluation(report, file.replace(/\.svg$/, '')));
  });

  app.get('/models/:model/windows/:file', async (request, reply) => {
    const { model } = modelIn(request);
    const { file } = request.params as { readonly file: string };
    const { keeper } = await backend.status(model);
    const windows = keeper?.windows ?? {};
    const source = file.replace(/\.svg$/, '');
    const own = Object.hasOwn(windows, source) ? windows[source] : undefined;
    if (own === undefined) return picture(reply, undefined);
    // What cannot be read, or not in time, is left out: the keeper remembers the latest windows.
    const history = (await orNull(backend.windowHistory(model, source))) ?? { windows: [] };
    const known = { ...history, windows: joined(history.windows, own) };
    return picture(reply, await deps.drawWindows(known), 60);
  });

  const approval = async (
    request: FastifyRequest,
    reply: FastifyReply,
    refusal: (ApprovalMatter['refusal'] & { readonly seenDigest: string }) | null,
  ) => {
    const { model, release } = releaseIn(request);
    const [view, asked] = await Promise.all([
      backend.releaseStatus(model, release),
      backend.approvalRequest(model, release),
    ]);
    const binding = bindingOf(request, reply);
    const before = refusal === null ? undefined : seen.get(refusal.seenDigest);
    const matter: ApprovalMatter = {
      release: view,
      request: asked,
      token: tokens.issue(binding),
      refusal:
        refusal === null
          ? null
          : {
              ...refusal,
              changed:
                before === undefined || asked === null ? [] : changedParts(before, asked.evidence),
            },
    };
    if (asked !== null) remember(seen, asked.digest, asked.evidence);
    return show(request, reply, approvalPage(viewOf(request), matter), {
      release: view,
      request: asked,
      ...(refusal === null ? {} : { refusal: { sentence: refusal.sentence } }),
    });
  };

  app.get('/models/:model/releases/:release/approve', (request, reply) =>
    approval(request, reply, null),
  );

  app.post('/models/:model/releases/:release/approve', async (request, reply) => {
    const { model, release } = releaseIn(request);
    const { person } = request;
    const foreign = (sentence: string) =>
      problem(request, reply, 403, {
        title: 'This decision was not taken',
        sentence,
        remedy: 'Open the approval page itself and decide there.',
        refreshSeconds: null,
      });
    if (
      person === null ||
      !comesFromOwnPage(ownHeaders(request), originsOf(request.headers.host, config.publicOrigin))
    )
      return foreign('it was not sent by a page of this console');

    const form = decisionFormSchema.safeParse(request.body);
    if (!form.success) {
      return problem(request, reply, 400, {
        title: 'This decision was not taken',
        sentence: 'the form did not arrive whole',
        remedy: 'Open the approval page again and decide there.',
        refreshSeconds: null,
      });
    }
    const { verdict, digest, token } = form.data;
    const reason = form.data.reason.replaceAll('\r\n', '\n').trim();
    const refuse = (status: number, sentence: string) =>
      approval(request, reply.code(status), {
        sentence,
        changed: [],
        reason: reason.slice(0, MAX_REASON),
        seenDigest: digest,
      });

    const nonce = tokens.check(token, bindingOf(request, reply));
    if (nonce === undefined)
      return refuse(
        403,
        'the page is from before the console was started, or from another browser or person: read it again and decide',
      );
    if (reason.length > MAX_REASON)
      return refuse(422, `the reason is longer than ${String(MAX_REASON)} characters`);
    if (verdict === 'reject' && reason === '') return refuse(422, 'a rejection needs a reason');

    const { caller } = person;
    // The same form sent twice is one decision; another verdict or reason from it is another.
    const updateId = `console-${sha256([nonce, verdict, reason, digest])}`;
    const reply_ = await backend
      .decide(
        model,
        release,
        { verdict, reason, digest, ...caller },
        { updateId, timeoutMs: 20_000 },
      )
      .catch(endedMeanwhile);
    deps.log.info(
      { model, release, verdict, person: person.name, outcome: reply_.kind },
      'a decision was handed in',
    );
    if (reply_.kind === 'refused') return refuse(409, reply_.reason);
    return reply.redirect(approvePath(model, release), 303);
  });

  /** Ties forms to the browser they were shown in; gives the browser its cookie when it has none. */
  function bindingOf(request: FastifyRequest, reply: FastifyReply): Binding {
    let browser = browserCookie(request.headers.cookie);
    if (browser === undefined) {
      browser = newBrowserCookie();
      void reply.header('set-cookie', cookieHeader(browser, config.publicOrigin));
    }
    return {
      person: JSON.stringify(request.person?.caller.proof),
      path: pathOf(request),
      browser,
    };
  }

  return app;
}

/** `undefined` after a while, or when it fails: for what a page can do without. */
async function orNull<Value>(reading: Promise<Value>): Promise<Value | null> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<null>((resolve) => {
    timer = setTimeout(() => {
      resolve(null);
    }, PATIENCE_MS);
  });
  try {
    return await Promise.race([reading, patience]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

function away(error: ModelkeeperError, backend: ConsoleBackend): Parameters<typeof problemPage>[0] {
  const connecting = backend.connection().kind === 'connecting';
  return {
    title: connecting
      ? 'Connecting to Temporal'
      : error.code === 'no-worker'
        ? 'No worker is running'
        : error.code === 'timed-out'
          ? 'No answer in time'
          : 'Temporal is out of reach',
    sentence: error.message,
    remedy:
      'Nothing is lost: what was under way is kept in Temporal and goes on. This page asks again by itself.',
    refreshSeconds: connecting ? 2 : 5,
  };
}

/** A release that has ended takes no decision: that is an answer to the person, not a missing page. */
function endedMeanwhile(error: unknown): { readonly kind: 'refused'; readonly reason: string } {
  if (error instanceof ModelkeeperError && error.code === 'not-found')
    return { kind: 'refused', reason: error.message };
  throw error;
}

function modelIn(request: FastifyRequest): { readonly model: string } {
  const { model } = request.params as { readonly model: string };
  if (!MODEL_NAME.test(model))
    throw new ModelkeeperError('not-found', `'${model}' is not the name of a model`);
  return { model };
}

function releaseIn(request: FastifyRequest): { readonly model: string; readonly release: number } {
  const { model } = modelIn(request);
  const { release } = request.params as { readonly release: string };
  if (!/^[1-9]\d{0,8}$/.test(release))
    throw new ModelkeeperError('not-found', `'${release}' is not the number of a release`);
  return { model, release: Number(release) };
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '/';
}

function wantsJson(request: FastifyRequest): boolean {
  return (request.query as { readonly format?: unknown } | undefined)?.format === 'json';
}

function ownHeaders(request: FastifyRequest): Parameters<typeof comesFromOwnPage>[0] {
  const site = request.headers['sec-fetch-site'];
  return {
    origin: request.headers.origin,
    referer: request.headers.referer,
    'sec-fetch-site': Array.isArray(site) ? site.join() : site,
  };
}

/** Status of what Fastify itself refused: body too large, media type, malformed URL. */
function statusIn(error: unknown): number | undefined {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}

function remember(seen: Map<string, Evidence>, digest: string, evidence: Evidence): void {
  seen.delete(digest);
  seen.set(digest, evidence);
  const [oldest] = seen.keys();
  if (seen.size > SEEN_EVIDENCE && oldest !== undefined) seen.delete(oldest);
}

function sha256(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** @throws {ModelkeeperError} when there is nothing to show */
function picture(reply: FastifyReply, svg: string | undefined, seconds = 3_600): FastifyReply {
  if (svg === undefined) throw new ModelkeeperError('not-found', 'there is no such picture');
  return reply
    .header('cache-control', `private, max-age=${String(seconds)}`)
    .type('image/svg+xml')
    .send(svg);
}
