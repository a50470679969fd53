import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { ABILITIES, uwsBuild } from '../../src/gateway/transport/abilities.ts';
import { loadUws } from '../../src/gateway/transport/uws-loader.ts';
import { ServerProcess } from '../../testkit/server-process.ts';
import { delay, until } from '../../testkit/until.ts';
import { behind, ProxyProcess, replaced } from '../support/proxy-process.ts';
import { ask, postPrices } from '../support/raw-http.ts';
import {
  onTransports,
  serverProcessForTest,
  type TransportName,
} from '../support/running-server.ts';

const { http10 } = ABILITIES;
const CHECK = 'http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host tickwire';
const HTTP_10_CHECK = '  option httpchk GET /readyz\n';
/** HAProxy takes three answers for the end, and two for the beginning. */
const INTERVAL_MS = 100;
/** Between a client's requests. */
const PAUSE_MS = 5;

/** What docs and the start's log line say of requests of HTTP/1.0. */
function outcomeOfHttp10(transport: TransportName) {
  const load = loadUws();
  return http10?.outcomes[transport === 'uws' && load.loaded ? uwsBuild(load.version) : 'node'];
}

/** The documented configuration with more checks, and a line of the defaults. */
function checked(config: string, line: string): string {
  const often = replaced(config, 'inter 2s', `inter ${INTERVAL_MS}ms`);
  return replaced(often, 'timeout tunnel', `${line}\n  timeout tunnel`);
}

const logged = (config: string) => checked(config, 'option log-health-checks');
/** A busy machine is no fault. */
const patient = (config: string) => checked(config, 'timeout check 30s');
const PASSED = 'Health check for server tickwire/s0 succeeded, reason: Layer7 check passed';

onTransports((transport) => {
  const flags = [`--server.transport=${transport}`];
  const outcome = outcomeOfHttp10(transport);
  let server: ServerProcess;
  beforeAll(async () => {
    server = await ServerProcess.start(flags);
  });
  afterAll(() => server.end());

  it('the log says at the start if requests of HTTP/1.0 are not served', () => {
    const line = server.output.split('\n').find((text) => text.includes(`${http10?.request}`));
    expect(line !== undefined).toBe(outcome !== 'served');
    expect(line ?? 'docs/PROXIES.md').toMatch(/docs\/PROXIES\.md|transport \\"node\\"/);
  });

  behind('nginx', () => {
    it('/readyz by HTTP/1.1, as documented', async () => {
      const proxy = await ProxyProcess.startForTest('nginx', [server.port]);
      const { status, text } = await ask(proxy.port, '/readyz');
      expect([status, JSON.parse(text)]).toMatchObject([200, { status: 'ready' }]);
    });

    it(`/readyz by HTTP/1.0, the default of old versions: ${outcome}`, async () => {
      const proxy = await ProxyProcess.startForTest('nginx', [server.port], (config) =>
        replaced(
          replaced(config, 'proxy_http_version 1.1', 'proxy_http_version 1.0'),
          '_timeout 60s',
          '_timeout 1s',
        ),
      );
      const { status } = await ask(proxy.port, '/readyz');
      expect(status).toBe({ served: 200, refused: 505, silent: 504, cut: 502 }[outcome ?? 'cut']);
    });

    it('loses no GET while each of two servers is replaced', async () => {
      const servers = [await serverProcessForTest(flags), await serverProcessForTest(flags)];
      const ports = servers.map(({ port }) => port);
      const proxy = await ProxyProcess.startForTest('nginx', ports);
      const load = new Load(proxy.port, false);
      for (const old of servers) {
        await load.goesOn();
        old.kill('SIGTERM');
        expect(await old.exited).toBe(0);
        await load.goesOn();
        await serverProcessForTest([...flags, `--server.port=${old.port}`]);
        await load.goesOn();
      }
      expect(await load.stop()).toEqual([]);
    });
  });

  behind('haproxy', () => {
    it('its check of /readyz by HTTP/1.1, as documented', async () => {
      const proxy = await ProxyProcess.startForTest('haproxy', [server.port], logged);
      await until(() => proxy.output.includes(PASSED));
      expect((await ask(proxy.port, '/readyz')).status).toBe(200);
    });

    it(`its check of /readyz by HTTP/1.0 without Host: ${outcome}`, async () => {
      const proxy = await ProxyProcess.startForTest('haproxy', [server.port], (config) =>
        logged(replaced(replaced(config, '  option httpchk\n', HTTP_10_CHECK), `  ${CHECK}\n`, '')),
      );
      if (outcome === 'served') {
        await until(() => proxy.output.includes(PASSED));
        expect((await ask(proxy.port, '/readyz')).status).toBe(200);
      } else {
        await until(() => proxy.output.includes('Server tickwire/s0 is DOWN'));
        expect((await ask(proxy.port, '/readyz')).status).toBe(503);
      }
    });

    it('loses no request while each of two servers is replaced', async () => {
      const servers = [await rolling(flags), await rolling(flags)];
      const ports = servers.map(({ port }) => port);
      const proxy = await ProxyProcess.startForTest('haproxy', ports, patient);
      const load = new Load(proxy.port, true);
      for (const [i, old] of servers.entries()) {
        const name = `Server tickwire/s${i} is`;
        await load.goesOn();
        old.kill('SIGTERM');
        // The answer, not the closed port, is what takes it out.
        await until(() =>
          proxy.output.includes(`${name} DOWN, reason: Layer7 wrong status, code: 503`),
        );
        await load.goesOn();
        expect(await old.exited).toBe(0);
        await load.goesOn();
        await rolling([...flags, `--server.port=${old.port}`]);
        await until(() =>
          proxy.output.includes(`${name} UP, reason: Layer7 check passed, code: 200`),
        );
      }
      await load.goesOn();
      expect(await load.stop()).toEqual([]);
    });
  });
});

/** A server that is to be replaced while clients go on. */
function rolling(flags: readonly string[]): Promise<ServerProcess> {
  return serverProcessForTest([...flags, `--server.preStopMs=${40 * INTERVAL_MS}`]);
}

/** Clients that ask all the time, on connections of their own and on kept ones. */
class Load {
  readonly #failures: string[] = [];
  readonly #clients: Promise<void>[];
  #done = 0;
  #isStopped = false;

  /** @param alsoPosts whether they post prices, too */
  constructor(port: number, alsoPosts: boolean) {
    const post = async () => (await postPrices(port, [{ symbol: 'S', price: 1 }])).status;
    const get = async () => (await fetch(`http://127.0.0.1:${port}/api/statistics`)).status;
    const getOnce = async () => (await ask(port, '/api/prices')).status;
    const calls = alsoPosts ? [post, post, get, get, getOnce] : [get, get, getOnce];
    this.#clients = calls.map((call) => this.#run(call));
    onTestFinished(async () => {
      await this.stop();
    });
  }

  /** Resolves after some more requests. */
  async goesOn(): Promise<void> {
    const done = this.#done + 40;
    await until(() => this.#done >= done);
  }

  /** The requests that failed. */
  async stop(): Promise<readonly string[]> {
    this.#isStopped = true;
    await Promise.all(this.#clients);
    return this.#failures;
  }

  async #run(call: () => Promise<number>): Promise<void> {
    while (!this.#isStopped) {
      const outcome = await call().catch((error: unknown) => String(error));
      if (outcome !== 200 && outcome !== 202) this.#failures.push(`${outcome}`);
      this.#done++;
      await delay(PAUSE_MS);
    }
  }
}
