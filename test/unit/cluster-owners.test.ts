import { crc32 } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FeedFigures } from '../../src/cluster/feed-figures.ts';
import type { RulesEntry } from '../../src/cluster/log-entries.ts';
import { type Member, Members, ownerOf } from '../../src/cluster/members.ts';
import {
  OutputWriter,
  type PublishedAlert,
  type PublishedAnomaly,
  readAlert,
  readAnomaly,
} from '../../src/cluster/output-writer.ts';
import { OwnedShard, type ShardParts } from '../../src/cluster/owned-shard.ts';
import { Owner } from '../../src/cluster/owner.ts';
import { zeroCounts } from '../../src/cluster/owner-counts.ts';
import { RowsWriter } from '../../src/cluster/row-codec.ts';
import { ShardMirrors } from '../../src/cluster/shard-mirrors.ts';
import { loadSnapshot, saveSnapshot } from '../../src/cluster/shard-snapshot.ts';
import { RemoteEngine } from '../../src/engine/index.ts';
import { Random } from '../../testkit/random.ts';
import { delay, until } from '../../testkit/until.ts';
import { doubling, expectOutputs, rowDifferences } from '../support/expected-market.ts';
import { FLASH } from '../support/flash-rule.ts';
import { LoggedAlerts } from '../support/logged-alerts.ts';
import {
  LoggedMarket,
  NAMES,
  openLogs,
  SETTINGS,
  SHARDS,
  SYMBOLS,
} from '../support/logged-market.ts';
import { ruleText, wordsOf } from '../support/rule-rig.ts';
import { SimulatedBroker, type SimulatedBus } from '../support/simulated-bus.ts';

/** Rule files that come into force one after the other: a rule goes on, one ends, one begins. */
const RULE_FILES = [
  {
    rules: [
      { ...FLASH, warning: '1%', critical: '4%', episode: { holdMs: 100, step: true } },
      { ...FLASH, name: 'long', warning: '1.5%', episode: { holdMs: 100_000 } },
      { name: 'jump', kind: 'gap', symbols: ['S-1*'], warning: '2.5%', episode: null },
      { name: 'quiet', kind: 'stale', symbols: ['S-2'], afterMs: 400 },
    ],
  },
  {
    rules: [
      { name: 'jump', kind: 'gap', symbols: ['*'], warning: '2%', episode: { holdMs: 50 } },
      { ...FLASH, warning: '2%', episode: { holdMs: 200, cooldownMs: 500 } },
    ],
  },
] as const;
const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** The log of outputs has exactly the alerts that the logs of ticks lead to, once and in order. */
function expectAlerts(
  broker: SimulatedBroker,
  engine: RemoteEngine,
  allowedLatenessMs: number,
): void {
  const bySymbol = new Map<string, unknown[]>();
  for (const { payload, subject } of broker.logOf(NAMES.claim(0)).messages) {
    if (subject.split('.')[3] !== 'al') continue;
    const { epoch, position, index, ...alert } = readAlert(payload);
    expect([epoch > 0, position > 0, index >= 0]).toEqual([true, true, true]);
    bySymbol.set(alert.symbol, [...(bySymbol.get(alert.symbol) ?? []), wordsOf(alert)]);
  }
  const mirrored = new Map<string, unknown[]>();
  engine.drainAlerts((published) => {
    const { epoch: _epoch, index: _index, position: _at, ...alert } = published as PublishedAlert;
    mirrored.set(alert.symbol, [...(mirrored.get(alert.symbol) ?? []), wordsOf(alert)]);
  });
  const expected = new Map<string, readonly unknown[]>();
  const anomalies = new Map<string, readonly unknown[]>();
  const raised = new Map<string, unknown[]>();
  engine.drainAnomalies((published) => {
    const {
      symbol,
      epoch: _epoch,
      index: _index,
      position: _at,
      ...own
    } = published as PublishedAnomaly;
    raised.set(symbol, [...(raised.get(symbol) ?? []), own]);
  });
  let clocks = 0;
  for (let shard = 0; shard < SHARDS; shard++) {
    const logged = new LoggedAlerts({ allowedLatenessMs });
    for (const { payload, subject } of broker.logOf(NAMES.ticks(shard)).messages) {
      if (subject === NAMES.ticks(shard)) logged.take(payload);
    }
    expect(logged.files).toBe(RULE_FILES.length);
    clocks += logged.clocks;
    for (const [symbol, alerts] of logged.alerts()) expected.set(symbol, alerts);
    for (const [symbol, own] of logged.anomalies()) anomalies.set(symbol, own);
  }
  expect(clocks).toBeGreaterThan(10);
  const all = [...expected.values()].flat() as {
    readonly reason?: string;
    readonly rule: string;
  }[];
  for (const reason of ['reverted', 'settled', 'closed']) {
    expect(all.filter((alert) => alert.reason === reason).length).toBeGreaterThan(0);
  }
  const inOrder = (map: ReadonlyMap<string, readonly unknown[]>) =>
    SYMBOLS.map((symbol) => [symbol, map.get(symbol) ?? []]);
  expect(inOrder(bySymbol)).toEqual(inOrder(expected));
  expect(inOrder(mirrored)).toEqual(inOrder(expected));
  expect(inOrder(raised)).toEqual(inOrder(anomalies));
  for (const [symbol, { length }] of anomalies) {
    expect(engine.statistics.anomalies(engine.symbols.findName(symbol))).toBe(length);
  }
  expect([...anomalies.values()].flat().length).toBeGreaterThan(10);
}

