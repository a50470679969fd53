import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ABILITIES } from '../../src/gateway/transport/abilities.ts';

it('docs/PROXIES.md lists the abilities of each transport', () => {
  const page = readFileSync(new URL('../../docs/PROXIES.md', import.meta.url), 'utf8');
  const section = page.slice(page.indexOf('\n## Unusual requests\n'));
  const rows = section.split('\n').filter((line) => line.startsWith('| '));
  const expected = Object.values(ABILITIES).map(({ request, outcomes }) => {
    const cells = [request, outcomes.node, outcomes['uws 20.57'], outcomes['uws 20.30']];
    return `| ${cells.join(' | ')} |`;
  });
  expect(rows.slice(1)).toEqual(expected);
});
