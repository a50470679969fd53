// Makes docs/images/grafana-*.png: the panels of deploy/grafana, drawn from what a real Prometheus
// answers that scrapes a server under load. Drawn here, since Grafana is no part of the project:
// layout, queries, names and units are the dashboards', lines and colours are not Grafana's.
// Needs a build, and Prometheus on the PATH: npm run dashboards.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { register } from 'tsx/esm/api';
import { connect, connectPublisher } from '../client-sdk/dist/index.js';
import { OwnServer } from '../dist/loadgen/own-server.js';
import { freePort, ManagedProcess } from '../dist/testkit/managed-process.js';
import { Random } from '../dist/testkit/random.js';
import { pageOf } from './grafana-picture.mjs';

register();
const { openBrowser } = await import('../testkit/chromium.ts');

const WATCH_SECONDS = 150;
const SUBSCRIBERS = 10;
const SYMBOLS = 200;
const TICKS_EVERY_10_MS = 30;
/** About one jump a second, which is an anomaly and an alert. */
const JUMP_PROBABILITY = 2e-4;
/** Four scrapes, as Grafana takes it. */
const RATE_INTERVAL = '4s';
const STEP_SECONDS = 2;

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GRAFANA = join(ROOT, 'deploy/grafana');
const folder = await mkdtemp(join(tmpdir(), 'tickwire-dashboards-'));

/** Takes what a sink sends. */
async function startReceiver() {
  const receiver = createServer((request, response) => {
    request.resume().on('end', () => response.end());
  });
  await new Promise((resolve) => {
    receiver.listen(0, '127.0.0.1', resolve);
  });
  return receiver;
}

async function startServer(receiver) {
  const sinks = [
    { kind: 'webhook', name: 'desk', url: `http://127.0.0.1:${receiver.address().port}/` },
  ];
  const rules = [{ name: 'flash', kind: 'gap', symbols: ['*'], warning: '2%' }];
  const file = join(folder, 'rules.json');
  await writeFile(file, JSON.stringify({ rules, sinks }));
  return OwnServer.start([`--rules.file=${file}`, '--store.snapshotIntervalMs=10000'], 9001);
}

async function startPrometheus(target) {
  const port = await freePort();
  const config = join(folder, 'prometheus.yml');
  const job = `{ job_name: tickwire, static_configs: [{ targets: ['${target}'] }] }`;
  await writeFile(config, `global: { scrape_interval: 1s }\nscrape_configs: [${job}]\n`);
  const data = join(folder, 'data');
  await mkdir(data);
  const program = new ManagedProcess('prometheus', [
    `--config.file=${config}`,
    `--storage.tsdb.path=${data}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  const isReady = async () =>
    (await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => undefined))?.ok === true;
  await program.ready(isReady);
  return { program, url: `http://127.0.0.1:${port}/api/v1` };
}

async function startClients(url) {
  const subscribers = Array.from({ length: SUBSCRIBERS }, () => connect(url));
  await Promise.all(subscribers.map((each) => each.subscribe(['*']).ready));
  const publisher = connectPublisher(url, { publisher: 'feed-a' });
  await publisher.ready;
  const random = new Random(7);
  const prices = Array.from({ length: SYMBOLS }, () => 100);
  let count = 0;
  const timer = setInterval(() => {
    count += 1;
    // The load comes and goes, so that lines have a shape.
    const ticks = TICKS_EVERY_10_MS * (1 + 0.6 * Math.sin(count / 700));
    for (let i = 0; i < ticks; i++) {
      const symbol = random.below(SYMBOLS);
      const jump = random.chance(JUMP_PROBABILITY) ? 1.03 : 1;
      prices[symbol] *= jump * (1 + (random.float() - 0.5) / 5000);
      publisher.publish(`S${symbol}`, prices[symbol]);
    }
  }, 10);
  return async () => {
    clearInterval(timer);
    for (const each of subscribers) each.close();
    await publisher.close();
  };
}

/** @throws Error with what Prometheus says against a query */
async function answer(url, expr, { from, to }) {
  const query = expr.replaceAll('$__rate_interval', RATE_INTERVAL).replaceAll('$instance', '.*');
  const range = `start=${from}&end=${to}&step=${STEP_SECONDS}`;
  const response = await fetch(`${url}/query_range?query=${encodeURIComponent(query)}&${range}`);
  const { status, data, error } = await response.json();
  if (status !== 'success') throw new Error(`${query}: ${error}`);
  return data.result;
}

async function draw(browser, file, url, range) {
  const dashboard = JSON.parse(await readFile(join(GRAFANA, file), 'utf8'));
  const answers = new Map();
  for (const panel of dashboard.panels) {
    const targets = panel.targets ?? [];
    answers.set(panel, await Promise.all(targets.map(({ expr }) => answer(url, expr, range))));
  }
  const { html, width, height } = pageOf(dashboard, (panel) => answers.get(panel), range);
  const page = await browser.newPage({ viewport: { width, height } });
  await page.setContent(html);
  const path = join(ROOT, 'docs/images', file.replace(/^tickwire-(.*)\.json$/, 'grafana-$1.png'));
  await page.screenshot({ path });
  await page.close();
  console.log(path);
}

const receiver = await startReceiver();
const server = await startServer(receiver);
const prometheus = await startPrometheus(new URL(server.url).host);
const stopClients = await startClients(server.url);
const from = Math.floor(Date.now() / 1000) + 5;
await sleep(WATCH_SECONDS * 1000);
const range = { from, to: Math.floor(Date.now() / 1000) };
const browser = await openBrowser();
try {
  const files = (await readdir(GRAFANA)).filter((file) => file.endsWith('.json'));
  for (const file of files) await draw(browser, file, prometheus.url, range);
} finally {
  await browser.close();
  await stopClients();
  await prometheus.program.end();
  await server.stop();
  receiver.close();
  await rm(folder, { recursive: true });
}
process.exit();
