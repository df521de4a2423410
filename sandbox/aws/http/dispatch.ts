import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { AwsError } from '../kernel.js';
import { actionOf } from '../iam/actions.js';
import type { CallInfo, Fault, Kernel, RuntimeHandler, Service } from '../kernel.js';
import type { Calls } from '../kernel/calls.js';
import type { Faults } from '../kernel/faults.js';
import { checkInput, faultsOfAnswer, inputOfForm, structureOfHeaders } from '../model/check.js';
import type { OpenPlace, Places } from '../places.js';
import type { Identities, Identity } from '../sts/identities.js';
import { detected } from '../validate.js';
import { readBody, send, signedBy } from './answer.js';
import type { Answer } from './answer.js';
import { cborCodec, parseRpcPath } from './cbor-protocol.js';
import { jsonCodec, jsonError, parseTarget } from './json-protocol.js';
import type { RpcCodec } from './json-protocol.js';
import { queryAnswer, queryError } from './query-protocol.js';
import { marked, unmarked } from './tokens.js';

/** The S3 side: names the operation before the body is read, then performs it. */
export interface RestService {
  operationOf(request: IncomingMessage, url: URL): string;
  handle(request: IncomingMessage, url: URL, operation: string, call: CallInfo): Promise<Answer>;
  errorAnswer(error: AwsError, request: IncomingMessage, requestId: string): Answer;
}

export interface DispatchParts {
  readonly kernel: Kernel;
  readonly faults: Faults;
  readonly calls: Calls;
  readonly identities: Identities;
  readonly places: Places;
  readonly s3: RestService;
  readonly runtime: RuntimeHandler | undefined;
  /** Answers `/_sandbox/*` with the pages of a place. */
  readonly admin: (request: IncomingMessage, url: URL, place: OpenPlace) => Promise<Answer>;
  /** Refuses members that AWS's model does not have, and fails on an answer that is not as AWS's. */
  readonly strict: boolean;
}

/** A call with all that is known of its caller. */
interface Signed extends CallInfo {
  readonly caller: Identity;
}

interface Work {
  /** `SageMaker.UpdateEndpoint` */
  readonly operation: string;
  /** Searched by a fault's `match`, and kept in the call log. */
  readonly input: string;
  readonly perform: () => Promise<Answer>;
  readonly errorAnswer: (error: AwsError) => Answer;
}

/** Of a fault `delay` that does not say: longer than a person waits, shorter than most time-outs. */
const DEFAULT_DELAY_MS = 5_000;

/** Sentences of which each is said once; a caller that errs in ever new ways does not fill the memory. */
const MOST_SAID = 1_000;

/** Takes an HTTP request to the service it is for, in that service's protocol. */
export class Dispatcher {
  private readonly said = new Set<string>();

  constructor(private readonly parts: DispatchParts) {}

