import { ConfigError } from './config-error.ts';
import { CONFIG_KEYS, CONFIG_SECTIONS } from './keys.ts';
import { readObject } from './read-object.ts';
import { type Config, type ConfigInput, configSchema } from './schema.ts';
import type { Setting, Settings } from './settings.ts';
import { shown } from './shown.ts';

/** A configuration, and where each of its values came from. */
export interface ResolvedConfig {
  readonly config: Config;
  /** By the path of the key (`server.port`): a file, a variable, a flag, or `default`. */
  readonly sources: ReadonlyMap<string, string>;
}

function faultOf({ key, value, place }: Setting): string | undefined {
  if (key.schema.safeParse(value).success) return undefined;
  const got = key.facts.isSecret === true ? 'something else' : shown(value);
  return `${place}: expected ${key.facts.expected}, got ${got}`;
}

function freeze(config: Config): Config {
  for (const section of Object.values(config)) Object.freeze(section);
  return Object.freeze(config);
}

/**
 * Merges what the sources give, weakest first, over the defaults.
 *
 * @throws ConfigError with every fault, also of values that a stronger source replaces
 */
export function resolveConfig(layers: readonly Settings[]): ResolvedConfig {
  const faults: string[] = [];
  const values: Record<string, Record<string, unknown>> = {};
  const sources = new Map(CONFIG_KEYS.map(({ path }) => [path, 'default']));
  for (const section of CONFIG_SECTIONS) values[section] = {};
  for (const layer of layers) {
    faults.push(...layer.faults);
    for (const setting of layer.settings) {
      const fault = faultOf(setting);
      if (fault !== undefined) faults.push(fault);
      const section = values[setting.key.section];
      if (section !== undefined) section[setting.key.name] = setting.value;
      sources.set(setting.key.path, setting.source);
    }
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return { config: freeze(configSchema.parse(values)), sources };
}

/**
 * The configuration that a program gives: defaults where it says nothing.
 *
 * @throws ConfigError naming every unknown key and bad value
 */
export function parseConfig(input: ConfigInput): Config {
  return resolveConfig([readObject(input, '')]).config;
}

/** The configuration with nothing set. */
export function defaultConfig(): Config {
  return parseConfig({});
}
