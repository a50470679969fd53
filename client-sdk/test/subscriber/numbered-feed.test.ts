import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fc } from '../../../testkit/fast-check.ts';
import type { Anomaly, AnomalyGap } from '../../src/subscriber/anomaly.ts';
import { NumberedFeed, type NumberedPage } from '../../src/subscriber/numbered-feed.ts';

function anomaly(sequence: number, timestamp = sequence, symbol = 'BTC'): Anomaly {
  return {
    symbol,
    sequence,
    direction: 1,
    referencePrice: 100,
    newPrice: 103,
    changePercent: 3,
    timestamp,
  };
}

/** A feed, its output, and a server that has anomalies from `kept` on. */
class Rig {
  readonly delivered: Anomaly[] = [];
  readonly gaps: AnomalyGap[] = [];
  readonly asked: [after: number, limit: number][] = [];
  isLive = true;
  /** Requests of an earlier session are never answered. */
  session = 0;
  /** The server's anomalies of the symbol, oldest first. */
  stored: Anomaly[] = [];
  pageMax = 1000;
  readonly feed = new NumberedFeed<Anomaly>({
    history: (_symbol, after, limit) => this.#history(after, limit),
    hasSession: () => this.isLive,
    timeOf: ({ timestamp }) => timestamp,
    deliver: (one) => this.delivered.push(one),
    missed: (gap) => this.gaps.push(gap),
  });

  constructor() {
    this.feed.resume('e1');
  }

  get sequences(): number[] {
    return this.delivered.map(({ sequence }) => sequence);
  }

  async #history(after: number, limit: number): Promise<NumberedPage<Anomaly>> {
    this.asked.push([after, limit]);
    const { session } = this;
    await nextTurn();
    if (!this.isLive || session !== this.session) throw new Error('connection closed');
    const first = this.stored[0]?.sequence ?? Number.POSITIVE_INFINITY;
    if (after + 1 < first) throw new Error('not_available');
    const later = this.stored.filter(({ sequence }) => sequence > after);
    const page = later.slice(0, Math.min(limit, this.pageMax));
    return { items: page, more: later.length > page.length };
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await nextTurn();
}

