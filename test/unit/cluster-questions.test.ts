import { describe, expect, it, onTestFinished } from 'vitest';
import { FeedFigures } from '../../src/cluster/feed-figures.ts';
import { shardOf } from '../../src/cluster/names.ts';
import { OwnedShard } from '../../src/cluster/owned-shard.ts';
import { readRowsHeader, writeQuestion } from '../../src/cluster/row-codec.ts';
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

describe('a question for the rows of a shard', () => {
  it('is refused at once while its owner reads the log, so that no edge waits for it', async () => {
    const random = new Random(1);
    const bus = new SimulatedBroker(random, { delayMs: 2 }).connect();
    await openLogs(bus);
    const market = await LoggedMarket.open(bus, random);
    const symbol = SYMBOLS[0] as string;
    const shard = shardOf(symbol, SHARDS);
    for (let i = 0; i < 100; i++) market.tick(symbol);
    await until(() => market.isSettled);
    const owned = await OwnedShard.adopt(
      {
        bus,
        names: NAMES,
        settings: SETTINGS,
        counts: {
          ticks: 0,
          duplicateSegments: 0,
          gapSegments: 0,
          refusedTicks: 0,
          skippedTicks: 0,
          retired: 0,
          takeovers: 0,
          fenced: 0,
          snapshots: 0,
          feeds: new FeedFigures(QUIET),
        },
        owner: 'owner',
        onLost: (_shard, error) => expect.unreachable(String(error)),
      },
      shard,
    );
    onTestFinished(() => owned.stop());
    const ask = () => bus.request(NAMES.query(shard), writeQuestion({ epoch: 0, from: 0 }), 1000);
    expect(owned.isCaughtUp).toBe(false);
    await expect(ask()).rejects.toThrow('nobody listens');
    await until(() => owned.isCaughtUp);
    const { position, ticks } = readRowsHeader(await ask());
    expect({ position, ticks }).toEqual({ position: owned.position, ticks: 100 });
  });
});
