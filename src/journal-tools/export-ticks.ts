import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { SegmentFiles } from '../journal/index.ts';
import type { ProgressBar } from './progress-bar.ts';
import { type SelectedTicks, TickScan, type TickSelection } from './tick-scan.ts';

export type ExportFormat = 'csv' | 'ndjson';

/** Characters gathered before a write. */
const CHUNK = 65_536;
const QUOTED = /[",\r\n]/;

/**
 * Writes ticks in the order of the journal: lines of CSV below `time,symbol,price`, or a JSON
 * object a line. Times are in ms since the epoch; numbers have as many digits as they need.
 *
 * @throws JournalError for damage, after what is before it was written
 */
export async function exportTicks(
  files: SegmentFiles,
  selection: TickSelection,
  format: ExportFormat,
  output: Writable,
  bar: ProgressBar,
): Promise<void> {
  const scan = new TickScan(files, selection);
  const first = files.list()[0]?.start ?? 0;
  const quote = cached(format === 'csv' ? csvField : JSON.stringify);
  let text = format === 'csv' ? 'time,symbol,price\n' : '';
  try {
    while (scan.next()) {
      text += format === 'csv' ? csvLines(scan.ticks, quote) : jsonLines(scan.ticks, quote);
      if (text.length < CHUNK) continue;
      bar.update(scan.position - first);
      if (!(await write(output, text))) return;
      text = '';
    }
  } finally {
    scan.close();
    bar.finish();
    if (text !== '') await write(output, text);
  }
}

function csvLines({ count, symbols, prices, times }: SelectedTicks, quote: Quote): string {
  let text = '';
  for (let i = 0; i < count; i++)
    text += `${times[i]},${quote(symbols[i] as string)},${prices[i]}\n`;
  return text;
}

function jsonLines({ count, symbols, prices, times }: SelectedTicks, quote: Quote): string {
  let text = '';
  for (let i = 0; i < count; i++) {
    text += `{"time":${times[i]},"symbol":${quote(symbols[i] as string)},"price":${prices[i]}}\n`;
  }
  return text;
}

type Quote = (symbol: string) => string;

function cached(quote: Quote): Quote {
  const known = new Map<string, string>();
  return (symbol) => {
    let quoted = known.get(symbol);
    if (quoted === undefined) {
      quoted = quote(symbol);
      known.set(symbol, quoted);
    }
    return quoted;
  };
}

function csvField(symbol: string): string {
  return QUOTED.test(symbol) ? `"${symbol.replaceAll('"', '""')}"` : symbol;
}

/**
 * Returns false once nobody reads any more, as behind `| head`.
 *
 * @throws Error if the output cannot be written
 */
async function write(output: Writable, text: string): Promise<boolean> {
  if (output.destroyed || output.errored !== null) return false;
  if (output.write(text)) return true;
  const waits = new AbortController();
  const { signal } = waits;
  try {
    await Promise.race([once(output, 'drain', { signal }), once(output, 'close', { signal })]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
    return false;
  } finally {
    // Takes off the listeners of the one that lost.
    waits.abort();
  }
  return !output.destroyed;
}
