import { expect, test } from 'vitest';
import { HttpClient } from '../support/http-client.ts';
import { serverForTest } from '../support/running-server.ts';

test('a server that is alone says so in GET /api/cluster, and does not fail', async () => {
  const { port } = await serverForTest();
  const client = await HttpClient.connect(port);
  const { json, status } = await client.get('/api/cluster');
  expect(status).toBe(200);
  expect(json).toEqual({ name: null, isConnected: false, members: [], shards: [] });
});
