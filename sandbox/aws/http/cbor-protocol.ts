import { AwsError } from '../kernel.js';
import { decodeCbor, encodeCbor } from './cbor.js';
import { jsonError } from './json-protocol.js';
import type { RpcCodec } from './json-protocol.js';

const HEADERS = { 'content-type': 'application/cbor', 'smithy-protocol': 'rpc-v2-cbor' };

/** `/service/GraniteServiceVersion20100801/operation/ListMetrics` → target and operation. */
export function parseRpcPath(pathname: string): { target: string; operation: string } | undefined {
  const match = /^\/service\/([^/]+)\/operation\/([^/]+)$/.exec(pathname);
  return match === null ? undefined : { target: match[1] ?? '', operation: match[2] ?? '' };
}

/** Smithy RPC v2 with CBOR, which most SDKs beside the one for JavaScript speak to CloudWatch. */
export const cborCodec: RpcCodec = {
  input: (body) => {
    const input = body.length === 0 ? {} : decoded(body);
    if (typeof input === 'object' && input !== null && !Array.isArray(input))
      return input as Record<string, unknown>;
    throw new AwsError('SerializationException', 'The request body is not a CBOR map.');
  },
  answer: (result, requestId) => ({
    status: 200,
    headers: { ...HEADERS, 'x-amzn-requestid': requestId },
    body: encodeCbor(result ?? {}, isInstant),
  }),
  error: (error, requestId) => {
    const { status, headers } = jsonError(error, HEADERS['content-type'], requestId);
    const body = encodeCbor({ __type: error.name, message: error.message }, isInstant);
    return { status, headers: { ...headers, ...HEADERS }, body };
  },
};

function decoded(body: Buffer): unknown {
  try {
    return decodeCbor(body);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new AwsError('SerializationException', `The request body is not CBOR: ${why}.`);
  }
}

/** CloudWatch writes an instant in no member of another name. */
function isInstant(member: string): boolean {
  return /(?:Timestamp|Timestamps)$/.test(member);
}
