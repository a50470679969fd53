import { expect } from 'vitest';
import { readAnomaly } from '../../src/cluster/output-writer.ts';
import { type RemoteEngine, RowValue } from '../../src/engine/index.ts';
import type { Anomaly } from '../../src/protocol/index.ts';
import { expectedMarket, type MarketTick } from '../../testkit/independent/statistics.ts';
import type { SimulatedBroker } from './simulated-bus.ts';

/** The log of outputs has exactly the expected anomalies, each once and in order. */
export function expectOutputs(broker: SimulatedBroker, ticks: readonly MarketTick[]): void {
  const bySymbol = new Map<string, unknown[]>();
  for (const { payload, subject } of broker.logOf('test.o.0.claim').messages) {
    if (subject.split('.')[3] !== 'a') continue;
    const { symbol, epoch, position, index, ...anomaly } = readAnomaly(payload);
    expect([epoch > 0, position > 0, index >= 0]).toEqual([true, true, true]);
    bySymbol.set(symbol, [...(bySymbol.get(symbol) ?? []), anomaly]);
  }
  let total = 0;
  for (const [symbol, { anomalies }] of expectedMarket(ticks)) {
    expect([symbol, bySymbol.get(symbol) ?? []]).toEqual([symbol, anomalies]);
    total += anomalies.length;
  }
  expect(total).toBeGreaterThan(10);
}

/** An edge has the expected rows. */
export function rowDifferences(engine: RemoteEngine, ticks: readonly MarketTick[]): string[] {
  const row = new Float64Array(6);
  return [...expectedMarket(ticks)].flatMap(([symbol, { after }]) => {
    const last = after.at(-1);
    const id = engine.symbols.findName(symbol);
    if (id < 0 || last === undefined) return `${symbol} is missing`;
    engine.statistics.read(id, row, 0);
    const { price, average, count, time, min, max } = last;
    const isEqual =
      row[RowValue.COUNT] === count &&
      row[RowValue.PRICE] === price &&
      row[RowValue.TIME] === time &&
      row[RowValue.MIN] === min &&
      row[RowValue.MAX] === max &&
      Math.abs((row[RowValue.AVERAGE] as number) - average) < 1e-9 * average;
    return isEqual ? [] : `${symbol}: ${row.join(' ')}, expected ${Object.values(last).join(' ')}`;
  });
}

/** An anomaly of a symbol whose price has doubled. */
export function doubling(symbol: string, sequence: number): Anomaly {
  const prices = { reference: 1, price: 2, changePercent: 100 };
  return { symbol, sequence, direction: 1, ...prices, time: 5 };
}
