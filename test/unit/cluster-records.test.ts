import { describe, expect, it } from 'vitest';
import { HeldOutputs } from '../../src/cluster/held-outputs.ts';
import { OutputRecords } from '../../src/cluster/output-records.ts';
import { readAnomaly } from '../../src/cluster/output-writer.ts';
import { RecordNumbers } from '../../src/cluster/record-numbers.ts';
import { SharedPosition } from '../../src/cluster/shared-position.ts';
import type { Anomaly } from '../../src/protocol/index.ts';
import { Random } from '../../testkit/random.ts';
import { until } from '../../testkit/until.ts';
import { RaisedRecords } from '../support/raised-records.ts';
import { SimulatedBroker, type SimulatedBus } from '../support/simulated-bus.ts';

const WORK = 'topic.of.ours';
const LONG_MS = 60_000;

/** A log of outputs, and members that want to work on it. */
class Rig {
  readonly broker = new SimulatedBroker(new Random(1));
  /** Those that others know of. */
  readonly members = new Set<string>();
  raised!: RaisedRecords;

  static async open(perSubjectMax = 0): Promise<Rig> {
    const rig = new Rig();
    rig.raised = await RaisedRecords.open(rig.broker.connect(), perSubjectMax);
    return rig;
  }

  join(member: string, patienceMs = LONG_MS): { bus: SimulatedBus; records: OutputRecords } {
    this.members.add(member);
    const bus = this.broker.connect();
    const { names } = this.raised;
    const isMember = (id: string) => this.members.has(id);
    return { bus, records: new OutputRecords({ bus, names, member, isMember, patienceMs }) };
  }
}

/** Takes work that is free. */
async function take(records: OutputRecords): Promise<HeldOutputs<Anomaly>> {
  const held = await records.take('anomalies', WORK);
  if (held === undefined) throw new Error('another member has it');
  return held;
}

const numbersOf = (records: readonly Anomaly[]) =>
  records.map(({ sequence, symbol }) => `${symbol}/${sequence}`);

