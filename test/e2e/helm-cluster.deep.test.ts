import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort, type ManagedProcess } from '../../testkit/managed-process.ts';
import { findNatsServer, NATS_SOURCE } from '../../testkit/nats-server.ts';
import { isServing } from '../../testkit/server-process.ts';
import { delay, until } from '../../testkit/until.ts';
import {
  lintChart,
  type Manifest,
  manifestOf,
  noHelm,
  RELEASE,
  renderChart,
  type Values,
} from '../support/helm-chart.ts';
import { ClusterMarket, ClusterSubscriber, LEASE_MS } from '../support/nats-cluster.ts';
import { probeStatuses, startPod } from '../support/pod-process.ts';

const NAME = `${RELEASE}-tickwire`;
const NATS = `${NAME}-nats`;
const BROKERS = 3;
const PRE_STOP_MS = 1000;
const LONG = { timeout: 300_000 };
const SERVER = { allowPlaintext: 'yes', allowAnonymous: 'yes' };
/** Members that share two cores. */
const SMALL = {
  server: SERVER,
  processing: { partitions: 1 },
  cluster: { shards: 16, leaseMs: LEASE_MS },
  stream: { recentAnomaliesPerSymbol: 4096 },
};
const CLUSTER: Values = {
  mode: 'cluster',
  config: SMALL,
  edges: { config: { server: { preStopMs: PRE_STOP_MS } } },
  nats: { enabled: true },
};
const MONITORING = [{ namespaceSelector: { matchLabels: { team: 'monitoring' } } }];

const command = await findNatsServer();
const reason = noHelm ?? (command === undefined ? `needs ${NATS_SOURCE}` : undefined);

const workloadsOf = (manifests: readonly Manifest[]) => ({
  owner: manifestOf(manifests, 'StatefulSet', `${NAME}-owner`),
  edge: manifestOf(manifests, 'Deployment', `${NAME}-edge`),
});