  /** Answers every request, whatever happens; what is nobody's fault but ours is logged. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const hangUp = new AbortController();
    response.once('close', () => {
      hangUp.abort(OVER); // A reason of its own spares a stack trace for each request.
    });
    const requestId = randomUUID();
    const { signal } = hangUp;
    try {
      const url = new URL(`http://sandbox/${(request.url ?? '').replace(/^\//, '')}`);
      const { accessKeyId, region = this.parts.places.home.region } = signedBy(
        request,
        url.searchParams,
      );
      const caller = this.parts.identities.of(accessKeyId);
      const call: Signed = { requestId, accessKeyId, caller, region, signal };
      await this.route(request, response, url, call);
    } catch (error) {
      if (!signal.aborted) this.parts.kernel.log(`request failed: ${describe(error)}`);
      response.destroy();
    }
  }

  private async route(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    call: Signed,
  ): Promise<void> {
    if (url.pathname.startsWith('/_sandbox')) {
      const { home } = this.parts.places;
      const place = this.parts.places.known({
        accountId: url.searchParams.get('account') ?? home.accountId,
        region: url.searchParams.get('region') ?? home.region,
      });
      if (place === undefined) {
        response.writeHead(404).end('Nothing was ever done in that account and Region.');
        return;
      }
      await send(response, await this.parts.admin(request, url, place));
      return;
    }
    const target = request.headers['x-amz-target'];
    if (typeof target === 'string') {
      const codec = jsonCodec(request.headers['content-type'] ?? 'application/x-amz-json-1.1');
      const named = parseTarget(target) ?? { target: 'Unknown', operation: target };
      await this.perform(request, response, await this.rpcWork(request, named, codec, call), call);
    } else if (request.headers['smithy-protocol'] === 'rpc-v2-cbor') {
      const named = parseRpcPath(url.pathname) ?? { target: 'Unknown', operation: url.pathname };
      const work = await this.rpcWork(request, named, cborCodec, call);
      await this.perform(request, response, work, call);
    } else if (isQueryCall(request, url)) {
      await this.perform(request, response, await this.queryWork(request, url, call), call);
    } else if (request.method === 'POST' && INVOCATION.test(url.pathname)) {
      await this.perform(request, response, this.runtimeWork(request, url, call), call);
    } else {
      await this.perform(request, response, this.restWork(request, url, call), call);
    }
  }

  private async perform(
    request: IncomingMessage,
    response: ServerResponse,
    work: Work,
    call: Signed,
  ): Promise<void> {
    const fault = this.parts.faults.takeForCall(work.operation, work.input);
    if (fault?.kind === 'time-out') {
      this.parts.calls.record(work.operation, 'time-out', work.input, call.caller.arn);
      request.resume();
      await aborted(call.signal);
      response.destroy();
      return;
    }
    const answer = await this.answer(work, fault, call);
    if (fault?.kind === 'delay') await later(fault.delayMs ?? DEFAULT_DELAY_MS, call.signal);
    if (fault?.kind === 'lost answer' || call.signal.aborted) response.destroy();
    else await send(response, answer);
    request.resume();
  }

  private async answer(work: Work, fault: Fault | undefined, call: Signed): Promise<Answer> {
    let outcome = 'ok';
    try {
      const injected = fault === undefined ? undefined : injectedError(fault, work.operation);
      if (injected !== undefined) throw injected;
      const { caller } = call;
      if (caller.ended) throw endedSession(work.operation);
      const action = actionOf(work.operation);
      if (this.parts.identities.denies(caller.arn, action))
        throw accessDenied(work.operation, caller.arn, action);
      return await work.perform();
    } catch (error) {
      const known = this.known(error, work.operation, call);
      outcome = known.name;
      return work.errorAnswer(known);
    } finally {
      this.parts.calls.record(work.operation, outcome, work.input, call.caller.arn);
    }
  }

  /** Where a call is for: the account of its caller, and the Region it is signed for. */
  private placeOf({ caller: { accountId }, region }: Signed): OpenPlace {
    const { home } = this.parts.places;
    return this.parts.places.at({
      accountId: /^\d{12}$/.test(accountId) ? accountId : home.accountId,
      region,
    });
  }

  /** Whoever visits a link has signed nothing: the ARN in it says where it leads. */
  private placeLinked(form: ReadonlyMap<string, string>): OpenPlace {
    const arn = form.get('TopicArn') ?? form.get('SubscriptionArn') ?? '';
    const [, , , region = '', accountId = ''] = arn.split(':');
    return this.parts.places.known({ accountId, region }) ?? this.home;
  }

  private get home(): OpenPlace {
    return this.parts.places.at(this.parts.places.home);
  }

  private known(error: unknown, operation: string, call: Signed): AwsError {
    if (error instanceof AwsError) return error;
    if (!call.signal.aborted) this.parts.kernel.log(`${operation}: ${describe(error)}`);
    return new AwsError(
      'InternalFailure',
      'The sandbox failed while it worked on this request; its log says why.',
      500,
    );
  }

  /** AWS ignores members it does not know; so does the sandbox, but it says so once, for it is often a slip. */
  private checkRequest(
    target: string,
    operation: string,
    input: unknown,
    service: Service | undefined,
  ): void {
    const unknown = checkInput(target, operation, input, service?.complain);
    for (const member of unknown) {
      const sentence = `${target}.${operation}: AWS knows no member '${member}'`;
      if (this.parts.strict) throw new AwsError('SerializationException', sentence);
      this.sayOnce(`${sentence}; it is ignored`);
    }
  }

  private checkAnswer(target: string, operation: string, answer: unknown, query: boolean): void {
    const faults = faultsOfAnswer(target, operation, answer, query);
    if (faults.length === 0) return;
    const sentence = `${target}.${operation}: the sandbox's answer is not as AWS's: ${faults.join('; ')}`;
    if (this.parts.strict) throw new Error(sentence);
    this.sayOnce(sentence);
  }

  private sayOnce(sentence: string): void {
    if (this.said.size >= MOST_SAID || this.said.has(sentence)) return;
    this.said.add(sentence);
    this.parts.kernel.log(sentence);
  }

