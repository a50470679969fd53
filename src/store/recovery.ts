import {
  type AnomalyCount,
  checkSymbolStates,
  type SymbolState,
  SymbolStateVersionError,
  salvageSymbolStates,
  shownName,
} from '../engine/index.ts';
import type { StoredSnapshot } from './snapshot-format.ts';
import {
  readSnapshotHeader,
  type SnapshotCounters,
  type SnapshotHeader,
  type SnapshotJournal,
} from './snapshots.ts';
import { type Store, StoreError, type StoreLog } from './store.ts';

type Sequences = Iterable<[symbol: string, sequence: number]>;

/** Symbols set aside that get a line in the log. */
const LINES_MAX = 100;
const FROM_BASE = 'with what the full snapshot before holds of it, if any';

/** The state that an earlier run left. */
export interface Recovered {
  /**
   * States of symbols; without a journal then the last anomaly sequence of each symbol, which may
   * be higher. With one, a replay brings these back.
   */
  readonly symbols: Iterable<SymbolState | AnomalyCount>;
  readonly publishers: SnapshotHeader['publishers'];
  /** When the snapshot was taken, ms since the epoch; undefined where there is none. */
  readonly takenAt: number | undefined;
  /** Whether there is a snapshot, and where it is in the journal if the server had one. */
  readonly hasSnapshot: boolean;
  readonly journal: SnapshotJournal | undefined;
  /** The rule file in force at the snapshot; undefined where there was none. */
  readonly rules?: string | undefined;
  /** Number of the first anomaly that the store may have got after the snapshot. */
  readonly nextOrdinal: number;
  /** Takes note of a symbol that cannot be restored. */
  readonly setAside: (symbol: string, fault: string) => void;
}

/** The state of a server without a store. */
export const NOTHING_RECOVERED: Recovered = {
  symbols: [],
  publishers: [],
  takenAt: undefined,
  hasSnapshot: false,
  journal: undefined,
  nextOrdinal: 0,
  setAside: () => undefined,
};

/**
 * Reads the state that an earlier run left: the newest usable snapshot, and, for servers without a
 * journal, the sequences of later anomalies. One symbol that cannot be restored is logged and
 * counted, and the snapshot's file is kept; the others are served.
 *
 * @param hasJournal whether there are entries to replay where there is no snapshot
 * @throws StoreError if a newer server wrote the snapshot
 */
export async function recover(
  store: Store,
  log: Pick<StoreLog, 'error'>,
  counters: SnapshotCounters,
  hasJournal = false,
): Promise<Recovered> {
  const snapshot = store.loadSnapshot(checkSnapshot);
  const setAside = (symbol: string | undefined, fault: string, start = 'anew') => {
    if (counters.setAside === 0 && snapshot !== undefined) store.keepSnapshot(snapshot.number);
    if (++counters.setAside > LINES_MAX) return;
    const name = symbol === undefined ? undefined : shownName(symbol);
    const rest = counters.setAside === LINES_MAX ? '; further ones are counted only' : '';
    log.error(
      { symbol: name, fault, path: snapshot?.path },
      `a symbol cannot be restored and starts ${start}; its snapshot is kept${rest}`,
    );
  };
  if (snapshot === undefined) {
    const symbols = hasJournal ? [] : anomalyCounts(await store.lastSequences());
    return { ...NOTHING_RECOVERED, setAside, symbols };
  }
  const header = readSnapshotHeader(snapshot.info);
  const { takenAt, publishers, journal, nextOrdinal = 0, rules } = header;
  // With a journal a replay brings back what came later.
  const later = journal === undefined ? await store.lastSequences(header.nextOrdinal) : [];
  const symbols = symbolsOf(snapshot, header, store, setAside, later);
  const known = { takenAt, publishers, journal, nextOrdinal, rules };
  return { ...known, setAside, symbols, hasSnapshot: true };
}

/** Throws unless the snapshot's header and the bounds of its states can be read. */
function checkSnapshot(snapshot: StoredSnapshot): void {
  readSnapshotHeader(snapshot.info);
  if (snapshot.base !== undefined) checkStates(snapshot.base);
  checkStates(snapshot);
}

function checkStates(snapshot: StoredSnapshot): void {
  for (const chunk of snapshot.chunks()) {
    try {
      checkSymbolStates(chunk);
    } catch (error) {
      if (!(error instanceof SymbolStateVersionError)) throw error;
      throw new StoreError(
        `${snapshot.path} was written by a newer server: ${error.message}. ` +
          'Nothing was changed. Start that version, or name another directory.',
      );
    }
  }
}

function* symbolsOf(
  snapshot: StoredSnapshot,
  { journal }: SnapshotHeader,
  store: Store,
  setAside: (symbol: string | undefined, fault: string, start?: string) => void,
  later: Sequences,
): Generator<SymbolState | AnomalyCount> {
  const { base } = snapshot;
  const note = (fault: string) => setAside(undefined, fault);
  // Its name cannot be read either: which symbol of the base has changed is not known.
  const noteChange = (fault: string) => setAside(undefined, fault, FROM_BASE);
  const changed = new Set<string>();
  const numbered = journal === undefined ? store : undefined;
  for (const state of statesOf(snapshot, base === undefined ? note : noteChange)) {
    if (base !== undefined) changed.add(state.symbol);
    // Neither ticks nor anomalies: the symbol is gone since the base.
    if (state.count !== 0 || state.anomalies !== 0) yield* withNewest(state, numbered);
  }
  for (const state of base === undefined ? [] : statesOf(base, note)) {
    if (!changed.has(state.symbol)) yield* withNewest(state, numbered);
  }
  // Symbols that came after the snapshot. Those that it lacks otherwise were retired, and the store
  // has their anomalies, too: they must not come back.
  yield* anomalyCounts(later);
}

/** After a crash without a journal the store is ahead of the snapshot. */
function* withNewest(
  state: SymbolState,
  store: Store | undefined,
): Generator<SymbolState | AnomalyCount> {
  yield state;
  if (store !== undefined)
    yield { symbol: state.symbol, anomalies: store.lastSequence(state.symbol) };
}

function* statesOf(
  snapshot: StoredSnapshot,
  note: (fault: string) => void,
): Generator<SymbolState> {
  for (const chunk of snapshot.chunks()) yield* salvageSymbolStates(chunk, note);
}

function* anomalyCounts(sequences: Sequences): Generator<AnomalyCount> {
  for (const [symbol, anomalies] of sequences) yield { symbol, anomalies };
}
