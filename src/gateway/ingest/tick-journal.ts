import type { Engine, LostTicks } from '../../engine/index.ts';
import { LostCause } from '../../engine/index.ts';
import type { Journal } from '../../journal/index.ts';
import type { TickBatch } from '../../protocol/index.ts';
import { AcceptedTicks } from './accepted-ticks.ts';
import type { PublisherRegistry } from './publisher-registry.ts';

/** The journal as the gateway uses it. */
export type WrittenJournal = Pick<
  Journal,
  'appender' | 'fault' | 'figures' | 'listen' | 'position' | 'syncedPosition' | 'wantSynced'
>;

/** Share of the ring below which credit waits for the next sync. */
const NARROW = 0.5;

/**
 * Puts what changes state into the journal, before it has an effect: the accepted ticks of each
 * frame, symbols, retirements, lost ticks, the clock. Nothing allocates per tick.
 *
 * Made before the journal is opened, which reads {@link names} and {@link offered}.
 */
export class TickJournal {
  /** Called when the journal alone does not lead to the present: a snapshot is wanted. */
  onInexact: () => void = () => undefined;
  readonly #engine: Engine;
  readonly #publishers: PublisherRegistry;
  #journal: WrittenJournal | undefined;
  /** Position at which this run begins. */
  start = 0;
  /** Ticks that fit an empty ring. */
  #freeTicksMax = 0;
  readonly #accepted = new AcceptedTicks();
  /** Whether they are offered to the engine and not in the journal yet. */
  #isAppending = false;

  constructor(engine: Engine, publishers: PublisherRegistry) {
    this.#engine = engine;
    this.#publishers = publishers;
    engine.onLost = this.#lost;
  }

  /** What the journal calls symbols and publishers. */
  readonly names = {
    symbol: (id: number): string => this.#engine.symbols.name(id),
    publisher: (id: number): string => this.#publishers.nameOf(id),
  };

  /**
   * Writes how many ticks each partition was offered since the start, without those of the frame
   * that is being appended.
   */
  readonly offered = (into: Float64Array): void => {
    this.#engine.offeredTo(into);
    if (!this.#isAppending) return;
    const { count, ids } = this.#accepted;
    for (let i = 0; i < count; i++) {
      const partition = this.#engine.symbols.partition(ids[i] as number);
      into[partition] = (into[partition] as number) - 1;
    }
  };

  connect(journal: WrittenJournal): void {
    this.#journal = journal;
    this.start = journal.position;
    this.#freeTicksMax = journal.appender.freeTicks;
    this.#publishers.follow(this);
  }

  get #written(): WrittenJournal {
    if (this.#journal === undefined) throw new Error('the journal is not open');
    return this.#journal;
  }

  /** End of what was appended. */
  get position(): number {
    return this.#written.position;
  }

  /** Everything before it is on disk. */
  get syncedPosition(): number {
    return this.#written.syncedPosition;
  }

  /** Why nothing is written now; undefined while all is well. */
  get fault(): string | undefined {
    return this.#written.fault;
  }

  get figures(): WrittenJournal['figures'] {
    return this.#written.figures;
  }

  /** Whether ticks are served that do not get into the journal. */
  get isInGap(): boolean {
    return this.#written.appender.isInGap;
  }

  /** Ticks that fit now. Whoever waits for more is woken by a sync. */
  freeTicks(): number {
    const { appender, position } = this.#written;
    const { freeTicks } = appender;
    if (freeTicks < NARROW * this.#freeTicksMax) this.wantSynced(position);
    return freeTicks;
  }

  /** Calls `listener` after syncs that somebody wants. */
  listen(listener: (synced: number) => void): void {
    this.#written.listen(listener);
  }

  wantSynced(position: number): void {
    this.#written.wantSynced(position);
  }

  /** Begins a frame of at most `capacity` ticks. */
  begin(capacity: number): void {
    this.#accepted.begin(capacity);
  }

  /**
   * Whether {@link append} offers the ticks. Where a full queue overwrites its oldest, a frame that
   * the journal refuses must not have been offered: nothing would bring those back.
   */
  get precedesOffers(): boolean {
    return this.#engine.overwrites;
  }

  /** Adds tick number `index` of a batch, which is offered to the engine. */
  add(symbolId: number, batch: TickBatch, index: number): void {
    this.#accepted.add(symbolId, batch, index);
  }

  /**
   * Appends the frame. A numbered frame without accepted ticks counts, too: its publisher resumes
   * after it.
   *
   * @param publisherId 0: it has no name
   * @returns false if it does not fit now: then the engine has none of its ticks
   */
  append(publisherId: number, batch: TickBatch): boolean {
    const { count, ids } = this.#accepted;
    const numbered = publisherId === 0 ? 0 : batch.sequence;
    if (count === 0 && numbered === 0) return true;
    const isOffered = !this.precedesOffers;
    this.#isAppending = isOffered;
    const isAppended = this.#written.appender.appendTicks(
      publisherId,
      numbered,
      batch.receivedAt,
      ids,
      batch.prices,
      batch.times,
      count,
    );
    this.#isAppending = false;
    if (isOffered && !isAppended) this.#engine.withdraw(ids, count);
    if (!isOffered && isAppended) {
      for (let i = 0; i < count; i++) this.#engine.tryOffer(ids[i] as number, batch, i);
    }
    return isAppended;
  }

  /** A new symbol begins; anomalies and alerts are numbered on from what the engine knows. */
  declareSymbol(symbolId: number): void {
    const anomalies = this.#engine.statistics.anomalies(symbolId);
    const alerts = this.#engine.lastAlert(symbolId);
    this.#written.appender.declareSymbol(symbolId, { anomalies, alerts });
  }

  /** The engine is about to be given the clock; false if it must not be now. */
  appendClock(now: number): boolean {
    return this.#written.appender.appendClock(now);
  }

  /** The engine is about to be given rules; false if it must not be now. */
  appendRules(text: string, now: number): boolean {
    return this.#written.appender.appendRules(text, now);
  }

  /** The retirement of symbols is requested now. */
  retire(retirees: readonly { readonly symbolId: number; readonly count: number }[]): void {
    this.#written.appender.appendRetire(
      retirees.map(({ symbolId }) => symbolId),
      retirees.map(({ count }) => count),
    );
  }

  readonly #lost: LostTicks = (partition, cause, from, to) => {
    this.#written.appender.appendLost(partition, from, to, cause);
    // How far its worker came with a skipped tick is not in the journal.
    if (cause === LostCause.SKIPPED) this.onInexact();
  };
}
