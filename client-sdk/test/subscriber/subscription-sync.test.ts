import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Frame, Op } from '../../../src/protocol/index.ts';
import { fc } from '../../../testkit/fast-check.ts';
import { ServerError } from '../../src/connection/connection.ts';
import type { ClientFrame } from '../../src/connection/frame-codec.ts';
import { Requests } from '../../src/subscriber/requests.ts';
import { Subscription, type SubscriptionOptions } from '../../src/subscriber/subscription.ts';
import { SubscriptionSync } from '../../src/subscriber/subscription-sync.ts';

const FRAME_BYTES_MAX = 1_048_576;

interface ServerWants {
  readonly stats: boolean;
  readonly anomalies: boolean;
  readonly alerts: boolean;
  readonly fields: number;
}

/** The sync with a server that follows the protocol and answers on demand. */
class Rig {
  readonly sent: ClientFrame[] = [];
  readonly errors: Error[] = [];
  /** What the server holds. */
  readonly held = new Map<string, ServerWants>();
  /** Whether, by the sync, entries of the symbol come. */
  covers: (symbol: string) => boolean = () => false;
  readonly #requests = new Requests();
  readonly #unanswered: ClientFrame[] = [];
  readonly sync: SubscriptionSync;

  constructor(conflateMs?: number) {
    this.sync = new SubscriptionSync(conflateMs, this.#requests, {
      send: (frame) => {
        this.sent.push(frame);
        if (frame[1] !== 0) this.#unanswered.push(frame);
      },
      answered: (covers) => {
        this.covers = covers;
      },
      error: (error) => this.errors.push(error),
    });
  }

  subscribe(patterns: string[], options: SubscriptionOptions = {}): Subscription {
    const subscription: Subscription = new Subscription(patterns, options, {
      answered: () => Promise.resolve([]),
      remove: () => this.sync.remove(subscription),
    });
    this.sync.add(subscription);
    return subscription;
  }

  open(
    since = new Map<string, number>(),
    frameBytesMax = FRAME_BYTES_MAX,
    alertsSince = new Map<string, number>(),
  ): void {
    this.held.clear();
    this.sync.restart({ since, alertsSince }, frameBytesMax);
  }

  lose(): void {
    this.#unanswered.length = 0;
    this.sync.suspend();
    this.#requests.fail(new Error('connection closed'));
  }

  /** Answers the oldest request; symbols in `refused` with that code. */
  answer(refused: Readonly<Record<string, number>> = {}): void {
    const [op, requestId, patterns, options] = this.#unanswered.shift() ?? [];
    if (op === undefined) return;
    const names = patterns as string[];
    const codes = names.map((name) => refused[name] ?? 0);
    const wants = (options ?? {}) as Partial<ServerWants>;
    const { stats = true, anomalies = true, alerts = false, fields = 63 } = wants;
    for (const [i, name] of names.entries()) {
      if (op === Op.UNSUBSCRIBE) this.held.delete(name);
      else if (codes[i] === 0) this.held.set(name, { stats, anomalies, alerts, fields });
    }
    const answerOp = op === Op.SUBSCRIBE ? Op.SUBSCRIBED : Op.UNSUBSCRIBED;
    this.#requests.answer([answerOp, requestId, codes, {}] as unknown as Frame);
  }

  /** Refuses the oldest request as a whole. */
  refuse(code: number, retryable: boolean, retryAfterMs: number | null): void {
    const [, requestId] = this.#unanswered.shift() as ClientFrame;
    this.#requests.refuse(new ServerError([30, requestId, code, 'no', retryable, retryAfterMs]));
  }

  get requests(): unknown[][] {
    return this.sent.map(([op, , ...rest]) => [op, ...rest]);
  }
}

