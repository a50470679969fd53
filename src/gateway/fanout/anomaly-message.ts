import type { Anomaly } from '../../engine/index.ts';
import { anomalyTuple, ByteWriter, type Encoding, encodeFrame, Op } from '../../protocol/index.ts';

/** An anomaly on its way to sessions. Each encoding is made once, however many sessions get it. */
export class SentAnomaly {
  readonly anomaly: Anomaly;
  readonly symbolId: number;
  /** What sessions call the symbol. */
  readonly wireId: number;
  /** Place among the anomalies of all symbols: the order in which sessions get them. */
  readonly ordinal: number;
  #bytes: Uint8Array | undefined;
  #text: string | undefined;

  constructor(anomaly: Anomaly, symbolId: number, wireId: number, ordinal: number) {
    this.anomaly = anomaly;
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
    return encodeFrame(anomalyTuple(this.wireId, this.anomaly), encoding);
  }
}

const writer = new ByteWriter();

/**
 * An ANOMALY frame of anomalies in the order of their ordinals.
 *
 * @returns a message that is valid until the next call
 */
export function anomalyMessage(
  anomalies: readonly SentAnomaly[],
  serverTime: number,
  encoding: Encoding,
): Uint8Array | string {
  if (encoding === 'json') {
    const texts = anomalies.map(({ text }) => text);
    return `[${Op.ANOMALY},${serverTime},[${texts.join(',')}]]`;
  }
  writer.reset();
  writer.arrayHeader(3);
  writer.number(Op.ANOMALY);
  writer.float64(serverTime);
  writer.arrayHeader(anomalies.length);
  for (const { bytes } of anomalies) writer.copy(bytes, 0, bytes.length);
  return writer.view();
}
