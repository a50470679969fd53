import { ConfigError, createSuggester, SUGGESTIONS_MAX, showValue, truncate } from './faults.ts';
import {
  CONFIG_KEYS,
  CONFIG_SECTIONS,
  isValid,
  keyAt,
  type Setting,
  type Settings,
} from './keys.ts';
import { type Config, type ConfigInput, configSchema } from './schema.ts';

/** A configuration, and the source of each value. */
export interface ResolvedConfig {
  readonly config: Config;
  /** By key (`server.port`): a file, a variable, a flag, or `default`. */
  readonly sources: ReadonlyMap<string, string>;
  /** What was accepted but is probably not meant. */
  readonly warnings: readonly string[];
}

/** Faults reported per file. */
const FAULTS_MAX = 100;

const suggestKey = createSuggester([...CONFIG_SECTIONS, ...CONFIG_KEYS.map(({ path }) => path)]);

/**
 * The configuration that a program gives, over the defaults.
 *
 * @throws ConfigError naming every unknown key and bad value
 */
export function parseConfig(input: ConfigInput): Config {
  return resolveConfig([readObject(input, '')]).config;
}

export function defaultConfig(): Config {
  return parseConfig({});
}

/**
 * Merges sources, weakest first, over the defaults.
 *
 * @throws ConfigError with every fault, including those of values that a stronger source replaces
 */
export function resolveConfig(layers: readonly Settings[]): ResolvedConfig {
  const faults: string[] = [];
  const warnings: string[] = [];
  const values: Record<string, Record<string, unknown>> = {};
  const sources = new Map(CONFIG_KEYS.map(({ path }) => [path, 'default']));
  for (const section of CONFIG_SECTIONS) values[section] = {};
  for (const layer of layers) {
    faults.push(...layer.faults);
    warnings.push(...(layer.warnings ?? []));
    for (const written of layer.settings) {
      const setting = withoutLineEnd(written);
      if (setting !== written) {
        warnings.push(`${setting.place}: removed the line break at the end of the secret`);
      }
      if (hasOuterSpace(setting)) {
        warnings.push(`${setting.place}: white space at an end of the secret is a part of it`);
      }
      const fault = validateSetting(setting);
      if (fault !== undefined) faults.push(fault);
      const section = values[setting.key.section];
      if (section !== undefined) section[setting.key.name] = setting.value;
      sources.set(setting.key.path, setting.source);
    }
  }
  if (faults.length > 0) throw new ConfigError(faults);
  const config: Config = configSchema.parse(values);
  for (const section of Object.values(config)) Object.freeze(section);
  return { config: Object.freeze(config), sources, warnings };
}

/** A secret without the line break that the file it came from ends with. */
function withoutLineEnd(setting: Setting): Setting {
  const { key, value } = setting;
  if (key.facts.isSecret !== true || typeof value !== 'string') return setting;
  const trimmed = value.replace(/^\uFEFF/, '').replace(/[\r\n]+$/, '');
  return trimmed === value ? setting : { ...setting, value: trimmed };
}

/** Seldom meant, and invisible: it makes every token be refused. */
function hasOuterSpace({ key, value }: Setting): boolean {
  return key.facts.isSecret === true && typeof value === 'string' && value !== value.trim();
}

function validateSetting({ key, value, place }: Setting): string | undefined {
  if (isValid(key, value)) return undefined;
  const got = key.facts.isSecret === true ? 'something else' : showValue(value);
  return `${place}: expected ${key.facts.expected}, got ${got}`;
}

/**
 * The settings in an object of sections. Undefined values count as absent.
 *
 * @param source the file of the object, for messages; may be empty
 */
export function readObject(object: unknown, source: string): Settings {
  const settings: Setting[] = [];
  const faults: string[] = [];
  const place = source === '' ? '' : `${source}: `;
  const unknown = (name: string, shown = truncate(name)) => {
    const hint = keyAt(name) === undefined && faults.length < SUGGESTIONS_MAX;
    faults.push(`${place}unknown key ${shown}${hint ? suggestKey(name) : ''}`);
  };
  if (!isObject(object)) {
    return {
      settings,
      faults: [`${place}expected an object of sections, got ${showValue(object)}`],
    };
  }
  for (const [section, values] of Object.entries(object)) {
    if (faults.length >= FAULTS_MAX) break;
    if (values === undefined) continue;
    if (!CONFIG_SECTIONS.includes(section)) {
      unknown(section, flatKeyHint(section));
    } else if (!isObject(values)) {
      faults.push(`${place}${section}: expected an object of keys, got ${showValue(values)}`);
    } else {
      for (const [name, value] of Object.entries(values)) {
        if (value === undefined || faults.length >= FAULTS_MAX) continue;
        const key = keyAt(`${section}.${name}`);
        if (key === undefined) unknown(`${section}.${name}`);
        else settings.push({ key, value, source, place: place + key.path });
      }
    }
  }
  if (faults.length >= FAULTS_MAX) faults.push(`${place}too many faults: the rest was not read`);
  return { settings, faults };
}

/** Hint for a key written as "section.key" at the top level. */
function flatKeyHint(name: string): string | undefined {
  const key = keyAt(name);
  if (key === undefined) return undefined;
  return `${showValue(name)} (write it as {"${key.section}": {"${key.name}": …}})`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
