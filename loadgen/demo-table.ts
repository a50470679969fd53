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
const COLUMNS = ['SYMBOL', 'PRICE', 'AVERAGE', 'MIN', 'MAX', 'COUNT', 'AGE', 'LATEST ANOMALY'];
const WIDTHS = [10, 12, 12, 12, 12, 9, 8, 24];

const BOLD = '1';
const DIM = '2';
const RED = '31';
const GREEN = '32';

/** The demo's screen as lines: the busiest symbols, the latest anomalies, what to try. */
export function demoLines(view: DemoView, hasColour: boolean): string[] {
  const paint = (code: string, text: string) => (hasColour ? `\x1b[${code}m${text}\x1b[0m` : text);
  const busiest = [...view.symbols].sort((a, b) => b.updateCount - a.updateCount).slice(0, ROWS);
  return [
    `${paint(BOLD, 'Tickwire demo')}  ${view.url}  ${summary(view)}  ${syncMark(view.isInSync)}`,
    '',
    paint(DIM, row(COLUMNS)),
    ...busiest.map((symbol) => {
      const anomaly = view.anomalies.find((one) => one.symbol === symbol.symbol);
      return symbolRow(symbol, view.now) + (anomaly ? move(anomaly, view.now, paint) : '');
    }),
    '',
    paint(DIM, 'LATEST ANOMALIES'),
    ...latestBySymbol(view.anomalies).map((anomaly) => {
      const from = `${price(anomaly.referencePrice)} → ${price(anomaly.newPrice)}`;
      const symbol = anomaly.symbol.padEnd(WIDTHS[0] as number);
      return `${symbol}  ${from}  ${move(anomaly, view.now, paint)}`;
    }),
    '',
    ...suggestions(view.url, busiest[0]?.symbol ?? 'BTC-USD'),
    'Ctrl-C stops all of it.',
  ];
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

function row(cells: readonly string[]): string {
  return cells
    .map((cell, i) => {
      const width = WIDTHS[i] ?? 0;
      return i === 0 || i === COLUMNS.length - 1 ? cell.padEnd(width) : cell.padStart(width);
    })
    .join('  ')
    .trimEnd();
}

function symbolRow(statistics: SymbolStatistics, now: number): string {
  const { symbol, currentPrice, movingAverage, minPrice, maxPrice } = statistics;
  const cells = [
    symbol,
    price(currentPrice),
    price(movingAverage),
    price(minPrice),
    price(maxPrice),
    statistics.updateCount.toLocaleString('en-US'),
    age(now - statistics.lastUpdateTime),
  ];
  return `${row(cells).padEnd(WIDTHS.slice(0, -1).reduce((sum, width) => sum + width + 2, 0))}`;
}

function move(
  { direction, changePercent, timestamp }: Anomaly,
  now: number,
  paint: (code: string, text: string) => string,
): string {
  const arrow = direction === 1 ? '▲' : '▼';
  const change = `${arrow} ${Math.abs(changePercent).toFixed(2)} %`;
  return `${paint(direction === 1 ? GREEN : RED, change)} ${age(now - timestamp)} ago`;
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

function price(value: number): string {
  return value.toLocaleString('en-US', {
    minimumSignificantDigits: 6,
    maximumSignificantDigits: 6,
  });
}

function age(ms: number): string {
  return ms < 1000 ? `${Math.max(0, Math.round(ms))} ms` : `${Math.round(ms / 1000)} s`;
}

const HOME_AND_CLEAR = '\x1b[H\x1b[2J';
const CLEAR_LINE_END = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const HOME = '\x1b[H';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

/** Where lines are shown: in place on a terminal; one below the other, and seldom, elsewhere. */
export class Screen {
  readonly isTerminal: boolean;
  /** How often to show, ms. */
  readonly everyMs: number;
  readonly #output: NodeJS.WriteStream;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
    this.isTerminal = output.isTTY === true;
    this.everyMs = this.isTerminal ? 250 : 5000;
    if (this.isTerminal) output.write(HIDE_CURSOR + HOME_AND_CLEAR);
  }

  show(lines: readonly string[]): void {
    if (!this.isTerminal) {
      this.#output.write(`${lines.join('\n')}\n\n`);
      return;
    }
    // Drawn over what is there, without clearing first: no flicker. What does not fit would scroll.
    const fitting = lines.slice(0, this.#output.rows - 1);
    this.#output.write(
      `${HOME}${fitting.map((line) => line + CLEAR_LINE_END).join('\n')}\n${CLEAR_BELOW}`,
    );
  }

  close(): void {
    if (this.isTerminal) this.#output.write(SHOW_CURSOR);
  }
}
