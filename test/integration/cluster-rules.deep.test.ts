import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connect } from '../../client-sdk/src/index.ts';
import { connectToNats } from '../../src/cluster/index.ts';
import { ClusterNames } from '../../src/cluster/names.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { Op } from '../../testkit/independent/protocol.ts';
import type { ExpectedAlert } from '../../testkit/independent/rules.ts';
import { findNatsServer, NATS_SOURCE } from '../../testkit/nats-server.ts';
import { TempFolder } from '../../testkit/temp-folder.ts';
import { delay, until } from '../../testkit/until.ts';
import { FLASH } from '../support/flash-rule.ts';
import { HttpClient } from '../support/http-client.ts';
import { readLoggedAlerts } from '../support/logged-alerts.ts';
import {
  ClusterMarket,
  ClusterSubscriber,
  LEASE_MS,
  NatsCluster,
} from '../support/nats-cluster.ts';
import { subscriberForTest } from '../support/test-clients.ts';

const LONG = { timeout: 300_000 };
const SHARDS = 16;
const LATE_MS = 400;
const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

const FIRST = {
  rules: [
    { ...FLASH, warning: '2%', critical: '5%', episode: { holdMs: 4_000_000, step: true } },
    { name: 'jump', kind: 'gap', symbols: ['ruled.1*'], warning: '2.5%', episode: null },
  ],
};
/** `flash` goes on with its open episodes, `jump` ends, `quiet` begins. */
const SECOND = {
  rules: [
    { name: 'quiet', kind: 'stale', symbols: ['ruled.2*'], afterMs: 700 },
    { ...FLASH, warning: '1.5%', critical: '5%', episode: { holdMs: 4_000_000, step: true } },
  ],
};

interface RulesPage {
  readonly items: readonly { readonly name: string; readonly started: number }[];
}
interface CountedRow {
  readonly anomaliesDetected: number;
}
interface AlertsPage {
  readonly items: readonly { readonly sequence: number }[];
}

const command = await findNatsServer();
const isMissing = command === undefined && !process.env.CI;

