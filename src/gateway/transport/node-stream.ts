import type { ServerResponse } from 'node:http';
import { CLOSE_TIMEOUT_MS, HandlerCalls } from './handler-calls.ts';
import type { Socket, SocketHandler } from './transport.ts';

/** The endless body of an HTTP answer of node:http, whose head has been written. */
export class NodeStream implements Socket {
  readonly remoteAddress: string;
  readonly #response: ServerResponse;
  readonly #calls: HandlerCalls;
  /** Whether bytes stayed in the process after a tick: their departure is a drain. */
  #isBehind = false;
  #isNoting = false;

  constructor(response: ServerResponse, remoteAddress: string, fault: (error: unknown) => void) {
    this.#response = response;
    this.remoteAddress = remoteAddress;
    this.#calls = new HandlerCalls(fault);
  }

  /** Joins the stream and its handler. */
  open(open: (socket: Socket) => SocketHandler): void {
    // The time limit of silent connections: heartbeats may be rarer.
    this.#response.socket?.setTimeout(0);
    this.#response.on('close', () => this.#calls.close(1006));
    this.#calls.open(this, open);
  }

  send(message: Uint8Array | string): void {
    if (!this.#calls.live) return;
    const chunk = typeof message === 'string' ? message : Buffer.from(message);
    this.#response.write(chunk, this.#written);
    if (this.#isNoting) return;
    this.#isNoting = true;
    // Behind the tick in which node:http hands the chunks of this one to the kernel.
    process.nextTick(this.#noteBacklog);
  }

  bufferedAmount(): number {
    return this.#calls.live ? this.#response.writableLength : 0;
  }

  cork(work: () => void): void {
    this.#response.cork();
    try {
      work();
    } finally {
      this.#response.uncork();
    }
  }

  ping(mark = 0): void {
    if (this.bufferedAmount() === 0) setImmediate(() => this.#calls.pong(mark));
  }

  end(code: number): void {
    if (!this.#calls.live) return;
    this.#calls.ended(code);
    this.#response.end();
    setTimeout(() => this.#response.destroy(), CLOSE_TIMEOUT_MS).unref();
  }

  readonly #noteBacklog = (): void => {
    this.#isNoting = false;
    if (this.#response.writableLength > 0) this.#isBehind = true;
  };

  /** Called when the kernel has taken a chunk. */
  readonly #written = (): void => {
    if (!this.#isBehind || !this.#calls.live) return;
    this.#isBehind = this.#response.writableLength > 0;
    this.#calls.drain();
  };
}
