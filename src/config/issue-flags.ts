import { suggestion } from './closest-name.ts';
import { shown } from './shown.ts';

/** What the commands `token` and `api-key` are told, beside the configuration. */
export interface IssueFlags {
  readonly name: string;
  /** Members as a token's claim has them; their values are not checked. */
  readonly permissions: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /** How long it is to be valid, ms; undefined where nothing was said. */
  readonly lifetimeMs: number | undefined;
}

export interface ReadIssueFlags {
  readonly flags: IssueFlags;
  /** What is left: flags of the configuration. */
  readonly rest: readonly string[];
  readonly faults: readonly string[];
}

/** What follows a flag: a text, texts separated by commas, a number, a duration, or nothing. */
const KINDS = {
  tenant: 'text',
  publish: 'list',
  read: 'list',
  operator: 'switch',
  expires: 'duration',
  connectionsMax: 'number',
  ticksPerSecond: 'number',
  requestsPerSecond: 'number',
} as const;

type Kind = (typeof KINDS)[keyof typeof KINDS];

const EXPECTED: Readonly<Record<Exclude<Kind, 'switch'>, string>> = {
  text: 'a name',
  list: 'symbols and patterns, separated by commas',
  number: 'an integer',
  duration: 'a time such as 90s, 15m, 1h or 30d',
};

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Ten years: longer is a mistake, and no token should live so long. */
const LIFETIME_MS_MAX = 3_650 * 86_400_000;

function durationMs(text: string): number | undefined {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNIT_MS[unit] ?? 0);
  return ms > 0 && ms <= LIFETIME_MS_MAX ? ms : undefined;
}

/** What a text stands for; undefined where it is not of the kind. */
function valueOfFlag(kind: Kind, text: string): string | number | readonly string[] | undefined {
  if (text === '') return undefined;
  if (kind === 'list') return text.split(',');
  if (kind === 'duration') return durationMs(text);
  if (kind === 'number') return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  return text;
}

class IssueFlagReader {
  readonly faults: string[] = [];
  readonly rest: string[] = [];
  readonly values = new Map<string, string | number | boolean | readonly string[]>();
  readonly #nameFlag: string;
  readonly #candidates: readonly { name: string; spellings: readonly string[] }[];

  constructor(nameFlag: string) {
    this.#nameFlag = nameFlag;
    this.#candidates = [nameFlag, ...Object.keys(KINDS)].map((name) => ({
      name: `--${name}`,
      spellings: [name],
    }));
  }

  read(args: readonly string[]): void {
    const left = [...args];
    for (let arg = left.shift(); arg !== undefined; arg = left.shift()) {
      const [, name = '', inline] = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
      const kind = name === this.#nameFlag ? 'text' : this.#kindOf(name);
      if (kind === undefined) this.#leave(arg, name, left);
      else if (kind === 'switch') this.#switch(name, inline);
      else this.#take(name, kind, inline ?? this.#following(left));
    }
    if (!this.values.has(this.#nameFlag) && this.faults.length === 0) {
      this.faults.push(`--${this.#nameFlag}: expected a name, got nothing`);
    }
  }

  #kindOf(name: string): Kind | undefined {
    return Object.hasOwn(KINDS, name) ? KINDS[name as keyof typeof KINDS] : undefined;
  }

  /** A flag of the configuration has a dot or is named `--config`; all others would be ours. */
  #leave(arg: string, name: string, left: string[]): void {
    if (name === '' || name.includes('.') || name === 'config') {
      this.rest.push(arg);
      const following = arg.includes('=') || name === '' ? undefined : left.shift();
      if (following !== undefined) this.rest.push(following);
    } else {
      this.faults.push(`--${name}: unknown flag${suggestion([name], this.#candidates)}`);
      // What follows an unknown flag is most likely its value: one fault is enough.
      if (!arg.includes('=')) this.#following(left);
    }
  }

  #following(left: string[]): string | undefined {
    return left[0]?.startsWith('--') === true ? undefined : left.shift();
  }

  #switch(name: string, inline: string | undefined): void {
    if (inline === undefined) this.values.set(name, true);
    else this.faults.push(`--${name}: takes no value, got ${shown(inline)}`);
  }

  #take(name: string, kind: Exclude<Kind, 'switch'>, text: string | undefined): void {
    const value = text === undefined ? undefined : valueOfFlag(kind, text);
    if (value !== undefined) {
      this.values.set(name, value);
      return;
    }
    const got = text === undefined ? 'nothing' : shown(text);
    this.faults.push(`--${name}: expected ${EXPECTED[kind]}, got ${got}`);
  }
}

/**
 * Reads the flags of `token` and `api-key`; of one given twice, the later counts.
 *
 * @param nameFlag the flag that says who it is for
 */
export function readIssueFlags(
  args: readonly string[],
  nameFlag: 'subject' | 'id',
): ReadIssueFlags {
  const reader = new IssueFlagReader(nameFlag);
  reader.read(args);
  const { [nameFlag]: name, expires, ...permissions } = Object.fromEntries(reader.values);
  const lifetimeMs = typeof expires === 'number' ? expires : undefined;
  const flags = { name: String(name ?? ''), permissions, lifetimeMs };
  return { flags, rest: reader.rest, faults: reader.faults };
}
