import { deltaMask, retiredFrame, symbolsFrame, VALUES } from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import type { Connection } from '../sessions/connection.ts';
import { areRecordsWanted, fieldsWanted } from '../subscriptions/interest.ts';
import { SessionSubscriptions } from '../subscriptions/session-subscriptions.ts';
import {
  NO_RECORDS,
  type RecordKindName,
  type RecordsSince,
} from '../subscriptions/subscription-columns.ts';
import type { Subscriber } from '../subscriptions/subscription-store.ts';
import type { SymbolObserver } from '../subscriptions/wildcards.ts';
import { Arrears } from './arrears.ts';
import { ConflationTimer } from './conflation.ts';
import type { EventFormat } from './event-format.ts';
import { Pacing } from './pacing.ts';
import {
  type RecordSenderContext,
  sendAlerts,
  sendAnomalies,
  setRecordInterest,
} from './record-sender.ts';
import { RuleAnnouncements } from './rule-announcements.ts';
import { NO_VERSION } from './symbol-versions.ts';
import { Verifications } from './verifications.ts';

/** The kinds of records, in the order in which they are sent. */
const RECORD_KINDS = ['anomalies', 'alerts'] as const;

export type SenderContext = RecordSenderContext &
  Pick<GatewayContext, 'config' | 'conflation' | 'statsMessage' | 'subscriptions' | 'versions'>;

/** A session is not told that it is behind by less than this, ms. */
const BEHIND_MS_MIN = 250;
/** Retired symbols in one frame at most. */
const RETIRED_PER_FRAME = 4096;

/**
 * One session's part of the fan-out: tracks the version of each symbol that it was sent, and sends
 * newer ones. There is no queue of messages: a session that cannot be sent to now keeps its marks,
 * and gets the newest state later.
 */
export class SessionSender implements Subscriber {
  readonly subscriptions: SessionSubscriptions;
  readonly conflation: ConflationTimer;
  isMarked = false;
  readonly #connection: Connection;
  readonly #context: SenderContext;
  /** Size from which a STATS message gets no further entry: a large flush takes several. */
  readonly #messageBytesMax: number;
  /** A flush had to stop: its rest may follow at any time. */
  #isMidFlush = false;
  /** What the flush takes: changes that come meanwhile are of the next one. */
  #flushEnd = 0;
  /** Whether the socket's buffer was full at the last check. */
  #isFull = false;
  /** Whether a pong is awaited before more may be sent. */
  #isPaced = false;
  #wasSlow = false;
  #isClosed = false;
  /** Most sessions never ask. */
  #verifications: Verifications | undefined;
  /** Names of rules that the client knows. */
  readonly rules: RuleAnnouncements;
  /** Of a session that could not be sent everything at once; most are never behind. */
  #arrears: Arrears | undefined;
  /**
   * Retired symbols that the session is still to be told of; most have none. Wire ids, or names if
   * it gets events.
   */
  #retired: (number | string)[] | undefined;

  /** @param observer the session */
  constructor(connection: Connection, context: SenderContext, observer: SymbolObserver) {
    this.#connection = connection;
    this.#context = context;
    const { conflateMs, latencyTargetMs, socketBufferBytesMax } = context.config.stream;
    // A pong of an event stream says nothing of its reader.
    const isPaced = latencyTargetMs > 0 && connection.events === undefined;
    if (isPaced) connection.pacing = new Pacing(latencyTargetMs);
    this.rules = new RuleAnnouncements(connection, context.engine.ruleTable);
    this.#messageBytesMax = socketBufferBytesMax / 2;
    this.conflation = new ConflationTimer(context.conflation, conflateMs, () => this.flush());
    this.subscriptions = new SessionSubscriptions(context.subscriptions, this, observer);
  }

  /** Whether the socket's buffer was full at the last check, or the client does not read. */
  get isSlow(): boolean {
    const isStalled = this.#isPaced && this.#connection.pacing?.isStalled(performance.now());
    return this.#isFull || isStalled === true;
  }

