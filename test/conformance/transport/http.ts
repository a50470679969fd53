import { describe, expect, it, onTestFinished } from 'vitest';
import type {
  HttpRequest,
  HttpResponse,
  StartTransport,
} from '../../../src/gateway/transport/transport.ts';
import { delay, until } from '../../../testkit/until.ts';
import { BODY_BYTES_MAX } from '../../support/transport-options.ts';
import { RawPeer } from '../../support/transport-peers.ts';
import { rigs, type TransportRig, text } from '../../support/transport-rig.ts';

/** One handler feature a path. */
function application(request: HttpRequest): HttpResponse | Promise<HttpResponse> {
  switch (request.path) {
    case '/echo':
      return { status: 201, headers: { 'x-kind': 'echo' }, body: request.body };
    case '/head':
      return text(200, JSON.stringify(describeHead(request)));
    case '/later':
      return delay(30).then(() => text(202, 'later'));
    case '/empty':
      return { status: 204, headers: {}, body: '' };
    case '/part':
      return { status: 200, headers: {}, body: new Uint8Array([1, 2, 3, 4, 5]).subarray(1, 4) };
    case '/unchanged':
      return { status: 304, headers: { etag: '"a"' }, body: 'what it would have been' };
    case '/throws':
      throw new Error('planted');
    case '/rejects':
      return Promise.reject(new Error('planted'));
    case '/impossible-status':
      return text(99, '');
    case '/impossible-header':
      return { status: 200, headers: { 'x-bad': 'a\r\nx-injected: b' }, body: '' };
    default:
      return text(404, 'no such thing');
  }
}

function describeHead(request: HttpRequest): unknown {
  return {
    method: request.method,
    query: [...request.query],
    type: request.header('content-type'),
    address: request.remoteAddress,
    bodyBytes: request.body.length,
  };
}

/** Warnings of this process until the end of the test. */
function listenerWarnings(): Error[] {
  const warnings: Error[] = [];
  const listener = (warning: Error) => warnings.push(warning);
  process.on('warning', listener);
  onTestFinished(() => {
    process.off('warning', listener);
  });
  return warnings;
}

async function expectAlive(rig: TransportRig): Promise<void> {
  expect((await fetch(rig.url('/echo'), { method: 'POST', body: 'alive' })).status).toBe(201);
}

