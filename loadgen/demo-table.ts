import type { Anomaly, SymbolStatistics } from '../client-sdk/src/index.ts';

/** What the demo shows at one moment. */
export interface DemoView {
  /** Where the server answers HTTP. */
  readonly url: string;
  readonly ticksPerSecond: number;
  readonly symbols: readonly SymbolStatistics[];
  /** Newest first. */
  readonly anomalies: readonly Anomaly[];
  /** Whether the mirror equalled the server's state when last verified; undefined before that. */
  readonly isInSync: boolean | undefined;
  /** Ms since the epoch. */
  readonly now: number;
}

const ROWS = 12;
const ANOMALY_ROWS = 5;
const PLAIN_PERCENT_MAX = 1e6;

/** A column of the table. */
interface Column {
  readonly title: string;
  readonly width: number;
  readonly isLeft: boolean;
  /** A terminal too narrow for all columns does without those of the highest rank. */
  readonly rank: number;
  readonly cell: (row: Row) => string;
}

interface Row {
  readonly statistics: SymbolStatistics;
  readonly anomaly: Anomaly | undefined;
  readonly now: number;
}

const NUMBER = { width: 12, isLeft: false };
const COLUMNS: readonly Column[] = [
  {
    title: 'SYMBOL',
    width: 10,
    isLeft: true,
    rank: 0,
    cell: ({ statistics }) => clip(statistics.symbol, 10),
  },
  { title: 'PRICE', ...NUMBER, rank: 1, cell: ({ statistics }) => price(statistics.currentPrice) },
  {
    title: 'AVERAGE',
    ...NUMBER,
    rank: 3,
    cell: ({ statistics }) => price(statistics.movingAverage),
  },
  { title: 'MIN', ...NUMBER, rank: 6, cell: ({ statistics }) => price(statistics.minPrice) },
  { title: 'MAX', ...NUMBER, rank: 7, cell: ({ statistics }) => price(statistics.maxPrice) },
  {
    title: 'COUNT',
    width: 9,
    isLeft: false,
    rank: 4,
    cell: ({ statistics }) => count(statistics.updateCount),
  },
  {
    title: 'AGE',
    width: 8,
    isLeft: false,
    rank: 5,
    cell: ({ statistics, now }) => age(now - statistics.lastUpdateTime),
  },
  {
    title: 'LATEST ANOMALY',
    width: 24,
    isLeft: true,
    rank: 2,
    cell: ({ anomaly, now }) => (anomaly === undefined ? '' : move(anomaly, now)),
  },
];
const GAP = '  ';

const BOLD = '1';
const DIM = '2';
const RED = '31';
const GREEN = '32';

/**
 * The demo's screen as lines of at most `width` characters: the busiest symbols, the latest
 * anomalies, what to try.
 */
export function demoLines(view: DemoView, hasColour: boolean, width = Infinity): string[] {
  const paint = (code: string, text: string) =>
    hasColour && text !== '' ? `\x1b[${code}m${text}\x1b[0m` : text;
  const columns = fittingColumns(width);
  const busiest = [...view.symbols].sort((a, b) => b.updateCount - a.updateCount).slice(0, ROWS);
  const title = clip('Tickwire demo', width);
  const rest = `  ${view.url}  ${summary(view)}  ${syncMark(view.isInSync)}`;
  return [
    paint(BOLD, title) + clip(rest, width - title.length),
    '',
    paint(DIM, clip(line(columns, ({ title }) => title).trimEnd(), width)),
    ...busiest.map((statistics) => {
      const anomaly = view.anomalies.find((one) => one.symbol === statistics.symbol);
      const row = { statistics, anomaly, now: view.now };
      const text = clip(line(columns, ({ cell }) => cell(row)).trimEnd(), width);
      return paintMove(text, anomaly, paint);
    }),
    '',
    paint(DIM, clip('LATEST ANOMALIES', width)),
    ...latestBySymbol(view.anomalies).map((anomaly) => {
      const from = `${price(anomaly.referencePrice)} → ${price(anomaly.newPrice)}`;
      const symbol = clip(anomaly.symbol, 10).padEnd(10);
      const text = [symbol, from, move(anomaly, view.now)].join(GAP);
      return paintMove(clip(text, width), anomaly, paint);
    }),
    '',
    ...suggestions(view.url, busiest[0]?.symbol ?? 'BTC-USD').map((text) => clip(text, width)),
    clip('Ctrl-C stops all of it.', width),
  ];
}

