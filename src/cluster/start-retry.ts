import { setTimeout as delay } from 'node:timers/promises';
import type { GatewayLog } from '../gateway/index.ts';

/** How long a start waits for brokers that have no leader yet, ms. */
const START_MS = 30_000;
/** Wait before it is tried again, ms. */
const RETRY_MS = 500;

/**
 * Does what fails while brokers start, which often happens together with ours: again, until they
 * have elected their leaders.
 *
 * @param isLasting whether an error says that it will not change
 * @throws what it threw last, after 30 s; at once what is lasting
 */
export async function onceElected<Result>(
  act: () => Promise<Result>,
  isLasting: (error: unknown) => boolean,
  log: GatewayLog,
): Promise<Result> {
  const deadline = performance.now() + START_MS;
  for (let tries = 1; ; tries++) {
    try {
      return await act();
    } catch (error) {
      if (isLasting(error) || performance.now() > deadline) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      if (tries === 1) log.warn({ reason }, 'the brokers of the cluster are not ready yet');
    }
    await delay(RETRY_MS);
  }
}
