import type { Bus } from './bus.ts';
import type { ClusterNames } from './names.ts';

/** Ticks of a shard that are remembered: older ones are in every snapshot. */
const SKIPPED_MAX = 1000;

const decoder = new TextDecoder();

/** Place of a tick in a shard's log. */
export interface TickPlace {
  /** Sequence of its message. */
  readonly position: number;
  /** From 0, among the ticks of the message. */
  readonly index: number;
}

/** The record of a shard's skipped ticks, as it is in the log of outputs: JSON. */
export interface SkipRecord {
  /** All of them, oldest first. */
  readonly ticks: readonly TickPlace[];
}

/** A tick that threw while it was applied: the state it was applied to is not whole. */
export class TickError extends Error {
  override readonly name = 'TickError';
  readonly place: TickPlace;
  readonly symbol: string;
  readonly price: number;
  /** ms since the epoch */
  readonly time: number;

  constructor(place: TickPlace, symbol: Uint8Array, price: number, time: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.place = place;
    this.symbol = decoder.decode(symbol);
    this.price = price;
    this.time = time;
  }

  isAt(place: TickPlace | undefined): boolean {
    const { index, position } = this.place;
    return place?.position === position && place.index === index;
  }
}

/**
 * Ticks of a shard that every fold of its log leaves out, because an owner could not apply them.
 * They are in the log of outputs, where an owner that was replaced can add none: what is read after
 * a claim is all there will be but for the claimant's own, so a fold is a function of both logs.
 */
export class SkippedTicks {
  static readonly NONE = new SkippedTicks([]);
  readonly #ticks: readonly TickPlace[];
  readonly #byPosition = new Map<number, Set<number>>();

  constructor(ticks: readonly TickPlace[]) {
    this.#ticks = ticks;
    for (const { index, position } of ticks) {
      const indexes = this.#byPosition.get(position) ?? new Set();
      this.#byPosition.set(position, indexes.add(index));
    }
  }

  /**
   * Reads those of a shard that was claimed.
   *
   * @throws Error if the broker does not answer
   */
  static async read(bus: Bus, names: ClusterNames, shard: number): Promise<SkippedTicks> {
    const found = await bus.last(names.outputLog, names.skips(shard));
    if (found === undefined) return SkippedTicks.NONE;
    return new SkippedTicks((JSON.parse(decoder.decode(found.payload)) as SkipRecord).ticks);
  }

  /** The indexes of those of a message; undefined: it has none. */
  of(position: number): ReadonlySet<number> | undefined {
    return this.#byPosition.get(position);
  }

  /** The record with one more. */
  with(place: TickPlace): SkipRecord {
    return { ticks: [...this.#ticks, place].slice(-SKIPPED_MAX) };
  }
}
