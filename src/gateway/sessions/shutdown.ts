import { setTimeout as delay } from 'node:timers/promises';
import { goawayFrame } from '../../protocol/index.ts';
import type { AuthHandshake } from './auth-handshake.ts';
import type { Sessions } from './session-registry.ts';

/** Looks this often whether everything is delivered, ms. */
const POLL_MS = 5;
/** How long publishers are still read after they were told, ms. */
const GRACE_MS = 100;
/** What the last close frames get to reach their peers before sockets are cut, ms. */
const LAST_BYTES_MS = 100;
/** What closing sockets may take after their close frame, ms. */
const CLOSE_MS = 500;

/** Who is to be dismissed, and how. */
export interface Dismissal {
  /** How long delivering what was accepted may take, ms. */
  readonly drainMs: number;
  /** Clients are told to reconnect after a random time of up to this long, ms. */
  readonly goawayJitterMs: number;
  readonly sessions: Sessions;
  /** Those whose token is not accepted yet. */
  readonly gates: Iterable<AuthHandshake>;
  /** Whether something that was accepted is still on its way to the sessions. */
  isBusy(): boolean;
  /** Has it brought on its way. */
  readonly schedule: () => void;
}

/**
 * Everyone is told; what was accepted is acknowledged, applied and delivered as far as sockets take it; then all are closed
 * with 4001. Publishers go first, since what they sent is to be delivered. Nobody new may come meanwhile.
 */
export async function dismissGracefully(dismissal: Dismissal): Promise<void> {
  const { sessions, gates, drainMs, goawayJitterMs } = dismissal;
  const { publishers, subscribers } = sessions;
  const deadline = performance.now() + drainMs;
  sessions.announce(goawayFrame('server going away', drainMs, goawayJitterMs));
  sessions.dismiss(gates);
  // Frames that were on their way when the publishers learnt of it are still taken.
  const graceEnd = Math.min(deadline, performance.now() + GRACE_MS);
  await until(dismissal, graceEnd, () => publishers.size === 0);
  for (const session of publishers) session.acknowledge();
  sessions.dismiss(publishers);
  await until(dismissal, deadline, () => !dismissal.isBusy() && !hasPending(sessions));
  sessions.dismiss(subscribers);
  await until(dismissal, performance.now() + CLOSE_MS, () => sessions.size === 0);
  await delay(LAST_BYTES_MS);
}

/** @param deadline on the clock of `performance.now`, which never jumps */
async function until(
  { schedule }: Dismissal,
  deadline: number,
  isDone: () => boolean,
): Promise<void> {
  do {
    schedule();
    await delay(POLL_MS);
  } while (!isDone() && performance.now() < deadline);
}

function hasPending({ subscribers }: Sessions): boolean {
  for (const { delivery } of subscribers) {
    if (delivery.links.statsPending + delivery.links.anomaliesPending > 0) return true;
  }
  return false;
}
