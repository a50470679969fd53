import { expect, it } from 'vitest';
import type { Anomaly } from '../../src/engine/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import { folderForTest } from '../support/folders.ts';
import { recompute } from '../support/journal-recomputation.ts';
import { MemoryDisk } from '../support/journal-rig.ts';
import {
  type FrameTick,
  JournaledServer,
  partitionOfName,
  RULES,
  WAITING_RULES,
} from '../support/journaled-server.ts';
import { MemoryStoreDisk } from '../support/memory-store.ts';
import { isSameStatistics } from '../support/partition-rig.ts';
import { wordsOf } from '../support/rule-rig.ts';

const SYMBOLS = ['A', 'B', 'C', 'Ü', 'A-LONGER-NAME'];
const NOW = 1_000_000;

const TICK = fc.record({
  symbol: fc.constantFrom(...SYMBOLS),
  price: fc.constantFrom(98, 99, 100, 101, 103),
  time: fc.integer({ min: NOW - 100, max: NOW + 150 }),
});

const SPIKE = { name: 'flash', kind: 'spike', symbols: ['*'], windowMs: 100, warning: '1.5%' };
const EPISODE = { holdMs: 20, cooldownMs: 30, step: true };
const SIGMA = { sampleMs: 10, halfLifeMs: 100, warmup: 1, scale: 'mad' };
/** Rules come, go, change their thresholds, their kinds and their places. */
const RULE_FILES = [
  {
    rules: [
      { ...SPIKE, critical: '3%', episode: EPISODE },
      { name: 'quiet', kind: 'stale', symbols: ['A*'], afterMs: 12 },
      { name: 'run', kind: 'drift', symbols: ['*'], overMs: 32, warning: '1%' },
    ],
  },
  {
    rules: [
      { name: 'run', kind: 'gap', symbols: ['*'], warning: '1%', episode: null },
      { ...SPIKE, critical: '4%', episode: EPISODE },
      {
        ...SPIKE,
        name: 'unusual',
        symbols: ['B', 'Ü'],
        warning: '2s',
        floor: '0.1%',
        sigma: SIGMA,
        episode: EPISODE,
      },
    ],
  },
  {
    rules: [
      { name: 'band', kind: 'band', symbols: ['C', 'A'], around: 100, warning: '1.5%' },
      { ...SPIKE, windowMs: 40, symbols: ['A', 'B'] },
    ],
  },
];

const RULE_FILE = fc.nat(RULE_FILES.length - 1);

type Step =
  | { readonly kind: 'frame'; readonly ticks: readonly FrameTick[]; readonly publisher: string }
  | { readonly kind: 'retire'; readonly symbol: string; readonly isKept: boolean | undefined }
  | { readonly kind: 'rules'; readonly index: number }
  | { readonly kind: 'snapshot' | 'settle' | 'turn' | 'clock' };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('frame' as const),
      ticks: fc.array(TICK, { minLength: 0, maxLength: 12 }),
      publisher: fc.constantFrom('feed', 'other'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('retire' as const),
      symbol: fc.constantFrom(...SYMBOLS),
      isKept: fc.constantFrom(true, false, undefined),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rules' as const), index: RULE_FILE }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('snapshot', 'settle', 'turn', 'clock') }),
  },
);

const RUN = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  overflow: fc.constantFrom('dropOldest' as const, 'wait' as const),
  /** The rule file that it starts with. */
  rules: RULE_FILE,
  steps: fc.array(STEP, { maxLength: 25 }),
  /** Where between what must survive and the end of the journal it dies, and what the store has. */
  crash: fc.double({ min: 0, max: 1, noNaN: true }),
  stored: fc.double({ min: 0, max: 1, noNaN: true }),
});

type Anomalous = Pick<Anomaly, 'symbol' | 'sequence' | 'reference' | 'price' | 'time'>;

/** What the runs of all cases came across. */
const NOTHING = {
  lost: 0,
  retired: 0,
  kept: 0,
  torn: 0,
  replayed: 0,
  anomalies: 0,
  alerts: 0,
  clocks: 0,
  ruleFiles: 0,
  snapshots: 0,
};
const seen = { ...NOTHING };

