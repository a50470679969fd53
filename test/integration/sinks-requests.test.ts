import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { AlertQueue } from '../../src/sinks/alert-queue.ts';
import { post } from '../../src/sinks/request.ts';
import { Sink } from '../../src/sinks/sink.ts';
import { alertJson, idOf, type SinkAlert } from '../../src/sinks/sink-alert.ts';
import { createSinkFigures, SinkCounter, SinkFigures } from '../../src/sinks/sink-figures.ts';
import { until } from '../../testkit/until.ts';
import { AlertReceiver, hang, reset, status } from '../support/alert-receiver.ts';
import { sinkAlert } from '../support/sink-samples.ts';

const CERTIFICATES = new URL('../support/certificates/', import.meta.url);
const EMPTY = { body: '', headers: {} };
const SECRET = 'a secret of 32 characters or more';

interface RigOptions {
  readonly url: string;
  readonly timeoutMs?: number;
  readonly retryForMs?: number;
  readonly max?: number;
  readonly random?: number;
}

function rig({ url, timeoutMs = 2000, retryForMs = 60_000, max = 100, random = 0.01 }: RigOptions) {
  const figures = new SinkFigures(createSinkFigures());
  const lines: string[] = [];
  const take = (level: string) => (fields: object, message: string) => {
    const { reason = '' } = fields as { reason?: string };
    lines.push(`${level}: ${message}${reason && ` (${reason})`}`);
  };
  const sink = new Sink({
    shown: { sink: 'pager', url: 'shown' },
    retryForMs,
    outbox: new AlertQueue({
      max,
      requestsMax: 4,
      batchMax: 1,
      format: ([alert]) => ({
        body: JSON.stringify(alertJson(alert as SinkAlert)),
        headers: { 'x-tickwire-id': idOf((alert as SinkAlert).alert) },
      }),
    }),
    figures,
    log: { info: take('info'), warn: take('warn'), error: take('error') },
    post: (message) => post({ url, headers: { 'x-key': 'k' }, secret: SECRET }, message, timeoutMs),
    random: () => random,
  });
  onTestFinished(() => sink.close());
  const count = (counter: SinkCounter) => figures.get(counter);
  const push = (symbols: string, from = 0) => {
    for (const [i, symbol] of [...symbols].entries()) sink.push(sinkAlert(from + i, { symbol }));
  };
  return { sink, figures, lines, count, push };
}

/** What docs/SINKS.md tells receivers to do. */
async function documentedCheck(): Promise<
  (signature: string, body: string, secret: string, now?: number) => boolean
> {
  const page = readFileSync(new URL('../../docs/SINKS.md', import.meta.url), 'utf8');
  const sample = /^```js\n(.*?)^```$/ms.exec(page)?.[1] ?? '';
  const module = await import(`data:text/javascript,${encodeURIComponent(sample)}`);
  return module.isFromTickwire;
}

