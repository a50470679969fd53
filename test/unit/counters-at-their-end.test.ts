import { describe, expect, it } from 'vitest';
import { ANONYMOUS } from '../../src/access/index.ts';
import { type Engine, SymbolTable } from '../../src/engine/index.ts';
import {
  AnomalyConsumer,
  AnomalyProducer,
  createAnomalyRing,
} from '../../src/engine/memory/anomaly-ring.ts';
import {
  CaptureRequester,
  CaptureResponder,
  createCaptureRequest,
} from '../../src/engine/memory/capture-request.ts';
import { Counter, Counters, createCounters } from '../../src/engine/memory/counters.ts';
import { ROW_VALUES, StatisticsTable } from '../../src/engine/memory/statistics-table.ts';
import { createSymbolRecords, SymbolRecords } from '../../src/engine/memory/symbol-records.ts';
import { TickConsumer } from '../../src/engine/memory/tick-consumer.ts';
import { TickProducer } from '../../src/engine/memory/tick-producer.ts';
import {
  createTickRing,
  RingDouble,
  RingWord,
  TickColumns,
} from '../../src/engine/memory/tick-ring.ts';
import { StatsMessage } from '../../src/gateway/fanout/stats-message.ts';
import { NO_VERSION, SymbolVersions } from '../../src/gateway/fanout/symbol-versions.ts';
import { Client } from '../../src/gateway/sessions/client.ts';
import { Connection } from '../../src/gateway/sessions/connection.ts';
import { StreamSession } from '../../src/gateway/sessions/stream-session.ts';
import { decodeFrame, encodeFrame, FULL, Op } from '../../src/protocol/index.ts';
import { gatewayContext } from '../../testkit/gateway-context.ts';
import { createSmallMemory, oneTick, PartitionRig, smallRules } from '../support/partition-rig.ts';
import { WITHOUT_ALERTS } from '../support/without-alerts.ts';

/*
 * docs/ARCHITECTURE.md lists the counters that wrap, or that were once narrow enough to. Each
 * starts near its end here, and runs over it.
 */

const ALL_FIELDS = 63;
const CAPACITY = 8;

describe('versions of symbols', () => {
  const SYMBOLS = 10;

  /** An engine with rows; symbol s has s + 1 as its price and one tick. */
  function engineWith(versionOf = (count: number) => 2 * count) {
    const counts = Array.from({ length: SYMBOLS }, () => 1);
    const statistics = {
      read: (symbolId: number, into: Float64Array) => {
        const count = counts[symbolId] as number;
        into.set([symbolId + count, symbolId + 1, count, 1000 + count, 1, 99]);
        return versionOf(count);
      },
    };
    const symbols = { isRetiring: () => false };
    return { statistics, symbols, counts } as unknown as Engine & { counts: number[] };
  }

  it.each([0, 2 ** 31 - 5, 2 ** 32 - 5, 2 ** 52])(
    'each have an entry of their own, full and delta, after %i changes of rows',
    (changes) => {
      const engine = engineWith();
      const versions = new SymbolVersions(engine, changes);
      const message = new StatsMessage(versions);
      const sent: number[] = [];
      const entries = (from: (symbolId: number) => number) => {
        message.start('binary');
        for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) {
          const added = message.add(
            symbolId,
            from(symbolId),
            versions.current(symbolId),
            ALL_FIELDS,
          );
          expect(added, `symbol ${symbolId}`).toBe(true);
        }
        return decodeFrame(message.finish(0))[2];
      };
      for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) {
        expect(versions.refresh(symbolId)).toBe(true);
        sent[symbolId] = versions.current(symbolId);
        versions.retain(sent[symbolId] as number);
      }
      const full = (symbolId: number, count: number) => [
        symbolId,
        ALL_FIELDS | FULL,
        symbolId + count,
        symbolId + 1,
        count,
        1000 + count,
        1,
        99,
      ];
      const symbols = Array.from({ length: SYMBOLS }, (_, symbolId) => symbolId);
      expect(entries(() => NO_VERSION)).toEqual(symbols.flatMap((symbolId) => full(symbolId, 1)));
      for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) {
        engine.counts[symbolId] = 2;
        expect(versions.refresh(symbolId)).toBe(true);
        expect(versions.refresh(symbolId)).toBe(false);
      }
      const delta = (symbolId: number) => [symbolId, 1 + 4 + 8, symbolId + 2, 1, 1];
      expect(entries((symbolId) => sent[symbolId] as number)).toEqual(symbols.flatMap(delta));
      expect(entries(() => NO_VERSION)).toEqual(symbols.flatMap((symbolId) => full(symbolId, 2)));
    },
  );

  it('are new after the version of the row wrapped twice', () => {
    const engine = engineWith((count) => (count === 1 ? 2 : 2 * 2 ** 31 + 2));
    const versions = new SymbolVersions(engine);
    expect(versions.refresh(0)).toBe(true);
    expect(versions.refresh(0)).toBe(false);
    engine.counts[0] = 2 ** 31;
    expect(versions.refresh(0)).toBe(true);
    expect(versions.values[versions.current(0) * ROW_VALUES + 2]).toBe(2 ** 31);
  });
});

