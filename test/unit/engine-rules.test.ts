import { afterEach, describe, expect, it } from 'vitest';
import {
  decodeSymbolStates,
  Engine,
  type EngineOptions,
  readCapture,
  type SymbolState,
} from '../../src/engine/index.ts';
import type { Alert } from '../../src/protocol/index.ts';
import { parseRuleFile } from '../../src/rules/index.ts';
import { Random } from '../../testkit/random.ts';
import { until } from '../../testkit/until.ts';
import { InlineWorkers } from '../support/inline-workers.ts';
import { oneTick } from '../support/partition-rig.ts';

const SPIKE = { name: 'flash', kind: 'spike', symbols: ['*'], windowMs: 1000, warning: '2%' };

const OPTIONS: EngineOptions = {
  partitions: 1,
  channelCapacity: 1024,
  overwrites: false,
  maxSymbols: 64,
  movingAverageWindow: 4,
  anomalyThresholdPercent: 2,
  slidingWindowMilliseconds: 100,
  windowCapacity: 256,
  growBytes: 1 << 20,
  anomalyRingCapacity: 64,
};

const encoder = new TextEncoder();

/** An engine with rules, on this thread. */
class RuledEngine {
  readonly alerts: Alert[] = [];
  readonly faults: [string, readonly string[]][] = [];
  engine!: Engine;

  async start(
    rules: object[],
    options: Partial<EngineOptions> = {},
    restored: readonly SymbolState[] = [],
  ): Promise<this> {
    this.engine = await Engine.start(
      {
        ...OPTIONS,
        spawn: new InlineWorkers().spawn,
        rules: { text: JSON.stringify({ rules }), since: 5 },
        ...options,
      },
      {
        workerRestarted: (_partition, cause) => {
          throw cause;
        },
        ruleFaults: (symbol, faults) => this.faults.push([symbol, faults]),
      },
      restored,
    );
    return this;
  }

  offer(symbol: string, price: number, time: number): void {
    const { symbols } = this.engine;
    const bytes = encoder.encode(symbol);
    const known = symbols.find(bytes, 0, bytes.length);
    const symbolId = known < 0 ? symbols.register(bytes, 0, bytes.length) : known;
    expect(this.engine.tryOffer(symbolId, oneTick(price, time, time), 0)).toBe(true);
  }

  change(rules: object[], now: number): void {
    const text = JSON.stringify({ rules });
    const { file } = parseRuleFile(text);
    if (file === undefined) throw new Error('the file is wrong');
    this.engine.changeRules(text, file, now);
  }

  /** Applies what was offered, and takes the alerts. */
  async settle(): Promise<void> {
    this.engine.publishTicks();
    await until(() => {
      this.engine.drainAnomalies(() => undefined);
      this.engine.drainAlerts((alert) => this.alerts.push(alert));
      return !this.engine.isApplying() && !this.engine.hasAlerts();
    });
  }

  of(symbol: string): (string | number | undefined)[][] {
    return this.alerts
      .filter((alert) => alert.symbol === symbol)
      .map(({ sequence, rule, phase, time, reason }) => [sequence, rule, phase, time, reason]);
  }
}

let ruled: RuledEngine | undefined;

afterEach(async () => {
  await ruled?.engine.stop();
  ruled = undefined;
});

async function start(rules: object[], options?: Partial<EngineOptions>): Promise<RuledEngine> {
  ruled = await new RuledEngine().start(rules, options);
  return ruled;
}

