import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { builtProgram, ManagedProcess } from '../../testkit/managed-process.ts';
import { imageVariables } from './compose-service.ts';
import { folderForTest } from './folders.ts';
import { type Container, type Manifest, manifestOf, PROBES, type Probe } from './helm-chart.ts';

/** What is here instead of a cluster of Kubernetes. */
export interface PodSurroundings {
  /** The secrets that exist, by name, besides those of the chart. */
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Where volumes of claims are, by mount path; else in a folder of the test. */
  readonly claims?: Readonly<Record<string, string>>;
  /** Changes arguments and files: addresses and ports here. */
  readonly edit?: (text: string) => string;
  /** Of one pod of several. */
  readonly podName?: string;
  /** Instead of our server: what the image runs. */
  readonly command?: readonly string[];
}

/**
 * Runs what a pod of a workload runs: arguments and variables as rendered, files where it mounts
 * them, in a folder in place of the root. It ends with the test.
 */
export function startPod(
  manifests: readonly Manifest[],
  workload: Manifest,
  surroundings: PodSurroundings,
): ManagedProcess {
  const root = folderForTest();
  const { edit = (text: string) => text, claims = {} } = surroundings;
  const [container] = workload.spec.template.spec.containers;
  // The longest first: one path may begin like another.
  const paths = container.volumeMounts.map(({ mountPath }) => mountPath);
  paths.sort((a, b) => b.length - a.length);
  const places = new Map(paths.map((path) => [path, claims[path] ?? join(root, path)]));
  const pattern = new RegExp(`(?<=[=" ]|^)(?:${paths.join('|')})(?=[/"\\s]|$)`, 'gm');
  const here = (text: string) => edit(text.replace(pattern, (path) => places.get(path) ?? path));
  for (const { name, mountPath } of container.volumeMounts) {
    const folder = places.get(mountPath) ?? '';
    mkdirSync(folder, { recursive: true });
    for (const [file, text] of Object.entries(filesOf(manifests, workload, name, surroundings))) {
      writeFileSync(join(folder, file), here(text));
    }
  }
  const {
    command: [program, ...first] = [process.execPath, builtProgram('src/main')],
    podName = `${workload.metadata.name}-0`,
  } = surroundings;
  const variables = variablesOf(manifests, container, surroundings, podName);
  const child = new ManagedProcess(program as string, [...first, ...container.args.map(here)], {
    // As the image's, which nothing may be written to.
    cwd: root,
    env: { PATH: process.env.PATH, ...imageVariables(), ...variables },
  });
  onTestFinished(async () => {
    await child.end();
  });
  return child;
}

/** The files of a volume; none of a claim. */
function filesOf(
  manifests: readonly Manifest[],
  { spec }: Manifest,
  volume: string,
  surroundings: PodSurroundings,
): Readonly<Record<string, string>> {
  const source = spec.template.spec.volumes?.find(({ name }) => name === volume);
  if (source?.configMap !== undefined) {
    return manifestOf(manifests, 'ConfigMap', source.configMap.name).data ?? {};
  }
  if (source?.secret !== undefined) {
    return secretOf(manifests, source.secret.secretName, surroundings);
  }
  if (spec.volumeClaimTemplates?.some(({ metadata }) => metadata.name === volume)) return {};
  throw new Error(`no volume ${volume}`);
}

function secretOf(
  manifests: readonly Manifest[],
  name: string,
  { secrets = {} }: PodSurroundings,
): Readonly<Record<string, string>> {
  const existing = secrets[name];
  if (existing !== undefined) return existing;
  const encoded = Object.entries(manifestOf(manifests, 'Secret', name).data ?? {});
  const decode = (text: string) => Buffer.from(text, 'base64').toString();
  return Object.fromEntries(encoded.map(([key, text]) => [key, decode(text)]));
}

function variablesOf(
  manifests: readonly Manifest[],
  { env = [] }: Container,
  surroundings: PodSurroundings,
  podName: string,
): Record<string, string> {
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => {
      if (value !== undefined) return [name, value];
      if (valueFrom?.fieldRef?.fieldPath === 'metadata.name') return [name, podName];
      const { name: secret = '', key = '' } = valueFrom?.secretKeyRef ?? {};
      const text = secretOf(manifests, secret, surroundings)[key];
      if (text === undefined) throw new Error(`${name}: no key ${key} in the secret ${secret}`);
      return [name, text];
    }),
  );
}

/** The statuses that a pod's probes get from a port of this machine. */
export async function probeStatuses(container: Container, port: number): Promise<number[]> {
  return Promise.all(PROBES.map((name) => probeStatus(container[name], port)));
}

/** As a node asks: whatever the certificate says. */
function probeStatus({ httpGet: { path, scheme } }: Probe, port: number): Promise<number> {
  const get = scheme === 'HTTPS' ? https.get : http.get;
  const options = { host: '127.0.0.1', port, path, rejectUnauthorized: false, agent: false };
  return new Promise((resolve, reject) => {
    get(options, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    }).once('error', reject);
  });
}
