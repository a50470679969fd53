import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../../testkit/managed-process.ts';
import { isServing } from '../../testkit/server-process.ts';
import { until } from '../../testkit/until.ts';
import { folderForTest } from '../support/folders.ts';
import {
  lintChart,
  manifestOf,
  noHelm,
  RELEASE,
  renderChart,
  type Values,
} from '../support/helm-chart.ts';
import { expectTicksToPass } from '../support/passed-tick.ts';
import { probeStatuses, startPod } from '../support/pod-process.ts';
import { SECRET, signed } from '../support/tokens.ts';

const KUBERNETES = readFileSync(new URL('../../docs/KUBERNETES.md', import.meta.url), 'utf8');
const NAME = `${RELEASE}-tickwire`;
const PRE_STOP_MS = 1500;
const OPEN = { server: { allowPlaintext: 'yes', allowAnonymous: 'yes', preStopMs: PRE_STOP_MS } };

const statusOf = async (port: number, path: string, token?: string) => {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  await answer.body?.cancel();
  return answer.status;
};

describe.skipIf(noHelm !== undefined && !process.env.CI)(
  `deploy/helm, one process${noHelm === undefined ? '' : ` (${noHelm})`}`,
  () => {
    test('helm lint finds nothing', async () => {
      for (const values of [{}, { config: OPEN }]) {
        const { isContent, output } = await lintChart(values);
        expect(isContent, output).toBe(true);
        expect(output).toContain('1 chart(s) linted, 0 chart(s) failed');
      }
    });

    test('its pod has few rights, a patient start, and one volume', async () => {
      const manifests = await renderChart({ config: OPEN });
      const { spec } = manifestOf(manifests, 'StatefulSet', NAME);
      expect(spec.replicas).toBe(1);
      const pod = spec.template.spec;
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 65532,
          fsGroup: 65532,
          seccompProfile: { type: 'RuntimeDefault' },
        },
      });
      const [container] = pod.containers;
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      const { startupProbe } = container;
      expect(startupProbe.periodSeconds * startupProbe.failureThreshold).toBe(600);
      const writable = container.volumeMounts.filter(({ readOnly }) => readOnly !== true);
      expect(writable).toEqual([{ name: 'store', mountPath: '/data' }]);
      expect(spec.volumeClaimTemplates?.map(({ metadata }) => metadata.name)).toEqual(['store']);
      const selector = { matchLabels: spec.template.metadata.labels };
      expect(selector).toMatchObject(spec.selector as object);
      for (const service of [NAME, `${NAME}-headless`]) {
        const { selector: chosen, ports } = manifestOf(manifests, 'Service', service).spec;
        expect(spec.template.metadata.labels).toMatchObject(chosen as object);
        expect(ports).toMatchObject([{ port: 9001, targetPort: container.ports[0]?.name }]);
      }
      expect(spec.serviceName).toBe(`${NAME}-headless`);
      // A pod is replaced when its configuration changes, and only then.
      const checksum = async (preStopMs: number) => {
        const others = await renderChart({ config: { server: { ...OPEN.server, preStopMs } } });
        const { template } = manifestOf(others, 'StatefulSet', NAME).spec;
        return template.metadata.annotations['checksum/config'];
      };
      expect(await checksum(PRE_STOP_MS)).toBe(
        spec.template.metadata.annotations['checksum/config'],
      );
      expect(await checksum(1)).not.toBe(await checksum(2));
    });

    test('runs: probes answer, SIGTERM ends it in time, the volume keeps its state', async () => {
      const manifests = await renderChart({
        config: { ...OPEN, processing: { partitions: 1 } },
        rules: { rules: [{ name: 'quiet', kind: 'stale', symbols: ['*'], afterMs: 60_000 }] },
      });
      const workload = manifestOf(manifests, 'StatefulSet', NAME);
      const pod = workload.spec.template.spec;
      const [container] = pod.containers;
      const volume = folderForTest();
      const start = async () => {
        const port = await freePort();
        const server = startPod(manifests, workload, {
          claims: { '/data': volume },
          edit: (text) => text.replace('--server.port=9001', `--server.port=${port}`),
        });
        await server.ready(() => isServing(port));
        return { port, server };
      };
      const { port, server } = await start();
      expect(await probeStatuses(container, port)).toEqual([200, 200, 200]);
      await expectTicksToPass(port, 'BTC-USD');
      expect(await (await fetch(`http://127.0.0.1:${port}/api/rules`)).text()).toContain('quiet');

      server.kill('SIGTERM');
      const stopped = performance.now();
      // For preStopMs it is not ready, lives, and serves those who have not heard of it.
      await until(async () => (await probeStatuses(container, port)).join() === '200,200,503');
      expect(await statusOf(port, '/api/prices/BTC-USD')).toBe(200);
      await expectTicksToPass(port, 'ETH-USD');
      expect(await server.exited, server.output).toBe(0);
      const tookMs = performance.now() - stopped;
      expect(tookMs).toBeGreaterThanOrEqual(PRE_STOP_MS);
      expect(tookMs).toBeLessThan(1000 * pod.terminationGracePeriodSeconds);

      const again = await start();
      for (const symbol of ['BTC-USD', 'ETH-USD']) {
        const answer = await fetch(`http://127.0.0.1:${again.port}/api/prices/${symbol}`);
        expect(await answer.json()).toMatchObject({ currentPrice: 108, updateCount: 3 });
      }
    });

    test('takes tokens from a secret that exists, or makes one', async () => {
      const config = { server: { allowPlaintext: 'yes' } };
      const existing = { auth: { existingSecret: 'tokens', jwtSecretKey: 'hs256' }, config };
      const created = { auth: { jwtSecret: SECRET }, config };
      for (const values of [existing, created]) {
        const manifests = await renderChart(values);
        const isCreated = values === created;
        expect(manifests.filter(({ kind }) => kind === 'Secret').length).toBe(isCreated ? 1 : 0);
        const port = await freePort();
        const server = startPod(manifests, manifestOf(manifests, 'StatefulSet', NAME), {
          secrets: isCreated ? {} : { tokens: { hs256: SECRET } },
          edit: (text) => text.replace('--server.port=9001', `--server.port=${port}`),
        });
        await server.ready(() => isServing(port));
        expect(await statusOf(port, '/readyz')).toBe(200);
        expect(await statusOf(port, '/api/prices')).toBe(401);
        const token = await signed({ tickwire: { read: ['*'] } });
        expect(await statusOf(port, '/api/prices', token)).toBe(200);
        // Not where others see it.
        for (const each of manifests.filter(({ kind }) => kind !== 'Secret')) {
          expect(JSON.stringify(each)).not.toContain(SECRET);
        }
        await server.end();
      }
    });

    test('takes the values of docs/KUBERNETES.md', async () => {
      const samples = [...KUBERNETES.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(
        ([, text = '']) => parse(text) as Values,
      );
      expect(samples.length).toBeGreaterThan(0);
      for (const sample of samples) {
        const manifests = await renderChart(sample);
        expect(manifests.some(({ kind }) => kind === 'Ingress')).toBe('ingress' in sample);
      }
    });

    test('the grace is as long as the stop that is configured', async () => {
      const graceOf = async (values: object) => {
        const manifests = await renderChart({ config: OPEN, ...values });
        const { template } = manifestOf(manifests, 'StatefulSet', NAME).spec;
        const [{ lifecycle }] = template.spec.containers;
        return { seconds: template.spec.terminationGracePeriodSeconds, lifecycle };
      };
      const server = { ...OPEN.server, preStopMs: 60_000, drainMs: 500 };
      expect(await graceOf({})).toEqual({ seconds: 6 + 21, lifecycle: undefined });
      expect(await graceOf({ config: { server } })).toMatchObject({ seconds: 61 + 21 });
      expect(await graceOf({ preStopSeconds: 10 })).toEqual({
        seconds: 10 + 6 + 21,
        lifecycle: { preStop: { sleep: { seconds: 10 } } },
      });
    });

    test.each([
      ['a key that is not there', { config: { server: { prot: 1 } } }, "'prot' not allowed"],
      ['a key that the chart sets', { config: { server: { port: 1 } } }, "'port' not allowed"],
      ['a value out of range', { config: { server: { drainMs: 9000 } } }, 'maximum'],
      ['a value of another type', { config: { stream: { conflateMs: '5' } } }, 'want integer'],
      ['a mode that is not there', { mode: 'several' }, "'single', 'cluster'"],
      ['a short secret', { auth: { jwtSecret: 'short' } }, 'does not match'],
      ['neither TLS nor tokens', {}, /no tokens: .*\n.*no TLS: /],
      ['keys of no secret', { auth: { jwtSecretKey: 'a' } }, 'auth.existingSecret, which is not'],
      [
        'a secret in a file for all to see',
        { config: { telemetry: { headers: 'a=b' } } },
        "'headers' not allowed",
      ],
      [
        'an address that the network policy is closed for',
        { config: { ...OPEN, telemetry: { otlpEndpoint: 'http://collector:4318' } } },
        'no rule for config.telemetry.otlpEndpoint',
      ],
      ['brokers for one process', { nats: { enabled: true } }, 'one process needs no brokers'],
      ['a host without a name', { ingress: { enabled: true } }, 'ingress.host is empty'],
    ])('refuses %s', async (_, values, reason) => {
      await expect(renderChart(values)).rejects.toThrow(reason);
    });
  },
);
