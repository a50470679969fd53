import { execFile, execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findProgram } from './example-process.ts';

/** Names the program of compose-go, where Docker has no Compose. */
const VARIABLE = 'COMPOSE_PARSER';
const SOURCE =
  'docker compose, or go install github.com/compose-spec/compose-go/v2/cmd@v2.16.2, ' +
  `the parser of it; ${VARIABLE} names its file`;

export const COMPOSE_FILE = fileURLToPath(new URL('../../deploy/compose.yaml', import.meta.url));

export interface ComposeService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly restart?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly healthcheck?: { readonly test?: readonly string[] };
  readonly ports?: readonly { readonly host_ip?: string; readonly target: number }[];
  readonly volumes?: readonly {
    readonly type: string;
    readonly source: string;
    readonly target: string;
    readonly read_only?: boolean;
  }[];
}

/** A file of Compose as its parser reads it: defaults and merges resolved, paths absolute. */
export interface ComposeModel {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** The command that prints the model of files as JSON. */
type Parser = (files: readonly string[]) => readonly [command: string, ...args: string[]];

function findParser(): Parser | undefined {
  const named = process.env[VARIABLE];
  if (named) return (files) => [named, '-format', 'json', ...files];
  const docker = findProgram('docker');
  if (docker === undefined) return undefined;
  try {
    execFileSync(docker, ['compose', 'version'], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const config = ['config', '--format=json'];
  return (files) => [docker, 'compose', ...files.map((file) => `--file=${file}`), ...config];
}

const parser = findParser();

/** Why files of Compose cannot be read here; undefined if they can. */
export const noCompose = parser === undefined ? `no parser of Compose: ${SOURCE}` : undefined;
if (noCompose !== undefined) {
  process.stderr.write(`NOT TRIED: deploy/compose.yaml: ${noCompose}\n`);
}

/**
 * @param files a file and those that change it; paths are relative to the first
 * @throws Error with what the parser says of files that it refuses
 */
export async function readComposeFile(...files: readonly string[]): Promise<ComposeModel> {
  if (parser === undefined) throw new Error(noCompose);
  const [command, ...args] = parser(files);
  const { PATH, HOME } = process.env;
  const options = { cwd: dirname(files[0] ?? COMPOSE_FILE), env: { PATH, HOME } };
  const { stdout } = await promisify(execFile)(command, args, options);
  const model = JSON.parse(stdout) as ComposeModel;
  const services = Object.entries(model.services).map(([name, service]) => [
    name,
    { ...service, environment: variablesOf(service.environment) },
  ]);
  return { ...model, services: Object.fromEntries(services) };
}

/** Variables that were merged come as a list. */
function variablesOf(
  variables: Readonly<Record<string, string>> | readonly string[] = {},
): Record<string, string> {
  if (!Array.isArray(variables)) return { ...(variables as Record<string, string>) };
  return Object.fromEntries(variables.map((each: string) => each.split(/=(.*)/s)));
}
