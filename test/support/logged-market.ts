import { LogJournal } from '../../src/cluster/log-journal.ts';
import { ClusterNames } from '../../src/cluster/names.ts';
import { PublisherLedger } from '../../src/cluster/publisher-ledger.ts';
import { TickBatch } from '../../src/protocol/index.ts';
import type { MarketTick } from '../../testkit/independent/statistics.ts';
import type { Random } from '../../testkit/random.ts';
import type { SimulatedBus } from './simulated-bus.ts';

export const SHARDS = 4;
export const NAMES = new ClusterNames('test', SHARDS);
export const SYMBOLS = Array.from({ length: 16 }, (_, i) => `S-${i}`);
/** Of owners. */
export const SETTINGS = {
  rules: {
    movingAverageWindow: 64,
    anomalyThresholdPercent: 2,
    slidingWindowMilliseconds: 1000,
    windowCapacity: 1024,
    maxFutureMs: 5000,
  },
  symbols: 64,
  growBytes: 1_048_576,
};

/** Opens the logs of the cluster. */
export async function openLogs(bus: SimulatedBus): Promise<void> {
  for (const [name, subjects] of NAMES.tickLogs()) {
    await bus.openLog({ name, subjects, perSubjectMax: 0, ageMaxMs: 0 });
  }
  const forever = { ageMaxMs: 0 };
  await bus.openLog({
    name: NAMES.outputLog,
    subjects: [NAMES.outputs],
    perSubjectMax: 0,
    ...forever,
  });
  const subjects = [NAMES.snapshots];
  await bus.openLog({ name: NAMES.snapshotLog, subjects, perSubjectMax: 1, ...forever });
}

/** A market whose ticks go into the logs, frame by frame. */
export class LoggedMarket {
  readonly ticks: MarketTick[] = [];
  readonly #journal: LogJournal;
  readonly #random: Random;
  readonly #prices = SYMBOLS.map(() => 100);
  #time = 1_700_000_000_000;

  private constructor(journal: LogJournal, random: Random) {
    this.#journal = journal;
    this.#random = random;
  }

  static async open(bus: SimulatedBus, random: Random): Promise<LoggedMarket> {
    const ledger = new PublisherLedger('edge', await bus.openKeys('ledger', 0));
    const journal = new LogJournal({
      bus,
      names: NAMES,
      ledger,
      edge: 'edge',
      symbolName: (symbolId) => SYMBOLS[symbolId] as string,
      publisherName: () => 'feed',
    });
    await ledger.claim('feed');
    return new LoggedMarket(journal, random);
  }

  /** A frame of one tick. */
  tick(symbol: string): void {
    this.#append(1, () => SYMBOLS.indexOf(symbol));
  }

  frame(): void {
    const random = this.#random;
    this.#append(random.between(1, 24), () => random.below(SYMBOLS.length));
  }

  #append(count: number, symbolOf: () => number): void {
    const random = this.#random;
    const batch = new TickBatch();
    batch.start(this.#journal.position + 1, count);
    batch.receivedAt = this.#time;
    this.#journal.begin(count);
    for (let i = 0; i < count; i++) {
      const symbolId = symbolOf();
      const jump = random.chance(0.05) ? 1 + random.pick([-1, 1]) * 0.03 : 1;
      const price = (this.#prices[symbolId] as number) * jump * (1 + (random.float() - 0.5) / 1e3);
      this.#prices[symbolId] = price;
      this.#time += random.below(20);
      // Some come late.
      const time = this.#time - (random.chance(0.05) ? random.below(500) : 0);
      batch.prices[i] = price;
      batch.times[i] = time;
      this.#journal.add(symbolId, batch, i);
      this.ticks.push({ symbol: SYMBOLS[symbolId] as string, price, time });
    }
    if (!this.#journal.append(1, batch)) throw new Error('the frame was not taken');
  }

  get now(): number {
    return this.#time;
  }

  get isSettled(): boolean {
    return this.#journal.syncedPosition === this.#journal.position;
  }
}