describe.skipIf(isMissing)(
  `rules of a cluster${isMissing ? ` (needs ${NATS_SOURCE})` : ''}`,
  () => {
    it('raise what the logs say, once, over kills of owners and a change', LONG, async () => {
      if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
      using folder = new TempFolder();
      const file = join(folder.path, 'rules.json');
      writeFileSync(file, JSON.stringify(FIRST));
      const cluster = await NatsCluster.start(command);
      onTestFinished(() => cluster.stop());
      const flags = [`--rules.file=${file}`];
      const a = await cluster.add('owner', flags);
      const b = await cluster.add('owner', flags);
      const [left, right] = [await cluster.add('edge'), await cluster.add('edge')];
      await cluster.ready(a, b, left, right);
      const market = new ClusterMarket(left.port, 'ruled', 40);
      onTestFinished(() => market.publisher.close(100));
      const subscribers = [
        await ClusterSubscriber.open(left.port),
        await ClusterSubscriber.open(right.port),
      ];
      onTestFinished(() => {
        for (const { subscriber } of subscribers) subscriber.close();
      });
      market.start(1000);
      await delay(2500);
      await a.end();
      await delay(2 * LEASE_MS);
      await cluster.ready(left, right);
      writeFileSync(file, JSON.stringify(SECOND));
      b.kill('SIGHUP');
      await until(() => b.output.includes('"number":2'), 'the second file');
      await delay(1500);
      const c = await cluster.add('owner', flags);
      await cluster.ready(c);
      await b.end();
      await delay(2 * LEASE_MS);
      await market.pause();
      await cluster.ready(left, right);
      for (const subscriber of subscribers) await subscriber.matches(market);

      const config = parseConfig({ cluster: { servers: cluster.brokers.addresses } });
      const bus = await connectToNats(config, QUIET);
      onTestFinished(() => bus.close());
      const names = new ClusterNames('tickwire', SHARDS);
      // Silence goes on, and is told of: what is there is compared at some moment.
      await delay(2500);
      const expected = await readLoggedAlerts(bus, names);
      const all = [...expected.alerts.values()].flat();
      expect(expected.files).toBe(2 * SHARDS);
      expect(expected.clocks).toBeGreaterThan(SHARDS);
      for (const rule of ['flash', 'jump', 'quiet']) {
        expect(all.filter((alert) => alert.rule === rule).length).toBeGreaterThan(3);
      }
      for (const phase of ['start', 'extend', 'end']) {
        expect(all.filter((alert) => alert.phase === phase).length).toBeGreaterThan(3);
      }
      for (const { alerts } of subscribers) {
        await until(() => alerts.size === expected.alerts.size);
        for (const [symbol, own] of expected.alerts) {
          await until(() => (alerts.get(symbol)?.length ?? 0) >= own.length);
          expect([symbol, alerts.get(symbol)]).toEqual([symbol, own]);
        }
      }

      const [symbol, own] = [...expected.alerts].find(([, { length }]) => length > 3) as [
        string,
        readonly ExpectedAlert[],
      ];
      const late = connect(`ws://127.0.0.1:${right.port}`);
      onTestFinished(() => late.close());
      const since: number[] = [];
      late.on('alert', ({ sequence }) => since.push(sequence));
      late.subscribe(symbol, { alerts: true, alertsSince: new Map([[symbol, 1]]) });
      await until(() => since.length >= own.length - 1);
      expect(since).toEqual(own.slice(1).map(({ sequence }) => sequence));
      const raw = await subscriberForTest(right.port);
      raw.send([Op.ALERT_HISTORY, 1, symbol, 0, 1000]);
      await raw.until(() => raw.of(Op.ALERT_PAGE).length > 0, 'its past alerts');
      const [page] = raw.of(Op.ALERT_PAGE) as [number, number, string, [number][]][];
      expect(page?.[3].map(([sequence]) => sequence)).toEqual(own.map((_, i) => i + 1));
      for (const server of [left, right]) {
        const client = await HttpClient.connect(server.port);
        const page = await client.get<AlertsPage>(`/api/prices/${symbol}/alerts`);
        expect(page.json.items.map(({ sequence }) => sequence)).toEqual(own.map((_, i) => i + 1));
        const { json } = await client.get<RulesPage>('/api/rules');
        expect(json.items.map(({ name }) => name)).toEqual(['quiet', 'flash']);
        const started = all.filter(
          ({ phase, rule }) => rule === 'flash' && phase === 'start',
        ).length;
        expect(json.items[1]?.started).toBe(started);
      }
    });

    it('wait for late ticks, as does the anomaly rule, whoever owns a shard', LONG, async () => {
      if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
      using folder = new TempFolder();
      const file = join(folder.path, 'rules.json');
      writeFileSync(file, JSON.stringify(FIRST));
      const cluster = await NatsCluster.start(command);
      onTestFinished(() => cluster.stop());
      const flags = [`--processing.allowedLatenessMs=${LATE_MS}`];
      const a = await cluster.add('owner', [...flags, `--rules.file=${file}`]);
      const b = await cluster.add('owner', flags);
      const edge = await cluster.add('edge', flags);
      await cluster.ready(a, b, edge);
      const market = new ClusterMarket(edge.port, 'ruled', 40);
      market.lateMs = LATE_MS;
      onTestFinished(() => market.publisher.close(100));
      const opened = await ClusterSubscriber.open(edge.port);
      onTestFinished(() => opened.subscriber.close());
      market.start(1000);
      await delay(2500);
      await a.end();
      await delay(2 * LEASE_MS);
      await cluster.ready(edge);
      await delay(1500);
      await market.pause();
      await until(() => opened.differences(market).every((line) => line.includes('anomalies')));

      const bus = await connectToNats(
        parseConfig({ cluster: { servers: cluster.brokers.addresses } }),
        QUIET,
      );
      onTestFinished(() => bus.close());
      // What waits is judged by the clock.
      await delay(2500);
      const expected = await readLoggedAlerts(bus, new ClusterNames('tickwire', SHARDS), LATE_MS);
      expect([...expected.anomalies.values()].flat().length).toBeGreaterThan(10);
      expect([...expected.alerts.values()].flat().length).toBeGreaterThan(10);
      await until(() => opened.alerts.size === expected.alerts.size);
      await until(() => opened.anomalies.size === expected.anomalies.size);
      expect(opened.alerts).toEqual(expected.alerts);
      expect(opened.anomalies).toEqual(expected.anomalies);
      const client = await HttpClient.connect(edge.port);
      for (const [symbol, { length }] of expected.anomalies) {
        const { json } = await client.get<CountedRow>(`/api/prices/${symbol}`);
        expect([symbol, json.anomaliesDetected]).toEqual([symbol, length]);
      }
    });

    it('refuse sinks and modules, and stay what they were', LONG, async () => {
      if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
      using folder = new TempFolder();
      const file = join(folder.path, 'rules.json');
      const cluster = await NatsCluster.start(command);
      onTestFinished(() => cluster.stop());
      writeFileSync(file, JSON.stringify(FIRST));
      const member = await cluster.add('all', [`--rules.file=${file}`]);
      await cluster.ready(member);
      const refused = async (text: object, reason: string) => {
        writeFileSync(file, JSON.stringify(text));
        member.kill('SIGHUP');
        await until(() => member.output.includes(reason), reason);
        const client = await HttpClient.connect(member.port);
        const { json } = await client.get<RulesPage & { readonly refused: string }>('/api/rules');
        expect(json.refused).toContain(reason);
        expect(json.items.map(({ name }) => name)).toEqual(['flash', 'jump']);
      };
      const module = {
        name: 'own',
        kind: 'module',
        symbols: ['*'],
        module: './a.mjs',
        warning: '3',
      };
      await refused({ rules: [module] }, 'a cluster has no modules');
      const sink = { name: 'desk', kind: 'webhook', url: 'http://127.0.0.1:9/' };
      await refused({ ...FIRST, sinks: [sink] }, 'sinks: a cluster has none');
    });
  },
);
