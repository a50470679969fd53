import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import {
  AnomalyConsumer,
  type AnomalySink,
  createAnomalyRing,
} from '../../src/engine/memory/anomaly-ring.ts';
import { open } from './peers/meet.ts';
import { startPeer } from './peers/start-peer.ts';

/** Counts anomalies that are torn or out of order. */
class NextInLine {
  count = 0;
  wrong = 0;

  readonly take: AnomalySink = (anomaly, symbolId) => {
    const n = this.count++;
    const { symbol, sequence, direction, reference, price, changePercent, time } = anomaly;
    const fields = [symbolId, sequence, direction, reference, price, changePercent, time];
    const expected = [n, n + 1, n % 2 === 0 ? 1 : -1, n + 2, n + 3, n + 4, n + 5];
    const isNext = symbol === `S-${n}` && expected.every((value, index) => value === fields[index]);
    if (!isNext) this.wrong++;
  };
}

it.each([
  [4, 20_000],
  [64, 200_000],
  [4096, 500_000],
])(
  'anomalies all arrive in order through %i slots, however slow the taker',
  async (capacity, count) => {
    const memory = createAnomalyRing(capacity);
    const gate = new SharedArrayBuffer(4);
    const peer = await startPeer('anomaly-writer', { memory, gate, count });
    const consumer = new AnomalyConsumer(memory, { name: (id) => `S-${id}` });
    const sink = new NextInLine();
    open(new Int32Array(gate));
    let fullest = 0;
    while (sink.count < count) {
      const pauses = sink.count < 50 * capacity && sink.count < count / 2;
      if (pauses) await delay(1);
      fullest = Math.max(fullest, consumer.drain(sink.take));
    }
    expect(sink.wrong).toBe(0);
    expect(sink.count).toBe(count);
    expect(consumer.isEmpty()).toBe(true);
    // It was full but for the slot that an append of two leaves free.
    expect(fullest).toBeGreaterThanOrEqual(capacity - 1);
    expect(await peer.next()).toBeGreaterThan(0);
  },
);
