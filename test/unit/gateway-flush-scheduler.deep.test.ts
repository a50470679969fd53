import { describe, expect, it, vi } from 'vitest';
import { BackgroundTasks } from '../../src/gateway/limits/background-tasks.ts';
import { type Load, SchedulerRig } from '../support/scheduler-rig.ts';

/** Longest wait under any load, ms. */
const PATIENCE_MS = 25;
const DELIVERY_TICKS = 1024;

const hurries = [{ unconflated: 0 }, { unconflated: 1 }];
const durations = [
  { flushMs: 0, workerMs: 0 },
  { flushMs: 1, workerMs: 1 },
  { flushMs: 5, workerMs: 3 },
  { flushMs: 40, workerMs: 0 },
];
const loads: Load[] = [
  { policy: 'low', utilization: 0 },
  { policy: 'low', utilization: 1 },
  { policy: 'balanced', utilization: 0.4 },
  { policy: 'balanced', utilization: 1 },
  { policy: 'cheap', utilization: 0 },
];
const situations = hurries.flatMap((hurry) =>
  durations.flatMap((each) => loads.map((load) => ({ ...hurry, ...each, ...load }))),
);

/** Ticks a frame, and whether it nearly exhausts its publisher's credit. */
const streams = [
  { ticks: 0, isUrgent: false },
  { ticks: 1, isUrgent: false },
  { ticks: 1, isUrgent: true },
  { ticks: DELIVERY_TICKS - 1, isUrgent: false },
  { ticks: DELIVERY_TICKS, isUrgent: false },
  { ticks: 20 * DELIVERY_TICKS, isUrgent: true },
];

function rigOf(situation: (typeof situations)[number]): SchedulerRig {
  const rig = new SchedulerRig(situation, 65_536, situation);
  rig.conflation.unconflated = situation.unconflated;
  return rig;
}

async function expectIdle(rig: SchedulerRig): Promise<void> {
  await rig.pass(4 * PATIENCE_MS);
  rig.look();
  expect(Math.max(...Object.values(rig.longest))).toBeLessThanOrEqual(PATIENCE_MS);
  expect(rig).toMatchObject({ pending: 0, isArmed: true });
}

describe.each(situations)(
  '$unconflated unconflated, $flushMs ms a flush, $workerMs a worker, $policy at $utilization',
  (situation) => {
    it('sleeps, and handles a frame in the turn of the loop that brings it', async () => {
      const rig = rigOf(situation);
      const publisher = rig.publisher();
      for (let round = 1; round <= 3; round++) {
        await expectIdle(rig);
        rig.frame(publisher);
        await rig.turn();
        expect(rig.offeredAt).toBe(Number.POSITIVE_INFINITY);
        expect(publisher.acknowledgements).toBe(round);
        await expectIdle(rig);
        expect(rig.flushes).toBe(round);
      }
    });

    it('acknowledges within 3 ms a publisher that waits for it before it goes on', async () => {
      const rig = rigOf(situation);
      const publisher = rig.publisher();
      for (let round = 1; round <= 50; round++) {
        rig.frame(publisher);
        await rig.turn();
        for (let ms = 0; publisher.acknowledgements < round && ms < PATIENCE_MS; ms++) {
          await rig.pass(1);
        }
        expect(publisher.acknowledgements).toBe(round);
      }
      expect(rig.longest.acknowledgement).toBeLessThanOrEqual(3);
      await expectIdle(rig);
    });

    it.each(streams)(
      'lets nothing wait while frames of $ticks ticks come every ms (urgent: $isUrgent)',
      async (stream) => {
        const rig = rigOf(situation);
        const publishers = [rig.publisher(), rig.publisher()];
        for (let ms = 0; ms < 200; ms++) {
          for (const publisher of publishers) rig.frame(publisher, stream.ticks, stream.isUrgent);
          await rig.pass(1);
          rig.look();
          expect(Math.max(...Object.values(rig.longest))).toBeLessThanOrEqual(PATIENCE_MS);
        }
        expect(rig.flushes > 0).toBe(stream.ticks > 0);
        await expectIdle(rig);
      },
    );

    it('publishes ticks from HTTP, which need no acknowledgement', async () => {
      const rig = rigOf(situation);
      for (let ms = 0; ms < 60; ms++) {
        if (ms % 3 === 0) rig.posted();
        await rig.pass(1);
        rig.look();
      }
      expect(rig.flushes).toBeGreaterThan(0);
      await expectIdle(rig);
    });

    it('forgets a publisher that closes before it is acknowledged', async () => {
      const rig = rigOf(situation);
      const [staying, closing] = [rig.publisher(), rig.publisher()];
      for (const publisher of [staying, closing]) rig.frame(publisher);
      await rig.turn();
      for (const publisher of [closing, staying, closing]) rig.frame(publisher);
      const before = closing.acknowledgements;
      rig.close(closing);
      await expectIdle(rig);
      expect(closing.acknowledgements).toBe(before);
      expect(staying.acknowledgements).toBe(2);
    });
  },
);

