import {
  ErrorCode,
  historyPageFrame,
  historyTuple,
  ProtocolError,
  type StreamRequest,
  validateSymbol,
} from '../../protocol/index.ts';
import { CallRefusedError } from '../../threads/call-queue.ts';
import type { GatewayContext } from '../context.ts';
import type { LoggedPage } from '../fanout/anomaly-log.ts';
import type { Connection } from './connection.ts';

/** Anomalies in a page at most. */
const PAGE_MAX = 1000;
/** Requests of a session that may wait for the store: the others get their turn. */
const WAITING_MAX = 16;

type HistoryRequest = Extract<StreamRequest, { readonly afterSequence: number }>;

/**
 * Answers one session's `HISTORY`: at once from memory, later from the store. A page is what it was
 * when it was asked for.
 */
export class HistoryRequests {
  readonly #connection: Connection;
  readonly #context: Pick<GatewayContext, 'anomalies' | 'engine' | 'fault' | 'security'>;
  /** Delay after which a refused request may be retried, ms. */
  readonly #retryMs: number;
  #waiting = 0;

  constructor(
    connection: Connection,
    context: Pick<GatewayContext, 'anomalies' | 'engine' | 'fault' | 'security'>,
    retryMs: number,
  ) {
    this.#connection = connection;
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
    const { anomalies, engine } = this.#context;
    const name = client.nameSpace.nameOf(symbol);
    const range = {
      symbol: name,
      from: request.afterSequence + 1,
      limit: Math.min(request.limit, PAGE_MAX),
    };
    const page = anomalies.page(
      engine.symbols.findName(name),
      range,
      () => this.#connection.isOpen,
    );
    if (page instanceof Promise) void this.#answerLater(request, page);
    else this.#send(request, page);
  }

  async #answerLater(request: HistoryRequest, page: Promise<LoggedPage>): Promise<void> {
    this.#waiting++;
    try {
      this.#send(request, await page);
    } catch (error) {
      if (error instanceof ProtocolError) this.#connection.refuse(error);
      else if (!(error instanceof CallRefusedError)) this.#context.fault(error);
      else this.#connection.refuse(tooMany(request.requestId, 'of all sessions'), this.#retryMs);
    } finally {
      this.#waiting--;
    }
  }

  #send({ afterSequence, requestId, symbol }: HistoryRequest, { first, items, last }: LoggedPage) {
    if (afterSequence + 1 < first) {
      // Gone for good.
      const kept = first > last ? `none is kept, the last was ${last}` : `kept from ${first} on`;
      const message = `anomalies after ${afterSequence} are removed: ${kept}`;
      throw new ProtocolError(ErrorCode.not_available, message, requestId, false);
    }
    const hasMore = (items.at(-1)?.sequence ?? afterSequence) < last;
    const frame = historyPageFrame(requestId, symbol, items.map(historyTuple), hasMore);
    this.#connection.send(frame);
  }
}

function tooMany(requestId: number, whose: string): ProtocolError {
  const message = `too many HISTORY requests ${whose} wait already`;
  return new ProtocolError(ErrorCode.rate_limited, message, requestId);
}
