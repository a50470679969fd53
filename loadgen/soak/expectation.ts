import { DEFAULT_RULES, SymbolOracle } from '../../testkit/independent/statistics.ts';
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
  windowMs = DEFAULT_RULES.slidingWindowMilliseconds,
): Map<string, SymbolOracle> {
  const rules = { ...DEFAULT_RULES, slidingWindowMilliseconds: windowMs };
  const expected = new Map<string, SymbolOracle>();
  for (const record of records) {
    const own = record.ticks.symbols.map(() => new SymbolOracle(rules));
    const { frames, starts } = record.lineage;
    let life = 0;
    for (const [index, frame] of frames.entries()) {
      while (index >= (starts[life] ?? Number.POSITIVE_INFINITY)) {
        for (const oracle of own) oracle.restarted();
        life++;
      }
      for (const { symbol, price, time } of ticksOf(record, [frame])) {
        own[symbol]?.apply(price, time);
      }
    }
    for (const [i, oracle] of own.entries()) {
      if (oracle.count > 0) expected.set(record.ticks.symbols[i] as string, oracle);
    }
  }
  return expected;
}
