import {
  type AnomalyGap,
  connect,
  connectPublisher,
  type Publisher,
  type Subscriber,
} from '../../client-sdk/src/index.ts';
import type { ExpectedAlert } from '../../testkit/independent/rules.ts';
import { SymbolOracle } from '../../testkit/independent/statistics.ts';
import { NatsServers } from '../../testkit/nats-server.ts';
import { Random } from '../../testkit/random.ts';
import { isServing, ServerProcess, SMALL } from '../../testkit/server-process.ts';
import { delay, until } from '../../testkit/until.ts';

export const LEASE_MS = 1500;
/** The end of a member's log in an error, characters. */
const LOG_SHOWN = 2000;

/** Members of a cluster, in processes of their own, on NATS servers of their own. */
export class NatsCluster {
  readonly brokers: NatsServers;
  readonly members: ServerProcess[] = [];
  /** What all its members are started with. */
  readonly flags: readonly string[];

  private constructor(brokers: NatsServers, replicas: number) {
    this.brokers = brokers;
    this.flags = [
      ...SMALL,
      `--cluster.servers=${brokers.addresses}`,
      '--cluster.shards=16',
      `--cluster.replicas=${replicas}`,
      `--cluster.leaseMs=${LEASE_MS}`,
      '--store.snapshotIntervalMs=1000',
      // What a take-over brings at once may be more than a session is sent at a time.
      '--stream.recentAnomaliesPerSymbol=4096',
    ];
  }

  /**
   * @param command of nats-server
   * @param settings of its configuration, besides
   */
  static async start(command: string, brokers = 1, settings = ''): Promise<NatsCluster> {
    return new NatsCluster(await NatsServers.start(command, brokers, settings), brokers);
  }

  /** Starts a member, and waits until it listens. */
  async add(role: 'edge' | 'owner' | 'all', flags: readonly string[] = []): Promise<ServerProcess> {
    const member = new ServerProcess([...this.flags, `--cluster.role=${role}`, ...flags]);
    this.members.push(member);
    await member.listening();
    return member;
  }

  /**
   * Waits until members say that they are ready.
   *
   * @throws Error with what each member logged last
   */
  async ready(...members: readonly ServerProcess[]): Promise<void> {
    for (const { port } of members) {
      await until(() => isServing(port), `member on ${port} is ready`).catch((error: unknown) => {
        const logs = this.members.map(
          (each) => `${each.port}, exit ${each.exit}: ${each.output.slice(-LOG_SHOWN)}`,
        );
        throw new Error([(error as Error).message, ...logs].join('\n'));
      });
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.end()));
    await this.brokers.stop();
  }
}

/** A market that is published through an edge, and what subscribers should have of it. */
export class ClusterMarket {
  ticks = 0;
  /** How late some ticks are, ms. */
  lateMs = 0;
  /** What each symbol should have, tick by tick: all at once would keep the clients waiting. */
  readonly oracles = new Map<string, SymbolOracle>();
  publisher: Publisher;
  readonly #name: string;
  readonly #random: Random;
  readonly #prices = new Map<string, number>();
  readonly #symbols: readonly string[];
  #time = Date.now() - 3_600_000;
  #isRunning = false;
  #run: Promise<void> = Promise.resolve();

  /** @param port of an edge, or those of several */
  constructor(port: number | readonly number[], name: string, symbols: number, seed = 1) {
    this.#random = new Random(seed);
    this.#symbols = Array.from({ length: symbols }, (_, i) => `${name}.${i}`);
    this.#name = name;
    this.publisher = connectPublisher(addresses(port), { publisher: name });
  }