describe('an engine with rules', () => {
  it.each([1, 3])('raises alerts in its workers, of which there are %i', async (partitions) => {
    const own = await start([SPIKE], { partitions });
    for (const symbol of ['A', 'B', 'C', 'D']) {
      for (const [price, time] of [
        [100, 0],
        [103, 10],
        [100, 20],
      ] as const) {
        own.offer(symbol, price, time);
      }
    }
    await own.settle();
    for (const symbol of ['A', 'B', 'C', 'D']) {
      expect(own.of(symbol)).toEqual([
        [1, 'flash', 1, 10, 0],
        [2, 'flash', 4, 20, 1],
      ]);
    }
    const totals = own.engine.rules?.totals(0);
    expect(totals).toEqual({ started: 4, open: 0, suppressed: 0, failed: 0 });
  });

  it('ends an episode by the clock that was open in a snapshot', async () => {
    const first = await start([SPIKE], { captures: true });
    first.offer('A', 100, 0);
    first.offer('A', 103, 10);
    await first.settle();
    const capture = await first.engine.capture();
    const states = [...readCapture(capture)].flatMap((bytes) => [...decodeSymbolStates(bytes)]);
    await first.engine.stop();
    ruled = undefined;
    const second = new RuledEngine();
    await second.start([SPIKE], {}, states);
    ruled = second;
    second.engine.advanceClock(1011);
    await second.settle();
    expect(second.of('A')).toEqual([[2, 'flash', 4, 1010, 3]]);
  });

  it('knows nothing of the time without rules when a symbol has rules again', async () => {
    const stale = { name: 'quiet', kind: 'stale', symbols: ['A'], afterMs: 5000 };
    const own = await start([stale]);
    own.offer('A', 100, 10);
    await own.settle();
    own.change([], 20);
    await own.settle();
    own.offer('A', 100, 9000);
    await own.settle();
    own.change([stale], 9010);
    own.engine.advanceClock(10_000);
    await own.settle();
    expect(own.of('A')).toEqual([]);
    own.offer('A', 100, 10_010);
    await own.settle();
    own.engine.advanceClock(16_000);
    await own.settle();
    expect(own.of('A')).toHaveLength(1);
  });

  it('settles and notices silence by the clock', async () => {
    const stale = { name: 'quiet', kind: 'stale', symbols: ['A'], afterMs: 5000 };
    const own = await start([SPIKE, stale]);
    expect(own.engine.isClockWanted).toBe(false);
    own.offer('A', 100, 0);
    own.offer('A', 103, 10);
    await own.settle();
    expect(own.engine.isClockWanted).toBe(true);
    own.engine.advanceClock(1011);
    own.engine.advanceClock(5011);
    await own.settle();
    own.offer('A', 103, 6000);
    await own.settle();
    expect(own.of('A')).toEqual([
      [1, 'flash', 1, 10, 0],
      [2, 'flash', 4, 1010, 3],
      [3, 'quiet', 1, 5011, 0],
      [4, 'quiet', 4, 6000, 1],
    ]);
  });

  it('changes rules between two ticks: closes what is not the same, keeps what is', async () => {
    const other = { ...SPIKE, name: 'other' };
    const own = await start([SPIKE, other]);
    own.offer('A', 100, 0);
    own.offer('A', 103, 10);
    // Behind these two, wherever the worker is.
    own.change(
      [
        { ...other, warning: '2.5%' },
        { ...SPIKE, windowMs: 500 },
      ],
      15,
    );
    own.offer('A', 103.1, 20);
    await own.settle();
    expect(own.engine.canChangeRules).toBe(true);
    own.offer('A', 104.2, 30);
    own.offer('A', 107, 31);
    own.offer('A', 100, 40);
    await own.settle();
    expect(own.of('A')).toEqual([
      [1, 'flash', 1, 10, 0],
      [2, 'other', 1, 10, 0],
      [3, 'flash', 4, 15, 4],
      // It has seen 103.1 only.
      [4, 'flash', 1, 31, 0],
      [5, 'other', 4, 40, 1],
      [6, 'flash', 4, 40, 2],
      [7, 'flash', 1, 40, 0],
    ]);
    expect(own.alerts.filter(({ rule }) => rule === 'flash').map(({ episode }) => episode)).toEqual(
      [1, 1, 2, 2, 3],
    );
    expect(own.engine.rules?.since).toBe(15);
  });

  it('has no effect by a change to the same file', async () => {
    const own = await start([SPIKE]);
    own.offer('A', 100, 0);
    own.offer('A', 103, 10);
    own.change([SPIKE], 12);
    await own.settle();
    own.change([SPIKE], 13);
    own.offer('A', 100, 20);
    await own.settle();
    expect(own.of('A')).toEqual([
      [1, 'flash', 1, 10, 0],
      [2, 'flash', 4, 20, 1],
    ]);
  });

  it('tells which rules cannot apply to a symbol', async () => {
    const rules = Array.from({ length: 9 }, (_, i) => ({
      ...SPIKE,
      name: `r${i}`,
      symbols: [`A${'*'.repeat(i + 1)}`],
    }));
    const own = await start(rules);
    own.offer('A1', 100, 0);
    await own.settle();
    expect(own.faults).toEqual([['A1', ['rule "r8": more than 8 rules for a symbol']]]);
  });

  it('numbers the alerts of a symbol on when it returns', async () => {
    const own = await start([SPIKE]);
    own.offer('A', 100, 0);
    own.offer('A', 103, 10);
    await own.settle();
    expect(own.engine.lastAlert(0)).toBe(1);
    const retired = own.engine.retire([{ symbolId: 0, count: 2 }]);
    await own.settle();
    expect(await retired).toEqual([true]);
    await own.settle();
    // Its episode was open.
    expect(own.of('A').at(-1)).toEqual([2, 'flash', 4, 10, 4]);
    expect(own.engine.forget(0)).toBe(true);
    expect(own.engine.lastAlert(0)).toBe(0);
    own.engine.symbols.register(encoder.encode('B'), 0, 1);
    own.engine.continueAlerts(0, 7);
    own.offer('B', 100, 0);
    own.offer('B', 103, 10);
    await own.settle();
    expect(own.of('B')).toEqual([[8, 'flash', 1, 10, 0]]);
    // Not those of the one that had its place.
    expect(own.alerts.at(-1)?.episode).toBe(1);
  });
});

