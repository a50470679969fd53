import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from './bus.ts';
import { type FramePlace, NO_PLACE, SegmentBatch } from './segments.ts';

/** Messages of a shard on their way at a time. */
const WINDOW = 8;
/** While a message is on its way, the next one waits for so many bytes, or its acknowledgement. */
const FULL_BYTES = 16 * 1024;
/** A message with more takes no further segment, bytes. */
const MESSAGE_BYTES_MAX = 256 * 1024;
/** Wait before messages are sent again, ms: the first time, and at most. */
const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 1000;

/** A frame whose parts go into logs. */
export interface SentFrame {
  /** Messages with parts of it that are not stored yet, as far as known. */
  unstored: number;
}

/** Counts of all shards. */
export interface LogCounts {
  messages: number;
  resends: number;
  /** Bytes that wait, or are on their way. */
  bytes: number;
}

interface SentMessage {
  readonly payload: Uint8Array;
  readonly frames: readonly SentFrame[];
  isStored: boolean;
}

/**
 * Writes the log of one shard: some messages are on their way at a time. After a failure the
 * oldest one that is not known to be stored, and all behind it, are sent again in order: the reader
 * refuses what follows a gap, and what it has.
 */
export class ShardLog {
  readonly #bus: Bus;
  readonly #subject: string;
  readonly #counts: LogCounts;
  readonly #onStored: (frame: SentFrame) => void;
  readonly #batch = new SegmentBatch();
  #frames: SentFrame[] = [];
  #sent: SentMessage[] = [];
  /** Counts failures: answers to earlier attempts say nothing. */
  #attempt = 0;
  #isRetrying = false;
  #retryMs = RETRY_MS_MIN;
  #isStopped = false;

  /** @param onStored called when a message with a part of a frame is stored, in order */
  constructor(bus: Bus, subject: string, counts: LogCounts, onStored: (frame: SentFrame) => void) {
    this.#bus = bus;
    this.#subject = subject;
    this.#counts = counts;
    this.#onStored = onStored;
  }

  /** Begins a segment of a frame, in the open message if it has room. */
  begin(
    frame: SentFrame,
    publisher: string,
    place: FramePlace,
    previous: FramePlace,
    receivedAt: number,
  ): void {
    if (this.#batch.bytes >= MESSAGE_BYTES_MAX) this.cut();
    // Where all before it is stored, in order, none can be missing: to name one would only have it
    // refused by a reader that has forgotten the publisher.
    const isFirst = this.#sent.length === 0 && this.#batch.isEmpty;
    this.#batch.begin(publisher, place, isFirst ? NO_PLACE : previous, receivedAt);
    this.#frames.push(frame);
    frame.unstored++;
  }

  add(symbol: string, price: number, time: number): void {
    this.#batch.add(symbol, price, time);
  }

  /** Closes the open message, if there is one. It is sent as soon as the window allows. */
  cut(): void {
    if (this.#batch.isEmpty) return;
    const payload = this.#batch.take();
    this.#sent.push({ payload, frames: this.#frames, isStored: false });
    this.#frames = [];
    this.#counts.bytes += payload.length;
    this.#send(this.#sent.length - 1);
  }

  /** Sends what waits, if it is enough or nothing is on its way. */
  flush(): void {
    if (this.#batch.isEmpty || this.#sent.length >= WINDOW) return;
    if (this.#sent.length === 0 || this.#batch.bytes >= FULL_BYTES) this.cut();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #send(index: number): void {
    if (this.#isRetrying) return;
    const message = this.#sent[index] as SentMessage;
    const attempt = this.#attempt;
    this.#counts.messages++;
    this.#bus.append({ subject: this.#subject, payload: message.payload }).then(
      () => this.#stored(message, attempt),
      () => this.#failed(attempt),
    );
  }

  #stored(message: SentMessage, attempt: number): void {
    if (attempt !== this.#attempt) return;
    message.isStored = true;
    this.#retryMs = RETRY_MS_MIN;
    while (this.#sent[0]?.isStored === true) {
      const { payload, frames } = this.#sent.shift() as SentMessage;
      this.#counts.bytes -= payload.length;
      for (const frame of frames) {
        frame.unstored--;
        this.#onStored(frame);
      }
    }
    this.flush();
  }

  #failed(attempt: number): void {
    if (attempt !== this.#attempt || this.#isStopped) return;
    this.#attempt++;
    void this.#sendAgain();
  }

  async #sendAgain(): Promise<void> {
    this.#isRetrying = true;
    // What was stored behind a message that was not is refused by the reader.
    for (const message of this.#sent) message.isStored = false;
    await delay(this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
    this.#isRetrying = false;
    if (this.#isStopped) return;
    this.#counts.resends += this.#sent.length;
    for (let i = 0; i < this.#sent.length; i++) this.#send(i);
  }
}
