import { setTimeout as sleep } from 'node:timers/promises';
import type { Handler, RetireContext } from '../context.ts';
import { RETRY_AFTER, RequestProblem, unknownSymbol } from '../problems.ts';
import { readableSymbol } from '../queries/statistics.ts';

/** Longest wait for a symbol to be gone, ms. It takes a few, unless a snapshot is being written. */
const WAIT_MS = 5000;

/** `DELETE /api/prices/{symbol}`: retires a symbol. */
export function deleteSymbol(context: RetireContext): Handler {
  const { cluster, engine, log, retirement } = context;
  return async (_request, symbol, client) => {
    const symbolId = readableSymbol(context, client, symbol);
    // One that is being retired already, and has had no tick since, is as good as gone.
    if (symbolId < 0 || engine.symbols.tickId(symbolId) < 0) throw unknownSymbol(symbol);
    const limit = new AbortController();
    const isRetired = await Promise.race([
      cluster?.retire(symbolId) ?? retirement.retire(symbolId, 'operator'),
      sleep(WAIT_MS, undefined, { signal: limit.signal, ref: false }).catch(() => undefined),
    ]);
    limit.abort();
    if (isRetired !== true) {
      const detail = 'The symbol is being retired, which takes longer than usual.';
      throw new RequestProblem(503, detail, {}, RETRY_AFTER);
    }
    const { address, identity } = client;
    log.info({ symbol, address, tokenId: identity.tokenId }, 'retired a symbol for an operator');
    return { status: 204, headers: {}, body: '' };
  };
}
