import { AnomalyConsumer, AnomalyProducer } from '../../src/engine/memory/anomaly-ring.ts';
import { Counters } from '../../src/engine/memory/counters.ts';
import { DirtySet } from '../../src/engine/memory/dirty-set.ts';
import { TickConsumer } from '../../src/engine/memory/tick-consumer.ts';
import { TickProducer } from '../../src/engine/memory/tick-producer.ts';
import { TickColumns } from '../../src/engine/memory/tick-ring.ts';
import { Partition } from '../../src/engine/partition.ts';
import { DEFAULT_RULES } from '../../testkit/independent/statistics.ts';
import { createSmallMemory } from './partition-rig.ts';

/**
 * Prints the heap bytes a tick takes from the producer's end of the queue to the taken anomaly. Run
 * with --expose-gc and a young generation so large that nothing is collected meanwhile.
 */
const SYMBOLS = 1000;
const FRAME = 512;
const WARM_UP_TICKS = 1_000_000;
const TICKS = 250_000;
/** Least of these rounds: on a busy machine the optimizer is late, and a few doubles are boxed. */
const ROUNDS = 5;

const memory = createSmallMemory({
  symbols: SYMBOLS,
  movingAverageWindow: 64,
  channelCapacity: 1024,
  growBytes: 1 << 24,
});
const counters = new Counters(memory.counters);
const producer = new TickProducer(memory.ticks, true);
const consumer = new TickConsumer(memory.ticks, counters);
const anomalies = new AnomalyProducer(memory.anomalies);
const taker = new AnomalyConsumer(memory.anomalies, { name: () => 'S' });
const dirty = new DirtySet(memory.dirty, SYMBOLS);
const rules = { ...DEFAULT_RULES, windowCapacity: 1024 };
const partition = new Partition(memory, rules, counters, anomalies);
const columns = new TickColumns(FRAME);
const taken = new Int32Array(SYMBOLS + 32);
let raised = 0;
const sink = () => {
  raised++;
};

const values = { prices: new Float64Array(FRAME), times: new Float64Array(FRAME) };
const frame = { ...values, receivedAt: 1, receivedUs: 1 };

let state = 1;
let offered = 0;
function offerFrame(): void {
  for (let i = 0; i < FRAME; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    const jump = (state & 0xfff00) === 0 ? 5 : 0;
    frame.prices[i] = 100.5 + jump + (state >>> 24) / 256;
    frame.times[i] = offered / 100;
    producer.tryOffer((state >>> 8) % SYMBOLS, frame, i);
    offered++;
  }
  producer.publish();
  producer.wake();
}

function applyFrame(): void {
  const count = consumer.poll(columns, FRAME);
  partition.prepare(columns, 0, count);
  for (let i = 0; i < count; i++) {
    const symbolId = columns.symbolIds[i] as number;
    if (!anomalies.hasSpace(2)) taker.drain(sink);
    consumer.begin(symbolId);
    partition.apply(columns, i);
    consumer.end();
  }
  dirty.markAll(columns.symbolIds, 0, count);
  consumer.release();
}

function run(ticks: number): void {
  for (const end = offered + ticks; offered < end; ) {
    offerFrame();
    applyFrame();
    taker.drain(sink);
    dirty.take(taken);
  }
}

run(WARM_UP_TICKS);
let bytesPerTick = Number.POSITIVE_INFINITY;
for (let round = 0; round < ROUNDS; round++) {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  run(TICKS);
  const bytes = process.memoryUsage().heapUsed - before;
  bytesPerTick = Math.min(bytesPerTick, bytes / TICKS);
}
process.stdout.write(JSON.stringify({ bytesPerTick, raised }));
