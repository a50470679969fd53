import { describe, expect, it } from 'vitest';
import { jsonErrorPosition } from '../../src/config/json-error.ts';
import { CONFIG_KEYS, environmentName, keyOfEnvironmentName } from '../../src/config/keys.ts';
import { loadConfig } from '../../src/config/load.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { fc } from '../../testkit/fast-check.ts';
import { ConfigFolder } from '../support/folders.ts';

/** A variable's key by the documented rule. */
function keyOfVariable(variable: string): string {
  const [section = '', first = '', ...rest] = variable
    .replace(/^TICKWIRE_/, '')
    .toLowerCase()
    .split('_');
  const capitalized = rest.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1));
  return `${section}.${first}${capitalized.join('')}`;
}

describe('the environment variable of a key', () => {
  const section = fc.stringMatching(/^[a-z]{1,12}$/);
  const name = fc.stringMatching(/^[a-z][a-z0-9]{0,5}([A-Z][a-z0-9]{0,5}){0,4}$/);

  it('tells the key, for any key of the form that we use', () => {
    fc.assert(
      fc.property(section, name, (first, second) => {
        const variable = environmentName(`${first}.${second}`);
        expect(variable).toMatch(/^TICKWIRE_[A-Z0-9_]+$/);
        expect(keyOfVariable(variable)).toBe(`${first}.${second}`);
      }),
    );
  });

  it('is its own for every key there is, which is of that form', () => {
    for (const key of CONFIG_KEYS) {
      expect(key.path).toMatch(/^[a-z]+\.[a-z][a-z0-9]*([A-Z][a-z0-9]*)*$/);
      expect(keyOfEnvironmentName(key.environmentName)).toBe(key);
      expect(keyOfVariable(key.environmentName)).toBe(key.path);
    }
    expect(new Set(CONFIG_KEYS.map((key) => key.environmentName)).size).toBe(CONFIG_KEYS.length);
  });
});

describe('a value', () => {
  /** Texts of the form that the key's description promises. */
  function textOf(expected: string): RegExp {
    if (/nats:/.test(expected)) return /^(nats|tls):\/\/[a-z0-9.]{1,12}(:[0-9]{2,4})?$/;
    if (/9092/.test(expected)) return /^[a-z0-9.]{1,12}:[0-9]{2,4}$/;
    if (/topics?:? /.test(expected)) return /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,49}$/;
    if (/JSON pointer/.test(expected)) return /^(\/[a-z0-9_]{1,9}){1,3}$/;
    if (/name=value/.test(expected)) return /^[a-z][a-z-]{0,8}=[a-zA-Z0-9]{1,20}$/;
    if (/https/.test(expected)) return /^https:\/\/[a-z0-9]{1,12}(:[0-9]{2,4})?$/;
    if (/host name/.test(expected)) return /^[a-z0-9][a-z0-9.-]{0,20}$/;
    if (/0-9 _ -/.test(expected)) return /^[a-z0-9_][a-z0-9_-]{0,31}$/;
    if (/32 characters/.test(expected)) return /^[a-z0-9][a-z0-9.:-]{31,63}$/;
    return /^[a-z0-9][a-z0-9.:-]{0,20}$/;
  }

  /** Valid values by the key's description. */
  function valuesOf({ defaultValue, facts }: (typeof CONFIG_KEYS)[number]) {
    const range = /^(an integer|a power of two|a number) from (\d+) to (\d+)$/.exec(facts.expected);
    const words = /^one of (.*)$/.exec(facts.expected);
    if (words !== null) return fc.constantFrom(...(words[1] ?? '').split(', '));
    if (range === null) {
      return typeof defaultValue === 'number'
        ? fc.double({ min: 0, minExcluded: true, noNaN: true, noDefaultInfinity: true })
        : fc.stringMatching(textOf(facts.expected));
    }
    const [min, max] = [Number(range[2]), Number(range[3])];
    if (range[1] === 'a number') return fc.double({ min, max, noNaN: true });
    return range[1] === 'an integer'
      ? fc.integer({ min, max })
      : fc.integer({ min: Math.log2(min), max: Math.log2(max) }).map((exponent) => 2 ** exponent);
  }

  it('means the same in the file, in the environment and as a flag', () => {
    using folder = new ConfigFolder();
    const keyAndValue = fc
      .constantFrom(...CONFIG_KEYS)
      .chain((key) => valuesOf(key).map((value) => ({ key, value })));
    fc.assert(
      fc.property(keyAndValue, ({ key, value }) => {
        const sections = { [key.section]: { [key.name]: value } };
        folder.write('x.json', sections);
        const load = (argv: string[], env: Record<string, string>) =>
          loadConfig({ argv, env, cwd: folder.path }).config;
        const expected = parseConfig(sections);
        expect(load(['--config=x.json'], {})).toEqual(expected);
        expect(load([], { [key.environmentName]: String(value) })).toEqual(expected);
        expect(load([`--${key.path}=${value}`], {})).toEqual(expected);
        expect(load([`--${key.path}`, String(value)], {})).toEqual(expected);
      }),
    );
  });
});

describe('the place of a JSON fault', () => {
  const parses = (text: string) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };

  it('is found in just those texts that JSON.parse refuses', () => {
    const damaged = fc
      .tuple(fc.json({ maxDepth: 3 }), fc.nat(), fc.nat(2), fc.string({ maxLength: 2 }))
      .map(([json, at, removed, inserted]) => {
        const index = at % (json.length + 1);
        return json.slice(0, index) + inserted + json.slice(index + removed);
      });
    const soup = fc
      .array(
        fc.constantFrom(...'{}[],:"\\ \n\t0-1.eE+u', 'true', 'null', '"a"', '\\u00e9', '\u0001'),
      )
      .map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(fc.oneof(damaged, soup, fc.json()), (text) => {
        expect(jsonErrorPosition(text) === undefined).toBe(parses(text));
      }),
      { numRuns: 700 },
    );
  });

  it('is where a good document was cut, or the start of the piece cut through', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (numbers) => {
        const text = JSON.stringify(numbers);
        expect(jsonErrorPosition(text.slice(0, -1))).toBe(`line 1, column ${text.length}`);
      }),
    );
  });
});
