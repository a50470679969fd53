import { expect, it, onTestFinished, vi } from 'vitest';
import { hasChromium, openBrowser } from '../../testkit/chromium.ts';
import { ExampleProcess, findProgram, findPython } from '../support/example-process.ts';
import { serverForTest } from '../support/running-server.ts';
import { SECRET, signed } from '../support/tokens.ts';

const PATIENCE = { timeout: 30_000, interval: 20 };
const AUTH = { auth: { jwtSecret: SECRET } };
const PUBLISHER = { sub: 'feed', tickwire: { publish: ['*'] } };
const OPERATOR = { sub: 'olga', tickwire: { read: ['*'], publish: ['*'], operator: true } };

const python = findPython('msgpack', 'websockets');

/** Starts an example, with or without a token. */
function run(name: string, port: number, token?: string): ExampleProcess {
  const command = name.endsWith('.py') ? python : name.endsWith('.sh') ? 'sh' : process.execPath;
  const at = `http://127.0.0.1:${port}`;
  return ExampleProcess.startForTest(command ?? 'python3', [`examples/${name}`], at, token);
}

async function pricesOf(port: number): Promise<{ readonly items: readonly unknown[] }> {
  const headers = { authorization: `Bearer ${await signed(OPERATOR)}` };
  const response = await fetch(`http://127.0.0.1:${port}/api/prices`, { headers });
  return (await response.json()) as { items: unknown[] };
}

const hasPrices = (port: number) =>
  vi.waitFor(async () => expect((await pricesOf(port)).items).toHaveLength(3), PATIENCE);

for (const kind of ['mjs', 'py']) {
  it.skipIf(kind === 'py' && python === undefined && !process.env.CI)(
    `with a token publisher.${kind} publishes, and subscriber.${kind} prints`,
    async () => {
      const { port } = await serverForTest(AUTH);
      run(`publisher.${kind}`, port, await signed(PUBLISHER));
      await hasPrices(port);
      const subscriber = run(`subscriber.${kind}`, port, await signed(OPERATOR));
      await subscriber.printed(/^BTC-USD price \d/m);
    },
  );

  it.skipIf(kind === 'py' && python === undefined && !process.env.CI)(
    `with a bad token subscriber.${kind} says so and ends`,
    async () => {
      const { port } = await serverForTest(AUTH);
      const subscriber = run(`subscriber.${kind}`, port, 'no-token');
      await subscriber.exited;
      expect(subscriber.output).toContain('4500');
    },
  );
}

it.skipIf(findProgram('curl') === undefined && !process.env.CI)(
  'http.sh shows the token with every call',
  async () => {
    const { port } = await serverForTest(AUTH);
    const script = run('http.sh', port, await signed(OPERATOR));
    expect(await script.exited, script.output).toBe(0);
    expect(script.output).toContain('"totalProcessed":3');
    const refused = run('http.sh', port);
    expect(await refused.exited).not.toBe(0);
    expect(refused.output).toContain('401');
  },
);

it.skipIf(!hasChromium && !process.env.CI)(
  'browser.html takes a token from behind its address',
  async () => {
    // A file's page has no origin.
    const { port } = await serverForTest({ ...AUTH, server: { allowedOrigins: '*' } });
    const browser = await openBrowser();
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    const url = new URL('../../examples/browser.html', import.meta.url);
    url.searchParams.set('server', `http://127.0.0.1:${port}`);
    url.hash = `token=${await signed(OPERATOR)}`;
    await page.goto(url.href);
    const state = () => page.evaluate(() => document.getElementById('state')?.innerText);
    await expect.poll(state, PATIENCE).toBe('live');
  },
);
