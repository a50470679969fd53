import { execFileSync } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { builtProgram, ManagedProcess } from '../../testkit/managed-process.ts';

// Built by the test script.
const DEMO = builtProgram('loadgen/demo');

/** The tested part of an alert. */
interface Raised {
  readonly level: string;
  readonly phase: string;
}

function startDemo(...flags: string[]): ManagedProcess {
  return new ManagedProcess(process.execPath, [DEMO, '--port=0', ...flags]);
}

/** Waits for the table, which names the server's URL. */
async function urlOf(demo: ManagedProcess): Promise<string> {
  await expect.poll(() => demo.output, { timeout: 30_000 }).toContain('/api/statistics');
  return /http:\/\/127\.0\.0\.1:\d+/.exec(demo.output)?.[0] ?? '';
}

async function isServing(url: string): Promise<boolean> {
  return fetch(`${url}/healthz`).then(
    () => true,
    () => false,
  );
}

test('the demo shows live numbers, verified in sync, and ends by itself', async () => {
  const demo = startDemo('--seconds=7');
  expect(await demo.exited).toBe(0);
  expect(demo.output).toContain('✓ verified in sync');
  expect(demo.output).not.toContain('OUT OF SYNC');
  expect(demo.output).toMatch(/BTC-USD +[\d.,]+ +[\d.,]+/);
});

test('the demo names its flags', async () => {
  const demo = startDemo('--help');
  expect(await demo.exited).toBe(0);
  expect(demo.output).toMatch(/^Usage: npm run demo .*--port/);
});

test('an interrupt stops the demo and its server', async () => {
  const demo = startDemo();
  const url = await urlOf(demo);
  expect(await isServing(url)).toBe(true);
  demo.kill('SIGINT');
  expect(await demo.exited).toBe(0);
  expect(await isServing(url)).toBe(false);
});

test('the demo ends with a sentence when its server dies', async () => {
  const demo = startDemo();
  onTestFinished(() => demo.kill('SIGKILL'));
  await urlOf(demo);
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(demo.pid)], {
    encoding: 'utf8',
  });
  expect(children.trim().split('\n')).toHaveLength(1);
  process.kill(Number(children), 'SIGKILL');
  expect(await demo.exited).toBe(1);
  expect(demo.output).toContain('The server of the demo ended (SIGKILL).');
});

test('the demo hands flags to its server, and lets pages of any origin in', async () => {
  const demo = startDemo('--server.port=0', '--processing.partitions=3');
  onTestFinished(() => demo.kill('SIGTERM'));
  const url = await urlOf(demo);
  const response = await fetch(`${url}/api/statistics`, { headers: { origin: 'http://a.test' } });
  expect(response.headers.get('access-control-allow-origin')).toBe('http://a.test');
  const { partitions } = (await response.json()) as { partitions: unknown[] };
  expect(partitions).toHaveLength(3);
});

test('the demo has rules, and alerts come soon', async () => {
  const demo = startDemo();
  onTestFinished(() => demo.kill('SIGTERM'));
  const url = await urlOf(demo);
  const get = async (path: string) => (await fetch(`${url}${path}`)).json();
  const names = ['flash', 'run', 'unusual', 'quiet'];
  expect(await get('/api/rules')).toMatchObject({
    refused: null,
    items: names.map((name) => ({ name })),
  });
  const raised = async () => {
    const alerts = (await get('/api/alerts?rule=flash&limit=1000')) as { items: Raised[] };
    return alerts.items.map(({ level, phase }) => `${level} ${phase}`);
  };
  const wanted = ['warning start', 'warning end', 'critical start', 'critical end'];
  await expect.poll(raised, { timeout: 60_000 }).toEqual(expect.arrayContaining(wanted));
});

test('the demo refuses flags that are none, with its usage', async () => {
  const demo = startDemo('--rate=1');
  expect(await demo.exited).toBe(2);
  expect(demo.output).toContain("Unknown option '--rate'");
  expect(demo.output).toContain('Usage: npm run demo');
  const other = startDemo('--server.prot=1');
  expect(await other.exited).toBe(1);
  expect(other.output).toContain('--server.prot: unknown flag');
});