describe('while the thread has time to spare', () => {
  const idle: Load = { policy: 'balanced', utilization: 0.1 };

  it.each([0, 1])('publishes at once, %i unconflated', async (unconflated) => {
    const rig = new SchedulerRig({ flushMs: 0, workerMs: 0 }, 65_536, idle);
    rig.conflation.unconflated = unconflated;
    const publisher = rig.publisher();
    for (let ms = 0; ms < 100; ms++) {
      rig.frame(publisher);
      await rig.pass(1);
      rig.look();
    }
    // An immediate of the fake clock may take a ms.
    expect(rig.longest.delivery).toBeLessThanOrEqual(1);
    await expectIdle(rig);
  });

  it.each<[Load, number]>([
    [{ policy: 'low', utilization: 0.6 }, 1],
    [{ policy: 'balanced', utilization: 0.2 }, 1],
    [{ policy: 'balanced', utilization: 1 }, 8],
    [{ policy: 'cheap', utilization: 0 }, 8],
  ])('publishes at once, else at intervals: %o', async (load, longestMs) => {
    const rig = new SchedulerRig({ flushMs: 0, workerMs: 0 }, 65_536, load);
    rig.conflation.unconflated = 0;
    const publisher = rig.publisher();
    await rig.pass(200);
    for (let ms = 0; ms < 100; ms++) {
      rig.frame(publisher);
      await rig.pass(1);
      rig.look();
    }
    expect(Math.abs(rig.longest.delivery - longestMs)).toBeLessThanOrEqual(1);
    await expectIdle(rig);
  });
});

it('hears of what a worker did long after the rest, as when another took its place', async () => {
  const rig = new SchedulerRig({ flushMs: 1, workerMs: 500 });
  const publisher = rig.publisher();
  rig.frame(publisher);
  await rig.pass(100);
  expect(rig).toMatchObject({ flushes: 0, pending: 0, isArmed: true });
  rig.frame(publisher);
  await rig.pass(900);
  expect(rig.flushes).toBe(2);
  await expectIdle(rig);
});

it('sees what came right before the doorbell was armed', async () => {
  const rig = new SchedulerRig({ flushMs: 0, workerMs: 5 });
  await expectIdle(rig);
  rig.hasNewsBeforeArming = true;
  rig.posted(0);
  await rig.turn();
  expect(rig.hasNewsBeforeArming).toBe(false);
  await expectIdle(rig);
  expect(rig.flushes).toBe(1);
});

it('hands over a quarter of a small queue at once', async () => {
  const rig = new SchedulerRig({ flushMs: 0, workerMs: 0 }, 16, {
    policy: 'cheap',
    utilization: 0,
  });
  const publisher = rig.publisher();
  rig.frame(publisher);
  await rig.turn();
  rig.frame(publisher, 3);
  await rig.turn();
  expect(rig.offeredAt).toBeLessThan(Number.POSITIVE_INFINITY);
  rig.frame(publisher, 1);
  await rig.turn();
  expect(rig.offeredAt).toBe(Number.POSITIVE_INFINITY);
});

describe('BackgroundTasks', () => {
  it('does one step at a time, in turns, and rests as long as each took', async () => {
    const STEP_MS = 8;
    const work = new BackgroundTasks((error) => {
      throw error;
    });
    const done: string[] = [];
    const starts: number[] = [];
    const add = (name: string, steps: number) => {
      work.add(() => {
        starts.push(performance.now());
        while (performance.now() - (starts.at(-1) as number) < STEP_MS);
        done.push(name);
        if (steps > 1) add(name, steps - 1);
      });
    };
    add('a', 3);
    add('b', 2);
    expect(done).toEqual([]);
    await vi.waitUntil(() => done.length === 5, { timeout: 30_000, interval: 5 });
    expect(done).toEqual(['a', 'b', 'a', 'b', 'a']);
    for (const [i, start] of starts.slice(1).entries()) {
      // Timers may come a millisecond early.
      expect(start - (starts[i] as number)).toBeGreaterThan(2 * STEP_MS - 1.5);
    }
  });
});
