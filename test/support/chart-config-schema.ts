import * as z from 'zod';
import { CONFIG_KEYS } from '../../src/config/keys.ts';
import { configSchema } from '../../src/config/schema.ts';

/** What the Helm chart sets by its other values, or must not be otherwise: probes have no token. */
const SET_BY_CHART: readonly string[] = [
  'server.host',
  'server.port',
  'auth.keysFile',
  'auth.apiKeysFile',
  'auth.health',
  'tls.certificateFile',
  'tls.keyFile',
  'rules.file',
  'store.directory',
  'cluster.role',
  'cluster.servers',
  'cluster.credentialsFile',
  'cluster.tlsCaFile',
  'log.format',
];

interface ObjectSchema {
  readonly type: 'object';
  readonly additionalProperties: false;
  readonly properties: Readonly<Record<string, object>>;
}

/** Whether a key may be in `config`: secrets come as variables. */
const isAllowed = (path: string) =>
  !SET_BY_CHART.includes(path) &&
  CONFIG_KEYS.some((key) => key.path === path && key.facts.isSecret !== true);

/** JSON Schema of `config` in the values of the chart: every other key, with its range. */
export function chartConfigSchema(): ObjectSchema {
  const { properties } = z.toJSONSchema(configSchema, { io: 'input' });
  const sections: Record<string, object> = {};
  for (const [section, { properties: keys }] of Object.entries(
    properties as Record<string, ObjectSchema>,
  )) {
    const ranges: Record<string, object> = {};
    for (const [key, range] of Object.entries(keys)) {
      if (isAllowed(`${section}.${key}`)) ranges[key] = { ...range, default: undefined };
    }
    if (Object.keys(ranges).length > 0) sections[section] = objectOf(ranges);
  }
  return objectOf(sections);
}

function objectOf(properties: Readonly<Record<string, object>>): ObjectSchema {
  return { type: 'object', additionalProperties: false, properties };
}