describe('who owns a shard', () => {
  it('is decided alike everywhere; only the shards of who comes or goes change hands', () => {
    const owners = ['a', 'b', 'c'];
    const of = (among: readonly string[]) =>
      Array.from({ length: 256 }, (_, shard) => ownerOf(shard, among) as string);
    const before = of(owners);
    expect(of(['c', 'a', 'b'])).toEqual(before);
    for (const owner of owners) {
      const share = before.filter((each) => each === owner).length;
      expect(share).toBeGreaterThan(50);
      expect(share).toBeLessThan(120);
    }
    const without = of(['a', 'c']);
    for (const [shard, owner] of before.entries()) {
      if (owner !== 'b') expect(without[shard]).toBe(owner);
    }
    expect(ownerOf(0, [])).toBeUndefined();
  });
});

describe('a snapshot', () => {
  it('is read as it was saved, in chunks; a damaged one is refused', async () => {
    const broker = new SimulatedBroker(new Random(1));
    const bus = broker.connect();
    await openLogs(bus);
    expect(await loadSnapshot(bus, NAMES, 2)).toBeUndefined();
    const states = Uint8Array.from({ length: 700_000 }, (_, i) => i % 251);
    const publishers = [['feed', { frame: 7, part: 1 }]] as const;
    await saveSnapshot(bus, NAMES, 2, { position: 9, publishers, states: states.subarray(0, 10) });
    await saveSnapshot(bus, NAMES, 2, { position: 12, publishers, states });
    const loaded = await loadSnapshot(bus, NAMES, 2);
    expect(loaded).toMatchObject({ position: 12, publishers });
    expect(Buffer.compare(loaded?.states as Uint8Array, states)).toBe(0);
    const rules = { number: 3, text: '{"rules":[]}', since: 5 };
    await saveSnapshot(bus, NAMES, 3, { position: 4, publishers, rules, states });
    expect(await loadSnapshot(bus, NAMES, 3)).toMatchObject({ position: 4, publishers, rules });
    await bus.append({ subject: NAMES.snapshotChunk(2, 1), payload: states.subarray(0, 5) });
    await expect(loadSnapshot(bus, NAMES, 2)).rejects.toThrow('shard 2 is not whole');
  });
});