  /** Goes on elsewhere, as another program of the same name would. */
  async moveTo(port: number): Promise<void> {
    this.publisher = connectPublisher(addresses(port), { publisher: this.#name });
    await this.publisher.ready;
  }

  /** Publishes ticks, some of which are anomalies. */
  publish(count: number): void {
    for (let i = 0; i < count; i++) {
      const random = this.#random;
      const symbol = random.pick(this.#symbols);
      const jump = random.chance(0.005) ? 1 + random.pick([-1, 1]) * 0.03 : 1;
      const before = this.#prices.get(symbol) ?? 100;
      const price = before * jump * (1 + (random.float() - 0.5) / 1000);
      this.#prices.set(symbol, price);
      this.#time += random.below(20);
      const lateMs = this.lateMs > 0 && random.chance(0.2) ? random.below(this.lateMs) : 0;
      const time = this.#time - lateMs;
      if (!this.publisher.publish(symbol, price, time)) continue;
      this.ticks++;
      const oracle = this.oracles.get(symbol) ?? new SymbolOracle();
      oracle.apply(price, time);
      this.oracles.set(symbol, oracle);
    }
  }

  /** Publishes about so many ticks a second until {@link pause}. */
  start(ticksPerSecond: number): void {
    this.#isRunning = true;
    this.#run = (async () => {
      while (this.#isRunning) {
        if (this.publisher.totals.unacknowledged < 40_000) this.publish(ticksPerSecond / 100);
        await delay(10);
      }
    })();
  }

  /** Resolves once everything is acknowledged. */
  async pause(): Promise<void> {
    this.#isRunning = false;
    await this.#run;
    await this.publisher.flush();
  }
}

/** What subscribers should have, by symbol. */
type Expected = Pick<ClusterMarket, 'oracles'>;

/** A subscriber to everything, which keeps the anomalies that it gets. */
export class ClusterSubscriber {
  readonly subscriber: Subscriber;
  readonly anomalies = new Map<string, unknown[]>();
  readonly alerts = new Map<string, ExpectedAlert[]>();
  /** Those that its edge no longer had. */
  readonly missed: AnomalyGap[] = [];

  private constructor(port: number | readonly number[]) {
    this.subscriber = connect(addresses(port));
    this.subscriber.on('gap', (gap) => this.missed.push(gap));
    this.subscriber.on('alert', ({ symbol, ...alert }) => {
      const of = this.alerts.get(symbol) ?? [];
      of.push({ ...alert, reason: alert.reason });
      this.alerts.set(symbol, of);
    });
    this.subscriber.on('anomaly', (anomaly) => {
      const { symbol, sequence, direction, referencePrice, newPrice } = anomaly;
      const { changePercent, timestamp: time } = anomaly;
      const seen = { sequence, direction, reference: referencePrice, price: newPrice };
      const of = this.anomalies.get(symbol) ?? [];
      of.push({ ...seen, changePercent, time });
      this.anomalies.set(symbol, of);
    });
  }

  /** @param port of an edge, or those of several */
  static async open(port: number | readonly number[]): Promise<ClusterSubscriber> {
    const opened = new ClusterSubscriber(port);
    await opened.subscriber.subscribe('*', { alerts: true }).ready;
    return opened;
  }

  /** What it has that the market does not lead to, or lacks. */
  differences({ oracles }: Expected): string[] {
    return [...oracles].flatMap(([symbol, { anomalies, statistics: last }]) => {
      const row = this.subscriber.get(symbol);
      if (row === undefined) return `${symbol}: it has no row`;
      const isEqual =
        row.updateCount === last.count &&
        row.currentPrice === last.price &&
        row.lastUpdateTime === last.time &&
        row.minPrice === last.min &&
        row.maxPrice === last.max &&
        Math.abs(row.movingAverage - last.average) < 1e-9 * last.average;
      if (!isEqual) return `${symbol}: ${row.updateCount} ticks, expected ${last.count}`;
      const seen = (this.anomalies.get(symbol) ?? []).map((each) => JSON.stringify(each));
      const expected = anomalies.map((each) => JSON.stringify(each));
      const at = expected.findIndex((each, i) => seen[i] !== each);
      if (at < 0 && seen.length === expected.length) return [];
      const place = at < 0 ? expected.length : at;
      return (
        `${symbol}: ${seen.length} anomalies, expected ${expected.length}; number ${place} is ` +
        `${seen[place]}, expected ${expected[place]}; missed ${JSON.stringify(this.missed)}`
      );
    });
  }

  /** Waits until it has exactly what the market leads to. */
  async matches(market: Expected): Promise<void> {
    await until(() => {
      const [difference] = this.differences(market);
      if (difference === undefined) return true;
      this.#difference = difference;
      return false;
    }).catch(() => {
      throw new Error(this.#difference);
    });
    const { equal } = await this.subscriber.verify();
    if (!equal) throw new Error('the subscriber is not in step with its edge');
  }

  #difference = '';
}

function addresses(port: number | readonly number[]): string[] {
  return [port].flat().map((each) => `ws://127.0.0.1:${each}`);
}
