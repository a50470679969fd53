import type { ConnectOptions } from '../connection/connect-options.ts';

/** Where and with which token to ask. */
export interface HttpAccess {
  /** The stream's, the present one first: `ws://host/prefix/v1/stream`. */
  readonly urls: readonly string[];
  readonly token: ConnectOptions['token'];
}

/** A time: ms since the Unix epoch, a `Date`, or RFC 3339. */
export type Time = number | Date | string;

interface Page {
  readonly items: readonly unknown[];
  /** Absent: the list has no pages. */
  readonly next?: string | null;
}

/** How often a page is asked for while the server says that it has too much to do. */
const ATTEMPTS = 5;
const RETRY_AFTER_SECONDS = 1;

/**
 * Reads a list of the server's HTTP API, page after page.
 *
 * @param path relative to the server's root, encoded
 * @throws Error if the server cannot be reached or refuses, with its reason
 */
export async function* readPages(
  access: HttpAccess,
  path: string,
  query: URLSearchParams,
): AsyncGenerator<unknown, undefined> {
  const [stream = ''] = access.urls;
  const server = new URL('..', stream.replace('ws', 'http'));
  for (;;) {
    const { items, next = null } = await readPage(access, `${server}${path}?${query}`);
    yield* items;
    if (next === null) return;
    query.set('after', next);
  }
}

async function readPage({ token }: HttpAccess, url: string): Promise<Page> {
  for (let attempt = 1; ; attempt++) {
    const bearer = typeof token === 'function' ? await token() : token;
    const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
    const response = await fetch(url, { headers });
    if (response.ok) return (await response.json()) as Page;
    const isBusy = response.status === 429 || response.status === 503;
    if (!isBusy || attempt === ATTEMPTS) throw await refusal(response);
    // Pages of other origins cannot see the header.
    const seconds = Number(response.headers.get('retry-after') ?? RETRY_AFTER_SECONDS);
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  }
}

/** From a problem document, or whatever a proxy answers. */
async function refusal(response: Response): Promise<Error> {
  const problem: unknown = await response.json().catch(() => ({}));
  const { title, detail } = problem as { readonly title?: string; readonly detail?: string };
  return new Error(`${response.status} ${detail ?? title ?? response.statusText}`.trimEnd());
}

/** @throws TypeError unless it is a time */
export function timeText(name: string, time: Time): string {
  const date = new Date(time);
  if (!Number.isNaN(date.getTime())) return date.toISOString();
  throw new TypeError(`options.${name}: expected a time, got ${String(time)}`);
}
