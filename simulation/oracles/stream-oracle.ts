import { ALL_FIELDS, Code, Op, type WireFrame } from '../../testkit/independent/protocol.ts';
import { expectThat } from '../core/violation.ts';
import type { Observer, SentMessage } from '../network/connection-ends.ts';
import type { HistoryOracle } from './history-oracle.ts';
import { type Interest, SessionInterest } from './interest.ts';
import { LivenessOracle } from './liveness-oracle.ts';
import type { ServerOracle } from './server-oracle.ts';
import { SessionAnomalies } from './session-anomalies.ts';
import { SessionMirror } from './session-mirror.ts';

const VERIFICATIONS_MAX = 16;
const HISTORIES_MAX = 16;
const CONFLATE_MS_MAX = 60_000;

interface Options {
  readonly stats?: boolean;
  readonly anomalies?: boolean;
  readonly conflateMs?: number;
  readonly fields?: number;
  readonly since?: Readonly<Record<string, number>>;
}

/** A VERIFY that waits for its answer. */
interface Verification {
  readonly requestId: number;
  /** Update counts that the answer must be up to, by symbol id. */
  readonly counts: ReadonlyMap<number, number>;
}

/** Checks a subscriber's connection: every entry, anomaly and answer. */
export class StreamOracle implements Observer {
  isOpen = true;
  readonly mirror: SessionMirror;
  readonly interest: SessionInterest;
  readonly anomalies: SessionAnomalies;
  readonly #server: ServerOracle;
  readonly #history: HistoryOracle;
  readonly #liveness: LivenessOracle;
  #verifications: Verification[] = [];
  /** HISTORY requests that wait for their answers, by their ids. */
  readonly #histories = new Map<unknown, (answer: WireFrame) => void>();
  #conflateMs: number;
  /** When STATS were last sent, by symbol id: a flush may take time, but has each symbol once. */
  readonly #sentAt = new Map<number, { readonly at: number; readonly turn: number }>();
  /** The bytes of SYMBOLS frames that go right before the next. */
  #namesBytes = 0;
  /** A SUBSCRIBE that is not answered yet. */
  #subscribing: WireFrame | undefined;
  /** What the answer to the message must hold. */
  #expected: { codes: readonly number[]; fields?: number } = { codes: [] };
  /** What came back while a message was dealt with. */
  #answers: WireFrame[] = [];

  constructor(server: ServerOracle, history: HistoryOracle) {
    const { config, engine } = server;
    const { conflateMs, recentAnomaliesPerSymbol, subscriptionsMax } = config.stream;
    this.#server = server;
    this.#history = history;
    this.#liveness = new LivenessOracle(server);
    this.#conflateMs = conflateMs;
    this.interest = new SessionInterest(subscriptionsMax);
    this.mirror = new SessionMirror(engine, this.interest);
    this.anomalies = new SessionAnomalies(engine, this.interest, this.mirror, {
      perSymbolMax: recentAnomaliesPerSymbol,
      isSync: config.store.directory !== '' && config.store.mode === 'sync',
    });
    server.streams.add(this);
  }

