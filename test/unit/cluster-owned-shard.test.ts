import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { FeedFigures } from '../../src/cluster/feed-figures.ts';
import { shardOf } from '../../src/cluster/names.ts';
import { FencedError, OutputWriter } from '../../src/cluster/output-writer.ts';
import { OwnedShard } from '../../src/cluster/owned-shard.ts';
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
import { SimulatedBroker } from '../support/simulated-bus.ts';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

const SYMBOL = SYMBOLS[0] as string;
const SHARD = shardOf(SYMBOL, SHARDS);

async function marketIn(broker: SimulatedBroker) {
  const bus = broker.connect();
  await openLogs(bus);
  const market = await LoggedMarket.open(bus, broker.random);
  return async (ticks: number) => {
    for (let i = 0; i < ticks; i++) market.tick(SYMBOL);
    await until(() => market.isSettled);
  };
}

async function adopt(broker: SimulatedBroker, bus = broker.connect()): Promise<OwnedShard> {
  const owned = await OwnedShard.adopt(
    {
      bus,
      names: NAMES,
      settings: SETTINGS,
      counts: zeroCounts(new FeedFigures(QUIET)),
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

describe('a snapshot', () => {
  it('is not replaced by an older one, of an owner that was replaced', async () => {
    const broker = new SimulatedBroker(new Random(2));
    const bus = broker.connect();
    const tick = await marketIn(broker);
    await tick(3);
    const ownBus = broker.connect();
    const before = await adopt(broker, ownBus);
    await until(() => before.isCaughtUp);
    ownBus.isConnected = false;
    await tick(3);
    const later = await adopt(broker);
    await until(() => later.isCaughtUp);
    await later.save();
    expect(later.position).toBeGreaterThan(before.position);
    // It has raised nothing, so no write of its own was refused.
    ownBus.isConnected = true;
    await before.save();
    expect((await loadSnapshot(bus, NAMES, SHARD))?.position).toBe(later.position);
  });

  it('is not replaced by one of an owner that nobody told that it was replaced', async () => {
    const broker = new SimulatedBroker(new Random(3));
    const bus = broker.connect();
    const tick = await marketIn(broker);
    await tick(3);
    const ownBus = broker.connect();
    const before = await adopt(broker, ownBus);
    await until(() => before.isCaughtUp);
    ownBus.isConnected = false;
    await tick(3);
    // As if it had looked just before.
    vi.spyOn(OutputWriter.prototype, 'confirm').mockResolvedValue(true);
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    const later = await adopt(broker);
    await until(() => later.isCaughtUp);
    await later.save();
    ownBus.isConnected = true;
    await expect(before.save()).rejects.toThrow('wrong last sequence');
    expect((await loadSnapshot(bus, NAMES, SHARD))?.position).toBe(later.position);
    const { position } = later;
    await tick(3);
    await until(() => later.position > position);
    await later.save();
    expect((await loadSnapshot(bus, NAMES, SHARD))?.position).toBe(later.position);
  });

  it('is given up where the broker does not answer, so that a stop ends', {
    timeout: 20_000,
  }, async () => {
    const broker = new SimulatedBroker(new Random(4));
    const tick = await marketIn(broker);
    await tick(3);
    const ownBus = broker.connect();
    const owned = await adopt(broker, ownBus);
    await until(() => owned.isCaughtUp);
    ownBus.isConnected = false;
    await expect(owned.save()).rejects.toThrow('outputs before it are not stored');
  });
});
