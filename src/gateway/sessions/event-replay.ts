import type { RaisedRecord } from '../../protocol/index.ts';
import type { Arrived } from '../../store/index.ts';
import type { RecordLog } from '../fanout/record-log.ts';
import type { Connection } from './connection.ts';

/** Records read at a time: a few ms. */
export const PAGE = 500;

type Log<R extends RaisedRecord> = Pick<
  RecordLog<R>,
  'arrivedFrom' | 'arrivedInMemory' | 'memoryStart' | 'nextOrdinal'
>;

/** How the records of a kind are told. */
export interface Teller<R extends RaisedRecord> {
  /** Whether the client asked for the symbol. */
  readonly matches: (symbol: string) => boolean;
  /** The text of an event. */
  readonly event: (symbol: string, record: R, ordinal: number) => string;
  /** The same where the records before the ordinal `next` are missing. */
  readonly gap: (next: number) => string;
}

/** The anomalies or alerts since a client's last event, page by page. */
export class EventReplay<R extends RaisedRecord> {
  readonly #connection: Connection;
  readonly #log: Log<R>;
  readonly #teller: Teller<R>;
  /** Ordinal of the next record to be sent. */
  #next: number;

  constructor(connection: Connection, log: Log<R>, next: number, teller: Teller<R>) {
    this.#connection = connection;
    this.#log = log;
    this.#next = next;
    this.#teller = teller;
  }

  /** Sends a page; returns its records, {@link PAGE} at most. Undefined if memory lacks it. */
  sendFromMemory(): number | undefined {
    const page = this.#log.arrivedInMemory(this.#next, PAGE);
    if (page !== undefined) this.#send(page);
    return page?.length;
  }

  /** Sends a page of the store. Where that has nothing, memory has all that is left. */
  async sendFromStore(): Promise<void> {
    const page = await this.#log.arrivedFrom(this.#next, PAGE);
    const { memoryStart, nextOrdinal } = this.#log;
    if (page === undefined) {
      this.#sendText(this.#teller.gap(nextOrdinal));
      this.#next = nextOrdinal;
    } else if (page.length > 0) this.#send(page);
    else this.#next = Math.max(this.#next, memoryStart);
  }

  #send(page: readonly Arrived<R>[]): void {
    const { client } = this.#connection;
    let text = '';
    for (const { record, ordinal } of page) {
      this.#next = ordinal + 1;
      if (!client.sees(record.symbol)) continue;
      const symbol = client.nameSpace.symbolOf(record.symbol);
      if (this.#teller.matches(symbol)) text += this.#teller.event(symbol, record, ordinal);
    }
    this.#sendText(text);
  }

  #sendText(text: string): void {
    if (text !== '') this.#connection.sendEncoded(text);
  }
}
