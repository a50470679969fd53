import { describe, expect, it, onTestFinished } from 'vitest';
import { Cluster } from '../../src/cluster/index.ts';
import { isSegments, readEntry, writeEntry } from '../../src/cluster/log-entries.ts';
import { shardOf } from '../../src/cluster/names.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import type { ConfigInput } from '../../src/config/schema.ts';
import { RowValue } from '../../src/engine/index.ts';
import type { GatewayContext } from '../../src/gateway/index.ts';
import { memberContext } from '../../testkit/gateway-context.ts';
import { Random } from '../../testkit/random.ts';
import { delay, until } from '../../testkit/until.ts';
import { LoggedLives } from '../support/logged-lives.ts';
import { LoggedMarket, NAMES, openLogs, SHARDS, SYMBOLS } from '../support/logged-market.ts';
import { type BusFaults, SimulatedBroker, type SimulatedBus } from '../support/simulated-bus.ts';

const LEASE_MS = 1000;
/** No member loses its shards, however busy the machine is. */
const LONG_LEASE_MS = 60_000;
const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };
const RECORDS_MAX = 4096;

/** A member, with its gateway's parts but for sockets. */
interface MemberRig {
  readonly bus: SimulatedBus;
  readonly cluster: Cluster;
  readonly context: GatewayContext;
  readonly end: () => Promise<void>;
}

async function member(
  broker: SimulatedBroker,
  role: 'edge' | 'owner',
  leaseMs: number,
  limits: ConfigInput['limits'] = {},
): Promise<MemberRig> {
  const bus = broker.connect();
  const input: ConfigInput = {
    cluster: { role, name: NAMES.cluster, shards: SHARDS, leaseMs },
    store: { directory: '', snapshotIntervalMs: 300 },
    stream: { recentAnomaliesPerSymbol: RECORDS_MAX },
    limits,
  };
  const cluster = await Cluster.join(parseConfig(input), bus, QUIET);
  const context = memberContext(cluster, input);
  await cluster.start();
  // What the scheduler does where there are sockets.
  const timer = setInterval(() => context.fanOut.run(), 5);
  const end = async () => {
    clearInterval(timer);
    context.retirement.stop();
    bus.isConnected = true;
    await cluster.stop();
  };
  return { bus, cluster, context, end };
}

/** What the logs say, by the definition. */
function definition(broker: SimulatedBroker): LoggedLives[] {
  return Array.from({ length: SHARDS }, (_, shard) => {
    const lives = new LoggedLives();
    for (const { payload, sequence, subject } of broker.logOf(NAMES.ticks(shard)).messages) {
      if (subject === NAMES.ticks(shard)) lives.take(payload, sequence);
    }
    return lives;
  });
}

/** What a member has that the logs do not say, or lacks. */
async function difference(
  { cluster, context }: MemberRig,
  expected: readonly LoggedLives[],
): Promise<string | undefined> {
  const { statistics, symbols } = cluster.engine;
  const row = new Float64Array(6);
  for (const symbol of SYMBOLS) {
    const lives = expected[shardOf(symbol, SHARDS)] as LoggedLives;
    const wanted = lives.rows.get(symbol);
    const symbolId = symbols.findName(symbol);
    if (wanted === undefined) {
      if (symbolId >= 0) return `${symbol} is there`;
    } else {
      if (symbolId < 0 || statistics.read(symbolId, row, 0) <= 0) return `${symbol} is missing`;
      const { average, count, max, min, price, time } = wanted;
      const values = [count, price, time, min, max];
      const found = [RowValue.COUNT, RowValue.PRICE, RowValue.TIME, RowValue.MIN, RowValue.MAX].map(
        (value) => row[value],
      );
      const [is, shouldBe] = [found.join(' '), values.join(' ')];
      if (is !== shouldBe) return `${symbol}: ${is}, expected ${shouldBe}`;
      const error = Math.abs((row[RowValue.AVERAGE] as number) - average);
      if (error > 1e-9 * average) return `${symbol}: average off by ${error}`;
    }
    const anomalies = lives.anomalies.get(symbol) ?? [];
    const range = { symbol, from: 1, limit: RECORDS_MAX };
    const page = await context.anomalies.page(symbolId, range, () => true);
    const numbers = page.items.map(({ sequence, price }) => `${sequence} ${price}`);
    const right = anomalies.map(({ sequence, price }) => `${sequence} ${price}`);
    if (numbers.join() !== right.join()) return `${symbol}: ${numbers.length} anomalies`;
  }
  return undefined;
}

