import { Command, CommanderError } from 'commander';

const SHOWN_LENGTH_MAX = 60;

/** Faults of a source that get a suggestion: each suggestion compares with every name. */
export const SUGGESTIONS_MAX = 10;

/**
 * The configuration is unusable. Each fault names its source, the expected and the actual value.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
    super(`The configuration has ${count}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/** Formats a value for a message: as JSON if possible, truncated. */
export function showValue(value: unknown): string {
  return truncate(
    typeof value === 'string' || (typeof value === 'object' && value !== null)
      ? toJson(value)
      : String(value),
  );
}

export function truncate(text: string): string {
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}…`;
}

function toJson(value: string | object): string {
  try {
    return JSON.stringify(value);
  } catch {
    // Nested too deeply to serialize.
    return Array.isArray(value) ? 'an array' : 'an object';
  }
}

/**
 * Makes a function that returns ` (did you mean X?)` for a misspelt name, or an empty string if no
 * name is near. Ignores case, and finds `section.key` by its key alone.
 *
 * @param show formats a known name in the suggestion
 */
export function createSuggester(
  known: readonly string[],
  show = (name: string) => name,
): (written: string) => string {
  const spellings = new Map(known.map((name) => [keyOf(name).toLowerCase(), name]));
  for (const name of known) spellings.set(name.toLowerCase(), name);
  const lengthMax = Math.max(...known.map((name) => name.length)) + 3;
  const search = createSearch([...spellings.keys()]);
  return (written) => {
    if (written === '' || written.length > lengthMax) return '';
    const path = written.toLowerCase();
    const key = keyOf(path);
    // By the key alone only as it is written: short ones are near to anything.
    const found = spellings.get(path) ?? spellings.get(key) ?? spellings.get(search(path) ?? '');
    return found === undefined ? '' : ` (did you mean ${show(found)}?)`;
  };
}

function keyOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

/** Finds the spelling nearest to a text. Commander offers its search only in error messages. */
function createSearch(spellings: readonly string[]): (text: string) => string | undefined {
  let command: Command | undefined;
  return (text) => {
    command ??= spellings.reduce(
      (all, spelling) => all.option(`--${spelling}`),
      new Command()
        .exitOverride()
        .configureOutput({ writeErr: () => {} })
        .helpOption(false),
    );
    try {
      command.parse([`--${text}`], { from: 'user' });
      return text;
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      return /\n\(Did you mean (?:one of )?--([^,?]*).*\?\)$/.exec(error.message)?.[1];
    }
  };
}
