import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { upgradeRequest } from '../../testkit/web-socket.ts';
import type { Payload } from '../wires/wire.ts';
import { FrameBatch, OPCODE } from './frame-batch.ts';
import { FrameReader } from './frame-reader.ts';

const READ_BYTES = 1 << 18;
/** A longer head is no answer to an upgrade. */
const HEAD_BYTES_MAX = 16_384;
const HEAD_END = '\r\n\r\n';
const NOTHING = Buffer.alloc(0);

/** Shared by all connections: each read is parsed before the next. */
const READ_BUFFER = Buffer.allocUnsafeSlow(READ_BYTES);

export interface WebSocketAddress {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly protocol?: string | undefined;
}

export interface WebSocketHandler {
  opened(): void;
  /** Bytes were read; their messages follow. */
  arrived?(): void;
  /** A message; its bytes are valid until the call returns. */
  message(payload: Payload): void;
  /** Everything sent is with the kernel. */
  drained?(): void;
  /** The connection ended or never opened. Called once. */
  closed(reason: string): void;
}

/**
 * A cheap WebSocket client for load generators: no event or promise a message, reads into one
 * buffer, batches messages into one system call. No extensions, no TLS; it trusts the server.
 */
export class WebSocketClient {
  readonly #handler: WebSocketHandler;
  readonly #socket: Socket;
  readonly #batch = new FrameBatch();
  readonly #reader: FrameReader;
  readonly #onWritten = () => {
    if (this.#socket.writableLength === 0) this.#handler.drained?.();
  };
  /** Partial head of the upgrade response; undefined once complete. */
  #head: Buffer | undefined = NOTHING;
  #reason = 'the server closed the connection';
  #isClosing = false;

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

  /** Upgraded, and not ended by either side. */
  get isOpen(): boolean {
    return this.#head === undefined && !this.#isClosing && !this.#socket.destroyed;
  }

  get messages(): number {
    return this.#reader.messages;
  }

  /** Frame bytes of these messages, with headers. */
  get bytes(): number {
    return this.#reader.bytes;
  }

  /** Bytes the kernel has not taken, with those waiting for `flush`. */
  get bufferedBytes(): number {
    return this.#socket.writableLength + this.#batch.length;
  }

  get unflushedBytes(): number {
    return this.#batch.length;
  }

  /** Adds a message to the next `flush`; what a handler adds is flushed automatically. */
  add(payload: Payload): void {
    this.#batch.add(payload);
  }

  flush(): void {
    const batch = this.#batch;
    const socket = this.#socket;
    if (batch.length === 0 || !socket.writable) return;
    if (socket.writableLength > 0) {
      // Queued behind earlier bytes: keep it no larger than its contents.
      socket.write(Buffer.from(batch.view()), this.#onWritten);
      batch.clear();
      return;
    }
    socket.write(batch.view(), this.#onWritten);
    // The kernel has copied it: the buffer is free.
    if (socket.writableLength === 0) batch.clear();
    else batch.renew();
  }

  /** Closes after sending what was added. */
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
    const text = Buffer.from(payload.subarray(2)).toString('utf8');
    this.#reason = `the server closed: ${code} ${text}`;
    this.#batch.addFrame(OPCODE.close, payload.subarray(0, 2));
    this.flush();
    this.#socket.end();
  }
}
