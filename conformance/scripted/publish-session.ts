import type { Frame } from '../../src/protocol/index.ts';
import { Op } from '../../testkit/independent/protocol.ts';
import { type ScriptedConnection, WELCOME_INFO } from '../../testkit/scripted-server.ts';
import { shown } from '../expect.ts';
import { Waits } from '../waits.ts';

/** Silence is no sign of death unless a check is about that, ms. */
const LONG_MS = 3_600_000;
const CREDIT = 65_536;

/** How a session differs from a plain one. */
export interface PublishOptions {
  /** Added to WELCOME: `sequence`, `credit`, `limits` and so on. */
  readonly welcome?: Readonly<Record<string, unknown>>;
  /** What follows each TICKS frame; by default it is acknowledged. */
  readonly onTicks?: (frame: TicksFrame, session: PublishSession) => void;
}

/** A tick as it came, with the symbol behind an alias. */
export type PublishedTick = readonly [symbol: unknown, price: unknown, time: unknown];

export interface TicksFrame {
  readonly sequence: number;
  readonly ticks: readonly PublishedTick[];
}

/** A publish session of the scripted server: keeps what comes and acknowledges it. */
export class PublishSession {
  readonly connection: ScriptedConnection;
  readonly frames: TicksFrame[] = [];
  /** Symbols by alias, as declared on this connection. */
  readonly aliases = new Map<number, unknown>();
  /** What the client did against the protocol. */
  readonly violations: string[] = [];
  readonly credit: number;
  /** The credit given last. */
  lastCredit: number;
  #acceptedTicks = 0;
  #rejectedTicks = 0;
  #last: number;
  readonly #options: PublishOptions;
  readonly #waits: Waits;

  constructor(connection: ScriptedConnection, patienceMs: number, options: PublishOptions = {}) {
    this.connection = connection;
    this.#waits = new Waits(patienceMs);
    this.#options = options;
    const publishing = { publisher: this.publisher, sequence: 0, credit: CREDIT };
    const info = { ...WELCOME_INFO, ...publishing, overflow: 'dropOldest', heartbeatMs: LONG_MS };
    const welcome: Record<string, unknown> = { ...info, ...options.welcome };
    this.credit = Number(welcome.credit);
    this.lastCredit = this.credit;
    this.#last = Number(welcome.sequence);
    this.send([Op.WELCOME, welcome]);
    void this.#serve();
  }

  /** The name that the client goes by. */
  get publisher(): string {
    return this.connection.url.searchParams.get('publisher') ?? '';
  }

  /** All ticks that came, in order. */
  get ticks(): PublishedTick[] {
    return this.frames.flatMap(({ ticks }) => ticks);
  }

  /** The sequences that came, in order. */
  get sequences(): number[] {
    return this.frames.map(({ sequence }) => sequence);
  }

  send(frame: Frame): void {
    this.connection.send(frame);
  }

  /** Acknowledges everything up to a sequence. */
  acknowledge(sequence: number, credit = this.credit): void {
    const covered = this.frames.filter((one) => one.sequence > this.#last);
    const settled = covered.filter((one) => one.sequence <= sequence);
    this.#acceptedTicks += settled.reduce((sum, { ticks }) => sum + ticks.length, 0);
    this.#last = Math.max(this.#last, sequence);
    const accepted = this.#acceptedTicks - this.#rejectedTicks;
    this.lastCredit = credit;
    this.send([Op.ACK, sequence, accepted, this.#rejectedTicks, 0, credit]);
  }

  /** Rejects ticks of a frame; its acknowledgement must follow. */
  reject(sequence: number, faults: readonly number[]): void {
    this.#rejectedTicks += faults.length / 2;
    this.send([Op.REJECT, sequence, faults]);
  }

  /** Resolves when so many ticks came in all. */
  async received(ticks: number): Promise<void> {
    await this.until(() => this.ticks.length >= ticks, `${ticks} ticks`);
  }

  async until(isDone: () => boolean, what: string): Promise<void> {
    await this.#waits.until(isDone, what, () => `the frames ${shown(this.frames)}`);
  }

  // Ends with the connection, by a promise that never resolves.
  async #serve(): Promise<never> {
    for (;;) {
      const frame = await this.connection.next();
      if (frame[0] === Op.PING) this.send([Op.PONG, frame[1], Date.now()]);
      else if (frame[0] === Op.ALIAS) this.#declare(frame);
      else if (frame[0] === Op.TICKS) this.#take(frame);
      this.#waits.look();
    }
  }

  #declare([, first, symbols]: Frame): void {
    for (const [index, symbol] of (symbols as unknown[]).entries()) {
      this.aliases.set((first as number) + index, symbol);
    }
  }

  #take([, sequence, flat]: Frame): void {
    const values = flat as unknown[];
    const ticks: PublishedTick[] = [];
    for (let i = 0; i < values.length; i += 3) {
      ticks.push([this.#symbolOf(values[i]), values[i + 1], values[i + 2] ?? null]);
    }
    const frame = { sequence: sequence as number, ticks };
    this.frames.push(frame);
    const { onTicks } = this.#options;
    if (onTicks === undefined) this.acknowledge(frame.sequence);
    else onTicks(frame, this);
  }

  #symbolOf(symbol: unknown): unknown {
    if (typeof symbol !== 'number') return symbol;
    if (!this.aliases.has(symbol)) {
      this.violations.push(`alias ${symbol}, which this connection did not declare`);
    }
    return this.aliases.get(symbol);
  }
}
