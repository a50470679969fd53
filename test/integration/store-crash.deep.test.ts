import { describe, expect, it } from 'vitest';
import { openStore, type Store } from '../../src/store/index.ts';
import { StoreChild } from '../support/store-child.ts';
import { ALL_NAMES, anomalyOf, itemsOf, StoreFolder, StoreLines } from '../support/store-folder.ts';

/** A symbol's anomalies, complete and as appended. */
async function checkSymbol(store: Store, symbol: string): Promise<number> {
  const anomalies = await itemsOf(store, symbol, 1, 10_000_000);
  for (const [index, anomaly] of anomalies.entries()) {
    const expected = anomalyOf(symbol, index + 1);
    // Compared by hand: a matcher takes milliseconds a thousand.
    const isEqual = Object.entries(expected).every(
      ([field, value]) => anomaly[field as keyof typeof anomaly] === value,
    );
    if (!isEqual) expect(anomaly).toEqual(expected);
  }
  expect(store.lastSequence(symbol)).toBe(anomalies.length);
  return anomalies.length;
}

describe('a process that is killed', () => {
  it('has lost nothing that was confirmed, and torn nothing', async () => {
    using folder = new StoreFolder();
    let confirmedBefore = 0;
    for (let round = 0; round < 4; round++) {
      using child = new StoreChild('append', [folder.path]);
      let confirmed: readonly (readonly [string, number])[] = [];
      for (let line = 0; line < 3 + round * 7; line++) {
        const said = await child.next();
        expect(said, child.errors).toBeDefined();
        confirmed = said?.confirmed ?? [];
      }
      // At a different moment each time.
      await new Promise((resolve) => setTimeout(resolve, round * 13));
      child.kill();
      expect(await child.end()).toBe('SIGKILL');
      confirmed = child.lines.at(-1)?.confirmed ?? confirmed;
      const store = await openStore(folder.options(), new StoreLines());
      let total = 0;
      for (const [symbol, sequence] of confirmed) {
        const held = await checkSymbol(store, symbol);
        expect(held).toBeGreaterThanOrEqual(sequence);
        expect(sequence).toBeGreaterThan(confirmedBefore);
        total += held;
      }
      confirmedBefore = confirmed[0]?.[1] ?? 0;
      expect(await store.recent(10_000_000, ALL_NAMES)).toHaveLength(total);
      expect(
        (await store.between({ from: 0, to: Infinity, limit: 10_000_000 }, ALL_NAMES)).items,
      ).toHaveLength(total);
      await store.close();
    }
  });

  it('leaves the directory to the next, and one that lives does not', async () => {
    using folder = new StoreFolder();
    using first = new StoreChild('hold', [folder.path]);
    expect(await first.next()).toEqual({ state: 'open' });
    using second = new StoreChild('open', [folder.path]);
    expect(await second.end()).toBe('0');
    expect(second.lines.at(-1)).toMatchObject({ state: 'refused' });
    expect(second.lines.at(-1)?.message).toMatch(
      new RegExp(`in use by process ${first.pid} on .*Stop that one first`),
    );
    first.kill();
    expect(await first.end()).toBe('SIGKILL');
    const store = await openStore(folder.options(), new StoreLines());
    store.append(anomalyOf('A', 1));
    expect(await store.flushed()).toBe(true);
    await store.close();
  });

  it('that closes its store ends by itself', async () => {
    using folder = new StoreFolder();
    using child = new StoreChild('hold', [folder.path]);
    expect(await child.next()).toEqual({ state: 'open' });
    expect(await child.end()).toBe('0');
    expect(child.errors).toBe('');
  });
});