describe.skipIf(reason !== undefined && !process.env.CI)(
  `deploy/helm, a cluster${reason === undefined ? '' : ` (${reason})`}`,
  () => {
    test('helm lint finds nothing', async () => {
      const { isContent, output } = await lintChart(CLUSTER);
      expect(isContent, output).toBe(true);
      const external = { enabled: false, servers: ['nats://nats.example'] };
      expect((await lintChart({ ...CLUSTER, nats: external })).isContent).toBe(true);
    });

    test('its parts find each other by labels and names', async () => {
      const manifests = await renderChart(CLUSTER);
      const { owner, edge } = workloadsOf(manifests);
      const broker = manifestOf(manifests, 'StatefulSet', NATS);
      const labelsOf = ({ spec }: Manifest) => spec.template.metadata.labels;
      const chosenBy = (kind: string, name: string) => {
        const { spec } = manifestOf(manifests, kind, name);
        const selector = (spec.podSelector ?? spec.selector) as Record<string, object>;
        const labels = selector.matchLabels ?? selector;
        const matches = (each: Manifest) =>
          Object.entries(labels).every(([key, value]) => labelsOf(each)[key] === value);
        return [owner, edge, broker].filter(matches).map(({ metadata }) => metadata.name);
      };
      expect(chosenBy('Service', NAME)).toEqual([edge.metadata.name]);
      expect(chosenBy('Service', owner.spec.serviceName ?? '')).toEqual([owner.metadata.name]);
      expect(chosenBy('Service', broker.spec.serviceName ?? '')).toEqual([NATS]);
      for (const each of [owner, edge, broker]) {
        const { kind, metadata } = each;
        expect(chosenBy(kind, metadata.name)).toEqual([metadata.name]);
      }
      for (const kind of ['PodDisruptionBudget', 'NetworkPolicy']) {
        expect(chosenBy(kind, `${NAME}-owner`)).toEqual([owner.metadata.name]);
        expect(chosenBy(kind, `${NAME}-edge`)).toEqual([edge.metadata.name]);
        expect(chosenBy(kind, NATS)).toEqual([NATS]);
      }
      // Stateless: what a member knows, the brokers keep.
      for (const { spec } of [owner, edge]) {
        expect(spec.volumeClaimTemplates).toBeUndefined();
        const [{ securityContext, volumeMounts }] = spec.template.spec.containers;
        expect(volumeMounts.every(({ readOnly }) => readOnly)).toBe(true);
        expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true });
      }
      expect(manifests.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    });

    test('scales edges by CPU and by sessions', async () => {
      const scaled = { autoscaling: { sessions: 2000 } };
      const manifests = await renderChart({ ...CLUSTER, edges: scaled });
      const { edge } = workloadsOf(manifests);
      expect(edge.spec.replicas).toBeUndefined();
      const [{ resources }] = edge.spec.template.spec.containers;
      expect(resources.requests.cpu).toBe('1');
      const { spec } = manifestOf(manifests, 'HorizontalPodAutoscaler', edge.metadata.name);
      expect(spec).toMatchObject({
        scaleTargetRef: { kind: 'Deployment', name: edge.metadata.name },
        minReplicas: 2,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu' } },
          {
            type: 'Pods',
            pods: {
              metric: { name: 'tickwire_sessions' },
              target: { type: 'AverageValue', averageValue: '2000' },
            },
          },
        ],
      });
      const fixed = await renderChart({ ...CLUSTER, edges: { autoscaling: { enabled: false } } });
      expect(workloadsOf(fixed).edge.spec.replicas).toBe(2);
      expect(fixed.some(({ kind }) => kind === 'HorizontalPodAutoscaler')).toBe(false);
    });

    test('lets members reach brokers, and nobody owners', async () => {
      const policies = async (values: Values, name: string) =>
        manifestOf(await renderChart({ ...CLUSTER, ...values }), 'NetworkPolicy', name).spec;
      expect((await policies({}, `${NAME}-owner`)).ingress).toEqual([]);
      const scraped = { networkPolicy: { monitoring: MONITORING } };
      expect((await policies(scraped, `${NAME}-owner`)).ingress).toMatchObject([
        { from: MONITORING },
      ]);
      const servers = ['nats://a.example', 'nats://u:p@b.example:4333', 'tls://c.example:4333'];
      const external = { nats: { enabled: false, servers } };
      const { egress } = await policies(external, `${NAME}-edge`);
      expect(JSON.stringify(egress)).toBe(
        '[{"ports":[{"port":53,"protocol":"UDP"},{"port":53,"protocol":"TCP"}]},' +
          '{"ports":[{"port":4222,"protocol":"TCP"},{"port":4333,"protocol":"TCP"}]}]',
      );
    });

    test('runs: brokers elect, members are ready, edges reach owners', LONG, async () => {
      const rule = { name: 'quiet', kind: 'stale', symbols: ['*'], afterMs: 60_000 };
      const manifests = await renderChart({ ...CLUSTER, rules: { rules: [rule] } });
      const { owner, edge } = workloadsOf(manifests);
      const hasRules = ({ spec }: Manifest) =>
        spec.template.spec.containers[0].args.some((arg) => arg.startsWith('--rules.file'));
      expect([owner, edge].map(hasRules)).toEqual([true, false]);
      const brokers = await startBrokers(manifests);
      const start = async (workload: Manifest) => {
        const port = await freePort();
        const process = startPod(manifests, workload, {
          edit: (text) => brokers(text).replace('--server.port=9001', `--server.port=${port}`),
        });
        await process.ready(() => isServing(port), 120_000);
        return { port, process };
      };
      // Edges are ready once owners have all shards.
      const [left, right, kept, stopped] = await Promise.all([
        start(edge),
        start(edge),
        start(owner),
        start(owner),
      ]);
      for (const [{ spec }, { port }] of [
        [edge, left],
        [edge, right],
        [owner, kept],
        [owner, stopped],
      ] as const) {
        const [container] = spec.template.spec.containers;
        await until(async () => (await probeStatuses(container, port)).join() === '200,200,200');
        // A member is not ready while shards change hands, for a lease at the longest.
        const { periodSeconds, failureThreshold } = container.readinessProbe;
        expect(periodSeconds * failureThreshold).toBeGreaterThan((2 * LEASE_MS) / 1000);
      }

      // Owners have the rule file; an edge knows the rules in force.
      await until(async () => {
        const rules = await fetch(`http://127.0.0.1:${left.port}/api/rules`);
        return (await rules.text()).includes(rule.name);
      });

      const market = new ClusterMarket(left.port, 'market', 20);
      onTestFinished(() => market.publisher.close(100));
      const other = await ClusterSubscriber.open(right.port);
      onTestFinished(() => other.subscriber.close());
      market.start(1000);
      await delay(500);
      // A planned stop of an owner, while ticks come: the other one has its shards then.
      await stops(owner, stopped, 0);
      await delay(500);
      await market.pause();
      await other.matches(market);
      await stops(edge, right, PRE_STOP_MS);
    });

    test.each([
      ['no brokers', { nats: {} }, 'either nats.enabled or nats.servers'],
      ['both kinds', { nats: { enabled: true, servers: ['nats://a'] } }, 'either nats.enabled or'],
      ['two brokers', { nats: { enabled: true, replicas: 2 } }, '/nats/replicas'],
      ['more copies than brokers', { nats: { enabled: true, replicas: 1 } }, 'is more than'],
      ['sinks', { rules: { rules: [], sinks: [{}] } }, 'rules.sinks: a cluster has none'],
      ['HTTP addresses', { nats: { servers: ['http://a'] } }, '/nats/servers/0'],
      ['scaling by nothing', { edges: { autoscaling: { cpu: 0 } } }, '/edges/autoscaling/sessions'],
      ['a scrape of nobody', { serviceMonitor: { enabled: true } }, 'could scrape the owners'],
    ])('refuses %s', async (_, values, fault) => {
      await expect(renderChart({ ...CLUSTER, ...values })).rejects.toThrow(fault);
    });
  },
);

