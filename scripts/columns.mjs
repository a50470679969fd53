#!/usr/bin/env node
/**
 * Lists lines wider than 100 columns in code, comments and docs. Exempt: rows of Markdown tables,
 * and lines whose end is one unbroken word, such as an address.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const COLUMNS_MAX = 100;
const KINDS = /\.(ts|tsx|mjs|css|html|md)$/;
/** Generated. */
const GENERATED = 'docs/LICENSES.md';
/** One word, perhaps behind a short one such as a comment's `*` or a list's `-`. */
const ONE_WORD = /^\s*(?:\S{1,12} )?\S+$/;

const only = process.argv.slice(2);
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...only], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => KINDS.test(file) && file !== GENERATED);

let found = 0;
for (const file of files) {
  if (!existsSync(file)) continue;
  readFileSync(file, 'utf8')
    .split('\n')
    .forEach((line, index) => {
      const width = [...line].length;
      if (width <= COLUMNS_MAX) return;
      if (file.endsWith('.md') && line.trimStart().startsWith('|')) return;
      if (ONE_WORD.test(line)) return;
      found++;
      console.log(`${file}:${index + 1}: ${width} columns`);
    });
}
if (found > 0) {
  console.log(`${found} lines are wider than ${COLUMNS_MAX} columns`);
  process.exitCode = 1;
}
