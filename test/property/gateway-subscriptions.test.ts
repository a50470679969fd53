import { describe, expect, it, vi } from 'vitest';
import { ALL_SYMBOLS, ANONYMOUS, NO_SYMBOLS, type SymbolRule } from '../../src/access/index.ts';
import { type Engine, SymbolTable, UNKNOWN_SYMBOL } from '../../src/engine/index.ts';
import type { GatewayContext } from '../../src/gateway/index.ts';
import { Client } from '../../src/gateway/sessions/client.ts';
import { Connection } from '../../src/gateway/sessions/connection.ts';
import { StreamSession } from '../../src/gateway/sessions/stream-session.ts';
import { NO_RECORDS, NONE } from '../../src/gateway/subscriptions/subscription-columns.ts';
import type { SubscriptionStore } from '../../src/gateway/subscriptions/subscription-store.ts';
import type { Socket } from '../../src/gateway/transport/transport.ts';
import { encodeFrame, Op, patternMatcher } from '../../src/protocol/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import { gatewayContext } from '../../testkit/gateway-context.ts';
import { WITHOUT_ALERTS } from '../support/without-alerts.ts';

const SESSIONS = 3;
const SUBSCRIPTIONS_MAX = 6;
const BUFFER_BYTES_MAX = 65_536;

const RULES: readonly SymbolRule[] = [
  ALL_SYMBOLS,
  { isAll: false, patterns: ['A*'], covers: (symbol) => symbol.startsWith('A') },
  NO_SYMBOLS,
];

interface NaiveInterest {
  readonly fields: number;
  readonly anomalies: boolean;
}

type Step =
  | {
      readonly kind: 'subscribe';
      readonly session: number;
      readonly patterns: string[];
      readonly interest: NaiveInterest;
    }
  | { readonly kind: 'unsubscribe'; readonly session: number; readonly patterns: string[] }
  | { readonly kind: 'permit'; readonly session: number; readonly rule: number }
  | { readonly kind: 'appear'; readonly symbol: string }
  | { readonly kind: 'stall'; readonly isFull: boolean }
  | { readonly kind: 'close'; readonly session: number };

const symbol = fc.constantFrom('A', 'B', 'AB', 'BA', 'AA');
const pattern = fc.oneof(symbol, fc.constantFrom('*', 'A*', '*A', 'bad\u0000'));
const session = fc.nat({ max: SESSIONS - 1 });
const patterns = fc.array(pattern, { minLength: 1, maxLength: 4 });
const interest = fc.record({ fields: fc.constantFrom(0, 1, 5, 63), anomalies: fc.boolean() });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('subscribe' as const), session, patterns, interest }),
  fc.record({ kind: fc.constant('unsubscribe' as const), session, patterns }),
  fc.record({ kind: fc.constant('permit' as const), session, rule: fc.nat({ max: 2 }) }),
  fc.record({ kind: fc.constant('appear' as const), symbol }),
  fc.record({ kind: fc.constant('stall' as const), isFull: fc.boolean() }),
  fc.record({ kind: fc.constant('close' as const), session }),
);

/** What stands behind sessions in a gateway; the engine's part is one row that all symbols have. */
class Rig {
  readonly subscriptions: SubscriptionStore;
  readonly symbols = new SymbolTable(64, 1);
  readonly #sessions: StreamSession[];
  readonly #context: GatewayContext;
  /** Full sockets take no statistics: marks stay. */
  #isFull = false;
  readonly #socket: Socket = {
    send: () => undefined,
    bufferedAmount: () => (this.#isFull ? BUFFER_BYTES_MAX : 0),
    cork: (work) => work(),
    ping: () => undefined,
    end: () => undefined,
    remoteAddress: '127.0.0.1',
  };

