import { closeSync, openSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Server } from './server.ts';

/** npm passes on an interrupt that the terminal has sent to its whole process group. */
const REPEATED_WITHIN_MS = 400;

/** A stop could not save everything; the log says what. */
const EXIT_UNSAVED = 3;

/**
 * Stops the server on SIGTERM and SIGINT, and ends the process with 0, or with
 * {@link EXIT_UNSAVED}. A second signal, unless it is the same one sent twice,
 * ends the process at once.
 */
export function stopOnSignals(server: Pick<Server, 'idle' | 'stop'>, log: Logger): void {
  let stoppedAt: number | undefined;
  const stop = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (stoppedAt !== undefined) {
      if (now - stoppedAt > REPEATED_WITHIN_MS) void server.idle().then(() => process.exit(1));
      return;
    }
    stoppedAt = now;
    log.info({ signal }, 'stopping');
    void server.stop().then((unsaved) => {
      if (unsaved.length === 0) log.info({}, 'stopped');
      else log.error({ unsaved }, 'stopped; not everything could be saved');
      process.exit(unsaved.length === 0 ? 0 : EXIT_UNSAVED);
    });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/**
 * Reloads files on SIGHUP. A closing terminal also sends it, to all processes started in it: it
 * then ends the process as by default, since its log has nowhere left to go.
 */
export function reloadOnSignal(server: Pick<Server, 'reload'>): void {
  const hadTerminal = hasTerminal();
  const onHangUp = () => {
    if (!hadTerminal || hasTerminal()) {
      server.reload();
      return;
    }
    process.off('SIGHUP', onHangUp);
    process.kill(process.pid, 'SIGHUP');
  };
  process.on('SIGHUP', onHangUp);
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