describe('SubscriptionSync', () => {
  it('sends subscriptions made together as one request', async () => {
    const rig = new Rig();
    rig.open();
    rig.subscribe(['A', 'B*']);
    rig.subscribe(['C']);
    rig.subscribe(['A']);
    await nextTurn();
    expect(rig.requests).toEqual([[4, ['A', 'C', 'B*'], {}]]);
  });

  it('sends nothing for subscriptions that cancel out or change nothing', async () => {
    const rig = new Rig();
    rig.open();
    const first = rig.subscribe(['A', 'B']);
    await nextTurn();
    rig.answer();
    const second = rig.subscribe(['B', 'A']);
    rig.subscribe(['C']).unsubscribe();
    first.unsubscribe();
    first.unsubscribe();
    await nextTurn();
    expect(rig.requests).toHaveLength(1);
    second.unsubscribe();
    await nextTurn();
    expect(rig.requests).toEqual([
      [4, ['A', 'B'], {}],
      [5, ['B', 'A']],
    ]);
    expect(rig.covers('A')).toBe(true);
    rig.answer();
    expect(rig.covers('A')).toBe(false);
  });

  it('asks for the union of overlapping interests', async () => {
    const rig = new Rig();
    rig.open();
    const first = rig.subscribe(['A'], { anomalies: false, fields: 1 });
    const second = rig.subscribe(['A'], { stats: false });
    await nextTurn();
    const third = rig.subscribe(['A'], { anomalies: false, fields: 8 });
    await nextTurn();
    third.unsubscribe();
    first.unsubscribe();
    await nextTurn();
    expect(rig.requests).toEqual([
      [4, ['A'], { fields: 1 }],
      [4, ['A'], { fields: 9 }],
      [4, ['A'], { stats: false }],
    ]);
    for (let i = 0; i < 3; i++) rig.answer();
    expect(rig.covers('A')).toBe(false);
    second.unsubscribe();
    await nextTurn();
    expect(rig.requests.at(-1)).toEqual([5, ['A']]);
  });

  it('sends everything to a new session in one request, with resume points', async () => {
    const rig = new Rig(100);
    rig.subscribe(['A', 'B*'], { since: new Map([['A', 4]]) });
    await nextTurn();
    expect(rig.sent).toEqual([]);
    const since = new Map([
      ['A', 4],
      ['BTC', 7],
    ]);
    rig.open(since);
    const request = [4, ['A', 'B*'], { conflateMs: 100, since: { A: 4, BTC: 7 } }];
    expect(rig.requests).toEqual([request]);
    rig.lose();
    rig.subscribe(['C']);
    await nextTurn();
    expect(rig.requests).toHaveLength(1);
    rig.open(new Map());
    expect(rig.requests[1]).toEqual([4, ['C', 'A', 'B*'], { conflateMs: 100 }]);
    rig.answer();
    expect(rig.covers('BTC')).toBe(true);
  });

  it('sends `since` of a later subscription with it', async () => {
    const rig = new Rig();
    rig.open();
    rig.subscribe(['A'], { since: new Map([['A', 9]]) });
    await nextTurn();
    expect(rig.requests).toEqual([[4, ['A'], { since: { A: 9 } }]]);
  });

  it('sends where alerts go on to those who want alerts', () => {
    const rig = new Rig();
    const alertsSince = new Map([['A', 9]]);
    rig.subscribe(['A', 'B'], { alerts: true, alertsSince });
    rig.subscribe(['B'], { alerts: false, anomalies: false, alertsSince: new Map([['B', 1]]) });
    rig.subscribe(['C']);
    const resumed = new Map([
      ['A', 10],
      ['B', 0],
      ['C', 2],
    ]);
    rig.open(new Map([['A', 4]]), FRAME_BYTES_MAX, resumed);
    expect(rig.requests).toEqual([
      [4, ['A', 'B'], { alerts: true, since: { A: 4 }, alertsSince: { A: 10, B: 0 } }],
      [4, ['C'], {}],
    ]);
  });

  it('sends nothing while it is held, and everything after', async () => {
    const rig = new Rig();
    rig.sync.hold(1);
    const subscription = rig.subscribe(['A'], { since: new Map([['A', 3]]) });
    rig.open(new Map([['A', 3]]));
    await nextTurn();
    expect(rig.sent).toEqual([]);
    expect(rig.sync.isAnswered(subscription)).toBe(false);
    rig.subscribe(['B']);
    await nextTurn();
    rig.sync.hold(-1);
    expect(rig.requests).toEqual([[4, ['A', 'B'], { since: { A: 3 } }]]);
    await nextTurn();
    expect(rig.sent).toHaveLength(1);
  });

  it('splits what is too large for a frame, without omitting patterns', () => {
    const rig = new Rig();
    const names = Array.from({ length: 1000 }, (_, i) => `SYMBOL-${i}-é`);
    rig.subscribe([...names, 'X*'], { alerts: true });
    const since = new Map([...names, 'X1', 'X2'].map((name, i) => [name, i]));
    const alertsSince = new Map(names.map((name, i) => [name, 2 * i]));
    rig.open(since, 20_000, alertsSince);
    expect(rig.sent.length).toBeGreaterThan(2);
    const patterns = rig.sent.flatMap(([, , list]) => list as string[]);
    expect(patterns).toEqual([...names, 'X*']);
    for (const [, , list, options] of rig.sent) {
      expect(JSON.stringify([list, options]).length).toBeLessThan(15_000);
      const told = options as Record<'since' | 'alertsSince', Record<string, number>>;
      for (const name of list as string[]) {
        if (name === 'X*') continue;
        expect(told.since[name]).toBe(since.get(name));
        expect(told.alertsSince[name]).toBe(alertsSince.get(name));
      }
    }
  });

  it('sets conflateMs of the session at any time', () => {
    const rig = new Rig();
    rig.sync.setConflateMs(5);
    rig.open();
    rig.sync.setConflateMs(50);
    expect(rig.requests).toEqual([[4, [], { conflateMs: 50 }]]);
    rig.subscribe(['A']);
    rig.lose();
    rig.open();
    expect(rig.requests[1]).toEqual([4, ['A'], { conflateMs: 50 }]);
  });

  it('reports refused patterns, and retries them in the next session', async () => {
    const rig = new Rig();
    rig.open();
    const subscription = rig.subscribe(['A', 'B', 'C']);
    await nextTurn();
    expect(rig.sync.isAnswered(subscription)).toBe(false);
    rig.answer({ B: 8, C: 8 });
    expect(rig.sync.isAnswered(subscription)).toBe(true);
    expect(rig.sync.refusals(subscription)).toEqual([
      { pattern: 'B', code: 8, reason: 'subscription_limit' },
      { pattern: 'C', code: 8, reason: 'subscription_limit' },
    ]);
    expect(rig.errors.map(({ message }) => message)).toEqual([
      'the server refused "B" and 1 more patterns: subscription_limit',
    ]);
    expect(rig.covers('B')).toBe(false);
    rig.lose();
    rig.open();
    expect(rig.requests.at(-1)).toEqual([4, ['A', 'B', 'C'], {}]);
  });
});

