import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../loadgen/clock.ts';
import type { Market, Updates, Wire } from '../wires/wire.ts';
import { type FullOptions, FullPublishing } from './full-publishing.ts';
import { type PacedOptions, PacedPublishing } from './paced-publishing.ts';
import { PublisherConnection, type ServerAddress } from './publisher-connection.ts';
import { divideUpdates, firstOfEach } from './update-stream.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const POLL_MS = 5;

interface Lane {
  readonly connection: PublisherConnection;
  readonly updates: Updates;
}

/** All publishers of a run, in this process. */
export class Publishers {
  readonly #lanes: readonly Lane[];
  readonly #clock: Clock;
  #paced: readonly PacedPublishing[] = [];
  #full: readonly FullPublishing[] = [];

  /**
   * Connects publishers; each symbol belongs to one.
   *
   * @throws Error when one cannot connect or is not ready in time
   */
  static async connect(
    server: ServerAddress,
    wire: Wire,
    market: Market,
    updates: Updates,
    count: number,
    clock: Clock,
  ): Promise<Publishers> {
    const shares = count === 1 ? [updates] : divideUpdates(updates, count);
    const lanes = shares.map((share) => ({
      connection: new PublisherConnection(server, wire, market),
      updates: share,
    }));
    const publishers = new Publishers(lanes, clock);
    const deadline = performance.now() + CONNECT_TIMEOUT_MS;
    while (!lanes.every(({ connection }) => connection.isReady)) {
      publishers.check();
      if (performance.now() > deadline) throw new Error('a publisher was not ready in time');
      await sleep(POLL_MS);
    }
    return publishers;
  }

  private constructor(lanes: readonly Lane[], clock: Clock) {
    this.#lanes = lanes;
    this.#clock = clock;
  }

  get sent(): number {
    return this.#lanes.reduce((sum, { connection }) => sum + connection.sent, 0);
  }

  /** Due updates not sent. */
  get notSent(): number {
    return this.#paced.reduce((sum, { notSent }) => sum + notSent, 0);
  }

  /**
   * Deliveries due so far.
   *
   * @param subscribers subscriber count by symbol
   */
  expectedDeliveries(subscribers: Float64Array): number {
    return this.#lanes.reduce((sum, { updates: { symbols } }, lane) => {
      const due = this.#paced[lane]?.due ?? 0;
      const count = (to: number) =>
        symbols.subarray(0, to).reduce((total, symbol) => total + (subscribers[symbol] ?? 0), 0);
      const loops = Math.floor(due / symbols.length);
      return sum + loops * count(symbols.length) + count(due % symbols.length);
    }, 0);
  }

  /** Publishes until `stop`; the rate is the total of all publishers. */
  startPaced({ rate, ...options }: PacedOptions): void {
    const total = this.#lanes.reduce((sum, { updates }) => sum + updates.symbols.length, 0);
    this.#paced = this.#lanes.map(({ connection, updates }) => {
      const share = (rate * updates.symbols.length) / total;
      return new PacedPublishing(connection, updates, { ...options, rate: share }, this.#clock);
    });
    for (const publishing of this.#paced) publishing.start();
  }

  /**
   * Publishes at full speed. Resolves after all loops, or on `stop`.
   *
   * @throws Error when a connection was lost
   */
  publishFully(options: FullOptions): Promise<void> {
    return this.#publish(this.#lanes, options);
  }

  /**
   * Publishes every symbol's first update; resolves once the sockets have them.
   *
   * @throws Error when a connection was lost
   */
  publishFirsts(options: Omit<FullOptions, 'loops'>): Promise<void> {
    const lanes = this.#lanes.map(({ connection, updates }) => {
      return { connection, updates: firstOfEach(updates) };
    });
    return this.#publish(lanes, { ...options, loops: 1 });
  }

  async #publish(lanes: readonly Lane[], options: FullOptions): Promise<void> {
    this.#full = lanes.map(({ connection, updates }) => {
      return new FullPublishing(connection, updates, options);
    });
    for (const publishing of this.#full) publishing.start();
    await Promise.all(this.#full.map(({ ended }) => ended));
    this.check();
  }

  /** @throws Error when a connection was lost */
  check(): void {
    for (const { connection } of this.#lanes) {
      if (connection.ended !== undefined) {
        throw new Error(`a publisher lost its connection: ${connection.ended}`);
      }
    }
  }

  /** Stops publishing; connections stay open. */
  stop(): void {
    for (const publishing of [...this.#paced, ...this.#full]) publishing.stop();
  }

  close(): void {
    this.stop();
    for (const { connection } of this.#lanes) connection.close();
  }
}