describe('a snapshot of a version without rules', () => {
  it('is read', async () => {
    const broker = new SimulatedBroker(new Random(1));
    const bus = broker.connect();
    await openLogs(bus);
    const publishers = [['feed', { frame: 7, part: 1 }]] as const;
    const head = Buffer.from(JSON.stringify(publishers));
    const bytes = Buffer.concat([head, Buffer.from('states')]);
    const sizes = { chunks: 1, publisherBytes: head.length };
    const manifest = JSON.stringify({ position: 9, ...sizes, check: crc32(bytes) });
    await bus.append({ subject: NAMES.snapshotChunk(2, 0), payload: bytes });
    await bus.append({ subject: NAMES.snapshot(2), payload: Buffer.from(manifest) });
    const loaded = await loadSnapshot(bus, NAMES, 2);
    expect(loaded).toMatchObject({ position: 9, publishers });
    expect([loaded?.rules, String(loaded?.states)]).toEqual([undefined, 'states']);
  });
});

describe('a claim', () => {
  it('has the writes of the owner before refused', async () => {
    const broker = new SimulatedBroker(new Random(1));
    const bus = broker.connect();
    await openLogs(bus);
    const first = await OutputWriter.claim(bus, NAMES, 1, 'a');
    const anomaly = (sequence: number) => doubling('X.Y', sequence);
    first.add(anomaly(1), { position: 4, index: 0 });
    await first.flush();
    const second = await OutputWriter.claim(bus, NAMES, 1, 'b');
    expect(second.epoch).toBeGreaterThan(first.epoch);
    expect(second.before).toEqual({ position: 4, index: 0 });
    first.add(anomaly(2), { position: 5, index: 0 });
    await expect(first.flush()).rejects.toThrow('shard 1 was claimed by another owner');
    expect(first.isFenced).toBe(true);
    second.add(anomaly(1), { position: 4, index: 0 });
    second.add(anomaly(2), { position: 5, index: 0 });
    second.add(anomaly(3), { position: 5, index: 1 });
    await second.flush();
    const stored = broker
      .logOf(NAMES.claim(1))
      .messages.filter(({ subject }) => subject === 'test.o.1.a.X%2EY');
    expect(stored.map(({ payload }) => readAnomaly(payload).sequence)).toEqual([1, 2, 3]);
    expect(second.waiting).toBe(0);
  });
});

describe('rows', () => {
  it('of an owner that was replaced do not make an edge go back to it', async () => {
    const broker = new SimulatedBroker(new Random(1));
    const bus = broker.connect();
    await openLogs(bus);
    const mirrors = new ShardMirrors(bus, NAMES, new RemoteEngine(64, 64), 1000);
    await mirrors.start();
    onTestFinished(() => mirrors.stop());
    const writer = new RowsWriter(1024);
    const say = async (epoch: number) => {
      const before = mirrors.counts.rowMessages;
      const totals = { ticks: 0, symbols: 0, next: 0, position: 1 };
      bus.publish(NAMES.rows(2), writer.take({ epoch, n: 1, ...totals }));
      await until(() => mirrors.counts.rowMessages > before);
    };
    await say(5);
    await say(3);
    expect(mirrors.epochs()[2]).toBe(5);
    expect(mirrors.counts.staleMessages).toBe(1);
    await say(6);
    expect(mirrors.epochs()[2]).toBe(6);
  });
});

