#!/usr/bin/env node
/**
 * Lists lines wider than 100 columns in code, comments and docs. Exempt: rows of Markdown tables,
 * and lines whose end is one unbroken word, such as an address.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const COLUMNS_MAX = 100;
const KINDS = /\.(ts|tsx|mjs|css|html|md)$/;
/** Generated, or words of others. */
const NOT_OURS = /^docs\/LICENSES\.md$/;

const only = process.argv.slice(2);
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...only], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => KINDS.test(file) && !NOT_OURS.test(file));

let found = 0;
for (const file of files) {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    continue;
  }
  text.split('\n').forEach((line, index) => {
    const width = [...line].length;
    if (width <= COLUMNS_MAX) return;
    if (file.endsWith('.md') && line.trimStart().startsWith('|')) return;
    if (line.lastIndexOf(' ') < line.search(/\S/) + 12 && line.lastIndexOf(' ') < COLUMNS_MAX)
      return;
    found++;
    console.log(`${file}:${index + 1}: ${width} columns`);
  });
}
if (found > 0) {
  console.log(`${found} lines are wider than ${COLUMNS_MAX} columns`);
  process.exitCode = 1;
}
