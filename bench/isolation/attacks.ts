import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import {
  encodeFrame,
  type Frame,
  Op,
  PUBLISH_PATH,
  STREAM_PATH,
} from '../../src/protocol/index.ts';
import { upgradeRequest } from '../../testkit/web-socket.ts';

/** A client that demands all it can get of a server. */
export interface Attack {
  readonly title: string;
  /** Connects and sets up. */
  prepare(port: number): Promise<void>;
  /** Runs until {@link stop}. */
  start(port: number): void;
  stop(): void;
}

/** Source address; limits count by address, so it differs from the victim's. */
const ATTACKER_ADDRESS = '127.0.0.2';

/** Buffered in this process at most. */
const BUFFERED_BYTES_MAX = 1 << 20;
const TICKS_PER_FRAME = 1000;

/** A WebSocket that reads everything. */
async function openSocket(port: number, path: string): Promise<WebSocket> {
  const options = { localAddress: ATTACKER_ADDRESS, perMessageDeflate: false };
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, 'tickwire.v1', options);
  socket.on('error', () => undefined);
  socket.on('message', () => undefined);
  await once(socket, 'open');
  return socket;
}

function frameBytes(frame: Frame): Uint8Array {
  return encodeFrame(frame, 'binary') as Uint8Array;
}

/** Unnumbered frames with one tick of each symbol. */
function tickFrames(symbols: readonly string[], price: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let from = 0; from < symbols.length; from += TICKS_PER_FRAME) {
    const part = symbols.slice(from, from + TICKS_PER_FRAME);
    frames.push(frameBytes([Op.TICKS, 0, part.flatMap((symbol) => [symbol, price, null])]));
  }
  return frames;
}

function symbolNames(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

/** Sends while the socket has room. */
function sendWhileRoom(socket: WebSocket, next: () => Uint8Array): void {
  while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < BUFFERED_BYTES_MAX) {
    socket.send(next());
  }
}

/** Sends messages and waits until the server has read them. */
async function sendAll(socket: WebSocket, messages: readonly Uint8Array[]): Promise<void> {
  for (const message of messages) {
    socket.send(message);
    // Few at a time, so that no server queue overflows.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  socket.ping();
  await once(socket, 'pong');
}

const PARALLEL = 8;
const PACE_MS = 5;
/** Requests a burst: more than twice a session's default limit. */
const REQUESTS_PER_PACE = 24;
const SYMBOLS = 60_000;
const WILDCARDS = 256;
const STALLED_SYMBOLS = 5000;
/** One in so many steps sends a frame of 1000 ticks: 20,000 ticks a second. */
const MOMENTS_PER_FRAME = 10;

/** Repeats an action at a fixed pace. */
class Pace {
  #timer: NodeJS.Timeout | undefined;

  start(work: () => void): void {
    this.#timer = setInterval(work, PACE_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** An attack on one socket at a fixed pace. */
class SocketAttack implements Attack {
  readonly title: string;
  readonly #path: string;
  readonly #setUp: (socket: WebSocket, port: number) => Promise<(socket: WebSocket) => void>;
  readonly #pace = new Pace();
  #socket: WebSocket | undefined;
  #work: (socket: WebSocket) => void = () => undefined;

  /** @param setUp prepares, and returns the action of each step */
  constructor(
    title: string,
    path: string,
    setUp: (socket: WebSocket, port: number) => Promise<(socket: WebSocket) => void>,
  ) {
    this.title = title;
    this.#path = path;
    this.#setUp = setUp;
  }

  async prepare(port: number): Promise<void> {
    this.#socket = await openSocket(port, this.#path);
    this.#work = await this.#setUp(this.#socket, port);
  }

  start(): void {
    const socket = this.#socket;
    if (socket !== undefined) this.#pace.start(() => this.#work(socket));
  }

  stop(): void {
    this.#pace.stop();
  }
}

/** Parallel loops of one action, each restarted as soon as it ends. */
class LoopAttack implements Attack {
  readonly title: string;
  readonly #once: (port: number) => Promise<void>;
  #isRunning = false;

  constructor(title: string, once: (port: number) => Promise<void>) {
    this.title = title;
    this.#once = once;
  }

  prepare(port: number): Promise<void> {
    return this.#once(port);
  }

  start(port: number): void {
    this.#isRunning = true;
    for (let i = 0; i < PARALLEL; i++) void this.#loop(port);
  }

  stop(): void {
    this.#isRunning = false;
  }

  async #loop(port: number): Promise<void> {
    while (this.#isRunning) await this.#once(port);
  }
}

function inTurn(messages: readonly Uint8Array[]): () => Uint8Array {
  let next = 0;
  return () => messages[next++ % messages.length] as Uint8Array;
}

const agent = new Agent({ keepAlive: true, maxSockets: PARALLEL });

function getStatistics(port: number): Promise<void> {
  return new Promise((resolve) => {
    const path = '/api/statistics';
    const sent = request({ port, host: '127.0.0.1', path, localAddress: ATTACKER_ADDRESS, agent });
    sent.on('response', (response) => response.resume().on('close', resolve));
    sent.on('error', () => resolve());
    sent.end();
  });
}

function comeAndGo(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: ATTACKER_ADDRESS });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.on('data', () => socket.resetAndDestroy());
    socket.write(upgradeRequest(STREAM_PATH));
  });
}

