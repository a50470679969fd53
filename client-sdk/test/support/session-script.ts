import { expect } from 'vitest';
import { Digest, entriesOf, type Frame } from '../../../src/protocol/index.ts';
import type { ScriptedConnection } from '../../../testkit/scripted-server.ts';
import type { Subscriber } from '../../src/index.ts';

/** State of the scripted server: two symbols, and an anomaly of one. */
export const PATTERNS = ['BTC', 'E*'];
export const NAMES: Frame = [22, [0, 'BTC', 1, 'ETH']];
export const FULL_BTC = [0, 127, 100, 100, 1, 1000, 100, 100];
const FULL_ETH = [1, 127, 20, 20, 5, 2000, 19, 21];
const STATS: Frame = [20, 5, [...FULL_BTC, ...FULL_ETH]];

/** The digest of {@link STATS}. */
function scriptedDigest(): number {
  const digest = new Digest();
  digest.add(0, { price: 100, average: 100, count: 1, time: 1000, min: 100, max: 100 });
  digest.add(1, { price: 20, average: 20, count: 5, time: 2000, min: 19, max: 21 });
  return digest.value;
}

/** The client's next frame other than PING. */
export async function nextRequest(connection: ScriptedConnection): Promise<Frame> {
  let frame = await connection.next();
  while (frame[0] === 6) frame = await connection.next();
  return frame;
}

/** Resume points of a SUBSCRIBE, in the order of symbols. */
function sinceOf(subscribe: Frame): [unknown, unknown][] {
  const options = new Map(entriesOf(subscribe[3]) ?? []);
  return [...(entriesOf(options.get('since')) ?? [])].sort(([a], [b]) =>
    String(a).localeCompare(String(b)),
  );
}

/**
 * Opens the first session of a subscriber to {@link PATTERNS}: everything arrives, with an anomaly.
 */
export async function openFirst(connection: ScriptedConnection, subscriber: Subscriber) {
  connection.welcome();
  const [op, requestId, patterns] = await nextRequest(connection);
  expect([op, patterns]).toEqual([4, PATTERNS]);
  connection.send([19, requestId, [0, 0], { conflateMs: 0, fields: 63 }]);
  connection.send(NAMES);
  connection.send(STATS);
  connection.send([21, 6, [[1, 3, 1, 19, 20, 5, 2000]]]);
  const anomaly = new Promise((resolve) => {
    subscriber.on('anomaly', resolve);
  });
  await anomaly;
}

/**
 * Serves a session after a broken one: the client requests everything at once and resumes, nothing
 * old counts as new, and VERIFY succeeds.
 */
export async function expectHealed(connection: ScriptedConnection, subscriber: Subscriber) {
  const held = ['BTC', 'ETH'].map((symbol) => subscriber.get(symbol));
  connection.welcome();
  const request = await nextRequest(connection);
  expect([request[0], request[2]]).toEqual([4, PATTERNS]);
  expect(sinceOf(request)).toEqual([
    ['BTC', 0],
    ['ETH', 3],
  ]);
  expect(subscriber.state).toBe('live');
  expect(held.map((symbol) => symbol?.isLive)).toEqual([false, false]);
  connection.send([19, request[1], [0, 0], { conflateMs: 0, fields: 63 }]);
  connection.send(NAMES);
  connection.send(STATS);
  const verifying = subscriber.verify();
  // No second SUBSCRIBE: the next request is the VERIFY.
  const [op, requestId] = await nextRequest(connection);
  expect(op).toBe(7);
  connection.send([26, requestId, scriptedDigest(), 2]);
  expect(await verifying).toMatchObject({ equal: true, ownSymbolCount: 2 });
  expect(['BTC', 'ETH'].map((symbol) => subscriber.get(symbol))).toEqual(held);
  expect(held.map((symbol) => symbol?.isLive)).toEqual([true, true]);
}