describe('SubscriptionSync, refused as a whole', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => vi.useRealTimers());

  it('retries when permitted', async () => {
    const rig = new Rig();
    rig.open();
    const subscription = rig.subscribe(['A']);
    await vi.advanceTimersByTimeAsync(0);
    rig.refuse(9, true, 300);
    await vi.advanceTimersByTimeAsync(299);
    expect(rig.requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(rig.requests).toEqual([
      [4, ['A'], {}],
      [4, ['A'], {}],
    ]);
    rig.answer();
    expect(rig.sync.refusals(subscription)).toEqual([]);
    subscription.unsubscribe();
    await vi.advanceTimersByTimeAsync(0);
    rig.refuse(9, true, null);
    await vi.advanceTimersByTimeAsync(1000);
    expect(rig.requests.slice(2)).toEqual([
      [5, ['A']],
      [5, ['A']],
    ]);
  });

  it('repeats resume points with refused requests', async () => {
    const rig = new Rig();
    rig.open();
    const points = { since: new Map([['A', 9]]), alertsSince: new Map([['B', 7]]) };
    rig.subscribe(['A', 'B'], { alerts: true, ...points });
    await vi.advanceTimersByTimeAsync(0);
    rig.refuse(9, true, 300);
    await vi.advanceTimersByTimeAsync(300);
    const request = [4, ['A', 'B'], { alerts: true, since: { A: 9 }, alertsSince: { B: 7 } }];
    expect(rig.requests).toEqual([request, request]);
  });

  it('repeats the newest resume point of a symbol', async () => {
    const rig = new Rig();
    rig.open();
    rig.subscribe(['A', 'B'], { since: new Map([['A', 1]]) });
    await vi.advanceTimersByTimeAsync(0);
    rig.refuse(9, true, 300);
    await vi.advanceTimersByTimeAsync(0);
    rig.sync.hold(1);
    rig.subscribe(['A'], { since: new Map([['A', 2]]), fields: 1 });
    await vi.advanceTimersByTimeAsync(300);
    rig.sync.hold(-1);
    expect(rig.requests[1]).toEqual([4, ['A', 'B'], { since: { A: 2 } }]);
  });

  it('does not retry what the next session was sent anyway', async () => {
    const rig = new Rig();
    rig.open();
    rig.subscribe(['A']);
    await vi.advanceTimersByTimeAsync(0);
    rig.refuse(9, true, 300);
    await vi.advanceTimersByTimeAsync(0);
    rig.lose();
    rig.open();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(rig.requests).toHaveLength(2);
  });

  it('takes a final refusal as a refusal of each pattern', async () => {
    const rig = new Rig();
    rig.open();
    const subscription = rig.subscribe(['A', 'B']);
    await vi.advanceTimersByTimeAsync(0);
    rig.refuse(11, false, null);
    await vi.advanceTimersByTimeAsync(5000);
    expect(rig.requests).toHaveLength(1);
    expect(rig.sync.refusals(subscription).map(({ reason }) => reason)).toEqual([
      'forbidden',
      'forbidden',
    ]);
  });
});