  /** What the session still lacks, in words; undefined when it is up to date. */
  lag(): string | undefined {
    if (this.#verifications.length > 0) return `${this.#verifications.length} VERIFY wait`;
    if (this.#histories.size > 0) return `${this.#histories.size} HISTORY wait`;
    for (const symbolId of this.#server.engine.byId.keys()) {
      const lag = this.mirror.lag(symbolId) ?? this.anomalies.lag(symbolId);
      if (lag !== undefined) return lag;
    }
    return undefined;
  }

  /** A symbol exists from now on. */
  symbolAppeared(symbolId: number): void {
    const interest = this.interest.of(this.#server.engine.nameOf(symbolId));
    if (interest !== undefined) this.anomalies.update(symbolId, interest.anomalies, undefined);
  }

  before({ frame }: SentMessage): void {
    this.#answers = [];
    // Taken in before what it brings about is sent. SUBSCRIBE first takes what was raised before,
    // and sends that as if it had not come yet: it counts from its answer on.
    if (frame[0] === Op.SUBSCRIBE) this.#subscribing = frame;
    else if (frame[0] === Op.UNSUBSCRIBE) this.#unsubscribe(frame);
    else if (frame[0] === Op.VERIFY) this.#verify(frame[1] as number);
    else if (frame[0] === Op.HISTORY) this.#histories.set(frame[1], this.#history.expect(frame));
  }

  after({ frame }: SentMessage): void {
    if (!this.isOpen) return;
    if (frame[0] === Op.PING) this.#expectAnswer(Op.PONG, frame[1]);
    else if (frame[0] === Op.SUBSCRIBE) this.#expectAnswer(Op.SUBSCRIBED, frame[1]);
    else if (frame[0] === Op.UNSUBSCRIBE) this.#expectAnswer(Op.UNSUBSCRIBED, frame[1]);
  }

  sent(frame: WireFrame, bytes: number, buffered: number): void {
    const op = frame[0] as number;
    if (op === Op.SUBSCRIBED && this.#subscribing !== undefined) {
      this.#subscribe(this.#subscribing);
      this.#subscribing = undefined;
    }
    if (op === Op.STATS) this.#stats(frame, buffered);
    else if (op === Op.ANOMALY) this.#sentAnomalies(frame, buffered);
    else if (op === Op.SYMBOLS) this.mirror.name(frame[1] as (number | string)[]);
    else if (op === Op.DIGEST) this.#checkDigest(frame);
    else if (op === Op.HISTORY_PAGE) this.#checkHistory(frame);
    else if (op === Op.ERROR && this.#histories.has(frame[1])) this.#checkHistory(frame);
    else this.#answers.push(frame);
    this.#namesBytes = op === Op.SYMBOLS ? bytes : 0;
    this.#liveness.sent(op === Op.HEARTBEAT ? frame[2] : undefined);
    this.#checkBuffer(bytes, buffered);
  }

  closed(code: number, quietMs: number, buffered: number): void {
    this.#liveness.closed(code, quietMs, buffered);
    this.end();
  }

  /** The connection is gone. */
  end(): void {
    this.isOpen = false;
    this.#server.streams.delete(this);
  }

  #subscribe(frame: WireFrame): void {
    const patterns = frame[2] as string[];
    const options = (frame[3] ?? {}) as Options;
    const fields = options.fields ?? ALL_FIELDS;
    const interest: Interest = {
      fields: (options.stats ?? true) ? fields : 0,
      anomalies: options.anomalies ?? true,
    };
    if (options.conflateMs !== undefined) {
      // It counts from the first flush under it.
      if (this.#conflateMs === 0) this.#sentAt.clear();
      this.#conflateMs = Math.min(CONFLATE_MS_MAX, options.conflateMs);
    }
    const before = this.#allInterest();
    const codes = this.interest.hold(patterns, interest);
    const held = patterns.filter((_, index) => codes[index] === 0);
    this.#expected = { codes, fields };
    this.#follow(before, (symbol) => this.interest.isAnyMatch(held, symbol), options.since ?? {});
  }

  #unsubscribe(frame: WireFrame): void {
    const before = this.#allInterest();
    this.#expected = { codes: this.interest.release(frame[2] as string[]) };
    this.#follow(before, () => false, {});
  }

  #allInterest(): (Interest | undefined)[] {
    const { engine } = this.#server;
    return engine.byId.map((_, symbolId) => this.interest.of(engine.nameOf(symbolId)));
  }

  /** Follows what is wanted of each symbol now. */
  #follow(
    before: readonly (Interest | undefined)[],
    isFresh: (symbol: string) => boolean,
    since: Readonly<Record<string, number>>,
  ): void {
    const { engine } = this.#server;
    for (const symbolId of engine.byId.keys()) {
      const symbol = engine.nameOf(symbolId);
      const interest = this.interest.of(symbol);
      const fresh = isFresh(symbol);
      const hasChanged = interest?.fields !== before[symbolId]?.fields;
      if (fresh || hasChanged || interest === undefined) this.mirror.forget(symbolId);
      const isWanted = interest?.anomalies === true;
      this.anomalies.update(symbolId, isWanted, fresh ? since[symbol] : undefined);
    }
  }

  #verify(requestId: number): void {
    if (this.#verifications.length >= VERIFICATIONS_MAX || this.interest.isPartial) return;
    const counts = new Map<number, number>();
    const { engine } = this.#server;
    for (const symbolId of engine.byId.keys()) {
      const { settled, states } = engine.model(symbolId);
      // A row that is being written right now cannot be read.
      const isWanted = (this.interest.of(engine.nameOf(symbolId))?.fields ?? 0) !== 0;
      if (isWanted && settled > 0 && settled === states.length) counts.set(symbolId, settled);
    }
    this.#verifications.push({ requestId, counts });
  }

  #stats(frame: WireFrame, buffered: number): void {
    const { now, turn } = this.#server;
    this.#checkRoom('STATS', buffered);
    for (const symbolId of this.mirror.apply(frame[2] as number[])) {
      const last = this.#sentAt.get(symbolId);
      // A flush may be interrupted between two messages.
      const isTooSoon =
        last !== undefined && last.turn !== turn && now - last.at < this.#conflateMs;
      expectThat(
        !isTooSoon,
        'conflateMs is kept',
        () => `an entry ${now - (last?.at ?? 0)} ms after another; conflateMs: ${this.#conflateMs}`,
      );
      this.#sentAt.set(symbolId, { at: now, turn });
    }
  }

