import { ByteWriter, type Encoding, encodeFrame, type RaisedRecord } from '../../protocol/index.ts';
import type { LoggedKind } from './record-kinds.ts';

/** A record on its way to sessions. Each encoding is made once, however many sessions get it. */
export class SentRecord<R extends RaisedRecord> {
  readonly record: R;
  readonly symbolId: number;
  /** What sessions call the symbol. */
  readonly wireId: number;
  /** Place among the records of all symbols: the order in which sessions get them. */
  readonly ordinal: number;
  readonly #kind: LoggedKind<R>;
  #bytes: Uint8Array | undefined;
  #text: string | undefined;

  constructor(kind: LoggedKind<R>, record: R, symbolId: number, wireId: number, ordinal: number) {
    this.#kind = kind;
    this.record = record;
    this.symbolId = symbolId;
    this.wireId = wireId;
    this.ordinal = ordinal;
  }

  get bytes(): Uint8Array {
    // Copied, because the encoder's views keep its whole buffer alive. They are Buffers, whose
    // `slice` is a view, too.
    this.#bytes ??= new Uint8Array(this.#encode('binary') as Uint8Array);
    return this.#bytes;
  }

  get text(): string {
    this.#text ??= this.#encode('json') as string;
    return this.#text;
  }

  #encode(encoding: Encoding): Uint8Array | string {
    return encodeFrame(this.#kind.tuple(this.wireId, this.record), encoding);
  }
}

const writer = new ByteWriter();

/**
 * An ANOMALY or ALERT frame of records in the order of their ordinals.
 *
 * @returns a message that is valid until the next call
 */
export function recordMessage<R extends RaisedRecord>(
  op: number,
  records: readonly SentRecord<R>[],
  serverTime: number,
  encoding: Encoding,
): Uint8Array | string {
  if (encoding === 'json') {
    const texts = records.map(({ text }) => text);
    return `[${op},${serverTime},[${texts.join(',')}]]`;
  }
  writer.reset();
  writer.arrayHeader(3);
  writer.number(op);
  writer.float64(serverTime);
  writer.arrayHeader(records.length);
  for (const { bytes } of records) writer.copy(bytes, 0, bytes.length);
  return writer.view();
}
