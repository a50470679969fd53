import { expect, it } from 'vitest';
import {
  createStatisticsTable,
  StatisticsTable,
} from '../../src/engine/memory/statistics-table.ts';
import { NO_SNAPSHOT, SnapshotPool } from '../../src/gateway/snapshot-pool.ts';
import { VALUES } from '../../src/protocol/index.ts';

it('sends on when the version of a row passes the largest int32, after 2^30 updates of a symbol', () => {
  const memory = createStatisticsTable(1);
  const statistics = new StatisticsTable(memory);
  const pool = new SnapshotPool({ statistics });
  // Two updates before the wrap, as a row that was written for hours would stand.
  new Int32Array(memory)[0] = 0x7fff_fffa;
  let snapshot = NO_SNAPSHOT;
  for (let price = 1; price <= 6; price++) {
    statistics.write(0, Float64Array.of(price, price, price, price, price, price, 0));
    expect(pool.refresh(0)).toBe(true);
    expect(pool.refresh(0)).toBe(false);
    snapshot = pool.current(0);
    expect(pool.values[snapshot * VALUES]).toBe(price);
    // Held by a session, so that the next one must be another.
    pool.retain(snapshot);
  }
  // And past the other wrap, at which the version skips "never written".
  new Int32Array(memory)[0] = -4;
  for (let price = 1; price <= 4; price++) {
    statistics.write(0, Float64Array.of(price, price, price, price, price, price, 0));
    expect(pool.refresh(0)).toBe(true);
    expect(pool.values[pool.current(0) * VALUES]).toBe(price);
  }
});
