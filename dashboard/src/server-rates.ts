import type { ServerStatistics } from './http-api.ts';

/** How fast the server's totals grew between two looks at them. */
export interface ServerRates {
  readonly ticks: number;
  readonly deliveries: number;
  readonly bytes: number;
  /** Ticks a second by partition. */
  readonly partitions: readonly number[];
}

/** Growth a second; undefined between different runs of the server, and without time between. */
export function serverRates(
  before: ServerStatistics | undefined,
  after: ServerStatistics,
): ServerRates | undefined {
  if (before === undefined || before.epoch !== after.epoch) return undefined;
  const seconds = after.uptimeSeconds - before.uptimeSeconds;
  if (!(seconds > 0)) return undefined;
  return {
    ticks: (after.totalProcessed - before.totalProcessed) / seconds,
    deliveries: (after.sent.entries - before.sent.entries) / seconds,
    bytes: (after.sent.bytes - before.sent.bytes) / seconds,
    partitions: after.partitions.map(
      ({ processed }, i) => (processed - (before.partitions[i]?.processed ?? 0)) / seconds,
    ),
  };
}
