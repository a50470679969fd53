import { Counter, Counters } from '../../../src/engine/memory/counters.ts';
import {
  createEngineMemory,
  type PartitionMemory,
} from '../../../src/engine/memory/engine-memory.ts';
import { Partition } from '../../../src/engine/partition.ts';
import type { PartitionRules } from '../../../src/engine/partition-rules.ts';
import type { PriceWindow } from '../../../src/rules/index.ts';
import { DEFAULT_RULES } from '../../../testkit/independent/statistics.ts';
import type { Case, CaseMaker } from '../case.ts';
import { TickStream } from '../tick-stream.ts';

const RULES = { ...DEFAULT_RULES, windowCapacity: 65_536 };
const STREAM_TICKS = 1 << 18;
const TICKS_PER_RUN = 1024;
/** A worker's prefetch group. */
const GROUP = 32;
/** 100 000 ticks a second. */
const TICKS_PER_MS = 100;

export const partitionCases: readonly CaseMaker[] = [100, 1_000, 10_000, 100_000].map(
  (symbols) => ({
    name: `partition: apply a tick, ${symbols} symbols`,
    allocatesNothing: true,
    make: () => makePartition(symbols),
  }),
);

/**
 * Applies ticks to a partition.
 *
 * @param names of the symbols, where there are rules
 * @param ruled makes what judges by rules
 */
export function makePartition(
  symbols: number,
  names?: SharedArrayBuffer,
  ruled?: (memory: PartitionMemory, window: PriceWindow) => PartitionRules,
): Case {
  const [memory] = createEngineMemory({
    partitions: 1,
    symbols,
    channelCapacity: 16,
    movingAverageWindow: RULES.movingAverageWindow,
    ruledNames: names,
  }) as [PartitionMemory];
  const counters = new Counters(memory.counters);
  let anomalies = 0;
  const output = { append: () => anomalies++ };
  const judge = ruled && ((window: PriceWindow) => ruled(memory, window));
  const partition = new Partition(memory, RULES, counters, output, false, undefined, judge);
  const stream = new TickStream(STREAM_TICKS, symbols, TICKS_PER_MS);
  let next = 0;
  let runs = 0;
  const prepare = () => {
    if (next < STREAM_TICKS) return;
    next = 0;
    stream.moveOn();
  };
  const run = () => {
    runs++;
    const end = next + TICKS_PER_RUN;
    for (; next < end; next += GROUP) {
      partition.prepare(stream, next, next + GROUP);
      for (let i = next; i < next + GROUP; i++) partition.apply(stream, i);
    }
  };
  const finish = async () => {
    const late = counters.get(Counter.LATE);
    const applied = counters.get(Counter.APPLIED);
    if (applied === runs * TICKS_PER_RUN && late + anomalies === 0) return;
    throw new Error(`${applied} ticks in ${runs} runs, ${late} late, ${anomalies} anomalies`);
  };
  return { operations: TICKS_PER_RUN, prepare, run, finish };
}