  private async rpcWork(
    request: IncomingMessage,
    { target, operation }: { readonly target: string; readonly operation: string },
    codec: RpcCodec,
    call: Signed,
  ): Promise<Work> {
    const { name } = this.home.byTarget.get(target) ?? {};
    const input = await readInput(request, codec);
    return {
      operation: `${name ?? target}.${operation}`,
      input: input instanceof AwsError ? '' : JSON.stringify(input),
      perform: async () => {
        const service = this.placeOf(call).byTarget.get(target);
        const handler =
          service?.operations === undefined ? undefined : own(service.operations, operation);
        if (handler === undefined) {
          throw new AwsError(
            'UnknownOperationException',
            `The sandbox does not know the operation ${target}.${operation}.`,
          );
        }
        if (input instanceof AwsError) throw input;
        this.checkRequest(target, operation, input, service);
        const of = `${target}.${operation}`;
        const result = marked(of, await handler(unmarked(of, input), call));
        this.checkAnswer(target, operation, result, false);
        return codec.answer(result, call.requestId);
      },
      errorAnswer: (error) => codec.error(error, call.requestId),
    };
  }

  private async queryWork(request: IncomingMessage, url: URL, call: Signed): Promise<Work> {
    const isLink = request.method === 'GET';
    const body = isLink ? Buffer.alloc(0) : await tryRead(request);
    const text = body instanceof AwsError ? '' : body.toString('utf8');
    const form = new Map(isLink ? url.searchParams : new URLSearchParams(text));
    const action = form.get('Action') ?? '';
    // The links in messages of SNS name no version.
    const version = form.get('Version') ?? (isLink ? SNS_VERSION : '');
    const known = this.home.byVersion.get(version);
    const namespace = known?.query.namespace ?? `http://webservices.amazon.com/AWSFault/2005-15-09`;
    return {
      operation: `${known?.service.name ?? 'Unknown'}.${action}`,
      input: [...form].map(([key, value]) => `${key}=${value}`).join('&'),
      perform: async () => {
        if (body instanceof AwsError) throw body;
        const place = WITHOUT_REGION.has(version)
          ? this.home
          : isLink
            ? this.placeLinked(form)
            : this.placeOf(call);
        const found = place.byVersion.get(version);
        const handler = found === undefined ? undefined : own(found.query.operations, action);
        if (handler === undefined) {
          throw new AwsError(
            'InvalidAction',
            `Could not find operation ${action} for version ${version}`,
          );
        }
        const target = found?.service.name ?? '';
        this.checkRequest(target, action, inputOfForm(target, action, form), found?.service);
        const of = `${target}.${action}`;
        const { NextToken } = unmarked(of, { NextToken: form.get('NextToken') });
        const sound =
          typeof NextToken === 'string' ? new Map(form).set('NextToken', NextToken) : form;
        const result = marked(of, await handler(sound, call));
        this.checkAnswer(target, action, result, true);
        return queryAnswer(action, namespace, result, call.requestId);
      },
      errorAnswer: (error) => queryError(error, namespace, call.requestId),
    };
  }

  private runtimeWork(request: IncomingMessage, url: URL, call: Signed): Work {
    const [, , encodedName = '', kind] = url.pathname.split('/');
    const invoked = kind === 'invocations' ? 'InvokeEndpoint' : 'InvokeEndpointAsync';
    const endpointName = decodedOr(encodedName, encodedName);
    const { runtime } = this.parts;
    return {
      operation: `SageMakerRuntime.${invoked}`,
      input: endpointName,
      perform: async () => {
        if (runtime === undefined) {
          throw new AwsError(
            'UnknownOperationException',
            'This sandbox runs without SageMaker.',
            404,
          );
        }
        const { kernel } = this.placeOf(call);
        const { headers } = request;
        const rest = { EndpointName: endpointName, Body: '' };
        const input = structureOfHeaders(RUNTIME, invoked, 'input', headers, rest);
        checkInput(RUNTIME, invoked, input, detected('ValidationError'));
        const body = await readBody(request);
        const answer = await runtime(kernel, { operation: invoked, endpointName, headers, body });
        if (answer.status < 300) {
          const told = invoked === 'InvokeEndpoint' ? { Body: '' } : {};
          const output = structureOfHeaders(RUNTIME, invoked, 'output', answer.headers, told);
          this.checkAnswer(RUNTIME, invoked, output, false);
        }
        return { ...answer, headers: { 'x-amzn-requestid': call.requestId, ...answer.headers } };
      },
      errorAnswer: (error) => jsonError(error, 'application/json', call.requestId),
    };
  }

