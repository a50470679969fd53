import { type CommandOption, NAME, PATTERNS, parseDuration } from './command-options.ts';

/** Ten years: no token should live longer. */
const LIFETIME_MS_MAX = 3_650 * 86_400_000;

const LIMIT = {
  value: 'N',
  expected: 'an integer',
  parse: (text: string) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined),
};

const COMMON: readonly CommandOption[] = [
  {
    name: 'tenant',
    description: 'its name space of symbols; default: the default tenant',
    ...NAME,
  },
  {
    name: 'publish',
    description: 'symbols whose ticks it may publish; * matches any',
    ...PATTERNS,
  },
  { name: 'read', description: 'symbols whose statistics and anomalies it may read', ...PATTERNS },
  {
    name: 'expires',
    value: 'TIME',
    description: '90s, 15m, 1h or 30d; default: 1h for a token, never for an API key',
    expected: 'a time such as 90s, 15m, 1h or 30d',
    parse: parseLifetime,
  },
  { name: 'connectionsMax', description: 'limits.connectionsPerTokenMax, if lower', ...LIMIT },
  { name: 'ticksPerSecond', description: 'limits.ticksPerSecond, if lower', ...LIMIT },
  { name: 'requestsPerSecond', description: 'limits.requestsPerSecond, if lower', ...LIMIT },
];

/** The options of `token`. The first is required. */
export const TOKEN_OPTIONS: readonly CommandOption[] = [
  { name: 'subject', description: 'the name of its bearer', ...NAME },
  ...COMMON,
];

/** The options of `api-key`. The first is required. */
export const API_KEY_OPTIONS: readonly CommandOption[] = [
  { name: 'id', description: 'the name of its bearer', ...NAME },
  ...COMMON,
];

function parseLifetime(text: string): number | undefined {
  const ms = parseDuration(text);
  return ms !== undefined && ms <= LIFETIME_MS_MAX ? ms : undefined;
}
