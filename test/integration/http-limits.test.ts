import { describe, expect, it } from 'vitest';
import { until } from '../../testkit/until.ts';
import { HttpClient, type Problem } from '../support/http-client.ts';
import { rawRequest } from '../support/raw-http.ts';
import { onTransports, serverForSuite } from '../support/running-server.ts';
import { refusalStatus } from '../support/test-clients.ts';
import { RawPeer } from '../support/transport-peers.ts';

const BODY_BYTES_MAX = 2048;
const JSON_DEPTH_MAX = 5;

/** A price padded to a length. */
function priceOf(bytes: number): string {
  const price = '{"symbol":"A","price":1}';
  return price + ' '.repeat(bytes - price.length);
}

/** A price with an ignored member, nested to this depth in total. */
function deepPrice(depth: number): string {
  const inside = depth - 1;
  return `{"symbol":"A","price":1,"x":${'['.repeat(inside)}${']'.repeat(inside)}}`;
}

onTransports((transport) => {
  const server = serverForSuite({
    server: { transport },
    limits: { bodyBytesMax: BODY_BYTES_MAX, jsonDepthMax: JSON_DEPTH_MAX },
  });
  const connect = () => HttpClient.connect(server.port);

  it.each([
    [BODY_BYTES_MAX - 1, 202],
    [BODY_BYTES_MAX, 202],
    [BODY_BYTES_MAX + 1, 413],
  ])('answers a body of %i bytes with %i', async (bytes, expected) => {
    const { status, json } = await (await connect()).postRaw<Problem>(priceOf(bytes));
    expect(status).toBe(expected);
    if (status === 413) expect(json.detail).toContain(`larger than ${BODY_BYTES_MAX} bytes`);
  });

  it.each([
    [JSON_DEPTH_MAX - 1, 202],
    [JSON_DEPTH_MAX, 202],
    [JSON_DEPTH_MAX + 1, 400],
  ])('answers a body nested %i deep with %i', async (depth, expected) => {
    const { status, json } = await (await connect()).postRaw<Problem>(deepPrice(depth));
    expect(status).toBe(expected);
    if (status === 400) {
      expect(json.detail).toBe(
        `The body is nested deeper than ${JSON_DEPTH_MAX} levels (limits.jsonDepthMax).`,
      );
    }
  });

  const HEADERS = {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
  };
  const NO_PAGE = "default-src 'none'; frame-ancestors 'none'";

  describe('every answer has the headers of security', () => {
    it.each([
      ['GET', '/api/prices', 200],
      ['HEAD', '/api/prices', 200],
      ['GET', '/metrics', 200],
      ['GET', '/healthz', 200],
      ['GET', '/openapi.json', 200],
      ['GET', '/no/such', 404],
      ['DELETE', '/api/prices', 405],
      ['POST', '/api/prices', 400],
      ['GET', '/v1/stream', 404],
    ])('%s %s', async (method, path, status) => {
      const answer = await rawRequest(server.port, path, {}, method);
      expect(answer.status).toBe(status);
      expect(answer.headers).toMatchObject({
        ...HEADERS,
        'cross-origin-resource-policy': 'same-origin',
        'content-security-policy': NO_PAGE,
      });
      expect(answer.headers).not.toHaveProperty('strict-transport-security');
    });

    it.each(['/', '/api', '/dashboard.js', '/sdk/tickwire.js'])('GET %s', async (path) => {
      const { headers } = await rawRequest(server.port, path);
      expect(headers).toMatchObject(HEADERS);
      const policy = String(headers['content-security-policy']);
      expect(policy).toMatch(/^default-src 'none'/);
      expect(policy).toContain("frame-ancestors 'none'");
      const isSdk = path.startsWith('/sdk/');
      expect(headers['cross-origin-resource-policy']).toBe(isSdk ? 'cross-origin' : 'same-origin');
    });

    it.each([
      [
        'a body that is too large',
        `POST /api/prices HTTP/1.1\r\nHost: a\r\nContent-Length: 4096\r\n\r\n${'x'.repeat(4096)}`,
        413,
      ],
      [
        'an upgrade that is refused',
        'GET /v1/stream HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
          'Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
        426,
      ],
    ])('the answer to %s', async (_, request, status) => {
      const peer = await RawPeer.connect(server.port);
      peer.tcp.write(request);
      await until(() => peer.text().endsWith('}'), 'the answer');
      expect(peer.text()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      for (const [name, value] of Object.entries(HEADERS)) {
        expect(peer.text().toLowerCase()).toContain(`\r\n${name}: ${value.toLowerCase()}\r\n`);
      }
      // None comes twice.
      expect(peer.text().match(/x-content-type-options/gi)).toHaveLength(1);
    });
  });

  it('admits clients without an origin', async () => {
    expect(await refusalStatus(server.port, '/v1/stream', {})).toBe(101);
  });
});
