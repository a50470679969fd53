import { encodeMessage, Op, type WireFrame } from '../../testkit/independent/protocol.ts';
import { Thread } from '../core/scheduler.ts';
import { type Client, Reading } from '../network/connection-ends.ts';
import type { SimulatedConnection } from '../network/simulated-connection.ts';
import { PublishOracle } from '../oracles/publish-oracle.ts';
import type { World } from '../world.ts';
import type { PublishedTick } from './tick-maker.ts';

/** A frame that is not acknowledged. */
interface OpenFrame {
  sequence: number;
  ticks: readonly PublishedTick[];
  /** Whether it was sent on the connection there is. */
  isSent: boolean;
}

const FRAMES_OPEN_MAX = 40;
const RECONNECT_MS_MAX = 400;
const BACKPRESSURE = 12;

/**
 * A publisher that keeps what is not acknowledged and resumes; and, now and then, does what it
 * should not.
 */
export class SimulatedPublisher implements Client {
  readonly name: string;
  readonly #world: World;
  readonly #json: boolean;
  /** Whether it keeps to its credit. */
  readonly #isCareful: boolean;
  #connection: SimulatedConnection | undefined;
  #isWelcome = false;
  #open: OpenFrame[] = [];
  #nextSequence = 1;
  #acknowledged = 0;
  #credit = 0;
  #aliases = new Map<string, number>();

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.#json = world.random.chance(0.15);
    this.#isCareful = world.random.chance(0.7);
    this.#connectSoon();
    this.#actSoon();
  }

  /** What keeps it from rest, in words; undefined when everything it sent is acknowledged. */
  get unrest(): string | undefined {
    if (!this.#isWelcome) return `publisher ${this.name} is not connected`;
    const [first] = this.#open;
    if (first === undefined) return undefined;
    const more = this.#open.length - 1;
    return `publisher ${this.name}: frame ${first.sequence} and ${more} more are not acknowledged`;
  }

  receive(frame: WireFrame): void {
    if (frame[0] === Op.WELCOME) this.#resume(frame);
    else if (frame[0] === Op.ACK) this.#settle(frame as readonly number[]);
    // What was on its way behind a refused frame ends in a gap: begin again from what the server
    // has.
    else if (frame[0] === Op.ERROR && frame[2] === BACKPRESSURE) this.#connection?.leave(1000);
  }

  closed(_code: number): void {
    this.#isWelcome = false;
    this.#connection = undefined;
    this.#connectSoon();
  }

  #connectSoon(): void {
    const delayMs = RECONNECT_MS_MAX * this.#world.random.float() ** 2;
    this.#world.scheduler.after(delayMs, Thread.OUTSIDE, 'publisher connects', () => {
      if (this.#connection !== undefined) return;
      const upgrade = {
        path: '/v1/publish',
        query: `publisher=${this.name}`,
        json: this.#json,
      };
      const { network, oracle } = this.#world;
      this.#connection = network.connect(
        upgrade,
        this,
        () => new PublishOracle(oracle, oracle.record(this.name)),
      );
    });
  }

  #resume(frame: WireFrame): void {
    const { sequence, credit } = frame[1] as { sequence: number; credit: number };
    this.#isWelcome = true;
    this.#credit = credit;
    this.#aliases = new Map();
    if (sequence >= this.#nextSequence) {
      this.#open = [];
      this.#nextSequence = sequence + 1;
    } else if (sequence >= this.#acknowledged) {
      this.#open = this.#open.filter((open) => open.sequence > sequence);
    } else {
      // The server began anew: what it does not know is sent again, but for what it had
      // acknowledged.
      this.#open.forEach((open, index) => {
        open.sequence = sequence + 1 + index;
      });
      this.#nextSequence = sequence + 1 + this.#open.length;
    }
    this.#acknowledged = sequence;
    for (const open of this.#open) open.isSent = false;
  }

  #settle([, sequence, , , , credit]: readonly number[]): void {
    this.#acknowledged = sequence as number;
    this.#open = this.#open.filter((open) => open.sequence > this.#acknowledged);
    const sent = this.#open.filter(({ isSent }) => isSent);
    this.#credit = sent.reduce((left, { ticks }) => left - ticks.length, credit as number);
  }

  #actSoon(): void {
    const { random, scenario, scheduler } = this.#world;
    const delayMs = (2000 / scenario.pace) * random.float();
    scheduler.after(delayMs, Thread.OUTSIDE, 'publisher acts', () => {
      this.#actSoon();
      this.#act();
    });
  }

  #act(): void {
    if (!this.#isWelcome || this.#connection?.isClientOpen !== true) return;
    const { isCalm, random } = this.#world;
    if (isCalm) {
      this.#connection.read(Reading.ALL);
      this.#sendNext();
    } else if (random.chance(0.03)) this.#misbehave(this.#connection);
    else if (!this.#sendNext() && this.#open.length < FRAMES_OPEN_MAX) this.#publish();
  }

  /** Sends the first frame that this connection has not seen; false where there is none. */
  #sendNext(): boolean {
    const next = this.#open.find(({ isSent }) => !isSent);
    if (next === undefined) return false;
    const isBound = this.#world.oracle.isWaiting && (this.#isCareful || this.#world.isCalm);
    // Credit may be small, and stay so: what is too much for it is cut.
    if (isBound && this.#credit > 0) next.ticks = next.ticks.slice(0, this.#credit);
    if (!this.#fits(next.ticks.length)) return true;
    next.isSent = true;
    this.#sendTicks(next.sequence, next.ticks);
    return true;
  }

  #fits(ticks: number): boolean {
    if (!this.#world.oracle.isWaiting) return true;
    return ticks <= this.#credit || (!this.#isCareful && !this.#world.isCalm);
  }

  #publish(): void {
    const { random, ticks } = this.#world;
    const wanted = 1 + random.below(random.chance(0.1) ? 64 : 6);
    const isBound = this.#world.oracle.isWaiting && this.#isCareful;
    const count = isBound ? Math.min(wanted, this.#credit) : wanted;
    if (count <= 0) return;
    const made = Array.from({ length: count }, () => ticks.make());
    this.#open.push({ sequence: this.#nextSequence++, ticks: made, isSent: false });
    this.#sendNext();
  }

  #misbehave(connection: SimulatedConnection): void {
    const { random, ticks } = this.#world;
    switch (random.below(9)) {
      case 0:
        connection.leave(1000);
        return;
      case 1:
        connection.break();
        return;
      case 2:
        connection.read(random.pick([Reading.ALL, Reading.PARTS, Reading.CRAWL, Reading.NOTHING]));
        return;
      case 3:
        this.#sendTicks(1 + random.below(this.#nextSequence), [ticks.make()]);
        return;
      case 4:
        this.#sendTicks(this.#nextSequence + 1 + random.below(3), [ticks.make()]);
        return;
      case 5:
        if (this.#fits(1)) this.#sendTicks(0, [ticks.make()]);
        return;
      case 6:
        this.#transmit([Op.PING, random.below(1000)]);
        return;
      case 7:
        connection.transmit({ data: this.#json ? '{"' : Uint8Array.of(0xc1, 1), frame: ['junk'] });
        return;
      default:
        this.#declare();
    }
  }

  #declare(): void {
    const { random, scenario } = this.#world;
    const first = random.below(4);
    const symbols = Array.from({ length: 1 + random.below(5) }, () =>
      random.pick(scenario.symbols),
    );
    symbols.forEach((symbol, index) => {
      // An alias that meant another symbol means this one now.
      for (const [other, alias] of this.#aliases) {
        if (alias === first + index) this.#aliases.delete(other);
      }
      this.#aliases.set(symbol, first + index);
    });
    this.#transmit([Op.ALIAS, first, symbols]);
  }

  #sendTicks(sequence: number, ticks: readonly PublishedTick[]): void {
    this.#credit -= ticks.length;
    const named = ({ name }: PublishedTick) =>
      typeof name === 'string' ? (this.#aliases.get(name) ?? name) : name;
    const values = ticks.flatMap((tick) => [named(tick), tick.price, tick.time]);
    this.#transmit([Op.TICKS, sequence, values]);
  }

  #transmit(frame: WireFrame): void {
    this.#connection?.transmit({ data: encodeMessage(frame, this.#json), frame });
  }
}
