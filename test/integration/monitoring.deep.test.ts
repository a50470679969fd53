import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connect, connectPublisher } from '../../client-sdk/src/index.ts';
import { eventually } from '../../testkit/until.ts';
import { AlertReceiver } from '../support/alert-receiver.ts';
import { Alertmanager, noAlertmanager } from '../support/alertmanager.ts';
import { expectAnswer, panelQueries } from '../support/dashboard-panels.ts';
import { ConfigFolder, folderForTest } from '../support/folders.ts';
import { noPrometheus, Prometheus, promtool } from '../support/prometheus.ts';
import { serverProcessForTest } from '../support/running-server.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url));
const ALERTS = readFileSync(join(DEPLOY, 'prometheus/alerts.yaml'), 'utf8');
const PANEL_RANGE = '10s';

const reason = noPrometheus ?? noAlertmanager;
const suite = describe.skipIf(reason !== undefined && !process.env.CI);
const where = reason === undefined ? '' : ` (${reason})`;

/** A copy of deploy/prometheus. */
function prometheusFolder(): string {
  const folder = folderForTest();
  cpSync(join(DEPLOY, 'prometheus'), folder, { recursive: true });
  return folder;
}

suite(`the alerts of deploy/prometheus, by promtool${where}`, () => {
  it('are valid, as the configuration is', async () => {
    const folder = prometheusFolder();
    const rules = await promtool(['check', 'rules', 'alerts.yaml'], folder);
    expect(rules).toMatchObject({ isContent: true });
    expect(rules.output).toMatch(/SUCCESS: \d+ rules found/);
    const config = await promtool(['check', 'config', 'prometheus.yml'], folder);
    expect(config, config.output).toMatchObject({ isContent: true });
  });

  it('fire when they must, and not before', async () => {
    const tests = await promtool(['test', 'rules', 'alerts.test.yaml'], prometheusFolder());
    expect(tests.output).toContain('SUCCESS');
    expect(tests.isContent, tests.output).toBe(true);
  });

  // Else their tests would prove nothing.
  it.each([
    ['never', 'vector(0) > 1'],
    ['always', 'vector(1)'],
  ])('each have a test that sees it fire %s', async (_, expr) => {
    const folder = prometheusFolder();
    const names = [...ALERTS.matchAll(/- alert: (\w+)/g)].map(([, name]) => name as string);
    const planted = ALERTS.replace(
      /^( {8}expr: )[\s\S]*?\n(?= {8}(?:for|labels):)/gm,
      (_match, key) => `${key}${expr}\n`,
    );
    writeFileSync(join(folder, 'alerts.yaml'), planted);
    const { isContent, output } = await promtool(['test', 'rules', 'alerts.test.yaml'], folder);
    expect(isContent).toBe(false);
    const failed = new Set([...output.matchAll(/alertname: (\w+)/g)].map(([, name]) => name));
    expect(names.filter((name) => !failed.has(name))).toEqual([]);
  });
});

const RULES = {
  rules: [{ name: 'flash', kind: 'gap', symbols: ['*'], warning: '2%' }],
};

/** A server with everything on, in a process, under load until the test ends. */
async function loadedServer() {
  const receiver = await AlertReceiver.start();
  const folder = new ConfigFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  const sinks = [{ kind: 'webhook', name: 'desk', url: receiver.url }];
  folder.write('rules.json', { ...RULES, sinks });
  const server = await serverProcessForTest([
    `--store.directory=${join(folder.path, 'data')}`,
    `--rules.file=${join(folder.path, 'rules.json')}`,
    '--store.snapshotIntervalMs=1000',
  ]);
  const url = `ws://127.0.0.1:${server.port}`;
  const subscriber = connect(url);
  await subscriber.subscribe(['*']).ready;
  const publisher = connectPublisher(url, { publisher: 'feed-a' });
  await publisher.ready;
  let ticks = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < 20; i++) {
      ticks += 1;
      // One in 97 jumps by 5 %.
      publisher.publish(`S${ticks % 10}`, ticks % 97 === 0 ? 105 : 100, Date.now());
    }
  }, 10);
  onTestFinished(async () => {
    clearInterval(timer);
    subscriber.close();
    await publisher.close();
  });
  return { server, folder, receiver };
}

suite(`a Prometheus that scrapes a server under load${where}`, () => {
  it('answers every query of every panel', async () => {
    const { server } = await loadedServer();
    const prometheus = await Prometheus.startForTest(server.port);
    const queries = panelQueries();
    expect(queries.length).toBeGreaterThan(60);
    const chosen = { range: PANEL_RANGE, instance: '127.0.0.1:.*' };
    for (const query of queries) await expectAnswer(prometheus, query, chosen);
    // What the load must show.
    const [ticks] = await prometheus.query(
      `sum(rate(tickwire_ticks_accepted_total[${PANEL_RANGE}]))`,
    );
    expect(Number(ticks?.value[1])).toBeGreaterThan(100);
    const [taken] = await prometheus.query('tickwire_sink_delivered_alerts_total{sink="desk"}');
    expect(Number(taken?.value[1])).toBeGreaterThan(0);
    expect((await prometheus.alerts()).filter(({ state }) => state === 'firing')).toEqual([]);
  });

  it('has Alertmanager tell of a rule file that is refused, until it is mended', async () => {
    const manager = await Alertmanager.start();
    const { server, folder } = await loadedServer();
    const prometheus = await Prometheus.startForTest(server.port, manager.address);
    const rules = readFileSync(join(folder.path, 'rules.json'), 'utf8');
    await eventually(
      () => prometheus.query('tickwire_rules_reload_failed'),
      ([sample]) => sample?.value[1] === '0',
    );
    folder.write('rules.json', rules.replace('"2%"', '"-2%"'));
    server.kill('SIGHUP');
    const told = () =>
      manager.told.bodies.flatMap(({ alerts }) =>
        (alerts as { status: string; labels: Record<string, string> }[]).map(
          ({ status, labels }) => `${labels.alertname} ${labels.severity} ${status}`,
        ),
      );
    await eventually(
      async () => told(),
      (all) => all.includes('TickwireRulesRefused ticket firing'),
    );
    folder.write('rules.json', rules);
    server.kill('SIGHUP');
    await eventually(
      async () => told(),
      (all) => all.includes('TickwireRulesRefused ticket resolved'),
    );
  });
});
