import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { freePort, ManagedProcess } from '../../testkit/managed-process.ts';
import { isServing } from '../../testkit/server-process.ts';
import { eventually } from '../../testkit/until.ts';
import {
  COMPOSE_FILE,
  type ComposeModel,
  noCompose,
  readComposeFile,
} from '../support/compose-file.ts';
import { mountedAt, serviceOf, startService } from '../support/compose-service.ts';
import { expectAnswer, panelQueries } from '../support/dashboard-panels.ts';
import { folderForSuite, folderForTest } from '../support/folders.ts';
import { noPrometheus, Prometheus, promtool } from '../support/prometheus.ts';
import { replaced } from '../support/proxy-process.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url));
const OPERATIONS = readFileSync(join(DEPLOY, '../docs/OPERATIONS.md'), 'utf8');
const reason = noCompose ?? noPrometheus;
/** The stack has no receiver of alerts. */
const OF_SINKS = /tickwire_sink_/;

let model: ComposeModel;
const service = (name: string) => serviceOf(model, name);
const mounted = (name: string, path: string) => mountedAt(service(name), path);

describe.skipIf(reason !== undefined && !process.env.CI)(
  `deploy/compose.yaml${reason === undefined ? '' : ` (${reason})`}`,
  () => {
    const folder = folderForSuite();

    beforeAll(async () => {
      model = await readComposeFile(COMPOSE_FILE);
    });

    test('is accepted by the parser of Compose, which would refuse a mistake', async () => {
      expect(Object.keys(model.services)).toEqual(['feed', 'grafana', 'prometheus', 'server']);
      const text = readFileSync(COMPOSE_FILE, 'utf8');
      const wrong = join(folder, 'wrong.yaml');
      writeFileSync(wrong, replaced(text, 'read_only: true', 'readonly: true'));
      await expect(readComposeFile(wrong)).rejects.toThrow(/services\.\w+.*readonly/);
    });

    test('lets no service write to its root, gain rights, or stay down', () => {
      for (const [name, each] of Object.entries(model.services)) {
        expect(each, name).toMatchObject({
          read_only: true,
          cap_drop: ['ALL'],
          security_opt: ['no-new-privileges:true'],
          restart: 'unless-stopped',
          healthcheck: { interval: '10s' },
        });
      }
      // The image has the server's test; it would ask the wrong port of the feed.
      const tests = Object.values(model.services).map(({ healthcheck }) => healthcheck?.test?.[0]);
      expect(tests).toEqual(['CMD', 'CMD', 'CMD', undefined]);
    });

    test('publishes ports on loopback only, and has no secret', () => {
      const ports = Object.values(model.services).flatMap(({ ports: all = [] }) => all);
      expect(ports.map(({ target }) => target)).toEqual([3000, 9090, 9001]);
      for (const { host_ip } of ports) expect(host_ip).toBe('127.0.0.1');
      const names = Object.values(model.services).flatMap(({ environment = {} }) =>
        Object.keys(environment),
      );
      expect(names.length).toBeGreaterThan(10);
      expect(names.filter((name) => /PASSWORD|SECRET|TOKEN|KEY/.test(name))).toEqual([]);
    });

    test('names its images by version, its files where they are, read-only', () => {
      const { server, feed, ...foreign } = model.services;
      expect(server?.build?.context).toBe(join(DEPLOY, '../dist/release'));
      expect(join(server?.build?.context ?? '', server?.build?.dockerfile ?? '')).toBe(
        join(DEPLOY, 'Dockerfile'),
      );
      expect(feed?.image).toBe(server?.image);
      for (const { image } of Object.values(foreign)) expect(image).toMatch(/:v?\d+\.\d+\.\d+$/);
      const volumes = Object.values(model.services).flatMap(({ volumes: all = [] }) => all);
      const files = volumes.filter(({ type }) => type === 'bind');
      expect(files.length).toBeGreaterThan(5);
      for (const { source, read_only } of files) {
        expect(existsSync(source), source).toBe(true);
        expect(read_only, source).toBe(true);
      }
      const kept = volumes.filter(({ type }) => type === 'volume').map(({ source }) => source);
      expect(kept.sort()).toEqual(Object.keys(model.volumes).sort());
    });

    test('shows Grafana where Prometheus and the dashboards are, and nobody logs in', () => {
      const read = (path: string) => readFileSync(mounted('grafana', path), 'utf8');
      const source = read('/etc/grafana/provisioning/datasources/tickwire.yaml');
      expect(source).toContain('url: http://prometheus:9090\n');
      const provider = read('/etc/grafana/provisioning/dashboards/tickwire.yaml');
      const [, path = ''] = /^ +path: (\S+)$/m.exec(provider) ?? [];
      expect(mounted('grafana', path)).toBe(join(DEPLOY, 'grafana'));
      const { environment = {} } = service('grafana');
      const home = environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH ?? '';
      expect(existsSync(home.replace(path, mounted('grafana', path))), home).toBe(true);
      expect(environment).toMatchObject({
        GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer',
        GF_AUTH_BASIC_ENABLED: 'false',
        GF_AUTH_DISABLE_LOGIN_FORM: 'true',
        GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION: 'true',
      });
    });

    test('takes live venues and tokens from the second file of docs/OPERATIONS.md', async () => {
      const [, sample = ''] = /^```yaml\n(services:\n[\s\S]*?)^```$/m.exec(OPERATIONS) ?? [];
      const second = join(folder, 'live.yaml');
      writeFileSync(second, sample);
      // A secret that is missing is named.
      const asked = /TICKWIRE_\w+.* (32 or more random bytes|of tickwire token)/;
      await expect(readComposeFile(COMPOSE_FILE, second)).rejects.toThrow(asked);
      const secret = 'x'.repeat(48);
      writeFileSync(second, sample.replace(/\$\{\w+:\?[^}]*\}/g, secret));
      const live = await readComposeFile(COMPOSE_FILE, second);
      const feed = serviceOf(live, 'feed');
      expect(feed.command).not.toContain('--demo');
      expect(feed.environment).toEqual({
        ...service('feed').environment,
        TICKWIRE_TOKEN: secret,
      });
      expect(mountedAt(feed, '/etc/tickwire/feeds.json')).toBe(join(DEPLOY, 'feeds.json'));
      const port = await freePort();
      await startServer(port, serviceOf(live, 'server'));
      const status = async (path: string) =>
        (await fetch(`http://127.0.0.1:${port}${path}`)).status;
      expect(await status('/api/prices')).toBe(401);
      expect(await status('/metrics')).toBe(200);
    });

    test('run on loopback, has moving prices, and an answer for every panel', async () => {
      const port = await freePort();
      const feedPort = await freePort();
      const server = await startServer(port);
      const feed = startFeed(port, feedPort);
      const prometheus = await startPrometheus(port, feedPort);
      const price = async (symbol: string): Promise<Price> => {
        const url = `http://127.0.0.1:${port}/api/prices/${encodeURIComponent(symbol)}`;
        // As the page asks, from the address that it was published at.
        const answer = await fetch(url, { headers: { origin: `http://127.0.0.1:${port}` } });
        return (await answer.json()) as Price;
      };
      for (const symbol of ['BINANCE:BTCUSDT', 'KRAKEN:BTC/USD']) {
        const { currentPrice } = await eventually(
          () => price(symbol),
          ({ updateCount }) => updateCount > 0,
        );
        await eventually(
          () => price(symbol),
          (later) => later.currentPrice !== currentPrice && later.updateCount > 20,
        );
      }
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
      await expectHealthy(feedPort);

      const queries = panelQueries().filter(({ expr }) => !OF_SINKS.test(expr));
      expect(queries.length).toBeGreaterThan(50);
      const source = mounted('grafana', '/etc/grafana/provisioning/datasources/tickwire.yaml');
      const [, interval] = /timeInterval: (\d+)s/.exec(readFileSync(source, 'utf8')) ?? [];
      const chosen = { range: `${4 * Number(interval)}s`, instance: '127.0.0.1:.*' };
      for (const query of queries) await expectAnswer(prometheus, query, chosen);
      const [ticks] = await prometheus.query('sum(rate(tickwire_ticks_accepted_total[20s]))');
      expect(Number(ticks?.value[1])).toBeGreaterThan(100);
      const up = await prometheus.query('up');
      expect(up.map(({ metric, value }) => `${metric.job} ${value[1]}`).sort()).toEqual([
        'tickwire 1',
        'tickwire-feed 1',
      ]);
      expect((await prometheus.alerts()).filter(({ state }) => state === 'firing')).toEqual([]);

      for (const program of [feed, server]) {
        program.kill('SIGTERM');
        expect(await program.exited, program.output).toBe(0);
      }
    });
  },
);

