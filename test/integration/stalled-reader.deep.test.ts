import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { ServerApi } from '../../loadgen/soak/server-api.ts';
import type { IndependentPublisher } from '../../testkit/independent/publisher.ts';
import type { IndependentSubscriber } from '../../testkit/independent/subscriber.ts';
import { residentBytes } from '../../testkit/process-figures.ts';
import { ServerProcess } from '../../testkit/server-process.ts';
import { until } from '../../testkit/until.ts';
import { encodeWebSocketFrame, Opcode, upgradeRequest } from '../../testkit/web-socket.ts';
import { onTransports } from '../support/running-server.ts';
import { publisherForTest, subscriberForTest, unique } from '../support/test-clients.ts';
import { RawPeer } from '../support/transport-peers.ts';

/** Interval between single-byte reads, ms. */
const EVERY_MS = 1000;
const HEADER_END = '\r\n\r\n';

/** A subscriber that reads one byte a second after the upgrade and answers nothing. */
class TrickleReader {
  readonly tcp: Socket;
  bytesRead = 0;
  readonly #timer: NodeJS.Timeout;
  #header = '';

  private constructor(port: number, onUpgraded: () => void) {
    // Node would otherwise read 64 KiB at a time.
    const buffer = Buffer.alloc(1);
    const callback = (): boolean => {
      this.bytesRead++;
      if (this.#header.endsWith(HEADER_END)) return false;
      this.#header += buffer.toString('latin1');
      if (this.#header.endsWith(HEADER_END)) onUpgraded();
      return true;
    };
    this.tcp = connect({ port, host: '127.0.0.1', onread: { buffer, callback } });
    this.#timer = setInterval(() => this.tcp.resume(), EVERY_MS);
    this.tcp.on('error', () => undefined);
  }

  /** Subscribes to everything in JSON, which fills buffers sooner. */
  static async subscribe(port: number): Promise<TrickleReader> {
    let reader: TrickleReader | undefined;
    await new Promise<void>((resolve) => {
      reader = new TrickleReader(port, resolve);
      const protocol = { 'sec-websocket-protocol': 'tickwire.v1.json' };
      reader.tcp.write(upgradeRequest('/v1/stream', protocol));
    });
    if (reader === undefined) throw new Error('no reader was made');
    const payload = Buffer.from('[4,1,["*"]]');
    reader.tcp.write(encodeWebSocketFrame({ opcode: Opcode.TEXT, payload, mask: 0 }));
    return reader;
  }

  end(): void {
    clearInterval(this.#timer);
    this.tcp.destroy();
  }
}

const TIME = 1_700_000_000_000;
const MIB = 2 ** 20;
const CLOSE_MS = 3000;
const READERS = 4;
const UNRESPONSIVE = 4002;
const SYMBOLS = Array.from({ length: 400 }, (_, i) => `SYM-${i}`);

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;

/** Waits for the server's spare threads: they take memory too. */
async function threadsStarted({ child }: ServerProcess): Promise<void> {
  let threads = 0;
  let since = performance.now();
  await until(() => {
    const now = readdirSync(`/proc/${child.pid}/task`).length;
    if (now !== threads) since = performance.now();
    threads = now;
    return performance.now() - since > 2500;
  });
}

/** Rounds of one tick a symbol, each seen by a subscriber before the next. */
class Rounds {
  readonly #publisher: IndependentPublisher;
  readonly #subscriber: IndependentSubscriber;
  #count = 0;

  constructor(publisher: IndependentPublisher, subscriber: IndependentSubscriber) {
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    publisher.declare(0, SYMBOLS);
  }

  /** Plays rounds while `isMore`; returns the subscriber's wait of each, ms. */
  async play(isMore: (round: number) => boolean): Promise<number[]> {
    const latencies: number[] = [];
    for (let round = 0; isMore(round); round++) {
      const number = ++this.#count;
      const from = performance.now();
      this.#publisher.publish(
        SYMBOLS.map((symbol, i) => ({
          symbol,
          price: 100 + Math.sin(number + i) / 3,
          time: TIME + number,
        })),
      );
      await this.#subscriber.counted('SYM-399', number);
      latencies.push(performance.now() - from);
    }
    return latencies;
  }
}

onTransports((transport) => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await ServerProcess.start([
      `--server.transport=${transport}`,
      '--server.heartbeatMs=300',
      `--stream.slowSessionCloseMs=${CLOSE_MS}`,
      '--processing.overflow=wait',
    ]);
  });
  afterAll(() => server.end());

  it('a byte a second costs little memory and no one else time, and ends in a close', async () => {
    const { port } = server;
    const api = new ServerApi(port);
    const streams = async () => (await api.metrics()).get('tickwire_sessions{kind="stream"}');
    const fast = await subscriberForTest(port, { json: true });
    await fast.subscribe(['*'], { anomalies: false });
    const rounds = new Rounds(await publisherForTest(port, unique('feed')), fast);
    const alone = await rounds.play((round) => round < 60);
    await threadsStarted(server);
    const before = residentBytes(server.pid);
    const readers = await Promise.all(
      Array.from({ length: READERS }, () => TrickleReader.subscribe(port)),
    );
    onTestFinished(() => {
      for (const reader of readers) reader.end();
    });
    const from = performance.now();
    await until(async () => (await streams()) === 1 + READERS);
    let peak = 0;
    const beside = await rounds.play(() => {
      peak = Math.max(peak, residentBytes(server.pid));
      return performance.now() - from < CLOSE_MS * 0.8;
    });
    expect(await streams(), 'none is closed before its time').toBe(1 + READERS);
    await until(async () => (await streams()) === 1);
    for (const { bytesRead } of readers) expect(bytesRead).toBeLessThan(2000);
    expect(peak - before).toBeLessThan(40 * MIB);
    expect(beside.length).toBeGreaterThan(2);
    expect(median(beside)).toBeLessThan(4 * median(alone) + 50);
    await rounds.play((round) => round < 5);
    expect(await fast.verify()).toMatchObject({ symbolCount: SYMBOLS.length });
  });

  it('no answer to any ping ends in a close with 4002', async () => {
    const peer = await RawPeer.upgrade(server.port, '/v1/stream');
    onTestFinished(() => {
      peer.tcp.destroy();
    });
    const from = performance.now();
    const closing = () => peer.frames().find(({ opcode }) => opcode === Opcode.CLOSE);
    await until(() => closing() !== undefined);
    expect(performance.now() - from).toBeGreaterThan(CLOSE_MS / 2);
    expect(closing()?.payload.readUInt16BE(0)).toBe(UNRESPONSIVE);
    expect(peer.frames().some(({ opcode }) => opcode === Opcode.PING)).toBe(true);
  });
});
