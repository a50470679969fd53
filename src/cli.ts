import { type Command, readCommandLine } from './config/command-line.ts';
import type { Config } from './config/schema.ts';
import type { Finding } from './doctor/finding.ts';
import { createLogger, flushLog } from './log.ts';

/** Another server has taken the store over while this one stood still. */
const EXIT_STORE_LOST = 5;

// Each command loads its own: `tickwire feed` runs for months and needs nothing of a server.

// A reader that has gone, as with "| head", is no reason for a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  console.error(`tickwire: standard output cannot be written: ${error.message}`);
  process.exitCode = 1;
});
process.stderr.on('error', () => {});

const command = readCommandLine(process.argv.slice(2), process.env, process.cwd());
if (command.kind === 'print') {
  console.log(command.text);
} else if (command.kind === 'fail') {
  console.error(command.message);
  process.exitCode = 2;
} else if ('request' in command) {
  await issue(command);
} else if (command.kind === 'run') {
  await serve(command);
} else if (command.kind === 'doctor') {
  await doctor(command);
} else if (command.kind === 'cluster import') {
  await importCluster(command);
} else if (command.kind === 'cluster mapping') {
  const { feedMapping } = await import('./cluster/feed-mapping.ts');
  const { name, shards } = command.config.cluster;
  console.log(feedMapping(name, shards));
} else if (command.kind === 'sinks test') {
  const { testSinks } = await import('./sinks/test-command.ts');
  const file = String(command.options.get('rules'));
  process.exitCode = await testSinks(file, process.env, process);
} else if (command.kind === 'feed') {
  const { runFeedCommand } = await import('../feeds/command.ts');
  process.exit(await runFeedCommand(command.argv, process));
} else if (command.kind === 'rules check') {
  const { checkRules } = await import('./rules-tools/check-command.ts');
  process.exitCode = await checkRules(command, process);
} else if (command.kind === 'rules test') {
  const { testRules } = await import('./rules-tools/test-command.ts');
  process.exitCode = await testRules(command, process);
} else if (command.kind === 'backtest') {
  const { runBacktestCommand } = await import('./backtest/command.ts');
  process.exitCode = await runBacktestCommand(command, process);
} else {
  const { runJournalCommand } = await import('./journal-tools/commands.ts');
  process.exitCode = await runJournalCommand(command, {
    stdout: process.stdout,
    stderr: process.stderr,
    url: process.env.TICKWIRE_URL,
    token: process.env.TICKWIRE_TOKEN,
  });
}

async function issue({
  kind,
  config,
  request,
}: Extract<Command, { request: unknown }>): Promise<void> {
  const { IssueError, issueApiKey, issueToken } = await import('./access/index.ts');
  try {
    if (kind === 'token') {
      console.log(await issueToken(config.auth, request));
      return;
    }
    const { key, entry } = issueApiKey(request);
    // Not on the stream of the key, so that a script can capture either.
    console.error(`The entry for "keys" of the file auth.apiKeysFile:\n${entry}`);
    console.log(key);
  } catch (error) {
    if (!(error instanceof IssueError)) throw error;
    console.error(`tickwire ${kind}: ${error.message}`);
    process.exitCode = 2;
  }
}

interface Configured {
  readonly config: Config;
  readonly warnings: readonly string[];
}

async function doctor({ config, warnings }: Configured): Promise<void> {
  const { examine, formatFindings } = await import('./doctor/doctor.ts');
  const findings: Finding[] = warnings.map((found) => ({
    verdict: 'warning',
    subject: 'settings',
    found,
  }));
  findings.push(...(await examine(config)));
  console.log(formatFindings(findings));
  process.exitCode = findings.some(({ verdict }) => verdict === 'fault') ? 1 : 0;
}

async function importCluster({ config, warnings }: Configured): Promise<void> {
  const { importIntoCluster } = await import('./cluster-import.ts');
  const log = createLogger('warn', config.log.format, false);
  for (const warning of warnings) log.warn({}, warning);
  try {
    console.log(`imported ${await importIntoCluster(config, log)}`);
  } catch (error) {
    console.error(`tickwire cluster import: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}

async function serve({ config, warnings }: Configured): Promise<void> {
  const { authorityOf } = await import('./gateway/index.ts');
  const { startServer } = await import('./server.ts');
  const { obeySignals } = await import('./signals.ts');
  const log = createLogger(config.log.level, config.log.format, process.stdout.isTTY === true);
  process.once('exit', () => flushLog(log));
  process.once('uncaughtException', (error) => {
    log.fatal({ err: error }, 'an unexpected error ends the server');
    process.exit(1);
  });
  for (const warning of warnings) log.warn({}, warning);
  try {
    const server = await startServer(config, log, undefined, process.env);
    const { transport, port, partitions } = server;
    const scheme = config.tls.certificateFile === '' ? 'http' : 'https';
    const url = `${scheme}://${authorityOf(config.server.host, port)}`;
    obeySignals(server, log, process.env);
    log.info({ url, transport, partitions }, `listening on ${url}`);
    void server.lost.then((error) => {
      log.fatal(`${error.message} This server ends without writing anything more.`);
      process.exit(EXIT_STORE_LOST);
    });
  } catch (error) {
    log.fatal(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
