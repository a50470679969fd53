import { type ExpectedAnomaly, ExpectedSymbol } from './expected-symbol.ts';
import type { KnownTick, KnownTicks } from './known-ticks.ts';
import type { Lineage } from './lineage.ts';

/** A publisher's stream, and what of it the server has. */
export interface PublisherRecord {
  readonly name: string;
  readonly ticks: KnownTicks;
  readonly frameTicks: number;
  readonly lineage: Lineage;
}

/** The valid ticks of frames of a stream, in their order. */
export function* ticksOf(
  { ticks, frameTicks }: PublisherRecord,
  frames: Iterable<number>,
): Generator<KnownTick> {
  for (const frame of frames) {
    for (let i = 0; i < frameTicks; i++) {
      const tick = ticks.at(frame * frameTicks + i);
      if (!tick.isBad) yield tick;
    }
  }
}

/**
 * What the server must know of the symbols of publishers, each of which has its own.
 *
 * @param windowMs the server's `processing.slidingWindowMilliseconds`, its default where not given
 */
export function expectedSymbols(
  records: Iterable<PublisherRecord>,
  windowMs?: number,
): Map<string, ExpectedSymbol> {
  const expected = new Map<string, ExpectedSymbol>();
  for (const record of records) {
    const own = record.ticks.symbols.map(() => new ExpectedSymbol(windowMs));
    const { frames, starts } = record.lineage;
    let life = 0;
    for (const [index, frame] of frames.entries()) {
      while (index >= (starts[life] ?? Number.POSITIVE_INFINITY)) life++;
      for (const { symbol, price, time } of ticksOf(record, [frame])) {
        own[symbol]?.apply(price, time, life);
      }
    }
    for (const [i, symbol] of record.ticks.symbols.entries()) {
      const state = own[i];
      if (state !== undefined && state.count > 0) expected.set(symbol, state);
    }
  }
  return expected;
}

/** Text that tells anomalies of one symbol apart. */
export function anomalyKey(anomaly: ExpectedAnomaly): string {
  const { direction, referencePrice, newPrice, time } = anomaly;
  return `${direction} ${referencePrice} ${newPrice} ${time}`;
}