/** A symbol that came back with an anomaly of an ended life is freed within 60 s. */
const AGREE_MS_MAX = 70_000;

async function agree(broker: SimulatedBroker, members: readonly MemberRig[]): Promise<void> {
  let found: string | undefined;
  const areEqual = async () => {
    const expected = definition(broker);
    for (const each of members) {
      found = await difference(each, expected);
      if (found !== undefined) return false;
    }
    return true;
  };
  await until(areEqual, 'members are equal', AGREE_MS_MAX).catch(() => {
    throw new Error(found);
  });
}

const FAULTS: BusFaults = { lost: 0.05, unanswered: 0.1, belated: 0.05, dropped: 0.1, delayMs: 2 };

async function openCluster(random: Random, owned: 'by two' | 'by one', faults: BusFaults) {
  const broker = new SimulatedBroker(random);
  const bus = broker.connect();
  await openLogs(bus);
  const market = await LoggedMarket.open(bus, random);
  const leaseMs = owned === 'by one' ? LONG_LEASE_MS : LEASE_MS;
  const owners = [await member(broker, 'owner', leaseMs)];
  if (owned === 'by two') owners.push(await member(broker, 'owner', leaseMs));
  const edges = [await member(broker, 'edge', leaseMs), await member(broker, 'edge', leaseMs)];
  onTestFinished(async () => {
    broker.faults = {};
    for (const { end } of [...edges, ...owners]) await end();
  });
  await until(() => edges.every(({ cluster }) => cluster.fault() === undefined));
  broker.faults = faults;
  return { broker, bus, edges, market, owners };
}

