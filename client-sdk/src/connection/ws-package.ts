/** In a variable, so that bundlers do not look for it; those that follow variables are told so. */
const WS_PACKAGE = 'ws';

/**
 * Loads the `ws` package, which only Node before version 22 needs.
 *
 * @throws Error if it is not installed
 */
export function loadWs(): Promise<{ readonly WebSocket: unknown }> {
  return import(/* webpackIgnore: true */ /* @vite-ignore */ WS_PACKAGE);
}
