import { readCommandLine } from '../../src/config/command-line.ts';
import { CONFIG_KEYS } from '../../src/config/keys.ts';
import type { Random } from '../../testkit/random.ts';
import { type Target, Violation } from '../engine/target.ts';
import { anyText } from '../generate/values.ts';
import { ScratchFile } from './scratch-file.ts';

const MESSAGE_CHARACTERS_MAX = 200_000;
/** As many as a command line of some length has. */
const WORDS_MAX = 200;

/**
 * Flags and variables: one word a line, of which those like NAME=value in upper case are variables.
 */
export function configWords(): Target {
  const file = new ScratchFile('tickwire.config.json');
  return {
    name: 'config-words',
    covers: [
      'config/flags',
      'config/load',
      'config/keys',
      'config/command-line',
      'config/faults',
      'config/parse-config',
    ],
    inputBytesMax: 32_768,
    dictionary: [
      '--',
      '\n',
      '=',
      '--config',
      '--help',
      '--print-config',
      ...CONFIG_KEYS.flatMap(({ path, environmentName }) => [`--${path}`, `${environmentName}=`]),
    ],
    seeds: () => [
      Buffer.from('--server.port=1\n--log.level\ninfo\nTICKWIRE_SERVER_HOST=::1\n--print-config'),
    ],
    generate: (random) =>
      Buffer.from(Array.from({ length: random.below(6) }, () => word(random)).join('\n')),
    execute: (bytes) => {
      const words = Buffer.from(bytes).toString('utf8').split('\n').slice(0, WORDS_MAX);
      const variables = words.filter((each) => /^[A-Z_]+=/.test(each));
      const flags = words.filter((each) => !variables.includes(each));
      // Files that are named are not opened: only what is in the folder.
      const argv = flags.filter((each) => !/^-*config/.test(each));
      const env = Object.fromEntries(
        variables.filter((each) => !each.startsWith('TICKWIRE_CONFIG=')).map((each) => split(each)),
      );
      const command = readCommandLine(argv, env, file.path);
      if (command.kind !== 'fail') return;
      const { length } = command.message;
      if (length > MESSAGE_CHARACTERS_MAX) throw new Violation(`a message of ${length} characters`);
    },
    close: () => file[Symbol.dispose](),
  };
}

function split(variable: string): [name: string, value: string] {
  const at = variable.indexOf('=');
  return [variable.slice(0, at), variable.slice(at + 1)];
}

function word(random: Random): string {
  const { path, environmentName, defaultValue } = random.pick(CONFIG_KEYS);
  const value = random.chance(0.5) ? String(defaultValue) : anyText(random);
  const name = random.chance(0.8) ? path : anyText(random);
  return random.pick([
    `--${name}=${value}`,
    `--${name}\n${value}`,
    `${environmentName}=${value}`,
    value,
  ]);
}
