import { Code, Op, type WireFrame } from '../../testkit/independent/protocol.ts';
import { expectThat } from '../core/violation.ts';
import type { Observer, SentMessage } from '../network/connection-ends.ts';
import type { Offer } from './engine-oracle.ts';
import { LivenessOracle } from './liveness-oracle.ts';
import type { PublisherRecord, ServerOracle } from './server-oracle.ts';
import { TickJudge } from './tick-judge.ts';

/** Checks a publisher's connection: what is accepted, acknowledged and given as credit. */
export class PublishOracle implements Observer {
  /** Credit that the publisher holds, as it was told, less what came since. */
  credit = 0;
  isOpen = true;
  readonly #server: ServerOracle;
  readonly #record: PublisherRecord;
  readonly #liveness: LivenessOracle;
  readonly #judge: TickJudge;
  #accepted = 0;
  #rejected = 0;
  #dropped = 0;
  /** Sequences of frames taken on this connection that no snapshot has, and their ticks. */
  #undurable: { sequence: number; ticks: number }[] = [];
  #lastHeldBack = 0;
  /** What came back while a message was dealt with. */
  #answers: WireFrame[] = [];

  constructor(server: ServerOracle, record: PublisherRecord) {
    this.#server = server;
    this.#record = record;
    this.#liveness = new LivenessOracle(server);
    this.#judge = new TickJudge(server, record.name);
    // The name's earlier connection gives it up.
    record.session?.takenOver();
    record.session = this;
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
      if (frame[0] === Op.ALIAS) {
        this.#judge.declare(frame[1] as number, frame[2] as string[]);
      }
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
    if (this.#record.session === this) this.#record.session = undefined;
  }

  #welcomed(frame: WireFrame): void {
    const info = frame[1] as { sequence: number; credit: number; publisher: string };
    const { durable, sequence } = this.#record;
    expectThat(
      this.#isLast(info.sequence) && info.publisher === this.#record.name,
      'WELCOME tells the last sequence accepted',
      () => `${info.publisher}: ${info.sequence}, expected ${sequence} or durable from ${durable}`,
    );
    this.#tellDurable(info.sequence);
    this.credit = info.credit;
    this.#server.checkCredit(`WELCOME of ${this.#record.name}`);
  }

  #acknowledged(frame: readonly number[]): void {
    const [, sequence, accepted, rejected, dropped, credit] = frame;
    const { durable, sequence: last, name } = this.#record;
    const { isDurable } = this.#server;
    expectThat(
      this.#isLast(sequence as number) &&
        accepted === this.#accepted &&
        rejected === this.#rejected &&
        dropped === this.#dropped,
      'acknowledgements tell what became of the ticks',
      () =>
        `${name}: ACK ${JSON.stringify(frame)}; expected sequence ${last} or durable from ` +
        `${durable}, ` +
        `accepted ${this.#accepted}, rejected ${this.#rejected}, dropped ${this.#dropped}`,
    );
    this.#tellDurable(sequence as number);
    const told = this.#record.durable;
    if (isDurable) this.#undurable = this.#undurable.filter((one) => one.sequence > told);
    const held = this.#undurable.reduce((sum, { ticks }) => sum + ticks, 0);
    this.credit = (credit as number) - (isDurable ? held : 0);
    this.#server.checkCredit(`ACK to ${name}`);
  }

  /** Whether an acknowledgement may tell this sequence: the last one, or one that is on disk. */
  #isLast(told: number): boolean {
    const { durable, sequence } = this.#record;
    return this.#server.isDurable ? told >= durable && told <= sequence : told === sequence;
  }

  #tellDurable(sequence: number): void {
    if (!this.#server.isDurable) return;
    this.#server.journal?.acknowledged(this.#record.name, sequence);
    this.#record.durable = sequence;
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
      else if (sequence > record.durable) this.#holdBack(sequence, ticks);
      return;
    }
    if (this.#isRefused(sequence, ticks, offers)) return;
    this.credit -= ticks;
    this.#settle(sequence, values, offers);
    if (sequence === 0) return;
    record.sequence = sequence;
    this.#holdBack(sequence, ticks);
  }

  /** Each frame of this connection once, however often it is sent. */
  #holdBack(sequence: number, ticks: number): void {
    if (!this.#server.isDurable || sequence <= this.#lastHeldBack) return;
    this.#lastHeldBack = sequence;
    this.#undurable.push({ sequence, ticks });
  }

  #isRefused(sequence: number, ticks: number, offers: readonly Offer[]): boolean {
    const isRefused = this.#answers.some((answer) => answer[2] === Code.backpressure);
    if (!isRefused) return false;
    // Credit leaves room for ticks in the journal's ring, not for all names that they may need.
    const isRingFull = this.#server.journal?.hasRefused === true;
    expectThat(
      ((this.#server.isWaiting && ticks > this.credit) || isRingFull) && offers.length === 0,
      'nothing within credit is refused',
      () =>
        `${this.#record.name}: frame ${sequence} of ${ticks} ticks refused, credit ${this.credit}`,
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

  #settle(
    sequence: number,
    values: readonly (string | number | null)[],
    offers: readonly Offer[],
  ): void {
    const told = this.#answers.find((answer) => answer[0] === Op.REJECT);
    const due = this.#judge.judge(sequence, values, offers, told);
    this.#accepted += due.accepted;
    this.#rejected += due.rejected;
    this.#dropped += due.dropped;
    // A connection that is closed for its unread answers sends no more.
    if (!this.isOpen || (told === undefined && due.reject === undefined)) return;
    expectThat(
      JSON.stringify(told) === JSON.stringify(due.reject),
      'REJECT names the invalid ticks',
      () => `${this.#record.name}: ${JSON.stringify(told)}, expected ${JSON.stringify(due.reject)}`,
    );
  }
}
