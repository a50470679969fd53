import { existsSync, statSync, writeFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { OptionValue } from '../config/command-options.ts';
import type { Config } from '../config/schema.ts';
import { diskSegments, JournalError } from '../journal/index.ts';
import { ProgressBar, type Terminal } from '../journal-tools/progress-bar.ts';
import { journalDirectory } from '../recovery/index.ts';
import { backtest } from './backtest.ts';
import { BacktestError } from './backtest-error.ts';
import type { BacktestResult } from './backtest-result.ts';
import { formatHtml } from './html-report.ts';
import { formatJson } from './json-report.ts';
import { readLabels } from './labels.ts';
import { formatText } from './text-report.ts';
import { readCsv, readJournal, type TickTaker } from './tick-sources.ts';

/** The command line of `backtest`. */
export interface BacktestCommand {
  readonly config: Config;
  readonly options: ReadonlyMap<string, OptionValue>;
}

/** What it has of the process. */
export interface BacktestProcess {
  readonly stdout: Writable;
  readonly stderr: Terminal;
}

/**
 * Runs the command. Faults are lines on standard error.
 *
 * @returns the exit status: 0; 1 if something is wrong; 2 for a wrong command line
 */
export async function runBacktestCommand(
  { config, options }: BacktestCommand,
  { stdout, stderr }: BacktestProcess,
): Promise<number> {
  const text = (name: string) => options.get(name) as string | undefined;
  const warn = (line: string) => stderr.write(`tickwire backtest: ${line}\n`);
  const ticks = text('ticks');
  const journal = text('journal');
  if ((ticks === undefined) === (journal === undefined)) {
    warn('expected either --ticks FILE or --journal DIR');
    return 2;
  }
  try {
    const labels = text('labels');
    const hasClock = options.get('clock') === true;
    const { processing } = config;
    const result = await backtest({
      source: (ticks ?? journal) as string,
      rules: text('rules') as string,
      against: text('against'),
      labels: labels === undefined ? undefined : readLabels(labels),
      settings: processing,
      symbols: processing.maxSymbols,
      read:
        ticks === undefined
          ? journalReader(journal as string, hasClock, stderr)
          : csvReader(ticks, hasClock, stderr, warn),
      warn,
    });
    const html = text('html');
    if (html !== undefined) writeFileSync(html, formatHtml(result));
    stdout.write(`${format(result, options)}\n`);
    return 0;
  } catch (error) {
    const isTold =
      error instanceof BacktestError ||
      error instanceof JournalError ||
      error instanceof RangeError ||
      (error instanceof Error && 'syscall' in error);
    if (!isTold) throw error;
    warn((error as Error).message);
    return 1;
  }
}

function format(result: BacktestResult, options: ReadonlyMap<string, OptionValue>): string {
  return options.get('json') === true ? formatJson(result) : formatText(result);
}

function csvReader(
  file: string,
  hasClock: boolean,
  stderr: Terminal,
  warn: (line: string) => unknown,
) {
  return async (taker: TickTaker): Promise<void> => {
    if (!existsSync(file)) throw new BacktestError(`${file}: no such file`);
    const bar = new ProgressBar(stderr, statSync(file).size);
    const { skipped, isUnordered } = await readCsv(file, taker, hasClock, (bytes) =>
      bar.update(bytes),
    );
    bar.finish();
    if (skipped > 0) warn(`${file}: ${skipped} rows are no ticks: passed over`);
    if (hasClock && isUnordered) {
      warn(`${file} is not in the order of time: the clock stood still`);
    }
  };
}

function journalReader(directory: string, hasClock: boolean, stderr: Terminal) {
  return (taker: TickTaker): void => {
    const inside = journalDirectory(directory);
    const files = diskSegments(existsSync(inside) ? inside : directory);
    const segments = files.list();
    const first = segments[0]?.start;
    if (first === undefined) throw new BacktestError(`there is no journal in ${directory}`);
    const bar = new ProgressBar(stderr, (segments.at(-1)?.start ?? first) - first);
    readJournal(files, taker, hasClock, (position) => bar.update(position - first));
    bar.finish();
  };
}
