import type { Config } from '../config/schema.ts';
import { encodeSymbolState, type SymbolState } from '../engine/index.ts';
import type { Anomaly } from '../protocol/index.ts';
import type { Bus, Message } from './bus.ts';
import { ClusterNames, shardOf } from './names.ts';
import { OUTPUTS_MAX, openLogs } from './open-logs.ts';
import type { PublishedAnomaly } from './output-writer.ts';
import { importedEntry } from './publisher-ledger.ts';
import { agreeOnSettings } from './settings.ts';
import { shardLimits } from './shard-limits.ts';
import { saveSnapshot } from './shard-snapshot.ts';

/** Messages of one write. */
const BATCH_MAX = 500;

/** What a server that was alone leaves. */
export interface SeedState {
  /** Those without ticks were retired. */
  readonly symbols: Iterable<SymbolState>;
  /** The newest anomalies of a symbol, at most so many, oldest first. */
  readonly anomaliesOf: (symbol: string, limit: number) => Promise<readonly Anomaly[]>;
  /** Publishers by name, with the last frame of each. */
  readonly publishers: Iterable<readonly [name: string, sequence: number]>;
}

/** How much of it a cluster has now. */
export interface Seeded {
  symbols: number;
  anomalies: number;
  publishers: number;
}

const encoder = new TextEncoder();

/**
 * Begins a cluster with the state of a server: its owners go on from snapshots that precede their
 * logs. May be repeated until there is an owner.
 *
 * @throws Error if the cluster has had owners, other settings, or too little room in a shard, or
 *   the broker does not answer
 */
export async function seedCluster(config: Config, bus: Bus, state: SeedState): Promise<Seeded> {
  const { name, shards } = config.cluster;
  const names = new ClusterNames(name, shards);
  const states = Array.from({ length: shards }, (): SymbolState[] => []);
  for (const each of state.symbols) states[shardOf(each.symbol, shards)]?.push(each);
  checkRoom(config, states);
  await agreeOnSettings(config, await bus.openKeys(names.keys('settings'), 0));
  await openLogs(bus, names);
  if ((await bus.last(names.outputLog, names.claims)) !== undefined) {
    throw new Error(
      `the cluster "${name}" (cluster.name) has had owners, and so a state: import into a new one`,
    );
  }
  const seeded: Seeded = { symbols: 0, anomalies: 0, publishers: 0 };
  // Before the snapshots that count them.
  for (const [shard, symbols] of states.entries()) {
    for (const { anomalies, count, symbol } of symbols) {
      if (count > 0) seeded.symbols++;
      if (anomalies === 0) continue;
      const newest = await state.anomaliesOf(symbol, OUTPUTS_MAX);
      await append(bus, names.anomaly(shard, symbol), newest);
      seeded.anomalies += newest.length;
    }
  }
  const ledger = await bus.openKeys(names.keys('ledger'), 0);
  for (const [publisher, sequence] of state.publishers) {
    await ledger.put(...importedEntry(publisher, sequence));
    seeded.publishers++;
  }
  for (const [shard, symbols] of states.entries()) {
    if (symbols.length === 0) continue;
    const all = Buffer.concat(symbols.map(encodeSymbolState));
    await saveSnapshot(bus, names, shard, { position: 0, publishers: [], states: all });
  }
  return seeded;
}

/** @throws Error if a shard gets more symbols than it holds: no owner could take it over */
function checkRoom(config: Config, states: readonly (readonly SymbolState[])[]): void {
  const room = shardLimits(config).symbols;
  for (const [shard, symbols] of states.entries()) {
    // Retired ones take none.
    const live = symbols.filter(({ count }) => count > 0).length;
    if (live <= room) continue;
    throw new Error(
      `shard ${shard} would have ${live} symbols, and holds ${room}: ` +
        'expected a greater processing.maxSymbols, or fewer cluster.shards',
    );
  }
}

/** Appends anomalies of a symbol, in the place before all messages of a shard's log. */
async function append(bus: Bus, subject: string, anomalies: readonly Anomaly[]): Promise<void> {
  for (let from = 0; from < anomalies.length; from += BATCH_MAX) {
    const messages: Message[] = anomalies.slice(from, from + BATCH_MAX).map((anomaly, i) => {
      const published: PublishedAnomaly = { ...anomaly, position: 0, index: from + i, epoch: 0 };
      return { subject, payload: encoder.encode(JSON.stringify(published)) };
    });
    await bus.appendAll(messages);
  }
}
