import { setTimeout as delay } from 'node:timers/promises';
import { Op } from '../../testkit/independent/protocol.ts';
import type { IndependentSubscriber } from '../../testkit/independent/subscriber.ts';
import { metric } from './raw-http.ts';

/** Sessions that stay slow so many looks in a row are stalled. */
const LOOKS = 4;
const BETWEEN_LOOKS_MS = 100;

/**
 * Has `publishMore` publish until the sockets of these subscribers, which read nothing, are full and stay so. A socket that
 * had no room may have some a moment later; and the kernel takes more than it says when it is offered it, as each answer does.
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
