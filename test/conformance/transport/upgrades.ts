import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { RequestHead, StartTransport } from '../../../src/gateway/transport/transport.ts';
import { until } from '../../../testkit/until.ts';
import { upgradeRequest } from '../../../testkit/web-socket.ts';
import { isSecure, TRUSTED } from '../../support/tls.ts';
import { Client, RawPeer } from '../../support/transport-peers.ts';
import { rigs, text } from '../../support/transport-rig.ts';

interface Refusal {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

function refusal(port: number, path: string): Promise<Refusal> {
  const scheme = isSecure(port) ? 'wss' : 'ws';
  const ws = new WebSocket(`${scheme}://127.0.0.1:${port}${path}`, {
    ca: TRUSTED,
    rejectUnauthorized: true,
  });
  return new Promise((resolve, reject) => {
    ws.on('error', reject);
    ws.on('open', () => reject(new Error('was accepted')));
    ws.on('unexpected-response', (_, response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
  });
}

export function upgradesSuite(start: StartTransport): void {
  describe('upgrades', () => {
    const startRig = rigs(start);

    it('agree on the subprotocol the gateway chose, or on none', async () => {
      const rig = await startRig();
      const some = await Client.open(rig.port, '/a', ['bearer.abc', 'tickwire.v1.json']);
      const none = await Client.open(rig.port, '/b');
      expect(some.ws.protocol).toBe('tickwire.v1.json');
      expect(none.ws.protocol).toBe('');
    });

    it('show the gateway the path, the query and the headers', async () => {
      const heads: RequestHead[] = [];
      const rig = await startRig({
        upgrade: (head) => {
          heads.push(head);
          return undefined;
        },
      });
      const peer = await RawPeer.connect(rig.port);
      const headers = { Authorization: 'Bearer abc', 'X-Twice': 'one', 'x-twice': '  two ' };
      peer.tcp.write(upgradeRequest('/v1/a%20b?publisher=feed%20a&publisher=b&x', headers));
      await until(() => peer.text().startsWith('HTTP/1.1 101'), 'the handshake');
      const head = heads[0] as RequestHead;
      expect(head.method).toBe('GET');
      expect(head.path).toBe('/v1/a%20b');
      expect(head.query.getAll('publisher')).toEqual(['feed a', 'b']);
      expect(head.query.get('x')).toBe('');
      expect(head.header('authorization')).toBe('Bearer abc');
      expect(head.header('x-twice')).toBe('one, two');
      expect(head.header('x-none')).toBeUndefined();
      expect(head.remoteAddress).toBe('127.0.0.1');
      expect(rig.sessions[0]?.socket.remoteAddress).toBe('127.0.0.1');
    });

    it('can be refused with any HTTP answer', async () => {
      const rig = await startRig({
        upgrade: () => ({
          accept: false,
          response: { status: 401, headers: { 'www-authenticate': 'Bearer' }, body: '{"no":"é"}' },
        }),
      });
      const { status, headers, body } = await refusal(rig.port, '/v1/stream');
      expect([status, headers['www-authenticate'], body]).toEqual([401, 'Bearer', '{"no":"é"}']);
      expect(headers.connection).toBe('close');
      expect(rig.sessions).toEqual([]);
    });

    it('are refused with 500 where the gateway throws, and the server lives', async () => {
      const rig = await startRig({
        upgrade: (head) => {
          if (head.path === '/bad') throw new Error('planted');
          return undefined;
        },
      });
      const { status, headers, body } = await refusal(rig.port, '/bad');
      expect([status, headers['content-type']]).toEqual([500, 'application/problem+json']);
      expect(body).not.toContain('planted');
      expect(rig.faults).toEqual([new Error('planted')]);
      await Client.open(rig.port, '/good');
    });

    it.each([
      ['key', { 'sec-websocket-key': '????????????????????????' }, 400],
      ['version', { 'sec-websocket-version': '12' }, 426],
    ])('with a bad %s are refused unasked', async (_, headers, status) => {
      const rig = await startRig();
      const peer = await RawPeer.connect(rig.port);
      peer.tcp.write(upgradeRequest('/v1/stream', headers));
      await until(() => peer.text().includes('}'), 'the answer');
      expect(peer.text()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(rig.sessions).toEqual([]);
    });

    it('to something else are requests like any other', async () => {
      const rig = await startRig({ request: (request) => text(200, `plain ${request.path}`) });
      const peer = await RawPeer.connect(rig.port);
      const head = 'Host: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n';
      peer.tcp.write(`GET /page HTTP/1.1\r\n${head}`);
      await until(() => peer.text().includes('plain /page'), 'the answer');
    });

    it('that break off, and bytes that are no HTTP, harm no other peer', async () => {
      const rig = await startRig();
      const other = await Client.open(rig.port, '/other');
      const half = await RawPeer.connect(rig.port);
      half.tcp.write(upgradeRequest('/half').slice(0, 60));
      const garbage = await RawPeer.connect(rig.port);
      garbage.tcp.write(Buffer.from([0x16, 3, 1, 0xff, 0, 13, 10, 13, 10, 0, 0xff, 0x80]));
      const gone = await RawPeer.connect(rig.port);
      gone.tcp.write(upgradeRequest('/gone'));
      gone.reset();
      await new Promise((resolve) => setTimeout(resolve, 50));
      half.reset();
      garbage.tcp.destroy();
      await Client.open(rig.port, '/next');
      (await rig.session('/other')).socket.send('alive');
      expect(await other.received(1)).toEqual(['alive']);
      expect(rig.faults).toEqual([]);
    });
  });
}
