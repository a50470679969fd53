import type { NameSpace } from '../../engine/index.ts';
import { ALL_FIELDS, Digest, digestFrame, symbolsFrame, VALUES } from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import type { Connection } from '../sessions/connection.ts';
import { NO_LINK } from '../subscriptions/link-index.ts';
import { NO_ANOMALIES } from '../subscriptions/link-pool.ts';
import type { LinkTable } from '../subscriptions/link-table.ts';
import type { Watcher } from '../subscriptions/subscriptions.ts';
import { areAnomaliesWanted, fieldsWanted } from '../subscriptions/wants.ts';
import { anomalyMessage, type SentAnomaly } from './anomaly-message.ts';
import { ConflationTimer } from './conflation.ts';
import { NO_SNAPSHOT } from './symbol-versions.ts';

export type SenderContext = Pick<
  GatewayContext,
  | 'anomalies'
  | 'config'
  | 'conflation'
  | 'counters'
  | 'engine'
  | 'statsMessage'
  | 'subscriptions'
  | 'versions'
>;

/** Anomalies in one frame at most. */
const ANOMALIES_PER_FRAME = 1000;

/**
 * One session's side of the fan-out: its cursors, and bringing them up to date. There is no queue of messages: a session
 * that cannot or may not be sent to keeps its marks, and gets the newest state when it can.
 */
export class SessionSender {
  readonly links: LinkTable;
  readonly pace: ConflationTimer;
  /** Whether the fan-out of this turn has this session on its list. */
  isTouched = false;
  readonly #connection: Connection;
  readonly #nameSpace: NameSpace;
  readonly #context: SenderContext;
  /** A STATS message gets no further entry once it has this many bytes: a large flush takes several. */
  readonly #messageBytesMax: number;
  /** A flush was begun that the socket had no room for: its rest may follow at any time. */
  #isMidFlush = false;
  #isSlow = false;
  #isClosed = false;
  /** Requests waiting for the session to be up to date. */
  #verifications: number[] = [];

  /** @param watcher the session */
  constructor(connection: Connection, context: SenderContext, watcher: Watcher) {
    this.#connection = connection;
    this.#nameSpace = connection.client.nameSpace;
    this.#context = context;
    const { conflateMs, socketBufferBytesMax } = context.config.stream;
    this.#messageBytesMax = socketBufferBytesMax / 2;
    this.pace = new ConflationTimer(context.conflation, conflateMs, () => this.flush());
    this.links = context.subscriptions.enter(this, watcher);
  }

  /** Whether the socket had no room when last looked at. */
  get isSlow(): boolean {
    return this.#isSlow;
  }

  /** Whether something waits only for room in the socket. */
  get isBehind(): boolean {
    return this.#isSlow && !this.#isClosed && this.links.statsPending > 0;
  }

  get verificationsWaiting(): number {
    return this.#verifications.length;
  }