export function httpSuite(start: StartTransport): void {
  describe('HTTP', () => {
    const startRig = rigs(start);
    const startApplication = () => startRig({ request: application });

    it('shows the handler the request', async () => {
      const rig = await startApplication();
      const headers = { 'Content-Type': 'text/x' };
      const response = await fetch(rig.url('/head?a=1%202&b'), { method: 'DELETE', headers });
      expect(await response.json()).toEqual({
        method: 'DELETE',
        query: [
          ['a', '1 2'],
          ['b', ''],
        ],
        type: 'text/x',
        address: '127.0.0.1',
        bodyBytes: 0,
      });
    });

    it('takes a body, and answers with status, headers and bytes', async () => {
      const rig = await startApplication();
      const body = new Uint8Array(BODY_BYTES_MAX).map((_, i) => i & 0xff);
      const response = await fetch(rig.url('/echo'), { method: 'POST', body });
      expect([response.status, response.headers.get('x-kind')]).toEqual([201, 'echo']);
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(body);
    });

    it('takes a chunked body', async () => {
      const rig = await startApplication();
      const peer = await RawPeer.connect(rig.port);
      const head = 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
      peer.tcp.write(`${head}3\r\nabc\r\n`);
      await delay(20);
      peer.tcp.write('4\r\ndefg\r\n0\r\n\r\n');
      await until(() => peer.text().endsWith('abcdefg'), 'the echo');
    });

    it.each([
      ['h2c', 'Content-Length: 7\r\n\r\nabc', 'defg'],
      ['websocket', 'Content-Length: 7\r\n\r\n', 'abcdefg'],
      ['other/1', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r', '\ndefg\r\n0\r\n\r\n'],
    ])('ignores an offered upgrade to %s: reads the body, keeps the connection', async (...it) => {
      const [protocol, begin, rest] = it;
      const rig = await startApplication();
      const peer = await RawPeer.connect(rig.port);
      const warnings = listenerWarnings();
      const offer = `Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\n`;
      // Each time a listener or two more would be too many, at the latest here.
      for (let i = 0; i < 12; i++) {
        peer.clear();
        peer.tcp.write(`POST /echo HTTP/1.1\r\n${offer}${begin}`);
        await fetch(rig.url('/head'));
        peer.tcp.write(rest);
        await until(() => peer.text().endsWith('\r\n\r\nabcdefg'), 'the echo');
        expect(peer.text()).toMatch(/^HTTP\/1\.1 201 /);
      }
      peer.clear();
      const next = 'GET /none HTTP/1.1\r\nHost: a\r\n\r\n';
      peer.tcp.write(`GET /head HTTP/1.1\r\n${offer}\r\n${next}`);
      await until(() => peer.text().endsWith('no such thing'), 'the second answer');
      expect(peer.text()).toMatch(/^HTTP\/1\.1 200 .*"bodyBytes":0.*HTTP\/1\.1 404 /s);
      expect(warnings).toEqual([]);
      expect(rig.faults).toEqual([]);
    });

    it('answers 404 with its body, and 204 without one', async () => {
      const rig = await startApplication();
      const missing = await fetch(rig.url('/nowhere'));
      expect([missing.status, await missing.text()]).toEqual([404, 'no such thing']);
      const empty = await fetch(rig.url('/empty'));
      expect([empty.status, await empty.text()]).toEqual([204, '']);
    });

    it('answers with a part of a buffer as it is', async () => {
      const rig = await startApplication();
      const body = await (await fetch(rig.url('/part'))).arrayBuffer();
      expect([...new Uint8Array(body)]).toEqual([2, 3, 4]);
    });

    it('answers 304 without a body, and the connection goes on', async () => {
      const rig = await startApplication();
      const peer = await RawPeer.connect(rig.port);
      peer.tcp.write('GET /unchanged HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => peer.text().includes('\r\n\r\n'), 'the head');
      expect(peer.text()).toMatch(/^HTTP\/1\.1 304 .*etag: "a"\r\n.*\r\n\r\n$/is);
      peer.clear();
      peer.tcp.write('GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => peer.text().endsWith('no such thing'), 'the second answer');
    });

    it('answers HEAD without the body, and the connection goes on', async () => {
      const rig = await startApplication();
      const peer = await RawPeer.connect(rig.port);
      peer.tcp.write('HEAD /nowhere HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => peer.text().includes('\r\n\r\n'), 'the head');
      expect(peer.text()).toMatch(/^HTTP\/1\.1 404 .*content-length: 13\r\n.*\r\n\r\n$/is);
      peer.clear();
      peer.tcp.write('GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => peer.text().endsWith('no such thing'), 'the second answer');
    });

    it('refuses a body over the limit with 413, unseen by the handler', async () => {
      let calls = 0;
      const rig = await startRig({
        request: (request) => {
          calls++;
          return text(200, String(request.body.length));
        },
      });
      const peer = await RawPeer.connect(rig.port);
      const length = BODY_BYTES_MAX * 8;
      peer.tcp.write(`POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
      peer.tcp.write(Buffer.alloc(length));
      await until(() => peer.text().endsWith('}'), 'the problem');
      expect(peer.text()).toMatch(/^HTTP\/1\.1 413 .*application\/problem\+json.*"status":413/is);
      await delay(50);
      expect(calls).toBe(0);
      const next = await fetch(rig.url('/b'), { method: 'POST', body: 'ok' });
      expect(await next.text()).toBe('2');
    });

    it('may be answered later', async () => {
      const rig = await startApplication();
      const answers = await Promise.all([1, 2, 3].map(() => fetch(rig.url('/later'))));
      expect(answers.map((answer) => answer.status)).toEqual([202, 202, 202]);
      expect(await answers[0]?.text()).toBe('later');
    });

    it.each(['/throws', '/rejects', '/impossible-status', '/impossible-header'])(
      'answers 500 with a problem where the handler fails: %s',
      async (path) => {
        const rig = await startApplication();
        const response = await fetch(rig.url(path));
        expect(response.status).toBe(500);
        expect(response.headers.get('content-type')).toBe('application/problem+json');
        expect(response.headers.get('x-injected')).toBeNull();
        expect(await response.json()).toMatchObject({ status: 500, title: expect.any(String) });
        expect(rig.faults).toHaveLength(1);
        await expectAlive(rig);
      },
    );

    it('survives peers that leave before the answer or amid the body', async () => {
      const rig = await startApplication();
      const early = await RawPeer.connect(rig.port);
      early.tcp.write('GET /later HTTP/1.1\r\nHost: a\r\n\r\n');
      const amid = await RawPeer.connect(rig.port);
      amid.tcp.write('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc');
      await delay(10);
      early.reset();
      amid.reset();
      await delay(60);
      await expectAlive(rig);
      expect(rig.faults).toEqual([]);
    });
  });
}
