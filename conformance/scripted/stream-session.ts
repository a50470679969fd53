import { entriesOf, type Frame, type HistoryTuple } from '../../src/protocol/index.ts';
import { StatsMirror } from '../../testkit/independent/mirror.ts';
import { Op, patternRegExp } from '../../testkit/independent/protocol.ts';
import { type ScriptedConnection, WELCOME_INFO } from '../../testkit/scripted-server.ts';
import { shown } from '../expect.ts';
import { Waits } from '../waits.ts';
import { RuleIds, type ScriptedAlert } from './alerts.ts';
import { deltaEntry, fullEntry, type ScriptedMarket, type Values } from './market.ts';

/** Silence is no sign of death unless a check is about that, ms. */
const LONG_MS = 3_600_000;

/** Options of a SUBSCRIBE as they came. */
export interface HeldPattern {
  readonly stats: boolean;
  readonly anomalies: boolean;
  readonly alerts: boolean;
  readonly fields: number;
}

/** How a session differs from a plain one. */
export interface StreamOptions {
  /** Added to WELCOME. */
  readonly welcome?: Readonly<Record<string, unknown>>;
  /** Takes a request over: true if it did, and the session does nothing about it. */
  readonly onRequest?: (request: Frame, session: StreamSession) => boolean;
  /** Whether entries, anomalies and alerts are left to the check. */
  readonly isSilent?: boolean;
}

/**
 * A stream session of the scripted server. It serves a market as a server would: it answers every
 * request, whatever their order, and sends what a subscription asks for.
 */
export class StreamSession {
  readonly connection: ScriptedConnection;
  /** Requests so far, without PING. */
  readonly requests: Frame[] = [];
  readonly patterns = new Map<string, HeldPattern>();
  /** The resume points that came, by symbol. */
  readonly since = new Map<string, number>();
  /** Those of alerts. */
  readonly alertsSince = new Map<string, number>();
  readonly #market: ScriptedMarket;
  readonly #options: StreamOptions;
  readonly #rules: RuleIds;
  /** What the client must hold. */
  readonly #mirror = new StatsMirror();
  readonly #waits: Waits;
  #sent = 0;

  constructor(
    connection: ScriptedConnection,
    market: ScriptedMarket,
    patienceMs: number,
    options: StreamOptions = {},
  ) {
    this.connection = connection;
    this.#market = market;
    this.#waits = new Waits(patienceMs);
    this.#options = options;
    this.#rules = new RuleIds(market.connect());
    const { epoch } = market;
    this.send([Op.WELCOME, { ...WELCOME_INFO, heartbeatMs: LONG_MS, epoch, ...options.welcome }]);
    void this.#serve();
  }

  send(frame: Frame): void {
    this.#note(frame);
    this.connection.send(frame);
  }

  /** Sends a frame in bytes of the check's own making. */
  sendAs(frame: Frame, message: Uint8Array | string): void {
    this.#note(frame);
    this.connection.sendRaw(message);
  }

  heartbeat(framesSent = this.#sent): void {
    this.send([Op.HEARTBEAT, Date.now(), framesSent]);
  }

