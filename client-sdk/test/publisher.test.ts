import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Publisher } from '../src/index.ts';
import type { PublisherOptions } from '../src/publisher-options.ts';
import { type ScriptedConnection, ScriptedServer } from './scripted-server.ts';

let server: ScriptedServer;
let publisher: Publisher | undefined;

beforeEach(async () => {
  server = await ScriptedServer.start();
  publisher = undefined;
});
afterEach(async () => {
  await publisher?.close(1).catch(() => undefined);
  server.stop();
});

async function open(
  info: Record<string, unknown>,
  options: Partial<PublisherOptions> = {},
): Promise<[Publisher, ScriptedConnection]> {
  const opening = Publisher.connect(server.url, { publisher: 'feed-a', ...options });
  const connection = await server.connection();
  connection.welcome({ publisher: 'feed-a', overflow: 'wait', sequence: 0, ...info });
  publisher = await opening;
  return [publisher, connection];
}

async function reopen(info: Record<string, unknown>): Promise<ScriptedConnection> {
  const connection = await server.connection();
  connection.welcome({ publisher: 'feed-a', overflow: 'wait', credit: 100, ...info });
  return connection;
}

function tick(symbol: string, price: number, time = 1000) {
  return { symbol, price, time };
}

describe('Publisher', () => {
  it('declares aliases before their first use, and numbers its frames', async () => {
    const [feed, connection] = await open({ credit: 100 });
    expect(connection.url.search).toBe('?publisher=feed-a');
    await feed.publish([tick('BTC', 1.5), { symbol: 'ETH', price: 2 }]);
    await feed.publish([tick('SOL', 3), tick('BTC', 4)]);
    expect(await connection.next()).toEqual([2, 0, ['BTC', 'ETH']]);
    expect(await connection.next()).toEqual([3, 1, [0, 1.5, 1000, 1, 2, null]]);
    expect(await connection.next()).toEqual([2, 2, ['SOL']]);
    expect(await connection.next()).toEqual([3, 2, [2, 3, 1000, 0, 4, 1000]]);
  });

  it('takes no more than credit allows, and goes on with the next ACK', async () => {
    const [feed, connection] = await open({ credit: 2 });
    const publishing = feed.publish([tick('A', 1), tick('A', 2), tick('A', 3)]);
    await connection.next();
    expect(await connection.next()).toEqual([3, 1, [0, 1, 1000, 0, 2, 1000]]);
    await sleep(20);
    expect(connection.unread).toBe(0);
    expect(feed.credit).toBe(0);
    connection.send([17, 1, 2, 0, 0, 5]);
    expect(await connection.next()).toEqual([3, 2, [0, 3, 1000]]);
    await publishing;
    expect(feed.credit).toBe(4);
  });

  it('counts what the server says over all', async () => {
    const acknowledged: number[] = [];
    const [feed, connection] = await open({ credit: 9 }, { onAck: (n) => acknowledged.push(n) });
    await feed.publish([tick('A', 1), tick('A', 2)]);
    await feed.publish([tick('A', 3)]);
    const flushing = feed.flush();
    connection.send([17, 2, 1, 1, 1, 9]);
    await flushing;
    expect(acknowledged).toEqual([2]);
    expect(feed.totals).toMatchObject({
      sent: 3,
      accepted: 1,
      rejected: 1,
      dropped: 1,
      unacknowledged: 0,
    });
  });

  it.each(['binary', 'json'] as const)(
    'resumes after what the server has (%s)',
    async (encoding) => {
      const [feed, first] = await open({ credit: 100 }, { encoding });
      for (const price of [1, 2, 3]) await feed.publish([tick('A', price)]);
      for (let i = 0; i < 4; i++) await first.next();
      first.send([17, 1, 1, 0, 0, 99]);
      await sleep(10);
      first.cut();
      const second = await reopen({ sequence: 2 });
      expect(await second.next()).toEqual([2, 0, ['A']]);
      expect(await second.next()).toEqual([3, 3, [0, 3, 1000]]);
      const flushing = feed.flush();
      second.send([17, 3, 1, 0, 0, 99]);
      await flushing;
      expect(feed.totals).toMatchObject({ sent: 3, accepted: 2, resumed: 1, reconnects: 1 });
    },
  );

  it('continues the numbers of an earlier life of its name', async () => {
    const [feed, connection] = await open({ credit: 100, sequence: 41 });
    await feed.publish([tick('A', 1)]);
    await connection.next();
    expect((await connection.next())[1]).toBe(42);
  });

  it('renumbers what is open for a server that lost its memory', async () => {
    const [feed, first] = await open({ credit: 100 });
    for (const price of [1, 2, 3]) await feed.publish([tick('A', price)]);
    first.send([17, 2, 2, 0, 0, 98]);
    for (let i = 0; i < 4; i++) await first.next();
    await sleep(10);
    first.close(4001);
    const second = await reopen({ sequence: 0 });
    await second.next();
    expect(await second.next()).toEqual([3, 1, [0, 3, 1000]]);
    await feed.publish([tick('A', 4)]);
    expect(await second.next()).toEqual([3, 2, [0, 4, 1000]]);
    const flushing = feed.flush();
    second.send([17, 2, 2, 0, 0, 98]);
    await flushing;
  });

  it('sends a frame refused for back-pressure again, with its sequence', async () => {
    const [feed, connection] = await open({ credit: 100 });
    await feed.publish([tick('A', 1)]);
    await feed.publish([tick('A', 2)]);
    for (let i = 0; i < 3; i++) await connection.next();
    connection.send([17, 1, 1, 0, 0, 99]);
    connection.send([30, null, 12, 'beyond credit', true, 30]);
    expect(await connection.next()).toEqual([3, 2, [0, 2, 1000]]);
  });

  it('comes back after a sequence gap', async () => {
    const [feed, first] = await open({ credit: 100 });
    await feed.publish([tick('A', 1)]);
    first.send([30, null, 13, 'expected 1', true, null]);
    first.close(4005);
    const second = await reopen({ sequence: 0 });
    await second.next();
    expect(await second.next()).toEqual([3, 1, [0, 1, 1000]]);
  });

  it('keeps resent frames within the new credit', async () => {
    const [feed, first] = await open({ credit: 100 });
    for (const price of [1, 2]) await feed.publish([tick('A', price), tick('A', price)]);
    first.cut();
    const second = await reopen({ sequence: 0, credit: 3 });
    await second.next();
    expect((await second.next())[1]).toBe(1);
    await sleep(20);
    expect(second.unread).toBe(0);
    second.send([17, 1, 2, 0, 0, 3]);
    expect((await second.next())[1]).toBe(2);
    expect(feed.totals.sent).toBe(4);
  });

  it('does not fight another that took its name over', async () => {
    const [feed, connection] = await open({ credit: 100 });
    await feed.publish([tick('A', 1)]);
    const flushing = feed.flush();
    connection.close(4004);
    await expect(flushing).rejects.toThrow('connection closed (4004)');
    expect(() =>
      feed.tryPublish(
        { aliases: Uint32Array.of(0), prices: Float64Array.of(1), times: Float64Array.of(1) },
        0,
        1,
      ),
    ).toThrow('4004');
    await expect(feed.ready()).rejects.toThrow('4004');
  });

  it('reports ticks that were refused, and errors it cannot mend', async () => {
    const rejections: unknown[] = [];
    const errors: number[] = [];
    const [feed, connection] = await open(
      { credit: 100 },
      {
        onReject: (rejection) => rejections.push(rejection),
        onError: ({ code }) => errors.push(code),
      },
    );
    await feed.publish([tick('A', -1), tick('A', 1)]);
    const flushing = feed.flush();
    connection.send([18, 1, [0, 4]]);
    connection.send([30, null, 3, 'bad symbol', false, null]);
    connection.send([17, 1, 1, 1, 0, 100]);
    await flushing;
    expect(rejections).toEqual([{ sequence: 1, ticks: [{ index: 0, code: 4 }] }]);
    expect(errors).toEqual([3]);
  });

  it('closes after the last ACK', async () => {
    const [feed, connection] = await open({ credit: 100 });
    await feed.publish([tick('A', 1)]);
    let isClosed = false;
    const closing = feed.close().then(() => {
      isClosed = true;
    });
    await sleep(20);
    expect(isClosed).toBe(false);
    connection.send([17, 1, 1, 0, 0, 100]);
    await closing;
    expect(await connection.closed).toBe(1000);
  });

  it('tells how much stays unacknowledged when it cannot wait longer', async () => {
    const [feed] = await open({ credit: 100 });
    await feed.publish([tick('A', 1), tick('A', 2)]);
    await expect(feed.close(20)).rejects.toThrow('no ACK for 2 ticks in 20 ms');
  });

  it('fails to connect where it is refused', async () => {
    const opening = Publisher.connect(server.url, { publisher: 'feed-a' });
    (await server.connection()).close(4507);
    await expect(opening).rejects.toThrow('connection closed (4507)');
  });
});
