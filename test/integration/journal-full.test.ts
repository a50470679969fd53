import { expect, test } from 'vitest';
import { folderForTest } from '../support/folders.ts';
import { recompute } from '../support/journal-recomputation.ts';
import { MemoryDisk } from '../support/journal-rig.ts';
import { JournaledServer, partitionOfName, RULES } from '../support/journaled-server.ts';
import { MemoryStoreDisk } from '../support/memory-store.ts';
import { isSameStatistics } from '../support/partition-rig.ts';

test.each(['dropOldest', 'wait'] as const)(
  'a frame that a full journal refuses changes nothing, overflow %s',
  async (overflow) => {
    const disk = new MemoryDisk();
    const server = await JournaledServer.start({
      partitions: 1,
      overflow,
      disk,
      store: new MemoryStoreDisk(),
      directory: folderForTest(),
    });
    const now = 1_000_000;
    const frame = (price: number, length: number) =>
      server.frame(
        'feed',
        Array.from({ length }, (_, i) => ({ symbol: `S${i}`, price, time: now })),
        now,
      );
    // Nothing is written before this thread has a turn: the ring fills up.
    let price = 1;
    while (frame(price, 4)) {
      price++;
      if (overflow === 'wait') await server.settle();
      if (overflow === 'wait' && price > 3) break;
    }
    expect(frame(price, 16)).toBe(overflow === 'wait');
    await server.settle();
    await server.journal.whenSynced(server.journal.position);
    const { symbols } = recompute(disk, RULES, partitionOfName);
    server.kill();
    expect(symbols.size).toBeGreaterThan(0);
    for (const [symbol, oracle] of symbols) {
      const own = server.statistics(symbol);
      expect(own !== undefined && isSameStatistics(own, oracle.statistics), symbol).toBe(true);
    }
  },
);
