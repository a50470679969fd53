import { closeSync, openSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Server } from './server.ts';

/** Stops the server on SIGTERM and SIGINT. A second signal ends the process at once. */
export function stopOnSignals(server: Pick<Server, 'stop'>, log: Logger): void {
  let isStopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(1);
    isStopping = true;
    log.info({ signal }, 'stopping');
    void server.stop().then(() => {
      log.info({}, 'stopped');
      process.exit(0);
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
