import { describe, expect, it } from 'vitest';
import { SessionSubscriptions } from '../../src/gateway/subscriptions/session-subscriptions.ts';
import { NO_RECORDS, NONE } from '../../src/gateway/subscriptions/subscription-columns.ts';
import { SubscriptionStore } from '../../src/gateway/subscriptions/subscription-store.ts';
import { fc } from '../../testkit/fast-check.ts';

const SESSIONS = 4;
const SYMBOLS = 24;

type Step =
  | {
      readonly kind: 'add' | 'markStats' | 'markAnomalies' | 'forget';
      readonly session: number;
      readonly symbol: number;
    }
  | { readonly kind: 'takeStats' | 'takeAnomalies' | 'reopen'; readonly session: number }
  | { readonly kind: 'remove'; readonly session: number; readonly symbols: readonly number[] }
  | { readonly kind: 'appear'; readonly symbol: number };

const session = fc.nat({ max: SESSIONS - 1 });
const symbol = fc.nat({ max: SYMBOLS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('add' as const), session, symbol }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constantFrom('markStats' as const, 'markAnomalies' as const),
      session,
      symbol,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('takeStats' as const, 'takeAnomalies' as const),
      session,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('remove' as const),
      session,
      symbols: fc.uniqueArray(symbol, { maxLength: 8 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('forget' as const), session, symbol }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('appear' as const), symbol }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const), session }) },
);

/** Model of a session: a map and two arrays. Symbols are numbers, existing or not. */
class NaiveSession {
  /** Row contents by symbol. */
  readonly fields = new Map<number, number>();
  stats: number[] = [];
  anomalies: number[] = [];

  remove(symbols: readonly number[]): void {
    for (const symbol of symbols) this.fields.delete(symbol);
    this.stats = this.stats.filter((symbol) => this.fields.has(symbol));
    this.anomalies = this.anomalies.filter((symbol) => this.fields.has(symbol));
  }
}

function mark(queue: number[], symbol: number): boolean {
  if (queue.includes(symbol)) return false;
  queue.push(symbol);
  return true;
}

const never = () => {
  throw new Error('the store calls no session here');
};
const SUBSCRIBER = {
  isMarked: false,
  isHeld: false,
  isBehind: false,
  markStats: never,
  markRecords: never,
  symbolRetired: never,
  endSubscription: never,
  flush: never,
};

function nameOf(symbol: number): string {
  return `S${symbol}`;
}

/** The store and its model, stepped together. */
class Pair {
  readonly store = new SubscriptionStore();
  readonly naive = Array.from({ length: SESSIONS }, () => new NaiveSession());
  readonly #sessions = this.naive.map(() => this.#open());
  /** Symbol ids, ordered unlike the symbols. */
  readonly #ids = new Map<number, number>();
  /** Sessions that learned of the symbol that appears. */
  #told: SessionSubscriptions[] = [];
  #written = 0;

  run(step: Step): void {
    if (step.kind === 'appear') this.#appear(step.symbol);
    else {
      const subscriptions = this.#sessions[step.session] as SessionSubscriptions;
      this.#runIn(step, subscriptions, this.naive[step.session] as NaiveSession);
    }
  }

  expectSame(): void {
    for (let session = 0; session < SESSIONS; session++) {
      this.#expectSameSession(
        this.#sessions[session] as SessionSubscriptions,
        this.naive[session] as NaiveSession,
      );
    }
    for (let symbol = 0; symbol < SYMBOLS; symbol++) this.#expectSameSymbol(symbol);
    expect(this.store.columns.size).toBe(sum(this.naive.map(({ fields }) => fields.size)));
    const pending = new Set(this.naive.flatMap(({ fields }) => [...fields.keys()]));
    for (const symbol of this.#ids.keys()) pending.delete(symbol);
    expect(this.store.pending.size).toBe(pending.size);
  }