/** Starts the brokers of the chart on ports of their own; returns what puts these in a text. */
async function startBrokers(manifests: readonly Manifest[]): Promise<(text: string) => string> {
  const workload = manifestOf(manifests, 'StatefulSet', NATS);
  expect(workload.spec.replicas).toBe(BROKERS);
  const [container] = workload.spec.template.spec.containers;
  const names = Array.from({ length: BROKERS }, (_, i) => `${NATS}-${i}`);
  const pods = await Promise.all(
    names.map(async (name) => ({
      name,
      client: await freePort(),
      routes: await freePort(),
      monitor: await freePort(),
    })),
  );
  /** Addresses of pods, which a cluster's DNS would have. */
  const addresses = (text: string) =>
    pods.reduce(
      (changed, { name, client, routes }) =>
        changed
          .replaceAll(`${name}.${NATS}.prices.svc:4222`, `127.0.0.1:${client}`)
          .replaceAll(`${name}.${NATS}.prices.svc:6222`, `127.0.0.1:${routes}`),
      text,
    );
  await Promise.all(
    pods.map(async ({ name, client, routes, monitor }) => {
      const process = startPod(manifests, workload, {
        podName: name,
        command: [command ?? 'nats-server'],
        edit: (text) =>
          addresses(text)
            .replace('0.0.0.0:4222', `127.0.0.1:${client}`)
            .replace('0.0.0.0:6222', `127.0.0.1:${routes}`)
            .replace('0.0.0.0:8222', `127.0.0.1:${monitor}`),
      });
      await process.ready(async () => {
        const statuses = await probeStatuses(container, monitor).catch(() => []);
        return statuses.join() === '200,200,200';
      });
      expect(process.output).toContain(name);
    }),
  );
  return addresses;
}

/** A pod is asked to end, as a drain of its node does. */
async function stops(
  { spec }: Manifest,
  { port, process }: { readonly port: number; readonly process: ManagedProcess },
  preStopMs: number,
): Promise<void> {
  const pod = spec.template.spec;
  process.kill('SIGTERM');
  const from = performance.now();
  if (preStopMs > 0) {
    const [container] = pod.containers;
    await until(async () => (await probeStatuses(container, port)).join() === '200,200,503');
  }
  expect(await process.exited, process.output).toBe(0);
  const tookMs = performance.now() - from;
  expect(tookMs).toBeGreaterThanOrEqual(preStopMs);
  expect(tookMs).toBeLessThan(1000 * pod.terminationGracePeriodSeconds);
}