/** Attacks by command-line name. */
export const ATTACKS: Readonly<Record<string, () => Attack>> = {
  ticks: () =>
    new SocketAttack('ticks as fast as they go', PUBLISH_PATH, async () => {
      const next = inTurn(tickFrames(symbolNames('T', 1000), 1));
      return (socket) => sendWhileRoom(socket, next);
    }),
  requests: () =>
    new SocketAttack('SUBSCRIBE, VERIFY and HISTORY, 4800 a second', STREAM_PATH, async () => {
      const next = inTurn([
        frameBytes([Op.SUBSCRIBE, 1, ['R*']]),
        frameBytes([Op.VERIFY, 2]),
        frameBytes([Op.HISTORY, 3, 'R1', 0, 1000]),
      ]);
      return (socket) => {
        for (let i = 0; i < REQUESTS_PER_PACE; i++) socket.send(next());
      };
    }),
  churn: () => new LoopAttack(`${PARALLEL} connections that come and go`, comeAndGo),
  http: () => new LoopAttack(`GET /api/statistics on ${PARALLEL} connections`, getStatistics),
  stalled: () =>
    new SocketAttack(
      `a reader of ${STALLED_SYMBOLS} symbols that stalls, and ticks for it`,
      PUBLISH_PATH,
      async (_socket, port) => {
        const reader = await openSocket(port, STREAM_PATH);
        reader.send(frameBytes([Op.SUBSCRIBE, 1, ['L*']]));
        reader.pause();
        const frames = [1, 2].flatMap((price) =>
          tickFrames(symbolNames('L', STALLED_SYMBOLS), price),
        );
        const next = inTurn(frames);
        let moment = 0;
        return (publisher) => {
          if (moment++ % MOMENTS_PER_FRAME === 0) publisher.send(next());
        };
      },
    ),
  symbols: () => {
    let from = 0;
    return new SocketAttack('20,000 new symbols a second', PUBLISH_PATH, async () => (socket) => {
      const names = Array.from({ length: 100 }, () => `N${from++}`);
      for (const frame of tickFrames(names, 1)) socket.send(frame);
    });
  },
  wildcards: () =>
    new SocketAttack(
      `SUBSCRIBE of ${WILDCARDS} costly wildcards, ${SYMBOLS} symbols`,
      STREAM_PATH,
      async (_socket, port) => {
        const publisher = await openSocket(port, PUBLISH_PATH);
        await sendAll(publisher, tickFrames(symbolNames('WILD-CARD-', SYMBOLS), 1));
        const patterns = Array.from({ length: WILDCARDS }, (_, i) => `*A*D*-*x${i}*`);
        const frame = frameBytes([Op.SUBSCRIBE, 1, patterns]);
        return (socket) => {
          if (socket.bufferedAmount === 0) socket.send(frame);
        };
      },
    ),
};