describe('symbols that are retired', () => {
  it.each([1, 2, 3, 4])(
    'are what the logs say, whatever fails and whoever owns them (seed %i)',
    { timeout: 200_000 },
    async (seed) => {
      const random = new Random(seed);
      const { broker, bus, edges, market, owners } = await openCluster(random, 'by two', FAULTS);
      const written: { readonly shard: number; readonly payload: Uint8Array }[] = [];
      const append = (shard: number, payload: Uint8Array) => {
        written.push({ shard, payload });
        void bus.append({ subject: NAMES.ticks(shard), payload }).catch(() => undefined);
      };
      const deletions: Promise<boolean>[] = [];
      for (let i = 0; i < 160; i++) {
        market.frame();
        const { cluster } = random.pick(edges);
        const symbol = random.pick(SYMBOLS);
        const symbolId = cluster.engine.symbols.findName(symbol);
        if (symbolId >= 0 && random.chance(0.15)) deletions.push(cluster.retire(symbolId));
        // A decision about an idle symbol, made while ticks are on their way.
        if (random.chance(0.3)) {
          const shard = shardOf(symbol, SHARDS);
          const messages = broker.logOf(NAMES.ticks(shard)).messages;
          const from = messages.length - random.below(4);
          const lives = new LoggedLives();
          for (const { payload, sequence, subject } of messages.slice(0, from)) {
            if (subject === NAMES.ticks(shard)) lives.take(payload, sequence);
          }
          const life = lives.life(symbol);
          if (life !== undefined) append(shard, writeEntry({ retire: [{ symbol, ...life }] }));
        }
        if (written.length > 0 && random.chance(0.1)) {
          const { payload, shard } = random.pick(written);
          append(shard, payload);
        }
        if (i % 50 === 30) {
          const { bus: lost } = random.pick(owners);
          lost.isConnected = false;
          setTimeout(() => {
            lost.isConnected = true;
          }, 2 * LEASE_MS);
        }
        await delay(random.below(i % 50 > 30 ? 80 : 8));
      }
      await until(() => market.isSettled);
      await Promise.all(deletions);
      // Nobody hears of these.
      broker.faults = { dropped: 1 };
      for (const symbol of SYMBOLS.slice(0, 6)) {
        const shard = shardOf(symbol, SHARDS);
        const life = definition(broker)[shard]?.life(symbol);
        if (life !== undefined) append(shard, writeEntry({ retire: [{ symbol, ...life }] }));
      }
      await delay(300);
      broker.faults = {};
      // Appended later than they were said not to be.
      await delay(100);
      await agree(broker, edges);
      const lives = definition(broker);
      expect(lives.reduce((sum, { ended }) => sum + ended, 0)).toBeGreaterThan(20);
      expect(lives.reduce((sum, { kept }) => sum + kept, 0)).toBeGreaterThan(5);
      // Those who come later see the same.
      const late = await member(broker, 'edge', LEASE_MS);
      edges.push(late);
      await agree(broker, [late]);
      await until(() => edges.every(({ cluster }) => cluster.fault() === undefined));
    },
  );

  it('are known to edges by the next rows, and their causes with them', async () => {
    const { broker, edges, market } = await openCluster(new Random(9), 'by one', {});
    for (let i = 0; i < 20; i++) market.frame();
    await until(() => market.isSettled);
    await agree(broker, edges);
    const [first, second] = edges as [MemberRig, MemberRig];
    const { symbols } = first.cluster.engine;
    const retired = await Promise.all(
      SYMBOLS.slice(0, 5).map((symbol) => first.cluster.retire(symbols.findName(symbol))),
    );
    expect(retired).toEqual([true, true, true, true, true]);
    await agree(broker, edges);
    for (const { cluster, context } of edges) {
      expect(context.retirement.retired).toEqual({ idle: 0, operator: 5, missing: 0 });
      expect(cluster.readings().mirror.mismatches).toBe(0);
      expect(cluster.engine.symbols.size).toBe(SYMBOLS.length - 5);
    }
    for (let i = 0; i < 20; i++) market.frame();
    await until(() => market.isSettled);
    await agree(broker, [second]);
    expect(second.cluster.engine.symbols.size).toBe(SYMBOLS.length);
  });
});

describe('idle symbols', () => {
  it('are retired by their owners, each once, and no others', async () => {
    const random = new Random(5);
    const broker = new SimulatedBroker(random, { delayMs: 1 });
    const bus = broker.connect();
    await openLogs(bus);
    const market = await LoggedMarket.open(bus, random);
    const limits = { symbolIdleDays: 1 / 86_400 };
    const owners = [await member(broker, 'owner', LONG_LEASE_MS, limits)];
    const edges = [await member(broker, 'edge', LONG_LEASE_MS)];
    onTestFinished(async () => {
      for (const { end } of [...edges, ...owners]) await end();
    });
    await until(() => edges.every(({ cluster }) => cluster.fault() === undefined));
    for (let i = 0; i < 10; i++) market.frame();
    await until(() => market.isSettled);
    await agree(broker, edges);
    const [edge] = edges as [MemberRig];
    const { symbols } = edge.cluster.engine;
    const all = symbols.size;
    await until(() => {
      market.tick('S-1');
      return symbols.size === 1;
    });
    expect(symbols.names.filter(Boolean)).toEqual(['S-1']);
    await agree(broker, edges);
    expect(edge.context.retirement.retired).toEqual({ idle: all - 1, operator: 0, missing: 0 });
    const proposed = [0, 1, 2, 3].flatMap((shard) =>
      broker
        .logOf(NAMES.ticks(shard))
        .messages.filter(({ subject }) => subject === NAMES.ticks(shard))
        .flatMap(({ payload }) => (isSegments(payload) ? [] : (readEntry(payload).retire ?? []))),
    );
    expect(new Set(proposed.map(({ symbol }) => symbol)).size).toBe(all - 1);
  });
});
