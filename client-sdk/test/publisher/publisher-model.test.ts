import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { decodeFrame, encodeFrame, type Frame } from '../../../src/protocol/index.ts';
import { fc } from '../../../testkit/fast-check.ts';
import { BufferFullError, connectPublisher, type Publisher } from '../../src/index.ts';

const BATCH_TICKS_MAX = 8;
const BUFFER_TICKS_MAX = 40;
const FRAME_TICKS_MAX = 6;
const REFUSED_MS = 20;

/** The client's end of a connection to a {@link ModelServer}; passive. */
class ModelSocket {
  static opened: ModelSocket[] = [];
  /** Until then a refused client sends nothing without an ACK, ms. */
  static heldUntil = 0;
  static sentWhileHeld = 0;
  binaryType = 'arraybuffer';
  readonly bufferedAmount = 0;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((event: { message?: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  readonly sent: Frame[] = [];
  isClosed = false;

  constructor() {
    ModelSocket.opened.push(this);
  }

  send(message: Uint8Array | string): void {
    if (Date.now() < ModelSocket.heldUntil) ModelSocket.sentWhileHeld++;
    this.sent.push(decodeFrame(message));
  }

  close(): void {
    this.end(1000);
  }

  answer(frame: Frame): void {
    this.onmessage?.({ data: encodeFrame(frame, 'binary') });
  }

  end(code: number): void {
    if (this.isClosed) return;
    this.isClosed = true;
    ModelSocket.heldUntil = 0;
    this.onclose?.({ code, reason: '' });
  }
}

/** A server by the protocol, one step at a time. It also checks the client against the protocol. */
class ModelServer {
  readonly applied: number[] = [];
  #sequence = 0;
  #accepted = 0;
  /** Ticks that the client may still send; aliases declared. */
  #credit = 0;
  #aliases = 0;
  #open: ModelSocket | undefined;

  /** The newest connection, if still open. */
  get #socket(): ModelSocket | undefined {
    const newest = ModelSocket.opened.at(-1);
    return newest === undefined || newest.isClosed ? undefined : newest;
  }

  /** The open session's connection. */
  get #session(): ModelSocket | undefined {
    return this.#socket === this.#open ? this.#socket : undefined;
  }

  welcome(credit: number): void {
    const socket = this.#socket;
    if (socket === undefined || socket === this.#open) return;
    this.#open = socket;
    this.#credit = credit;
    this.#accepted = 0;
    this.#aliases = 0;
    const limits = { frameBytesMax: 1e6, ticksPerFrameMax: FRAME_TICKS_MAX };
    const info = { version: 1, epoch: 'e', session: 's', serverTime: 0, heartbeatMs: 1e9 };
    socket.answer([16, { ...info, limits, sequence: this.#sequence, credit }]);
  }

  /** Takes up to a number of arrived frames. */
  take(framesMax: number): void {
    for (let i = 0; i < framesMax; i++) {
      const socket = this.#session;
      const frame = socket?.sent.shift();
      if (socket === undefined || frame === undefined) return;
      this.#takeFrame(socket, frame);
    }
  }

  /** Acknowledges what was taken; credit once given is not taken back. */
  acknowledge(credit: number): void {
    if (this.#session === undefined) return;
    this.#credit = Math.max(this.#credit, credit);
    ModelSocket.heldUntil = 0;
    this.#session.answer([17, this.#sequence, this.#accepted, 0, 0, this.#credit]);
  }

  /** Refuses the next frame for back-pressure, although within credit. */
  refuse(): void {
    const socket = this.#session;
    while (socket?.sent[0]?.[0] === 2) this.take(1);
    const frame = socket?.sent.shift();
    if (socket === undefined || frame === undefined) return;
    ModelSocket.heldUntil = Date.now() + REFUSED_MS;
    socket.answer([30, null, 12, 'beyond credit', true, REFUSED_MS]);
  }

  cut(): void {
    this.#socket?.end(1006);
  }

  /** Loses its memory and all connections. */
  restart(): void {
    this.cut();
    this.#sequence = 0;
  }

  #takeFrame(socket: ModelSocket, [op, sequence, values]: Frame): void {
    if (op === 2) {
      expect(sequence).toBe(this.#aliases);
      this.#aliases += (values as unknown[]).length;
      return;
    }
    const ticks = (values as number[]).length / 3;
    expect(ticks).toBeGreaterThan(0);
    expect(ticks).toBeLessThanOrEqual(FRAME_TICKS_MAX);
    if ((sequence as number) <= this.#sequence) return;
    if (sequence !== this.#sequence + 1) {
      socket.answer([30, null, 13, 'gap', true, null]);
      socket.end(4005);
      return;
    }
    this.#credit -= ticks;
    expect(this.#credit).toBeGreaterThanOrEqual(0);
    this.#sequence++;
    this.#accepted += ticks;
    for (let i = 0; i < ticks; i++) {
      expect((values as number[])[i * 3]).toBeLessThan(this.#aliases);
      this.applied.push((values as number[])[i * 3 + 1] as number);
    }
  }
}

/** A publisher, and the prices that it took. */
class Feed {
  readonly publisher: Publisher;
  readonly taken: number[] = [];
  acknowledged = 0;
  #lastPrice = 0;

  constructor() {
    this.publisher = connectPublisher('ws://model', {
      publisher: 'model',
      WebSocket: ModelSocket,
      batchTicksMax: BATCH_TICKS_MAX,
      bufferTicksMax: BUFFER_TICKS_MAX,
      batchDelayMs: 3,
    });
    this.publisher.on('ack', ({ ticks }) => {
      this.acknowledged += ticks;
    });
  }

  publish(count: number): void {
    for (let i = 0; i < count; i++) {
      const price = ++this.#lastPrice;
      try {
        this.publisher.publish(`S${price % 3}`, price);
        this.taken.push(price);
      } catch (error) {
        expect(error).toBeInstanceOf(BufferFullError);
      }
    }
  }

  publishBatch(count: number): void {
    const prices = Array.from({ length: count }, () => ++this.#lastPrice);
    const ticks = prices.map((price) => ({ symbol: `S${price % 4}`, price }));
    this.publisher.publishBatch(ticks).catch(() => undefined);
    this.taken.push(...prices);
  }

  publishColumns(count: number): void {
    const alias = this.publisher.alias('BULK');
    const prices = Array.from({ length: count }, () => ++this.#lastPrice);
    const columns = {
      aliases: new Uint32Array(count).fill(alias),
      prices: Float64Array.from(prices),
      times: new Float64Array(count),
    };
    const taken = this.publisher.tryPublish(columns, 0, count);
    this.taken.push(...prices.slice(0, taken));
  }

  check(server: ModelServer): void {
    const { sent, unacknowledged, buffered, accepted, resumed } = this.publisher.totals;
    expect(unacknowledged).toBeLessThanOrEqual(BUFFER_TICKS_MAX);
    expect(buffered).toBeLessThanOrEqual(unacknowledged);
    expect(this.acknowledged).toBe(sent - unacknowledged);
    expect(accepted + resumed).toBeGreaterThanOrEqual(this.acknowledged);
    expect(server.applied).toEqual(this.taken.slice(0, server.applied.length));
    expect(ModelSocket.sentWhileHeld).toBe(0);
  }
}

async function elapse(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

type Act = (feed: Feed, server: ModelServer) => void | Promise<void>;

const credits = fc.nat(20);
const counts = fc.integer({ min: 1, max: 15 });
const acts: fc.Arbitrary<[string, Act]>[] = [
  counts.map((n) => [`publish ${n}`, (feed) => feed.publish(n)]),
  counts.map((n) => [`publishBatch ${n}`, (feed) => feed.publishBatch(n)]),
  counts.map((n) => [`tryPublish ${n}`, (feed) => feed.publishColumns(n)]),
  fc.constant(['flush', (feed) => void feed.publisher.flush().catch(() => undefined)]),
  fc.nat(5).map((ms) => [`wait ${ms}`, () => elapse(ms)]),
  credits.map((n) => [`welcome ${n}`, (_, server) => server.welcome(n)]),
  counts.map((n) => [`take ${n}`, (_, server) => server.take(n)]),
  credits.map((n) => [`acknowledge ${n}`, (_, server) => server.acknowledge(n)]),
  fc.constant(['refuse', (_, server) => server.refuse()]),
  fc.constant(['cut', (_, server) => server.cut()]),
];

/** Scenarios, readable as counterexamples. */
const stories = fc.array(fc.oneof(...acts), { maxLength: 80 }).map((steps) => ({
  steps,
  toString: () => steps.map(([name]) => name).join(', '),
}));

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Runs the server until it has everything. */
async function settle(feed: Feed, server: ModelServer): Promise<void> {
  const closing = feed.publisher.close(10_000);
  for (let i = 0; feed.publisher.state !== 'closed' && i < 500; i++) {
    await elapse(5);
    server.welcome(10);
    server.take(100);
    server.acknowledge(10);
  }
  await closing;
}

describe('a publisher and a model server', () => {
  it('agree on the ticks, in order and each once, whatever happens in between', async () => {
    await fc.assert(
      fc.asyncProperty(stories, async ({ steps }) => {
        ModelSocket.opened = [];
        ModelSocket.heldUntil = 0;
        ModelSocket.sentWhileHeld = 0;
        const server = new ModelServer();
        const feed = new Feed();
        for (const [, act] of steps) {
          await act(feed, server);
          feed.check(server);
        }
        await settle(feed, server);
        feed.check(server);
        expect(server.applied).toEqual(feed.taken);
        expect(feed.publisher.totals).toMatchObject({ unacknowledged: 0, buffered: 0 });
      }),
      { numRuns: 120, seed: 5 },
    );
  });

  it('agree on what was acknowledged before the server lost its memory', async () => {
    await fc.assert(
      fc.asyncProperty(stories, stories, async (before, after) => {
        ModelSocket.opened = [];
        ModelSocket.heldUntil = 0;
        ModelSocket.sentWhileHeld = 0;
        const server = new ModelServer();
        const feed = new Feed();
        for (const [, act] of before.steps) await act(feed, server);
        const [taken, applied] = [feed.taken.length, server.applied.length];
        const { acknowledged } = feed;
        server.restart();
        // What was applied and not acknowledged is sent again: the server forgot it.
        const again = feed.taken.slice(acknowledged, applied);
        const state = server.applied.splice(acknowledged);
        expect(state).toEqual(again);
        for (const [, act] of after.steps) {
          await act(feed, server);
          feed.check(server);
        }
        await settle(feed, server);
        expect(server.applied).toEqual(feed.taken);
        expect(feed.taken.length).toBeGreaterThanOrEqual(taken);
      }),
      { numRuns: 50, seed: 6 },
    );
  });
});
