import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTlsPair } from '../../../src/gateway/transport/certificate.ts';
import type { StartTransport } from '../../../src/gateway/transport/transport.ts';
import { until } from '../../../testkit/until.ts';
import { folderForTest } from '../../support/folders.ts';
import { certificateFile, shakeHands, testPair } from '../../support/tls.ts';
import { Client, RawPeer } from '../../support/transport-peers.ts';
import { rigs, text } from '../../support/transport-rig.ts';

const FIRST = 'Tickwire test first';
const SECOND = 'Tickwire test second';

/** Additional requirements on a transport with a certificate. */
export function tlsSuite(start: StartTransport): void {
  describe('TLS', () => {
    const startRig = rigs(start);

    it.each(['TLSv1.2', 'TLSv1.3'] as const)('is spoken in %s', async (version) => {
      const rig = await startRig();
      const only = { minVersion: version, maxVersion: version };
      expect(await shakeHands(rig.port, only)).toMatchObject({ version, organization: FIRST });
    });

    it('is spoken in the newest version that both have', async () => {
      expect(await shakeHands((await startRig()).port)).toMatchObject({ version: 'TLSv1.3' });
    });

    it.each(['TLSv1', 'TLSv1.1'] as const)('is not spoken in %s', async (version) => {
      const rig = await startRig();
      // The client needs this security level to offer it.
      const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
      await expect(shakeHands(rig.port, old)).rejects.toThrow(/protocol version/);
    });

    it.each([
      ['ECDHE-ECDSA-AES128-GCM-SHA256', true],
      ['ECDHE-ECDSA-AES256-GCM-SHA384', true],
      ['ECDHE-ECDSA-CHACHA20-POLY1305', true],
      ['ECDHE-ECDSA-AES128-SHA', false],
      ['ECDHE-ECDSA-AES256-SHA', false],
    ])(
      '1.2 has ciphers that prove what they carry, and no others: %s',
      async (cipher, isSpoken) => {
        const rig = await startRig();
        const handshake = shakeHands(rig.port, { maxVersion: 'TLSv1.2', ciphers: cipher });
        if (isSpoken) expect(await handshake).toMatchObject({ version: 'TLSv1.2' });
        else await expect(handshake).rejects.toThrow(/handshake failure|disconnected/);
      },
    );

    it('takes files that begin with a byte order mark', async () => {
      const folder = folderForTest();
      const copy = (name: string) => {
        const file = join(folder, `${name}.pem`);
        writeFileSync(file, `\uFEFF${readFileSync(certificateFile(name), 'utf8')}`);
        return file;
      };
      const files = { certificateFile: copy('second'), keyFile: copy('second-key') };
      const rig = await startRig();
      rig.transport.renewTls(readTlsPair(files));
      expect(await shakeHands(rig.port)).toMatchObject({ organization: SECOND });
    });

    it('takes a renewed certificate for new connections, and those there are go on', async () => {
      const rig = await startRig({
        message: ({ socket }, data) => socket.send(data),
        request: () => text(200, 'still here'),
      });
      const before = await Client.open(rig.port, '/before');
      const kept = await RawPeer.connect(rig.port);
      rig.transport.renewTls(testPair('second'));
      // Enough attempts to reach a leftover listener.
      for (let i = 0; i < 16; i++) {
        expect(await shakeHands(rig.port)).toMatchObject({ organization: SECOND });
      }
      const after = await Client.open(rig.port, '/after');
      for (const client of [before, after]) client.ws.send('hello');
      for (const client of [before, after]) expect(await client.received(1)).toEqual(['hello']);
      kept.tcp.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => kept.text().endsWith('still here'), 'the answer');
      expect(rig.faults).toEqual([]);
    });

    it('resumes sessions, but none of an earlier certificate', async () => {
      const rig = await startRig();
      // In this version the session is known after the handshake.
      const shake = (session?: Buffer) =>
        shakeHands(rig.port, { maxVersion: 'TLSv1.2', ...(session && { session }) });
      const { session } = await shake();
      expect(await shake(session)).toMatchObject({ isResumed: true });
      rig.transport.renewTls(testPair('second'));
      expect(await shake(session)).toMatchObject({ isResumed: false, organization: SECOND });
    });

    it('is renewed again and again, and all connections end with the transport', async () => {
      const rig = await startRig();
      const clients = [await Client.open(rig.port, '/0')];
      for (const name of ['second', 'first', 'second'] as const) {
        rig.transport.renewTls(testPair(name));
        expect((await shakeHands(rig.port)).organization).toBe(`Tickwire test ${name}`);
        clients.push(await Client.open(rig.port, `/${clients.length}`));
      }
      expect(clients.every(({ closed }) => closed === null)).toBe(true);
      rig.transport.close();
      for (const client of clients) expect((await client.closing()).code).toBe(1006);
      await until(() => rig.sessions.every((each) => each.closeCode !== null), 'all told');
      // The port is free.
      await Client.open((await startRig({}, { port: rig.port })).port, '/');
    });

    it('stays as it was where a certificate is not taken', async () => {
      const rig = await startRig();
      const { key, keyFile } = testPair('first');
      const bad = { ...testPair('second'), key, keyFile };
      expect(() => rig.transport.renewTls(bad)).toThrow();
      expect(await shakeHands(rig.port)).toMatchObject({ organization: FIRST });
    });

    it('takes no new connections after stopListening, whatever was renewed', async () => {
      const rig = await startRig();
      rig.transport.renewTls(testPair('second'));
      const client = await Client.open(rig.port, '/');
      rig.transport.stopListening();
      await expect(shakeHands(rig.port)).rejects.toThrow('ECONNREFUSED');
      (await rig.session('/')).socket.send('still here');
      expect(await client.received(1)).toEqual(['still here']);
    });
  });
}