describe('records of a cluster', () => {
  it('begin behind the newest one, and go on where the last member let go', async () => {
    const rig = await Rig.open();
    await rig.raised.raise('A', 3);
    const a = rig.join('a');
    const held = await take(a.records);
    expect(held.position).toBe(4);
    expect(await held.from(4, 10)).toEqual({ records: [], end: 4, lost: 0 });
    await rig.raised.raise('A');
    await rig.raised.claim();
    await rig.raised.raise('B', 2);
    await until(() => held.waiting(4) === 3);
    const { end, lost, records } = await held.from(4, 2);
    expect([numbersOf(records), end, lost]).toEqual([['A/4', 'B/1'], 7, 0]);
    expect(held.waiting(end)).toBe(1);
    expect(await held.save(end, false)).toBe(true);
    await held.release(end);
    const next = await take(rig.join('b').records);
    expect(next.position).toBe(7);
    await until(() => next.waiting(7) === 1);
    expect(numbersOf((await next.from(7, 10)).records)).toEqual(['B/2']);
    await next.release(8);
  });

  it('begin at the end of a log that was made anew', async () => {
    const rig = await Rig.open();
    const a = rig.join('a');
    const held = await take(a.records);
    await rig.raised.raise('A', 5);
    await held.release(6);
    rig.broker.logs.clear();
    rig.raised = await RaisedRecords.open(rig.broker.connect());
    await rig.raised.raise('A', 2);
    const again = await take(a.records);
    expect(again.position).toBe(3);
    await again.release(3);
  });

  it('wait for who holds them, while it is a member and for no longer than a lease', async () => {
    const rig = await Rig.open();
    const [a, b, c] = [rig.join('a'), rig.join('b'), rig.join('c', 100)];
    const held = await take(a.records);
    await rig.raised.raise('A', 9);
    expect(await held.save(5, false)).toBe(true);
    expect(await b.records.take('anomalies', WORK)).toBeUndefined();
    rig.members.delete('a');
    const taken = await take(b.records);
    expect(taken.position).toBe(5);
    const since = performance.now();
    await until(async () => {
      const last = await c.records.take('anomalies', WORK);
      await last?.release(5);
      return last !== undefined;
    });
    expect(performance.now() - since).toBeGreaterThan(95);
  });

  it('are not moved back, nor on, by a member that was replaced', async () => {
    const rig = await Rig.open();
    const [a, b, c] = [rig.join('a'), rig.join('b'), rig.join('c')];
    await rig.raised.raise('A');
    const stopped = await take(a.records);
    await rig.raised.raise('A', 9);
    rig.members.delete('a');
    const held = await take(b.records);
    expect(await held.save(8, false)).toBe(true);
    expect(await stopped.save(3, false)).toBe(false);
    await stopped.release(3);
    expect(await held.save(9, false)).toBe(true);
    expect(await c.records.take('anomalies', WORK)).toBeUndefined();
    await held.release(9);
    const last = await take(c.records);
    expect(last.position).toBe(9);
    await last.release(9);
  });

  it('are saved though an answer does not come', async () => {
    const rig = await Rig.open();
    const { records } = rig.join('a');
    const other = rig.join('b');
    rig.broker.faults = { unanswered: 1 };
    await expect(records.take('anomalies', WORK)).rejects.toThrow('not answered');
    rig.broker.faults = {};
    const held = await take(records);
    await rig.raised.raise('A', 5);
    rig.broker.faults = { unanswered: 1 };
    await expect(held.save(2, false)).rejects.toThrow('not answered');
    await expect(held.save(3, false)).rejects.toThrow('not answered');
    rig.broker.faults = {};
    expect(await held.save(4, false)).toBe(true);
    rig.broker.faults = { unanswered: 1 };
    await held.release(5);
    rig.broker.faults = {};
    const next = await take(other.records);
    expect(next.position).toBe(5);
    await next.release(5);
  });

  it('that were removed before they were read are counted', async () => {
    const rig = await Rig.open(4);
    const a = rig.join('a');
    const held = await take(a.records);
    await rig.raised.raise('A', 2);
    await rig.raised.raise('B', 1);
    await until(() => held.waiting(1) === 3);
    await held.from(1, 10);
    a.bus.isConnected = false;
    await rig.raised.raise('A', 20);
    await rig.raised.raise('B', 3);
    a.bus.isConnected = true;
    // What it was at when the connection broke comes as well.
    await until(() => held.waiting(4) >= 7);
    const { lost, records } = await held.from(4, 100);
    expect(lost).toBeGreaterThanOrEqual(15);
    expect(lost + records.length).toBe(23);
    await held.release(4);
  });

  it.each([
    [true, 18],
    [false, 0],
  ])('are counted by the next member if the position stood: %s', async (stood, expected) => {
    const rig = await Rig.open(4);
    const a = rig.join('a');
    const held = await take(a.records);
    await rig.raised.raise('A', 2);
    await until(() => held.waiting(1) === 2);
    await held.from(1, 10);
    expect(await held.save(3, stood)).toBe(true);
    // It is killed.
    await a.bus.close();
    rig.members.delete('a');
    await rig.raised.raise('A', 22);
    await rig.raised.raise('NEW', 2);
    const next = await take(rig.join('b').records);
    await until(() => next.waiting(3) === 6);
    expect((await next.from(3, 100)).lost).toBe(expected);
    await next.release(27);
  });

  it('are read only a little ahead, and all in their order', async () => {
    const rig = await Rig.open();
    const bus = rig.broker.connect();
    const { names } = rig.raised;
    const keys = await bus.openKeys('keys', 0);
    const shared = new SharedPosition({
      keys,
      key: 'a',
      member: 'a',
      isMember: () => true,
      patienceMs: LONG_MS,
    });
    const progress = await shared.take(async () => 1);
    let decoded = 0;
    const decode = (payload: Uint8Array) => {
      decoded++;
      return readAnomaly(payload);
    };
    const source = { bus, log: names.outputLog, filter: names.anomalies, decode };
    const limits = { held: 20, low: 10, lookMs: 30 };
    if (progress === undefined) throw new Error('another member has it');
    const held = new HeldOutputs(source, shared, progress, limits);
    await rig.raised.raise('A', 60);
    await rig.raised.raise('B', 60);
    await until(() => held.waiting(1) === 120);
    await rig.raised.raise('A', 30);
    // It looks again, though it has no space.
    await until(() => held.waiting(1) === 150);
    await until(() => decoded === 20);
    const read: Anomaly[] = [];
    let position = 1;
    while (read.length < 150) {
      await until(() => held.waiting(position) > 0);
      const { end, lost, records } = await held.from(position, 7);
      expect(lost).toBe(0);
      read.push(...records);
      position = end;
      expect(decoded - read.length).toBeLessThanOrEqual(20);
      if (records.length === 0) await until(async () => (await held.from(end, 1)).end > end);
    }
    expect(numbersOf(read)).toEqual(numbersOf(rig.raised.anomalies));
    await held.release(position);
  });
});

describe('numbers of symbols', () => {
  const of = (symbol: string, sequence: number) => ({ symbol, sequence, time: 0 });

  it('show what is missing, however often a record comes', () => {
    const numbers = new RecordNumbers([['A', 5]]);
    const next = [of('A', 6), of('A', 5), of('A', 9), of('B', 7), of('B', 9), of('A', 10)];
    expect(numbers.missing(next)).toBe(3);
    expect(numbers.missing(next)).toBe(3);
    numbers.note(next);
    expect(numbers.missing([of('A', 11), of('B', 10), of('C', 3)])).toBe(0);
    expect(numbers.missing([of('A', 12), of('B', 13)])).toBe(4);
  });

  it('are kept, and saved, of the symbols with the newest records', () => {
    const numbers = new RecordNumbers([], 3);
    numbers.note([of('A', 1), of('B', 1), of('C', 1), of('A', 2), of('D', 1)]);
    expect(numbers.newest(1000)).toEqual([
      ['C', 1],
      ['A', 2],
      ['D', 1],
    ]);
    expect(numbers.newest(60)).toEqual([
      ['A', 2],
      ['D', 1],
    ]);
    expect(numbers.missing([of('B', 9)])).toBe(0);
  });
});
