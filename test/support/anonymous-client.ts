import { ANONYMOUS } from '../../src/access/index.ts';
import { PublishScope } from '../../src/gateway/ingest/publish-scope.ts';
import { SymbolQuota } from '../../src/gateway/limits/symbol-quota.ts';
import { Client } from '../../src/gateway/sessions/client.ts';
import { UNWATCHED } from '../../src/gateway/sessions/security-events.ts';

/** A client of a server without authentication. */
export const anonymousClient = new Client(ANONYMOUS, '127.0.0.1');

/** A publish scope for everything. */
export function unlimitedScope(): PublishScope {
  const limits = { maxSymbols: 0, newSymbolsPerPublisher: 0, symbolsPerTenant: 0 };
  return new PublishScope(
    anonymousClient,
    new SymbolQuota(limits, { names: [], isFull: () => false }),
    UNWATCHED,
  );
}
