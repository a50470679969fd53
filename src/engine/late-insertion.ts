import { PLACE_DOUBLES } from './memory/place-arena.ts';
import { TickDouble, type TickScratch } from './tick-scratch.ts';

/**
 * Puts a late tick among the places of a monotonic deque, where it belongs by time. Moves the
 * places on one side of it, the fewer: half of them at most, and few where ticks are a little late.
 * Finds its place by bisection. Never allocates; one for all deques.
 */
export class LateInsertion {
  /** The deque's ring of places, from `head` on; set by {@link begin}. */
  head = 0;
  size = 0;
  #places: Float64Array = new Float64Array(0);
  #first = 0;
  #mask = 0;
  /** Places that are not newer than the tick. */
  #rank = 0;
  /** Places before the first that the tick removes. */
  #kept = 0;

  /**
   * Loads a deque.
   *
   * @param first index of the ring in `places`
   * @param mask of the ring's places
   */
  begin(places: Float64Array, first: number, mask: number, head: number, size: number): void {
    this.#places = places;
    this.#first = first;
    this.#mask = mask;
    this.head = head;
    this.size = size;
  }

  /**
   * Finds the tick's place. Returns false if it needs none: it can never be the extremum.
   *
   * @param sign of the deque: prices × sign ascend
   */
  find(tick: TickScratch, sign: number): boolean {
    const places = this.#places;
    const price = sign * (tick[TickDouble.PRICE] as number);
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((places[this.#at(middle)] as number) <= (tick[TickDouble.TIME] as number)) {
        low = middle + 1;
      } else high = middle;
    }
    this.#rank = low;
    this.#kept = low;
    if (low < this.size && sign * (places[this.#at(low) + 1] as number) <= price) return false;
    if (low === 0) return true;
    const before = this.#at(low - 1);
    const isEqualTime = places[before] === tick[TickDouble.TIME];
    if (isEqualTime && sign * (places[before + 1] as number) <= price) return false;
    while (this.#kept > 0 && sign * (places[this.#at(this.#kept - 1) + 1] as number) >= price) {
      this.#kept--;
    }
    return true;
  }

  /** Whether the found tick takes a place more than there were. */
  get grows(): boolean {
    return this.#kept === this.#rank;
  }

  /** Drops the oldest place, which may be the tick's own; false if it is. */
  dropOldest(): boolean {
    if (this.#kept === 0) return false;
    this.head = (this.head + 1) & this.#mask;
    this.size--;
    this.#rank--;
    this.#kept--;
    return true;
  }

  /** Writes the found tick. The deque then has `head` and `size`. */
  insert(tick: TickScratch): void {
    // Places that become free, -1 where one is taken.
    const freed = this.#rank - this.#kept - 1;
    const newer = this.size - this.#rank;
    let at = this.#kept;
    if (newer <= this.#kept) {
      if (freed < 0) for (let i = this.size - 1; i >= this.#rank; i--) this.#move(i, i + 1);
      else for (let i = this.#rank; i < this.size; i++) this.#move(i, i - freed);
    } else {
      at += freed;
      if (freed < 0) for (let i = 0; i < this.#kept; i++) this.#move(i, i - 1);
      else for (let i = this.#kept - 1; i >= 0; i--) this.#move(i, i + freed);
    }
    const place = this.#at(at);
    this.#places[place] = tick[TickDouble.TIME] as number;
    this.#places[place + 1] = tick[TickDouble.PRICE] as number;
    if (newer > this.#kept) this.head = (this.head + freed) & this.#mask;
    this.size -= freed;
  }

  /** Index in `places` of a place, counted from the head; -1 is before it. */
  #at(index: number): number {
    return this.#first + ((this.head + index) & this.#mask) * PLACE_DOUBLES;
  }

  #move(from: number, to: number): void {
    const source = this.#at(from);
    const target = this.#at(to);
    this.#places[target] = this.#places[source] as number;
    this.#places[target + 1] = this.#places[source + 1] as number;
  }
}
