import type { HttpApi, SymbolSnapshot } from './http-api.ts';

/** Symbols listed at most; more than that nobody scrolls through, and a filter finds nothing. */
export const LISTED_MAX = 100_000;
/** Rest between two listings: so long for each page, and at least. */
const REST_MS_PER_PAGE = 2000;
const REST_MS_MIN = 3000;
const REST_MS_MAX = 30_000;

/**
 * Reads the list of all symbols, page by page.
 *
 * @param take is given each page; returns false to stop: what comes is not wanted any more
 * @returns how long to rest before the next time, ms: the more pages, the longer
 * @throws Error when a page does not come
 */
export async function listSymbols(
  api: HttpApi,
  take: (page: readonly SymbolSnapshot[]) => boolean,
): Promise<number> {
  let after: string | null = '';
  let pages = 0;
  let listed = 0;
  while (after !== null && listed < LISTED_MAX) {
    const page: Awaited<ReturnType<HttpApi['symbols']>> = await api.symbols(after);
    pages++;
    listed += page.items.length;
    if (!take(page.items)) return 0;
    after = page.next;
  }
  return Math.min(REST_MS_MAX, Math.max(REST_MS_MIN, pages * REST_MS_PER_PAGE));
}
