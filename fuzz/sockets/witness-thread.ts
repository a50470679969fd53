import { parentPort, workerData } from 'node:worker_threads';
import { WebSocket } from 'ws';
import { StatsMirror } from '../../testkit/independent/mirror.ts';
import { decodeMessage, encodeMessage, Op } from '../../testkit/independent/protocol.ts';

const TIME = 1_700_000_000_000;
const EVERY_MS = 5;

/** What the witness says when asked. */
export interface Testimony {
  /** The longest round trip since the last time, ms, without what this thread itself was late. */
  readonly roundTripMs: number;
  readonly ticks: number;
  readonly violations: readonly string[];
}

/**
 * A publisher and a subscriber that go on with their work. The n-th tick has price n and time n, so
 * that every entry that is not exactly a state the symbol had shows.
 */
class Witness {
  readonly #symbol = `witness-${process.hrtime.bigint()}`;
  readonly #mirror = new StatsMirror();
  readonly #violations: string[] = [];
  readonly #publisher: WebSocket;
  readonly #subscriber: WebSocket;
  #sent = 0;
  #counted = 0;
  #acknowledged = 0;
  #pingedAt = 0;
  #roundTripMs = 0;
  #lastTurn = performance.now();
  #lateMs = 0;

  constructor(port: number) {
    const open = (path: string) =>
      new WebSocket(`ws://127.0.0.1:${port}${path}`, ['tickwire.v1'], { perMessageDeflate: false });
    this.#publisher = open('/v1/publish');
    this.#subscriber = open('/v1/stream');
    for (const socket of [this.#publisher, this.#subscriber]) {
      socket.on('message', (data: Buffer) => this.#take(decodeMessage(data)));
      socket.on('close', (code) => this.#violations.push(`closed with ${code}`));
      socket.on('error', (error) => this.#violations.push(String(error)));
    }
  }

  async start(): Promise<void> {
    await Promise.all(
      [this.#publisher, this.#subscriber].map(
        (socket) => new Promise((resolve) => socket.once('message', resolve)),
      ),
    );
    this.#subscriber.send(encodeMessage([Op.SUBSCRIBE, 1, [this.#symbol]], false));
    setInterval(() => this.#work(), EVERY_MS);
  }

  /** Everything sent until now has arrived, and exactly. */
  async testify(): Promise<Testimony> {
    this.#publish();
    const due = this.#sent;
    const isDone = () => this.#counted >= due && this.#acknowledged >= due && this.#pingedAt === 0;
    while (!isDone() && this.#violations.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const roundTripMs = this.#roundTripMs;
    this.#roundTripMs = 0;
    return { roundTripMs, ticks: this.#sent, violations: this.#violations };
  }

  #work(): void {
    const now = performance.now();
    this.#lateMs += Math.max(0, now - this.#lastTurn - 2 * EVERY_MS);
    this.#lastTurn = now;
    this.#publish();
    if (this.#pingedAt !== 0) return;
    this.#pingedAt = now;
    this.#lateMs = 0;
    this.#subscriber.send(encodeMessage([Op.PING, now], false));
  }

  #publish(): void {
    const n = ++this.#sent;
    this.#publisher.send(encodeMessage([Op.TICKS, n, [this.#symbol, n, TIME + n]], false));
  }

  #take(frame: unknown[]): void {
    const [op, first, second] = frame;
    if (op === Op.PONG) this.#pong();
    else if (op === Op.SYMBOLS) this.#mirror.name(first as unknown[]);
    else if (op === Op.STATS) this.#apply(second as number[]);
    else if (op === Op.ACK) this.#acknowledge(frame as number[]);
    else if (op === Op.ERROR || op === Op.REJECT) this.#violations.push(JSON.stringify(frame));
  }

  #pong(): void {
    const trip = performance.now() - this.#pingedAt - this.#lateMs;
    this.#roundTripMs = Math.max(this.#roundTripMs, trip);
    this.#pingedAt = 0;
  }

  #acknowledge([, sequence = 0, accepted, rejected, dropped]: number[]): void {
    this.#acknowledged = sequence;
    if (accepted === sequence && rejected === 0 && dropped === 0) return;
    this.#violations.push(`of ${sequence} ticks, ${rejected} rejected, ${dropped} dropped`);
  }

  #apply(numbers: readonly number[]): void {
    try {
      this.#mirror.apply(numbers, (_symbol, { price, count = 0, time, min, max }) => {
        const isExact = price === count && time === TIME + count && min === 1 && max === count;
        if (!isExact || count < this.#counted)
          throw new Error(`${count} ticks: ${price} ${time} ${min} ${max}`);
        this.#counted = count;
      });
    } catch (error) {
      this.#violations.push(String(error));
    }
  }
}

const witness = new Witness((workerData as { readonly port: number }).port);
await witness.start();
parentPort?.on('message', () => {
  void witness.testify().then((testimony) => parentPort?.postMessage(testimony));
});
parentPort?.postMessage('ready');