describe('SubscriptionSync and a server', () => {
  const name = fc.constantFrom('A', 'B', 'C', 'D*', '*');
  const options = fc.record(
    {
      stats: fc.boolean(),
      anomalies: fc.boolean(),
      alerts: fc.boolean(),
      fields: fc.constantFrom(1, 9, 63),
    },
    { requiredKeys: [] },
  );
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('add' as const),
      names: fc.uniqueArray(name, { minLength: 1 }),
      options,
    }),
    fc.record({ kind: fc.constant('remove' as const), which: fc.nat() }),
    fc.record({ kind: fc.constantFrom('answer', 'turn', 'lose', 'open') }),
  );

  it('agree in the end, whatever was added, removed, answered late, or lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 150 }), async (steps) => {
        const rig = new Rig();
        const live: Subscription[] = [];
        for (const each of steps) {
          if (each.kind === 'add') live.push(rig.subscribe(each.names, each.options));
          else if (each.kind === 'remove') {
            live.splice(each.which % (live.length || 1), 1)[0]?.unsubscribe();
          } else if (each.kind === 'answer') rig.answer();
          else if (each.kind === 'turn') await Promise.resolve();
          else rig.lose();
          if (each.kind === 'open') rig.open();
        }
        if (rig.sent.length === 0) rig.open();
        rig.lose();
        rig.open();
        await Promise.resolve();
        for (let i = 0; i < 100; i++) rig.answer();
        const expected = new Map<string, ServerWants>();
        for (const { patterns, options: wanted } of live) {
          for (const pattern of patterns) {
            const nothing = { stats: false, anomalies: false, alerts: false, fields: 0 };
            const old = expected.get(pattern) ?? nothing;
            const { stats = true, anomalies = true, alerts = false, fields = 63 } = wanted;
            expected.set(pattern, {
              stats: old.stats || stats,
              anomalies: old.anomalies || anomalies,
              alerts: old.alerts || alerts,
              fields: old.fields | (stats ? fields : 0),
            });
          }
        }
        for (const [pattern, { stats, anomalies, alerts }] of expected) {
          expect(rig.held.get(pattern)).toMatchObject({ stats, anomalies, alerts });
          if (stats) expect(rig.held.get(pattern)?.fields).toBe(expected.get(pattern)?.fields);
        }
        expect([...rig.held.keys()].sort()).toEqual([...expected.keys()].sort());
        for (const symbol of ['A', 'B', 'DD', 'E']) {
          const covered = [...expected].some(
            ([pattern, { stats }]) =>
              stats &&
              (pattern === '*' || pattern === symbol || (pattern === 'D*' && symbol === 'DD')),
          );
          expect(rig.covers(symbol)).toBe(covered && live.length > 0);
        }
      }),
      { numRuns: 300 },
    );
  });
});
