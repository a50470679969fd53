import type { Feed, FeedState } from '../feed.ts';

const BOLD = '1';
const GREEN = '32';
const RED = '31';
const YELLOW = '33';
const DIM = '2';

const COLUMNS = [
  { title: 'feed', width: 20, isLeft: true },
  { title: 'venue', width: 18, isLeft: true },
  { title: 'state', width: 12, isLeft: true },
  { title: 'symbols', width: 11 },
  { title: 'trades/s', width: 9 },
  { title: 'trades', width: 13 },
  { title: 'lag', width: 8 },
  { title: 'missed', width: 8 },
  { title: 'repeats', width: 8 },
  { title: 'reconnects', width: 10 },
] as const;

const COLORS: Partial<Record<FeedState, string>> = {
  live: GREEN,
  failed: RED,
  refused: RED,
  reconnecting: YELLOW,
  stale: YELLOW,
  paused: YELLOW,
};

/** Trades a second of each feed, between two showings. */
export class FeedRates {
  readonly #before = new Map<Feed, { readonly trades: number; readonly at: number }>();

  read(feed: Feed): number {
    const trades = feed.counts.trades.published;
    const at = performance.now();
    const before = this.#before.get(feed);
    this.#before.set(feed, { trades, at });
    if (before === undefined || at === before.at) return 0;
    return ((trades - before.trades) * 1000) / (at - before.at);
  }
}

/** What a table shows, and where. */
export interface FeedTableView {
  readonly feeds: readonly Feed[];
  readonly rates: FeedRates;
  /** The server's URL. */
  readonly server: string;
  /** The newest lines of the log, oldest first; shown below, as far as they fit. */
  readonly messages: readonly string[];
  /** Characters a line. */
  readonly width: number;
  /** Lines. */
  readonly height: number;
}

/** The lines of a live table. */
export function feedTable(view: FeedTableView): string[] {
  const { feeds, rates, server, messages, width, height } = view;
  const connected = feeds.filter(({ hasServer }) => hasServer).length;
  const sessions = `${connected} of ${feeds.length} connected to it`;
  const head = `Tickwire feeds → ${server}   ${sessions}`;
  const dashboard = `dashboard: ${new URL('/', server.replace(/^ws/, 'http')).href}`;
  const table = [
    paint(BOLD, clip(head, width)),
    clip(dashboard, width),
    '',
    paint(DIM, clip(row(COLUMNS.map(({ title }) => title)), width)),
    ...feeds.map((feed) => paintState(clip(row(cellsOf(feed, rates)), width), feed.state)),
    '',
  ];
  const room = Math.max(0, height - table.length);
  const shown = messages.slice(Math.max(0, messages.length - room));
  return [...table, ...shown.map((line) => clip(line, width))];
}

function cellsOf(feed: Feed, rates: FeedRates): string[] {
  const { counts, settings, state } = feed;
  const reconnects = Object.values(counts.reconnects).reduce((sum, count) => sum + count, 0);
  return [
    settings.name,
    settings.venue.id,
    state,
    `${feed.subscriptions().active}/${settings.symbols.length}`,
    rates.read(feed).toFixed(0),
    counts.trades.published.toLocaleString('en-US'),
    counts.lagMs === undefined ? '–' : age(counts.lagMs),
    String(counts.missed),
    String(counts.trades.duplicate),
    String(reconnects),
  ];
}

function row(cells: readonly string[]): string {
  return COLUMNS.map((column, at) => {
    const text = clip(cells[at] ?? '', column.width);
    return 'isLeft' in column ? text.padEnd(column.width) : text.padStart(column.width);
  }).join(' ');
}

function paintState(line: string, state: FeedState): string {
  const color = COLORS[state];
  return color === undefined ? line : line.replace(` ${state} `, ` ${paint(color, state)} `);
}

function paint(code: string, text: string): string {
  return `\x1b[${code}m${text}\x1b[0m`;
}

function age(ms: number): string {
  if (Math.abs(ms) < 10_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  return seconds < 86_400 ? `${seconds} s` : `${Math.round(seconds / 86_400)} d`;
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
