import { setTimeout as delay } from 'node:timers/promises';
import { type AlertSink, type AnomalySink, type Engine, UNMEASURED } from '../engine/index.ts';
import { EntryKind, JournalReader, type SegmentFiles } from '../journal/index.ts';
import { parseRuleFile } from '../rules/index.ts';
import type { SnapshotJournal } from '../store/index.ts';
import { LostTicks } from './lost-ticks.ts';
import { SymbolMap } from './symbol-map.ts';

/** Interval of looks at the queues while they are full, ms. */
const WAIT_MS = 1;
/** Most ticks offered between two publications. */
const PUBLISHED_MAX = 16_384;

/** What a replay needs of the store. */
export interface ReplayedStore {
  append(...anomaly: Parameters<AnomalySink>): void;
  /** Anomalies that it takes now. */
  readonly space: number;
  readonly alerts: {
    append(...alert: Parameters<AlertSink>): void;
    readonly space: number;
  };
}

export interface ReplayOptions {
  readonly engine: Engine;
  readonly files: SegmentFiles;
  readonly store: ReplayedStore;
  /** Where the snapshot is; undefined: everything in the journal is replayed, onto nothing. */
  readonly snapshot: SnapshotJournal | undefined;
  /** Where the journal ends. */
  readonly end: number;
  /** Called now and then with the part that is done, 0 to 1. */
  readonly progress: (part: number) => void;
}

/** What was replayed. */
export interface Replayed {
  /** Applied. */
  readonly ticks: number;
  readonly frames: number;
  readonly lost: number;
  /** Ticks that the journal says it lacks. */
  readonly missing: number;
  /** Ticks that killed a worker now. */
  readonly skipped: number;
  /** Named publishers with their last frames, in the order of these. */
  readonly publishers: ReadonlyMap<string, number>;
}

