import { describe, expect, it } from 'vitest';
import type { CaptureExtent } from '../../src/engine/captures.ts';
import type { Capture } from '../../src/engine/index.ts';
import { CaptureRequester } from '../../src/engine/memory/capture-request.ts';
import { Counter } from '../../src/engine/memory/counters.ts';
import type { CaptureMemory } from '../../src/engine/memory/engine-memory.ts';
import { PartitionWorker, type PartitionWorkerData } from '../../src/engine/partition-worker.ts';
import type { MarketTick } from '../../testkit/independent/statistics.ts';
import { CaptureRig, statesOf } from '../support/capture-rig.ts';
import { dies } from '../support/mortal-thread.ts';
import { smallRules } from '../support/partition-rig.ts';

/**
 * During a capture, kills a worker before each store into shared memory in turn, on the test's
 * thread; a second may be killed too; the last finishes queue and capture.
 */
const RULES = smallRules({ windowCapacity: 256 });

function tick(symbol: string, price: number, time: number): MarketTick {
  return { symbol, price, time };
}

/** A fall that takes an entry of the maximum deque a tick. */
function fall(symbol: string, from: number, count: number, time: number): MarketTick[] {
  return Array.from({ length: count }, (_, i) => tick(symbol, from - i * 0.01, time + i));
}

const BEFORE = [
  ...fall('LONG', 100, 20, 1000),
  ...fall('QUIET', 50, 6, 1000),
  tick('A', 10, 1000),
  tick('B', 20, 1000),
];
const CAPTURED = [
  tick('A', 10.5, 1010),
  ...fall('LONG', 99, 3, 1030),
  tick('NEW', 7, 1000),
  tick('A', 9, 1012),
];
const BEHIND = [tick('A', 12, 1020), ...fall('LONG', 98, 2, 1040), tick('B', 25, 1020)];

/** A capture as text, by symbol. */
function textsOf(capture: Capture, extent?: CaptureExtent): Map<string, string> {
  const texts = statesOf(capture, extent).map((state): [string, string] => [
    state.symbol,
    JSON.stringify(state),
  ]);
  return new Map(texts);
}

/** Symbols that are not the same in both. */
function differences(own: Map<string, string>, exact: Map<string, string>): string[] {
  const symbols = [...new Set([...own.keys(), ...exact.keys()])];
  return symbols.filter((symbol) => own.get(symbol) !== exact.get(symbol));
}

/** A partition asked for its second capture, with ticks before and behind the cut. */
class Drill {
  readonly #rig = new CaptureRig({ partitions: 1, rules: RULES, symbols: 8 });
  readonly #data = this.#rig.workers[0] as PartitionWorkerData & { captures: CaptureMemory };
  readonly requester = new CaptureRequester(this.#data.captures.request);
  #saved: [Uint8Array, Uint8Array][] = [];
  #capture: Capture | undefined;

  async prepare(): Promise<void> {
    const rig = this.#rig;
    rig.apply(BEFORE);
    const first = rig.capture();
    rig.work();
    rig.captures.setBase(await first);
    rig.captures.release(await first);
    for (const one of CAPTURED) rig.offer(one);
    void rig.capture();
    this.#capture = { ...(await first), symbols: rig.symbols.size };
    for (const one of BEHIND) rig.offer(one);
    const { memory, captures } = this.#data;
    this.#rig.publish();
    this.#saved = [...Object.values(memory), ...Object.values(captures)].map((shared) => {
      const bytes = new Uint8Array(shared);
      return [bytes, bytes.slice()];
    });
  }

  restart(): void {
    for (const [shared, bytes] of this.#saved) shared.set(bytes);
  }

  /** A worker takes over and dies before store number `stores`. Returns whether it died. */
  work(stores: number): boolean {
    return dies(stores, () => new PartitionWorker(this.#data).run());
  }

  workInPeace(): void {
    new PartitionWorker(this.#data).run();
  }

  get skipped(): number {
    return this.#rig.sum(Counter.SKIPPED);
  }

  captured(): Map<string, string> {
    return textsOf(this.#capture as Capture);
  }

  /** The capture as a snapshot of changes has it. */
  changed(): Map<string, string> {
    return textsOf(this.#capture as Capture, 'sinceBase');
  }

  /** The capture expected of the current symbols. */
  live(): Map<string, string> {
    const { records, places } = this.#data.memory;
    return textsOf({ ...(this.#capture as Capture), records, places: [places] });
  }

  /** Captures everything again. */
  captureAgain(): Map<string, string> {
    this.requester.request(this.#rig.offered);
    this.workInPeace();
    expect(this.requester.isDone()).toBe(true);
    return this.captured();
  }
}

async function prepared(): Promise<{ drill: Drill; exact: Map<string, string> }> {
  const drill = new Drill();
  await drill.prepare();
  drill.restart();
  drill.workInPeace();
  const exact = drill.captured();
  expect([...exact.keys()]).toEqual(['LONG', 'QUIET', 'A', 'B', 'NEW']);
  expect(drill.requester.report()).toMatchObject({ copied: 3, applied: 34, lost: 0 });
  return { drill, exact };
}

/** Checks everything once a worker has finished. */
function inspect(drill: Drill, exact: Map<string, string>, deaths: number, when: string): void {
  const { skipped } = drill;
  expect(drill.requester.isDone(), when).toBe(true);
  expect(skipped, when).toBeLessThanOrEqual(deaths);
  const { applied, lost } = drill.requester.report();
  expect(applied + lost, when).toBe(BEFORE.length + CAPTURED.length);
  // Only the symbol of a skipped tick may differ.
  expect(differences(drill.captured(), exact).length, when).toBeLessThanOrEqual(skipped);
  const [changed, captured] = [drill.changed(), drill.captured()];
  const ofBase = ['QUIET', 'B'].map((symbol) => [symbol, captured.get(symbol)] as const);
  // A symbol whose only tick was skipped has no state.
  if (!captured.has('NEW')) expect(changed.delete('NEW'), when).toBe(true);
  expect(new Map([...ofBase, ...changed]), when).toEqual(captured);
  const live = drill.live();
  expect(differences(drill.captureAgain(), live), when).toEqual([]);
}

describe('a worker that dies while a capture is wanted', () => {
  it('leaves it to its successor, or has finished it: never half of it', async () => {
    const { drill, exact } = await prepared();
    let stores = 0;
    let untouched = 0;
    for (; ; stores++) {
      drill.restart();
      const done = drill.requester.done();
      if (!drill.work(stores)) break;
      const when = `dead before store ${stores}`;
      if (drill.requester.isDone()) {
        expect(differences(drill.captured(), exact), when).toEqual([]);
        untouched++;
      }
      drill.workInPeace();
      await done;
      inspect(drill, exact, 1, when);
    }
    expect(stores).toBeGreaterThan(300);
    expect(untouched).toBeGreaterThan(10);
    expect(drill.skipped).toBe(0);
  });

  it('does so even where the successor dies, too', async () => {
    const { drill, exact } = await prepared();
    for (let stores = 0; ; stores += 3) {
      drill.restart();
      const done = drill.requester.done();
      if (!drill.work(stores)) break;
      const second = (stores * 7) % 89;
      drill.work(second);
      drill.work((stores * 11) % 31);
      drill.workInPeace();
      await done;
      inspect(drill, exact, 3, `dead before stores ${stores} and ${second}`);
    }
  });
});
