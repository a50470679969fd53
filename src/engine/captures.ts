import { type CaptureReport, CaptureRequester } from './memory/capture-request.ts';
import type { CaptureMemory } from './memory/engine-memory.ts';
import type { TickProducer } from './memory/tick-ring.ts';

/**
 * The state of all symbols at one moment, in shared memory: plain data that may be sent to any thread, to be read there with
 * `readCapture` until it is released.
 */
export interface Capture {
  /** Counts from 1. */
  readonly number: number;
  /** Symbols that were known at the cut; they have the ids below this. */
  readonly symbols: number;
  readonly movingAverageWindow: number;
  readonly names: SharedArrayBuffer;
  readonly records: SharedArrayBuffer;
  /** By partition. */
  readonly places: readonly SharedArrayBuffer[];
  /** By partition: what it took, and what became of the ticks before the cut. */
  readonly reports: readonly CaptureReport[];
}

/** What is the same in all captures of an engine. */
type CaptureFrame = Pick<Capture, 'movingAverageWindow' | 'names'>;

/** Asks workers for captures, one at a time. The gateway's thread only. */
export class Captures {
  readonly #memory: readonly CaptureMemory[];
  readonly #requesters: readonly CaptureRequester[];
  readonly #producers: readonly TickProducer[];
  readonly #frame: CaptureFrame;
  #number = 0;
  #isFree = true;

  /** @param producers by partition, as `memory` is */
  constructor(
    memory: readonly CaptureMemory[],
    producers: readonly TickProducer[],
    frame: CaptureFrame,
  ) {
    this.#memory = memory;
    this.#producers = producers;
    this.#frame = frame;
    this.#requesters = memory.map(({ request }) => new CaptureRequester(request));
  }

  /** Whether no capture is being made or read. */
  get isFree(): boolean {
    return this.#isFree;
  }

  /**
   * Asks all workers for a capture and wakes those that sleep. Resolves when the last has made its part.
   *
   * @param symbols known now; every tick offered so far has been published
   */
  async request(symbols: number): Promise<Capture> {
    this.#isFree = false;
    const number = ++this.#number;
    const requesters = this.#requesters;
    for (const [partition, producer] of this.#producers.entries()) {
      (requesters[partition] as CaptureRequester).request(producer.position);
      producer.wake();
    }
    await Promise.all(requesters.map((requester) => requester.done()));
    const places = this.#memory.map((memory) => memory.places);
    const reports = requesters.map((requester) => requester.report());
    const [first] = this.#memory as [CaptureMemory];
    return { number, symbols, records: first.records, places, reports, ...this.#frame };
  }

  /** Lets the next capture overwrite this one. */
  release({ number }: Capture): void {
    if (number === this.#number) this.#isFree = true;
  }
}
