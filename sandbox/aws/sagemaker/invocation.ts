/** Requests and answers of SageMaker's runtime, and what both kinds of invocation read of the headers. */
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

export function inferenceIdOf(headers: IncomingHttpHeaders): string | undefined {
  const id = header(headers, 'x-amzn-sagemaker-inference-id');
  if (id !== undefined && !/^[\x21-\x7e][\x20-\x7e]{0,63}$/.test(id)) {
    throw validationError(
      "Value at 'inferenceId' failed to satisfy constraint: 1 to 64 printable characters",
    );
  }
  return id;
}

/** A whole number in a header `X-Amzn-SageMaker-<Member>`. */
export function numberOf(
  headers: IncomingHttpHeaders,
  member: string,
  [min, max]: readonly [number, number],
): number | undefined {
  const text = header(headers, `x-amzn-sagemaker-${member.toLowerCase()}`);
  if (text === undefined) return undefined;
  const value = Number(text);
  const fault = !Number.isInteger(value)
    ? 'Member must be an integer'
    : value < min
      ? `Member must have value greater than or equal to ${min}`
      : value > max
        ? `Member must have value less than or equal to ${max}`
        : undefined;
  if (fault !== undefined)
    throw validationError(`Value '${text}' at '${member}' failed to satisfy constraint: ${fault}`);
  return value;
}

export function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
