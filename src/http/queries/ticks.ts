import { UNKNOWN_SYMBOL } from '../../engine/index.ts';
import {
  formatTickCursor,
  parseTickCursor,
  TickHistoryBusyError,
  type TickPage,
  type TickQuery,
} from '../../journal/index.ts';
import { validateSymbol } from '../../protocol/index.ts';
import type { Handler, QueryContext } from '../context.ts';
import { pageResponse } from '../csv.ts';
import { RETRY_AFTER, RequestProblem, unknownSymbol } from '../problems.ts';
import { QueryParameters } from '../query-parameters.ts';
import { formatRfc3339 } from '../rfc-3339.ts';
import * as schemas from '../schemas.ts';
import { readableSymbol } from './statistics.ts';

/** Columns of CSV. */
const COLUMNS = Object.keys(schemas.pastTick.shape);

/** The longest interval, ms: a day. */
export const EVERY_MS_MAX = 86_400_000;

/**
 * `GET /api/prices/{symbol}/ticks`: a page of the journal, oldest first. With `from` or `after`,
 * the first ticks from there on; otherwise the last ones before `to`, or of all.
 */
export function symbolTicks(context: QueryContext): Handler {
  return async (request, symbol, client) => {
    const parameters = new QueryParameters(request.query);
    const from = parameters.time('from');
    const to = parameters.time('to');
    const everyMs = parameters.integer('every', 1, EVERY_MS_MAX);
    const limit = parameters.limit();
    const cursor = parameters.text('after');
    const after = cursor === undefined ? undefined : parseTickCursor(cursor);
    if (cursor !== undefined && after === undefined) {
      parameters.refuse('after', 'the `next` of a page before', cursor);
    }
    parameters.check();
    const symbolId = readableSymbol(context, client, symbol);
    // Never look up an invalid symbol: it might be a name of another tenant.
    if (validateSymbol(symbol) !== undefined) throw unknownSymbol(symbol);
    const name = client.nameSpace.nameOf(symbol);
    const page = await read(context, { name, from, to, after, limit, everyMs });
    if (symbolId === UNKNOWN_SYMBOL && page.prices.length === 0) throw unknownSymbol(symbol);
    return pageResponse(request, COLUMNS, {
      items: Array.from(page.prices, (price, i) => ({
        symbol,
        price,
        timestamp: formatRfc3339(page.times[i] as number),
      })),
      next: page.next === undefined ? null : formatTickCursor(page.next),
    });
  };
}

const NO_TICKS: TickPage = {
  prices: new Float64Array(),
  times: new Float64Array(),
  next: undefined,
};

async function read({ tickHistory }: QueryContext, query: TickQuery): Promise<TickPage> {
  // Without a store there is no journal.
  if (tickHistory === undefined) return NO_TICKS;
  try {
    return await tickHistory.page(query);
  } catch (error) {
    if (!(error instanceof TickHistoryBusyError)) throw error;
    throw new RequestProblem(503, 'Too many requests wait for ticks.', {}, RETRY_AFTER);
  }
}
