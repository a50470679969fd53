import type { Anomaly } from '../../engine/index.ts';
import type { Client } from '../../gateway/sessions/client.ts';
import { validateSymbol } from '../../protocol/index.ts';
import {
  type AnomalyPage,
  CursorError,
  cursorAfter,
  type Store,
  type TimeRange,
} from '../../store/index.ts';
import type { Handler, QueryContext } from '../context.ts';
import { pageResponse } from '../csv.ts';
import { RequestProblem, unknownSymbol } from '../problems.ts';
import { QueryParameters } from '../query-parameters.ts';
import { formatRfc3339 } from '../rfc-3339.ts';
import type { PriceAnomaly } from '../schemas.ts';
import * as schemas from '../schemas.ts';
import { readableSymbol, type StatisticsReader } from './statistics.ts';
import { checkReadable, readSelection } from './symbol-selection.ts';

/** Columns of CSV. */
const COLUMNS = Object.keys(schemas.priceAnomaly.shape);

/**
 * `GET /api/prices/{symbol}/anomalies`: a page, oldest first. With `after`, the first anomalies
 * after it; otherwise the last ones before `before`, or of all.
 */
export function symbolAnomalies(context: QueryContext, reader: StatisticsReader): Handler {
  const { anomalies } = context;
  return (request, symbol, client) => {
    const parameters = new QueryParameters(request.query);
    const after = parameters.sequence('after');
    const before = parameters.sequence('before') ?? Number.POSITIVE_INFINITY;
    const limit = parameters.limit();
    parameters.check();
    const symbolId = readableSymbol(context, client, symbol);
    // Never look up an invalid symbol: it might be a name of another tenant.
    if (validateSymbol(symbol) !== undefined) throw unknownSymbol(symbol);
    const name = client.nameSpace.nameOf(symbol);
    context.fanOut.takeRaised();
    const newest = anomalies.lastOf(symbolId, name);
    const hasData = symbolId >= 0 && reader.hasData(symbolId);
    if (!hasData && newest === 0) throw unknownSymbol(symbol);
    const first = anomalies.first(symbolId, name);
    const end = Math.min(newest + 1, before);
    const from = Math.max(first, after === undefined ? end - limit : after + 1);
    const records = anomalies.past(symbolId, name, from, Math.min(limit, Math.max(0, end - from)));
    const last = records.at(-1)?.sequence;
    return pageResponse(request, COLUMNS, {
      items: records.map((record) => anomalyJson(record, symbol)),
      next: last !== undefined && last + 1 < end ? last : null,
    });
  };
}

/** Default page size. */
export const RECENT_LIMIT_DEFAULT = 50;

/** Anomalies read at a time: a few ms. */
const PIECE = 1000;

/**
 * `GET /api/anomalies`: the newest anomalies of all symbols, newest first; with a time or page in
 * the query, a page of a time range, oldest first.
 */
export function recentAnomalies(context: QueryContext): Handler {
  return async (request, _symbol, client) => {
    const parameters = new QueryParameters(request.query);
    const from = parameters.time('from');
    const to = parameters.time('to');
    const after = parameters.text('after');
    const limit = parameters.limit(RECENT_LIMIT_DEFAULT);
    const selection = readSelection(parameters);
    parameters.check();
    checkReadable(selection, client, context.access);
    const { nameSpace } = client;
    context.fanOut.takeRaised();
    const isWanted = (name: string) =>
      client.sees(name) && selection?.matches(nameSpace.symbolOf(name)) !== false;
    if (from === undefined && to === undefined && after === undefined) {
      const items = context.anomalies.recent(limit, isWanted);
      return pageResponse(request, COLUMNS, { items: items.map((item) => jsonOf(item, client)) });
    }
    const { store } = context;
    if (store === undefined) {
      throw new RequestProblem(404, 'This server has no store: it has recent anomalies only.');
    }
    const range = { from: from ?? 0, to: to ?? Number.POSITIVE_INFINITY, after, limit };
    const { items, next } = await pageOf(store, range, isWanted, parameters);
    const shown = items.map((item) => jsonOf(item, client));
    return pageResponse(request, COLUMNS, { items: shown, next: next ?? null });
  };
}

function jsonOf(anomaly: Anomaly, { nameSpace }: Client): object {
  return anomalyJson(anomaly, nameSpace.symbolOf(anomaly.symbol));
}

/** A page of the readable anomalies. Scans in pieces, so that sessions are not delayed. */
async function pageOf(
  store: Store,
  { from, to, after, limit }: TimeRange,
  isWanted: (name: string) => boolean,
  parameters: QueryParameters,
): Promise<AnomalyPage> {
  const items: Anomaly[] = [];
  let next = after;
  do {
    const range = { from, to, after: next, limit: PIECE };
    const page = await readPage(store, range, parameters);
    for (const anomaly of page.items) {
      if (!isWanted(anomaly.symbol)) continue;
      // The cursor follows the last item, not what was skipped after it.
      const last = items.at(-1);
      if (items.length === limit && last !== undefined) return { items, next: cursorAfter(last) };
      items.push(anomaly);
    }
    ({ next } = page);
    if (next !== undefined) await new Promise(setImmediate);
  } while (next !== undefined);
  return { items, next: undefined };
}

async function readPage(
  store: Store,
  range: TimeRange,
  parameters: QueryParameters,
): Promise<AnomalyPage> {
  try {
    return await store.between(range);
  } catch (error) {
    if (!(error instanceof CursorError)) throw error;
    parameters.refuse('after', 'the `next` of a page before', range.after ?? '');
    parameters.check();
    throw error;
  }
}

/** An anomaly in the form of the HTTP API, with the symbol that the client knows. */
export function anomalyJson(anomaly: Anomaly, symbol: string): PriceAnomaly {
  return {
    symbol,
    sequence: anomaly.sequence,
    direction: anomaly.direction === 1 ? 'Up' : 'Down',
    referencePrice: anomaly.reference,
    newPrice: anomaly.price,
    changePercent: anomaly.changePercent,
    timestamp: formatRfc3339(anomaly.time),
  };
}
