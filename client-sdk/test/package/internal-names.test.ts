import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { asyncApiDocument } from '../../../src/http/api-docs/asyncapi-document.ts';
import { openApiDocument } from '../../../src/http/api-docs/openapi-document.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const SDK = join(ROOT, 'client-sdk');
const COMPILERS = join(ROOT, 'node_modules/@typescript');

const INTERNAL_NAMES: readonly string[] = JSON.parse(
  readFileSync(join(ROOT, 'scripts/internal-names.json'), 'utf8'),
);

/** The text of all files of a folder with this ending, without comments. */
function textOf(folder: string, ending: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const texts = files
    .filter((file) => file.endsWith(ending))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  return texts.join('\n').replace(/^\s*(\/\*\*[\s\S]*?\*\/|\/\/.*)$/gm, '');
}

/** The names of the list that a text has as members or keys. */
function used(text: string): string[] {
  const members = text.matchAll(/(?:\.|(?:^|[{,;])\s*(?:(?:readonly|get|set|async) )?)(\w+)/gm);
  const names = new Set([...members].map(([, name]) => name));
  return INTERNAL_NAMES.filter((name) => names.has(name));
}

// That they are no public names: documented.test.ts.
test('internal names are in the sources, and shortened in all builds', () => {
  expect(used(textOf(join(SDK, 'src'), '.ts'))).toEqual(INTERNAL_NAMES);
  const built = textOf(join(SDK, 'dist'), '.js').match(/(?<=\.)\w+/g);
  expect(built).toContain('bufferedAmount');
  expect(INTERNAL_NAMES.filter((name) => built?.includes(name))).toEqual([]);
});

test('are no keys on the wire or in answers over HTTP', () => {
  const text = JSON.stringify([asyncApiDocument('0.0.0'), openApiDocument('0.0.0')]);
  expect(text).toContain('"heartbeatMs":');
  expect(INTERNAL_NAMES.filter((name) => text.includes(`"${name}"`))).toEqual([]);
});

test('are no members of what browsers have', () => {
  const platform = textOf(COMPILERS, '/lib.dom.d.ts');
  expect(platform).toContain('bufferedAmount');
  expect(used(platform)).toEqual([]);
});
