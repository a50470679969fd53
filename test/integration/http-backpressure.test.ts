import { expect, it } from 'vitest';
import { until } from '../../testkit/until.ts';
import { HttpClient, type Problem } from '../support/http-client.ts';
import { onTransports, serverForTest } from '../support/running-server.ts';
import { publisherForTest } from '../support/test-clients.ts';
import { RawPeer } from '../support/transport-peers.ts';

const CAPACITY = 16;

const prices = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ symbol: 'A', price: i + 1 }));

/** A request's bytes. */
function post(value: unknown): string {
  const body = JSON.stringify(value);
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  return `POST /api/prices HTTP/1.1\r\nHost: a\r\n${length}\r\n\r\n${body}`;
}

/** Sends requests in one write, so that no queue drains in between. Returns the answers' text. */
async function pipelined(port: number, ...bodies: readonly unknown[]): Promise<string[]> {
  const peer = await RawPeer.connect(port);
  peer.tcp.write(bodies.map(post).join(''));
  const answers = () => peer.text().split(/(?=HTTP\/1\.1 )/);
  await until(
    () => answers().length === bodies.length && peer.text().endsWith('}'),
    `${bodies.length} answers`,
  );
  peer.tcp.destroy();
  return answers();
}

onTransports((transport) => {
  async function start(overflow: 'dropOldest' | 'dropNewest' | 'wait') {
    const server = await serverForTest({
      server: { transport },
      processing: { channelCapacity: CAPACITY, overflow },
    });
    return { ...server, client: await HttpClient.connect(server.port) };
  }

  it('under wait, accepts what the queues hold', async () => {
    const { client } = await start('wait');
    const full = await client.post(prices(CAPACITY));
    expect([full.status, full.json]).toEqual([202, { accepted: CAPACITY, rejected: [] }]);
    await client.settled();
    const more = await client.post<Problem>(prices(CAPACITY + 1));
    expect([more.status, more.json.detail]).toEqual([
      413,
      'A request takes up to 16 prices; this one has 17.',
    ]);
  });

  it('under wait, refuses what has no room, one or many, as a whole', async () => {
    const { client, port } = await start('wait');
    const answers = await pipelined(port, prices(CAPACITY), prices(1)[0], prices(3));
    expect(answers[0]).toMatch(/^HTTP\/1\.1 202 .*"accepted":16,/s);
    for (const refused of answers.slice(1)) {
      expect(refused).toMatch(/^HTTP\/1\.1 503 .*retry-after: 1\r\n.*"status":503/is);
    }
    await client.settled();
    const metrics = await client.metrics();
    expect(metrics.get('tickwire_ticks_accepted_total')).toBe(CAPACITY);
    expect(metrics.get('tickwire_backpressure_refusals_total{from="http"}')).toBe(2);
    expect((await client.get<{ updateCount: number }>('/api/prices/A')).json.updateCount).toBe(16);
  });

  it('under wait, leaves the credit of publishers alone', async () => {
    const { client, port } = await start('wait');
    const { credit } = await publisherForTest(port, 'feed');
    expect(credit).toBeGreaterThan(0);
    const spare = CAPACITY - credit;
    const refused = await client.post<Problem>(prices(spare + 1));
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    // Bad prices need no room.
    const mixed = [...prices(spare), {}, { symbol: 'A', price: -1 }];
    expect((await client.post(mixed)).json).toMatchObject({ accepted: spare });
    const faulty = await client.post<Problem>({ symbol: 'A', price: -1 });
    expect(faulty.status).toBe(400);
  });

  it('under dropNewest, says which prices of an array were dropped', async () => {
    const { client } = await start('dropNewest');
    const { json, status } = await client.post([...prices(CAPACITY), {}, ...prices(3)]);
    const errors = [
      {
        field: 'symbol',
        code: 'backpressure',
        expected: 'space in the queue of its partition',
        got: '"A"',
      },
    ];
    expect(status).toBe(202);
    expect(json).toMatchObject({
      accepted: CAPACITY,
      rejected: [
        { index: 16, errors: [{ code: 'bad_symbol' }, { code: 'bad_price' }] },
        { index: 17, errors },
        { index: 18, errors },
        { index: 19, errors },
      ],
    });
    await client.settled();
    const metrics = await client.metrics();
    expect(metrics.get('tickwire_ticks_dropped_total{where="arrival"}')).toBe(3);
    expect((await client.get('/api/statistics')).json).toMatchObject({
      totalProcessed: CAPACITY,
      totalDropped: 3,
      totalRejected: 1,
    });
  });

  it('under dropNewest, refuses a single price that was dropped', async () => {
    const { port } = await start('dropNewest');
    const [taken, refused] = await pipelined(port, prices(CAPACITY), prices(1)[0]);
    expect(taken).toMatch(/^HTTP\/1\.1 202 /);
    expect(refused).toMatch(/^HTTP\/1\.1 503 .*retry-after: 1\r\n/is);
  });

  it('under dropOldest, accepts everything, and counts what was overwritten', async () => {
    const { client } = await start('dropOldest');
    const { json } = await client.post(prices(100));
    expect(json).toEqual({ accepted: 100, rejected: [] });
    await client.settled();
    const metrics = await client.metrics();
    const lapped = metrics.get('tickwire_ticks_dropped_total{where="lapped"}') as number;
    expect(lapped).toBeGreaterThanOrEqual(100 - CAPACITY);
    expect((await client.get('/api/prices/A')).json).toMatchObject({
      currentPrice: 100,
      updateCount: 100 - lapped,
    });
    expect((await client.get('/api/statistics')).json).toMatchObject({ totalDropped: lapped });
  });
});
