import type { Random } from '../../testkit/random.ts';
import { upgradeRequest } from '../../testkit/web-socket.ts';
import { anyNumber, anyText, anyValue, jsonOf } from '../generate/values.ts';

const PATHS = [
  '/api/prices',
  '/api/prices/A',
  '/api/prices/%C3%84/anomalies',
  '/api/anomalies?limit=3',
  '/api/statistics',
  '/metrics',
  '/healthz',
  '/readyz',
  '/',
  '/v1/stream',
  '/nothing',
  '/api/prices/%zz',
  '/api/prices?limit=x&cursor=%00',
  'http://localhost/healthz',
  '*',
  'localhost:80',
  '//',
  '/../../etc/passwd',
  '/api/prices/..%2f..',
];
const METHODS = [
  'GET',
  'GET',
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'CONNECT',
  'get',
  'X-ODD',
];
const HIDDEN = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';

/** Bytes of HTTP, and how many answers they may get at most, where that is known. */
export interface HttpBytes {
  readonly bytes: Buffer;
  readonly answersMax?: number | undefined;
}

/** A request that means what it says, or some in a row. */
export function goodRequests(random: Random): HttpBytes {
  const count = random.chance(0.7) ? 1 : random.between(2, 30);
  const requests = Array.from({ length: count }, () =>
    random.chance(0.3) ? post(random) : get(random),
  );
  return { bytes: Buffer.concat(requests) };
}

function get(random: Random): Buffer {
  const headers = Array.from({ length: random.below(4) }, () => oddHeader(random)).join('');
  const version = random.chance(0.9)
    ? 'HTTP/1.1'
    : random.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', 'HTCPCP/1.0', '']);
  const line = `${random.pick(METHODS)} ${random.pick(PATHS)} ${version}`;
  return Buffer.from(`${line}\r\nHost: localhost\r\n${headers}\r\n`, 'latin1');
}

function oddHeader(random: Random): string {
  const long = 'x'.repeat(Math.floor(random.logUniform(1, 40_000)));
  return random.pick([
    'Accept: */*\r\n',
    'Connection: close\r\n',
    'Connection: keep-alive, upgrade\r\n',
    'Expect: 100-continue\r\n',
    'If-None-Match: "a", W/"b"\r\n',
    `X-Long: ${long}\r\n`,
    'Range: bytes=0-1,5-\r\n',
    'Host: another\r\n',
    'X: \x01\x80\r\n',
    'Origin: null\r\n',
    'Authorization: Bearer x\r\n',
    'Upgrade: h2c\r\n',
    `${'a: b\r\n'.repeat(random.below(300))}`,
    ' folded\r\n',
  ]);
}

function post(random: Random): Buffer {
  const price = {
    symbol: anyText(random),
    price: anyNumber(random),
    timestamp: anyValue(random, 1),
  };
  const body = Buffer.from(
    random.chance(0.8) ? jsonOf([price, price]) : jsonOf(anyValue(random, 3)),
  );
  const head = 'POST /api/prices HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
  if (random.chance(0.6)) {
    return Buffer.concat([Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`), body]);
  }
  return Buffer.concat([
    Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`),
    chunked(random, body),
  ]);
}

function chunked(random: Random, body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const piece = body.subarray(at, at + random.between(1, body.length));
    const extension = random.chance(0.1) ? `;a="${'b'.repeat(random.below(100))}"` : '';
    parts.push(
      Buffer.from(`${piece.length.toString(16)}${extension}\r\n`),
      piece,
      Buffer.from('\r\n'),
    );
    at += piece.length;
  }
  return Buffer.concat([
    ...parts,
    Buffer.from(random.chance(0.9) ? '0\r\n\r\n' : '0\r\nTrailer: x\r\n\r\n'),
  ]);
}

/** Bad chunking: what follows it may be anything. */
export function brokenChunks(random: Random): HttpBytes {
  const head = 'POST /api/prices HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  const body = random.pick([
    'zz\r\n',
    '-1\r\nx',
    'ffffffffffffffff\r\nx',
    'fffffffff\r\nx',
    '5\r\nabcdefgh\r\n0\r\n\r\n',
    '5 \r\nabcde\r\n0\r\n\r\n',
    '\r\n\r\n',
    '0x5\r\nabcde\r\n',
    `${'0'.repeat(1000)}5\r\nabcde\r\n0\r\n\r\n`,
    `5;${'x'.repeat(20_000)}\r\nabcde`,
    '5\nabcde\n0\n\n',
    `0\r\n${'t: v\r\n'.repeat(3000)}\r\n`,
    '1\r\n[\r\n'.repeat(2000),
    '7fffffff\r\n',
  ]);
  return { bytes: Buffer.from(head + body, 'latin1') };
}

/**
 * Requests whose end is not where it seems to be, with another one hidden behind it. RFC 9112 has a
 * server refuse them, or close the connection after the answer: at most one answer may come.
 */
export function smuggling(random: Random): HttpBytes {
  const head = 'POST /api/prices HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
  const chunkedEnd = `0\r\n\r\n${HIDDEN}`;
  const text = random.pick([
    `${head}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n${chunkedEnd}`,
    `${head}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n${chunkedEnd}`,
    `${head}Content-Length: 2\r\nContent-Length: 40\r\n\r\n[]${HIDDEN}`,
    `${head}Content-Length: 2, 40\r\n\r\n[]${HIDDEN}`,
    `${head}Transfer-Encoding: chunked, identity\r\n\r\n${chunkedEnd}`,
    `${head}Transfer-Encoding: xchunked\r\n\r\n${chunkedEnd}`,
    `${head}Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n[]${HIDDEN}`,
    `${head}Content-Length: +2\r\n\r\n[]${HIDDEN}`,
    `${head}Content-Length: -2\r\n\r\n[]${HIDDEN}`,
    `${head}Content-Length: 0x2\r\n\r\n[]${HIDDEN}`,
    `${head}Content-Length: 2x\r\n\r\n[]${HIDDEN}`,
    `${head}Content-Length: 18446744073709551618\r\n\r\n[]${HIDDEN}`,
    `${head}Content-Length : 2\r\n\r\n[]${HIDDEN}`,
    `${head}Content-Length: 2\r\n folded: 3\r\nTransfer-Encoding: chunked\r\n\r\n${chunkedEnd}`,
  ]);
  return { bytes: Buffer.from(text, 'latin1'), answersMax: 1 };
}

/** A handshake that is right, or wrong in one place. */
export function upgradeBytes(
  random: Random,
  path: string,
  subprotocol: string,
  isRight: boolean,
): Buffer {
  const right = upgradeRequest(path, { 'sec-websocket-protocol': subprotocol });
  const lines = right.trimEnd().split('\r\n');
  if (!isRight) {
    const odd = [
      'Sec-WebSocket-Key: short',
      'Sec-WebSocket-Version: 12',
      'Sec-WebSocket-Protocol: , ,,',
      'Content-Length: 5',
      'Upgrade: h2c',
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
      'Connection: close',
      `Cookie: ${'c'.repeat(9000)}`,
    ];
    lines[random.between(1, lines.length - 1)] = random.pick(odd);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