/** Those of the lowest ranks that fit, in their places; always the first. */
function fittingColumns(width: number): readonly Column[] {
  const chosen: Column[] = [];
  let used = -GAP.length;
  for (const column of COLUMNS.toSorted((a, b) => a.rank - b.rank)) {
    used += GAP.length + column.width;
    if (used > width && chosen.length > 0) break;
    chosen.push(column);
  }
  return COLUMNS.filter((column) => chosen.includes(column));
}

function line(columns: readonly Column[], textOf: (column: Column) => string): string {
  return columns
    .map((column) => {
      const text = textOf(column);
      return column.isLeft ? text.padEnd(column.width) : text.padStart(column.width);
    })
    .join(GAP);
}

/** Gives the arrow and what follows it the colour of its direction. */
function paintMove(
  text: string,
  anomaly: Anomaly | undefined,
  paint: (code: string, text: string) => string,
): string {
  const at = text.search(/[▲▼]/u);
  if (anomaly === undefined || at < 0) return text;
  const end = text.indexOf('%', at) + 1 || text.length;
  const code = anomaly.direction === 1 ? GREEN : RED;
  return text.slice(0, at) + paint(code, text.slice(at, end)) + text.slice(end);
}

function clip(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text;
  return `${characters.slice(0, Math.max(0, width - 1)).join('')}…`.slice(0, Math.max(0, width));
}

/** A jump raises an anomaly with each tick for a second: one line a symbol says it all. */
function latestBySymbol(anomalies: readonly Anomaly[]): readonly Anomaly[] {
  const latest = new Map<string, Anomaly>();
  for (const anomaly of anomalies) {
    if (!latest.has(anomaly.symbol)) latest.set(anomaly.symbol, anomaly);
  }
  return [...latest.values()].slice(0, ANOMALY_ROWS);
}

function summary({ ticksPerSecond, symbols }: DemoView): string {
  const rate = Math.round(ticksPerSecond).toLocaleString('en-US');
  return `${rate} ticks/s  ${symbols.length} symbols`;
}

function syncMark(isInSync: boolean | undefined): string {
  if (isInSync === undefined) return '';
  return isInSync ? '✓ verified in sync' : '✗ OUT OF SYNC';
}

function move({ direction, changePercent, timestamp }: Anomaly, now: number): string {
  const arrow = direction === 1 ? '▲' : '▼';
  const percent = Math.abs(changePercent);
  const change = percent < PLAIN_PERCENT_MAX ? percent.toFixed(2) : percent.toExponential(2);
  return `${arrow} ${change} % ${age(now - timestamp)} ago`;
}

function suggestions(url: string, symbol: string): string[] {
  return [
    'Try, in another terminal:',
    `  curl -s ${url}/api/prices/${symbol}`,
    `  curl -s ${url}/api/prices/${symbol}/anomalies`,
    `  curl -s ${url}/api/statistics`,
    `  curl -s ${url}/metrics`,
  ];
}

/** Six digits in at most 12 characters, whatever the price: 64,250.5, 7.12000e-6. */
function price(value: number): string {
  const plain = value.toLocaleString('en-US', {
    minimumSignificantDigits: 6,
    maximumSignificantDigits: 6,
  });
  return plain.length <= NUMBER.width ? plain : value.toExponential(5);
}

/** At most 9 characters. */
function count(value: number): string {
  const plain = value.toLocaleString('en-US');
  return plain.length <= 9 ? plain : value.toExponential(3);
}

function age(ms: number): string {
  return ms < 1000 ? `${Math.max(0, Math.round(ms))} ms` : `${Math.round(ms / 1000)} s`;
}