interface Price {
  readonly currentPrice: number;
  readonly updateCount: number;
}

async function startServer(port: number, of = service('server')): Promise<ManagedProcess> {
  const store = join(folderForTest(), 'data');
  const rules = '/etc/tickwire/rules.json';
  expect(of.environment?.TICKWIRE_RULES_FILE).toBe(rules);
  const here = {
    TICKWIRE_SERVER_PORT: String(port),
    TICKWIRE_STORE_DIRECTORY: store,
    TICKWIRE_RULES_FILE: mountedAt(of, rules),
  };
  const server = startService(of, here);
  await server.ready(() => isServing(port));
  return server;
}

function startFeed(port: number, metricsPort: number): ManagedProcess {
  const url = replaced(
    replaced(service('feed').environment?.TICKWIRE_URL ?? '', 'server', '127.0.0.1'),
    ':9001',
    `:${port}`,
  );
  expect(service('feed').command).toContain('--metrics-port=9100');
  const here = { TICKWIRE_URL: url };
  return startService(service('feed'), here, (flag) => flag.replace('=9100', `=${metricsPort}`));
}

/** Its file with other host names; and promtool finds no fault in it. */
async function startPrometheus(server: number, feed: number): Promise<Prometheus> {
  const folder = folderForTest();
  const path = '/etc/prometheus';
  const config = readFileSync(mounted('prometheus', `${path}/prometheus.yml`), 'utf8');
  const hosts = replaced(
    replaced(config, 'server:9001', `127.0.0.1:${server}`),
    'feed:9100',
    `127.0.0.1:${feed}`,
  );
  writeFileSync(join(folder, 'prometheus.yml'), hosts);
  cpSync(mounted('prometheus', `${path}/alerts.yaml`), join(folder, 'alerts.yaml'));
  const { isContent, output } = await promtool(['check', 'config', 'prometheus.yml'], folder);
  expect(isContent, output).toBe(true);
  expect(output).toMatch(/SUCCESS: \d+ rules found/);
  mkdirSync(join(folder, 'data'));
  const { command = [] } = service('prometheus');
  return Prometheus.runForTest(
    command.map((flag) =>
      flag.replace(`=${path}`, `=${folder}`).replace('=/prometheus', `=${join(folder, 'data')}`),
    ),
  );
}

/** The test of the feed's health says so, and notices a feed that is gone. */
async function expectHealthy(port: number): Promise<void> {
  const [, node, ...args] = service('feed').healthcheck?.test ?? [];
  expect(node).toBe('/usr/local/bin/node');
  for (const [at, code] of [
    [port, 0],
    [await freePort(), 1],
  ]) {
    const check = args.map((arg) => arg.replace(':9100', `:${at}`));
    const healthy = new ManagedProcess(process.execPath, check);
    expect(await healthy.exited, healthy.output).toBe(code);
  }
}
