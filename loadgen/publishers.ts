import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import {
  connectPublisher,
  type OverflowPolicy,
  type Publisher,
  type PublisherTotals,
} from '../client-sdk/src/index.ts';
import type { Clock } from './clock.ts';
import { Faults } from './faults.ts';
import { Latency } from './latency.ts';
import { Ledger } from './ledger.ts';
import { OUTBOX_TICKS_MAX, Outbox } from './outbox.ts';
import type { SourceBatch, TickSource } from './tick-source.ts';
import { LoadSocket } from './ws-socket.ts';

/** How often due ticks are looked for, ms: what a timer can do. */
const TURN_MS = 1;
/** Ticks handed over before the event loop gets a turn, so that acknowledgements are read. */
const TICKS_PER_TURN = 8192;
/** How long a publisher tries to get its connection back, ms. */
const GIVE_UP_AFTER_MS = 60_000;
/** Ticks on their way that a publisher keeps at most: credit is what is to limit them. */
const BUFFER_TICKS_MAX = 1_048_576;

const NO_TICKS = {
  sent: 0,
  accepted: 0,
  rejected: 0,
  dropped: 0,
  resumed: 0,
  unacknowledged: 0,
  buffered: 0,
  reconnects: 0,
};

export interface PublishersOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly encoding: 'binary' | 'json';
  readonly publishers: number;
  /** Ticks a frame at most. */
  readonly frameTicks: number;
  /** Distinguishes this run's publisher names from those of other runs. */
  readonly runId: string;
  /** How long to go on, ms. */
  readonly durationMs: number;
  /** Latencies of what is due in the first so many ms are left out. */
  readonly warmUpMs: number;
  /** Whether ticks have times when they are due; else they go as fast as credit allows. */
  readonly isPaced: boolean;
}

export interface PublishResult extends Omit<PublisherTotals, 'buffered'> {
  /** How far behind the schedule the last tick was when the time was up, ms. */
  readonly lagMs: number;
  /** From the start to the last acknowledgement, ms. */
  readonly elapsedMs: number;
}

/**
 * Plays a source through several publishers. Each symbol has one publisher, so its order is kept.
 * Ticks go when they are due, whatever the server does (open loop), and every latency counts from
 * when a tick was due: a stall shows in full.
 */
export class Publishers {
  /** From when a frame's oldest tick was due to its ACK. */
  readonly ackLatency = new Latency();
  /**
   * From when a frame's oldest tick was due to the socket: the generator's own part, and waiting
   * for credit.
   */
  readonly sendDelay = new Latency();
  readonly ledger = new Ledger();
  readonly faults = new Faults();
  readonly #options: PublishersOptions;
  readonly #source: TickSource;
  readonly #clock: Clock;
  readonly #outboxes: Outbox[] = [];
  /** By symbol: its outbox, and its alias there. */
  readonly #outboxOf: Outbox[] = [];
  readonly #aliasOf: number[] = [];
  #startMs = 0;
  #measureFromMs = 0;
  #batch: SourceBatch | undefined;
  #at = 0;
  /** Called with the next acknowledgement. */
  #wake: (() => void) | undefined;

  constructor(options: PublishersOptions, source: TickSource, clock: Clock) {
    this.#options = options;
    this.#source = source;
    this.#clock = clock;
  }

  /** Ticks so far, over all publishers. */
  get totals(): PublisherTotals {
    const totals = { ...NO_TICKS };
    for (const { publisher } of this.#outboxes) {
      const own = publisher.totals;
      for (const key of Object.keys(totals) as (keyof PublisherTotals)[]) totals[key] += own[key];
    }
    return totals;
  }

