import { closeSync, openSync } from 'node:fs';

/**
 * Has files read again at a SIGHUP. A terminal that is closed sends one too, to all that was started in it: that ends the process
 * as it would without this, since there is nothing left to write a log to.
 */
export function reloadAtHangUp(server: { reload(): void }): void {
  const hadTerminal = hasTerminal();
  const hungUp = () => {
    if (!hadTerminal || hasTerminal()) {
      server.reload();
      return;
    }
    process.off('SIGHUP', hungUp);
    process.kill(process.pid, 'SIGHUP');
  };
  process.on('SIGHUP', hungUp);
}

/** Whether the process belongs to a terminal that is open. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
