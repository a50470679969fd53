import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fc } from '../../../testkit/fast-check.ts';
import { connect, type Subscriber } from '../../src/subscriber/subscriber.ts';
import {
  type SortField,
  type SymbolListOptions,
  symbolList,
} from '../../src/subscriber/symbol-list.ts';
import type { SymbolSnapshot } from '../../src/subscriber/symbol-statistics.ts';
import { FakeNetwork, pass, useFakeClock, useRealClock } from '../support/fake-socket.ts';

const NAMES = ['A', 'B', 'BB', 'C', 'D'];

let network: FakeNetwork;
let subscriber: Subscriber;

beforeEach(async () => {
  useFakeClock();
  network = new FakeNetwork();
  subscriber = connect('ws://server', { WebSocket: network.WebSocket });
  await pass();
  openSession();
});
afterEach(() => {
  subscriber.close();
  useRealClock();
});

function openSession(epoch = 'e1'): void {
  network.newest.welcome({ epoch });
  network.newest.receive([22, NAMES.flatMap((name, id) => [id, name])]);
}

/** A full entry of a symbol with this price. */
function full(id: number, price: number, count = 1): number[] {
  return [id, 127, price, price, count, 1000, price, price];
}

function send(...entries: number[][]): void {
  network.newest.receive([20, 5, entries.flat()]);
}

const prices = (rows: readonly SymbolSnapshot[]) =>
  rows.map(({ symbol, currentPrice }) => `${symbol} ${currentPrice}`);

/** A list with a listener, and what that was called with. */
function follow(patterns: string | string[], options: SymbolListOptions = {}) {
  const calls: (readonly SymbolSnapshot[])[] = [];
  const list = symbolList(subscriber, patterns, options);
  const stop = list.subscribe((rows) => calls.push(rows));
  return { list, calls, stop };
}

describe('a list of symbols', () => {
  it('starts with what there is, and follows what its patterns match', async () => {
    send(full(0, 1), full(3, 3));
    const { list, calls, stop } = follow(['B*', 'A'], { sort: '-currentPrice' });
    expect(calls.map(prices)).toEqual([['A 1']]);
    await pass();
    expect(network.newest.sent.find(([op]) => op === 4)?.[2]).toEqual(['A', 'B*']);
    send(full(1, 5), full(2, 0.5));
    send(full(3, 4));
    expect(calls.slice(1).map(prices)).toEqual([['B 5', 'A 1', 'BB 0.5']]);
    expect(Object.isFrozen(list.rows)).toBe(true);
    stop();
    await pass();
    expect(network.newest.sent.at(-1)).toMatchObject([5, expect.anything(), ['B*', 'A']]);
    send(full(1, 6));
    expect(calls).toHaveLength(2);
  });

  it('shares what did not change', () => {
    send(full(0, 1), full(1, 2));
    const { list, calls } = follow('*');
    const before = list.rows;
    send([1, 1, 2.5]);
    expect(list.rows[0]).toBe(before[0]);
    expect(list.rows[1]).not.toBe(before[1]);
    // The same values again, as after a second subscription.
    const between = list.rows;
    send([1, 1, 2.5]);
    send([1, 1, 2.5]);
    expect(list.rows[0]).toBe(between[0]);
    expect(calls.length).toBeLessThanOrEqual(3);
  });

  it('is the same list while nothing within the limit changes', () => {
    send(full(0, 1), full(1, 2), full(3, 3));
    const { list, calls } = follow('*', { sort: 'currentPrice', limit: 2 });
    const before = list.rows;
    send(full(3, 4));
    expect(list.rows).toBe(before);
    expect(calls).toHaveLength(1);
    send(full(3, 0.5));
    expect(prices(list.rows)).toEqual(['C 0.5', 'A 1']);
  });

  it('says what is no longer live, and drops what is gone', async () => {
    send(full(0, 1), full(1, 2));
    const { list } = follow('*');
    network.newest.drop();
    expect(list.rows.map(({ isLive }) => isLive)).toEqual([false, false]);
    await pass(500);
    openSession();
    send(full(0, 1));
    expect(list.rows.map(({ isLive }) => isLive)).toEqual([true, false]);
    network.newest.receive([33, [1]]);
    expect(prices(list.rows)).toEqual(['A 1']);
    network.newest.drop();
    await pass(1000);
    openSession('e2');
    expect(list.rows).toEqual([]);
  });

  it('can be read without listeners', () => {
    send(full(0, 1));
    const list = symbolList(subscriber, '*');
    const before = list.rows;
    expect(prices(before)).toEqual(['A 1']);
    expect(list.rows).toBe(before);
    send(full(0, 2));
    expect(prices(list.rows)).toEqual(['A 2']);
  });

  it('shows what a closed subscriber has', () => {
    send(full(0, 1));
    subscriber.close();
    const { calls } = follow('*');
    expect(calls.map(prices)).toEqual([['A 1']]);
  });

  it.each<[SymbolListOptions, string]>([
    [{ sort: 'price' as SortField }, 'options.sort: unknown field, expected one of symbol, '],
    [{ sort: '-updates' as SortField }, 'options.sort: unknown field, did you mean updateCount?'],
    [{ sort: 7 as unknown as SortField }, 'options.sort: expected a string or a function, got 7'],
    [{ limit: 0 }, 'options.limit: expected an integer of symbols, 1 or more, got 0'],
    [{ order: 'symbol' } as SymbolListOptions, 'options.order: unknown option'],
  ])('refuses %j', (options, message) => {
    expect(() => symbolList(subscriber, '*', options)).toThrow(message);
  });

  it('refuses patterns that are not strings', () => {
    expect(() => symbolList(subscriber, [7 as unknown as string])).toThrow('patterns[0]: expected');
  });
});

const FIELD = fc.constantFrom<SortField>('symbol', 'currentPrice', '-currentPrice', '-updateCount');
/** Changes of a frame: id, and the price or NaN for an entry without price. */
const CHANGE = fc.tuple(
  fc.nat({ max: NAMES.length - 1 }),
  fc.constantFrom(1, 2, 3, 4, Number.NaN),
  fc.nat({ max: 5 }),
);

it('is at any time what sorting everything would give', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(CHANGE, { maxLength: 4 }), { maxLength: 12 }),
      FIELD,
      fc.integer({ min: 1, max: 6 }),
      (frames, sort, limit) => {
        const { list, stop } = follow(['B*', 'A', 'D'], { sort, limit });
        for (const frame of frames) {
          send(
            ...frame.map(([id, price, count]) =>
              Number.isNaN(price) ? [id, 64 | 4, count] : full(id, price, count),
            ),
          );
          const wanted = ['A', 'B', 'BB', 'D'].flatMap((name) => subscriber.snapshot(name) ?? []);
          expect(list.rows).toEqual(wanted.sort(naively(sort)).slice(0, limit));
        }
        stop();
      },
    ),
    { numRuns: 300 },
  );
});

/** The order of a field, by value and then by name; NaN last. */
function naively(sort: SortField): (a: SymbolSnapshot, b: SymbolSnapshot) => number {
  const field = sort.replace('-', '') as keyof SymbolSnapshot;
  const rank = (row: SymbolSnapshot) => {
    const value = row[field];
    if (typeof value !== 'number') return 0;
    if (Number.isNaN(value)) return Number.POSITIVE_INFINITY;
    return sort.startsWith('-') ? -value : value;
  };
  return (a, b) => {
    const [left, right] = [rank(a), rank(b)];
    if (left !== right) return left < right ? -1 : 1;
    return a.symbol < b.symbol ? -1 : 1;
  };
}
