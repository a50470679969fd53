import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { describe, expect, it, onTestFinished } from 'vitest';
import { shardOf, tokenOf } from '../../src/cluster/names.ts';
import { fc } from '../../testkit/fast-check.ts';
import { SymbolOracle } from '../../testkit/independent/statistics.ts';
import { programArgs } from '../../testkit/managed-process.ts';
import { parseMetrics } from '../../testkit/metrics.ts';
import { findNatsServer, NATS_SOURCE, NatsServers } from '../../testkit/nats-server.ts';
import { Random } from '../../testkit/random.ts';
import type { ServerProcess } from '../../testkit/server-process.ts';
import { delay, until } from '../../testkit/until.ts';
import { HttpClient } from '../support/http-client.ts';
import { ClusterSubscriber, LEASE_MS, NatsCluster } from '../support/nats-cluster.ts';

const LONG = { timeout: 300_000 };
const SHARDS = 16;
const ROOT = join(import.meta.dirname, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/CLUSTER.md'), 'utf8');
const SYMBOLS = ['feed.one', 'feed two', 'ÄÖ/€', '%41', 'plain', '日本'];
/** Published on another connection, so that its order is known. */
const RAW = 'raw';

const command = await findNatsServer();
const isMissing = command === undefined && !process.env.CI;

/** What `tickwire cluster mapping` prints. */
async function mapping(): Promise<string> {
  const args = [...programArgs('src/main'), 'cluster', 'mapping', `--cluster.shards=${SHARDS}`];
  const env = { PATH: process.env.PATH };
  return (await promisify(execFile)(process.execPath, args, { env })).stdout;
}

async function clientOf(addresses: string): Promise<NatsConnection> {
  const client = await connect({ servers: addresses });
  onTestFinished(() => client.close());
  return client;
}

/** Ticks of some symbols on their way, and what they should lead to. */
class FeedMarket {
  readonly oracles = new Map([...SYMBOLS, RAW].map((symbol) => [symbol, new SymbolOracle()]));
  ticks = 0;
  readonly #client: NatsConnection;
  readonly #random = new Random(3);
  readonly #prices = new Map<string, number>();
  readonly #numbers = new Map<string, number>();
  #time = Date.now() - 3_600_000;

  constructor(client: NatsConnection) {
    this.#client = client;
  }

  /** The ticks of a message, entered in what is expected. */
  next(symbol: string): { readonly price: number; readonly timestamp: number }[] {
    const random = this.#random;
    return Array.from({ length: random.between(1, 3) }, () => {
      const jump = random.chance(0.05) ? 1 + random.pick([-1, 1]) * 0.03 : 1;
      const before = this.#prices.get(symbol) ?? 100;
      const price = before * jump * (1 + (random.float() - 0.5) / 1000);
      this.#prices.set(symbol, price);
      this.#time += random.below(20);
      this.oracles.get(symbol)?.apply(price, this.#time);
      this.ticks++;
      return { price, timestamp: this.#time };
    });
  }

  /** Publishes a message, perhaps several times. */
  publish(): void {
    const random = this.#random;
    const symbol = random.pick(SYMBOLS);
    const ticks = this.next(symbol);
    const sequence = (this.#numbers.get(symbol) ?? 0) + 1;
    this.#numbers.set(symbol, sequence);
    const head = headers();
    head.set('Tickwire-Publisher', 'drill');
    head.set('Tickwire-Sequence', String(sequence));
    head.set('Tickwire-Previous', String(sequence - 1));
    const pairs = ticks.flatMap(({ price, timestamp }) => [price, timestamp]);
    const payload = JSON.stringify(random.chance(0.5) ? ticks : pairs);
    for (let copies = random.between(1, 2); copies > 0; copies--) {
      this.#client.publish(`tickwire.feed.${tokenOf(symbol)}`, payload, { headers: head });
    }
  }
}

/** A connection that speaks the protocol of NATS by hand. */
async function rawClient(addresses: string): Promise<Socket> {
  const { hostname, port } = new URL(addresses);
  const socket = connectSocket(Number(port), hostname);
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'data');
  socket.write('CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n');
  socket.resume();
  return socket;
}

function rawPublish(subject: string, payload: string, head?: string): string {
  const size = Buffer.byteLength(payload);
  if (head === undefined) return `PUB ${subject} ${size}\r\n${payload}\r\n`;
  const headSize = Buffer.byteLength(head);
  return `HPUB ${subject} ${headSize} ${headSize + size}\r\n${head}${payload}\r\n`;
}

async function feedResults(server: ServerProcess): Promise<(result: string) => number> {
  const client = await HttpClient.connect(server.port);
  const metrics = parseMetrics((await client.get('/metrics')).text);
  return (result) =>
    metrics.get(`tickwire_cluster_feed_messages_total{result="${result}"}`) ?? Number.NaN;
}

describe.skipIf(isMissing)(`feeds${isMissing ? ` (needs ${NATS_SOURCE})` : ''}`, () => {
  it('are put into the shard that edges would choose, whatever the name', LONG, async () => {
    if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
    const servers = await NatsServers.start(command, 1, await mapping());
    onTestFinished(() => servers.stop());
    const client = await clientOf(servers.addresses);
    const found = new Map<string, number>();
    client.subscribe('tickwire.t.*.*', {
      callback: (_error, { subject }) => {
        const [, , shard, token = ''] = subject.split('.');
        found.set(token, Number(shard));
      },
    });
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 32 });
    const latin = fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 32 });
    const names = [...SYMBOLS, ...fc.sample(fc.oneof(text, latin), { numRuns: 3000, seed: 7 })];
    const isText = (name: string) => !/\p{Cs}/u.test(name);
    const tokens = new Map(names.filter(isText).map((name) => [tokenOf(name), name]));
    for (const token of tokens.keys()) client.publish(`tickwire.feed.${token}`);
    await client.flush();
    await until(() => found.size === tokens.size);
    for (const [token, name] of tokens) {
      expect([name, found.get(token)]).toEqual([name, shardOf(name, SHARDS)]);
    }
    expect(new Set(found.values()).size).toBe(SHARDS);
  });

  it(
    'count once at all edges over the death of an owner, and again from the log',
    LONG,
    async () => {
      if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
      const cluster = await NatsCluster.start(command, 1, await mapping());
      onTestFinished(() => cluster.stop());
      const [a, b] = [await cluster.add('owner'), await cluster.add('owner')];
      const [left, right] = [await cluster.add('edge'), await cluster.add('edge')];
      await cluster.ready(a, b, left, right);
      const client = await clientOf(cluster.brokers.addresses);
      const market = new FeedMarket(client);
      const subscribers = [
        await ClusterSubscriber.open(left.port),
        await ClusterSubscriber.open(right.port),
      ];
      onTestFinished(() => {
        for (const { subscriber } of subscribers) subscriber.close();
      });
      const raw = await rawClient(cluster.brokers.addresses);
      for (let i = 0; i < 600; i++) {
        market.publish();
        if (i % 20 === 0) {
          const ticks = JSON.stringify(market.next(RAW));
          raw.write(rawPublish('tickwire.feed.raw', ticks));
        }
        if (i === 200) await a.end();
        await delay(5);
      }
      await client.flush();
      await cluster.ready(left, right);
      for (const subscriber of subscribers) await subscriber.matches(market);

      const stray = `tickwire.t.${(shardOf(RAW, SHARDS) + 1) % SHARDS}.${RAW}`;
      const bad: readonly (readonly [result: string, message: string])[] = [
        ['not_json', rawPublish('tickwire.feed.raw', 'price')],
        ['empty', rawPublish('tickwire.feed.raw', '')],
        ['shape', rawPublish('tickwire.feed.raw', '[1]')],
        ['too_large', rawPublish('tickwire.feed.raw', ' '.repeat(300_000))],
        ['symbol', rawPublish('tickwire.feed.%72aw', '{"price":1}')],
        ['shard', rawPublish(stray, '{"price":1}')],
        ['headers', rawPublish('tickwire.feed.raw', '{"price":1}', 'NATS/1.0\r\nA B: x\r\n\r\n')],
        [
          'headers',
          rawPublish('tickwire.feed.raw', '{}', 'NATS/1.0\r\nTickwire-Sequence: 1\r\n\r\n'),
        ],
      ];
      for (const [, message] of bad) raw.write(message);
      // Nothing of it is lost, or stops anything.
      const headless = rawPublish(
        'tickwire.feed.raw',
        '[]',
        'NATS/1.0 409 Consumer Deleted\r\n\r\n',
      );
      raw.write(headless);
      raw.write(rawPublish('tickwire.feed.raw', JSON.stringify(market.next(RAW))));
      for (const subscriber of subscribers) await subscriber.matches(market);

      // Another owner, to whom nothing but the logs is left.
      const manager = await jetstreamManager(client);
      await b.end();
      await manager.streams.purge('tickwire_snapshots');
      const c = await cluster.add('owner', ['--store.snapshotIntervalMs=3600000']);
      await delay(2 * LEASE_MS);
      await cluster.ready(c, left, right);
      const late = await ClusterSubscriber.open(right.port);
      onTestFinished(() => late.subscriber.close());
      for (const subscriber of subscribers) await subscriber.matches(market);
      // It came after the anomalies.
      await until(() => late.differences(market).every((each) => each.includes('anomalies')));
      const results = await feedResults(c);
      for (const result of new Set(bad.map(([name]) => name))) {
        const expected = bad.filter(([name]) => name === result).length;
        expect([result, results(result)]).toEqual([result, expected]);
      }
      expect(results('taken')).toBe(600 + 30 + 2);
      expect(results('duplicate')).toBeGreaterThan(100);
      expect(results('gap')).toBe(0);
      expect(c.output).toContain('a message of a feed, or a tick of it, is refused');
      expect(market.ticks).toBeGreaterThan(1000);
    },
  );

  it('are published as docs/CLUSTER.md shows', LONG, async () => {
    if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
    const cluster = await NatsCluster.start(command, 1, await mapping());
    onTestFinished(() => cluster.stop());
    // Of the version before, which had no feeds: the first member adds them.
    const manager = await jetstreamManager(await clientOf(cluster.brokers.addresses));
    for (let log = 0; log < 8; log++) {
      const subjects = [`tickwire.t.${log}`, `tickwire.t.${log + 8}`];
      await manager.streams.add({ name: `tickwire_t${log}`, subjects, allow_atomic: true });
    }
    const member = await cluster.add('all');
    await cluster.ready(member);
    const sample = /```js\n(?<code>[^`]*tickwire\.feed[^`]*(?:`[^`]+`[^`]*)*?)\n```/.exec(PAGE);
    const code = sample?.groups?.code?.replace('nats://10.0.0.1:4222', cluster.brokers.addresses);
    const args = ['--input-type=module', '--eval', code ?? 'throw new Error("no sample")'];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
    expect(stdout).toMatch(/^stored as number \d+\n$/);
    const client = await HttpClient.connect(member.port);
    interface Row {
      readonly currentPrice?: number;
    }
    await until(async () => {
      return (await client.get<Row>('/api/prices/BTC-USD')).json.currentPrice === 64_000.5;
    });
    expect(PAGE).toContain((await mapping()).split('\n')[3]?.trim().replace('(16,', '(256,'));
  });
});