  /**
   * Links the session to a symbol, or changes what it wants of it. What was not wanted before begins now: a full entry,
   * and anomalies from the next one on.
   *
   * @param wants of all patterns that match it, together (wants.ts)
   * @param isFresh whether a full entry is due though the session may hold the symbol's state
   * @param since sequence after which anomalies are to be sent, where the session says so
   */
  link(symbolId: number, wants: number, isFresh: boolean, since?: number): void {
    const { links } = this;
    const fields = fieldsWanted(wants);
    const link = this.#context.subscriptions.join(links, symbolId);
    if (isFresh || links.fields[link] !== fields) this.#setCursor(link, NO_SNAPSHOT);
    links.fields[link] = fields;
    this.#linkAnomalies(link, areAnomaliesWanted(wants), since);
    if (fields === 0) return;
    this.#context.versions.refresh(symbolId);
    if (this.#context.versions.current(symbolId) !== links.cursors[link]) links.markStats(link);
  }

  /** Unlinks the session from those of the symbols it is linked to; awaited ones are symbols too. */
  unlink(symbolIds: readonly number[]): void {
    const links = symbolIds.map((symbolId) => this.links.find(symbolId));
    this.#remove(links.filter((link) => link !== NO_LINK));
    // What was left of a flush is gone with its links: the next one is a new one.
    if (this.links.statsPending === 0) this.#isMidFlush = false;
  }

  /** Unlinks everything: the session is gone. */
  close(): void {
    this.#isClosed = true;
    this.pace.end();
    this.#remove(this.links.all());
    this.#context.subscriptions.exit(this.links);
  }

  /** The session lacks the current snapshot of a link's symbol. */
  markStats(link: number): void {
    if (this.links.fields[link] !== 0) this.links.markStats(link);
  }

  /** The symbol of a link has a new anomaly. */
  markAnomalies(link: number): void {
    if (this.links.anomalies[link] !== NO_ANOMALIES) this.links.markAnomalies(link);
  }

  /** Answers a `VERIFY` once the session is up to date with the rows as they are now. */
  verify(requestId: number): void {
    this.#verifications.push(requestId);
    const { links } = this;
    for (const link of links.bySymbolId()) {
      if (links.fields[link] === 0) continue;
      const symbolId = links.symbolIds[link] as number;
      this.#context.versions.refresh(symbolId);
      if (this.#context.versions.current(symbolId) !== links.cursors[link]) links.markStats(link);
    }
  }

  /** Brings the session up to date as far as its socket and its `conflateMs` allow. */
  flush(): void {
    const { links } = this;
    if (links.statsPending + links.anomaliesPending + this.#verifications.length === 0) return;
    if (this.#isClosed || !this.#connection.isOpen || !this.#checkRoom()) return;
    // One message needs no cork; with anomalies or answers there may be more.
    if (links.anomaliesPending + this.#verifications.length === 0) this.#deliver();
    else this.#connection.cork(() => this.#deliver());
  }

  #deliver(): void {
    if (this.links.statsPending > 0 && (this.#isMidFlush || this.pace.isUp())) this.#sendStats();
    while (this.links.anomaliesPending > 0 && this.#checkRoom()) this.#sendAnomalies();
    if (this.links.statsPending === 0) this.#answerVerifications();
  }

  #sendStats(): void {
    this.#isMidFlush = true;
    while (this.links.statsPending > 0) {
      if (!this.#checkRoom()) return;
      this.#sendStatsMessage();
    }
    this.#isMidFlush = false;
    this.pace.told();
  }

  #sendStatsMessage(): void {
    const { links } = this;
    const { counters, statsMessage: message, versions } = this.#context;
    const names: (number | string)[] = [];
    message.start(this.#connection.encoding);
    while (links.statsPending > 0 && message.length < this.#messageBytesMax) {
      const link = links.takeStats();
      const symbolId = links.symbolIds[link] as number;
      const from = links.cursors[link] as number;
      const to = versions.current(symbolId);
      const fields = links.fields[link] as number;
      // No longer wanted since it was marked.
      if (to === from || fields === 0) continue;
      if (links.name(link)) names.push(symbolId, this.#symbolOf(symbolId));
      if (message.add(symbolId, from, to, fields)) {
        counters.entriesOut++;
        if (from === NO_SNAPSHOT) counters.fullEntriesOut++;
      }
      this.#setCursor(link, to);
    }
    if (names.length > 0) this.#connection.send(symbolsFrame(names));
    if (!message.isEmpty()) this.#connection.sendEncoded(message.finish(Date.now()));
  }

  #sendAnomalies(): void {
    const { links } = this;
    const { anomalies, counters } = this.#context;
    const names: (number | string)[] = [];
    const sent: SentAnomaly[] = [];
    while (links.anomaliesPending > 0 && sent.length < ANOMALIES_PER_FRAME) {
      const link = links.takeAnomalies();
      const symbolId = links.symbolIds[link] as number;
      const cursor = links.anomalies[link] as number;
      const pending = anomalies.toSend(symbolId, cursor + 1);
      if (pending.length === 0) continue;
      if (links.name(link)) names.push(symbolId, this.#symbolOf(symbolId));
      sent.push(...pending);
      links.anomalies[link] = anomalies.last(symbolId);
    }
    if (sent.length === 0) return;
    sent.sort((a, b) => a.ordinal - b.ordinal);
    if (names.length > 0) this.#connection.send(symbolsFrame(names));
    this.#connection.sendEncoded(anomalyMessage(sent, Date.now(), this.#connection.encoding));
    counters.anomaliesOut += sent.length;
  }

  #answerVerifications(): void {
    if (this.#verifications.length === 0) return;
    const { links } = this;
    const { values } = this.#context.versions;
    const digest = new Digest();
    let symbolCount = 0;
    for (const link of links.bySymbolId()) {
      const snapshot = links.cursors[link] as number;
      if (links.fields[link] !== ALL_FIELDS || snapshot === NO_SNAPSHOT) continue;
      const [price, average, count, time, min, max] = values.subarray(
        snapshot * VALUES,
        (snapshot + 1) * VALUES,
      ) as unknown as [number, number, number, number, number, number];
      digest.add(links.symbolIds[link] as number, { price, average, count, time, min, max });
      symbolCount++;
    }
    for (const requestId of this.#verifications) {
      this.#connection.send(digestFrame(requestId, digest.value, symbolCount));
    }
    this.#verifications = [];
  }

  #linkAnomalies(link: number, isWanted: boolean, since: number | undefined): void {
    const { links } = this;
    const last = this.#context.anomalies.last(links.symbolIds[link] as number);
    if (!isWanted) {
      links.anomalies[link] = NO_ANOMALIES;
    } else if (since !== undefined) {
      links.anomalies[link] = Math.min(since, last);
    } else if (links.anomalies[link] === NO_ANOMALIES) {
      links.anomalies[link] = last;
    }
    if (isWanted && last > (links.anomalies[link] as number)) links.markAnomalies(link);
  }

  #remove(links: readonly number[]): void {
    for (const link of links) {
      this.#setCursor(link, NO_SNAPSHOT);
      this.#context.subscriptions.leave(link);
      this.links.remove(link);
    }
    this.links.sweep();
  }

  #setCursor(link: number, snapshot: number): void {
    const { versions } = this.#context;
    if (snapshot !== NO_SNAPSHOT) versions.retain(snapshot);
    versions.release(this.links.cursors[link] as number);
    this.links.cursors[link] = snapshot;
  }

  #symbolOf(symbolId: number): string {
    return this.#nameSpace.symbolOf(this.#context.engine.symbols.name(symbolId));
  }

  #checkRoom(): boolean {
    const hasRoom = this.#connection.hasRoom();
    if (!hasRoom && !this.#isSlow) this.#context.counters.slowEpisodes++;
    this.#isSlow = !hasRoom;
    return hasRoom;
  }
}