describe('owned shards', () => {
  it.each([
    [1, 0],
    [2, 0],
    [3, 0],
    [4, 0],
    [5, 300],
    [6, 300],
  ])(
    'put out what their log says, once, whoever takes them over when (seed %i, %i ms late)',
    async (seed, allowedLatenessMs) => {
      const random = new Random(seed);
      const broker = new SimulatedBroker(random, {
        lost: 0.05,
        unanswered: 0.1,
        belated: 0.03,
        dropped: 0.1,
        delayMs: 2,
      });
      const bus = broker.connect();
      await openLogs(bus);
      const market = await LoggedMarket.open(bus, random);
      const engine = new RemoteEngine(1024, 1024);
      const mirrors = new ShardMirrors(bus, NAMES, engine, 5000);
      const owned: OwnedShard[] = [];
      const counts = zeroCounts(new FeedFigures(QUIET));
      const faults: unknown[] = [];
      const parts: ShardParts = {
        bus,
        names: NAMES,
        settings: { ...SETTINGS, rules: { ...SETTINGS.rules, allowedLatenessMs } },
        counts,
        owner: 'owner',
        onLost: (_shard, error) => {
          if ((error as Error).name !== 'FencedError') faults.push(error);
        },
      };
      // Those before are not stopped: each learns of its successor by a refused write.
      const adopt = async (shard: number) => {
        for (;;) {
          const adopted = await OwnedShard.adopt(parts, shard).catch(() => undefined);
          if (adopted === undefined) continue;
          owned.push(adopted);
          return;
        }
      };
      for (let shard = 0; shard < SHARDS; shard++) await adopt(shard);
      await mirrors.start();
      onTestFinished(() => {
        mirrors.stop();
        for (const each of owned) each.stop();
      });
      let lagMax = 0;
      const files = RULE_FILES.map((file, i) => ({
        number: i + 1,
        text: ruleText(file),
        since: market.now + 700 * i,
      }));
      const tell = (each: OwnedShard, i: number) => {
        each.wantRules(files[i < 75 ? 0 : 1] as RulesEntry);
        each.tellTime(market.now + random.below(300));
      };
      for (let i = 0; i < 150; i++) {
        market.frame();
        for (const each of owned) if (random.chance(0.2)) tell(each, i);
        lagMax = Math.max(lagMax, ...owned.map(({ lagMessages }) => lagMessages));
        if (random.chance(0.3)) await delay(random.below(4));
        if (i % 50 === 20 || random.chance(0.03)) await adopt(random.below(SHARDS));
        if (random.chance(0.1))
          await random
            .pick(owned)
            .save()
            .catch(() => undefined);
      }
      await until(() => market.isSettled);
      broker.faults = {};
      for (let shard = 0; shard < SHARDS; shard++) await adopt(shard);
      const current = owned.slice(-SHARDS);
      await until(() => current.every(({ isCaughtUp }) => isCaughtUp));
      for (const each of current) tell(each, 150);
      const positions = () => current.map(({ position }) => position).join();
      for (let before = ''; before !== positions(); await delay(50)) before = positions();
      for (const each of current) await each.save();
      expect(faults).toEqual([]);
      expect(lagMax).toBeGreaterThan(0);
      expect(current.map(({ lagMessages }) => lagMessages)).toEqual(current.map(() => 0));
      if (allowedLatenessMs === 0) expectOutputs(broker, market.ticks);
      await until(() => engine.hasAlerts());
      expectAlerts(broker, engine, allowedLatenessMs);
      await until(() => {
        for (const each of current) each.beat();
        return rowDifferences(engine, market.ticks).length === 0;
      }, rowDifferences(engine, market.ticks)[0]);
      expect(engine.applied()).toBe(market.ticks.length);
      expect(counts.takeovers).toBeGreaterThan(2 * SHARDS);
    },
  );
});

/** An owner and its membership. */
async function ownerWith(broker: SimulatedBroker, id: string, leaseMs: number) {
  const bus = broker.connect();
  const keys = await bus.openKeys('members', leaseMs);
  const self: Member = { role: 'owner', since: 0 };
  const members = new Members(keys, id, self, leaseMs);
  const owner = new Owner({
    bus,
    names: NAMES,
    log: QUIET,
    owner: id,
    shards: SHARDS,
    snapshotMs: 100,
    settings: SETTINGS,
  });
  members.onLook = (known) => owner.assign(known);
  members.onLapse = owner.doubtAll;
  await members.join();
  return { bus, members, owner };
}

