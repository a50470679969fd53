import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { shardOf } from '../../src/cluster/names.ts';
import { OutputWriter } from '../../src/cluster/output-writer.ts';
import { Owner } from '../../src/cluster/owner.ts';
import { ShardMirrors } from '../../src/cluster/shard-mirrors.ts';
import { SkippedTicks } from '../../src/cluster/skipped-ticks.ts';
import { RemoteEngine, ShardPartition } from '../../src/engine/index.ts';
import type { MarketTick } from '../../testkit/independent/statistics.ts';
import { Random } from '../../testkit/random.ts';
import { until } from '../../testkit/until.ts';
import { doubling, expectOutputs, rowDifferences } from '../support/expected-market.ts';
import { LoggedMarket, NAMES, openLogs, SETTINGS, SHARDS } from '../support/logged-market.ts';
import { SimulatedBroker } from '../support/simulated-bus.ts';

const SKIPPED = 'a tick that cannot be applied is left out from now on';

/** Prices whose ticks throw, once they have changed the state. */
function plantPoison(): Set<number> {
  const poison = new Set<number>();
  const apply = Reflect.get(ShardPartition.prototype, 'apply');
  vi.spyOn(ShardPartition.prototype, 'apply').mockImplementation(function (
    this: ShardPartition,
    ...tick
  ) {
    Reflect.apply(apply, this, tick);
    if (poison.has(tick[1])) throw new Error('planted');
  });
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  return poison;
}

/** An owner of all shards, which keeps no snapshots until it retires, and what it says. */
function ownerOfAll(broker: SimulatedBroker, id: string) {
  const lines: { readonly message: string; readonly price?: number }[] = [];
  const note = (fields: object, message = '') => lines.push({ ...fields, message });
  const owner = new Owner({
    bus: broker.connect(),
    names: NAMES,
    log: { info: () => undefined, warn: note, error: note },
    owner: id,
    shards: SHARDS,
    snapshotMs: 0,
    settings: SETTINGS,
  });
  onTestFinished(() => owner.stop());
  const assign = () => owner.assign(new Map([[id, { role: 'owner', since: 0 }]]));
  assign();
  const skipped = () =>
    lines.filter(({ message }) => message === SKIPPED).map(({ price }) => price as number);
  return { owner, assign, lines, skipped };
}

type OwnerOfAll = ReturnType<typeof ownerOfAll>;

/** A tick that raises an anomaly, among the newest ones; else the last. */
function jumpIn(ticks: readonly MarketTick[], from: number): MarketTick {
  const jump = ticks.slice(from).find(({ price, symbol, time }, i) => {
    const before = ticks.slice(0, from + i).findLast((tick) => tick.symbol === symbol);
    return before !== undefined && before.time <= time && Math.abs(price / before.price - 1) > 0.02;
  });
  return jump ?? (ticks.at(-1) as MarketTick);
}