  #sentAnomalies(frame: WireFrame, buffered: number): void {
    this.#checkRoom('ANOMALY', buffered);
    this.anomalies.sent(frame[2] as number[][]);
  }

  /** What a subscriber is told by itself never waits behind much else. */
  #checkRoom(what: string, buffered: number): void {
    const { socketBufferBytesMax } = this.#server.config.stream;
    expectThat(
      buffered - this.#namesBytes <= socketBufferBytesMax / 2,
      'a slow session costs no queue',
      () => `${what} behind ${buffered} bytes that are not read`,
    );
  }

  #checkBuffer(bytes: number, buffered: number): void {
    const { socketBufferBytesMax } = this.#server.config.stream;
    expectThat(
      buffered <= 2 * socketBufferBytesMax + 1000,
      'a slow session costs no queue',
      () => `${buffered} bytes are not read, and ${bytes} come on top`,
    );
  }

  #checkDigest(frame: WireFrame): void {
    const [, requestId, digest, symbolCount] = frame;
    const verification = this.#verifications.shift();
    expectThat(
      verification?.requestId === requestId,
      'VERIFY is answered in order',
      () => `DIGEST ${String(requestId)}, due was ${verification?.requestId}`,
    );
    const own = this.mirror.digest();
    expectThat(
      digest === own.digest && symbolCount === own.symbolCount,
      'the digest is that of what the session was sent',
      () => `${String(digest)} of ${String(symbolCount)} symbols; mirror: ${JSON.stringify(own)}`,
    );
    for (const [symbolId, count] of verification?.counts ?? []) {
      const symbol = this.#server.engine.nameOf(symbolId);
      if ((this.interest.of(symbol)?.fields ?? 0) !== ALL_FIELDS) continue;
      const held = this.mirror.count(symbolId);
      expectThat(
        held >= count,
        'VERIFY brings the session up to date',
        () => `${symbol}: ${held} updates were sent, ${count} were applied when it was asked`,
      );
    }
  }

  #checkHistory(answer: WireFrame): void {
    const check = this.#histories.get(answer[1]);
    expectThat(check !== undefined, 'HISTORY', () => `not asked for: ${JSON.stringify(answer)}`);
    const isBusy = answer[0] === Op.ERROR && answer[2] === Code.rate_limited;
    if (!isBusy || this.#histories.size <= HISTORIES_MAX) check?.(answer);
    this.#histories.delete(answer[1]);
  }

  #expectAnswer(op: number, first: unknown): void {
    const answer = this.#answers.find((one) => one[0] === op && one[1] === first);
    expectThat(answer !== undefined, 'requests are answered', () => `no ${op} to ${String(first)}`);
    if (op === Op.PONG) return;
    const { codes, fields } = this.#expected;
    const effective = answer?.[3] as { conflateMs: number; fields: number } | undefined;
    const isRight =
      JSON.stringify(answer?.[2]) === JSON.stringify(codes) &&
      (fields === undefined ||
        (effective?.fields === fields && effective.conflateMs === this.#conflateMs));
    expectThat(
      isRight,
      'requests are answered pattern by pattern',
      () => `${JSON.stringify(answer)}, expected ${JSON.stringify(codes)}`,
    );
  }
}
