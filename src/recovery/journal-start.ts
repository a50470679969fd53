import { join } from 'node:path';
import type { Engine } from '../engine/index.ts';
import { EntryKind, JournalReader, repairTail, type SegmentFiles } from '../journal/index.ts';
import { NO_RULES } from '../rules/index.ts';
import type { Recovered, SnapshotJournal, Store, StoreLog } from '../store/index.ts';
import { during, type Tracing } from '../telemetry/tracing.ts';
import { replayJournal } from './replay.ts';

/** The journal's folder in the directory of the store. */
export function journalDirectory(storeDirectory: string): string {
  return join(storeDirectory, 'journal');
}

/** The journal that an earlier run left, whole. */
export interface FoundJournal {
  readonly files: SegmentFiles;
  /** Positions of its first byte, and behind its last; equal if there is none. */
  readonly first: number;
  readonly end: number;
  /** Position behind the last entry that changes state, or before the last segment. */
  readonly changedTo: number;
  /** When the last run was stopped, ms since the epoch; undefined: it was not, or there is none. */
  readonly closedAt: number | undefined;
}

/**
 * Finds where the journal begins and ends, and cuts off what a crash left at its end.
 *
 * @throws JournalError if its last segment is damaged
 */
export function findJournal(files: SegmentFiles, log: StoreLog): FoundJournal {
  const { changedTo, closedAt, path, position, tornBytes } = repairTail(files);
  if (tornBytes > 0) {
    log.warn({ path, bytes: tornBytes }, 'cut off the torn end of the journal: a crash left it');
  }
  const first = files.list()[0]?.start ?? position;
  if (closedAt === undefined && first < position) {
    log.warn({ path }, 'the last run was not stopped: what it had not synced may be missing');
  }
  return { files, first, end: position, changedTo, closedAt };
}

/** What to replay, and where the journal of this run begins. */
export interface JournalPlan {
  /** Undefined: nothing. */
  readonly replay: { readonly snapshot: SnapshotJournal | undefined } | undefined;
  readonly start: number;
  /**
   * Why snapshot and journal do not lead to where the last run was; undefined if they do. Then a
   * snapshot has to be taken before anything else.
   */
  readonly fault: string | undefined;
}

/** Decides how journal and snapshot go together. */
export function planReplay(
  { hasSnapshot, journal: snapshot }: Recovered,
  { changedTo, first, end }: Pick<FoundJournal, 'changedTo' | 'first' | 'end'>,
): JournalPlan {
  const isEmpty = first === end;
  if (snapshot === undefined) {
    // Of a version without a journal, which has the whole state.
    if (hasSnapshot || isEmpty) return { replay: undefined, start: end, fault: undefined };
    const fault = first === 0 ? undefined : `it begins at ${first}, and there is no snapshot`;
    return { replay: { snapshot: undefined }, start: end, fault };
  }
  const { position } = snapshot;
  const start = Math.max(position, end);
  if (position > end) {
    const fault = `it ends at ${end}, before the snapshot at ${position}`;
    return { replay: undefined, start, fault };
  }
  if (position < first) {
    const fault = `it begins at ${first}, behind the snapshot at ${position}`;
    return { replay: { snapshot: undefined }, start, fault };
  }
  return { replay: position >= changedTo ? undefined : { snapshot }, start, fault: undefined };
}

/**
 * The rules in force where the state begins that a start brings back; undefined if it brings none
 * back. Ticks of a run without rules are not judged by those of a later one.
 */
export function rulesBefore(
  { hasSnapshot, rules }: Recovered,
  { replay }: JournalPlan,
): string | undefined {
  return hasSnapshot || replay !== undefined ? (rules ?? NO_RULES) : undefined;
}

/** The rule files that come into force while the journal is replayed, in order. */
export function rulesWithin(found: FoundJournal, { replay }: JournalPlan): readonly string[] {
  if (replay === undefined) return [];
  const from = replay.snapshot?.position ?? found.first;
  const reader = new JournalReader(found.files, { from, kinds: [EntryKind.RULES] });
  const texts = new Set<string>();
  try {
    while (reader.next()) if (reader.kind === EntryKind.RULES) texts.add(reader.rulesText);
  } finally {
    reader.close();
  }
  return [...texts];
}