describe('owners', () => {
  it('share the shards; those of one that dies, or stands still, are taken over', async () => {
    const LEASE_MS = 600;
    const random = new Random(3);
    const broker = new SimulatedBroker(random, { delayMs: 1 });
    const bus = broker.connect();
    await openLogs(bus);
    const market = await LoggedMarket.open(bus, random);
    const engine = new RemoteEngine(1024, 1024);
    const mirrors = new ShardMirrors(bus, NAMES, engine, LEASE_MS);
    await mirrors.start();
    const all = [await ownerWith(broker, 'a', LEASE_MS)];
    onTestFinished(async () => {
      mirrors.stop();
      for (const { members, owner } of all) {
        owner.stop();
        await members.leave().catch(() => undefined);
      }
    });
    const owns = (index: number) => all[index]?.owner.owned.size ?? 0;
    await until(() => owns(0) === SHARDS && mirrors.behind.shards === 0);
    for (let i = 0; i < 20; i++) market.frame();
    all.push(await ownerWith(broker, 'b', LEASE_MS));
    await until(() => owns(0) > 0 && owns(1) > 0 && owns(0) + owns(1) === SHARDS);
    for (let i = 0; i < 20; i++) market.frame();
    await until(() => rowDifferences(engine, market.ticks).length === 0);

    // The first one loses the broker, and does not know that it is replaced.
    (all[0] as { bus: SimulatedBus }).bus.isConnected = false;
    for (let i = 0; i < 20; i++) market.frame();
    await until(() => owns(1) === SHARDS);
    await until(() => rowDifferences(engine, market.ticks).length === 0);

    // It comes back: its writes are refused, then it gets shards again.
    (all[0] as { bus: SimulatedBus }).bus.isConnected = true;
    for (let i = 0; i < 20; i++) market.frame();
    await until(() => owns(0) > 0 && owns(0) + owns(1) === SHARDS);
    for (let i = 0; i < 20; i++) market.frame();
    await until(() => rowDifferences(engine, market.ticks).length === 0);

    // One leaves as planned: no lease has to end.
    const left = performance.now();
    await all[1]?.owner.retire();
    await all[1]?.members.leave();
    await delay(LEASE_MS / 2);
    all[1]?.owner.stop();
    await until(() => owns(0) === SHARDS && mirrors.behind.shards === 0);
    expect(performance.now() - left).toBeLessThan(3000);
    for (let i = 0; i < 20; i++) market.frame();
    await until(() => rowDifferences(engine, market.ticks).length === 0);
    await delay(100);
    expectOutputs(broker, market.ticks);
  });

  it.each([true, false])(
    'of shards without a tick learn that they were replaced (claims heard: %s)',
    async (areHeard) => {
      const LEASE_MS = 400;
      const broker = new SimulatedBroker(new Random(4), { delayMs: 1 });
      await openLogs(broker.connect());
      const all = [await ownerWith(broker, 'a', LEASE_MS)];
      onTestFinished(async () => {
        for (const { members, owner } of all) {
          owner.stop();
          await members.leave().catch(() => undefined);
        }
      });
      const [first] = all as [Awaited<ReturnType<typeof ownerWith>>];
      await until(() => first.owner.owned.size === SHARDS);
      const before = [...first.owner.owned.values()].map(({ epoch }) => epoch);
      // Others take its shards from it, and go.
      if (!areHeard) first.bus.isConnected = false;
      for (let shard = 0; shard < SHARDS; shard++) {
        await OutputWriter.claim(broker.connect(), NAMES, shard, 'gone');
      }
      if (!areHeard) await delay(2 * LEASE_MS);
      first.bus.isConnected = true;
      await until(() => {
        const epochs = [...first.owner.owned.values()].map(({ epoch }) => epoch);
        return epochs.length === SHARDS && epochs.every((epoch) => !before.includes(epoch));
      });
      expect(first.owner.counts.fenced).toBe(SHARDS);
    },
  );
});
