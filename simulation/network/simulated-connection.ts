import type { Socket, SocketHandler } from '../../src/gateway/transport/transport.ts';
import { type Scheduler, Thread } from '../core/scheduler.ts';
import { decodeMessage, type WireFrame } from './wire.ts';

/** A message on its way to the server, with what the client meant by it. */
export interface SentMessage {
  readonly data: Uint8Array | string;
  readonly frame: WireFrame;
}

/** The client's end. */
export interface Client {
  receive(frame: WireFrame): void;
  /** The connection is gone. */
  closed(code: number): void;
}

/** Whoever looks at what goes through the server's end, and breaks the run off when it is wrong. */
export interface Witness {
  /** The server is about to be handed a message, and has dealt with it. */
  before(message: SentMessage): void;
  after(message: SentMessage): void;
  /** The server sends. `buffered`: bytes before it that the peer's kernel has not taken. */
  sent(frame: WireFrame, bytes: number, buffered: number): void;
  /**
   * The server closes, or hears that the connection is gone; the peer showed no sign of life for `quietMs`, and `buffered`
   * bytes wait for it.
   */
  closed(code: number, quietMs: number, buffered: number): void;
}

/** How a client reads. */
export const Reading = {
  ALL: 'all',
  PARTS: 'parts',
  /** A byte a second. */
  CRAWL: 'crawl',
  NOTHING: 'nothing',
} as const;
export type Reading = (typeof Reading)[keyof typeof Reading];

type Outgoing =
  | { readonly kind: 'frame'; readonly end: number; readonly frame: WireFrame }
  | { readonly kind: 'ping'; readonly end: number }
  | { readonly kind: 'close'; readonly end: number; readonly code: number };

const LATENCY_MS_MAX = 4;
const PING_BYTES = 2;
const CLOSE_BYTES = 4;
const CRAWL_MS = 1000;
/** A server that closed waits this long for its peer's answer, ms. */
const CLOSING_MS = 300;
/** A connection that broke is noticed by each end within this, ms. */
const NOTICED_MS_MAX = 1500;
/** How often a message comes together with the one before it. */
const BURSTS = 0.5;

/** A WebSocket connection without a network: what each end sends arrives in order, late, in parts or never. */
export class SimulatedConnection implements Socket {
  readonly remoteAddress = 'simulated';
  reading: Reading = Reading.ALL;
  /** Whether the server's end is open, as far as the server knows. */
  isServerOpen = true;
  /** Whether the client's end is. */
  isClientOpen = true;
  readonly #scheduler: Scheduler;
  readonly #client: Client;
  #handler: SocketHandler | undefined;
  #witness: Witness | undefined;
  /** Bytes that fit between the ends. */
  readonly #kernelBytes: number;
  readonly #saysDrained: boolean;
  #toServer: SentMessage[] = [];
  #toClient: Outgoing[] = [];
  #written = 0;
  /** When the client last did what the server can notice. */
  #lifeAt: number;
  #read = 0;
  #isArriving = false;
  #isPumping = false;
  #isEnding = false;
  #isBroken = false;

  constructor(scheduler: Scheduler, client: Client) {
    this.#scheduler = scheduler;
    this.#client = client;
    this.#lifeAt = scheduler.now;
    const { random } = scheduler;
    this.#kernelBytes = random.pick([0, 200, 4000, 100_000]);
    this.#saysDrained = random.isLucky(0.7);
  }

  /** The server's end of an upgrade that was accepted. */
  open(witness: Witness, open: (socket: Socket) => SocketHandler): void {
    this.#witness = witness;
    this.#lifeAt = this.#scheduler.now;
    this.#handler = open(this);
  }

  /** The client sends. */
  transmit(message: SentMessage): void {
    if (!this.isClientOpen) return;
    this.#toServer.push(message);
    this.#arriveSoon();
  }

  /** The client reads on, or otherwise. */
  read(reading: Reading): void {
    this.reading = reading;
    this.#pumpSoon();
  }

