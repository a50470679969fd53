import type * as z from 'zod';
import { environmentName } from './environment-name.ts';
import { type KeyFacts, keyFacts } from './key-kinds.ts';
import { configSchema } from './schema.ts';

/** One key of the configuration, as the sources, the help and the messages see it. */
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

function keyOf(section: string, name: string, schema: z.ZodType): ConfigKey {
  const facts = keyFacts.get(schema);
  if (facts === undefined) throw new Error(`${section}.${name} is not described`);
  const path = `${section}.${name}`;
  const defaultValue = schema.parse(undefined) as number | string;
  return {
    section,
    name,
    path,
    environmentName: environmentName(path),
    defaultValue,
    facts,
    schema,
  };
}

const SECTIONS: Readonly<Record<string, z.ZodObject<Readonly<Record<string, z.ZodType>>>>> =
  configSchema.shape;

/** Every key of the schema, in its order. */
export const CONFIG_KEYS: readonly ConfigKey[] = Object.entries(SECTIONS).flatMap(
  ([section, { shape }]) =>
    Object.entries(shape).map(([name, schema]) => keyOf(section, name, schema)),
);

/** The sections of the schema, in its order. */
export const CONFIG_SECTIONS: readonly string[] = Object.keys(SECTIONS);

const BY_PATH = new Map(CONFIG_KEYS.map((key) => [key.path, key]));
const BY_ENVIRONMENT_NAME = new Map(CONFIG_KEYS.map((key) => [key.environmentName, key]));

export function keyAt(path: string): ConfigKey | undefined {
  return BY_PATH.get(path);
}

export function keyOfEnvironmentName(name: string): ConfigKey | undefined {
  return BY_ENVIRONMENT_NAME.get(name);
}
