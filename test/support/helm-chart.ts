import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { findProgram } from './example-process.ts';
import { ConfigFolder } from './folders.ts';

/** Names the program of Helm, where it is not on the PATH. */
const VARIABLE = 'HELM';
const SOURCE =
  `no Helm: go install helm.sh/helm/v3/cmd/helm@v3.22.0, or https://helm.sh; ` +
  `${VARIABLE} may name its file`;
/** Helm asks no cluster: it is told the oldest version that the chart is for. */
const KUBERNETES = '1.27.0';

export const CHART = fileURLToPath(new URL('../../deploy/helm/tickwire', import.meta.url));
export const RELEASE = 'ours';

const program = process.env[VARIABLE] || findProgram('helm');

/** Why the chart cannot be tried here; undefined if it can. */
export const noHelm = program === undefined ? SOURCE : undefined;
if (noHelm !== undefined) process.stderr.write(`NOT TRIED: deploy/helm: ${noHelm}\n`);

/** Values of the chart, or a part of them. */
export type Values = Readonly<Record<string, unknown>>;

export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string; readonly scheme?: string };
  readonly periodSeconds: number;
  readonly failureThreshold: number;
}

/** Names the probes of a container. */
export const PROBES = ['startupProbe', 'livenessProbe', 'readinessProbe'] as const;

export interface Container extends Readonly<Record<(typeof PROBES)[number], Probe>> {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: {
      readonly secretKeyRef?: { readonly name: string; readonly key: string };
      readonly fieldRef?: { readonly fieldPath: string };
    };
  }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly lifecycle?: unknown;
  readonly resources: { readonly requests: { readonly cpu: string } };
  readonly securityContext: unknown;
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
}

export interface PodSpec {
  readonly containers: readonly [Container];
  readonly terminationGracePeriodSeconds: number;
  readonly enableServiceLinks: boolean;
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: unknown;
  readonly volumes?: readonly {
    readonly name: string;
    readonly configMap?: { readonly name: string };
    readonly secret?: { readonly secretName: string };
  }[];
}

/** An object of Kubernetes: what tests read of those that the chart renders. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec: {
    readonly replicas?: number;
    readonly serviceName?: string;
    readonly selector: unknown;
    readonly template: {
      readonly metadata: {
        readonly labels: Readonly<Record<string, string>>;
        readonly annotations: Readonly<Record<string, string>>;
      };
      readonly spec: PodSpec;
    };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
    readonly [field: string]: unknown;
  };
}

/** Runs Helm on the chart with values; what it says is in `output`. */
async function helm(args: readonly string[], values: Values) {
  using folder = new ConfigFolder();
  folder.write('values.json', values);
  const files = [`--values=${folder.path}/values.json`, `--kube-version=${KUBERNETES}`];
  const env = { PATH: process.env.PATH, HOME: folder.path };
  try {
    const run = promisify(execFile)(program ?? 'helm', [...args, ...files], {
      env,
      maxBuffer: 10_000_000,
    });
    const { stdout, stderr } = await run;
    return { isContent: true, stdout, output: stdout + stderr };
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return { isContent: false, stdout, output: stdout + stderr };
  }
}

/** Whether `helm lint --strict` finds no fault, and what it says. */
export function lintChart(values: Values) {
  return helm(['lint', '--strict', CHART], values);
}

/** @throws Error with what Helm says of values that it refuses */
export async function renderChart(values: Values): Promise<readonly Manifest[]> {
  const args = ['template', RELEASE, CHART, '--namespace=prices'];
  const { isContent, stdout, output } = await helm(args, values);
  if (!isContent) throw new Error(output);
  return parseAllDocuments(stdout, { uniqueKeys: true }).flatMap((document) => {
    const [fault] = document.errors;
    if (fault !== undefined) throw fault;
    const manifest = document.toJS() as Manifest | null;
    return manifest === null ? [] : [manifest];
  });
}

/** The manifest of a kind and a name; it must be there. */
export function manifestOf(all: readonly Manifest[], kind: string, name: string): Manifest {
  const found = all.find((each) => each.kind === kind && each.metadata.name === name);
  if (found !== undefined) return found;
  const names = all.map((each) => `${each.kind} ${each.metadata.name}`);
  throw new Error(`no ${kind} ${name} in ${names.join(', ')}`);
}
