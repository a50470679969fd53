import { UNKNOWN_SYMBOL } from '../engine/index.ts';
import type { Client } from '../gateway/sessions/client.ts';
import { validateSymbol } from '../protocol/index.ts';
import type { QueryContext } from './context.ts';

/**
 * The id of a symbol that a request names; `UNKNOWN_SYMBOL` where there is none.
 *
 * @throws RequestProblem 403 for one that the client may not read, whether it exists or not
 */
export function readableSymbol(
  { access, engine }: QueryContext,
  client: Client,
  symbol: string,
): number {
  // What is no symbol must not be looked up: it might be the name of another tenant's.
  if (validateSymbol(symbol) !== undefined) return UNKNOWN_SYMBOL;
  if (!client.canRead(symbol)) throw access.forbidden(client, 'read', symbol);
  return engine.symbols.findName(client.nameSpace.nameOf(symbol));
}
