import { expect, it } from 'vitest';
import { folderForTest } from '../support/folders.ts';
import { MemoryDisk } from '../support/journal-rig.ts';
import { JournaledServer } from '../support/journaled-server.ts';
import { MemoryStoreDisk } from '../support/memory-store.ts';

const NOW = 1_000_000;
const RULES = {
  rules: [{ name: 'flash', kind: 'spike', symbols: ['*'], windowMs: 100, warning: '2%' }],
};

/** What survives the runs of a server. */
class World {
  readonly disk = new MemoryDisk();
  readonly store = new MemoryStoreDisk();
  readonly #directory = folderForTest();
  #now = NOW;

  start(ruleFile?: object): Promise<JournaledServer> {
    const { disk, store } = this;
    const directory = this.#directory;
    return JournaledServer.start({
      partitions: 2,
      overflow: 'wait',
      disk,
      store,
      directory,
      ruleFile,
    });
  }

  /** A price jumps by 3 % and comes back: two anomalies, two alerts. */
  async jump(server: JournaledServer, symbol: string): Promise<void> {
    this.#now += 1000;
    for (const [i, price] of [100, 103, 100].entries()) {
      const ticks = [{ symbol, price, time: this.#now + i }];
      expect(server.frame('feed', ticks, this.#now)).toBe(true);
    }
    await server.settle();
  }

  async retire(server: JournaledServer, symbol: string): Promise<void> {
    server.retire(symbol, -1);
    await expect
      .poll(async () => {
        await server.settle();
        return server.context.engine.symbols.findName(symbol);
      })
      .toBe(-1);
  }

  /** The process dies: the journal is on disk, and of the store what a snapshot relies on. */
  async kill(server: JournaledServer): Promise<void> {
    await server.journal.whenSynced(server.journal.position);
    server.kill();
    server.store.crash(server.journal.position, 0);
  }

  /** Sequence and episode of the alerts in history, and sequences of the anomalies. */
  numbers(symbol: string) {
    const { alerts, anomalies } = this.store;
    return {
      alerts: alerts
        .filter((alert) => alert.symbol === symbol)
        .map(({ sequence, episode, phase }) => `${sequence}: ${phase} of ${episode}`),
      anomalies: anomalies
        .filter((anomaly) => anomaly.symbol === symbol)
        .map(({ sequence }) => sequence),
    };
  }
}

it('numbers go on for a symbol retired before a snapshot and revived after it', async () => {
  const world = new World();
  const first = await world.start(RULES);
  await world.jump(first, 'A');
  await world.jump(first, 'B');
  await world.retire(first, 'A');
  await first.snapshot();
  // In the place that A had, and elsewhere.
  await world.jump(first, 'C');
  await world.jump(first, 'A');
  await world.jump(first, 'A');
  await world.kill(first);
  // Only the journal has what came after the snapshot.
  expect(world.numbers('A')).toEqual({ alerts: ['1: 1 of 1', '2: 4 of 1'], anomalies: [1, 2] });

  const second = await world.start(RULES);
  expect(second.context.engine.lastAlert(second.context.engine.symbols.findName('A'))).toBe(6);
  await world.jump(second, 'A');
  await second.snapshot();
  await world.kill(second);
  expect(world.numbers('A')).toEqual({
    alerts: [
      '1: 1 of 1',
      '2: 4 of 1',
      '3: 1 of 1',
      '4: 4 of 1',
      '5: 1 of 2',
      '6: 4 of 2',
      '7: 1 of 3',
      '8: 4 of 3',
    ],
    anomalies: [1, 2, 3, 4, 5, 6, 7, 8],
  });
  expect(world.numbers('C').alerts).toEqual(['1: 1 of 1', '2: 4 of 1']);
});

it('a run without rules raises nothing later, and the numbers go on behind it', async () => {
  const world = new World();
  const ruled = await world.start(RULES);
  await world.jump(ruled, 'A');
  await ruled.snapshot();
  await world.kill(ruled);
  const without = await world.start();
  await world.jump(without, 'A');
  await world.kill(without);
  const third = await world.start(RULES);
  await world.jump(third, 'A');
  await world.kill(third);
  const last = await world.start(RULES);
  await last.snapshot();
  await world.kill(last);
  expect(world.numbers('A')).toEqual({
    alerts: ['1: 1 of 1', '2: 4 of 1', '3: 1 of 1', '4: 4 of 1'],
    anomalies: [1, 2, 3, 4, 5, 6],
  });
});

it('a snapshot of a run without rules has no numbers: the store has them', async () => {
  const world = new World();
  const ruled = await world.start(RULES);
  await world.jump(ruled, 'A');
  await ruled.snapshot();
  await world.kill(ruled);
  const without = await world.start();
  await world.jump(without, 'A');
  await without.snapshot();
  await world.kill(without);
  const third = await world.start(RULES);
  await world.jump(third, 'A');
  await world.kill(third);
  const last = await world.start(RULES);
  await last.snapshot();
  await world.kill(last);
  expect(world.numbers('A').alerts).toEqual(['1: 1 of 1', '2: 4 of 1', '3: 1 of 1', '4: 4 of 1']);
});
