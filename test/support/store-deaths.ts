import { expect } from 'vitest';

/** A worker that can be made to die at its work. */
export interface DeathDrill {
  /** Puts memory back to where the work begins. */
  restart(): void;
  /** A worker takes over and dies before store number `stores`. Returns whether it died. */
  work(stores: number): boolean;
  /** How many symbols are not as they would be without a death. */
  inspect(when: string): number;
}

/**
 * Has a worker die before each of its stores in turn, and its successor do the work: one symbol
 * differs at most. Returns the number of stores, and of deaths that made no difference.
 */
export function dieBeforeEachStore(drill: DeathDrill): { stores: number; harmless: number } {
  let harmless = 0;
  for (let stores = 0; ; stores++) {
    drill.restart();
    const hasDied = drill.work(stores);
    expect(drill.work(Number.POSITIVE_INFINITY)).toBe(false);
    const different = drill.inspect(`dead before store ${stores}`);
    expect(different).toBeLessThanOrEqual(1);
    if (different === 0) harmless++;
    if (!hasDied) return { stores, harmless };
  }
}

/**
 * Has a worker die before every store of number `step`, and its successor once more, within
 * `secondMax` stores: two symbols differ at most.
 */
export function dieTwice(drill: DeathDrill, step: number, secondMax: number): void {
  for (let stores = 0; ; stores += step) {
    drill.restart();
    if (!drill.work(stores)) return;
    drill.work((stores * 7) % secondMax);
    expect(drill.work(Number.POSITIVE_INFINITY)).toBe(false);
    expect(drill.inspect(`dead before store ${stores}`)).toBeLessThanOrEqual(2);
  }
}
