import { vi } from 'vitest';
import { decodeFrame, encodeFrame, type Frame } from '../../../src/protocol/index.ts';
import { WELCOME_INFO } from '../../../testkit/scripted-server.ts';
import type { SocketLike, WebSocketConstructor } from '../../src/connection/web-socket.ts';

/**
 * A browser's WebSocket without a network: the test controls what arrives, and sees what was sent.
 */
export class FakeSocket implements SocketLike {
  binaryType = 'blob';
  bufferedAmount = 0;
  onmessage: SocketLike['onmessage'] = null;
  onerror: SocketLike['onerror'] = null;
  onclose: SocketLike['onclose'] = null;
  readonly url: string;
  readonly protocols: readonly string[];
  readonly sent: Frame[] = [];
  /** The client's close code; undefined if it did not close. */
  closedWith: number | undefined;
  /** Whether the peer answers a close. */
  isPeerAlive = true;
  #isOpen = false;
  #isClosed = false;

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  /** Whether the client still listens to anything but errors. */
  get isHeard(): boolean {
    return this.onmessage !== null || this.onclose !== null;
  }

  send(message: Uint8Array<ArrayBuffer> | string): void {
    if (!this.#isOpen) throw new DOMException('still connecting', 'InvalidStateError');
    if (!this.#isClosed && this.closedWith === undefined) this.sent.push(decodeFrame(message));
  }

  close(code = 1005): void {
    this.closedWith ??= code;
    if (this.isPeerAlive) queueMicrotask(() => this.drop(this.#isOpen ? code : 1006));
  }

  /** Opens the socket and delivers WELCOME. */
  welcome(info: Record<string, unknown> = {}): void {
    this.receive([16, { ...WELCOME_INFO, ...info }]);
  }

  receive(frame: Frame): void {
    this.#isOpen = true;
    const { buffer, byteOffset, byteLength } = encodeFrame(frame, 'binary') as Uint8Array;
    this.onmessage?.({ data: buffer.slice(byteOffset, byteOffset + byteLength) });
  }

  /** The connection ends, by the peer or in between. */
  drop(code = 1006, reason = ''): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (code === 1006) this.onerror?.({});
    this.onclose?.({ code, reason });
  }
}

/** Creates fake sockets. */
export class FakeNetwork {
  readonly sockets: FakeSocket[] = [];
  readonly WebSocket: WebSocketConstructor;

  constructor() {
    const { sockets } = this;
    this.WebSocket = class extends FakeSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    };
  }

  /** The socket of the newest attempt. */
  get newest(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('no attempt was made yet');
    return socket;
  }
}

/** Fake clock and timers; Math.random returns almost 1. */
export function useFakeClock(): void {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  });
  vi.spyOn(Math, 'random').mockReturnValue(1);
}

/** Restores the platform's clock. */
export function useRealClock(): void {
  vi.useRealTimers();
  vi.restoreAllMocks();
}

/** Lets time pass, ms; 0 runs pending work only. */
export async function pass(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}