describe('a tick that no owner can apply', () => {
  it.each([1, 2, 3, 4])(
    'is left out by whoever has its shard, with a snapshot or not (seed %i)',
    async (seed) => {
      const poison = plantPoison();
      const random = new Random(seed);
      const faults = { lost: 0.05, unanswered: 0.1, belated: 0.03, delayMs: 2 };
      const broker = new SimulatedBroker(random, faults);
      const bus = broker.connect();
      await openLogs(bus);
      const market = await LoggedMarket.open(bus, random);
      const engine = new RemoteEngine(1024, 1024);
      const mirrors = new ShardMirrors(bus, NAMES, engine, 5000);
      await mirrors.start();
      onTestFinished(() => mirrors.stop());
      const good = () => market.ticks.filter(({ price }) => !poison.has(price));
      /** Frames, in one of which two ticks of one message are bad. */
      const publish = (badFrame: number) => {
        for (let i = 0; i < 20; i++) {
          const from = market.ticks.length;
          market.frame();
          if (i !== badFrame) continue;
          const first = jumpIn(market.ticks, from);
          const shard = shardOf(first.symbol, SHARDS);
          const others = market.ticks.slice(from).filter((tick) => tick !== first);
          const second = others.find(({ symbol }) => shardOf(symbol, SHARDS) === shard);
          for (const tick of second === undefined ? [first] : [first, second]) {
            poison.add(tick.price);
          }
        }
      };
      /** The shards are taken over again at once, not at the next beat. */
      const isServed = ({ assign, owner }: OwnerOfAll) => {
        assign();
        for (const shard of owner.owned.values()) shard.beat();
        return market.isSettled && rowDifferences(engine, good()).length === 0;
      };

      const a = ownerOfAll(broker, 'a');
      // The first tick of a symbol is among them.
      market.frame();
      poison.add((market.ticks[0] as MarketTick).price);
      publish(5);
      await until(() => isServed(a));
      const bad = [...poison];
      expect(new Set(a.skipped())).toEqual(new Set(bad));
      a.owner.stop();

      const b = ownerOfAll(broker, 'b');
      publish(12);
      await until(() => isServed(b));
      const newlyBad = [...poison].filter((price) => !bad.includes(price));
      expect(new Set(b.skipped())).toEqual(new Set(newlyBad));
      expect(b.owner.counts.skippedTicks).toBeGreaterThanOrEqual(poison.size);
      await b.owner.retire();
      b.owner.stop();
      const { size } = poison;

      const c = ownerOfAll(broker, 'c');
      publish(-1);
      await until(() => isServed(c));
      expect([c.skipped(), poison.size]).toEqual([[], size]);
      expect(engine.applied()).toBe(good().length);
      expect(mirrors.counts.mismatches).toBe(0);
      broker.faults = {};
      await until(() => [...c.owner.owned.values()].every((shard) => shard.waitingOutputs === 0));
      expectOutputs(broker, good());
      // Nothing is left that would throw: the state is a function of both logs.
      broker.logOf(NAMES.snapshot(0)).messages.length = 0;
      c.owner.stop();
      const d = ownerOfAll(broker, 'd');
      await until(() => isServed(d) && d.owner.counts.ticks === good().length);
      expect([d.skipped(), d.owner.counts.skippedTicks]).toEqual([[], size]);
      expectOutputs(broker, good());
    },
  );
});

describe('the record of skipped ticks', () => {
  it('comes behind the outputs before its message, and none of the message is out', async () => {
    const broker = new SimulatedBroker(new Random(1), { unanswered: 0.5, lost: 0.3 });
    const bus = broker.connect();
    await openLogs(bus);
    const writer = await OutputWriter.claim(bus, NAMES, 1, 'a');
    const skipped = await SkippedTicks.read(bus, NAMES, 1);
    writer.add(doubling('X', 1), { position: 4, index: 0 });
    // Another call is at it when the message fails.
    void writer.flush();
    writer.add(doubling('X', 2), { position: 6, index: 0 });
    await writer.skip(skipped.with({ position: 6, index: 3 }), 6);
    expect(writer.waiting).toBe(0);
    const { messages } = broker.logOf(NAMES.skips(1));
    const subjects = messages.map(({ subject }) => subject);
    expect(subjects).toEqual([NAMES.claim(1), NAMES.anomaly(1, 'X'), NAMES.skips(1)]);

    broker.faults = {};
    const next = await OutputWriter.claim(bus, NAMES, 1, 'b');
    expect(next.before).toEqual({ position: 6, index: -1 });
    const found = await SkippedTicks.read(bus, NAMES, 1);
    expect([[...(found.of(6) ?? [])], found.of(5)]).toEqual([[3], undefined]);
    // One of a message behind which outputs are out: they stay out.
    next.add(doubling('X', 2), { position: 9, index: 1 });
    await next.flush();
    await next.skip(found.with({ position: 7, index: 0 }), 7);
    const last = await OutputWriter.claim(bus, NAMES, 1, 'c');
    expect(last.before).toEqual({ position: 9, index: 1 });
    const all = await SkippedTicks.read(bus, NAMES, 1);
    expect([all.of(6)?.has(3), all.of(7)?.has(0)]).toEqual([true, true]);
  });

  it('is refused of an owner that was replaced', async () => {
    const broker = new SimulatedBroker(new Random(1));
    const bus = broker.connect();
    await openLogs(bus);
    const first = await OutputWriter.claim(bus, NAMES, 1, 'a');
    await OutputWriter.claim(bus, NAMES, 1, 'b');
    const record = SkippedTicks.NONE.with({ position: 6, index: 3 });
    await expect(first.skip(record, 6)).rejects.toThrow('shard 1 was claimed by another owner');
    expect((await SkippedTicks.read(bus, NAMES, 1)).of(6)).toBeUndefined();
  });
});
