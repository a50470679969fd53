import { renameSync } from 'node:fs';
import { expect, it } from 'vitest';
import { until } from '../../testkit/until.ts';
import { folderForTest } from '../support/folders.ts';
import { HttpClient } from '../support/http-client.ts';
import { onTransports, serverForTest } from '../support/running-server.ts';
import { RawPeer } from '../support/transport-peers.ts';

onTransports((transport) => {
  it('is live and ready while it runs', async () => {
    const server = await serverForTest({ server: { transport } });
    const client = await HttpClient.connect(server.port);
    expect((await client.get('/healthz')).json).toEqual({ status: 'ok' });
    expect((await client.get('/readyz')).json).toEqual({ status: 'ready' });
  });

  it('is not ready while the directory of the store is gone', async () => {
    const directory = `${folderForTest()}/store`;
    const server = await serverForTest({ server: { transport }, store: { directory } });
    const client = await HttpClient.connect(server.port);
    renameSync(directory, `${directory}-away`);
    const detail = `Not ready: the store has failed: store.directory ${directory} is gone.`;
    await expect.poll(async () => (await client.get('/readyz')).json).toMatchObject({ detail });
    renameSync(`${directory}-away`, directory);
    await expect.poll(async () => (await client.get('/readyz')).status).toBe(200);
    // Taken out, since a test server's log must be free of errors at the end.
    const faults = (server.faults as string[]).splice(0);
    const said = faults.map((line) => (JSON.parse(line) as { msg: string }).msg);
    // The journal says so too if it had something to write just then.
    expect(said.filter((msg) => msg !== 'the journal cannot be written')).toEqual([
      'the store cannot be used',
    ]);
  });

  it('is live but not ready while it stops', async () => {
    const server = await serverForTest({ server: { transport } });
    // A subscriber that never answers the close delays the stop.
    await RawPeer.upgrade(server.port, '/v1/stream');
    const peers = await Promise.all([1, 2].map(() => RawPeer.connect(server.port)));
    const [ready, live] = peers as [RawPeer, RawPeer];
    ready.tcp.write('GET /readyz HTTP/1.1\r\n');
    live.tcp.write('GET /healthz HTTP/1.1\r\n');
    const client = await HttpClient.connect(server.port);
    await client.get('/healthz');
    const stopped = server.stop();
    for (const peer of peers) peer.tcp.write('Host: a\r\n\r\n');
    await until(() => peers.every((peer) => peer.text().endsWith('}')), 'both answers');
    expect(ready.text()).toMatch(/^HTTP\/1\.1 503 .*retry-after: 1\r\n/is);
    expect(ready.text()).toContain('"detail":"Not ready: the server is stopping."');
    expect(live.text()).toMatch(/^HTTP\/1\.1 200 .*\{"status":"ok"\}$/s);
    await stopped;
  });
});
