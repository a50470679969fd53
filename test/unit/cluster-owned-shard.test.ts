import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { FeedFigures } from '../../src/cluster/feed-figures.ts';
import { shardOf } from '../../src/cluster/names.ts';
import { FencedError, OutputWriter } from '../../src/cluster/output-writer.ts';
import { OwnedShard } from '../../src/cluster/owned-shard.ts';
import { Owner } from '../../src/cluster/owner.ts';
import { zeroCounts } from '../../src/cluster/owner-counts.ts';
import { readRowsHeader, writeQuestion } from '../../src/cluster/row-codec.ts';
import { loadSnapshot } from '../../src/cluster/shard-snapshot.ts';
import { Random } from '../../testkit/random.ts';
import { until } from '../../testkit/until.ts';
import {
  LoggedMarket,
  NAMES,
  openLogs,
  SETTINGS,
  SHARDS,
  SYMBOLS,
} from '../support/logged-market.ts';
import { SimulatedBroker, type SimulatedBus } from '../support/simulated-bus.ts';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

const SYMBOL = SYMBOLS[0] as string;
const SHARD = shardOf(SYMBOL, SHARDS);

async function opened(broker: SimulatedBroker): Promise<SimulatedBus> {
  const bus = broker.connect();
  await openLogs(bus);
  return bus;
}

async function marketIn(broker: SimulatedBroker) {
  const market = await LoggedMarket.open(await opened(broker), broker.random);
  return async (ticks: number) => {
    for (let i = 0; i < ticks; i++) market.tick(SYMBOL);
    await until(() => market.isSettled);
  };
}

async function adopt(
  broker: SimulatedBroker,
  bus = broker.connect(),
  { counts = zeroCounts(new FeedFigures(QUIET)), settings = SETTINGS } = {},
): Promise<OwnedShard> {
  const owned = await OwnedShard.adopt(
    {
      bus,
      names: NAMES,
      settings,
      counts,
      owner: 'owner',
      onLost: (_shard, error) => expect(error).toBeInstanceOf(FencedError),
    },
    SHARD,
  );
  onTestFinished(() => owned.stop());
  return owned;
}

describe('a question for the rows of a shard', () => {
  it('is refused at once while its owner reads the log, so that no edge waits for it', async () => {
    const broker = new SimulatedBroker(new Random(1), { delayMs: 2 });
    const tick = await marketIn(broker);
    await tick(100);
    const owned = await adopt(broker);
    const question = writeQuestion({ epoch: 0, from: 0 });
    const ask = () => broker.connect().request(NAMES.query(SHARD), question, 1000);
    expect(owned.isCaughtUp).toBe(false);
    await expect(ask()).rejects.toThrow('nobody listens');
    await until(() => owned.isCaughtUp);
    const { position, ticks } = readRowsHeader(await ask());
    expect({ position, ticks }).toEqual({ position: owned.position, ticks: 100 });
  });
});

describe('a shard whose windows are full', () => {
  it('counts the places that they drop', async () => {
    const broker = new SimulatedBroker(new Random(4));
    const tick = await marketIn(broker);
    await tick(200);
    const counts = zeroCounts(new FeedFigures(QUIET));
    const whole = await adopt(broker, undefined, { counts });
    await until(() => whole.isCaughtUp);
    expect(counts).toMatchObject({ ticks: 200, truncatedPlaces: 0 });
    const tight = await adopt(broker, undefined, {
      counts,
      settings: { ...SETTINGS, growBytes: 0 },
    });
    await until(() => tight.isCaughtUp);
    expect(counts.ticks).toBe(400);
    const { truncatedPlaces } = counts;
    expect(truncatedPlaces).toBeGreaterThan(0);
    // Each counts once.
    await tick(1);
    await until(() => counts.ticks >= 401);
    expect(counts.truncatedPlaces - truncatedPlaces).toBeLessThanOrEqual(2);
  });
});

/** An owner that is away while another one takes its shard over, and saves. */
async function replacedIn(broker: SimulatedBroker) {
  const tick = await marketIn(broker);
  await tick(3);
  const bus = broker.connect();
  const before = await adopt(broker, bus);
  await until(() => before.isCaughtUp);
  bus.isConnected = false;
  await tick(3);
  const later = await adopt(broker);
  await until(() => later.isCaughtUp);
  const stored = async () => (await loadSnapshot(broker.connect(), NAMES, SHARD))?.position;
  return { tick, bus, before, later, stored };
}

describe('a snapshot', () => {
  it('is not replaced by an older one, of an owner that was replaced', async () => {
    const { before, bus, later, stored } = await replacedIn(new SimulatedBroker(new Random(2)));
    await later.save();
    expect(later.position).toBeGreaterThan(before.position);
    // It has raised nothing, so no write of its own was refused.
    bus.isConnected = true;
    await before.save();
    expect(await stored()).toBe(later.position);
  });

  it('is not replaced by one of an owner that was replaced since it looked', async () => {
    const broker = new SimulatedBroker(new Random(3));
    const { before, bus, later, stored, tick } = await replacedIn(broker);
    await later.save();
    const looked = vi.spyOn(OutputWriter.prototype, 'confirm').mockResolvedValue(true);
    bus.isConnected = true;
    await expect(before.save()).rejects.toThrow('wrong last sequence');
    looked.mockRestore();
    expect(await stored()).toBe(later.position);
    const { position } = later;
    await tick(3);
    await until(() => later.position > position);
    await later.save();
    expect(await stored()).toBe(later.position);
  });

  it('is saved again after one of the owner before took its place', async () => {
    const broker = new SimulatedBroker(new Random(5));
    const { before, bus, later, stored } = await replacedIn(broker);
    const looked = vi.spyOn(OutputWriter.prototype, 'confirm').mockResolvedValue(true);
    bus.isConnected = true;
    const older = before.position;
    await before.save();
    looked.mockRestore();
    expect(await stored()).toBe(older);
    await expect(later.save()).rejects.toThrow('wrong last sequence');
    await later.save();
    expect(await stored()).toBe(later.position);
  });
});

describe('a stop', () => {
  it('ends though the broker does not store outputs', { timeout: 20_000 }, async () => {
    const broker = new SimulatedBroker(new Random(4));
    const market = await LoggedMarket.open(await opened(broker), broker.random);
    const bus = broker.connect();
    const warnings: unknown[] = [];
    const owner = new Owner({
      bus,
      names: NAMES,
      log: { ...QUIET, warn: ({ reason }: { reason?: string }) => warnings.push(reason) },
      owner: 'owner',
      shards: SHARDS,
      snapshotMs: 0,
      settings: SETTINGS,
    });
    onTestFinished(() => owner.stop());
    owner.assign(new Map([['owner', { role: 'owner', since: 0 }]]));
    await until(() => owner.owned.size === SHARDS && owner.behind === 0);
    const refuse = () => Promise.reject(new Error('not stored'));
    vi.spyOn(bus, 'append').mockImplementation(refuse);
    vi.spyOn(bus, 'appendAll').mockImplementation(refuse);
    const waiting = () => [...owner.owned.values()].every(({ waitingOutputs }) => waitingOutputs);
    await until(() => {
      market.frame();
      return waiting();
    });
    const start = performance.now();
    await owner.retire();
    // One shard is waited for, not each.
    expect(performance.now() - start).toBeLessThan(9000);
    expect(warnings).toEqual(['outputs before it are not stored']);
  });
});
