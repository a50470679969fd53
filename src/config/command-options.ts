/** The value of an option of a command. */
export type OptionValue = string | number | boolean | readonly string[];

/** An option of a command that is not a setting. */
export interface CommandOption {
  readonly name: string;
  /** Placeholder for its value in the help. */
  readonly value: string;
  readonly description: string;
  readonly expected: string;
  /** Whether it may be given several times: its lists are joined. */
  readonly isRepeatable?: boolean;
  /** Returns undefined for an invalid text. */
  readonly parse: (text: string) => OptionValue | undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

export const NAME = {
  value: 'NAME',
  expected: 'a name',
  parse: (text: string) => text || undefined,
};

export const PATTERNS = {
  value: 'PATTERN,...',
  expected: 'symbols and patterns, separated by commas',
  parse: (text: string) => (text === '' ? undefined : text.split(',')),
};

/** The rule file of a command. */
export const RULE_FILE: CommandOption = {
  name: 'rules',
  value: 'FILE',
  description: 'the rule file',
  expected: 'a rule file',
  parse: (text: string) => text || undefined,
};

/** The symbols that a rule file is examined for. */
export const CHECKED_SYMBOLS: CommandOption = {
  name: 'symbol',
  value: 'SYMBOL,...',
  description:
    'say which rules apply to it; of a tenant: tenant/symbol; several times or by commas',
  expected: 'symbols, separated by commas',
  isRepeatable: true,
  parse: (text: string) => (text === '' ? undefined : text.split(',')),
};

/** A time such as 90s, 15m, 1h or 30d, in ms. */
export function parseDuration(text: string): number | undefined {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNIT_MS[unit] ?? 0);
  return ms > 0 ? ms : undefined;
}
