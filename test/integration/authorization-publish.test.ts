import { beforeAll, describe, expect, it } from 'vitest';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { IndependentPublisher } from '../../testkit/independent/publisher.ts';
import { eventually } from '../../testkit/until.ts';
import { EVERYTHING, GuardedServer, tokenFor } from '../support/guarded-server.ts';
import { HttpClient, type Problem } from '../support/http-client.ts';
import { onTransports } from '../support/running-server.ts';
import { publisherForTest } from '../support/test-clients.ts';
import { symbolsOf, TokenHttp } from '../support/token-http.ts';

const TIME = 1_700_000_000_000;

onTransports((transport) => {
  const server = GuardedServer.forSuite({ server: { transport } });
  const httpOf = (token: string) => TokenHttp.connect(server.port, token);

  beforeAll(async () => {
    const token = await tokenFor(EVERYTHING);
    const owner = await IndependentPublisher.connect(server.port, undefined, { token });
    await owner.publishAll([1, 2].map((price) => ({ symbol: 'A1C', price, time: TIME })));
    owner.close();
  });

  const PUBLISH = ['P*C', 'PX'];
  const feed = async () =>
    publisherForTest(server.port, undefined, { token: await tokenFor({ publish: PUBLISH }) });
  const { forbidden, bad_symbol, bad_price, unknown_alias } = Code;

  it('a forbidden ALIAS is ERROR 11 and its ticks are rejected; others are not', async () => {
    const publisher = await feed();
    const symbols = ['P1C', 'P1B', ' bad ', 'P2C', 'PX2', 'PX', 'A1C'];
    publisher.send([Op.ALIAS, 10, symbols]);
    const [error] = await publisher.received(Op.ERROR);
    expect(error?.[2]).toBe(forbidden);
    publisher.send([Op.ALIAS, 20, [' bad ', 'P1B', 'P3C']]);
    expect((await publisher.received(Op.ERROR, 2))[1]?.[2]).toBe(bad_symbol);
    const aliases = [10, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22];
    publisher.send([Op.TICKS, 1, aliases.flatMap((alias) => [alias, 5, TIME])]);
    const ack = await publisher.acknowledged(1);
    expect([ack.accepted, ack.rejected, ack.dropped]).toEqual([4, 7, 0]);
    const codes = [
      [1, forbidden],
      [2, unknown_alias],
      [4, forbidden],
      [6, forbidden],
      [7, unknown_alias],
      [8, unknown_alias],
      [9, forbidden],
    ];
    expect(publisher.of(Op.REJECT)).toEqual([[Op.REJECT, 1, codes.flat()]]);
    const http = await httpOf(await tokenFor(EVERYTHING));
    for (const symbol of ['P1C', 'P2C', 'P3C', 'PX']) {
      await eventually(
        () => http.get(`/api/prices/${symbol}`),
        ({ status }) => status === 200,
      );
    }
    expect(symbolsOf((await http.get('/api/prices?prefix=P')).json)).toEqual([
      'P1C',
      'P2C',
      'P3C',
      'PX',
    ]);
    const { json } = await http.get<{ updateCount: number }>('/api/prices/A1C');
    expect(json.updateCount).toBe(2);
  });

  it('names in ticks likewise, whether they exist or not, whatever else is wrong', async () => {
    const publisher = await feed();
    const ticks = ['T1C', 'PTC', 'A1C', 'NONE', 'PTC', 'PT2C', '*', 'P*C', ''];
    for (const sequence of [1, 2]) {
      publisher.send([Op.TICKS, sequence, ticks.flatMap((symbol) => [symbol, 5, TIME])]);
    }
    publisher.send([Op.TICKS, 3, ['PTC', -1, TIME, 'NONE', -1, TIME, 'A1C', -1, TIME]]);
    const ack = await publisher.acknowledged(3);
    expect([ack.accepted, ack.rejected, ack.dropped]).toEqual([6, 15, 0]);
    const of = (...indexes: number[]) => indexes.flatMap((index) => [index, forbidden]);
    const bad = [6, 7, 8].flatMap((index) => [index, bad_symbol]);
    expect(publisher.of(Op.REJECT)).toEqual([
      [Op.REJECT, 1, [...of(0, 2, 3), ...bad]],
      [Op.REJECT, 2, [...of(0, 2, 3), ...bad]],
      [Op.REJECT, 3, [0, bad_price, ...of(1, 2)]],
    ]);
    const http = await httpOf(await tokenFor(EVERYTHING));
    const metrics = (await http.get<string>('/metrics')).text;
    const count = Number(
      /^tickwire_ticks_rejected_total\{reason="forbidden"\} (\d+)$/m.exec(metrics)?.[1],
    );
    expect(count).toBeGreaterThanOrEqual(8);
  });

  it('POST likewise: 403 for one, a fault for each of many', async () => {
    const http = await httpOf(await tokenFor({ publish: PUBLISH }));
    const one = await http.post<Problem>({ symbol: 'A1C', price: 1 });
    expect(one.status).toBe(403);
    const unknown = await http.post<Problem>({ symbol: 'NONE', price: 1 });
    expect(unknown.text).toBe(one.text.replaceAll('A1C', 'NONE'));
    expect((await http.post({ symbol: 'PPC', price: 1 })).status).toBe(202);
    const many = await http.post<{ accepted: number; rejected: readonly object[] }>([
      { symbol: 'PPC', price: 1 },
      { symbol: 'A1C', price: 1 },
      { symbol: 'PQC', price: 1 },
      { symbol: 'NONE', price: 1 },
      { symbol: 'PPC', price: 0 },
    ]);
    expect(many.json).toMatchObject({
      accepted: 2,
      rejected: [
        { index: 1, errors: [{ code: 'forbidden' }] },
        { index: 3, errors: [{ code: 'forbidden' }] },
        { index: 4, errors: [{ code: 'bad_price' }] },
      ],
    });
    // Permission to publish is not permission to read.
    expect((await http.get('/api/prices/PPC')).status).toBe(403);
    expect((await http.get('/api/prices')).json.items).toEqual([]);
    expect((await http.get('/api/anomalies')).json.items).toEqual([]);
  });
});

