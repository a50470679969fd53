import { connectPublisher, type Publisher } from '../../client-sdk/src/index.ts';
import { LoadSocket } from '../ws-socket.ts';
import type { KnownTicks } from './known-ticks.ts';

/** How often due ticks are looked for, ms. */
const TURN_MS = 5;
/** A publisher that is behind catches up at this multiple of its rate at most. */
const CATCH_UP = 2;
const CLOSE_TIMEOUT_MS = 30_000;

export interface KnownPublisherOptions {
  /** Of a server, or of several that stand for each other. */
  readonly url: string | readonly string[];
  readonly name: string;
  readonly ticks: KnownTicks;
  /**
   * Every frame has exactly so many ticks, a power of two; 1: they go tick by tick, as an
   * application's would.
   */
  readonly frameTicks: number;
}

/** What a publisher tells of its connections; sequences are those of the server. */
export interface KnownPublisherEvents {
  /**
   * A session opened, and the server has everything up to `sequence`; `resent` ticks are sent
   * again.
   */
  live(sequence: number, epoch: string, resent: number): void;
  /** The session ended. */
  lost?(): void;
  acknowledged(sequence: number): void;
  /** The server refused a tick, by its index in the stream, for its time. */
  refused?(index: number): void;
  fault(message: string): void;
}

/**
 * Publishes known ticks at their pace through the client SDK, in frames of one size, so that a
 * sequence tells which ticks it stands for.
 */
export class KnownPublisher {
  readonly publisher: Publisher;
  /** Frames of the stream that were handed to the SDK, those before the first one included. */
  position = 0;
  /** Ticks that the server named as refused. */
  rejected = 0;
  readonly #options: KnownPublisherOptions;
  readonly #events: KnownPublisherEvents;
  readonly #columns;
  #sequence = 0;
  /** The frame of the stream that was the first to be sent. */
  #from = 0;
  /** The SDK reports what a new session acknowledged after the session itself. */
  #isResuming = false;
  #isFull = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: KnownPublisherOptions, events: KnownPublisherEvents) {
    const { url, name, frameTicks } = options;
    this.#options = options;
    this.#events = events;
    this.#columns = {
      aliases: new Uint32Array(frameTicks),
      prices: new Float64Array(frameTicks),
      times: new Float64Array(frameTicks),
    };
    this.publisher = connectPublisher(url, {
      publisher: name,
      WebSocket: LoadSocket,
      batchTicksMax: frameTicks,
      bufferTicksMax: 262_144,
    });
    this.#listen();
  }

  /** Begins to send, with frame `from` of the stream. */
  start(from: number): void {
    this.position = from;
    this.#from = from;
    this.#timer = setInterval(() => this.#turn(), TURN_MS);
  }

  /** Sends no more. */
  pause(): void {
    clearInterval(this.#timer);
  }

  /** Sends no more, waits until all is acknowledged, and closes. */
  async stop(): Promise<void> {
    this.pause();
    await this.publisher.close(CLOSE_TIMEOUT_MS);
  }

  #listen(): void {
    const { publisher } = this;
    publisher.on('state', ({ state, previous }) => {
      const { session } = publisher;
      if (previous === 'live') this.#events.lost?.();
      if (state !== 'live' || session === undefined) return;
      this.#sequence = session.sequence ?? 0;
      this.#isResuming = true;
      this.#events.live(this.#sequence, session.epoch, publisher.totals.unacknowledged);
    });
    publisher.on('ack', ({ frames }) => {
      if (!this.#isResuming) this.#sequence += frames;
      this.#isResuming = false;
      if (frames > 0) this.#events.acknowledged(this.#sequence);
    });
    publisher.on('reject', ({ symbol, price, reason, index }) => {
      this.rejected++;
      if (reason === 'bad_time' && this.#events.refused !== undefined) {
        this.#events.refused(this.#from * this.#options.frameTicks + index);
        return;
      }
      // Bad ticks of a stream have prices below zero; no other may be refused.
      if (price > 0) this.#events.fault(`${symbol} at ${price} was rejected: ${reason}`);
    });
    publisher.on('error', ({ message }) => this.#events.fault(message));
  }

  #turn(): void {
    const { ticks, frameTicks } = this.#options;
    const frameMs = ticks.intervalMs * frameTicks;
    const due = Math.floor((Date.now() - ticks.startMs) / frameMs);
    const most = this.position + Math.ceil((CATCH_UP * TURN_MS) / frameMs);
    const end = Math.min(due, most);
    while (this.position < end && this.#sendFrame()) this.position++;
  }

  #sendFrame(): boolean {
    return this.#options.frameTicks === 1 ? this.#sendTick() : this.#sendBatch();
  }

  #sendTick(): boolean {
    if (this.#isFull) return false;
    const { ticks } = this.#options;
    const { symbol, price, time } = ticks.at(this.position);
    this.#isFull = !this.publisher.publish(ticks.symbols[symbol] ?? '', price, time);
    if (this.#isFull) {
      const goOn = () => {
        this.#isFull = false;
      };
      this.publisher.ready.then(goOn, goOn);
    }
    return true;
  }

  #sendBatch(): boolean {
    const { ticks, frameTicks } = this.#options;
    // A frame that does not fit whole is not begun: the size of frames is what sequences are read
    // by.
    if (this.publisher.credit < frameTicks) return false;
    const { aliases, prices, times } = this.#columns;
    for (let i = 0; i < frameTicks; i++) {
      const { symbol, price, time } = ticks.at(this.position * frameTicks + i);
      aliases[i] = this.publisher.alias(ticks.symbols[symbol] ?? '');
      prices[i] = price;
      times[i] = time;
    }
    const taken = this.publisher.tryPublish(this.#columns, 0, frameTicks);
    if (taken > 0 && taken < frameTicks) {
      this.#events.fault(`a frame of ${frameTicks} ticks was cut to ${taken}`);
    }
    return taken > 0;
  }
}
