import { SUGGESTIONS_MAX, suggestion } from './closest-name.ts';
import { ENVIRONMENT_PREFIX, environmentName } from './environment-name.ts';
import { CONFIG_KEYS, keyOfEnvironmentName } from './keys.ts';
import { type Setting, type Settings, valueOfText } from './settings.ts';
import { cutShort } from './shown.ts';

/** The variable that names the configuration file. */
export const CONFIG_FILE_VARIABLE = 'TICKWIRE_CONFIG';

// Not settings: the file's own name, recorded ticks and feeds for tests and benchmarks, the address and the token of clients.
const OTHER_VARIABLES: ReadonlySet<string> = new Set([
  CONFIG_FILE_VARIABLE,
  'TICKWIRE_FEEDS',
  'TICKWIRE_TICKS',
  'TICKWIRE_TOKEN',
  'TICKWIRE_URL',
]);

const CANDIDATES = [
  ...CONFIG_KEYS.map((key) => ({
    name: key.environmentName,
    spellings: [key.environmentName, environmentName(key.name)],
  })),
  ...[...OTHER_VARIABLES].map((name) => ({ name, spellings: [name] })),
];

/** An environment, as `process.env` is one. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings in the variables that start with TICKWIRE_; an unknown one of these is a fault. */
export function readEnvironment(environment: Environment): Settings {
  const settings: Setting[] = [];
  const faults: string[] = [];
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || !name.startsWith(ENVIRONMENT_PREFIX)) continue;
    if (OTHER_VARIABLES.has(name)) continue;
    const key = keyOfEnvironmentName(name);
    if (key === undefined) {
      const meant = faults.length < SUGGESTIONS_MAX ? suggestion([name], CANDIDATES) : '';
      faults.push(`${cutShort(name)}: unknown variable${meant}`);
    } else settings.push({ key, value: valueOfText(key, text), source: name, place: name });
  }
  return { settings, faults };
}
