import { isPrice } from '../../src/gateway/tick-rules.ts';
import { symbolFault } from '../../src/protocol/index.ts';
import { expectThat } from '../core/violation.ts';
import type { SentMessage, Witness } from '../network/simulated-connection.ts';
import { Op, type WireFrame } from '../network/wire.ts';
import type { Offer } from './engine-oracle.ts';
import { LivenessOracle } from './liveness-oracle.ts';
import type { ServerOracle } from './server-oracle.ts';

const Code = {
  bad_symbol: 3,
  bad_price: 4,
  bad_time: 5,
  unknown_alias: 6,
  symbol_limit: 7,
  backpressure: 12,
  sequence_gap: 13,
} as const;
/** Rejected ticks of a frame that are named. */
const NAMED_MAX = 100;
/** A tick whose time is so near the limit may be judged either way: the server looks at the clock once a turn. */
const TIME_UNSURE_MS = 5000;

/** What the server knows of a publisher beyond its connections, over all of them. */
export interface PublisherRecord {
  readonly name: string;
  /** The last sequence accepted; and the last that a snapshot has. */
  sequence: number;
  durable: number;
  oracle: PublishOracle | undefined;
}

/** Looks on at a publisher's connection: what is accepted, what is acknowledged, what credit is given. */
export class PublishOracle implements Witness {
  /** Credit that the publisher holds, as it was told, less what came since. */
  credit = 0;
  isOpen = true;
  readonly #server: ServerOracle;
  readonly #record: PublisherRecord;
  readonly #liveness: LivenessOracle;
  readonly #aliases = new Map<number, string>();
  #accepted = 0;
  #rejected = 0;
  #dropped = 0;
  /** Sequences of frames taken on this connection that no snapshot has, and their ticks. */
  #undurable: { sequence: number; ticks: number }[] = [];
  /** What came back while a message was dealt with. */
  #answers: WireFrame[] = [];

  constructor(server: ServerOracle, record: PublisherRecord) {
    this.#server = server;
    this.#record = record;
    this.#liveness = new LivenessOracle(server);
    // Whoever has the name gives it up.
    record.oracle?.takenOver();
    record.oracle = this;
    server.publishers.add(this);
  }

  takenOver(): void {
    this.credit = 0;
    this.#end();
  }

  before(_message: SentMessage): void {
    this.#server.engine.offers.length = 0;
    this.#answers = [];
  }

  after({ frame }: SentMessage): void {
    const offers = this.#server.engine.offers.splice(0);
    if (frame[0] === Op.TICKS) this.#checkTicks(frame, offers);
    else {
      expectThat(offers.length === 0, 'ticks', () => `op ${String(frame[0])} brought ticks`);
      if (frame[0] === Op.ALIAS) this.#declare(frame);
    }
  }

  sent(frame: WireFrame): void {
    if (frame[0] === Op.WELCOME) this.#welcomed(frame);
    else if (frame[0] === Op.ACK) this.#acknowledged(frame as readonly number[]);
    else this.#answers.push(frame);
    this.#liveness.sent(frame[0] === Op.HEARTBEAT ? frame[2] : undefined);
  }

  closed(code: number, quietMs: number, buffered: number): void {
    this.#liveness.closed(code, quietMs, buffered);
    this.#end();
  }

  #end(): void {
    this.isOpen = false;
    this.credit = 0;
    this.#server.publishers.delete(this);
    if (this.#record.oracle === this) this.#record.oracle = undefined;
  }