describe('a snapshot of an engine with rules', () => {
  const RULES = [
    { ...SPIKE, critical: '5%', episode: { step: true, cooldownMs: 50 } },
    {
      ...SPIKE,
      name: 'unusual',
      warning: '2s',
      floor: '0.1%',
      sigma: { sampleMs: 10, halfLifeMs: 100, warmup: 2, scale: 'mad' },
    },
    { name: 'print', kind: 'gap', symbols: ['*'], warning: '1%', episode: { holdMs: 20 } },
    { name: 'run', kind: 'drift', symbols: ['*'], overMs: 160, warning: '1%' },
    { name: 'quiet', kind: 'stale', symbols: ['S0'], afterMs: 12 },
  ];

  interface Step {
    readonly symbol: string;
    readonly price: number;
    readonly time: number;
  }

  function steps(seed: number): Step[] {
    const random = new Random(seed);
    const prices = [100, 100, 100];
    return Array.from({ length: 300 }, (_, i) => {
      const index = Math.floor(random.float() * 3);
      const change = (random.float() - 0.5) * (random.chance(0.2) ? 0.1 : 0.01);
      prices[index] = (prices[index] as number) * (1 + change);
      return { symbol: `S${index}`, price: prices[index], time: i * 3 };
    });
  }

  async function play(own: RuledEngine, part: readonly Step[]): Promise<void> {
    for (const { symbol, price, time } of part) {
      own.offer(symbol, price, time);
      if (time % 30 === 0) {
        await own.settle();
        own.engine.advanceClock(time + 1);
      }
    }
    await own.settle();
  }

  it.each([1, 2, 3, 4])('goes on as if nothing had been (%i)', async (seed) => {
    const all = steps(seed);
    const cut = 40 * seed;
    const whole = await start(RULES, { partitions: 2 });
    await play(whole, all);
    await whole.engine.stop();
    ruled = undefined;
    expect(new Set(whole.alerts.map(({ rule }) => rule)).size).toBe(5);

    const first = await start(RULES, { partitions: 2, captures: true });
    await play(first, all.slice(0, cut));
    const capture = await first.engine.capture();
    const states = [...readCapture(capture)].flatMap((bytes) => [...decodeSymbolStates(bytes)]);
    await first.engine.stop();
    ruled = undefined;
    const second = new RuledEngine();
    await second.start(RULES, { partitions: 3 }, states);
    ruled = second;
    await play(second, all.slice(cut));
    for (const symbol of ['S0', 'S1', 'S2']) {
      const own = [...first.alerts, ...second.alerts].filter((alert) => alert.symbol === symbol);
      expect(own).toEqual(whole.alerts.filter((alert) => alert.symbol === symbol));
    }
  });
});
