import { Op } from '../../testkit/independent/protocol.ts';
import { IndependentPublisher } from '../../testkit/independent/publisher.ts';

const FRAME_TICKS = 64;
const SYMBOL = 'EAGER';

/** Outcome of a publisher that sends at full credit. */
export interface HeldBack {
  readonly sent: number;
  readonly accepted: number;
  /** Error frames received. */
  readonly refused: number;
  /** Waits for credit, and the share of time spent waiting. */
  readonly stalls: number;
  readonly stalledShare: number;
}

/** A publisher under `wait` that sends a frame whenever credit allows. */
export class EagerPublisher {
  readonly #publisher: IndependentPublisher;
  readonly #startedAt = performance.now();
  readonly #loop: Promise<void>;
  #isEnding = false;
  #sent = 0;
  #stalls = 0;
  #stalledMs = 0;

  private constructor(publisher: IndependentPublisher) {
    this.#publisher = publisher;
    this.#loop = this.#run();
  }

  static async start(port: number): Promise<EagerPublisher> {
    return new EagerPublisher(await IndependentPublisher.connect(port, 'eager'));
  }

  /** Stops once everything sent is acknowledged. */
  async stop(): Promise<HeldBack> {
    this.#isEnding = true;
    await this.#loop;
    const elapsedMs = performance.now() - this.#startedAt;
    if (this.#sent > 0) await this.#publisher.acknowledged();
    const { accepted } = this.#publisher.lastAck;
    const refused = this.#publisher.of(Op.ERROR).length;
    this.#publisher.close();
    const stalledShare = this.#stalledMs / elapsedMs;
    return { sent: this.#sent, accepted, refused, stalls: this.#stalls, stalledShare };
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      if (this.#publisher.credit < FRAME_TICKS) await this.#stall();
      const ticks = Array.from({ length: FRAME_TICKS }, () => {
        this.#sent++;
        return { symbol: SYMBOL, price: this.#sent, time: this.#sent };
      });
      this.#publisher.publish(ticks);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #stall(): Promise<void> {
    const from = performance.now();
    this.#stalls++;
    await this.#publisher.until(() => this.#publisher.credit >= FRAME_TICKS, 'credit');
    this.#stalledMs += performance.now() - from;
  }
}