  /** Whether changes wait for the client to read what is on its way. */
  get isPaced(): boolean {
    return this.#isPaced;
  }

  get isBehind(): boolean {
    const { statsPending } = this.subscriptions;
    return this.#isFull && !this.#isClosed && statsPending + this.retiredPending > 0;
  }

  get isHeld(): boolean {
    return this.#isPaced || this.conflation.isWaiting;
  }

  /** Retired symbols that the session is still to be told of. */
  get retiredPending(): number {
    return this.#retired?.length ?? 0;
  }

  get verificationsWaiting(): number {
    return this.#verifications?.count ?? 0;
  }

  /**
   * Sets the interest of a subscription. Data that becomes wanted begins with a full entry, and
   * with the next anomaly and alert.
   *
   * @param isFresh whether a full entry is due even if the session has the symbol's state
   * @param since sequences after which anomalies and alerts are sent
   */
  setInterest(
    subscription: number,
    interest: number,
    isFresh: boolean,
    since?: RecordsSince,
  ): void {
    const { columns } = this.subscriptions;
    const fields = fieldsWanted(interest);
    if (isFresh || columns.fields[subscription] !== fields) {
      this.#setVersion(subscription, NO_VERSION);
    }
    columns.fields[subscription] = fields;
    for (const kind of RECORD_KINDS) {
      const isWanted = areRecordsWanted(kind, interest);
      const log = this.#context[kind];
      setRecordInterest(kind, this.subscriptions, subscription, isWanted, since?.[kind], log);
    }
    if (fields === 0) return;
    this.#markIfBehind(subscription);
    // A digest before its full entry would leave out a symbol that the client may still hold.
    this.#verifications?.postpone();
  }

  /** Sets where records begin of a symbol that does not exist, or no more. */
  setPendingCursors(subscription: number, since: RecordsSince): void {
    const { columns } = this.subscriptions;
    for (const kind of RECORD_KINDS) {
      const after = since[kind];
      if (after !== undefined) columns.lastOf(kind)[subscription] = after;
    }
  }

  endSubscription(subscription: number): void {
    this.#setVersion(subscription, NO_VERSION);
    this.subscriptions.remove(subscription);
  }

