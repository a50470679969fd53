import { describe, expect, it } from 'vitest';
import type { StartTransport } from '../../../src/gateway/transport/transport.ts';
import { delay, until } from '../../../testkit/until.ts';
import { OPTIONS } from '../../support/transport-options.ts';
import { Client, RawPeer } from '../../support/transport-peers.ts';
import { rigs, TransportRig, text } from '../../support/transport-rig.ts';

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

    it('a port in use is an error that names the address', async () => {
      const rig = await startRig();
      await expect(TransportRig.start(start, {}, { ...OPTIONS, port: rig.port })).rejects.toThrow(
        `Cannot listen on 127.0.0.1:${rig.port}: the port is in use (EADDRINUSE)`,
      );
      await Client.open(rig.port, '/');
    });

    it.each([
      ['203.0.113.7', 0, 'this machine has no such address (EADDRNOTAVAIL)'],
      ['127.0.0.1', 70_000, 'port'],
    ])('an impossible address (%s:%s) is an error that names it', async (host, port, reason) => {
      const failure = TransportRig.start(start, {}, { ...OPTIONS, host, port });
      await expect(failure).rejects.toThrow(`Cannot listen on ${host}:${port}: `);
      await expect(failure).rejects.toThrow(reason);
    });
  });
}
