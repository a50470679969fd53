/** The value of an option of the commands `token` and `api-key`. */
export type IssueValue = string | number | boolean | readonly string[];

export interface IssueOption {
  readonly name: string;
  /** Placeholder for its value in the help. */
  readonly value: string;
  readonly description: string;
  readonly expected: string;
  /** Returns undefined for an invalid text. */
  readonly parse: (text: string) => IssueValue | undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Ten years: no token should live longer. */
const LIFETIME_MS_MAX = 3_650 * 86_400_000;

const NAME = { value: 'NAME', expected: 'a name', parse: (text: string) => text || undefined };

const PATTERNS = {
  value: 'PATTERN,...',
  expected: 'symbols and patterns, separated by commas',
  parse: (text: string) => (text === '' ? undefined : text.split(',')),
};

const LIMIT = {
  value: 'N',
  expected: 'an integer',
  parse: (text: string) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined),
};

const COMMON: readonly IssueOption[] = [
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
    parse: parseDuration,
  },
  { name: 'connectionsMax', description: 'limits.connectionsPerTokenMax, if lower', ...LIMIT },
  { name: 'ticksPerSecond', description: 'limits.ticksPerSecond, if lower', ...LIMIT },
  { name: 'requestsPerSecond', description: 'limits.requestsPerSecond, if lower', ...LIMIT },
];

/** The options of `token`. The first is required. */
export const TOKEN_OPTIONS: readonly IssueOption[] = [
  { name: 'subject', description: 'the name of its bearer', ...NAME },
  ...COMMON,
];

/** The options of `api-key`. The first is required. */
export const API_KEY_OPTIONS: readonly IssueOption[] = [
  { name: 'id', description: 'the name of its bearer', ...NAME },
  ...COMMON,
];

function parseDuration(text: string): number | undefined {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNIT_MS[unit] ?? 0);
  return ms > 0 && ms <= LIFETIME_MS_MAX ? ms : undefined;
}