  symbolRetired(subscription: number): void {
    const symbolId = this.subscriptions.columns.symbolIds[subscription] as number;
    this.#setVersion(subscription, NO_VERSION);
    if (!this.subscriptions.unmarkNamed(subscription)) return;
    this.#retired ??= [];
    const hasIds = this.#connection.events === undefined;
    this.#retired.push(
      hasIds ? this.#context.engine.symbols.wireId(symbolId) : this.#symbolOf(symbolId),
    );
  }

  /** Ends all subscriptions: the session has closed. */
  close(): void {
    this.#isClosed = true;
    this.conflation.end();
    for (const subscription of this.subscriptions.all()) this.endSubscription(subscription);
    this.subscriptions.close();
  }

  markStats(subscription: number): void {
    const { columns } = this.subscriptions;
    if (columns.fields[subscription] !== 0) this.subscriptions.markStats(subscription);
  }

  markRecords(subscription: number, kind: RecordKindName): boolean {
    const isWanted = this.subscriptions.columns.lastOf(kind)[subscription] !== NO_RECORDS;
    if (isWanted) this.subscriptions.markRecords(subscription, kind);
    return isWanted;
  }

  /** Answers a `VERIFY` once the session is up to date with the rows as they are now. */
  verify(requestId: number): void {
    const { columns } = this.subscriptions;
    for (const subscription of this.subscriptions.bySymbolId()) {
      if (columns.fields[subscription] !== 0) this.#markIfBehind(subscription);
    }
    this.#verifications ??= new Verifications(this.subscriptions);
    this.#verifications.add(requestId);
  }

  /** The client has read on. */
  answered(): void {
    if (!this.#isPaced) return;
    this.#isPaced = false;
    this.flush();
  }

  /** Brings the session up to date as far as its socket and its `conflateMs` allow. */
  flush(now = performance.now()): void {
    const { subscriptions } = this;
    // Not known whether before the end or behind it: the flush may end too soon, but not too late.
    this.#flushEnd -= subscriptions.sweep();
    if (subscriptions.statsPending === 0) {
      // The rest of the flush may have ended with its subscriptions.
      if (this.#isMidFlush) this.#endFlush();
      this.#arrears?.end();
    }
    const others = subscriptions.recordsPending + this.verificationsWaiting + this.retiredPending;
    if (subscriptions.statsPending + others === 0) return;
    if (this.#isClosed || !this.#connection.isOpen || !this.#checkSpace()) return;
    // One message needs no cork; with anomalies, alerts or answers there may be more.
    if (others === 0) this.#send(now);
    else this.#connection.cork(() => this.#send(now));
  }

  #send(now: number): void {
    const { subscriptions } = this;
    if (this.#retired !== undefined) this.#sendRetired(this.#retired);
    while (subscriptions.statsPending > 0 && (this.#isMidFlush || this.conflation.mayFlush())) {
      if (!this.#sendStats(now)) break;
    }
    if (subscriptions.recordsPending > 0) this.#sendRecords();
    this.#verifications?.answer(this.#connection, this.#context);
  }

  /** Not paced: nothing newer replaces an anomaly, and the log keeps only so many of them. */
  #sendRecords(): void {
    const { subscriptions } = this;
    while (subscriptions.pendingOf('anomalies') > 0 && this.#checkSpace()) {
      sendAnomalies(subscriptions, this.#connection, this.#context);
    }
    while (subscriptions.pendingOf('alerts') > 0 && this.#checkSpace()) {
      sendAlerts(subscriptions, this.#connection, this.rules, this.#context);
    }
  }

  #sendRetired(symbols: readonly (number | string)[]): void {
    this.#retired = undefined;
    for (let from = 0; from < symbols.length; from += RETIRED_PER_FRAME) {
      this.#connection.send(retiredFrame(symbols.slice(from, from + RETIRED_PER_FRAME)));
    }
  }

  /** Begins a flush, or goes on with it; the socket has space. Returns whether more may be sent. */
  #sendStats(from: number): boolean {
    const { subscriptions } = this;
    // The times of its messages are to be conflateMs apart.
    let now = this.conflation.conflateMs > 0 ? performance.now() : from;
    let isAllowed = this.#checkPace(now);
    if (!this.#isMidFlush) this.#flushEnd = subscriptions.pendingEnd;
    this.#isMidFlush = true;
    while (this.#isInFlush()) {
      if (!isAllowed) {
        this.#arrears ??= new Arrears();
        this.#arrears.start(subscriptions, now);
        return false;
      }
      if (this.#connection.events === undefined) this.#sendStatsMessage(now);
      else this.#sendStatsEvents(this.#connection.events);
      if (subscriptions.statsPending === 0) break;
      now = performance.now();
      isAllowed = this.#checkPace(now) && this.#checkSpace();
    }
    this.#endFlush();
    return isAllowed;
  }

  #endFlush(): void {
    this.#isMidFlush = false;
    this.conflation.flushed();
  }

  /** Whether the flush has more to take. */
  #isInFlush(): boolean {
    const { statsPending, statsTaken } = this.subscriptions;
    return statsPending > 0 && statsTaken < this.#flushEnd;
  }

  #sendStatsMessage(now: number): void {
    const { subscriptions } = this;
    const { columns } = subscriptions;
    const { counters, engine, statsMessage: message, versions } = this.#context;
    let names: (number | string)[] | undefined;
    const bytesMax = this.#bytesMax();
    message.start(this.#connection.encoding);
    while (this.#isInFlush() && message.length < bytesMax) {
      const subscription = subscriptions.takeStats();
      const symbolId = columns.symbolIds[subscription] as number;
      const from = columns.versions[subscription] as number;
      const to = versions.current(symbolId);
      const fields = columns.fields[subscription] as number;
      // Sent or unsubscribed since it was marked.
      if (to === from || fields === 0) continue;
      const wireId = engine.symbols.wireId(symbolId);
      if (subscriptions.markNamed(subscription)) {
        names ??= [];
        names.push(wireId, this.#symbolOf(symbolId));
      }
      if (message.add(wireId, from, to, fields)) {
        counters.entriesOut++;
        if (from === NO_VERSION) counters.fullEntriesOut++;
      }
      this.#setVersion(subscription, to);
    }
    if (names !== undefined) this.#connection.send(symbolsFrame(names));
    if (message.isEmpty()) return;
    const behindMs = this.#behindMs(now);
    const said = behindMs < BEHIND_MS_MIN ? 0 : Math.ceil(behindMs);
    this.#connection.sendEncoded(message.finish(now, said), now);
  }

  #behindMs(now: number): number {
    const { subscriptions } = this;
    if (this.#arrears === undefined) {
      if (subscriptions.statsPending === 0) return 0;
      this.#arrears = new Arrears();
    }
    return this.#arrears.progress(subscriptions, now);
  }

  /** Rows as they are now, for a session that keeps no state. */
  #sendStatsEvents(events: EventFormat): void {
    const { subscriptions } = this;
    const { columns } = subscriptions;
    const { counters, versions } = this.#context;
    let text = '';
    while (this.#isInFlush() && text.length < this.#messageBytesMax) {
      const subscription = subscriptions.takeStats();
      const symbolId = columns.symbolIds[subscription] as number;
      const from = columns.versions[subscription] as number;
      const to = versions.current(symbolId);
      const fields = columns.fields[subscription] as number;
      if (to === from || fields === 0) continue;
      subscriptions.markNamed(subscription);
      const { values } = versions;
      if (from === NO_VERSION || deltaMask(values, from * VALUES, to * VALUES, fields) !== 0) {
        text += events.statistics(this.#symbolOf(symbolId), values, to * VALUES, fields);
        counters.entriesOut++;
      }
      this.#setVersion(subscription, to);
    }
    if (text !== '') this.#connection.sendEncoded(text);
  }

  /** Marks a subscription unless the session has the symbol's current row. */
  #markIfBehind(subscription: number): void {
    const { columns } = this.subscriptions;
    const { versions } = this.#context;
    const symbolId = columns.symbolIds[subscription] as number;
    versions.refresh(symbolId);
    if (versions.current(symbolId) === (columns.versions[subscription] as number)) return;
    this.subscriptions.markStats(subscription);
  }

  #setVersion(subscription: number, version: number): void {
    const { columns } = this.subscriptions;
    const { versions } = this.#context;
    if (version !== NO_VERSION) versions.retain(version);
    versions.release(columns.versions[subscription] as number);
    columns.versions[subscription] = version;
  }

  #symbolOf(symbolId: number): string {
    const { nameSpace } = this.#connection.client;
    return nameSpace.symbolOf(this.#context.engine.symbols.name(symbolId));
  }

  /** Size from which a message gets no further entry. */
  #bytesMax(): number {
    const { pacing } = this.#connection;
    const paced = pacing?.messageBytesMax ?? Number.POSITIVE_INFINITY;
    return Math.floor(Math.min(this.#messageBytesMax, paced));
  }

  #checkSpace(): boolean {
    this.#isFull = !this.#connection.hasSpace();
    this.#noteSlowness();
    return !this.#isFull;
  }

  /** Whether the pacing allows more statistics now; if not, a pong will tell when. */
  #checkPace(now: number): boolean {
    this.#isPaced = !this.#connection.mayStart(now);
    if (this.#isPaced) this.#noteSlowness();
    return !this.#isPaced;
  }

  #noteSlowness(): void {
    const { isSlow } = this;
    if (isSlow && !this.#wasSlow) this.#context.counters.slowEpisodes++;
    this.#wasSlow = isSlow;
  }
}
