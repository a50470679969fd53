import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { freePort } from '../../testkit/managed-process.ts';
import { folderForTest } from '../support/folders.ts';
import { manifestOf, noHelm, RELEASE, renderChart } from '../support/helm-chart.ts';
import { probeStatuses, startPod } from '../support/pod-process.ts';
import { noPrometheus, promtool } from '../support/prometheus.ts';
import { certificateFile, shakeHands } from '../support/tls.ts';
import { newKeys, pemOf, SECRET } from '../support/tokens.ts';

const NAME = `${RELEASE}-tickwire`;
const ALERTS = readFileSync(
  new URL('../../deploy/prometheus/alerts.yaml', import.meta.url),
  'utf8',
);
const SINGLE = { auth: { jwtSecret: SECRET }, config: { server: { allowPlaintext: 'yes' } } };
const CLUSTER = {
  ...SINGLE,
  mode: 'cluster',
  nats: { servers: ['tls://nats.example'], credentialsSecret: 'creds', caSecret: 'authority' },
};
const reason = noHelm ?? noPrometheus;

describe.skipIf(reason !== undefined && !process.env.CI)(
  `deploy/helm, what is around the servers${reason === undefined ? '' : ` (${reason})`}`,
  () => {
    test('certificate and keys come from secrets, and probes speak TLS', async () => {
      const manifests = await renderChart({
        config: { server: { preStopMs: 0 } },
        tls: { existingSecret: 'certificate' },
        auth: { existingSecret: 'tokens', keysFileKey: 'keys.pem' },
      });
      const port = await freePort();
      const workload = manifestOf(manifests, 'StatefulSet', NAME);
      const [container] = workload.spec.template.spec.containers;
      const read = (name: string) => readFileSync(certificateFile(name), 'utf8');
      const server = startPod(manifests, workload, {
        secrets: {
          certificate: { 'tls.crt': read('first'), 'tls.key': read('first-key') },
          tokens: { 'keys.pem': pemOf(newKeys('ES256')) },
        },
        edit: (text) => text.replace('--server.port=9001', `--server.port=${port}`),
      });
      await server.ready(async () => {
        const statuses = await probeStatuses(container, port).catch(() => []);
        return statuses.join() === '200,200,200';
      });
      expect((await shakeHands(port)).version).toBe('TLSv1.3');
      server.kill('SIGTERM');
      expect(await server.exited, server.output).toBe(0);
    });

    test('members get credentials and the authority of NATS', async () => {
      const manifests = await renderChart(CLUSTER);
      const edge = manifestOf(manifests, 'Deployment', `${NAME}-edge`).spec.template.spec;
      const [{ args, volumeMounts }] = edge.containers;
      for (const [flag, secret] of [
        ['--cluster.credentialsFile=', 'creds'],
        ['--cluster.tlsCaFile=', 'authority'],
      ] as const) {
        const file = args.find((arg) => arg.startsWith(flag))?.slice(flag.length) ?? '';
        const mount = volumeMounts.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
        const volume = edge.volumes?.find(({ name }) => name === mount?.name);
        expect(volume?.secret?.secretName).toBe(secret);
      }
    });

    test('the alerts are those of deploy/prometheus, and promtool finds no fault', async () => {
      const manifests = await renderChart({ ...SINGLE, prometheusRule: { enabled: true } });
      const { spec } = manifestOf(manifests, 'PrometheusRule', NAME);
      expect(spec).toEqual(parse(ALERTS));
      const folder = folderForTest();
      writeFileSync(join(folder, 'rules.yaml'), stringify(spec));
      const { isContent, output } = await promtool(['check', 'rules', 'rules.yaml'], folder);
      expect(isContent, output).toBe(true);
    });

    test('a scrape is of the job that the alerts are about, of each pod once', async () => {
      for (const values of [SINGLE, CLUSTER]) {
        const manifests = await renderChart({
          ...values,
          serviceMonitor: { enabled: true, tokenSecret: 'operator' },
          networkPolicy: { monitoring: [{ podSelector: {} }] },
        });
        const { spec } = manifestOf(manifests, 'ServiceMonitor', NAME);
        expect(spec.endpoints).toMatchObject([
          {
            port: 'http',
            authorization: { credentials: { name: 'operator', key: 'token' } },
            relabelings: [{ targetLabel: 'job', replacement: 'tickwire' }, {}],
          },
        ]);
        expect(ALERTS).toContain('job="tickwire"');
        const { matchLabels, matchExpressions } = spec.selector as Selector;
        const chosen = manifests.filter(
          ({ kind, metadata: { labels } }) =>
            kind === 'Service' &&
            Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
            matchExpressions.every(({ key, operator }) => operator === 'Exists' && key in labels),
        );
        const components = chosen.map(
          ({ spec: service }) =>
            (service.selector as Readonly<Record<string, string>>)['app.kubernetes.io/component'],
        );
        const expected = values === SINGLE ? ['single'] : ['edge', 'owner'];
        expect(new Set(components)).toEqual(new Set(expected));
        expect(components.length).toBe(expected.length);
      }
    });

    test('an ingress leads to the service of clients', async () => {
      const ingress = { enabled: true, host: 'prices.example', tlsSecret: 'prices-tls' };
      const manifests = await renderChart({ ...CLUSTER, ingress });
      const backend = { service: { name: NAME, port: { name: 'http' } } };
      expect(manifestOf(manifests, 'Ingress', NAME).spec).toMatchObject({
        tls: [{ hosts: ['prices.example'], secretName: 'prices-tls' }],
        rules: [{ host: 'prices.example', http: { paths: [{ path: '/', backend }] } }],
      });
      const { spec } = manifestOf(manifests, 'Service', NAME);
      expect(spec.ports).toMatchObject([{ name: 'http', targetPort: 'http' }]);
    });

    test('no pod stays where the only one may not be interrupted', async () => {
      const budgets = async (podDisruptionBudget: boolean) =>
        (await renderChart({ ...SINGLE, single: { podDisruptionBudget } })).filter(
          ({ kind }) => kind === 'PodDisruptionBudget',
        );
      expect(await budgets(false)).toEqual([]);
      expect(await budgets(true)).toMatchObject([{ spec: { maxUnavailable: 0 } }]);
    });
  },
);

interface Selector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly { readonly key: string; readonly operator: string }[];
}