  /** Names symbols and sends full entries of them, as far as they have values. */
  full(...symbols: readonly string[]): void {
    this.name(...symbols);
    const entries = symbols.flatMap((symbol) => {
      const values = this.#market.values.get(symbol);
      const fields = this.#heldBy(symbol).reduce((mask, held) => mask | held.fields, 0) || 63;
      return values === undefined ? [] : fullEntry(this.#market.idOf(symbol), values, fields);
    });
    if (entries.length > 0) this.stats(entries);
  }

  /** Changes a symbol to values, and sends the delta with the fields of the mask. */
  delta(symbol: string, values: Values, mask: number): void {
    const from = this.#market.values.get(symbol) as Values;
    this.#market.values.set(symbol, values);
    this.stats(deltaEntry(this.#market.idOf(symbol), from, values, mask));
  }

  stats(entries: readonly number[]): void {
    this.send([Op.STATS, Date.now(), entries]);
  }

  name(...symbols: readonly string[]): void {
    const named = symbols.flatMap((symbol) => [this.#market.idOf(symbol), symbol]);
    if (named.length > 0) this.send([Op.SYMBOLS, named]);
  }

  anomalies(symbol: string, tuples: readonly HistoryTuple[]): void {
    const id = this.#market.idOf(symbol);
    if (tuples.length > 0) this.send([Op.ANOMALY, Date.now(), tuples.map((one) => [id, ...one])]);
  }

  /** Sends alerts, and before them the names of rules that this connection does not know. */
  alerts(symbol: string, alerts: readonly ScriptedAlert[]): void {
    if (alerts.length === 0) return;
    this.rules(alerts);
    const id = this.#market.idOf(symbol);
    this.send([Op.ALERT, Date.now(), alerts.map((one) => [id, ...this.#rules.tuple(one)])]);
  }

  /** Names the rules of alerts, unless this connection knows them. */
  rules(alerts: readonly ScriptedAlert[]): void {
    const unnamed = this.#rules.unnamed(alerts);
    if (unnamed.length > 0) this.send([Op.RULES, unnamed]);
  }

  /** The digest and the number of symbols that the client must hold. */
  digest(): { readonly digest: number; readonly symbolCount: number } {
    return this.#mirror.digest();
  }

  /** Resolves when every pattern is held. */
  async subscribed(...patterns: readonly string[]): Promise<void> {
    const isThere = () => patterns.every((pattern) => this.patterns.has(pattern));
    await this.#until(isThere, `SUBSCRIBE of ${patterns.join(', ')}`);
  }

  /** The first request of an op that passes. */
  async request(op: number, passes: (frame: Frame) => boolean = () => true): Promise<Frame> {
    const find = () => this.requests.find((frame) => frame[0] === op && passes(frame));
    await this.#until(() => find() !== undefined, `a request of op ${op}`);
    return find() as Frame;
  }

  async #until(isDone: () => boolean, what: string): Promise<void> {
    await this.#waits.until(isDone, what, () => `the requests ${shown(this.requests)}`);
  }

  // Ends with the connection, by a promise that never resolves.
  async #serve(): Promise<never> {
    for (;;) {
      const frame = await this.connection.next();
      if (frame[0] === Op.PING) this.send([Op.PONG, frame[1], Date.now()]);
      else {
        this.requests.push(frame);
        if (this.#options.onRequest?.(frame, this) !== true) this.answer(frame);
      }
      this.#waits.look();
    }
  }

  /** Answers a request as a server does. */
  answer(frame: Frame): void {
    if (frame[0] === Op.SUBSCRIBE) this.#subscribe(frame);
    else if (frame[0] === Op.UNSUBSCRIBE) this.#unsubscribe(frame);
    else if (frame[0] === Op.HISTORY) this.page(frame);
    else if (frame[0] === Op.ALERT_HISTORY) this.alertPage(frame);
    else if (frame[0] === Op.VERIFY) {
      const { digest, symbolCount } = this.digest();
      this.send([Op.DIGEST, frame[1], digest, symbolCount]);
    }
  }

  /** Answers a HISTORY with a page of at most so many. */
  page([, requestId, symbol, after, limit]: Frame, entriesMax = 1000): void {
    const later = this.#market.anomaliesAfter(symbol as string, after as number);
    const page = later.slice(0, Math.min(limit as number, entriesMax));
    const more = page.length < later.length;
    this.send([Op.HISTORY_PAGE, requestId, symbol, page, more]);
  }

  /** Answers an ALERT_HISTORY likewise. */
  alertPage([, requestId, symbol, after, limit]: Frame, entriesMax = 1000): void {
    const later = this.#market.alertsAfter(symbol as string, after as number);
    const page = later.slice(0, Math.min(limit as number, entriesMax));
    this.rules(page);
    const tuples = page.map((alert) => this.#rules.tuple(alert));
    this.send([Op.ALERT_PAGE, requestId, symbol, tuples, page.length < later.length]);
  }

  #subscribe([, requestId, asked, given]: Frame): void {
    const patterns = asked as readonly string[];
    const options = new Map(entriesOf(given) ?? []);
    const { stats, anomalies, alerts, fields, since, alertsSince } = Object.fromEntries(options);
    const held: HeldPattern = {
      stats: stats !== false,
      anomalies: anomalies !== false,
      alerts: alerts === true,
      fields: typeof fields === 'number' ? fields : 63,
    };
    for (const pattern of patterns) this.patterns.set(pattern, held);
    const effective = { conflateMs: 0, fields: held.fields };
    this.send([Op.SUBSCRIBED, requestId, patterns.map(() => 0), effective]);
    const anomaliesSeen = (entriesOf(since) ?? []) as [string, number][];
    const alertsSeen = (entriesOf(alertsSince) ?? []) as [string, number][];
    for (const [symbol, sequence] of anomaliesSeen) this.since.set(symbol, sequence);
    for (const [symbol, sequence] of alertsSeen) this.alertsSince.set(symbol, sequence);
    if (this.#options.isSilent === true) return;
    const matches = (symbol: string) => patterns.some((one) => patternRegExp(one).test(symbol));
    if (held.stats) this.full(...this.#market.symbols.filter(matches));
    for (const [symbol, sequence] of held.anomalies ? anomaliesSeen : []) {
      const missed = this.#market.anomaliesAfter(symbol, sequence);
      if (!matches(symbol) || missed.length === 0) continue;
      this.name(symbol);
      this.anomalies(symbol, missed);
    }
    for (const [symbol, sequence] of held.alerts ? alertsSeen : []) {
      const missed = this.#market.alertsAfter(symbol, sequence);
      if (!matches(symbol) || missed.length === 0) continue;
      this.name(symbol);
      this.alerts(symbol, missed);
    }
  }

  #unsubscribe([, requestId, asked]: Frame): void {
    const patterns = asked as readonly string[];
    for (const pattern of patterns) this.patterns.delete(pattern);
    this.send([Op.UNSUBSCRIBED, requestId, patterns.map(() => 0)]);
    this.#mirror.forget((symbol) => this.#heldBy(symbol).length > 0);
  }

  #heldBy(symbol: string): HeldPattern[] {
    const held = [...this.patterns].filter(([pattern]) => patternRegExp(pattern).test(symbol));
    return held.map(([, options]) => options).filter(({ stats }) => stats);
  }

  #note([op, first, second]: Frame): void {
    this.#sent++;
    // Checks may send what no server would: the mirror then has no say.
    try {
      if (op === Op.SYMBOLS) this.#mirror.name(first as unknown[]);
      else if (op === Op.RETIRED) this.#mirror.retire(first as number[]);
      else if (op === Op.STATS) this.#mirror.apply(second as number[], () => undefined);
    } catch {
      return;
    }
  }
}
