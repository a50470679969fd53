import { encode } from '@msgpack/msgpack';
import { expect, it, onTestFinished } from 'vitest';
import { DurableServer } from '../../loadgen/soak/durable-server.ts';
import { ServerApi } from '../../loadgen/soak/server-api.ts';
import { Op } from '../../testkit/independent/protocol.ts';
import { openDescriptors, residentBytes } from '../../testkit/process-figures.ts';
import { Opcode, upgradeRequest } from '../../testkit/web-socket.ts';
import { onTransports } from '../support/running-server.ts';
import { publisherForTest } from '../support/test-clients.ts';
import { RawPeer } from '../support/transport-peers.ts';

const TIME = 1_700_000_000_000;
const MIB = 2 ** 20;
const TOGETHER = 25;
/** Rounds to grow reusable memory; later rounds must manage with it. */
const WARM_ROUNDS = 16;
const ROUNDS = 16;
/**
 * Samples of resources, each after several rounds. The minimum of each half counts, since kernel
 * buffers vary.
 */
const LOOKS = 4;
/** Each subscription adds and removes so many symbols. */
const SYMBOLS = Array.from({ length: 1000 }, (_, i) => `SYM-${i}`);

const SUBSCRIBE = encode([Op.SUBSCRIBE, 1, ['*', 'SYM-1', 'SYM-9?']]);
const ALIAS = encode([Op.ALIAS, 0, SYMBOLS.slice(0, 100)]);

/** Short-lived clients, each kind once in a round of four. */
const VISITS: readonly ((port: number) => Promise<RawPeer>)[] = [
  async (port) => {
    const peer = await RawPeer.upgrade(port, '/v1/stream');
    peer.send(Opcode.BINARY, SUBSCRIBE);
    await new Promise((resolve) => setTimeout(resolve, 5));
    return peer;
  },
  async (port) => {
    const peer = await RawPeer.upgrade(port, '/v1/publish');
    peer.send(Opcode.BINARY, ALIAS);
    return peer;
  },
  async (port) => {
    const peer = await RawPeer.connect(port);
    peer.tcp.write(upgradeRequest('/v1/stream').slice(0, 60));
    return peer;
  },
  async (port) => {
    const peer = await RawPeer.connect(port);
    // Gone before the answer: an upgrade for nobody.
    peer.tcp.write(upgradeRequest('/v1/stream'));
    return peer;
  },
];

/** A server's resources. */
interface Held {
  readonly rssBytes: number;
  /** Main thread after a garbage collection: heap, and external memory of live objects. */
  readonly ownBytes: number;
  readonly descriptors: number;
  readonly symbols: number;
}

/** Allowance for spare threads, which depend on the server's age only. */
const THREAD_DESCRIPTORS = 24;
const THREADS_BYTES = 64 * MIB;

function least(held: readonly Held[]): Held {
  const of = (read: (one: Held) => number) => Math.min(...held.map(read));
  return {
    rssBytes: of(({ rssBytes }) => rssBytes),
    ownBytes: of(({ ownBytes }) => ownBytes),
    descriptors: of(({ descriptors }) => descriptors),
    symbols: of(({ symbols }) => symbols),
  };
}

class Visited {
  readonly #server: DurableServer;
  readonly #api: ServerApi;

  constructor(server: DurableServer) {
    this.#server = server;
    this.#api = new ServerApi(server.port);
  }

  async visit(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const peers = await Promise.all(
        Array.from({ length: TOGETHER }, (_, i) =>
          (VISITS[(round + i) % VISITS.length] as (typeof VISITS)[number])(this.#server.port),
        ),
      );
      for (const [i, { tcp }] of peers.entries()) {
        if (i % 3 === 0) tcp.destroy();
        else tcp.resetAndDestroy();
      }
    }
  }

  /** Resources once all clients have gone; the test's publisher stays. */
  async held(): Promise<Held> {
    const deadline = performance.now() + 30_000;
    for (;;) {
      const metrics = await this.#api.metrics();
      const left = ['tickwire_sessions{kind="stream"}', 'tickwire_subscriptions'].map((name) =>
        metrics.get(name),
      );
      const publishers = metrics.get('tickwire_sessions{kind="publish"}');
      if (left.every((count) => count === 0) && publishers === 1) {
        const { pid } = this.#server;
        const { heapBytes, externalBytes } = await this.#server.collect();
        const descriptors = openDescriptors(pid);
        const symbols = metrics.get('tickwire_symbols') ?? 0;
        const ownBytes = heapBytes + externalBytes;
        return { rssBytes: residentBytes(pid), ownBytes, descriptors, symbols };
      }
      if (performance.now() > deadline)
        throw new Error(`left over: ${left.join()} and ${publishers}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

onTransports((transport) => {
  it('clients that come and go by the thousand leave nothing behind', async () => {
    const flags = [`--server.transport=${transport}`, '--processing.partitions=1'];
    const server = await DurableServer.create([...flags, '--store.snapshotIntervalMs=0']);
    onTestFinished(() => server.remove());
    await server.start();
    const publisher = await publisherForTest(server.port, 'feed');
    publisher.publish(SYMBOLS.map((symbol, i) => ({ symbol, price: i + 1, time: TIME })));
    await publisher.acknowledged();
    const visited = new Visited(server);
    await visited.visit(WARM_ROUNDS);
    const held: Held[] = [];
    for (let look = 0; look < LOOKS; look++) {
      await visited.visit(ROUNDS);
      held.push(await visited.held());
    }
    const before = least(held.slice(0, LOOKS / 2));
    const after = least(held.slice(LOOKS / 2));
    expect(after.symbols).toBe(SYMBOLS.length);
    expect(after.descriptors - before.descriptors).toBeLessThanOrEqual(THREAD_DESCRIPTORS);
    expect(after.ownBytes - before.ownBytes).toBeLessThan(4 * MIB);
    expect(after.rssBytes - before.rssBytes).toBeLessThan(THREADS_BYTES + 16 * MIB);
    await publisher.ping();
  });
});
