import { setTimeout as delay } from 'node:timers/promises';
import { goawayFrame } from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import type { SessionRegistry } from './session-registry.ts';

/** Time between checks whether everything is delivered, ms. */
const POLL_MS = 5;
/** Time during which publishers are still read after the GOAWAY, ms. */
const GRACE_MS = 100;
/** Time for the last close frames to reach their peers before sockets are cut, ms. */
const LAST_BYTES_MS = 100;
/** Time for sockets to close after their close frame, ms. */
const CLOSE_MS = 500;

export type ShutdownContext = Pick<
  GatewayContext,
  'alerts' | 'anomalies' | 'config' | 'engine' | 'scheduler' | 'sessions'
>;

/**
 * Announces the stop. Acknowledges, applies and delivers accepted ticks as far as sockets allow,
 * for at most `server.drainMs`; then closes all sessions with 4001. Publishers go first, since
 * their ticks are still to be delivered. The caller admits no new clients.
 */
export async function shutDown(context: ShutdownContext): Promise<void> {
  const { alerts, anomalies, config, engine, sessions } = context;
  const { drainMs, goawayJitterMs } = config.server;
  const { publishers, subscribers } = sessions;
  const deadline = performance.now() + drainMs;
  sessions.announce(goawayFrame('server going away', drainMs, goawayJitterMs));
  sessions.dismiss(sessions.handshakes);
  // Frames in flight when publishers get the GOAWAY are still taken.
  const graceEnd = Math.min(deadline, performance.now() + GRACE_MS);
  await until(context, graceEnd, () => publishers.size === 0);
  for (const session of publishers) session.acknowledge();
  sessions.dismiss(publishers);
  const isWaiting = () => anomalies.isWaiting || alerts.isWaiting;
  const isBusy = () => engine.isBusy() || isWaiting() || hasPending(sessions);
  await until(context, deadline, () => !isBusy());
  sessions.dismiss(subscribers);
  await until(context, performance.now() + CLOSE_MS, () => sessions.size === 0);
  await delay(LAST_BYTES_MS);
}

/** @param deadline on the clock of `performance.now`, which never jumps */
async function until(
  { scheduler }: ShutdownContext,
  deadline: number,
  isDone: () => boolean,
): Promise<void> {
  do {
    scheduler.schedule();
    await delay(POLL_MS);
  } while (!isDone() && performance.now() < deadline);
}

function hasPending({ subscribers }: SessionRegistry): boolean {
  for (const session of subscribers) if (session.hasPending) return true;
  return false;
}
