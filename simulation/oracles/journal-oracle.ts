import type { Anomaly, Engine } from '../../src/engine/index.ts';
import { ROW_VALUES, RowValue } from '../../src/engine/memory/statistics-table.ts';
import { type Journal, LostCause } from '../../src/journal/index.ts';
import { SymbolOracle } from '../../testkit/independent/statistics.ts';
import { breakOff, expectThat } from '../core/violation.ts';
import type { SimulatedSegments } from '../server/simulated-segments.ts';
import type { EngineOracle } from './engine-oracle.ts';

/** A tick as the gateway appended it. */
interface AppendedTick {
  readonly symbol: string;
  readonly price: number;
  readonly time: number;
  /** Its place in the queue of a partition, in a run of the server. */
  readonly place: string;
}

/** A frame in the journal. */
interface AppendedFrame {
  /** Position behind it. */
  readonly end: number;
  readonly publisher: string | undefined;
  readonly sequence: number;
  readonly receivedAt: number;
  readonly ticks: readonly AppendedTick[];
}

/** A report of ticks that were not applied. */
interface AppendedLoss {
  readonly end: number;
  readonly places: readonly string[];
}

/** A tick that a replay owes. */
interface DueTick extends AppendedTick {
  readonly receivedAt: number;
  readonly end: number;
}

/** The position of a tick that is in a gap of the journal. */
const MISSING = Number.POSITIVE_INFINITY;

/** What a start found. */
interface Found {
  /** Position of the snapshot; undefined if there is none. */
  readonly snapshot: number | undefined;
  /** Where the journal ends. */
  readonly end: number;
  /** Whether it says that the last run was stopped. */
  readonly isClosed: boolean;
  readonly publishers: Iterable<readonly [name: string, sequence: number]>;
}

/**
 * Keeps what the gateway appended apart from the journal, and knows what of it is on disk: what a
 * crash may take, what a replay owes, and what may be stored.
 */
export class JournalOracle {
  readonly #engine: EngineOracle;
  readonly #files: SimulatedSegments;
  readonly #isSync: boolean;
  readonly #maxFutureMs: number;
  /** All that was appended and not taken by a crash, oldest first. */
  #frames: AppendedFrame[] = [];
  #losses: AppendedLoss[] = [];
  #run = 0;
  /** By partition and queue position of this run: position behind the tick's entry. */
  #ends: number[][] = [];
  /** Under way: what the replay still owes. */
  #due: DueTick[] | undefined;
  #dueAt = 0;
  /** By publisher: position behind each frame of this run. */
  #sequences = new Map<string, Map<number, number>>();
  /** By symbol: the entry of a tick that a worker died of. Only a snapshot has its effects. */
  readonly #skippedAt = new Map<string, number>();
  /** Where the last gap was; and the same as long as no crash took what is behind it. */
  #missedAt = -1;
  #gapAt = Number.POSITIVE_INFINITY;
  /** Whether all that was ever applied is in entries. */
  #isPure = true;
  #snapshot = -1;
  /** Behind the entry that ends the run. */
  #closeEnd: number | undefined;
  #appender: Journal['appender'] | undefined;
  /** Whether the last frame found no space. */
  hasRefused = false;
  /** At the last crash: what was synced, and what is as it was written. */
  #syncedEnd = 0;
  #intactEnd = 0;
  /** Ticks replayed, gaps and torn ends so far. */
  readonly tally = { replayed: 0, gaps: 0, torn: 0 };

  constructor(
    engine: EngineOracle,
    files: SimulatedSegments,
    rules: { readonly isSync: boolean; readonly maxFutureMs: number },
  ) {
    this.#engine = engine;
    this.#files = files;
    this.#isSync = rules.isSync;
    this.#maxFutureMs = rules.maxFutureMs;
  }

  /** Before a crash: what is synced must be there afterwards. */
  dying(): void {
    this.#syncedEnd = this.#files.syncedEnd;
    this.#appender = undefined;
  }

  /** After a crash, and before anything is repaired. */
  died(): void {
    this.#intactEnd = this.#files.intactEnd;
  }

