import { Counter, Counters, createCounters } from '../../../src/engine/memory/counters.ts';
import { createDirtySet, DirtySet } from '../../../src/engine/memory/dirty-set.ts';
import { TickConsumer } from '../../../src/engine/memory/tick-consumer.ts';
import { TickProducer } from '../../../src/engine/memory/tick-producer.ts';
import { createTickRing, TickColumns } from '../../../src/engine/memory/tick-ring.ts';
import type { Case, CaseMaker } from '../case.ts';
import { TickStream } from '../tick-stream.ts';

const CAPACITY = 1024;
const TICKS_PER_RUN = 4096;

export const ringCases: readonly CaseMaker[] = [ringCase(1), ringCase(512)];

function ringCase(batch: number): CaseMaker {
  return {
    name: `ring: offer and poll a tick, ${batch} at a time`,
    allocatesNothing: true,
    make: () => makeRing(batch),
  };
}

/** Both ends on one thread: the work without cross-core traffic. */
function makeRing(batch: number): Case {
  const memory = createTickRing(CAPACITY);
  const producer = new TickProducer(memory, false);
  const counters = new Counters(createCounters());
  const consumer = new TickConsumer(memory, counters);
  const columns = new TickColumns(batch);
  const { symbolIds, prices, times } = new TickStream(TICKS_PER_RUN, 1000, 100);
  const ticks = { prices, times, receivedAt: 1.5, receivedUs: 1 };
  let polled = 0;
  let runs = 0;
  const run = () => {
    runs++;
    for (let start = 0; start < TICKS_PER_RUN; start += batch) {
      for (let i = start; i < start + batch; i++) {
        producer.tryOffer(symbolIds[i] as number, ticks, i);
      }
      producer.publish();
      const count = consumer.poll(columns, batch);
      for (let i = 0; i < count; i++) {
        consumer.begin(columns.symbolIds[i] as number);
        consumer.end();
      }
      counters.add(Counter.APPLIED, count);
      consumer.release();
      polled += count;
    }
  };
  const finish = async () => {
    if (polled !== runs * TICKS_PER_RUN) throw new Error(`${polled} ticks polled in ${runs} runs`);
  };
  return { operations: TICKS_PER_RUN, run, finish };
}

const SYMBOLS = 10_000;
const MARKS = 512;

export const dirtySetCases: readonly CaseMaker[] = [
  {
    name: `dirty set: mark a symbol and take it, ${SYMBOLS} symbols`,
    allocatesNothing: true,
    make: makeDirtySet,
  },
];

function makeDirtySet(): Case {
  const set = new DirtySet(createDirtySet(SYMBOLS), SYMBOLS);
  const { symbolIds } = new TickStream(MARKS, SYMBOLS, 100);
  const taken = new Int32Array(16_384);
  const different = new Set(symbolIds).size;
  let wrong = 0;
  const run = () => {
    set.markAll(symbolIds, 0, MARKS);
    if (set.take(taken) !== different) wrong++;
  };
  const finish = async () => {
    if (wrong > 0) throw new Error(`${wrong} runs did not take what was marked`);
  };
  return { operations: MARKS, run, finish };
}
