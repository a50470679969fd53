import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { upgradeRequest } from '../../testkit/web-socket.ts';
import type { Payload } from '../wires/wire.ts';
import { FrameBatch, OPCODE } from './frame-batch.ts';
import { FrameReader } from './frame-reader.ts';

const READ_BYTES = 1 << 18;
/** More than this and no end of the head: not an answer to an upgrade. */
const HEAD_BYTES_MAX = 16_384;
const HEAD_END = '\r\n\r\n';
const NOTHING = Buffer.alloc(0);

/** One for all connections: a read is taken in before the next begins. */
const READ_BUFFER = Buffer.allocUnsafeSlow(READ_BYTES);

export interface WebSocketAddress {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** The subprotocol to ask for. */
  readonly protocol?: string | undefined;
}

/** What happens on a connection. */
export interface WebSocketHandler {
  opened(): void;
  /** Bytes were read: their messages follow at once. */
  arrived?(): void;
  /** A message; a view of the bytes is good until the call returns. */
  message(payload: Payload): void;
  /** Everything sent so far is with the kernel. */
  drained?(): void;
  /** The connection is gone, or never opened. Called once, whichever side closed. */
  closed(reason: string): void;
}

/**
 * A WebSocket client that costs little, for load generators: no event or promise a message, reads
 * into one buffer, writes of many messages in one system call. No extensions, no TLS; what the
 * server sends is trusted, not validated.
 */
export class WebSocketClient {
  readonly #handler: WebSocketHandler;
  readonly #socket: Socket;
  readonly #batch = new FrameBatch();
  readonly #reader: FrameReader;
  readonly #onWritten = () => {
    if (this.#socket.writableLength === 0) this.#handler.drained?.();
  };
  /** What came of the head of the answer to the upgrade; undefined once that is complete. */
  #head: Buffer | undefined = NOTHING;
  #reason = 'the server closed the connection';
  #isClosing = false;

  /** Connects; the handler is told how that went. */
  constructor(address: WebSocketAddress, handler: WebSocketHandler) {
    this.#handler = handler;
    this.#reader = new FrameReader({
      message: (payload) => handler.message(payload),
      ping: (payload) => this.#batch.addFrame(OPCODE.pong, payload),
      closing: (payload) => this.#answerClose(payload),
    });
    const { host, port, path, protocol } = address;
    const onread = {
      buffer: READ_BUFFER,
      callback: (length: number) => {
        this.#read(length);
        return true;
      },
    };
    this.#socket = connect({ host, port, noDelay: true, onread });
    this.#socket.once('connect', () => {
      const headers = {
        host: `${host}:${port}`,
        ...(protocol === undefined ? {} : { 'sec-websocket-protocol': protocol }),
      };
      this.#socket.write(upgradeRequest(path, headers));
    });
    this.#socket.once('error', ({ message }) => {
      this.#reason = message;
    });
    this.#socket.once('end', () => this.#socket.end());
    this.#socket.once('close', () => handler.closed(this.#reason));
  }

  /** The server took the upgrade, and neither side ended the connection. */
  get isOpen(): boolean {
    return this.#head === undefined && !this.#isClosing && !this.#socket.destroyed;
  }

  /** Messages received. */
  get messages(): number {
    return this.#reader.messages;
  }

  /** Bytes of the frames of these messages, headers included. */
  get bytes(): number {
    return this.#reader.bytes;
  }

  /** Bytes sent that the kernel has not taken, and those that wait for `flush`. */
  get bufferedBytes(): number {
    return this.#socket.writableLength + this.#batch.length;
  }

  /** Bytes that wait for `flush`. */
  get unflushedBytes(): number {
    return this.#batch.length;
  }

  /**
   * Adds a message to those that the next `flush` sends; messages of a handler are flushed by
   * themselves.
   */
  add(payload: Payload): void {
    this.#batch.add(payload);
  }

  /** Sends what was added, in one system call. */
  flush(): void {
    const batch = this.#batch;
    const socket = this.#socket;
    if (batch.length === 0 || !socket.writable) return;
    if (socket.writableLength > 0) {
      // It queues up behind the earlier bytes: what waits should be no larger than it is.
      socket.write(Buffer.from(batch.view()), this.#onWritten);
      batch.clear();
      return;
    }
    socket.write(batch.view(), this.#onWritten);
    // What the kernel took at once is copied, and the buffer is free again.
    if (socket.writableLength === 0) batch.clear();
    else batch.renew();
  }

  /** Closes the connection, after what was added. */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#reason = 'closed';
    if (this.#head === undefined) {
      this.#batch.addFrame(OPCODE.close, NOTHING);
      this.flush();
    }
    this.#socket.end();
  }

  #read(length: number): void {
    try {
      if (this.#head === undefined) this.#frames(READ_BUFFER, length);
      else this.#readHead(READ_BUFFER.subarray(0, length));
    } catch (error) {
      this.#reason = (error as Error).message;
      this.#socket.destroy();
    }
  }

  #frames(buffer: Buffer, length: number): void {
    this.#handler.arrived?.();
    this.#reader.read(buffer, length);
    this.flush();
  }

  #readHead(bytes: Buffer): void {
    const head = Buffer.concat([this.#head ?? NOTHING, bytes]);
    const end = head.indexOf(HEAD_END);
    if (end < 0 && head.length < HEAD_BYTES_MAX) {
      this.#head = head;
      return;
    }
    const [status = ''] = head.toString('latin1').split('\r\n', 1);
    if (end < 0 || !/^HTTP\/1\.1 101\b/.test(status)) {
      throw new Error(`the server answered the upgrade with: ${status}`);
    }
    this.#head = undefined;
    this.#handler.opened();
    this.flush();
    const rest = head.subarray(end + HEAD_END.length);
    if (rest.length > 0) this.#frames(rest, rest.length);
  }

  #answerClose(payload: Uint8Array): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const code = payload.length < 2 ? '' : ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
    this.#reason = `the server closed: ${code} ${Buffer.from(payload.subarray(2)).toString('utf8')}`;
    this.#batch.addFrame(OPCODE.close, payload.subarray(0, 2));
    this.flush();
    this.#socket.end();
  }
}