describe('the version of a row', () => {
  const ROW = Float64Array.of(1, 2, 3, 4, 5, 6, 7);

  it('is another after it wrapped, for a reader that stood still meanwhile', () => {
    const memory = createSymbolRecords(2, 1);
    const table = new StatisticsTable(new SymbolRecords(memory, 1));
    const words = new Int32Array(memory);
    words[0] = 2 ** 31 - 4;
    for (let i = 0; i < 2; i++) table.write(0, ROW);
    expect([words[0], words[1]]).toEqual([2, 1]);
    const doubles = new Float64Array(memory);
    let isCopying = true;
    // After the first value was copied, the row is written until its version is the same again.
    const into = new Proxy(new Float64Array(ROW_VALUES), {
      set(target, key, value: number) {
        target[Number(key)] = value;
        if (isCopying) {
          isCopying = false;
          doubles.set([11, 12, 13, 14, 15, 16, 17], 1);
          words[1] = 2;
        }
        return true;
      },
    });
    expect(table.read(0, into, 0)).toBe(2 * 2 ** 31 + 2);
    expect(Array.from({ length: ROW_VALUES }, (_, i) => into[i])).toEqual([11, 12, 13, 14, 15, 16]);
  });
});

describe('a tick ring that overwrites', () => {
  // The last ones are what a consumer that stood still was lapped by.
  const LAPS = [2 ** 30 + 1, 2 ** 31 - 3, 2 ** 31, 2 ** 31 + 5, 2 ** 32 - 1, 2 ** 32, 5 * 2 ** 32];

  it.each(LAPS)('gives its consumer the newest after %i ticks that it did not take', (lapped) => {
    for (const start of [0, 5, -5, 2 ** 31 - 1]) {
      const memory = createTickRing(CAPACITY, start);
      const counters = new Counters(createCounters());
      const consumer = new TickConsumer(memory, counters);
      // As a producer leaves it.
      const words = new Int32Array(memory);
      words[RingWord.TAIL] = (start + lapped) | 0;
      words[RingWord.INTENT] = (start + lapped) | 0;
      new Float64Array(memory)[RingDouble.OFFERED] = lapped;
      const producer = new TickProducer(memory, true);
      expect(producer.offered).toBe(lapped);
      expect(producer.depth()).toBe(CAPACITY);
      for (let n = 0; n < 20; n++) {
        expect(producer.tryOffer(n, oneTick(n + 1, n, 3), 0)).toBe(true);
        expect(words[RingWord.INTENT]).toBe((start + lapped + n + 1) | 0);
      }
      producer.publish();
      const columns = new TickColumns(CAPACITY);
      expect(consumer.poll(columns, CAPACITY)).toBe(CAPACITY);
      expect([...columns.symbolIds]).toEqual([12, 13, 14, 15, 16, 17, 18, 19]);
      expect(counters.get(Counter.LAPPED)).toBe(lapped + 12);
      for (const symbolId of columns.symbolIds) {
        consumer.begin(symbolId);
        expect(producer.interruptedTick(counters.taken())).toMatchObject({
          position: counters.taken(),
          symbolId,
          price: symbolId + 1,
        });
        counters.add(Counter.APPLIED, 1);
        consumer.end();
      }
      consumer.assertCounted();
      consumer.release();
      expect(producer.depth()).toBe(0);
      expect(producer.free()).toBe(CAPACITY);
      expect(consumer.poll(columns, CAPACITY)).toBe(0);
      expect(producer.offered).toBe(counters.taken());
      expect(new TickConsumer(memory, counters).interrupted()).toBe(-1);
    }
  });

  it.each(LAPS)('makes a capture due whose cut it was lapped beyond by %i', (lapped) => {
    const memory = createCaptureRequest();
    const requester = new CaptureRequester(memory);
    const responder = new CaptureResponder(memory);
    const cut = 2 ** 32 - 3;
    requester.request(cut);
    expect(responder.ticksBefore(cut - lapped)).toBe(lapped);
    expect(responder.ticksBefore(cut + lapped)).toBe(-lapped);
  });
});