  #runIn(
    step: Exclude<Step, { kind: 'appear' }>,
    subscriptions: SessionSubscriptions,
    naive: NaiveSession,
  ): void {
    const { columns } = this.store;
    const symbolOf = (subscription: number) =>
      this.#symbolOf(columns.symbolIds[subscription] as number, subscription);
    switch (step.kind) {
      case 'takeStats':
        if (naive.stats.length > 0) {
          expect(symbolOf(subscriptions.takeStats())).toBe(naive.stats.shift());
        }
        return;
      case 'takeAnomalies':
        if (naive.anomalies.length > 0) {
          expect(symbolOf(subscriptions.takeRecords('anomalies'))).toBe(naive.anomalies.shift());
        }
        return;
      case 'remove':
        this.#remove(step.symbols, subscriptions, naive);
        return;
      case 'forget':
        // Removed and re-added within one frame: queues hold the old one.
        if (naive.fields.has(step.symbol)) {
          subscriptions.remove(this.#find(subscriptions, step.symbol));
          naive.remove([step.symbol]);
          this.#add(step.symbol, subscriptions, naive);
          subscriptions.sweep();
        }
        return;
      case 'reopen':
        this.#remove([...naive.fields.keys()], subscriptions, naive);
        subscriptions.close();
        this.#sessions[step.session] = this.#open();
        return;
      case 'add':
        if (!naive.fields.has(step.symbol)) this.#add(step.symbol, subscriptions, naive);
        return;
      case 'markStats':
        if (!naive.fields.has(step.symbol)) return;
        expect(subscriptions.markStats(this.#find(subscriptions, step.symbol))).toBe(
          mark(naive.stats, step.symbol),
        );
        return;
      case 'markAnomalies':
        if (!naive.fields.has(step.symbol)) return;
        expect(subscriptions.markRecords(this.#find(subscriptions, step.symbol), 'anomalies')).toBe(
          mark(naive.anomalies, step.symbol),
        );
    }
  }

  #open(): SessionSubscriptions {
    const subscriptions: SessionSubscriptions = new SessionSubscriptions(this.store, SUBSCRIBER, {
      symbolAppeared: () => this.#told.push(subscriptions),
    });
    return subscriptions;
  }

  #add(symbol: number, subscriptions: SessionSubscriptions, naive: NaiveSession): void {
    const { columns, pending } = this.store;
    const id = this.#idOf(symbol) ?? pending.add(nameOf(symbol));
    const subscription = subscriptions.add(id);
    expect(columns.fields[subscription] as number).toBe(0);
    expect(columns.exactInterests[subscription] as number).toBe(0);
    expect(columns.lastAnomalies[subscription] as number).toBe(NO_RECORDS);
    expect(subscriptions.markNamed(subscription)).toBe(true);
    expect(subscriptions.markNamed(subscription)).toBe(false);
    const fields = ++this.#written % 64;
    columns.fields[subscription] = fields;
    naive.fields.set(symbol, fields);
  }

  #remove(
    symbols: readonly number[],
    subscriptions: SessionSubscriptions,
    naive: NaiveSession,
  ): void {
    for (const symbol of symbols) {
      if (naive.fields.has(symbol)) subscriptions.remove(this.#find(subscriptions, symbol));
    }
    subscriptions.sweep();
    naive.remove(symbols);
  }

  #appear(symbol: number): void {
    if (this.#ids.has(symbol)) return;
    const id = (SYMBOLS - 1 - symbol) * 2;
    this.#ids.set(symbol, id);
    this.#told = [];
    this.store.symbolAppeared(id, nameOf(symbol));
    const waiting = this.#sessions.filter((_, session) => this.naive[session]?.fields.has(symbol));
    expect(this.#told.length).toBe(waiting.length);
    expect(new Set(this.#told)).toEqual(new Set(waiting));
  }

  /** Undefined: it does not exist, and nobody is subscribed to it. */
  #idOf(symbol: number): number | undefined {
    return this.#ids.get(symbol) ?? this.store.pending.find(nameOf(symbol));
  }

  #symbolOf(id: number, subscription: number): number {
    for (let symbol = 0; symbol < SYMBOLS; symbol++) if (this.#idOf(symbol) === id) return symbol;
    throw new Error(`subscription ${subscription} is to no symbol: ${id}`);
  }

  #find(subscriptions: SessionSubscriptions, symbol: number): number {
    const id = this.#idOf(symbol);
    return id === undefined ? NONE : subscriptions.find(id);
  }

  #expectSameSession(subscriptions: SessionSubscriptions, naive: NaiveSession): void {
    const { columns } = this.store;
    for (let symbol = 0; symbol < SYMBOLS; symbol++) {
      const found = this.#find(subscriptions, symbol);
      expect(found === NONE ? undefined : (columns.fields[found] as number)).toBe(
        naive.fields.get(symbol),
      );
    }
    const ids = [...naive.fields.keys()].map((symbol) => this.#idOf(symbol) as number);
    const all = subscriptions
      .all()
      .map((subscription) => columns.symbolIds[subscription] as number);
    expect(all.toSorted(ascending)).toEqual(ids.toSorted(ascending));
    const existing = subscriptions
      .bySymbolId()
      .map((subscription) => columns.symbolIds[subscription] as number);
    expect(existing).toEqual(ids.filter((id) => id >= 0).toSorted(ascending));
    expect(subscriptions.statsPending).toBe(naive.stats.length);
    expect(subscriptions.recordsPending).toBe(naive.anomalies.length);
  }

  #expectSameSymbol(symbol: number): void {
    const id = this.#idOf(symbol);
    const expected = this.#sessions.filter((_, at) => this.naive[at]?.fields.has(symbol));
    const listed = id === undefined || id < 0 ? this.#pendingTo(id) : (this.store.of(id) ?? []);
    const found = expected.map((subscriptions) => this.#find(subscriptions, symbol));
    expect(listed.toSorted(ascending)).toEqual(found.toSorted(ascending));
  }

  #pendingTo(id: number | undefined): readonly number[] {
    return id === undefined ? [] : this.store.pending.subscriptions(id);
  }
}

