import type { IncomingMessage } from 'node:http';
import { prettifyError, ZodError } from 'zod';
import { readBody } from './http/answer.js';
import type { Answer } from './http/answer.js';

/** A page below `/_sandbox`, by `GET /_sandbox/health` and the like. */
export type AdminPage = (body: unknown) => unknown;
export type AdminPages = Readonly<Record<string, AdminPage>>;

/** A page that is not JSON. */
export class Html {
  constructor(readonly text: string) {}
}

/** Answers `/_sandbox/*`. Only for this machine: a page of another origin cannot reach it. */
export function adminPages(
  own: AdminPages,
): (request: IncomingMessage, url: URL, place: { readonly pages: AdminPages }) => Promise<Answer> {
  return async (request, url, place) => {
    const pages = { ...own, ...place.pages };
    if (!isLocal(request)) return json(403, { message: 'Only local pages may ask the sandbox.' });
    const page = pages[`${request.method ?? 'GET'} ${url.pathname}`];
    if (page === undefined)
      return json(404, { message: 'No such page.', pages: Object.keys(pages) });
    try {
      const text = (await readBody(request)).toString('utf8');
      const result = page(text === '' ? undefined : JSON.parse(text));
      if (result instanceof Html) {
        return {
          status: 200,
          headers: { 'content-type': 'text/html; charset=utf-8' },
          body: result.text,
        };
      }
      return json(200, result ?? {});
    } catch (error) {
      if (error instanceof ZodError) return json(400, { message: prettifyError(error) });
      if (error instanceof SyntaxError) return json(400, { message: error.message });
      throw error;
    }
  };
}

function isLocal(request: IncomingMessage): boolean {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  const origin = request.headers.origin;
  const isLocalName = (name: string): boolean => ['127.0.0.1', 'localhost', '[::1]'].includes(name);
  if (!isLocalName(host)) return false;
  return origin === undefined || (URL.canParse(origin) && isLocalName(new URL(origin).hostname));
}

function json(status: number, value: unknown): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value, undefined, 2),
  };
}
