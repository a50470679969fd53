import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { jsonErrorPosition } from './json-fault.ts';
import { readObject } from './read-object.ts';
import type { Settings } from './settings.ts';

/** The file that is read when none is named and the working directory holds it. */
const DEFAULT_CONFIG_FILE = 'tickwire.config.json';

/** A configuration file: its name as it was given, and by what, in words. */
export interface NamedFile {
  readonly name: string;
  readonly namedBy: string;
}

function refusal(fault: string): Settings {
  return { settings: [], faults: [fault] };
}

/** The settings in the named file, or else in `tickwire.config.json` where there is one. */
export function readConfigFile(directory: string, named: NamedFile | undefined): Settings {
  const name = named?.name ?? DEFAULT_CONFIG_FILE;
  let text: string;
  try {
    text = readFileSync(resolve(directory, name), 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    if (named === undefined && code === 'ENOENT') return { settings: [], faults: [] };
    const namedBy = named === undefined ? '' : `${named.namedBy}: `;
    const reason = code === 'ENOENT' ? 'no such file' : code;
    return refusal(`${namedBy}cannot read ${name}: ${reason}`);
  }
  // Editors on Windows begin a file with a byte order mark.
  const json = text.replace(/^\uFEFF/, '');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return refusal(`${name}: not JSON at ${jsonErrorPosition(json)}`);
  }
  return readObject(value, name);
}
