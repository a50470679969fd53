import { expect, test } from 'vitest';
import { GrowthAlert } from '../src/server/server-panel.ts';

/** An element with attributes only. */
class Marked {
  readonly #names = new Set<string>();

  get isMarked(): boolean {
    return this.#names.has('data-alert');
  }

  hasAttribute(name: string): boolean {
    return this.#names.has(name);
  }

  toggleAttribute(name: string, isSet: boolean): void {
    if (isSet) this.#names.add(name);
    else this.#names.delete(name);
  }
}

test('marks only growth, for ten seconds after the last', () => {
  const element = new Marked();
  const alert = new GrowthAlert(element as unknown as Element);
  const marks = (shows: readonly (readonly [count: number, nowMs: number])[]) =>
    shows.map(([count, nowMs]) => {
      alert.show(count, nowMs);
      return element.isMarked;
    });
  // Losses before the page opened are not marked.
  expect(
    marks([
      [5, 0],
      [5, 1000],
    ]),
  ).toEqual([false, false]);
  expect(
    marks([
      [6, 2000],
      [6, 11_999],
      [6, 12_000],
      [6, 90_000],
    ]),
  ).toEqual([true, true, false, false]);
  expect(
    marks([
      [7, 100_000],
      [8, 109_000],
      [8, 118_999],
      [8, 119_000],
    ]),
  ).toEqual([true, true, true, false]);
  // A restarted server counts from 0.
  expect(marks([[9, 200_000]])).toEqual([true]);
  alert.reset();
  expect(
    marks([
      [3, 200_001],
      [4, 200_002],
    ]),
  ).toEqual([false, true]);
});
