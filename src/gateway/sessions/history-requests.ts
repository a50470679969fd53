import {
  type Alert,
  type Anomaly,
  alertHistoryTuple,
  alertPageFrame,
  ErrorCode,
  type Frame,
  historyPageFrame,
  historyTuple,
  Op,
  ProtocolError,
  type RaisedRecord,
  type StreamRequest,
  validateSymbol,
} from '../../protocol/index.ts';
import { CallRefusedError } from '../../threads/call-queue.ts';
import type { GatewayContext } from '../context.ts';
import type { LoggedPage } from '../fanout/record-log.ts';
import type { RuleAnnouncements } from '../fanout/rule-announcements.ts';
import type { Connection } from './connection.ts';

/** Records in a page at most. */
const PAGE_MAX = 1000;
/** Requests of a session that may wait for the store: the others get their turn. */
const WAITING_MAX = 16;

type HistoryContext = Pick<
  GatewayContext,
  'alerts' | 'anomalies' | 'engine' | 'fault' | 'security'
>;

type HistoryRequest = Extract<StreamRequest, { readonly afterSequence: number }>;

/**
 * Answers one session's `HISTORY` and `ALERT_HISTORY`: at once from memory, later from the store. A
 * page is what it was when it was asked for.
 */
export class HistoryRequests {
  readonly #connection: Connection;
  readonly #rules: RuleAnnouncements;
  readonly #context: HistoryContext;
  /** Delay after which a refused request may be retried, ms. */
  readonly #retryMs: number;
  #waiting = 0;

  constructor(
    connection: Connection,
    rules: RuleAnnouncements,
    context: HistoryContext,
    retryMs: number,
  ) {
    this.#connection = connection;
    this.#rules = rules;
    this.#context = context;
    this.#retryMs = retryMs;
  }

  /** @throws ProtocolError if it is refused */
  answer(request: HistoryRequest): void {
    const { requestId, symbol } = request;
    const fault = validateSymbol(symbol);
    if (fault !== undefined) {
      throw new ProtocolError(ErrorCode.bad_symbol, `symbol ${fault}`, requestId);
    }
    const { client } = this.#connection;
    if (!client.canRead(symbol)) {
      this.#context.security.forbidden(client, `read ${symbol}`);
      const message = `the token does not allow "${symbol}"`;
      throw new ProtocolError(ErrorCode.forbidden, message, requestId);
    }
    if (this.#waiting >= WAITING_MAX) throw tooMany(requestId, 'of this session');
    const { alerts, anomalies, engine } = this.#context;
    const name = client.nameSpace.nameOf(symbol);
    const range = {
      symbol: name,
      from: request.afterSequence + 1,
      limit: Math.min(request.limit, PAGE_MAX),
    };
    const symbolId = engine.symbols.findName(name);
    const isWanted = () => this.#connection.isOpen;
    if (request.op === Op.HISTORY) {
      this.#answer(request, anomalies.page(symbolId, range, isWanted), this.#anomaliesFrame);
    } else {
      this.#answer(request, alerts.page(symbolId, range, isWanted), this.#alertsFrame);
    }
  }

  #answer<R extends RaisedRecord>(
    request: HistoryRequest,
    page: LoggedPage<R> | Promise<LoggedPage<R>>,
    frameOf: PageFrame<R>,
  ): void {
    if (page instanceof Promise) void this.#answerLater(request, page, frameOf);
    else this.#send(request, page, frameOf);
  }

  async #answerLater<R extends RaisedRecord>(
    request: HistoryRequest,
    page: Promise<LoggedPage<R>>,
    frameOf: PageFrame<R>,
  ): Promise<void> {
    this.#waiting++;
    try {
      this.#send(request, await page, frameOf);
    } catch (error) {
      if (error instanceof ProtocolError) this.#connection.refuse(error);
      else if (!(error instanceof CallRefusedError)) this.#context.fault(error);
      else this.#connection.refuse(tooMany(request.requestId, 'of all sessions'), this.#retryMs);
    } finally {
      this.#waiting--;
    }
  }

  #send<R extends RaisedRecord>(
    request: HistoryRequest,
    { first, items, last }: LoggedPage<R>,
    frameOf: PageFrame<R>,
  ): void {
    const { afterSequence, op, requestId } = request;
    if (afterSequence + 1 < first) {
      // Gone for good.
      const { plural } = this.#context[op === Op.HISTORY ? 'anomalies' : 'alerts'].kind;
      const kept = first > last ? `none is kept, the last was ${last}` : `kept from ${first} on`;
      const message = `${plural} after ${afterSequence} are removed: ${kept}`;
      throw new ProtocolError(ErrorCode.not_available, message, requestId, false);
    }
    const hasMore = (items.at(-1)?.sequence ?? afterSequence) < last;
    this.#connection.send(frameOf(request, items, hasMore));
  }

  readonly #anomaliesFrame: PageFrame<Anomaly> = ({ requestId, symbol }, items, hasMore) =>
    historyPageFrame(requestId, symbol, items.map(historyTuple), hasMore);

  readonly #alertsFrame: PageFrame<Alert> = ({ requestId, symbol }, items, hasMore) => {
    this.#rules.announce(items);
    const { ruleTable } = this.#context.engine;
    const tuples = items.map((alert) =>
      alertHistoryTuple(ruleTable.id(alert.rule, alert.kind), alert),
    );
    return alertPageFrame(requestId, symbol, tuples, hasMore);
  };
}

/** Words a page of records. */
type PageFrame<R extends RaisedRecord> = (
  request: HistoryRequest,
  items: readonly R[],
  hasMore: boolean,
) => Frame;

function tooMany(requestId: number, whose: string): ProtocolError {
  const message = `too many HISTORY requests ${whose} wait already`;
  return new ProtocolError(ErrorCode.rate_limited, message, requestId);
}
