import type { Counter, Engine } from '../engine/index.ts';

/** One of the counters, over all partitions. */
export function partitionTotal(
  engine: Pick<Engine, 'partitions' | 'status'>,
  counter: Counter,
): number {
  let total = 0;
  for (let partition = 0; partition < engine.partitions; partition++) {
    total += engine.status(partition).counters.get(counter);
  }
  return total;
}
