import { symbolOfName, UNKNOWN_SYMBOL } from '../../engine/index.ts';
import type { Client } from '../../gateway/sessions/client.ts';
import { validateSymbol } from '../../protocol/index.ts';
import type { Handler, QueryContext } from '../context.ts';
import { objectResponse, pageResponse } from '../csv.ts';
import { RETRY_AFTER, RequestProblem, unknownSymbol } from '../problems.ts';
import { LIMIT_DEFAULT, LIMIT_MAX, QueryParameters } from '../query-parameters.ts';
import { formatRfc3339 } from '../rfc-3339.ts';
import type { SymbolStatistics } from '../schemas.ts';
import * as schemas from '../schemas.ts';
import { SymbolIndex } from './symbol-index.ts';
import { checkReadable, readSelection, type SymbolSelection } from './symbol-selection.ts';

/** Columns of CSV. */
const COLUMNS = Object.keys(schemas.symbolStatistics.shape);
/** No symbol begins with a control character. */
const SYMBOLS_START = '\u0002';
/** Symbols checked before other work runs: about a ms, more if the token has many patterns. */
const LOOKS = 1024;

/**
 * `GET /api/prices`: statistics of all symbols that have any, or of those in the query, page by
 * page in their order.
 */
export function listStatistics(context: QueryContext, reader: StatisticsReader): Handler {
  const { access, engine } = context;
  const index = new SymbolIndex(engine.symbols);
  return async (request, _symbol, client) => {
    const parameters = new QueryParameters(request.query);
    const prefix = parameters.text('prefix') ?? '';
    const after = parameters.text('after') ?? '';
    const selection = readSelection(parameters);
    const limit = parameters.limit(isListOfNames(selection) ? LIMIT_MAX : LIMIT_DEFAULT);
    parameters.check();
    checkReadable(selection, client, access);
    const { nameSpace } = client;
    let symbolIds: Iterable<number>;
    if (isListOfNames(selection)) {
      const names = selection.names.filter((name) => name.startsWith(prefix) && name > after);
      symbolIds = idsOf(
        names.map((name) => nameSpace.nameOf(name)),
        engine.symbols,
      );
    } else {
      await index.refresh();
      // The names of other tenants sort before the default tenant's symbols: none is visited.
      const start = nameSpace.nameOf(after < SYMBOLS_START ? SYMBOLS_START : after);
      symbolIds = index.from(nameSpace.nameOf(prefix), start);
    }
    const items: SymbolStatistics[] = [];
    let looks = 0;
    for (const symbolId of symbolIds) {
      const wireId = engine.symbols.wireId(symbolId);
      // A client that may read few of many symbols must not delay the sessions.
      if (++looks % LOOKS === 0) await new Promise(setImmediate);
      // Retired meanwhile: the id may be another's.
      if (engine.symbols.wireId(symbolId) !== wireId) continue;
      if (symbolId === UNKNOWN_SYMBOL || !reader.hasData(symbolId)) continue;
      const name = engine.symbols.name(symbolId);
      if (!client.sees(name) || selection?.matches(nameSpace.symbolOf(name)) === false) continue;
      if (items.length === limit) {
        return pageResponse(request, COLUMNS, { items, next: items.at(-1)?.symbol ?? null });
      }
      const statistics = await reader.read(symbolId);
      if (statistics !== undefined) items.push(statistics);
    }
    return pageResponse(request, COLUMNS, { items, next: null });
  };
}

/** Looks each name up when its turn has come: an id is not for ever. */
function* idsOf(names: readonly string[], symbols: Rows['symbols']): Iterable<number> {
  for (const name of names) yield symbols.findName(name);
}

function isListOfNames(selection: SymbolSelection | undefined): selection is SymbolSelection {
  return selection?.hasPatterns === false;
}

/** `GET /api/prices/{symbol}`: the statistics of one symbol. */
export function symbolStatistics(context: QueryContext, reader: StatisticsReader): Handler {
  return async (request, symbol, client) => {
    const symbolId = readableSymbol(context, client, symbol);
    const statistics = symbolId < 0 ? undefined : await reader.read(symbolId);
    if (statistics === undefined) throw unknownSymbol(symbol);
    return objectResponse(request, statistics);
  };
}

type Rows = Pick<QueryContext['engine'], 'symbols' | 'statistics'>;

const ROW_VALUES = 6;

/**
 * Attempts to read a row, and ms between them: one left half written by a dead worker is completed
 * by its successor.
 */
const LOOKS_MAX = 25;
const LOOK_EVERY_MS = 10;

/** Immediate attempts to read a row that keeps changing. */
const READS_MAX = 20;

const NO_DATA = 0;
const BUSY = -1;

/** Reads the statistics of a symbol, as of one moment. */
export class StatisticsReader {
  readonly #engine: Rows;
  readonly #row = new Float64Array(ROW_VALUES);
  #anomalies = 0;

  constructor(engine: Rows) {
    this.#engine = engine;
  }

  /** Whether a symbol has had a tick applied, or is having its first one applied. */
  hasData(symbolId: number): boolean {
    return this.#engine.statistics.hasTicks(symbolId);
  }

  /**
   * The statistics of a symbol; undefined if it has none.
   *
   * @throws RequestProblem 503 if the row stays half written: its worker is being replaced
   */
  async read(symbolId: number): Promise<SymbolStatistics | undefined> {
    const wireId = this.#engine.symbols.wireId(symbolId);
    for (let look = 0; look < LOOKS_MAX; look++) {
      // Retired meanwhile: the id may be another's.
      if (this.#engine.symbols.wireId(symbolId) !== wireId) return undefined;
      const version = this.#tryRead(symbolId);
      if (version === NO_DATA) return undefined;
      if (version !== BUSY) return this.#statistics(symbolId);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    const detail = `The statistics of ${this.#symbolOf(symbolId)} are being written.`;
    throw new RequestProblem(503, detail, {}, RETRY_AFTER);
  }

  /**
   * Reads the row and the number of anomalies as of one moment: an unchanged version proves that
   * nothing was written in between.
   */
  #tryRead(symbolId: number): number {
    const { statistics } = this.#engine;
    for (let i = 0; i < READS_MAX; i++) {
      const before = statistics.read(symbolId, this.#row, 0);
      this.#anomalies = statistics.anomalies(symbolId);
      const after = statistics.read(symbolId, this.#row, 0);
      if (before === after) return after;
    }
    return BUSY;
  }

  /** The symbol without its tenant's prefix: only clients of its tenant get here. */
  #symbolOf(symbolId: number): string {
    return symbolOfName(this.#engine.symbols.name(symbolId));
  }

  #statistics(symbolId: number): SymbolStatistics {
    const [price, average, count, time, min, max] = this.#row as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return {
      symbol: this.#symbolOf(symbolId),
      currentPrice: price,
      movingAverage: average,
      updateCount: count,
      lastUpdateTime: formatRfc3339(time),
      minPrice: min,
      maxPrice: max,
      anomaliesDetected: this.#anomalies,
    };
  }
}

/**
 * The id of a symbol in a request; `UNKNOWN_SYMBOL` if there is none.
 *
 * @throws RequestProblem 403 for a symbol that the client may not read, existing or not
 */
export function readableSymbol(
  { access, engine }: QueryContext,
  client: Client,
  symbol: string,
): number {
  // Never look up an invalid symbol: it might be a name of another tenant.
  if (validateSymbol(symbol) !== undefined) return UNKNOWN_SYMBOL;
  if (!client.canRead(symbol)) throw access.forbidden(client, 'read', symbol);
  return engine.symbols.findName(client.nameSpace.nameOf(symbol));
}
