import { setTimeout as delay } from 'node:timers/promises';
import { Op } from '../../testkit/independent/protocol.ts';
import type { IndependentSubscriber } from '../../testkit/independent/subscriber.ts';
import { metric } from './raw-http.ts';

/** Sessions slow in so many consecutive samples are stalled. */
const LOOKS = 4;
const BETWEEN_LOOKS_MS = 100;

/**
 * Calls `publishMore` until the sockets of these non-reading subscribers are full and stay so. A
 * full socket may drain a moment later, and the kernel accepts more than advertised when offered
 * it, as each answer does.
 */
export async function untilStalled(
  port: number,
  subscribers: readonly IndependentSubscriber[],
  publishMore: () => Promise<void>,
): Promise<void> {
  const areSlow = async () => (await metric(port, 'tickwire_slow_sessions')) >= subscribers.length;
  for (let looks = 0; looks < LOOKS; ) {
    if (await areSlow()) {
      looks++;
      for (const subscriber of subscribers) subscriber.send([Op.PING, looks]);
      await delay(BETWEEN_LOOKS_MS);
    } else {
      looks = 0;
      await publishMore();
    }
  }
}
