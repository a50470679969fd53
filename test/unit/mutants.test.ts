import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as z from 'zod';

const ROOT = join(import.meta.dirname, '../..');

const GROUP = z.strictObject({
  file: z.string(),
  tests: z.array(z.string()).min(1),
  /** The tests need the pages bundled anew. */
  build: z.boolean().optional(),
  mutants: z
    .array(
      z.strictObject({
        bug: z.string().min(1),
        find: z.string().min(1),
        replace: z.string(),
        /** Why no test can catch it. */
        survives: z.string().optional(),
      }),
    )
    .min(1),
});
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const groups = z.array(GROUP).parse(JSON.parse(read('test/mutants.json')));

it.each(groups)('the bugs planted in $file fit its text, and their tests exist', (group) => {
  for (const test of group.tests) expect(existsSync(join(ROOT, test)), test).toBe(true);
  const text = read(group.file);
  for (const { find, replace } of group.mutants) {
    expect(text.split(find).length - 1, find).toBe(1);
    expect(replace).not.toBe(find);
  }
});

it('no file is listed twice', () => {
  expect(groups.length).toBe(new Set(groups.map(({ file }) => file)).size);
});
