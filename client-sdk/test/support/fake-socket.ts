import { vi } from 'vitest';
import { decodeFrame, encodeFrame, type Frame } from '../../../src/protocol/index.ts';
import type { SocketLike, WebSocketConstructor } from '../../src/connection/web-socket.ts';

/** What a WELCOME says unless the test says otherwise. */
export const WELCOME_INFO = {
  version: 1,
  epoch: 'e1',
  session: 's1',
  serverTime: 1,
  heartbeatMs: 5000,
  limits: {
    frameBytesMax: 1_048_576,
    ticksPerFrameMax: 65_536,
    symbolsMax: 65_536,
    subscriptionsMax: 10_000,
    authTimeoutMs: 5000,
  },
};

/**
 * A WebSocket as a browser has it, without a network: the test says what arrives, and sees what was
 * sent. Its clock is the test's.
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
  /** The code that the client closed it with; undefined: it did not. */
  closedWith: number | undefined;
  /** Whether anybody at the other end answers a close. */
  isPeerAlive = true;
  #isOpen = false;
  #isClosed = false;

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  /** Whether anything of the client still listens, but for errors nobody wants to know of. */
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

  /** The upgrade succeeded and the server's first frame arrives. */
  welcome(info: Record<string, unknown> = {}): void {
    this.receive([16, { ...WELCOME_INFO, ...info }]);
  }

  receive(frame: Frame): void {
    this.#isOpen = true;
    const { buffer, byteOffset, byteLength } = encodeFrame(frame, 'binary') as Uint8Array;
    this.onmessage?.({ data: buffer.slice(byteOffset, byteOffset + byteLength) });
  }

  /** The connection ends, from the other end or in between. */
  drop(code = 1006, reason = ''): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (code === 1006) this.onerror?.({});
    this.onclose?.({ code, reason });
  }
}

/** Where fake sockets come from. */
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

/** Clocks and timers of the test's own; Math.random gives 1, as good as. */
export function useFakeClock(): void {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  });
  vi.spyOn(Math, 'random').mockReturnValue(1);
}

/** Gives the platform's clock back. */
export function useRealClock(): void {
  vi.useRealTimers();
  vi.restoreAllMocks();
}

/** Time passes, ms; with 0 what was begun goes as far as it can. */
export async function pass(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}
