import { describe, expect, it } from 'vitest';
import { fc } from '../../../testkit/fast-check.ts';
import { ALERTS } from '../../src/react/use-alerts.ts';
import { ANOMALIES } from '../../src/react/use-anomalies.ts';
import { type Kind, NewestItems } from '../../src/react/use-newest.ts';
import type { Alert } from '../../src/subscriber/alert.ts';
import type { Anomaly } from '../../src/subscriber/anomaly.ts';
import type { Subscriber } from '../../src/subscriber/subscriber.ts';

const RAISED = fc.record({
  symbol: fc.constantFrom('A', 'B', 'B2', 'C'),
  time: fc.nat({ max: 9 }),
});

/** A subscriber that emits what it is given, as the event that is listened for. */
function scripted<Item>() {
  let listener: ((item: Item) => void) | undefined;
  const calls: unknown[][] = [];
  const subscriber = {
    state: 'live',
    subscribe: (...parameters: unknown[]) => {
      calls.push(parameters);
      return { unsubscribe: () => calls.push(['unsubscribe']) };
    },
    on: (event: string, listen: (item: Item) => void) => {
      calls.push([event]);
      listener = listen;
      return () => {
        listener = undefined;
      };
    },
  };
  return {
    subscriber: subscriber as unknown as Subscriber,
    calls,
    raise: (item: Item) => listener?.(item),
  };
}

/** An anomaly or alert of which only symbol, number and time matter. */
type Make<Item> = (symbol: string, sequence: number, time: number) => Item;
const anomaly: Make<Anomaly> = (symbol, sequence, timestamp) =>
  ({ symbol, sequence, timestamp }) as Anomaly;
const alert: Make<Alert> = (symbol, sequence, time) => ({ symbol, sequence, time }) as Alert;

function listsTheNewest<Event extends 'anomaly' | 'alert', Item extends Anomaly | Alert>(
  kind: Kind<Event>,
  make: Make<Item>,
  timeOf: (item: Item) => number,
): void {
  fc.assert(
    fc.property(
      fc.array(RAISED, { maxLength: 60 }),
      fc.integer({ min: 1, max: 12 }),
      (raised, limit) => {
        const newest = new NewestItems(kind, ['A', 'B*'], limit);
        const { subscriber, raise } = scripted<Item>();
        let changes = 0;
        const stop = newest.follow(subscriber, () => changes++);
        const items = raised.map(({ symbol, time }, sequence) => make(symbol, sequence, time));
        for (const item of items) raise(item);
        const wanted = items.filter(({ symbol }) => symbol !== 'C');
        expect(newest.list).toEqual(
          wanted
            .toSorted((a, b) => timeOf(b) - timeOf(a) || b.sequence - a.sequence)
            .slice(0, limit),
        );
        expect(changes).toBe(wanted.length);
        stop();
        raise(make('A', 99, 99));
        expect(changes).toBe(wanted.length);
      },
    ),
    { numRuns: 300 },
  );
}

describe('the newest first, and at equal times the last to arrive', () => {
  it('of anomalies', () => listsTheNewest(ANOMALIES, anomaly, ({ timestamp }) => timestamp));
  it('of alerts', () => listsTheNewest(ALERTS, alert, ({ time }) => time));
});

it('asks for what is listed only, while it is followed', () => {
  const anomalies = scripted<Anomaly>();
  new NewestItems(ANOMALIES, ['A'], 1).follow(anomalies.subscriber, () => undefined)();
  expect(anomalies.calls).toEqual([[['A'], { stats: false }], ['anomaly'], ['unsubscribe']]);
  const alerts = scripted<Alert>();
  new NewestItems(ALERTS, ['A'], 1).follow(alerts.subscriber, () => undefined)();
  const options = { stats: false, anomalies: false, alerts: true };
  expect(alerts.calls).toEqual([[['A'], options], ['alert'], ['unsubscribe']]);
});

it.each([0, 1.5, '20'])('refuses a limit of %j, and names what it counts', (limit) => {
  expect(() => new NewestItems(ALERTS, ['A'], limit as number)).toThrow(
    'limit: expected an integer of alerts, 1 or more',
  );
});
