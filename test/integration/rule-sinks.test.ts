import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { until } from '../../testkit/until.ts';
import { AlertReceiver, status } from '../support/alert-receiver.ts';
import { FLASH } from '../support/flash-rule.ts';
import { folderForTest } from '../support/folders.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';

const SECRET = 'a secret of some length';

interface Sent {
  readonly id: string;
  readonly symbol: string;
  readonly sequence: number;
  readonly phase: string;
  readonly reason?: string;
}

function startIn(folder: string, directory = join(folder, 'data')): Promise<TestServer> {
  return startTestServer(
    { rules: { file: join(folder, 'rules.json') }, store: { directory } },
    { logLevel: 'trace', env: { SINK_SECRET: SECRET } },
  );
}

function writeRules(folder: string, sinkUrl: string, rules: object = FLASH): void {
  const sink = { kind: 'webhook', name: 'hook', url: sinkUrl, secretEnv: 'SINK_SECRET' };
  writeFileSync(join(folder, 'rules.json'), JSON.stringify({ rules: [rules], sinks: [sink] }));
}

async function post(server: TestServer, ticks: readonly [number, number][]): Promise<void> {
  const body = ticks.map(([timestamp, price]) => ({ symbol: 'SPY', price, timestamp }));
  const response = await fetch(`http://127.0.0.1:${server.port}/api/prices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(202);
}

const shown = (bodies: readonly string[]) =>
  bodies
    .map((body) => JSON.parse(body) as Sent)
    .map(({ id, phase, reason = '' }) => `${id} ${phase} ${reason}`.trimEnd());

it('a server sends alerts, and after a restart those that nobody took', async () => {
  const folder = folderForTest();
  const receiver = await AlertReceiver.start();
  const bodies = () => shown(receiver.requests.map(({ body }) => body));
  writeRules(folder, receiver.url);
  const now = Date.now();
  const first = await startIn(folder);
  await post(first, [
    [now, 100],
    [now + 5, 103],
    [now + 9, 100],
  ]);
  await until(() => receiver.requests.length >= 2);
  expect(bodies()).toEqual(['SPY/1 start', 'SPY/2 end reverted']);
  expect(receiver.requests[0]?.headers['x-tickwire-signature']).toMatch(/^t=\d+,v1=[0-9a-f]{64}$/);

  receiver.answer = status(503);
  await post(first, [[now + 500, 110]]);
  await until(() => receiver.requests.length >= 3);
  await first.stop();
  receiver.answer = status(200);
  const second = await startIn(folder);
  await post(second, [[now + 505, 100]]);
  await until(() => bodies().at(-1)?.startsWith('SPY/4') === true);
  const taken = [...new Set(bodies())];
  expect(taken).toEqual(['SPY/1 start', 'SPY/2 end reverted', 'SPY/3 start', 'SPY/4 end reverted']);
  await second.stop();
});

it('a server without a store sends what its last ticks raise before it ends', async () => {
  const folder = folderForTest();
  const receiver = await AlertReceiver.start();
  writeRules(folder, receiver.url);
  const server = await startIn(folder, '');
  const now = Date.now();
  const flaps = Array.from({ length: 200 }, (_, i): [number, number] => [
    now + i,
    i % 2 === 0 ? 100 : 110,
  ]);
  await post(server, flaps);
  await server.stop();
  const sent = shown(receiver.requests.map(({ body }) => body));
  expect(sent).toEqual(
    Array.from({ length: 199 }, (_, i) => (i % 2 === 0 ? 'start' : 'end reverted')).map(
      (what, i) => `SPY/${i + 1} ${what}`,
    ),
  );
});

it('a file that is wrong changes nothing; one that is right does, and its sinks', async () => {
  const folder = folderForTest();
  const receiver = await AlertReceiver.start();
  writeRules(folder, receiver.url);
  const server = await startIn(folder);
  const ready = async () => {
    const response = await fetch(`http://127.0.0.1:${server.port}/readyz`);
    return `${response.status} ${await response.text()}`;
  };
  writeFileSync(
    join(folder, 'rules.json'),
    JSON.stringify({ rules: [FLASH], sinks: [{ kind: 'webhook', url: 'http://example.com/' }] }),
  );
  server.reload();
  expect(await ready()).toMatch(/^200 .*sinks\[0\].url: expected/);
  expect(server.faults.join()).toContain('the rules before stay in force');
  const other = await AlertReceiver.start();
  writeRules(folder, other.url, { ...FLASH, warning: '20%' });
  server.reload();
  expect(await ready()).not.toContain('expected');
  await until(() => server.lines.some((line) => line.includes('the rule file is in force')));
  const now = Date.now();
  await post(server, [
    [now, 100],
    [now + 1, 103],
    [now + 2, 130],
  ]);
  await until(() => other.requests.length >= 1);
  expect(JSON.parse(other.requests[0]?.body ?? '')).toMatchObject({ price: 130, phase: 'start' });
  expect(receiver.requests).toEqual([]);
  await expect(server.stop()).rejects.toThrow('the rule file is refused');
});
