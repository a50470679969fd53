import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

export const PROTOCOL_PAGE = readFileSync(
  new URL('../../docs/PROTOCOL.md', import.meta.url),
  'utf8',
);

/** Rows of the table with this header, without back-quotes. */
export function protocolTable(...header: readonly string[]): string[][] {
  const lines = PROTOCOL_PAGE.split('\n');
  const head = `| ${header.join(' | ')} |`;
  const start = lines.findIndex((line) => line.replaceAll('`', '').startsWith(head));
  expect(start, `a table ${header.join(', ')}`).toBeGreaterThan(0);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  return lines
    .slice(start + 2, end)
    .map((line) =>
      line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').replaceAll('`', '')),
    );
}

/** A frame shown on the page. */
export interface PageFrame {
  readonly sender: 'server' | 'publisher' | 'subscriber';
  readonly json: string;
}

/** The page's examples, a list of frames a block. */
export const PROTOCOL_EXAMPLES: readonly (readonly PageFrame[])[] = [
  ...PROTOCOL_PAGE.matchAll(/```frames\n(.*?)```/gs),
].map(([, block = '']) =>
  block
    .trim()
    .replaceAll(/\n +/g, ' ')
    .split('\n')
    .map((line) => {
      const [sender = '', json = ''] = line.split(/ (.*)/s);
      expect(['server', 'publisher', 'subscriber']).toContain(sender);
      return { sender: sender as PageFrame['sender'], json };
    }),
);
