import { describe, expect, it } from 'vitest';
import type { StartTransport } from '../../../src/gateway/transport/transport.ts';
import { until } from '../../../testkit/until.ts';
import { Client } from '../../support/transport-peers.ts';
import { type Behavior, type RecordingSession, rigs } from '../../support/transport-rig.ts';

function planted(session: RecordingSession): void {
  if (session.path === '/bad') throw new Error('planted');
}

export function faultsSuite(start: StartTransport): void {
  describe('a handler that throws', () => {
    const startRig = rigs(start);

    it.each<[string, Behavior]>([
      ['open', { open: planted }],
      ['message', { message: planted }],
      ['pong', { pong: planted }],
    ])('in %s costs its own connection (1011) only', async (_, behavior) => {
      const rig = await startRig({ ...behavior });
      const other = await Client.open(rig.port, '/other');
      const client = await Client.open(rig.port, '/bad');
      const session = rig.sessions.find((each) => each.path === '/bad');
      session?.socket.ping();
      client.ws.send('go');
      expect((await client.closing()).code).toBe(1011);
      expect(rig.faults).toEqual([new Error('planted')]);
      (await rig.session('/other')).socket.send('alive');
      expect(await other.received(1)).toEqual(['alive']);
    });

    it('in drain costs its own connection only', async () => {
      const rig = await startRig({ drain: planted });
      const client = await Client.open(rig.port, '/bad');
      const session = await rig.session('/bad');
      client.ws.pause();
      while (session.socket.bufferedAmount() === 0) session.socket.send(new Uint8Array(1 << 16));
      client.ws.resume();
      expect((await client.closing()).code).toBe(1011);
      expect(rig.faults).toEqual([new Error('planted')]);
    });

    it('in close is reported, and the server lives', async () => {
      const rig = await startRig({ close: planted });
      const client = await Client.open(rig.port, '/bad');
      client.ws.close(4000);
      await until(() => rig.faults.length > 0, 'the fault');
      expect(rig.faults).toEqual([new Error('planted')]);
      await Client.open(rig.port, '/other');
    });
  });
}
