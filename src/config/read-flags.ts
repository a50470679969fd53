import { parseArgs } from 'node:util';
import { SUGGESTIONS_MAX, suggestion } from './closest-name.ts';
import { CONFIG_KEYS, keyAt } from './keys.ts';
import { type Setting, type Settings, valueOfText } from './settings.ts';
import { cutShort, shown } from './shown.ts';

/** The flags that are not settings. */
const SWITCHES = ['help', 'version', 'print-config'] as const;
type Switch = (typeof SWITCHES)[number];

/** What the command line says. */
export interface Flags extends Settings {
  readonly switches: ReadonlySet<Switch>;
  /** The value of `--config`. */
  readonly configFile: string | undefined;
}

const OPTIONS = {
  config: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  'print-config': { type: 'boolean' },
  ...Object.fromEntries(CONFIG_KEYS.map(({ path }) => [path, { type: 'string' } as const])),
} as const;

const CANDIDATES = [
  ...CONFIG_KEYS.map(({ path, name }) => ({ name: `--${path}`, spellings: [path, name] })),
  ...['config', ...SWITCHES].map((name) => ({ name: `--${name}`, spellings: [name] })),
];

function isSwitch(name: string): name is Switch {
  return (SWITCHES as readonly string[]).includes(name);
}

function isSecret(name: string): boolean {
  return keyAt(name)?.facts.isSecret === true;
}

interface Option {
  readonly name: string;
  /** The name with its dashes, as it was written. */
  readonly rawName: string;
  readonly value: string | undefined;
  /** Whether the value was written with `=`. */
  readonly inline: boolean;
}

/** The options of a command line; whatever else is on it becomes a fault. */
function optionsIn(argv: readonly string[], faults: string[]): Option[] {
  const options: Option[] = [];
  // Not strict, because a strict parse stops at the first fault.
  const { tokens } = parseArgs({
    args: [...argv],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  let afterUnknown = false;
  let afterSecret = false;
  for (const token of tokens) {
    if (token.kind === 'option') {
      const { name, rawName, value } = token;
      const inline = token.inlineValue === true;
      options.push({ name, rawName, value, inline });
      afterUnknown = !Object.hasOwn(OPTIONS, name) && !inline;
      afterSecret = isSecret(name);
    } else {
      // What follows an unknown flag is most likely its value: one fault is enough.
      if (token.kind === 'positional' && !afterUnknown) {
        // It may be the rest of a secret with a space in it.
        const argument = afterSecret ? 'after the value of a secret' : shown(token.value);
        faults.push(`unexpected argument ${argument}: every setting is a flag`);
      }
      afterUnknown = false;
    }
  }
  return options;
}

/**
 * Reads a command line without the program itself: `--section.key=value`, `--section.key value`,
 * `--config FILE` and the switches. Of a flag given twice, the later counts.
 */
export function readFlags(argv: readonly string[]): Flags {
  const settings: Setting[] = [];
  const faults: string[] = [];
  const switches = new Set<Switch>();
  let configFile: string | undefined;
  for (const { name, rawName, value, inline } of optionsIn(argv, faults)) {
    const key = keyAt(name);
    if (isSwitch(name)) {
      if (value === undefined) switches.add(name);
      else faults.push(`${rawName}: takes no value, got ${shown(value)}`);
    } else if (key === undefined && name !== 'config') {
      faults.push(
        `${cutShort(rawName)}: unknown flag${faults.length < SUGGESTIONS_MAX ? suggestion([name], CANDIDATES) : ''}`,
      );
    } else if (value === undefined || (!inline && value.startsWith('--'))) {
      // A secret that begins with dashes looks like one, too.
      const flag = isSecret(name) ? 'another flag' : `the flag ${cutShort(value ?? '')}`;
      const got = value === undefined ? 'nothing' : flag;
      faults.push(`${rawName}: expected ${key?.facts.expected ?? 'a file'}, got ${got}`);
    } else if (key === undefined) {
      configFile = value;
    } else {
      settings.push({ key, value: valueOfText(key, value), source: rawName, place: rawName });
    }
  }
  return { settings, faults, switches, configFile };
}