  /** A start found the end of the journal, and a snapshot. */
  found({ end, isClosed, publishers, snapshot = -1 }: Found): void {
    expectThat(
      isClosed === (end === this.#closeEnd),
      'a run that was stopped says so, and no other',
      () => `the journal ends at ${end}, its last run closed it at ${this.#closeEnd}`,
    );
    expectThat(
      end <= this.#intactEnd,
      'a torn end is cut off',
      () => `the journal ends at ${end}, and is whole up to ${this.#intactEnd}`,
    );
    const cut = [...this.#frames, ...this.#losses].filter((entry) => entry.end > end);
    const synced = cut.find((entry) => entry.end <= this.#syncedEnd);
    expectThat(
      synced === undefined,
      'what was synced survives',
      () => `the journal ends at ${end}, an entry that ends at ${synced?.end} was synced`,
    );
    const whole = cut.find((entry) => entry.end <= this.#intactEnd);
    expectThat(
      whole === undefined,
      'a whole entry is not cut off',
      () => `the journal ends at ${end}, an entry ends at ${whole?.end}`,
    );
    if (cut.length > 0 && this.#intactEnd > end) this.tally.torn++;
    this.#frames = this.#frames.filter((frame) => frame.end <= end);
    this.#losses = this.#losses.filter((loss) => loss.end <= end);
    this.#syncedEnd = end;
    if (this.#gapAt >= end) this.#gapAt = Number.POSITIVE_INFINITY;
    this.#snapshot = snapshot;
    this.#ends = [];
    this.#run++;
    const lost = new Set(this.#losses.flatMap(({ places }) => places));
    const behind = this.#frames.filter((frame) => frame.end > snapshot);
    this.#due = behind.flatMap((frame) =>
      frame.ticks
        .filter(({ place }) => !lost.has(place))
        .map((tick) => ({ ...tick, receivedAt: frame.receivedAt, end: frame.end })),
    );
    this.#dueAt = 0;
    this.#sequences = new Map([...publishers].map(([name, last]) => [name, new Map([[last, 0]])]));
    for (const { publisher, sequence } of behind) {
      if (publisher === undefined || sequence === 0) continue;
      this.#sequences.set(publisher, new Map([[sequence, 0]]));
    }
  }

  /** Whether the journal alone does not lead to what a symbol was. */
  isInexact(symbol: string): boolean {
    const skippedAt = this.#skippedAt.get(symbol) ?? -1;
    return this.#snapshot < skippedAt || this.#snapshot <= this.#missedAt;
  }

  /** Watches the engine of a start, which replays what is due. */
  watchReplay(engine: Engine): void {
    const continueAnomalies = engine.continueAnomalies.bind(engine);
    const tryOffer = engine.tryOffer.bind(engine);
    engine.tryOffer = (symbolId, ticks, index) => {
      const wasTaken = tryOffer(symbolId, ticks, index);
      if (this.#due !== undefined && wasTaken) {
        this.#replayed(engine, symbolId, {
          price: ticks.prices[index] as number,
          time: ticks.times[index] as number,
          receivedAt: ticks.receivedAt,
        });
      }
      return wasTaken;
    };
    engine.continueAnomalies = (symbolId, last) => {
      const symbol = engine.symbols.name(symbolId);
      const isDone = this.#due !== undefined && this.#dueAt === this.#due.length;
      expectThat(
        !isDone || this.#due?.length === 0 || this.isInexact(symbol),
        'the store never knows more than the journal',
        () =>
          `${symbol} has ${last} anomalies in the store, ` +
          `${engine.statistics.anomalies(symbolId)} now`,
      );
      continueAnomalies(symbolId, last);
    };
  }

  #replayed(
    engine: Engine,
    symbolId: number,
    { price, time, receivedAt }: Pick<DueTick, 'price' | 'time' | 'receivedAt'>,
  ): void {
    const due = this.#due?.[this.#dueAt++];
    const symbol = engine.symbols.name(symbolId);
    const isDue =
      due?.symbol === symbol &&
      due.price === price &&
      due.time === time &&
      due.receivedAt === receivedAt;
    expectThat(
      isDue,
      'a replay applies what was journaled, once and in order',
      () => `${JSON.stringify({ symbol, price, time, receivedAt })}, due: ${JSON.stringify(due)}`,
    );
    this.#endsOf(engine.symbols.partition(symbolId)).push(due?.end ?? 0);
    this.tally.replayed++;
  }

  /** The replay is over. */
  replayed(engine: Engine, publishers: ReadonlyMap<string, number>, isInexact: boolean): void {
    const missing = (this.#due?.length ?? 0) - this.#dueAt;
    expectThat(
      missing === 0,
      'a replay applies what was journaled, once and in order',
      () => `${missing} ticks were not applied`,
    );
    this.#due = undefined;
    const hasGap = this.#gapAt >= this.#snapshot && this.#gapAt < Number.POSITIVE_INFINITY;
    expectThat(isInexact || !hasGap, 'a start knows of a gap', () => `it is at ${this.#gapAt}`);
    for (const [name, frames] of this.#sequences) {
      const last = Math.max(...frames.keys());
      expectThat(
        publishers.get(name) === last,
        'publishers resume behind the last frame in the journal',
        () => `${name}: ${publishers.get(name)}, not ${last}`,
      );
    }
    if (this.#isPure) {
      expectThat(!isInexact, 'a start is exact without skipped and missing ticks', () => '');
      this.#recompute(engine);
    }
  }

  /** Recovered state = what the entries come to, computed from the first one on. */
  #recompute(engine: Engine): void {
    const lost = new Set(this.#losses.flatMap(({ places }) => places));
    const oracles = new Map<string, SymbolOracle>();
    for (const { receivedAt, ticks } of this.#frames) {
      for (const { place, price, symbol, time } of ticks) {
        if (lost.has(place)) continue;
        const oracle = oracles.get(symbol) ?? new SymbolOracle(this.#engine.rules);
        oracles.set(symbol, oracle);
        oracle.apply(price, time, receivedAt + this.#maxFutureMs);
      }
    }
    const row = new Float64Array(ROW_VALUES);
    for (const [symbol, oracle] of oracles) {
      const symbolId = engine.symbols.findName(symbol);
      const isThere = symbolId >= 0 && engine.statistics.read(symbolId, row, 0) > 0;
      const own = isThere ? engine.statistics.anomalies(symbolId) : -1;
      const isSame =
        own === oracle.lastAnomaly &&
        row[RowValue.COUNT] === oracle.count &&
        row[RowValue.PRICE] === oracle.price &&
        row[RowValue.TIME] === oracle.time &&
        row[RowValue.MIN] === oracle.min &&
        row[RowValue.MAX] === oracle.max;
      expectThat(
        isSame,
        'recovered state is what the entries come to',
        () =>
          `${symbol}: ${[...row].join(' ')}, ${own} anomalies; ` +
          `not ${JSON.stringify(oracle.statistics)}, ${oracle.lastAnomaly}`,
      );
    }
  }

  /** Watches what the gateway appends in this run. */
  watch(journal: Journal, publisherName: (id: number) => string): void {
    const { appender } = journal;
    this.#appender = appender;
    const appendLost = appender.appendLost.bind(appender);
    const appendTicks = appender.appendTicks.bind(appender);
    const appendClose = appender.appendClose.bind(appender);
    this.#closeEnd = undefined;
    appender.appendClose = (now) => {
      const before = appender.position;
      appendClose(now);
      if (appender.position === before) return;
      this.#closeEnd = appender.position;
      const isWhole = !appender.isInGap;
      expectThat(isWhole, 'a run that ends in a gap does not say that it was stopped', () => '');
    };
    appender.appendTicks = (publisher, sequence, receivedAt, ids, prices, times, count) => {
      const isTaken = appendTicks(publisher, sequence, receivedAt, ids, prices, times, count);
      this.hasRefused = !isTaken;
      if (!isTaken) return false;
      const end = appender.isInGap ? MISSING : appender.position;
      if (end === MISSING) this.#missed(appender.position);
      const { symbols } = this.#engine.engine;
      const ticks = Array.from({ length: count }, (_, i): AppendedTick => {
        const partition = symbols.partition(ids[i] as number);
        const position = this.#endsOf(partition).push(end) - 1;
        const symbol = symbols.name(ids[i] as number);
        const place = this.#placeOf(partition, position);
        return { symbol, price: prices[i] as number, time: times[i] as number, place };
      });
      const name = publisher === 0 ? undefined : publisherName(publisher);
      if (name !== undefined && sequence > 0) {
        const own = this.#sequences.get(name) ?? new Map<number, number>();
        this.#sequences.set(name, own.set(sequence, end));
      }
      if (end !== MISSING) this.#frames.push({ end, publisher: name, sequence, receivedAt, ticks });
      return true;
    };
    appender.appendLost = (partition, from, to, cause) => {
      appendLost(partition, from, to, cause);
      if (cause === LostCause.SKIPPED) this.#isPure = false;
      if (appender.isInGap) {
        this.#missed(appender.position);
        return;
      }
      const places = Array.from({ length: to - from }, (_, i) =>
        this.#placeOf(partition, from + i),
      );
      this.#losses.push({ end: appender.position, places });
    };
  }

  #missed(position: number): void {
    if (this.#missedAt !== position) this.tally.gaps++;
    this.#missedAt = position;
    this.#gapAt = position;
    this.#isPure = false;
  }

  #placeOf(partition: number, position: number): string {
    return `${this.#run}/${partition}/${position}`;
  }

  #endsOf(partition: number): number[] {
    this.#ends[partition] ??= [];
    return this.#ends[partition];
  }

  /** A thread begins to apply a tick. */
  began(partition: number, position: number): void {
    if (this.#run === 0) return;
    const end = this.#endsOf(partition)[position];
    expectThat(
      end !== undefined,
      'an entry precedes its effect',
      () => `tick ${position} of partition ${partition} is applied and not journaled`,
    );
    if (this.#isSync) this.#expectSynced(end as number, 'a tick is applied');
  }

  /** A worker died of a tick. */
  skipped(symbol: string, partition: number, position: number): void {
    if (this.#run === 0) return;
    this.#isPure = false;
    const end = this.#endsOf(partition)[position] ?? MISSING;
    if (end !== MISSING) this.#skippedAt.set(symbol, end);
    const model = this.#engine.models.get(symbol);
    if (model !== undefined) model.isInexact = true;
  }

  /** An anomaly gets on disk. */
  stored({ symbol, sequence }: Anomaly): void {
    if (this.#run === 0 || this.#appender === undefined) return;
    const model = this.#engine.models.get(symbol);
    const position = model?.causeOf(sequence);
    const symbolId = this.#engine.engine.symbols.findName(symbol);
    if (position === undefined || symbolId < 0) return;
    const end = this.#endsOf(this.#engine.engine.symbols.partition(symbolId))[position];
    if (end === undefined || end === MISSING) return;
    this.#expectSynced(end, `anomaly ${sequence} of ${symbol} is stored`);
  }

  /** An anomaly is raised with a number that the store has. */
  raisedAgain(again: Anomaly, stored: Anomaly | undefined): void {
    if (stored === undefined || this.isInexact(again.symbol)) return;
    const isSame = (['direction', 'reference', 'price', 'changePercent', 'time'] as const).every(
      (field) => again[field] === stored[field],
    );
    expectThat(
      isSame,
      'anomalies that are raised again have their old numbers',
      () => `${JSON.stringify(again)}, stored is ${JSON.stringify(stored)}`,
    );
  }

  /** A snapshot of now is asked for: returns a check of the position that it is saved with. */
  snapshotAsked(): (position: number | undefined) => void {
    const asked = this.#appender?.position;
    return (position) => {
      expectThat(
        position === asked,
        'a snapshot is where the journal was',
        () => `saved with ${position}, asked for at ${asked}`,
      );
      this.#expectSynced(position ?? 0, 'a snapshot is saved');
    };
  }

  /** A frame is told to be durable. */
  acknowledged(publisher: string, sequence: number): void {
    const end = this.#sequences.get(publisher)?.get(sequence) ?? 0;
    this.#expectSynced(end, `frame ${sequence} of ${publisher} is acknowledged`);
  }

  /** The writer has taken a step. */
  stepped(synced: number): void {
    this.#expectSynced(synced, 'the journal counts as synced');
  }

  #expectSynced(end: number, what: string): void {
    const { syncedEnd } = this.#files;
    if (end <= syncedEnd) return;
    breakOff(
      'nothing happens before its entry is on disk',
      `${what} with the journal at ${end}; on disk is ${syncedEnd}`,
    );
  }
}
