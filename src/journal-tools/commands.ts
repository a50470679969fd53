import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Writable } from 'node:stream';
import type { JournalCommandKind } from '../config/command-line.ts';
import type { OptionValue } from '../config/command-options.ts';
import type { Config } from '../config/schema.ts';
import { diskSegments, JournalError, type SegmentFiles } from '../journal/index.ts';
import { journalDirectory } from '../recovery/index.ts';
import { type ExportFormat, exportTicks } from './export-ticks.ts';
import { formatSummary, inspectJournal } from './inspect-journal.ts';
import { ProgressBar, type Terminal } from './progress-bar.ts';
import { replayTicks } from './replay-ticks.ts';
import type { TickSelection } from './tick-scan.ts';

/** A command that reads a journal. */
export interface JournalCommand {
  readonly kind: JournalCommandKind;
  readonly config: Config;
  readonly options: ReadonlyMap<string, OptionValue>;
}

/** What it has of the process. */
export interface CommandProcess {
  readonly stdout: Writable;
  readonly stderr: Terminal;
  /** Used where the command line has none. */
  readonly url?: string | undefined;
  readonly token?: string | undefined;
}

/**
 * Runs a command. Faults are lines on standard error.
 *
 * @returns the exit status: 0; 1 if something is wrong; 2 for a wrong command line
 */
export async function runJournalCommand(
  command: JournalCommand,
  given: CommandProcess,
): Promise<number> {
  const { kind, config, options } = command;
  const { stdout, stderr } = given;
  const fail = (message: string, status: number) => {
    stderr.write(`tickwire ${kind}: ${message}\n`);
    return status;
  };
  if (config.store.directory === '') return fail('store.directory is not set: no journal', 2);
  const directory = journalDirectory(resolve(config.store.directory));
  if (!existsSync(directory)) return fail(`there is no journal in ${directory}`, 1);
  try {
    const files = diskSegments(directory);
    const bar = new ProgressBar(stderr, bytesOf(files));
    if (kind === 'journal export') {
      const format = (options.get('format') ?? 'csv') as ExportFormat;
      await exportTicks(files, selectionOf(options), format, stdout, bar);
      return 0;
    }
    if (kind === 'replay') {
      const url = options.get('url') ?? given.url;
      const token = options.get('token') ?? given.token;
      if (url === undefined) return fail('--url: expected the URL of a server, got nothing', 2);
      const { published, rejected, dropped } = await replayTicks(
        files,
        selectionOf(options),
        {
          url: String(url),
          token: token === undefined ? undefined : String(token),
          speed: Number(options.get('speed') ?? 1),
          shiftsToNow: options.get('shift-to-now') === true,
        },
        bar,
      );
      stdout.write(`${published} ticks published, ${rejected} rejected, ${dropped} dropped\n`);
      return rejected + dropped === 0 ? 0 : 1;
    }
    const summary = await inspectJournal(files, kind === 'journal verify', bar);
    stdout.write(`${formatSummary(directory, summary)}\n`);
    return summary.damages.length === 0 ? 0 : 1;
  } catch (error) {
    if (kind === 'replay' && error instanceof Error) return fail(error.message, 1);
    if (error instanceof JournalError || isSystemError(error)) return fail(error.message, 1);
    throw error;
  }
}

function selectionOf(options: ReadonlyMap<string, OptionValue>): TickSelection {
  return {
    from: options.get('from') as number | undefined,
    to: options.get('to') as number | undefined,
    symbols: options.get('symbols') as readonly string[] | undefined,
    tenant: options.get('tenant') as string | undefined,
  };
}

function bytesOf(files: SegmentFiles): number {
  const segments = files.list();
  const last = segments.at(-1);
  if (last === undefined) return 0;
  const file = files.open(last.name, 'read');
  const { bytes } = file;
  file.close();
  return last.start + bytes - (segments[0]?.start ?? 0);
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
