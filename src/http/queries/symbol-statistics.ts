import type { QueryContext } from '../context.ts';
import type { Handler } from '../handler.ts';
import { jsonResponse } from '../json-response.ts';
import { readableSymbol } from '../readable-symbol.ts';
import type { StatisticsReader } from '../statistics-reader.ts';
import { unknownSymbol } from '../unknown-symbol.ts';

/** `GET /api/prices/{symbol}`: the statistics of one symbol. */
export function symbolStatistics(context: QueryContext, reader: StatisticsReader): Handler {
  return async (_request, symbol, client) => {
    const symbolId = readableSymbol(context, client, symbol);
    const statistics = symbolId < 0 ? undefined : await reader.read(symbolId);
    if (statistics === undefined) throw unknownSymbol(symbol);
    return jsonResponse(200, statistics);
  };
}
