import { type CommandOption, NAME, PATTERNS, parseDuration } from './command-options.ts';

const TIME = {
  value: 'TIME',
  expected: 'a time such as 2026-03-01T09:30:00Z, or -15m: so long ago',
  parse: parseTime,
};

const SELECTION: readonly CommandOption[] = [
  { name: 'from', description: 'ticks of this time and later: RFC 3339, or -15m', ...TIME },
  { name: 'to', description: 'ticks before this time', ...TIME },
  {
    name: 'symbols',
    description: 'their symbols; * matches any; those of tenants are TENANT/SYMBOL',
    ...PATTERNS,
  },
  {
    name: 'tenant',
    value: 'NAME',
    description: 'only ticks of this tenant, by its own symbols; empty: of the default one',
    expected: 'the name of a tenant: 1 to 32 of A-Z a-z 0-9 . _ -, or nothing',
    parse: (text: string) => (/^[A-Za-z0-9._-]{0,32}$/.test(text) ? text : undefined),
  },
];

/** The options of `journal export`. */
export const EXPORT_OPTIONS: readonly CommandOption[] = [
  ...SELECTION,
  {
    name: 'format',
    value: 'csv|ndjson',
    description: 'default: csv',
    expected: 'csv or ndjson',
    parse: (text: string) => (text === 'csv' || text === 'ndjson' ? text : undefined),
  },
];

/** The options of `replay`, beside the switch `shift-to-now`. */
export const REPLAY_OPTIONS: readonly CommandOption[] = [
  {
    name: 'url',
    value: 'URL',
    description: 'the server to publish to, such as ws://127.0.0.1:9001; or TICKWIRE_URL',
    expected: 'the URL of a server',
    parse: (text: string) => (/^(ws|http)s?:\/\/./.test(text) ? text : undefined),
  },
  {
    name: 'token',
    description: 'a token that may publish; or TICKWIRE_TOKEN, which others cannot see',
    ...NAME,
    expected: 'a token',
  },
  ...SELECTION,
  {
    name: 'speed',
    value: 'N|max',
    description: 'times as fast as they came; max: as the server takes them; default: 1',
    expected: 'a number above 0, or max',
    parse: parseSpeed,
  },
];

function parseSpeed(text: string): number | undefined {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const speed = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  return speed > 0 ? speed : undefined;
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** Ms since the epoch. */
function parseTime(text: string): number | undefined {
  if (text.startsWith('-')) {
    const ms = parseDuration(text.slice(1));
    return ms === undefined ? undefined : Date.now() - ms;
  }
  const time = RFC_3339.test(text) ? Date.parse(text.toUpperCase()) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
