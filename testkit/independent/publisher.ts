import { type ConnectOptions, IndependentClient } from './client.ts';
import { Op } from './protocol.ts';

/** A tick to be sent; `time` null: the server's receipt time. */
export interface SentTick {
  readonly symbol: string;
  readonly price: number;
  readonly time: number | null;
}

/** An ACK as it came. */
export interface SeenAck {
  readonly at: number;
  readonly sequence: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly dropped: number;
  readonly credit: number;
}

interface OpenFrame {
  readonly sequence: number;
  readonly ticks: number;
}

/** A publisher: ticks out, acknowledgements in. Checks that acknowledgements only ever grow. */
export class IndependentPublisher extends IndependentClient {
  readonly acks: SeenAck[] = [];
  nextSequence = 1;
  readonly #aliases = new Map<string, number>();
  #open: OpenFrame[] = [];

  static async connect(
    port: number,
    name?: string,
    options: ConnectOptions = {},
  ): Promise<IndependentPublisher> {
    const query = name === undefined ? '' : `?publisher=${encodeURIComponent(name)}`;
    const url = `ws://127.0.0.1:${port}/v1/publish${query}`;
    const socket = IndependentClient.socket(url, options);
    const publisher = await new IndependentPublisher(socket, options.json ?? false).ready();
    publisher.nextSequence = (publisher.welcome.sequence as number) + 1;
    return publisher;
  }

  get lastAck(): SeenAck {
    const none = { at: 0, sequence: 0, accepted: 0, rejected: 0, dropped: 0 };
    return this.acks.at(-1) ?? { ...none, credit: this.welcome.credit as number };
  }

  /** Ticks that may be sent now. */
  get credit(): number {
    return this.#open.reduce((credit, { ticks }) => credit - ticks, this.lastAck.credit);
  }

  /** Declares aliases for symbols, from `firstAlias` on; {@link publish} uses them from then on. */
  declare(firstAlias: number, symbols: readonly string[]): void {
    symbols.forEach((symbol, index) => {
      this.#aliases.set(symbol, firstAlias + index);
    });
    this.send([Op.ALIAS, firstAlias, symbols]);
  }

  /** Sends ticks in one frame with the next sequence, which it returns. */
  publish(ticks: readonly SentTick[]): number {
    const sequence = this.nextSequence++;
    this.#open.push({ sequence, ticks: ticks.length });
    const values = ticks.flatMap(({ symbol, price, time }) => [
      this.#aliases.get(symbol) ?? symbol,
      price,
      time,
    ]);
    this.send([Op.TICKS, sequence, values]);
    return sequence;
  }

  /** Sends ticks in frames of at most `frameTicks`, as fast as credit allows, to the last ACK. */
  async publishAll(ticks: readonly SentTick[], frameTicks = 1000): Promise<void> {
    let last = 0;
    for (let at = 0; at < ticks.length; ) {
      await this.until(() => this.credit > 0, `credit after ${at} of ${ticks.length} ticks`);
      const end = at + Math.min(frameTicks, this.credit);
      last = this.publish(ticks.slice(at, end));
      at = end;
      // What came meanwhile is read: acknowledgements, and whatever else this process does.
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (last > 0) await this.acknowledged(last);
  }

  /** The first ACK that covers `sequence`. */
  async acknowledged(sequence = this.nextSequence - 1): Promise<SeenAck> {
    const find = () => this.acks.find((ack) => ack.sequence >= sequence);
    await this.until(() => find() !== undefined, `ACK of ${sequence}`);
    return find() as SeenAck;
  }

  protected override take(frame: unknown[]): void {
    super.take(frame);
    if (frame[0] !== Op.ACK) return;
    const [, sequence, accepted, rejected, dropped, credit] = frame as number[] as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const before = this.lastAck;
    const ack = { at: performance.now(), sequence, accepted, rejected, dropped, credit };
    this.acks.push(ack);
    this.#open = this.#open.filter((open) => open.sequence > sequence);
    for (const name of ['sequence', 'accepted', 'rejected', 'dropped'] as const) {
      const isFirst = this.acks.length === 1;
      if (!isFirst && ack[name] < before[name]) {
        throw new Error(`ACK: ${name} went from ${before[name]} to ${ack[name]}`);
      }
    }
  }
}
