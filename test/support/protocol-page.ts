import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

/** The text of docs/PROTOCOL.md. */
export const PROTOCOL_PAGE = readFileSync(
  new URL('../../docs/PROTOCOL.md', import.meta.url),
  'utf8',
);

/** The rows of the page's table whose header starts with these cells, without back-quotes. */
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

/** A frame that the page shows, as JSON, and who sends it. */
export interface PageFrame {
  readonly sender: 'server' | 'publisher' | 'subscriber';
  readonly json: string;
}

/** The page's examples: the frames of each of its blocks. An indented line continues a frame. */
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