async function perform(server: JournaledServer, step: Step, now: number): Promise<void> {
  switch (step.kind) {
    case 'frame':
      server.frame(step.publisher, step.ticks, now);
      return;
    case 'retire': {
      const count = server.countOf(step.symbol);
      if (count < 0) return;
      server.retire(step.symbol, step.isKept === undefined ? -1 : count + (step.isKept ? 1 : 0));
      return;
    }
    case 'snapshot':
      await server.snapshot();
      return;
    case 'settle':
      await server.settle();
      return;
    case 'clock':
      server.clock(now);
      return;
    case 'rules':
      server.changeRules(RULE_FILES[step.index] as object);
      return;
    case 'turn':
      await new Promise(setImmediate);
  }
}

/** Cuts the journal at a byte; what is behind it never reached the disk. */
function cut(disk: MemoryDisk, position: number): void {
  for (const { start, name } of disk.list()) {
    const content = disk.contents.get(name) as Uint8Array;
    if (start >= position) disk.remove(name);
    else if (start + content.length > position) {
      seen.torn++;
      disk.contents.set(name, content.slice(0, position - start));
    }
  }
}

function textOf({ symbol, sequence, reference, price, time }: Anomalous): string {
  return `${symbol} ${String(sequence).padStart(3)}: ${reference} to ${price} at ${time}`;
}

function compare(
  server: JournaledServer,
  disk: MemoryDisk,
  store: MemoryStoreDisk,
  rules: typeof RULES,
): void {
  const expected = recompute(disk, rules, partitionOfName);
  for (const name of SYMBOLS) {
    const oracle = expected.symbols.get(name);
    const own = server.statistics(name);
    if (oracle === undefined) {
      expect(own?.count ?? 0, name).toBe(0);
      continue;
    }
    const isSame = own !== undefined && isSameStatistics(own, oracle.statistics);
    if (!isSame) expect({ name, ...own }).toEqual({ name, ...oracle.statistics });
  }
  server.store.crash(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  seen.anomalies += store.anomalies.length;
  const raised = [...expected.anomalies].flatMap(([symbol, all]) =>
    all.map((anomaly) => textOf({ symbol, ...anomaly })),
  );
  expect(store.anomalies.map(textOf).sort()).toEqual(raised.sort());
  seen.alerts += store.alerts.length;
  for (const name of SYMBOLS) {
    const own = store.alerts.filter(({ symbol }) => symbol === name);
    own.sort((a, b) => a.sequence - b.sequence);
    expect(own.map(wordsOf), name).toEqual(expected.alerts.get(name) ?? []);
  }
  const sequences = new Map(server.context.publishers.sequences());
  expect(sequences).toEqual(expected.publishers);
  seen.lost += expected.lost;
  seen.retired += expected.retired;
  seen.kept += expected.kept;
  seen.replayed += server.replayedTicks;
  seen.clocks += expected.clocks;
  seen.ruleFiles += expected.ruleFiles;
}

it.each([
  ['ticks judged as they come', RULES, 1],
  ['ticks that wait for earlier ones', WAITING_RULES, 6],
])(
  'snapshot and journal lead to what the entries come to, wherever a server dies: %s',
  async (_, rules, clocksMin) => {
    Object.assign(seen, NOTHING);
    const directory = folderForTest();
    await fc.assert(
      fc.asyncProperty(fc.array(RUN, { minLength: 1, maxLength: 3 }), async (runs) => {
        const disk = new MemoryDisk();
        const store = new MemoryStoreDisk();
        let now = NOW;
        for (const { partitions, overflow, rules: first, steps, crash, stored } of runs) {
          const server = await JournaledServer.start({
            partitions,
            overflow,
            disk,
            store,
            directory,
            rules,
            ruleFile: RULE_FILES[first],
          });
          for (const step of steps) {
            now += 3;
            await perform(server, step, now);
          }
          await server.journal.whenSynced(server.journal.position);
          server.kill();
          const from = Math.max(store.syncedPosition, server.start);
          const position = from + Math.floor(crash * (server.journal.position - from));
          server.store.crash(position, Math.round(stored * server.store.appendedCount));
          cut(disk, position);
          seen.snapshots += store.snapshots.length;
        }
        const last = await JournaledServer.start({
          partitions: 2,
          overflow: 'wait',
          disk,
          store,
          directory,
          rules,
          ruleFile: RULE_FILES[0],
        });
        await last.settle();
        await last.journal.whenSynced(last.journal.position);
        last.kill();
        compare(last, disk, store, rules);
      }),
      { numRuns: 60 },
    );
    const { clocks, ...others } = seen;
    for (const [what, count] of Object.entries(others)) expect(count, what).toBeGreaterThan(5);
    expect(clocks).toBeGreaterThanOrEqual(clocksMin);
  },
  120_000,
);
