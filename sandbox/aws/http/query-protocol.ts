import type { AwsError } from '../kernel.js';
import type { Answer } from './answer.js';
import { toXml } from './xml.js';

/** Arrays become `<Name><member>…</member></Name>`, as the Query protocol spells lists. */
export function members(items: readonly unknown[]): unknown {
  return { member: items };
}

/** `Prefix.entry.N.key`/`.value` pairs, and `Prefix.N.key` likewise. */
export function readEntries(
  form: ReadonlyMap<string, string>,
  prefix: string,
): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const [name, key] of form) {
    if (!name.startsWith(`${prefix}.`) || !name.endsWith('.key')) continue;
    entries.set(key, form.get(`${name.slice(0, -'key'.length)}value`) ?? '');
  }
  return entries;
}

export function queryAnswer(
  action: string,
  namespace: string,
  result: unknown,
  requestId: string,
): Answer {
  return xml(200, requestId, {
    [`${action}Response`]: {
      '@xmlns': namespace,
      [`${action}Result`]: result ?? '',
      ResponseMetadata: { RequestId: requestId },
    },
  });
}

export function queryError(error: AwsError, namespace: string, requestId: string): Answer {
  return xml(error.status, requestId, {
    ErrorResponse: {
      '@xmlns': namespace,
      Error: {
        Type: error.status >= 500 ? 'Receiver' : 'Sender',
        Code: error.code ?? error.name,
        Message: error.message,
      },
      RequestId: requestId,
    },
  });
}

function xml(
  status: number,
  requestId: string,
  document: Readonly<Record<string, unknown>>,
): Answer {
  return {
    status,
    headers: { 'content-type': 'text/xml', 'x-amzn-requestid': requestId },
    body: toXml(document),
  };
}
