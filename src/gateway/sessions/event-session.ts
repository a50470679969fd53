import type { SubscribeOptions } from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import type { EventFormat } from '../fanout/event-format.ts';
import type { RecordKindName } from '../subscriptions/subscription-columns.ts';
import type { SocketHandler } from '../transport/transport.ts';
import { EventReplay, PAGE } from './event-replay.ts';
import type { StreamSession } from './stream-session.ts';

/** An {@link EventReplay}, of whatever. */
type Replay = Pick<EventReplay<never>, 'sendFromMemory' | 'sendFromStore'>;

/** What a stream of events is to have. */
export interface EventRequest {
  readonly format: EventFormat;
  readonly patterns: readonly string[];
  readonly options: SubscribeOptions;
  readonly matches: (symbol: string) => boolean;
  /** Ordinal from which records are sent first; undefined: only new ones. */
  readonly from: { readonly [Kind in RecordKindName]: number | undefined };
}

/**
 * A subscriber's session on an HTTP answer. Anomalies and alerts since the client's last event come
 * first: from the store, as long as memory lacks them; then it subscribes, and is served like any
 * session.
 */
export class EventSession implements SocketHandler {
  readonly #session: StreamSession;
  readonly #request: EventRequest;
  /** What comes first; undefined once subscribed. */
  #replays: readonly Replay[] | undefined;
  #isReading = false;

  constructor(
    session: StreamSession,
    { alerts, anomalies }: Pick<GatewayContext, 'alerts' | 'anomalies'>,
    request: EventRequest,
  ) {
    this.#session = session;
    this.#request = request;
    const { connection } = session;
    const { format, from, matches, options } = request;
    format.begin(startOf(from.anomalies, anomalies), startOf(from.alerts, alerts));
    const replays: Replay[] = [];
    if (options.anomalies !== false && from.anomalies !== undefined) {
      const event = format.anomaly.bind(format);
      const teller = { matches, event, gap: (next: number) => format.gap('anomalies', next) };
      replays.push(new EventReplay(connection, anomalies, from.anomalies, teller));
    }
    if (options.alerts === true && from.alerts !== undefined) {
      const event = format.alert.bind(format);
      const teller = { matches, event, gap: (next: number) => format.gap('alerts', next) };
      replays.push(new EventReplay(connection, alerts, from.alerts, teller));
    }
    this.#replays = replays;
    this.#continue();
  }

  /** The peer of an HTTP answer sends nothing. */
  message(): void {}

  drain(): void {
    if (this.#replays === undefined) this.#session.drain();
    else this.#continue();
  }

  pong(mark: number): void {
    this.#session.pong(mark);
  }

  close(code: number): void {
    this.#session.close(code);
  }

  /** Sends the next pages of the logs, or subscribes at their end. */
  #continue(): void {
    if (this.#isReading || this.#replays === undefined) return;
    let hasSent = false;
    for (const replay of this.#replays) {
      if (!this.#canSend(hasSent)) return;
      const sent = replay.sendFromMemory();
      if (sent === undefined) {
        void this.#read(replay);
        return;
      }
      if (sent === PAGE) {
        this.#continueSoon();
        return;
      }
      hasSent ||= sent > 0;
    }
    if (!this.#canSend(hasSent)) return;
    this.#replays = undefined;
    // In the same step as the last pages, which are from memory: nothing comes between.
    this.#session.subscribe(0, this.#request.patterns, this.#request.options);
  }

  /** Whether there is space; if not, it goes on when there is. */
  #canSend(hasSent: boolean): boolean {
    const { connection } = this.#session;
    if (!connection.isOpen) return false;
    if (connection.hasSpace()) return true;
    // What the kernel takes at the end of this turn does not count as a drain.
    if (hasSent) this.#continueSoon();
    return false;
  }

  async #read(replay: Replay): Promise<void> {
    this.#isReading = true;
    await replay.sendFromStore();
    this.#isReading = false;
    this.#continueSoon();
  }

  #continueSoon(): void {
    setImmediate(() => this.#continue());
  }
}

/** Where the events of a kind begin. One of another server, or another run, says nothing. */
function startOf(from: number | undefined, log: { readonly nextOrdinal: number }): number {
  return from !== undefined && from >= 0 ? from : log.nextOrdinal;
}
