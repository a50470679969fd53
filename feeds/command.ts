import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { ConfigError } from '../src/config/faults.ts';
import { createLogger, flushLog } from '../src/log.ts';
import { watchNpm } from '../src/npm-parent.ts';
import { Screen } from '../src/terminal-screen.ts';
import type { DemoVenues } from './exchange/demo-venues.ts';
import { Feed, feedPublisher } from './feed.ts';
import { type FeedSettings, parseFeedConfig } from './feed-config.ts';
import { createFeedMetrics } from './feed-metrics.ts';
import type { FeedLog } from './feed-report.ts';
import { startMonitoring } from './monitoring-server.ts';
import { FeedRates, feedTable } from './terminal/feed-table.ts';
import { VENUES } from './venues/all-venues.ts';

/** npm passes on an interrupt that the terminal has sent to its whole process group. */
const REPEATED_WITHIN_MS = 400;
const PORT_MAX = 65_535;
const SERVER_URL = 'ws://127.0.0.1:9001';
/** Lines of the log shown below the table. */
const SHOWN_LINES_MAX = 10;

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** Not everything has reached the server; the log says how much. */
const EXIT_UNSENT = 3;

interface FeedOptions {
  /** Exactly one of these two. */
  readonly config?: string;
  readonly demo: boolean;
  readonly url: string;
  readonly metricsPort?: number;
  readonly metricsHost: string;
  readonly logFormat: 'auto' | 'json' | 'pretty';
  readonly table: boolean;
  readonly check: boolean;
}

/** What the command takes from its process. */
export interface FeedProcess {
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WritableStream;
}

/**
 * `tickwire feed`: runs feeds until a signal.
 *
 * @param argv the command line behind `feed`
 * @returns the exit code
 */
export async function runFeedCommand(
  argv: readonly string[],
  { env, stdout, stderr }: FeedProcess,
): Promise<number> {
  const complain: Complain = (message) => stderr.write(`tickwire feed: ${message}\n`);
  let venues: DemoVenues | undefined;
  try {
    const options = readOptions(argv, env, stdout, stderr);
    if (options.demo) venues = await startDemo();
    const settings =
      venues === undefined ? readConfig(options.config ?? '', env) : demoConfig(venues, env);
    if (options.check) {
      stdout.write(`${options.config}: ${settings.length} feeds, no fault\n`);
      return 0;
    }
    return await runFeeds(settings, options, { env, stdout, complain });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (!(error instanceof ConfigError)) throw error;
    complain(`\n  ${error.faults.join('\n  ')}`);
    return EXIT_USAGE;
  } finally {
    await venues?.stop();
  }
}

type Complain = (message: string) => void;

/** @returns the exit code */
async function runFeeds(
  settings: readonly FeedSettings[],
  options: FeedOptions,
  { env, stdout, complain }: Pick<FeedProcess, 'env' | 'stdout'> & { complain: Complain },
): Promise<number> {
  const output = openOutput(options, stdout);
  const token = env.TICKWIRE_TOKEN || undefined;
  let feeds: readonly Feed[];
  try {
    feeds = settings.map(
      (each) => new Feed(each, feedPublisher(each, options.url, token), output.log),
    );
  } catch (error) {
    output.close();
    complain((error as Error).message);
    return EXIT_USAGE;
  }
  const registry = createFeedMetrics(feeds);
  const { metricsPort: port, metricsHost: host } = options;
  let monitoring: Awaited<ReturnType<typeof startMonitoring>> | undefined;
  try {
    if (port !== undefined) {
      monitoring = await startMonitoring(feeds, registry, { host, port });
      output.log.info({ port: monitoring.port }, `metrics on port ${monitoring.port}`);
    }
  } catch (error) {
    await Promise.all(feeds.map((feed) => feed.stop()));
    output.close();
    complain(`cannot serve metrics: ${(error as Error).message}`);
    return EXIT_FAILED;
  }
  for (const feed of feeds) feed.start();
  output.show(feeds);
  await interrupted(env);
  output.log.info({}, 'stopping');
  const isSent = await Promise.all(feeds.map((feed) => feed.stop()));
  await monitoring?.stop();
  output.close();
  return isSent.every(Boolean) ? 0 : EXIT_UNSENT;
}