  /** The client closes in good order: what it sent before still arrives. */
  leave(code: number): void {
    if (!this.isClientOpen) return;
    this.isClientOpen = false;
    this.#later(LATENCY_MS_MAX, Thread.OUTSIDE, 'client hears its close', () => {
      this.#client.closed(code);
    });
    this.#goneSoon(code, LATENCY_MS_MAX * 2);
  }

  /** The network between the ends is gone. What is on its way is lost, or was already there. */
  break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#toClient = [];
    const { random } = this.#scheduler;
    if (random.isLucky(0.5)) this.#toServer = [];
    if (this.isClientOpen) {
      this.#later(NOTICED_MS_MAX, Thread.OUTSIDE, 'client sees the break', () => this.#lose(1006));
    }
    if (this.isServerOpen) this.#goneSoon(1006, NOTICED_MS_MAX);
  }

  /** The process at the server's end died. */
  cut(): void {
    this.isServerOpen = false;
    this.#handler = undefined;
    this.#toServer = [];
    this.break();
  }

  send(message: Uint8Array | string): void {
    if (!this.isServerOpen || this.#isEnding) return;
    this.#scheduler.trace.content(message);
    const bytes = typeof message === 'string' ? Buffer.byteLength(message) : message.length;
    const frame = decodeMessage(message);
    this.#witness?.sent(frame, bytes, this.bufferedAmount());
    this.#written += bytes;
    this.#toClient.push({ kind: 'frame', end: this.#written, frame });
    this.#pumpSoon();
  }

  bufferedAmount(): number {
    if (!this.isServerOpen) return 0;
    return Math.max(0, this.#written - this.#read - this.#kernelBytes);
  }

  cork(work: () => void): void {
    work();
  }

  ping(): void {
    if (!this.isServerOpen || this.#isEnding) return;
    this.#written += PING_BYTES;
    this.#toClient.push({ kind: 'ping', end: this.#written });
    this.#pumpSoon();
  }

  end(code: number, _reason: string): void {
    if (!this.isServerOpen || this.#isEnding) return;
    this.#isEnding = true;
    this.#tellClosed(code);
    this.#written += CLOSE_BYTES;
    this.#toClient.push({ kind: 'close', end: this.#written, code });
    this.#pumpSoon();
    this.#goneSoon(code, CLOSING_MS);
  }

  #tellClosed(code: number): void {
    const quietMs = this.#scheduler.now - this.#lifeAt;
    this.#witness?.closed(code, quietMs, this.bufferedAmount());
  }

  #arriveSoon(): void {
    if (this.#isArriving || this.#toServer.length === 0) return;
    this.#isArriving = true;
    const latencyMs = this.#scheduler.random.isLucky(BURSTS) ? 0 : LATENCY_MS_MAX;
    this.#later(latencyMs, Thread.MAIN, 'message arrives', () => {
      this.#isArriving = false;
      const message = this.#toServer.shift();
      if (message !== undefined) this.#arrive(message);
      this.#arriveSoon();
    });
  }

  #arrive(message: SentMessage): void {
    if (!this.isServerOpen || this.#isEnding) return;
    this.#lifeAt = this.#scheduler.now;
    this.#witness?.before(message);
    this.#handler?.message(message.data);
    this.#witness?.after(message);
  }

  #pumpSoon(): void {
    if (this.#isPumping || this.#isBroken || !this.isClientOpen) return;
    if (this.#toClient.length === 0 || this.reading === Reading.NOTHING) return;
    this.#isPumping = true;
    const { random } = this.#scheduler;
    const delayMs = this.reading === Reading.CRAWL ? CRAWL_MS : LATENCY_MS_MAX * random.share();
    this.#scheduler.after(delayMs, Thread.OUTSIDE, 'client reads', () => this.#pump());
  }

  #pump(): void {
    this.#isPumping = false;
    if (this.#isBroken || !this.isClientOpen || this.reading === Reading.NOTHING) return;
    const buffered = this.bufferedAmount();
    this.#read = Math.min(this.#written, this.#read + this.#appetite());
    const isWhole = ({ end }: Outgoing) => end <= this.#read;
    while (this.#toClient[0] !== undefined && isWhole(this.#toClient[0])) {
      this.#deliver(this.#toClient.shift() as Outgoing);
    }
    if (this.#saysDrained && this.bufferedAmount() < buffered) this.#drainSoon();
    this.#pumpSoon();
  }

  /** Bytes that the client takes at a time. */
  #appetite(): number {
    if (this.reading === Reading.CRAWL) return 1;
    if (this.reading === Reading.ALL) return Number.POSITIVE_INFINITY;
    return 1 + this.#scheduler.random.below(600);
  }

  #deliver(outgoing: Outgoing): void {
    if (outgoing.kind === 'frame') this.#client.receive(outgoing.frame);
    else if (outgoing.kind === 'ping') this.#pongSoon();
    else this.#lose(outgoing.code);
  }

  /** The client's end is gone. */
  #lose(code: number): void {
    if (!this.isClientOpen) return;
    this.isClientOpen = false;
    this.#client.closed(code);
  }

  #pongSoon(): void {
    this.#later(LATENCY_MS_MAX, Thread.MAIN, 'pong arrives', () => {
      if (!this.isServerOpen || this.#isEnding) return;
      this.#lifeAt = this.#scheduler.now;
      this.#handler?.pong();
    });
  }

  #drainSoon(): void {
    this.#later(LATENCY_MS_MAX, Thread.MAIN, 'socket drained', () => {
      if (!this.isServerOpen || this.#isEnding) return;
      this.#lifeAt = this.#scheduler.now;
      this.#handler?.drain();
    });
  }

  /** The server hears within `withinMs` that the connection is gone. */
  #goneSoon(code: number, withinMs: number): void {
    this.#later(withinMs, Thread.MAIN, 'connection is gone', () => {
      if (!this.isServerOpen) return;
      // What came before the close is read before it.
      for (const message of this.#toServer.splice(0)) this.#arrive(message);
      this.isServerOpen = false;
      if (!this.#isEnding) this.#tellClosed(code);
      this.#handler?.close(code);
      if (this.isClientOpen && !this.#isBroken) this.break();
    });
  }

  #later(withinMs: number, thread: number, label: string, run: () => void): void {
    this.#scheduler.after(withinMs * this.#scheduler.random.share(), thread, label, run);
  }
}
