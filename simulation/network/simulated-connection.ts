import type { Socket, SocketHandler } from '../../src/gateway/transport/transport.ts';
import { decodeMessage } from '../../testkit/independent/protocol.ts';
import { type Scheduler, Thread } from '../core/scheduler.ts';
import { ClientPipe, type Outgoing, type PipeOwner } from './client-pipe.ts';
import type { Client, Observer, Reading, SentMessage } from './connection-ends.ts';

const LATENCY_MS_MAX = 4;
/** A server that closed waits this long for its peer's answer, ms. */
const CLOSING_MS = 300;
/** A connection that broke is noticed by each end within this, ms. */
const NOTICED_MS_MAX = 1500;
/** How often a message comes together with the one before it. */
const BURSTS = 0.5;

/**
 * A WebSocket connection without a network: what each end sends arrives in order, late, in parts or
 * never.
 */
export class SimulatedConnection implements Socket, PipeOwner {
  readonly remoteAddress = 'simulated';
  /** Whether the server's end is open, as far as the server knows. */
  isServerOpen = true;
  /** Whether the client's end is. */
  isClientOpen = true;
  readonly #scheduler: Scheduler;
  readonly #client: Client;
  #handler: SocketHandler | undefined;
  #observer: Observer | undefined;
  readonly #pipe: ClientPipe;
  #toServer: SentMessage[] = [];
  /** When the client last did what the server can notice. */
  #lifeAt: number;
  #isArriving = false;
  #isEnding = false;
  #isBroken = false;

  constructor(scheduler: Scheduler, client: Client) {
    this.#scheduler = scheduler;
    this.#client = client;
    this.#lifeAt = scheduler.now;
    this.#pipe = new ClientPipe(scheduler, this);
  }

  /** The server's end of an upgrade that was accepted. */
  open(observer: Observer, open: (socket: Socket) => SocketHandler): void {
    this.#observer = observer;
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
    this.#pipe.read(reading);
  }

  /** The client closes in good order: what it sent before still arrives. */
  leave(code: number): void {
    if (!this.isClientOpen) return;
    this.#closeClient();
    this.#later(LATENCY_MS_MAX, Thread.OUTSIDE, 'client hears its close', () => {
      this.#client.closed(code);
    });
    this.#goneSoon(code, LATENCY_MS_MAX * 2);
  }

  /** The network between the ends is gone. What is on its way is lost, or was already there. */
  break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#pipe.break();
    const { random } = this.#scheduler;
    if (random.chance(0.5)) this.#toServer = [];
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
    this.#observer?.sent(frame, bytes, this.bufferedAmount());
    this.#pipe.write({ kind: 'frame', bytes, frame });
  }

  bufferedAmount(): number {
    return this.isServerOpen ? this.#pipe.buffered : 0;
  }

  cork(work: () => void): void {
    work();
  }

  ping(mark = 0): void {
    if (!this.isServerOpen || this.#isEnding) return;
    this.#pipe.write({ kind: 'ping', mark });
  }

  end(code: number, _reason: string): void {
    if (!this.isServerOpen || this.#isEnding) return;
    this.#isEnding = true;
    this.#tellClosed(code);
    this.#pipe.write({ kind: 'close', code });
    this.#goneSoon(code, CLOSING_MS);
  }

  /** The client has read it. */
  deliver(outgoing: Outgoing): void {
    if (outgoing.kind === 'frame') this.#client.receive(outgoing.frame);
    else if (outgoing.kind === 'ping') this.#pongSoon(outgoing.mark);
    else this.#lose(outgoing.code);
  }

  /** The client has read on: the server hears of it. */
  drained(): void {
    if (!this.isServerOpen) return;
    this.#later(LATENCY_MS_MAX, Thread.MAIN, 'socket drained', () => {
      if (!this.isServerOpen || this.#isEnding) return;
      this.#lifeAt = this.#scheduler.now;
      this.#handler?.drain();
    });
  }

  #tellClosed(code: number): void {
    const quietMs = this.#scheduler.now - this.#lifeAt;
    this.#observer?.closed(code, quietMs, this.bufferedAmount());
  }

  #arriveSoon(): void {
    if (this.#isArriving || this.#toServer.length === 0) return;
    this.#isArriving = true;
    const latencyMs = this.#scheduler.random.chance(BURSTS) ? 0 : LATENCY_MS_MAX;
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
    this.#observer?.before(message);
    this.#handler?.message(message.data);
    this.#observer?.after(message);
  }

  /** The client's end is gone. */
  #lose(code: number): void {
    if (!this.isClientOpen) return;
    this.#closeClient();
    this.#client.closed(code);
  }

  #closeClient(): void {
    this.isClientOpen = false;
    this.#pipe.close();
  }

  #pongSoon(mark: number): void {
    this.#later(LATENCY_MS_MAX, Thread.MAIN, 'pong arrives', () => {
      if (!this.isServerOpen || this.#isEnding) return;
      this.#lifeAt = this.#scheduler.now;
      this.#handler?.pong(mark);
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
    this.#scheduler.after(withinMs * this.#scheduler.random.float(), thread, label, run);
  }
}
