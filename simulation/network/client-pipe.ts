import type { WireFrame } from '../../testkit/independent/protocol.ts';
import { type Scheduler, Thread } from '../core/scheduler.ts';
import { Reading } from './connection-ends.ts';

/** What the server sends. */
export type Outgoing =
  | { readonly kind: 'frame'; readonly bytes: number; readonly frame: WireFrame }
  | { readonly kind: 'ping'; readonly mark: number }
  | { readonly kind: 'close'; readonly code: number };

/** The connection that a pipe belongs to. */
export interface PipeOwner {
  /** The client has read it, whole. */
  deliver(outgoing: Outgoing): void;
  /** There is more room than before, and the server hears so. */
  drained(): void;
}

/** A message, and the byte in the pipe that it ends before. */
interface Placed {
  readonly end: number;
  readonly outgoing: Outgoing;
}

const READ_MS_MAX = 4;
const CRAWL_MS = 1000;
const PART_BYTES_MAX = 600;
const PING_BYTES = 2;
const CLOSE_BYTES = 4;

/**
 * The bytes between the server and a client that reads in its own way: the kernels hold some, the
 * server's socket the rest.
 */
export class ClientPipe {
  readonly #scheduler: Scheduler;
  readonly #owner: PipeOwner;
  /** Bytes that fit between the ends. */
  readonly #kernelBytes: number;
  readonly #saysDrained: boolean;
  #reading: Reading = Reading.ALL;
  #placed: Placed[] = [];
  #written = 0;
  #read = 0;
  #isPumping = false;
  #isClosed = false;

  constructor(scheduler: Scheduler, owner: PipeOwner) {
    this.#scheduler = scheduler;
    this.#owner = owner;
    const { random } = scheduler;
    this.#kernelBytes = random.pick([0, 200, 4000, 100_000]);
    this.#saysDrained = random.chance(0.7);
  }

  /** Bytes that wait in the server's socket. */
  get buffered(): number {
    return Math.max(0, this.#written - this.#read - this.#kernelBytes);
  }

  write(outgoing: Outgoing): void {
    this.#written += bytesOf(outgoing);
    this.#placed.push({ end: this.#written, outgoing });
    this.#pumpSoon();
  }

  /** The client reads on, or otherwise. */
  read(reading: Reading): void {
    this.#reading = reading;
    this.#pumpSoon();
  }

  /** The client reads no more. */
  close(): void {
    this.#isClosed = true;
  }

  /** What is on its way is lost, and so is all that follows. */
  break(): void {
    this.#isClosed = true;
    this.#placed = [];
  }

  #pumpSoon(): void {
    if (this.#isPumping || this.#isClosed) return;
    if (this.#placed.length === 0 || this.#reading === Reading.NOTHING) return;
    this.#isPumping = true;
    const { random } = this.#scheduler;
    const delayMs = this.#reading === Reading.CRAWL ? CRAWL_MS : READ_MS_MAX * random.float();
    this.#scheduler.after(delayMs, Thread.OUTSIDE, 'client reads', () => this.#pump());
  }

  #pump(): void {
    this.#isPumping = false;
    if (this.#isClosed || this.#reading === Reading.NOTHING) return;
    const { buffered } = this;
    this.#read = Math.min(this.#written, this.#read + this.#appetite());
    for (let next = this.#placed[0]; next !== undefined && next.end <= this.#read; ) {
      this.#placed.shift();
      this.#owner.deliver(next.outgoing);
      next = this.#placed[0];
    }
    if (this.#saysDrained && this.buffered < buffered) this.#owner.drained();
    this.#pumpSoon();
  }

  /** Bytes that the client takes at a time. */
  #appetite(): number {
    if (this.#reading === Reading.CRAWL) return 1;
    if (this.#reading === Reading.ALL) return Number.POSITIVE_INFINITY;
    return 1 + this.#scheduler.random.below(PART_BYTES_MAX);
  }
}

function bytesOf(outgoing: Outgoing): number {
  if (outgoing.kind === 'frame') return outgoing.bytes;
  return outgoing.kind === 'ping' ? PING_BYTES : CLOSE_BYTES;
}
