import { AcceptRule } from '../../src/cluster/accept-rule.ts';
import type { ClusterNames } from '../../src/cluster/names.ts';
import { SegmentReader } from '../../src/cluster/segments.ts';
import type { SimulatedBroker } from './simulated-bus.ts';

/**
 * What the accept rule leaves of the logs: prices, in order, by publisher and shard
 * (`publisher shard`).
 */
export function acceptedPrices(
  broker: SimulatedBroker,
  names: ClusterNames,
): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (let shard = 0; shard < names.shards; shard++) {
    const rule = new AcceptRule();
    const log = broker.logOf(names.ticks(shard));
    for (const { payload, subject } of log.messages) {
      if (subject !== names.ticks(shard)) continue;
      const reader = new SegmentReader(payload);
      for (let segment = reader.next(); segment !== undefined; segment = reader.next()) {
        if (rule.take(segment) !== undefined) continue;
        const key = `${segment.publisher} ${shard}`;
        const prices = found.get(key) ?? [];
        reader.forEachTick((_symbol, price) => prices.push(price));
        found.set(key, prices);
      }
    }
  }
  return found;
}