  /**
   * Connects all publishers. `weights` are the shares of ticks by symbol, where they are known.
   *
   * @throws Error when one cannot connect
   */
  async connect(weights?: Float64Array): Promise<void> {
    const { ledger, sendDelay } = this;
    const clock = this.#clock;
    const { frameTicks, publishers, isPaced } = this.#options;
    // Without a pace nothing is late, so nothing should wait: what cannot go yet is not made yet.
    const waitingMax = isPaced ? OUTBOX_TICKS_MAX : Math.min(frameTicks, OUTBOX_TICKS_MAX);
    for (let i = 0; i < publishers; i++) {
      const publisher = await this.#connectPublisher(i);
      const recordDelay = (due: number, sentAt: number) => {
        if (due >= this.#measureFromMs) sendDelay.record(sentAt - due);
      };
      const shared = { frameTicks, waitingMax, clock, ledger, recordDelay };
      this.#outboxes.push(new Outbox(publisher, shared));
    }
    if (weights !== undefined) this.#spread(weights);
  }

  /** The server's overflow policy. */
  get overflow(): OverflowPolicy {
    return this.#outboxes[0]?.publisher.session?.overflow ?? 'dropOldest';
  }

  /**
   * Plays the source until its end, the end of the duration or the signal, and waits for the last
   * acknowledgements.
   */
  async run(startMs: number, signal: AbortSignal): Promise<PublishResult> {
    this.#startMs = startMs;
    this.#measureFromMs = startMs + this.#options.warmUpMs;
    this.#source.start?.(startMs);
    const endMs = startMs + this.#options.durationMs;
    let isMore = true;
    while (isMore && this.#clock.now() < endMs && !signal.aborted) isMore = await this.#turn();
    const nextDue = this.#batch?.dueMs[this.#at] ?? Number.NaN;
    const lagMs = Math.max(0, this.#clock.now() - (startMs + nextDue)) || 0;
    const closings = this.#outboxes.map(({ publisher }) => publisher.close());
    for (const closing of await Promise.allSettled(closings)) {
      if (closing.status === 'rejected') this.faults.note((closing.reason as Error).message);
    }
    await this.#source.close?.();
    return { ...this.totals, lagMs, elapsedMs: this.#clock.now() - startMs };
  }

  async #connectPublisher(index: number): Promise<Publisher> {
    const { url, token, encoding, runId } = this.#options;
    const name = `load-${runId}-${index}`;
    const publisher = connectPublisher(url, {
      publisher: name,
      encoding,
      WebSocket: LoadSocket,
      giveUpAfterMs: GIVE_UP_AFTER_MS,
      bufferTicksMax: BUFFER_TICKS_MAX,
      ...(token === undefined ? {} : { token }),
    });
    await firstSession(publisher);
    publisher.on('ack', ({ ticks }) => this.#acknowledged(index, ticks));
    publisher.on('reject', ({ symbol, price, reason }) => {
      this.faults.note(`${name}: ${symbol} at ${price} rejected: ${reason}`);
    });
    publisher.on('error', ({ message }) => this.faults.note(`${name}: ${message}`));
    publisher.on('state', ({ closure }) => {
      if (closure === undefined) return;
      this.faults.note(`${name}: connection closed (${closure.code}) ${closure.reason}`);
    });
    return publisher;
  }

  // The busiest symbols first, each to the publisher that has the least to do.
  #spread(weights: Float64Array): void {
    const loads = this.#outboxes.map(() => 0);
    const symbols = [...weights.keys()].sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0));
    for (const symbol of symbols) {
      const index = loads.indexOf(Math.min(...loads));
      loads[index] = (loads[index] ?? 0) + (weights[symbol] ?? 0);
      this.#assign(symbol, this.#outboxes[index] as Outbox);
    }
  }

  #assign(symbol: number, outbox: Outbox): Outbox {
    this.#outboxOf[symbol] = outbox;
    this.#aliasOf[symbol] = outbox.publisher.alias(this.#source.symbols[symbol] as string);
    return outbox;
  }

  /** Sends what is due; false when the source has ended and everything is sent. */
  async #turn(): Promise<boolean> {
    const reason = await this.#fill();
    for (const outbox of this.#outboxes) outbox.send();
    if (reason === 'ended' && this.#outboxes.every(({ length }) => length === 0)) return false;
    if (reason === 'budget') await nextTurn();
    else if (reason === 'blocked') await this.#credit();
    else await sleep(TURN_MS);
    return true;
  }

  /** Waits for an acknowledgement, which may bring credit, or a little time. */
  async #credit(): Promise<void> {
    const acknowledged = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([sleep(TURN_MS), acknowledged]);
  }

  /** Hands due ticks to their outboxes; returns why it stopped. */
  async #fill(): Promise<'ended' | 'not due' | 'blocked' | 'budget'> {
    const now = this.#clock.now();
    for (let budget = TICKS_PER_TURN; budget > 0; budget--) {
      if (this.#batch === undefined || this.#at === this.#batch.count) {
        const next = this.#source.next();
        // Awaiting costs a turn of the microtask queue: only where there is something to wait for.
        this.#batch = next instanceof Promise ? await next : next;
        this.#at = 0;
        if (this.#batch === undefined) return 'ended';
        if (this.#batch.count === 0) continue;
      }
      const { symbols, prices, times, dueMs } = this.#batch;
      const at = this.#at;
      const dueAt = this.#startMs + (dueMs[at] as number);
      if (dueAt > now) return 'not due';
      const symbol = symbols[at] as number;
      const outbox = this.#outboxOf[symbol] ?? this.#assignNew(symbol);
      if (outbox.isFull) return 'blocked';
      const alias = this.#aliasOf[symbol] as number;
      outbox.add(symbol, alias, prices[at] as number, times[at] as number, dueAt);
      this.#at++;
    }
    return 'budget';
  }

  #assignNew(symbol: number): Outbox {
    return this.#assign(symbol, this.#outboxes[symbol % this.#outboxes.length] as Outbox);
  }

  #acknowledged(index: number, ticks: number): void {
    const now = this.#clock.now();
    for (const due of this.#outboxes[index]?.acknowledged(ticks) ?? []) {
      if (due >= this.#measureFromMs) this.ackLatency.record(now - due);
    }
    this.#wake?.();
  }
}

/** Resolves when a session is open; rejects when the first attempt fails: no server, no load. */
function firstSession(publisher: Publisher): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = publisher.on('state', ({ state, closure }) => {
      stop();
      if (state === 'live') {
        resolve();
        return;
      }
      const reason = closure === undefined ? '' : ` (${closure.code}) ${closure.reason}`;
      reject(publisher.failure ?? new Error(`connection closed${reason}`));
      void publisher.close();
    });
  });
}