function ascending(a: number, b: number): number {
  return a - b;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

describe('SubscriptionStore', () => {
  it('behaves as a map of maps with two queues a session, in any order of changes', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 100, maxLength: 400 }), (steps) => {
        const pair = new Pair();
        for (const [at, step] of steps.entries()) {
          pair.run(step);
          if (at % 50 === 0) pair.expectSame();
        }
        pair.expectSame();
      }),
      { numRuns: 30 },
    );
  });

  it('finds each of many subscriptions, of many sessions, while they come and go', () => {
    const store = new SubscriptionStore();
    const sessions = Array.from(
      { length: 100 },
      () => new SessionSubscriptions(store, SUBSCRIBER, { symbolAppeared: never }),
    );
    for (const subscriptions of sessions) for (let id = 0; id < 400; id++) subscriptions.add(id);
    for (const [session, subscriptions] of sessions.entries()) {
      for (let id = session % 2; id < 400; id += 2) subscriptions.remove(subscriptions.find(id));
      subscriptions.sweep();
    }
    expect(store.columns.size).toBe(20_000);
    for (const [session, subscriptions] of sessions.entries()) {
      const found = Array.from({ length: 400 }, (_, id) => subscriptions.find(id));
      const expected = found.map((subscription, id) =>
        id % 2 === session % 2 ? undefined : [subscription, session, id],
      );
      expect(
        found.map((subscription) =>
          subscription === NONE
            ? undefined
            : [
                subscription,
                store.columns.sessions[subscription] as number,
                store.columns.symbolIds[subscription] as number,
              ],
        ),
      ).toEqual(expected);
    }
  });

  it('finds all after each addition at any size: its index grows all the time', () => {
    const store = new SubscriptionStore();
    const session = new SessionSubscriptions(store, SUBSCRIBER, { symbolAppeared: never });
    const added: number[] = [];
    for (let id = 0; id < 600; id++) {
      added.push(session.add(id));
      expect(added.map((_, symbolId) => session.find(symbolId))).toEqual(added);
      expect(session.find(id + 1)).toBe(NONE);
    }
  });

  it('looks at a few rows in each step, however many there are', () => {
    const store = new SubscriptionStore();
    const { columns } = store;
    let looks = 0;
    columns.nextInBucket = new Proxy(columns.nextInBucket, {
      get: (column, key) => {
        looks++;
        return Reflect.get(column, key, column);
      },
      set: (column, key, value) => Reflect.set(column, key, value, column),
    });
    let most = 0;
    const step = (run: () => void) => {
      looks = 0;
      run();
      most = Math.max(most, looks);
    };
    const sessions = Array.from(
      { length: 50 },
      () => new SessionSubscriptions(store, SUBSCRIBER, { symbolAppeared: never }),
    );
    for (let id = 0; id < 1000; id++) {
      for (const session of sessions) {
        step(() => session.add(id));
        step(() => session.find(id + 1));
      }
    }
    for (const session of sessions) {
      for (const subscription of session.all()) step(() => session.remove(subscription));
    }
    expect(most).toBeGreaterThan(2);
    expect(most).toBeLessThan(40);
  });

  it('keeps what it has when it outgrows the address space reserved for it', () => {
    const store = new SubscriptionStore(1000);
    const sessions = Array.from(
      { length: 2 },
      () => new SessionSubscriptions(store, SUBSCRIBER, { symbolAppeared: never }),
    );
    const added = sessions.map((session) =>
      Array.from({ length: 150_000 }, (_, id) => session.add(id)),
    );
    for (const [at, session] of sessions.entries()) {
      expect(added[at]?.map((_, id) => session.find(id))).toEqual(added[at]);
      expect(session.all()).toEqual(added[at]?.toReversed());
    }
  });

  it('takes no rows for subscriptions of sessions that come after others went', () => {
    const store = new SubscriptionStore();
    for (let round = 0; round < 50; round++) {
      const session = new SessionSubscriptions(store, SUBSCRIBER, { symbolAppeared: never });
      for (let id = 0; id < 1000; id++) session.add(id);
      for (const subscription of session.all()) session.remove(subscription);
      session.close();
    }
    expect(store.columns).toMatchObject({ size: 0, peak: 1000 });
    expect(store.subscribers.length).toBe(1);
  });
});