/** Replays the journal behind a snapshot through the engine; resolves when all of it is applied. */
export async function replayJournal(options: ReplayOptions): Promise<Replayed> {
  const replay = new Replay(options);
  try {
    return await replay.run();
  } finally {
    replay.close();
  }
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #reader: JournalReader;
  readonly #lost: LostTicks;
  readonly #symbols: SymbolMap;
  readonly #publisherNames: string[] = [];
  readonly #publishers = new Map<string, number>();
  /** A tick of the entry at hand, as the engine takes it. */
  readonly #tick = {
    prices: new Float64Array(1),
    times: new Float64Array(1),
    receivedAt: 0,
    receivedUs: UNMEASURED,
  };
  /** Ticks that every queue can take. */
  #space = 0;
  #unpublished = 0;
  #ticks = 0;
  #frames = 0;
  #missing = 0;
  #skipped = 0;
  /** The first entry to be replayed. */
  readonly #from: number;

  constructor(options: ReplayOptions) {
    const { engine, files, snapshot } = options;
    this.#options = options;
    this.#from = snapshot?.position ?? files.list()[0]?.start ?? 0;
    this.#lost = LostTicks.read(files, this.#from);
    this.#reader = new JournalReader(files, { from: this.#from });
    this.#symbols = new SymbolMap(engine);
    engine.onLost = () => {
      this.#skipped++;
    };
  }

  async run(): Promise<Replayed> {
    const reader = this.#reader;
    while (reader.next()) {
      switch (reader.kind) {
        case EntryKind.SEGMENT:
          this.#beginSegment();
          break;
        case EntryKind.SYMBOL:
          this.#symbols.declare(
            reader.id,
            reader.name,
            reader.segment.offered.length,
            // Before the snapshot a name says what an id means, nothing else.
            reader.isNew && reader.position >= this.#from ? reader.continuesFrom : undefined,
          );
          break;
        case EntryKind.PUBLISHER:
          this.#publisherNames[reader.id] = reader.name;
          break;
        case EntryKind.TICKS:
          await this.#takeFrame();
          break;
        case EntryKind.RETIRE:
          await this.#retire();
          break;
        case EntryKind.CLOCK:
          await this.#advanceClock();
          break;
        case EntryKind.RULES:
          await this.#changeRules();
          break;
        case EntryKind.ALERTS:
          if (reader.position >= this.#from) {
            this.#symbols.continueAlerts(reader.id, reader.continuesFrom);
          }
          break;
        case EntryKind.GAP:
          this.#missing += Math.max(1, reader.gapTicks);
          break;
        case EntryKind.CLOSE:
        case EntryKind.LOST:
        case EntryKind.PADDING:
          break;
      }
    }
    this.#publish();
    await this.#settle();
    return {
      ticks: this.#ticks,
      frames: this.#frames,
      lost: this.#lost.count,
      missing: this.#missing,
      skipped: this.#skipped,
      publishers: this.#publishers,
    };
  }

  close(): void {
    this.#reader.close();
    this.#options.engine.onLost = () => undefined;
  }

  #beginSegment(): void {
    const { segment, position } = this.#reader;
    const { snapshot } = this.#options;
    this.#symbols.clear();
    this.#publisherNames.length = 0;
    const isBefore = position < this.#from && snapshot !== undefined;
    this.#lost.begin(segment.runStart, isBefore ? snapshot.offered : segment.offered);
  }

  async #takeFrame(): Promise<void> {
    const reader = this.#reader;
    const { engine } = this.#options;
    const tick = this.#tick;
    const { count, pricesAt, timesAt, idsAt } = reader;
    tick.receivedAt = reader.receiptTime;
    for (let i = 0; i < count; i++) {
      const id = reader.words[idsAt + i] as number;
      if (this.#lost.isCounting && this.#lost.take(this.#symbols.partition(id))) continue;
      tick.prices[0] = reader.doubles[pricesAt + i] as number;
      tick.times[0] = reader.doubles[timesAt + i] as number;
      if (this.#space === 0) await this.#makeSpace();
      engine.tryOffer(this.#symbols.resolve(id), tick, 0);
      this.#space--;
      this.#ticks++;
      this.#unpublished++;
    }
    if (this.#unpublished >= PUBLISHED_MAX) this.#publish();
    if (reader.hasMore) return;
    this.#frames++;
    if (reader.publisherId === 0 || reader.sequence === 0) return;
    const name = this.#publisherNames[reader.publisherId];
    if (name === undefined) throw new RangeError(`publisher ${reader.publisherId} is not declared`);
    // The last one comes last.
    this.#publishers.delete(name);
    this.#publishers.set(name, reader.sequence);
  }

  /** Retires symbols at their place in the order of ticks, by the decision of then. */
  async #retire(): Promise<void> {
    const reader = this.#reader;
    const { engine } = this.#options;
    const retirees: { id: number; symbolId: number; count: number }[] = [];
    for (let i = 0; i < reader.count; i++) {
      const id = reader.retiredId(i);
      const symbolId = this.#symbols.live(id);
      if (symbolId === undefined) continue;
      retirees.push({ id, symbolId, count: reader.expectedCount(i) });
    }
    if (retirees.length === 0) return;
    this.#publish();
    const retiring = engine.retire(retirees);
    await this.#drainUntil(retiring);
    const areForgotten = await retiring;
    for (const [index, { id, symbolId }] of retirees.entries()) {
      if (areForgotten[index] === false) {
        engine.symbols.cancelRetiring(symbolId);
        continue;
      }
      this.#symbols.retired(id, symbolId);
      engine.forget(symbolId);
    }
  }

  /** Gives the engine the clock at its place in the order of ticks. */
  async #advanceClock(): Promise<void> {
    const { engine } = this.#options;
    while (!engine.canAdvanceClock) {
      this.#publish();
      await delay(WAIT_MS);
      this.#drain();
    }
    engine.advanceClock(this.#reader.clock);
  }

  /** Puts rules into force at their place in the order of ticks. */
  async #changeRules(): Promise<void> {
    const { engine } = this.#options;
    const text = this.#reader.rulesText;
    if (engine.rules === undefined || engine.rules.text === text) return;
    const { file } = parseRuleFile(text);
    if (file === undefined) throw new RangeError('the journal has rules that cannot be read');
    this.#publish();
    while (!engine.canChangeRules) {
      await delay(WAIT_MS);
      this.#drain();
    }
    engine.changeRules(text, file, this.#reader.clock);
  }

  #publish(): void {
    this.#unpublished = 0;
    this.#options.engine.publishTicks();
    this.#drain();
  }

  #drain(): void {
    const { engine, store } = this.#options;
    if (engine.hasAnomalies()) {
      engine.drainAnomalies((...anomaly) => store.append(...anomaly), store.space);
    }
    if (engine.hasAlerts()) {
      const { alerts } = store;
      engine.drainAlerts((...alert) => alerts.append(...alert), alerts.space);
    }
  }

  #hasRaised(): boolean {
    const { engine } = this.#options;
    return engine.hasAnomalies() || engine.hasAlerts();
  }

  /** Waits until half of the fullest queue is free; nothing is overwritten. */
  async #makeSpace(): Promise<void> {
    const { engine, end, progress } = this.#options;
    this.#publish();
    progress((this.#reader.position - this.#from) / Math.max(1, end - this.#from));
    for (;;) {
      this.#space = engine.freeSlots();
      if (this.#space >= engine.channelCapacity / 2) return;
      await delay(WAIT_MS);
      this.#drain();
    }
  }

  /** Waits until everything is applied, and what it raised is taken. */
  async #settle(): Promise<void> {
    const { engine } = this.#options;
    while (engine.isApplying() || this.#hasRaised()) {
      await delay(WAIT_MS);
      this.#drain();
    }
  }

  async #drainUntil(done: Promise<unknown>): Promise<void> {
    const settled = done.then(
      () => true,
      () => true,
    );
    do this.#drain();
    while (!(await Promise.race([settled, delay(WAIT_MS, false)])));
    while (this.#hasRaised()) {
      this.#drain();
      await delay(WAIT_MS);
    }
  }
}
