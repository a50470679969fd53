import type { Logger } from 'pino';
import { connectToNats, seedCluster } from './cluster/index.ts';
import type { Config } from './config/schema.ts';
import { emptyState, type SymbolState } from './engine/index.ts';
import { diskSegments } from './journal/index.ts';
import { findJournal, journalDirectory, planReplay } from './recovery/index.ts';
import { NO_RULES } from './rules/index.ts';
import { openStore, type Recovered, recover, type Store } from './store/index.ts';
import { noSnapshots } from './store/snapshots.ts';

/**
 * `tickwire cluster import`: begins a cluster with the statistics, anomalies and publishers of a
 * server that was alone and has been stopped.
 *
 * @returns what was imported, in words
 * @throws Error if the store is in use or lacks something, or the cluster exists
 */
export async function importIntoCluster(config: Config, log: Logger): Promise<string> {
  const { directory } = config.store;
  if (directory === '') throw new Error('store.directory: expected that of the server, got none');
  if (config.cluster.servers === '') {
    throw new Error('cluster.servers: expected the addresses of NATS servers, got none');
  }
  const store = await openStore({ ...config.store, retentionDays: 0, retentionPerSymbol: 0 }, log);
  try {
    const found = findJournal(diskSegments(journalDirectory(directory)), log);
    const recovered = await recover(store, log, noSnapshots(), found.first < found.end);
    const { fault, replay } = planReplay(recovered, found);
    refuseUnlessWhole(directory, recovered, fault ?? (replay && 'its journal has later ticks'));
    const bus = await connectToNats(config, log);
    try {
      const seeded = await seedCluster(config, bus, {
        symbols: statesOf(recovered, await store.lastSequences()),
        anomaliesOf: (symbol, limit) => newestOf(store, symbol, limit),
        publishers: recovered.publishers,
      });
      const { anomalies, publishers, symbols } = seeded;
      return `${symbols} symbols, ${anomalies} anomalies, ${publishers} publishers`;
    } finally {
      await bus.close();
    }
  } finally {
    await store.close();
  }
}

function refuseUnlessWhole(
  directory: string,
  { journal, rules }: Recovered,
  fault: string | undefined,
): void {
  if (rules !== undefined && rules !== NO_RULES) {
    throw new Error(
      `${directory}: rules are in force in it, and their episodes are not imported. Start the ` +
        'server once more without rules.file, and stop it.',
    );
  }
  if (journal !== undefined && fault === undefined) return;
  throw new Error(
    `${directory}: ${fault ?? 'it has no snapshot with a journal'}. Start the server once more, ` +
      'alone, and stop it with SIGTERM: it then leaves a snapshot of everything.',
  );
}

/** Retired symbols have none, and go on with the numbers of their anomalies. */
function* statesOf(
  { symbols }: Recovered,
  sequences: Iterable<[symbol: string, sequence: number]>,
): Iterable<SymbolState> {
  const names = new Set<string>();
  for (const state of symbols) {
    if (!('count' in state)) continue;
    names.add(state.symbol);
    yield state;
  }
  for (const [symbol, last] of sequences) if (!names.has(symbol)) yield emptyState(symbol, last);
}

async function newestOf(store: Store, symbol: string, limit: number) {
  const from = Math.max(1, store.lastSequence(symbol) - limit + 1);
  return (await store.page({ symbol, from, limit })).items;
}
