import type { Anomaly } from '../../engine/index.ts';
import type { LoggedPage } from '../../gateway/fanout/record-log.ts';
import type { Client } from '../../gateway/sessions/client.ts';
import type { HttpRequest } from '../../gateway/transport/transport.ts';
import { validateSymbol } from '../../protocol/index.ts';
import {
  CursorError,
  type NameFilter,
  type Store,
  type SymbolRange,
  type TimePage,
  type TimeRange,
} from '../../store/index.ts';
import { CallRefusedError } from '../../threads/call-queue.ts';
import type { Handler, QueryContext } from '../context.ts';
import { pageResponse } from '../csv.ts';
import { RETRY_AFTER, RequestProblem, unknownSymbol } from '../problems.ts';
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
  return async (request, symbol, client) => {
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
    const end = Math.min(newest + 1, before);
    const from = Math.max(1, after === undefined ? end - limit : after + 1);
    const range = { symbol: name, from, limit: Math.max(1, Math.min(limit, end - from)) };
    const page = await pageOfSymbol(context, symbolId, range, request);
    const records = page.items.filter(({ sequence }) => sequence < end);
    const last = records.at(-1)?.sequence;
    return pageResponse(request, COLUMNS, {
      items: records.map((record) => anomalyJson(record, symbol)),
      next: last !== undefined && last + 1 < end ? last : null,
    });
  };
}

/** Default page size. */
export const RECENT_LIMIT_DEFAULT = 50;

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
    context.fanOut.takeRaised();
    const filter = client.filter(selection && [...selection.names, ...selection.patterns]);
    if (from === undefined && to === undefined && after === undefined) {
      const items = await newestOf(context, limit, filter, request);
      return pageResponse(request, COLUMNS, { items: items.map((item) => jsonOf(item, client)) });
    }
    const { store } = context;
    if (store === undefined) {
      throw new RequestProblem(404, 'This server has no store: it has recent anomalies only.');
    }
    const range = { from: from ?? 0, to: to ?? Number.POSITIVE_INFINITY, after, limit };
    const { items, next } = await pageOf(store, range, filter, request, parameters);
    const shown = items.map((item) => jsonOf(item, client));
    return pageResponse(request, COLUMNS, { items: shown, next: next ?? null });
  };
}

async function newestOf(
  { anomalies }: QueryContext,
  limit: number,
  filter: NameFilter,
  request: HttpRequest,
): Promise<readonly Anomaly[]> {
  try {
    return await anomalies.recent(limit, filter, () => request.isWanted());
  } catch (error) {
    throw refusedOf(error);
  }
}

async function pageOfSymbol(
  { anomalies }: QueryContext,
  symbolId: number,
  range: SymbolRange,
  request: HttpRequest,
): Promise<LoggedPage<Anomaly>> {
  try {
    return await anomalies.page(symbolId, range, () => request.isWanted());
  } catch (error) {
    throw refusedOf(error);
  }
}

function jsonOf(anomaly: Anomaly, { nameSpace }: Client): object {
  return anomalyJson(anomaly, nameSpace.symbolOf(anomaly.symbol));
}

async function pageOf(
  store: Store,
  range: TimeRange,
  filter: NameFilter,
  request: HttpRequest,
  parameters: QueryParameters,
): Promise<TimePage<Anomaly>> {
  try {
    return await store.between(range, filter, () => request.isWanted());
  } catch (error) {
    if (!(error instanceof CursorError)) throw refusedOf(error);
    parameters.refuse('after', 'the `next` of a page before', range.after ?? '');
    parameters.check();
    throw error;
  }
}

/** A refusal of the store as an answer; other errors as they are. */
function refusedOf(error: unknown): unknown {
  if (!(error instanceof CallRefusedError)) return error;
  return new RequestProblem(503, 'Too many queries wait for the store.', {}, RETRY_AFTER);
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
