import { ConfigError } from '../../src/config/faults.ts';
import { CONFIG_KEYS } from '../../src/config/keys.ts';
import { readConfigFile } from '../../src/config/load.ts';
import { resolveConfig } from '../../src/config/parse-config.ts';
import { type Target, Violation } from '../engine/target.ts';
import { anyText, anyValue, jsonOf } from '../generate/values.ts';
import { ScratchFile } from './scratch-file.ts';

const NAME = 'fuzz.json';
const MESSAGE_CHARACTERS_MAX = 100_000;

/** A configuration file, up to the configuration or the message that refuses it. */
export function configFiles(): Target {
  const file = new ScratchFile(NAME);
  return {
    name: 'config-files',
    covers: ['config/load', 'config/json-error', 'config/parse-config', 'config/faults'],
    dictionary: [
      '{',
      '}',
      '[',
      ']',
      '":',
      '\ufeff',
      '\\u0000',
      'null',
      '1e9',
      ...CONFIG_KEYS.map(({ name }) => `"${name}":`),
    ],
    seeds: () =>
      ['{"server":{"port":9001,"host":"::1"},"log":{"level":"info"}}', '[1,\n"a\\u00e9"]'].map(
        (text) => Buffer.from(text),
      ),
    generate: (random) => {
      const sections: Record<string, Record<string, unknown>> = {};
      for (let count = random.below(5); count > 0; count--) {
        const { section, name, defaultValue } = random.pick(CONFIG_KEYS);
        sections[random.chance(0.9) ? section : anyText(random)] = {
          [random.chance(0.9) ? name : anyText(random)]: random.chance(0.6)
            ? defaultValue
            : anyValue(random, 2),
        };
      }
      return Buffer.from(jsonOf(sections));
    },
    execute: (bytes) => {
      file.write(bytes);
      const settings = readConfigFile(file.path, { name: NAME, namedBy: '--config' });
      if (settings.faults.some((fault) => fault.includes('JSON at undefined'))) {
        throw new Violation('refused as JSON, and no fault was found');
      }
      try {
        resolveConfig([settings]);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        const { length } = error.message;
        if (length > MESSAGE_CHARACTERS_MAX)
          throw new Violation(`a message of ${length} characters`);
      }
    },
    close: () => file[Symbol.dispose](),
  };
}
