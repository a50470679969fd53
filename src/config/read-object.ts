import { SUGGESTIONS_MAX, suggestion } from './closest-name.ts';
import { CONFIG_KEYS, CONFIG_SECTIONS, keyAt } from './keys.ts';
import type { Setting, Settings } from './settings.ts';
import { cutShort, shown } from './shown.ts';

const CANDIDATES = CONFIG_KEYS.map(({ path, name }) => ({ name: path, spellings: [path, name] }));
const SECTION_CANDIDATES = CONFIG_SECTIONS.map((name) => ({ name, spellings: [name] }));

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknownKey(section: string, name: string, isSuggested: boolean): string {
  const path = `${section}.${name}`;
  const meant = isSuggested ? suggestion([path, name], CANDIDATES) : '';
  return `unknown key ${cutShort(path)}${meant}`;
}

function unknownSection(name: string, isSuggested: boolean): string {
  const key = keyAt(name);
  if (key !== undefined) {
    return `unknown key ${shown(name)} (write it as {"${key.section}": {"${key.name}": …}})`;
  }
  const meant = isSuggested ? suggestion([name], [...SECTION_CANDIDATES, ...CANDIDATES]) : '';
  return `unknown key ${cutShort(name)}${meant}`;
}

/** Faults that are told of one object. */
const FAULTS_MAX = 100;

/**
 * The settings in an object of sections, as a file or a program gives it. Undefined values count as
 * absent.
 *
 * @param source where the object came from; its faults begin with it, unless it is empty
 */
export function readObject(object: unknown, source: string): Settings {
  const settings: Setting[] = [];
  const faults: string[] = [];
  const place = source === '' ? '' : `${source}: `;
  if (!isObject(object)) {
    return { settings, faults: [`${place}expected an object of sections, got ${shown(object)}`] };
  }
  for (const [section, values] of Object.entries(object)) {
    if (faults.length >= FAULTS_MAX) break;
    if (values === undefined) continue;
    if (!CONFIG_SECTIONS.includes(section)) {
      faults.push(place + unknownSection(section, faults.length < SUGGESTIONS_MAX));
    } else if (!isObject(values)) {
      faults.push(`${place}${section}: expected an object of keys, got ${shown(values)}`);
    } else {
      for (const [name, value] of Object.entries(values)) {
        if (value === undefined || faults.length >= FAULTS_MAX) continue;
        const key = keyAt(`${section}.${name}`);
        if (key === undefined) {
          faults.push(place + unknownKey(section, name, faults.length < SUGGESTIONS_MAX));
        } else settings.push({ key, value, source, place: place + key.path });
      }
    }
  }
  if (faults.length >= FAULTS_MAX) faults.push(`${place}too many faults: the rest was not read`);
  return { settings, faults };
}
