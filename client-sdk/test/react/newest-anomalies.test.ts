import { expect, it } from 'vitest';
import { fc } from '../../../testkit/fast-check.ts';
import { NewestAnomalies } from '../../src/react/use-anomalies.ts';
import type { Anomaly } from '../../src/subscriber/anomaly.ts';
import type { Subscriber } from '../../src/subscriber/subscriber.ts';

const RAISED = fc.record({
  symbol: fc.constantFrom('A', 'B', 'B2', 'C'),
  timestamp: fc.nat({ max: 9 }),
});

/** A subscriber that emits what it is given. */
function scripted() {
  let listener: ((anomaly: Anomaly) => void) | undefined;
  const subscriber = {
    state: 'live',
    subscribe: () => ({ unsubscribe: () => undefined }),
    on: (_: string, listen: (anomaly: Anomaly) => void) => {
      listener = listen;
      return () => {
        listener = undefined;
      };
    },
  };
  return {
    subscriber: subscriber as unknown as Subscriber,
    raise: (anomaly: Anomaly) => listener?.(anomaly),
  };
}

it('lists the newest first, and at equal times the last to arrive', () => {
  fc.assert(
    fc.property(
      fc.array(RAISED, { maxLength: 60 }),
      fc.integer({ min: 1, max: 12 }),
      (raised, limit) => {
        const newest = new NewestAnomalies(['A', 'B*'], limit);
        const { subscriber, raise } = scripted();
        let changes = 0;
        const stop = newest.follow(subscriber, () => changes++);
        const anomalies = raised.map(
          (each, sequence) => ({ ...each, sequence }) as unknown as Anomaly,
        );
        for (const anomaly of anomalies) raise(anomaly);
        const wanted = anomalies.filter(({ symbol }) => symbol !== 'C');
        expect(newest.list).toEqual(
          wanted
            .toSorted((a, b) => b.timestamp - a.timestamp || b.sequence - a.sequence)
            .slice(0, limit),
        );
        expect(changes).toBe(wanted.length);
        stop();
        raise({ symbol: 'A', timestamp: 99 } as Anomaly);
        expect(changes).toBe(wanted.length);
      },
    ),
    { numRuns: 300 },
  );
});
