import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Liveness } from '../../src/gateway/sessions/liveness.ts';
import type { Session } from '../../src/gateway/sessions/session.ts';

const UNRESPONSIVE_MS = 1000;
const SWEEP_MS = 50;

let now = 0;

beforeEach(() => {
  now = 0;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function quietSession() {
  const connection = {
    lastLifeAt: 0,
    lastPingAt: 0,
    lastSentAt: 0,
    checkProgress: () => undefined,
    cork: (work: () => void) => work(),
    heartbeat: () => undefined,
    ping: vi.fn(),
    close: vi.fn(),
  };
  return { connection, swept: () => undefined };
}

/** Lets the event loop run for a while. */
function run(ms: number): void {
  for (let i = 0; i < ms / SWEEP_MS; i++) {
    now += SWEEP_MS;
    vi.advanceTimersByTime(SWEEP_MS);
  }
}

function watch(session: ReturnType<typeof quietSession>): Liveness {
  const times = { heartbeatMs: 1000, unresponsiveMs: UNRESPONSIVE_MS };
  const liveness = new Liveness(times, () => [session as unknown as Session]);
  liveness.start();
  return liveness;
}

it('closes a peer that shows no life while the thread runs', () => {
  const session = quietSession();
  const liveness = watch(session);
  run(UNRESPONSIVE_MS - SWEEP_MS);
  expect(session.connection.close).not.toHaveBeenCalled();
  run(SWEEP_MS);
  expect(session.connection.close).toHaveBeenCalledWith(4002, expect.any(String));
  liveness.stop();
});

it('does not take its own standstill for the silence of its peers', () => {
  const session = quietSession();
  const liveness = watch(session);
  run(400);
  now += 70_000;
  run(SWEEP_MS);
  expect(session.connection.close).not.toHaveBeenCalled();
  // The rest of its time still counts.
  run(UNRESPONSIVE_MS - 400 - 2 * SWEEP_MS);
  expect(session.connection.close).not.toHaveBeenCalled();
  run(2 * SWEEP_MS);
  expect(session.connection.close).toHaveBeenCalled();
  liveness.stop();
});
