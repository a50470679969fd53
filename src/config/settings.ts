import type { ConfigKey } from './keys.ts';

/** A value that some source gives to a key. */
export interface Setting {
  readonly key: ConfigKey;
  /** Not checked yet. */
  readonly value: unknown;
  /** Where it came from, for `--print-config`. */
  readonly source: string;
  /** How a fault of it begins: the file and key, the variable or the flag. */
  readonly place: string;
}

/** What one source gives: its settings, and what in it could not be understood. */
export interface Settings {
  readonly settings: readonly Setting[];
  readonly faults: readonly string[];
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** What a text stands for: a number where the key holds one and it reads as one, else the text. */
export function valueOfText(key: ConfigKey, text: string): number | string {
  return typeof key.defaultValue === 'number' && DECIMAL.test(text) ? Number(text) : text;
}
