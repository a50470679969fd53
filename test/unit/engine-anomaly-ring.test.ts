import { describe, expect, it } from 'vitest';
import {
  AnomalyConsumer,
  AnomalyProducer,
  createAnomalyRing,
} from '../../src/engine/memory/anomaly-ring.ts';
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

  it('knows the newest sequence of a symbol, taken or not, whoever appended it', () => {
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