  private restWork(request: IncomingMessage, url: URL, call: Signed): Work {
    const operation = this.parts.s3.operationOf(request, url);
    return {
      operation: `S3.${operation}`,
      input: `${request.method ?? ''} ${request.url ?? ''}`,
      perform: () => this.parts.s3.handle(request, url, operation, call),
      errorAnswer: (error) => this.parts.s3.errorAnswer(error, request, call.requestId),
    };
  }
}

const RUNTIME = 'SageMakerRuntime';
const INVOCATION = /^\/endpoints\/[^/]+\/(?:async-)?invocations$/;
/** The connection is closed. */
const OVER = 'closed';
const SNS_VERSION = '2010-03-31';
/** STS and IAM: who somebody is does not depend on account and Region. */
const WITHOUT_REGION = new Set(['2011-06-15', '2010-05-08']);
/** What messages of SNS have links to: nothing else is done for a mere visit. */
const LINKED = new Set(['ConfirmSubscription', 'Unsubscribe']);

/** A form at the root: an object of S3 may be of this type too, and curl says it of every body. Or a link of SNS's. */
function isQueryCall(request: IncomingMessage, url: URL): boolean {
  if (request.method === 'GET')
    return url.pathname === '/' && LINKED.has(url.searchParams.get('Action') ?? '');
  const type = request.headers['content-type'] ?? '';
  return (
    request.method === 'POST' &&
    url.pathname === '/' &&
    type.startsWith('application/x-www-form-urlencoded')
  );
}

/** The body, or the error that reading it ended in: it is answered in the caller's protocol. */
async function tryRead(request: IncomingMessage): Promise<Buffer | AwsError> {
  try {
    return await readBody(request);
  } catch (error) {
    if (error instanceof AwsError) return error;
    throw error;
  }
}

async function readInput(
  request: IncomingMessage,
  codec: RpcCodec,
): Promise<Record<string, unknown> | AwsError> {
  const body = await tryRead(request);
  if (body instanceof AwsError) return body;
  try {
    return codec.input(body);
  } catch (error) {
    if (error instanceof AwsError) return error;
    throw error;
  }
}

function injectedError(fault: Fault, operation: string): AwsError | undefined {
  if (fault.kind === 'throttle') return throttled(fault, operation);
  if (fault.kind !== 'error') return undefined;
  const name = fault.errorName ?? 'InternalFailure';
  const status =
    fault.status ??
    (/^Internal|Unavailable/.test(name) ? 500 : /^AccessDenied/.test(name) ? 403 : 400);
  return new AwsError(name, fault.message ?? `Injected by the sandbox: ${name}`, status);
}

function accessDenied(operation: string, caller: string, action: string): AwsError {
  const message = `User: ${caller} is not authorized to perform: ${action} with an explicit deny in an identity-based policy`;
  if (operation.startsWith('S3.')) return new AwsError('AccessDenied', message, 403);
  if (operation.startsWith('SNS.')) return new AwsError('AuthorizationError', message, 403);
  const name = /^(CloudWatch|STS|IAM)\./.test(operation) ? 'AccessDenied' : 'AccessDeniedException';
  return new AwsError(
    name,
    message,
    /^(SageMaker|EventBridge|ServiceQuotas)/.test(operation) ? 400 : 403,
  );
}

/** Each service has its own word for credentials that have ended. */
function endedSession(operation: string): AwsError {
  if (operation.startsWith('S3.'))
    return new AwsError('ExpiredToken', 'The provided token has expired.', 400);
  const name = /^(SNS|STS)\./.test(operation) ? 'ExpiredToken' : 'ExpiredTokenException';
  return new AwsError(name, 'The security token included in the request is expired', 403);
}

/** Each service has its own word for "too fast". */
function throttled(fault: Fault, operation: string): AwsError {
  if (operation.startsWith('S3.'))
    return new AwsError('SlowDown', fault.message ?? 'Please reduce your request rate.', 503);
  const name = /^(SNS|CloudWatch|STS)\./.test(operation) ? 'Throttling' : 'ThrottlingException';
  return new AwsError(name, fault.message ?? 'Rate exceeded', fault.status ?? 400);
}

/** Ends early when the caller hangs up or the server closes. */
async function later(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(ms, undefined, { signal });
  } catch {
    // Nobody waits for the answer any more.
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}

function decodedOr(text: string, otherwise: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return otherwise;
  }
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
