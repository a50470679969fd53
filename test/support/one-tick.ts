import type { ReceivedTicks } from '../../src/engine/memory/tick-ring.ts';

/** A frame of one tick of symbol 0, as the engine's queues take it. */
export function oneTick(price: number, time: number, receivedAt = 0): ReceivedTicks {
  return { prices: Float64Array.of(price), times: Float64Array.of(time), receivedAt };
}