/** Interval of log lines about the progress, ms. */
const LOG_MS = 5000;

interface ReplayParts {
  readonly engine: Engine;
  readonly store: Store;
  readonly found: FoundJournal;
  readonly plan: JournalPlan;
  readonly recovered: Recovered;
  readonly log: StoreLog;
  readonly tracing?: Tracing | undefined;
  /** Called with the part that is done, 0 to 1. */
  readonly progress: (part: number) => void;
}

/** What the start brought back beyond the snapshot. */
export interface RecoveredJournal {
  /** Named publishers with the last frame of each, longest offline first. */
  readonly publishers: ReadonlyMap<string, number>;
  readonly ticks: number;
  /** Whether the state may differ from that of the last run. */
  readonly isInexact: boolean;
}

/** Replays what is planned, and numbers anomalies on from what the store knows beyond it. */
export async function recoverJournal(parts: ReplayParts): Promise<RecoveredJournal> {
  const { engine, found, log, plan, progress, recovered, store, tracing } = parts;
  const publishers = new Map(recovered.publishers);
  if (plan.fault !== undefined) {
    log.error({ reason: plan.fault }, 'the journal does not lead on from the snapshot');
  }
  if (plan.replay === undefined) {
    const isInexact = plan.fault !== undefined;
    if (isInexact) {
      // What the snapshot does not lead to must not seem to come before this run.
      for (const { name } of found.files.list()) found.files.remove(name);
      await continueNumbers(parts);
    }
    return { publishers, ticks: 0, isInexact };
  }
  const startedAt = performance.now();
  const { snapshot } = plan.replay;
  const from = snapshot?.position ?? found.first;
  let loggedAt = startedAt;
  const bytes = found.end - from;
  log.info({ bytes }, 'replaying the journal');
  const span = tracing?.start('replay', { attributes: { 'tickwire.bytes': bytes } });
  const replayed = await during(span, async () => {
    const done = await replayJournal({
      engine,
      store,
      files: found.files,
      snapshot,
      end: found.end,
      progress: (part) => {
        progress(part);
        if (performance.now() - loggedAt < LOG_MS) return;
        loggedAt = performance.now();
        log.info({ percent: Math.floor(100 * part) }, 'replaying the journal');
      },
    });
    const { frames, lost, ticks } = done;
    span?.note({ 'tickwire.ticks': ticks, 'tickwire.frames': frames, 'tickwire.lost': lost });
    return done;
  });
  const { ticks, frames, lost, missing, skipped } = replayed;
  const ms = Math.round(performance.now() - startedAt);
  log.info({ ticks, frames, lost, ms }, 'replayed the journal');
  if (missing > 0) log.error({ ticks: missing }, 'the journal has a gap: these ticks are lost');
  const isInexact = plan.fault !== undefined || missing + skipped > 0;
  await continueNumbers(parts);
  for (const [name, sequence] of replayed.publishers) {
    publishers.delete(name);
    publishers.set(name, sequence);
  }
  return { publishers, ticks, isInexact };
}

/**
 * Numbers alerts on from those in the store: the last run may have had no rules, and a snapshot
 * without their numbers. Returns whether there were any: the journal does not say so.
 */
export function continueAlerts(engine: Engine, { alerts }: Pick<Store, 'alerts'>): boolean {
  if (engine.rules === undefined) return false;
  let isAhead = false;
  for (const [symbolId, name] of engine.symbols.names.entries()) {
    const last = name === undefined ? 0 : alerts.lastSequence(name);
    if (last <= engine.lastAlert(symbolId)) continue;
    engine.continueAlerts(symbolId, last);
    isAhead = true;
  }
  return isAhead;
}

/**
 * The store never knows more than the journal, unless entries are missing: then the anomalies that
 * it has keep their numbers.
 */
async function continueNumbers({ engine, log, recovered, store }: ReplayParts): Promise<void> {
  let symbols = 0;
  for (const [name, last] of await store.lastSequences(recovered.nextOrdinal)) {
    const symbolId = engine.symbols.findName(name);
    if (symbolId < 0 || engine.statistics.anomalies(symbolId) >= last) continue;
    engine.continueAnomalies(symbolId, last);
    symbols++;
  }
  if (symbols > 0) log.warn({ symbols }, 'the store has anomalies that the journal does not raise');
}
