import type { Dialect, ScriptedTrade } from '../../feeds/exchange/dialect.ts';

/** Of ten digits each, so that they are replaced in place. */
const FIRST_ID = 1_000_000_000;
const PLACEHOLDER_TIME = 1_700_000_000_123;
const TEXT_FRAME = 0x81;
const SHORT_MAX = 125;
const LENGTH_16 = 126;

/** Where a trade's digits are in the bytes. */
interface Place {
  readonly id: number;
  readonly time: number;
  readonly symbol: number;
}

/**
 * A venue's messages as WebSocket frames, made once: each time only ids and times are written anew,
 * which costs a tenth of what reading them does.
 */
export class VenueFrames {
  readonly trades: number;
  readonly #bytes: Buffer;
  readonly #places: readonly Place[];
  /** The last id of each symbol. */
  readonly #ids: number[];
  readonly #writesMs: boolean;

  /**
   * @param messages how many; with `tradesPerMessage` trades each, of all symbols in turn
   * @throws Error for a dialect whose ids or times are not found in its messages
   */
  constructor(
    dialect: Dialect,
    symbols: readonly string[],
    messages: number,
    tradesPerMessage: number,
  ) {
    this.trades = messages * tradesPerMessage;
    this.#ids = symbols.map(() => FIRST_ID);
    const frames: Buffer[] = [];
    const places: Place[] = [];
    const rfc3339 = new Date(PLACEHOLDER_TIME).toISOString().slice(0, -1);
    let at = 0;
    let writesMs = true;
    for (let message = 0; message < messages; message += 1) {
      const trades = Array.from({ length: tradesPerMessage }, (_, i): ScriptedTrade => {
        const nth = message * tradesPerMessage + i;
        const symbol = symbols[nth % symbols.length] as string;
        return { symbol, id: FIRST_ID + nth, price: 8950.25, time: PLACEHOLDER_TIME };
      });
      const texts = dialect.trades(trades);
      if (texts.length !== 1) throw new Error(`${dialect.venue}: not one message`);
      const frame = frameOf(texts[0] as string);
      let timeAt = 0;
      for (const [i, { id }] of trades.entries()) {
        const idAt = frame.indexOf(String(id));
        // The nearest time behind the one before.
        let time = frame.indexOf(String(PLACEHOLDER_TIME), timeAt);
        if (time < 0) {
          writesMs = false;
          time = frame.indexOf(rfc3339, timeAt);
        }
        if (idAt < 0 || time < 0) throw new Error(`${dialect.venue}: no id or no time`);
        timeAt = time + 1;
        const symbol = (message * tradesPerMessage + i) % symbols.length;
        places.push({ id: at + idAt, time: at + time, symbol });
      }
      frames.push(frame);
      at += frame.length;
    }
    this.#bytes = Buffer.concat(frames);
    this.#places = places;
    this.#writesMs = writesMs;
  }

  /** The next trades of each symbol, traded now. Valid until the next call. */
  next(): Buffer {
    const now = new Date();
    const time = this.#writesMs ? String(now.getTime()) : now.toISOString().slice(0, -1);
    for (const place of this.#places) {
      const id = (this.#ids[place.symbol] as number) + 1;
      this.#ids[place.symbol] = id;
      this.#bytes.write(String(id), place.id, 'latin1');
      this.#bytes.write(time, place.time, 'latin1');
    }
    return this.#bytes;
  }
}

/** One unmasked text frame of up to 65 535 bytes. */
function frameOf(text: string): Buffer {
  const payload = Buffer.from(text);
  if (payload.length <= SHORT_MAX) {
    return Buffer.concat([Buffer.of(TEXT_FRAME, payload.length), payload]);
  }
  const head = Buffer.of(TEXT_FRAME, LENGTH_16, 0, 0);
  head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}