it('captures are requested and done one at a time while their numbers wrap', () => {
  const memory = createCaptureRequest();
  const words = new Int32Array(memory);
  const [WANTED, DONE] = [0, 16] as const;
  words[WANTED] = 2 ** 31 - 3;
  words[DONE] = 2 ** 31 - 3;
  const requester = new CaptureRequester(memory);
  const responder = new CaptureResponder(memory);
  for (let n = 0; n < 6; n++) {
    expect(responder.isWanted()).toBe(false);
    requester.request(n);
    expect([requester.isDone(), responder.isWanted()]).toEqual([false, true]);
    responder.finish(n, 0, n, 0);
    expect(requester.isDone()).toBe(true);
    expect(requester.report().copied).toBe(n);
  }
});

it.each([2 ** 31 - 5, -5])('an anomaly ring fills and drains from position %i on', (start) => {
  const memory = createAnomalyRing(CAPACITY, start);
  const producer = new AnomalyProducer(memory);
  const consumer = new AnomalyConsumer(memory, { name: String });
  const taken: number[] = [];
  let sequence = 0;
  for (const count of [3, 1, 8, 8, 5]) {
    for (let i = 0; i < count; i++) {
      expect(producer.hasSpace(1)).toBe(true);
      producer.append(3, ++sequence, 1, 100, 103, 3, 1);
      expect(producer.newestSequence(3)).toBe(sequence);
      expect(new AnomalyProducer(memory).newestSequence(3)).toBe(sequence);
    }
    expect(producer.hasSpace(CAPACITY - count + 1)).toBe(false);
    expect(consumer.isEmpty()).toBe(false);
    expect(consumer.drain((anomaly) => taken.push(anomaly.sequence))).toBe(count);
    expect(consumer.isEmpty()).toBe(true);
  }
  expect(taken).toEqual(Array.from({ length: sequence }, (_, i) => i + 1));
});

it.each([2 ** 31 - 5, 2 ** 32 - 5, 2 ** 48])(
  'a session gets the anomalies of a symbol that has had %i, each once',
  (before) => {
    const symbols = new SymbolTable(4, 1);
    const name = Buffer.from('A');
    symbols.register(name, 0, name.length);
    const statistics = { read: () => 0, anomalies: () => before };
    const hasAnomalies = () => false;
    const engine = {
      symbols,
      statistics,
      hasAnomalies,
      channelCapacity: 1024,
      ...WITHOUT_ALERTS,
    } as unknown as Engine;
    const context = gatewayContext(engine);
    const received: number[] = [];
    const socket = {
      send: (message: Uint8Array | string) => {
        const [op, , anomalies] = decodeFrame(message);
        if (op === Op.ANOMALY)
          received.push(...(anomalies as number[][]).map((tuple) => tuple[1] ?? 0));
      },
      bufferedAmount: () => 0,
      cork: (work: () => void) => work(),
      ping: () => undefined,
      end: () => undefined,
      remoteAddress: '127.0.0.1',
    };
    const limits = { badFramesMax: 1, socketBufferBytesMax: 65_536 };
    const client = new Client(ANONYMOUS, '127.0.0.1');
    const connection = new Connection(socket, 'binary', client, limits, context.counters);
    const session = new StreamSession(connection, context);
    session.message(encodeFrame([Op.SUBSCRIBE, 1, ['A']], 'binary'));
    const sequences = Array.from({ length: 10 }, (_, i) => before + 1 + i);
    for (const sequence of sequences) {
      const move = { direction: 1, reference: 100, price: 103, changePercent: 3, time: 1 } as const;
      context.anomalies.append({ symbol: 'A', sequence, ...move }, 0);
      if (sequence % 2 === 0) context.fanOut.recordsAdded();
    }
    context.fanOut.recordsAdded();
    context.scheduler.stop();
    expect(received).toEqual(sequences);
  },
);

it.each([2 ** 31 - 5, 2 ** 32 - 5])(
  'the average and the count of a symbol are right after %i ticks',
  (before) => {
    const WINDOW = 4;
    const memory = createSmallMemory({ symbols: 1, movingAverageWindow: WINDOW });
    const rig = new PartitionRig(memory, smallRules({ movingAverageWindow: WINDOW }));
    const prices: number[] = [];
    const apply = (price: number) => {
      prices.push(price);
      rig.apply(0, { price, time: prices.length });
    };
    for (let i = 0; i < WINDOW; i++) apply(i + 1);
    // As if the first WINDOW ticks were the last of so many.
    const COUNT = 3;
    new Float64Array(memory.records)[COUNT] = before - (before % WINDOW);
    for (let i = 0; i < 3 * WINDOW; i++) {
      apply(10 * i + 7);
      const newest = prices.slice(-WINDOW);
      const { average, count } = rig.statistics(0);
      expect(average).toBe(newest.reduce((sum, price) => sum + price, 0) / WINDOW);
      expect(count).toBe(before - (before % WINDOW) + i + 1);
    }
  },
);
