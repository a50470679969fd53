import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Engine, SymbolTable, UNKNOWN_SYMBOL } from '../../src/engine/index.ts';
import type { GatewayContext } from '../../src/gateway/index.ts';
import { Connection } from '../../src/gateway/sessions/connection.ts';
import { StreamSession } from '../../src/gateway/sessions/stream-session.ts';
import { NO_LINK } from '../../src/gateway/subscriptions/link-index.ts';
import { NO_ANOMALIES } from '../../src/gateway/subscriptions/link-pool.ts';
import type { Subscriptions } from '../../src/gateway/subscriptions/subscriptions.ts';
import type { Socket } from '../../src/gateway/transport/transport.ts';
import { encodeFrame, Op, patternMatcher } from '../../src/protocol/index.ts';
import { gatewayContext } from '../../testkit/gateway-context.ts';
import { anybody } from '../support/anybody.ts';

const SESSIONS = 3;
const SUBSCRIPTIONS_MAX = 6;
const BUFFER_BYTES_MAX = 65_536;

interface NaiveWants {
  readonly fields: number;
  readonly anomalies: boolean;
}

type Step =
  | {
      readonly kind: 'subscribe';
      readonly session: number;
      readonly patterns: string[];
      readonly wants: NaiveWants;
    }
  | { readonly kind: 'unsubscribe'; readonly session: number; readonly patterns: string[] }
  | { readonly kind: 'appear'; readonly symbol: string }
  | { readonly kind: 'stall'; readonly isFull: boolean }
  | { readonly kind: 'close'; readonly session: number };

const symbol = fc.constantFrom('A', 'B', 'AB', 'BA', 'AA');
const pattern = fc.oneof(symbol, fc.constantFrom('*', 'A*', '*A', 'bad\u0000'));
const session = fc.nat({ max: SESSIONS - 1 });
const patterns = fc.array(pattern, { minLength: 1, maxLength: 4 });
const wants = fc.record({ fields: fc.constantFrom(0, 1, 5, 63), anomalies: fc.boolean() });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('subscribe' as const), session, patterns, wants }),
  fc.record({ kind: fc.constant('unsubscribe' as const), session, patterns }),
  fc.record({ kind: fc.constant('appear' as const), symbol }),
  fc.record({ kind: fc.constant('stall' as const), isFull: fc.boolean() }),
  fc.record({ kind: fc.constant('close' as const), session }),
);

/** What stands behind sessions in a gateway; the engine's part is one row that all symbols have. */
class Rig {
  readonly subscriptions: Subscriptions;
  readonly symbols = new SymbolTable(64, 1);
  readonly #sessions: StreamSession[];
  readonly #context: GatewayContext;
  /** While full, sockets take no statistics: marks stay. */
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
    const engine = { symbols: this.symbols, statistics, channelCapacity: 1024 };
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
    else if (step.kind === 'unsubscribe') {
      this.#tell(step.session, [Op.UNSUBSCRIBE, 1, step.patterns]);
    } else {
      const { fields, anomalies } = step.wants;
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
      anybody,
      limits,
      this.#context.counters,
    );
    return new StreamSession(connection, this.#context);
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
  readonly held = Array.from({ length: SESSIONS }, () => new Map<string, NaiveWants>());

  run(step: Step): void {
    if (step.kind === 'appear' || step.kind === 'stall') return;
    const held = this.held[step.session] as Map<string, NaiveWants>;
    if (step.kind === 'close') held.clear();
    else if (step.kind === 'unsubscribe') for (const pattern of step.patterns) held.delete(pattern);
    else {
      for (const pattern of step.patterns) {
        if (pattern.includes('\u0000')) continue;
        if (held.has(pattern) || held.size < SUBSCRIPTIONS_MAX) held.set(pattern, step.wants);
      }
    }
  }

  /** What a session wants of a symbol; undefined when no pattern of its matches. */
  wants(session: number, symbol: string): NaiveWants | undefined {
    const matching = [...(this.held[session] as Map<string, NaiveWants>)]
      .filter(([pattern]) => patternMatcher(pattern)(symbol))
      .map(([, wants]) => wants);
    if (matching.length === 0) return undefined;
    return {
      fields: matching.reduce((fields, wants) => fields | wants.fields, 0),
      anomalies: matching.some(({ anomalies }) => anomalies),
    };
  }

  get count(): number {
    return this.held.reduce((count, { size }) => count + size, 0);
  }

  /** Symbols awaited and patterns with a `*`, each once. */
  watched(exists: (symbol: string) => boolean): number {
    const patterns = new Set(this.held.flatMap((held) => [...held.keys()]));
    return [...patterns].filter((pattern) => pattern.includes('*') || !exists(pattern)).length;
  }
}

function linkOf(rig: Rig, session: number, symbolId: number): NaiveWants | undefined {
  const { links } = rig.session(session).delivery;
  const link = links.find(symbolId);
  if (link === NO_LINK) return undefined;
  return {
    fields: links.fields[link] as number,
    anomalies: links.anomalies[link] !== NO_ANOMALIES,
  };
}

function expectSame(rig: Rig, naive: NaiveSubscriptions): void {
  const { subscriptions, symbols } = rig;
  symbols.names.forEach((symbol, symbolId) => {
    const linked = new Set<unknown>();
    for (let session = 0; session < SESSIONS; session++) {
      const expected = naive.wants(session, symbol);
      expect(linkOf(rig, session, symbolId)).toEqual(expected);
      if (expected !== undefined) linked.add(rig.session(session).delivery);
    }
    const { owners } = subscriptions.links;
    const links = subscriptions.of(symbolId) ?? [];
    expect(links.length).toBe(linked.size);
    const deliveries = links.map((link) => subscriptions.deliveries[owners[link] as number]);
    expect(new Set(deliveries)).toEqual(linked);
  });
  expect(subscriptions.held).toBe(naive.count);
  const exists = (symbol: string) => symbols.findName(symbol) !== UNKNOWN_SYMBOL;
  expect(subscriptions.watched).toBe(naive.watched(exists));
}

describe('Subscriptions', () => {
  it('link what a search through all patterns would, however sessions and symbols come and go', () => {
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
        expect(rig.subscriptions).toMatchObject({ held: 0, watched: 0 });
        expect(rig.subscriptions.links.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('take no more room for sessions that come than those took that went', () => {
    const rig = new Rig();
    const patterns = ['A', 'B', 'AB', 'BA', '*'];
    const wants = { fields: 63, anomalies: true };
    for (const symbol of ['A', 'B']) rig.run({ kind: 'appear', symbol });
    for (let round = 0; round < 100; round++) {
      for (let session = 0; session < SESSIONS; session++) {
        rig.run({ kind: 'subscribe', session, patterns, wants });
      }
      expect(rig.subscriptions.links.size).toBe(SESSIONS * 4);
      for (let session = 0; session < SESSIONS; session++) rig.reopen(session);
    }
    expect(rig.subscriptions.links.peak).toBe(SESSIONS * 4);
    expect(rig.subscriptions.deliveries.length).toBe(SESSIONS);
  });
});