  constructor() {
    const statistics = {
      read: (_symbolId: number, values: Float64Array) => {
        values.fill(1);
        return 2;
      },
      anomalies: () => 0,
    };
    const hasAnomalies = () => false;
    const engine = {
      symbols: this.symbols,
      statistics,
      hasAnomalies,
      channelCapacity: 1024,
      ...WITHOUT_ALERTS,
    };
    this.#context = gatewayContext(engine as unknown as Engine, {
      stream: {
        socketBufferBytesMax: BUFFER_BYTES_MAX,
        subscriptionsMax: SUBSCRIPTIONS_MAX,
        recentAnomaliesPerSymbol: 4,
      },
      limits: { requestsPerSecond: 1_000_000 },
    });
    this.subscriptions = this.#context.subscriptions;
    this.#sessions = Array.from({ length: SESSIONS }, () => this.#open());
  }

  session(number: number): StreamSession {
    return this.#sessions[number] as StreamSession;
  }

  run(step: Step): void {
    if (step.kind === 'appear') this.#appear(step.symbol);
    else if (step.kind === 'stall') this.#isFull = step.isFull;
    else if (step.kind === 'close') this.reopen(step.session);
    else if (step.kind === 'permit') this.#permit(step.session, step.rule);
    else if (step.kind === 'unsubscribe') {
      this.#tell(step.session, [Op.UNSUBSCRIBE, 1, step.patterns]);
    } else {
      const { fields, anomalies } = step.interest;
      const options = fields === 0 ? { stats: false, anomalies } : { fields, anomalies };
      this.#tell(step.session, [Op.SUBSCRIBE, 1, step.patterns, options]);
    }
  }

  closeAll(): void {
    for (const session of this.#sessions) session.close(1005);
  }

  /** Another session takes the place of one that closes. */
  reopen(number: number): void {
    this.session(number).close(1005);
    this.#sessions[number] = this.#open();
  }

  #open(): StreamSession {
    const limits = { badFramesMax: 1000, socketBufferBytesMax: BUFFER_BYTES_MAX };
    const connection = new Connection(
      this.#socket,
      'binary',
      new Client(ANONYMOUS, '127.0.0.1'),
      limits,
      this.#context.counters,
    );
    return new StreamSession(connection, this.#context);
  }

  #permit(number: number, rule: number): void {
    const session = this.session(number);
    session.connection.client.renew({ ...ANONYMOUS, read: RULES[rule] as SymbolRule });
    session.permissionsChanged();
  }

  #appear(symbol: string): void {
    if (this.symbols.findName(symbol) !== UNKNOWN_SYMBOL) return;
    const bytes = new TextEncoder().encode(symbol);
    this.subscriptions.symbolAppeared(this.symbols.register(bytes, 0, bytes.length), symbol);
  }

  #tell(number: number, frame: readonly unknown[]): void {
    this.session(number).message(encodeFrame(frame as never, 'binary'));
  }
}

/** The same, by brute force: what each session holds, by pattern. */
class NaiveSubscriptions {
  readonly held = Array.from({ length: SESSIONS }, () => new Map<string, NaiveInterest>());

  readonly #readable = Array.from({ length: SESSIONS }, () => ALL_SYMBOLS);

  run(step: Step): void {
    if (step.kind === 'appear' || step.kind === 'stall') return;
    const held = this.held[step.session] as Map<string, NaiveInterest>;
    const isReadable = (pattern: string) =>
      pattern.includes('*') || this.#readable[step.session]?.covers(pattern) === true;
    if (step.kind === 'close') {
      held.clear();
      this.#readable[step.session] = ALL_SYMBOLS;
    } else if (step.kind === 'permit') {
      this.#readable[step.session] = RULES[step.rule] as SymbolRule;
      for (const pattern of held.keys()) if (!isReadable(pattern)) held.delete(pattern);
    } else if (step.kind === 'unsubscribe') {
      for (const pattern of step.patterns) held.delete(pattern);
    } else {
      for (const pattern of step.patterns) {
        if (pattern.includes('\u0000') || !isReadable(pattern)) continue;
        if (held.has(pattern) || held.size < SUBSCRIPTIONS_MAX) held.set(pattern, step.interest);
      }
    }
  }

