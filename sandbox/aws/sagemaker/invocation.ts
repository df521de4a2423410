/**
 * Requests and answers of SageMaker's runtime, and what both kinds of invocation read of the headers; those are checked by
 * AWS's model before.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { AwsError } from '../kernel.js';

export interface InvocationRequest {
  readonly endpointName: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface InvocationResponse {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

export function validationError(message: string): AwsError {
  return new AwsError('ValidationError', message, 400);
}

/** A whole number in a header. */
export function numberOf(headers: IncomingHttpHeaders, name: string): number | undefined {
  const text = header(headers, name);
  return text === undefined ? undefined : Number(text);
}

export function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
