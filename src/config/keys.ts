import type * as z from 'zod';
import { type KeyFacts, keyFacts } from './key-types.ts';
import { configSchema } from './schema.ts';

/** One key of the configuration, as sources, help and messages see it. */
export interface ConfigKey {
  readonly section: string;
  readonly name: string;
  /** `section.name`: the flag without its dashes. */
  readonly path: string;
  readonly environmentName: string;
  readonly defaultValue: number | string;
  readonly facts: KeyFacts;
  readonly schema: z.ZodType;
}

/** The value that a source gives to a key. */
export interface Setting {
  readonly key: ConfigKey;
  /** Unchecked. */
  readonly value: unknown;
  /** For `--print-config`. */
  readonly source: string;
  /** The start of a message about it: file and key, variable, or flag. */
  readonly place: string;
}

/** The settings of one source, and its faults. */
export interface Settings {
  readonly settings: readonly Setting[];
  readonly faults: readonly string[];
  readonly warnings?: readonly string[];
}

/** The prefix of all our environment variables. */
export const ENVIRONMENT_PREFIX = 'TICKWIRE_';

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

const SECTIONS: Readonly<Record<string, z.ZodObject<Readonly<Record<string, z.ZodType>>>>> =
  configSchema.shape;

/** Every section of the schema, in its order. */
export const CONFIG_SECTIONS: readonly string[] = Object.keys(SECTIONS);

/** Every key of the schema, in its order. */
export const CONFIG_KEYS: readonly ConfigKey[] = Object.entries(SECTIONS).flatMap(
  ([section, { shape }]) =>
    Object.entries(shape).map(([name, schema]) => createKey(section, name, schema)),
);

const BY_PATH = new Map(CONFIG_KEYS.map((key) => [key.path, key]));
const BY_ENVIRONMENT_NAME = new Map(CONFIG_KEYS.map((key) => [key.environmentName, key]));

export function keyAt(path: string): ConfigKey | undefined {
  return BY_PATH.get(path);
}

export function keyOfEnvironmentName(name: string): ConfigKey | undefined {
  return BY_ENVIRONMENT_NAME.get(name);
}

/**
 * The environment variable of a key: `processing.maxSymbols` is `TICKWIRE_PROCESSING_MAX_SYMBOLS`.
 * Unique, because a section is a single word in lower case.
 */
export function environmentName(path: string): string {
  const words = path.replaceAll('.', '_').replace(/[A-Z]/g, '_$&');
  return ENVIRONMENT_PREFIX + words.toUpperCase();
}

/**
 * Converts the text of a flag or variable: to a number if the key holds one and the text is one.
 */
export function parseText(key: ConfigKey, text: string): number | string {
  return typeof key.defaultValue === 'number' && DECIMAL.test(text) ? Number(text) : text;
}

export function isValid(key: ConfigKey, value: unknown): boolean {
  return key.schema.safeParse(value).success;
}

function createKey(section: string, name: string, schema: z.ZodType): ConfigKey {
  const facts = keyFacts.get(schema);
  const path = `${section}.${name}`;
  if (facts === undefined) throw new Error(`${path} is not described`);
  const defaultValue = schema.parse(undefined) as number | string;
  const variable = environmentName(path);
  return { section, name, path, environmentName: variable, defaultValue, facts, schema };
}
