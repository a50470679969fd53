import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { until } from '../../../testkit/until.ts';
import { connect, type Subscriber } from '../../src/subscriber/subscriber.ts';
import { FakeNetwork, pass, useFakeClock, useRealClock } from '../support/fake-socket.ts';

const NAMES = [22, [0, 'BTC', 1, 'ETH']] as const;
const RULES = [29, [7, 'flash', 'spike', 8, '7', 'gap']] as const;

let network: FakeNetwork;
let subscriber: Subscriber;

beforeEach(() => {
  useFakeClock();
  network = new FakeNetwork();
  subscriber = connect('ws://server', { WebSocket: network.WebSocket });
});
afterEach(() => {
  subscriber.close();
  useRealClock();
});

/** An alert of BTC as it stands in ALERT. */
function alert(sequence: number, ruleId = 7, time = 1000 * sequence) {
  return [0, sequence, ruleId, 1, 1, 2, -1, 100, 97, -3, time, 1000, 97, 1, 0] as const;
}

/** The patterns of each SUBSCRIBE on the newest connection. */
function requested(): unknown[] {
  return network.newest.sent.filter(([op]) => op === 4).map(([, , patterns]) => patterns);
}

/** Once what alerts need is loaded. */
async function loaded(): Promise<void> {
  vi.useRealTimers();
  await until(() => requested().length > 0);
}

it('are asked for once they can be told', async () => {
  await pass();
  network.newest.welcome();
  subscriber.subscribe('BTC', { alerts: true });
  subscriber.subscribe('ETH');
  const alerts: unknown[] = [];
  subscriber.on('alert', (each) => alerts.push(each));
  await Promise.resolve();
  expect(requested()).toEqual([]);
  await loaded();
  expect(requested()).toEqual([['BTC'], ['ETH']]);
  network.newest.receive(NAMES);
  network.newest.receive(RULES);
  network.newest.receive([28, 5, [alert(3), alert(4, 8)]]);
  expect(alerts).toMatchObject([
    { symbol: 'BTC', sequence: 3, rule: 'flash', level: 'critical', direction: 'Down' },
    { symbol: 'BTC', sequence: 4, rule: '7', phase: 'start' },
  ]);
  expect(alerts[0]).not.toHaveProperty('reason');
  expect(subscriber.counters.alerts).toBe(2);
});

it.each([
  ['of a rule without a name', [28, 5, [alert(1, 9)]], 'rule id 9 has no name'],
  ['of a symbol without a name', [28, 5, [[4, ...alert(1).slice(1)]]], 'symbol id 4 has no name'],
] as const)('an alert %s ends the connection', async (_, frame, reason) => {
  await pass();
  network.newest.welcome();
  subscriber.subscribe('BTC', { alerts: true });
  await loaded();
  network.newest.receive(NAMES);
  network.newest.receive(RULES);
  const closures: unknown[] = [];
  subscriber.on('state', ({ closure }) => closures.push(closure?.reason));
  network.newest.receive(frame);
  expect(closures).toEqual([`frame of op 28 cannot be read: ${reason}`]);
});

it('forgets the names of rules with the connection', async () => {
  await pass();
  network.newest.welcome();
  subscriber.subscribe('BTC', { alerts: true });
  await loaded();
  const rules: string[] = [];
  subscriber.on('alert', ({ rule }) => rules.push(rule));
  network.newest.receive(NAMES);
  network.newest.receive(RULES);
  network.newest.receive([28, 5, [alert(1)]]);
  subscriber.reconnect();
  await until(() => network.sockets.length === 2);
  network.newest.welcome();
  network.newest.receive([29, [7, 'another', 'gap']]);
  network.newest.receive([28, 5, [alert(2)]]);
  expect(rules).toEqual(['flash', 'another']);
});

it('takes an alert that is dated back, and none twice after a crash', async () => {
  await pass();
  network.newest.welcome();
  subscriber.subscribe('BTC', { alerts: true });
  await loaded();
  const seen: string[] = [];
  subscriber.on('alert', ({ sequence, time }) => seen.push(`${sequence} at ${time}`));
  network.newest.receive(NAMES);
  network.newest.receive(RULES);
  network.newest.receive([28, 5, [alert(1, 7, 2000), alert(2, 8, 1500)]]);
  subscriber.reconnect();
  await until(() => network.sockets.length === 2);
  network.newest.welcome({ epoch: 'e2' });
  network.newest.receive(NAMES);
  network.newest.receive(RULES);
  // The server lost both, and has raised the first one again.
  network.newest.receive([28, 5, [alert(1, 7, 2000)]]);
  network.newest.receive([28, 5, [alert(2, 7, 2500)]]);
  expect(seen).toEqual(['1 at 2000', '2 at 1500', '2 at 2500']);
});

it('loaded in a session takes none twice in the next of the same epoch', async () => {
  await pass();
  network.newest.welcome();
  subscriber.subscribe('BTC', { alerts: true });
  await loaded();
  const seen: number[] = [];
  subscriber.on('alert', ({ sequence }) => seen.push(sequence));
  network.newest.receive(NAMES);
  network.newest.receive(RULES);
  network.newest.receive([28, 5, [alert(1), alert(2)]]);
  subscriber.reconnect();
  await until(() => network.sockets.length === 2);
  network.newest.welcome();
  network.newest.receive(NAMES);
  network.newest.receive(RULES);
  network.newest.receive([28, 5, [alert(1, 7, 9000)]]);
  expect(seen).toEqual([1, 2]);
});

it('of a server that numbers anew come, though an earlier run saw more', async () => {
  await pass();
  network.newest.welcome();
  subscriber.subscribe('BTC', { alerts: true, alertsSince: new Map([['BTC', 50]]) });
  await loaded();
  const seen: number[] = [];
  subscriber.on('alert', ({ sequence }) => seen.push(sequence));
  network.newest.receive(NAMES);
  network.newest.receive(RULES);
  network.newest.receive([28, 5, [alert(4), alert(5)]]);
  expect(seen).toEqual([4, 5]);
});
