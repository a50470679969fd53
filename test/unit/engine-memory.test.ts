import { describe, expect, it } from 'vitest';
import {
  AnomalyConsumer,
  AnomalyProducer,
  createAnomalyRing,
} from '../../src/engine/memory/anomaly-ring.ts';
import {
  Counter,
  Counters,
  createCounters,
  LATENCY_BUCKETS,
  latencyBucketEndUs,
} from '../../src/engine/memory/counters.ts';
import { ROW_VALUES, StatisticsTable } from '../../src/engine/memory/statistics-table.ts';
import { createSymbolRecords, SymbolRecords } from '../../src/engine/memory/symbol-records.ts';
import { Quarantine } from '../../src/engine/worker-threads.ts';
import { AnomalyRecorder } from '../support/partition-rig.ts';

const CAPACITY = 4;

/** A ring that `count` anomalies of symbol 3 were appended to. */
function ringWith(count: number): { producer: AnomalyProducer; memory: SharedArrayBuffer } {
  const memory = createAnomalyRing(CAPACITY);
  const producer = new AnomalyProducer(memory);
  for (let n = 1; n <= count; n++) producer.append(3, n, 1, 100, 103, 3, n);
  return { producer, memory };
}

describe('an anomaly ring', () => {
  it('has a producer that blocks for want of a second place as for want of any', () => {
    for (const count of [CAPACITY - 1, CAPACITY]) {
      const { producer } = ringWith(count);
      expect(producer.hasSpace(2)).toBe(false);
      const start = performance.now();
      producer.waitForSpace(2);
      expect(performance.now() - start).toBeGreaterThan(50);
    }
  });

  it('has one that goes on at once where there is space', () => {
    const { producer } = ringWith(CAPACITY - 2);
    expect(producer.hasSpace(2)).toBe(true);
    const start = performance.now();
    for (let i = 0; i < 100; i++) producer.waitForSpace(2);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it('knows the newest sequence of a symbol, taken or not, from any producer', () => {
    const { producer, memory } = ringWith(2);
    const anomalies = new AnomalyRecorder();
    expect(new AnomalyConsumer(memory, { name: String }).drain(anomalies.take)).toBe(2);
    expect(anomalies.of(3).map(({ sequence }) => sequence)).toEqual([1, 2]);
    for (const one of [producer, new AnomalyProducer(memory)]) {
      expect(one.newestSequence(3)).toBe(2);
      expect(one.newestSequence(0)).toBe(0);
    }
    expect(ringWith(0).producer.newestSequence(0)).toBe(0);
  });

  it('hands over every number of an anomaly as it is', () => {
    const memory = createAnomalyRing(CAPACITY);
    new AnomalyProducer(memory).append(3, 7, -1, 100.5, 90.25, -10.125, 1234.5);
    const taken: unknown[] = [];
    const consumer = new AnomalyConsumer(memory, { name: (id) => `symbol ${id}` });
    consumer.drain((anomaly, symbolId) => taken.push([symbolId, anomaly]));
    const anomaly = {
      symbol: 'symbol 3',
      sequence: 7,
      direction: -1,
      reference: 100.5,
      price: 90.25,
      changePercent: -10.125,
      time: 1234.5,
    };
    expect(taken).toEqual([[3, anomaly]]);
  });
});

describe('the counters', () => {
  it('are independent of each other and seen through the same memory', () => {
    const memory = createCounters();
    const writer = new Counters(memory);
    const reader = new Counters(memory);
    for (const counter of Object.values(Counter)) writer.add(counter, 2 ** 40 + counter);
    for (const counter of Object.values(Counter))
      expect(reader.get(counter)).toBe(2 ** 40 + counter);
    expect(reader.taken()).toBe(3 * 2 ** 40 + Counter.APPLIED + Counter.LAPPED + Counter.SKIPPED);
  });

  it('put a latency into the bucket whose range holds it', () => {
    for (const us of [0, 0.3, 1, 1.2, 1.5, 2, 3, 100, 999.5, 4e3, 123_456, 3e6, 4e7]) {
      const counters = new Counters(createCounters());
      counters.addLatency(us, 3);
      const filled = Array.from({ length: LATENCY_BUCKETS }, (_, bucket) => bucket).filter(
        (bucket) => counters.latency(bucket) > 0,
      );
      expect(filled).toHaveLength(1);
      const [bucket] = filled as [number];
      expect(counters.latency(bucket)).toBe(3);
      expect(us).toBeLessThanOrEqual(latencyBucketEndUs(bucket));
      if (bucket > 0) expect(us).toBeGreaterThan(latencyBucketEndUs(bucket - 1));
      expect(counters.get(Counter.LATENCY_US_SUM)).toBe(3 * us);
    }
  });

  it('count longer latencies in the last bucket, and negative ones in the first', () => {
    const counters = new Counters(createCounters());
    counters.addLatency(1e15, 2);
    counters.addLatency(-50, 1);
    expect(latencyBucketEndUs(LATENCY_BUCKETS - 1)).toBe(Number.POSITIVE_INFINITY);
    expect(counters.latency(LATENCY_BUCKETS - 1)).toBe(2);
    expect(counters.latency(0)).toBe(1);
    expect(counters.get(Counter.LATENCY_US_SUM)).toBe(2e15);
  });

  it('have buckets that end ever later', () => {
    for (let bucket = 1; bucket < LATENCY_BUCKETS; bucket++) {
      expect(latencyBucketEndUs(bucket)).toBeGreaterThan(latencyBucketEndUs(bucket - 1));
    }
  });
});

const ROW = Float64Array.of(1, 2, 3, 4, 5, 6, 7);

/** A table of three rows whose second one has the version given. */
function tableAt(version: number): StatisticsTable {
  const records = new SymbolRecords(createSymbolRecords(3, 4), 4);
  records.words[records.wordsEach] = version;
  return new StatisticsTable(records);
}

describe('a statistics row', () => {
  it('reads as it was written, anomalies apart, into the place asked for', () => {
    const table = tableAt(0);
    const into = new Float64Array(ROW_VALUES + 2).fill(-1);
    expect(table.read(1, into, 1)).toBe(0);
    expect(into.every((value) => value === -1)).toBe(true);
    table.write(1, ROW);
    expect(table.read(1, into, 1)).toBe(2);
    expect([...into]).toEqual([-1, 1, 2, 3, 4, 5, 6, -1]);
    expect(table.anomalies(1)).toBe(7);
    expect([table.version(0), table.version(1), table.version(2)]).toEqual([0, 2, 0]);
  });

  it('is not read while it is being written, and whole once it is written again', () => {
    const table = tableAt(41);
    expect(table.read(1, new Float64Array(ROW_VALUES), 0)).toBe(-1);
    table.write(1, ROW);
    expect(table.version(1)).toBe(42);
    expect(table.read(1, new Float64Array(ROW_VALUES), 0)).toBe(42);
  });

  it('keeps versions above zero after 2^30 writes: others mean unwritten or unreadable', () => {
    const table = tableAt(2 ** 31 - 4);
    const versions = Array.from({ length: 3 }, () => {
      table.write(1, ROW);
      return table.read(1, new Float64Array(ROW_VALUES), 0);
    });
    expect(versions).toEqual([2 ** 31 - 2, 2 ** 31 + 2, 2 ** 31 + 4]);
  });
});

it('spares ticks whose workers were killed from outside, once each', () => {
  const quarantine = new Quarantine();
  for (const position of [7, undefined, 7, 8, undefined, undefined, 9]) {
    expect(quarantine.judge(position, false)).toBe(false);
  }
  expect(quarantine.count).toBe(0);
});

it('blames a tick at which a worker failed, and one at which two died in a row', () => {
  const quarantine = new Quarantine();
  expect(quarantine.judge(7, true)).toBe(true);
  expect(quarantine.judge(8, false)).toBe(false);
  expect(quarantine.judge(8, false)).toBe(true);
  expect(quarantine.count).toBe(2);
});

it('counts a tick once, however many died of it', () => {
  const quarantine = new Quarantine();
  for (const hasFailed of [true, true, false]) quarantine.judge(-3, hasFailed);
  expect(quarantine.count).toBe(1);
});

it('blames no tick where a worker failed at none', () => {
  const quarantine = new Quarantine();
  expect(quarantine.judge(undefined, true)).toBe(false);
  expect(quarantine.judge(undefined, true)).toBe(false);
  expect(quarantine.count).toBe(0);
});
