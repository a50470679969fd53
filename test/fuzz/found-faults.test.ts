import { encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { readMessagePack } from '../../client-sdk/src/connection/frame-codec.ts';
import { collidingIntegers } from '../../fuzz/generate/values.ts';
import { jsonErrorPosition } from '../../src/config/json-error.ts';
import { AliasTable } from '../../src/gateway/ingest/alias-table.ts';
import { decodeFrame, ProtocolError } from '../../src/protocol/index.ts';
import { until } from '../../testkit/until.ts';
import { onTransports, serverForSuite } from '../support/running-server.ts';
import { RawPeer } from '../support/transport-peers.ts';
import { UndisturbedStream } from '../support/undisturbed-stream.ts';

/** As Map keys these are slow: V8 puts them into one bucket. */
const COLLIDING = collidingIntegers(10_000);

/** Least processor time of a few runs, ms: other programs may be busy. */
function processorMs(action: () => void): number {
  const times = Array.from({ length: 3 }, () => {
    const before = process.cpuUsage();
    action();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

describe('numbers that collide in a hash table', () => {
  const frame = encode([4, 1, [], 0]).slice(0, -1);
  const header = Buffer.from([0xdf, 0, 0, COLLIDING.length >> 8, COLLIDING.length & 0xff]);
  const entries = COLLIDING.flatMap((key) => [encode(key), Buffer.of(0)]);
  const message = Buffer.concat([frame, header, ...entries]);

  it('would take long', () => {
    const fill = (step: number) => {
      const map = new Map<number, number>();
      COLLIDING.forEach((key, i) => {
        map.set(key * step + (1 - step) * i, 0);
      });
    };
    expect(processorMs(() => fill(1))).toBeGreaterThan(5 * processorMs(() => fill(0)));
  });

  it('are no keys of a frame, for the server and for the SDK', () => {
    expect(() => decodeFrame(message)).toThrow(ProtocolError);
    expect(() => decodeFrame(message)).toThrow(/the key at byte \d+ is not a string/);
    expect(() => readMessagePack(message)).toThrow('the key of a map is not a string');
    const read = () => {
      expect(() => decodeFrame(message)).toThrow();
      expect(() => readMessagePack(message)).toThrow();
    };
    expect(processorMs(read)).toBeLessThan(100);
  });

  it('are aliases like any others', () => {
    const declareTwice = () => {
      const table = new AliasTable();
      for (const alias of COLLIDING) table.declare(alias, 'one');
      for (const alias of COLLIDING) table.declare(alias, 'another');
      const bytes = COLLIDING.reduce((sum, alias) => sum + table.symbol(alias).length, 0);
      return [table.size, table.has(COLLIDING[1] as number), table.has(5), bytes];
    };
    expect(declareTwice()).toEqual([COLLIDING.length, true, false, COLLIDING.length * 7]);
    expect(processorMs(declareTwice)).toBeLessThan(100);
  });
});

it('says where JSON ends to be any, however deep it is nested', () => {
  const deep = '['.repeat(100_000);
  expect(jsonErrorPosition(deep)).toBe('line 1, column 100001');
  expect(jsonErrorPosition(`${deep}${']'.repeat(100_000)}`)).toBeUndefined();
  expect(jsonErrorPosition('{"a":[1,{"b":[]}],"c":{}} ')).toBeUndefined();
  expect(jsonErrorPosition('{"a":[1,{"b":[],}]}')).toBe('line 1, column 17');
  expect(jsonErrorPosition('[1,]')).toBe('line 1, column 4');
  expect(jsonErrorPosition('[1}')).toBe('line 1, column 3');
  expect(jsonErrorPosition('[] []')).toBe('line 1, column 4');
});

onTransports((transport) => {
  const server = serverForSuite({ server: { transport } });
  const hidden = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';
  const head = 'POST /api/prices HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';

  it.each([
    ['two lengths', `Content-Length: 2\r\nContent-Length: 40\r\n\r\n[]${hidden}`],
    [
      'a length and chunks',
      `Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
    ],
    ['an encoding after chunks', `Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`],
    ['an unknown encoding', `Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`],
  ])('reads no request that is hidden behind one with %s', async (_what, rest) => {
    const stream = await UndisturbedStream.start(server.port);
    const peer = await RawPeer.connect(server.port);
    peer.tcp.write(head + rest);
    await until(() => peer.closed || peer.tcp.readableEnded, 'the end of the connection');
    expect(peer.text()).not.toContain('HTTP/1.1 2');
    expect(peer.text().match(/HTTP\/1\.1 /g) ?? []).toHaveLength(transport === 'node' ? 1 : 0);
    peer.tcp.destroy();
    await stream.finish();
  });
});
