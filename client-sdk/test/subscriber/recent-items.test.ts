import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fc } from '../../../testkit/fast-check.ts';
import type { Anomaly } from '../../src/subscriber/anomaly.ts';
import { RecentItems } from '../../src/subscriber/recent-items.ts';
import { connect, type Subscriber } from '../../src/subscriber/subscriber.ts';
import { FakeNetwork, pass, useFakeClock, useRealClock } from '../support/fake-socket.ts';

const timeOf = ({ timestamp }: Anomaly) => timestamp;

describe('RecentItems', () => {
  it('are the newest by time, however they arrive', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 20 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 12 }),
        (times, max, count) => {
          const recent = new RecentItems<Anomaly>(max, timeOf);
          const all: Anomaly[] = [];
          for (const [sequence, timestamp] of times.entries()) {
            const anomaly = { sequence, timestamp } as Anomaly;
            all.push(anomaly);
            recent.add(anomaly);
            const wanted = all
              .toSorted((a, b) => b.timestamp - a.timestamp || b.sequence - a.sequence)
              .slice(0, Math.min(max, count));
            expect(recent.newest(count)).toEqual(wanted);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are the same frozen array until another comes', () => {
    const recent = new RecentItems<Anomaly>(10, timeOf);
    recent.add({ sequence: 1, timestamp: 1 } as Anomaly);
    const list = recent.newest(5);
    expect(Object.isFrozen(list)).toBe(true);
    expect(recent.newest(5)).toBe(list);
    recent.add({ sequence: 2, timestamp: 2 } as Anomaly);
    expect(recent.newest(5)).not.toBe(list);
    expect(list).toHaveLength(1);
    expect(recent.newest(1).map(({ sequence }) => sequence)).toEqual([2]);
  });
});

describe('recentAnomalies', () => {
  let network: FakeNetwork;
  let subscriber: Subscriber;

  beforeEach(async () => {
    useFakeClock();
    network = new FakeNetwork();
    subscriber = connect('ws://server', { WebSocket: network.WebSocket });
    await pass();
    network.newest.welcome();
    network.newest.receive([22, [0, 'BTC', 1, 'ETH']]);
  });
  afterEach(() => {
    subscriber.close();
    useRealClock();
  });

  it('lists what was delivered of all symbols, newest first, across sessions', async () => {
    expect(subscriber.recentAnomalies()).toEqual([]);
    network.newest.receive([21, 5, [[0, 1, 1, 100, 103, 3, 1000]]]);
    network.newest.receive([21, 6, [[1, 4, -1, 10, 9, -10, 900]]]);
    network.newest.receive([21, 7, [[0, 2, 1, 103, 107, 3.9, 1100]]]);
    const names = () =>
      subscriber.recentAnomalies(2).map((each) => `${each.symbol} ${each.sequence}`);
    expect(names()).toEqual(['BTC 2', 'BTC 1']);
    expect(subscriber.recentAnomalies()).toHaveLength(3);
    network.newest.drop();
    await pass(500);
    network.newest.welcome();
    network.newest.receive([22, [1, 'ETH']]);
    // A duplicate is not delivered, and not listed.
    network.newest.receive([
      21,
      8,
      [
        [1, 4, -1, 10, 9, -10, 900],
        [1, 5, 1, 9, 10, 11, 1200],
      ],
    ]);
    expect(names()).toEqual(['ETH 5', 'BTC 2']);
  });

  it.each([0, 1.5, '20', NaN])('refuses %j', (count) => {
    expect(() => subscriber.recentAnomalies(count as number)).toThrow('count: expected an integer');
  });
});
