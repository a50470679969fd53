import type { LoggedPage, RecordLog } from '../../gateway/fanout/record-log.ts';
import type { Client } from '../../gateway/sessions/client.ts';
import type { HttpRequest } from '../../gateway/transport/transport.ts';
import { type RaisedRecord, validateSymbol } from '../../protocol/index.ts';
import {
  CursorError,
  type NameFilter,
  type RecordStore,
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
import { readableSymbol, type StatisticsReader } from './statistics.ts';
import { checkReadable, readSelection } from './symbol-selection.ts';

/** Default size of a page of all symbols. */
export const RECENT_LIMIT_DEFAULT = 50;

/** How HTTP answers with records of a kind. */
export interface RecordAnswers<R extends RaisedRecord> {
  /** Columns of CSV. */
  readonly columns: readonly string[];
  readonly log: (context: QueryContext) => RecordLog<R>;
  readonly store: (store: Store) => RecordStore<R>;
  /** @param symbol as the client knows it */
  readonly json: (record: R, symbol: string) => object;
  /** Reads the parameters of its own. */
  readonly filter: (parameters: QueryParameters) => NameFilter['alerts'];
}

/**
 * A page of a symbol's records, oldest first. With `after`, the first ones after it; otherwise the
 * last ones before `before`, or of all.
 */
export function symbolRecords<R extends RaisedRecord>(
  answers: RecordAnswers<R>,
  context: QueryContext,
  reader: StatisticsReader,
): Handler {
  const log = answers.log(context);
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
    const newest = log.lastOf(symbolId, name);
    const hasData = symbolId >= 0 && reader.hasData(symbolId);
    if (!hasData && newest === 0) throw unknownSymbol(symbol);
    const end = Math.min(newest + 1, before);
    const from = Math.max(1, after === undefined ? end - limit : after + 1);
    const range = { symbol: name, from, limit: Math.max(1, Math.min(limit, end - from)) };
    const page = await pageOfSymbol(log, symbolId, range, request);
    const records = page.items.filter(({ sequence }) => sequence < end);
    const last = records.at(-1)?.sequence;
    return pageResponse(request, answers.columns, {
      items: records.map((record) => answers.json(record, symbol)),
      next: last !== undefined && last + 1 < end ? last : null,
    });
  };
}

/**
 * The newest records of all symbols, newest first; with a time or page in the query, a page of a
 * time range, oldest first.
 */
export function recentRecords<R extends RaisedRecord>(
  answers: RecordAnswers<R>,
  context: QueryContext,
): Handler {
  const log = answers.log(context);
  return async (request, _symbol, client) => {
    const parameters = new QueryParameters(request.query);
    const from = parameters.time('from');
    const to = parameters.time('to');
    const after = parameters.text('after');
    const limit = parameters.limit(RECENT_LIMIT_DEFAULT);
    const selection = readSelection(parameters);
    const alerts = answers.filter(parameters);
    parameters.check();
    checkReadable(selection, client, context.access);
    context.fanOut.takeRaised();
    const names = client.filter(selection && [...selection.names, ...selection.patterns]);
    const filter = { ...names, alerts };
    const shown = (records: readonly R[]) => records.map((record) => jsonOf(record, client));
    if (from === undefined && to === undefined && after === undefined) {
      const items = shown(await newestOf(log, limit, filter, request));
      return pageResponse(request, answers.columns, { items });
    }
    const { store } = context;
    if (store === undefined) {
      const { plural } = log.kind;
      throw new RequestProblem(404, `This server has no store: it has recent ${plural} only.`);
    }
    const range = { from: from ?? 0, to: to ?? Number.POSITIVE_INFINITY, after, limit };
    const page = await pageOf(answers.store(store), range, filter, request, parameters);
    const { items, next = null } = page;
    return pageResponse(request, answers.columns, { items: shown(items), next });
  };

  function jsonOf(record: R, { nameSpace }: Client): object {
    return answers.json(record, nameSpace.symbolOf(record.symbol));
  }
}

async function newestOf<R extends RaisedRecord>(
  log: RecordLog<R>,
  limit: number,
  filter: NameFilter,
  request: HttpRequest,
): Promise<readonly R[]> {
  try {
    return await log.recent(limit, filter, () => request.isWanted());
  } catch (error) {
    throw refusedOf(error);
  }
}

async function pageOfSymbol<R extends RaisedRecord>(
  log: RecordLog<R>,
  symbolId: number,
  range: SymbolRange,
  request: HttpRequest,
): Promise<LoggedPage<R>> {
  try {
    return await log.page(symbolId, range, () => request.isWanted());
  } catch (error) {
    throw refusedOf(error);
  }
}

async function pageOf<R extends RaisedRecord>(
  store: RecordStore<R>,
  range: TimeRange,
  filter: NameFilter,
  request: HttpRequest,
  parameters: QueryParameters,
): Promise<TimePage<R>> {
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
