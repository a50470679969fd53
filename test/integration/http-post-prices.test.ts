import { expect, it } from 'vitest';
import { until } from '../../testkit/until.ts';
import { HttpClient, type Problem } from '../support/http-client.ts';
import { onTransports, serverForSuite } from '../support/running-server.ts';
import { unique } from '../support/test-clients.ts';
import { RawPeer } from '../support/transport-peers.ts';

interface Result {
  readonly accepted: number;
  readonly rejected: readonly {
    readonly index: number;
    readonly errors: readonly Readonly<Record<string, string>>[];
  }[];
}

interface Statistics {
  readonly currentPrice: number;
  readonly updateCount: number;
  readonly lastUpdateTime: string;
}

const TIME = '2026-03-04T05:06:07.089Z';
const SYMBOL_EXPECTED =
  '1 to 32 characters, no "*", no control characters, no white space at either end';
const TIME_EXPECTED =
  'milliseconds since the epoch or RFC 3339 text, from 1970 on, at most 5000 ms ahead of the ' +
  "server's clock";

onTransports((transport) => {
  const server = serverForSuite({
    server: { transport },
    publish: { ticksPerFrameMax: 1000 },
    processing: { maxSymbols: 60 },
  });
  const connect = () => HttpClient.connect(server.port);

  async function statisticsOf(client: HttpClient, symbol: string): Promise<Statistics> {
    await client.settled();
    return (await client.get<Statistics>(`/api/prices/${encodeURIComponent(symbol)}`)).json;
  }

  it('takes one price', async () => {
    const client = await connect();
    const symbol = unique('one/');
    const answer = await client.post<Result>({ symbol, price: 42.5, timestamp: TIME, note: [1] });
    expect([answer.status, answer.json]).toEqual([202, { accepted: 1, rejected: [] }]);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(await statisticsOf(client, symbol)).toMatchObject({
      currentPrice: 42.5,
      updateCount: 1,
      lastUpdateTime: TIME,
    });
  });

  it.each([
    ['ms since the epoch', Date.parse(TIME)],
    ['fractions of them', Date.parse(TIME) + 0.75],
    ['RFC 3339 text', TIME],
    ['an offset', '2026-03-04T10:51:07.089+05:45'],
    ['microseconds', '2026-03-04T05:06:07.089999Z'],
  ])('takes a timestamp as %s', async (_kind, timestamp) => {
    const client = await connect();
    const symbol = unique('T');
    expect((await client.post({ symbol, price: 1, timestamp })).status).toBe(202);
    expect((await statisticsOf(client, symbol)).lastUpdateTime).toBe(TIME);
  });

  it.each([undefined, null])('takes the time of receipt where it is %s', async (timestamp) => {
    const client = await connect();
    const symbol = unique('N');
    const before = Date.now();
    await client.post({ symbol, price: 1, timestamp });
    const after = Date.now();
    const time = Date.parse((await statisticsOf(client, symbol)).lastUpdateTime);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(after);
  });

  it('keeps fractions of a millisecond: later is later', async () => {
    const client = await connect();
    const symbol = unique('U');
    const at = (micros: string, price: number) => ({
      symbol,
      price,
      timestamp: `2026-03-04T05:06:07.089${micros}Z`,
    });
    await client.post([at('500', 2), at('250', 3)]);
    expect(await statisticsOf(client, symbol)).toMatchObject({ currentPrice: 2, updateCount: 2 });
  });

  it('names every fault of a price', async () => {
    const client = await connect();
    const answer = await client.post<Problem>({ symbol: 'A\n', price: '12', timestamp: 'now' });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.json).toEqual({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      detail: 'The price was not accepted: symbol, price, timestamp.',
      errors: [
        { field: 'symbol', code: 'bad_symbol', expected: SYMBOL_EXPECTED, got: '"A\\n"' },
        { field: 'price', code: 'bad_price', expected: 'a finite number above 0', got: '"12"' },
        { field: 'timestamp', code: 'bad_time', expected: TIME_EXPECTED, got: '"now"' },
      ],
    });
  });

  it.each([
    ['{}', ['symbol', 'price'], ['nothing', 'nothing']],
    ['{"symbol":7,"price":1}', ['symbol'], ['7']],
    ['{"symbol":null,"price":null}', ['symbol', 'price'], ['null', 'null']],
    ['{"symbol":"","price":0}', ['symbol', 'price'], ['""', '0']],
    ['{"symbol":"A*","price":-0}', ['symbol', 'price'], ['"A*"', '0']],
    ['{"symbol":"\\ud800","price":-1}', ['symbol', 'price'], ['"\\ud800"', '-1']],
    ['{"symbol":"A","price":1e999}', ['price'], ['Infinity']],
    ['{"symbol":"A","price":1e-999}', ['price'], ['0']],
    ['{"symbol":"A","price":true}', ['price'], ['true']],
    ['{"symbol":"A","price":[1]}', ['price'], ['an array']],
    ['{"symbol":"A","price":1,"timestamp":-1}', ['timestamp'], ['-1']],
    ['{"symbol":"A","price":1,"timestamp":1e999}', ['timestamp'], ['Infinity']],
    ['{"symbol":"A","price":1,"timestamp":9e15}', ['timestamp'], ['9000000000000000']],
    ['{"symbol":"A","price":1,"timestamp":{}}', ['timestamp'], ['an object']],
    ['{"symbol":"A","price":1,"timestamp":"2026-02-30T00:00:00Z"}', ['timestamp'], undefined],
    ['{"symbol":"A","price":1,"timestamp":"9999-01-01T00:00:00Z"}', ['timestamp'], undefined],
    ['{"__proto__":{"symbol":"A","price":1}}', ['symbol', 'price'], ['nothing', 'nothing']],
    ['{"constructor":1,"prototype":{},"toString":null}', ['symbol', 'price'], undefined],
  ])('refuses %s', async (body, fields, got) => {
    const client = await connect();
    const answer = await client.postRaw<Problem>(body);
    expect(answer.status).toBe(400);
    expect(answer.json.errors?.map(({ field }) => field)).toEqual(fields);
    if (got !== undefined) expect(answer.json.errors?.map((error) => error.got)).toEqual(got);
    expect(Object.prototype).not.toHaveProperty('symbol');
  });

  it('shows little of a long value', async () => {
    const client = await connect();
    const { json } = await client.post<Problem>({ symbol: 'x'.repeat(500_000), price: 1 });
    expect(json.errors?.[0]?.got).toBe(`"${'x'.repeat(60)}"… (500000 characters)`);
  });

  it('takes the good ones of an array, and names each bad one', async () => {
    const client = await connect();
    const symbol = unique('M');
    const answer = await client.post<Result>([
      { symbol, price: 1, timestamp: TIME },
      { symbol, price: 0, timestamp: TIME },
      { symbol, price: 2, timestamp: TIME },
      {},
      { symbol, price: 3, timestamp: 'x' },
    ]);
    expect(answer.status).toBe(202);
    expect(answer.json.accepted).toBe(2);
    const named = answer.json.rejected.map(({ index, errors }) => [
      index,
      ...errors.map(({ field, code }) => `${field} ${code}`),
    ]);
    expect(named).toEqual([
      [1, 'price bad_price'],
      [3, 'symbol bad_symbol', 'price bad_price'],
      [4, 'timestamp bad_time'],
    ]);
    expect(await statisticsOf(client, symbol)).toMatchObject({ currentPrice: 2, updateCount: 2 });
  });

  it('names more bad ones than a REJECT frame would', async () => {
    const client = await connect();
    const bodies = Array.from({ length: 150 }, () => ({ symbol: '', price: 1 }));
    const { json } = await client.post<Result>(bodies);
    expect([json.accepted, json.rejected.length]).toEqual([0, 150]);
  });

  it('takes an empty array', async () => {
    const answer = await (await connect()).post([]);
    expect([answer.status, answer.json]).toEqual([202, { accepted: 0, rejected: [] }]);
  });

  it('refuses an array of other things, naming them, and takes none of it', async () => {
    const client = await connect();
    const symbol = unique('X');
    const { json, status } = await client.post<Problem>([{ symbol, price: 1 }, 1, null, [], 'x']);
    expect(status).toBe(400);
    expect(json.errors).toEqual([
      { name: '[1]', expected: 'an object', got: '1' },
      { name: '[2]', expected: 'an object', got: 'null' },
      { name: '[3]', expected: 'an object', got: 'an array' },
      { name: '[4]', expected: 'an object', got: '"x"' },
    ]);
    expect((await client.get(`/api/prices/${symbol}`)).status).toBe(404);
  });

  it('refuses more prices than a request may hold', async () => {
    const client = await connect();
    const symbol = unique('F');
    const prices = (count: number) => Array.from({ length: count }, () => ({ symbol, price: 1 }));
    expect((await client.post(prices(1000))).status).toBe(202);
    const { json, status } = await client.post<Problem>(prices(1001));
    expect(status).toBe(413);
    expect(json.detail).toBe('A request takes up to 1000 prices; this one has 1001.');
  });

  it.each([
    ['an empty body', '', 'The body is empty: expected JSON.'],
    ['white space', ' \n', 'The body is not valid JSON.'],
    ['a truncated object', '{"symbol":"A","price":1', 'The body is not valid JSON.'],
    ['two values', '{}{}', 'The body is not valid JSON.'],
    ['NaN', '{"symbol":"A","price":NaN}', 'The body is not valid JSON.'],
    ['a string', '"A"', 'The body: expected an object or an array, got "A".'],
    ['a number', '1', 'The body: expected an object or an array, got 1.'],
    ['null', 'null', 'The body: expected an object or an array, got null.'],
    ['unfinished nesting', '['.repeat(32), 'The body is not valid JSON.'],
  ])('refuses %s', async (_kind, body, detail) => {
    const { json, status } = await (await connect()).postRaw<Problem>(body);
    expect([status, json.detail]).toEqual([400, detail]);
  });

  it('refuses deep nesting where values belong, and lives', async () => {
    const client = await connect();
    const deep = `${'['.repeat(400_000)}${']'.repeat(400_000)}`;
    expect((await client.postRaw(deep)).status).toBe(400);
    const inside = `{"symbol":${deep},"price":${deep},"other":${deep.slice(300_000, -300_000)}}`;
    expect((await client.postRaw(inside.slice(0, 1_000_000))).status).toBe(400);
    const objects = `${'{"symbol":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
    expect((await client.postRaw(objects)).status).toBe(400);
  });

  it('ignores members it does not know, as deep as may be and whatever their names', async () => {
    const client = await connect();
    const symbol = unique('P');
    const deep = `${'{"__proto__":'.repeat(30)}{"polluted":1}${'}'.repeat(30)}`;
    const body = `{"__proto__":${deep},"symbol":"${symbol}","price":7,"x":${deep}}`;
    expect((await client.postRaw(body)).status).toBe(202);
    expect(await statisticsOf(client, symbol)).toMatchObject({ currentPrice: 7 });
    expect({}).not.toHaveProperty('polluted');
  });

  it('refuses bodies that are not UTF-8', async () => {
    const client = await connect();
    const bytes = new TextEncoder().encode('{"symbol":"A?","price":1}');
    bytes[12] = 0xff;
    const { json, status } = await client.postRaw<Problem>(bytes);
    expect([status, json.detail]).toEqual([400, 'The body is not UTF-8.']);
  });

  it('refuses other kinds of content, and takes JSON by any of its names', async () => {
    const client = await connect();
    const symbol = unique('C');
    const body = new TextEncoder().encode(JSON.stringify({ symbol, price: 1 }));
    const statusOf = async (headers: Record<string, string>) =>
      (await client.postRaw(body, headers)).status;
    for (const type of ['application/json', 'Application/JSON; charset=utf-8']) {
      expect(await statusOf({ 'content-type': type })).toBe(202);
    }
    expect(await statusOf({})).toBe(202);
    for (const type of ['text/plain', 'application/jsonp', 'application/x-www-form-urlencoded']) {
      expect(await statusOf({ 'content-type': type })).toBe(415);
    }
    expect(await statusOf({ 'content-encoding': 'gzip' })).toBe(415);
  });

  it('answers a body beyond the limit with 413', async () => {
    const client = await connect();
    const spaces = new Uint8Array(1024 * 1024 + 1).fill(0x20);
    const response = await fetch(`http://127.0.0.1:${server.port}/api/prices`, {
      method: 'POST',
      body: spaces,
    });
    expect(response.status).toBe(413);
    client.api.check('POST', '/api/prices', response, await response.text());
  });

  it('refuses prices of new symbols when the table is full', async () => {
    const client = await connect();
    const known = unique('L');
    await client.post({ symbol: known, price: 1 });
    const fill = Array.from({ length: 60 }, () => ({ symbol: unique('fill'), price: 1 }));
    const { json } = await client.post<Result>([...fill, { symbol: known, price: 2 }]);
    expect(json.accepted).toBeGreaterThan(0);
    expect(json.rejected.length).toBeGreaterThan(0);
    for (const { errors } of json.rejected)
      expect(errors).toMatchObject([{ code: 'symbol_limit' }]);
    expect((await statisticsOf(client, known)).updateCount).toBe(2);
    const single = await client.post<Problem>({ symbol: unique('new'), price: 1 });
    expect(single.status).toBe(400);
    expect(single.json.errors).toMatchObject([{ field: 'symbol', code: 'symbol_limit' }]);
    expect((await client.metrics()).get('tickwire_symbols')).toBe(60);
  });

  it('survives a body that never ends', async () => {
    const peer = await RawPeer.connect(server.port);
    peer.tcp.write(
      'POST /api/prices HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{"symbol":"A',
    );
    await until(() => peer.tcp.bytesWritten > 0, 'the head to leave');
    peer.reset();
    expect((await (await connect()).get('/healthz')).status).toBe(200);
  });
});
