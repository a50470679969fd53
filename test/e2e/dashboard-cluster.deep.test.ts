import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { hasChromium, openBrowser } from '../../testkit/chromium.ts';
import { findNatsServer, NATS_SOURCE } from '../../testkit/nats-server.ts';
import { eventually } from '../../testkit/until.ts';
import { HttpClient } from '../support/http-client.ts';
import { ClusterMarket, NatsCluster } from '../support/nats-cluster.ts';
import { serverForTest } from '../support/running-server.ts';
import { DashboardPage } from './dashboard-page.ts';

interface Overview {
  readonly name: string;
  readonly isConnected: boolean;
  readonly members: readonly {
    readonly id: string;
    readonly role: string;
    readonly isAnswering: boolean;
    readonly isThis: boolean;
    readonly shards: number;
  }[];
  readonly shards: readonly {
    readonly shard: number;
    readonly owner: string | null;
    readonly epoch: number | null;
    readonly lagMessages: number | null;
    readonly delayMs: number | null;
    readonly waitingOutputs: number | null;
  }[];
}

const command = await findNatsServer();
const canRun = (command !== undefined && hasChromium) || Boolean(process.env.CI);
const name = `the cluster in the dashboard${canRun ? '' : ` (needs ${NATS_SOURCE}, Chromium)`}`;

describe.skipIf(!canRun)(name, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  async function overview(port: number): Promise<Overview> {
    const { json } = await (await HttpClient.connect(port)).get<Overview>('/api/cluster');
    return json;
  }

  /** The cells of a table, row by row. */
  function cells({ page }: DashboardPage, part: string): Promise<string[][]> {
    return page.evaluate((wanted) => {
      const rows = [...document.querySelectorAll(`[data-part="${wanted}"] tr`)];
      return rows.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent));
    }, part);
  }

  test('shows members and shards, and who takes over from whom', { timeout: 120_000 }, async () => {
    if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
    const cluster = await NatsCluster.start(command);
    onTestFinished(() => cluster.stop());
    const [a, b] = [await cluster.add('owner'), await cluster.add('owner')];
    const edge = await cluster.add('edge');
    await cluster.ready(a, b, edge);
    const market = new ClusterMarket(edge.port, 'seen', 20);
    onTestFinished(() => market.publisher.close(100));
    market.publish(500);
    await market.publisher.flush();

    const seen = await eventually(
      () => overview(edge.port),
      ({ members, shards }) =>
        members.length === 3 &&
        shards.every(
          ({ lagMessages, waitingOutputs }) => lagMessages === 0 && waitingOutputs === 0,
        ),
    );
    expect(seen).toMatchObject({ name: 'tickwire', isConnected: true });
    expect(seen.members.map(({ role }) => role).sort()).toEqual(['edge', 'owner', 'owner']);
    expect(seen.members.filter(({ isThis }) => isThis)).toMatchObject([
      { role: 'edge', shards: 0 },
    ]);
    expect(seen.members.reduce((sum, { shards }) => sum + shards, 0)).toBe(16);
    expect(seen.shards.map(({ shard }) => shard)).toEqual(Array.from({ length: 16 }, (_, i) => i));
    for (const { delayMs, epoch } of seen.shards) {
      expect(epoch).toBeGreaterThan(0);
      expect(delayMs).toBeGreaterThanOrEqual(0);
    }
    // Any member answers the same.
    const { shards } = await overview(a.port);
    const claims = (of: Overview['shards']) => of.map(({ epoch, owner }) => [owner, epoch]);
    expect(claims(shards)).toEqual(claims(seen.shards));

    const dashboard = await DashboardPage.open(browser, edge.port);
    await dashboard.page.click('[data-part="cluster-link"]');
    const note = /^tickwire: 3 members, 16 of 16 shards with an owner$/;
    await dashboard.untilText('[data-part="cluster-note"]', note);
    const members = await cells(dashboard, 'cluster-members');
    const roles = members.map(([, role = '']) => role);
    expect(roles.sort()).toEqual(['edge', 'owner', 'owner']);
    expect(members.filter(([, , , , state]) => state === 'this one')).toHaveLength(1);
    const rows = await cells(dashboard, 'cluster-shards');
    expect(rows.map(([shard, owner]) => [shard, owner])).toEqual(
      seen.shards.map(({ owner, shard }) => [String(shard), owner?.slice(0, 6)]),
    );
    expect(rows[0]?.[4]).toMatch(/^[\d.,]+ ms$/);

    await a.end();
    await dashboard.untilText(
      '[data-part="cluster-note"]',
      /^tickwire: 2 members, 16 of 16 shards/,
    );
    const left = (await overview(edge.port)).members.find(({ role }) => role === 'owner');
    await eventually(
      () => cells(dashboard, 'cluster-shards'),
      (now) => now.every(([, owner]) => owner === left?.id.slice(0, 6)),
    );
    expect(await dashboard.page.isVisible('[data-part="cluster-fault"]')).toBe(false);
  });

  test('has no page where a server is alone', async () => {
    const { port } = await serverForTest();
    const dashboard = await DashboardPage.open(browser, port);
    const asked = dashboard.page.waitForResponse('**/api/cluster');
    await dashboard.untilLive();
    await asked;
    expect(await dashboard.page.isVisible('[data-part="cluster-link"]')).toBe(false);
  });
});
