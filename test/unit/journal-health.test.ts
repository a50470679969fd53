import { expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { parseConfig } from '../../src/config/parse-config.ts';
import { EarlyTransport, Health } from '../../src/gateway/index.ts';

const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };

it('a journal that cannot be written, or a gap in it, makes a server unready', () => {
  const health = new Health();
  const journal = { fault: undefined as string | undefined, isInGap: false };
  health.journal = journal;
  expect(health.fault()).toBeUndefined();
  journal.fault = 'ENOSPC, no space left on device';
  expect(health.fault()).toBe('the journal cannot be written: ENOSPC, no space left on device');
  journal.isInGap = true;
  expect(health.storeFault()).toBe('ticks are not journaled: ENOSPC, no space left on device');
  journal.fault = undefined;
  expect(health.fault()).toBe('ticks are not journaled: it is full');
});

it('a server that replays says how far it is, and refuses everything but /healthz', async () => {
  const health = new Health();
  health.replayed = 0;
  const config = parseConfig({ server: { port: 0 } });
  const early = await EarlyTransport.open(config, LOG, health);
  const handlers = {
    upgrade: () => ({ accept: false, response: { status: 418, headers: {}, body: '' } }) as const,
    request: () => ({ status: 200, headers: {}, body: 'served' }),
    fault: () => undefined,
  };
  try {
    const ask = (path: string) => fetch(`http://127.0.0.1:${early.port}${path}`);
    health.replayed = 0.428;
    const answer = await ask('/readyz');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.json()).toMatchObject({
      detail: 'Not ready: replaying the journal, 42 % done.',
    });
    expect((await ask('/api/prices')).status).toBe(503);
    expect((await ask('/healthz')).status).toBe(200);
    expect(await refusalOf(early.port)).toBe(503);
    await early.handOver(unused(), handlers);
    expect(await (await ask('/readyz')).text()).toBe('served');
    expect(await refusalOf(early.port)).toBe(418);
  } finally {
    early.close();
  }
});

/** The options of a transport, which is open already. */
function unused(): Parameters<EarlyTransport['handOver']>[0] {
  return {} as Parameters<EarlyTransport['handOver']>[0];
}

/** The status that refuses a session. */
function refusalOf(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, 'tickwire.v1');
    socket.once('unexpected-response', (_, { statusCode = 0 }) => {
      resolve(statusCode);
      socket.terminate();
    });
    socket.on('error', () => undefined);
    socket.once('open', () => reject(new Error('it was accepted')));
  });
}
