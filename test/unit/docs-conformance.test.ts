import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CHECKS } from '../../conformance/all-checks.ts';
import { linkTo } from '../../conformance/report.ts';
import { PROTOCOL_PAGE } from '../support/protocol-page.ts';

const page = readFileSync(new URL('../../docs/CONFORMANCE.md', import.meta.url), 'utf8');

it('the page lists every promise, in order', () => {
  const rows = CHECKS.map(({ name, promise, section }) => {
    const link = `[${section}](${linkTo(section).replace('docs/', '')})`;
    return `| \`${name}\` | ${promise} | ${link} |`;
  });
  const listed = page.split('\n').filter((line) => /\]\(PROTOCOL\.md#[^)]*\) \|$/.test(line));
  expect(listed).toEqual(rows);
});

it('every promise is asked for by a heading of the protocol', () => {
  const headings = [...PROTOCOL_PAGE.matchAll(/^#{2,3} (.*)$/gm)].map(([, heading]) => heading);
  for (const { name, section } of CHECKS) expect(headings, name).toContain(section);
});

it('names are unique', () => {
  expect(new Set(CHECKS.map(({ name }) => name)).size).toBe(CHECKS.length);
});

it('the page names every command that the kit gives', () => {
  const client = readFileSync(new URL('../../conformance/client.ts', import.meta.url), 'utf8');
  const given = new Set([...client.matchAll(/\.call\('(\w+)'/g)].map(([, name = '']) => name));
  expect(given.size).toBeGreaterThan(10);
  for (const name of given) expect(page).toContain(`| \`${name}\` |`);
});
