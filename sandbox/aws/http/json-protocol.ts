import { AwsError } from '../kernel.js';
import type { Answer } from './answer.js';

/** `SageMaker.DescribeEndpoint` → target and operation; `undefined` when it is no such header. */
export function parseTarget(header: string): { target: string; operation: string } | undefined {
  const dot = header.lastIndexOf('.');
  if (dot < 1) return undefined;
  return { target: header.slice(0, dot), operation: header.slice(dot + 1) };
}

/** @throws {AwsError} SerializationException when it is not a JSON object. */
export function parseInput(text: string): Record<string, unknown> {
  if (text === '') return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new AwsError('SerializationException', 'The request body is not a JSON object.');
  }
  return parsed as Record<string, unknown>;
}

export function jsonAnswer(result: unknown, contentType: string, requestId: string): Answer {
  return {
    status: 200,
    headers: { 'content-type': contentType, 'x-amzn-requestid': requestId },
    body: JSON.stringify(result ?? {}),
  };
}

/** How inputs and answers of an RPC protocol are written. */
export interface RpcCodec {
  /** @throws {AwsError} SerializationException */
  readonly input: (body: Buffer) => Record<string, unknown>;
  readonly answer: (result: unknown, requestId: string) => Answer;
  readonly error: (error: AwsError, requestId: string) => Answer;
}

/** awsJson1_0 and awsJson1_1: the answer is in the content type of the call. */
export function jsonCodec(contentType: string): RpcCodec {
  return {
    input: (body) => parseInput(body.toString('utf8')),
    answer: (result, requestId) => jsonAnswer(result, contentType, requestId),
    error: (error, requestId) => jsonError(error, contentType, requestId),
  };
}

/** Carries the query-compatible code in its header, as CloudWatch and SQS do. */
export function jsonError(error: AwsError, contentType: string, requestId: string): Answer {
  const side = error.status >= 500 ? 'Receiver' : 'Sender';
  return {
    status: error.status,
    headers: {
      'content-type': contentType,
      'x-amzn-requestid': requestId,
      'x-amzn-errortype': error.name,
      ...(error.code === undefined ? {} : { 'x-amzn-query-error': `${error.code};${side}` }),
    },
    body: JSON.stringify({ __type: error.name, message: error.message }),
  };
}
