import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSuggester, SUGGESTIONS_MAX, showValue, truncate } from './faults.ts';
import { type Flags, readFlags } from './flags.ts';
import { jsonErrorPosition } from './json-error.ts';
import {
  CONFIG_KEYS,
  ENVIRONMENT_PREFIX,
  environmentName,
  isValid,
  keyOfEnvironmentName,
  parseText,
  type Setting,
  type Settings,
} from './keys.ts';
import { type ResolvedConfig, readObject, resolveConfig } from './parse-config.ts';
import { explainServiceLink, isServiceLink } from './service-links.ts';

/** An environment such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** All sources of configuration except the file that they name. */
export interface ConfigSources {
  /** The command line, without the program itself. */
  readonly argv: readonly string[];
  readonly env: Environment;
  /** The working directory, against which file names are resolved. */
  readonly cwd: string;
}

/** A configuration file as named, and the flag or variable that named it. */
export interface NamedFile {
  readonly name: string;
  readonly namedBy: string;
}

/** Read from the working directory, if present, when no file is named. */
const DEFAULT_CONFIG_FILE = 'tickwire.config.json';

const CONFIG_FILE_VARIABLE = 'TICKWIRE_CONFIG';

// Not settings: the file, recordings for tests and benchmarks, a client's URL and token.
const OTHER_VARIABLES: readonly string[] = [
  CONFIG_FILE_VARIABLE,
  'TICKWIRE_FEEDS',
  'TICKWIRE_TICKS',
  'TICKWIRE_TOKEN',
  'TICKWIRE_URL',
];

// Matches variables as if they were keys, with dots for underscores.
const suggestVariable = createSuggester(
  [...CONFIG_KEYS.map(({ path }) => path), 'config', 'feeds', 'ticks', 'token', 'url'],
  environmentName,
);

/**
 * Reads the configuration: defaults, JSON file, environment, flags; the later wins.
 *
 * @throws ConfigError naming every fault of every source
 */
export function loadConfig({ argv, env, cwd }: ConfigSources): ResolvedConfig {
  return resolveSources(readFlags(argv), env, cwd);
}

/** Like `loadConfig`, for a command line that is already parsed. */
export function resolveSources(flags: Flags, env: Environment, cwd: string): ResolvedConfig {
  const file = readConfigFile(cwd, namedFile(flags, env));
  return resolveConfig([file, readEnvironment(env), flags]);
}

function namedFile(flags: Flags, env: Environment): NamedFile | undefined {
  if (flags.configFile !== undefined) return { name: flags.configFile, namedBy: '--config' };
  const name = env[CONFIG_FILE_VARIABLE];
  // Shells and container files set a variable to nothing to unset it.
  return name === undefined || name === '' ? undefined : { name, namedBy: CONFIG_FILE_VARIABLE };
}

/** The settings in the named file, or in `tickwire.config.json` if there is one. */
export function readConfigFile(directory: string, named: NamedFile | undefined): Settings {
  const name = named?.name ?? DEFAULT_CONFIG_FILE;
  const refuse = (fault: string): Settings => ({ settings: [], faults: [fault] });
  let text: string;
  try {
    text = readFileSync(resolve(directory, name), 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    if (named === undefined && code === 'ENOENT') return { settings: [], faults: [] };
    const namedBy = named === undefined ? '' : `${named.namedBy}: `;
    return refuse(`${namedBy}cannot read ${name}: ${code === 'ENOENT' ? 'no such file' : code}`);
  }
  // Editors on Windows write a byte order mark.
  const json = text.replace(/^\uFEFF/, '');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return refuse(`${name}: not JSON at ${jsonErrorPosition(json)}`);
  }
  return readObject(value, name);
}

/**
 * The settings in variables that start with TICKWIRE_. An unknown one is a fault, unless a
 * container platform set it for a service named like us.
 *
 * Files and shells add white space around a value, and set a variable to nothing to unset it.
 */
function readEnvironment(environment: Environment): Settings {
  const settings: Setting[] = [];
  const faults: string[] = [];
  const warnings: string[] = [];
  for (const [name, written] of Object.entries(environment)) {
    if (written === undefined || !name.startsWith(ENVIRONMENT_PREFIX)) continue;
    if (OTHER_VARIABLES.includes(name)) continue;
    const key = keyOfEnvironmentName(name);
    if (key === undefined) {
      if (isServiceLink(name, written)) continue;
      const hint = faults.length < SUGGESTIONS_MAX ? suggestVariable(pathOf(name)) : '';
      faults.push(`${truncate(name)}: unknown variable${hint}`);
      continue;
    }
    // White space at the ends of a secret may belong to it; line breaks do not.
    const text = key.facts.isSecret === true ? written : written.trim();
    if (text !== written) warnings.push(`${name}: removed white space around the value`);
    if (text === '' && !isValid(key, text)) continue;
    const value = parseText(key, text);
    const link = isValid(key, value) ? '' : explainServiceLink(name, text);
    if (link === '') settings.push({ key, value, source: name, place: name });
    else faults.push(`${name}: expected ${key.facts.expected}, got ${showValue(text)}${link}`);
  }
  return { settings, faults, warnings };
}

/** The inverse of `environmentName`, but for case: `TICKWIRE_SERVER_PORT` is `server.port`. */
function pathOf(variable: string): string {
  const [section = '', ...words] = variable.slice(ENVIRONMENT_PREFIX.length).split('_');
  return words.length === 0 ? section : `${section}.${words.join('')}`;
}
