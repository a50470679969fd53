import { expect, it } from 'vitest';
import { fc } from '../../testkit/fast-check.ts';
import { SchedulerRig } from '../support/scheduler-rig.ts';

const PATIENCE_MS = 25;
const PUBLISHERS = 3;

const publisher = fc.nat({ max: PUBLISHERS - 1 });
const ticks = fc.constantFrom(0, 1, 10, 300, 5000);
const happening = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('frame' as const),
      publisher,
      ticks,
      isUrgent: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('posted' as const), ticks }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reconnect' as const), publisher }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('hurry' as const), unconflated: fc.nat({ max: 1 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('pause' as const), ms: fc.constantFrom(0, 1, 2, 9) }),
  },
);
const durations = fc.record({
  flushMs: fc.constantFrom(0, 0.2, 3, 30),
  workerMs: fc.constantFrom(0, 1, 6, 40),
});

it('lets nothing wait for long, whatever comes when, and sleeps once all is done', async () => {
  const happenings = fc.array(happening, { minLength: 1, maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(durations, happenings, async (given, steps) => {
      const rig = new SchedulerRig(given);
      const publishers = Array.from({ length: PUBLISHERS }, () => rig.publisher());
      for (const step of steps) {
        if (step.kind === 'frame') {
          const sender = publishers[step.publisher] as (typeof publishers)[number];
          rig.frame(sender, step.ticks, step.isUrgent);
        } else if (step.kind === 'posted') rig.posted(step.ticks);
        else if (step.kind === 'hurry') rig.conflation.unconflated = step.unconflated;
        else if (step.kind === 'pause') await rig.pass(step.ms);
        else {
          rig.close(publishers[step.publisher] as (typeof publishers)[number]);
          publishers[step.publisher] = rig.publisher();
        }
        rig.look();
      }
      await rig.pass(200);
      rig.look();
      expect(Math.max(...Object.values(rig.longest))).toBeLessThanOrEqual(PATIENCE_MS);
      expect(rig).toMatchObject({ pending: 0, isArmed: true });
      expect(publishers.map(({ framesUnacknowledged }) => framesUnacknowledged)).toEqual([0, 0, 0]);
      rig.end();
    }),
    { numRuns: 300 },
  );
});
