import { expect } from 'vitest';
import { Op } from '../../testkit/independent/protocol.ts';
import type { IndependentPublisher } from '../../testkit/independent/publisher.ts';
import type { IndependentSubscriber } from '../../testkit/independent/subscriber.ts';
import { publisherForTest, subscriberForTest, unique } from './test-clients.ts';

const TIME = 1_700_000_000_000;
const EVERY_MS = 5;

/** A publisher and a subscriber that work while others misbehave. */
export class UndisturbedStream {
  readonly #publisher: IndependentPublisher;
  readonly #subscriber: IndependentSubscriber;
  readonly #symbol: string;
  readonly #timer: NodeJS.Timeout;
  #sent = 0;

  private constructor(
    publisher: IndependentPublisher,
    subscriber: IndependentSubscriber,
    symbol: string,
  ) {
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    this.#symbol = symbol;
    this.#send();
    this.#timer = setInterval(() => this.#send(), EVERY_MS);
  }

  static async start(port: number): Promise<UndisturbedStream> {
    const symbol = unique('undisturbed');
    const subscriber = await subscriberForTest(port);
    subscriber.onEntry = (_symbol, record) => {
      // Tick n has price n and time n: any other state is wrong.
      const n = record.count ?? 0;
      const average = record.average ?? 0;
      const state = { price: n, average, count: n, time: TIME + n, min: 1, max: n };
      expect(record).toEqual(state);
    };
    await subscriber.subscribe([symbol], { anomalies: false });
    return new UndisturbedStream(await publisherForTest(port, symbol), subscriber, symbol);
  }

  /** A few more ticks arrive. */
  async check(): Promise<void> {
    this.#send();
    await this.#subscriber.counted(this.#symbol, this.#sent);
  }

  /** Ends the stream: everything arrived, and both sides agree. */
  async finish(): Promise<void> {
    clearInterval(this.#timer);
    await this.#publisher.acknowledged();
    expect(this.#publisher.lastAck).toMatchObject({ accepted: this.#sent, rejected: 0 });
    expect(this.#publisher.of(Op.ERROR)).toEqual([]);
    await this.#subscriber.counted(this.#symbol, this.#sent);
    const verified = await this.#subscriber.verify();
    expect(verified).toMatchObject({ symbolCount: 1, ownDigest: verified.digest });
  }

  #send(): void {
    this.#sent++;
    const tick = { symbol: this.#symbol, price: this.#sent, time: TIME + this.#sent };
    this.#publisher.publish([tick]);
  }
}
