import { isPrice } from '../../src/gateway/ingest/tick-intake.ts';
import { validateSymbol } from '../../src/protocol/index.ts';
import { Code, Op, type WireFrame } from '../../testkit/independent/protocol.ts';
import { expectThat } from '../core/violation.ts';
import type { Offer } from './engine-oracle.ts';
import type { ServerOracle } from './server-oracle.ts';

/** Rejected ticks of a frame that are named. */
const NAMED_MAX = 100;
/**
 * A tick whose time is so near the limit may be judged either way: the server looks at the clock
 * once a turn.
 */
const TIME_UNSURE_MS = 5000;

type Values = readonly (string | number | null)[];

/** What became of a frame's ticks. */
export interface FrameOutcome {
  readonly accepted: number;
  readonly rejected: number;
  readonly dropped: number;
  /** The REJECT that tells of it; undefined where none is due. */
  readonly reject: WireFrame | undefined;
}

/**
 * Knows which ticks of a publisher's frames are good, and sees to it that these are taken in and no
 * others.
 */
export class TickJudge {
  readonly #server: ServerOracle;
  readonly #name: string;
  readonly #aliases = new Map<number, string>();

  /** @param name the publisher's */
  constructor(server: ServerOracle, name: string) {
    this.#server = server;
    this.#name = name;
  }

  /** Takes in an ALIAS frame. */
  declare(first: number, symbols: readonly string[]): void {
    symbols.forEach((symbol, index) => {
      if (validateSymbol(symbol) === undefined) this.#aliases.set(first + index, symbol);
    });
  }

  /**
   * Checks what was taken in of a frame that was not refused. `told`: the REJECT that came of it.
   */
  judge(
    sequence: number,
    values: Values,
    offers: readonly Offer[],
    told: WireFrame | undefined,
  ): FrameOutcome {
    const faults: number[] = [];
    let accepted = 0;
    let next = 0;
    for (let i = 0; i * 3 < values.length; i++) {
      const tick = values.slice(3 * i, 3 * i + 3);
      const fault = this.#faultOf(tick, codeOf(told, i));
      if (fault !== 0) {
        faults.push(i, fault);
        continue;
      }
      const offer = offers[next++];
      this.#checkOffer(sequence, i, tick, offer);
      if (offer?.wasTaken === true) accepted++;
    }
    expectThat(
      next === offers.length,
      'invalid ticks are rejected',
      () => `${this.#name}: frame ${sequence}: ${offers.length} ticks taken in, ${next} are valid`,
    );
    const isFull = faults.some((code, i) => i % 2 === 1 && code === Code.symbol_limit);
    const named = [Op.REJECT, sequence, faults.slice(0, 2 * NAMED_MAX)];
    const limited = isFull ? [...named, limitIn(told)] : named;
    const reject = faults.length === 0 ? undefined : limited;
    return { accepted, dropped: next - accepted, rejected: faults.length / 2, reject };
  }

  #checkOffer(sequence: number, index: number, tick: Values, offer: Offer | undefined): void {
    const [name, price, time] = tick;
    const isRight =
      offer !== undefined &&
      this.#server.engine.nameOf(offer.symbolId) === this.#symbolOf(name) &&
      offer.price === price &&
      (time === null ? this.#server.isNow(offer.time) : offer.time === time);
    expectThat(
      isRight,
      'valid ticks are taken in, each once and as it came',
      () =>
        `${this.#name}: frame ${sequence}, tick ${index} ${JSON.stringify(tick)}: ` +
        `${JSON.stringify(offer)}`,
    );
  }

  /** The error code that a tick deserves; 0 for a good one. */
  #faultOf([name, price, time]: Values, told: number | undefined): number {
    const symbol = this.#symbolOf(name);
    if (typeof name === 'number' && symbol === undefined) return Code.unknown_alias;
    if (typeof symbol !== 'string' || validateSymbol(symbol) !== undefined) return Code.bad_symbol;
    if (!isPrice(price as number)) return Code.bad_price;
    if (time !== null && this.#isBadTime(time as number, told)) return Code.bad_time;
    return this.#server.isHeld(symbol) ? 0 : Code.symbol_limit;
  }

  #symbolOf(name: Values[number] | undefined): string | null | undefined {
    return typeof name === 'number' ? this.#aliases.get(name) : name;
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

/** The error code that a REJECT has for a tick. */
function codeOf(reject: WireFrame | undefined, index: number): number | undefined {
  const faults = (reject?.[2] ?? []) as number[];
  for (let at = 0; at < faults.length; at += 2) {
    if (faults[at] === index) return faults[at + 1];
  }
  return undefined;
}

/** What a REJECT says of the limit that a symbol met, if it names the one that a run can meet. */
function limitIn(reject: WireFrame | undefined): string {
  const detail = reject?.[3];
  const isNamed = typeof detail === 'string' && detail.includes('processing.maxSymbols');
  return isNamed ? detail : 'the limit, its value and its key';
}
