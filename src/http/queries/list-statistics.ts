import type { QueryContext } from '../context.ts';
import type { Handler } from '../handler.ts';
import { jsonResponse } from '../json-response.ts';
import { QueryParameters } from '../query-parameters.ts';
import type { SymbolStatistics } from '../schemas.ts';
import type { StatisticsReader } from '../statistics-reader.ts';
import { SymbolIndex } from '../symbol-index.ts';

/** No symbol begins with a control character. */
const SYMBOLS_START = '\u0002';
/** Symbols looked at in one go: a ms, more where the token has many patterns. */
const LOOKS = 1024;

/** `GET /api/prices`: the statistics of all symbols that have some, page by page in their order. */
export function listStatistics(context: QueryContext, reader: StatisticsReader): Handler {
  const index = new SymbolIndex(context.engine.symbols.names);
  return async ({ query }, _symbol, client) => {
    const parameters = new QueryParameters(query);
    const prefix = parameters.text('prefix') ?? '';
    const after = parameters.text('after') ?? '';
    const limit = parameters.limit();
    parameters.check();
    await index.refresh();
    const items: SymbolStatistics[] = [];
    const { nameSpace } = client;
    // The names of all other tenants come before the symbols of the default one: none is looked at.
    const start = nameSpace.nameOf(after < SYMBOLS_START ? SYMBOLS_START : after);
    let looks = 0;
    for (const symbolId of index.from(nameSpace.nameOf(prefix), start)) {
      // A client that may read few of many symbols must not hold up the sessions.
      if (++looks % LOOKS === 0) await new Promise(setImmediate);
      if (!client.sees(context.engine.symbols.name(symbolId)) || !reader.hasData(symbolId))
        continue;
      if (items.length === limit) {
        return jsonResponse(200, { items, next: items.at(-1)?.symbol });
      }
      const statistics = await reader.read(symbolId);
      if (statistics !== undefined) items.push(statistics);
    }
    return jsonResponse(200, { items, next: null });
  };
}
