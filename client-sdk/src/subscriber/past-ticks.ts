import { type HttpAccess, readPages, type Time, timeText } from './past-pages.ts';

/** A tick that the server's journal still has. */
export interface PastTick {
  /** Its name. */
  readonly symbol: string;
  /** As published. */
  readonly price: number;
  /** Ms since the Unix epoch. */
  readonly timestamp: number;
}

/** Which ticks of a symbol: those from `from` on; without it, the newest. */
export interface TicksOptions {
  /** The first time, included: ms since the Unix epoch, a `Date`, or RFC 3339. */
  readonly from?: Time;
  /** The time to end before; default: no end. */
  readonly to?: Time;
  /** At most one tick, the last, for each interval of so many ms, for charts; default: all. */
  readonly everyMs?: number;
  /** Ticks of a page, 1 to 1000; default 1000. Without `from` there is one page only. */
  readonly limit?: number;
}

const LIMIT = 1000;

/**
 * Past ticks of a symbol, oldest first.
 *
 * @throws TypeError for what is no time; Error as {@link readPages}
 */
export async function* readTicks(
  access: HttpAccess,
  symbol: string,
  options: TicksOptions,
): AsyncGenerator<PastTick, undefined> {
  const { from, to, everyMs, limit = LIMIT } = options;
  const query = new URLSearchParams({ limit: String(limit) });
  if (from !== undefined) query.set('from', timeText('from', from));
  if (to !== undefined) query.set('to', timeText('to', to));
  if (everyMs !== undefined) query.set('every', String(everyMs));
  const path = `api/prices/${encodeURIComponent(symbol)}/ticks`;
  for await (const item of readPages(access, path, query)) {
    const { price, timestamp } = item as { readonly price: number; readonly timestamp: string };
    yield { symbol, price, timestamp: Date.parse(timestamp) };
  }
}
