import { describe, expect, it } from 'vitest';
import {
  ABILITIES,
  HEAD_BYTES_MAX,
  HEADER_FIELDS_MAX,
  OLD_HEADER_FIELDS_MAX,
  type Outcome,
  type TransportBuild,
  uwsBuild,
} from '../../../src/gateway/transport/abilities.ts';
import type { StartTransport } from '../../../src/gateway/transport/transport.ts';
import { loadUws } from '../../../src/gateway/transport/uws-loader.ts';
import { until } from '../../../testkit/until.ts';
import { RawPeer } from '../../support/transport-peers.ts';
import { rigs, type TransportRig, text } from '../../support/transport-rig.ts';

const GET = 'GET /a?b=c HTTP/1.1\r\nHost: host\r\n';
/** Of the size that docs promise. */
const TOKEN = `Bearer ${'x'.repeat(8192)}`;

/** A request of each kind, in segments. All but `malformed` and `noHost` are valid. */
const REQUESTS: Readonly<Record<keyof typeof ABILITIES, readonly string[]>> = {
  http10: ['GET /a?b=c HTTP/1.0\r\n\r\n'],
  absoluteTarget: ['GET http://other:80/a?b=c HTTP/1.1\r\nHost: host\r\n\r\n'],
  noHost: ['GET /a?b=c HTTP/1.1\r\n\r\n'],
  malformed: [`${GET}Two Words: x\r\n\r\n`],
  emptyLine: [`\r\n${GET}\r\n`],
  someFields: [`${GET}${fields(OLD_HEADER_FIELDS_MAX)}\r\n`],
  manyFields: [`${GET}${fields(HEADER_FIELDS_MAX)}\r\n`],
  largeHead: [`${GET}Authorization: ${TOKEN.slice(0, 2000)}`, `${TOKEN.slice(2000)}\r\n\r\n`],
  hugeHead: [`${GET}Authorization: ${'x'.repeat(HEAD_BYTES_MAX / 2)}`, fields(2000), '\r\n'],
};

/** Header fields beside Host. */
function fields(count: number): string {
  return Array.from({ length: count }, (_, i) => `X-${i}: v\r\n`).join('');
}

function buildOf({ transport }: TransportRig): TransportBuild {
  const load = loadUws();
  return transport.name === 'node' || !load.loaded ? 'node' : uwsBuild(load.version);
}

/** The server has read, and answered if it will, whatever was written before. */
async function roundTrips(rig: TransportRig): Promise<void> {
  for (let i = 0; i < 3; i++) await fetch(rig.url('/'));
}

/** Whether the server has ended or reset the connection. */
function isOver({ closed, tcp }: RawPeer): boolean {
  return closed || tcp.readableEnded;
}

async function outcomeOf(rig: TransportRig, peer: RawPeer, expected: Outcome): Promise<Outcome> {
  if (expected === 'silent') await roundTrips(rig);
  else await until(() => isOver(peer) || peer.text().includes('\r\n\r\n'), 'an answer or the end');
  const answer = peer.text();
  if (answer.startsWith('HTTP/1.1 200 ')) return 'served';
  if (/^HTTP\/1\.1 (?:400|431|505) /.test(answer)) return 'refused';
  return isOver(peer) && answer === '' ? 'cut' : 'silent';
}

export function abilitiesSuite(start: StartTransport): void {
  describe('requests of rare forms', () => {
    const startRig = rigs(start);

    it.each(Object.entries(REQUESTS))('does as listed: %s', async (name, segments) => {
      const heads: string[] = [];
      const rig = await startRig({
        request: (request) => {
          const { path, query } = request;
          const host = request.header('host') ?? 'none';
          if (path !== '/') heads.push(`${request.method} ${host} ${path} ${query.toString()}`);
          return text(200, request.header('authorization') ?? '');
        },
      });
      const peer = await RawPeer.connect(rig.port);
      peer.tcp.setNoDelay();
      for (const segment of segments) {
        peer.tcp.write(segment);
        await roundTrips(rig);
      }
      const expected = ABILITIES[name]?.outcomes[buildOf(rig)] as Outcome;
      expect(await outcomeOf(rig, peer, expected)).toBe(expected);
      const host = { http10: 'none', absoluteTarget: 'other:80' }[name] ?? 'host';
      expect(heads).toEqual(expected === 'served' ? [`GET ${host} /a b=c`] : []);
      if (name === 'largeHead' && expected === 'served') {
        await until(() => peer.text().endsWith(TOKEN), 'the whole token');
      }
      expect(rig.faults).toEqual([]);
      peer.reset();
    });
  });
}