  #welcomed(frame: WireFrame): void {
    const info = frame[1] as { sequence: number; credit: number; publisher: string };
    const { durable, sequence } = this.#record;
    const known = this.#server.isDurable ? durable : sequence;
    expectThat(
      info.sequence === known && info.publisher === this.#record.name,
      'WELCOME tells the last sequence accepted',
      () => `${info.publisher}: ${info.sequence}, expected ${known}`,
    );
    this.credit = info.credit;
    this.#server.checkCredit(`WELCOME of ${this.#record.name}`);
  }

  #acknowledged(frame: readonly number[]): void {
    const [, sequence, accepted, rejected, dropped, credit] = frame;
    const { durable, sequence: last, name } = this.#record;
    const isDurable = this.#server.isDurable;
    if (isDurable) this.#undurable = this.#undurable.filter((one) => one.sequence > durable);
    expectThat(
      sequence === (isDurable ? durable : last) &&
        accepted === this.#accepted &&
        rejected === this.#rejected &&
        dropped === this.#dropped,
      'acknowledgements tell what became of the ticks',
      () =>
        `${name}: ACK ${JSON.stringify(frame)}; expected sequence ${isDurable ? durable : last}, accepted ` +
        `${this.#accepted}, rejected ${this.#rejected}, dropped ${this.#dropped}`,
    );
    const held = this.#undurable.reduce((sum, { ticks }) => sum + ticks, 0);
    this.credit = (credit as number) - (isDurable ? held : 0);
    this.#server.checkCredit(`ACK to ${name}`);
  }

  #declare(frame: WireFrame): void {
    const symbols = frame[2] as readonly string[];
    symbols.forEach((symbol, index) => {
      if (symbolFault(symbol) === undefined)
        this.#aliases.set((frame[1] as number) + index, symbol);
    });
  }

  #checkTicks(frame: WireFrame, offers: readonly Offer[]): void {
    const sequence = frame[1] as number;
    const values = frame[2] as readonly (string | number | null)[];
    const ticks = values.length / 3;
    const record = this.#record;
    const isDuplicate = sequence !== 0 && sequence <= record.sequence;
    const isGap = sequence !== 0 && sequence > record.sequence + 1;
    if (isDuplicate || isGap) {
      const oracle = isGap
        ? 'a frame after a gap is refused'
        : 'a frame that came before changes nothing';
      expectThat(
        offers.length === 0,
        oracle,
        () => `${record.name}: frame ${sequence} was applied`,
      );
      if (isGap) this.#expectError(Code.sequence_gap, sequence);
      else if (this.#server.isDurable && sequence > record.durable) {
        this.#undurable.push({ sequence, ticks });
      }
      return;
    }
    if (this.#isRefused(sequence, ticks, offers)) return;
    this.credit -= ticks;
    this.#judge(sequence, values, offers);
    if (sequence === 0) return;
    record.sequence = sequence;
    if (this.#server.isDurable) this.#undurable.push({ sequence, ticks });
  }

  #isRefused(sequence: number, ticks: number, offers: readonly Offer[]): boolean {
    const isRefused = this.#answers.some((answer) => answer[2] === Code.backpressure);
    if (!isRefused) return false;
    expectThat(
      this.#server.isWaiting && ticks > this.credit && offers.length === 0,
      'nothing within credit is refused',
      () =>
        `${this.#record.name}: frame ${sequence} of ${ticks} ticks refused with credit ${this.credit}`,
    );
    return true;
  }

  #expectError(code: number, sequence: number): void {
    expectThat(
      this.#answers.some((answer) => answer[0] === Op.ERROR && answer[2] === code),
      'errors are told',
      () => `${this.#record.name}: no error ${code} for frame ${sequence}`,
    );
  }

  #judge(
    sequence: number,
    values: readonly (string | number | null)[],
    offers: readonly Offer[],
  ): void {
    const faults: number[] = [];
    let next = 0;
    for (let i = 0; i * 3 < values.length; i++) {
      const [name, price, time] = values.slice(3 * i, 3 * i + 3);
      const offer = offers[next];
      const fault = this.#faultOf(name, price as number, time as number | null, this.#told(i));
      if (fault !== 0) {
        faults.push(i, fault);
        continue;
      }
      next++;
      this.#checkOffer(sequence, i, values, offer);
      if (offer?.wasTaken === true) this.#accepted++;
      else this.#dropped++;
    }
    expectThat(
      next === offers.length,
      'invalid ticks are rejected',
      () =>
        `${this.#record.name}: frame ${sequence}: ${offers.length} ticks taken in, ${next} are valid`,
    );
    this.#rejected += faults.length / 2;
    this.#checkReject(sequence, faults);
  }

  /** The error code that REJECT has for a tick. */
  #told(index: number): number | undefined {
    const faults = (this.#answers.find((answer) => answer[0] === Op.REJECT)?.[2] ?? []) as number[];
    for (let at = 0; at < faults.length; at += 2) {
      if (faults[at] === index) return faults[at + 1];
    }
    return undefined;
  }

  #checkReject(sequence: number, faults: readonly number[]): void {
    const reject = this.#answers.find((answer) => answer[0] === Op.REJECT);
    const expected =
      faults.length === 0 ? undefined : [Op.REJECT, sequence, faults.slice(0, 2 * NAMED_MAX)];
    // A connection that is closed for its unread answers sends no more.
    if (!this.isOpen) return;
    expectThat(
      JSON.stringify(reject) === JSON.stringify(expected),
      'REJECT names the invalid ticks',
      () => `${this.#record.name}: ${JSON.stringify(reject)}, expected ${JSON.stringify(expected)}`,
    );
  }

  #checkOffer(
    sequence: number,
    index: number,
    values: readonly (string | number | null)[],
    offer: Offer | undefined,
  ): void {
    const [name, price, time] = values.slice(3 * index, 3 * index + 3);
    const symbol = typeof name === 'number' ? this.#aliases.get(name) : name;
    const isRight =
      offer !== undefined &&
      this.#server.engine.nameOf(offer.symbolId) === symbol &&
      offer.price === price &&
      (time === null ? this.#server.isNow(offer.time) : offer.time === time);
    expectThat(
      isRight,
      'valid ticks are taken in, each once and as it came',
      () =>
        `${this.#record.name}: frame ${sequence}, tick ${index} ${JSON.stringify([name, price, time])}: ` +
        `${JSON.stringify(offer)}`,
    );
  }

  /** The error code that a tick deserves; 0 for a good one. */
  #faultOf(name: unknown, price: number, time: number | null, told: number | undefined): number {
    const symbol = typeof name === 'number' ? this.#aliases.get(name) : name;
    if (typeof name === 'number' && symbol === undefined) return Code.unknown_alias;
    if (typeof symbol !== 'string' || symbolFault(symbol) !== undefined) return Code.bad_symbol;
    if (!isPrice(price)) return Code.bad_price;
    if (time !== null && this.#isBadTime(time, told)) return Code.bad_time;
    return this.#server.isHeld(symbol) ? 0 : Code.symbol_limit;
  }

  #isBadTime(time: number, told: number | undefined): boolean {
    if (!(time >= 0)) return true;
    const ahead = time - this.#server.latestTime;
    // Near the limit what the server did decides.
    if (Math.abs(ahead) < TIME_UNSURE_MS + this.#server.clockDoubtMs) {
      return told === Code.bad_time;
    }
    return ahead > 0;
  }
}
