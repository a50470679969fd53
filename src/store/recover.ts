import { type AnomalyCount, decodeSymbolStates, type SymbolState } from '../engine/index.ts';
import { readSnapshotHeader, type SnapshotHeader } from './snapshot-header.ts';
import type { Store } from './store.ts';

/** What an earlier run left. */
export interface Recovered {
  /** States of symbols, and how far the anomalies of each are numbered, which may be further. */
  readonly symbols: Iterable<SymbolState | AnomalyCount>;
  readonly publishers: SnapshotHeader['publishers'];
  /** When the snapshot was taken, ms since the epoch; undefined where there is none. */
  readonly takenAt: number | undefined;
}

/** What there is where nothing is kept. */
export const NOTHING_RECOVERED: Recovered = { symbols: [], publishers: [], takenAt: undefined };

/**
 * Reads what the store holds of an earlier run: its newest whole snapshot, and the numbers of anomalies raised since.
 *
 * @throws Error when the snapshot is of a kind that this server does not know
 */
export function recover(store: Store): Recovered {
  const snapshot = store.loadSnapshot();
  if (snapshot === undefined) return { ...NOTHING_RECOVERED, symbols: anomalyCounts(store) };
  const { takenAt, publishers } = readSnapshotHeader(snapshot.info);
  return { takenAt, publishers, symbols: symbolsOf(snapshot.chunks(), store) };
}

function* symbolsOf(
  chunks: Iterable<Uint8Array>,
  store: Store,
): Generator<SymbolState | AnomalyCount> {
  for (const chunk of chunks) yield* decodeSymbolStates(chunk);
  yield* anomalyCounts(store);
}

function* anomalyCounts(store: Store): Generator<AnomalyCount> {
  for (const [symbol, anomalies] of store.lastSequences()) yield { symbol, anomalies };
}
