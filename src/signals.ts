import { closeSync, openSync } from 'node:fs';
import type { Logger } from 'pino';
import { watchNpm } from './npm-parent.ts';
import type { Server } from './server.ts';

/** npm passes on an interrupt that the terminal has sent to its whole process group. */
const REPEATED_WITHIN_MS = 400;

/** A stop could not save everything; the log says what. */
const EXIT_UNSAVED = 3;

/**
 * Obeys signals. SIGTERM, SIGINT and the end of the terminal that the server was started in stop it
 * and end the process with 0, or with {@link EXIT_UNSAVED}; so does the end of the npm that started
 * it. A second signal, unless it is the same one sent twice, ends the process at once. Any other
 * SIGHUP reloads files.
 */
export function obeySignals(
  server: Pick<Server, 'idle' | 'stop' | 'reload'>,
  log: Logger,
  env: NodeJS.ProcessEnv,
): void {
  let stoppedAt: number | undefined;
  const stop = (cause: object) => {
    stoppedAt = performance.now();
    log.info(cause, 'stopping');
    void server.stop().then((unsaved) => {
      if (unsaved.length === 0) log.info({}, 'stopped');
      else log.error({ unsaved }, 'stopped; not everything could be saved');
      process.exit(unsaved.length === 0 ? 0 : EXIT_UNSAVED);
    });
  };
  const onSignal = (signal: NodeJS.Signals) => {
    if (stoppedAt === undefined) stop({ signal });
    else if (performance.now() - stoppedAt > REPEATED_WITHIN_MS) {
      void server.idle().then(() => process.exit(1));
    }
  };
  const hadTerminal = hasTerminal();
  // Windows sends it when a console is closed, and has no other use for it.
  const isTerminalGone = () => process.platform === 'win32' || (hadTerminal && !hasTerminal());
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('SIGHUP', (signal) => {
    if (!isTerminalGone()) server.reload();
    // A shell may repeat the kernel's: never the second signal.
    else if (stoppedAt === undefined) stop({ signal });
  });
  watchNpm(env, () => {
    if (stoppedAt === undefined) stop({ cause: 'npm, which started the server, is gone' });
  });
}

/** Whether the process has an open controlling terminal. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