function readOptions(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  stdout: NodeJS.WritableStream,
  stderr: NodeJS.WritableStream,
): FeedOptions {
  const command = new Command('tickwire feed')
    .description('Publishes the trades of live venues to a server. docs/FEEDS.md says how.')
    .usage('--config FILE | --demo [flags]')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
    })
    .option('--config <file>', 'the JSON file of the feeds')
    .addOption(
      new Option('--demo', 'two made-up venues in this process instead; needs no internet')
        .default(false)
        .conflicts(['config', 'check']),
    )
    .addOption(
      new Option('--url <url>', 'the server; or TICKWIRE_URL')
        .default(env.TICKWIRE_URL || SERVER_URL)
        .argParser(serverUrl),
    )
    .option('--metrics-port <port>', 'serve /metrics, /readyz, /healthz here; 0: any', portNumber)
    .option('--metrics-host <host>', 'the address to serve them on', '127.0.0.1')
    .addOption(
      new Option('--log-format <format>', 'of the log')
        .choices(['auto', 'json', 'pretty'])
        .default('auto'),
    )
    .option('--no-table', 'on a terminal, too: the log instead of a live table')
    .option('--check', 'check the file, and end', false)
    .addHelpText(
      'after',
      '\nA token for the server is taken from TICKWIRE_TOKEN, keys of venues from the variables' +
        '\nthat the file names.',
    );
  command.parse(argv, { from: 'user' });
  const options = command.opts<FeedOptions>();
  if (options.config === undefined && !options.demo) {
    command.error('error: expected --config FILE, or --demo');
  }
  return options;
}

/** Feeds of real venues load no server of one. */
async function startDemo(): Promise<DemoVenues> {
  const { DemoVenues } = await import('./exchange/demo-venues.ts');
  return DemoVenues.start();
}

function demoConfig({ feeds }: DemoVenues, env: NodeJS.ProcessEnv): readonly FeedSettings[] {
  return parseFeedConfig(JSON.stringify({ feeds }), '--demo', VENUES, env);
}

function readConfig(file: string, env: NodeJS.ProcessEnv): readonly FeedSettings[] {
  let json: string;
  try {
    json = readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const cause = code === 'ENOENT' ? 'no such file' : code;
    throw new ConfigError([`--config: cannot read ${file}: ${cause}`]);
  }
  return parseFeedConfig(json, file, VENUES, env);
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= PORT_MAX) return port;
  throw new InvalidArgumentError(`Expected a port, 0 to ${PORT_MAX}.`);
}

function serverUrl(text: string): string {
  if (/^(ws|http)s?:\/\/./.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError('Expected the URL of a server, such as ws://127.0.0.1:9001.');
}

interface Output {
  readonly log: FeedLog;
  show(feeds: readonly Feed[]): void;
  close(): void;
}

/** A live table on a terminal, with the newest lines of the log below; else the log. */
function openOutput({ table, logFormat, url }: FeedOptions, stdout: NodeJS.WriteStream): Output {
  const isTerminal = stdout.isTTY === true;
  if (!table || !isTerminal || logFormat !== 'auto') {
    const log = createLogger('info', logFormat, isTerminal);
    return { log, show: () => {}, close: () => flushLog(log) };
  }
  const lines: string[] = [];
  const write = (mark: string) => (facts: object, text: string) => {
    const feed = 'feed' in facts ? `${String(facts.feed)}: ` : '';
    lines.push(`${new Date().toISOString().slice(11, 19)} ${mark}${feed}${text}`);
    if (lines.length > SHOWN_LINES_MAX) lines.shift();
  };
  const log = { info: write(''), warn: write('! '), error: write('!! ') };
  let timer: NodeJS.Timeout | undefined;
  let screen: Screen | undefined;
  return {
    log,
    show: (feeds) => {
      const shown = new Screen(stdout);
      screen = shown;
      const rates = new FeedRates();
      const draw = () => {
        const { width, height } = shown;
        shown.show(feedTable({ feeds, rates, server: url, messages: lines, width, height }));
      };
      draw();
      timer = setInterval(draw, shown.everyMs * 4);
    },
    close: () => {
      clearInterval(timer);
      screen?.close();
      stdout.write(`${lines.join('\n')}\n`);
    },
  };
}

/** Resolves at the first signal, and when npm is gone; a second one ends the process at once. */
function interrupted(env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve) => {
    let stoppedAt: number | undefined;
    const stop = () => {
      if (stoppedAt !== undefined) {
        if (performance.now() - stoppedAt > REPEATED_WITHIN_MS) process.exit(EXIT_FAILED);
        return;
      }
      stoppedAt = performance.now();
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
    watchNpm(env, () => {
      if (stoppedAt === undefined) stop();
    });
  });
}
