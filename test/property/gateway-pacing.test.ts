import { describe, expect, it } from 'vitest';
import { NO_MARK, Pacing } from '../../src/gateway/fanout/pacing.ts';
import { fc } from '../../testkit/fast-check.ts';
import { type PathConditions, SimulatedPath } from '../../testkit/simulated-path.ts';

const TARGET_MS = 250;
/** A path that is learned anew is known after this long, ms. */
const LEARN_MS = 15_000;

/** Slow enough to be limited by it, fast enough for the smallest window to be worth `TARGET_MS`. */
const rate = fc.double({ min: 4, max: 6.5, noNaN: true }).map((power) => 10 ** power);
const delay = fc.integer({ min: 0, max: 300 });
const path = fc.record({ bytesPerSecond: rate, delayMs: delay });

function start(conditions: Readonly<PathConditions>): SimulatedPath {
  const session = new SimulatedPath(new Pacing(TARGET_MS), conditions);
  // What every session gets first: WELCOME.
  session.sendAnswer(300);
  session.run(1);
  session.pending = Number.POSITIVE_INFINITY;
  return session;
}

/** Bytes are no longer queued than the target, and the path is not idle. */
function expectPaced(session: SimulatedPath, { bytesPerSecond, delayMs }: PathConditions): void {
  session.queuedMsMax = 0;
  session.bytesRead = 0;
  session.run(10_000);
  // The smallest window takes its time, too.
  const floorMs = (1280 / bytesPerSecond) * 1000;
  expect(session.queuedMsMax).toBeLessThan(TARGET_MS * 1.25 + 20 + 2 * floorMs);
  // Measuring the base anew costs some round trips, once in this time.
  const usedMs = 10_000 - 6 * 2 * delayMs;
  expect(session.bytesRead).toBeGreaterThan((0.65 * bytesPerSecond * usedMs) / 1000);
}

describe('a session that always has something to send', () => {
  it('queues no more than the target, and uses the path', () => {
    fc.assert(
      fc.property(path, (conditions) => {
        const session = start(conditions);
        session.run(LEARN_MS);
        expectPaced(session, conditions);
      }),
      { numRuns: 40 },
    );
  });

  it('learns a path that changes', () => {
    fc.assert(
      fc.property(path, path, (before, after) => {
        const conditions = { ...before };
        const session = start(conditions);
        session.run(LEARN_MS);
        Object.assign(conditions, after);
        // What was in flight has to be read first.
        session.run(LEARN_MS + (before.bytesPerSecond / after.bytesPerSecond) * 1000);
        expectPaced(session, conditions);
      }),
      { numRuns: 40 },
    );
  });

  it('never has a second of data in flight on a slow path, not even at first', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 30_000, max: 1e6, noNaN: true }),
        delay,
        (bytesPerSecond, delayMs) => {
          const session = start({ bytesPerSecond, delayMs });
          session.run(LEARN_MS);
          expect(session.queuedMsMax).toBeLessThan(1000);
        },
      ),
      { numRuns: 40 },
    );
  });
});

it('a fast path gets a large first state in a few round trips', () => {
  const delayMs = 20;
  const session = start({ bytesPerSecond: Number.POSITIVE_INFINITY, delayMs });
  session.pending = 600_000;
  const from = session.now;
  while (session.pending > 0) session.run(1);
  expect(session.now - from).toBeLessThan(7 * 2 * delayMs);
});

it('a path with room costs few pings', () => {
  const session = start({ bytesPerSecond: Number.POSITIVE_INFINITY, delayMs: 1 });
  session.pending = 0;
  session.run(10);
  session.pings = 0;
  // 20 kB/s in messages of 400 bytes.
  for (let i = 0; i < 500; i++) {
    session.pending = 400;
    session.run(20);
  }
  expect(session.pings).toBeLessThan(10 * 10);
});

it('everything is sent in the end, whatever comes between', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('data' as const), bytes: fc.nat({ max: 50_000 }) }),
    fc.record({ kind: fc.constant('answer' as const), bytes: fc.nat({ max: 50_000 }) }),
    fc.record({ kind: fc.constant('wait' as const), forMs: fc.nat({ max: 3000 }) }),
    fc.record({ kind: fc.constant('change' as const), conditions: path }),
  );
  fc.assert(
    fc.property(path, fc.array(step, { maxLength: 30 }), (first, steps) => {
      const conditions = { ...first };
      const session = new SimulatedPath(new Pacing(TARGET_MS), conditions);
      for (const each of steps) {
        if (each.kind === 'data') session.pending += each.bytes;
        else if (each.kind === 'answer') session.sendAnswer(each.bytes);
        else if (each.kind === 'wait') session.run(each.forMs);
        else Object.assign(conditions, each.conditions);
        session.flush();
      }
      const deadline = session.now + 400_000;
      while (session.pending > 0 && session.now < deadline) session.run(500);
      expect(session.pending).toBe(0);
    }),
    { numRuns: 60 },
  );
});

describe('a client that does not answer pings', () => {
  it('is not paced any more after some seconds', () => {
    const session = new SimulatedPath(new Pacing(TARGET_MS), { bytesPerSecond: 1e6, delayMs: 1 });
    session.answers = false;
    session.sendAnswer(300);
    session.pending = Number.POSITIVE_INFINITY;
    session.run(2000);
    expect(session.bytesRead).toBeLessThan(20_000);
    session.pending = 500_000;
    session.run(2000);
    expect(session.pending).toBe(0);
  });

  it('has stopped reading if it answered before', () => {
    const pacing = new Pacing(TARGET_MS);
    const session = new SimulatedPath(pacing, { bytesPerSecond: 1e6, delayMs: 1 });
    session.sendAnswer(300);
    session.run(10);
    session.answers = false;
    session.pending = 500_000;
    session.run(500);
    expect(pacing.isStalled(session.now)).toBe(false);
    session.run(60_000);
    expect(pacing.isStalled(session.now)).toBe(true);
    expect(session.pending).toBeGreaterThan(450_000);
  });
});

describe('a pong', () => {
  it('answers the pings before it as well', () => {
    const pacing = new Pacing(TARGET_MS);
    const marks = Array.from({ length: 5 }, (_, i) => {
      pacing.sent(100, i);
      return pacing.mark(i);
    });
    expect(pacing.inFlight).toBe(500);
    expect(pacing.answered(marks[3] as number, 10)).toBe(7);
    expect(pacing.inFlight).toBe(100);
    expect(pacing.answered(marks[1] as number, 11)).toBeUndefined();
    expect(pacing.answered(marks[4] as number, 12)).toBe(8);
    expect(pacing.inFlight).toBe(0);
  });

  it('that nothing asked for changes nothing', () => {
    const pacing = new Pacing(TARGET_MS);
    expect(pacing.answered(NO_MARK, 1)).toBeUndefined();
    expect(pacing.sent(1000, 2)).not.toBe(NO_MARK);
    expect(pacing.answered(77, 3)).toBeUndefined();
    expect(pacing.inFlight).toBe(1000);
  });
});