describe('under the policy wait', () => {
  it('forbidden ticks cost no credit for longer than an acknowledgement', async () => {
    const server = await GuardedServer.startForTest({
      processing: { overflow: 'wait', channelCapacity: 64 },
      publish: { ticksPerFrameMax: 64 },
    });
    const publisher = await publisherForTest(server.port, 'feed', {
      token: await tokenFor({ publish: ['W*'] }),
    });
    const { credit } = publisher.welcome;
    publisher.declare(0, ['WA', 'XA']);
    const ticks = Array.from({ length: 2_000 }, (_, index) => ({
      symbol: ['WA', 'XA', 'WB', 'XB'][index % 4] as string,
      price: 1,
      time: TIME + index,
    }));
    await publisher.publishAll(ticks, 50);
    expect(publisher.lastAck).toMatchObject({ accepted: 1_000, rejected: 1_000, dropped: 0 });
    expect(publisher.of(Op.ERROR).map(([, , code]) => code)).toEqual([Code.forbidden]);
    await publisher.until(() => publisher.credit === credit, 'all credit, again');
    const http = await HttpClient.connect(server.port);
    const headers = { authorization: `Bearer ${await tokenFor(EVERYTHING)}` };
    const counts = await eventually(
      () =>
        http.send<{ totalProcessed: number; symbols: number }>('GET', '/api/statistics', {
          headers,
        }),
      ({ json }) => json.totalProcessed === 1_000,
    );
    expect(counts.json).toMatchObject({ symbols: 2, totalDropped: 0 });
  });
});