describe('NumberedFeed', () => {
  it('starts with the first anomaly it gets, and drops duplicates', () => {
    const rig = new Rig();
    for (const sequence of [7, 8, 8, 7, 9]) rig.feed.receive(anomaly(sequence));
    expect(rig.sequences).toEqual([7, 8, 9]);
    expect(rig.asked).toEqual([]);
  });

  it('fetches skipped anomalies in pages, before those that arrive meanwhile', async () => {
    const rig = new Rig();
    rig.pageMax = 2;
    rig.stored = [1, 2, 3, 4, 5, 6].map((sequence) => anomaly(sequence));
    rig.feed.receive(anomaly(1));
    rig.feed.receive(anomaly(6));
    rig.feed.receive(anomaly(7));
    expect(rig.sequences).toEqual([1]);
    await settle();
    expect(rig.sequences).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(rig.gaps).toEqual([]);
    rig.feed.receive(anomaly(8));
    expect(rig.sequences.at(-1)).toBe(8);
  });

  it('reports what the server no longer has, and continues', async () => {
    const rig = new Rig();
    rig.feed.receive(anomaly(1));
    rig.feed.receive(anomaly(5));
    rig.feed.receive(anomaly(6));
    await settle();
    expect(rig.sequences).toEqual([1, 5, 6]);
    expect(rig.gaps).toEqual([{ symbol: 'BTC', fromSequence: 2, toSequence: 4 }]);
  });

  it('fills a jump seen while another is being filled', async () => {
    const rig = new Rig();
    rig.stored = [4, 5, 6].map((sequence) => anomaly(sequence));
    rig.feed.receive(anomaly(3));
    rig.feed.receive(anomaly(6));
    rig.feed.receive(anomaly(9));
    rig.stored = [4, 5, 6, 7, 8, 9].map((sequence) => anomaly(sequence));
    await settle();
    expect(rig.sequences).toEqual([3, 4, 5, 6, 7, 8, 9]);
    expect(rig.gaps).toEqual([]);
  });

  it('resumes an interrupted catch-up in the next session', async () => {
    const rig = new Rig();
    rig.feed.receive(anomaly(1));
    rig.feed.receive(anomaly(4));
    rig.isLive = false;
    await settle();
    expect(rig.sequences).toEqual([1]);
    rig.isLive = true;
    expect(rig.feed.resume('e1')).toEqual(new Map([['BTC', 1]]));
    for (const sequence of [2, 3, 4, 5]) rig.feed.receive(anomaly(sequence));
    expect(rig.sequences).toEqual([1, 2, 3, 4, 5]);
    expect(rig.gaps).toEqual([]);
  });

  it('ignores answers of an old session', async () => {
    const rig = new Rig();
    rig.stored = [1, 2, 3].map((sequence) => anomaly(sequence));
    rig.feed.receive(anomaly(1));
    rig.feed.receive(anomaly(3));
    rig.feed.resume('e1');
    rig.feed.receive(anomaly(2));
    await settle();
    rig.feed.receive(anomaly(3));
    expect(rig.sequences).toEqual([1, 2, 3]);
  });

  it('notices that numbering restarted, and fetches what it missed', async () => {
    const rig = new Rig();
    for (const sequence of [1, 2, 3]) rig.feed.receive(anomaly(sequence));
    expect(rig.feed.resume('e2')).toEqual(new Map([['BTC', 3]]));
    rig.stored = [1, 2].map((sequence) => anomaly(sequence, 100 + sequence));
    rig.feed.receive(anomaly(2, 102));
    await settle();
    expect(rig.delivered.map(({ timestamp }) => timestamp)).toEqual([1, 2, 3, 101, 102]);
    rig.feed.receive(anomaly(2, 102));
    rig.feed.receive(anomaly(3, 103));
    expect(rig.sequences).toEqual([1, 2, 3, 1, 2, 3]);
  });

  it('delivers nothing twice after a crash took the newest numbers back', async () => {
    const rig = new Rig();
    for (const sequence of [14, 15, 16, 17]) rig.feed.receive(anomaly(sequence));
    rig.feed.resume('e2');
    // The server lost 16 and 17, and assigned both numbers again, the first while this client was
    // away.
    const old = Array.from({ length: 15 }, (_, i) => anomaly(i + 1));
    rig.stored = [...old, anomaly(16, 116), anomaly(17, 117)];
    rig.feed.receive(anomaly(17, 117));
    await settle();
    rig.feed.receive(anomaly(18, 118));
    expect(rig.delivered.map(({ timestamp }) => timestamp)).toEqual([
      14, 15, 16, 17, 116, 117, 118,
    ]);
    expect(rig.gaps).toEqual([]);
  });

  it('continues after a restart with a store', () => {
    const rig = new Rig();
    for (const sequence of [1, 2]) rig.feed.receive(anomaly(sequence));
    rig.feed.resume('e2');
    for (const sequence of [3, 4]) rig.feed.receive(anomaly(sequence));
    expect(rig.sequences).toEqual([1, 2, 3, 4]);
  });

  it('continues where an earlier run of the program stopped', () => {
    const rig = new Rig();
    rig.feed.seed(new Map([['BTC', 5]]));
    for (const sequence of [6, 7]) rig.feed.receive(anomaly(sequence));
    expect(rig.sequences).toEqual([6, 7]);
    expect(rig.gaps).toEqual([]);
  });

  it('takes what a server numbered anew after an earlier run of the program', () => {
    const rig = new Rig();
    rig.feed.seed(new Map([['BTC', 50]]));
    for (const sequence of [4, 5]) rig.feed.receive(anomaly(sequence));
    expect(rig.sequences).toEqual([4, 5]);
  });

  it('ignores what it is told to have seen of a symbol that it follows', () => {
    const rig = new Rig();
    rig.feed.receive(anomaly(3));
    rig.feed.seed(new Map([['BTC', 5]]));
    for (const sequence of [4, 5, 6]) rig.feed.receive(anomaly(sequence));
    expect(rig.sequences).toEqual([3, 6]);
  });

  it('misses no anomaly of a followed symbol that had none before', async () => {
    const rig = new Rig();
    rig.feed.follow('BTC', 50);
    expect(rig.feed.resume('e1')).toEqual(new Map([['BTC', 0]]));
    // The server repeats what it has; those up to time 50 precede the subscription.
    for (const sequence of [1, 2, 3]) rig.feed.receive(anomaly(sequence, 20 * sequence));
    expect(rig.sequences).toEqual([3]);
    expect(rig.gaps).toEqual([]);
    rig.feed.follow('BTC', 1000);
    rig.feed.receive(anomaly(4, 70));
    expect(rig.sequences).toEqual([3, 4]);
  });

  it('delivers each once and in order, whatever is lost', async () => {
    const lossy = fc.record({
      count: fc.integer({ min: 1, max: 60 }),
      lost: fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }),
      keptFrom: fc.integer({ min: 1, max: 30 }),
      pageMax: fc.integer({ min: 1, max: 7 }),
      pauses: fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(lossy, async ({ count, lost, keptFrom, pageMax, pauses }) => {
        const rig = new Rig();
        rig.pageMax = pageMax;
        rig.feed.seed(new Map([['BTC', 0]]));
        const all = Array.from({ length: count }, (_, i) => anomaly(i + 1));
        for (const [i, one] of all.entries()) {
          rig.stored = all.slice(keptFrom - 1, i + 1);
          if (!lost[i] || i === count - 1) rig.feed.receive(one);
          if (pauses[i]) await settle();
        }
        await settle();
        await settle();
        const missing = new Set(
          rig.gaps.flatMap(({ fromSequence, toSequence }) =>
            all.slice(fromSequence - 1, toSequence).map(({ sequence }) => sequence),
          ),
        );
        // Delivered and missing together are complete and in order; only removed ones are missing.
        expect(rig.sequences).toEqual(
          all.map(({ sequence }) => sequence).filter((sequence) => !missing.has(sequence)),
        );
        for (const sequence of missing) expect(lost[sequence - 1]).toBe(true);
        for (const { fromSequence } of rig.gaps) expect(fromSequence).toBeLessThan(keptFrom);
      }),
      { numRuns: 60 },
    );
  });

  it('delivers each once over reconnects and crashes, with many at equal times', async () => {
    const raised = fc.record({ wait: fc.constantFrom(0, 0, 1), isLost: fc.boolean() });
    // How many of the missed ones the server sends by itself; the others show as a jump.
    const reconnect = fc.record({ told: fc.nat({ max: 3 }) });
    const life = fc.record({
      forgotten: fc.nat({ max: 4 }),
      steps: fc.array(
        fc.oneof({ weight: 5, arbitrary: raised }, { weight: 1, arbitrary: reconnect }),
        { maxLength: 15 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 6 }), async (lives) => {
        const rig = new Rig();
        rig.feed.seed(new Map([['BTC', 0]]));
        const all: Anomaly[] = [];
        let time = 0;
        const raise = (isLost: boolean) => {
          const one = anomaly(rig.stored.length + 1, time);
          rig.stored.push(one);
          all.push(one);
          if (!isLost) rig.feed.receive(one);
        };
        const resume = (epoch: string, told = Number.POSITIVE_INFINITY) => {
          rig.session++;
          const last = rig.feed.resume(epoch).get('BTC') ?? 0;
          const missed = rig.stored.slice(last);
          for (const one of missed.slice(Math.max(0, missed.length - told))) rig.feed.receive(one);
        };
        for (const [number, { forgotten, steps }] of lives.entries()) {
          // A crash takes the newest numbers back, and takes time.
          if (number > 0) {
            rig.stored = rig.stored.slice(0, Math.max(0, rig.stored.length - forgotten));
          }
          time += 10;
          resume(`e${number}`);
          raise(false);
          for (const step of steps) {
            if ('told' in step) {
              resume(`e${number}`, step.told);
              continue;
            }
            time += step.wait;
            raise(step.isLost);
            if (step.wait > 0) await settle();
          }
          raise(false);
          await settle();
          await settle();
        }
        expect(rig.delivered).toEqual(all);
        expect(rig.gaps).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});

describe('a symbol that was retired', () => {
  it('goes on with its numbers, or begins again at 1', () => {
    const rig = new Rig();
    for (const sequence of [4, 5]) rig.feed.receive(anomaly(sequence));
    rig.feed.retired('BTC');
    rig.feed.receive(anomaly(6, 1));
    rig.feed.retired('BTC');
    for (const sequence of [1, 2]) rig.feed.receive(anomaly(sequence, 0.5));
    rig.feed.receive(anomaly(2, 0.5));
    rig.feed.retired('ETH');
    expect(rig.sequences).toEqual([4, 5, 6, 1, 2]);
    expect(rig.gaps).toEqual([]);
  });
});