describe('a sink', () => {
  // The first request of a process loads the client, which takes a second of a busy machine.
  beforeAll(async () => {
    await post({ url: 'http://127.0.0.1:1/', headers: {}, secret: undefined }, EMPTY, 5000);
  });

  it('posts alerts, signed, with their ids', async () => {
    const receiver = await AlertReceiver.start();
    const { push, count } = rig(receiver);
    push('A€');
    await until(() => count(SinkCounter.DELIVERED) === 2);
    expect(receiver.ids).toEqual(['A/1', '%E2%82%AC/2']);
    expect(receiver.bodies.map(({ id, symbol }) => [id, symbol])).toEqual([
      ['A/1', 'A'],
      ['%E2%82%AC/2', '€'],
    ]);
    const isSigned = await documentedCheck();
    for (const { headers, body } of receiver.requests) {
      expect(headers).toMatchObject({
        'content-type': 'application/json',
        'user-agent': 'tickwire',
        'x-key': 'k',
      });
      const signature = String(headers['x-tickwire-signature']);
      const now = Date.now();
      expect(isSigned(signature, body, SECRET, now)).toBe(true);
      expect(isSigned(signature, `${body} `, SECRET, now)).toBe(false);
      expect(isSigned(signature, body, `${SECRET}.`, now)).toBe(false);
      expect(isSigned(signature, body, SECRET, now + 301_000)).toBe(false);
    }
  });

  it('has one alert of a symbol under way, and four in all', async () => {
    const receiver = await AlertReceiver.start();
    receiver.answer = (response) => setTimeout(() => response.end(), 20);
    const { push, count } = rig(receiver);
    push('AABBCCDDEEFFAA');
    await until(() => count(SinkCounter.DELIVERED) === 14);
    expect(receiver.underWayMax).toBe(4);
    const ofA = receiver.bodies.filter(({ symbol }) => symbol === 'A');
    expect(ofA.map(({ sequence }) => sequence)).toEqual([1, 2, 13, 14]);
  });

  it.each([
    ['500', status(500), 5000, 'status 500'],
    ['503', status(503), 5000, 'status 503'],
    ['408', status(408), 5000, 'status 408'],
    ['429', status(429), 5000, 'status 429'],
    ['a reset', reset, 5000, /^(ECONNRESET|UND_ERR_SOCKET)$/],
    ['silence', hang, 700, 'no answer within 700 ms'],
  ])('tries again after %s, with the same id and body', async (_what, fault, timeoutMs, reason) => {
    const receiver = await AlertReceiver.start();
    receiver.next.push(fault, fault);
    const { push, count, lines } = rig({ url: receiver.url, timeoutMs });
    push('A');
    await until(() => count(SinkCounter.DELIVERED) === 1);
    expect(count(SinkCounter.RETRIES)).toBe(2);
    expect(receiver.ids).toEqual(['A/1', 'A/1', 'A/1']);
    expect(new Set(receiver.requests.map(({ body }) => body)).size).toBe(1);
    expect(lines).toEqual([
      expect.stringMatching(/^warn: a sink cannot be reached: alerts wait for it \(.+\)$/),
      'info: a sink takes alerts again',
    ]);
    expect(/\((.*)\)/.exec(lines[0] ?? '')?.[1]).toMatch(reason);
    expect(count(SinkCounter.FAILING)).toBe(0);
  });

  it('waits as long as Retry-After says', async () => {
    const receiver = await AlertReceiver.start();
    receiver.next.push(status(429, { 'Retry-After': '1' }));
    const { push, count } = rig(receiver);
    push('AB');
    await until(() => count(SinkCounter.DELIVERED) === 2);
    const [first, ...later] = receiver.requests.filter(({ body }) => body.includes('"A"'));
    expect((later[0]?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(990);
  });

  it.each([400, 401, 404, 410, 301])('takes %s for an answer, once', async (code) => {
    const receiver = await AlertReceiver.start();
    const elsewhere = await AlertReceiver.start();
    receiver.answer = status(code, { Location: elsewhere.url }, 'no such hook');
    const { push, count, lines } = rig(receiver);
    push('ABC');
    await until(() => count(SinkCounter.REFUSED) === 3);
    expect([receiver.requests.length, elsewhere.requests.length]).toEqual([3, 0]);
    expect([count(SinkCounter.RETRIES), count(SinkCounter.WAITING)]).toEqual([0, 0]);
    expect(lines).toEqual([`error: a sink refuses alerts: they are lost for it (status ${code})`]);
    receiver.answer = status(204);
    push('D', 3);
    await until(() => count(SinkCounter.DELIVERED) === 1);
    expect(lines.slice(1)).toEqual(['info: a sink takes alerts again']);
  });

  it('does not speak to a server whose certificate it does not trust', async () => {
    const read = (name: string) => readFileSync(new URL(name, CERTIFICATES), 'utf8');
    const receiver = await AlertReceiver.start({
      cert: read('first.pem'),
      key: read('first-key.pem'),
    });
    const { push, count, lines } = rig({ url: receiver.url.replace('http:', 'https:') });
    push('A');
    await until(() => count(SinkCounter.RETRIES) > 0);
    expect(receiver.requests).toEqual([]);
    expect(lines[0]).toContain('(DEPTH_ZERO_SELF_SIGNED_CERT)');
  });

  it('delivers what an unreachable server missed, in order', async () => {
    const receiver = await AlertReceiver.start();
    const { port, url } = receiver;
    await receiver.stop();
    const { push, count, lines } = rig({ url });
    push('ABABAB');
    await until(() => count(SinkCounter.RETRIES) >= 3);
    expect([count(SinkCounter.WAITING), count(SinkCounter.FAILING)]).toEqual([6, 1]);
    await receiver.listen(port);
    await until(() => count(SinkCounter.DELIVERED) === 6);
    const of = (symbol: string) =>
      receiver.bodies.filter((body) => body.symbol === symbol).map(({ sequence }) => sequence);
    expect([of('A'), of('B')]).toEqual([
      [1, 3, 5],
      [2, 4, 6],
    ]);
    expect(lines).toEqual([
      'warn: a sink cannot be reached: alerts wait for it (ECONNREFUSED)',
      'info: a sink takes alerts again',
    ]);
  });

  it('is not held up by an alert that its receiver chokes on, and gives that up', async () => {
    const receiver = await AlertReceiver.start();
    receiver.answer = (response, { body }) =>
      response.writeHead(body.includes('"A"') ? 500 : 200).end();
    const { push, count } = rig({ url: receiver.url, retryForMs: 200 });
    push('ABCDE');
    await until(() => count(SinkCounter.DELIVERED) === 4);
    await until(() => count(SinkCounter.EXPIRED) === 1);
    expect(count(SinkCounter.WAITING)).toBe(0);
  });

  it('drops the oldest of too many, says so once, and that it has caught up', async () => {
    const receiver = await AlertReceiver.start();
    receiver.answer = hang;
    const { push, count, lines } = rig({ url: receiver.url, max: 3, timeoutMs: 700 });
    push('AAAAAA');
    await until(() => receiver.requests.length === 1);
    receiver.answer = status(200);
    await until(() => count(SinkCounter.DELIVERED) === 4);
    expect(count(SinkCounter.DROPPED)).toBe(2);
    expect(receiver.bodies.map(({ sequence }) => sequence)).toEqual([1, 1, 4, 5, 6]);
    expect(lines).toEqual([
      'error: a sink is too slow: its oldest alerts are lost',
      expect.stringContaining('warn: a sink cannot be reached'),
      'info: a sink takes alerts again',
      'warn: a sink has caught up; it was too slow for these alerts',
    ]);
  });

  it('takes a success for one, though the rest of the answer never comes', async () => {
    const receiver = await AlertReceiver.start();
    receiver.answer = (response) => response.writeHead(200).write('so far');
    const { push, count } = rig({ url: receiver.url, timeoutMs: 300 });
    push('A');
    await until(() => count(SinkCounter.DELIVERED) === 1);
    expect(receiver.requests).toHaveLength(1);
  });

  it('reads no more of an answer than it needs', async () => {
    const receiver = await AlertReceiver.start();
    let written = 0;
    receiver.answer = (response) => {
      const chunk = Buffer.alloc(65_536);
      const more = () => {
        while (!response.destroyed && written < 1e9) {
          written += chunk.length;
          if (!response.write(chunk)) break;
        }
      };
      response.on('drain', more).writeHead(200);
      more();
    };
    const { push, count } = rig(receiver);
    push('A');
    await until(() => count(SinkCounter.DELIVERED) === 1);
    await until(() => receiver.underWay === 0);
    expect(written).toBeLessThan(1e8);
  });

  it('delivers what waits before a stop, unless the receiver fails', async () => {
    const receiver = await AlertReceiver.start();
    receiver.answer = (response) => setTimeout(() => response.end(), 20);
    const working = rig(receiver);
    working.push('AAAAA');
    await working.sink.drained();
    expect(working.count(SinkCounter.DELIVERED)).toBe(5);
    receiver.answer = status(500);
    const failing = rig({ url: receiver.url, random: 0.9 });
    failing.push('AAAAA');
    await failing.sink.drained();
    expect(failing.sink.outbox.size).toBe(5);
  });
});
