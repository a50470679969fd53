const POLL_MS = 1000;
/**
 * Scripts of package.json that npm runs in its shell's place, so that npm is the parent; and
 * `npx tickwire`, where a shell is, which ends at a signal to npx and does not pass it on.
 */
const OWN_SCRIPT = /^(?:exec node dist\/(?:src|loadgen|feeds)\/|'?tickwire'?$)/;

/**
 * Calls `stop` when npm, which started this program or the one that did, is gone: npm passes on
 * SIGINT and SIGTERM, but a SIGHUP or SIGKILL ends it alone. Without npm it does nothing. Windows
 * does not tell.
 */
export function watchNpm(env: NodeJS.ProcessEnv, stop: () => void): void {
  if (!OWN_SCRIPT.test(env.npm_lifecycle_script ?? '')) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, POLL_MS);
  timer.unref();
}
