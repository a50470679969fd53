import { beforeEach, describe, expect, it } from 'vitest';
import { FEW_TICKS, GatewayStepper } from '../../src/engine/gateway-stepper.ts';
import { AnomalyConsumer } from '../../src/engine/memory/anomaly-ring.ts';
import { CaptureRequester } from '../../src/engine/memory/capture-request.ts';
import { Counter, Counters } from '../../src/engine/memory/counters.ts';
import { GatewayStepError, Holder, WorkerHold } from '../../src/engine/memory/partition-holder.ts';
import { TickProducer } from '../../src/engine/memory/tick-producer.ts';
import { RingWord } from '../../src/engine/memory/tick-ring.ts';
import { PartitionWorker, type PartitionWorkerData } from '../../src/engine/partition-worker.ts';
import { CaptureRig } from '../support/capture-rig.ts';
import { oneTick, smallRules } from '../support/partition-rig.ts';

/** A partition whose worker sleeps; the gateway's end of it. */
class Rig {
  readonly data: PartitionWorkerData;
  readonly producer: TickProducer;
  readonly stepper: GatewayStepper;
  readonly counters: Counters;
  readonly #words: Int32Array;

  constructor() {
    const [data] = new CaptureRig({ partitions: 1, rules: smallRules() }).workers;
    if (data === undefined) throw new Error('no partition');
    this.data = data;
    this.producer = new TickProducer(data.memory.ticks, false);
    this.stepper = new GatewayStepper(data, this.producer);
    this.counters = new Counters(data.memory.counters);
    this.#words = new Int32Array(data.memory.ticks);
    this.holder = Holder.NOBODY;
  }

  get holder(): number {
    return Atomics.load(this.#words, RingWord.HOLDER);
  }

  set holder(holder: number) {
    Atomics.store(this.#words, RingWord.HOLDER, holder);
  }

  offer(prices: readonly number[], symbolId = 0): void {
    for (const price of prices) this.producer.tryOffer(symbolId, oneTick(price, 1000), 0);
    this.producer.publish();
  }

  get applied(): number {
    return this.counters.get(Counter.APPLIED);
  }
}

let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

describe('the gateway steps a partition', () => {
  it('whose worker sleeps, and gives it back', () => {
    rig.offer([100, 101]);
    expect(rig.stepper.step()).toBe(true);
    expect(rig).toMatchObject({ applied: 2, holder: Holder.NOBODY });
    expect(rig.counters.get(Counter.GATEWAY_BATCHES)).toBe(1);
    expect(rig.counters.get(Counter.WORKER_BATCHES)).toBe(0);
  });

  it.each([Holder.WORKER, Holder.FAILED, Holder.GATEWAY])('not while it is held: %i', (holder) => {
    rig.holder = holder;
    rig.offer([100]);
    expect(rig.stepper.step()).toBe(false);
    expect(rig).toMatchObject({ applied: 0, holder });
  });

  it('not if its queue holds more than few ticks', () => {
    rig.offer(Array.from({ length: FEW_TICKS + 1 }, () => 100));
    expect(rig.stepper.step()).toBe(false);
    expect(rig).toMatchObject({ applied: 0, holder: Holder.NOBODY });
  });

  it('but leaves a capture to the worker, which it wakes', () => {
    rig.offer([100]);
    const { captures } = rig.data;
    if (captures === undefined) throw new Error('no captures');
    new CaptureRequester(captures.request).request(rig.producer.offered);
    expect(rig.stepper.step()).toBe(true);
    expect(rig).toMatchObject({ applied: 0, holder: Holder.WORKER });
  });

  it('but leaves anomalies that might find no space to the worker: it must not wait', () => {
    const consumer = new AnomalyConsumer(rig.data.memory.anomalies, { name: String });
    let price = 1;
    let steps = 0;
    // Each tick rises by half: an anomaly each.
    while (rig.holder === Holder.NOBODY) {
      price *= 1.5;
      rig.offer([price]);
      expect(rig.stepper.step()).toBe(true);
      if (++steps > 10_000) throw new Error('the ring never fills up');
    }
    expect(rig.holder).toBe(Holder.WORKER);
    let drained = 0;
    consumer.drain(() => void drained++);
    expect(rig.applied).toBe(steps - 1);
    expect(drained).toBe(steps - 2);
    rig.holder = Holder.NOBODY;
    expect(rig.stepper.step()).toBe(true);
    expect(rig.applied).toBe(steps);
  });

  it('and a worker that wakes goes on where it stopped', () => {
    rig.offer([100]);
    const worker = new PartitionWorker(rig.data);
    expect(worker.step()).toBe('step');
    rig.holder = Holder.NOBODY;
    rig.offer([101, 102]);
    rig.stepper.step();
    rig.offer([103]);
    // As where it wakes from its sleep.
    worker.sleep(0);
    expect(worker.step()).toBe('step');
    expect(rig).toMatchObject({ applied: 4, holder: Holder.WORKER });
  });

  it('and a tick that throws is skipped by a successor of the worker that finds it', () => {
    rig.offer([100]);
    rig.offer([7], 1_000_000);
    rig.offer([101]);
    expect(rig.stepper.step()).toBe(true);
    expect(rig).toMatchObject({ applied: 1, holder: Holder.FAILED });
    expect(rig.stepper.takeFailure()?.message).toBe('no symbol 1000000');
    expect(rig.stepper.takeFailure()).toBeUndefined();
    const hold = new WorkerHold(new Int32Array(rig.data.memory.ticks));
    expect(() => hold.acquire()).toThrow(GatewayStepError);
    hold.acquire();
    // It cannot clean up after a symbol that does not exist, and dies as well.
    expect(() => new PartitionWorker(rig.data).takeOver()).toThrow(RangeError);
    const successor = new PartitionWorker(rig.data);
    successor.takeOver();
    expect(successor.step()).toBe('step');
    expect(rig.applied).toBe(2);
    expect(rig.counters.get(Counter.SKIPPED)).toBe(1);
    rig.holder = Holder.NOBODY;
    rig.offer([102]);
    expect(rig.stepper.step()).toBe(true);
    expect(rig.applied).toBe(3);
  });
});
