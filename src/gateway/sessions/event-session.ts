import type { Anomaly, SubscribeOptions } from '../../protocol/index.ts';
import type { Arrived } from '../../store/index.ts';
import type { GatewayContext } from '../context.ts';
import type { EventFormat } from '../fanout/event-format.ts';
import type { SocketHandler } from '../transport/transport.ts';
import type { StreamSession } from './stream-session.ts';

/** What a stream of events is to have. */
export interface EventRequest {
  readonly format: EventFormat;
  readonly patterns: readonly string[];
  readonly options: SubscribeOptions;
  readonly matches: (symbol: string) => boolean;
  /** Ordinal from which anomalies are sent first; undefined: only new ones. */
  readonly fromOrdinal: number | undefined;
}

/** Anomalies read at a time: a few ms. */
const PAGE = 500;

/**
 * A subscriber's session on an HTTP answer. Anomalies since the client's last one come first: from
 * the store, as long as memory lacks them; then it subscribes, and is served like any session.
 */
export class EventSession implements SocketHandler {
  readonly #session: StreamSession;
  readonly #anomalies: GatewayContext['anomalies'];
  readonly #request: EventRequest;
  /** Of the next anomaly to be sent from the log; undefined once subscribed. */
  #nextOrdinal: number | undefined;
  #isReading = false;

  constructor(
    session: StreamSession,
    anomalies: GatewayContext['anomalies'],
    request: EventRequest,
  ) {
    this.#session = session;
    this.#anomalies = anomalies;
    this.#request = request;
    this.#nextOrdinal = request.options.anomalies === false ? undefined : request.fromOrdinal;
    this.#continue();
  }

  /** The peer of an HTTP answer sends nothing. */
  message(): void {}

  drain(): void {
    if (this.#nextOrdinal === undefined) this.#session.drain();
    else this.#continue();
  }

  pong(mark: number): void {
    this.#session.pong(mark);
  }

  close(code: number): void {
    this.#session.close(code);
  }

  /** Sends the next page of the log, or subscribes at its end. */
  #continue(): void {
    const { connection } = this.#session;
    if (!connection.isOpen || this.#isReading) return;
    if (this.#nextOrdinal !== undefined) {
      if (!connection.hasSpace()) return;
      const page = this.#anomalies.arrivedInMemory(this.#nextOrdinal, PAGE);
      if (page === undefined) {
        void this.#read(this.#nextOrdinal);
        return;
      }
      if (page.length > 0) this.#nextOrdinal = this.#sendPage(page);
      if (page.length === PAGE) {
        setImmediate(() => this.#continue());
        return;
      }
      this.#nextOrdinal = undefined;
    }
    // In the same step as the last page, which is from memory: no anomaly comes between.
    this.#session.subscribe(0, this.#request.patterns, this.#request.options);
  }

  /** Sends a page of the store. Where that has nothing, memory has all that is left. */
  async #read(ordinal: number): Promise<void> {
    this.#isReading = true;
    const page = await this.#anomalies.arrivedFrom(ordinal, PAGE);
    this.#isReading = false;
    const { memoryStart, nextOrdinal } = this.#anomalies;
    if (page === undefined) {
      this.#sendText(this.#request.format.gap());
      this.#nextOrdinal = nextOrdinal;
    } else {
      this.#nextOrdinal = page.length > 0 ? this.#sendPage(page) : Math.max(ordinal, memoryStart);
    }
    this.#continue();
  }

  #sendPage(page: readonly Arrived<Anomaly>[]): number {
    const { client } = this.#session.connection;
    const { format, matches } = this.#request;
    let text = '';
    let next = 0;
    for (const { record: anomaly, ordinal } of page) {
      next = ordinal + 1;
      if (!client.sees(anomaly.symbol)) continue;
      const symbol = client.nameSpace.symbolOf(anomaly.symbol);
      if (matches(symbol)) text += format.anomaly(symbol, anomaly, ordinal);
    }
    this.#sendText(text);
    return next;
  }

  #sendText(text: string): void {
    if (text !== '') this.#session.connection.sendEncoded(text);
  }
}
