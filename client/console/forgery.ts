/** What keeps a page elsewhere from pressing our buttons. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export interface PostHeaders {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly referer?: string | undefined;
  readonly 'sec-fetch-site'?: string | undefined;
}

/**
 * Whether a POST comes from a page of this console: every one of `Sec-Fetch-Site` and `Origin` that is there must
 * say so; without both `Referer` must; without all three it is refused.
 *
 * @param ownOrigins origins people reach the console at; compared with the address of the page that posts
 */
export function comesFromOwnPage(headers: PostHeaders, ownOrigins: readonly string[]): boolean {
  const site = headers['sec-fetch-site'];
  const { origin, referer } = headers;
  if (site !== undefined && site !== 'same-origin') return false;
  if (origin !== undefined) return ownOrigins.includes(origin.toLowerCase());
  if (site !== undefined) return true;
  return (
    referer !== undefined && URL.canParse(referer) && ownOrigins.includes(new URL(referer).origin)
  );
}

/** Origins under which a request with this `Host` was made; a proxy's TLS cannot be seen from here. */
export function originsOf(
  host: string | undefined,
  publicOrigin: string | null,
): readonly string[] {
  if (publicOrigin !== null) return [publicOrigin];
  return host === undefined
    ? []
    : [`http://${host.toLowerCase()}`, `https://${host.toLowerCase()}`];
}

export interface FormTokens {
  /** A token for one form on one page, for one person and browser. */
  issue(binding: Binding): string;
  /** The token's nonce, which names the form that was filled in; `undefined` for a token that is not ours. */
  check(token: string, binding: Binding): string | undefined;
}

export interface Binding {
  readonly person: string;
  readonly path: string;
  /** The browser's random cookie. */
  readonly browser: string;
}

/** Tokens are `<nonce>.<hmac>`; the secret dies with the process, so forms shown before a restart are shown again. */
export function formTokens(secret: Buffer = randomBytes(32)): FormTokens {
  const seal = (nonce: string, { person, path, browser }: Binding): string =>
    createHmac('sha256', secret)
      .update(JSON.stringify([nonce, person, path, browser]))
      .digest('base64url');
  return {
    issue(binding) {
      const nonce = randomBytes(12).toString('base64url');
      return `${nonce}.${seal(nonce, binding)}`;
    },
    check(token, binding) {
      const [nonce = '', given = '', ...more] = token.split('.');
      if (more.length > 0) return undefined;
      const wanted = Buffer.from(seal(nonce, binding));
      const got = Buffer.from(given);
      return got.length === wanted.length && timingSafeEqual(got, wanted) ? nonce : undefined;
    },
  };
}

export const BROWSER_COOKIE = 'modelkeeper-form';

/** The browser's cookie as it stands in the `Cookie` header; `undefined` when there is none of ours. */
export function browserCookie(header: string | undefined): string | undefined {
  const pair = (header ?? '')
    .split(';')
    .map((text) => text.trim())
    .find((text) => text.startsWith(`${BROWSER_COOKIE}=`));
  const value = pair?.slice(BROWSER_COOKIE.length + 1);
  return value !== undefined && /^[A-Za-z0-9_-]{22}$/.test(value) ? value : undefined;
}

export function newBrowserCookie(): string {
  return randomBytes(16).toString('base64url');
}

/** Not sent along with requests that other sites cause, out of reach of scripts, and over TLS only where there is TLS. */
export function cookieHeader(value: string, publicOrigin: string | null): string {
  const secure = publicOrigin?.startsWith('https:') === true ? '; Secure' : '';
  return `${BROWSER_COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict${secure}`;
}
