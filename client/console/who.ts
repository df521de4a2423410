import { BlockList, isIP } from 'node:net';

import type { Proof } from '../../domain/people.js';
import type { Caller } from '../replies.js';
import type { Identification } from './config.js';

/** What of a request says who sent it. */
export interface Approach {
  /** Address of the other end of the socket, never of a header. */
  readonly remoteAddress: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export type Recognition =
  | { readonly kind: 'person'; readonly person: Person }
  | { readonly kind: 'refused'; readonly status: 400 | 401 | 403; readonly reason: string };

export interface Person {
  readonly caller: Caller;
  /** `ada`, `grace@example.com`. */
  readonly name: string;
  /** How the console knows, in words for the page. */
  readonly known: string;
}

/** Makes the rule that says who is there; nobody types who they are. */
export function recognition(identification: Identification): (approach: Approach) => Recognition {
  return identification.kind === 'os-user'
    ? recogniseOsUser(identification.user)
    : recogniseThroughProxy(identification.header, identification.addresses);
}

/**
 * On loopback the person is who runs the console. A page elsewhere could point a name of its own at 127.0.0.1 (DNS
 * rebinding), so the `Host` must be a name of loopback.
 */
function recogniseOsUser(user: string): (approach: Approach) => Recognition {
  const person: Person = {
    caller: { door: 'console', proof: { kind: 'os-user', user } },
    name: user,
    known: 'the operating-system user that runs this console',
  };
  return ({ headers }) => {
    const host = single(headers['host']);
    if (host === undefined || !/^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i.test(host)) {
      return {
        kind: 'refused',
        status: 403,
        reason:
          'this console answers to localhost, 127.0.0.1 and [::1] only. Open it under one of these names',
      };
    }
    return { kind: 'person', person };
  };
}

function recogniseThroughProxy(
  header: string,
  addresses: readonly string[],
): (approach: Approach) => Recognition {
  const allowed = new BlockList();
  for (const entry of addresses) {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) allowed.addAddress(address, family);
    else allowed.addSubnet(address, Number(bits), family);
  }
  return ({ remoteAddress, headers }) => {
    const family = isIP(remoteAddress ?? '');
    if (
      remoteAddress === undefined ||
      family === 0 ||
      !allowed.check(remoteAddress, family === 6 ? 'ipv6' : 'ipv4')
    ) {
      return {
        kind: 'refused',
        status: 403,
        reason:
          'this console is reached through its authenticating proxy only, and you came another way',
      };
    }
    const value = headers[header];
    const name = single(value)?.trim().toLowerCase() ?? '';
    if (name === '') {
      return {
        kind: 'refused',
        status: 401,
        reason: `the proxy did not say who you are: the header ${header} is missing`,
      };
    }
    // Two values, or a list: somebody added one of their own and the proxy did not remove it.
    if (Array.isArray(value) || !/^[^\s,;<>"]{1,254}$/.test(name)) {
      return {
        kind: 'refused',
        status: 401,
        reason: `the header ${header} does not name one person`,
      };
    }
    const proof: Proof = { kind: 'proxy', person: name };
    return {
      kind: 'person',
      person: { caller: { door: 'console', proof }, name, known: 'as the proxy says' },
    };
  };
}

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
