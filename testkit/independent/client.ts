import { once } from 'node:events';
import { WebSocket } from 'ws';
import { decodeMessage, encodeMessage, Op } from './protocol.ts';

/*
 * A client written a second time, from docs/PROTOCOL.md alone: it shares no code with the server
 * and none with the SDK, so that a misreading of the protocol shows.
 */

export interface ConnectOptions {
  /** Whether frames are JSON texts; else MessagePack. */
  readonly json?: boolean;
  /** Instead of the subprotocol that `json` stands for. */
  readonly protocols?: readonly string[];
  /** The address to come from, such as 127.0.0.2: limits go by it. */
  readonly localAddress?: string;
  /** Shown with the upgrade, in its header. */
  readonly token?: string;
  /** The header `Authorization` instead of the token's. */
  readonly authorization?: string;
}

export interface Closure {
  readonly code: number;
  readonly reason: string;
}

interface Wait {
  readonly isDone: () => boolean;
  readonly resolve: () => void;
}

const WAIT_MS_MAX = 30_000;

/** One connection: frames out, frames in and kept, waiting for what is to come. */
export class IndependentClient {
  readonly ws: WebSocket;
  readonly json: boolean;
  /** Every frame that came, but for STATS and ANOMALY, of which there may be too many. */
  readonly frames: unknown[][] = [];
  /** Frames that came, of every kind. */
  framesReceived = 0;
  /** What the server did against the protocol. */
  readonly violations: string[] = [];
  closed: Closure | undefined;
  readonly #waits = new Set<Wait>();

  protected constructor(ws: WebSocket, json: boolean) {
    this.ws = ws;
    this.json = json;
    ws.on('message', (data: Buffer, isBinary: boolean) => this.#message(data, isBinary));
    ws.on('error', () => undefined);
    ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.#wake();
    });
  }

  /** A connection that keeps what it gets and makes nothing of it. */
  static open(
    port: number,
    path: string,
    options: ConnectOptions = {},
  ): Promise<IndependentClient> {
    const socket = IndependentClient.socket(`ws://127.0.0.1:${port}${path}`, options);
    return new IndependentClient(socket, options.json ?? false).ready();
  }

  /**
   * One that does not wait for WELCOME: for who is perhaps not let in. Resolves when the socket is
   * open.
   */
  static async dial(
    port: number,
    path: string,
    options: ConnectOptions = {},
  ): Promise<IndependentClient> {
    const socket = IndependentClient.socket(`ws://127.0.0.1:${port}${path}`, options);
    const client = new IndependentClient(socket, options.json ?? false);
    await once(socket, 'open');
    return client;
  }

  protected static socket(url: string, options: ConnectOptions): WebSocket {
    const { json = false, localAddress, protocols, token } = options;
    const { authorization = token === undefined ? undefined : `Bearer ${token}` } = options;
    const offered = protocols ?? [json ? 'tickwire.v1.json' : 'tickwire.v1'];
    return new WebSocket(url, [...offered], {
      perMessageDeflate: false,
      ...(localAddress === undefined ? {} : { localAddress }),
      headers: authorization === undefined ? {} : { authorization },
    });
  }

  /** The map that WELCOME carried. */
  get welcome(): Readonly<Record<string, unknown>> {
    return this.frames[0]?.[1] as Record<string, unknown>;
  }

  /** Resolves when WELCOME is here. */
  async ready(): Promise<this> {
    await this.until(() => this.framesReceived > 0 || this.closed !== undefined, 'WELCOME');
    if (this.framesReceived === 0) throw new Error(`refused: ${JSON.stringify(this.closed)}`);
    return this;
  }

  send(frame: readonly unknown[]): void {
    this.sendRaw(encodeMessage(frame, this.json));
  }

  sendRaw(message: Uint8Array | string): void {
    this.ws.send(message);
  }

  /** The frames kept of one op. */
  of(op: number): unknown[][] {
    return this.frames.filter((frame) => frame[0] === op);
  }

  /** The first answer of an op, once it is there. */
  async answer(op: number, requestId: number): Promise<unknown[]> {
    const find = () => this.frames.find((frame) => frame[0] === op && frame[1] === requestId);
    await this.until(() => find() !== undefined, `the answer ${op} to request ${requestId}`);
    return find() as unknown[];
  }

  /** The frames of an op, once there are `count` of them. */
  async received(op: number, count = 1): Promise<unknown[][]> {
    await this.until(() => this.of(op).length >= count, `${count} frames of op ${op}`);
    return this.of(op);
  }

  async closing(timeoutMs = WAIT_MS_MAX): Promise<Closure> {
    await this.until(() => this.closed !== undefined, 'the close', timeoutMs);
    return this.closed as Closure;
  }

  /** A round trip: whatever the server had to say before is here when it resolves. */
  async ping(): Promise<void> {
    const stamp = Math.random();
    this.send([Op.PING, stamp]);
    await this.until(() => this.of(Op.PONG).some((frame) => frame[1] === stamp), 'PONG');
  }

  /**
   * Waits for a condition, looked at after every frame.
   *
   * @throws Error naming `what` when it does not come true in time
   */
  async until(isDone: () => boolean, what: string, timeoutMs = WAIT_MS_MAX): Promise<void> {
    if (isDone()) return;
    let timer: NodeJS.Timeout | undefined;
    const wait: Wait = { isDone, resolve: () => undefined };
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waits.add(Object.assign(wait, { resolve }));
        timer = setTimeout(() => {
          const closed = this.closed === undefined ? '' : `; closed ${this.closed.code}`;
          reject(new Error(`Waited ${timeoutMs} ms for: ${what}${closed}`));
        }, timeoutMs);
      });
    } finally {
      clearTimeout(timer);
      this.#waits.delete(wait);
    }
  }

  /** Reads nothing from now on: what the server sends piles up, first in the kernel. */
  pause(): void {
    this.ws.pause();
  }

  resume(): void {
    this.ws.resume();
  }

  close(): void {
    this.ws.terminate();
  }

  /** Takes a frame; for what a kind of client does beyond keeping it. */
  protected take(frame: unknown[]): void {
    if (frame[0] === Op.STATS || frame[0] === Op.ANOMALY) return;
    this.frames.push(frame);
  }

  #message(data: Buffer, isBinary: boolean): void {
    if (isBinary === this.json) this.violations.push('a message of the wrong kind');
    const frame = decodeMessage(isBinary ? data : data.toString());
    if (this.framesReceived === 0 && frame[0] !== Op.WELCOME) {
      this.violations.push(`the first frame has op ${String(frame[0])}`);
    }
    if (frame[0] === Op.HEARTBEAT && frame[2] !== this.framesReceived) {
      this.violations.push(
        `HEARTBEAT counts ${String(frame[2])} frames, ${this.framesReceived} came`,
      );
    }
    this.framesReceived++;
    try {
      this.take(frame);
    } catch (error) {
      this.violations.push(String(error));
    }
    this.#wake();
  }

  #wake(): void {
    for (const wait of this.#waits) if (wait.isDone()) wait.resolve();
  }
}