  /** A session's interest in a symbol; undefined if no pattern of it matches. */
  interest(session: number, symbol: string): NaiveInterest | undefined {
    if (this.#readable[session]?.covers(symbol) !== true) return undefined;
    const matching = [...(this.held[session] as Map<string, NaiveInterest>)]
      .filter(([pattern]) => patternMatcher(pattern)(symbol))
      .map(([, interest]) => interest);
    if (matching.length === 0) return undefined;
    return {
      fields: matching.reduce((fields, interest) => fields | interest.fields, 0),
      anomalies: matching.some(({ anomalies }) => anomalies),
    };
  }

  get count(): number {
    return this.held.reduce((count, { size }) => count + size, 0);
  }

  /** Symbols that are held and do not exist. */
  pending(exists: (symbol: string) => boolean): number {
    return this.#patterns.filter((pattern) => !pattern.includes('*') && !exists(pattern)).length;
  }

  /** Different patterns with a `*`. */
  get wildcards(): number {
    return this.#patterns.filter((pattern) => pattern.includes('*')).length;
  }

  get #patterns(): string[] {
    return [...new Set(this.held.flatMap((held) => [...held.keys()]))];
  }
}

function interestOf(rig: Rig, session: number, symbolId: number): NaiveInterest | undefined {
  const { subscriptions } = rig.session(session).sender;
  const found = subscriptions.find(symbolId);
  if (found === NONE) return undefined;
  return {
    fields: subscriptions.columns.fields[found] as number,
    anomalies: subscriptions.columns.lastAnomalies[found] !== NO_RECORDS,
  };
}

function expectSame(rig: Rig, naive: NaiveSubscriptions): void {
  const { subscriptions, symbols } = rig;
  (symbols.names as string[]).forEach((symbol, symbolId) => {
    const expected = new Set<unknown>();
    for (let session = 0; session < SESSIONS; session++) {
      const interest = naive.interest(session, symbol);
      expect(interestOf(rig, session, symbolId)).toEqual(interest);
      if (interest !== undefined) expected.add(rig.session(session).sender);
    }
    const { columns, subscribers } = subscriptions;
    const found = subscriptions.of(symbolId) ?? [];
    expect(found.length).toBe(expected.size);
    const senders = found.map(
      (subscription) => subscribers[columns.sessions[subscription] as number],
    );
    expect(new Set(senders)).toEqual(expected);
  });
  expect(subscriptions.patternsHeld).toBe(naive.count);
  const exists = (symbol: string) => symbols.findName(symbol) !== UNKNOWN_SYMBOL;
  expect(subscriptions.pending.size).toBe(naive.pending(exists));
  expect(subscriptions.wildcards.size).toBe(naive.wildcards);
}

describe('a stream session', () => {
  it('is subscribed to what a search through all patterns finds, whatever comes and goes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const rig = new Rig();
        const naive = new NaiveSubscriptions();
        for (const step of steps) {
          rig.run(step);
          naive.run(step);
          expectSame(rig, naive);
        }
        rig.closeAll();
        const { patternsHeld, pending, columns, wildcards } = rig.subscriptions;
        const left = [patternsHeld, pending.size, wildcards.size, columns.size];
        expect(left).toEqual([0, 0, 0, 0]);
      }),
      { numRuns: 80 },
    );
  });

  it('takes no more room than those took that went', () => {
    const rig = new Rig();
    const patterns = ['A', 'B', 'AB', 'BA', '*'];
    const interest = { fields: 63, anomalies: true };
    for (const symbol of ['A', 'B']) rig.run({ kind: 'appear', symbol });
    const { columns, subscribers } = rig.subscriptions;
    for (let round = 0; round < 100; round++) {
      for (let session = 0; session < SESSIONS; session++) {
        rig.run({ kind: 'subscribe', session, patterns, interest });
      }
      expect(columns.size).toBe(SESSIONS * 4);
      for (let session = 0; session < SESSIONS; session++) rig.reopen(session);
    }
    expect(columns.peak).toBe(SESSIONS * 4);
    expect(subscribers.length).toBe(SESSIONS);
  });

  it('looks up a name once, and a subscription once, for a symbol that it subscribes to', () => {
    const rig = new Rig();
    rig.run({ kind: 'appear', symbol: 'A' });
    const findName = vi.spyOn(rig.symbols, 'findName');
    const find = vi.spyOn(rig.subscriptions, 'find');
    const interest = { fields: 63, anomalies: true };
    for (const patterns of [['A'], ['A'], ['B']]) {
      rig.run({ kind: 'subscribe', session: 0, patterns, interest });
    }
    expect(findName).toHaveBeenCalledTimes(3);
    // A pending symbol without subscribers needs no lookup.
    expect(find).toHaveBeenCalledTimes(2);
  });
});
