import dns from 'node:dns/promises';
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import { connect, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { StartTransport } from '../../../src/gateway/transport/transport.ts';
import { delay, until } from '../../../testkit/until.ts';
import { OPTIONS } from '../../support/transport-options.ts';
import { Client, RawPeer } from '../../support/transport-peers.ts';
import { rigs, TransportRig, text } from '../../support/transport-rig.ts';

/** The loopback address, if this machine has IPv6. */
const IPV6 = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .map(({ address }) => address)
  .filter((address) => address === '::1');

/** Lets a host name mean these addresses until the end of the test. */
function nameForTest(name: string, addresses: readonly string[]): void {
  const { lookup } = dns;
  const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  const faked = (host: string, options: object) =>
    host === name ? Promise.resolve(found) : lookup(host, options);
  dns.lookup = faked as typeof lookup;
  syncBuiltinESMExports();
  onTestFinished(() => {
    dns.lookup = lookup;
    syncBuiltinESMExports();
  });
}

export function lifecycleSuite(start: StartTransport): void {
  describe('lifecycle', () => {
    const startRig = rigs(start);

    it('stopListening takes no new connections and leaves those there are', async () => {
      const rig = await startRig();
      const client = await Client.open(rig.port, '/');
      rig.transport.stopListening();
      rig.transport.stopListening();
      await expect(RawPeer.connect(rig.port)).rejects.toThrow('ECONNREFUSED');
      (await rig.session('/')).socket.send('still here');
      expect(await client.received(1)).toEqual(['still here']);
      expect(client.closed).toBeNull();
    });

    it('close cuts every connection, tells its handler, and frees the port', async () => {
      const rig = await startRig({
        request: () => delay(50).then(() => text(200, 'too late')),
      });
      const clients = [await Client.open(rig.port, '/1'), await Client.open(rig.port, '/2')];
      const idle = await RawPeer.connect(rig.port);
      const waiting = await RawPeer.connect(rig.port);
      waiting.tcp.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await delay(10);
      (await rig.session('/2')).socket.end(4001, 'closing');
      rig.transport.close();
      const again = await startRig({}, { port: rig.port });
      await Client.open(again.port, '/3');
      await until(() => clients.every((client) => client.closed !== null), 'both closes');
      await until(() => idle.tcp.readableEnded || idle.closed, 'the idle one');
      await until(() => waiting.tcp.readableEnded || waiting.closed, 'the waiting one');
      await until(() => rig.sessions.every((each) => each.closeCode !== null), 'both told');
      expect(rig.sessions.map((each) => each.closeCode)).toEqual([1006, 4001]);
      await delay(60);
      expect(rig.faults).toEqual([]);
    });

    it('listens on every address of a host name, on one port', async () => {
      // The last is of another machine, as ::1 is where there is no IPv6.
      const addresses = ['127.0.0.1', '127.0.0.2', ...IPV6, '203.0.113.7'];
      nameForTest('several.test', addresses);
      const rig = await startRig(
        { request: ({ remoteAddress }) => text(200, remoteAddress) },
        { host: 'several.test' },
      );
      const ask = async (address: string) => {
        const host = isIPv6(address) ? `[${address}]` : address;
        return (await fetch(rig.url('/').replace('127.0.0.1', host))).text();
      };
      const own = addresses.slice(0, -1);
      expect(await Promise.all(own.map(ask))).toEqual(
        own.map((address) => (isIPv6(address) ? '::1' : '127.0.0.1')),
      );
      rig.transport.stopListening();
      for (const host of own) {
        // Not by fetch, which may keep a connection.
        const tcp = connect({ host, port: rig.port });
        await expect(once(tcp, 'connect')).rejects.toThrow('ECONNREFUSED');
      }
    });

    it('listens on none where one is in use, and names that one', async () => {
      const rig = await startRig({}, { host: '127.0.0.2' });
      const addresses = ['127.0.0.1', '127.0.0.2'];
      nameForTest('several.test', addresses);
      const options = { ...OPTIONS, host: 'several.test', port: rig.port };
      await expect(TransportRig.start(start, {}, options)).rejects.toThrow(
        `Cannot listen on 127.0.0.2:${rig.port}: the port is in use (EADDRINUSE)`,
      );
      await expect(RawPeer.connect(rig.port)).rejects.toThrow('ECONNREFUSED');
    });

    it('a port in use is an error that names the address', async () => {
      const rig = await startRig();
      await expect(TransportRig.start(start, {}, { ...OPTIONS, port: rig.port })).rejects.toThrow(
        `Cannot listen on 127.0.0.1:${rig.port}: the port is in use (EADDRINUSE)`,
      );
      await Client.open(rig.port, '/');
    });

    it.each([
      ['203.0.113.7', 0, 'this machine has no such address (EADDRNOTAVAIL)'],
      ['::2', 0, 'this machine has no such address'],
      ['name.invalid', 0, 'the host name'],
      ['127.0.0.1', 70_000, 'port'],
    ])('an impossible address (%s:%s) is an error that names it', async (host, port, reason) => {
      const failure = TransportRig.start(start, {}, { ...OPTIONS, host, port });
      const place = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
      await expect(failure).rejects.toThrow(`Cannot listen on ${place}: `);
      await expect(failure).rejects.toThrow(reason);
    });
  });
}
