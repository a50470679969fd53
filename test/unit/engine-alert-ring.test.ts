import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import {
  AlertConsumer,
  AlertProducer,
  createAlertRing,
} from '../../src/engine/memory/alert-ring.ts';
import { createEngineMemory } from '../../src/engine/memory/engine-memory.ts';
import type { PartitionWorkerData } from '../../src/engine/partition-worker.ts';
import { RuleTable } from '../../src/engine/rule-table.ts';
import { type Alert, alertHistoryTuple, alertTuple } from '../../src/protocol/index.ts';
import { EngineRun } from '../support/engine-run.ts';

const CAPACITY = 8;

it('hands over every number of an alert as it is, with the rule by name', () => {
  const rules = new RuleTable();
  rules.id('other', 'gap');
  const ruleId = rules.id('flash', 'spike');
  const memory = createAlertRing(CAPACITY);
  new AlertProducer(memory).append(
    ...([3, 7, ruleId, 2, 4, 2, -1, 100.5, 90.25, -10.125, 1234.5, 1230, 89, 17, 3] as const),
  );
  const taken: [number, Alert][] = [];
  const consumer = new AlertConsumer(memory, { name: (id) => `symbol ${id}` }, rules);
  expect(consumer.drain((alert, symbolId) => taken.push([symbolId, alert]))).toBe(1);
  const alert: Alert = {
    symbol: 'symbol 3',
    sequence: 7,
    rule: 'flash',
    kind: 'spike',
    episode: 2,
    phase: 4,
    level: 2,
    direction: -1,
    reference: 100.5,
    price: 90.25,
    changePercent: -10.125,
    time: 1234.5,
    startTime: 1230,
    peak: 89,
    count: 17,
    reason: 3,
  };
  expect(taken).toEqual([[3, alert]]);
  const record = [7, 1, 2, 4, 2, -1, 100.5, 90.25, -10.125, 1234.5, 1230, 89, 17, 3];
  expect(alertHistoryTuple(1, alert)).toEqual(record);
  expect(alertTuple(9, 1, alert)).toEqual([9, ...record]);
});

it.each([0, 2 ** 31 - 5, -5])('an alert ring fills and drains from position %i on', (start) => {
  const memory = createAlertRing(CAPACITY, start);
  const producer = new AlertProducer(memory);
  const rules = new RuleTable();
  rules.id('print', 'gap');
  const consumer = new AlertConsumer(memory, { name: String }, rules);
  const taken: number[] = [];
  let sequence = 0;
  for (const count of [3, 1, 8, 8, 5]) {
    for (let i = 0; i < count; i++) {
      expect(producer.hasSpace(1)).toBe(true);
      producer.append(3, ++sequence, 0, 1, 1, 1, 1, 100, 103, 3, 1, 1, 103, 1, 0);
      expect(new AlertProducer(memory).newestSequence(3)).toBe(sequence);
    }
    expect(producer.hasSpace(CAPACITY - count + 1)).toBe(false);
    expect(consumer.drain((alert) => taken.push(alert.sequence))).toBe(count);
    expect(consumer.isEmpty()).toBe(true);
  }
  expect(taken).toEqual(Array.from({ length: sequence }, (_, i) => i + 1));
});

it('a rule keeps its id by name and kind, and no other rule gets it', () => {
  const rules = new RuleTable();
  expect(rules.id('flash', 'spike')).toBe(0);
  expect(rules.id('flash', 'gap')).toBe(1);
  expect(rules.id('flash', 'spike')).toBe(0);
  expect(rules.rule(1)).toEqual({ name: 'flash', kind: 'gap' });
  expect(() => rules.rule(2)).toThrow(RangeError);
});

const SIZES = { partitions: 2, channelCapacity: 64, movingAverageWindow: 4, growBytes: 1 << 16 };

it('only an engine with rules has memory for alerts', () => {
  const sizes = { ...SIZES, symbols: 4 };
  expect(createEngineMemory(sizes).map(({ alerts }) => alerts)).toEqual([undefined, undefined]);
  const [first] = createEngineMemory({ ...sizes, alerts: true, anomalyRingCapacity: CAPACITY });
  expect(first?.alerts?.byteLength).toBe(128 + CAPACITY * 128);
});

/** A worker that applies no ticks: the test appends its alerts. */
class IdleWorker extends EventEmitter {
  readonly alerts: AlertProducer;

  constructor({ memory }: PartitionWorkerData) {
    super();
    this.alerts = new AlertProducer(memory.alerts as SharedArrayBuffer);
    setImmediate(() => this.emit('message', 'running'));
  }
}

it('an engine drains the alerts of all partitions, and the last ones', async () => {
  const workers: IdleWorker[] = [];
  const { engine } = await EngineRun.start({
    partitions: 2,
    alerts: true,
    spawn: (data) => {
      const worker = new IdleWorker(data);
      workers.push(worker);
      return worker as unknown as Worker;
    },
  });
  const ruleId = engine.ruleTable.id('flash', 'spike');
  const append = (n: number) => {
    for (const [symbolId, { alerts }] of workers.entries()) {
      alerts.append(symbolId, n, ruleId, 1, 1, 1, 1, 100, 103, 3, n, n, 103, 1, 0);
    }
  };
  for (const name of ['A', 'B']) engine.symbols.register(new TextEncoder().encode(name), 0, 1);
  for (let n = 1; n <= 3; n++) append(n);
  const flags = [engine.hasAlerts(), engine.hasNews(), engine.hasAnomalies()];
  expect(flags).toEqual([true, true, false]);
  const ends = engine.raisedEnds();
  expect(engine.hasDrained(ends)).toBe(false);
  const taken: string[] = [];
  const take = (alert: Alert) => taken.push(`${alert.symbol}${alert.sequence}`);
  expect(engine.drainAlerts(take, 4)).toBe(4);
  expect(engine.drainAlerts(take)).toBe(2);
  expect(engine.hasDrained(ends)).toBe(true);
  append(4);
  const stopped = engine.stop(undefined, take);
  for (const worker of workers) worker.emit('exit', 0);
  await stopped;
  for (const symbol of ['A', 'B']) {
    const own = taken.filter((each) => each.startsWith(symbol));
    expect(own).toEqual([1, 2, 3, 4].map((n) => `${symbol}${n}`));
  }
});
